"""Photographs that installed packages ship, as backgrounds.

They come with scikit-learn and scikit-image as files; nothing is downloaded, and nothing
of them is copied into this repository. A contact sheet shows parts of them, though: china.jpg
(by danielbuechele) and flower.jpg (by vultilion) are under CC BY 2.0; the terms of each of
scikit-image's are in the docstrings of ``skimage.data``, most of them CC0.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from services.id_card.training.synth.drawing import Array, Rng, chance

_FOLDERS = {"sklearn": "datasets/images", "skimage": "data"}


@functools.cache
def _package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)  # finds the package without importing it
    if spec is None or spec.origin is None:
        name = {"sklearn": "scikit-learn", "skimage": "scikit-image"}[package]
        raise ModuleNotFoundError(
            f"The backgrounds need the photographs in {name}: pip install {name}", name=package
        )
    return Path(spec.origin).parent


def shipped_photographs(package: str) -> list[str]:
    """Name every picture of at least 64 pixels that "sklearn" or "skimage" ships."""
    folder = _package_folder(package) / _FOLDERS[package]
    names = []
    for file in sorted(folder.iterdir()):
        if file.suffix in (".png", ".jpg"):
            with Image.open(file) as picture:
                if min(picture.size) >= 64:
                    names.append(f"{package}/{file.name}")
    return names


@functools.cache
def load_photograph(name: str) -> Array:
    """Load a photograph by name, such as ``"sklearn/china.jpg"``: (h, w, 3) uint8, RGB.

    It is cached: treat it as read-only. Raises ModuleNotFoundError if the package is not installed,
    and FileNotFoundError if it no longer ships the file.
    """
    package, file = name.split("/")
    path = _package_folder(package) / _FOLDERS[package] / file
    if not path.is_file():
        raise FileNotFoundError(f"{package} is installed but ships no picture {file!r}")
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def photograph(rng: Rng, name: str, height: int, width: int, recolour: bool) -> Array:
    """Cut a random part out of a photograph and fit it to (height, width).

    With `recolour` the channels may be swapped, which turns a few photographs into many.
    Returns an (h, w, 3) float32 array in 0..255.
    """
    source = load_photograph(name)
    full_h, full_w = source.shape[:2]
    scale = min(full_h / height, full_w / width) * rng.uniform(0.35, 1.0)
    part_h, part_w = max(8, int(height * scale)), max(8, int(width * scale))
    top = int(rng.integers(0, full_h - part_h + 1))
    left = int(rng.integers(0, full_w - part_w + 1))
    part = source[top : top + part_h, left : left + part_w]
    way = cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC
    fitted = cv2.resize(part, (width, height), interpolation=way)
    if chance(rng, 0.5):
        fitted = fitted[:, ::-1]
    if recolour and chance(rng, 0.25):
        fitted = fitted[..., rng.permutation(3)]
    return np.ascontiguousarray(fitted, dtype=np.float32)
