"""Make a container image from a Bento with docker, podman or buildah: ``bentoml containerize``.

If a registry can be reached, that command does everything. If not, a base image is made here from
Debian's packages and replaces the one that the Bento names (``infra/container/make-base.sh``, which
needs podman or buildah, and root). Such a build also needs this machine's certificates, package
index, uv and uv's cache. They are mounted for the build only; none of them is in the image.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

import bentoml

from services.environment import ROOT, build_dir
from services.packaging.container_engine import (
    ContainerError,
    NotRunError,
    command,
    has_image,
    size,
)
from services.setup import preflight

BASE = "localhost/serving-labs-base:bookworm"
"""The base image that is made where there is no registry."""

MAKE_BASE = ROOT / "infra" / "container" / "make-base.sh"

BUILDERS = ("docker", "podman", "buildah")
"""The programs that can build, in the order in which they are tried."""

_BUILD_SECONDS = 900.0


def find_builder() -> str:
    """Return the first of :data:`BUILDERS` that answers ``info``.

    Raises NotRunError if none does.
    """
    for name in BUILDERS:
        if preflight.answers([name, "info"]):
            return name
    raise NotRunError(
        f"{preflight.NOT_RUN}: {', '.join(BUILDERS)} are missing or do not answer; "
        f"{preflight.TOOLS['engine'].remedy}"
    )


def containerize(tag: str, image: str, *, builder: str | None = None) -> str:
    """Build *image* from a Bento in the store and return its base: the Bento's, or :data:`BASE`.

    *builder* is one of :data:`BUILDERS`; the first that answers if not given.

    Raises
    ------
    NotRunError
        If there is no builder, or a base image can neither be fetched nor made.
    ContainerError
        If a command fails; with the last lines that it printed.
    """
    builder = builder or find_builder()
    base, env = _available(builder, base_of(tag))
    arguments = [
        *(sys.executable, "-m", "bentoml", "containerize", tag),
        *("--image-tag", image, "--backend", builder),
        *(("--opt", f"from={BASE}") if base == BASE else ()),
    ]
    command(*arguments, timeout=_BUILD_SECONDS, env=env)
    return base


def build(context: Path, image: str, base: str, *, builder: str | None = None) -> str:
    """Build *image* from a folder with a Dockerfile that takes its base from ``ARG BASE``.

    Returns the base image: *base* where a registry has it, else :data:`BASE`. Otherwise as
    :func:`containerize`.
    """
    builder = builder or find_builder()
    base, env = _available(builder, base)
    arguments = [builder, "build", "--tag", image, "--build-arg", f"BASE={base}", str(context)]
    command(*arguments, timeout=_BUILD_SECONDS, env=env)
    return base


def name_by_content(name: str, files: Iterable[Path]) -> str:
    """Return the name of the image that holds *files* of this repository.

    Its tag is the project's version and a hash of the files, so an image of that name never has to
    be built twice.
    """
    digest = hashlib.sha256()
    for path in files:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{content}  {path.relative_to(ROOT)}\n".encode())
    return f"{name}:{metadata.version('serving-labs')}-{digest.hexdigest()[:12]}"


def build_once(image: str, make: Callable[[str], str]) -> str:
    """Build an image of :func:`name_by_content`, unless it exists, and return a line about it.

    It gets a second name, whose tag is the project's version alone: the one that manifests use.

    Parameters
    ----------
    image : str
        Its name.
    make : callable
        Builds it with one of :data:`BUILDERS` and returns its base image.

    Raises
    ------
    NotRunError
        If something that the build needs is missing on this machine.
    ContainerError
        If a command fails.
    """
    start = time.monotonic()
    builder = find_builder()
    how = "it existed already"
    if not has_image(builder, image):
        how = f"from {make(builder)}, in {time.monotonic() - start:.0f} s"
    command(builder, "tag", image, image.partition("-")[0])
    return f"{image}: {size(builder, image) / 1e6:.0f} MB ({builder}; {how})"


def _available(builder: str, base: str) -> tuple[str, dict[str, str]]:
    """Return the base image or, where it cannot be had, our own; and a build's variables."""
    if has_image(builder, base) or _pulled(builder, base):
        return base, {}
    make_base(builder)
    return BASE, {"CONTAINERS_CONF": str(write_build_config()), "BUILDAH_ISOLATION": "chroot"}


def base_of(tag: str) -> str:
    """Return the image that a Bento's Dockerfile starts from."""
    dockerfile = Path(bentoml.get(tag).path_of("env/docker/Dockerfile")).read_text("utf-8")
    found = re.search(r"^FROM (\S+)", dockerfile, re.M)
    if found is None:
        raise ValueError(f"the Dockerfile of {tag} has no FROM")
    return found[1]


def make_base(builder: str) -> None:
    """Make :data:`BASE` unless it is there; it takes a minute or two.

    Raises
    ------
    NotRunError
        If something that is needed for it is missing.
    ContainerError
        If it fails.
    """
    if has_image(builder, BASE):
        return
    missing = ""
    if builder == "docker":
        missing = "no registry answers docker; install podman to do without one"
    elif shutil.which("debootstrap") is None:
        missing = "no registry answers, and there is no debootstrap; apt-get install debootstrap"
    elif os.geteuid() != 0:
        missing = "no registry answers, and only root can make a base image; sudo make container"
    if missing:
        raise NotRunError(f"{preflight.NOT_RUN}: {missing}")
    command(str(MAKE_BASE), builder, BASE, timeout=_BUILD_SECONDS)


def _pulled(builder: str, base: str) -> bool:
    """Fetch a base image; false where no registry answers."""
    reference = base if "/" in base else f"docker.io/library/{base}"
    try:
        command(builder, "pull", "--quiet", reference, timeout=300)
    except ContainerError:
        return False
    return True


def write_build_config() -> Path:
    """Write the configuration that mounts this machine's files for a build; return its path.

    ``CONTAINERS_CONF`` makes podman and buildah mount them while ``RUN`` runs; see
    containers.conf(5). ``bentoml containerize`` has no option for several volumes.
    """
    folder = build_dir() / "container"
    cache = folder / "uv-cache"
    cache.mkdir(parents=True, exist_ok=True)
    settings = folder / "uv.toml"
    settings.write_text(_uv_settings(), encoding="utf-8")
    for_pip = folder / "pip.conf"
    for_pip.write_text(_pip_settings(), encoding="utf-8")
    volumes = [
        f"{Path(sys.executable).parent / 'uv'}:/usr/local/bin/uv:ro",
        f"{settings}:/etc/uv/uv.toml:ro",
        f"{cache}:/var/cache/uv:rw",
        f"{for_pip}:/etc/pip.conf:ro",
    ]
    certificates = Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))
    if certificates.is_file():
        volumes.append(f"{certificates}:/etc/ssl/certs/ca-certificates.crt:ro")
    conf = folder / "containers.conf"
    # The host's network: the index may be reachable from this machine only.
    lines = ["[containers]", f"volumes = {json.dumps(volumes)}", 'netns = "host"']
    conf.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return conf


def _uv_settings() -> str:
    """Return uv's settings for the build: this machine's certificates and its package index."""
    lines = ['cache-dir = "/var/cache/uv"', "system-certs = true", 'link-mode = "copy"']
    if index := _index():
        lines.append(f"index-url = {json.dumps(index)}")
    return "\n".join(lines) + "\n"


def _pip_settings() -> str:
    """Return pip's settings: the same, and leave to install beside Debian's packages."""
    lines = ["[global]", "break-system-packages = true", "disable-pip-version-check = true"]
    lines.append("cert = /etc/ssl/certs/ca-certificates.crt")
    if index := _index():
        lines.append(f"index-url = {index}")
    return "\n".join(lines) + "\n"


def _index() -> str:
    """Return the package index that this machine is set to use; empty for the default one."""
    return os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("UV_INDEX_URL") or _pip_index()


def _pip_index() -> str:
    """Return the package index that pip is set to use, by its environment or its files."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True
    ).stdout
    found = re.findall(r"^(?:global|install|:env:)\.index-url='(.*)'$", listed, re.M)
    return found[-1] if found else ""
