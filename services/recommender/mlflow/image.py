"""A container image with a registered recommender behind MLflow's scoring server.

``mlflow models build-docker`` also builds one: several gigabytes by default, with nginx, and run as
root. A team would rather run the image of ``infra/mlflow/Dockerfile``: some fifty packages, no root
user, and no file written::

    python -m services.recommender.mlflow.image models:/recommender_production@prod
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import mlflow

from services import command_line
from services.environment import ROOT
from services.packaging import container_engine, images
from services.packaging.requirements import resolve_pins

DOCKERFILE = ROOT / "infra" / "mlflow" / "Dockerfile"
DOOR = Path(__file__).with_name("scoring_app.py")

BASE = "python:3.11-slim-bookworm"
"""The base image if a container registry can be reached; the Dockerfile's default."""

IMAGE = "recommender_mlflow:0.2.0"

SERVED_PORT = 8080
"""The port inside the container."""

IMPORTED = ("mlflow-skinny", "numpy", "pandas", "pyyaml", "typing-extensions")
"""What serving imports. The slim edition of MLflow includes its scoring server only."""

LEFT_OUT = "pyarrow=="
"""Half of the size, needed only for request bodies in Parquet."""


def requirements() -> list[str]:
    """Return what the image installs, at the lock's versions."""
    return [line for line in resolve_pins(IMPORTED) if not line.startswith(LEFT_OUT)]


def context(model: Path, folder: Path) -> Path:
    """Collect everything that the Dockerfile copies in *folder*, and return the folder.

    Parameters
    ----------
    model : Path
        A version's folder, as :func:`mlflow.artifacts.download_artifacts` returns it.
    folder : Path
        An empty folder, or one to be made.
    """
    shutil.copytree(model, folder / "model")
    shutil.copy(DOOR, folder)
    shutil.copy(DOCKERFILE, folder)
    (folder / "requirements.txt").write_text("\n".join(requirements()) + "\n", encoding="utf-8")
    return folder


def build(model: Path, image: str = IMAGE, *, builder: str | None = None) -> str:
    """Build the image from a version's folder, and return its base image.

    Raises
    ------
    services.packaging.container_engine.NotRunError
        If something for it is missing on this machine.
    services.packaging.container_engine.ContainerError
        If it fails.
    """
    with tempfile.TemporaryDirectory() as scratch:
        return images.build(context(model, Path(scratch)), image, BASE, builder=builder)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = command_line.parser("services.recommender.mlflow.image", __doc__)
    parser.add_argument("model", help="models:/NAME@ALIAS, or a model's folder")
    parser.add_argument("--image", default=IMAGE, help=f"tag of the image to build ({IMAGE})")
    given = parser.parse_args(arguments)
    model = Path(mlflow.artifacts.download_artifacts(given.model))
    try:
        base = build(model, given.image)
    except container_engine.NotRunError as missing:
        print(missing)
        return 1
    size = container_engine.size(images.find_builder(), given.image)
    print(f"{given.image}: {size / 1e6:.0f} MB, from {base}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
