"""The measures of lab 00, each in one of the ways in which it comes out wrong.

A check compares an answer with what the named mistakes would give on the same input. What is right
comes from the services where they have it; without a flaw these functions are right, too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from labs.engine import plain
from services.id_card.detector import Detection
from services.id_card.metrics import overlaps

Box = tuple[float, float, float, float]
Model = Mapping[str, Any]

K = 10
NDCG, COVERAGE = "ndcg_at_10", "coverage_at_10"


class Suspects:
    """The mistakes that an answer may have, if it has been right so far."""

    def __init__(self) -> None:
        self._cleared: set[int] = set()

    def left(self, wrong: Sequence[tuple[str, Any]], want: Any) -> list[tuple[str, Any]]:
        """Return the mistakes that would not have shown before; those that show here are cleared.

        Parameters
        ----------
        wrong : sequence of pairs
            What each named mistake gives on this input, in the same order on every input.
        want : plain data
            What is right.
        """
        left = [pair for n, pair in enumerate(wrong) if n not in self._cleared]
        self._cleared |= {
            n for n, (_, value) in enumerate(wrong) if not plain.same(value, want, 1e-6)
        }
        return left


def overlap(a: Box, b: Box) -> float:
    """Return the IoU of two boxes, as the services compute it."""
    return float(overlaps(np.array([a], float), np.array([b], float))[0, 0])


def wrong_overlaps(a: Box, b: Box) -> list[tuple[str, float]]:
    """Return what each mistake of the first exercise makes of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    first, second = ((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    large, small = max(first, second), min(first, second)
    found = [
        ("plus_one", _plus_one(a, b)),
        ("sum", shared / (first + second)),
        ("one_box", shared / small),
        ("one_box", shared / large),
        ("sides", _as_sides(a, b)),
        ("diagonal", max(width * height, 0) / (first + second - max(width * height, 0))),
    ]
    if width * height < 0:
        found.append(("negative", width * height / (first + second - width * height)))
    return found


def _plus_one(a: Box, b: Box) -> float:
    """Count pixels from edge to edge, both included."""
    width = max(min(a[2], b[2]) - max(a[0], b[0]) + 1, 0)
    height = max(min(a[3], b[3]) - max(a[1], b[1]) + 1, 0)
    areas = [(box[2] - box[0] + 1) * (box[3] - box[1] + 1) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


def _as_sides(a: Box, b: Box) -> float:
    """Read the last two numbers of a box as its width and height."""
    width = max(min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]), 0)
    height = max(min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1]), 0)
    return width * height / (a[2] * a[3] + b[2] * b[3] - width * height)


def overlap_table(found: Sequence[Detection], cards: Sequence[Box]) -> list[list[float]]:
    """Return the IoU of each box with each card."""
    boxes = np.array([one.box for one in found], float).reshape(-1, 4)
    table = overlaps(boxes, np.array(cards, float).reshape(-1, 4))
    return [[float(value) for value in row] for row in table]


def claims(found: Sequence[Detection], cards: Sequence[Box], flaw: str = "") -> list[bool]:
    """Return which boxes are right, in the order of *found*; *flaw* is a mistake's name."""
    table = overlap_table(found, cards)
    order = list(range(len(found)))
    if flaw == "by_overlap":
        order.sort(key=lambda n: max(table[n], default=0.0), reverse=True)
    elif flaw != "order":
        order.sort(key=lambda n: found[n].confidence, reverse=flaw != "ascending")
    free, right = [True] * len(cards), [False] * len(found)
    for n in order:
        card = _claimed(table[n], free, flaw)
        if card is not None:
            free[card], right[n] = False, True
        elif flaw in ("wrong_claims", "any_claims"):
            _take_nearest(table[n], free, flaw)
    return [right[n] for n in order] if flaw == "other_order" else right


def _claimed(shared: list[float], free: list[bool], flaw: str) -> int | None:
    every = flaw in ("twice", "only_best")
    fits = [
        n
        for n, value in enumerate(shared)
        if (free[n] or every) and (value > 0.5 or (value == 0.5 and flaw != "strict"))
    ]
    if not fits:
        return None
    best = fits[0] if flaw == "first_fit" else max(fits, key=shared.__getitem__)
    return best if free[best] or flaw == "twice" else None


def _take_nearest(shared: list[float], free: list[bool], flaw: str) -> None:
    """Let a box that is wrong claim the free card that it overlaps most."""
    left = [n for n in range(len(free)) if free[n] and (shared[n] > 0 or flaw == "any_claims")]
    if left:
        free[max(left, key=shared.__getitem__)] = False


def served(
    pictures: Sequence[Sequence[float]], steps: Sequence[float], budget: float, flaw: str = ""
) -> float | None:
    """Return the threshold to serve, None if there is none; *flaw* is a mistake's name."""

    def share(step: float) -> float:
        shown = [
            [sure for sure in boxes if sure > step or (sure == step and flaw == "at_least")]
            for boxes in (one[:1] if flaw == "first_box" else one for one in pictures)
        ]
        alarms = sum(map(len if flaw in ("boxes", "of_boxes") else bool, shown))
        total = len(pictures)
        if flaw == "without_empty":
            total = sum(map(bool, pictures))
        elif flaw == "of_boxes":
            total = sum(map(len, pictures))
        return alarms / max(total, 1)

    within = [
        step
        for step in steps
        if share(step) < budget or (share(step) == budget and flaw != "strict")
    ]
    if flaw == "no_budget":
        within = list(steps)
    if not within:
        return None
    if flaw == "first":
        return within[0]
    return max(within) if flaw == "highest" else min(within)


def ndcg(
    scores: Sequence[float], seen: Sequence[int], chosen: Mapping[int, float], flaw: str = ""
) -> float:
    """Return a user's NDCG@10; *flaw* is a mistake's name."""
    if flaw in ("zero", "minus_one"):
        low = 0.0 if flaw == "zero" else -1.0
        scores = [low if movie in seen else score for movie, score in enumerate(scores)]
        seen = []
    order = sorted(range(len(scores)), key=lambda n: scores[n], reverse=flaw != "ascending")
    if flaw == "cut_first":
        order = order[:K]
    if flaw != "seen_kept":
        order = [movie for movie in order if movie not in seen]
    if flaw == "shifted":
        order = [movie - sum(one < movie for one in seen) for movie in order]
    gains = {movie: stars if flaw == "stars" else 1.0 for movie, stars in chosen.items()}
    dcg = sum(
        gains.get(movie, 0.0) * _worth(place, flaw) for place, movie in enumerate(order[:K], 1)
    )
    if flaw == "no_ideal":
        return dcg
    if flaw == "share_of_ten":
        return dcg / K
    best = sorted(gains.values(), reverse=True)
    if flaw == "always_ten":
        best = [1.0] * K
    elif flaw == "ideal_of_hits":
        best = [1.0] * sum(movie in chosen for movie in order[:K])
    elif flaw != "not_capped":
        best = best[:K]
    ideal = sum(gain * _worth(place, flaw) for place, gain in enumerate(best, 1))
    return dcg / ideal if ideal else 0.0


def places(scores: Sequence[float], seen: Sequence[int], chosen: Mapping[int, float]) -> list[int]:
    """Return where the chosen movies stand among the unseen ones, from 1, the best first."""
    unseen = [movie for movie in range(len(scores)) if movie not in seen]
    unseen.sort(key=lambda movie: -scores[movie])
    return [place for place, movie in enumerate(unseen, 1) if movie in chosen]


def _worth(place: int, flaw: str) -> float:
    if flaw in ("no_discount", "share_of_ten"):
        return 1.0
    if flaw == "log_rank":
        return 1 / max(1.0, math.log2(place))
    return 1 / math.log2(place + 1)


def promoted(
    candidates: Sequence[Model], current: Model, gain: float, loss: float, flaw: str = ""
) -> str | None:
    """Return the name of the candidate to promote, if any; *flaw* is a mistake's name."""
    part = "test" if flaw in ("test", "best_on_test", "rule_on_test") else "validation"
    if flaw == "rmse":
        with_stars = [one for one in candidates if "rmse" in one[part]]
        return _best(with_stars, lambda one: -one[part]["rmse"])
    if flaw in ("always", "best_on_test"):
        return _best(candidates, lambda one: one[part][NDCG])
    if flaw == "loss_as_gain":
        loss = -loss
    bars = {
        NDCG: current[part][NDCG] + (0.0 if flaw == "no_gain" else gain),
        COVERAGE: -math.inf if flaw == "no_coverage" else current[part][COVERAGE] - loss,
    }
    if flaw == "best_only":
        candidates = [one for one in candidates if one["name"] == _best(candidates, _ndcg)]
    passed = [
        one
        for one in candidates
        if (one["data"] == current["data"] or flaw == "other_data")
        and all(
            _reaches(one[part][measure], bar, _in_one(flaw, measure))
            for measure, bar in bars.items()
        )
    ]
    if flaw == "abs":
        limit = current[part][COVERAGE] + loss
        passed = [one for one in passed if one[part][COVERAGE] <= limit]
    if flaw == "running":
        best = current
        for one in passed:
            best = one if _ndcg(one) >= _ndcg(best) + gain else best
        return None if best is current else best["name"]
    if flaw in ("rule_on_test", "chosen_on_test"):
        part = "test" if part == "validation" else "validation"
    if flaw == "first":
        return passed[0]["name"] if passed else None
    if flaw == "rmse_of_passed":
        return _best(passed, lambda one: -one[part].get("rmse", math.inf))
    return _best(passed, lambda one: one[part][NDCG])


def _ndcg(model: Model) -> float:
    value = float(model["validation"][NDCG])
    return -math.inf if math.isnan(value) else value


def _in_one(flaw: str, measure: str) -> str:
    """Return the mistake that *flaw* makes with this measure, if any."""
    only = {
        "strict_gain": ("strict", NDCG),
        "strict_loss": ("strict", COVERAGE),
        "nan_coverage": ("nan", COVERAGE),
    }
    name, where = only.get(flaw, (flaw, measure))
    return name if where == measure else ""


def _reaches(value: float, bar: float, flaw: str) -> bool:
    if flaw == "nan":
        return not value < bar
    return value > bar if flaw in ("strict", "no_gain") else value >= bar


def _best(models: Sequence[Model], by: Any) -> str | None:
    return max(models, key=by)["name"] if models else None
