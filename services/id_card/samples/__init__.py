"""Five drawn scenes that ship with the repository; see the README beside them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from services.id_card.images import decode

NAMES = ("one_card", "two_cards", "close_up", "on_coins", "no_card")
"""The names of the samples."""


def sample_path(name: str) -> Path:
    """Return the path of a sample's JPEG file.

    Raises
    ------
    ValueError
        If there is no sample of that name.
    """
    if name not in NAMES:
        raise ValueError(f"no sample {name!r}; there are {', '.join(NAMES)}")
    return Path(__file__).parent / f"{name}.jpg"


def load_sample(name: str) -> Image.Image:
    """Return a sample as a PIL image, mode RGB, at most 640 pixels a side."""
    return decode(sample_path(name).read_bytes())
