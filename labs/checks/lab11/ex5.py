"""Check of lab 11, exercise 5: right answers for all images, and the simulated time they took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from labs.checks.lab11.full_batch import Core, Meter, images
from labs.checks.unchanged import unchanged
from labs.engine import Context

FASTER = 4.0


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``detect_all(core, pictures)``, and compare the core's seconds with the plain loop's."""
    given, loop, meter = images(context.numbers), Meter(), Meter()
    want = [loop.detect([image])[0] for image in given]
    shapes = [image.shape for image in given]
    where = f"{len(given)} images"

    def cause(error: BaseException) -> str | None:
        return "no_limit" if isinstance(error, MemoryError) else None

    with unchanged(context, where, pictures=given):
        got = context.call(answer, Core(meter), given, where=where, because=cause)
    _compare(context, got, want, shapes, where)
    if not meter.seconds:
        context.fail("core.detect was not called.", where=where)
    times = loop.seconds / meter.seconds
    context.note(
        times_as_fast_as_one_by_one=f"{times:.2f}",
        calls=meter.calls,
        padding=f"{meter.padding:.0%}",
    )
    one_by_one = "one_by_one" if meter.calls >= len(set(map(str, want))) else None
    context.expect(
        times >= FASTER,
        f"You process {times:.2f} times as many images per second as with one call per image; at "
        f"least {FASTER:g} times are required.",
        where=f"{where}, {meter.calls} calls, {meter.refused} of them refused, padding "
        f"{meter.padding:.0%}",
        mistake="padding" if meter.padding > 0.5 else one_by_one,
        cause="Each call costs 40 ms, a refused one too. Make fewer calls, each nearly full.",
    )


def _compare(context: Context, got: Any, want: list[Any], shapes: list[Any], where: str) -> None:
    rows = context.plain(got, what="what detect_all returned", where=where)
    if not isinstance(rows, list) or len(rows) != len(want):
        size = f"{len(rows)} answers" if isinstance(rows, list) else f"a {type(rows).__name__}"
        context.fail(f"detect_all returned {size} for {len(want)} images.", where=where)
    wrong = [place for place, right in enumerate(want) if rows[place] != right]
    empty = sum(rows[place] in (None, []) for place in wrong)
    context.expect(not empty, f"{empty} of {len(want)} images have no answer.", where=where)
    if not wrong:
        return
    moved = Counter(map(str, rows)) == Counter(map(str, want))
    of_shape = {(str(right), *sorted(shape)) for right, shape in zip(want, shapes, strict=True)}
    similar = all((str(rows[place]), *sorted(shapes[place])) in of_shape for place in wrong)
    what = "belong to other images" if moved else "are wrong"
    context.fail(
        f"{len(wrong)} of {len(want)} answers {what}.",
        where=where,
        mistake="order" if moved else "alike" if similar else None,
    )
