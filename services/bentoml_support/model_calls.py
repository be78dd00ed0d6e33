"""How a service calls its models' processes, and what it answers when one of them fails.

Every safeguard here is against something that BentoML 1.4.39 does; notebook 04 shows each.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import ParamSpec, TypeVar

import aiohttp
from bentoml.exceptions import RemoteException
from typing_extensions import TypedDict

from services.bentoml_support import failures
from services.errors import ModelError

logger = logging.getLogger(__name__)

SECONDS = 20.0
"""How long the models may take for one request, waiting included."""

LOST = (
    aiohttp.ClientConnectionError,
    aiohttp.ClientPayloadError,
    ConnectionError,
    RemoteException,
)
"""What a lost connection looks like: before, in the middle of the answer, and to a Runner.

The request is not repeated: it may be what killed the process.
"""

MAX_CONNECTION_USE = {"max_requests": 1_000_000, "max_age": 86_400.0 * 365}
"""BentoML's ``runner_connection`` for a service that others depend on.

After this many requests, or seconds, a caller replaces its connections to the service, and aborts
the requests in progress on them. BentoML's defaults are 100 and 300.
"""

Answer = TypeVar("Answer")
Arguments = ParamSpec("Arguments")


class Failure(TypedDict):
    """An exception as a value, for where an exception cannot be sent."""

    failed: str


def attempt(
    call: Callable[Arguments, Answer], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Answer | Failure:
    """Return what *call* returns, or a :class:`Failure` for what it raises.

    A Runnable must not raise: its process would not answer at all. The reason goes to the log.
    """
    try:
        return call(*args, **kwargs)
    except Exception as error:
        logger.exception("the model failed")
        return {"failed": type(error).__name__}


def value_of(answer: Answer | Failure) -> Answer:
    """Return the answer of :func:`attempt`.

    Raises
    ------
    ModelError
        500, if it is a failure.
    """
    if isinstance(answer, dict) and "failed" in answer:
        raise _failed()
    return answer


@contextlib.asynccontextmanager
async def asking_models(seconds: float = SECONDS) -> AsyncIterator[None]:
    """Call models within this block: it has a time limit, and all failures are ModelErrors.

    An endpoint that cannot answer with the error may leave it uncaught: if there is a
    :class:`~services.bentoml_support.failures.ModelErrorMiddleware`, that answers.

    Raises
    ------
    ModelError
        500 if a model failed, 503 if its process cannot be reached, 504 if it took too long.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except Exception as error:
        failure = _as_model_error(error, seconds)
        failures.note(failure)
        raise failure from error


def _as_model_error(error: Exception, seconds: float) -> ModelError:
    if isinstance(error, ModelError):
        return error
    if isinstance(error, TimeoutError):
        return ModelError(
            f"The models did not answer within {seconds:g} seconds.",
            code="model_timeout",
            status=504,
            hint="Try again later; the server is overloaded, or a model hangs.",
        )
    if isinstance(error, LOST):
        logger.error("a model's process cannot be reached: %r", error)
        return ModelError(
            "A model's process cannot be reached.",
            code="model_unavailable",
            status=503,
            hint="Try again in a few seconds; the process is being restarted.",
        )
    logger.error("a model failed", exc_info=error)
    return _failed()


def _failed() -> ModelError:
    return ModelError(
        "A model failed on this request.",
        code="model_failed",
        status=500,
        hint="Nothing is wrong with the request. Tell the server's operator; the reason is in "
        "its log.",
    )
