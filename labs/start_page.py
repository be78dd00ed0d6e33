"""The page that JupyterLab opens on: the path, what is done, and what comes next.

``notebooks/START.md``, ignored by git, is rewritten whenever JupyterLab starts
(``infra/jupyter/jupyter_server_config.py``).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from labs.cli import next_exercise
from labs.engine import progress
from labs.engine.outcome import Status
from labs.engine.registry import Exercise, exercises_of, lab_names
from services.environment import ROOT
from services.workbench.front_page.numbers import SHORT_PATH, Step, hours, steps

PAGE = ROOT / "notebooks" / "START.md"

_HEAD = """# Start here

**Read** a notebook, then **do** its lab. Run a cell with Shift+Enter. To start a lab, type
the command in its row into a terminal (File → New → Terminal). It makes your own copy in `work/`.
"""
_FOOT = """
★ marks the short path. *Read* is the time for text and code, without the time that cells run.

[README](../README.md) · [for instructors](../labs/INSTRUCTORS.md) · this page is written when
JupyterLab starts; `make status` shows your points at any time
"""


def write(page: Path = PAGE, work: Path = ROOT / "work") -> Path:
    """Write the page and return its path.

    Parameters
    ----------
    page : Path
        The file to write.
    work : Path
        Where the learner's copies of the labs are.
    """
    following = next_exercise(work).removeprefix("next: ")
    page.write_text(text(steps(), _passed(), following, work), encoding="utf-8")
    return page


def address() -> str:
    """Write the page and return its address in JupyterLab, or the folder's if that fails.

    On a hub the repository may be read-only, and JupyterLab must start anyway.
    """
    try:
        opened = write()
    except OSError:
        opened = PAGE.parent
    return f"/lab/tree/{opened.relative_to(ROOT).as_posix()}"


def text(path: Sequence[Step], passed: Collection[str], following: str, work: Path) -> str:
    """Return the page as Markdown.

    Parameters
    ----------
    path : sequence of Step
        Notebooks and labs in reading order.
    passed : collection of str
        Ids of the passed exercises.
    following : str
        The exercise to do next.
    work : Path
        Where the learner's copies of the labs are. An existing copy is linked; the lab as it ships
        is not, so that nobody's answers end up in a file that git tracks.
    """
    left = sum(each.minutes for step in path for each in _exercises(step) if each.id not in passed)
    reading = hours(sum(step.reading for step in path))
    head = [
        _HEAD,
        f"**Next:** {following}\n",
        "| notebook | read | do | exercises |",
        "|---|---|---|---|",
    ]
    rows = [_row(step, passed, work) for step in path]
    rest = f"\nIn all about {reading} of reading; {left} minutes of labs are left.\n"
    return "\n".join([*head, *rows, rest]) + _FOOT


def _row(step: Step, passed: Collection[str], work: Path) -> str:
    star = " ★" if step.number in SHORT_PATH else ""
    own = work / step.lab.parent.name / step.lab.name
    lab = f"`python -m labs start lab{step.number}`"
    if own.exists():
        lab = f"[your lab {step.number}]({os.path.relpath(own, PAGE.parent)})"
    exercises = _exercises(step)
    signs = "".join("●" if each.id in passed else "○" for each in exercises)
    doing = f"{lab}, {step.doing} min" if exercises else ""
    return (
        f"| [{step.number} · {step.title}]({step.notebook.name}){star} | {step.reading:.0f} min | "
        f"{doing} | {signs} |"
    )


def _exercises(step: Step) -> tuple[Exercise, ...]:
    lab = f"lab{step.number}"
    return exercises_of(lab) if lab in lab_names() else ()


def _passed() -> set[str]:
    return {entry.exercise for entry in progress.entries() if entry.status is Status.PASS}
