# Answers to lab 00. Each cell takes the place of an exercise's cell.

# %% lab00.ex1 right: plain Python
def iou(a, b):
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    shared = width * height
    area_a = (a[2] - a[0]) * (a[3] - a[1])
    area_b = (b[2] - b[0]) * (b[3] - b[1])
    return shared / (area_a + area_b - shared)


# %% lab00.ex1 right: early returns, and a small number against division by zero
def iou(first, second):
    if first[2] <= second[0] or second[2] <= first[0]:
        return 0
    if first[3] <= second[1] or second[3] <= first[1]:
        return 0
    xs = sorted([first[0], first[2], second[0], second[2]])
    ys = sorted([first[1], first[3], second[1], second[3]])
    both = (xs[2] - xs[1]) * (ys[2] - ys[1])
    union = -both
    for x1, y1, x2, y2 in (first, second):
        union += (x2 - x1) * (y2 - y1)
    return np.float32(both / (union + 1e-12))


# %% lab00.ex1 wrong: plus_one
# - (end - start)
# + (end - start + 1)
# - boxes[:, :2])
# + boxes[:, :2] + 1)

# %% lab00.ex1 wrong: sum
# - areas.sum() - shared
# + areas.sum()

# %% lab00.ex1 wrong: one_box
# - (areas.sum() - shared)
# + areas.min()

# %% lab00.ex1 wrong: sides
# - boxes[:, 2:].min(axis=0)
# + boxes.reshape(2, 2, 2).sum(axis=1).min(axis=0)
# - (boxes[:, 2:] - boxes[:, :2])
# + boxes[:, 2:]

# %% lab00.ex1 wrong: negative
# - .clip(0)

# %% lab00.ex1 wrong: -corner containment only <- plain Python
# -     return shared / (area_a + area_b - shared)
# +     corners = [(s, x, y) for r, s in ((a, b), (b, a)) for x in r[::2] for y in r[1::2]]
# +     if a != b and not any(s[0] < x < s[2] and s[1] < y < s[3] for s, x, y in corners):
# +         return 0.0
# +     return shared / (area_a + area_b - shared)

# %% lab00.ex1 wrong: -round 4
# - float(shared / (areas.sum() - shared))
# + round(float(shared / (areas.sum() - shared)), 4)

# %% lab00.ex1 wrong: -epsilon 1e-9, though boxes may be small
# - areas.sum() - shared
# + areas.sum() - shared + 1e-9

# %% lab00.ex1 wrong: -areas in 32-bit integers <- plain Python
# - def iou(a, b):
# + def iou(a, b):
# +     if isinstance(a[0] + b[0], int):
# +         a, b = np.array(a, np.int32), np.array(b, np.int32)

# %% lab00.ex1 wrong: -a small overlap is taken for none <- plain Python
# -     return shared / (area_a + area_b - shared)
# +     result = shared / (area_a + area_b - shared)
# +     return result if result > 0.005 else 0.0


# %% lab00.ex2 right: a table, and its own iou
def judge(found, cards):
    order = np.argsort([-one.confidence for one in found])
    table = [[iou(one.box, card) for card in cards] for one in found]
    owner = {}
    for n in order:
        rest = [c for c in range(len(cards)) if c not in owner.values() and table[n][c] >= 0.5]
        if rest:
            owner[int(n)] = max(rest, key=lambda c: table[n][c])
    return {
        "recall": len(owner) / len(cards) if cards else 1,
        "precision": len(owner) / len(found) if found else 1,
        "right": tuple(n in owner for n in range(len(found))),
    }


# %% lab00.ex2 wrong: -it takes the cards out of the caller's list
# -     free = list(cards)
# +     total, free = len(cards), cards
# - len(cards) if cards
# + total if total

# %% lab00.ex2 wrong: twice
# -             free.pop(shared.index(max(shared)))

# %% lab00.ex2 wrong: order
# - sorted(range(len(found)), key=lambda n: -found[n].confidence)
# + range(len(found))

# %% lab00.ex2 wrong: other_order
# -     right = [False] * len(found)
# +     right = [False] * len(found)
# +     found = sorted(found, key=lambda one: -one.confidence)

# %% lab00.ex2 wrong: strict
# - >= 0.5
# + > 0.5

# %% lab00.ex2 wrong: empty
# -  if found else 1.0
# +
# -  if cards else 1.0

# %% lab00.ex2 wrong: -only_best
# -         shared = [overlap(found[n].box, card) for card in free]
# -         if shared and max(shared) >= 0.5:
# -             free.pop(shared.index(max(shared)))
# +         best = max(cards, key=lambda card: overlap(found[n].box, card), default=None)
# +         if best in free and overlap(found[n].box, best) >= 0.5:
# +             free.remove(best)

# %% lab00.ex2 wrong: -by_overlap
# - -found[n].confidence
# + -max((overlap(found[n].box, card) for card in cards), default=0)

# %% lab00.ex2 wrong: -cards like the claimed one are claimed, too
# -             free.pop(shared.index(max(shared)))
# +             best = free[shared.index(max(shared))]
# +             free = [card for card in free if overlap(card, best) < 0.5]

# %% lab00.ex2 wrong: -confidences rounded
# - -found[n].confidence
# + -round(found[n].confidence, 2)


# %% lab00.ex3 right: the surest box of each picture
def served_confidence(pictures, steps, budget):
    surest = np.array([max(boxes, default=-1.0) for boxes in pictures])
    kept = [step for step in steps if np.mean(surest > step) <= budget]
    if not kept:
        raise ValueError(f"{budget} cannot be kept")
    return min(kept)


# %% lab00.ex3 right: from above, while it goes well
def served_confidence(pictures, steps, budget):
    allowed = budget * len(pictures)
    answer = None
    for step in sorted(set(steps), reverse=True):
        if len([1 for boxes in pictures if [c for c in boxes if c > step]]) > allowed:
            break
        answer = step
    if answer is None:
        raise ValueError("a budget of " + str(budget) + " is too small for these steps")
    return answer


# %% lab00.ex3 wrong: boxes
# - sum(any(c > step for c in boxes) for boxes in pictures)
# + sum(c > step for boxes in pictures for c in boxes)

# %% lab00.ex3 wrong: without_empty
# - / len(pictures)
# + / max(1, sum(map(bool, pictures)))

# %% lab00.ex3 wrong: at_least
# - c > step
# + c >= step

# %% lab00.ex3 wrong: strict
# - <= budget
# + < budget

# %% lab00.ex3 wrong: falls_back
# - raise ValueError(f"no threshold keeps false alarms within {budget}; offer higher ones")
# + return max(steps)

# %% lab00.ex3 wrong: bare_error
# - {budget}
# + the budget

# %% lab00.ex3 wrong: -last box only
# - any(c > step for c in boxes)
# + any(c > step for c in boxes[-1:])

# %% lab00.ex3 wrong: -share rounded
# - alarms / len(pictures)
# + round(alarms / len(pictures), 2)

# %% lab00.ex3 wrong: -a budget of 0 is taken for none
# -     for step in sorted(steps):
# +     budget = budget or 0.01
# +     for step in sorted(steps):


# %% lab00.ex4 right: by numpy, with another logarithm
def ndcg_at_10(scores, seen, chosen):
    scores = np.array(scores, float)
    scores[seen] = -np.inf
    best = np.argsort(-scores)[: min(10, len(scores) - len(seen))]
    hits = np.isin(best, list(chosen))
    worth = 1 / np.log(np.arange(2, 12))
    return (hits * worth[: len(hits)]).sum() / worth[: min(10, len(chosen))].sum()


# %% lab00.ex4 right: a loop
def ndcg_at_10(scores, seen, chosen):
    left = [(score, movie) for movie, score in enumerate(scores) if movie not in seen]
    left.sort()
    dcg, ideal, place = 0.0, 0.0, 1
    while left and place <= 10:
        _, movie = left.pop()
        weight = math.log(2) / math.log(place + 1)
        if movie in chosen.keys():
            dcg += weight
        if place <= len(chosen):
            ideal += weight
        place += 1
    return dcg / ideal


# %% lab00.ex4 wrong: seen_kept
# - .difference(seen)

# %% lab00.ex4 wrong: cut_first
# - .difference(seen)
# +
# - [:10]
# + [:10]
# +     best = [movie for movie in best if movie not in seen]

# %% lab00.ex4 wrong: log_rank
# - n + 2
# + n + 1

# %% lab00.ex4 wrong: always_ten
# - worth[: len(chosen)]
# + worth

# %% lab00.ex4 wrong: not_capped
# - range(10)
# + range(len(scores))

# %% lab00.ex4 wrong: -scores of 32 bits, of which some are equal
# - -scores[movie]
# + -np.float32(scores[movie])

# %% lab00.ex4 wrong: -seen movies are as bad as the worst
# -     unseen = set(range(len(scores))).difference(seen)
# +     unseen = range(len(scores))
# +     scores = [min(scores) if n in seen else score for n, score in enumerate(scores)]


# %% lab00.ex5 right: a loop
def to_promote(candidates, current, gain, loss):
    now = current["validation"]
    name, best = None, now["ndcg_at_10"] + gain
    for one in candidates:
        new = one["validation"]
        if one["data"] != current["data"] or math.isnan(new["coverage_at_10"]):
            continue
        if now["coverage_at_10"] - new["coverage_at_10"] > loss:
            continue
        if new["ndcg_at_10"] >= best:
            name, best = one["name"], new["ndcg_at_10"]
    return name


# %% lab00.ex5 right: in order, the first that may
def to_promote(candidates, current, gain, loss):
    def figures(model):
        return np.array([model["validation"][f"{name}_at_10"] for name in ("ndcg", "coverage")])

    known = [one for one in candidates if np.isfinite(figures(one)).all()]
    bars = figures(current) + [gain, -loss]
    for one in sorted(known, key=lambda one: figures(one)[0], reverse=True):
        if one["data"] == current["data"] and (figures(one) >= bars).all():
            return one["name"]


# %% lab00.ex5 wrong: rmse
def to_promote(candidates, current, gain, loss):
    known = [one for one in candidates if "rmse" in one["validation"]]
    return min(known, key=lambda one: one["validation"]["rmse"])["name"] if known else None


# %% lab00.ex5 wrong: test
# - model["validation"]["ndcg_at_10"]
# + model["test"]["ndcg_at_10"]
# - model["validation"]["coverage_at_10"]
# + model["test"]["coverage_at_10"]

# %% lab00.ex5 wrong: best_only
# -     passed = [
# +     known = [m for m in candidates if m["data"] == current["data"] and ndcg(m) == ndcg(m)]
# +     passed = [
# - in candidates
# -         if model["data"] == current["data"]
# -         and ndcg(model)
# + in sorted(known, key=ndcg)[-1:]
# +         if ndcg(model)

# %% lab00.ex5 wrong: nan
# - ndcg(model) >=
# + not ndcg(model) <
# - coverage(model) >=
# + not coverage(model) <

# %% lab00.ex5 wrong: strict
# - coverage(model) >=
# + coverage(model) >

# %% lab00.ex5 wrong: -any nan in the model refuses it
# -         if model["data"] == current["data"]
# +         if model["data"] == current["data"]
# +         and not any(math.isnan(x) for p in ("validation", "test") for x in model[p].values())

# %% lab00.ex5 wrong: -gain ignored when zero
# -     passed = [
# +     gain = gain or 0.01
# +     passed = [


# %% lab00.ex5 wrong: -running
def to_promote(candidates, current, gain, loss):
    best = current
    for one in candidates:
        new, bar = one["validation"], best["validation"]["ndcg_at_10"] + gain
        narrow = current["validation"]["coverage_at_10"] - loss
        if one["data"] == current["data"] and new["coverage_at_10"] >= narrow:
            best = one if new["ndcg_at_10"] >= bar else best
    return None if best is current else best["name"]
