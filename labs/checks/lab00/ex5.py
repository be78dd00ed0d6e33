"""lab00.ex5: Design it: promote, or refuse."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from labs.checks import pure_functions
from labs.engine import Context

Model = Mapping[str, Any]

NDCG, COVERAGE = "ndcg_at_10", "coverage_at_10"
_STEP = 1 / 1024  # sums and differences of measures and thresholds are then exact


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Compare ``to_promote`` on groups of candidates, each with one trap in it."""
    cases = list(_cases(context))
    pure_functions.compare(
        context,
        answer,
        cases,
        _promoted,
        what="to_promote(…)",
        where=_described,
        wrong=_WRONG,
    )
    context.note(groups_of_candidates=len(cases))


def _cases(context: Context) -> Iterator[pure_functions.Case]:
    """Yield candidates, the current model, gain and loss, and what is special about them."""
    draw = context.random.randint
    data = f"{draw(0, 16**6 - 1):06x}"
    other = f"{(int(data, 16) + 1) % 16**6:06x}"
    ndcg, coverage = draw(180, 300), draw(350, 500)
    gain, loss = draw(8, 20), draw(20, 50)
    nan = math.nan

    def model(up: float, wider: float = 60, **others: Any) -> dict[str, Any]:
        """Return a model whose measures differ from the current ones by so many steps."""
        up_on_test = others.get("test", up)
        measured = {"data": others.get("data", data)}
        for part, more in (("validation", up), ("test", up_on_test - 9)):
            measured[part] = {NDCG: (ndcg + more) * _STEP, COVERAGE: (coverage + wider) * _STEP}
            if "rmse" in others:
                measured[part]["rmse"] = others["rmse"]
        if others.get("test_coverage"):
            measured["test"][COVERAGE] = others["test_coverage"]
        return measured

    current = {"name": "popularity", **model(0, 0)}
    good, better = gain + draw(1, 9), gain + draw(20, 60)
    groups: list[tuple[str, list[dict[str, Any]]]] = [
        ("every candidate is worse", [model(-9, test=-80), model(-40, rmse=0.87)]),
        ("two are better, and one has the smallest RMSE",
         [model(better), model(good, rmse=0.9), model(-30, rmse=0.86)]),
        ("one is best on the test set only", [model(2, test=better + 40), model(better)]),
        ("two are better, and the second is best on the test set",
         [model(better, test=gain), model(good, test=better + 40)]),
        ("the best is worse on the test set", [model(better, test=-9), model(good)]),
        ("several may be promoted",
         [model(good), model(good + gain), model(good + gain + gain // 2)]),
        ("one gains a little", [model(gain - 1)]),
        ("the best by NDCG covers too little", [model(better, -loss - 1), model(good)]),
        ("one covers a little less", [model(good, 1 - loss)]),
        ("one covers much more", [model(good, loss + 60)]),
        ("the best was measured on other ratings", [model(better, data=other), model(good)]),
        ("exactly the required gain", [model(gain), model(gain - 1)]),
        ("exactly the loss that is allowed", [model(good, -loss)]),
        ("a training run that went wrong", [model(nan), model(good)]),
        ("a training run that went wrong", [model(good), model(nan)]),
        ("a training run that went wrong", [model(better, nan), model(good)]),
        ("a training run that went wrong", [model(nan, nan)]),
        ("an RMSE that is not a number", [model(good, rmse=nan)]),
        ("test metrics that are not numbers",
         [model(better, test=nan, test_coverage=nan), model(good)]),
        ("no candidate at all", []),
    ]  # fmt: skip
    for words, some in groups:
        yield words, _named(context, some), current, gain * _STEP, loss * _STEP
    for words, some in (
        ("a gain of 0 and the same NDCG", [model(0), model(-1)]),
        ("a gain of 0 and a little more", [model(1), model(-1)]),
    ):
        yield words, _named(context, some), current, 0.0, loss * _STEP
    for _ in range(6):
        ups = context.random.sample(range(-20, better), draw(3, 6))
        some = [model(up, draw(-2 * loss, loss), rmse=draw(800, 999) / 1000) for up in ups]
        some.append(model(better + 1, data=other))
        yield "random candidates", _named(context, some), current, gain * _STEP, loss * _STEP


def _named(context: Context, models: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kinds = ["als", "ease", "itemknn", "mf", "mf-bce", "neumf", "slim", "vae"]
    names = context.random.sample(kinds, len(models))
    return [{"name": name, **model} for name, model in zip(names, models, strict=True)]


def _described(
    about: str, candidates: Sequence[Model], current: Model, gain: float, loss: float
) -> str:
    """Return the figures that the rule depends on."""

    def line(model: Model) -> str:
        measured = model["validation"]
        text = f"{measured[NDCG]:.4f} and {measured[COVERAGE]:.4f}"
        return text if model["data"] == current["data"] else f"{text} on other data"

    rows = "; ".join(f"{model['name']} {line(model)}" for model in candidates)
    return (
        f"{about}. NDCG and coverage on validation: now {line(current)}; {rows}. "
        f"Gain {gain:.4f}, loss {loss:.4f}"
    )


def _promoted(
    candidates: Sequence[Model],
    current: Model,
    gain: float,
    loss: float,
    *,
    part: str = "validation",
    by: Callable[[Model], float] | None = None,
    reaches: Callable[[float, float], bool] = lambda value, bar: value >= bar,
    reaches_coverage: Callable[[float, float], bool] | None = None,
    best_of: Callable[[Model, Model], bool] | None = None,
) -> str | None:
    """Return what ``to_promote`` should; each option makes a mistake."""
    now = current[part]
    by = by or (lambda model: model[part][NDCG])
    if best_of:
        some = [one for one in candidates if best_of(one, current)]
        candidates = [max(some, key=by)] if some else []
    passed = [
        one
        for one in candidates
        if one["data"] == current["data"]
        and reaches(one[part][NDCG], now[NDCG] + gain)
        and (reaches_coverage or reaches)(one[part][COVERAGE], now[COVERAGE] - loss)
    ]
    return max(passed, key=by)["name"] if passed else None


def _above(value: float, bar: float) -> bool:
    return value > bar


def _not_below(value: float, bar: float) -> bool:
    return not value < bar


def _at_least(value: float, bar: float) -> bool:
    return value >= bar


def _is_number(model: Model) -> bool:
    return not math.isnan(model["validation"][NDCG])


def _is_comparable(model: Model, current: Model) -> bool:
    return _is_number(model) and bool(model["data"] == current["data"])


def _least_rmse(candidates: Sequence[Model], *_: Any) -> str | None:
    known = [one for one in candidates if "rmse" in one["validation"]]
    return min(known, key=lambda one: one["validation"]["rmse"])["name"] if known else None


_WRONG: pure_functions.Wrong = [
    ("rmse", _least_rmse),
    ("rmse", partial(_promoted, by=lambda one: -one["validation"].get("rmse", math.inf))),
    ("test", partial(_promoted, part="test")),
    ("test", partial(_promoted, by=lambda one: one["test"][NDCG])),
    ("best_only", partial(_promoted, best_of=lambda one, current: True)),
    ("best_only", partial(_promoted, best_of=lambda one, current: _is_number(one))),
    ("best_only", partial(_promoted, best_of=_is_comparable)),
    ("nan", partial(_promoted, reaches=_not_below)),
    ("nan", partial(_promoted, reaches_coverage=_not_below)),
    ("nan", partial(_promoted, reaches=_not_below, reaches_coverage=_at_least)),
    ("strict", partial(_promoted, reaches=_above)),
    ("strict", partial(_promoted, reaches_coverage=_above)),
    ("strict", partial(_promoted, reaches=_above, reaches_coverage=_at_least)),
]
