"""Lab 07: what an answer does on the disk, as another process would see it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch


class Disk:
    """What happened on the disk while :func:`watched`.

    Attributes
    ----------
    made, removed : list of Path
        The folders that were created empty, and the files that were removed.
    renamed : list of (Path, str)
        The new name of each file that was renamed, and what was in it at that moment.
    """

    def __init__(self) -> None:
        self.made: list[Path] = []
        self.removed: list[Path] = []
        self.renamed: list[tuple[Path, str]] = []


@contextmanager
def watched(folder: Path) -> Iterator[Disk]:
    """Record new folders, removed and renamed files, and make *folder* behave like a separate disk.

    On such a disk, nothing can be renamed or linked into the folder from outside.
    """
    disk = Disk()

    def recording(function: Callable[..., Any], paths: list[Path]) -> Callable[..., Any]:
        def call(path: Any, *args: Any, **kwargs: Any) -> Any:
            result = function(path, *args, **kwargs)
            if isinstance(path, str | os.PathLike):
                paths.append(Path(path).absolute())
            return result

        return call

    def on_one_disk(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(source: Any, target: Any, *args: Any, **kwargs: Any) -> Any:
            inside = [folder in Path(path).absolute().parents for path in (source, target)]
            if inside[0] != inside[1]:
                text = os.strerror(errno.EXDEV)
                raise OSError(errno.EXDEV, text, str(source), None, str(target))
            if Path(source).is_file():
                content = Path(source).read_text(encoding="utf-8", errors="replace")
                disk.renamed.append((Path(target).absolute(), content))
            return function(source, target, *args, **kwargs)

        return call

    with ExitStack() as stack:
        for name, paths in {
            "mkdir": disk.made,
            "unlink": disk.removed,
            "remove": disk.removed,
        }.items():
            stack.enter_context(patch.object(os, name, recording(getattr(os, name), paths)))
        for name in ("rename", "replace", "link"):
            stack.enter_context(patch.object(os, name, on_one_disk(getattr(os, name))))
        yield disk


@contextmanager
def kept_beside(file: Path, beside: Path) -> Iterator[None]:
    """Give *file* a second name for a while, if it exists.

    Text that is written into the file shows under both names. A new file that takes the first name
    leaves the second as it was.
    """
    if file.exists():
        os.link(file, beside)
    try:
        yield
    finally:
        beside.unlink(missing_ok=True)
