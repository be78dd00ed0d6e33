"""What a notebook shows besides numbers: source code, images, figures, small tables, errors.

Everything here gives the same output on every machine: no absolute path, no random id, no date.
Every image has alternative text for those who cannot see it.
"""

from __future__ import annotations

import base64
import html
import inspect
import io
import re
import sys
import sysconfig
import tempfile
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageOps

from services.environment import ROOT, build_dir

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_PACKAGES = tuple({Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")})
"""The folders of installed packages."""

_LANGUAGES = {
    ".py": "python",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".toml": "toml",
    ".json": "json",
    ".sh": "bash",
    ".md": "markdown",
}
"""The name of a file's language in Markdown."""


@dataclass(frozen=True, repr=False)
class Display:
    """Something to look at: rich in a notebook, plain text everywhere else."""

    text: str  # what print and a terminal show
    # html, markdown: what a notebook shows instead
    html: str | None = None
    markdown: str | None = None

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str | None:
        return self.html

    def _repr_markdown_(self) -> str | None:
        return self.markdown


def source(obj: Any, *, start: int | str | None = None, end: int | str | None = None) -> Display:
    """Show the source of *obj*, or a part of it, with the name of its file.

    In a notebook it is a Markdown code block: JupyterLab colours it in the reader's theme, even in
    a freshly cloned notebook that is not trusted yet.

    *obj* is a function or class (the original, if it is decorated), a module, or the path of a
    file, relative to the repository's root. *start* and *end* are the first and the last line to
    show: a number, from 1, in *obj*'s own source, or a text, which means the first line that
    contains it (for *end*: from *start* on). A text stays right when lines are added above it.
    Raises ValueError if one of them is not there, TypeError if *obj* has no Python source, and
    OSError if it cannot be read.
    """
    text, path = _read(obj)
    lines = text.splitlines()
    first = _line(lines, start, 0, 0)
    last = _line(lines, end, first, len(lines) - 1)
    if last < first:
        raise ValueError(f"the last line ({end!r}) comes before the first ({start!r})")
    shown = textwrap.dedent("\n".join(lines[first : last + 1])).strip("\n")
    caption = _short(path)
    # The fence must be longer than any fence inside.
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", shown)), default=0))
    language = _LANGUAGES.get(path.suffix, "text")
    return Display(
        text=f"{caption}\n\n{shown}",
        markdown=f"`{caption}`\n\n{fence}{language}\n{shown}\n{fence}",
    )


def _read(obj: Any) -> tuple[str, Path]:
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


def _line(lines: Sequence[str], mark: int | str | None, begin: int, default: int) -> int:
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


def _short(path: Path) -> str:
    """Return *path* in a form that is the same on every machine."""
    if not path.is_file():
        return "this notebook"  # A cell is compiled with the name of a file that does not exist.
    path = path.resolve()
    for folder in (*_PACKAGES, ROOT, Path(sysconfig.get_path("stdlib")).resolve()):
        if path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
    return path.name


def picture(image: Image.Image, alt: str, *, width: int | None = None) -> Display:
    """Show an image in the notebook, with *alt*, a sentence, as alternative text.

    It is embedded as JPEG, or as PNG if parts of it are transparent. If it is wider than *width*
    pixels (1 or more), it is scaled down first, so that the notebook stays small; a smaller one
    keeps its size. Raises ValueError if *alt* is empty, or *width* is below 1.
    """
    _require_alt(alt)
    if width is not None and width < 1:
        raise ValueError(f"width must be 1 pixel or more; got {width}")
    shown = _for_a_browser(ImageOps.exif_transpose(image))
    if width is not None and shown.width > width:
        height = max(1, round(shown.height * width / shown.width))
        shown = shown.resize((width, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    if shown.mode == "RGBA":
        shown.save(buffer, "PNG")
        return _embedded(buffer.getvalue(), "image/png", alt, shown.width)
    shown.save(buffer, "JPEG", quality=85)
    return _embedded(buffer.getvalue(), "image/jpeg", alt, shown.width)


def figure(fig: Figure, alt: str, *, dpi: int = 100) -> Display:
    """Show a Matplotlib figure as a PNG of *dpi* pixels per inch, with *alt* as alternative text.

    *alt* is a sentence that says the finding rather than the axes; ValueError if it is empty.
    """
    # Imported here: every lab card and `labs status` import this module, but draw no figure.
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    _require_alt(alt)
    buffer = io.BytesIO()
    # Matplotlib would write its own version into the file.
    FigureCanvasAgg(fig).print_figure(buffer, format="png", dpi=dpi, metadata={"Software": None})
    width = round(fig.get_figwidth() * dpi)
    return _embedded(buffer.getvalue(), "image/png", alt, width)


def table(rows: Sequence[Sequence[object]], columns: Sequence[str]) -> Display:
    """Show *rows* as a table; numbers are right-aligned.

    The cells are shown with ``str``: round numbers first. No heading is empty, since a screen
    reader reads each cell with its heading. Raises ValueError if one is, or if a row does not have
    one cell for each heading.
    """
    if not all(heading.strip() for heading in columns):
        raise ValueError(f"every column needs a heading, got {list(columns)}")
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"{len(columns)} columns, but a row of {len(row)}: {list(row)}")
    cells = [[str(heading) for heading in columns], *([str(cell) for cell in row] for row in rows)]
    sides = [
        "left" if any(not _is_number(row[i]) for row in rows) else "right"
        for i in range(len(columns))
    ]
    return Display(text=_plain_table(cells, sides), html=_html_table(cells, sides))


def one_line(error: BaseException) -> str:
    """Return ``Type: first line of the message``, for an error that is caused on purpose.

    This machine's folders and the addresses of objects are removed from the message.
    """
    message = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    for folder, stand_in in _folders():
        message = re.sub(rf"{re.escape(folder)}(/|(?![\w-]))", stand_in, message)
    message = re.sub(r"…/(?:[^\s'\"/]+/)+", "…/", message)
    message = re.sub(r"\btmp[a-z0-9_]{8}\b", "tmp…", message)
    message = re.sub(r"\b0x[0-9a-fA-F]{6,}\b", "0x…", message)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _folders() -> list[tuple[str, str]]:
    """Return this machine's folders and their replacements, inner folders first."""
    named = [
        *((folder, "") for folder in _PACKAGES),
        (build_dir(), "build/"),
        (Path(sys.prefix), ".venv/"),
        (ROOT, ""),
        (Path(tempfile.gettempdir()), "…/"),
        (Path.home(), "~/"),
    ]
    both = {
        (str(path), stand_in) for folder, stand_in in named for path in (folder, folder.resolve())
    }
    return sorted(
        (pair for pair in both if len(pair[0]) > 1), key=lambda pair: (-len(pair[0]), pair)
    )


def _require_alt(alt: str) -> None:
    if not alt.strip():
        raise ValueError("alt must describe in a sentence what the image shows")


def _for_a_browser(image: Image.Image) -> Image.Image:
    """Return *image* in a mode that every browser can show: RGB, RGBA or L."""
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode.startswith("I;16"):
        # 65535 is white; convert() would cut off everything above 255.
        return image.convert("I").point(lambda value: value / 257).convert("L")
    return image if image.mode in {"RGB", "L"} else image.convert("RGB")


def _embedded(data: bytes, mime: str, alt: str, width: int) -> Display:
    encoded = base64.b64encode(data).decode("ascii")
    image = f'<img src="data:{mime};base64,{encoded}" alt="{html.escape(alt)}" width="{width}">'
    return Display(text=alt, html=image)


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _plain_table(cells: Sequence[Sequence[str]], sides: Sequence[str]) -> str:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [cells[0], ["-" * width for width in widths], *cells[1:]]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if side == "right" else cell.ljust(width)
            for cell, width, side in zip(line, widths, sides, strict=True)
        ).rstrip()
        for line in lines
    )


def _html_table(cells: Sequence[Sequence[str]], sides: Sequence[str]) -> str:
    def row(tag: str, line: Sequence[str]) -> str:
        return "".join(
            f'<{tag} style="text-align: {side}">{html.escape(cell)}</{tag}>'
            for cell, side in zip(line, sides, strict=True)
        )

    head, *body = cells
    rows = "\n".join(f"<tr>{row('td', line)}</tr>" for line in body)
    return (
        f"<table>\n<thead><tr>{row('th', head)}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
    )
