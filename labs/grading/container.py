"""Run a submission in podman or docker, without a network and with only its folder writable."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labs.grading.place import Place
from services.setup import preflight
from services.workbench.servers import containers

if TYPE_CHECKING:
    from labs.grading.attempt import Limits

_HOST = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc")


@dataclass(frozen=True)
class Engine:
    """A container engine.

    Attributes
    ----------
    program : str
        ``podman`` or ``docker``.
    image : str
        An image with the libraries that Python's binary needs; the environment itself is mounted.
    """

    program: str
    image: str

    @classmethod
    def find(cls, image: str) -> Engine:
        """Return the container engine of this machine.

        Raises
        ------
        ValueError
            If there is no engine, or it does not have the image. Nothing is downloaded.
        """
        for program in ("podman", "docker"):
            if shutil.which(program) and _answers(program, "info"):
                if not _answers(program, "image", "inspect", image):
                    raise ValueError(
                        f"{program} has no image {image!r}; labs/INSTRUCTORS.md says how"
                    )
                return cls(program, image)
        raise ValueError("neither podman nor docker answers; grade without --container")

    def command(
        self, command: list[str], place: Place, submission: Path, limits: Limits
    ) -> list[str]:
        """Return the command line that runs *command* in a new container."""
        read = [place.tree, submission.resolve(), Path(sys.prefix), *Place.shared()]
        if not sys.base_prefix.startswith(_HOST):
            read.append(Path(sys.base_prefix))
        mounts = [f"--volume={path}:{path}:ro" for path in read if path.exists()]
        mounts += [f"--volume={place.own}:{place.own}:rw"]
        if (venv := Path(sys.prefix)).is_symlink() or venv.resolve() != venv:
            mounts.append(f"--volume={venv.resolve()}:{venv.resolve()}:ro")
        variables = [f"--env={n}={v}" for n, v in place.environment("").items() if n in _passed()]
        return [
            self.program,
            "run",
            "--rm",
            f"--name={_name(place)}",
            "--network=none",
            "--read-only",
            "--tmpfs=/tmp",
            "--cap-drop=all",
            "--security-opt=no-new-privileges",
            f"--user={os.getuid()}:{os.getgid()}",
            f"--pids-limit={limits.processes * 4}",
            f"--memory={limits.memory}",
            *containers.LIMITS.get(self.program, ()),
            f"--workdir={place.own}",
            *mounts,
            *variables,
            self.image,
            *command,
        ]

    def remove(self, place: Place) -> None:
        """End the container, if it still runs."""
        _answers(self.program, "rm", "--force", _name(place))


def _passed() -> set[str]:
    """Return the variables that the worker needs: those that a place sets, and PATH."""
    here = {"PATH", "PYTHONPATH", "HOME", "TMPDIR", "SERVING_LABS_BUILD", "LAB_PROGRESS"}
    from services.environment import settings

    return here | set(settings())


def _name(place: Place) -> str:
    return place.own.parent.name


def _answers(*command: str) -> bool:
    return preflight.answers([*command], seconds=60)
