"""Record what an executed notebook was made from: the hash of its source, the packages used."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from services.environment import ROOT

STAMP = "serving_labs"
"""Key of the stamp in the metadata of a committed notebook."""


def source_hash(source: Path) -> str:
    """Return the SHA-256 hash of a text source, regardless of the checkout's line endings."""
    return hashlib.sha256(source.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def _imports(code: str) -> Iterator[str]:
    """Yield the dotted names that *code* imports anywhere."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            # "from services.workbench import plots" imports one of our modules by its short name.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module_file(name: str) -> Path | None:
    """Return the file of one of the project's own modules."""
    path = ROOT.joinpath(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@cache
def _distributions() -> dict[str, list[str]]:
    return {name: sorted(set(found)) for name, found in metadata.packages_distributions().items()}


def packages(code: Iterable[str]) -> dict[str, str]:
    """Return the versions of the packages that code cells use, directly or through our modules.

    IPython's magics are understood. The local part of a version is left out (``2.15.0+cpu``).
    """
    transform = TransformerManager().transform_cell
    waiting = [name for cell in code for name in _imports(transform(cell))]
    seen: set[str] = set()
    found: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        top = name.split(".")[0]
        if name in seen or top in sys.stdlib_module_names:
            continue
        seen.add(name)
        if top in ("services", "labs"):
            if module := _module_file(name):
                waiting.extend(_imports(module.read_text(encoding="utf-8")))
            continue
        for distribution in _distributions().get(top, []):
            found[distribution.lower()] = metadata.version(distribution).split("+")[0]
    return dict(sorted(found.items()))


def stamp(notebook: NotebookNode, source: Path) -> dict[str, Any]:
    """Return the stamp of *notebook*, executed from *source*."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return {
        "source": f"notebooks/sources/{source.name}",
        "sha256": source_hash(source),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "packages": packages(code),
    }
