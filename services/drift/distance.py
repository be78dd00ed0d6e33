"""How far two samples of one feature are apart.

The population stability index (PSI) counts both samples in the same bins and adds up
``(actual - expected) * ln(actual / expected)`` over their shares. It comes from credit scoring
(Siddiqi, Credit Risk Scorecards, Wiley 2006, chapter on monitoring), and is the Jeffreys divergence
under another name. As in credit scoring, numbers are binned by the deciles of the reference.

The usual reading, *under 0.1 nothing, over 0.25 a shift*, is a convention, not a test. Two samples
of the *same* distribution also have a PSI above 0. For n and m values in B bins it is about
``(B - 1) * (1/n + 1/m)``; for large samples it is distributed as chi-squared with B - 1 degrees of
freedom, times ``1/n + 1/m`` (Yurdakul, Statistical Properties of Population Stability Index,
Western Michigan University 2018). For 50 and 50 values in ten bins that is 0.36: a "shift" every
time. For 100,000 each it is 0.0002, and a real shift of 0.05 goes unnoticed. :func:`psi_limit`
turns this distribution into a limit.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST = 0.02
"""The smallest share of the reference for which a category gets its own bin."""
NOTHING = "(none)"
"""The bin of missing values: None or NaN."""
OTHER = "(other)"
"""The bin of categories that are rare in the reference, or absent from it."""


@dataclass(frozen=True)
class Bins:
    """The bins in which the values of one feature are counted. The last is for missing values.

    Attributes
    ----------
    edges : tuple of float or None
        For a feature with many different numbers: the inner edges, ascending. A value on an edge
        falls into the upper bin.
    names : tuple of str or None
        For categories, or a few different numbers: the values that have their own bin.

    Examples
    --------
    >>> bins = Bins.of([1, 2, 3, 4], n=2)
    >>> bins.labels
    ('< 3', '>= 3', '(none)')
    >>> bins.counts([0, 9, 9, None]).tolist()
    [1, 2, 1]
    >>> Bins.of(["drama", "war", "drama"]).counts(["war", "comedy"]).tolist()
    [0, 1, 1, 0]
    """

    edges: tuple[float, ...] | None
    names: tuple[str, ...] | None

    @classmethod
    def of(cls, reference: Sequence[Any] | pd.Series, *, n: int = 10) -> Bins:
        """Choose bins from a reference sample of numbers or categories; None where one is missing.

        *n* is the number of bins for numbers, each with about the same share of the reference.
        There are fewer if many values are equal; n or fewer different numbers count as categories.
        Raises ValueError if the reference is empty, or *n* is below 2.
        """
        if n < 2:
            raise ValueError(f"n must be 2 bins or more; got {n}")
        values = pd.Series(reference)
        if not len(values):
            raise ValueError("the reference has no value to choose bins from")
        there = values.dropna().infer_objects()
        numbers = pd.api.types.is_numeric_dtype(there) and not pd.api.types.is_bool_dtype(there)
        if numbers and there.nunique() > n:
            inner = np.quantile(there, np.arange(1, n) / n, method="higher")
            # An edge at the least value would leave the first bin empty.
            return cls(tuple(np.unique(inner[inner > there.min()]).tolist()), None)
        shares = there.value_counts() / len(values)
        own = shares.index[shares >= LEAST]
        return cls(None, tuple(_name(value) for value in sorted(own)))

    @property
    def labels(self) -> tuple[str, ...]:
        """A label for each bin, in order."""
        if self.names is not None:
            return (*self.names, OTHER, NOTHING)
        edges = [f"{edge:.3g}" for edge in self.edges or ()]
        between = [f"{low} to {high}" for low, high in pairwise(edges)]
        return (f"< {edges[0]}", *between, f">= {edges[-1]}", NOTHING)

    def __len__(self) -> int:
        return len(self.names) + 2 if self.names is not None else len(self.edges or ()) + 2

    def code(self, value: Any) -> int:
        """Return the bin number of one value, from 0; :meth:`codes` takes many."""
        if value is None or value != value:  # nan is not equal to itself
            return len(self) - 1
        if self.names is None:
            return bisect_right(self.edges or (), float(value))
        return self._places.get(_name(value), len(self.names))

    def codes(self, values: Sequence[Any] | pd.Series) -> Ints:
        """Return the bin number of each value, from 0."""
        column = pd.Series(values)
        if self.names is not None:
            # Each different value is looked up once.
            kinds, unique = pd.factorize(column)
            codes: Ints = np.array([self.code(value) for value in unique] + [0])[kinds]
        else:
            numbers = column.to_numpy(np.float64, na_value=np.nan)
            codes = np.searchsorted(np.array(self.edges), numbers, side="right").astype(np.int64)
        codes[column.isna().to_numpy()] = len(self) - 1
        return codes

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names or ())}

    def counts(self, values: Sequence[Any] | pd.Series) -> Ints:
        """Count the values in each bin, shape (number of bins,)."""
        return np.bincount(self.codes(values), minlength=len(self)).astype(np.int64, copy=False)


def _name(value: object) -> str:
    """Return a category's name; 10 and 10.0 are the same."""
    return f"{value:g}" if isinstance(value, Real) else str(value)


def psi(expected: ArrayLike, actual: ArrayLike) -> Any:
    """Return the population stability index of two lists of counts, shape (..., number of bins).

    It is 0 (the same shares) or more and has no unit; its shape is (...). Half a count is added to
    each bin, so that an empty bin makes the index large, not infinite.

    Examples
    --------
    >>> round(psi([500, 500], [5000, 5000]), 4)
    0.0
    >>> round(psi([500, 500], [400, 600]), 3)
    0.04
    """
    e, a = (np.asarray(counts, np.float64) + 0.5 for counts in (expected, actual))
    e = e / e.sum(axis=-1, keepdims=True)
    a = a / a.sum(axis=-1, keepdims=True)
    total = ((a - e) * np.log(a / e)).sum(axis=-1)
    return float(total) if np.ndim(total) == 0 else total


def psi_limit(bins: int, n: int, m: int) -> float:
    """Return the PSI that two samples of one distribution exceed with probability 0.05.

    It holds for one check of one feature, and for bins that expect five values or more. For
    repeated checks, or many features, use :func:`services.drift.monitor.calibrate`.
    """
    return float(stats.chi2.isf(0.05, max(bins - 1, 1))) * (1 / n + 1 / m)


@dataclass(frozen=True)
class Comparison:
    """How one feature of two samples compares.

    Attributes
    ----------
    feature : str
    psi : float
        See :func:`psi`.
    limit : float
        The PSI that chance alone exceeds in 5 of 100 comparisons of one feature; see
        :func:`psi_limit`.
    test : {"ks", "chi2"}
        The test behind the p-value: the two-sample Kolmogorov-Smirnov test for numbers, Pearson's
        chi-squared test for categories and for a few different numbers.
    statistic : float
        The test's statistic. For "ks" it is the largest distance between the two distribution
        functions, 0 to 1.
    p : float
        The p-value: how often chance alone gives a statistic at least this large, 0 to 1.
    p_adjusted : float
        The p-value, adjusted for the number of features tested (Benjamini and Hochberg 1995).
    """

    feature: str
    psi: float
    limit: float
    test: str
    statistic: float
    p: float
    p_adjusted: float


def compare(reference: pd.DataFrame, current: pd.DataFrame) -> list[Comparison]:
    """Compare two samples, feature by feature: one row per request, one column per feature.

    A test answers whether there is *any* difference, and with enough requests there always is one:
    with a million, even the smallest is significant. So read the size (PSI, statistic) next to the
    p-value. And testing twenty features at 5 % finds one that "drifted" on an ordinary day, which
    is what ``p_adjusted`` corrects.

    Columns that only one sample has are left out. Raises
    ValueError if a sample is empty, or the two have no column in common.
    """
    names = [name for name in reference.columns if name in current.columns]
    if not (len(reference) and len(current) and names):
        raise ValueError("each sample needs at least one row, and both a common column")
    rows = []
    for name in names:
        bins = Bins.of(reference[name])
        counts = np.stack([bins.counts(sample[name]) for sample in (reference, current)])
        used = int((counts.sum(axis=0) > 0).sum())
        limit = psi_limit(used, len(reference), len(current))
        test, statistic, p = _test(bins, reference[name], current[name], counts)
        rows.append((name, psi(*counts), limit, test, statistic, p))
    adjusted = stats.false_discovery_control([row[-1] for row in rows])
    return [Comparison(*row, float(p)) for row, p in zip(rows, adjusted, strict=True)]


def _test(
    bins: Bins, reference: pd.Series, current: pd.Series, counts: Ints
) -> tuple[str, float, float]:
    if bins.edges is not None:
        samples = [column.dropna().to_numpy(np.float64) for column in (reference, current)]
        if not all(map(len, samples)):  # there is nothing to test
            return "ks", 0.0, 1.0
        result = stats.ks_2samp(*samples, method="asymp")
        return "ks", float(result.statistic), float(result.pvalue)
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2:
        return "chi2", 0.0, 1.0
    result = stats.chi2_contingency(counts, correction=False)
    return "chi2", float(result.statistic), float(result.pvalue)
