"""Find the submitted notebooks (student, lab, time), and choose the ones that count."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from labs.engine.registry import lab_names
from labs.grading import notebook

_LAB = re.compile(r"lab(\d\d)(?:_\w+?)?(?=\W|_\d|$)", re.I)
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[T_ ]\d\d[:.-]?\d\d(?:[:.-]?\d\d)?(?:[+-]\d\d:?\d\d|Z)?")
UNKNOWN = "?"


@dataclass(frozen=True)
class Submission:
    """One notebook that was handed in.

    Attributes
    ----------
    student : str
        The name of the top folder that contains it.
    lab : str
        ``"lab01"``, or ``"?"`` if neither file name nor content shows it.
    path : Path
        The file.
    time : datetime
        When it was handed in, with a time zone: from ``timestamp.txt`` beside it, as nbgrader
        writes it, else from a date in its folder's name, else the file's modification time.
    problem : str
        Why it cannot be read; empty if it can.
    """

    student: str
    lab: str
    path: Path
    time: datetime
    problem: str = ""


@dataclass(frozen=True)
class Chosen:
    """The submission that counts for one student and one lab.

    Attributes
    ----------
    submission : Submission
        The newest readable one that was in time; if there is none, the newest that was in time;
        else the newest of all.
    late : bool
        Whether none was in time.
    others : int
        The number of other submissions, which do not count.
    passed_over : tuple of str
        A sentence for each newer file that was passed over because it cannot be read.
    """

    submission: Submission
    late: bool
    others: int
    passed_over: tuple[str, ...] = ()


def find(folder: Path) -> list[Submission]:
    """Return every notebook under *folder*, except those that :func:`by_products` returns.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    found = []
    for path in _notebooks(folder):
        parts = path.relative_to(folder).parts
        if _is_by_product(parts) or path.is_symlink() or not path.is_file():
            continue
        student = parts[0] if len(parts) > 1 else _LAB.sub("", path.stem).strip(" _-.") or "?"
        try:
            notebook.read(path)
            problem = ""
        except ValueError as error:
            problem = str(error)
        found.append(Submission(student, _lab_of(path), path, _time_of(path), problem))
    return found


def by_products(folder: Path) -> list[Path]:
    """Return files by systems and editors that look like notebooks, but are not submissions."""
    return [p for p in _notebooks(folder) if _is_by_product(p.relative_to(folder).parts)]


def _notebooks(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".ipynb")


def _is_by_product(parts: tuple[str, ...]) -> bool:
    """Return whether a path is hidden at any depth, a lock file, checkpoint or resource fork."""
    return (
        any(part.startswith((".", "~$")) or part == "__MACOSX" for part in parts)
        or "-checkpoint" in parts[-1]
    )


def choose(
    submissions: Iterable[Submission],
    labs: Iterable[str] = (),
    deadline: datetime | None = None,
) -> list[Chosen]:
    """Return the submission that counts per student and lab: the newest before the deadline.

    Parameters
    ----------
    submissions : iterable of Submission
        In any order.
    labs : iterable of str
        Keep these labs only; all if empty.
    deadline : datetime, optional
        With a time zone. A submission at exactly this time is in time.
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
        readable = [each for each in in_time if not each.problem]
        best = (readable or in_time or group)[-1]
        passed = tuple(
            f"{each.path.name} is newer and was passed over: {each.problem}"
            for each in in_time
            if each.problem and each.time >= best.time and each is not best
        )
        chosen.append(Chosen(best, not in_time, len(group) - 1 - len(passed), passed))
    return chosen


def moment(text: str) -> datetime:
    """Parse a date and time; without a time zone, this machine's applies.

    Raises
    ------
    ValueError
        If the text is not a date.
    """
    return datetime.fromisoformat(text.strip().replace("_", "T")).astimezone()


def _lab_of(path: Path) -> str:
    known = lab_names()
    for name in (path.name, *(parent.name for parent in list(path.parents)[:2])):
        if (match := _LAB.search(name)) and f"lab{match[1]}" in known:
            return f"lab{match[1]}"
    try:
        text = "\n".join(map(str, notebook.read(path).cells))
        match = re.search(r"\b(lab\d\d)(?:-|\.)(?:ex|setup)\d", text)
    except ValueError:
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
