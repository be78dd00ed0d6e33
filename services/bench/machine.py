"""The machine that a comparison ran on, without its name or any path."""

from __future__ import annotations

import os
import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from services.environment import usable_cores

PACKAGES = (
    *("bentoml", "fastapi", "kserve", "litserve", "mlflow", "onnxruntime", "uvicorn"),
    *("starlette", "numpy", "pillow"),
)


def describe() -> dict[str, Any]:
    """Return what the figures depend on: processor, system, versions, the load client."""
    return {
        "cores": usable_cores(),
        "processor": _processor(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "client": "hey" if shutil.which("hey") else "python",
        "threads": os.environ.get("OMP_NUM_THREADS", ""),
    }


def load_average() -> float:
    """Return the load average of the last minute; more than the number of cores is too much."""
    return round(os.getloadavg()[0], 1)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
