"""The files that set the project up agree with each other."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from services.environment import ROOT
from services.workbench.notebooks.checks import locked

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.txt").read_text(encoding="utf-8")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# In pieces, so that this file passes its own test.
REGISTRIES = re.compile(
    r"pypi\.(org|python)|python" r"hosted\.org|registry\.npm" r"js|deb\.deb" r"ian"
)
MACHINE_PATHS = re.compile(re.escape(f"{ROOT}/") + r"|/ro" r"ot/|/home/(?!bentoml\b)\w+/\w")
LARGEST_FILE = 7_000_000

EXTRAS = PROJECT["project"]["optional-dependencies"]
DIRECT = PROJECT["project"]["dependencies"] + [d for extra in EXTRAS.values() for d in extra]


@pytest.mark.parametrize("dependency", DIRECT)
def test_the_lock_satisfies_the_project(dependency: str) -> None:
    requirement = Requirement(dependency)
    version = locked().get(canonicalize_name(requirement.name))
    assert version is not None, f"{requirement.name} is not in the lock: make lock"
    assert requirement.specifier.contains(Version(version)), f"{version} is locked: make lock"


def test_the_lock_names_no_host() -> None:
    lines = [line for line in LOCK.splitlines() if not line.lstrip().startswith("#")]
    for line in lines:
        assert re.match(r"^[\w.-]+(\[[\w,-]+\])?==[\w.+!-]+( ; .+)?$", line), line
    assert "://" not in LOCK


def test_the_lock_is_for_every_platform() -> None:
    assert re.search(r"^appnope==.* sys_platform == 'darwin'", LOCK, re.M)
    assert re.search(r"^nvidia-cublas==.* sys_platform == 'linux'", LOCK, re.M)


def test_the_lock_says_how_it_was_made() -> None:
    assert "#    make lock\n" in LOCK[:300]
    recipe = MAKEFILE.split("\nlock:")[1].split("\n\n")[0]
    for option in ("--universal", "--no-emit-index-url", "--python-version 3.11", "--all-extras"):
        assert option in recipe
    assert '--custom-compile-command "make lock"' in recipe


def test_conda_installs_exactly_the_lock() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *conda, pip = environment["dependencies"]
    assert conda == ["python=3.11", "pip"]
    assert pip == {"pip": ["-r requirements.txt", "-e ."]}


def test_python_is_the_same_everywhere() -> None:
    assert PROJECT["project"]["requires-python"] == ">=3.11,<3.12"
    assert PROJECT["tool"]["ruff"]["target-version"] == "py311"
    assert PROJECT["tool"]["mypy"]["python_version"] == "3.11"
    assert "sys.version_info[:2] != (3, 11)" in MAKEFILE


def test_help_names_every_command() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.M)
    assert phony is not None
    documented = re.findall(r"^([a-z-]+):.*## \S", MAKEFILE, re.M)
    assert sorted(documented) == sorted(phony[1].split())


@pytest.mark.skipif(shutil.which("make") is None, reason="NOT RUN HERE: apt-get install make")
def test_make_without_a_target_prints_the_help() -> None:
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "make chapter" in done.stdout
    assert done.stderr == ""


@pytest.mark.skipif(shutil.which("make") is None, reason="NOT RUN HERE: apt-get install make")
def test_a_second_make_environment_does_nothing(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.txt", "pyproject.toml", ".venv/.ready"):
        (tmp_path / name).touch()  # .ready last, as after an installation
    line = ["make", "--no-print-directory", "environment"]
    assert subprocess.check_output(line, cwd=tmp_path, text=True) == ".venv is ready\n"
    os.utime(tmp_path / ".venv/.ready", (0, 0))  # older than the lock
    planned = subprocess.check_output([*line, "-n"], cwd=tmp_path, text=True)
    assert "services.setup.install" in planned


def dry_run(folder: Path, *arguments: str) -> str:
    """Return the last command that make would run with this Makefile in *folder*."""
    (folder / ".venv").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("requirements.txt", "pyproject.toml", ".venv/.ready"):
        (folder / name).touch()
    command = ["make", "-n", "--no-print-directory", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


@pytest.mark.skipif(shutil.which("make") is None, reason="NOT RUN HERE: apt-get install make")
def test_a_path_with_a_space_stays_one_argument(tmp_path: Path) -> None:
    folder = tmp_path / "my files"
    command = shlex.split(dry_run(folder, "jupyter"))
    assert f"JUPYTER_CONFIG_PATH={folder}/infra/jupyter" in command


@pytest.mark.skipif(shutil.which("make") is None, reason="NOT RUN HERE: apt-get install make")
@pytest.mark.parametrize(("number", "lab"), [("3", "lab03"), ("03", "lab03"), ("12", "lab12")])
def test_make_lab_opens_the_copy_that_it_made(tmp_path: Path, number: str, lab: str) -> None:
    opened = dry_run(tmp_path / "clone", "lab", f"N={number}").split()[-1]
    assert opened == f"work/{lab}_*/{lab}_*.ipynb"


def test_ci_runs_what_a_developer_runs() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert "for target in test verify" in script.read_text(encoding="utf-8")


def _tracked() -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("NOT RUN HERE: this is no git checkout; git clone the project")
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_is_large() -> None:
    assert [path for path in _tracked() if path.stat().st_size > LARGEST_FILE] == []


def test_no_file_names_a_registry_or_a_machine() -> None:
    found = []
    for path in _tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # weights and pictures
        for pattern in (REGISTRIES, MACHINE_PATHS):
            found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in pattern.finditer(text)]
    assert found == []


def test_only_their_rooms_touch_the_private_parts_of_frameworks() -> None:
    private = re.compile(r"(bentoml\._internal|_bentoml_impl|_bentoml_sdk|kserve\.\w+\._)\b")
    allowed = ("services/bentoml_support/", "services/kserve_support/")
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in sorted((ROOT / "services").rglob("*.py"))
        if not str(path.relative_to(ROOT)).startswith(allowed)
        for match in private.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []
