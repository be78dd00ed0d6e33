"""Find the source of an object, and a name of its file that is the same on every machine."""

from __future__ import annotations

import inspect
import sysconfig
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.environment import ROOT

PACKAGES = tuple({Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")})
"""The folders of installed packages."""

LANGUAGES = {
    ".py": "python",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".toml": "toml",
    ".json": "json",
    ".sh": "bash",
    ".md": "markdown",
}
"""The name of a file's language in Markdown."""


def read(obj: Any) -> tuple[str, Path]:
    """Return the source of *obj* and the file that contains it."""
    if isinstance(obj, str | Path):
        path = ROOT / obj
        return path.read_text(encoding="utf-8"), path
    obj = _unwrapped(obj)
    path = Path(inspect.getsourcefile(obj) or "")
    return textwrap.dedent(inspect.getsource(obj)), path


def _unwrapped(obj: Any) -> Any:
    """Return the module, class or function behind decorators."""
    while True:
        obj = inspect.unwrap(obj)
        if inspect.ismodule(obj) or inspect.isclass(obj) or inspect.isroutine(obj):
            return obj
        # A BentoML service keeps its class as "inner", an API its function as "func".
        for attribute in ("inner", "func", "fget"):
            if hasattr(obj, attribute):
                obj = getattr(obj, attribute)
                break
        else:
            return obj


def line(lines: Sequence[str], mark: int | str | None, begin: int, default: int) -> int:
    """Return the index, from 0, of the line that *mark* refers to."""
    if mark is None:
        return default
    if isinstance(mark, int):
        if not 1 <= mark <= len(lines):
            raise ValueError(f"there is no line {mark}; the source has lines 1 to {len(lines)}")
        return mark - 1
    for index in range(begin, len(lines)):
        if mark in lines[index]:
            return index
    raise ValueError(f"no line contains {mark!r}" + (f" from line {begin + 1} on" if begin else ""))


def short(path: Path) -> str:
    """Return *path* in a form that is the same on every machine."""
    if not path.is_file():
        return "this notebook"  # A cell is compiled with the name of a file that does not exist.
    path = path.resolve()
    for folder in (*PACKAGES, ROOT, Path(sysconfig.get_path("stdlib")).resolve()):
        if path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
    return path.name
