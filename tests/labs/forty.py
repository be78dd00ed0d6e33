"""How long does it take to grade a class of forty?

::

    python -m tests.labs.forty lab01        # every one with full marks: the slowest case
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from labs.engine.registry import exercises_of
from labs.grading import submissions
from labs.grading.run import Limits, grade_all
from tests.labs.submissions import hand_in, solved_notebook

SIZE = 40


def main(lab: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        notebook = solved_notebook(lab, [exercise.id for exercise in exercises_of(lab)])
        for number in range(SIZE):
            hand_in(folder, f"student{number:02d}", notebook, lab)
        start = time.perf_counter()
        chosen = submissions.choose(submissions.find(folder))
        grades = grade_all(chosen, limits=Limits(), seed=1, jobs=2)
    seconds = time.perf_counter() - start
    full = sum(grade.points == grade.out_of for grade in grades)
    longest = max(grade.seconds for grade in grades)
    print(f"{lab}: {SIZE} submissions in {seconds / 60:.1f} minutes, two at a time")
    print(f"{full} of them with full marks; the longest took {longest:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1])
