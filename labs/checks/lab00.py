"""Checks of lab 00: the measures that decide what is served."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from labs.checks import lab00_cases as cases
from labs.checks import lab00_measures as measures
from labs.checks.lab00_measures import COVERAGE, NDCG
from labs.engine import Context, exercise
from services.id_card.metrics import score_image
from services.recommender.metrics import Lists, best


@exercise(
    "lab00.ex1",
    "How much two boxes overlap",
    points=1,
    minutes=5,
    difficulty=2,
    importance=4,
    hints=(
        "What both boxes cover is a box itself, or nothing. It begins where the later of the two "
        "begins and ends where the earlier one ends, in each direction.",
        "Its width is `min(a[2], b[2]) - max(a[0], b[0])`, its height the same with the other two "
        "numbers. A negative width or height means: nothing is shared.",
        "Make `shared` the product of both sides, after `max(0, …)` around each. The union is the "
        "two areas together, less `shared`, which they count twice.",
    ),
    help=(
        (
            "TypeError: 'float' object is not subscriptable",
            "`a` is the whole box and `a[0]` its left edge. Perhaps you unpacked it into names "
            "already: `ax1, ay1, ax2, ay2 = a`.",
        ),
        (
            "iou(a, b) is of type ndarray, which JSON does not know",
            "You return an array. Make one number of it: `float(…)`.",
        ),
    ),
    mistakes={
        "plus_one": "You add 1 to the sides, as if the edges were pixels that count. Here a width "
        "is x2 - x1.",
        "sum": "You divide by the two areas together. What both cover is in there twice; take it "
        "off once.",
        "one_box": "You divide by the area of one box alone. Then a small box inside a large one "
        "looks perfect.",
        "sides": "You read the box as x, y, width and height. Its last two numbers are the right "
        "and the bottom edge.",
        "negative": "The boxes lie apart, so a side of what they share is below 0. Nothing shared "
        "is 0.",
        "diagonal": "Both sides of what they share are negative, and the product of two negative "
        "numbers is positive. Cut each side at 0 before you multiply.",
    },
)
def iou(context: Context, answer: Callable[..., Any]) -> None:
    """Ask ``iou(a, b)`` about boxes that overlap, touch, and lie apart."""
    pairs, suspects = cases.box_pairs(context), measures.Suspects()
    for words, a, b in pairs:
        a, b = (b, a) if context.random.random() < 0.5 else (a, b)
        where = f"{words}: {_shown(a)} and {_shown(b)}"
        want = measures.overlap(a, b)
        context.same(
            context.call(answer, a, b, where=where),
            want,
            what="iou(a, b)",
            where=where,
            mistakes=suspects.left(measures.wrong_overlaps(a, b), want),
            tolerance=1e-4,
        )
    context.note(pairs_of_boxes=len(pairs))


def _shown(box: measures.Box) -> str:
    return f"({', '.join(f'{side:g}' for side in box)})"


@exercise(
    "lab00.ex2",
    "Which boxes are right?",
    points=3,
    minutes=10,
    difficulty=3,
    importance=5,
    hints=(
        "Keep two things while you go through the boxes: which cards are still free, and which "
        "boxes were right. The order in which the boxes choose is not the order in which you "
        "report.",
        "`sorted(range(len(found)), key=lambda n: -found[n].confidence)` gives the places of the "
        "boxes, the surest first. `right = [False] * len(found)` is filled at these places.",
        "For each place `n`: `shared = [overlap(found[n].box, card) for card in free]`. If there "
        "is something in it and `max(shared) >= 0.5`, take `shared.index(max(shared))` out of "
        "`free`, a copy of `cards`, and set `right[n] = True`.",
    ),
    help=(
        (
            "ValueError: max() arg is an empty sequence",
            "No card is left for this box, or there was none: then the box is wrong. Ask for that "
            "before you call `max`, or give it `default=0`.",
        ),
        (
            "TypeError: 'Detection' object is not subscriptable",
            "A Detection has attributes: `found[0].box` and `found[0].confidence`.",
        ),
    ),
    mistakes={
        "twice": "Two boxes claimed the same card. A card that is claimed is not free any more, "
        "so the second box on it is wrong.",
        "order": "The boxes choose in the order of the list. The one with the highest confidence "
        "chooses first, wherever it stands.",
        "ascending": "The least sure box chooses first. sorted begins with the smallest; turn it "
        "round.",
        "other_order": "Your True and False are in the order in which the boxes chose. The caller "
        "wants them in the order of found.",
        "first_fit": "A box claims the first free card that it overlaps by half. It should claim "
        "the one that it overlaps most; the other one may be somebody else's.",
        "only_best": "A box is called wrong because a surer one has claimed the card that it fits "
        "best. It should look at the free cards only.",
        "strict": "An overlap of exactly half is enough: half or more.",
        "wrong_claims": "A box that is wrong took a card away from a later one. Only a box that "
        "overlaps a card by half or more claims it.",
        "by_overlap": "The box that fits best chooses first. The one with the highest confidence "
        "should, however well it fits.",
        "empty": "A picture without boxes, or without cards, is a usual one: with no box none is "
        "wrong, and the precision is 1.0; with no card none is missed, and the recall is 1.0.",
        "both_one": "Only one of the shares has nothing to divide by, and is 1.0. The other one is "
        "0.0: with no box every card is missed, with no card every box is wrong.",
        "rounded": "You round the shares. Leave them as they are; who prints them may round.",
        "swapped": "Precision and recall are exchanged. Precision is about the boxes, recall about "
        "the cards.",
    },
)
def judge(context: Context, answer: Callable[..., Any]) -> None:
    """Hold ``judge(found, cards)`` against the detector's own evaluation."""
    flaws = ("order", "ascending", "twice", "other_order", "first_fit", "only_best", "strict",
             "by_overlap", "wrong_claims", "any_claims")  # fmt: skip
    scenes, suspects = list(cases.card_scenes(context)), measures.Suspects()
    for words, found, cards in scenes:
        where = f"{words}{_table(found, cards)}"
        because = partial(_ex2_error, empty=not found or not cards)
        got = context.call(answer, list(found), list(cards), where=where, because=because)
        right = _right(found, cards)
        shares = {
            "precision": sum(right) / len(found) if found else 1.0,
            "recall": sum(right) / len(cards) if cards else 1.0,
        }
        want = {"right": right, **shares}
        got = context.plain(got, what="judge(found, cards)", where=where)
        if not isinstance(got, dict) or got.keys() != want.keys():
            context.same(got, want, what="judge(found, cards)", where=where)
        wrong = [
            (
                "wrong_claims" if flaw == "any_claims" else flaw,
                measures.claims(found, cards, flaw),
            )
            for flaw in flaws
        ]
        context.same(
            got["right"],
            right,
            what="judge(found, cards)['right']",
            where=where,
            mistakes=suspects.left(wrong, right),
        )
        for name, other in (("precision", "recall"), ("recall", "precision")):
            empty = not (found if name == "precision" else cards)
            mistakes: list[tuple[str, Any]] = [("swapped", shares[other])]
            mistakes += [("rounded", round(shares[name], digits)) for digits in (1, 2, 3, 4)]
            if empty:
                mistakes = [("empty", value) for value in (0.0, None, math.nan)]
            elif not found or not cards:
                mistakes = [("both_one", 1.0)]
            context.same(
                got[name],
                shares[name],
                what=f"judge(found, cards)[{name!r}]",
                where=where,
                mistakes=mistakes,
                tolerance=1e-6,
            )
    context.note(pictures=len(scenes))


def _right(found: list[Any], cards: list[measures.Box]) -> list[bool]:
    """Return what the services' evaluation says of each box, in the order of *found*."""
    sure = np.array([one.confidence for one in found])
    boxes = np.array([one.box for one in found], float).reshape(-1, 4)
    correct = score_image(boxes, sure, np.array(cards, float).reshape(-1, 4)).correct[:, 0]
    right = [False] * len(found)
    for place, n in enumerate(np.argsort(-sure, kind="stable")):
        right[n] = bool(correct[place])
    return right


def _table(found: list[Any], cards: list[measures.Box]) -> str:
    """Say how sure each box is and what it overlaps: all that the answer depends on."""
    if not found or not cards:
        return ""
    rows = [
        f"{one.confidence:.2f} with [{', '.join(f'{value:.2f}' for value in row)}]"
        for one, row in zip(found, measures.overlap_table(found, cards), strict=True)
    ]
    return f"; each box's confidence and its overlaps with the cards: {', '.join(rows)}"


def _ex2_error(error: BaseException, empty: bool) -> str | None:
    return (
        "empty"
        if empty and isinstance(error, ZeroDivisionError | ValueError | IndexError)
        else None
    )


@exercise(
    "lab00.ex3",
    "The confidence to serve",
    points=2,
    minutes=7,
    difficulty=3,
    importance=5,
    hints=(
        "Go through the steps from the lowest to the highest. The first that keeps the budget is "
        "the answer: every lower one has more false alarms.",
        "`any(sure > step for sure in boxes)` says whether a server would show something in a "
        "picture; for an empty list it is False. `sum(…)` over the pictures counts them.",
        "`for step in sorted(steps):`, in it `alarms = sum(any(…) for boxes in pictures)`, and "
        "`if alarms / len(pictures) <= budget: return step`. After the loop: `raise ValueError(…)` "
        "with the budget in its text.",
    ),
    help=(
        (
            "ValueError: min() arg is an empty sequence",
            "No step keeps the budget, and Python's own error does not say so. Raise a ValueError "
            "of your own, whose text names the budget.",
        ),
        (
            "TypeError: '>' not supported between instances of 'list' and 'float'",
            "`pictures` is a list of lists: one list of confidences for each picture. You need "
            "two loops, one inside the other.",
        ),
    ),
    mistakes={
        "boxes": "You count boxes. A picture with three wrong boxes is one false alarm, and the "
        "budget is a share of the pictures.",
        "without_empty": "You divide by the pictures with a box. Those without any are pictures, "
        "too, and no false alarms.",
        "at_least": "A box whose confidence equals the threshold is not shown: only those above "
        "it are.",
        "strict": "A share of exactly the budget is still allowed.",
        "highest": "This step keeps the budget, and so does a lower one. The lower one finds more "
        "cards.",
        "no_budget": "The lowest step finds the most cards, and shows more false alarms than the "
        "budget allows.",
        "first_box": "You look at the first box of each picture. The boxes may stand in any order, "
        "and one above the threshold is enough.",
        "first": "You take the first step in the list that keeps the budget. The steps may stand "
        "in any order.",
        "falls_back": "No step keeps the budget, and the caller is not told. A server with such a "
        "threshold shows too much, and nobody knows.",
        "bare_error": "The error does not tell what could not be kept. Name the budget, so that "
        "who reads it knows what to change.",
    },
)
def served_confidence(context: Context, answer: Callable[..., Any]) -> None:
    """Ask ``served_confidence(pictures, steps, budget)`` for thresholds, and for a refusal."""
    flaws = ("boxes", "without_empty", "at_least", "strict", "highest", "no_budget", "first",
             "of_boxes", "first_box")  # fmt: skip
    asked, suspects = list(cases.thresholds(context)), measures.Suspects()
    for words, pictures, steps, budget in asked:
        where = (
            f"{words}: {len(pictures)} pictures, {len(steps)} steps, a budget of {budget} "
            f"({budget * len(pictures):g} pictures)"
        )
        want = measures.served(pictures, steps, budget)
        arguments = copy.deepcopy((pictures, steps, budget))
        if want is None:
            _is_refused(context, answer, arguments, f"{where}, which no step keeps")
            continue
        wrong = [
            (
                "boxes" if flaw == "of_boxes" else flaw,
                measures.served(pictures, steps, budget, flaw),
            )
            for flaw in flaws
        ]
        got = context.call(answer, *arguments, where=where)
        got = context.plain(got, what="served_confidence(…)", where=where)
        context.same(
            got,
            want,
            what="served_confidence(pictures, steps, budget)",
            where=f"{where}{_alarms(pictures, got, want)}",
            mistakes=suspects.left(wrong, want),
        )
    context.note(sets_of_pictures=len(asked))


def _alarms(pictures: list[list[float]], *steps: Any) -> str:
    """Say how many false alarms each of these thresholds gives."""
    counts = [
        f"{sum(any(sure > step for sure in boxes) for boxes in pictures)} at {step:g}"
        for step in steps
        if isinstance(step, int | float) and not isinstance(step, bool)
    ]
    return f"; false alarms: {', '.join(counts)}"


def _is_refused(
    context: Context, answer: Callable[..., Any], arguments: tuple[Any, ...], where: str
) -> None:
    budget = arguments[-1]
    try:
        got = answer(*arguments)
    except ValueError as error:
        if f"{budget}" not in str(error):
            context.fail(
                f"The ValueError says {str(error)!r}; the budget, {budget}, is not in it.",
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


@exercise(
    "lab00.ex4",
    "NDCG@10 of one user",
    points=2,
    minutes=8,
    difficulty=3,
    importance=5,
    hints=(
        "Three steps: make the list (without what is seen, best first, ten at most), add up what "
        "its hits are worth at their places, and divide by the same sum for a list without a "
        "mistake.",
        "`sorted(unseen, key=lambda movie: -scores[movie])[:10]` is the list. `enumerate(best)` "
        "counts from 0, the formula from 1, so the weight is `1 / math.log2(n + 2)`.",
        "`dcg = sum(1 / math.log2(n + 2) for n, movie in enumerate(best) if movie in chosen)`. The "
        "divisor is the same sum for `n in range(min(10, len(chosen)))`, every place a hit.",
    ),
    help=(
        (
            "ZeroDivisionError: float division by zero",
            "log2(1) is 0. The first place has the weight 1 / log2(2), which is 1.",
        ),
        (
            "TypeError: unsupported operand type(s) for -: 'list' and 'list'",
            "Lists cannot be subtracted, sets can: `set(range(len(scores))) - set(seen)`.",
        ),
    ),
    mistakes={
        "seen_kept": "The list names movies that the user has seen. A model is surest of those, "
        "and they take the places of what could be a hit.",
        "cut_first": "You take ten movies first and leave out the seen ones then. The list gets "
        "shorter than ten, although more movies are left.",
        "ascending": "The list begins with the worst movies. sorted begins with the smallest.",
        "log_rank": "The weight of place p, from 1, is 1 / log2(p + 1). With log2(p) the first "
        "place would be divided by 0.",
        "no_discount": "Every place counts the same. A hit further up is worth more: "
        "1 / log2(p + 1).",
        "stars": "You weigh a hit by its stars. The question is whether the list names what the "
        "user chose, not how they liked it.",
        "no_ideal": "That is the DCG. Divide it by the DCG of the best possible list, so that 1 is "
        "a perfect list.",
        "always_ten": "You divide as if ten hits were possible. This user chose fewer movies, and "
        "a perfect list would not get 1.",
        "ideal_of_hits": "You divide by the best order of what the list names already. The best "
        "list names chosen movies that yours leaves out, too.",
        "shifted": "You took the seen movies out of scores, and all movies behind them moved up. A "
        "movie is its place in the whole list.",
        "rounded": "You round the result. Leave it as it is; who prints it may round.",
        "not_low_enough": "You gave the seen movies a low score and kept them. Scores can be lower "
        "still; minus infinity cannot be beaten.",
        "not_capped": "You divide as if the best list could name all chosen movies. It has ten "
        "places.",
    },
)
def ndcg_at_10(context: Context, answer: Callable[..., Any]) -> None:
    """Ask ``ndcg_at_10(scores, seen, chosen)`` about lists, then about all drawn users."""
    flaws = ("seen_kept", "cut_first", "ascending", "log_rank", "no_discount", "share_of_ten",
             "stars", "no_ideal", "always_ten", "not_capped", "ideal_of_hits",
             "shifted", "zero", "minus_one")  # fmt: skip
    names = {
        "share_of_ten": "no_discount",
        "zero": "not_low_enough",
        "minus_one": "not_low_enough",
    }
    suspects = measures.Suspects()
    for words, scores, seen, chosen in cases.lists(context):
        where = (
            f"{words}: {len(scores)} movies, {len(seen)} of them seen; among the others, best "
            f"first, the chosen ones have the places {measures.places(scores, seen, chosen)}"
        )
        wrong = [
            (names.get(flaw, flaw),
             measures.ndcg(scores, seen, chosen, flaw))
            for flaw in flaws
        ]  # fmt: skip
        wrong.append(("log_rank", math.nan))
        got = context.call(answer, scores.copy(), seen.copy(), chosen.copy(), where=where,
                           because=_ex4_error)  # fmt: skip
        want = _ndcg(scores, seen, chosen)
        wrong += [("rounded", round(want, digits)) for digits in (2, 3, 4)]
        context.same(
            got,
            want,
            what="ndcg_at_10(scores, seen, chosen)",
            where=where,
            mistakes=suspects.left(wrong, want),
            tolerance=1e-6,
        )
    for kind, users, overall in cases.drawn_users(context):
        values = []
        for user, scores, seen, chosen in users:
            where = f"user {user} of the drawn ratings, {kind} as the model"
            got = context.call(answer, scores.copy(), seen.copy(), chosen.copy(), where=where)
            values.append(context.plain(got, what="ndcg_at_10(…)", where=where))
            context.same(values[-1], _ndcg(scores, seen, chosen), what="ndcg_at_10(…)",
                         where=where, tolerance=1e-6)  # fmt: skip
        mean = sum(values) / len(values)
        context.same(mean, overall, what="the mean over all users", where=kind, tolerance=1e-6)
        context.note(**{f"NDCG@10 of {kind}": f"{mean:.2f} over {len(values)} users"})


def _ndcg(scores: list[float], seen: list[int], chosen: dict[int, float]) -> float:
    """Return what the services' metrics say of one user."""
    row = np.array([scores], float)
    row[0, seen] = -np.inf
    items = best(row, measures.K)
    items = np.pad(items, ((0, 0), (0, measures.K - items.shape[1])), constant_values=-1)
    hits = np.isin(items, list(chosen)) & (items >= 0)
    relevant = np.array([len(chosen)])
    return float(Lists(np.zeros(1, int), items, hits, relevant, len(scores)).ndcg_per_user()[0])


def _ex4_error(error: BaseException) -> str | None:
    return "log_rank" if isinstance(error, ZeroDivisionError) else None


@exercise(
    "lab00.ex5",
    "Design it: promote, or refuse",
    points=3,
    minutes=10,
    difficulty=4,
    importance=5,
    hints=(
        "Two steps, in this order: first leave out every candidate that may not, then take the "
        "best of those that are left. If nobody is left, nothing is promoted.",
        'The measures are in `model["validation"]`. Write the conditions so that they ask for what '
        "is good: a comparison with nan is always False, so `>=` refuses it.",
        '`passed = [c for c in candidates if c["data"] == current["data"] and … >= … + gain and … '
        '>= … - loss]`, then `max(passed, key=…)["name"] if passed else None`.',
    ),
    help=(
        (
            "KeyError: 'rmse'",
            "A model that guesses no stars has no RMSE. The rule does not ask for it.",
        ),
        (
            "ValueError: max() arg is an empty sequence",
            "No candidate may be promoted. Return None before you ask for the best of none.",
        ),
    ),
    mistakes={
        "rmse": "You go by RMSE: how well the stars are guessed. This model is served for lists, "
        "and the best guesser can make the worst ones.",
        "test": "You decide on the test part. Then nothing is left on which to report honestly: "
        "the choice was made to look good there.",
        "chosen_on_test": "Your rule goes by the validation part, and your choice among those that "
        "pass it by the test part. Choose on the validation part, too.",
        "always": "You promote the best candidate without asking whether it is better than what is "
        "in production.",
        "no_gain": "It is better, by less than the gain that is asked for. So small a difference "
        "can be luck, and every change has its risk.",
        "strict": "A gain of exactly `gain`, or a loss of exactly `loss`, is still allowed.",
        "no_coverage": "Its lists are better, and show much less of the catalogue than is allowed.",
        "best_only": "The best candidate may not be promoted, but another one may. First leave out "
        "those that may not, then take the best.",
        "other_data": "It was measured on other validation ratings. Its figure may be higher "
        "because its question was easier.",
        "nan": "Its training went wrong, and a measure is nan. Every comparison with nan is False, "
        "so `if new < bar` refuses nobody, and max may return it.",
        "first": "You promote the first candidate that may be. Another one that may is better.",
        "running": "You ask for the gain over the best candidate so far. It is asked over the "
        "current model only; of those that have it, the highest NDCG@10 wins.",
        "abs": "Its coverage is higher by more than `loss`. That is no loss: only a fall has a "
        "limit.",
        "loss_as_gain": "It loses a little coverage, less than `loss`, and that is allowed. The "
        "coverage that is needed is the current one less `loss`.",
    },
)
def to_promote(context: Context, answer: Callable[..., Any]) -> None:
    """Put candidates before ``to_promote``, each group with one trap in it."""
    flaws = ("rmse", "rmse_of_passed", "test", "best_on_test", "always", "no_gain", "strict",
             "no_coverage", "best_only", "other_data", "nan", "first", "loss_as_gain",
             "rule_on_test", "chosen_on_test", "strict_gain", "strict_loss", "nan_coverage",
             "running", "abs")  # fmt: skip
    names = {
        "rmse_of_passed": "rmse",
        "best_on_test": "test",
        "rule_on_test": "test",
        "strict_gain": "strict",
        "strict_loss": "strict",
        "nan_coverage": "nan",
    }
    groups, suspects = list(cases.promotions(context)), measures.Suspects()
    for words, candidates, current, gain, loss in groups:
        where = f"{words}. {_standing(candidates, current, gain, loss)}"
        want = measures.promoted(candidates, current, gain, loss)
        got = context.call(answer, *copy.deepcopy((candidates, current)), gain, loss, where=where,
                           because=_ex5_error)  # fmt: skip
        got = context.plain(got, what="to_promote(…)", where=where)
        wrong = suspects.left(
            [
                (names.get(flaw, flaw), measures.promoted(candidates, current, gain, loss, flaw))
                for flaw in flaws
            ],
            want,
        )
        if got != want:
            context.fail(
                f"to_promote returned {got!r}; {want!r} was expected.",
                where=where,
                mistake=next((name for name, value in wrong if value == got), None),
            )
    context.note(groups_of_candidates=len(groups))


def _standing(
    candidates: list[dict[str, Any]], current: dict[str, Any], gain: float, loss: float
) -> str:
    """Say what the rule looks at, in figures."""

    def line(model: dict[str, Any]) -> str:
        measured = model["validation"]
        text = f"{measured[NDCG]:.4f} and {measured[COVERAGE]:.4f}"
        return text if model["data"] == current["data"] else f"{text} on other data"

    rows = "; ".join(f"{model['name']} {line(model)}" for model in candidates)
    return (
        f"NDCG and coverage on validation: now {line(current)}; {rows}. Gain {gain:.4f}, "
        f"loss {loss:.4f}"
    )


def _ex5_error(error: BaseException) -> str | None:
    return "rmse" if isinstance(error, KeyError) and "rmse" in str(error) else None
