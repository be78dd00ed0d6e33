"""The detector's A/B test: which of its two versions answers which user.

:mod:`services.http.routing` divides the users.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.http.routing import hash_bucket, share_from
from services.id_card.model.versions import VersionName

EXPERIMENT = "id_card_ab"
"""Part of what is hashed, so that another experiment does not pick the same users."""

SHARE_VARIABLE = "ID_CARD_SHARE_B"


def choose(identifier: str, share_b: float, experiment: str = EXPERIMENT) -> VersionName:
    """Return the version that answers an id.

    Parameters
    ----------
    identifier : str
        Of a user, or of a request if there are no users.
    share_b : float
        The share of the ids that ``model_b`` answers, 0 (none) to 1 (all).
    experiment : str
        Two experiments divide the same ids differently.
    """
    return "model_b" if hash_bucket(identifier, experiment) < share_b else "model_a"


def read_share(environment: Mapping[str, str]) -> float:
    """Return B's share from the environment, 0.1 if it is not set.

    Raises
    ------
    ValueError
        If it is not a number from 0 to 1. A server should not start with it.
    """
    return share_from(environment, SHARE_VARIABLE, default="0.1", whose="model_b")
