"""The detector's two versions, and what all services that offer both of them share.

Chapter section 10.4, "Multiple BentoML Runners": one picture, made grey, goes to two versions.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Literal, ParamSpec, TypeVar

import aiohttp
import numpy as np
from bentoml.exceptions import RemoteException
from numpy.typing import NDArray
from PIL import Image
from typing_extensions import TypedDict

from services.errors import ModelError
from services.id_card.checkpoint import SMALL_WEIGHTS, WEIGHTS
from services.id_card.detector import Detector, Found
from services.id_card.images import grayscale

Pixels = NDArray[np.uint8]
"""A picture between two processes: shape (height, width, 3), RGB, or (height, width), grey.

Never a PIL image: BentoML would save it in its ``format``. That is ``None`` for a picture that was
made or changed, which fails, and ``"JPEG"`` for one that was uploaded so, which alters the pixels.
"""

VersionName = Literal["model_a", "model_b"]

SHIPPED: dict[VersionName, Path] = {"model_a": WEIGHTS, "model_b": SMALL_WEIGHTS}
"""The weights of each version, unless the environment names others."""

SECONDS = 20.0
"""How long the models may take for one request, waiting included."""

MAX_CONNECTION_USE = {"max_requests": 1_000_000, "max_age": 86_400.0 * 365}
"""BentoML's ``runner_connection`` for a service that others depend on.

After so many requests, or seconds, a caller replaces its connections to the service, and breaks off
the requests that are under way on them. Its defaults are 100 and 300.
"""

Answer = TypeVar("Answer")
Arguments = ParamSpec("Arguments")


class Results(TypedDict):
    """The chapter's answer: what each version has found."""

    results: dict[VersionName, list[Found]]


class Failure(TypedDict):
    """An exception as a value, to be sent where an exception could not be."""

    failed: str


class DetectorVersion:
    """One version of the detector, as the process of a model holds it.

    Parameters
    ----------
    name : {"model_a", "model_b"}
        The shipped weights are served, or those that ``ID_CARD_WEIGHTS_A`` or
        ``ID_CARD_WEIGHTS_B`` names. Everything else is as for the service with one version.

    Raises
    ------
    FileNotFoundError, ValueError
        As :class:`~services.id_card.detector.Detector` does.
    """

    def __init__(self, name: VersionName) -> None:
        variable = f"ID_CARD_WEIGHTS_{name[-1].upper()}"
        self.detector = Detector.from_environment(os.environ.get(variable, SHIPPED[name]))

    def find(self, pixels: Pixels) -> list[Found]:
        """Return every box in one picture."""
        [found] = self.detector.detect([Image.fromarray(pixels)])
        return [detection.as_dict() for detection in found]


def grey(pixels: Pixels) -> Pixels:
    """Return the brightness of an RGB picture, shape (height, width)."""
    return np.asarray(grayscale(Image.fromarray(pixels)))


def attempt(
    call: Callable[Arguments, Answer], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Answer | Failure:
    """Return what *call* returns, or a :class:`Failure` for what it raises.

    A Runnable must not raise: its process would not answer at all. The reason goes to the log.
    """
    try:
        return call(*args, **kwargs)
    except Exception as error:
        logging.getLogger(__name__).exception("the model failed")
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
    return answer  # type: ignore[return-value]  # a Failure is a dict with this key


@contextlib.asynccontextmanager
async def asking_models(seconds: float = SECONDS) -> AsyncIterator[None]:
    """Ask models within this block: it ends in time, and every failure is a :class:`ModelError`.

    Raises
    ------
    ModelError
        500 if a model failed, 503 if its process cannot be reached, 504 if it took too long.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except ModelError:
        raise
    except TimeoutError:
        raise ModelError(
            f"The models did not answer within {seconds:g} seconds.",
            code="model_timeout",
            status=504,
            hint="Try again later; the server is overloaded, or a model hangs.",
        ) from None
    except (aiohttp.ClientError, ConnectionError, RemoteException) as error:
        logging.getLogger(__name__).error("a model's process cannot be reached: %r", error)
        raise ModelError(
            "A model's process cannot be reached.",
            code="model_unavailable",
            status=503,
            hint="Try again in a few seconds; the process is being started anew.",
        ) from error
    except Exception as error:
        logging.getLogger(__name__).exception("a model failed")
        raise _failed() from error


def _failed() -> ModelError:
    return ModelError(
        "A model failed on this picture.",
        code="model_failed",
        status=500,
        hint="Nothing is wrong with the request. Tell whoever runs the server; the reason is in "
        "its log.",
    )
