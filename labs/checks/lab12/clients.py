"""The price service of lab 12 behind a fake client, right and broken in several ways."""

from __future__ import annotations

from collections.abc import Callable
from json import dumps, loads
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
        response = self._answer(path, loads(dumps(json)))
        response.request = httpx.Request("POST", f"http://test{path}")  # for raise_for_status
        return response

    def _answer(self, path: str, content: Any) -> httpx.Response:
        if path != "/predict":
            return httpx.Response(404, json={"error": "Not Found"})
        if not isinstance(content, dict) or not isinstance(content.get("sizes"), list):
            return refusal()
        return self._serve(content["sizes"])

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


def _are_numbers(sizes: list[Any]) -> bool:
    return bool(sizes) and all(type(size) in (int, float) for size in sizes)


def _has_numeric_text(sizes: list[Any]) -> bool:
    texts = [size for size in sizes if isinstance(size, str)]
    return bool(texts and all(text.isdigit() for text in texts)) and is_good(_numbers(sizes))


def _numbers(sizes: list[Any]) -> list[Any]:
    return [float(size) if isinstance(size, str) else size for size in sizes]


def _prices(sizes: list[Any]) -> httpx.Response:
    return answer([price(size) for size in _numbers(sizes)])


BROKEN: list[tuple[str, str, Serve]] = [
    (
        "misses_value",
        "answers 260000 for every size",
        _unless(is_good, lambda sizes: answer([260_000.0] * len(sizes))),
    ),
    (
        "misses_order",
        "answers several sizes in ascending order",
        _unless(is_good, lambda sizes: _prices(sorted(sizes))),
    ),
    (
        "misses_count",
        "leaves the last answer out",
        _unless(lambda sizes: is_good(sizes) and len(sizes) > 1, lambda sizes: _prices(sizes[:-1])),
    ),
    (
        "misses_negative",
        "accepts a negative size",
        _unless(lambda sizes: _are_numbers(sizes) and min(sizes) < 0, _prices),
    ),
    (
        "misses_negative",
        "accepts the size 0",
        _unless(lambda sizes: _are_numbers(sizes) and min(sizes) == 0, _prices),
    ),
    (
        "misses_empty",
        "answers an empty list with a 500",
        _unless(lambda sizes: not sizes, lambda _: crash()),
    ),
    (
        "misses_text",
        "converts the text '50' to a number",
        _unless(_has_numeric_text, _prices),
    ),
]
"""The mistake of not noticing it, what is broken in words, and the service."""
