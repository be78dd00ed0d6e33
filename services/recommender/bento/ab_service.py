"""An A/B test of ``prod`` and ``staging``: every user is answered by one of them.

::

    RECOMMENDER_SHARE_STAGING=0.5 bentoml serve services.recommender.bento.ab_service:AbTest

A hash of the user's id decides, always in the same way; see :mod:`services.http.routing`. Both
aliases are followed, as by :mod:`.service`. Whether the users of one version click more is then a
question for :mod:`services.recommender.training.experiment`.
"""

from __future__ import annotations

import os
from typing import Annotated, Literal, get_args

import bentoml
from prometheus_client import Counter

from services.bentoml_support import labels
from services.bentoml_support.media_types import JSON
from services.errors import InputError
from services.http.asgi import error_response
from services.http.routing import hash_bucket, share_from
from services.recommender.bento import service
from services.recommender.bento.service import Rated, TopK, UserId
from services.recommender.model.requests import RecommendRequest
from services.recommender.monitoring import answer_log, metrics
from services.recommender.recommender import AnswerDict
from services.recommender.validation import RecommendValidationMiddleware

labels.count_by_route()

Variant = Literal["prod", "staging"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)

EXPERIMENT = "recommender_ab"
"""Part of what is hashed, so that another experiment does not pick the same users."""

SHARE_VARIABLE = "RECOMMENDER_SHARE_STAGING"

# Here, so that a bad one ends "bentoml serve" at once.
SHARE = share_from(os.environ, SHARE_VARIABLE, default="0.1", whose="staging")

ROUTED = Counter("recommender_routed_requests", "Requests by variant", ["variant"])
for _variant in VARIANTS:
    ROUTED.labels(_variant)  # a series that starts at its first event hides that event from rate()


class Routed(AnswerDict):
    """An answer and its variant."""

    variant: Variant


RoutedAnswer = Annotated[Routed, JSON]


def choose(user_id: int, share: float) -> Variant:
    """Return the variant for a user: ``staging`` for this share of the users, 0 to 1."""
    return "staging" if hash_bucket(str(user_id), EXPERIMENT) < share else "prod"


@bentoml.service(name="recommender_ab", workers=service.SETTINGS.workers, traffic={"timeout": 30})
class AbTest:
    """Recommend movies that a user has not rated, by one of two versions."""

    @bentoml.on_deployment
    def fetch() -> None:  # BentoML makes it static
        """Run once, in the process that starts the workers."""
        for variant in VARIANTS:
            service.fetch_first(variant)

    def __init__(self) -> None:
        self.live = {variant: service.live_recommender(variant) for variant in VARIANTS}
        for live in self.live.values():
            live.record = answer_log.write

    @bentoml.api(route="/predict")
    def predict(self, user_id: UserId, top_k: TopK = 10, rated: Rated = None) -> RoutedAnswer:
        """Answer as the service with one version does, and name the variant."""
        variant = choose(user_id, SHARE)
        ROUTED.labels(variant).inc()
        [answer] = self.live[variant].recommend_many([RecommendRequest(user_id, top_k, rated)])
        if isinstance(answer, InputError):
            return error_response(answer)
        return {**answer.as_dict(), "variant": variant}

    @bentoml.on_shutdown
    def end(self) -> None:
        """Stop following the pointers."""
        for live in self.live.values():
            live.stop()

    def __is_ready__(self) -> bool:
        """Return whether requests are answered, by both versions."""
        return self.__is_alive__()

    def __is_alive__(self) -> bool:
        """Return whether both models work; if not, the worker should be restarted."""
        return not any(live.broken for live in self.live.values())


# The decorator makes a bentoml.Service of the class; type checkers do not follow that.
AbTest.add_asgi_middleware(  # type: ignore[attr-defined]
    RecommendValidationMiddleware,
    paths=("/predict",),
    on_refusal=lambda refusal: metrics.rejected(refusal.code),
)
