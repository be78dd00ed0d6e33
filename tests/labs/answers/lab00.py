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
def iou(a, b):
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]) + 1)
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]) + 1)
    shared = width * height
    area_a = (a[2] - a[0] + 1) * (a[3] - a[1] + 1)
    area_b = (b[2] - b[0] + 1) * (b[3] - b[1] + 1)
    return shared / (area_a + area_b - shared)


# %% lab00.ex1 wrong: sum <- plain Python
# -     shared = width * height

# -     return shared / (area_a + area_b - shared)
# +     return width * height / (area_a + area_b)


# %% lab00.ex1 wrong: one_box
def iou(a, b):
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return width * height / min(areas)


# %% lab00.ex1 wrong: sides
def iou(a, b):
    width = max(0, min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]))
    height = max(0, min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1]))
    shared = width * height
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


# %% lab00.ex1 wrong: negative
def iou(a, b):
    shared = (min(a[2], b[2]) - max(a[0], b[0])) * (min(a[3], b[3]) - max(a[1], b[1]))
    area_a = (a[2] - a[0]) * (a[3] - a[1])
    area_b = (b[2] - b[0]) * (b[3] - b[1])
    return shared / (area_a + area_b - shared)


# %% lab00.ex1 wrong: -corner containment only
def iou(a, b):
    def inside(x, y, r):
        return r[0] < x < r[2] and r[1] < y < r[3]

    if (
        not any(inside(x, y, b) for x in (a[0], a[2]) for y in (a[1], a[3]))
        and not any(inside(x, y, a) for x in (b[0], b[2]) for y in (b[1], b[3]))
        and a != b
    ):
        return 0.0
    i = (min(a[2], b[2]) - max(a[0], b[0])) * (min(a[3], b[3]) - max(a[1], b[1]))
    return i / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - i)


# %% lab00.ex1 wrong: -epsilon 1e-5
def iou(a, b):
    w = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    h = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    i = w * h
    return i / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - i + 1e-5)


# %% lab00.ex1 wrong: -float16
def iou(a, b):
    a, b = np.array(a, np.float16), np.array(b, np.float16)
    w = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    h = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    i = float(w) * float(h)
    return i / (
        float(a[2] - a[0]) * float(a[3] - a[1]) + float(b[2] - b[0]) * float(b[3] - b[1]) - i
    )


# %% lab00.ex1 wrong: -round 4 <- -epsilon 1e-5
# -     return i / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - i + 1e-5)
# +     return round(i / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - i), 4)

# %% lab00.ex1 wrong: -epsilon 1e-9, though boxes may be small <- -epsilon 1e-5
# - 1e-5
# + 1e-9

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
def judge(found, cards):
    total = max(1, len(cards))
    marks = dict.fromkeys((one.confidence for one in found), np.False_)
    for one in sorted(found, key=lambda one: one.confidence, reverse=True):
        best = max(cards, key=lambda card: overlap(card, one.box), default=None)
        if best and overlap(one.box, best) >= 1 / 2:
            cards.remove(best)
            marks[one.confidence] = np.True_
    missed = len(cards) / total
    wrong = sum(not mark for mark in marks.values())
    return {
        "right": [marks[one.confidence] for one in found],
        "precision": 1 - wrong / max(1, len(found)),
        "recall": 1 - missed,
    }


# %% lab00.ex2 wrong: twice
def judge(found, cards):
    right = [any(overlap(one.box, card) >= 0.5 for card in cards) for one in found]
    return {
        "right": right,
        "precision": sum(right) / len(found) if found else 1.0,
        "recall": sum(right) / len(cards) if cards else 1.0,
    }


# %% lab00.ex2 wrong: order <- twice
# -     right = [any(overlap(one.box, card) >= 0.5 for card in cards) for one in found]
# +     right, free = [], list(cards)
# +     for one in found:
# +         best = max(free, key=lambda card: overlap(one.box, card), default=None)
# +         right.append(best is not None and overlap(one.box, best) >= 0.5)
# +         if right[-1]:
# +             free.remove(best)

# %% lab00.ex2 wrong: other_order <- twice
# -     right = [any(overlap(one.box, card) >= 0.5 for card in cards) for one in found]
# +     right, free = [], list(cards)
# +     for one in sorted(found, key=lambda one: -one.confidence):
# +         best = max(free, key=lambda card: overlap(one.box, card), default=None)
# +         right.append(best is not None and overlap(one.box, best) >= 0.5)
# +         if right[-1]:
# +             free.remove(best)

# %% lab00.ex2 wrong: strict <- twice
# -     right = [any(overlap(one.box, card) >= 0.5 for card in cards) for one in found]
# +     right, free = [False] * len(found), list(cards)
# +     for n in sorted(range(len(found)), key=lambda n: -found[n].confidence):
# +         best = max(free, key=lambda card: overlap(found[n].box, card), default=None)
# +         if best is not None and overlap(found[n].box, best) > 0.5:
# +             free.remove(best)
# +             right[n] = True


# %% lab00.ex2 wrong: empty
def judge(found, cards):
    right, free = [False] * len(found), list(cards)
    for n in sorted(range(len(found)), key=lambda n: -found[n].confidence):
        best = max(free, key=lambda card: overlap(found[n].box, card), default=None)
        if best is not None and overlap(found[n].box, best) >= 0.5:
            free.remove(best)
            right[n] = True
    return {
        "right": right,
        "precision": sum(right) / len(found),
        "recall": sum(right) / len(cards),
    }


# %% lab00.ex2 wrong: -only_best <- twice
# -     right = [any(overlap(one.box, card) >= 0.5 for card in cards) for one in found]
# +     right, claimed = [False] * len(found), set()
# +     for n in sorted(range(len(found)), key=lambda n: -found[n].confidence):
# +         best = max(cards, key=lambda card: overlap(found[n].box, card), default=None)
# +         if best is not None and best not in claimed and overlap(found[n].box, best) >= 0.5:
# +             claimed.add(best)
# +             right[n] = True

# %% lab00.ex2 wrong: -by_overlap <- twice
# -     right = [any(overlap(one.box, card) >= 0.5 for card in cards) for one in found]
# +     right, claimed = [False] * len(found), set()
# +     pairs = [(overlap(one.box, c), n, c) for n, one in enumerate(found) for c in cards]
# +     for shared, n, card in sorted(pairs, reverse=True):
# +         if shared >= 0.5 and not right[n] and card not in claimed:
# +             claimed.add(card)
# +             right[n] = True

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
def served_confidence(pictures, steps, budget):
    for step in sorted(steps):
        if sum(sure > step for boxes in pictures for sure in boxes) / len(pictures) <= budget:
            return step
    raise ValueError(f"no step keeps {budget}")


# %% lab00.ex3 wrong: without_empty
def served_confidence(pictures, steps, budget):
    with_boxes = [boxes for boxes in pictures if boxes]
    for step in sorted(steps):
        if sum(max(boxes) > step for boxes in with_boxes) <= budget * len(with_boxes):
            return step
    raise ValueError(f"no step keeps {budget}")


# %% lab00.ex3 wrong: at_least <- boxes
# -         if sum(sure > step for boxes in pictures for sure in boxes) / len(pictures) <= budget:
# +         if sum(any(c >= step for c in boxes) for boxes in pictures) / len(pictures) <= budget:

# %% lab00.ex3 wrong: strict <- boxes
# -         if sum(sure > step for boxes in pictures for sure in boxes) / len(pictures) <= budget:
# +         if sum(any(c > step for c in boxes) for boxes in pictures) / len(pictures) < budget:


# %% lab00.ex3 wrong: falls_back
def served_confidence(pictures, steps, budget):
    for step in sorted(steps):
        if sum(any(c > step for c in boxes) for boxes in pictures) / len(pictures) <= budget:
            return step
    return max(steps)


# %% lab00.ex3 wrong: bare_error
def served_confidence(pictures, steps, budget):
    def share(step):
        return sum(any(c > step for c in boxes) for boxes in pictures) / len(pictures)

    return min(step for step in steps if share(step) <= budget)


# %% lab00.ex3 wrong: -last box only
def served_confidence(pictures, steps, budget):
    for t in sorted(steps):
        if sum(1 for p in pictures if p and p[-1] > t) / len(pictures) <= budget:
            return t
    raise ValueError(f"{budget}")


# %% lab00.ex3 wrong: -share rounded <- -last box only
# -         if sum(1 for p in pictures if p and p[-1] > t) / len(pictures) <= budget:
# +         if round(sum(any(c > t for c in p) for p in pictures) / len(pictures), 2) <= budget:

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
def ndcg_at_10(scores, seen, chosen):
    best = sorted(range(len(scores)), key=lambda movie: -scores[movie])[:10]
    dcg = sum(1 / math.log2(n + 2) for n, movie in enumerate(best) if movie in chosen)
    return dcg / sum(1 / math.log2(n + 2) for n in range(min(10, len(chosen))))


# %% lab00.ex4 wrong: cut_first <- seen_kept
# -     best = sorted(range(len(scores)), key=lambda movie: -scores[movie])[:10]
# +     best = sorted(range(len(scores)), key=lambda movie: -scores[movie])[:10]
# +     best = [movie for movie in best if movie not in seen]


# %% lab00.ex4 wrong: log_rank
def ndcg_at_10(scores, seen, chosen):
    unseen = set(range(len(scores))) - set(seen)
    best = sorted(unseen, key=lambda movie: -scores[movie])[:10]
    dcg = sum(1 / math.log2(p) for p, movie in enumerate(best, 1) if movie in chosen)
    return dcg / sum(1 / math.log2(p) for p in range(1, min(10, len(chosen)) + 1))


# %% lab00.ex4 wrong: always_ten
def ndcg_at_10(scores, seen, chosen):
    unseen = set(range(len(scores))) - set(seen)
    best = sorted(unseen, key=lambda movie: -scores[movie])[:10]
    dcg = sum(1 / math.log2(n + 2) for n, movie in enumerate(best) if movie in chosen)
    return dcg / sum(1 / math.log2(n + 2) for n in range(10))


# %% lab00.ex4 wrong: not_capped <- always_ten
# -     return dcg / sum(1 / math.log2(n + 2) for n in range(10))
# +     return dcg / sum(1 / math.log2(n + 2) for n in range(len(chosen)))

# %% lab00.ex4 wrong: -not_low_enough <- seen_kept
# -     best = sorted(range(len(scores)), key=lambda movie: -scores[movie])[:10]
# +     scores = np.array(scores)
# +     scores[seen] = -1
# +     best = np.argsort(-scores)[:10]

# %% lab00.ex4 wrong: -scores of 32 bits, of which some are equal
# - -scores[movie]
# + -np.float32(scores[movie])

# %% lab00.ex4 wrong: -seen movies are as bad as the worst <- -not_low_enough
# -     scores[seen] = -1
# +     scores[seen] = min(scores)


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
def to_promote(candidates, current, gain, loss):
    now = current["test"]
    passed = [
        one
        for one in candidates
        if one["data"] == current["data"]
        and one["test"]["ndcg_at_10"] >= now["ndcg_at_10"] + gain
        and one["test"]["coverage_at_10"] >= now["coverage_at_10"] - loss
    ]
    return max(passed, key=lambda one: one["test"]["ndcg_at_10"])["name"] if passed else None


# %% lab00.ex5 wrong: best_only
def to_promote(candidates, current, gain, loss):
    now = current["validation"]
    known = [
        one
        for one in candidates
        if one["data"] == current["data"] and not math.isnan(one["validation"]["ndcg_at_10"])
    ]
    if not known:
        return None
    best = max(known, key=lambda one: one["validation"]["ndcg_at_10"])
    better = best["validation"]["ndcg_at_10"] >= now["ndcg_at_10"] + gain
    wide = best["validation"]["coverage_at_10"] >= now["coverage_at_10"] - loss
    return best["name"] if better and wide else None


# %% lab00.ex5 wrong: nan
def to_promote(candidates, current, gain, loss):
    now = current["validation"]
    passed = []
    for one in candidates:
        new = one["validation"]
        if one["data"] != current["data"]:
            continue
        if new["ndcg_at_10"] < now["ndcg_at_10"] + gain:
            continue
        if new["coverage_at_10"] < now["coverage_at_10"] - loss:
            continue
        passed.append(one)
    return max(passed, key=lambda one: one["validation"]["ndcg_at_10"])["name"] if passed else None


# %% lab00.ex5 wrong: strict <- test
# -     now = current["test"]
# +     now = current["validation"]
# -         and one["test"]["ndcg_at_10"] >= now["ndcg_at_10"] + gain
# -         and one["test"]["coverage_at_10"] >= now["coverage_at_10"] - loss
# +         and one["validation"]["ndcg_at_10"] >= now["ndcg_at_10"] + gain
# +         and one["validation"]["coverage_at_10"] > now["coverage_at_10"] - loss
# -     return max(passed, key=lambda one: one["test"]["ndcg_at_10"])["name"] if passed else None
# +     return max(passed, key=lambda one: one["validation"]["ndcg_at_10"])["name"] if passed else None


# %% lab00.ex5 wrong: -any nan in the model refuses it
def to_promote(candidates, current, gain, loss):
    w = current["validation"]
    may = [
        c
        for c in candidates
        if c["data"] == current["data"]
        and not any(math.isnan(x) for p in ("validation", "test") for x in c[p].values())
        and c["validation"]["ndcg_at_10"] - w["ndcg_at_10"] >= gain
        and w["coverage_at_10"] - c["validation"]["coverage_at_10"] <= loss
    ]
    return max(may, key=lambda c: c["validation"]["ndcg_at_10"])["name"] if may else None


# %% lab00.ex5 wrong: -gain ignored when zero <- -any nan in the model refuses it
# - def to_promote(candidates, current, gain, loss):
# + def to_promote(candidates, current, gain, loss):
# +     gain = gain or 0.01
# -         and not any(math.isnan(x) for p in ("validation", "test") for x in c[p].values())


# %% lab00.ex5 wrong: -running
def to_promote(candidates, current, gain, loss):
    best = current
    for one in candidates:
        new, bar = one["validation"], best["validation"]["ndcg_at_10"] + gain
        narrow = current["validation"]["coverage_at_10"] - loss
        if one["data"] == current["data"] and new["coverage_at_10"] >= narrow:
            best = one if new["ndcg_at_10"] >= bar else best
    return None if best is current else best["name"]
