"""The price service of lab 12 behind a fake client, right and broken in several ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

PRICES = {20: 110_000, 50: 260_000, 80: 410_000}
"""What the right service answers for these sizes, in square metres."""

Serve = Callable[[list[Any]], httpx.Response]


def price(size: float) -> float:
    """Return the price of an apartment of this size."""
    return 5000 * size + 10_000


def is_good(sizes: Any) -> bool:
    """Say whether the right service accepts these sizes."""
    numbers = isinstance(sizes, list) and all(type(size) in (int, float) for size in sizes)
    return bool(numbers and sizes and min(sizes) > 0)


class Client:
    """What a test gets: ``post`` and ``get`` as those of a test client.

    Parameters
    ----------
    serve : callable
        Returns the response for a list of sizes.
    """

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.requests = 0

    def post(self, path: str, *, json: Any = None, **_: Any) -> httpx.Response:
        """Answer one request."""
        self.requests += 1
        if path != "/predict":
            return httpx.Response(404, json={"error": "Not Found"})
        if not isinstance(json, dict) or not isinstance(json.get("sizes"), list):
            return refusal()
        return self._serve(json["sizes"])

    def get(self, path: str, **_: Any) -> httpx.Response:
        """Answer the probes."""
        self.requests += 1
        return httpx.Response(200 if path in ("/readyz", "/livez") else 404)


def answer(prices: list[Any]) -> httpx.Response:
    """Return a response with these prices."""
    return httpx.Response(200, json=prices)


def refusal() -> httpx.Response:
    """Return the response to a bad request."""
    return httpx.Response(400, json={"error": "1 validation error for Input", "detail": []})


def crash() -> httpx.Response:
    """Return the response after an exception."""
    return httpx.Response(500, json={"error": "An unexpected error has occurred."})


def right(sizes: list[Any]) -> httpx.Response:
    """Answer as the right service."""
    return answer([price(size) for size in sizes]) if is_good(sizes) else refusal()


def _unless(bad: Callable[[list[Any]], bool], response: Serve) -> Serve:
    return lambda sizes: response(sizes) if bad(sizes) else right(sizes)


def _numbers(sizes: list[Any]) -> list[float]:
    return [float(size) for size in sizes]


BROKEN: dict[str, tuple[str, Serve]] = {
    "misses_value": (
        "answers 260000 for every size",
        _unless(is_good, lambda sizes: answer([260_000.0] * len(sizes))),
    ),
    "misses_order": (
        "answers several sizes in ascending order",
        _unless(is_good, lambda sizes: answer([price(size) for size in sorted(sizes)])),
    ),
    "misses_count": (
        "leaves the last answer out",
        _unless(
            lambda sizes: is_good(sizes) and len(sizes) > 1,
            lambda sizes: answer([price(size) for size in sizes[:-1]]),
        ),
    ),
    "misses_negative": (
        "accepts a negative size",
        _unless(
            lambda sizes: any(type(size) in (int, float) and size < 0 for size in sizes),
            lambda sizes: answer([price(size) for size in _numbers(sizes)]),
        ),
    ),
    "misses_empty": (
        "answers an empty list with a 500",
        _unless(lambda s: not s, lambda _: crash()),
    ),
    "misses_text": (
        "converts the text '50' to a number",
        _unless(
            lambda sizes: any(isinstance(size, str) and size.isdigit() for size in sizes),
            lambda sizes: answer([price(size) for size in _numbers(sizes)]),
        ),
    ),
}
"""What is broken in words, and the service, by the mistake of not noticing it."""
