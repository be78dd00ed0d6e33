"""The monitor: it keeps its promise where nothing changes, and finds what does."""

from __future__ import annotations

import threading

import numpy as np
import pandas as pd
import pytest

from services.drift.distance import psi_limit
from services.drift.monitor import AlarmBudget, DriftMonitor

BUDGET = AlarmBudget(window=200, every=20, horizon=3000, alarm_rate=0.1)
LETTERS = np.array(list("abcdefgh"))


def requests(rng: np.random.Generator, n: int, *, mean: float = 0.0) -> pd.DataFrame:
    """Five features; of two of them the values hang together."""
    x = rng.normal(mean, size=n)
    return pd.DataFrame({
        "x": x,
        "y": x + rng.normal(size=n),
        "z": rng.exponential(size=n),
        "letter": LETTERS[np.minimum(rng.geometric(0.3, n), 8) - 1],
        "constant": 10,
    })  # fmt: skip


@pytest.fixture(scope="module")
def monitor() -> DriftMonitor:
    return DriftMonitor(requests(np.random.default_rng(0), 1000), BUDGET, simulations=100)


def test_it_keeps_its_promise_where_nothing_changes() -> None:
    """120 services: 12 alarms are promised at most; more than 20 would be 1 chance in 100."""
    alarms = naive = 0
    for seed in range(120):
        rng = np.random.default_rng([1, seed])
        service = DriftMonitor(requests(rng, 1000), BUDGET, simulations=100, seed=seed)
        stream = requests(rng, BUDGET.horizon)
        alarms += service.first_alarm(stream) is not None
        looks = service.scan(stream)
        naive += bool((looks["x"] > psi_limit(10, 1000, BUDGET.window)).any())
    assert 1 <= alarms <= 20
    assert naive > 60, "one feature and the limit for one look: most services alarm"


@pytest.mark.parametrize("mean", [0.5, -0.8])
def test_it_finds_what_changes_soon(mean: float) -> None:
    found = []
    for seed in range(20):
        rng = np.random.default_rng([2, seed])
        service = DriftMonitor(requests(rng, 1000), BUDGET, simulations=60, seed=seed)
        stream = pd.concat([requests(rng, 200), requests(rng, 400, mean=mean)])
        found.append(service.first_alarm(stream, after=200) is not None)
    assert sum(found) >= 19


def test_one_by_one_all_together_and_at_once_are_the_same(monitor: DriftMonitor) -> None:
    rng = np.random.default_rng(3)
    stream = pd.concat([requests(rng, 300), requests(rng, 300, mean=1)], ignore_index=True)
    first = monitor.first_alarm(stream)
    assert first is not None
    assert 300 < first < 500

    one_by_one = fresh(monitor)
    alarms = [look for row in stream.to_dict("records") if (look := one_by_one.feed(row))]
    assert alarms[0].requests == first
    assert {"x", "y"} & {*alarms[0].over}
    scanned = monitor.scan(stream)
    assert scanned.index.tolist() == list(range(200, 601, 20))
    assert one_by_one.latest is not None
    assert one_by_one.latest.psi == pytest.approx(scanned.loc[600].to_dict())

    together = fresh(monitor).feed_all(stream)
    assert together == alarms[0]


def test_it_says_nothing_until_the_window_is_full(monitor: DriftMonitor) -> None:
    service = fresh(monitor)
    moved = requests(np.random.default_rng(4), 199, mean=5)
    assert service.feed_all(moved) is None
    assert service.latest is None
    assert service.feed(moved.iloc[0].to_dict()) is not None


def test_what_is_missing_or_new_is_drift_too(monitor: DriftMonitor) -> None:
    stream = requests(np.random.default_rng(5), 200)
    for change, feature in (
        ({"letter": None}, "letter"),
        ({"letter": "new"}, "letter"),
        ({"constant": 11}, "constant"),
        ({"z": np.nan}, "z"),
    ):
        look = fresh(monitor).feed_all(stream.assign(**change))
        assert look is not None
        assert look.over == (feature,)
    look = fresh(monitor).feed_all(stream.drop(columns="letter").assign(other=1))
    assert look is not None
    assert look.over == ("letter",)


def test_threads_lose_no_request(monitor: DriftMonitor) -> None:
    service = fresh(monitor)
    rows = requests(np.random.default_rng(6), 500).to_dict("records")
    threads = [
        threading.Thread(target=lambda: [service.feed(row) for row in rows]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert service.requests == 2000
    assert service.latest is not None
    assert service.latest.requests == 2000


def test_a_seed_gives_the_same_limits() -> None:
    reference = requests(np.random.default_rng(7), 400)
    one, again, other = (
        DriftMonitor(reference, BUDGET, simulations=50, seed=seed).limits for seed in (1, 1, 2)
    )
    assert one == again != other
    assert one["letter"] != one["x"], "other numbers of bins, other limits"
    stricter = AlarmBudget(window=200, every=20, horizon=3000, alarm_rate=0.01)
    assert DriftMonitor(reference, stricter, simulations=50, seed=1).limits["x"] > one["x"]


def test_impossible_promises_are_refused() -> None:
    for numbers, message in (
        ({"every": 30}, "must divide window; got every=30, window=500"),
        ({"window": 0}, "must divide"),
        ({"horizon": 499}, "at least the window; got 499"),
        ({"alarm_rate": 0}, "between 0 and 1; got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            AlarmBudget(**numbers)
    with pytest.raises(ValueError, match="at least 200 requests, as many as the window; it has 5"):
        DriftMonitor(requests(np.random.default_rng(0), 199), BUDGET)
    assert "at most 10% of undrifted services alarm within 3,000 requests" in str(BUDGET)


def fresh(monitor: DriftMonitor) -> DriftMonitor:
    """Return a monitor with the same limits and an empty window."""
    new = DriftMonitor(requests(np.random.default_rng(0), 1000), BUDGET, simulations=1)
    new.limits = monitor.limits
    return new
