"""A submission in a container: no network, nothing to write but its folder, nothing downloaded."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from labs.grading import container
from labs.grading.attempt import Limits
from labs.grading.container import Engine
from labs.grading.place import Place


def test_the_command_isolates(tmp_path: Path) -> None:
    place = Place(tmp_path / "tree", tmp_path / "own")
    for folder in (place.tree, place.own):
        folder.mkdir()
    submission = tmp_path / "lab01.ipynb"
    submission.write_text("{}", encoding="utf-8")
    command = Engine("podman", "image").command([sys.executable], place, submission, Limits())
    assert command[:2] == ["podman", "run"]
    assert {"--network=none", "--read-only", "--cap-drop=all"} < set(command)
    assert "--security-opt=no-new-privileges" in command
    # Without it podman does not start where this machine may not raise its limits.
    assert any(option.startswith("--ulimit=nofile") for option in command)
    assert command[-2:] == ["image", sys.executable]
    writable = [option for option in command if option.endswith(":rw")]
    assert writable == [f"--volume={place.own}:{place.own}:rw"]
    mounted = [option for option in command if option.startswith("--volume")]
    assert not any("solutions" in option or "/tests" in option for option in mounted)


@pytest.mark.parametrize(
    ("answering", "said"),
    [(set(), "neither podman nor docker answers"), ({"info"}, "has no image 'graders'")],
)
def test_what_is_missing_is_told(
    monkeypatch: pytest.MonkeyPatch, answering: set[str], said: str
) -> None:
    monkeypatch.setattr(container.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(container, "_answers", lambda _, *what: what[0] in answering)
    with pytest.raises(ValueError, match=said):
        Engine.find("graders")
