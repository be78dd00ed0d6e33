"""PSI and the tests: right on what can be computed otherwise, and honest about chance."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from services.drift.distance import (
    NOTHING,
    OTHER,
    Bins,
    compare,
    psi,
    psi_limit,
)


def test_psi_is_what_its_formula_says() -> None:
    # Halves of counts no longer show in millions.
    expected, actual = [0.5, 0.3, 0.2], [0.4, 0.3, 0.3]
    by_hand = (0.4 - 0.5) * math.log(0.4 / 0.5) + (0.3 - 0.2) * math.log(0.3 / 0.2)
    counts = [np.array(shares) * 1e7 for shares in (expected, actual)]
    assert psi(*counts) == pytest.approx(by_hand, rel=1e-5)
    assert psi(*counts[::-1]) == pytest.approx(by_hand, rel=1e-5), "it has no direction"
    assert psi(counts[0], counts[0] / 10) == pytest.approx(0, abs=1e-9)


def test_psi_is_jeffreys_divergence() -> None:
    e, a = np.array([700.5, 200.5, 100.5]), np.array([500.5, 250.5, 250.5])
    both_ways = stats.entropy(e, a) + stats.entropy(a, e)
    assert psi(e - 0.5, a - 0.5) == pytest.approx(both_ways)


def test_an_empty_bin_is_large_and_not_infinite() -> None:
    assert 0.5 < psi([0, 100], [20, 80]) < 2
    stacked = psi([[0, 100], [50, 50]], [[20, 80], [50, 50]])
    assert stacked.shape == (2,)
    assert stacked[1] == 0


def test_numbers_are_binned_by_tenths_of_the_reference() -> None:
    reference = np.random.default_rng(0).lognormal(size=5000)
    bins = Bins.of(reference)
    counts = bins.counts(reference)
    assert counts.tolist() == [500] * 10 + [0]
    assert bins.counts([-1, 1e9, np.nan, None]).tolist() == [1, *[0] * 8, 1, 2]
    assert len(bins) == len(bins.labels) == 11


def test_many_equal_numbers_make_fewer_bins() -> None:
    assert Bins.of([10] * 80 + list(range(20))).labels == ("< 10", ">= 10", NOTHING)
    nothing = Bins.of([None, None])
    assert nothing.counts([None, "x"]).tolist() == [1, 1]


def test_a_few_different_numbers_have_a_bin_each() -> None:
    bins = Bins.of([10] * 90 + [9.5] * 9 + [20])
    assert bins.labels == ("9.5", "10", OTHER, NOTHING)
    assert bins.counts([10.0, 9.5, 20, 11, np.nan]).tolist() == [1, 1, 2, 1]


def test_rare_and_new_categories_are_others() -> None:
    bins = Bins.of(["a"] * 60 + ["b"] * 39 + ["c"])
    assert bins.labels == ("a", "b", OTHER, NOTHING)
    assert bins.counts(["a", "c", "new", "aa", None]).tolist() == [1, 0, 3, 1]


@pytest.mark.parametrize(
    "values",
    [[1.5, None, 3, 9, 2, 2, 7], [3, 5.5, 3, None], ["a", "b", None, "a", "zz"], [True, False]],
)
def test_one_value_goes_where_it_goes_in_a_batch(values: list) -> None:
    bins = Bins.of(values, n=3)
    asked = [*values, None, float("nan")]
    assert [bins.code(value) for value in asked] == bins.codes(asked).tolist()


@pytest.mark.parametrize("n", [200, 2000])
def test_theory_foresees_the_psi_of_two_like_samples(n: int) -> None:
    rng = np.random.default_rng(1)
    expected, actual = rng.multinomial(n, np.full(10, 0.1), (2, 4000))
    found = psi(expected, actual)
    assert found.mean() == pytest.approx((10 - 1) * (1 / n + 1 / n), rel=0.05)
    # 4,000 pairs: the standard error of a share of 0.05 is 0.0034.
    assert (found > psi_limit(10, n, n)).mean() == pytest.approx(0.05, abs=0.014)


def test_habits_are_no_limits() -> None:
    """0.25 is exceeded every other day by 50 requests; a real shift of 20,000 stays below 0.1."""
    rng = np.random.default_rng(2)
    few = psi(*rng.multinomial(50, np.full(10, 0.1), (2, 500)))
    assert (few > 0.25).mean() > 0.5
    normal, moved = rng.normal(size=(2, 20_000)) + np.array([[0.0], [0.2]])
    bins = Bins.of(normal)
    found = psi(bins.counts(normal), bins.counts(moved))
    assert 10 * psi_limit(10, 20_000, 20_000) < found < 0.1


def test_numbers_are_tested_by_scipy_without_those_that_are_missing() -> None:
    a, b = np.random.default_rng(3).normal(size=(2, 300))
    [found] = compare(pd.DataFrame({"x": a}), pd.DataFrame({"x": [*b, np.nan]}))
    wanted = stats.ks_2samp(a, b, method="asymp")
    assert (found.statistic, found.p) == pytest.approx((wanted.statistic, wanted.pvalue))
    [found] = compare(pd.DataFrame({"x": a}), pd.DataFrame({"x": [np.nan]}))
    assert (found.statistic, found.p) == (0.0, 1.0)


def test_compare_finds_the_features_that_moved() -> None:
    rng = np.random.default_rng(4)

    def sample(mean: float, shares: list[float], lost: float) -> pd.DataFrame:
        y = rng.normal(size=800)
        y[rng.random(800) < lost] = np.nan
        return pd.DataFrame({
            "moved": rng.normal(mean, size=800),
            "same": rng.normal(size=800),
            "names": rng.choice(list("abc"), 800, p=shares),
            "lost": y,
            "constant": 1,
        })  # fmt: skip

    before, now = sample(0, [0.5, 0.3, 0.2], 0), sample(0.4, [0.3, 0.5, 0.2], 0.2)
    found = {each.feature: each for each in compare(before, now)}
    assert [each.test for each in found.values()] == ["ks", "ks", "chi2", "ks", "chi2"]
    for name in ("moved", "names", "lost"):
        assert found[name].psi > found[name].limit, name
    for name in ("same", "constant"):
        assert found[name].psi < found[name].limit, name
        assert found[name].p_adjusted > 0.05
    assert found["moved"].p_adjusted < 1e-6 > found["names"].p_adjusted
    assert found["lost"].p > 0.05, "a test of the values there are does not see missing ones"
    assert all(each.p <= each.p_adjusted for each in found.values())
    assert found["constant"].psi == 0


def test_compare_refuses_what_cannot_be_compared() -> None:
    frame = pd.DataFrame({"x": [1, 2]})
    for other in (frame[:0], pd.DataFrame({"y": [1, 2]})):
        with pytest.raises(ValueError, match="at least one row, and both a common column"):
            compare(frame, other)
    with pytest.raises(ValueError, match="2 bins or more; got 1"):
        Bins.of([1], n=1)
    with pytest.raises(ValueError, match="no value"):
        Bins.of([])
