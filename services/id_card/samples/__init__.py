"""Five drawn scenes that ship with the repository; see the README beside them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from services.id_card.images import decode

SAMPLES = {
    "one_card": "a driving licence under a finger, on wood",
    "two_cards": "two identity cards on wood",
    "close_up": "an identity card that fills most of the picture",
    "on_coins": "a small identity card among coins",
    "no_card": "a pen on wood, and no card",
}
"""What is to be seen in each sample, by name."""


def sample_path(name: str) -> Path:
    """Return the path of a sample's JPEG file.

    Raises
    ------
    ValueError
        If there is no sample of that name.
    """
    if name not in SAMPLES:
        raise ValueError(f"no sample {name!r}; there are {', '.join(SAMPLES)}")
    return Path(__file__).parent / f"{name}.jpg"


def load_sample(name: str) -> Image.Image:
    """Return a sample as a PIL image, mode RGB, at most 640 pixels a side."""
    return decode(sample_path(name).read_bytes())
