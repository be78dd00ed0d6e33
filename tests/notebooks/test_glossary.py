"""The glossary is in alphabetical order, and every entry links to something that exists."""

from __future__ import annotations

import re
from itertools import pairwise
from urllib.parse import unquote

import pytest

from services.bench.chapter import Place
from services.environment import ROOT
from services.workbench.notebooks.files import COMMITTED, read_source, sources

TEXT = (COMMITTED / "GLOSSARY.md").read_text(encoding="utf-8")
ENTRY = re.compile(r"^(?P<term>.+?)\n\n(?P<text>.+?)\n\n\[[^\]]+\]\((?P<link>\S+)\)$", re.S)
ENTRIES = [entry.strip() for entry in re.split(r"^### ", TEXT, flags=re.M)[1:]]
TERMS = [entry.splitlines()[0] for entry in ENTRIES]
LINK = re.compile(r"\]\(GLOSSARY\.md#(\S+?)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.M)


def _notebook_anchors(notebook: str) -> set[str]:
    """Return the anchors of a notebook's headings, as JupyterLab makes them."""
    (source,) = sources(notebook)
    prose = (cell.source for cell in read_source(source).cells if cell.cell_type == "markdown")
    return {Place("", heading).anchor for text in prose for heading in HEADING.findall(text)}


def _github_anchors(text: str) -> set[str]:
    """Return the anchors of a Markdown file's headings, as GitHub makes them."""
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in HEADING.findall(text)
    }


def _is_dead(link: str) -> bool:
    """Tell whether a link from the glossary leads nowhere."""
    path, _, anchor = link.partition("#")
    if re.fullmatch(r"\d\d_\w+\.ipynb", path):
        notebook = path.removesuffix(".ipynb")
        names = {source.stem for source in sources()}
        return notebook not in names or anchor not in _notebook_anchors(notebook)
    target = (COMMITTED / path).resolve()
    if not target.is_relative_to(ROOT) or not target.is_file():
        return True
    return bool(anchor) and anchor not in _github_anchors(target.read_text(encoding="utf-8"))


def _order(term: str) -> str:
    return re.sub(r"[^a-z0-9]", "", term.casefold())


@pytest.mark.parametrize("entry", ENTRIES, ids=TERMS)
def test_an_entry_has_a_term_a_meaning_and_a_link_that_leads_somewhere(entry: str) -> None:
    match = ENTRY.match(entry)
    assert match is not None, "not of the form: ### term, meaning, [title](link)"
    assert not _is_dead(match["link"]), f"{match['link']} does not exist"


def test_the_terms_are_in_alphabetical_order_and_unique() -> None:
    terms = [_order(term) for term in TERMS]
    assert len(terms) >= 60
    assert [pair for pair in pairwise(terms) if pair[0] >= pair[1]] == []


def test_notebooks_link_to_terms_that_exist_each_once() -> None:
    """A term is linked where it is first used: in one notebook, once."""
    linked = [
        unquote(anchor)
        for source in sources()
        for cell in read_source(source).cells
        for anchor in LINK.findall(cell.source)
    ]
    assert set(linked) <= {term.replace(" ", "-") for term in TERMS}
    assert len(linked) == len(set(linked)) >= 55


@pytest.mark.parametrize(
    "link",
    [
        "01_runner.ipynb",
        "01_runner.ipynb#No-such-heading",
        "99_nothing.ipynb#3.-A-Runnable",
        "../README.md#no-such-heading",
        "../no/such/file.py",
    ],
)
def test_a_dead_link_is_noticed(link: str) -> None:
    assert _is_dead(link)
