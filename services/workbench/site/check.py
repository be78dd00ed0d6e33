"""Find dead links, and files that a built page would load from other sites."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_FETCHED = {"script", "img", "link", "source", "iframe"}
_NOT_FETCHED = {"canonical", "prev", "next", "edit"}


class _References(HTMLParser):
    """Collects what a page links to and what it loads, and its anchors."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.ids: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        if tag == "link" and values.get("rel") in _NOT_FETCHED:
            return
        for name in ("href", "src", "srcset"):
            if name in values:
                self.links.append((tag, values[name]))


def problems(site: Path) -> list[str]:
    """Return one line for each dead link and each file that would be loaded from elsewhere."""
    parsed = {path.resolve(): _References(path) for path in sorted(site.rglob("*.html"))}
    return [line for path in parsed for line in _of_page(path, parsed, site.resolve())]


def _of_page(path: Path, parsed: dict[Path, _References], site: Path) -> Iterator[str]:
    page = path.relative_to(site)
    for tag, link in parsed[path].links:
        parts = urlsplit(link)
        if parts.scheme == "data":
            continue
        if parts.scheme or parts.netloc:
            if tag in _FETCHED:
                yield f"{page}: fetched from elsewhere: {link}"
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if page.name == "404.html":
            continue  # its links are absolute: a server shows it for any address
        if not target.exists():
            yield f"{page}: dead link: {link}"
        elif parts.fragment and target in parsed:
            fragment = unquote(parts.fragment)
            if fragment not in parsed[target].ids and not fragment.startswith("__"):
                yield f"{page}: no such heading: {link}"
