"""lab00.ex4: NDCG@10 of one user."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from labs.checks import pure_functions
from labs.engine import Context

K = 10


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Compare ``ndcg_at_10`` for users whose chosen movies stand at designed places."""
    cases = list(_cases(context))
    pure_functions.compare(
        context,
        answer,
        cases,
        _ndcg,
        what="ndcg_at_10(scores, seen, chosen)",
        where=_described,
        wrong=_WRONG,
        tolerance=1e-9,
    )
    context.note(users=len(cases))


# Movies, how many of them are seen, and the places of the chosen ones in the list of the others.
_USERS: list[tuple[str, int, int, list[int]]] = [
    ("few chosen movies", 30, 8, [1, 3, 10, 15]),
    ("a chosen movie just below the list", 30, 8, [2, 11]),
    ("as many chosen movies as the list holds", 40, 6, [1, 2, 4, 6, 7, 10, 11, 12, 20, 30]),
    ("one chosen movie more than the list holds", 40, 6, [1, 2, 4, 6, 7, 9, 10, 11, 12, 20, 30]),
    ("many chosen movies", 60, 6, [2, 3, 5, *range(8, 25)]),
    ("a perfect list", 30, 8, [1, 2, 3]),
    ("a perfect list of ten", 30, 8, list(range(1, 14))),
    ("a list without a hit", 30, 8, [11, 20]),
    ("fewer movies left than the list holds", 10, 4, [2, 6]),
    ("every movie that is left was chosen", 9, 4, [1, 2, 3, 4, 5]),
    ("a user who has seen nothing", 25, 0, [4, 8]),
]


def _cases(context: Context) -> Iterator[pure_functions.Case]:
    draw = context.random
    for about, movies, seen, places in _USERS:
        yield about, *_user(context, movies, seen, places)
    yield "scores far below 0", *_user(context, 14, 5, [3, 9], low=-2e6)
    yield "scores that differ little", *_user(context, 30, 8, [1, 4, 9], step=1e-10)
    yield "few stars", *_user(context, 30, 8, [1, 4, 9], stars=(0.5, 1.0))
    for _ in range(3):
        movies, seen = draw.randint(20, 60), draw.randint(1, 6)
        places = draw.sample(range(1, movies - seen + 1), draw.randint(1, 9))
        yield "a random user", *_user(context, movies, seen, places)


def _user(
    context: Context,
    movies: int,
    seen: int,
    places: Sequence[int],
    *,
    low: float = -3.0,
    step: float = 0.001,
    stars: Sequence[float] = (0.5, 2.0, 3.5, 5.0),
) -> tuple[list[float], list[int], dict[int, float]]:
    """Return scores, seen and chosen movies; a model is surest of what the user has seen."""
    draw = context.random
    best_first = draw.sample(range(movies), movies)
    values = sorted(draw.sample(range(6000), movies), reverse=True)
    scores = [0.0] * movies
    for movie, value in zip(best_first, values, strict=True):
        scores[movie] = low + value * step
    later = seen // 3
    known = [*best_first[: seen - later], *best_first[seen + 1 : seen + 1 + later]]
    unseen = [movie for movie in best_first if movie not in known]
    chosen = {unseen[place - 1]: draw.choice(stars) for place in sorted(places, reverse=True)}
    return scores, draw.sample(known, len(known)), chosen


def _described(
    about: str, scores: Sequence[float], seen: Sequence[int], chosen: Mapping[int, float]
) -> str:
    """Return the places of the chosen movies: all that the answer depends on."""
    unseen = [movie for movie in range(len(scores)) if movie not in seen]
    unseen.sort(key=lambda movie: -scores[movie])
    places = [place for place, movie in enumerate(unseen, 1) if movie in chosen]
    return (
        f"{about}: {len(scores)} movies, {len(seen)} of them seen; among the others, best first, "
        f"the chosen ones have the ranks {places}"
    )


def _ndcg(
    scores: Sequence[float],
    seen: Sequence[int],
    chosen: Mapping[int, float],
    *,
    keep: bool = False,
    cut_first: bool = False,
    worth: Callable[[int], float] = lambda place: 1 / math.log2(place + 1),
    ideal: Callable[[int], int] = lambda count: min(count, K),
) -> float:
    """Return what ``ndcg_at_10`` should; each option makes a mistake."""
    order = sorted(range(len(scores)), key=lambda movie: -scores[movie])
    if cut_first:
        order = order[:K]
    listed = [movie for movie in order if keep or movie not in seen][:K]
    dcg = sum(worth(place) for place, movie in enumerate(listed, 1) if movie in chosen)
    return dcg / sum(worth(place) for place in range(1, ideal(len(chosen)) + 1))


_WRONG: pure_functions.Wrong = [
    ("seen_kept", partial(_ndcg, keep=True)),
    ("cut_first", partial(_ndcg, cut_first=True)),
    ("log_rank", partial(_ndcg, worth=lambda place: 1 / math.log2(place))),
    ("always_ten", partial(_ndcg, ideal=lambda count: K)),
    ("not_capped", partial(_ndcg, ideal=lambda count: count)),
]
