"""The recommender with monitoring of drift and with explanations.

::

    MLFLOW_TRACKING_URI=http://127.0.0.1:5000 \
        bentoml serve services.recommender.bento.observed_service:Recommender --host 127.0.0.1

Everything else is as in :mod:`services.recommender.bento.service`; it also needs pandas and scipy.
The first requests to a version are its reference, 2000 of them unless
``RECOMMENDER_DRIFT_REFERENCE`` says otherwise; ``/metrics`` shows how far the last 500 are from
it. ``/explain`` names the rated movies that speak for a recommendation.
"""

from __future__ import annotations

import os
from typing import Annotated

import bentoml
from pydantic import Field

from services.bentoml_support import labels
from services.bentoml_support.media_types import JSON
from services.errors import InputError
from services.http.asgi import error_response
from services.recommender.bento import service
from services.recommender.bento.explain_validation import ExplainValidationMiddleware
from services.recommender.bento.service import UserId
from services.recommender.explain import ExplanationDict, explain
from services.recommender.hot_swap.live import Prediction
from services.recommender.model.explain_requests import LARGEST_TOP, TOP
from services.recommender.monitoring import answer_log, metrics
from services.recommender.monitoring.drift_metrics import BUDGET, REFERENCE, DriftRecorder
from services.recommender.settings import whole_number
from services.recommender.validation import RecommendValidationMiddleware

labels.count_by_route()

# Here, so that an invalid one ends "bentoml serve" at once.
SIZE = whole_number(os.environ, "RECOMMENDER_DRIFT_REFERENCE", REFERENCE, least=BUDGET.window)

MovieId = Annotated[int, Field(ge=0, description="The recommended movie's id.")]
Top = Annotated[int, Field(ge=1, le=LARGEST_TOP, description="How many reasons at most.")]
Explanation = Annotated[ExplanationDict, JSON]


@bentoml.service(
    name="recommender",
    workers=service.SETTINGS.workers,
    traffic={"timeout": 30},
    image=service.IMAGE,
)
class Recommender(service.Recommender.inner):  # type: ignore[name-defined]
    """Recommend movies that a user has not rated, explain them, and monitor drift."""

    def __init__(self) -> None:
        super().__init__()
        self.drift = DriftRecorder(self.live, size=SIZE)
        self.live.record = self._record

    @bentoml.api(route="/explain")
    def explain(self, user_id: UserId, movie_id: MovieId, top: Top = TOP) -> Explanation:
        """Return the rated movies that speak for recommending a movie to a user."""
        try:
            return explain(self.live.current, user_id, movie_id, top).as_dict()
        except InputError as refusal:
            metrics.rejected(refusal.code)
            return error_response(refusal)

    def _record(self, prediction: Prediction) -> None:
        answer_log.write(prediction)
        self.drift.feed(prediction.answer, prediction.request.top_k)


def _count(refusal: InputError) -> None:
    metrics.rejected(refusal.code)


Recommender.add_asgi_middleware(
    RecommendValidationMiddleware, paths=("/predict",), on_refusal=_count
)
Recommender.add_asgi_middleware(ExplainValidationMiddleware, paths=("/explain",), on_refusal=_count)
