"""Typefaces for printed things: the ones that Matplotlib installs."""

from __future__ import annotations

import functools
from pathlib import Path

import matplotlib
from PIL import ImageFont

# Only faces with accented letters: names and titles come in many languages.
SANS = ("DejaVuSans", "DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "STIXGeneral")
BOLD = ("DejaVuSans-Bold", "DejaVuSerif-Bold", "STIXGeneralBol", "DejaVuSans-BoldOblique")
SERIF = ("DejaVuSerif", "STIXGeneral", "DejaVuSerif-Italic", "STIXGeneralItalic")
MONO = ("DejaVuSansMono", "DejaVuSansMono-Bold")
SCRIPT = ("DejaVuSerif-Italic", "STIXGeneralItalic")

_MINIMUM_PX = 4  # below this FreeType draws specks, which is what a lens would see as well


@functools.lru_cache(maxsize=1024)
def _load(name: str, pixels: int) -> ImageFont.FreeTypeFont:
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"
    # The basic engine needs no extra library, so text looks the same on every machine.
    return ImageFont.truetype(str(path), pixels, layout_engine=ImageFont.Layout.BASIC)


def font(name: str, pixels: float) -> ImageFont.FreeTypeFont:
    """Return a typeface by file stem (such as ``"DejaVuSans"``) at a height in pixels."""
    return _load(name, max(_MINIMUM_PX, round(pixels)))
