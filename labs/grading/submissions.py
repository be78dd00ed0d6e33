"""Which notebooks were handed in, by whom, for which lab, when, and which of them counts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from labs.engine.registry import lab_names

_LAB = re.compile(r"lab(\d\d)(?:_\w+?)?(?=\W|_\d|$)")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[T_ ]\d\d[:.-]?\d\d(?:[:.-]?\d\d)?(?:[+-]\d\d:?\d\d|Z)?")
UNKNOWN = "?"


@dataclass(frozen=True)
class Submission:
    """One notebook that was handed in.

    Attributes
    ----------
    student : str
        The name of the first folder in which it lies.
    lab : str
        ``"lab01"``, or ``"?"`` if neither name nor content tells.
    path : Path
        The file.
    time : datetime
        When, with a time zone: ``timestamp.txt`` beside it, as nbgrader writes it, else a date in
        the name of its folder, else when the file was changed.
    """

    student: str
    lab: str
    path: Path
    time: datetime


@dataclass(frozen=True)
class Chosen:
    """What counts for one student and one lab.

    Attributes
    ----------
    submission : Submission
        The newest that was in time; the newest of all if none was.
    late : bool
        Whether none was in time.
    others : int
        How many more there are that do not count.
    """

    submission: Submission
    late: bool
    others: int


def find(folder: Path) -> list[Submission]:
    """Return every notebook under *folder*.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}")
    found = []
    for path in sorted(folder.rglob("*.ipynb")):
        parts = path.relative_to(folder).parts
        if ".ipynb_checkpoints" in parts or path.is_symlink() or not path.is_file():
            continue
        student = parts[0] if len(parts) > 1 else _LAB.sub("", path.stem).strip(" _-.") or "?"
        found.append(Submission(student, _lab_of(path), path, _time_of(path)))
    return found


def choose(
    submissions: Iterable[Submission],
    labs: Iterable[str] = (),
    deadline: datetime | None = None,
) -> list[Chosen]:
    """Return what counts for each student and lab: the newest before the deadline.

    Parameters
    ----------
    submissions : iterable of Submission
        In any order.
    labs : iterable of str
        Keep these labs only; all if empty.
    deadline : datetime, optional
        With a time zone. A submission of this very moment is in time.
    """
    wanted = set(labs)
    groups: dict[tuple[str, str], list[Submission]] = {}
    for each in submissions:
        if not wanted or each.lab in wanted:
            groups.setdefault((each.student, each.lab), []).append(each)
    chosen = []
    for _, group in sorted(groups.items()):
        group.sort(key=lambda each: (each.time, str(each.path)))
        in_time = [each for each in group if deadline is None or each.time <= deadline]
        best = (in_time or group)[-1]
        chosen.append(Chosen(best, late=not in_time, others=len(group) - 1))
    return chosen


def moment(text: str) -> datetime:
    """Read a date and time; without a zone it is this machine's.

    Raises
    ------
    ValueError
        If it is none.
    """
    return datetime.fromisoformat(text.strip().replace("_", "T")).astimezone()


def _lab_of(path: Path) -> str:
    known = lab_names()
    for name in (path.name, *(parent.name for parent in list(path.parents)[:2])):
        if (match := _LAB.search(name)) and f"lab{match[1]}" in known:
            return f"lab{match[1]}"
    try:
        match = re.search(r'"grade_id":\s*"(lab\d\d)-', path.read_text("utf-8", errors="replace"))
    except OSError:
        return UNKNOWN
    return match[1] if match and match[1] in known else UNKNOWN


def _time_of(path: Path) -> datetime:
    stamp = path.with_name("timestamp.txt")
    texts = [stamp.read_text("utf-8", errors="replace")] if stamp.is_file() else []
    for text in (*texts, path.parent.name, path.stem):
        if match := _TIMESTAMP.search(text):
            for candidate in (match[0], match[0].replace("_", "T"), match[0][:19]):
                try:
                    return datetime.fromisoformat(candidate).astimezone()
                except ValueError:
                    continue
    return datetime.fromtimestamp(path.stat().st_mtime).astimezone()
