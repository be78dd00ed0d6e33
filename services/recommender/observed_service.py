"""The recommender as one operates it: its drift is watched, and it says why.

::

    MLFLOW_TRACKING_URI=http://127.0.0.1:5000 \
        bentoml serve services.recommender.observed_service:Recommender --host 127.0.0.1

All else is as in :mod:`services.recommender.service`; it needs pandas and scipy besides.
``RECOMMENDER_DRIFT_REFERENCE`` (2000) says how many of a version's first requests are its
reference; ``/metrics`` shows how far the last 500 are from them. ``/explain`` names the rated
movies that speak for a recommendation.
"""

from __future__ import annotations

import os
from typing import Annotated

import bentoml
from pydantic import Field

from services import bentoml_labels
from services.asgi import refused
from services.errors import InputError
from services.recommender import answer_log, service, telemetry
from services.recommender.drift_telemetry import PROMISE, REFERENCE, DriftRecorder
from services.recommender.explain import ExplanationDict, explain
from services.recommender.gate import QuestionGate
from services.recommender.live import Prediction
from services.recommender.service import UserId
from services.recommender.settings import whole_number
from services.recommender.why import LARGEST_TOP, TOP
from services.recommender.why_gate import WhyGate

bentoml_labels.count_by_route()

# Here, so that a bad one ends "bentoml serve" at once.
SIZE = whole_number(os.environ, "RECOMMENDER_DRIFT_REFERENCE", REFERENCE, least=PROMISE.window)

MovieId = Annotated[int, Field(ge=0, description="The recommended movie's id.")]
Top = Annotated[int, Field(ge=1, le=LARGEST_TOP, description="How many reasons at most.")]


@bentoml.service(
    name="recommender",
    workers=service.SETTINGS.workers,
    traffic={"timeout": 30},
    image=service.IMAGE,
)
class Recommender(service.Recommender.inner):  # type: ignore[name-defined]
    """Recommend movies that a user has not rated, and say how that goes."""

    def __init__(self) -> None:
        super().__init__()
        self.drift = DriftRecorder(self.live, size=SIZE)
        self.live.record = self._record

    @bentoml.api(route="/explain")
    def explain(self, user_id: UserId, movie_id: MovieId, top: Top = TOP) -> ExplanationDict:
        """Return the rated movies that speak for recommending a movie to a user."""
        try:
            return explain(self.live.current, user_id, movie_id, top).as_dict()
        except InputError as refusal:
            telemetry.rejected(refusal.code)
            return refused(refusal)

    def _record(self, prediction: Prediction) -> None:
        answer_log.write(prediction)
        self.drift.feed(prediction.answer, prediction.question.top_k)


def _count(refusal: InputError) -> None:
    telemetry.rejected(refusal.code)


Recommender.add_asgi_middleware(QuestionGate, paths=("/predict",), on_refusal=_count)
Recommender.add_asgi_middleware(WhyGate, paths=("/explain",), on_refusal=_count)
