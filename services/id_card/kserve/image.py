"""Build the container image of the KServe predictors, and take its requirements from the lock.

::

    python -m services.id_card.kserve.image                # the image serving_labs_kserve
    python -m services.id_card.kserve.image requirements   # after make lock

One image holds all of them, and the manifests in ``infra/kserve`` say which is started. It has the
exported detectors and no torch. The recommender's model is not in it: KServe mounts that.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from services import command_line
from services.environment import ROOT, build_dir
from services.id_card.model.checkpoint import SMALL_WEIGHTS, WEIGHTS
from services.packaging import container_engine, images
from services.packaging.requirements import resolve_pins

NAME = "serving_labs_kserve"
BASE = "python:3.11-slim"

FOLDER = ROOT / "infra" / "kserve"
DOCKERFILE = FOLDER / "Dockerfile"
REQUIREMENTS = FOLDER / "requirements.txt"

STARTED = (
    "services.id_card.kserve.predictor",
    "services.id_card.kserve.grayscale",
    "services.id_card.kserve.transformer",
    "services.recommender.kserve.predictor",
)
"""The modules that containers start with; the code in the image is what these import."""

IMPORTED = (
    *("kserve", "grpcio", "httpx", "orjson", "fastapi", "starlette", "uvicorn"),
    *("numpy", "onnxruntime", "opencv-python", "pillow"),
    *("prometheus-client", "pyyaml", "typing-extensions"),
)
"""What that code imports."""

WITHOUT = ("kserve-storage", "grpcio-tools")
"""Required by KServe, but not used: the storage initialiser downloads, no code is generated."""


def requirements() -> str:
    """Return the content of ``requirements.txt``: what serving needs, at the lock's versions."""
    lines = resolve_pins(
        IMPORTED, instead={"opencv-python": "opencv-python-headless"}, without=WITHOUT
    )
    head = "# Taken from the repository's lock by: python -m services.id_card.kserve.image"
    return "\n".join([f"{head} requirements", *lines]) + "\n"


def code() -> list[Path]:
    """Return this repository's files that the predictors import, relative to its root."""
    program = (
        "import importlib, json, sys\n"
        f"for name in {STARTED!r}: importlib.import_module(name)\n"
        "files = [getattr(m, '__file__', None) for n, m in sys.modules.items()"
        " if n.split('.')[0] == 'services']\n"
        "print(json.dumps([f for f in files if f]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    files = json.loads(done.stdout.splitlines()[-1])
    return sorted(Path(file).relative_to(ROOT) for file in files)


def image_name(files: list[Path]) -> str:
    """Return the image's name, which changes with all that goes into it."""
    code = (ROOT / file for file in files)
    return images.name_by_content(NAME, (*code, DOCKERFILE, REQUIREMENTS, WEIGHTS, SMALL_WEIGHTS))


def gather(folder: Path, files: list[Path]) -> Path:
    """Put together the folder that the image is built from, and return it."""
    from services.id_card.model.export import exported

    shutil.rmtree(folder, ignore_errors=True)
    (folder / "models").mkdir(parents=True)
    shutil.copy(DOCKERFILE, folder)
    shutil.copy(REQUIREMENTS, folder)
    for weights in (WEIGHTS, SMALL_WEIGHTS):
        shutil.copy(exported(weights, "onnx"), folder / "models" / f"{weights.stem}.onnx")
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, folder / file)
    return folder


def container() -> str:
    """Build the image of :func:`image_name`; see :func:`services.packaging.images.build_once`."""
    files = code()
    image = image_name(files)

    def make(builder: str) -> str:
        context = gather(build_dir() / "container" / "kserve", files)
        return images.build(context, image, base=BASE, builder=builder)

    return images.build_once(image, make)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = command_line.parser("services.id_card.kserve.image", __doc__)
    parser.add_argument("what", nargs="?", choices=["image", "requirements"], default="image",
                        help="build the image, or write its requirements.txt (image)")  # fmt: skip
    if parser.parse_args(arguments).what == "requirements":
        REQUIREMENTS.write_text(requirements(), encoding="utf-8")
        print(REQUIREMENTS.relative_to(ROOT))
        return 0
    try:
        print(container())
    except (container_engine.NotRunError, container_engine.ContainerError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
