"""The register of the chapter, ``CHAPTER.md``: where each of its parts runs, or why it does not.

The data is ``notebooks/chapter.toml``. A row names a place by a string that has to be found there,
so a row whose cell is gone fails a test. The heading above the cell, and what the cell needs, are
looked up when the register is written.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from nbformat import NotebookNode

from services.environment import ROOT
from services.workbench.notebooks.files import SOURCES, NotebookError, anchor_of, read_source

REGISTER = ROOT / "CHAPTER.md"
DATA = ROOT / "notebooks" / "chapter.toml"

STATUSES = {
    "run": "a cell or a test executes it",
    "shown": "its code, file or drawing is on the page, but is not executed there",
    "mentioned": "the text explains it, and nothing is executed",
    "not here": "it is not covered, and the row says why",
}
"""How a part of the chapter is met; a closed list."""

_NEEDS = {"needs-engine": "needs a container engine", "needs-cluster": "needs a cluster"}
_NUMBERED = re.compile(r"^\d+\.? (· )?")


class Place(NamedTuple):
    """Where a string was found."""

    file: str  # relative to the repository's root
    title: str  # the notebook's number and the heading above, or the file's name
    anchor: str = ""  # the heading's address in JupyterLab; empty for a file
    needs: str = ""  # what the cell needs besides Python

    def __str__(self) -> str:
        """Return the place as a Markdown link."""
        link = f"[{self.title}]({self.file}{'#' if self.anchor else ''}{self.anchor})"
        return f"{link} ({self.needs})" if self.needs else link


def load(path: Path = DATA) -> dict[str, Any]:
    """Read the data file."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def rows(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield section number and row, the steps of the short path first."""
    yield from (("short path", {"status": "run", "kind": "step", **step}) for step in data["step"])
    for section in data["section"]:
        yield from ((section["number"], row) for row in section["rows"])


@cache
def _cells(source: Path) -> list[tuple[NotebookNode, str]]:
    """Return the cells of a notebook, each with the heading that it stands under."""
    heading, found = "", []
    for cell in read_source(source).cells:
        if cell.cell_type == "markdown":
            heading = [heading, *re.findall(r"^#+ (.+)$", cell.source, re.M)][-1]
        found.append((cell, heading))
    return found


def find(name: str, text: str, status: str, sources: Path = SOURCES) -> Place:
    """Return where *text* is in a notebook (``"02_service"``) or a file of the repository.

    With the status ``run``, a code cell of the notebook has to hold it; otherwise any cell. Raises
    NotebookError if it is not there.
    """
    source = sources / f"{name}.py"
    if not source.is_file():
        path = ROOT / name
        if not path.is_file() or text not in path.read_text(encoding="utf-8"):
            raise NotebookError(f"{text!r} is not found in {name}")
        return Place(name, f"`{name}`")
    for cell, heading in _cells(source):
        if text in cell.source and (status != "run" or cell.cell_type == "code"):
            tags = cell.metadata.get("tags", [])
            needs = next((_NEEDS[tag] for tag in tags if tag in _NEEDS), "")
            title = f"{name[:2]} · {_NUMBERED.sub('', heading)}"
            anchor = anchor_of(heading)
            return Place(f"notebooks/{name}.ipynb", title, anchor, needs)
    raise NotebookError(f"{text!r} is in no {'code ' if status == 'run' else ''}cell of {name}")


def places(row: dict[str, Any], sources: Path = SOURCES) -> list[Place]:
    """Return a row's places; NotebookError if it lacks one or a reason, or one is not there."""
    what, status = row["what"], row["status"]
    if status not in STATUSES:
        raise NotebookError(f"{what}: {status!r} is not one of {', '.join(STATUSES)}")
    if status == "not here" and not row.get("note"):
        raise NotebookError(f"{what}: 'not here' needs a note that says why")
    if status != "not here" and not row.get("at"):
        raise NotebookError(f"{what}: {status!r} needs a place")
    try:
        return [find(name, text, status, sources) for name, text in row.get("at", [])]
    except NotebookError as error:
        raise NotebookError(f"{what}: {error} (notebooks/chapter.toml)") from None


def _minutes(notebook: str) -> str:
    """Return the minutes that a notebook's first cell gives."""
    opening = _cells(SOURCES / f"{notebook}.py")[0][0].source
    short = re.search(r"Short path.*?about (\d+)\s+minutes", opening)
    match = short or re.search(r"about (\d+)\s+minutes", opening)
    return match[1] if match else "?"


def _table(head: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> list[str]:
    """Return a Markdown table's lines."""
    every = [head, ("---",) * len(head), *lines]
    return ["| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in every]


def _steps(data: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the lines of the short path's table."""
    return [
        (str(number), step["what"], str(places(step)[0]), _minutes(step["at"][0][0]))
        for number, (_, step) in enumerate(rows({"step": data["step"], "section": []}), 1)
    ]


def _lines(section: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the lines of a section's table."""
    return [
        (
            row["kind"],
            row["what"],
            row["status"],
            "<br>".join([*dict.fromkeys(map(str, places(row))), *filter(None, [row.get("note")])]),
        )
        for row in section["rows"]
    ]


def render(data: dict[str, Any]) -> str:
    """Return the text of ``CHAPTER.md``; NotebookError as for :func:`places`."""
    counts = Counter(row["status"] for number, row in rows(data) if number != "short path")
    text = [
        "# The chapter, part by part",
        "",
        "Every section, figure, listing, command, table row and summary bullet of the printed",
        "chapter, and where this repository runs it. If a part cannot run here, its row says why.",
        "This file is generated from `notebooks/chapter.toml` by `make registers`. A test fails if",
        "a cell or a file that a row names no longer exists.",
        "",
        *_table(
            ("state", "rows", "means"),
            [(f"**{name}**", str(counts[name]), said) for name, said in STATUSES.items()],
        ),
        "",
        "## The short path: seven steps",
        "",
        *_table(("step", "what", "where", "minutes"), _steps(data)),
    ]
    for section in data["section"]:
        text += ["", f"## {section['number']} {section['title']}", ""]
        text += _table(("part", "what", "status", "where, or why not"), _lines(section))
    return "\n".join(text) + "\n"
