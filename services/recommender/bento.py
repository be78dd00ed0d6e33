"""Build the recommender's Bentos: one that follows the registry, and one that holds its model.

::

    python -m services.recommender.bento model                  # the version that is prod, into
    python -m services.recommender.bento model --file m.npz --version 3     # the store; or a file
    python -m services.recommender.bento build --model recommender:3        # a Bento that pins it
    python -m services.recommender.bento build                  # a Bento that follows prod
    python -m services.recommender.bento requirements           # after make lock

Everything goes to the stores in ``BENTOML_HOME``. Chapter section 10.5.1, Listing 10.2.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import bentoml

from services.environment import ROOT
from services.recommender.cache import VersionCache
from services.recommender.model_store import find, store, store_registered
from services.recommender.pull import PullError, Registry
from services.recommender.settings import Settings
from services.workbench import bentos

FOLDER = Path(__file__).parent

NAME = "recommender"
"""The Bentos' name, which is the service's."""

BENTOFILES = {"pinned": FOLDER / "bentofile_pinned.yaml", "live": FOLDER / "bentofile.yaml"}
"""The build files, by where the model comes from: out of the Bento, or from the registry."""

REQUIREMENTS = {
    "pinned": FOLDER / "requirements_pinned.txt",
    "live": FOLDER / "requirements.txt",
}
"""What the Bentos install: the committed results of :func:`requirements`."""

IMPORTED = (
    "bentoml",
    "filelock",
    "numpy",
    "prometheus-client",
    "pydantic",
    "starlette",
    "typing-extensions",
)
"""What the served modules import. No torch: scoring is NumPy."""


def requirements(kind: str) -> str:
    """Return the content of a requirements file; *kind* is a key of :data:`REQUIREMENTS`."""
    # The part of MLflow that asks a server. The whole would bring a server and pandas, too.
    imported = (*IMPORTED, "mlflow-skinny") if kind == "live" else IMPORTED
    return bentos.requirements(imported, "python -m services.recommender.bento requirements")


def build(model: str | None = None, *, version: str | None = None) -> bentoml.Bento:
    """Build a Bento.

    Parameters
    ----------
    model : str, optional
        The tag of a stored model, which the Bento pins. Without one it follows the registry.
    version : str, optional
        Of the Bento; BentoML makes one up if not given.

    Raises
    ------
    ValueError
        If the version exists already, or the build fails.
    """
    bentos.refuse_to_overwrite(NAME, version)
    if model is not None and find(model) is None:
        raise ValueError(
            f"there is no model {model} in the store; put it there with: "
            "python -m services.recommender.bento model"
        )
    command = [sys.executable, "-W", "ignore", "-m", "bentoml", "build", "--output", "tag"]
    command += ["-f", str(BENTOFILES["pinned" if model else "live"])]
    command += ["--version", version] if version else []
    command += ["--arg", f"model_tag={model}"] if model else []
    # A process of its own: an argument is read when the service's module is imported, and a module
    # is imported once. A second build would pin the model of the first.
    # Jupyter's kernels ask for colours, and BentoML would paint the tag.
    plain = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "CLICOLOR_FORCE")}
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**plain, "NO_COLOR": "1"}
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise ValueError(f"the Bento was not built: {''.join(last)}")
    return bentoml.get(done.stdout.strip().splitlines()[-1].removeprefix("__tag__:"))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m services.recommender.bento", description="Build the recommender's Bentos."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    model = commands.add_parser("model", help="put a version into the model store")
    model.add_argument("--file", type=Path, help="what Recommender.save wrote (the registry's)")
    model.add_argument("--version", help="of the model, needed with --file")
    model.add_argument("--alias", default="prod", help="the registry's alias (prod)")
    making = commands.add_parser("build", help="build a Bento")
    making.add_argument("--model", help="the tag to pin; without it the Bento follows prod")
    making.add_argument("--version", help="of the Bento")
    commands.add_parser("requirements", help="take what serving needs from the lock")
    given = parser.parse_args(arguments)
    if given.command == "requirements":
        for kind, path in REQUIREMENTS.items():
            path.write_text(requirements(kind), encoding="utf-8")
            print(path.relative_to(ROOT))
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
            cache = VersionCache(settings.cache, given.alias)
            print(store_registered(Registry(settings.model, given.alias), cache).tag)
    except (ValueError, FileNotFoundError, PullError) as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
