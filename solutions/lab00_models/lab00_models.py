# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lab 00 · The models
#
# **Where you are:** after notebook [00 · The models](../../notebooks/00_models.ipynb).
#
# You write the metrics that decide what is served: when a box is right, which confidence threshold
# a server uses, how good a list of recommended movies is, and which candidate replaces the model in
# production.
#
# **How it works.** In each exercise's cell, replace `...` with your code and run the cell. Then run
# the `check` cell below it. The check reports what differs, for which input, and the likely cause.
# It uses fresh inputs each time. To get a hint, remove the `#` in the `hint` cell and run it, as
# often as you like.
#
# In every exercise your function returns a value and **leaves its arguments as they are**: the caller
# still needs its lists.

# %% tags=["setup"]
import math

import numpy as np

from labs import check, hint, preflight, solution
from services.id_card.training.metrics import overlaps

# %% [markdown]
# This is what is installed on this machine. This lab needs only the lines down to `packages`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · How much two boxes overlap
#
# Complete `iou`: the **intersection over union** (IoU) of two boxes, from 0 to 1. It is the area that
# both boxes cover, divided by the area that at least one of them covers.
#
# - A box is a tuple `(x1, y1, x2, y2)`: the left, top, right and bottom edges. `y` grows downwards.
# - The coordinates may be any numbers: integers or floats, negative, large, or fractions of the
#   image size from 0 to 1. `x1 < x2` and `y1 < y2`, so the width is `x2 - x1`.
# - The boxes may be in any position: one inside the other, crossing like a plus sign, or identical.
# - Boxes that are disjoint, or only touch at an edge or a corner, have an IoU of 0.
# - Do not round the result. It has to be correct to the fifth decimal, even for small boxes.


# %% tags=["exercise"]
def iou(a, b):
    """Return the intersection over union of two boxes, 0 to 1."""
    ### BEGIN SOLUTION
    boxes = np.array([a, b])
    start, end = boxes[:, :2].max(axis=0), boxes[:, 2:].min(axis=0)
    shared = (end - start).clip(0).prod()
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return float(shared / (areas.sum() - shared))
    ### END SOLUTION


# %% tags=["check"]
check("lab00.ex1", iou)

# %% [markdown]
# For the next exercise, `overlap(box, card)` is given. It returns what your `iou` should return, so
# you can continue even if exercise 1 is not solved.


# %% tags=["setup"]
def overlap(box, card):
    """Return the intersection over union of two boxes, 0 to 1."""
    return float(overlaps(np.array([box], float), np.array([card], float))[0, 0])


# %% [markdown]
# ## Exercise 2 · Which boxes are right?
#
# Complete `judge(found, cards)` for one image. `found` is a list of `Detection` objects in **any**
# order; each has a `box`, as in exercise 1, and a `confidence`. `cards` is a list with the
# ground-truth box of each card. No two confidences are equal, but they may be close. Either list
# may be empty.
#
# - The boxes choose one at a time, in descending order of confidence.
# - Each box considers the cards that no box has claimed yet, and picks the card with the largest
#   `overlap`. If that overlap is **0.5 or more**, the box claims the card and is right (a true
#   positive). Otherwise the box is wrong (a false positive) and claims nothing.
#
# Return a dictionary with three keys:
#
# - `"right"`: a list of `True` and `False`, one for each box, in the order of `found`,
# - `"precision"`: the fraction of the boxes that are right; 1.0 if there are no boxes,
# - `"recall"`: the fraction of the cards that were claimed; 1.0 if there are no cards.
#
# Do not round these fractions, and do not change `found` or `cards`.


# %% tags=["exercise"]
def judge(found, cards):
    """Tell which boxes are right, and return precision and recall."""
    ### BEGIN SOLUTION
    right = [False] * len(found)
    free = list(cards)
    for n in sorted(range(len(found)), key=lambda n: -found[n].confidence):
        shared = [overlap(found[n].box, card) for card in free]
        if shared and max(shared) >= 0.5:
            free.pop(shared.index(max(shared)))
            right[n] = True
    return {
        "right": right,
        "precision": sum(right) / len(found) if found else 1.0,
        "recall": sum(right) / len(cards) if cards else 1.0,
    }
    ### END SOLUTION


# %% tags=["check"]
check("lab00.ex2", judge)

# %% [markdown]
# ## Exercise 3 · The confidence to serve
#
# A server shows the boxes whose confidence is **above** a threshold. A low threshold finds more
# cards, but also shows more boxes where there is no card. Complete
# `served_confidence(pictures, steps, budget)`, which returns the **lowest** threshold that is still
# allowed.
#
# - `pictures` represents validation images **without** a card: a list with one inner list for each
#   image. An inner list holds the confidences of the boxes found in that image, in any order. It is
#   empty if no box was found.
# - An image is a *false alarm* if the server would show at least one box in it.
# - `steps` lists the thresholds that you may choose from, in any order. 0.0 and 1.0 are valid
#   thresholds, too.
# - `budget` is the largest fraction of all images that may be false alarms, from 0.0 to 1.0. With
#   0.25, up to and including one image in four is allowed. Do not round the fraction: 0.2501 is too
#   much.
#
# If no threshold in `steps` stays within the budget, raise a `ValueError` whose message contains
# the budget, formatted as `f"{budget}"`. There is always at least one image and one step.


# %% tags=["exercise"]
def served_confidence(pictures, steps, budget):
    """Return the lowest threshold whose false alarms stay within the budget."""
    ### BEGIN SOLUTION
    for step in sorted(steps):
        alarms = sum(any(c > step for c in boxes) for boxes in pictures)
        if alarms / len(pictures) <= budget:
            return step
    raise ValueError(f"no threshold keeps false alarms within {budget}; offer higher ones")
    ### END SOLUTION


# %% tags=["check"]
check("lab00.ex3", served_confidence)

# %% [markdown]
# ## Exercise 4 · NDCG@10 of one user
#
# Complete `ndcg_at_10(scores, seen, chosen)`: how good is the list that a model recommends to one
# user?
#
# - `scores` is a list with the model's score for **every** movie; a movie is its index in this
#   list. The highest score is the best, and no two are equal. Some or all scores may be negative.
# - `seen` is a list of the movies that the user rated in the training set, in any order. They are
#   not recommended again. The list may be empty.
# - `chosen` is a dictionary that maps each movie that the user chose in the validation set to its
#   stars. It has at least one movie, and none that is in `seen`. **How many** stars does not
#   matter: every chosen movie is equally relevant.
#
# The list has the 10 highest-scoring movies that the user has not seen, or all of them if there are
# fewer. A chosen movie at rank *p* of the list, counted from 1, contributes 1 / log2(*p* + 1). The
# sum over the list is the **DCG** (discounted cumulative gain).
#
# The result is the DCG divided by the DCG of the best possible list, whose first ranks are the
# chosen movies, at most 10 of them. So the result ranges from 0 to 1. Do not round it, and do not
# change the arguments.


# %% tags=["exercise"]
def ndcg_at_10(scores, seen, chosen):
    """Return the NDCG of one user's ten best movies, 0 to 1."""
    ### BEGIN SOLUTION
    unseen = set(range(len(scores))).difference(seen)
    best = sorted(unseen, key=lambda movie: -scores[movie])[:10]
    worth = [1 / math.log2(n + 2) for n in range(10)]
    dcg = sum(worth[n] for n, movie in enumerate(best) if movie in chosen)
    return dcg / sum(worth[: len(chosen)])
    ### END SOLUTION


# %% tags=["check"]
check("lab00.ex4", ndcg_at_10)

# %% [markdown]
# ## Exercise 5 · Design it: promote, or refuse
#
# Several candidate models were trained, and one model is in production. Write the promotion rule:
# `to_promote(candidates, current, gain, loss)` returns the **name** of the candidate that replaces
# the current model, or `None` if no candidate qualifies. `candidates` is a list, which may be
# empty; `current` is one model. Each model is a dictionary:
#
#     {
#         "name": "neumf",
#         "data": "9c41e0",
#         "validation": {"ndcg_at_10": 0.215, "coverage_at_10": 0.39, "rmse": 0.91},
#         "test": {"ndcg_at_10": 0.209, "coverage_at_10": 0.38, "rmse": 0.93},
#     }
#
# A candidate may replace the current model if **all** of these conditions hold:
#
# - Its `data` equals the current model's. This is the fingerprint of the validation ratings:
#   metrics computed on different ratings cannot be compared.
# - Its NDCG@10 is at least `gain` higher than the current model's. `gain` is 0 or more; with 0, the
#   same NDCG@10 is enough.
# - Its coverage (the share of all movies that appear in any user's list) is at most `loss` lower
#   than the current model's. `loss` is above 0: with 0.05, the coverage may fall from 0.50 to 0.45.
#   It may rise by any amount.
# - Its NDCG@10 and its coverage are numbers. A training run that went wrong leaves `nan` ("not a
#   number") in one of the two, or in both.
#
# Of the candidates that qualify, take the one with the highest NDCG@10, because this model serves
# lists. No two candidates have the same NDCG@10.
#
# Use only these two validation metrics. `rmse`, the error of the predicted stars, is missing if a
# model does not predict any. The test metrics are for a report afterwards. `nan` in `rmse` or in a
# test metric does not disqualify a candidate.


# %% tags=["exercise"]
def to_promote(candidates, current, gain, loss):
    """Return the name of the candidate that replaces the current model, or None."""

    ### BEGIN SOLUTION
    def ndcg(model):
        return model["validation"]["ndcg_at_10"]

    def coverage(model):
        return model["validation"]["coverage_at_10"]

    passed = [
        model
        for model in candidates
        if model["data"] == current["data"]
        and ndcg(model) >= ndcg(current) + gain
        and coverage(model) >= coverage(current) - loss
    ]
    return max(passed, key=ndcg)["name"] if passed else None
    ### END SOLUTION


# %% tags=["check"]
check("lab00.ex5", to_promote)

# %% [markdown]
# ## What you can do now
#
# - compute the overlap of two boxes, including boxes that only touch,
# - match boxes with cards, and compute precision and recall from the matches,
# - choose a server's confidence threshold from a false-alarm budget,
# - evaluate a list of recommendations without rewarding movies that the user has already seen,
# - promote a model by a rule that can reject every candidate.
#
# In a terminal, `make status` shows your points, and `make lab N=01` opens the next lab.
