"""The files that GitHub reads agree with the project: workflows, badges, forms, the citation."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.environment import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def workflow(path: Path) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_pinned_limited_and_has_few_rights(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    used = re.findall(r"uses: (.*)", text)
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    assert workflow(path)["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job for job in workflow(path)["jobs"].values())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_calls_commands_that_exist(path: Path) -> None:
    targets = re.findall(r"run: make ([a-z-]+)", path.read_text(encoding="utf-8"))
    assert targets
    assert [name for name in targets if not re.search(rf"^{name}:", MAKEFILE, re.M)] == []


def test_one_action_has_one_version() -> None:
    used = {
        action
        for path in WORKFLOWS
        for action in re.findall(r"uses: (\S+)", path.read_text(encoding="utf-8"))
    }
    assert len(used) == len({action.split("@")[0] for action in used})


def test_badges_are_of_workflows_that_exist() -> None:
    badges = re.findall(r"actions/workflows/([\w.]+)/badge\.svg", README)
    assert badges
    assert set(badges) <= {path.name for path in WORKFLOWS}


@pytest.mark.parametrize("name", ["erratum", "install", "verdict"])
def test_an_issue_form_asks_for_something(name: str) -> None:
    form = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / f"{name}.yml").read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= set(form)
    assert any(field.get("validations", {}).get("required") for field in form["body"])
    ids = [field["id"] for field in form["body"]]
    assert len(ids) == len(set(ids))


def test_the_erratum_form_offers_the_notebooks_classes() -> None:
    form = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / "erratum.yml").read_text(encoding="utf-8"))
    [kinds] = [f["attributes"]["options"] for f in form["body"] if f["type"] == "dropdown"]
    assert {"wrong when printed", "changed since", "defect of a library"} < set(kinds)


def test_the_citation_and_the_changelog_name_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert f"\n## {PROJECT['version']} · " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_devcontainer_has_this_python_and_makes_the_environment() -> None:
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")
    settings = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.M))
    assert settings["image"].startswith("python:3.11-")
    assert settings["updateContentCommand"] == "make environment"


def test_commands_and_files_that_contributing_names_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for target in re.findall(r"`make ([a-z-]+)", text):
        assert re.search(rf"^{target}:", MAKEFILE, re.M), target
    for name in re.findall(r"`((?:services|tests|labs|notebooks|solutions)/[\w./]+)`", text):
        if "lab16" not in name:  # the example's own
            assert (ROOT / name).exists(), name


def test_nothing_claims_a_binder() -> None:
    assert not (ROOT / ".binder").exists()
    instructors = (ROOT / "labs" / "INSTRUCTORS.md").read_text(encoding="utf-8")
    assert "no Binder link" in README
    assert "| Binder | not supported |" in instructors
