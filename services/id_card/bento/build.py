"""Build the detector's Bentos: the model into the store, the requirements, the Bento itself.

::

    python -m services.id_card.bento.build model                   # weights into the model store
    python -m services.id_card.bento.build build --version 1.0.0   # and the Bento that pins them
    python -m services.id_card.bento.build container               # make container: an image of it
    python -m services.id_card.bento.build requirements            # after make lock

``bentoml build -f services/id_card/bento/bentofile.yaml`` does the second step as well, with the
newest model in the store. Everything goes to the stores in ``BENTOML_HOME``. Chapter section 10.5.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bentoml

from services import command_line
from services.environment import ROOT
from services.id_card.bento.model_store import ALIAS, save
from services.id_card.model.checkpoint import WEIGHTS
from services.packaging import bentos, container_engine, images

FOLDER = Path(__file__).parent

BENTOFILES = {
    "service": FOLDER / "bentofile.yaml",
    "runner": FOLDER / "bentofile_runner.yaml",
}
"""The build files, by the API that they serve with: today's, or the chapter's."""

REQUIREMENTS = FOLDER / "requirements.txt"
"""What the Bentos install: the committed result of :func:`requirements`."""

IMPORTED = (
    "anyio",
    "bentoml",
    "numpy",
    "onnxruntime",
    "opencv-python",
    "pillow",
    "prometheus-client",
    "starlette",
    "typing-extensions",
)
"""What the served modules import. No torch and no ultralytics: the export needs neither."""


def requirements() -> str:
    """Return the content of ``requirements.txt``: what serving needs, at the lock's versions."""
    # opencv-python needs a desktop's libraries, which slim images lack; opencv-python-headless is
    # the same OpenCV without windows.
    command = "python -m services.id_card.bento.build requirements"
    return bentos.requirements(
        IMPORTED, command, instead={"opencv-python": "opencv-python-headless"}
    )


def build(
    api: str = "service", *, version: str | None = None, weights: Path = WEIGHTS
) -> bentoml.Bento:
    """Build a Bento that pins the model made from *weights*.

    Parameters
    ----------
    api : {"service", "runner"}
        Which of :data:`BENTOFILES`.
    version : str, optional
        BentoML generates one if not given.
    weights : Path
        An ultralytics checkpoint; see :func:`services.id_card.bento.model_store.save`.

    Returns
    -------
    bentoml.Bento
        ``id_card_detector:<version>``, or ``yolo_v8:<version>`` of the runner's API.

    Raises
    ------
    ValueError
        If the version exists already: versions are never overwritten.
    """
    options = bentos.read(BENTOFILES[api])
    options["models"] = [{"tag": str(save(weights).tag), "alias": ALIAS}]
    name = {"service": "id_card_detector", "runner": "yolo_v8"}[api]
    return bentos.build(options, name=name, version=version)


def image_name() -> str:
    """Return the name of the container image that holds the current code and weights."""
    bentofile = BENTOFILES["service"]
    files = bentos.included(bentos.read(bentofile))
    return images.name_by_content("id_card_detector", (bentofile, REQUIREMENTS, *files, WEIGHTS))


def container() -> str:
    """Build the image of :func:`image_name`; see :func:`services.packaging.images.build_once`."""
    image = image_name()

    def make(builder: str) -> str:
        if not bentos.exists(image):
            build(version=image.partition(":")[2])
        return images.containerize(image, image, builder=builder)

    return images.build_once(image, make)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = command_line.parser("services.id_card.bento.build", __doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    model = commands.add_parser("model", help="put weights into the model store")
    making = commands.add_parser("build", help="build a Bento, its model included")
    commands.add_parser("container", help="build the container image, unless it is there")
    commands.add_parser("requirements", help="write requirements.txt from the lock file")
    for command in (model, making):
        command.add_argument(
            "--weights", type=Path, default=WEIGHTS, help="an ultralytics checkpoint"
        )
        command.add_argument("--version", help="version of the model, or of the Bento")
    making.add_argument("--api", choices=sorted(BENTOFILES), default="service",
                        help="the current service, or the one with Runners (service)")  # fmt: skip
    given = parser.parse_args(arguments)
    if given.command == "requirements":
        REQUIREMENTS.write_text(requirements(), encoding="utf-8")
        print(REQUIREMENTS.relative_to(ROOT))
        return 0
    try:
        if given.command == "container":
            print(container())
        elif given.command == "model":
            print(save(given.weights, given.version).tag)
        else:
            print(build(given.api, version=given.version, weights=given.weights).tag)
    except (ValueError, FileNotFoundError) as error:
        parser.error(str(error))
    except (container_engine.NotRunError, container_engine.ContainerError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
