"""Which of the project's files a module needs: what a Bento has to include."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from services.environment import ROOT


def imports(module: Path) -> Iterator[Path]:
    """Yield the project's modules that *module* imports when it is imported itself."""
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            path = ROOT / (name.replace(".", "/") + ".py")
            if name.startswith("services.") and path.is_file():
                yield path


def closure(module: Path) -> set[str]:
    """Return the files that *module* needs, the packages' own included."""
    waiting, found = [module], set[Path]()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [*imports(path), path.parent / "__init__.py"]
    # services/__init__.py puts services/environment.py to work.
    return {str(path.relative_to(ROOT)) for path in found}
