import time

import pytest

from services.workbench.timing import interleaved, ratios


def test_every_way_takes_its_turn_at_every_place():
    order = []
    ways = {name: lambda name=name: order.append(name) for name in "abc"}
    seconds = interleaved(ways, 3)
    assert {name: len(times) for name, times in seconds.items()} == {"a": 3, "b": 3, "c": 3}
    counted = order[3:]  # after the round that is not counted
    assert ["".join(counted[i : i + 3]) for i in (0, 3, 6)] == ["abc", "bca", "cab"]


def test_the_ratio_is_of_medians():
    seconds = {"slow": [2.0, 200.0, 4.0], "fast": [1.0, 2.0, 3.0]}
    assert ratios(seconds, "fast") == {"slow": 2.0, "fast": 1.0}


def test_what_takes_longer_has_the_larger_ratio():
    ways = {"long": lambda: time.sleep(0.02), "short": lambda: None}
    assert ratios(interleaved(ways, 3), "short")["long"] > 10


@pytest.mark.parametrize(("ways", "rounds"), [({}, 3), ({"a": int}, 0)])
def test_nothing_to_time_is_an_error(ways, rounds):
    with pytest.raises(ValueError, match="at least one way"):
        interleaved(ways, rounds)
