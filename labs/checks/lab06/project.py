"""The project that lab 06 packs: its files, what each one imports, and its lock."""

from __future__ import annotations

import random
from collections.abc import Collection

SERVICE = "CardDetector"

FILES = {
    ".env": "API_TOKEN=sk-cards-4711",
    "backup/cards.onnx": "the weights of last year",
    "backup/detector.py": "the detector of last year; imports torch",
    "boxes.py": "imports numpy",
    "data/one_card.png": "a training image",
    "detector.py": "imports onnxruntime, PIL and boxes; reads weights/cards.onnx",
    "requirements.txt": "the lock",
    "service.py": "the service CardDetector; imports bentoml, numpy and detector",
    "tests/test_service.py": "imports pytest and service",
    "train.py": "imports torch and boxes; reads data",
    "weights/cards.onnx": "the weights",
}
"""The files in the project's folder, each with what a reader needs to know about it."""

NEEDED = ("boxes.py", "detector.py", "service.py", "weights/cards.onnx")
"""The files that the server needs."""

IMPORTED = ("bentoml", "numpy", "onnxruntime", "pillow")
"""The packages that these files import."""

_SERIES = {
    "bentoml": "1.4",
    "flatbuffers": "25.12",
    "jupyterlab": "4.6",
    "numpy": "2.4",
    "numpydoc": "1.9",
    "onnxruntime": "1.31",
    "pillow": "12.2",
    "pillow-heif": "1.1",
    "pytest": "9.0",
    "torch": "2.15",
}
_VIA = {"flatbuffers": "onnxruntime"}


def versions(fresh: random.Random) -> dict[str, str]:
    """Return a version for each package of the project, development tools included."""
    return {name: f"{series}.{fresh.randint(0, 40)}" for name, series in _SERIES.items()}


def lock_of(pins: dict[str, str]) -> str:
    """Return the text of a lock, as ``uv pip compile`` writes it."""
    lines = ["# uv pip compile pyproject.toml"]
    for name, version in pins.items():
        lines += [f"{name}=={version}", f"    # via {_VIA.get(name, '-r pyproject.toml')}"]
    return "\n".join(lines) + "\n"


LOCK = lock_of(versions(random.Random(6)))
"""A lock to try things with; a check makes its own."""


def is_needed_by(name: str, roots: Collection[str]) -> bool:
    """Say whether a package is one of *roots* or is needed by one of them."""
    return name in roots or _VIA.get(name) in roots


def show_project() -> None:
    """Print the folder, and the lock."""
    width = max(map(len, FILES)) + 2
    print(*[f"{path:{width}}{about}" for path, about in FILES.items()], sep="\n")
    print("\nrequirements.txt:", LOCK, sep="\n")
