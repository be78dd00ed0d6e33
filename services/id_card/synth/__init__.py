"""Seeded, synthetic photographs of invented identity cards, with their boxes.

``make_scene(split, index, seed)`` makes one picture; ``contact_sheet()`` shows many. The
modules, from small to large:

- ``splits``: which families of designs, surfaces and things each split may show;
- ``drawing``, ``fonts``, ``words``: canvas, colours, noise, typefaces, invented names;
- ``people``, ``parts``, ``holder``: card holders and what is printed on cards;
- ``layouts``, ``layouts_held_out``, ``random_layout``, ``cards``: from a design to a card;
- ``negatives_cards``, ``negatives_paper``, ``negatives_desk``, ``negatives_cutouts``,
  ``negatives_held_out``: everything that is no identity card;
- ``textures``, ``photographs``, ``backgrounds``: what is behind;
- ``camera``, ``stage``, ``hands``, ``optics``: perspective, shadow, hands, lens and noise;
- ``composer``, ``scene``, ``sheet``: the finished photograph, and many of them on a contact sheet.
"""

from services.id_card.synth.scene import DIFFICULTIES, MAX_CARDS, Difficulty, Scene, make_scene
from services.id_card.synth.sheet import contact_sheet
from services.id_card.synth.splits import FAMILIES, SPLITS, Split, families

__all__ = [
    "DIFFICULTIES", "FAMILIES", "MAX_CARDS", "SPLITS", "Difficulty", "Scene", "Split",
    "contact_sheet", "families", "make_scene",
]  # fmt: skip
