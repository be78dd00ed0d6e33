"""Grade submissions in parallel. Only the parent process writes results.

If a submission ends its process, the cell or exercise that was running is lost; the process is
started again without it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from labs.engine.outcome import Status
from labs.engine.registry import exercises_of
from labs.grading.attempt import Attempt, Limits
from labs.grading.container import Engine
from labs.grading.submissions import UNKNOWN, Chosen
from services.environment import usable_cores

__all__ = ["Grade", "Limits", "grade_all", "grade_one"]

_RESTARTS = 4


@dataclass
class Grade:
    """The result of one submission.

    Attributes
    ----------
    student, lab : str
        The student and the lab.
    file, handed_in : str
        The notebook, and when it was handed in.
    verdict : str
        ``graded``, or the reason why it was not graded in full.
    results : list of dict
        One for each exercise of the lab, in order, in the form of ``Result.as_dict``.
    notes : list of str
        What an instructor should know.
    minutes : int or None
        The time spent according to the learner's own notebook.
    seconds : float
        How long the grading took.
    answers : dict of str to str
        The code of each exercise's cell, as it was handed in.
    """

    student: str
    lab: str
    file: str
    handed_in: str
    verdict: str = "graded"
    results: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    minutes: int | None = None
    seconds: float = 0.0
    answers: dict[str, str] = field(default_factory=dict)

    @property
    def points(self) -> int:
        """Points reached."""
        return sum(int(result["points"]) for result in self.results)

    @property
    def out_of(self) -> int:
        """The maximum number of points."""
        return sum(int(result["out_of"]) for result in self.results)


def grade_all(
    chosen: Iterable[Chosen],
    *,
    limits: Limits,
    seed: int,
    jobs: int | None = None,
    done: Callable[[Grade], object] = lambda _: None,
    engine: Engine | None = None,
) -> list[Grade]:
    """Grade the chosen submissions, several at a time, and return the grades in the given order.

    Parameters
    ----------
    chosen : iterable of Chosen
        From :func:`labs.grading.submissions.choose`.
    limits : Limits
        The limits for each submission.
    seed : int
        The seed of the checks' inputs, the same for all students.
    jobs : int, optional
        How many at a time; as many as there are cores if not given.
    done : callable
        Called with each grade as soon as it is ready, one call at a time.
    engine : Engine, optional
        Run each submission in a container.
    """

    def one(each: Chosen) -> Grade:
        try:
            grade = grade_one(each, limits=limits, seed=seed, engine=engine)
        except Exception as error:  # a bug in the grader must not stop the others
            grade = _blank(each, f"the grader failed: {type(error).__name__}: {error}")
        with lock:
            done(grade)
        return grade

    lock = threading.Lock()
    with ThreadPoolExecutor(jobs or usable_cores()) as pool:
        return list(pool.map(one, chosen))


def _blank(each: Chosen, verdict: str) -> Grade:
    submission = each.submission
    return Grade(
        submission.student,
        submission.lab,
        submission.path.name,
        submission.time.isoformat(timespec="seconds"),
        verdict,
        [] if submission.lab == UNKNOWN else [_nothing(e.id) for e in exercises_of(submission.lab)],
    )


def _nothing(
    exercise: str, status: Status = Status.NOT_ATTEMPTED, said: str = ""
) -> dict[str, Any]:
    [declared] = [e for e in exercises_of(exercise[:5]) if e.id == exercise]
    message = {"What differs": said} if said else {}
    return {
        "exercise": exercise,
        "title": declared.title,
        "status": str(status),
        "points": 0,
        "out_of": declared.points,
        "mistake": None,
        "message": message,
    }


def grade_one(each: Chosen, *, limits: Limits, seed: int, engine: Engine | None = None) -> Grade:
    """Grade one submission."""
    grade = _blank(each, "graded")
    if each.others:
        grade.notes.append(f"other submissions that do not count: {each.others}")
    grade.notes += each.passed_over
    if each.late:
        grade.verdict = "late: handed in after the deadline, not counted"
        return grade
    if grade.lab == UNKNOWN:
        grade.verdict = "not graded: neither file name nor content shows which lab this is"
        return grade
    start = time.perf_counter()
    attempt = Attempt(each, limits, seed, start + limits.seconds, engine)
    for _ in range(1 + _RESTARTS):
        attempt.run()
        if attempt.complete or attempt.unreadable or time.perf_counter() > attempt.deadline:
            break
    _fill(grade, attempt)
    grade.seconds = round(time.perf_counter() - start, 1)
    return grade


def _fill(grade: Grade, attempt: Attempt) -> None:
    """Copy an attempt's reports into the grade."""
    grade.notes += list(dict.fromkeys(attempt.notes))
    grade.minutes = attempt.minutes
    grade.answers = attempt.answers
    if attempt.unreadable:
        grade.verdict = f"not readable: {attempt.unreadable}"
    elif not attempt.complete:
        grade.verdict = f"stopped: {attempt.trouble[-1] if attempt.trouble else 'it ended'}"
    elif attempt.trouble:
        grade.verdict = f"graded in part: {attempt.trouble[-1]}"
    for n, result in enumerate(grade.results):
        name = result["exercise"]
        if name in attempt.results:
            grade.results[n] = attempt.results[name]
        elif name in attempt.lost:
            grade.results[n] = _nothing(name, Status.FAIL, attempt.lost[name])
        elif not attempt.complete and not attempt.unreadable:
            grade.results[n] = _nothing(name, Status.NOT_RUN, grade.verdict)
