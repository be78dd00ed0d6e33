"""lab15.ex4: Design it: a limit that cannot be filled up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

from labs.engine import Context


class _Right:
    """What is expected; its numbers are exact, since all times here are multiples of 1/16."""

    def __init__(self, requests: int, seconds: float, most: int) -> None:
        self.requests, self.seconds, self.most = requests, seconds, most
        self.buckets: dict[str, tuple[float, float]] = {}

    def tokens(self, client: str, now: float) -> float:
        tokens, at = self.buckets.get(client, (float(self.requests), now))
        return min(self.requests, tokens + (now - at) * self.requests / self.seconds)

    def allow(self, client: str, now: float) -> bool:
        if client not in self.buckets and len(self.buckets) >= self.most:
            for one in [o for o in self.buckets if self.tokens(o, now) >= self.requests]:
                del self.buckets[one]
            if len(self.buckets) >= self.most:
                return False
        tokens = self.tokens(client, now)
        self.buckets[client] = (tokens - (tokens >= 1), now)
        return tokens >= 1


def check(context: Context, answer: Any) -> None:
    """Hold the answer against the right one: by design first, then by chance, then in a flood."""
    start = float(context.random.randint(0, 1000))
    _one_client(context, answer, start)
    _two_clients(context, answer, start)
    _one_client(context, answer, 0.0)
    _full(context, answer, start)
    for requests, seconds, most in ((4, 8.0, 100), (8, 2.0, 3), (1, 4.0, 2)):
        _by_chance(context, answer, requests, seconds, most)
    _flood(context, answer, start)


def _made(context: Context, answer: Any, *given: Any) -> Any:
    limiter = context.call(answer, *given, where=f"Limiter{given}")
    differs = "The limiter has no method 'allow'."
    context.expect(callable(getattr(limiter, "allow", None)), differs, where=f"Limiter{given}")
    return limiter


def _ask(
    context: Context,
    limiter: Any,
    request: tuple[str, float],
    want: bool,
    where: str,
    mistake: str | None = None,
) -> None:
    got = context.call(limiter.allow, *request, where=where)
    differs = f"allow{request} is {got!r}; {want} was expected."
    context.expect(type(got) is bool, differs, where=where)
    context.expect(got is want, differs, where=where, mistake=mistake)


def _one_client(context: Context, answer: Any, start: float) -> None:
    """Four requests in eight seconds: a token each two seconds."""
    limiter, calm = (_made(context, answer, 4, 8.0, 10) for _ in range(2))
    for number in range(4):
        mistake = "not_full" if number < 3 else None
        where = f"request {number + 1} of 4 at once"
        _ask(context, limiter, ("a", start), True, where, mistake)
        _ask(context, calm, ("b", start), True, where, mistake)
    for _ in range(20):
        _ask(context, limiter, ("a", start), False, "a request more than the bucket holds")
    where = "two seconds after the bucket was empty"
    _ask(context, calm, ("b", start + 2), True, where)
    where = "two seconds after the bucket was empty; 20 requests were refused meanwhile"
    _ask(context, limiter, ("a", start + 2), True, where, "refused_cost")
    _ask(context, limiter, ("a", start + 2), False, "the next one, at the same time")
    where = "a second later, half a token is there"
    _ask(context, limiter, ("a", start + 3), False, where, "half_token")
    where = "another second later, the token is whole"
    _ask(context, limiter, ("a", start + 4), True, where)
    late = start + 1000
    for number in range(4):
        _ask(context, limiter, ("a", late), True, f"after a long break, request {number + 1}")
    where = "after a long break, one more than the bucket holds"
    _ask(context, limiter, ("a", late), False, where, "overflow")


def _two_clients(context: Context, answer: Any, start: float) -> None:
    """See that one client takes nothing from another, nor one limiter from another."""
    limiter = _made(context, answer, 2, 4.0, 10)
    for client in ("a", "a", "b", "b"):
        _ask(context, limiter, (client, start), True, f"the client {client}", "shared")
    other = _made(context, answer, 1, 4.0, 10)
    _ask(context, other, ("a", start), True, "a second limiter", "shared")


def _full(context: Context, answer: Any, start: float) -> None:
    """Three clients are remembered: who may come, and when."""
    limiter = _made(context, answer, 2, 4.0, 3)
    for client in "abc":
        _ask(context, limiter, (client, start), True, f"client {client} of 3", "too_few")
    where = "a fourth client, 3 have used tokens"
    if context.call(limiter.allow, "d", start, where=where) is True:
        again = [[context.call(limiter.allow, c, start, where=where) for _ in "12"] for c in "abc"]
        mistake = "forgets" if [True, True] in again else None
        differs = f"allow('d', {start}) is True; False was expected."
        context.fail(differs, where=where, mistake=mistake)
    _ask(context, limiter, ("d", start), False, f"{where}; it asks again")
    _ask(context, limiter, ("a", start), True, "client a once more", "too_few")
    _ask(context, limiter, ("a", start), False, "client a for the third time", "forgets")
    where = "a fourth client, the buckets of b and c are full again"
    _ask(context, limiter, ("d", start + 2), True, where, "never_forgets")
    _ask(context, limiter, ("e", start + 2), True, "a fifth, there is room", "never_forgets")
    _ask(context, limiter, ("f", start + 2), False, "a sixth, a, d and e have used tokens")
    _ask(context, limiter, ("a", start + 2), True, "client a, with one token")
    _ask(context, limiter, ("a", start + 2), False, "client a, without a token", "forgets")


def _by_chance(context: Context, answer: Any, requests: int, seconds: float, most: int) -> None:
    limiter, right = (
        _made(context, answer, requests, seconds, most),
        _Right(requests, seconds, most),
    )
    now = 0.0
    for _ in range(400):
        now += context.random.choice((0, 0, 0, 1, 2, 5, 16)) / 16
        client = context.random.choice("abcdef")
        where = f"{requests} in {seconds:g} s, {most} clients, many requests"
        _ask(context, limiter, (client, now), right.allow(client, now), where)


def _flood(context: Context, answer: Any, start: float) -> None:
    limiter = _made(context, answer, 4, 8.0, 50)
    before = _entries(getattr(limiter, "__dict__", {}))
    for number in range(3000):
        context.call(limiter.allow, f"client {number}", start + number / 16, where="3,000 clients")
    kept = _entries(getattr(limiter, "__dict__", {})) - before
    differs = f"After 3,000 clients {kept} values are kept; 50 clients may be remembered."
    context.expect(kept <= 500, differs, where="3,000 clients", mistake="grows")
    context.note(clients=3000)


def _entries(value: Any, depth: int = 5) -> int:
    """Count what is in an object's containers."""
    if isinstance(value, str | bytes) or depth == 0:
        return 1
    if isinstance(value, Mapping):
        return sum(1 + _entries(one, depth - 1) for one in value.values())
    if isinstance(value, Sequence | Set):
        return sum(_entries(one, depth - 1) for one in value)
    return 1 + _entries(vars(value), depth - 1) if hasattr(value, "__dict__") else 1
