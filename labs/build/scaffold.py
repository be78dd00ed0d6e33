"""Scaffold an exercise: ``make new-lab N=16 NAME=my_lab``, or ``N=03`` for one more in lab 03.

It writes one data entry, one function, one cell with the task and its solution, and one list of
answers. The result works unchanged, so authors start from something that runs.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from labs.build.source import LabError
from services.environment import ROOT

_ENTRY = """
[{ex}]
title = "The area"
points = 1
minutes = 5
difficulty = 1   # 1 to 5
importance = 3   # 1 to 5
hints = [
  "The idea: an area is a width times a height.",
  "Where to look: `box` has the keys x1, y1, x2 and y2.",
  "Nearly there: the width is `box['x2'] - box['x1']`.",
]
help = [
  ["KeyError: 'width'", "A box has the keys x1, y1, x2 and y2."],
  ["TypeError: unsupported operand", "Subtract numbers: `box['x2'] - box['x1']`."],
]

[{ex}.mistakes]   # about five: what the notebook teaches, or learners do most
half = "That is the area of a triangle. A box has no half."
"""

_CHECK = '''"""{lab}.{ex}: The area."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labs.checks.unchanged import unchanged
from labs.engine import Context


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Ask for the area of boxes of several sizes."""
    for _ in range(5):
        width, height = context.random.randint(2, 90), context.random.randint(2, 90)
        box = {{"x1": 1, "y1": 2, "x2": 1 + width, "y2": 2 + height}}
        where = f"a box of {{width}} by {{height}}"
        with unchanged(context, where, box=box):
            got = context.call(answer, box, where=where)
        mistakes = {{"half": width * height / 2}}
        context.same(got, width * height, what="area(box)", where=where, mistakes=mistakes)
'''

_TASK = '''
# %% [markdown]
# ## Exercise {n} · The area
#
# Complete `area`. It gets a box, a mapping with the keys `x1`, `y1`, `x2` and `y2`, whole numbers, and
# returns its area in square pixels. The box is the same afterwards.


# %% tags=["exercise"]
def area(box):
    """Return the area of a box in square pixels."""
    ### BEGIN SOLUTION
    return (box["x2"] - box["x1"]) * (box["y2"] - box["y1"])
    ### END SOLUTION


# %% tags=["check"]
check("{lab}.{ex}", area)
'''

_LAB = '''# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lab {number} · {title}
#
# **Where you are:** after notebook [{number}](../../notebooks/{number}_{name}.ipynb).

# %% tags=["setup"]
from labs import check, hint, preflight, solution

# %% [markdown]
# What this machine has:

# %% tags=["setup", "volatile"]
preflight()
{end}
# - compute the area of a box.
'''

_ANSWERS = """
# %% {lab}.{ex} right: by sides
def area(box):
    left, top, right, bottom = (box[key] for key in ("x1", "y1", "x2", "y2"))
    return (bottom - top) * (right - left)


# %% {lab}.{ex} wrong: half
# - return (box["x2"] - box["x1"])
# + return 0.5 * (box["x2"] - box["x1"])


# %% {lab}.{ex} wrong: -the corner alone
# - (box["x2"] - box["x1"]) * (box["y2"] - box["y1"])
# + box["x2"] * box["y2"]


# %% {lab}.{ex} wrong: -negative
# - (box["x2"] - box["x1"])
# + (box["x1"] - box["x2"])


# %% {lab}.{ex} wrong: -changes the box
# - return
# + box["x2"] -= box.pop("x1")
# +     box["x1"] = 0
# +     return
"""

_END = "\n# %% [markdown]\n# ## What you can do now\n"


def scaffold(number: str, name: str = "", root: Path = ROOT) -> list[Path]:
    """Write an exercise, and its lab if no lab has this number yet.

    Parameters
    ----------
    number : str
        The lab's number, the same as its notebook's: ``"12"``.
    name : str
        The part of the notebook's name after the number: ``"own_model"``. A new lab needs it.
    root : Path
        The repository.

    Returns
    -------
    list of Path
        The files that were written or added to.

    Raises
    ------
    LabError
        If the number is invalid, or a new lab has no name.
    """
    if not re.fullmatch(r"\d\d", number):
        raise LabError(f"a lab's number has two digits, like 12; got {number!r}")
    lab = f"lab{number}"
    source = next(iter(root.glob(f"solutions/{lab}_*/{lab}_*.py")), None)
    if source is None:
        if not re.fullmatch(r"[a-z]\w*", name):
            raise LabError(f"there is no {lab} yet; name it: make new-lab N={number} NAME=own_model")
        source = root / "solutions" / f"{lab}_{name}" / f"{lab}_{name}.py"
    checks, answers = root / "labs" / "checks" / lab, root / "tests" / "labs" / "answers" / f"{lab}.py"
    n = 1 + len(list(checks.glob("ex[0-9].py")))
    values = {"lab": lab, "ex": f"ex{n}", "n": n, "number": number, "name": name, "end": _END}
    values["title"] = name.replace("_", " ").capitalize()
    _create(checks / "__init__.py", '"""Checks of {lab}: one module per exercise."""\n', values)
    _create(checks / "exercises.toml", "# The exercises of {lab}, and the texts of their checks.\n", values)
    _create(source, _LAB, values)
    _create(answers, '"""Answers to {lab}, right and wrong."""\n', values)
    _append(checks / "exercises.toml", _ENTRY.format(**values))
    _create(checks / f"ex{n}.py", _CHECK, values)
    _insert(source, _TASK.format(**values))
    _append(answers, "\n" + _ANSWERS.format(**values))
    return [checks / "exercises.toml", checks / f"ex{n}.py", source, answers]


def _create(path: Path, template: str, values: dict[str, object]) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(template.format(**values), encoding="utf-8")


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def _insert(source: Path, task: str) -> None:
    """Insert a task after a lab's last exercise."""
    text = source.read_text(encoding="utf-8")
    before, end, after = text.partition(_END)
    source.write_text(f"{before.rstrip()}\n{task}{end}{after}", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Scaffold an exercise; return the exit status."""
    parser = argparse.ArgumentParser(prog="make new-lab", description="Scaffold an exercise.")
    parser.add_argument("number", help="the lab's number, like 12")
    parser.add_argument("name", nargs="?", default="", help="a new lab's name, like own_model")
    options = parser.parse_args(arguments)
    try:
        written = scaffold(options.number, options.name)
    except LabError as error:
        print(error, file=sys.stderr)
        return 2
    for path in written:
        print(path.relative_to(ROOT))
    print(f"next: make labs ONLY={options.number}; labs/AUTHORING.md says what each file holds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
