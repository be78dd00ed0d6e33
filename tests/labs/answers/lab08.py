# Answers to lab 08. Each cell takes the place of an exercise's cell.

# %% lab08.ex1 right: pandas writes the split
def body_of(user_ids, rated, top_k):
    users = [int(user) for user in user_ids]
    lists = pd.Series([rated.get(user) for user in users], dtype=object)
    table = pd.DataFrame({"rated": lists, "user_id": users})
    return {"params": dict(top_k=int(top_k)), "dataframe_split": table.to_dict(orient="split")}


# %% lab08.ex1 right: tuples, row by row
def body_of(user_ids, rated, top_k):
    rows = ()
    for user in user_ids:
        rows += ((user.item(), rated[user] if user in rated else None),)
    return {
        "dataframe_split": {"columns": ("user_id", "rated"), "data": rows},
        "params": {"top_k": top_k},
    }


# %% lab08.ex1 wrong: numpy_types
# - user_ids.tolist()
# + user_ids

# %% lab08.ex1 wrong: nan
# - rated.get(user)
# + rated.get(user, float("nan"))


# %% lab08.ex1 wrong: top_k_column
def body_of(user_ids, rated, top_k):
    data = [[user, rated.get(user), top_k] for user in user_ids.tolist()]
    return {"dataframe_split": {"columns": ["user_id", "rated", "top_k"], "data": data}}


# %% lab08.ex1 wrong: outside
# - "params": {"top_k": top_k}
# + "top_k": top_k

# %% lab08.ex1 wrong: empty_as_null
# - rated.get(user)
# + rated.get(user) or None

# %% lab08.ex1 wrong: null_as_empty
# - rated.get(user)
# + rated.get(user, [])

# %% lab08.ex1 wrong: -adds users to rated
# - rated.get(user)
# + rated.setdefault(user)

# %% lab08.ex1 wrong: -sorted, each user once
# - user_ids.tolist()
# + sorted(set(user_ids.tolist()))

# %% lab08.ex1 wrong: -records
# - "dataframe_split": table
# + "dataframe_split": [dict(zip(table["columns"], row)) for row in data]

# %% lab08.ex1 wrong: -the lists cut to top_k
# - rated.get(user)
# + rated.get(user) and rated[user][:top_k]

# %% lab08.ex2 right: a copy, a DataFrame out
# -         top_k =
# +         model_input = model_input.reset_index(drop=True)
# +         top_k =
# - return rows
# + return pd.DataFrame(rows)


# %% lab08.ex2 right: itertuples
class TopMovies(PythonModel):
    def load_context(self, context):
        self.core = Scores.load(context.artifacts["scores"])

    def predict(self, context, model_input: pd.DataFrame, params=None):
        p = dict(params or {})
        p.setdefault("top_k", 10)
        res = []
        for row in model_input.itertuples(index=False):
            r = getattr(row, "rated", None)
            if r is None or isinstance(r, float):
                r = None
            res.append(dict(user_id=row.user_id, movies=self.core.best(row.user_id, p["top_k"], r)))
        return res


# %% lab08.ex2 wrong: reads_in_predict
# - self.scores = Scores.load(context.artifacts["scores"])
# + self.path = context.artifacts["scores"]
# - self.scores.best
# + Scores.load(self.path).best

# %% lab08.ex2 wrong: no_default
# - (params or {}).get("top_k", 10)
# + params["top_k"]

# %% lab08.ex2 wrong: nan_rated
# -             seen = seen if isinstance(seen, list) else None

# %% lab08.ex2 wrong: by_index
# -         nothing =
# +         model_input = model_input.sort_index()
# +         nothing =

# %% lab08.ex2 wrong: shared
# - self.scores = Scores
# + TopMovies.scores = Scores

# %% lab08.ex2 wrong: -an empty list is None
# - isinstance(seen, list)
# + isinstance(seen, list) and seen

# %% lab08.ex2 wrong: -adds columns to the caller's table
# -         return rows
# +         model_input["movies"] = [row["movies"] for row in rows]
# +         return rows

# %% lab08.ex2 wrong: -remembers top_k of the last request
# - top_k = (params or {}).get("top_k", 10)
# + self.top_k = top_k = (params or {}).get("top_k", getattr(self, "top_k", 10))

# %% lab08.ex2 wrong: -never more than ten movies
# - self.scores.best(user, top_k, seen)
# + self.scores.best(user, 10, seen)[:top_k]


# %% lab08.ex3 right: decimals
def reasons_against(candidate, current, rule):
    from decimal import Decimal as D

    out = []
    for m, g in rule.items():
        c = candidate.get(m)
        p = None if current is None else current.get(m)
        if c is None or not math.isfinite(c):
            out.append(f"{m}: candidate has no value")
        elif current is None:
            continue
        elif p is None or not math.isfinite(p):
            out.append(f"{m}: current has no value")
        elif D(str(c)) - D(str(p)) < D(str(g)):
            out.append(f"{m}: gain below {g}")
    return out


# %% lab08.ex3 right: isclose
def reasons_against(candidate, current, rule):
    def bad(m, g):
        c = candidate.get(m, float("nan"))
        if not np.isfinite(c):
            return True
        if current is None:
            return False
        p = current.get(m, float("nan"))
        if not np.isfinite(p):
            return True
        return c - p < g and not math.isclose(c - p, g, abs_tol=1e-9)

    return [f"{m} is not good enough" for m, g in rule.items() if bad(m, g)]


# %% lab08.ex3 wrong: strict
# - new - old < gain - 1e-9
# + new - old <= gain + 1e-9

# %% lab08.ex3 wrong: rounding
# - gain - 1e-9
# + gain

# %% lab08.ex3 wrong: first_only
# - reasons.append(f"{metric} is {new:.4f}, now {old:.4f}; {gain:+g} is required")
# + return [f"{metric} is too low"]

# %% lab08.ex3 wrong: nan_passes
# - not (math.isfinite(new) and math.isfinite(old))
# + metric not in candidate or (current is not None and metric not in current)

# %% lab08.ex3 wrong: missing_raises
# - candidate.get(metric, math.nan)
# + candidate[metric]
# - current.get(metric, math.nan)
# + current[metric]

# %% lab08.ex3 wrong: -rounds to three places
# - new - old < gain - 1e-9
# + round(new - old, 3) < round(gain, 3)

# %% lab08.ex3 wrong: -an empty current is None
# - if current is None
# + if not current

# %% lab08.ex3 wrong: -zero is missing
# - candidate.get(metric, math.nan)
# + candidate.get(metric) or math.nan

# %% lab08.ex3 wrong: -a current value of minus infinity
# -         if not (math.isfinite(new) and math.isfinite(old)):
# +         if not (math.isfinite(new) and old < math.inf):

# %% lab08.ex3 wrong: -no current model counts as 0
# -         old = new - gain if current is None else current.get(metric, math.nan)
# +         old = 0 if current is None else current.get(metric, math.nan)

# %% lab08.ex3 wrong: -two reasons for a metric that both lack
# -         if not (math.isfinite(new) and math.isfinite(old)):
# -             reasons.append(f"{metric} is missing or not finite: candidate {new}, current {old}")
# -         elif new - old < gain - 1e-9:
# +         values = [new] if current is None else [new, old]
# +         bad = [value for value in values if not math.isfinite(value)]
# +         reasons += [f"{metric} is missing or not finite: {value}" for value in bad]
# +         if not bad and new - old < gain - 1e-9:


# %% lab08.ex4 right: early returns, keywords, a LookupError of its own
def promote(client, version, against):
    aliases = dict(client.get_registered_model(MODEL).aliases)
    old = aliases.get("prod")
    if old == version:
        return []
    served = metrics_of(client, old) if old else None
    if why := against(candidate=metrics_of(client, version), current=served):
        return tuple(why)
    if old and aliases.get("previous") != old:
        client.set_registered_model_alias(name=MODEL, alias="previous", version=old)
    client.set_registered_model_alias(name=MODEL, alias="prod", version=version)
    return []


def rollback(client):
    aliases = client.get_registered_model(MODEL).aliases
    if "previous" not in aliases:
        raise LookupError("there is no version to go back to")
    if aliases["prod"] != aliases["previous"]:
        client.set_registered_model_alias(MODEL, "prod", aliases["previous"])
    client.delete_registered_model_alias(MODEL, "previous")
    return aliases["previous"]


# %% lab08.ex4 wrong: twice
# -     if current == version:
# -         return []

# -     reasons = against(metrics_of(client, version), served)
# +     reasons = [] if current == version else against(metrics_of(client, version), served)

# %% lab08.ex4 wrong: gap
# -             client.set_registered_model_alias(MODEL, "previous", current)
# +             client.set_registered_model_alias(MODEL, "previous", current)
# +             client.delete_registered_model_alias(MODEL, "prod")

# %% lab08.ex4 wrong: order
# -         if current is not None:
# -             client.set_registered_model_alias(MODEL, "previous", current)
# -         client.set_registered_model_alias(MODEL, "prod", version)
# +         client.set_registered_model_alias(MODEL, "prod", version)
# +         if current is not None:
# +             client.set_registered_model_alias(MODEL, "previous", current)

# %% lab08.ex4 wrong: goes_on
# -     client.set_registered_model_alias(MODEL, "prod", before)

# -     client.delete_registered_model_alias(MODEL, "previous")
# +     client.delete_registered_model_alias(MODEL, "previous")
# +     try:
# +         client.set_registered_model_alias(MODEL, "prod", before)
# +     except Exception:
# +         client.set_registered_model_alias(MODEL, "previous", before)
# +         raise

# %% lab08.ex4 wrong: stays
# -     client.delete_registered_model_alias(MODEL, "previous")

# %% lab08.ex4 wrong: -hides the lost connection
# -         client.set_registered_model_alias(MODEL, "prod", version)
# +         try:
# +             client.set_registered_model_alias(MODEL, "prod", version)
# +         except Exception as error:
# +             print(error)

# %% lab08.ex4 wrong: -swaps candidate and current
# -     reasons = against(metrics_of(client, version), served)
# +     reasons = against(served, metrics_of(client, version))

# %% lab08.ex4 wrong: -flips at every rollback
# -     client.set_registered_model_alias(MODEL, "prod", before)
# -     client.delete_registered_model_alias(MODEL, "previous")
# +     now = client.get_registered_model(MODEL).aliases["prod"]
# +     client.set_registered_model_alias(MODEL, "prod", before)
# +     client.set_registered_model_alias(MODEL, "previous", now)

# %% lab08.ex4 wrong: -MLflow's exception is not a LookupError
# -     before = client.get_registered_model(MODEL).aliases["previous"]
# +     before = client.get_model_version_by_alias(MODEL, "previous").version


# %% lab08.ex5 right: PSI over tenths of the reference
def distance(reference, window):
    edges = np.quantile(reference, np.arange(1, 10) / 10)
    counts = [
        np.bincount(np.searchsorted(edges, values, side="right"), minlength=10) + 0.5
        for values in (reference, window)
    ]
    expected, actual = (count / count.sum() for count in counts)
    return float(((actual - expected) * np.log(actual / expected)).sum())


def limit_of(log, good, size, alarm_rate):
    rng = np.random.default_rng()
    reference = np.array(log[0:good])
    found = sorted(distance(reference, rng.choice(reference, size)) for _ in range(500))
    return found[int(500 * (1 - alarm_rate))]


# %% lab08.ex5 right: Wasserstein's distance, in plain Python's random
def distance(reference, window):
    return stats.wasserstein_distance(reference, window)


def limit_of(log, good, size, alarm_rate):
    import random

    values = list(log)[:good]
    quiet = [distance(values, random.sample(values, size)) for _ in range(500)]
    return float(pd.Series(quiet).quantile(1 - alarm_rate))


# %% lab08.ex5 right: sorted by hand, without calling distance
def distance(reference, window):
    return farthest(np.sort(reference), np.sort(window))


def farthest(reference, window):
    both = np.concatenate([reference, window])
    shares = [np.searchsorted(v, both, side="right") / len(v) for v in (reference, window)]
    return float(np.abs(shares[0] - shares[1]).max())


def limit_of(log, good, size, alarm_rate):
    reference = np.sort(log[:good])
    windows = np.sort(np.random.default_rng(5).choice(reference, (500, size)), axis=1)
    quiet = [farthest(reference, window) for window in windows]
    return float(np.percentile(quiet, 100 * (1 - alarm_rate)))


# %% lab08.ex5 wrong: not_finite <- PSI over tenths of the reference
# - + 0.5

# %% lab08.ex5 wrong: fixed_limit
# - np.quantile(quiet, 1 - alarm_rate)
# + 0.2

# %% lab08.ex5 wrong: wrong_tail
# - 1 - alarm_rate
# + alarm_rate

# %% lab08.ex5 wrong: drifted_data
# - draws.choice(reference, size)
# + draws.choice(log, size)

# %% lab08.ex5 wrong: mean_only
# - stats.ks_2samp(reference, window).statistic
# + abs(np.mean(window) - np.mean(reference))

# %% lab08.ex5 wrong: -a formula for continuous values
# - np.quantile(quiet, 1 - alarm_rate)
# + np.sqrt(-np.log(alarm_rate / 2) / 2) * np.sqrt(1 / good + 1 / size)

# %% lab08.ex5 wrong: -50 windows
# - range(1000)
# + range(50)

# %% lab08.ex5 wrong: -overlapping slices
# - draws.choice(reference, size)) for _ in range(1000)
# + log[n : n + size]) for n in range(0, good - size, 3)

# %% lab08.ex5 wrong: -the reference of the last limit
# - stats.ks_2samp(reference, window)
# + stats.ks_2samp(globals().get("latest", reference), window)
# -     reference = log[:good]
# +     global latest
# +     latest = reference = log[:good]

# %% lab08.ex5 wrong: -compares with some of the reference, drawn each time
# - stats.ks_2samp(reference, window).statistic
# + stats.wasserstein_distance(np.random.default_rng().choice(reference, 200), window)

# %% lab08.ex5 wrong: -windows of a normal distribution
# - draws.choice(reference, size)
# + draws.normal(reference.mean(), reference.std(), size)

# %% lab08.ex5 wrong: -the same window each time
# - draws.choice(reference, size)
# + np.random.default_rng(0).choice(reference, size)

# %% lab08.ex5 wrong: -position by position
# -     return stats.ks_2samp(reference, window).statistic
# +     return np.abs(reference[: len(window)] - window).mean()

# %% lab08.ex5 wrong: -the bins of the first reference for ever <- PSI over tenths of the reference
# - np.quantile(reference, np.arange(1, 10) / 10)
# + vars(distance).setdefault("edges", np.quantile(reference, np.arange(1, 10) / 10))
