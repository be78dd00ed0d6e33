"""``python -m labs grade``: from a folder of notebooks to a report."""

from __future__ import annotations

import argparse

from tqdm import tqdm

from labs.grading import report, submissions
from labs.grading.run import Grade, Limits, grade_all


def grade(options: argparse.Namespace) -> int:
    """Grade a folder as the options say; return the exit status.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If the deadline is no date.
    """
    deadline = submissions.moment(options.deadline) if options.deadline else None
    labs = [lab if lab.startswith("lab") else f"lab{lab:0>2}" for lab in options.lab]
    chosen = submissions.choose(submissions.find(options.folder), labs, deadline)
    if not chosen:
        print(f"there is no notebook to grade in {options.folder}")
        return 1
    limits = Limits(seconds=options.seconds, memory=int(options.memory * 1e9))
    with tqdm(total=len(chosen), unit="submission") as bar:

        def done(each: Grade) -> None:
            bar.write(
                f"{each.student:<24} {each.lab}  {each.points:>2} of {each.out_of:>2}  "
                f"{each.seconds:6.1f} s  {each.verdict}"
            )
            bar.update()

        grades = grade_all(chosen, limits=limits, seed=options.seed, jobs=options.jobs, done=done)
    for path in report.write(grades, options.out):
        print(path)
    return 0
