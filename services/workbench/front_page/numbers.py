"""Count what the README states: notebooks, labs, hours, errata. Everything is read from files."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.environment import ROOT
from services.setup.preflight import GIGABYTE, NEW_ENVIRONMENT
from services.workbench.notebooks import errata
from services.workbench.notebooks.files import read_source, sources

SHORT_PATH = ("01", "02", "03", "06", "07", "08", "09")
"""The notebooks that lead from a model to KServe without a detour."""

README = ROOT / "README.md"
BEGIN, END = "<!-- numbers: make readme -->", "<!-- /numbers -->"

_MINUTES = re.compile(r"about\s+(\d+)\s+minutes")


@dataclass(frozen=True)
class Step:
    """One notebook and its lab."""

    number: str  # the number of notebook and lab, e.g. "03"
    title: str  # the notebook's heading without its number
    # notebook, lab: the committed files; a lab that does not exist yet is the path it would have
    notebook: Path
    lab: Path
    reading: int  # minutes of reading, as stated in the notebook's first cell
    doing: int  # minutes that the lab's exercises declare
    exercises: int  # the number of exercises


def steps() -> list[Step]:
    """Return the notebooks and their labs in reading order."""
    return [_step(source) for source in sources()]


def _step(source: Path) -> Step:
    cells = read_source(source).cells
    prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
    number = source.stem[:2]
    exercises = ROOT / "labs" / "checks" / f"lab{number}" / "exercises.toml"
    table = tomllib.loads(exercises.read_text(encoding="utf-8")) if exercises.exists() else {}
    return Step(
        number=number,
        title=prose[0].splitlines()[0].removeprefix("# ").partition(" · ")[2],
        notebook=ROOT / "notebooks" / f"{source.stem}.ipynb",
        lab=ROOT / "labs" / f"lab{source.stem}" / f"lab{source.stem}.ipynb",
        reading=int(_MINUTES.findall(prose[0])[0]),
        doing=sum(exercise["minutes"] for exercise in table.values()),
        exercises=len(table),
    )


def hours(minutes: float) -> str:
    """Return minutes as whole hours, rounded up so that the estimate holds."""
    return f"{math.ceil(minutes / 60)} h"


def _reading(counted: Sequence[Step]) -> str:
    return hours(sum(step.reading for step in counted))


def _doing(counted: Sequence[Step]) -> str:
    return hours(sum(step.doing for step in counted))


def block(counted: Sequence[Step]) -> str:
    """Return the README's table of numbers, as Markdown."""
    short = [step for step in counted if step.number in SHORT_PATH]
    labs = [step for step in counted if step.exercises]
    exercises = sum(step.exercises for step in labs)
    wrong = len(errata.collect(sources()))
    rows = [
        ("notebooks", f"{len(counted)}, about {_reading(counted)} of reading"),
        ("labs", f"{len(labs)} with {exercises} exercises, about {_doing(labs)}"),
        (
            f"short path: {' → '.join(SHORT_PATH)}",
            f"about {_reading(short)} of reading, {_doing(short)} of labs",
        ),
        ("errata of the printed chapter", f"{wrong}, each shown and fixed where it bites"),
        ("disk", f"{NEW_ENVIRONMENT // GIGABYTE} GB free the first time"),
    ]
    return "\n".join(
        ["| what | how much |", "|---|---|", *(f"| **{name}** | {value} |" for name, value in rows)]
    )


def with_numbers(text: str, counted: Sequence[Step]) -> str:
    """Return the README's *text* with the block between its markers replaced; else ValueError."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the README needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{block(counted)}\n{END}{after}"
