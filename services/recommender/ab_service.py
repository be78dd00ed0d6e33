"""An A/B test: ``prod`` and ``staging`` side by side, and every user is answered by one of them.

::

    RECOMMENDER_SHARE_STAGING=0.5 bentoml serve services.recommender.ab_service:AbTest

The user's id says which, always the same one; see :mod:`services.routing`. Both aliases are
followed, as by :mod:`services.recommender.service`. Whether the users of one click more is then a
question for :mod:`services.recommender.experiment`.
"""

from __future__ import annotations

import os
from typing import Literal, get_args

import bentoml
from prometheus_client import Counter

from services import bentoml_labels
from services.asgi import refused
from services.errors import InputError
from services.recommender import answer_log, service, telemetry
from services.recommender.gate import QuestionGate
from services.recommender.questions import Question
from services.recommender.recommender import AnswerDict
from services.recommender.service import Rated, TopK, UserId
from services.routing import place, share_from

bentoml_labels.count_by_route()

Variant = Literal["prod", "staging"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)

EXPERIMENT = "recommender_ab"
"""Part of what is hashed, so that another experiment does not pick the same users."""

SHARE_VARIABLE = "RECOMMENDER_SHARE_STAGING"

# Here, so that a bad one ends "bentoml serve" at once.
SHARE = share_from(os.environ, SHARE_VARIABLE, default="0.1", whose="staging")

ROUTED = Counter("recommender_routed_requests", "Requests by who was to answer", ["variant"])
for _variant in VARIANTS:
    ROUTED.labels(_variant)  # a series that starts at its first event hides that event from rate()


class Routed(AnswerDict):
    """An answer, and whose it is."""

    variant: Variant


def choose(user_id: int, share: float) -> Variant:
    """Return who answers a user: ``staging`` for this share of the users, 0 (none) to 1 (all)."""
    return "staging" if place(str(user_id), EXPERIMENT) < share else "prod"


@bentoml.service(name="recommender_ab", workers=service.SETTINGS.workers, traffic={"timeout": 30})
class AbTest:
    """Recommend movies that a user has not rated, by one of two versions."""

    @bentoml.on_deployment
    def fetch() -> None:  # BentoML makes it static
        """Run once, in the process that starts the workers."""
        for variant in VARIANTS:
            service.start_following(variant)

    def __init__(self) -> None:
        self.live = {variant: service.live_recommender(variant) for variant in VARIANTS}
        for live in self.live.values():
            live.record = answer_log.write

    @bentoml.api(route="/predict")
    def predict(self, user_id: UserId, top_k: TopK = 10, rated: Rated = None) -> Routed:
        """Answer as the service with one version does, and say which variant it was."""
        variant = choose(user_id, SHARE)
        ROUTED.labels(variant).inc()
        [answer] = self.live[variant].recommend_many([Question(user_id, top_k, rated)])
        if isinstance(answer, InputError):
            return refused(answer)
        return {**answer.as_dict(), "variant": variant}

    @bentoml.on_shutdown
    def end(self) -> None:
        """Look at the pointers no more."""
        for live in self.live.values():
            live.stop()

    def __is_ready__(self) -> bool:
        """Say whether a request would be answered, whoever it is routed to."""
        return self.__is_alive__()

    def __is_alive__(self) -> bool:
        """Say whether to leave this process alone: false if a model broke."""
        return not any(live.broken for live in self.live.values())


# The decorator makes a bentoml.Service of the class; type checkers do not follow that.
AbTest.add_asgi_middleware(  # type: ignore[attr-defined]
    QuestionGate,
    paths=("/predict",),
    on_refusal=lambda refusal: telemetry.rejected(refusal.code),
)
