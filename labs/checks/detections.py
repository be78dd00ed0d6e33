"""What the fake detector does not do by itself: it fails, or it finds boxes between the pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from labs.engine import Context, fake_core
from labs.engine.interleaving import finished
from labs.engine.plain import shown
from services.id_card.detector import Detection, Detector


class AnyError(
    TimeoutError,
    ConnectionError,
    RuntimeError,
    TypeError,
    ValueError,
    KeyError,
    IndexError,
    MemoryError,
):
    """Whichever exception an answer catches, it catches this one."""


def passes_errors_on(
    context: Context, function: Callable[..., Any], /, *arguments: Any, what: str, **options: Any
) -> None:
    """Fail if an exception of the model does not reach the caller of *function*."""
    with patch.object(Detector, "detect", side_effect=AnyError("out of memory")):
        try:
            got = finished(function(*arguments, **options))
        except Exception:
            return
    contexts = [getattr(one, "response", None) for one in options.values()]
    if any(isinstance(getattr(one, "status_code", None), int) for one in contexts):
        return  # an endpoint that answers with the status of an error
    context.fail(
        f"The model raised an exception, and {what} returned {shown(got)}; the exception was "
        "expected.",
        where="a model that fails",
        cause="The caller takes whatever is returned for the model's answer.",
    )


@contextmanager
def between_pixels() -> Iterator[None]:
    """Let the fake core find boxes whose edges are fractions, so that rounding shows."""
    found = fake_core.detections

    def between(image: Any) -> list[Detection]:
        def moved(x1: float, y1: float, x2: float, y2: float) -> tuple[float, float, float, float]:
            return x1 + 0.25, y1 + 0.5, x2 - 0.25, y2 - 0.125

        return [replace(one, box=moved(*one.box)) for one in found(image)]

    with patch.object(fake_core, "detections", between):
        yield


@contextmanager
def made_from_environment(context: Context, calls: fake_core.Calls) -> Iterator[None]:
    """Fail if the block loads a model in another way than ``Detector.from_environment()``."""
    make, before = Detector.from_environment, calls.loads
    with patch.object(Detector, "from_environment", side_effect=make) as proper:
        yield
    context.expect(
        calls.loads - before <= proper.call_count,
        "The model was not loaded by Detector.from_environment().",
        layer="start",
        cause="Detector() ignores ID_CARD_BACKEND and the other settings of a server.",
    )
