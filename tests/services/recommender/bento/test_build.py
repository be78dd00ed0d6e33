"""The recommender's Bentos: what is in them, and that one of them needs nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from services.environment import ROOT
from services.packaging import bentos
from services.recommender.bento.build import BENTOFILE, REQUIREMENTS, requirements
from services.recommender.recommender import Recommender
from services.workbench import servers
from services.workbench.notebooks.checks import locked
from tests.services.imports import closure
from tests.services.recommender.served import assert_same, settings


def run(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables, "BENTOML_HOME": str(home)}
    environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
    command = [sys.executable, "-W", "ignore", "-m", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)


def said(home: Path, *arguments: str, **variables: str) -> str:
    done = run(home, *arguments, **variables)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip().splitlines()[-1]


def bento(home: Path, *arguments: str, **variables: str) -> str:
    return said(home, "services.recommender.bento.build", *arguments, **variables)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, files: dict[str, Path]) -> Path:
    """A store with two models, and a Bento that pins the older."""
    home = tmp_path_factory.mktemp("bentoml")
    for number in ("1", "2"):
        tag = bento(home, "model", "--file", str(files[number]), "--version", number)
        assert tag == f"recommender:{number}"
    tag = bento(home, "build", "--model", "recommender:1", "--version", "1.0.0")
    assert tag == "recommender:1.0.0"
    return home


def about(home: Path, tag: str) -> dict[str, Any]:
    path = home / "bentos" / tag.replace(":", "/") / "bento.yaml"
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def models_of(home: Path, tag: str) -> list[str]:
    """Return what BentoML exports, and loads before it serves, with a Bento."""
    [service] = about(home, tag)["services"]
    return [model["tag"] for model in service["models"]]


class TestBuildFiles:
    def test_the_requirements_are_the_locks(self) -> None:
        remedy = "python -m services.recommender.bento.build requirements"
        assert REQUIREMENTS.read_text(encoding="utf-8") == requirements(), remedy
        pins = locked(REQUIREMENTS)
        assert {name: locked()[name] for name in pins} == pins
        assert not {"torch", "pandas", "scipy"} & set(pins)
        assert not [name for name in pins if name.startswith("mlflow")]

    def test_it_includes_what_the_service_imports_and_nothing_unused(self) -> None:
        options = yaml.safe_load(BENTOFILE.read_text(encoding="utf-8"))
        module = ROOT / (options["service"].partition(":")[0].replace(".", "/") + ".py")
        needed = closure(module)
        assert needed <= {str(path.relative_to(ROOT)) for path in bentos.included(options)}
        for pattern in set(options["include"]) - {"/LICENSE"}:
            assert needed & {str(path.relative_to(ROOT)) for path in ROOT.glob(pattern)}, pattern


# As if these packages were not installed.
ALONE = """
import sys
class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in REFUSED:
            return self.finder.find_spec(name, path, target)
    def __getattr__(self, name):
        return getattr(self.finder, name)
sys.meta_path[:] = map(Without, sys.meta_path)
"""


class TestBento:
    def test_it_pins_the_model_it_was_built_with(self, home: Path) -> None:
        assert models_of(home, "recommender:1.0.0") == ["recommender:1"]
        assert about(home, "recommender:1.0.0")["args"] == {"model_tag": "recommender:1"}

    def test_one_without_an_argument_follows_the_registry(self, home: Path) -> None:
        colours = {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}  # as in a Jupyter kernel
        tag = bento(home, "build", "--version", "live", **colours)
        assert models_of(home, tag) == []
        installed = home / "bentos/recommender/live/env/python/requirements.txt"
        assert locked(installed) == locked(REQUIREMENTS)

    def test_bentomls_own_command_builds_the_same(self, home: Path) -> None:
        said(home, "bentoml", "build", "-f", str(BENTOFILE), "--version", "2.0.0",
             "--arg", "model_tag=recommender:2")  # fmt: skip
        assert models_of(home, "recommender:2.0.0") == ["recommender:2"]

    def test_it_runs_its_own_code_and_none_but_its_packages(self, home: Path) -> None:
        refused = ("torch", "mlflow", "pandas", "scipy", "sklearn", "matplotlib", "tqdm")
        code = ALONE.replace("REFUSED", repr(refused)) + (
            "import bentoml\n"
            "service = bentoml.load('recommender:1.0.0')\n"
            "import services\n"
            "print(services.__file__, service.inner().predict(7, 1)['version'])\n"
        )
        command = [sys.executable, "-W", "ignore", "-c", code]
        environment = {**os.environ, "BENTOML_HOME": str(home), "PYTHONPATH": ""}
        environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
        done = subprocess.run(command, capture_output=True, text=True, cwd=home, env=environment)
        assert done.returncode == 0, done.stderr[-3000:]
        where, version = done.stdout.split()[-2:]
        assert Path(where) == home / "bentos/recommender/1.0.0/src/services/__init__.py"
        assert version == "1"

    def test_it_pulls_without_mlflow(
        self, tracking_server: Any, registry_versions: Any, tmp_path: Path
    ) -> None:
        refused = ("torch", "mlflow", "pandas", "scipy", "sklearn", "sqlalchemy", "requests")
        code = ALONE.replace("REFUSED", repr(refused)) + (
            "from services.recommender.hot_swap.cache import VersionCache\n"
            "from services.recommender.hot_swap.pull import Registry\n"
            "name = 'recommender_production'\n"
            f"print(Registry(name).pull(VersionCache({str(tmp_path)!r}, name)).number)\n"
        )
        environment = {**os.environ, "MLFLOW_TRACKING_URI": tracking_server.url}
        command = [sys.executable, "-W", "ignore", "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
        assert done.stdout.strip() == "2", done.stderr[-3000:]


def test_from_an_empty_store_and_without_mlflow_it_answers_as_the_core(
    home: Path, tmp_path: Path, files: dict[str, Path]
) -> None:
    archive, elsewhere = tmp_path / "recommender.tar", tmp_path / "elsewhere"
    said(home, "bentoml", "export", "recommender:1.0.0", str(archive))
    said(elsewhere, "bentoml", "import", str(archive))
    nobody = "http://127.0.0.1:9"  # and nobody is asked
    env = {"BENTOML_HOME": str(elsewhere), **settings(tmp_path, nobody)}
    core = Recommender.load(files["1"], version="1")
    with servers.bentoml("recommender:1.0.0", env=env) as server:
        for user in (1, 7, 200, 9_999):
            question = {"user_id": user, "top_k": 5, "rated": [3]}
            answer = httpx.post(f"{server.url}/predict", json=question, trust_env=False)
            assert_same(answer.json(), core, **question)
        assert "MLflow" not in server.log.read_text()
    assert not (tmp_path / "cache").exists()


class TestStore:
    def test_a_version_is_never_overwritten(self, home: Path, files: dict[str, Path]) -> None:
        again = ("model", "--file", str(files["1"]), "--version", "1")
        assert bento(home, *again) == "recommender:1", "the same file may be stored again"
        for arguments, told in (
            (("model", "--file", str(files["2"]), "--version", "1"), "choose another version"),
            (("build", "--version", "1.0.0"), "recommender:1.0.0 is built already"),
            (("model", "--file", "nowhere.npz", "--version", "9"), "nowhere.npz: no such model"),
            (("model", "--file", str(files["2"])), "version must be given"),
            (("build", "--model", "recommender:latest"), "no model recommender:latest"),
            (
                ("build", "--model", "recommender:77"),
                "there is no model recommender:77 in the store",
            ),
        ):
            done = run(home, "services.recommender.bento.build", *arguments)
            assert (done.returncode, told in done.stderr) == (2, True), done.stderr[-800:]

    def test_the_registrys_version_goes_into_the_store(
        self, tracking_server: Any, registry_versions: Any, tmp_path: Path
    ) -> None:
        env = {
            "MLFLOW_TRACKING_URI": tracking_server.url,
            "RECOMMENDER_CACHE": str(tmp_path / "cache"),
        }
        assert bento(tmp_path, "model", **env) == "recommender:2"
        assert bento(tmp_path, "model", "--alias", "staging", **env) == "recommender:3"

    def test_the_beginning_of_a_version_is_no_version(
        self, files: dict[str, Path], tmp_path: Path
    ) -> None:
        bento(tmp_path, "model", "--file", str(files["2"]), "--version", "31")
        done = run(
            tmp_path, "services.recommender.bento.build", "build", "--model", "recommender:3"
        )
        assert "there is no model recommender:3 in the store" in done.stderr
        found = run(tmp_path, "bentoml", "models", "get", "recommender:3")
        assert "31" in found.stdout, "BentoML's own command takes it for one"
        tag = bento(tmp_path, "model", "--file", str(files["1"]), "--version", "3")
        assert tag == "recommender:3"

    def test_a_tag_that_moves_is_not_pinned(self, home: Path) -> None:
        for tag in ("recommender:latest", "recommender"):
            done = run(home, "bentoml", "build", "-f", str(BENTOFILE),
                       "--arg", f"model_tag={tag}")  # fmt: skip
            assert done.returncode != 0
            assert "name a fixed version, such as recommender:3" in done.stderr + done.stdout
