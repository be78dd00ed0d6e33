"""The folder of lab 12 that does not serve: its files, two of them with faults."""

from __future__ import annotations

import json

FAULTS = 5
VERSIONS = {"numpy": "2.4.6", "pytest": "9.2.0"}

PRICES = '''\
"""Estimate prices. This file is right."""

import json

import numpy as np


class Prices:
    def __init__(self, path):
        with open(path) as file:
            self.rates = json.load(file)

    def estimate(self, sizes):
        if not sizes:
            raise ValueError("no sizes")
        return (np.array(sizes) * self.rates["per_square_metre"] + self.rates["base"]).tolist()
'''

SERVICE = """\
import bentoml
from prices import Prices


@bentoml.service(name="prices")
class PriceService:
    def __init__(self):
        self.prices = Prices("model.json")

    @bentoml.api
    def predict(self, sizes: list[float]) -> list[float]:
        return self.prices.estimate(sizes)
"""

BENTOFILE = """\
service: service:PriceService
include:
  - /service.py
  - "*.json"
python:
  packages:
    - numpy
  lock_packages: false
"""

FILES = {
    "bentofile.yaml": BENTOFILE,
    "credentials.json": '{"database": "postgres://prices:4711@db"}\n',
    "model.json": '{"per_square_metre": 5000, "base": 10000}\n',
    "prices.py": PRICES,
    "requirements.txt": "".join(f"{name}=={pin}\n" for name, pin in VERSIONS.items()),
    "service.py": SERVICE,
    "tests/test_service.py": "…\n",
}
"""The project, a text for each file."""

NEEDED = ("model.json", "prices.py", "service.py")
"""The files that the Bento needs."""


def model_of(rates: dict[str, int]) -> str:
    """Return the text of ``model.json``."""
    return json.dumps(rates)


def show_project() -> None:
    """Print the files that the exercise is about, and the names of the others."""
    for name in ("prices.py", "service.py", "bentofile.yaml", "requirements.txt"):
        print(f"── {name}\n{FILES[name]}")
    print("── all files\n" + "\n".join(FILES))
