# Answers to lab 07. Each cell takes the place of an exercise's cell.

# %% lab07.ex1 right: by NumPy
class IdMap:
    def __init__(self, raw_ids):
        self._ids = np.unique(np.asarray(raw_ids))

    def row(self, raw_id):
        place = np.searchsorted(self._ids, raw_id)
        if place == len(self._ids) or self._ids[place] != raw_id:
            return None
        return place

    def raw(self, row):
        return self._ids[row]


# %% lab07.ex1 right: falling, in two dictionaries
class IdMap:
    def __init__(self, raw_ids):
        self.there, self.back = {}, {}
        for one in sorted(raw_ids, reverse=True):
            if one not in self.there:
                self.back[len(self.there)] = one
                self.there[one] = len(self.there)

    def row(self, raw_id):
        return self.there[raw_id] if raw_id in self.there else None

    def raw(self, row):
        return self.back[row]


# %% lab07.ex1 wrong: minus_one
class IdMap:
    def __init__(self, raw_ids):
        self.ids = set(raw_ids)

    def row(self, raw_id):
        return raw_id - 1 if raw_id in self.ids else None

    def raw(self, row):
        return row + 1


# %% lab07.ex1 wrong: id_as_row
class IdMap:
    def __init__(self, raw_ids):
        self.ids = set(raw_ids)

    def row(self, raw_id):
        return raw_id if raw_id in self.ids else None

    def raw(self, row):
        return row


# %% lab07.ex1 wrong: from_one
class IdMap:
    def __init__(self, raw_ids):
        self.rows = {raw: row for row, raw in enumerate(sorted(set(raw_ids)), 1)}

    def row(self, raw_id):
        return self.rows.get(raw_id)

    def raw(self, row):
        return {row: raw for raw, row in self.rows.items()}[row]


# %% lab07.ex1 wrong: repeats
class IdMap:
    def __init__(self, raw_ids):
        self.ids = sorted(raw_ids)

    def row(self, raw_id):
        return self.ids.index(raw_id) if raw_id in self.ids else None

    def raw(self, row):
        return self.ids[row]


# %% lab07.ex1 wrong: shared
class IdMap:
    rows, ids = {}, []

    def __init__(self, raw_ids):
        for one in sorted(set(raw_ids)):
            if one not in self.rows:
                self.rows[one] = len(self.ids)
                self.ids.append(one)

    def row(self, raw_id):
        return self.rows.get(raw_id)

    def raw(self, row):
        return self.ids[row]


# %% lab07.ex1 wrong: zero_lost
class IdMap:
    def __init__(self, raw_ids):
        self.ids = sorted(set(raw_ids))
        self.rows = {raw: row for row, raw in enumerate(self.ids)}

    def row(self, raw_id):
        return self.rows.get(raw_id) or None

    def raw(self, row):
        return self.ids[row]


# %% lab07.ex1 wrong: order
class IdMap:
    def __init__(self, raw_ids):
        self.ids = list(dict.fromkeys(raw_ids))

    def row(self, raw_id):
        return self.ids.index(raw_id) if raw_id in self.ids else None

    def raw(self, row):
        return self.ids[row]


# %% lab07.ex1 wrong: inverse
class IdMap:
    def __init__(self, raw_ids):
        self.ids = list(raw_ids)
        self.rows = {raw: row for row, raw in enumerate(sorted(set(raw_ids)))}

    def row(self, raw_id):
        return self.rows.get(raw_id)

    def raw(self, row):
        return self.ids[row]


# %% lab07.ex1 wrong: unknown_zero
class IdMap:
    def __init__(self, raw_ids):
        self.ids = sorted(set(raw_ids))
        self.rows = {raw: row for row, raw in enumerate(self.ids)}

    def row(self, raw_id):
        return self.rows.get(raw_id, 0)

    def raw(self, row):
        return self.ids[row]


# %% lab07.ex1 wrong: last_row
class IdMap:
    def __init__(self, raw_ids):
        self.ids = sorted(set(raw_ids))

    def row(self, raw_id):
        return self.ids.index(raw_id) if raw_id in self.ids else -1

    def raw(self, row):
        return self.ids[row]


# %% lab07.ex1 wrong: neighbour
class IdMap:
    def __init__(self, raw_ids):
        self.ids = np.unique(raw_ids)

    def row(self, raw_id):
        return int(np.searchsorted(self.ids, raw_id))

    def raw(self, row):
        return self.ids[row]


# %% lab07.ex1 wrong: raises
class IdMap:
    def __init__(self, raw_ids):
        self.ids = sorted(set(raw_ids))
        self.rows = {raw: row for row, raw in enumerate(self.ids)}

    def row(self, raw_id):
        return self.rows[raw_id]

    def raw(self, row):
        return self.ids[row]


# %% lab07.ex2 right: by sorting pairs
def answer(model, question):
    def refuse(code, message, advice):
        raise InputError(message, code=code, status=422, hint=advice)

    count = question.get("top_k", 10)
    if isinstance(count, bool) or not isinstance(count, int) or count <= 0:
        refuse("top_k_invalid", "That is no number of movies.", "Send 1, 2, 3, or more.")
    out = list(model.rated_by(question["user_id"]))
    for name in ("rated", "ranked_movies"):
        if question.get(name) is not None:
            out.extend(question[name])
    row = model.users.row(question["user_id"])
    if row is not None:
        pairs = [(score, place) for place, score in enumerate(model.scores(row).tolist())]
        order = [model.movies.raw(place) for _, place in sorted(pairs, reverse=True)]
    else:
        order = list(model.most_rated)
    order = tuple(movie for movie in order if movie not in out)
    if len(order) < count:
        refuse("top_k_too_large", f"{count} are too many.", f"There are {len(order)} movies left.")
    result = dict(user_id=question["user_id"], items=order[:count], fallback=None)
    if row is None:
        result["fallback"] = "popularity"
    return result


# %% lab07.ex2 right: scores without what is rated
def answer(model, question):
    question = {"top_k": 10, **question}
    top_k, user_id = question["top_k"], question["user_id"]
    if type(top_k) is not int or top_k < 1:
        raise InputError("No good top_k", code="top_k_invalid", status=422, hint="1, 2, 3 …")
    row = model.users.row(user_id)
    movies = [model.movies.raw(place) for place in range(len(model.movies))]
    if row is None:
        scores = np.array([-model.most_rated.index(movie) for movie in movies], float)
    else:
        scores = model.scores(row)
    rated = (question.get("rated") or []) + (question.get("ranked_movies") or [])
    for movie in [*rated, *model.rated_by(user_id)]:
        place = model.movies.row(movie)
        if place is not None:
            scores[place] = -np.inf
    left = int(np.isfinite(scores).sum())
    if top_k > left:
        raise InputError("Too many", code="top_k_too_large", status=422, hint=f"only {left}")
    best = np.argsort(scores)[::-1][:top_k]
    return {
        "user_id": user_id,
        "items": [movies[place] for place in best],
        "fallback": "popularity" if row is None else None,
    }


# %% lab07.ex2 wrong: rows
def answer(model, question):
    user_id, top_k = question["user_id"], question.get("top_k", 10)
    if type(top_k) is not int or top_k < 1:
        raise InputError("bad", code="top_k_invalid", status=422, hint="from 1 up")
    rated = question.get("rated") or question.get("ranked_movies") or []
    rated = {*rated, *model.rated_by(user_id)}
    row = model.users.row(user_id)
    if row is None:
        ranked, fallback = model.most_rated, "popularity"
    else:
        best = np.argsort(-model.scores(row)).tolist()
        ranked, fallback = [model.movies.raw(place) for place in best], None
    left = [movie for movie in ranked if movie not in rated]
    if top_k > len(left):
        raise InputError("many", code="top_k_too_large", status=422, hint=f"{len(left)} are left")
    rows = [model.movies.row(movie) for movie in left[:top_k]]
    return {"user_id": user_id, "items": rows, "fallback": fallback}


# %% lab07.ex2 wrong: plus_one
def answer(model, question):
    user_id, top_k = question["user_id"], question.get("top_k", 10)
    if type(top_k) is not int or top_k < 1:
        raise InputError("bad", code="top_k_invalid", status=422, hint="from 1 up")
    rated = question.get("rated") or question.get("ranked_movies") or []
    rated = {*rated, *model.rated_by(user_id)}
    row = model.users.row(user_id)
    if row is None:
        ranked, fallback = model.most_rated, "popularity"
    else:
        best = np.argsort(-model.scores(row)).tolist()
        ranked, fallback = [place + 1 for place in best], None
    left = [movie for movie in ranked if movie not in rated]
    if top_k > len(left):
        raise InputError("many", code="top_k_too_large", status=422, hint=f"{len(left)} are left")
    return {"user_id": user_id, "items": left[:top_k], "fallback": fallback}


# %% lab07.ex2 wrong: worst_first
def answer(model, question):
    user_id, top_k = question["user_id"], question.get("top_k", 10)
    if type(top_k) is not int or top_k < 1:
        raise InputError("bad", code="top_k_invalid", status=422, hint="from 1 up")
    rated = question.get("rated") or question.get("ranked_movies") or []
    rated = {*rated, *model.rated_by(user_id)}
    row = model.users.row(user_id)
    if row is None:
        ranked, fallback = model.most_rated, "popularity"
    else:
        best = np.argsort(model.scores(row)).tolist()
        ranked, fallback = [model.movies.raw(place) for place in best], None
    left = [movie for movie in ranked if movie not in rated]
    if top_k > len(left):
        raise InputError("many", code="top_k_too_large", status=422, hint=f"{len(left)} are left")
    return {"user_id": user_id, "items": left[:top_k], "fallback": fallback}


# %% lab07.ex2 wrong: falsy_row
def answer(model, question):
    user_id, top_k = question["user_id"], question.get("top_k", 10)
    if type(top_k) is not int or top_k < 1:
        raise InputError("bad", code="top_k_invalid", status=422, hint="from 1 up")
    rated = question.get("rated") or question.get("ranked_movies") or []
    rated = {*rated, *model.rated_by(user_id)}
    row = model.users.row(user_id)
    if not row:
        ranked, fallback = model.most_rated, "popularity"
    else:
        best = np.argsort(-model.scores(row)).tolist()
        ranked, fallback = [model.movies.raw(place) for place in best], None
    left = [movie for movie in ranked if movie not in rated]
    if top_k > len(left):
        raise InputError("many", code="top_k_too_large", status=422, hint=f"{len(left)} are left")
    return {"user_id": user_id, "items": left[:top_k], "fallback": fallback}


# %% lab07.ex2 wrong: somebody
def answer(model, question):
    user_id, top_k = question["user_id"], question.get("top_k", 10)
    if type(top_k) is not int or top_k < 1:
        raise InputError("bad", code="top_k_invalid", status=422, hint="from 1 up")
    rated = question.get("rated") or question.get("ranked_movies") or []
    rated = {*rated, *model.rated_by(user_id)}
    row = model.users.row(user_id)
    fallback = "popularity" if row is None else None
    best = np.argsort(-model.scores(row or 0)).tolist()
    ranked = [model.movies.raw(place) for place in best]
    left = [movie for movie in ranked if movie not in rated]
    if top_k > len(left):
        raise InputError("many", code="top_k_too_large", status=422, hint=f"{len(left)} are left")
    return {"user_id": user_id, "items": left[:top_k], "fallback": fallback}


# %% lab07.ex2 wrong: stranger
def answer(model, question):
    user_id, top_k = question["user_id"], question.get("top_k", 10)
    if type(top_k) is not int or top_k < 1:
        raise InputError("bad", code="top_k_invalid", status=422, hint="from 1 up")
    rated = question.get("rated") or question.get("ranked_movies") or []
    rated = {*rated, *model.rated_by(user_id)}
    row = model.users.row(user_id)
    best = np.argsort(-model.scores(row)).tolist()
    ranked, fallback = [model.movies.raw(place) for place in best], None
    left = [movie for movie in ranked if movie not in rated]
    if top_k > len(left):
        raise InputError("many", code="top_k_too_large", status=422, hint=f"{len(left)} are left")
    return {"user_id": user_id, "items": left[:top_k], "fallback": fallback}


# %% lab07.ex2 wrong: unnamed
def answer(model, question):
    user_id, top_k = question["user_id"], question.get("top_k", 10)
    if type(top_k) is not int or top_k < 1:
        raise InputError("bad", code="top_k_invalid", status=422, hint="from 1 up")
    rated = question.get("rated") or question.get("ranked_movies") or []
    rated = {*rated, *model.rated_by(user_id)}
    row = model.users.row(user_id)
    if row is None:
        ranked, fallback = model.most_rated, None
    else:
        best = np.argsort(-model.scores(row)).tolist()
        ranked, fallback = [model.movies.raw(place) for place in best], None
    left = [movie for movie in ranked if movie not in rated]
    if top_k > len(left):
        raise InputError("many", code="top_k_too_large", status=422, hint=f"{len(left)} are left")
    return {"user_id": user_id, "items": left[:top_k], "fallback": fallback}


# %% lab07.ex2 wrong: always_named
def answer(model, question):
    user_id, top_k = question["user_id"], question.get("top_k", 10)
    if type(top_k) is not int or top_k < 1:
        raise InputError("bad", code="top_k_invalid", status=422, hint="from 1 up")
    rated = question.get("rated") or question.get("ranked_movies") or []
    rated = {*rated, *model.rated_by(user_id)}
    row = model.users.row(user_id)
    if row is None:
        ranked, fallback = model.most_rated, "popularity"
    else:
        best = np.argsort(-model.scores(row)).tolist()
        ranked, fallback = [model.movies.raw(place) for place in best], "popularity"
    left = [movie for movie in ranked if movie not in rated]
    if top_k > len(left):
        raise InputError("many", code="top_k_too_large", status=422, hint=f"{len(left)} are left")
    return {"user_id": user_id, "items": left[:top_k], "fallback": fallback}


# %% lab07.ex2 wrong: null_fails
def answer(model, question):
    user_id, top_k = question["user_id"], question.get("top_k", 10)
    if type(top_k) is not int or top_k < 1:
        raise InputError("bad", code="top_k_invalid", status=422, hint="from 1 up")
    rated = question.get("rated", question.get("ranked_movies", []))
    rated = {*rated, *model.rated_by(user_id)}
    row = model.users.row(user_id)
    if row is None:
        ranked, fallback = model.most_rated, "popularity"
    else:
        best = np.argsort(-model.scores(row)).tolist()
        ranked, fallback = [model.movies.raw(place) for place in best], None
    left = [movie for movie in ranked if movie not in rated]
    if top_k > len(left):
        raise InputError("many", code="top_k_too_large", status=422, hint=f"{len(left)} are left")
    return {"user_id": user_id, "items": left[:top_k], "fallback": fallback}


# %% lab07.ex2 wrong: alias
def answer(model, question):
    user_id, top_k = question["user_id"], question.get("top_k", 10)
    if type(top_k) is not int or top_k < 1:
        raise InputError("bad", code="top_k_invalid", status=422, hint="from 1 up")
    rated = question.get("rated") or []
    rated = {*rated, *model.rated_by(user_id)}
    row = model.users.row(user_id)
    if row is None:
        ranked, fallback = model.most_rated, "popularity"
    else:
        best = np.argsort(-model.scores(row)).tolist()
        ranked, fallback = [model.movies.raw(place) for place in best], None
    left = [movie for movie in ranked if movie not in rated]
    if top_k > len(left):
        raise InputError("many", code="top_k_too_large", status=422, hint=f"{len(left)} are left")
    return {"user_id": user_id, "items": left[:top_k], "fallback": fallback}


# %% lab07.ex2 wrong: shows_rated
def answer(model, question):
    user_id, top_k = question["user_id"], question.get("top_k", 10)
    if type(top_k) is not int or top_k < 1:
        raise InputError("bad", code="top_k_invalid", status=422, hint="from 1 up")
    rated = question.get("rated") or question.get("ranked_movies") or []
    rated = set(rated)
    row = model.users.row(user_id)
    if row is None:
        ranked, fallback = model.most_rated, "popularity"
    else:
        best = np.argsort(-model.scores(row)).tolist()
        ranked, fallback = [model.movies.raw(place) for place in best], None
    left = [movie for movie in ranked if movie not in rated]
    if top_k > len(left):
        raise InputError("many", code="top_k_too_large", status=422, hint=f"{len(left)} are left")
    return {"user_id": user_id, "items": left[:top_k], "fallback": fallback}


# %% lab07.ex2 wrong: cut_first
def answer(model, question):
    user_id, top_k = question["user_id"], question.get("top_k", 10)
    if type(top_k) is not int or top_k < 1:
        raise InputError("bad", code="top_k_invalid", status=422, hint="from 1 up")
    rated = question.get("rated") or question.get("ranked_movies") or []
    rated = {*rated, *model.rated_by(user_id)}
    row = model.users.row(user_id)
    if row is None:
        ranked, fallback = model.most_rated, "popularity"
    else:
        best = np.argsort(-model.scores(row)).tolist()
        ranked, fallback = [model.movies.raw(place) for place in best], None
    count = len(set(ranked) - rated)
    if top_k > count:
        raise InputError("many", code="top_k_too_large", status=422, hint=f"{count} are left")
    items = [movie for movie in ranked[:top_k] if movie not in rated]
    return {"user_id": user_id, "items": items, "fallback": fallback}


# %% lab07.ex2 wrong: miscounted
def answer(model, question):
    user_id, top_k = question["user_id"], question.get("top_k", 10)
    if type(top_k) is not int or top_k < 1:
        raise InputError("bad", code="top_k_invalid", status=422, hint="from 1 up")
    rated = question.get("rated") or question.get("ranked_movies") or []
    rated = [*rated, *model.rated_by(user_id)]
    count = len(model.most_rated) - len(rated)
    if top_k > count:
        raise InputError("many", code="top_k_too_large", status=422, hint=f"{count} are left")
    row = model.users.row(user_id)
    if row is None:
        ranked, fallback = model.most_rated, "popularity"
    else:
        best = np.argsort(-model.scores(row)).tolist()
        ranked, fallback = [model.movies.raw(place) for place in best], None
    left = [movie for movie in ranked if movie not in rated]
    return {"user_id": user_id, "items": left[:top_k], "fallback": fallback}


# %% lab07.ex2 wrong: changes_model
def answer(model, question):
    user_id, top_k = question["user_id"], question.get("top_k", 10)
    if type(top_k) is not int or top_k < 1:
        raise InputError("bad", code="top_k_invalid", status=422, hint="from 1 up")
    rated = question.get("rated") or question.get("ranked_movies") or []
    rated = {*rated, *model.rated_by(user_id)}
    row = model.users.row(user_id)
    if row is None:
        ranked, fallback = model.most_rated, "popularity"
    else:
        best = np.argsort(-model.scores(row)).tolist()
        ranked, fallback = [model.movies.raw(place) for place in best], None
    for movie in rated:
        if movie in ranked:
            ranked.remove(movie)
    if top_k > len(ranked):
        raise InputError("many", code="top_k_too_large", status=422, hint=f"{len(ranked)} are left")
    return {"user_id": user_id, "items": ranked[:top_k], "fallback": fallback}


# %% lab07.ex2 wrong: short
def answer(model, question):
    user_id, top_k = question["user_id"], question.get("top_k", 10)
    if type(top_k) is not int or top_k < 1:
        raise InputError("bad", code="top_k_invalid", status=422, hint="from 1 up")
    rated = question.get("rated") or question.get("ranked_movies") or []
    rated = {*rated, *model.rated_by(user_id)}
    row = model.users.row(user_id)
    if row is None:
        ranked, fallback = model.most_rated, "popularity"
    else:
        best = np.argsort(-model.scores(row)).tolist()
        ranked, fallback = [model.movies.raw(place) for place in best], None
    left = [movie for movie in ranked if movie not in rated]
    return {"user_id": user_id, "items": left[:top_k], "fallback": fallback}


# %% lab07.ex2 wrong: not_refused
def answer(model, question):
    user_id, top_k = question["user_id"], question.get("top_k", 10)
    if type(top_k) is not int or top_k < 1:
        raise InputError("bad", code="top_k_invalid", status=422, hint="from 1 up")
    rated = question.get("rated") or question.get("ranked_movies") or []
    rated = {*rated, *model.rated_by(user_id)}
    row = model.users.row(user_id)
    if row is None:
        ranked, fallback = model.most_rated, "popularity"
    else:
        best = np.argsort(-model.scores(row)).tolist()
        ranked, fallback = [model.movies.raw(place) for place in best], None
    left = [movie for movie in ranked if movie not in rated]
    return {
        "user_id": user_id,
        "items": [left[place] for place in range(top_k)],
        "fallback": fallback,
    }


# %% lab07.ex2 wrong: unchecked
def answer(model, question):
    user_id, top_k = question["user_id"], question.get("top_k", 10)
    rated = question.get("rated") or question.get("ranked_movies") or []
    rated = {*rated, *model.rated_by(user_id)}
    row = model.users.row(user_id)
    if row is None:
        ranked, fallback = model.most_rated, "popularity"
    else:
        best = np.argsort(-model.scores(row)).tolist()
        ranked, fallback = [model.movies.raw(place) for place in best], None
    left = [movie for movie in ranked if movie not in rated]
    if top_k > len(left):
        raise InputError("many", code="top_k_too_large", status=422, hint=f"{len(left)} are left")
    return {"user_id": user_id, "items": left[:top_k], "fallback": fallback}


# %% lab07.ex2 wrong: true_is_one
def answer(model, question):
    user_id, top_k = question["user_id"], question.get("top_k", 10)
    if not isinstance(top_k, int) or top_k < 1:
        raise InputError("bad", code="top_k_invalid", status=422, hint="from 1 up")
    rated = question.get("rated") or question.get("ranked_movies") or []
    rated = {*rated, *model.rated_by(user_id)}
    row = model.users.row(user_id)
    if row is None:
        ranked, fallback = model.most_rated, "popularity"
    else:
        best = np.argsort(-model.scores(row)).tolist()
        ranked, fallback = [model.movies.raw(place) for place in best], None
    left = [movie for movie in ranked if movie not in rated]
    if top_k > len(left):
        raise InputError("many", code="top_k_too_large", status=422, hint=f"{len(left)} are left")
    return {"user_id": user_id, "items": left[:top_k], "fallback": fallback}


# %% lab07.ex2 wrong: no_number
def answer(model, question):
    user_id, top_k = question["user_id"], question.get("top_k", 10)
    if type(top_k) is not int or top_k < 1:
        raise InputError("bad", code="top_k_invalid", status=422, hint="from 1 up")
    rated = question.get("rated") or question.get("ranked_movies") or []
    rated = {*rated, *model.rated_by(user_id)}
    row = model.users.row(user_id)
    if row is None:
        ranked, fallback = model.most_rated, "popularity"
    else:
        best = np.argsort(-model.scores(row)).tolist()
        ranked, fallback = [model.movies.raw(place) for place in best], None
    left = [movie for movie in ranked if movie not in rated]
    if top_k > len(left):
        raise InputError("many", code="top_k_too_large", status=422, hint="Ask for fewer.")
    return {"user_id": user_id, "items": left[:top_k], "fallback": fallback}


# %% lab07.ex3 right: a folder of its own, removed by hand, and a text as path
def pull(client, name, alias, cache):
    import shutil

    version = client.get_model_version_by_alias(name, alias).version
    if version not in os.listdir(cache):
        work = tempfile.mkdtemp(prefix=".fetching-", dir=cache)
        try:
            client.download_artifacts("/".join(["models:", name, version]), dst_path=work)
            os.rename(work, os.path.join(cache, version))
        except BaseException:
            shutil.rmtree(work)
            raise
    return os.path.join(cache, version)


# %% lab07.ex3 right: with a lock file, and the folder in the download's answer
def pull(client, name, alias, cache):
    from filelock import FileLock

    found = client.get_model_version_by_alias(name, alias)
    target = cache.joinpath(found.version)
    with FileLock(cache / "lock"):
        if target.is_dir():
            return target
        with tempfile.TemporaryDirectory(dir=cache) as work:
            uri = f"models:/{found.name}/{found.version}"
            done = client.download_artifacts(artifact_uri=uri, dst_path=f"{work}/new")
            Path(done).replace(target)
    return target


# %% lab07.ex3 wrong: every_time
def pull(client, name, alias, cache):
    import shutil

    version = client.get_model_version_by_alias(name, alias).version
    with tempfile.TemporaryDirectory(dir=cache) as work:
        client.download_artifacts(f"models:/{name}/{version}", f"{work}/new")
        shutil.rmtree(cache / version, ignore_errors=True)
        os.rename(f"{work}/new", cache / version)
    return cache / version


# %% lab07.ex3 wrong: by_alias
def pull(client, name, alias, cache):
    if not (cache / alias).exists():
        with tempfile.TemporaryDirectory(dir=cache) as work:
            client.download_artifacts(f"models:/{name}@{alias}", f"{work}/new")
            os.rename(f"{work}/new", cache / alias)
    return cache / alias


# %% lab07.ex3 wrong: latest
def pull(client, name, alias, cache):
    version = max(client.search_model_versions(f"name='{name}'"), key=lambda v: int(v.version))
    folder = cache / version.version
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=cache) as work:
            client.download_artifacts(f"models:/{name}/latest", f"{work}/new")
            os.rename(f"{work}/new", folder)
    return folder


# %% lab07.ex3 wrong: fixed_version
def pull(client, name, alias, cache):
    if not (cache / "3").exists():
        client.download_artifacts("models:/recommender_production/3", cache / "3")
    return cache / "3"


# %% lab07.ex3 wrong: fixed_name
def pull(client, name, alias, cache):
    version = client.get_model_version_by_alias("recommender_production", alias).version
    folder = cache / version
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=cache) as work:
            client.download_artifacts(f"models:/recommender_production/{version}", f"{work}/new")
            os.rename(f"{work}/new", folder)
    return folder


# %% lab07.ex3 wrong: run_uri
def pull(client, name, alias, cache):
    version = client.get_model_version_by_alias(name, alias).version
    folder = cache / version
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=cache) as work:
            client.download_artifacts(f"runs:/{version}/model", f"{work}/new")
            os.rename(f"{work}/new", folder)
    return folder


# %% lab07.ex3 wrong: fixed_alias
def pull(client, name, alias, cache):
    version = client.get_model_version_by_alias(name, "prod").version
    folder = cache / version
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=cache) as work:
            client.download_artifacts(f"models:/{name}/{version}", f"{work}/new")
            os.rename(f"{work}/new", folder)
    return folder


# %% lab07.ex3 wrong: never_asks
def pull(client, name, alias, cache):
    for folder in cache.iterdir():
        return folder
    version = client.get_model_version_by_alias(name, alias).version
    with tempfile.TemporaryDirectory(dir=cache) as work:
        client.download_artifacts(f"models:/{name}/{version}", f"{work}/new")
        os.rename(f"{work}/new", cache / version)
    return cache / version


# %% lab07.ex3 wrong: other_version
def pull(client, name, alias, cache):
    version = client.get_model_version_by_alias(name, alias).version
    there = [int(path.name) for path in cache.iterdir()]
    if there and max(there) >= int(version):
        return cache / str(max(there))
    with tempfile.TemporaryDirectory(dir=cache) as work:
        client.download_artifacts(f"models:/{name}/{version}", f"{work}/new")
        os.rename(f"{work}/new", cache / version)
    return cache / version


# %% lab07.ex3 wrong: alias_uri
def pull(client, name, alias, cache):
    folder = cache / client.get_model_version_by_alias(name, alias).version
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=cache) as work:
            client.download_artifacts(f"models:/{name}@{alias}", f"{work}/new")
            os.rename(f"{work}/new", folder)
    return folder


# %% lab07.ex3 wrong: partial
def pull(client, name, alias, cache):
    import shutil

    version = client.get_model_version_by_alias(name, alias).version
    if not (cache / version).exists():
        with tempfile.TemporaryDirectory(dir=cache) as work:
            client.download_artifacts(f"models:/{name}/{version}", work)
            shutil.copytree(work, cache / version)
    return cache / version


# %% lab07.ex3 wrong: half_stays
def pull(client, name, alias, cache):
    import shutil

    version = client.get_model_version_by_alias(name, alias).version
    folder, work = cache / version, cache / f"{version}.tmp"
    if not folder.exists():
        try:
            client.download_artifacts(f"models:/{name}/{version}", work)
        except OSError:
            shutil.rmtree(work)
            raise
        work.rename(folder)
    return folder


# %% lab07.ex3 wrong: elsewhere
def pull(client, name, alias, cache):
    version = client.get_model_version_by_alias(name, alias).version
    folder = cache / version
    if not folder.exists():
        with tempfile.TemporaryDirectory() as work:
            whole = Path(work) / "whole"
            client.download_artifacts(f"models:/{name}/{version}", whole)
            whole.rename(folder)
    return folder


# %% lab07.ex3 wrong: swallowed
def pull(client, name, alias, cache):
    version = client.get_model_version_by_alias(name, alias).version
    folder = cache / version
    try:
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=cache) as work:
                client.download_artifacts(f"models:/{name}/{version}", f"{work}/new")
                os.rename(f"{work}/new", folder)
    except Exception:
        return None
    return folder


# %% lab07.ex4 right: two functions, and a temporary file
def start(pull, load, versions, pointer):
    def write(text):
        handle, name = tempfile.mkstemp(dir=pointer.parent)
        with os.fdopen(handle, "w") as file:
            file.write(text + "\n")
        os.replace(name, pointer)

    problem = None
    try:
        folder = Path(pull())
        model = load(folder)
    except Exception as error:
        problem = error
    if problem is None:
        if not pointer.is_file() or pointer.read_text().strip() != folder.name:
            write(folder.name)
        return model
    if pointer.exists():
        try:
            return load(Path(versions, pointer.read_text().strip()))
        except Exception as second:
            raise RuntimeError(f"{problem}; and the pointer is no help: {second}") from second
    raise RuntimeError(f"nothing to serve; {problem}; and there is no pointer")


# %% lab07.ex4 right: looks at the version first, and loads it once more
def start(pull, load, versions, pointer):
    def write(text):
        new = versions / "pointer.txt"
        new.write_text(text)
        os.replace(new, pointer)

    trouble = ""
    try:
        folder = pull()
        load(folder)  # is it good?
    except OSError as error:
        trouble = f"the registry: {error}"
    except ValueError as error:
        trouble = f"the version: {error}"
    else:
        write(folder.name)
    try:
        return load(versions / pointer.read_text().strip())
    except (OSError, ValueError):
        raise RuntimeError(trouble)


# %% lab07.ex4 wrong: pointer_first
def start(pull, load, versions, pointer):
    try:
        folder = pull()
        (pointer.parent / "new").write_text(folder.name)
        (pointer.parent / "new").replace(pointer)
        return load(folder)
    except (OSError, ValueError) as error:
        try:
            return load(versions / pointer.read_text())
        except (OSError, ValueError):
            raise RuntimeError(str(error)) from error


# %% lab07.ex4 wrong: newest_folder
def start(pull, load, versions, pointer):
    try:
        model = load(folder := pull())
    except (OSError, ValueError) as error:
        folders = sorted(versions.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        try:
            return load(folders[-1])
        except ValueError:
            return load(folders[-2])
    (pointer.parent / "new").write_text(folder.name)
    (pointer.parent / "new").replace(pointer)
    return model


# %% lab07.ex4 wrong: pointer_only
def start(pull, load, versions, pointer):
    try:
        if pointer.exists():
            return load(versions / pointer.read_text())
        folder = pull()
        model = load(folder)
    except (OSError, ValueError) as error:
        raise RuntimeError(str(error)) from error
    (pointer.parent / "new").write_text(folder.name)
    (pointer.parent / "new").replace(pointer)
    return model


# %% lab07.ex4 wrong: retries
def start(pull, load, versions, pointer):
    for attempt in range(7):
        try:
            folder = pull()
            model = load(folder)
        except (OSError, ValueError):
            continue
        (pointer.parent / "new").write_text(folder.name)
        (pointer.parent / "new").replace(pointer)
        return model
    return load(versions / pointer.read_text())


# %% lab07.ex4 wrong: no_fallback
def start(pull, load, versions, pointer):
    folder = pull()
    model = load(folder)
    (pointer.parent / "new").write_text(folder.name)
    (pointer.parent / "new").replace(pointer)
    return model


# %% lab07.ex4 wrong: wrong_folder
def start(pull, load, versions, pointer):
    try:
        folder = pull()
        model = load(folder)
    except (OSError, ValueError) as error:
        try:
            return load(versions / pointer.read_text())
        except (OSError, ValueError):
            raise RuntimeError(str(error)) from error
    (pointer.parent / "new").write_text(folder.name + "\n")
    (pointer.parent / "new").replace(pointer)
    return model


# %% lab07.ex4 wrong: damaged_stops
def start(pull, load, versions, pointer):
    try:
        folder = pull()
    except OSError as error:
        try:
            return load(versions / pointer.read_text())
        except (OSError, ValueError):
            raise RuntimeError(str(error)) from error
    model = load(folder)
    (pointer.parent / "new").write_text(folder.name)
    (pointer.parent / "new").replace(pointer)
    return model


# %% lab07.ex4 wrong: not_atomic
def start(pull, load, versions, pointer):
    try:
        folder = pull()
        model = load(folder)
    except (OSError, ValueError) as error:
        try:
            return load(versions / pointer.read_text())
        except (OSError, ValueError):
            raise RuntimeError(str(error)) from error
    pointer.write_text(folder.name)
    return model


# %% lab07.ex4 wrong: no_pointer
def start(pull, load, versions, pointer):
    try:
        return load(pull())
    except (OSError, ValueError) as error:
        try:
            return load(versions / pointer.read_text())
        except (OSError, ValueError):
            raise RuntimeError(str(error)) from error


# %% lab07.ex4 wrong: none
def start(pull, load, versions, pointer):
    try:
        folder = pull()
        model = load(folder)
    except Exception:
        try:
            return load(versions / pointer.read_text())
        except Exception:
            return None
    (pointer.parent / "new").write_text(folder.name)
    (pointer.parent / "new").replace(pointer)
    return model


# %% lab07.ex4 wrong: vague
def start(pull, load, versions, pointer):
    try:
        folder = pull()
        model = load(folder)
    except Exception:
        try:
            return load(versions / pointer.read_text())
        except Exception:
            raise RuntimeError("no model")
    (pointer.parent / "new").write_text(folder.name)
    (pointer.parent / "new").replace(pointer)
    return model


# %% lab07.ex4 wrong: unclear
def start(pull, load, versions, pointer):
    try:
        folder = pull()
        model = load(folder)
    except (OSError, ValueError):
        return load(versions / pointer.read_text())
    (pointer.parent / "new").write_text(folder.name)
    (pointer.parent / "new").replace(pointer)
    return model


# %% lab07.ex5 right: a pair, and a lock around the assignment
class Live:
    def __init__(self, load, smoke_test, version):
        self._load, self._test = load, smoke_test
        self._lock = threading.Lock()
        model = load(version)
        smoke_test(model)
        self._pair = (version, model)

    def answer(self, user_id):
        with self._lock:
            version, model = self._pair
        return dict(items=tuple(model.recommend(user_id)), version=version)

    def swap(self, version):
        try:
            model = self._load(version)
            self._test(model)
        except Exception as error:
            print(f"{version} is refused: {error}")
            return False
        with self._lock:
            self._pair = (version, model)
        return True


# %% lab07.ex5 right: a closure
class Live:
    def __init__(self, load, smoke_test, version):
        def make(number):
            model = load(number)
            smoke_test(model)

            def respond(user):
                return {"items": model.recommend(user), "version": model.version}

            return respond

        self.make = make
        self.respond = make(version)

    def answer(self, user_id):
        return self.respond(user_id)

    def swap(self, version):
        try:
            self.respond = self.make(version)
        except (ValueError, OSError):
            return False
        else:
            return True


# %% lab07.ex5 wrong: untested
class Live:
    def __init__(self, load, smoke_test, version):
        self.load, self.smoke_test = load, smoke_test
        self.model = load(version)
        smoke_test(self.model)

    def answer(self, user_id):
        model = self.model
        return {"version": model.version, "items": model.recommend(user_id)}

    def swap(self, version):
        try:
            model = self.load(version)
        except (OSError, ValueError):
            return False
        self.model = model
        return True


# %% lab07.ex5 wrong: before_test
class Live:
    def __init__(self, load, smoke_test, version):
        self.load, self.smoke_test = load, smoke_test
        self.model = load(version)
        smoke_test(self.model)

    def answer(self, user_id):
        model = self.model
        return {"version": model.version, "items": model.recommend(user_id)}

    def swap(self, version):
        try:
            old = self.model
            self.model = self.load(version)
            self.smoke_test(self.model)
        except (OSError, ValueError):
            self.model = old
            return False
        return True


# %% lab07.ex5 wrong: dropped_first
class Live:
    def __init__(self, load, smoke_test, version):
        self.load, self.smoke_test = load, smoke_test
        self.model = load(version)
        smoke_test(self.model)

    def answer(self, user_id):
        model = self.model
        return {"version": model.version, "items": model.recommend(user_id)}

    def swap(self, version):
        old, self.model = self.model, None  # two of them do not fit into memory
        try:
            model = self.load(version)
            self.smoke_test(model)
        except (OSError, ValueError):
            self.model = old
            return False
        self.model = model
        return True


# %% lab07.ex5 wrong: blocks
class Live:
    def __init__(self, load, smoke_test, version):
        self.lock = threading.RLock()
        self.load, self.smoke_test = load, smoke_test
        self.model = load(version)
        smoke_test(self.model)

    def answer(self, user_id):
        with self.lock:
            model = self.model
        return {"version": model.version, "items": model.recommend(user_id)}

    def swap(self, version):
        with self.lock:
            try:
                model = self.load(version)
                self.smoke_test(model)
            except (OSError, ValueError):
                return False
            self.model = model
            return True


# %% lab07.ex5 wrong: two_steps
class Live:
    def __init__(self, load, smoke_test, version):
        self.load, self.smoke_test = load, smoke_test
        self.model = load(version)
        smoke_test(self.model)
        self.version = version

    def answer(self, user_id):
        return {"version": self.version, "items": self.model.recommend(user_id)}

    def swap(self, version):
        try:
            model = self.load(version)
            self.smoke_test(model)
        except (OSError, ValueError):
            return False
        self.version, self.model = version, model
        return True


# %% lab07.ex5 wrong: two_reads
class Live:
    def __init__(self, load, smoke_test, version):
        self.load, self.smoke_test = load, smoke_test
        self.model = load(version)
        smoke_test(self.model)

    def answer(self, user_id):
        items = self.model.recommend(user_id)
        return {"version": self.model.version, "items": items}

    def swap(self, version):
        try:
            model = self.load(version)
            self.smoke_test(model)
        except (OSError, ValueError):
            return False
        self.model = model
        return True


# %% lab07.ex5 wrong: one_at_a_time
class Live:
    def __init__(self, load, smoke_test, version):
        self.lock = threading.Lock()
        self.load, self.smoke_test = load, smoke_test
        self.model = load(version)
        smoke_test(self.model)

    def answer(self, user_id):
        with self.lock:
            return {"version": self.model.version, "items": self.model.recommend(user_id)}

    def swap(self, version):
        try:
            model = self.load(version)
            self.smoke_test(model)
        except (OSError, ValueError):
            return False
        with self.lock:
            self.model = model
        return True


# %% lab07.ex5 wrong: raises
class Live:
    def __init__(self, load, smoke_test, version):
        self.load, self.smoke_test = load, smoke_test
        self.model = load(version)
        smoke_test(self.model)

    def answer(self, user_id):
        model = self.model
        return {"version": model.version, "items": model.recommend(user_id)}

    def swap(self, version):
        model = self.load(version)
        self.smoke_test(model)
        self.model = model
        return True


# %% lab07.ex5 wrong: starts_anyway
class Live:
    def __init__(self, load, smoke_test, version):
        self.load, self.smoke_test = load, smoke_test
        self.swap(version)

    def answer(self, user_id):
        model = self.model
        return {"version": model.version, "items": model.recommend(user_id)}

    def swap(self, version):
        try:
            model = self.load(version)
            self.smoke_test(model)
        except (OSError, ValueError):
            return False
        self.model = model
        return True


# %% lab07.ex5 wrong: loads_twice
class Live:
    def __init__(self, load, smoke_test, version):
        self.load, self.smoke_test = load, smoke_test
        self.model = load(version)
        smoke_test(self.model)

    def answer(self, user_id):
        model = self.model
        return {"version": model.version, "items": model.recommend(user_id)}

    def swap(self, version):
        try:
            self.smoke_test(self.load(version))
            self.model = self.load(version)
        except (OSError, ValueError):
            return False
        return True


# %% lab07.ex5 wrong: loads_each_time
class Live:
    def __init__(self, load, smoke_test, version):
        self.load, self.smoke_test = load, smoke_test
        self.model = load(version)
        smoke_test(self.model)

    def answer(self, user_id):
        model = self.load(self.model.version)
        return {"version": model.version, "items": model.recommend(user_id)}

    def swap(self, version):
        try:
            model = self.load(version)
            self.smoke_test(model)
        except (OSError, ValueError):
            return False
        self.model = model
        return True


# %% lab07.ex5 wrong: stays
class Live:
    def __init__(self, load, smoke_test, version):
        self.load, self.smoke_test = load, smoke_test
        self.model = load(version)
        smoke_test(self.model)

    def answer(self, user_id):
        model = self.model
        return {"version": model.version, "items": model.recommend(user_id)}

    def swap(self, version):
        try:
            model = self.load(version)
            self.smoke_test(model)
        except (OSError, ValueError):
            return False
        model = self.model
        return True


# %% lab07.ex5 wrong: says_nothing
class Live:
    def __init__(self, load, smoke_test, version):
        self.load, self.smoke_test = load, smoke_test
        self.model = load(version)
        smoke_test(self.model)

    def answer(self, user_id):
        model = self.model
        return {"version": model.version, "items": model.recommend(user_id)}

    def swap(self, version):
        try:
            model = self.load(version)
            self.smoke_test(model)
        except (OSError, ValueError):
            return
        self.model = model
