"""Lab 05, exercise 4: a model that is loaded, warmed up and broken when the check says so."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from PIL import Image

from labs.engine import fake_core
from services.errors import InputError

PATIENCE = 5.0
"""Seconds to wait for something that should happen at once."""

_ASIDE = "lab05-aside"


class OutOfMemoryError(RuntimeError):
    """One of the errors that the stub model raises while it is broken."""


class Backstage:
    """What a service loads: it decides when the model is there, and whether the model works.

    Attributes
    ----------
    loading, warming : threading.Event
        Set once ``load`` was called, once the model was called with a picture that no client sent.
    may_load, may_warm : threading.Event
        ``load``, and the first call of the model, return when these are set.
    load_error, warm_error : Exception or None
        What they raise instead of returning.
    broken : bool
        Whether the model raises: an error of its own, or a refusal of the image.
    raised : Exception or None
        What it raised last.
    together : threading.Barrier or None
        Where calls of the model wait for each other.
    warm_ups : list
        The images that no client sent.
    """

    def __init__(self) -> None:
        self.loading, self.warming = threading.Event(), threading.Event()
        self.may_load, self.may_warm = threading.Event(), threading.Event()
        self.load_error: Exception | None = None
        self.warm_error: Exception | None = None
        self.broken = False
        self.raised: Exception | None = None
        self.together: threading.Barrier | None = None
        self.warm_ups: list[Any] = []
        self.asked = 0
        self.loads = 0
        self._sent: list[Any] = []
        refusal = InputError("Too dark.", code="image_dark", status=422, hint="Use more light.")
        self._errors = itertools.cycle([OutOfMemoryError("out of memory"), refusal])

    def __enter__(self) -> Backstage:
        return self

    def __exit__(self, *_: object) -> None:
        """Let every thread come to its end."""
        self.may_load.set()
        self.may_warm.set()

    def load(self) -> Callable[[Any], Any]:
        """Return the model, after a while."""
        self.loads += 1
        self.loading.set()
        self.may_load.wait()
        if self.load_error is not None:
            raise self.load_error
        return self.model

    def model(self, picture: Any) -> Any:
        """Return the boxes of the cards in an image."""
        if not any(picture is sent for sent in self._sent):
            self.warm_ups.append(picture)
            self.warming.set()
            self.may_warm.wait()
            if self.warm_error is not None:
                raise self.warm_error
            return []
        self.asked += 1
        if self.together is not None:
            self.together.wait(PATIENCE)
        if self.broken:
            self.raised = next(self._errors)
            raise self.raised
        return fake_core.boxes(picture)

    def sent(self, picture: Image.Image) -> Image.Image:
        """Note that a client sends this image, and return it."""
        self._sent.append(picture)
        return picture


def aside(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Call a function in a new thread."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(function(*arguments))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name=_ASIDE, daemon=True).start()
    return future


@contextmanager
def short_waits_elapse() -> Iterator[None]:
    """Let each time limit of a few seconds pass at once, in the threads of :func:`aside`."""
    wait = threading.Condition.wait

    def elapsed(self: threading.Condition, timeout: float | None = None) -> bool:
        is_short = timeout is not None and 0 < timeout <= PATIENCE
        if is_short and threading.current_thread().name == _ASIDE:
            timeout = 0.001
        return wait(self, timeout)

    with patch.object(threading.Condition, "wait", elapsed):
        yield


@contextmanager
def expected(error: BaseException | None) -> Iterator[None]:
    """Do not report a thread that this exception ends."""
    before = threading.excepthook

    def hook(died: threading.ExceptHookArgs) -> None:
        if died.exc_value is not error:
            before(died)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Wait for a condition; say whether it came true within *seconds*."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def asked(probe: Callable[[], Any]) -> Any:
    """Return what a probe says; as BentoML, await one that is a coroutine."""
    said = probe()
    return asyncio.run(_value(said)) if inspect.isawaitable(said) else said


async def _value(said: Any) -> Any:
    return await said
