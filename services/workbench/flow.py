"""Send requests continuously while something else is done to the service.

::

    with flow.Flow(f"{server.url}/predict", [{"user_id": 7}, {"user_id": 8}]) as questions:
        promote(version=2)
        questions.wait(lambda reply: reply.body["version"] == "2")
    print(questions.failed)
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

TIMEOUT = 60.0
"""The longest time in seconds that one answer may take."""


@dataclass(frozen=True)
class Reply:
    """The outcome of one request."""

    at: float  # when it was sent, in seconds since the first request
    seconds: float  # the time until it was answered, or lost
    status: int | None  # the HTTP status; None if there was no answer
    body: Any  # the answer's JSON; None without an answer

    @property
    def ok(self) -> bool:
        """Whether it was answered with 200."""
        return self.status == httpx.codes.OK


class Flow:
    """Sends JSON bodies by POST in order, over and over, from the start of a block to its end.

    *concurrency* requests are in flight at a time, each *pause* seconds after the last reply of its
    thread. ``replies`` are in the order of their arrival. Raises ValueError if there is no body or
    no thread.
    """

    def __init__(
        self, url: str, bodies: Sequence[Any], *, concurrency: int = 4, pause: float = 0.0
    ) -> None:
        if not bodies or concurrency < 1:
            raise ValueError(
                f"at least one body and one thread are needed; got {len(bodies)}, {concurrency}"
            )
        self.url = url
        self.replies: list[Reply] = []
        self._pause = pause
        self._bodies = itertools.cycle(bodies)
        self._turn = threading.Lock()
        self._end = threading.Event()
        self._came = threading.Condition()
        self._start = time.perf_counter()
        self._threads = [threading.Thread(target=self._send) for _ in range(concurrency)]

    @property
    def failed(self) -> list[Reply]:
        """The replies that are not a 200, including lost requests."""
        return [reply for reply in self.replies if not reply.ok]

    @property
    def elapsed(self) -> float:
        """Seconds since the first request, on the replies' clock."""
        return time.perf_counter() - self._start

    def wait(
        self,
        wanted: Callable[[Reply], bool] = lambda reply: True,
        *,
        count: int = 1,
        seconds: float = 120.0,
    ) -> None:
        """Wait for *count* replies of a kind; replies from before the call do not count.

        Raises TimeoutError if they do not arrive within *seconds*; the message has the last reply.
        """
        begun, deadline = len(self.replies), time.monotonic() + seconds
        with self._came:
            while sum(map(wanted, self.replies[begun:])) < count:
                if not self._came.wait(max(0.0, deadline - time.monotonic())):
                    last = self.replies[-1:]
                    raise TimeoutError(f"no {count} such replies in {seconds:g} s; last: {last}")

    def __enter__(self) -> Flow:
        self._start = time.perf_counter()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        with httpx.Client(timeout=TIMEOUT, trust_env=False) as client:
            while not self._end.wait(self._pause):
                with self._turn:
                    body = next(self._bodies)
                reply = self._one(client, body)
                with self._came:
                    self.replies.append(reply)
                    self._came.notify_all()

    def _one(self, client: httpx.Client, body: Any) -> Reply:
        start = time.perf_counter()
        status, answer = None, None
        try:
            response = client.post(self.url, json=body)
            status = response.status_code
            answer = response.json()
        except (httpx.HTTPError, ValueError):
            pass
        return Reply(start - self._start, time.perf_counter() - start, status, answer)
