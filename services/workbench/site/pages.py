"""Turn notebooks and documents into the Markdown that mkdocs reads."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection
from html import escape
from pathlib import Path
from typing import Any

import nbformat

from services.workbench.notebooks.files import text_of

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_CODE = re.compile(r"^(`{3,})[^\n]*\n.*?^\1`*[ ]*$|`[^`\n]+`", re.M | re.S)
_LINK = re.compile(
    r"(?P<picture>!?)\[(?P<label>(?:[^\[\]]|\[[^\]]*\])*)\]"
    r"\((?P<target>[^)\s#]*)(?:#(?P<anchor>[^)\s]*))?\)"
)
_BADGE = re.compile(r"^\[!\[.*\n", re.M)
_IMAGES = ("image/svg+xml", "image/png", "image/jpeg")


def notebook(path: Path, relink: Callable[[str], str]) -> str:
    """Return an executed notebook as Markdown: prose, code, and outputs in a box below it."""
    parts = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            parts.append(relink(cell.source))
        elif cell.cell_type == "code" and cell.source.strip():
            parts.append(fenced(cell.source, "python"))
            parts += [shown for output in cell.outputs if (shown := _output(output, relink))]
    return "\n\n".join(parts) + "\n"


def document(text: str, relink: Callable[[str], str]) -> str:
    """Return a Markdown document without its badges, which are for GitHub only."""
    return relink(_BADGE.sub("", text))


def fenced(text: str, language: str) -> str:
    """Return *text* as a code block, with a fence that does not occur in the text."""
    longest = max((len(ticks) for ticks in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _output(output: Any, relink: Callable[[str], str]) -> str:
    match output.output_type:
        case "stream":
            return _text(text_of(output.text))
        case "error":
            return _text("\n".join(output.traceback) or f"{output.ename}: {output.evalue}")
    data = output.data
    if "text/markdown" in data:
        inner = relink(text_of(data["text/markdown"]))
        return f'<div class="output" markdown="1">\n\n{inner}\n\n</div>'
    if "text/html" in data:
        return _box(text_of(data["text/html"]))
    for kind in _IMAGES:
        if kind in data:
            content = text_of(data[kind])
            if kind == "image/svg+xml":
                return _box(content)
            alt = escape(text_of(data.get("text/plain", "")) or "A picture")
            return _box(f'<img alt="{alt}" src="data:{kind};base64,{content.strip()}">')
    return _text(text_of(data.get("text/plain", "")))


def _text(text: str) -> str:
    plain = _ANSI.sub("", text).rstrip()
    return _box(f'<pre tabindex="0">{escape(plain)}</pre>') if plain else ""


def _box(html: str) -> str:
    return f'<div class="output">{html}</div>'


def relinked(text: str, page: str, staged: Collection[str]) -> str:
    """Return Markdown with its links adapted to the site; code is unchanged.

    *page* is its file, relative to the repository's root, and *staged* are the files on the site: a
    link to any other file of the repository is replaced by its label.
    """
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\0{len(kept) - 1}\0"

    def restored(text: str) -> str:
        return re.sub("\0(\\d+)\0", lambda match: kept[int(match[1])], text)

    def relink(match: re.Match[str]) -> str:
        label, target = match["label"], match["target"]
        if "://" in target or match["picture"]:
            return match[0]
        fragment = f"#{slug(restored(match['anchor']))}" if match["anchor"] else ""
        file = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
        if target and file not in staged:
            return label
        return f"[{label}]({re.sub(r'[.]ipynb$', '.md', target)}{fragment})"

    return restored(_LINK.sub(relink, _CODE.sub(keep, text)))


def slug(heading: str) -> str:
    """Return the anchor of a heading, as GitHub and the site make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
