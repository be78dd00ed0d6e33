"""A learner's own copies of the labs, and the progress in them.

The copies are in ``work/``, which git ignores, so that updating the repository never touches an
answer.
"""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path

from labs.engine import progress
from labs.engine.attempted import notebook_of
from labs.engine.outcome import Status
from labs.engine.registry import UnknownExerciseError, exercises_of, lab_names
from services.environment import ROOT


def start(lab: str, work: Path = ROOT / "work") -> str:
    """Copy a lab into *work* unless a copy exists; return what to do next.

    Raises
    ------
    UnknownExerciseError
        If there is no such lab.
    """
    shipped = _shipped(lab)
    own = _own(shipped, work)
    if own.exists():
        if _fingerprint(own) == _fingerprint(shipped):
            return f"{_short(own)} already exists; your answers in it are untouched"
        return (
            f"{_short(own)} already exists; your answers in it are untouched. The lab has changed "
            f"since then; to get the new one and keep yours: python -m labs reset "
            f"{shipped.stem[:5]}"
        )
    own.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(shipped, own)
    return f"{_short(own)} is yours now; open it with: make jupyter"


def reset(lab: str, work: Path = ROOT / "work") -> str:
    """Replace a copy by a clean one and keep the old copy beside it; say where it is.

    Raises
    ------
    UnknownExerciseError
        If there is no such lab.
    """
    shipped = _shipped(lab)
    own = _own(shipped, work)
    if not own.exists():
        return start(lab, work)
    now = datetime.now().astimezone().strftime("%Y-%m-%dT%H-%M-%S")
    kept = own.with_name(f"{own.stem}.{now}.ipynb")
    number = 1
    while kept.exists():
        number += 1
        kept = own.with_name(f"{own.stem}.{now}.{number}.ipynb")
    own.rename(kept)
    shutil.copyfile(shipped, own)
    return f"{_short(own)} is a clean copy; your old one is {_short(kept)}. You keep your points"


def status(work: Path = ROOT / "work") -> str:
    """Return points and progress of every lab, and the next exercise."""
    known = progress.entries()
    passed = {entry.exercise for entry in known if entry.status is Status.PASS}
    tried = {entry.exercise for entry in known if entry.status is not Status.NOT_ATTEMPTED}
    lines = []
    reached = total = 0
    for lab in lab_names():
        exercises = exercises_of(lab)
        points = sum(exercise.points for exercise in exercises if exercise.id in passed)
        out_of = sum(exercise.points for exercise in exercises)
        reached, total = reached + points, total + out_of
        signs = "".join("✓" if e.id in passed else "✗" if e.id in tried else "○" for e in exercises)
        begun = "" if _own(_shipped(lab), work).exists() else "  not started"
        lines.append(
            f"{_shipped(lab).stem:<24} {signs:<6} {points:>2} of {out_of:>2} points{begun}"
        )
    lines.append(f"{'all labs':<24} {'':<6} {reached:>2} of {total:>2} points")
    last = known[-1].exercise.partition(".")[0] if known else ""
    if last in lab_names():
        own = _own(_shipped(last), work)
        lines.append(f"last worked on: {_short(own if own.exists() else _shipped(last))}")
    return "\n".join([*lines, next_exercise(work)])


def next_exercise(work: Path = ROOT / "work") -> str:
    """Return the line that names the exercise to do next."""
    known = progress.entries()
    passed = {entry.exercise for entry in known if entry.status is Status.PASS}
    last = known[-1].exercise.partition(".")[0] if known else ""
    return _next(passed, last, work)


def _next(passed: set[str], last: str, work: Path) -> str:
    """Return the line that names the next exercise, starting from the *last* lab worked on."""
    labs = lab_names()
    begin = labs.index(last) if last in labs else 0
    for lab in labs[begin:] + labs[:begin]:
        for each in exercises_of(lab):
            if each.id not in passed:
                said = f"next: {each.id} · {each.title}, about {each.minutes} minutes"
                begun = _own(_shipped(lab), work).exists()
                return said if begun else f"{said}; python -m labs start {lab}"
    return "next: nothing is left. Well done."


def _shipped(lab: str) -> Path:
    name = lab if lab.startswith("lab") else f"lab{lab:0>2}"
    name = name[:5]
    path = notebook_of(name) if name in lab_names() else None
    if path is None:
        raise UnknownExerciseError(f"there is no lab {lab!r}; there are {', '.join(lab_names())}")
    return path


def _own(shipped: Path, work: Path) -> Path:
    return work / shipped.parent.name / shipped.name


def _fingerprint(notebook: Path) -> str:
    """Return which edition of the lab a copy was made from; empty if it is unknown."""
    try:
        data = json.loads(notebook.read_text(encoding="utf-8"))
        return str(data["metadata"]["serving_labs"]["sha256"])
    except (ValueError, KeyError, TypeError):
        return ""


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
