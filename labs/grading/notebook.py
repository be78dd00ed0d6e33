"""Read a submitted notebook, whatever the program that wrote it changed in its format."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from labs.engine.attempted import notebook_of

_CHECKED = re.compile(r'^\s*check\(\s*["\'](lab\d\d)\.(ex\d)["\']', re.M)


def read(path: Path) -> NotebookNode:
    """Return a notebook in the current format, with LF line ends and metadata as mappings.

    A byte order mark, UTF-16, CRLF, formats 1 to 4 and ``null`` for metadata are all accepted.

    Raises
    ------
    ValueError
        If the file cannot be read or is not a notebook; the message has the reason.
    """
    try:
        data = json.loads(_text(path.read_bytes()))
        if "cells" in data:
            data["nbformat"] = data.get("nbformat") or 4
            data["nbformat_minor"] = 5
        data["metadata"] = data.get("metadata") or {}
        for number, cell in enumerate(data.get("cells", ())):
            _repair(cell, number)
        notebook = nbformat.reads(json.dumps(data), as_version=4)
        for cell in notebook.cells:
            cell.source = re.sub(r"\r\n?", "\n", cell.source)
    except Exception as error:
        said = next(iter(str(error).splitlines()), "")[:120]
        raise ValueError(f"this is not a notebook: {said or type(error).__name__}") from None
    return notebook


def _text(raw: bytes) -> str:
    try:
        return raw.decode(json.detect_encoding(raw))
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _repair(cell: dict[str, Any], number: int) -> None:
    """Fill in empty values of the right type, and an id, if a cell lacks them."""
    cell["id"] = cell.get("id") or f"without-id-{number}"
    metadata = cell.get("metadata")
    cell["metadata"] = metadata = metadata if isinstance(metadata, dict) else {}
    if not isinstance(metadata.get("nbgrader", {}), dict):
        del metadata["nbgrader"]
    if not isinstance(metadata.get("tags", []), list):
        del metadata["tags"]
    cell["source"] = cell.get("source") or ""
    if cell["cell_type"] == "code":
        cell["outputs"] = cell.get("outputs") or []
        cell.setdefault("execution_count", None)


def grade_id(cell: NotebookNode) -> str:
    """Return nbgrader's name of a cell; empty for a cell that the learner added."""
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def shipped_cells(lab: str) -> dict[str, NotebookNode]:
    """Return the shipped lab's cells that have a grade id, keyed by that id.

    Raises
    ------
    FileNotFoundError
        If the lab's notebook is missing.
    """
    official = notebook_of(lab)
    if official is None:
        raise FileNotFoundError(f"the notebook of {lab} is missing; run: make labs")
    cells = nbformat.read(official, as_version=4).cells
    return {grade_id(cell): cell for cell in cells if grade_id(cell)}


def named(cells: Sequence[NotebookNode], ours: dict[str, NotebookNode]) -> list[str]:
    """Return each cell's grade id; if an editor dropped it, match by cell id or content."""
    ids = {cell.id: name for name, cell in ours.items()}
    sources = {cell.source.strip(): name for name, cell in ours.items()}
    names = []
    for cell in cells:
        name = grade_id(cell)
        if not name:
            name = ids.get(cell.get("id"), "") or sources.get(cell.source.strip(), "")
        if not name and (match := _CHECKED.search(cell.source)):
            name = f"{match[1]}-{match[2]}-check"
        names.append(name)
    return names


def history_of(cells: Iterable[NotebookNode]) -> dict[str, Any]:
    """Return the largest numbers of tries and minutes that the cards in a notebook record."""
    found: dict[str, Any] = {"minutes": None, "tries": {}}
    for cell in cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {}).get("application/vnd.serving-labs.result+json")
            if not isinstance(data, dict) or not isinstance(data.get("history"), dict):
                continue
            tries, minutes = data["history"].get("tries"), data["history"].get("minutes")
            if isinstance(tries, int):
                found["tries"][str(data.get("exercise"))] = tries
            if isinstance(minutes, int):
                found["minutes"] = max(found["minutes"] or 0, minutes)
    return found
