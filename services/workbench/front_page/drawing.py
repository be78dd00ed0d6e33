"""The README's diagram: one core, an adapter for each framework, and the server that runs it."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

from services.environment import ROOT
from services.workbench.front_page.banner import BENCH
from services.workbench.front_page.theme import PICTURES, THEMES, Theme

ADAPTERS = (
    ("bentoml", "bento/service.py", "bentoml serve"),
    ("runner", "bento/runner_service.py", "bentoml serve, a Runner"),
    ("mlflow", "mlflow/model.py", "mlflow models serve"),
    ("kserve", "kserve/predictor.py", "KServe's ModelServer"),
    ("litserve", "baselines/litserve_app.py", "LitServe"),
    ("fastapi", "baselines/fastapi_app.py", "uvicorn"),
)
"""For each server of the bench: its adapter below ``services/id_card/``, and what runs it."""

WIDTH, ROW, TOP = 880, 52, 64


def path_of(theme: Theme) -> Path:
    """Return the path of a theme's diagram."""
    return PICTURES / f"servers-{theme.name}.svg"


def write() -> None:
    """Write the diagram in each theme."""
    for theme in THEMES:
        path_of(theme).write_text(svg(theme), encoding="utf-8")


def svg(theme: Theme) -> str:
    """Return the diagram as SVG; FileNotFoundError if an adapter has moved."""
    peers = json.loads(BENCH.read_text(encoding="utf-8"))["peers"]
    height = TOP + ROW * len(ADAPTERS) + 8
    middle = TOP + ROW * len(ADAPTERS) / 2 - 8
    parts = [
        _box(12, middle - 62, 190, 124, theme.core, theme),
        _text(107, middle - 30, "detector.py", theme.ink, bold=True),
        _text(107, middle - 6, "load · predict · draw", theme.ink),
        _text(107, middle + 18, "plain types, and no", theme.faint),
        _text(107, middle + 38, "serving framework", theme.faint),
        _text(107, 32, "the core", theme.faint),
        _text(430, 32, "an adapter each: lines of code", theme.faint),
        _text(754, 32, "the server", theme.faint),
    ]
    for row, (peer, name, server) in enumerate(ADAPTERS):
        if not (ROOT / "services" / "id_card" / name).exists():
            raise FileNotFoundError(f"services/id_card/{name}")
        y = TOP + row * ROW
        lines = peers[peer]["lines"]["adapter"]
        parts += [
            _line((202, middle), (286, y + 18), theme.faint),
            _box(286, y, 288, 36, theme.accent, theme),
            _text(300, y + 23, name, theme.ink, anchor="start"),
            _text(560, y + 23, f"{lines}", theme.faint, anchor="end"),
            _line((574, y + 18), (640, y + 18), theme.faint),
            _box(640, y, 228, 36, theme.faint, theme),
            _text(754, y + 23, server, theme.ink),
        ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'font-family="system-ui, sans-serif" font-size="15">\n'
        "<title>One core, six thin adapters, six servers</title>\n"
        f'<rect width="{WIDTH}" height="{height}" fill="{theme.page}"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _box(x: float, y: float, width: float, height: float, colour: str, theme: Theme) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" '
        f'fill="{theme.panel}" stroke="{colour}" stroke-width="1.5"/>'
    )


def _text(
    x: float, y: float, text: str, colour: str, *, anchor: str = "middle", bold: bool = False
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{colour}"{weight}>'
        f"{escape(text)}</text>"
    )


def _line(start: tuple[float, float], end: tuple[float, float], colour: str) -> str:
    return (
        f'<line x1="{start[0]:g}" y1="{start[1]:g}" x2="{end[0]:g}" y2="{end[1]:g}" '
        f'stroke="{colour}"/>'
    )
