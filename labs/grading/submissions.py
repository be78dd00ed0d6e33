"""Which notebooks were handed in, by whom, for which lab, when, and which of them counts."""

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
        The name of the first folder in which it lies.
    lab : str
        ``"lab01"``, or ``"?"`` if neither name nor content tells.
    path : Path
        The file.
    time : datetime
        When, with a time zone: ``timestamp.txt`` beside it, as nbgrader writes it, else a date in
        the name of its folder, else when the file was changed.
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
    """What counts for one student and one lab.

    Attributes
    ----------
    submission : Submission
        The newest that can be read and was in time; if there is none, the newest that was in
        time; else the newest of all.
    late : bool
        Whether none was in time.
    others : int
        How many more there are that do not count.
    passed_over : tuple of str
        A sentence for each file that is newer and was passed over, since it cannot be read.
    """

    submission: Submission
    late: bool
    others: int
    passed_over: tuple[str, ...] = ()


def find(folder: Path) -> list[Submission]:
    """Return every notebook under *folder*, without what :func:`by_products` returns.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}")
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
    """Return what systems and editors left behind that looks like a notebook and is none."""
    return [p for p in _notebooks(folder) if _is_by_product(p.relative_to(folder).parts)]


def _notebooks(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".ipynb")


def _is_by_product(parts: tuple[str, ...]) -> bool:
    """Say whether a path is hidden at any depth, a lock file, a checkpoint, or a resource fork."""
    return (
        any(part.startswith((".", "~$")) or part == "__MACOSX" for part in parts)
        or "-checkpoint" in parts[-1]
    )


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
