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
# You write the measures that decide what is served: when a box is right, which confidence a server
# shows, how good a list of movies is, and which candidate takes the place of the model in production.
#
# **How it works.** Every exercise has a cell in which `...` stands for what you write. Run it, then
# run the cell with `check` below it. A check says what differs, where it shows, and the likely cause.
# It uses fresh inputs each time. Ask for a `hint` as often as you like: remove the `#` and run.

# %% tags=["setup"]
import math

import numpy as np

from labs import check, hint, preflight, solution
from services.id_card.metrics import overlaps

# %% [markdown]
# What this machine has. This lab needs the first lines only, down to `packages`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · How much two boxes overlap
#
# Complete `iou`: the **intersection over union** of two boxes, from 0 to 1. It is the area that both
# cover, divided by the area that at least one of them covers.
#
# - A box is a tuple `(x1, y1, x2, y2)`: left, top, right and bottom edge. `y` grows downwards.
# - The edges are any numbers, whole or not. `x1 < x2` and `y1 < y2`, so the width is `x2 - x1`.
# - Boxes that lie apart, or touch at an edge only, have an IoU of 0.
# - Do not round it.


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
# you can go on in any case.


# %% tags=["setup"]
def overlap(box, card):
    """Return the intersection over union of two boxes, 0 to 1."""
    return float(overlaps(np.array([box], float), np.array([card], float))[0, 0])


# %% [markdown]
# ## Exercise 2 · Which boxes are right?
#
# Complete `judge(found, cards)` for one picture. `found` is a list of `Detection` objects in **any**
# order; each has a `box`, as in exercise 1, and a `confidence`. `cards` is a list of the boxes of the
# cards that are really there. No two confidences are equal. Either list may be empty.
#
# - The boxes choose one after the other, the one with the highest confidence first.
# - Each looks at the cards that no box has claimed yet, and takes the one with the largest `overlap`. If
#   that is **0.5 or more**, it claims this card and is right. Otherwise it is wrong, and claims nothing.
#
# Return a dictionary with three keys:
#
# - `"right"`: a list of `True` and `False`, one for each box, in the order of `found`,
# - `"precision"`: the share of the boxes that are right; 1.0 if there is no box,
# - `"recall"`: the share of the cards that were claimed; 1.0 if there is no card.
#
# Do not round the shares.


# %% tags=["exercise"]
def judge(found, cards):
    """Say which boxes are right, and how many boxes and cards that is."""
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
# A server shows the boxes whose confidence is **above** a threshold. A low threshold finds more cards,
# and shows more boxes where no card is. Complete `served_confidence(pictures, steps, budget)`, which
# chooses the **lowest** threshold that is still allowed.
#
# - `pictures` are validation pictures **without** a card: a list with one list for each picture. It holds
#   the confidences of the boxes found in it, in any order, and is empty if there is none.
# - A picture is a *false alarm* if the server would show at least one box in it.
# - `steps` are the thresholds that you may choose from, in any order.
# - `budget` is the largest share of all pictures that may be false alarms: 0.25 allows one in four, and
#   exactly one in four is still allowed.
#
# If no step keeps within the budget, raise a `ValueError` whose message contains the budget, as
# `f"{budget}"` writes it. There is at least one picture and one step.


# %% tags=["exercise"]
def served_confidence(pictures, steps, budget):
    """Return the lowest threshold whose false alarms stay within the budget."""
    ### BEGIN SOLUTION
    for step in sorted(steps):
        alarms = sum(any(sure > step for sure in boxes) for boxes in pictures)
        if alarms / len(pictures) <= budget:
            return step
    raise ValueError(f"no threshold keeps false alarms within {budget}; offer higher ones")
    ### END SOLUTION


# %% tags=["check"]
check("lab00.ex3", served_confidence)

# %% [markdown]
# ## Exercise 4 · NDCG@10 of one user
#
# Complete `ndcg_at_10(scores, seen, chosen)`: how good is the list that a model makes for one user?
#
# - `scores` is a list with the model's score for **every** movie; a movie is its place in this list,
#   counted from 0. The highest score is the best, and no two are equal.
# - `seen` is a list of the movies that the user rated in the training part. They are not recommended
#   again.
# - `chosen` is a dictionary of the movies that the user chose in the validation part, with the stars that
#   each got. It has at least one movie, and none that is in `seen`. **How many** stars does not matter:
#   each movie in it is one that the list should have named.
#
# The list is made of the 10 best movies that the user has not seen; of all of them if there are fewer.
# A chosen movie at place *p* of the list, counted from 1, is worth 1 / log2(*p* + 1). The sum over the
# list is the **DCG**. The result is the DCG divided by that of the best possible list, in which chosen
# movies stand at the first places: all of them, but 10 at most. So the result goes from 0 to 1. Do not
# round it.


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
# Several candidates were trained, and one model is in production. Write the rule:
# `to_promote(candidates, current, gain, loss)` returns the **name** of the candidate that takes the
# place of the current model, or `None` if no candidate may. `candidates` is a list, `current` one
# model. Each model is a dictionary:
#
#     {
#         "name": "neumf",
#         "data": "9c41e0",
#         "validation": {"ndcg_at_10": 0.215, "coverage_at_10": 0.39, "rmse": 0.91},
#         "test": {"ndcg_at_10": 0.209, "coverage_at_10": 0.38, "rmse": 0.93},
#     }
#
# A candidate may take the place of the current model if **all** of this holds:
#
# - Its `data` is that of the current model. This is the fingerprint of the validation ratings: measures
#   on other ratings cannot be compared.
# - Its NDCG@10 is higher by `gain` or more.
# - Its coverage is lower by `loss` at most. `loss` is above 0: with 0.05 it may fall from 0.50 to 0.45.
# - Both measures are numbers. A training that went wrong leaves `nan` ("not a number") in either.
#
# Of those that may, take the one with the highest NDCG@10. Lists are what this model is served for. No
# two candidates have the same NDCG@10. `rmse` is missing where a model guesses no stars.
#
# Decide on the validation part. The test part is there for a report on what was chosen, afterwards.


# %% tags=["exercise"]
def to_promote(candidates, current, gain, loss):
    """Return the name of the candidate that takes the current model's place, or None."""

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
# - compute the overlap of two boxes, edges and corners included,
# - say which boxes are right, and what precision and recall follow,
# - choose the confidence that a server shows by what a false alarm may cost,
# - judge a list of recommendations without rewarding what the user has seen already,
# - promote a model by a rule that can say no.
#
# `python -m labs status` in a terminal shows your points. Next: [lab 01](../lab01_runner/lab01_runner.ipynb).
