"""A folder of submissions is graded, whatever is in it."""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path

import psutil
import pytest

from labs import __main__ as command
from labs.engine.registry import exercises_of, lab_names
from labs.grading import confine, report, run, submissions
from labs.grading.run import Grade, Limits, grade_all
from services.environment import ROOT
from services.workbench.servers import processes
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
    for name, code in HOSTILE_CELLS.items():
        add(name, insert(shipped(LAB), code.format(root=ROOT, canary=CANARY), before=FIRST))
    for name, code in HOSTILE_ANSWERS.items():
        add(name, with_answers(LAB, {FIRST: code.format(root=ROOT)}))


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


FORGED = """
import json, os
RESULT = {{"exercise": "lab01.ex1", "status": "PASS", "points": 9, "out_of": 9}}
def forge():
    for descriptor in range(3, 300):
        for line in ({{"result": RESULT}}, RESULT, {{"end": True}}):
            try:
                os.write(descriptor, (json.dumps(line) + "\\n").encode())
            except OSError:
                pass
"""
CANARY = Path(tempfile.gettempdir()) / "serving-labs-canary"
HOSTILE_CELLS = {
    "forges in a cell": f"{FORGED}\nforge()",
    "kills the grader": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)",
    "writes elsewhere": "open('{canary}', 'w').write('I was here')",
    "reads a solution": """
import re
from pathlib import Path
source = Path("{root}/solutions/lab01_runner/lab01_runner.py").read_text()
exec(source[source.index("def boxes_of"):].split("# %%")[0])
""",
    "plants a module": """
from pathlib import Path
for folder in (Path.cwd(), Path.home()):
    (folder / "colorsys.py").write_text("raise SystemExit")
    (folder / "labs").mkdir(exist_ok=True)
def boxes_of(detector, picture): return []
""",
}
HOSTILE_ANSWERS = {
    "forges in the answer": f"{FORGED}\ndef boxes_of(detector, picture): return forge() or []",
    "patches from the answer": """
def boxes_of(detector, picture):
    import labs.engine.context as context
    context.Context.same = context.Context.expect = lambda *_, **__: None
    return []
""",
    "reads a frame": """
import sys
def boxes_of(detector, picture):
    frame = sys._getframe()
    while frame:
        if "want" in frame.f_locals:
            return frame.f_locals["want"]
        frame = frame.f_back
    return []
""",
    "reads a frame of an exception": """
def boxes_of(detector, picture):
    try:
        1 / 0
    except ZeroDivisionError as error:
        frame = error.__traceback__.tb_frame
        while frame:
            if "want" in frame.f_locals:
                return frame.f_locals["want"]
            frame = frame.f_back
    return []
""",
    "runs as another file": """
from services.environment import ROOT
code = "import sys\\ndef frame(): return sys._getframe(2)"
exec(compile(code, str(ROOT / "labs" / "engine" / "x.py"), "exec"))
def boxes_of(detector, picture):
    return frame().f_locals.get("want", [])
""",
    "ends the check": "import os\ndef boxes_of(detector, picture): os._exit(0)",
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Grade]:
    folder = tmp_path_factory.mktemp("submissions")
    _fill(folder)
    chosen = submissions.choose(submissions.find(folder))
    limits = Limits(seconds=240, memory=2_500_000_000, processes=60)
    before = set(psutil.pids())
    grades = grade_all(chosen, limits=limits, seed=1, jobs=2)
    report.write(grades, folder / "out")
    left = [p for p in psutil.process_iter() if p.pid not in before and SERVER in _line(p)]
    assert left == []
    assert processes.strays() == []
    return {grade.student: grade for grade in grades}


SERVER = "-m http.server 0"  # as an answer above starts it


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
        assert graded[student].verdict.startswith("not readable: this is not a notebook")
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
        "student",
        [
            *("own check", "patched engine", "edited checks", "no exercises", "no length"),
            *HOSTILE_CELLS,
            *HOSTILE_ANSWERS,
        ],
    )
    def test_it_is_not_fooled(self, graded: dict[str, Grade], student: str) -> None:
        assert graded[student].points == 0, graded[student]
        assert graded[student].seconds < 120, "it was waited for until the limit, 300 s"

    @pytest.mark.skipif(not confine.available(), reason="no Landlock on this system")
    @pytest.mark.parametrize(
        "student", ["writes elsewhere", "reads a solution", "kills the grader"]
    )
    def test_the_kernel_refuses(self, graded: dict[str, Grade], student: str) -> None:
        assert any("raised PermissionError" in note for note in graded[student].notes)
        assert graded[student].verdict == "graded"
        assert not CANARY.exists()

    def test_the_reports(self, graded: dict[str, Grade], tmp_path: Path) -> None:
        grades = [*graded.values()]
        paths = report.write(grades, tmp_path)
        data = json.loads(paths[0].read_text(encoding="utf-8"))
        assert {"exercise": FIRST, "mistake": "first_box", "count": 1} in data["mistakes"]
        with paths[1].open(encoding="utf-8-sig") as file:
            rows = [r for r in csv.DictReader(file) if r["exercise"] == "total"]
        assert {r["student"]: int(r["points"]) for r in rows} == {
            g.student: g.points for g in grades
        }
        page = paths[-1].read_text(encoding="utf-8")
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
    assert "11 times as fast as one by one" in paths[-1].read_text(encoding="utf-8")


def test_three_labs_end_in_an_open_challenge() -> None:
    ranked = [lab for lab in lab_names() if exercises_of(lab)[-1].figure]
    assert ranked == ["lab04", "lab10", "lab11"]


def _wrong(student: str, code: str, mistake: str | None = None, status: str = "FAIL") -> Grade:
    result = {"exercise": FIRST, "status": status, "points": 0, "out_of": 2, "mistake": mistake}
    return Grade(student, LAB, "x.ipynb", "", results=[result], answers={FIRST: code})


def test_the_most_frequent_wrong_answers_are_shown_verbatim(tmp_path: Path) -> None:
    grades = [_wrong(f"s{n}", f"x = 1  # {n}", "first_box") for n in range(3)]
    grades += [_wrong("t1", "x = <"), _wrong("t2", "x = <"), _wrong("u", "x = 3")]
    grades += [_wrong(f"v{n}", "x = 4", status="PASS") for n in range(5)]
    assert report.frequent_answers(grades, FIRST) == [
        ("x = 1  # 0", 3, "first_box"),
        ("x = <", 2, ""),
    ]
    page = report.write(grades, tmp_path)[-1].read_text(encoding="utf-8")
    assert "lab01.ex1: 3 of 11, first_box" in page
    assert "<pre>x = &lt;</pre>" in page
    assert "<td>first_box</td><td>3 of 11</td>" in page


def test_a_spreadsheet_can_open_the_tables(tmp_path: Path) -> None:
    grades = [_wrong("=cmd|'/c calc'!A1", ""), _wrong("Zoë", "", "first_box")]
    grades.append(_challenge("Zoë", "3"))
    _, _, gradebook, mistakes, _ = report.write(grades, tmp_path)
    assert gradebook.read_bytes().startswith(b"\xef\xbb\xbf")
    with gradebook.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["student", "lab01.ex1", "lab04.ex5", "points"],
        ["'=cmd|'/c calc'!A1", "0", "", "0"],
        ["Zoë", "0", "3", "3"],
    ]
    assert "lab01.ex1,first_box,1" in mistakes.read_text(encoding="utf-8-sig")


def test_grades_are_written_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for student in ("ada", "bob"):
        hand_in(tmp_path / "in", student, "{}", NAME)
    seen = []

    def grade_one(each: submissions.Chosen, **_: object) -> Grade:
        path = tmp_path / "out" / "grades.json"
        seen.append(len(json.loads(path.read_text())["grades"]) if path.exists() else 0)
        return Grade(each.submission.student, LAB, "", "")

    monkeypatch.setattr(run, "grade_one", grade_one)
    arguments = ["grade", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--jobs", "1"]
    assert command.main(arguments) == 0
    assert seen == [0, 1]
