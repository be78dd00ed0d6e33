"""lab00.ex3: The confidence to serve."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from labs.checks import pure_functions
from labs.engine import Context

Images = Sequence[Sequence[float]]


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Compare ``served_confidence`` on false alarms by design, then where no step is allowed."""
    cases = list(_cases(context))
    pure_functions.compare(
        context,
        answer,
        cases,
        _served,
        what="served_confidence(pictures, steps, budget)",
        where=_described,
        wrong=_WRONG,
    )
    for budget in (0.03125, 0.0):
        steps = [0.2, 0.4, 0.3]
        alarming = [[0.1, 0.9], [0.95], [0.2]] + [[]] * 13
        _is_refused(context, answer, (alarming, steps, budget))
    context.note(sets_of_images=len(cases) + 2)


def _cases(context: Context) -> Iterator[pure_functions.Case]:
    draw = context.random
    for count, about in ((16, "exactly the budget at one step"), (32, "many images without a box")):
        yield about, *_designed(context, count)
    steps = [0.5, 0.3, 0.7]
    # 5,001 alarms: a share that any rounding makes equal to the budget, which it exceeds.
    yield "one image too many", [[0.4]] * 5001 + [[]] * 15_000, steps, 0.25
    yield "three images", [[0.6], [0.4], [0.2]], steps, 0.5
    yield "one image, one step", [[0.1, 0.6, 0.2]], [0.6], 0.5
    yield "a budget of 0", [[0.31, 0.1], [0.2]] + [[]] * 2000, steps, 0.0
    yield "every image may be a false alarm", [[0.9], [0.8, 0.9]], steps, 1.0
    yield "images without a box, and a step of 0", [[], [], [], []], [0.2, 0.0, 0.1], 0.25
    yield "a step of 1", [[0.9, 0.999], [0.1]], [1.0, 0.5], 0.25
    for _ in range(3):
        grid = [n / 20 for n in range(2, 18)]
        images = [[draw.choice(grid) for _ in range(draw.randrange(4))] for _ in range(32)]
        budget = draw.randint(1, 8) / 32
        yield "random images", images, [*draw.sample(grid, 8), 0.9], budget


def _designed(context: Context, count: int) -> tuple[list[list[float]], list[float], float]:
    """Return images, steps and a budget of a quarter that is met exactly at the third step.

    Of a quarter of the images the most confident box is above the third step, in the middle of the
    list; of another one it is equal to that step, and one is above the second step only.
    """
    first = context.random.randint(10, 30)
    steps = [(first + 12 * n) / 100 for n in range(5)]
    low, just = steps[0] - 0.05, 0.0004
    alarms = count // 4
    tops = [steps[2] + just] * (alarms - 2) + [steps[3] + just, steps[4] + just]
    images = [[low, top, low - 0.01] for top in tops]
    images[0] = [steps[1], *[steps[2] + just] * 5, low]  # many boxes, and one image
    images += [[steps[2]], [low, steps[1] + just, low], [steps[0]]]
    images += [[]] * (count - len(images))
    context.random.shuffle(images)
    mixed = [steps[3], steps[0], steps[2], steps[4], steps[1]]
    return [list(boxes) for boxes in images], mixed, 0.25


def _described(about: str, images: Images, steps: Sequence[float], budget: float) -> str:
    """Return the number of false alarms at each step: all that the answer depends on."""
    alarms = [
        f"{sum(any(c > step for c in boxes) for boxes in images)} at {step:g}" for step in steps
    ]
    return (
        f"{about}: {len(images)} images, budget {budget} ({budget * len(images):g} images); "
        f"false alarms: {', '.join(alarms)}"
    )


def _is_refused(
    context: Context, answer: Callable[..., Any], arguments: tuple[Images, list[float], float]
) -> None:
    """Fail unless the answer raises a ValueError that names the budget."""
    where = _described("no step stays within the budget", *arguments)
    try:
        got = answer(*arguments)
    except ValueError as error:
        if f"{arguments[-1]}" not in str(error):
            context.fail(
                f"The ValueError says {str(error)!r}; the budget, {arguments[-1]}, is not in it.",
                where=where,
                mistake="bare_error",
            )
        return
    except Exception as error:
        raise context.raised(error, where=where) from error
    got = context.plain(got, what="served_confidence(…)", where=where)
    context.fail(
        f"served_confidence returned {got!r}; a ValueError was expected.",
        where=where,
        mistake="falls_back",
    )


def _served(
    pictures: Images,
    steps: Sequence[float],
    budget: float,
    *,
    shows: Callable[[float, float], bool] = lambda sure, step: sure > step,
    allows: Callable[[float, float], bool] = lambda share, budget: share <= budget,
    count: Callable[[Sequence[bool]], int] = any,
    of: Callable[[Images], int] = len,
) -> float:
    """Return the step to serve, or raise ValueError; each option makes a mistake."""
    for step in sorted(steps):
        alarms = sum(count([shows(sure, step) for sure in boxes]) for boxes in pictures)
        if allows(alarms / max(of(pictures), 1), budget):
            return step
    raise ValueError(budget)


def _with_boxes(pictures: Images) -> int:
    return sum(len(boxes) > 0 for boxes in pictures)


_WRONG: pure_functions.Wrong = [
    ("boxes", partial(_served, count=sum)),
    ("boxes", partial(_served, count=sum, of=lambda pictures: sum(map(len, pictures)))),
    ("without_empty", partial(_served, of=_with_boxes)),
    ("at_least", partial(_served, shows=lambda sure, step: sure >= step)),
    ("strict", partial(_served, allows=lambda share, budget: share < budget)),
]
