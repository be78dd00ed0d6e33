"""Seeded, synthetic photographs of fictional identity cards, with their boxes.

``make_scene(split, index, seed)`` makes one image. From small to large:

- ``splits``: which families of designs, surfaces and things each split may show;
- ``drawing``, ``stickers``: canvas, colours and noise; a flat thing with an outline;
- ``cards/``: card holders, what is printed on cards, and designs;
- ``negatives/``: everything that is not an identity card;
- ``photo/``: surfaces, perspective, hands, lens and noise;
- ``stage``, ``composer``, ``scene``: the finished photograph.
"""

from services.id_card.training.synth.scene import DIFFICULTIES, Difficulty, Scene, make_scene
from services.id_card.training.synth.splits import FAMILIES, SPLITS, Split, families

__all__ = [
    "DIFFICULTIES", "FAMILIES", "SPLITS", "Difficulty", "Scene", "Split", "families", "make_scene",
]  # fmt: skip
