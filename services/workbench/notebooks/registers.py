"""The generated files: ``ERRATA.md``, ``CHAPTER.md``, and nbval's ``sanitize.cfg``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from services.workbench.notebooks import coverage, errata, normalise
from services.workbench.notebooks.files import COMMITTED, short, sources

SANITIZE = COMMITTED / "sanitize.cfg"


def texts() -> Iterator[tuple[Path, str]]:
    """Yield each generated file and its content; NotebookError if a source is malformed."""
    yield errata.REGISTER, errata.render(errata.collect(sources()))
    yield SANITIZE, normalise.sanitize_file()
    yield coverage.REGISTER, coverage.render(coverage.load())


def write() -> int:
    """Write the files, print which of them changed, and return 0."""
    for path, text in list(texts()):
        changed = not path.is_file() or path.read_text(encoding="utf-8") != text
        if changed:
            path.write_text(text, encoding="utf-8")
        print(f"  {short(path)} {'written' if changed else 'unchanged'}")
    return 0
