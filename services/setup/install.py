"""Make ``.venv`` with exactly the locked packages. Standard library only; run by ``make``.

::

    python3.11 -m services.setup.install [--torch-index URL]

A ``.venv`` that is incomplete or has another Python version is rebuilt; a good one is brought up to
date in a second.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from services import command_line
from services.environment import ROOT, build_dir

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.txt"

_TORCH = re.compile(r"^(torch|torchvision)==")
_CUDA = re.compile(r"^(nvidia-|cuda-|triton==)")
# ultralytics requires it on any machine; a few kilobytes of Python, no CUDA.
_NOT_CUDA = ("nvidia-ml-py==",)


def is_usable() -> bool:
    """Say whether ``.venv`` has a Python 3.11 that runs, and pip."""
    probe = "import pip, sys; sys.exit(sys.version_info[:2] != (3, 11))"
    try:
        return subprocess.run([PYTHON, "-c", probe], capture_output=True).returncode == 0
    except OSError:
        return False


def pins() -> list[str]:
    """Return the requirement lines of the lock, comments left out."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith(("#", " "))]


def split_for_cpu(requirements: list[str]) -> tuple[list[str], list[str]]:
    """Split the lock for a CPU build of torch.

    Returns
    -------
    rest : list of str
        The lock without torch and torchvision, and without the CUDA libraries of Linux.
    torch : list of str
        torch and torchvision at their locked versions.
    """
    torch = [line for line in requirements if _TORCH.match(line)]
    cuda = [line for line in requirements if _CUDA.match(line) and not line.startswith(_NOT_CUDA)]
    return [line for line in requirements if line not in torch and line not in cuda], torch


def _uv(*arguments: str) -> None:
    """Run uv for ``.venv``; with its progress bars on a terminal, silently elsewhere."""
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    environment = dict(os.environ, VIRTUAL_ENV=str(VENV), UV_PYTHON_DOWNLOADS="never")
    # The CUDA build of torch has files of a gigabyte; the default of half a minute is too short.
    environment.setdefault("UV_HTTP_TIMEOUT", "180")
    command = [str(VENV / "bin" / "uv"), "pip", *arguments, "--python", str(PYTHON), *quiet]
    subprocess.run(command, check=True, env=environment, cwd=ROOT)


def install(torch_index: str | None = None) -> None:
    """Make ``.venv`` if need be, install the lock, then the project without its dependencies."""
    if not is_usable():
        if VENV.exists():
            print("the existing .venv is broken or incomplete; rebuilding it")
            shutil.rmtree(VENV)
        print("1 of 3: an empty .venv", flush=True)
        venv.EnvBuilder(with_pip=True, symlinks=True).create(VENV)
    requirements = pins()
    print(f"2 of 3: {len(requirements)} locked packages; minutes the first time", flush=True)
    uv = next(line for line in requirements if line.startswith("uv=="))
    subprocess.run(
        [PYTHON, "-m", "pip", "install", "-qq", "--disable-pip-version-check", uv], check=True
    )
    if not torch_index:
        _uv("sync", str(LOCK))
    else:
        rest, torch = split_for_cpu(requirements)
        without_torch = build_dir() / "requirements-without-torch.txt"
        without_torch.parent.mkdir(parents=True, exist_ok=True)
        without_torch.write_text("\n".join(rest) + "\n", encoding="utf-8")
        _uv("sync", str(without_torch))
        _uv("install", "--no-deps", "--index-url", torch_index, *torch)
    print("3 of 3: this project itself", flush=True)
    # Its dependencies and setuptools are installed already, so nothing is fetched.
    _uv("install", "--no-deps", "--no-build-isolation", "--editable", ".")
    teach_activate()


def separate(folder: Path, lock: Path, *, quiet: bool) -> Path:
    """Make an environment that holds exactly *lock*, or bring it up to date; return its folder.

    Raises subprocess.CalledProcessError if the packages cannot be installed; uv has said why.
    """
    python = folder / "bin" / "python"
    if not python.exists():
        venv.EnvBuilder(with_pip=False, symlinks=True, clear=True).create(folder)
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    subprocess.run(
        [uv, "pip", "sync", str(lock), "--python", str(python), *(["--quiet"] if quiet else [])],
        check=True,
        env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
    )
    return folder


def teach_activate() -> None:
    """Make ``source .venv/bin/activate`` export the project's settings, too."""
    script = VENV / "bin" / "activate"
    text = script.read_text(encoding="utf-8")
    line = 'eval "$("$VIRTUAL_ENV/bin/python" -m services)"'
    if line not in text:
        script.write_text(f"{text}\n# Serving Labs: its settings.\n{line}\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Install; return the exit status."""
    parser = command_line.parser("services.setup.install", __doc__)
    parser.add_argument("--torch-index", metavar="URL", help="package index to take torch from")
    options = parser.parse_args(arguments)
    if importlib.util.find_spec("ensurepip") is None:
        print("this Python cannot make environments: apt-get install python3.11-venv")
        return 1
    try:
        install(options.torch_index)
    except subprocess.CalledProcessError as error:
        print(f"the installation stopped: {Path(error.cmd[0]).name} exited {error.returncode}")
        print("fix what it reports above, then run make again; it continues from here")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
