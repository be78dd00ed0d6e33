"""The two themes of the README's images, and where they are."""

from __future__ import annotations

from typing import NamedTuple

from services.environment import ROOT

PICTURES = ROOT / "docs" / "pictures"


class Theme(NamedTuple):
    """Colours of one theme: GitHub's backgrounds, and Okabe and Ito's colours on them."""

    name: str
    page: str
    panel: str
    ink: str
    faint: str
    accent: str
    core: str


THEMES = (
    Theme("light", "#ffffff", "#f6f8fa", "#1f2328", "#59636e", "#0072B2", "#D55E00"),
    Theme("dark", "#0d1117", "#161b22", "#e6edf3", "#9198a1", "#56B4E9", "#E69F00"),
)
