"""The recommender behind today's BentoML API, fed by MLflow's registry (chapter section 10.5.1).

::

    MLFLOW_TRACKING_URI=http://127.0.0.1:5000 \
        bentoml serve services.recommender.service:Recommender --host 127.0.0.1 --port 3000
    bentoml serve services.recommender.service:Recommender --arg model_tag=recommender:3

The first follows the alias ``prod``: the version behind it is brought here once, before the workers
start, and the workers take the next one while they serve. The second serves one version out of
BentoML's model store, for ever and without MLflow, and so does a Bento that was built with that
argument. :class:`~services.recommender.settings.Settings` says what else can be set.
"""

from __future__ import annotations

import logging
from typing import Annotated

import bentoml
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml.models import BentoModel
from pydantic import BaseModel, Field, field_validator

from services import bentoml_labels
from services.asgi import refused
from services.errors import InputError
from services.recommender import answer_log, telemetry
from services.recommender.cache import VersionCache
from services.recommender.gate import QuestionGate
from services.recommender.live import LiveRecommender
from services.recommender.model_store import stored_recommender
from services.recommender.pull import PullError
from services.recommender.puller import Puller, Source
from services.recommender.questions import Question
from services.recommender.recommender import AnswerDict
from services.recommender.settings import Settings

bentoml_labels.count_by_route()

# What its container starts from. With a distro, compilers and git would be installed into it, too.
IMAGE = bentoml.images.Image(base_image="python:3.11-slim", distro="none")

SETTINGS = Settings.from_environment()  # here, so that a bad one ends "bentoml serve" at once


class Arguments(BaseModel):
    """What ``--arg`` can say, to ``bentoml serve`` and to ``bentoml build``."""

    model_tag: str | None = None

    @field_validator("model_tag")
    @classmethod
    def _is_pinned(cls, tag: str | None) -> str | None:
        if tag is not None and (not tag.partition(":")[2] or tag.endswith(":latest")):
            raise ValueError(f"pin a version, such as recommender:3; {tag!r} would move")
        return tag


ARGUMENTS = bentoml.use_arguments(Arguments)

UserId = Annotated[int, Field(ge=0, description="The user's id, as in the ratings.")]
TopK = Annotated[int, Field(ge=1, description="How many movies.")]
Rated = Annotated[
    list[int] | None,
    Field(description="Ids of movies to leave out, besides those that the training knows of."),
]


def start_following(alias: str = "prod") -> None:
    """Have a version to serve before a worker starts, or end with one line that says why not.

    From then on a process of its own asks the registry, as long as this one lives.
    """
    if ARGUMENTS.model_tag:
        return
    show_news()
    source = Source(SETTINGS.model, alias, SETTINGS.cache, SETTINGS.poll_seconds)
    # With the workers' folder of counts, so that /metrics has its counts, too.
    folder = BentoMLContainer.prometheus_multiproc_dir.get()
    try:
        Puller(source, env={"PROMETHEUS_MULTIPROC_DIR": folder}).start()
    except PullError as error:
        raise SystemExit(f"There is no version of {SETTINGS.model} to serve: {error}.") from None


def live_recommender(alias: str = "prod") -> LiveRecommender:
    """Return what a worker answers with, already following the pointer of *alias*."""
    show_news()
    live = LiveRecommender(
        VersionCache(SETTINGS.cache, alias), seconds=min(1.0, SETTINGS.poll_seconds)
    )
    live.start()
    return live


def show_news() -> None:
    """Let our modules' news go where BentoML's go; it shows its own loggers' only."""
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
        start_following()

    def __init__(self) -> None:
        self.live = (
            LiveRecommender.pinned(stored_recommender(self.model, ARGUMENTS.model_tag))
            if ARGUMENTS.model_tag and self.model
            else live_recommender()
        )
        self.live.record = answer_log.write

    @bentoml.api(route="/predict")
    def predict(self, user_id: UserId, top_k: TopK = 10, rated: Rated = None) -> AnswerDict:
        """Return the best movies with titles and scores, and the version that chose them.

        A user whom the training does not know gets the most rated movies, and ``fallback`` says
        ``popularity``. ``ranked_movies``, the chapter's name, is taken for ``rated``.
        """
        [answer] = self.live.recommend_many([Question(user_id, top_k, rated)])
        return refused(answer) if isinstance(answer, InputError) else answer.as_dict()

    @bentoml.on_shutdown
    def end(self) -> None:
        """Look at the pointer no more."""
        self.live.stop()

    def __is_ready__(self) -> bool:
        """Say whether a request would be answered. The registry has no part in it."""
        return self.__is_alive__()

    def __is_alive__(self) -> bool:
        """Say whether to leave this process alone: false if the model broke."""
        return not self.live.broken


# The decorator makes a bentoml.Service of the class; type checkers do not follow that.
Recommender.add_asgi_middleware(  # type: ignore[attr-defined]
    QuestionGate,
    paths=("/predict",),
    on_refusal=lambda refusal: telemetry.rejected(refusal.code),
)
