"""Which notebooks are submissions, whatever systems and editors left among them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import pytest

from labs.grading import notebook, submissions
from labs.grading.run import Limits, grade_all
from tests.labs import forty
from tests.labs.submissions import hand_in, shipped

LAB = "lab01"


def _handed_in(folder: Path, student: str, name: str, hours: float) -> Path:
    path = hand_in(folder, student, "{}", name)
    moment = (datetime(2026, 5, 1, 12, tzinfo=UTC) + timedelta(hours=hours)).timestamp()
    os.utime(path, (moment, moment))
    return path


DEADLINE = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_the_newest_before_the_deadline_counts(tmp_path: Path) -> None:
    _handed_in(tmp_path, "ada", "lab01_runner", -5)
    best = _handed_in(tmp_path, "ada", "lab01_runner (1)", -1)
    _handed_in(tmp_path, "ada", "lab01_runner (2)", 3)
    late = _handed_in(tmp_path, "bob", "lab01_runner", 0.1)
    ada, bob = submissions.choose(submissions.find(tmp_path), deadline=DEADLINE)
    assert (ada.submission.path, ada.late, ada.others) == (best, False, 2)
    assert (bob.submission.path, bob.late, bob.others) == (late, True, 0)
    grade = grade_all([bob], limits=Limits(), seed=1)[0]
    assert grade.verdict.startswith("late")
    assert grade.points == 0


def test_nbgraders_timestamp_counts_before_the_files_own(tmp_path: Path) -> None:
    path = _handed_in(tmp_path, "ada/lab01_runner", "lab01_runner", 9)
    path.with_name("timestamp.txt").write_text("2026-05-01 10:00:00.123456 UTC", encoding="utf-8")
    [found] = submissions.find(tmp_path)
    assert (found.student, found.lab) == ("ada", "lab01")
    assert found.time.replace(tzinfo=None) == datetime(2026, 5, 1, 10)


def test_a_lab_is_known_by_its_content_too(tmp_path: Path) -> None:
    hand_in(tmp_path, "ada", shipped(LAB), "homework")
    hand_in(tmp_path, "bob", "{}", "homework")
    assert [found.lab for found in submissions.find(tmp_path)] == [LAB, submissions.UNKNOWN]
    _, bob = submissions.choose(submissions.find(tmp_path))
    assert "shows which lab" in grade_all([bob], limits=Limits(), seed=1)[0].verdict


def test_notebooks_beside_each_other_are_named_by_their_files(tmp_path: Path) -> None:
    (tmp_path / "ada_lab01_runner.ipynb").write_text("{}", encoding="utf-8")
    [found] = submissions.find(tmp_path)
    assert (found.student, found.lab) == ("ada", "lab01")


BY_PRODUCTS = [
    "._lab01_runner.ipynb",
    ".~lab01_runner.ipynb",
    "~$lab01_runner.ipynb",
    ".hidden/lab01_runner.ipynb",
    "deep/down/._lab01_runner.ipynb",
    "__MACOSX/ada/lab01_runner.ipynb",
    ".ipynb_checkpoints/lab01_runner-checkpoint.ipynb",
    "lab01_runner-checkpoint.ipynb",
]


@pytest.mark.parametrize("name", BY_PRODUCTS)
def test_a_by_product_is_never_a_submission(tmp_path: Path, name: str) -> None:
    own = _handed_in(tmp_path, "ada", "lab01_runner", -2)
    newer = tmp_path / "ada" / name
    newer.parent.mkdir(parents=True, exist_ok=True)
    newer.write_bytes(own.read_bytes())
    assert [each.path for each in submissions.find(tmp_path)] == [own]
    assert submissions.by_products(tmp_path) == [newer]


@pytest.mark.parametrize("content", ["", "{", "\0" * 4096, '{"cells": 3}'])
def test_what_cannot_be_read_displaces_nothing(tmp_path: Path, content: str) -> None:
    own = hand_in(tmp_path, "ada", shipped(LAB), "lab01_runner")
    os.utime(own, (1, 1))
    hand_in(tmp_path, "ada", content, "lab01_runner (1)")
    [chosen] = submissions.choose(submissions.find(tmp_path))
    assert chosen.submission.path == own
    [note] = chosen.passed_over
    assert note.startswith("lab01_runner (1).ipynb is newer and was passed over: this is no")


@pytest.mark.parametrize(
    ("name", "lab"),
    [
        ("Copy of lab01_runner", "lab01"),
        ("Kopie_von_lab01_runner", "lab01"),
        ("lab01_runner - Copy (2)", "lab01"),
        ("LAB01_Runner", "lab01"),
        ("lab01", "lab01"),
        ("lab77_x", submissions.UNKNOWN),
    ],
)
def test_a_copy_keeps_its_lab(tmp_path: Path, name: str, lab: str) -> None:
    hand_in(tmp_path, "ada", "{}", name)
    assert [each.lab for each in submissions.find(tmp_path)] == [lab]


def _changed(change: Callable[[dict], None]) -> bytes:
    data = json.loads(json.dumps(shipped(LAB)))
    for cell in data["cells"]:
        change(cell)
    return json.dumps(data).encode()


def _old(version: int) -> bytes:
    return nbformat.writes(nbformat.convert(shipped(LAB), version), version=version).encode()


WRITTEN = {
    "as it ships": lambda: json.dumps(shipped(LAB)).encode(),
    "byte order mark": lambda: b"\xef\xbb\xbf" + json.dumps(shipped(LAB)).encode(),
    "UTF-16": lambda: json.dumps(shipped(LAB)).encode("utf-16"),
    "CRLF in the file": lambda: json.dumps(shipped(LAB), indent=1).replace("\n", "\r\n").encode(),
    "CRLF in the cells": lambda: _changed(
        lambda cell: cell.update(source=cell["source"].replace("\n", "\r\n"))
    ),
    "lines in a list": lambda: _changed(
        lambda cell: cell.update(source=cell["source"].splitlines(keepends=True))
    ),
    "nbgrader is null": lambda: _changed(lambda cell: cell["metadata"].update(nbgrader=None)),
    "metadata are null": lambda: _changed(lambda cell: cell.update(metadata=None)),
    "no metadata": lambda: _changed(lambda cell: cell.pop("metadata")),
    "no ids, as Colab": lambda: _changed(lambda cell: (cell.pop("id"), cell.update(metadata={}))),
    "outputs are null": lambda: _changed(
        lambda cell: cell["cell_type"] == "code" and cell.update(outputs=None)
    ),
    "format 3": lambda: _old(3),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_what_an_editor_does_to_a_file_costs_nothing(tmp_path: Path, how: str) -> None:
    path = tmp_path / "lab01_runner.ipynb"
    path.write_bytes(WRITTEN[how]())
    cells = [cell for cell in notebook.read(path).cells if cell.cell_type == "code"]
    ours = notebook.shipped_cells(LAB)
    names = notebook.named(cells, ours)
    checks = [name for name in ours if name.endswith("-check")]
    assert [name for name in names if name.endswith("-check")] == checks
    for cell, name in zip(cells, names, strict=True):
        if name.endswith("-check"):
            assert cell.source.strip() == ours[name].source.strip()


def test_of_a_class_on_four_systems_one_notebook_of_each_counts(tmp_path: Path) -> None:
    full = forty.fill(tmp_path, LAB)
    assert 20 < sum(full.values()) < forty.SIZE
    chosen = submissions.choose(submissions.find(tmp_path))
    assert [(each.submission.student, each.submission.lab) for each in chosen] == [
        (student, LAB) for student in full
    ]
    ours = notebook.shipped_cells(LAB).items()
    starters = {cell.source for name, cell in ours if re.search(r"-ex\d$", name)}
    for each in chosen:
        assert not each.submission.problem
        sources = {cell.source for cell in notebook.read(each.submission.path).cells}
        assert (starters <= sources) is not full[each.submission.student]


def test_cells_with_and_without_ids_make_no_noise(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = json.loads(json.dumps(shipped(LAB)))
    del data["cells"][-1]["id"]
    path = tmp_path / "lab01_runner.ipynb"
    path.write_text(json.dumps(data), encoding="utf-8")
    read = notebook.read(path)
    assert len({cell.id for cell in read.cells}) == len(read.cells)
    assert caplog.text == ""


def test_a_worker_of_the_grader_starts_without_what_it_does_not_need() -> None:
    code = "import sys, labs.grading.worker; print(*(n for n, m in sys.modules.items() if m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert "nbformat" in imported
    assert imported & {"IPython", "matplotlib", "rfc3987_syntax"} == set()
