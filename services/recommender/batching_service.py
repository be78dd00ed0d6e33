"""Many questions, one pass: the recommender with BentoML's adaptive batching.

::

    bentoml serve services.recommender.batching_service:Front --host 127.0.0.1 --port 3000

A batch is made of what arrives at one process. So the HTTP workers, ``RECOMMENDER_WORKERS`` of
them, only read and check, and all of them hand their questions to the one process that has the
model. It takes as many at once as happen to wait.
"""

from __future__ import annotations

from typing import Any

import bentoml
from prometheus_client import Histogram
from typing_extensions import TypedDict

from services import bentoml_labels
from services.asgi import refused
from services.bentoml_shutdown import end_web_servers_first
from services.errors import InputError, ModelError
from services.model_calls import MAX_CONNECTION_USE, SECONDS, ask, asking_models
from services.recommender import service, telemetry
from services.recommender.gate import QuestionGate
from services.recommender.questions import Question
from services.recommender.recommender import AnswerDict
from services.recommender.service import Rated, TopK, UserId

bentoml_labels.count_by_route()
end_web_servers_first()

MAX_BATCH = 64

BATCH_SIZE = Histogram(
    "recommender_batch_size", "Questions answered in one pass", buckets=(1, 2, 4, 8, 16, 32, 64)
)


class Refusal(TypedDict):
    """An :class:`~services.errors.InputError` as a value: an exception would fail its batch."""

    message: str
    code: str
    status: int
    hint: str


class Reply(TypedDict, total=False):
    """One of the two."""

    answer: AnswerDict
    refusal: Refusal


@bentoml.service(
    name="recommender_batcher",
    workers=1,
    traffic={"timeout": SECONDS},
    runner_connection=MAX_CONNECTION_USE,
)
class Batcher(service.Recommender.inner):  # type: ignore[name-defined]
    """Hold the model and answer whatever waits, at once."""

    @bentoml.api(batchable=True, max_batch_size=MAX_BATCH, max_latency_ms=int(SECONDS * 1000))
    def recommend(self, questions: list[dict[str, Any]]) -> list[Reply]:
        """Answer a batch; a question that cannot be answered does not touch the others."""
        BATCH_SIZE.observe(len(questions))
        return [
            {"refusal": _told(result)}
            if isinstance(result, InputError)
            else {"answer": result.as_dict()}
            for result in self.live.recommend_many([Question(**each) for each in questions])
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
    async def predict(self, user_id: UserId, top_k: TopK = 10, rated: Rated = None) -> AnswerDict:
        """Answer as the service without batches does."""
        question = Question(user_id, top_k, rated).as_dict()
        try:
            async with asking_models():
                [reply] = await ask(self.batcher.to_async.recommend, [question])
        except ModelError as error:
            return refused(error)
        return reply["answer"] if "answer" in reply else refused(InputError(**reply["refusal"]))


def _told(error: InputError) -> Refusal:
    return {
        "message": error.message,
        "code": error.code,
        "status": error.status,
        "hint": error.hint,
    }


# The decorator makes a bentoml.Service of the class; type checkers do not follow that.
Front.add_asgi_middleware(  # type: ignore[attr-defined]
    QuestionGate,
    paths=("/predict",),
    on_refusal=lambda refusal: telemetry.rejected(refusal.code),
)
