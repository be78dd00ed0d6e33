"""Many requests, one pass: the recommender with BentoML's adaptive batching.

::

    bentoml serve services.recommender.bento.batching_service:Front --host 127.0.0.1 --port 3000

A batch is made of what arrives at one process. So the HTTP workers, ``RECOMMENDER_WORKERS`` of
them, only read and validate, and pass all requests to the one process that has the model. That
process answers all waiting requests in one batch.
"""

from __future__ import annotations

from typing import Annotated, Any

import bentoml
from prometheus_client import Histogram
from typing_extensions import TypedDict

from services.bentoml_support import labels
from services.bentoml_support.connections import drop_idle_connections
from services.bentoml_support.media_types import JSON
from services.bentoml_support.model_calls import MAX_CONNECTION_USE, SECONDS, asking_models
from services.bentoml_support.shutdown import end_in_order
from services.errors import InputError, ModelError
from services.http.asgi import error_response
from services.recommender.bento import service
from services.recommender.bento.service import Answer, Rated, TopK, UserId
from services.recommender.model.requests import RecommendRequest
from services.recommender.monitoring import metrics
from services.recommender.recommender import AnswerDict
from services.recommender.validation import RecommendValidationMiddleware

labels.count_by_route()
end_in_order()
drop_idle_connections()

MAX_BATCH = 64

BATCH_SIZE = Histogram(
    "recommender_batch_size", "Requests answered in one pass", buckets=(1, 2, 4, 8, 16, 32, 64)
)


class Refusal(TypedDict):
    """An :class:`~services.errors.InputError` as a value: an exception would fail its batch."""

    message: str
    code: str
    status: int
    hint: str


class Reply(TypedDict, total=False):
    """Either an answer or a refusal."""

    answer: AnswerDict
    refusal: Refusal


@bentoml.service(
    name="recommender_batcher",
    workers=1,
    traffic={"timeout": SECONDS},
    runner_connection=MAX_CONNECTION_USE,
)
class Batcher(service.Recommender.inner):  # type: ignore[name-defined]
    """Hold the model and answer all waiting requests in one batch."""

    @bentoml.api(batchable=True, max_batch_size=MAX_BATCH, max_latency_ms=int(SECONDS * 1000))
    def recommend(self, requests: list[dict[str, Any]]) -> Annotated[list[Reply], JSON]:
        """Answer a batch; an invalid request does not affect the others."""
        BATCH_SIZE.observe(len(requests))
        return [
            {"refusal": _as_refusal(result)}
            if isinstance(result, InputError)
            else {"answer": result.as_dict()}
            for result in self.live.recommend_many([RecommendRequest(**each) for each in requests])
        ]


@bentoml.service(
    name="recommender",
    workers=service.SETTINGS.workers,
    traffic={"timeout": 30},
    runner_connection=MAX_CONNECTION_USE,
    image=service.IMAGE,
)
class Front:
    """Recommend movies that a user has not rated, many users at a time."""

    batcher = bentoml.depends(Batcher)

    @bentoml.api(route="/predict")
    async def predict(self, user_id: UserId, top_k: TopK = 10, rated: Rated = None) -> Answer:
        """Answer as the service without batches does."""
        request = RecommendRequest(user_id, top_k, rated).as_dict()
        try:
            async with asking_models():
                [reply] = await self.batcher.to_async.recommend([request])
        except ModelError as error:
            return error_response(error)
        return (
            reply["answer"] if "answer" in reply else error_response(InputError(**reply["refusal"]))
        )


def _as_refusal(error: InputError) -> Refusal:
    return {
        "message": error.message,
        "code": error.code,
        "status": error.status,
        "hint": error.hint,
    }


# The decorator makes a bentoml.Service of the class; type checkers do not follow that.
Front.add_asgi_middleware(  # type: ignore[attr-defined]
    RecommendValidationMiddleware,
    paths=("/predict",),
    on_refusal=lambda refusal: metrics.rejected(refusal.code),
)
