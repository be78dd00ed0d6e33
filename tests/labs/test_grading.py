"""A folder of submissions is graded, whatever is in it."""

from __future__ import annotations

import csv
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from labs.engine.registry import exercises_of, lab_names
from labs.grading import report, submissions
from labs.grading.run import Grade, Limits, grade_all
from services.workbench import processes
from tests.labs.submissions import hand_in, insert, shipped, solved_notebook, with_answers, without

LAB = "lab01"
NAME = "lab01_runner"
# Without the exercise that starts servers, which takes most of the time.
QUICK = ["lab01.ex1", "lab01.ex2", "lab01.ex3"]
POINTS = sum(e.points for e in exercises_of(LAB) if e.id in QUICK)
FIRST = "lab01.ex1"


def _fill(folder: Path) -> None:
    def add(student: str, notebook: object) -> None:
        hand_in(folder, student, notebook, NAME)  # type: ignore[arg-type]

    def quick() -> object:
        return solved_notebook(LAB, QUICK)

    def before_ex2(code: str) -> object:
        return insert(solved_notebook(LAB, QUICK), code, before="lab01.ex2")

    add("good", quick())
    add("blank", shipped(LAB))
    add("corrupt", '{"cells": [')
    add("no notebook", '{"a": 1}')
    add("empty file", "")
    add("first box", with_answers(LAB, {FIRST: _FIRST_BOX}))
    add("endless cell", before_ex2("while True: pass"))
    add("endless answer", with_answers(LAB, {FIRST: _ENDLESS}))
    add("killed", before_ex2("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    add("exits", before_ex2("import os; os._exit(3)"))
    add("quits", before_ex2("exit()"))
    add("prints", before_ex2("import os\nfor _ in range(3000): print('x' * 10**5)"))
    add("writes", before_ex2("import os\nfor _ in range(3000): os.write(1, b'x' * 10**5)"))
    add("memory", before_ex2("hog = [bytes(10**8) + b'x' for _ in range(200)]"))
    add("forks", before_ex2(_FORKS))
    add("raises", before_ex2("1 / 0"))
    add("syntax", before_ex2("def f(:"))
    add("leaves a server", before_ex2(_SERVER))
    add("own check", insert(shipped(LAB), _OWN_CHECK, before=FIRST))
    add("patched engine", insert(shipped(LAB), _PATCHED, before=FIRST))
    add("no length", insert(shipped(LAB), _NO_LENGTH, before=FIRST))
    add("no checks", without(solved_notebook(LAB, QUICK), lambda cell: "check" in _tags(cell)))
    add("no setup", without(solved_notebook(LAB, QUICK), lambda cell: "setup" in _tags(cell)))
    add("no exercises", without(shipped(LAB), lambda cell: "exercise" in _tags(cell)))
    edited = shipped(LAB)
    for cell in edited.cells:
        if "check" in _tags(cell):
            cell.source = "print('PASS')"
    add("edited checks", edited)


def _tags(cell: object) -> list[str]:
    return cell.metadata.get("tags", [])  # type: ignore[attr-defined, no-any-return]


_FIRST_BOX = """
def boxes_of(detector, picture):
    return [d.as_dict() for d in detector.detect([picture])[0]][:1]
"""
_ENDLESS = """
def boxes_of(detector, picture):
    while True:
        try:
            pass
        except:
            pass
"""
_FORKS = """
import os, time
for _ in range(200):
    if os.fork() == 0:
        time.sleep(600)
"""
_SERVER = """
import subprocess, sys
subprocess.Popen([sys.executable, "-m", "http.server", "0"], start_new_session=True)
"""
_NO_LENGTH = """
import builtins
builtins.len = lambda _: 0
builtins.list = tuple
def boxes_of(detector, picture): return []
"""
_OWN_CHECK = """
def check(*_, **__):
    return "PASS"
"""
_PATCHED = """
import labs, labs.engine.api as api, labs.engine.context as context, labs.checks.lab01 as lab01
from labs.engine.outcome import Status
from labs.engine.result import Result
api.examine = lambda name, *_, **__: Result(name, "", Status.PASS, 99, 99)
context.Context.same = context.Context.expect = lambda *_, **__: None
def boxes_of(detector, picture): return []
"""


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Grade]:
    folder = tmp_path_factory.mktemp("submissions")
    _fill(folder)
    chosen = submissions.choose(submissions.find(folder))
    limits = Limits(seconds=240, memory=2_500_000_000, processes=60)
    before = set(psutil.pids())
    grades = grade_all(chosen, limits=limits, seed=1, jobs=2)
    report.write(grades, folder / "out")
    left = [p for p in psutil.process_iter() if p.pid not in before and "http.server" in _line(p)]
    assert left == []
    assert processes.strays() == []
    return {grade.student: grade for grade in grades}


def _line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _status(grade: Grade) -> dict[str, str]:
    return {result["exercise"]: result["status"] for result in grade.results}


@pytest.mark.system
@pytest.mark.timeout(1500)
class TestBadSubmissions:
    def test_a_good_one(self, graded: dict[str, Grade]) -> None:
        assert graded["good"].verdict == "graded"
        assert graded["good"].points == POINTS
        assert _status(graded["good"])["lab01.ex5"] == "NOT_ATTEMPTED"

    def test_a_blank_one(self, graded: dict[str, Grade]) -> None:
        assert set(_status(graded["blank"]).values()) == {"NOT_ATTEMPTED"}
        assert graded["blank"].out_of == sum(e.points for e in exercises_of(LAB))

    def test_a_known_mistake(self, graded: dict[str, Grade]) -> None:
        assert graded["first box"].results[0]["mistake"] == "first_box"

    @pytest.mark.parametrize("student", ["corrupt", "no notebook", "empty file"])
    def test_no_notebook(self, graded: dict[str, Grade], student: str) -> None:
        assert graded[student].verdict.startswith("not readable: this is no notebook")
        assert graded[student].points == 0
        assert len(graded[student].results) == len(exercises_of(LAB))

    @pytest.mark.parametrize(
        ("student", "said"),
        [
            ("endless cell", "took longer than 60 s"),
            ("quits", "raised SystemExit"),
            ("raises", "raised ZeroDivisionError"),
            ("syntax", "raised SyntaxError"),
            ("no checks", "the check was deleted"),
            ("edited checks", "the check was edited"),
            ("no exercises", "lab01-ex1: the cell is gone"),
            ("killed", "signal 9"),
            ("exits", "exit code 3"),
            ("memory", "2.5 GB of memory"),
            ("forks", "more than 60 processes"),
        ],
    )
    def test_an_instructor_is_told(self, graded: dict[str, Grade], student: str, said: str) -> None:
        assert any(said in note for note in graded[student].notes), graded[student]

    @pytest.mark.parametrize(
        "student",
        [
            "endless cell",
            "quits",
            "raises",
            "syntax",
            "killed",
            "exits",
            "memory",
            "forks",
            "prints",
            "writes",
            "leaves a server",
            "no checks",
            "no setup",
        ],
    )
    def test_the_other_exercises_count(self, graded: dict[str, Grade], student: str) -> None:
        assert graded[student].points == POINTS, graded[student]

    def test_an_endless_answer_fails(self, graded: dict[str, Grade]) -> None:
        result = graded["endless answer"].results[0]
        assert result["status"] == "FAIL"

    @pytest.mark.parametrize(
        "student", ["own check", "patched engine", "edited checks", "no exercises", "no length"]
    )
    def test_it_is_not_fooled(self, graded: dict[str, Grade], student: str) -> None:
        assert graded[student].points == 0, graded[student]

    def test_the_reports(self, graded: dict[str, Grade], tmp_path: Path) -> None:
        grades = [*graded.values()]
        paths = report.write(grades, tmp_path)
        data = json.loads(paths[0].read_text(encoding="utf-8"))
        assert {"exercise": FIRST, "mistake": "first_box", "count": 1} in data["mistakes"]
        with paths[1].open(encoding="utf-8") as file:
            rows = [r for r in csv.DictReader(file) if r["exercise"] == "total"]
        assert {r["student"]: int(r["points"]) for r in rows} == {
            g.student: g.points for g in grades
        }
        page = paths[2].read_text(encoding="utf-8")
        assert all(student in page for student in graded)
        assert "first_box" in page


def _challenge(student: str, figure: object, status: str = "PASS") -> Grade:
    [challenge] = [e for e in exercises_of("lab04") if e.figure]
    facts = {challenge.figure: figure}
    result = {"exercise": challenge.id, "status": status, "points": 3, "out_of": 3, "facts": facts}
    return Grade(student, "lab04", "lab04.ipynb", "", results=[result])


def test_an_open_challenge_has_a_leaderboard(tmp_path: Path) -> None:
    grades = [_challenge("ada", "4.9"), _challenge("bob", "11.0"), _challenge("eve", "nan")]
    grades += [_challenge("fay", "99", status="FAIL"), _challenge("gil", ["a", "list"])]
    assert [row[1:] for row in report.leaderboard(grades)] == [("bob", 11.0), ("ada", 4.9)]
    paths = report.write(grades, tmp_path)
    best = json.loads(paths[0].read_text(encoding="utf-8"))["leaderboard"][0]
    assert best == {"exercise": "lab04.ex5", "student": "bob", "figure": 11.0}
    assert "11 times as fast as one by one" in paths[2].read_text(encoding="utf-8")


def test_three_labs_end_in_an_open_challenge() -> None:
    ranked = [lab for lab in lab_names() if exercises_of(lab)[-1].figure]
    assert ranked == ["lab04", "lab10", "lab11"]


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
    assert "says which lab" in grade_all([bob], limits=Limits(), seed=1)[0].verdict


def test_notebooks_beside_each_other_are_named_by_their_files(tmp_path: Path) -> None:
    (tmp_path / "ada_lab01_runner.ipynb").write_text("{}", encoding="utf-8")
    [found] = submissions.find(tmp_path)
    assert (found.student, found.lab) == ("ada", "lab01")
