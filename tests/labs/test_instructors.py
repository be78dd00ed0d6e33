"""What INSTRUCTORS.md says about the labs is what they declare."""

from __future__ import annotations

import re

import pytest

from labs.engine.registry import exercises_of, lab_names
from services.environment import ROOT

ROW = re.compile(r"^\| (\d\d) \| (\d+) \| (\d+) \| (.+) \|$", re.M)
ROWS = ROW.findall((ROOT / "labs" / "INSTRUCTORS.md").read_text(encoding="utf-8"))


def test_every_lab_has_a_row() -> None:
    assert [f"lab{number}" for number, *_ in ROWS] == lab_names()


@pytest.mark.parametrize(("number", "minutes", "points", "text"), ROWS)
def test_a_row_is_true(number: str, minutes: str, points: str, text: str) -> None:
    exercises = exercises_of(f"lab{number}")
    assert int(minutes) == sum(each.minutes for each in exercises)
    assert int(points) == sum(each.points for each in exercises)
    named = {name for group in re.findall(r"\(([^)]*`[^)]*)\)", text) for name in group.split(", ")}
    declared = {f"`{name}`" for each in exercises for name in each.mistakes}
    assert named
    assert named <= declared, named - declared
