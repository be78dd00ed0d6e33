"""A link from one notebook into another leads to a notebook, and to a heading in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.bench import chapter
from services.bench.chapter import Place
from services.workbench.notebooks.files import read_source, sources

LINK = re.compile(r"\]\((?P<file>\d\d_\w+)\.ipynb(?:#(?P<anchor>[^\s)]+))?\)")
SOURCES = {source.stem: source for source in sources()}
CHOOSING = "10_choosing"
PLACES = [
    place
    for table in (chapter.CLAIMS, chapter.NEEDS, chapter.CHALLENGES)
    for *_, places in table
    for place in places
]


def prose(source: Path) -> str:
    cells = read_source(source).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def headings(source: Path) -> Iterator[str]:
    """Yield the headings of a notebook as text, as Place names them."""
    for heading in re.findall(r"^#{1,6} (.+)$", prose(source), re.M):
        yield heading.strip()


@pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))
def test_links_in_the_prose_lead_somewhere(source: Path) -> None:
    dead = []
    for match in LINK.finditer(prose(source)):
        target = SOURCES.get(match["file"])
        anchors = {Place("", heading).anchor for heading in headings(target)} if target else set()
        if not target or (match["anchor"] and match["anchor"] not in anchors):
            dead.append(match[0])
    assert dead == []


@pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))
def test_a_lab_is_opened_by_the_command_that_makes_a_copy(source: Path) -> None:
    number = source.stem[:2]
    line = rf"`make lab N={number}` opens your copy of \[Lab {number}\]\(\.\./labs/"
    assert re.search(rf"\*\*Practise:\*\* {line}", prose(source))


@pytest.mark.parametrize("place", dict.fromkeys(PLACES), ids=str)
def test_places_that_notebook_10_names_exist(place: Place) -> None:
    source = SOURCES.get(place.notebook or CHOOSING)
    assert source is not None, f"there is no notebook {place.notebook}"
    assert place.heading in headings(source)


def test_each_of_the_ten_challenges_is_met_somewhere() -> None:
    assert len(chapter.CHALLENGES) == 10
    for cells, places in chapter.CHALLENGES:
        assert places, cells


def test_a_place_is_a_link_to_its_heading() -> None:
    place = Place("09_kserve", "2. The predictor")
    assert str(place) == "[09 · The predictor](09_kserve.ipynb#2.-The-predictor)"
    assert str(Place("", "When `which`")) == "[here · When `which`](#When-which)"


def test_a_row_without_its_cells_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells are needed"):
        chapter.linked(("challenge", "where"), [("a", "b", [])])
