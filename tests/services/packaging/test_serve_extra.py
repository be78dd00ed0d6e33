"""The extra ``serve`` installs no torch, and holds everything that the servers import."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata

from packaging.requirements import Requirement

from services.environment import ROOT
from services.packaging.requirements import resolve_pins

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ASKED = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["serve"]
TRAINING = {"torch", "torchvision", "ultralytics", "triton"}

SERVED = [
    "services.id_card.bento.observed_service",
    "services.id_card.bento.runner_service",
    "services.id_card.kserve.predictor",
    "services.id_card.mlflow.model",
    "services.id_card.baselines.fastapi_app",
    "services.id_card.baselines.litserve_app",
    "services.id_card.batch",
    "services.recommender.bento.observed_service",
    "services.recommender.kserve.predictor",
    "services.recommender.mlflow.scoring_app",
    "services.recommender.batch",
    "services.workbench.servers.tracking",
]

# An import of anything else fails as if it were not installed.
IMPORT = """
import importlib, importlib.abc, sys
blocked = set(sys.argv[1].split(","))
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
for served in sys.argv[2:]:
    importlib.import_module(served)
"""


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _installed() -> set[str]:
    names = [_canonical(Requirement(line).name) for line in ASKED]
    return {_canonical(line.split("==")[0]) for pin in resolve_pins(names) for line in pin.split()}


def test_it_brings_no_torch() -> None:
    assert _installed().isdisjoint(TRAINING)
    assert [name for name in _installed() if re.match(r"cuda-|nvidia-(?!ml-py)", name)] == []


def test_the_servers_import_nothing_else() -> None:
    present = _installed() | {"serving-labs", "pip", "setuptools"}
    blocked = {
        package
        for package, owners in metadata.packages_distributions().items()
        if not present & {_canonical(owner) for owner in owners}
    }
    assert {"torch", "ultralytics", "jupyterlab"} <= blocked
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, ",".join(blocked), *SERVED],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
