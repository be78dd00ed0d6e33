"""Five generated scenes that ship with the repository; :mod:`.draw` generates them again."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from services.id_card.model.images import decode

SAMPLES = {
    "one_card": "a residence permit among a boarding pass and a gift card, on a mat",
    "two_cards": "two identity cards between a magazine and a medicine box",
    "close_up": "a driving licence that fills most of the image",
    "small_card": "a small identity card on speckled stone",
    "no_card": "a club card in a hand, gift cards, and no identity card",
}
"""What each sample shows, by name."""


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
