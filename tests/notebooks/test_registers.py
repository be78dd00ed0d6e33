"""``ERRATA.md`` and ``CHAPTER.md`` are what the notebooks' sources say, and leave nothing out."""

from __future__ import annotations

from collections import Counter

from services.workbench.notebooks import coverage, errata
from services.workbench.notebooks.files import sources

DATA = coverage.load()
PRINTED = {
    "challenge": 10,
    "ability": 10,
    "figure": 11,
    "table": 6,
    "summary": 8,
}
"""How many of each the chapter has."""


def test_the_errata_are_the_notebooks() -> None:
    text = errata.render(errata.collect(sources()))
    assert errata.REGISTER.read_text(encoding="utf-8") == text, "make registers"


def test_no_known_erratum_is_lost() -> None:
    assert {erratum.number for erratum in errata.collect(sources())} >= set(range(1, 35))


def test_the_chapters_register_is_its_data() -> None:
    assert coverage.REGISTER.read_text(encoding="utf-8") == coverage.render(DATA), "make registers"


def test_no_part_of_the_chapter_is_left_out() -> None:
    kinds = Counter(row["kind"] for _, row in coverage.rows(DATA))
    assert {kind: kinds[kind] for kind in PRINTED} == PRINTED
    sections = [section["number"] for section in DATA["section"]]
    assert sections == [
        "10", "10.1", "10.2", "10.3", "10.3.1", "10.4", "10.4.1", "10.5", "10.5.1",
        "10.6", "10.7", "10.8",
    ]  # fmt: skip
    figures = [row["what"].split()[0] for _, row in coverage.rows(DATA) if row["kind"] == "figure"]
    assert figures == [f"10.{number}" for number in range(1, 12)]
    steps = [step["at"][0][0][:2] for step in DATA["step"]]
    assert steps == ["01", "02", "03", "06", "07", "08", "09"]


def test_every_row_is_of_a_known_form() -> None:
    for _, row in coverage.rows(DATA):
        assert set(row) <= {"kind", "what", "status", "at", "note"}, row["what"]
        assert row["kind"] in {
            "claim", "challenge", "ability", "figure", "listing", "command", "endpoint", "table",
            "summary", "note", "step",
        }, row["what"]  # fmt: skip
