"""What others reached on the real ML-100k, to see our figures in context.

Three quarters of each user's ratings to train on, a quarter to be found, all movies ranked, lists
of ten: as :func:`services.recommender.splits.at_random` splits. From the benchmark of the project
Recommenders (https://github.com/recommenders-team/recommenders, "Benchmark algorithms"; A. Argyriou
et al., Microsoft Recommenders, WWW 2020 companion, doi 10.1145/3366424.3382692).
"""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """One line of the benchmark.

    Attributes
    ----------
    name : str
        The method.
    learns : str
        What its training asks.
    rmse : float or None
        In stars; None if it only ranks.
    ndcg : float
        NDCG@10.
    """

    name: str
    learns: str
    rmse: float | None
    ndcg: float


PUBLISHED = (
    Published("SVD", "how many stars", 0.939, 0.096),
    Published("FastAI", "how many stars", 0.943, 0.148),
    Published("NCF", "which movies", None, 0.396),
    Published("LightGCN", "which movies", None, 0.420),
    Published("BPR", "which movies", None, 0.442),
)
"""Five methods, by their NDCG."""
