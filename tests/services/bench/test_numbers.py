from __future__ import annotations

import pytest

from services.bench.numbers import percentile, rotated, spread


def test_spread() -> None:
    assert spread([3.0, 1.0, 2.0]) == {"median": 2.0, "min": 1.0, "max": 3.0, "n": 3}
    assert spread([1.0, 2.0])["median"] == 1.5
    with pytest.raises(ValueError, match="nothing was measured"):
        spread([])


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1), (1, 1), (50, 50), (99, 99), (99.5, 100), (100, 100)]
)
def test_a_percentile_is_a_measured_value(percent: float, expected: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], percent) == expected


def test_a_percentile_of_few_values() -> None:
    assert percentile([5.0], 99) == 5.0
    assert percentile([1.0, 9.0], 99) == 9.0
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 50)


def test_everybody_is_first_once() -> None:
    names = ["a", "b", "c"]
    turns = [rotated(names, turn) for turn in range(3)]
    assert [turn[0] for turn in turns] == names
    assert all(sorted(turn) == names for turn in turns)
    assert rotated([], 1) == []
