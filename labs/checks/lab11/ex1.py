"""Check of lab 11, exercise 1: batches of lists, of generators, and of a source without end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from labs.checks.unchanged import unchanged
from labs.engine import Context
from labs.engine.plain import same, shown

ODD: list[Any] = [None, 0, 0, "", False, "a", [], 7.5]
"""Items that an answer may take for the end, or for nothing at all."""


class _TooManyError(Exception):
    """An answer went on taking items although no batch needed them."""


class _Endless:
    """The numbers 1, 2, 3 … without end; ``taken`` counts them."""

    def __init__(self, most: int) -> None:
        self.taken, self._most = 0, most

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        self.taken += 1
        if self.taken > self._most:
            raise _TooManyError(f"{self.taken:,} items were taken, and there is no end in sight")
        return self.taken


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Compare the batches of several inputs, and count how many items were taken when."""
    _takes_only_what_it_needs(context, answer)
    size = context.random.randint(3, 6)
    lengths = [(3 * size, size), (2 * size + 1, size), (size - 1, size), (0, size), (4, 1)]
    for length, n in lengths:
        items = [ODD[number % len(ODD)] for number in range(length)]
        if items:
            items[-1] = None  # the last batch ends with an item that looks like nothing
        for kind, given in (("a list", list(items)), ("a generator", (item for item in items))):
            where = f"{kind} of {length} items, n={n}"
            with unchanged(context, where, items=given if kind == "a list" else []):
                pairs = context.call(_taken, context, answer, given, n, length + 3, where=where)
            want = [items[start : start + n] for start in range(0, length, n)]
            _compare(context, pairs, want, where)
    context.note(inputs=2 * len(lengths) + 1)


def _takes_only_what_it_needs(context: Context, answer: Callable[..., Any]) -> None:
    n, count = context.random.randint(3, 6), 4
    source, where = _Endless(100 * n), f"items without end, n={n}"

    def too_many(error: BaseException) -> str | None:
        return "not_lazy" if isinstance(error, _TooManyError) else None

    numbers = range(1, count * n + 1)
    want = [list(numbers[start : start + n]) for start in range(0, count * n, n)]
    made = context.call(answer, source, n, where=where, because=too_many)
    context.expect(
        source.taken == 0,
        f"{source.taken} items were taken by the call of batches, before a batch was needed.",
        where=where,
    )
    given = _iterator(context, made)
    pairs = []
    for number in range(1, count + 1):
        batch = context.call(next, given, None, where=where, because=too_many)
        pairs.append((context.plain(batch, what="a batch"), batch))
        _compare(context, [(came, came) for came, _ in pairs], want[:number], where)
        context.expect(
            source.taken <= (number + 1) * n,
            f"For {number} batches {source.taken} items were taken; at most {(number + 1) * n} "
            "were expected.",
            where=where,
            mistake="not_lazy",
        )
    _compare(context, [(came, context.plain(batch)) for came, batch in pairs], want, where)


def _iterator(context: Context, made: Any) -> Any:
    try:
        return iter(made)
    except TypeError:
        kind = type(made).__name__
        context.fail(f"batches returned a {kind}, which `for` cannot loop over.", layer="schema")


def _taken(
    context: Context, answer: Callable[..., Any], items: Any, n: int, most: int
) -> list[tuple[Any, Any]]:
    """Return up to *most* batches, each as it was when it came and as it is in the end."""
    given = _iterator(context, answer(items, n))
    came = []
    for batch in given:
        came.append((context.plain(batch, what="a batch"), batch))
        if len(came) == most:
            break
    return [(before, context.plain(batch, what="a batch")) for before, batch in came]


def _compare(context: Context, pairs: list[tuple[Any, Any]], want: list[Any], where: str) -> None:
    came, later = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if same(came, want):
        number = next((n for n, batch in enumerate(later) if not same(batch, want[n])), None)
        if number is not None:
            said = f"Batch {number} was {came[number]} when it came, and is {later[number]} later."
            context.fail(said, where=where, mistake="reuses")
        return
    number = next((n for n, batch in enumerate(came) if want[n : n + 1] != [batch]), len(came))
    got = shown(came[number]) if number < len(came) else "not there"
    right = f"{shown(want[number])} was" if number < len(want) else "no such batch was"
    mistake = None
    if came == want[:-1]:
        mistake = "drops_last"
    elif number == len(want) and came[number] == []:
        mistake = "empty_last"
    context.fail(f"Batch {number} is {got}; {right} expected.", where=where, mistake=mistake)
