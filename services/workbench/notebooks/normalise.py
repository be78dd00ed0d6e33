"""Make the outputs of an executed notebook the same on every machine and every run.

What a reader sees in a committed notebook should change only when the notebook or a library
changed. Two sets of rules see to that:

* *machine* rules take away where it ran: paths, temporary names, the ports a kernel hands out,
  object addresses. They apply to every text output.
* *moment* rules take away when it ran: durations, dates, process ids, UUIDs. They apply to plain
  text (``print``, ``repr``), not to HTML and Markdown, which often show source code, and not to
  cells tagged ``volatile``, whose point is the number that was measured.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from services.environment import ROOT, build_dir

UNCOMPARED_TAGS = frozenset({"volatile", "needs-engine", "needs-cluster"})
"""Tags of cells whose outputs may differ from run to run or from machine to machine."""

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE_INFO = {
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "pygments_lexer": "ipython3",
}

Rule = tuple[re.Pattern[str], str]

# A widget's view is a random id that means nothing without the kernel that made it.
_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_OVERWRITTEN = re.compile(r"^[^\n]*\r(?=[^\n])", re.MULTILINE)

_MOMENT_RULES: tuple[Rule, ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # %time, whose units change with the figures
        (r"(?m)^(CPU times|Wall time): .*$", r"\1: …"),
        # ISO 8601 and logging, then the dates of HTTP, then a time alone
        (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?([.,]\d+)?(Z|[+-]\d\d:?\d\d)?", "DATE"),
        (r"\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", "DATE"),
        (r"\b\d\d:\d\d:\d\d([.,]\d+)?\b", "TIME"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "UUID"),
        (r"(?i)\b(pid['\"]?(?:: | = |[ =:(])|process \[)\d+\b", r"\1PID"),
        (r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?(\s?)(ns|[µμu]s|ms|s|secs?|seconds?)\b", r"…\1\2"),
    )
)


def _folder_rules() -> Iterable[Rule]:
    """Yield the rules for this machine's folders, the inner ones before those around them."""
    folders = [
        (build_dir(), "build"),
        (Path(sys.prefix), ".venv"),
        (ROOT, "."),
        (Path(sys.base_prefix), "PYTHON"),
    ]
    for folder, name in sorted(folders, key=lambda pair: -len(str(pair[0]))):
        if name == ".":
            yield re.compile(re.escape(f"{folder}/")), ""
        yield re.compile(re.escape(str(folder)) + r"(?![\w-])"), name


def _machine_rules() -> tuple[Rule, ...]:
    """Return the rules that take away where a notebook ran."""
    part = r"[^/\s'\"<>:,;)\]\\&]+"
    temporary = {tempfile.gettempdir(), str(Path(tempfile.gettempdir()).resolve()), "/tmp"}
    folders = "|".join(re.escape(name) for name in sorted(temporary, key=len, reverse=True))
    return (
        *_folder_rules(),
        (re.compile(rf"(?<![\w.])(?:{folders}|/var/folders/\w+/\w+/T)/{part}"), "TMP"),
        (re.compile(r"\btmp[a-z0-9_]{8}\b"), "TMP"),
        (re.compile(re.escape(str(Path.home())) + r"(?![\w-])"), "~"),
        # Only ports a kernel hands out have five digits; 3000 or 8080 is part of the lesson.
        (re.compile(r"(127\.0\.0\.1|0\.0\.0\.0|localhost|\[::1?\]):\d{5}\b"), r"\1:PORT"),
        (re.compile(r"(?i)\b(port['\"]?(?:: | = |[ =:]))\d{5}\b"), r"\1PORT"),
        (re.compile(r"(?<=\bat )0x[0-9a-fA-F]{6,16}\b"), "0x…"),
    )


def text(value: str, *, moment: bool = True) -> str:
    """Return *value* without what depends on the machine and, by default, on the moment."""
    value = _OVERWRITTEN.sub("", _ANSI.sub("", value).replace("\r\n", "\n"))
    rules = _machine_rules() + (_MOMENT_RULES if moment else ())
    for pattern, replacement in rules:
        value = pattern.sub(replacement, value)
    return value


def _data(value: Any) -> Any:
    """Apply the machine rules to every string inside a JSON value."""
    if isinstance(value, str):
        return text(value, moment=False)
    if isinstance(value, list):
        return [_data(item) for item in value]
    if isinstance(value, dict):
        return {key: _data(item) for key, item in value.items()}
    return value


def _bundle(data: dict[str, Any], *, moment: bool) -> NotebookNode:
    """Normalise the MIME bundle of a displayed result; pictures pass through untouched."""
    clean = NotebookNode()
    for mime, value in sorted(data.items()):
        if mime == _WIDGET_VIEW:
            continue
        if mime == "text/plain" and isinstance(value, str):
            clean[mime] = text(value, moment=moment)
        elif mime.startswith("image/") and mime != "image/svg+xml":
            clean[mime] = value
        else:
            clean[mime] = _data(value)
    return clean


def outputs(raw: Iterable[NotebookNode], *, moment: bool = True) -> list[NotebookNode]:
    """Normalise the outputs of one cell.

    Parameters
    ----------
    raw : iterable of NotebookNode
        The outputs as the kernel sent them.
    moment : bool, default=True
        Also take away durations, dates and process ids. False for ``volatile`` cells.
    """
    clean: list[NotebookNode] = []
    for output in raw:
        output = NotebookNode(output)
        last = clean[-1] if clean else None
        if output.output_type == "stream" and last is not None and last.get("name") == output.name:
            # One print may arrive in several messages; how many is a matter of luck.
            last.text += output.text
            continue
        clean.append(output)
    for output in clean:
        if output.output_type == "stream":
            output.text = text(output.text, moment=moment)
        elif "data" in output:
            output.data = _bundle(output.data, moment=moment)
            output.metadata = NotebookNode(output.get("metadata", {}))
    return clean


def is_compared(cell: NotebookNode) -> bool:
    """Say whether a code cell's outputs must be the same on every run."""
    return cell.cell_type == "code" and not UNCOMPARED_TAGS & set(cell.metadata.get("tags", []))


def notebook(executed: NotebookNode) -> NotebookNode:
    """Normalise an executed notebook in place and return it.

    Execution counts run from 1, papermill's and the kernel's notes (times, paths, statuses) are
    dropped, injected parameters too.
    """
    executed.cells = [
        cell
        for cell in executed.cells
        if not {"injected-parameters", "papermill-error-cell-tag"}
        & set(cell.metadata.get("tags", []))
    ]
    count = 0
    for cell in executed.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = NotebookNode({"tags": tags} if tags else {})
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = outputs(cell.outputs, moment=is_compared(cell))
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    executed.metadata = NotebookNode(kernelspec=KERNELSPEC, language_info=LANGUAGE_INFO)
    return executed
