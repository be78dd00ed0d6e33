"""Three experiments on samples between which nothing, or next to nothing, has changed.

Each takes about a second and returns a table for a plot of :mod:`services.workbench.drift_plots`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from services.drift.distance import ks, psi, psi_by_chance, psi_limit

SIZES = (50, 100, 200, 500, 1000, 2000, 5000, 20_000, 100_000)


def psi_of_nothing(
    sizes: Sequence[int] = SIZES, *, bins: int = 10, repeats: int = 400, seed: int = 0
) -> pd.DataFrame:
    """Measure the PSI of two samples of the same distribution, by their size.

    Under some size "more than 0.25" happens on any ordinary day; over another one a shift that
    matters stays under 0.1. A limit depends on how many requests are compared.

    Parameters
    ----------
    sizes : sequence of int
        Of both samples.
    bins : int
        Equally likely ones.
    repeats : int
        Pairs of samples for each size.
    seed : int
        Of the samples.

    Returns
    -------
    pandas.DataFrame
        Indexed by size: ``median``, and ``low`` and ``high``, between which lie nine of ten pairs;
        ``expected`` and ``limit`` by theory (:func:`services.drift.distance.psi_limit`).
    """
    rng = np.random.default_rng(seed)
    rows = []
    for n in sizes:
        expected, actual = rng.multinomial(n, np.full(bins, 1 / bins), (2, repeats))
        low, median, high = np.quantile(psi(expected, actual), [0.05, 0.5, 0.95])
        rows.append((median, low, high, psi_by_chance(bins, n, n), psi_limit(bins, n, n)))
    columns = ["median", "low", "high", "expected", "limit"]
    return pd.DataFrame(rows, index=pd.Index(sizes, name="requests"), columns=columns)


def ks_of_next_to_nothing(
    sizes: Sequence[int] = (100, 300, 1000, 3000, 10_000, 30_000),
    *,
    shift: float = 0.05,
    repeats: int = 40,
    seed: int = 0,
) -> pd.DataFrame:
    """Test two samples that differ by far too little to matter, by their size.

    With enough requests the test is sure that they differ; and it is right. It was never asked
    whether that matters. Its statistic, the distance itself, does not grow.

    Parameters
    ----------
    sizes : sequence of int
        Of both samples.
    shift : float
        Of the mean, in standard deviations of a normal distribution.
    repeats : int
        Pairs of samples for each size.
    seed : int
        Of the samples.

    Returns
    -------
    pandas.DataFrame
        Indexed by size: ``p`` and ``statistic`` in the median, ``significant`` the share of the
        pairs with a p under 0.05, ``distance`` that of the two distributions themselves.
    """
    rng = np.random.default_rng(seed)
    distance = 2 * stats.norm.cdf(shift / 2) - 1
    rows = []
    for n in sizes:
        tests = [ks(rng.normal(size=n), rng.normal(shift, size=n)) for _ in range(repeats)]
        statistic, p = np.array(tests).T
        rows.append((np.median(p), np.median(statistic), (p < 0.05).mean(), distance))
    columns = ["p", "statistic", "significant", "distance"]
    return pd.DataFrame(rows, index=pd.Index(sizes, name="requests"), columns=columns)


def alarms_by_features(
    features: Sequence[int] = (1, 2, 5, 10, 20, 50),
    *,
    alpha: float = 0.05,
    n: int = 100,
    repeats: int = 400,
    seed: int = 0,
) -> pd.DataFrame:
    """Count how often one of many features looks drifted, when none has changed.

    The test is Mann and Whitney's, the quickest; any other gives the same.

    Parameters
    ----------
    features : sequence of int
        Numbers of independent features, rising.
    alpha : float
        A p under it counts as drift.
    n : int
        Size of both samples.
    repeats : int
        Pairs of samples.
    seed : int
        Of the samples.

    Returns
    -------
    pandas.DataFrame
        Indexed by the number of features: the share of pairs with an alarm, ``unadjusted``;
        ``adjusted`` for the number of features (Benjamini and Hochberg); and ``expected`` by
        theory of the first, ``1 - (1 - alpha) ** features``.
    """
    rng = np.random.default_rng(seed)
    most = max(features)
    samples = rng.normal(size=(2, repeats, most, n)).astype(np.float32)
    ps = stats.mannwhitneyu(*samples, axis=-1, method="asymptotic").pvalue
    rows = []
    for number in features:
        some = ps[:, :number]
        adjusted = stats.false_discovery_control(some, axis=1)
        alarms = [(each < alpha).any(axis=1).mean() for each in (some, adjusted)]
        rows.append((*alarms, 1 - (1 - alpha) ** number))
    index = pd.Index(features, name="features")
    return pd.DataFrame(rows, index=index, columns=["unadjusted", "adjusted", "expected"])
