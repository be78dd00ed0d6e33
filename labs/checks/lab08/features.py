"""Two features whose drift lab 08 monitors: a continuous one, and one with few different values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Feature:
    """A continuous feature with a random scale, and a log of it.

    Parameters
    ----------
    numbers : numpy.random.Generator
        Source of all values.

    Attributes
    ----------
    name : str
        For messages.
    good : int
        How many values of the log are from the good period.
    log : ndarray of float
        The good period, then values after a drift; none of these occurs in the good period.
    """

    name = "a feature with a continuous distribution"

    def __init__(self, numbers: np.random.Generator) -> None:
        self._numbers = numbers
        self._unit = float(numbers.uniform(0.5, 50))
        self._zero = float(numbers.uniform(-3, 3)) * self._unit
        # A gamma distribution of shape 4 has the mean 4 and the standard deviation 2.
        self.mean, self.spread = self._zero + 4 * self._unit, 2 * self._unit
        self.good = int(numbers.integers(2000, 2400))
        self.log = np.concatenate([self.quiet(self.good), self._late(self.good + 500)])

    @property
    def reference(self) -> Floats:
        """The values of the good period, a copy."""
        return self.log[: self.good].copy()

    def quiet(self, n: int) -> Floats:
        """Return n new values with the distribution of the good period."""
        return self._zero + self._unit * self._numbers.gamma(4, size=n)

    def _late(self, n: int) -> Floats:
        return self.wider(n) + self.spread

    def shifted(self, n: int) -> Floats:
        """Return n values that are one standard deviation larger."""
        return self.quiet(n) + self.spread

    def wider(self, n: int) -> Floats:
        """Return n values with the same mean and 2.5 times the standard deviation."""
        return self.mean + 2.5 * (self.quiet(n) - self.mean)

    def beyond(self, n: int) -> Floats:
        """Return n values that are all larger than any from the good period."""
        return self.quiet(n) + 40 * self.spread


class Count(Feature):
    """A feature with four different values: textbook limits for continuous data do not fit it."""

    name = "a feature with four different values"

    def quiet(self, n: int) -> Floats:
        """Return n new values with the distribution of the good period."""
        return self._numbers.choice([0.0, 1.0, 2.0, 5.0], n, p=[0.6, 0.25, 0.1, 0.05])

    def _late(self, n: int) -> Floats:
        return 6 + self._numbers.gamma(4, size=n)
