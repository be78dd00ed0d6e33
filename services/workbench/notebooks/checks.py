"""Checks of the chapter's notebooks; each returns a list of complaints.

A check takes a notebook and returns a list of sentences, empty if all is well. Checks of a *source*
need no execution. Checks of a *committed* notebook compare it with its source and with the lock.
"""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from services.environment import ROOT
from services.workbench.notebooks import provenance
from services.workbench.notebooks.files import (
    TAGS,
    committed_path,
    errors_in,
    read_source,
    text_of,
    warnings_in,
)

MAX_CELL_LINES = 25
MAX_MEDIAN_LINES = 6
MAX_COLUMNS = 100

Check = Callable[[NotebookNode], list[str]]

_PICTURE = re.compile(r"!\[(?P<markdown>[^\]]*)\]\(|<img\b(?P<html>[^>]*)>")
_ALT = re.compile(r"\balt\s*=\s*(?:\\?[\"'])?\s*[^\s\"'\\>]")
_MACHINE_TRACES = (
    re.compile(r"(?<![\w.])/(?:root|work|private|mnt|workspace|tmp|var/folders)/[\w.-]+"),
    # The user's home folder inside a Bento's image is the same everywhere.
    re.compile(r"(?<![\w.])/(?:home|Users)/(?!bentoml\b)[\w.-]+"),
    re.compile(r"(?:127\.0\.0\.1|0\.0\.0\.0|localhost|\[::1?\]):\d{5}\b"),
    re.compile(r"\bat 0x[0-9a-f]{6,}"),
)


def _tags(cell: NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def _code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def opening(notebook: NotebookNode) -> list[str]:
    """Require a title and a "where you are" line in the first cell."""
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.cell_type != "markdown" or not first.source.startswith("# "):
        return ["the first cell is not a Markdown cell that starts with '# Title'"]
    if "where you are" not in first.source.lower():
        return ["the first cell has no 'Where you are' line"]
    return []


def tags(notebook: NotebookNode) -> list[str]:
    """Require tags from the closed list, one ``parameters`` cell and a ``teardown`` cell."""
    complaints = [
        f"{cell.id}: tag {tag!r} is not one of {', '.join(sorted(TAGS))}"
        for cell in notebook.cells
        for tag in sorted(_tags(cell) - TAGS)
    ]
    found = [tag for cell in _code_cells(notebook) for tag in _tags(cell)]
    if found.count("parameters") != 1:
        complaints.append(f"{found.count('parameters')} cells are tagged parameters, not one")
    if "teardown" not in found:
        complaints.append("no cell is tagged teardown")
    return complaints


def _names(cell: NotebookNode, context: type[ast.expr_context]) -> Iterator[str]:
    """Yield the names that a cell stores or loads."""
    code = TransformerManager().transform_cell(cell.source)
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, context):
            yield node.id


def parameters_are_used(notebook: NotebookNode) -> list[str]:
    """Require that a later cell reads every parameter."""
    cells = _code_cells(notebook)
    index = next((n for n, cell in enumerate(cells) if "parameters" in _tags(cell)), None)
    if index is None:
        return []
    used = {name for cell in cells[index + 1 :] for name in _names(cell, ast.Load)}
    defined = set(_names(cells[index], ast.Store))
    return [f"parameter {name!r} is never used" for name in sorted(defined - used)]


def cell_lengths(notebook: NotebookNode) -> list[str]:
    """Require short code cells."""
    lengths = {
        cell.id: sum(bool(line.strip()) for line in cell.source.splitlines())
        for cell in _code_cells(notebook)
    }
    complaints = [
        f"{name}: {lines} lines, more than {MAX_CELL_LINES}"
        for name, lines in lengths.items()
        if lines > MAX_CELL_LINES
    ]
    if lengths and (median := statistics.median(lengths.values())) > MAX_MEDIAN_LINES:
        complaints.append(f"the median code cell has {median:g} lines (max {MAX_MEDIAN_LINES})")
    return complaints


def forbidden_code(notebook: NotebookNode) -> list[str]:
    """Forbid test switches inside a notebook, and sleeping as a way to wait."""
    complaints = []
    for cell in _code_cells(notebook):
        if re.search(r"\bif\s+(not\s+)?\w*TEST", cell.source):
            complaints.append(f"{cell.id}: 'if TEST'; inject a parameter instead")
        if re.search(r"\bsleep\(", cell.source) and "await asyncio.sleep(" not in cell.source:
            complaints.append(f"{cell.id}: sleep(); wait for a condition instead")
    return complaints


def pictures(notebook: NotebookNode) -> list[str]:
    """Require at least one image, and alternative text on every image.

    ``![what it shows](file)``, ``<img alt=…>`` and ``alt="…"`` in a code cell count.
    """
    complaints, found = [], 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            found += bool(_ALT.search(cell.source))
            continue
        for match in _PICTURE.finditer(cell.source):
            alt = match["markdown"] if match["markdown"] is not None else match["html"]
            has_alt = bool(alt.strip()) if match["html"] is None else bool(_ALT.search(alt))
            found += has_alt
            if not has_alt:
                complaints.append(f"{cell.id}: an image without alternative text")
    if not found and not complaints:
        complaints.append("no image or plot with alternative text")
    return complaints


def markers(notebook: NotebookNode) -> list[str]:
    """Forbid text behind a cell's marker: jupytext makes it a title, which no page shows."""
    titles = [(cell.id, cell.metadata.get("title")) for cell in notebook.cells]
    return [f"{name}: put {title!r} on a line of its own" for name, title in titles if title]


SOURCE_CHECKS: tuple[Check, ...] = (
    opening, tags, parameters_are_used, cell_lengths, forbidden_code, pictures, markers,
)  # fmt: skip


def ids(notebook: NotebookNode) -> list[str]:
    """Require cell ids that state a cell's position: ``02-service-007``."""
    numbers = [re.fullmatch(r"(\d\d-[\w-]+)-(\d{3})", cell.id) for cell in notebook.cells]
    expected = list(range(1, len(numbers) + 1))
    if [int(match[2]) if match else 0 for match in numbers] != expected:
        return ["the cell ids are not NN-name-001, NN-name-002, …"]
    return []


def executed(notebook: NotebookNode) -> list[str]:
    """Require the outputs of a clean, complete run: in order, no error, no warning."""
    cells = _code_cells(notebook)
    complaints = []
    if [cell.execution_count for cell in cells] != list(range(1, len(cells) + 1)):
        complaints.append("the cells were not executed once each, in order")
    if cells and not any(cell.outputs for cell in cells):
        complaints.append("no cell has an output")
    complaints += [f"error output in {error}" for error in errors_in(notebook)]
    complaints += [f"warning in {warning}" for warning in warnings_in(notebook)]
    return complaints


def _output_texts(cell: NotebookNode) -> Iterator[str]:
    """Yield every text in a cell's output; images are left out."""
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            yield text_of(output.text)
        for mime, value in output.get("data", {}).items():
            if not mime.startswith("image/") or mime == "image/svg+xml":
                yield text_of(value) if isinstance(value, str | list) else str(value)


def machine_traces(notebook: NotebookNode) -> list[str]:
    """Forbid paths, ports and addresses of the machine that executed the notebook."""
    return [
        f"{cell.id}: {match[0]!r} in an output"
        for cell in _code_cells(notebook)
        for text in _output_texts(cell)
        for pattern in _MACHINE_TRACES
        for match in pattern.finditer(text)
    ]


def displayed_images(notebook: NotebookNode) -> list[str]:
    """Require alternative text on every image among the outputs.

    A figure that IPython displays by itself cannot carry one: JupyterLab would ignore it.
    """
    remedy = "without alternative text; use show.picture or show.figure"
    complaints = []
    for cell in _code_cells(notebook):
        found = [image for text in _output_texts(cell) for image in re.findall(r"<img[^>]*>", text)]
        complaints += [f"{cell.id}: <img> {remedy}" for image in found if not _ALT.search(image)]
        for output in cell.get("outputs", []):
            mimes = set(output.get("data", {}))
            if "text/html" not in mimes and any(mime.startswith("image/") for mime in mimes):
                complaints.append(f"{cell.id}: an image {remedy}")
    return complaints


def readable_outputs(notebook: NotebookNode) -> list[str]:
    """Require printed lines that fit the page, and tables with text in every heading."""
    complaints = []
    for cell in _code_cells(notebook):
        for output in cell.get("outputs", []):
            printed = text_of(output.text) if output.output_type == "stream" else ""
            widest = max(map(len, printed.splitlines()), default=0)
            if widest > MAX_COLUMNS:
                complaints.append(f"{cell.id}: a line of {widest} columns (max {MAX_COLUMNS})")
        if any(re.search(r"<th\b[^>]*>\s*</th>", text) for text in _output_texts(cell)):
            complaints.append(
                f"{cell.id}: a table with an empty heading; pandas: .rename_axis(columns='row')"
            )
    return complaints


COMMITTED_CHECKS = (ids, executed, machine_traces, displayed_images, readable_outputs)
"""Checks of a committed notebook that need nothing but the notebook."""


def drift(source: Path, committed: Path | None = None) -> list[str]:
    """Check that a committed notebook exists and was executed from the current source."""
    committed = committed or committed_path(source)
    remedy = f"make notebooks ONLY={source.stem[:2]}"
    if not committed.exists():
        return [f"{committed.name} does not exist; {remedy}"]
    stamp = nbformat.read(committed, as_version=4).metadata.get(provenance.STAMP, {})
    if stamp.get("sha256") != provenance.source_hash(source):
        return [f"{source.name} changed since {committed.name} was executed; {remedy}"]
    return []


def locked(lock: Path = ROOT / "requirements.txt") -> dict[str, str]:
    """Return the versions that the lock pins for this Python and system, by normalised name."""
    pins: dict[str, str] = {}
    for line in re.findall(r"^[\w.-]+(?:\[[^\]]*\])?==[^\\#\n]+", lock.read_text("utf-8"), re.M):
        pin = Requirement(line)
        if canonicalize_name(pin.name) not in pins or pin.marker is None or pin.marker.evaluate():
            pins[canonicalize_name(pin.name)] = str(pin.specifier).removeprefix("==")
    return pins


def versions(notebook: NotebookNode, pins: dict[str, str]) -> list[str]:
    """Compare the package versions in a notebook's stamp with the lock."""
    complaints = []
    for name, version in notebook.metadata.get(provenance.STAMP, {}).get("packages", {}).items():
        pin = pins.get(canonicalize_name(name), "no such package")
        if pin != version:
            complaints.append(f"executed with {name} {version}, the lock has {pin}")
    return complaints


def complaints(source: Path) -> list[str]:
    """Return everything that is wrong with a source and its committed notebook."""
    text = read_source(source)
    found = [complaint for check in SOURCE_CHECKS for complaint in check(text)]
    if drifted := drift(source):
        return found + drifted
    notebook = nbformat.read(committed_path(source), as_version=4)
    found += [complaint for check in COMMITTED_CHECKS for complaint in check(notebook)]
    return found + versions(notebook, locked())


def report(sources: list[Path]) -> int:
    """Print the complaints about each source; return 1 if there are any, else 0."""
    failed = False
    for source in sources:
        found = complaints(source)
        print(f"{source.stem:<20} {'ok' if not found else ''}")
        for complaint in found:
            print(f"  {complaint}")
        failed = failed or bool(found)
    return int(failed)
