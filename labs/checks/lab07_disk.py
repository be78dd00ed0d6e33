"""Lab 07: what an answer does on the disk, seen by whoever looks at a bad moment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch


class Disk:
    """What happened while :func:`watched`.

    Attributes
    ----------
    made, removed : list of Path
        The folders that were made empty, and the files that were removed.
    """

    def __init__(self) -> None:
        self.made: list[Path] = []
        self.removed: list[Path] = []


@contextmanager
def watched() -> Iterator[Disk]:
    """Note each folder that is made, and each file that is removed, in this process."""
    disk = Disk()

    def noting(function: Callable[..., Any], notes: list[Path]) -> Callable[..., Any]:
        def call(path: Any, *args: Any, **kwargs: Any) -> Any:
            result = function(path, *args, **kwargs)
            if isinstance(path, str | os.PathLike):
                notes.append(Path(path).absolute())
            return result

        return call

    with ExitStack() as stack:
        for name, notes in (
            ("mkdir", disk.made),
            ("unlink", disk.removed),
            ("remove", disk.removed),
        ):
            stack.enter_context(patch.object(os, name, noting(getattr(os, name), notes)))
        yield disk


@contextmanager
def kept_beside(file: Path, beside: Path) -> Iterator[None]:
    """Give *file* a second name for a while, if it is there.

    What is written into the file shows under both names. A new file that takes the first name
    leaves the second as it was.
    """
    if file.exists():
        os.link(file, beside)
    try:
        yield
    finally:
        beside.unlink(missing_ok=True)
