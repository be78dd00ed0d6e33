"""The detector's Bentos: what is in them, which model they serve, and how one goes back."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from services.environment import ROOT
from services.id_card.bento.build import BENTOFILES, REQUIREMENTS, image_name, requirements
from services.id_card.detector import Detector
from services.id_card.model.checkpoint import SMALL_WEIGHTS, WEIGHTS, sha256
from services.packaging import bentos
from services.workbench import servers
from services.workbench.notebooks.checks import locked
from tests.services.id_card.adapter_contract import TIMEOUT, assert_boxes, assert_rendered
from tests.services.id_card.image_files import sample_bytes
from tests.services.imports import closure

BUILD = """
from services.id_card.bento.build import build
from services.id_card.model.checkpoint import SMALL_WEIGHTS
build(version="1.0.0")
build("runner", version="1.0.0")
build(version="2.0.0", weights=SMALL_WEIGHTS)
import services.id_card.bento.runner_service  # builds leave the Runner API intact
"""

# The packages of the Bento and none beside them: importing another one is an error.
WITHOUT_TORCH = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "ultralytics", "matplotlib", "pandas", "openvino"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Refuse())
import bentoml
bentoml.load("id_card_detector:1.0.0")
import services
from services.id_card.detector import Detector
from services.id_card.bento.model_store import pinned_weights
Detector.from_environment(pinned_weights())
print(services.__file__)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of its own, with two versions of today's Bento and one of the chapter's."""
    home = tmp_path_factory.mktemp("bentoml")
    python(home, "-W", "ignore", "-c", BUILD)
    return home


def run(home: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables, "BENTOML_HOME": str(home)}
    environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)


def python(home: Path, *arguments: str, **variables: str) -> str:
    done = run(home, sys.executable, *arguments, **variables)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


def cli(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(home, sys.executable, "-W", "ignore", "-m", "bentoml", *arguments)


def bento_yaml(home: Path, tag: str) -> dict[str, Any]:
    about = home / "bentos" / tag.replace(":", "/") / "bento.yaml"
    found: dict[str, Any] = yaml.safe_load(about.read_text(encoding="utf-8"))
    return found


def inside(home: Path, tag: str) -> set[str]:
    folder = home / "bentos" / tag.replace(":", "/")
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


class TestBuildFiles:
    def test_the_requirements_are_the_locks(self) -> None:
        remedy = "python -m services.id_card.bento.build requirements"
        assert REQUIREMENTS.read_text(encoding="utf-8") == requirements(), remedy

    @pytest.mark.parametrize("api", BENTOFILES)
    def test_it_includes_what_the_service_imports_and_nothing_unused(self, api: str) -> None:
        options = yaml.safe_load(BENTOFILES[api].read_text(encoding="utf-8"))
        module = ROOT / (options["service"].partition(":")[0].replace(".", "/") + ".py")

        needed = closure(module)
        assert needed <= {str(path.relative_to(ROOT)) for path in bentos.included(options)}
        for pattern in set(options["include"]) - {"/LICENSE"}:
            assert needed & {str(path.relative_to(ROOT)) for path in ROOT.glob(pattern)}, pattern

    def test_the_image_is_named_after_its_content(self) -> None:
        assert image_name() == image_name()
        assert image_name().startswith("id_card_detector:0.2.0-")


class TestBento:
    def test_inside_are_code_requirements_and_a_dockerfile(self, home: Path) -> None:
        names = inside(home, "id_card_detector:1.0.0")

        assert "src/services/id_card/bento/observed_service.py" in names
        assert {"bento.yaml", "README.md", "apis/openapi.yaml", "src/LICENSE"} <= names
        assert {"env/docker/Dockerfile", "env/python/requirements.txt"} <= names
        assert len([name for name in names if name.endswith("LICENSE")]) == 1
        assert not [name for name in names if name.endswith((".pt", ".onnx", ".jpg"))]

    def test_it_installs_the_pinned_requirements(self, home: Path) -> None:
        for tag in ("id_card_detector:1.0.0", "yolo_v8:1.0.0"):
            installed = home / "bentos" / tag.replace(":", "/") / "env/python/requirements.txt"
            assert locked(installed) == locked(REQUIREMENTS), tag

    def test_each_version_pins_its_own_model(self, home: Path) -> None:
        for tag, weights in (
            ("id_card_detector:1.0.0", WEIGHTS),
            ("id_card_detector:2.0.0", SMALL_WEIGHTS),
            ("yolo_v8:1.0.0", WEIGHTS),
        ):
            [model] = bento_yaml(home, tag)["models"]
            assert (model["tag"], model["alias"]) == (f"id_card:{sha256(weights)[:12]}", "served")

    def test_the_image_starts_slim_and_ends_as_a_user_of_its_own(self, home: Path) -> None:
        for tag in ("id_card_detector:1.0.0", "yolo_v8:1.0.0"):
            file = home / "bentos" / tag.replace(":", "/") / "env/docker/Dockerfile"
            lines = file.read_text(encoding="utf-8").splitlines()
            [base] = [line for line in lines if line.startswith("FROM ")]
            assert base.split()[1] == "python:3.11-slim"
            assert [line for line in lines if line.startswith("USER ")][-1] == "USER bentoml"
            assert not [line for line in lines if "apt-get" in line]

    def test_it_runs_its_own_code_and_no_torch(self, home: Path) -> None:
        shown = python(home, "-c", WITHOUT_TORCH, PYTHONPATH="")

        assert Path(shown) == home / "bentos/id_card_detector/1.0.0/src/services/__init__.py"

    def test_a_version_is_never_overwritten(self, home: Path) -> None:
        for command, told in (
            (["build", "--version", "1.0.0"], "id_card_detector:1.0.0 is built already; choose"),
            (
                ["model", "--version", sha256(WEIGHTS)[:12], "--weights", str(SMALL_WEIGHTS)],
                f"give {SMALL_WEIGHTS.name} another version",
            ),
            (["model", "--weights", "nowhere.pt"], "no weights at nowhere.pt"),
        ):
            done = run(home, sys.executable, "-m", "services.id_card.bento.build", *command)
            assert (done.returncode, told in done.stderr) == (2, True), done.stderr


class TestServing:
    @pytest.mark.parametrize(
        ("tag", "weights"),
        [
            ("id_card_detector:2.0.0", SMALL_WEIGHTS),
            ("id_card_detector:1.0.0", WEIGHTS),  # back again, although 2.0.0 is the newest
            ("yolo_v8:1.0.0", WEIGHTS),
        ],
    )
    def test_a_tag_answers_with_its_own_model(self, home: Path, tag: str, weights: Path) -> None:
        core = Detector(weights, backend="onnx")
        # The environment speaks for a server that runs from the source code. A Bento has its own.
        env = {"BENTOML_HOME": str(home), "ID_CARD_WEIGHTS": "nowhere.onnx"}
        upload = {"image": sample_bytes("two_cards")}
        with (
            servers.bentoml(tag, env=env, api_workers=1) as server,
            httpx.Client(base_url=server.url, timeout=TIMEOUT, trust_env=False) as client,
        ):
            boxes = client.post("/inference", files=upload).json()
            drawing = client.post("/render", files=upload).content

        assert_boxes(boxes, core, sample_bytes("two_cards"))
        assert_rendered(drawing, core, sample_bytes("two_cards"))


class TestStore:
    def test_bentomls_own_command_builds_with_the_newest_model(self, home: Path) -> None:
        done = cli(home, "build", "-f", str(BENTOFILES["service"]), "--version", "3.0.0")

        assert done.returncode == 0, done.stderr
        [model] = bento_yaml(home, "id_card_detector:3.0.0")["models"]
        assert model["tag"] == f"id_card:{sha256(SMALL_WEIGHTS)[:12]}"

        latest = home / "bentos/id_card_detector/latest"
        assert latest.read_text(encoding="utf-8") == "3.0.0"
        assert cli(home, "delete", "--yes", "id_card_detector:3.0.0").returncode == 0
        assert latest.read_text(encoding="utf-8") == "2.0.0"

    def test_an_export_holds_the_model_and_can_be_imported_elsewhere(
        self, home: Path, tmp_path: Path
    ) -> None:
        archive = tmp_path / "detector.tar"  # by its name; ".bento" would be compressed, for long
        assert cli(home, "export", "id_card_detector:1.0.0", str(archive)).returncode == 0
        with tarfile.open(archive) as opened:
            names = opened.getnames()
        assert [name for name in names if name.endswith("/yolov8_custom.onnx")]

        other = tmp_path / "other"
        assert cli(other, "import", str(archive)).returncode == 0
        assert inside(other, "id_card_detector:1.0.0") == inside(home, "id_card_detector:1.0.0")
        [model] = other.glob("models/id_card/*/yolov8_custom.onnx")
        [original] = home.glob("models/id_card/*/yolov8_custom.onnx")
        assert sha256(model) == sha256(original)

    def test_a_relative_path_counts_from_the_root(self, home: Path) -> None:
        # BentoML's fault, and the reason why notebook 06 takes absolute paths only.
        for command in (["export", "id_card_detector:1.0.0"], ["import"]):
            done = cli(home, *command, "no-such-folder/detector.tar")

            assert done.returncode != 0
            assert "'/no-such-folder/detector.tar'" in done.stderr
