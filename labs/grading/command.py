"""``python -m labs grade``: from a folder of notebooks to a report."""

from __future__ import annotations

import argparse

from tqdm import tqdm

from labs.grading import confine, report, submissions
from labs.grading.container import Engine
from labs.grading.run import Grade, Limits, grade_all


def grade(options: argparse.Namespace) -> int:
    """Grade a folder as the options say; return the exit status.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If the deadline is not a date, or there is no container engine or image.
    """
    deadline = submissions.moment(options.deadline) if options.deadline else None
    labs = [lab if lab.startswith("lab") else f"lab{lab:0>2}" for lab in options.lab]
    chosen = submissions.choose(submissions.find(options.folder), labs, deadline)
    for path in submissions.by_products(options.folder):
        print(f"skipped, not a submission: {path.relative_to(options.folder)}")
    if not chosen:
        print(f"there is no notebook to grade in {options.folder}")
        return 1
    engine = Engine.find(options.container) if options.container else None
    if engine is None and not confine.available():
        print("NOT CONFINED: this system has no Landlock. A submission can write wherever you can.")
    limits = Limits(seconds=options.seconds, memory=int(options.memory * 1e9))
    known: list[Grade] = []
    with tqdm(total=len(chosen), unit="submission") as bar:

        def done(each: Grade) -> None:
            known.append(each)
            report.write_data(known, options.out)
            bar.write(
                f"{each.student:<24} {each.lab}  {each.points:>2} of {each.out_of:>2}  "
                f"{each.seconds:6.1f} s  {each.verdict}"
            )
            bar.update()

        grades = grade_all(
            chosen, limits=limits, seed=options.seed, jobs=options.jobs, done=done, engine=engine
        )
    for path in report.write(grades, options.out):
        print(path)
    return 0
