"""How far two samples of one feature are apart.

The population stability index (PSI) counts both samples in the same bins and adds up
``(actual - expected) * ln(actual / expected)`` over their shares. It is as old as credit scoring
(Siddiqi, Credit Risk Scorecards, Wiley 2006, chapter on monitoring), and is Jeffreys's divergence
under another name. The bins here are made as there: tenths of the reference for numbers.

The usual reading, *under 0.1 nothing, over 0.25 a shift*, is a habit and no test. Two samples of
the *same* distribution have a PSI, too: of n and m values in B bins about
``(B - 1) * (1/n + 1/m)``, and in the long run as chi-squared with B - 1 degrees of freedom times
``1/n + 1/m`` (Yurdakul, Statistical Properties of Population Stability Index, Western Michigan
University 2018). Of 50 and 50 values in ten bins that is 0.36: a "shift" each time. Of 100,000 each
it is 0.0002, and a real shift of 0.05 is overlooked. :func:`psi_limit` turns that into a limit.
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

NOTHING = "(none)"
"""The bin of missing values: None or nan."""
OTHER = "(other)"
"""The bin of categories that the reference hardly has, or has not at all."""


@dataclass(frozen=True)
class Bins:
    """How the values of one feature are counted. Missing values have a bin of their own, the last.

    Attributes
    ----------
    edges : tuple of float or None
        Of a feature of many different numbers: the inner edges, rising. A value on an edge is in
        the upper bin.
    names : tuple of str or None
        Of a feature of categories, or of a few different numbers: those with a bin of their own.

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
    def of(cls, reference: Sequence[Any] | pd.Series, *, n: int = 10, least: float = 0.02) -> Bins:
        """Choose bins by a reference.

        Parameters
        ----------
        reference : sequence of (float or None) or of (str or None)
            Numbers or categories; a value that is not a number is a category.
        n : int
            Bins for numbers, each with about the same share of the reference. Where many values
            are equal there are fewer, and n different numbers or fewer are categories.
        least : float
            The smallest share with which a category gets a bin of its own.

        Raises
        ------
        ValueError
            If the reference is empty, or *n* is below 2.
        """
        if n < 2:
            raise ValueError(f"it takes 2 bins or more; got {n}")
        values = pd.Series(reference)
        if not len(values):
            raise ValueError("there is no value to choose bins by")
        there = values.dropna().infer_objects()
        numbers = pd.api.types.is_numeric_dtype(there) and not pd.api.types.is_bool_dtype(there)
        if numbers and there.nunique() > n:
            inner = np.quantile(there, np.arange(1, n) / n, method="higher")
            # An edge at the least value would leave the first bin empty.
            return cls(tuple(np.unique(inner[inner > there.min()]).tolist()), None)
        shares = there.value_counts() / len(values)
        own = shares.index[shares >= least]
        return cls(None, tuple(_name(value) for value in sorted(own)))

    @property
    def labels(self) -> tuple[str, ...]:
        """A text for each bin, in their order."""
        if self.names is not None:
            return (*self.names, OTHER, NOTHING)
        edges = [f"{edge:.3g}" for edge in self.edges or ()]
        between = [f"{low} to {high}" for low, high in pairwise(edges)]
        return (f"< {edges[0]}", *between, f">= {edges[-1]}", NOTHING)

    def __len__(self) -> int:
        return len(self.names) + 2 if self.names is not None else len(self.edges or ()) + 2

    def code(self, value: Any) -> int:
        """Return the number of one value's bin, from 0; :meth:`codes` for one."""
        if value is None or value != value:  # nan is not equal to itself
            return len(self) - 1
        if self.names is None:
            return bisect_right(self.edges or (), float(value))
        return self._places.get(_name(value), len(self.names))

    def codes(self, values: Sequence[Any] | pd.Series) -> Ints:
        """Return the number of each value's bin, from 0."""
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
        """Count values, shape (number of bins,)."""
        return np.bincount(self.codes(values), minlength=len(self)).astype(np.int64, copy=False)


def _name(value: object) -> str:
    """Return a category's name; 10 and 10.0 are the same."""
    return f"{value:g}" if isinstance(value, Real) else str(value)


def psi(expected: ArrayLike, actual: ArrayLike) -> Any:
    """Return the population stability index of two lists of counts.

    Half a count is added to each bin, so that an empty bin makes the index large, not infinite.

    Parameters
    ----------
    expected, actual : array_like of shape (..., number of bins)
        Counts, not shares: of the reference, and of now.

    Returns
    -------
    float or ndarray of shape (...)
        0 (the same shares) and up; without unit.

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


def psi_limit(bins: int, n: int, m: int, alpha: float = 0.05) -> float:
    """Return the PSI that two samples of one distribution exceed with probability *alpha*.

    It holds for one look at one feature, and for bins that expect five values or more. Who looks
    again and again, or at many features, needs :func:`services.drift.monitor.calibrate`.
    """
    return float(stats.chi2.isf(alpha, max(bins - 1, 1))) * (1 / n + 1 / m)


@dataclass(frozen=True)
class Comparison:
    """How one feature of two samples compares.

    Attributes
    ----------
    feature : str
    psi : float
        See :func:`psi`.
    limit : float
        What chance exceeds in 5 of 100 comparisons of one feature; see :func:`psi_limit`.
    test : {"ks", "chi2"}
        Which test gave the p: Kolmogorov and Smirnov's of two samples for numbers, Pearson's
        chi-squared for categories and for a few different numbers.
    statistic : float
        Of the test. Of "ks" the largest distance of the two distribution functions, 0 to 1.
    p : float
        How often chance alone gives such a statistic, 0 to 1.
    p_adjusted : float
        The same, given how many features were looked at (Benjamini and Hochberg 1995).
    """

    feature: str
    psi: float
    limit: float
    test: str
    statistic: float
    p: float
    p_adjusted: float


def compare(reference: pd.DataFrame, current: pd.DataFrame, *, n: int = 10) -> list[Comparison]:
    """Compare two samples, feature by feature.

    A test answers whether there is *any* difference, and with enough requests there always is: of
    a million the smallest is significant. So read the size (PSI, statistic) beside the p. And who
    tests twenty features at 5 % finds one that "drifted" on an ordinary day, therefore
    ``p_adjusted``.

    Parameters
    ----------
    reference, current : pandas.DataFrame
        A row a request, a column a feature; columns that only one of them has are left out.
    n : int
        Bins for numbers.

    Raises
    ------
    ValueError
        If a sample is empty, or they have no column in common.
    """
    names = [name for name in reference.columns if name in current.columns]
    if not (len(reference) and len(current) and names):
        raise ValueError("each sample needs a row or more, and both a column in common")
    rows = []
    for name in names:
        bins = Bins.of(reference[name], n=n)
        counts = np.stack([bins.counts(sample[name]) for sample in (reference, current)])
        used = int((counts.sum(axis=0) > 0).sum())
        limit = psi_limit(used, len(reference), len(current))
        test, statistic, p = _test(bins, reference[name], current[name], counts)
        rows.append((name, psi(*counts), limit, test, statistic, p))
    adjusted = stats.false_discovery_control([row[-1] for row in rows])
    return [Comparison(*row, float(p)) for row, p in zip(rows, adjusted, strict=True)]


def ks(reference: ArrayLike, current: ArrayLike) -> tuple[float, float]:
    """Return the statistic and the p of Kolmogorov and Smirnov's test, missing values left out.

    A sample without any value gives 0 and 1: there is nothing to test.
    """
    samples = [np.asarray(sample, np.float64) for sample in (reference, current)]
    samples = [sample[~np.isnan(sample)] for sample in samples]
    if not all(len(sample) for sample in samples):
        return 0.0, 1.0
    result = stats.ks_2samp(*samples, method="asymp")
    return float(result.statistic), float(result.pvalue)


def _test(
    bins: Bins, reference: pd.Series, current: pd.Series, counts: Ints
) -> tuple[str, float, float]:
    if bins.edges is not None:
        columns = [column.to_numpy(np.float64, na_value=np.nan) for column in (reference, current)]
        return "ks", *ks(*columns)
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2:
        return "chi2", 0.0, 1.0
    result = stats.chi2_contingency(counts, correction=False)
    return "chi2", float(result.statistic), float(result.pvalue)
