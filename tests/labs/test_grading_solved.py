"""What a lab's solution is given by the grader, in whose processes little may be written."""

from pathlib import Path

import pytest

from labs.engine.registry import lab_names
from labs.grading import submissions
from labs.grading.run import Limits, grade_all
from tests.labs.forty import fill

# Lab 01 starts BentoML's Runner, whose socket needs a short path, and a detector.
LABS = [
    pytest.param(lab, marks=pytest.mark.system if lab.startswith("lab01") else pytest.mark.nightly)
    for lab in lab_names()
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("lab", LABS)
def test_a_solution_gets_full_marks_and_a_blank_lab_none(tmp_path: Path, lab: str) -> None:
    full = fill(tmp_path, lab, size=2)
    grades = grade_all(submissions.choose(submissions.find(tmp_path)), limits=Limits(), seed=3)
    assert set(full.values()) == {True, False}
    results = [result for grade in grades for result in grade.results]
    assert {grade.student: grade.points for grade in grades} == {
        student: full[student] * grades[0].out_of for student in full
    }, [result for result in results if result["status"] not in ("PASS", "NOT_ATTEMPTED")]
