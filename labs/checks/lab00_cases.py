"""Fresh inputs for the checks of lab 00: in each, another mistake would show."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from labs.checks import lab00_measures as measures
from labs.checks.lab00_measures import COVERAGE, NDCG, Box
from labs.engine import Context
from services.id_card.detector import Detection
from services.recommender.metrics import evaluate
from services.recommender.models import Model, Popularity
from services.recommender.splits import at_random
from services.recommender.synthetic import make_ratings

T = TypeVar("T")


def _drawn(draw: Callable[[], T], fits: Callable[[T], bool]) -> T:
    """Draw until it fits; a handful of times in practice."""
    for _ in range(5000):
        case = draw()
        if fits(case):
            return case
    raise RuntimeError("no input of this kind was drawn")


def _differ(values: list[Any]) -> bool:
    """Say whether no two values are the same, numbers to a thousandth."""
    rounded = [round(value, 3) if isinstance(value, float) else value for value in values]
    return len(set(map(repr, rounded))) == len(values)


# Exercise 1.


def box_pairs(context: Context) -> list[tuple[str, Box, Box]]:
    """Return pairs of boxes, and how they lie."""
    draw = context.random.randint
    x, y = draw(5, 90), draw(5, 90)
    width, height = draw(30, 60), draw(30, 60)
    right, bottom = x + width, y + height
    a = (x, y, right, bottom)
    gap = draw(3, 20)
    inside = (x + draw(1, 9), y + draw(1, 9), right - draw(1, 9), bottom - draw(1, 9))
    pairs: list[tuple[str, Box, Box]] = [
        ("one box over another's corner", a, _moved(a, draw(5, 20), draw(5, 20), draw(2, 9))),
        ("side by side", a, _moved(a, width + gap, draw(-9, 9))),
        ("one above the other", a, _moved(a, draw(-9, 9), height + gap)),
        ("apart, diagonally", a, _moved(a, width + gap, height + draw(3, 20))),
        ("with an edge in common", a, _moved(a, width, draw(-9, 9))),
        ("with one corner in common", a, _moved(a, width, height)),
        ("one inside the other", a, inside),
        ("the same box twice", a, a),
    ]
    for _ in range(4):
        shares = [sorted(context.random.sample(range(1, 99), 2)) for _ in range(4)]
        edges = [(low / 100, high / 100) for low, high in shares]
        one, two = ((edges[n][0], edges[n + 1][0], edges[n][1], edges[n + 1][1]) for n in (0, 2))
        pairs.append(("in shares of the picture", one, two))
    return pairs


def _moved(box: Box, right: float, down: float, larger: float = 0) -> Box:
    x1, y1, x2, y2 = box
    return x1 + right, y1 + down, x2 + right + larger, y2 + down + 2 * larger


# Exercise 2.


def card_scenes(context: Context) -> Iterator[tuple[str, list[Detection], list[Box]]]:
    """Yield the boxes found in a picture and its cards, and what is special about it."""
    draw = context.random.randint
    width, height, top = 100 * draw(1, 3), draw(60, 200), draw(5, 90)

    def card(column: int, right: float = 0, wide: float = 1.0) -> Box:
        """Return a card-like box; *right* and *wide* in shares of a card's width."""
        x = 10 + 4 * width * column + right * width
        return x, float(top), x + wide * width, float(top + height)

    lowest, low, middle, high, highest = sorted(context.random.sample(range(30, 99), 5))
    cards = [card(0), card(1), card(2)]
    found = [
        _box(middle, card(0, 0.08)),
        _box(highest, card(0, 0.15)),
        _box(low, card(0, -0.05)),
        _box(lowest, card(0, 0.12)),
        _box(high, card(1, 0.1)),
    ]
    yield "four boxes on one card, one on another, none on the third", found, cards
    over = [card(0), card(0, 0.4)]
    found = [_box(low, card(0, 0.04)), _box(high, card(0, 0.28))]
    yield "two cards, one over the other", found, over
    found = [_box(low, card(0, 0.28)), _box(high, card(0, 0.38))]
    yield "two cards, one over the other", found, over
    poor = [_box(low, card(0, 0.1)), _box(high, card(0, 0.45))]
    yield "a box of less than half a card, surer than the right one", poor, cards[:2]
    half = [_box(low, card(0, wide=0.5)), _box(high, card(1, wide=0.48))]
    yield "a box of exactly half a card, and one of a little less", half, cards[:2]
    for _ in range(3):
        yield "several cards", *_many(context, card)
    yield "a picture in which nothing was found", [], cards[:2]
    yield "a picture without a card, in which two boxes were found", found, []
    yield "a picture without a card, in which nothing was found", [], []


def _box(percent: int, box: Box) -> Detection:
    return Detection("id_card", 0, percent / 100, box)


def _many(context: Context, card: Callable[..., Box]) -> tuple[list[Detection], list[Box]]:
    """Return several cards, two of them over each other, and boxes that fit more or less."""
    columns = context.random.randint(2, 4)
    cards = [card(column) for column in range(columns)] + [card(0, 0.35)]
    places = [
        (column, context.random.uniform(-0.45, 0.45))
        for column in range(columns + 1)  # the last of them has no card
        for _ in range(context.random.randint(1, 3))
    ]
    sure = context.random.sample(range(5, 99), len(places))
    found = [_box(n, card(*place)) for n, place in zip(sure, places, strict=True)]
    context.random.shuffle(found)
    context.random.shuffle(cards)
    return found, cards


# Exercise 3.

Threshold = tuple[list[list[float]], list[float], float]


def thresholds(context: Context) -> Iterator[tuple[str, list[list[float]], list[float], float]]:
    """Yield pictures without cards, steps and a budget, and what is special about them."""
    yield "validation pictures without cards", *_designed(context)
    for _ in range(3):
        case = _drawn(lambda: _pictures(context), lambda case: measures.served(*case) is not None)
        yield "validation pictures without cards", *case
    pictures, steps, _ = _pictures(context)
    yield "a budget of nothing", pictures, [*steps, 0.99], 0.0
    yield "pictures in which nothing was found", [[] for _ in pictures], steps, 0.25
    alarming = [[*boxes, 0.9, 0.95] for boxes in pictures]
    yield "false alarms everywhere", alarming, steps, context.random.choice([0.125, 0.25, 0.5])


def _designed(context: Context) -> Threshold:
    """Return pictures in which each mistake leads to another step; the fourth is the right one."""
    steps = sorted(context.random.sample(range(10, 96, 4), 10))

    def between(low: int, high: int) -> float:
        """Return a confidence above one step, up to another one, which it may meet."""
        return context.random.randint(steps[low] + 1, steps[high]) / 100

    pictures = [[between(7, 9)] for _ in range(5)]
    for boxes in pictures[1:4]:
        boxes.append(between(5, 6))
    pictures += [[between(4, 5)], [between(5, 6)], [between(6, 7)]]
    # Eight of 32 are above the fourth step, and three more have a box that meets it.
    pictures += [[between(0, 2), steps[3] / 100] for _ in range(3)]
    pictures += [[between(0, 2)] for _ in range(9)] + [[] for _ in range(12)]
    context.random.shuffle(pictures)
    others = [step for n, step in enumerate(steps) if n != 8]
    mixed = [steps[8], *context.random.sample(others, len(others))]
    return pictures, [step / 100 for step in mixed], 0.25


def _pictures(context: Context) -> Threshold:
    """Draw pictures, steps and a budget that is a share of them; confidences meet the steps."""
    grid = [n / 20 for n in range(2, 18)]
    count = context.random.choice([16, 32])
    pictures = [
        [context.random.choice(grid) for _ in range(context.random.choice([0, 0, 1, 1, 2, 3]))]
        for _ in range(count)
    ]
    steps = context.random.sample(grid, context.random.randint(8, 14))
    return pictures, steps, context.random.randint(1, count // 4) / count


# Exercise 4.

UserList = tuple[list[float], list[int], dict[int, float]]


def lists(context: Context) -> Iterator[tuple[str, list[float], list[int], dict[int, float]]]:
    """Yield scores, seen and chosen movies of a user, and what is special about them."""
    few = ("seen_kept", "cut_first", "ascending", "log_rank", "no_discount", "share_of_ten",
           "stars", "no_ideal", "always_ten", "shifted")  # fmt: skip
    many = ("not_capped", "ascending", "ideal_of_hits")

    def few_differ(case: UserList) -> bool:
        scores, seen, chosen = case
        first = max(set(range(len(scores))).difference(seen), key=scores.__getitem__)
        differ = _differ([measures.ndcg(*case, flaw) for flaw in ("", *few)])
        return first in chosen and differ and measures.ndcg(*case, "ascending") > 0

    def many_differ(case: UserList) -> bool:
        return _differ([measures.ndcg(*case, flaw) for flaw in ("", *many)])

    draw = context.random.randint
    yield "few chosen movies", *_drawn(lambda: _user(context, 30, 8, draw(3, 5)), few_differ)
    yield (
        "more chosen movies than places",
        *_drawn(lambda: _user(context, 40, 6, draw(12, 16)), many_differ),
    )
    yield "fewer movies left than places", *_user(context, 10, 4, draw(1, 3))
    scores, seen, chosen = _user(context, 30, 8, draw(2, 6))
    top = max(scores)
    hits = [top + 1 + n if movie in chosen else s for n, (movie, s) in enumerate(_places(scores))]
    yield "a perfect list", hits, seen, chosen
    misses = [s - 100 if movie in chosen else s for movie, s in _places(scores)]
    yield "a list without a hit", misses, seen, chosen
    scores, seen, chosen = _user(context, 30, 8, draw(2, 6))
    best = max(set(range(len(scores))).difference(seen), key=scores.__getitem__)
    yield "every score is below -1", [s - 10 for s in scores], seen, {**chosen, best: 5.0}
    for _ in range(3):
        yield "a user", *_user(context, draw(20, 60), draw(1, 6), draw(1, 9))


def _places(scores: list[float]) -> list[tuple[int, float]]:
    return list(enumerate(scores))


def _user(context: Context, movies: int, seen: int, chosen: int) -> UserList:
    scores = [n / 1000 for n in context.random.sample(range(-5000, 5000), movies)]
    # A model is surest of what the user knows already, and often right about the rest.
    order = sorted(range(movies), key=lambda movie: -scores[movie])
    known = sorted(context.random.sample(order[: 2 * seen], seen))
    left = [movie for movie in order if movie not in known]
    likely = left[: 2 * chosen] + left[2 * chosen :][-2:]
    few = context.random.sample(likely, min(chosen, len(likely)))
    return scores, known, {movie: float(context.random.randint(1, 5)) for movie in sorted(few)}


Drawn = tuple[int, list[float], list[int], dict[int, float]]


def drawn_users(context: Context) -> Iterator[tuple[str, list[Drawn], float]]:
    """Yield a model's name, its questions for each user of drawn ratings, and its mean NDCG."""
    ratings, oracle = make_ratings(60, 80, 1500, seed=context.seed)
    split = at_random(ratings, seed=context.seed)
    models: dict[str, Model] = {"popularity": Popularity.fit(split.train), "oracle": oracle}
    for kind, model in models.items():
        users = []
        for user in np.flatnonzero(split.validation.per_user() > 0):
            rows = split.validation.users == user
            stars = zip(split.validation.items[rows], split.validation.values[rows], strict=True)
            # Of equal scores the services take the first. Places instead of scores are never equal.
            order = np.argsort(-model.scores(np.array([user]))[0], kind="stable")
            scores = np.empty(ratings.n_items)
            scores[order] = np.arange(ratings.n_items, 0, -1)
            users.append(
                (
                    int(user),
                    scores.tolist(),
                    split.train.items_of(int(user)).tolist(),
                    {int(movie): float(given) for movie, given in stars},
                )
            )
        yield kind, users, evaluate(model, split.train, split.validation).ndcg


# Exercise 5.

Standing = dict[str, Any]
_KINDS = ["als", "ease", "itemknn", "mf", "mf-bce", "neumf", "slim", "vae"]
_STEP = 1 / 1024  # so that sums of measures and thresholds have no rounding


def promotions(
    context: Context,
) -> Iterator[tuple[str, list[Standing], Standing, float, float]]:
    """Yield candidates, the current model, gain and loss, and what is special about them."""
    draw = context.random.randint
    data = f"{draw(0, 16**6 - 1):06x}"
    ndcg, coverage = draw(180, 300), draw(350, 500)
    gain, loss = draw(8, 20), draw(20, 50)

    def model(up: float, wider: float = 60, rmse: int | None = None, **other: Any) -> Standing:
        """Return a model whose measures differ from the current ones by so many steps."""
        on_test = other.get("test", up)
        return {
            "data": other.get("data", data),
            "validation": _measured(ndcg + up, coverage + wider, rmse),
            "test": _measured(ndcg - 9 + on_test, coverage - 5 + wider, rmse and rmse + 20),
        }

    current = {"name": "popularity", **model(0, 0)}
    good, better = gain + draw(1, 9), gain + draw(20, 60)
    nan = math.nan
    other = f"{(int(data, 16) + 1) % 16**6:06x}"
    groups: list[tuple[str, list[Standing]]] = [
        ("every candidate is worse",
         [model(-draw(1, 9), test=-80), model(-draw(30, 60), rmse=870), model(-25, test=-1)]),
        ("two are better, and one has the smallest RMSE",
         [model(better), model(good, rmse=900), model(-draw(20, 60), rmse=860)]),
        ("one is best on the test part only",
         [model(draw(-9, gain - 2), test=better + 40), model(better), model(good)]),
        ("two are better, and the second is best on the test part",
         [model(better, test=gain + draw(0, 5)), model(good, test=better + 40)]),
        ("the best is worse on the test part", [model(better, test=-draw(0, 9)), model(good)]),
        ("several may be promoted",
         [model(good), model(good + gain), model(good + gain + draw(1, gain - 1))]),
        ("one gains a little", [model(draw(1, gain - 1))]),
        ("the best by NDCG shows too little", [model(better, -loss - draw(1, 9)), model(good)]),
        ("one shows a little less", [model(good, -draw(1, loss - 1))]),
        ("the best was measured on other ratings", [model(better, data=other), model(good)]),
        ("exactly the gain that is asked for", [model(gain), model(gain - 1)]),
        ("exactly the loss that is allowed", [model(good, -loss)]),
        ("a training that went wrong", [model(nan), model(good)]),
        ("a training that went wrong", [model(good), model(nan)]),
        ("a training that went wrong", [model(better, nan), model(good)]),
        ("a training that went wrong", [model(nan, nan)]),
        ("no candidate at all", []),
    ]  # fmt: skip
    for _ in range(6):
        ups = context.random.sample(range(-20, better), draw(3, 6))
        some = [model(up, draw(-2 * loss, loss), draw(800, 999)) for up in ups]
        some.append(model(better + 1, data=other))
        groups.append(("several candidates", context.random.sample(some, len(some))))
    for words, some in groups:
        names = context.random.sample(_KINDS, len(some))
        candidates = [{"name": name, **one} for name, one in zip(names, some, strict=True)]
        yield words, candidates, current, gain * _STEP, loss * _STEP


def _measured(ndcg: float, coverage: float, rmse: int | None) -> dict[str, float]:
    measures = {NDCG: ndcg * _STEP, COVERAGE: coverage * _STEP}
    return measures if rmse is None else {**measures, "rmse": rmse / 1000}
