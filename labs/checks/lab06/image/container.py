"""Build the learner's image and run it, where this machine has an engine and a base image.

Nothing is downloaded. The image gets its packages from wheels that are made here: BentoML's place
takes :mod:`~labs.checks.lab06.image.stub_server`, the others are empty. The base is a local image,
whatever FROM names.
"""

from __future__ import annotations

import os
import random
import re
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from labs.checks.lab06.image.dockerfile import Stage, json_list
from labs.checks.lab06.image.fault import PORT
from labs.checks.lab06.image.startup import probe_of
from labs.checks.lab06.project import FILES, lock_of, versions
from labs.checks.lab06.store import temporary_folder
from services.packaging import container_engine, images
from services.workbench.servers import containers

_SETTINGS = (
    "[global]\nno-index = true\nfind-links = /opt/wheels\ndisable-pip-version-check = true\n"
)
_BASE = """\
FROM {base}
COPY wheels /opt/wheels
COPY pip.conf /etc/pip.conf
RUN python3 -m venv /opt/python
ENV PATH=/opt/python/bin:$PATH
"""
_NETWORK = re.compile(r"\b(?:apt|apt-get|apk|curl|wget|git|pip3?|uv|--mount)\b")
"""A step with one of these may have failed because nothing can be downloaded here."""

_GRACE = 10


class ImageError(Exception):
    """The image cannot be built, or does not work; the message says how it showed."""


class NotTriedError(Exception):
    """The image cannot be built or run on this machine; the message says why."""


def build_and_run(text: str, stages: list[Stage]) -> None:
    """Build the image, wait until it answers, run its probe, and stop it.

    Raises
    ------
    ImageError
        If one of these fails by the learner's text.
    NotTriedError
        If this machine lacks what is needed.
    """
    try:
        engine = container_engine.find_engine()
    except container_engine.NotRunError as error:
        raise NotTriedError(f"no container engine here: {error}") from error
    names = [stages[-1].base, "python:3.11-slim", images.BASE]
    base = next((name for name in names if container_engine.has_image(engine, name)), "")
    if not base:
        raise NotTriedError(f"{engine} has no base image with Python 3.11, and none is downloaded")
    image = f"localhost/serving-labs-lab06:{os.getpid()}"
    prepared = f"{image}-base"
    try:
        with temporary_folder() as folder:
            _prepare(engine, base, prepared, folder)
            _build(engine, _on_base(text, stages, prepared), image, folder / "project")
        _run(engine, image, stages[-1])
    finally:
        for name in (image, prepared):
            with suppress(container_engine.ContainerError):
                container_engine.command(engine, "rmi", "--force", name)


def _prepare(engine: str, base: str, name: str, folder: Path) -> None:
    """Write the project, and make a base image that has its packages as wheels."""
    pins = versions(random.Random(6))
    (folder / "wheels").mkdir()
    for package, version in pins.items():
        _write_wheel(folder / "wheels", package.replace("-", "_"), version)
    (folder / "pip.conf").write_text(_SETTINGS)
    (folder / "Dockerfile").write_text(_BASE.format(base=base))
    for path, about in FILES.items():
        file = folder / "project" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(lock_of(pins) if path == "requirements.txt" else f"# {about}\n")
    try:
        _command(engine, "build", "--tag", name, str(folder))
    except container_engine.ContainerError as error:
        raise NotTriedError(f"{engine} cannot build here: {_last_line(error)}") from error


def _write_wheel(folder: Path, name: str, version: str) -> None:
    about = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": "",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if name == "bentoml":
        server = Path(__file__).with_name("stub_server.py").read_text(encoding="utf-8")
        files["bentoml/__main__.py"] = server
        entry = "[console_scripts]\nbentoml = bentoml.__main__:main\n"
        files[f"{about}/entry_points.txt"] = entry
    files[f"{about}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{about}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)


def _on_base(text: str, stages: list[Stage], base: str) -> str:
    """Return the Dockerfile with *base* in place of the images that its FROMs name."""
    lines = text.splitlines()
    for stage in stages:
        if stage.is_from_image and stage.base != "scratch":
            line = lines[stage.line - 1]
            lines[stage.line - 1] = re.sub(
                r"(?i)(from\s+)(?:--\S+\s+)*\S+", rf"\g<1>{base}", line, count=1
            )
    return "\n".join(lines) + "\n"


def _build(engine: str, text: str, image: str, project: Path) -> None:
    dockerfile = project.with_name("Dockerfile.learner")
    dockerfile.write_text(text)
    # A build that fails would leave the layers of the steps before it on this machine.
    layers = () if engine == "docker" else ("--layers=false",)
    options = ("--network=none", *layers, "--file", str(dockerfile), "--tag", image)
    try:
        _command(engine, "build", *options, str(project))
    except container_engine.ContainerError as error:
        step = re.search(r'building at STEP "(RUN .*?)":|process "(.*?)" did not', str(error))
        command = (step[1] or step[2]) if step else ""
        if not command or _NETWORK.search(command):
            raise NotTriedError(
                f"the build needs more than there is here: {_last_line(error)}"
            ) from error
        raise ImageError(f"The build fails at {command[:120]!r}.") from error


def _run(engine: str, image: str, stage: Stage) -> None:
    try:
        container_engine.command(
            engine,
            "run",
            "--rm",
            *containers.LIMITS.get(engine, ()),
            "--entrypoint=python3",
            image,
            "--version",
        )
    except container_engine.ContainerError as error:
        raise NotTriedError(f"{engine} cannot run containers here: {_last_line(error)}") from error
    environment: Mapping[str, str | None] = {"BENTOML_HOME": None}
    try:
        with containers.run(
            image, engine=engine, env=environment, hardened=False, served=PORT, timeout=30
        ) as container:
            _probe(container, stage)
            status = container.stop(grace=_GRACE)
    except container_engine.ContainerError as error:
        raise ImageError(f"The container does not work: {_last_line(error)}") from error
    if status == 137:
        raise ImageError(f"The container did not end within {_GRACE} s of SIGTERM.")


def _probe(container: containers.Container, stage: Stage) -> None:
    probe = probe_of(stage.last["HEALTHCHECK"].rest)
    words = json_list(probe) or ["/bin/sh", "-c", probe]
    try:
        container.execute(*words)
    except container_engine.ContainerError as error:
        raise ImageError(
            f"HEALTHCHECK fails in a healthy container: {_last_line(error)}"
        ) from error


def _command(*arguments: str) -> None:
    container_engine.command(*arguments, timeout=120.0)


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:160] if lines else type(error).__name__
