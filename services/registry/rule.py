"""The rule by which a candidate replaces the version in production.

Several metrics count, each with a threshold relative to the current version: the metric that
matters must improve, and the others must not lose much. This is arithmetic; nothing here talks to
MLflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Threshold:
    """How a metric must compare with that of the current version.

    Attributes
    ----------
    metric : str
        Its name, e.g. ``"ndcg_at_10"``. Larger is better.
    gain : float
        The candidate needs the current value plus this. Negative: it may lose that much.
    """

    metric: str
    gain: float

    def complaint(self, candidate: Mapping[str, float], current: Mapping[str, float]) -> str | None:
        """Return why the candidate misses this threshold, or None."""
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
        return f"{self.metric} is {new:.4f}, now {old:.4f}; required: {change}"


Rule = tuple[Threshold, ...]


def complaints(
    candidate: Mapping[str, float], current: Mapping[str, float], rule: Rule
) -> tuple[str, ...]:
    """Return every reason against the candidate; empty if it may replace the current version."""
    reasons = (threshold.complaint(candidate, current) for threshold in rule)
    return tuple(reason for reason in reasons if reason)
