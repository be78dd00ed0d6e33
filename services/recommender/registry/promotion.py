"""The rule by which a candidate takes the place of the model in production.

Several measures count, each with a threshold against the current one: the measure that matters must
gain, and the others must not lose much. All of it is arithmetic; the registry is asked elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Threshold:
    """How a measure must compare with that of the current model.

    Attributes
    ----------
    metric : str
        Its name, e.g. ``"ndcg_at_10"``. The larger, the better.
    gain : float
        The candidate needs the current value plus this. Negative: it may lose that much.
    """

    metric: str
    gain: float

    def complaint(self, candidate: Mapping[str, float], current: Mapping[str, float]) -> str | None:
        """Say why the candidate misses this threshold; None if it does not."""
        if self.metric not in candidate:
            return f"{self.metric} of the candidate is not known"
        if self.metric not in current:
            return f"{self.metric} of the current model is not known"
        new, old = candidate[self.metric], current[self.metric]
        if new >= old + self.gain:
            return None
        change = f"a gain of {self.gain:g} or more" if self.gain > 0 else "at least that"
        if self.gain < 0:
            change = f"a loss of {-self.gain:g} at most"
        return f"{self.metric} is {new:.4f}, now {old:.4f}; wanted: {change}"


Rule = tuple[Threshold, ...]

RULE: Rule = (
    Threshold("ndcg_at_10", 0.002),
    Threshold("hr_at_10", -0.01),
    Threshold("coverage_at_10", -0.05),
)
"""For the recommender: better lists, for about as many users, from about as much of the catalogue.

RMSE is not in it: a model that only ranks has none, and the best by it makes poor lists.
"""


def complaints(
    candidate: Mapping[str, float], current: Mapping[str, float], rule: Iterable[Threshold] = RULE
) -> tuple[str, ...]:
    """Return every reason against the candidate; none if it may take the current one's place."""
    found = (threshold.complaint(candidate, current) for threshold in rule)
    return tuple(reason for reason in found if reason)
