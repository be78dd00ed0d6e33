"""The register of errata, ``ERRATA.md``, made from the notebooks.

An erratum is a blockquote in a notebook: a head with its number, section, class and the chapter's
line, then one sentence on what happens today::

    > **Erratum 4** · section 10.4.1 · changed since · `runner.inference.async_run([image])`
    > A method for one image refuses a list.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from services.environment import ROOT
from services.workbench.notebooks.files import NotebookError, read_source

REGISTER = ROOT / "ERRATA.md"

CLASSES = ("wrong when printed", "changed since", "defect of a library")
"""What kind of erratum it is; a closed list."""

_FORM = "> **Erratum N** · section 10.x · class · `the chapter's line`"
_HEAD = re.compile(
    r"> \*\*Erratum (?P<number>\d+)\*\* · section (?P<section>10(?:\.\d+){0,2})"
    rf" · (?P<kind>{'|'.join(CLASSES)}) · (?P<line>(?P<ticks>`+)[^`].*?(?P=ticks))"
)
# What looks like the head of an erratum, well formed or not; prose writes "erratum 4".
_LIKE_A_HEAD = re.compile(r"\*\*Erratum\b")


class Erratum(NamedTuple):
    """One erratum."""

    number: int  # as the notebooks count them
    section: str  # the chapter's section, "10.4.1"
    kind: str  # one of CLASSES
    line: str  # the chapter's line as a Markdown code span
    today: str  # what happens today, in Markdown
    notebook: str  # the name of the notebook, "02_service"
    title: str  # the notebook's title, "02 · The service"


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield each line that looks like an erratum's head, and the rest of its blockquote."""
    lines = text.splitlines()
    for index, line in enumerate(lines):
        if _LIKE_A_HEAD.search(line):
            rest = []
            for following in lines[index + 1 :]:
                if not following.startswith(">") or _LIKE_A_HEAD.search(following):
                    break
                rest.append(following.removeprefix(">").strip())
            yield line.rstrip(), " ".join(part for part in rest if part)


def errata_in(source: Path) -> list[Erratum]:
    """Return the errata of one notebook's text source.

    Raises NotebookError if a block does not have the form; it names the cell, the line and the
    form.
    """
    cells = [cell for cell in read_source(source).cells if cell.cell_type == "markdown"]
    title = cells[0].source.splitlines()[0].removeprefix("# ") if cells else source.stem
    found = []
    for cell in cells:
        for head, today in _blocks(cell.source):
            match = _HEAD.fullmatch(head)
            if not match or not today:
                problem = "a second line, > what happens today" if match else f"the form {_FORM}"
                raise NotebookError(
                    f"{source.name}, cell {cell.id}: {head!r} needs {problem}"
                    f"; the class must be one of: {', '.join(CLASSES)}"
                )
            fields = {key: match[key] for key in ("section", "kind", "line")}
            found.append(
                Erratum(
                    int(match["number"]), **fields, today=today, notebook=source.stem, title=title
                )
            )
    return found


def collect(sources: Iterable[Path]) -> list[Erratum]:
    """Return the errata of all *sources*, by number; NotebookError if two have the same."""
    found = sorted(erratum for source in sources for erratum in errata_in(source))
    for first, second in pairwise(found):
        if first.number == second.number:
            raise NotebookError(
                f"erratum {first.number} is in {first.notebook} ({first.line}) and in "
                f"{second.notebook} ({second.line}); each number may be used only once"
            )
    return found


def _cell(text: str) -> str:
    """Return Markdown from a notebook as a cell of a table in the repository's root."""
    text = re.sub(r"(?<!\\)\|", r"\\|", text)
    text = re.sub(r"\]\((\d\d_\w+\.ipynb)", r"](notebooks/\1", text)
    return text.replace("](../", "](")


def render(errata: list[Erratum]) -> str:
    """Return the text of ``ERRATA.md``."""
    counts = Counter(erratum.kind for erratum in errata)
    lines = [
        "# Errata",
        "",
        "These are the places where the printed chapter does not work: a tool has changed since,",
        "or it never did. Each erratum is shown in its notebook. Numbers are not reused, so some",
        "are missing. This file is generated from the notebooks' text sources by `make registers`.",
        "",
        *(f"- **{kind}**: {counts[kind]}" for kind in CLASSES),
        "",
        "| no. | section | the chapter's line | what happens today | class | notebook |",
        "|---|---|---|---|---|---|",
    ]
    for one in errata:
        cells = (str(one.number), one.section, one.line, one.today, one.kind)
        link = f"[{one.title}](notebooks/{one.notebook}.ipynb)"
        lines.append(f"| {' | '.join(map(_cell, cells))} | {_cell(link)} |")
    return "\n".join(lines) + "\n"
