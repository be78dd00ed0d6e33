"""The recommender behind today's BentoML API, fed by MLflow's registry (chapter section 10.5.1).

::

    MLFLOW_TRACKING_URI=http://127.0.0.1:5000 \
        bentoml serve services.recommender.bento.service:Recommender --host 127.0.0.1 --port 3000
    bentoml serve services.recommender.bento.service:Recommender --arg model_tag=recommender:3

The first command follows the alias ``prod``: the version is downloaded once, before the workers
start, and the workers switch to the next version while they serve. The second serves one fixed
version from BentoML's model store, without MLflow; so does a Bento that was built with that
argument. :class:`~services.recommender.settings.Settings` lists the other settings.
"""

from __future__ import annotations

import logging
from typing import Annotated

import bentoml
from bentoml.models import BentoModel
from pydantic import BaseModel, Field, field_validator

from services.bentoml_support import labels
from services.bentoml_support.media_types import JSON
from services.bentoml_support.schemas import keep_null
from services.bentoml_support.shutdown import end_in_order
from services.errors import InputError
from services.http.asgi import error_response
from services.recommender.bento.model_store import stored_recommender
from services.recommender.hot_swap.cache import VersionCache
from services.recommender.hot_swap.live import LiveRecommender, Poller
from services.recommender.hot_swap.pull import PullError, Registry, prepare
from services.recommender.model.requests import RecommendRequest
from services.recommender.monitoring import answer_log, metrics
from services.recommender.recommender import AnswerDict
from services.recommender.settings import Settings
from services.recommender.validation import RecommendValidationMiddleware

labels.count_by_route()
end_in_order()
keep_null()

# The container's base image. With a distro, compilers and git would be installed into it, too.
IMAGE = bentoml.images.Image(base_image="python:3.11-slim", distro="none")

SETTINGS = Settings.from_environment()  # here, so that an invalid one ends "bentoml serve" at once


class Arguments(BaseModel):
    """The arguments (``--arg``) of ``bentoml serve`` and ``bentoml build``."""

    model_tag: str | None = None

    @field_validator("model_tag")
    @classmethod
    def _is_pinned(cls, tag: str | None) -> str | None:
        if tag is not None and (not tag.partition(":")[2] or tag.endswith(":latest")):
            raise ValueError(f"name a fixed version, such as recommender:3, not {tag!r}")
        return tag


ARGUMENTS = bentoml.use_arguments(Arguments)

UserId = Annotated[int, Field(ge=0, description="The user's id, as in the ratings.")]
TopK = Annotated[int, Field(ge=1, description="How many movies.")]
Rated = Annotated[
    list[int] | None,
    Field(description="Ids of movies to leave out, besides those that the user rated in training."),
]
Answer = Annotated[AnswerDict, JSON]


def fetch_first(alias: str = "prod") -> None:
    """Have a version to serve before a worker starts, or end with one line that says why not."""
    if ARGUMENTS.model_tag:
        return
    forward_logs()
    try:
        prepare(
            VersionCache(SETTINGS.cache, SETTINGS.model, alias), Registry(SETTINGS.model, alias)
        )
    except (PullError, OSError) as error:
        raise SystemExit(f"There is no version of {SETTINGS.model} to serve: {error}.") from None


def live_recommender(alias: str = "prod") -> LiveRecommender:
    """Return a worker's recommender, which follows *alias* from now on."""
    forward_logs()
    cache = VersionCache(SETTINGS.cache, SETTINGS.model, alias)
    live = LiveRecommender(
        cache,
        seconds=min(1.0, SETTINGS.poll_seconds),
        poller=Poller(cache, Registry(SETTINGS.model, alias), SETTINGS.poll_seconds),
    )
    live.start()
    return live


def forward_logs() -> None:
    """Send our modules' log records to BentoML's handlers; it configures its own loggers only."""
    ours = logging.getLogger("services.recommender")
    ours.handlers = logging.getLogger("bentoml").handlers
    ours.setLevel(logging.INFO)
    ours.propagate = False


@bentoml.service(name="recommender", workers=SETTINGS.workers, traffic={"timeout": 30}, image=IMAGE)
class Recommender:
    """Recommend movies that a user has not rated."""

    model = BentoModel(ARGUMENTS.model_tag) if ARGUMENTS.model_tag else None

    @bentoml.on_deployment
    def fetch() -> None:  # BentoML makes it static
        """Run once, in the process that starts the workers."""
        fetch_first()

    def __init__(self) -> None:
        self.live = (
            LiveRecommender.pinned(stored_recommender(self.model, ARGUMENTS.model_tag))
            if ARGUMENTS.model_tag and self.model
            else live_recommender()
        )
        self.live.record = answer_log.write

    @bentoml.api(route="/predict")
    def predict(self, user_id: UserId, top_k: TopK = 10, rated: Rated = None) -> Answer:
        """Return the best movies with titles and scores, and the version that chose them.

        A user without ratings in training gets the most rated movies; ``fallback`` is then
        ``popularity``. ``ranked_movies``, the chapter's name, is accepted for ``rated``.
        """
        [answer] = self.live.recommend_many([RecommendRequest(user_id, top_k, rated)])
        return error_response(answer) if isinstance(answer, InputError) else answer.as_dict()

    @bentoml.on_shutdown
    def end(self) -> None:
        """Stop following the pointer."""
        self.live.stop()

    def __is_ready__(self) -> bool:
        """Return whether requests are answered; this does not depend on the registry."""
        return self.__is_alive__()

    def __is_alive__(self) -> bool:
        """Return whether the model works; if not, the worker should be restarted."""
        return not self.live.broken


# The decorator makes a bentoml.Service of the class; type checkers do not follow that.
Recommender.add_asgi_middleware(  # type: ignore[attr-defined]
    RecommendValidationMiddleware,
    paths=("/predict",),
    on_refusal=lambda refusal: metrics.rejected(refusal.code),
)
