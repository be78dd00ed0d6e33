"""Build the recommender's Bentos: one that follows the registry, and one that contains its model.

::

    python -m services.recommender.bento.build model        # store the version that is prod
    python -m services.recommender.bento.build model --file m.npz --version 3       # or a file
    python -m services.recommender.bento.build build --model recommender:3  # a Bento with it
    python -m services.recommender.bento.build build        # a Bento that follows prod
    python -m services.recommender.bento.build requirements # after make lock

Everything goes to the stores in ``BENTOML_HOME``. Chapter section 10.5.1, Listing 10.2.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bentoml

from services import command_line
from services.environment import ROOT
from services.packaging import bentos
from services.recommender.bento.model_store import find, store, store_registered
from services.recommender.hot_swap.cache import VersionCache
from services.recommender.hot_swap.pull import PullError, Registry
from services.recommender.settings import Settings

FOLDER = Path(__file__).parent

NAME = "recommender"
"""The Bentos' name, which is the service's."""

BENTOFILE = FOLDER / "bentofile.yaml"

REQUIREMENTS = FOLDER / "requirements.txt"
"""What the Bentos install: the committed result of :func:`requirements`."""

IMPORTED = (
    "bentoml",
    "filelock",
    "httpx",
    "numpy",
    "prometheus-client",
    "pydantic",
    "starlette",
    "typing-extensions",
)
"""The packages that the served modules import. No torch and no MLflow: scoring is NumPy, and the
registry is polled over HTTP."""


def requirements() -> str:
    """Return the content of the requirements file."""
    return bentos.requirements(IMPORTED, "python -m services.recommender.bento.build requirements")


def build(model: str | None = None, *, version: str | None = None) -> bentoml.Bento:
    """Build a Bento.

    Parameters
    ----------
    model : str, optional
        The tag of a stored model for the Bento to contain. Without one it follows the registry.
    version : str, optional
        BentoML generates one if not given.

    Raises
    ------
    ValueError
        If the version exists already, or the build fails.
    """
    if model is not None and find(model) is None:
        raise ValueError(
            f"there is no model {model} in the store; put it there with: "
            "python -m services.recommender.bento.build model"
        )
    arguments = {"model_tag": model} if model else {}
    return bentos.build(bentos.read(BENTOFILE), name=NAME, version=version, arguments=arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = command_line.parser("services.recommender.bento.build", __doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    model = commands.add_parser("model", help="put a version into the model store")
    model.add_argument(
        "--file", type=Path, help="a file that Recommender.save wrote (default: the registry's)"
    )
    model.add_argument("--version", help="the model's version, required with --file")
    model.add_argument("--alias", default="prod", help="the registry's alias (prod)")
    build_command = commands.add_parser("build", help="build a Bento")
    build_command.add_argument("--model", help="the tag to pin; without it the Bento follows prod")
    build_command.add_argument("--version", help="the Bento's version")
    commands.add_parser("requirements", help="write requirements.txt from the lock file")
    given = parser.parse_args(arguments)
    if given.command == "requirements":
        REQUIREMENTS.write_text(requirements(), encoding="utf-8")
        print(REQUIREMENTS.relative_to(ROOT))
        return 0
    try:
        if given.command == "build":
            print(build(given.model, version=given.version).tag)
        elif given.file:
            if not given.version:
                parser.error("a file's version must be given: --version 3")
            print(store(given.file, given.version).tag)
        else:
            settings = Settings.from_environment()
            cache = VersionCache(settings.cache, settings.model, given.alias)
            print(store_registered(Registry(settings.model, given.alias), cache).tag)
    except (ValueError, OSError, PullError) as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
