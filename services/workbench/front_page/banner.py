"""The README's first image: a scene, the detector's boxes, and the latency of each server."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from services.environment import ROOT
from services.id_card.detector import Detector
from services.id_card.model.drawing import draw
from services.id_card.samples import load_sample, sample_path
from services.workbench.front_page.theme import PICTURES, THEMES, Theme
from services.workbench.plots import STYLE

SAMPLE = "two_cards"
BENCH = ROOT / "services" / "bench" / "results" / "bench.json"
CLIENTS = "4"
MADE_FROM = "made-from"
"""The PNG's text field with the digest of the files it was made from."""


def digest() -> str:
    """Return the SHA-256 of the sample and of the bench's result."""
    data = b"".join(Path(path).read_bytes() for path in (sample_path(SAMPLE), BENCH))
    return hashlib.sha256(data).hexdigest()


def path_of(theme: Theme, *, narrow: bool = False) -> Path:
    """Return the path of a theme's banner: the wide one, or the one for phones."""
    return PICTURES / f"banner-{'narrow-' if narrow else ''}{theme.name}.png"


def write() -> None:
    """Write the banner of each theme; needs the detector, about five seconds."""
    scene = load_sample(SAMPLE)
    [detections] = Detector.from_environment().detect([scene])
    boxes = draw(scene, detections)
    for theme in THEMES:
        for narrow in (False, True):
            figure = _figure(scene, boxes, theme, narrow=narrow)
            _save(figure, path_of(theme, narrow=narrow), theme)


def _save(figure: Figure, path: Path, theme: Theme) -> None:
    """Save with 128 colours: two photographs in 100 kB."""
    buffer = io.BytesIO()
    figure.savefig(buffer, facecolor=theme.page, dpi=100)
    small = Image.open(buffer).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    text = PngInfo()
    text.add_text(MADE_FROM, digest())
    small.save(path, optimize=True, pnginfo=text)


def _figure(scene: Image.Image, boxes: Image.Image, theme: Theme, *, narrow: bool) -> Figure:
    style: dict[Any, Any] = {
        **STYLE,
        "text.color": theme.ink,
        "axes.titlecolor": theme.ink,
        "axes.titlesize": 14,
        "axes.facecolor": theme.page,
        "axes.edgecolor": theme.faint,
        "xtick.color": theme.faint,
        "ytick.color": theme.ink,
        "font.size": 12,
    }
    shown = [("1 · an upload", scene), ("2 · what the service answers", boxes)][narrow:]
    with mpl.rc_context(style):
        if narrow:
            figure = Figure(figsize=(5, 5.6), layout="constrained")
            panels = list(figure.subplots(2, 1, height_ratios=(1, 0.65)))
        else:
            figure = Figure(figsize=(11, 3.3), layout="constrained")
            panels = list(figure.subplots(1, 3, width_ratios=(1, 1, 0.7)))
        for axes, (title, image) in zip(panels, shown, strict=False):
            axes.imshow(image)
            axes.set_title(title.lstrip("12 ·") if narrow else title)
            axes.axis("off")
        _latencies(panels[-1], theme, "median ms" if narrow else "3 · median ms")
    return figure


def _latencies(axes: Axes, theme: Theme, title: str) -> None:
    """Draw the median latency of each server, and the range over the rounds."""
    peers = json.loads(BENCH.read_text(encoding="utf-8"))["peers"].values()
    served = (peer for peer in peers if "title" in peer)
    latencies = ((peer["real"][CLIENTS]["p50"], peer["title"]) for peer in served)
    rows = sorted(latencies, key=lambda row: float(row[0]["median"]))
    for place, (latency, _) in enumerate(reversed(rows)):
        axes.plot((latency["min"], latency["max"]), (place, place), color=theme.faint, linewidth=3)
        axes.plot(latency["median"], place, "o", color=theme.accent, markersize=8)
    axes.set_yticks(range(len(rows)), [title for _, title in reversed(rows)], fontsize=11)
    axes.tick_params(left=False)
    axes.set_xlim(0)
    axes.spines["left"].set_visible(False)
    axes.set_title(f"{title}, {CLIENTS} clients", loc="right")
