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
def body_of(user_ids, rated, top_k):
    data = [[user, rated.get(user)] for user in user_ids]
    table = {"columns": ["user_id", "rated"], "data": data}
    return {"dataframe_split": table, "params": {"top_k": top_k}}


# %% lab08.ex1 wrong: as_text
def body_of(user_ids, rated, top_k):
    import json

    data = [[user, rated.get(user)] for user in user_ids.tolist()]
    table = {"columns": ["user_id", "rated"], "data": data}
    return json.dumps({"dataframe_split": table, "params": {"top_k": top_k}})


# %% lab08.ex1 wrong: instances
def body_of(user_ids, rated, top_k):
    rows = [{"user_id": user, "rated": rated.get(user)} for user in user_ids.tolist()]
    return {"instances": rows, "params": {"top_k": top_k}}


# %% lab08.ex1 wrong: records
def body_of(user_ids, rated, top_k):
    rows = [{"user_id": user, "rated": rated.get(user)} for user in user_ids.tolist()]
    return {"dataframe_split": rows, "params": {"top_k": top_k}}


# %% lab08.ex1 wrong: by_column
def body_of(user_ids, rated, top_k):
    users = user_ids.tolist()
    data = [users, [rated.get(user) for user in users]]
    table = {"columns": ["user_id", "rated"], "data": data}
    return {"dataframe_split": table, "params": {"top_k": top_k}}


# %% lab08.ex1 wrong: top_k_column
def body_of(user_ids, rated, top_k):
    data = [[user, rated.get(user), top_k] for user in user_ids.tolist()]
    return {"dataframe_split": {"columns": ["user_id", "rated", "top_k"], "data": data}}


# %% lab08.ex1 wrong: outside
def body_of(user_ids, rated, top_k):
    data = [[user, rated.get(user)] for user in user_ids.tolist()]
    return {"dataframe_split": {"columns": ["user_id", "rated"], "data": data}, "top_k": top_k}


# %% lab08.ex1 wrong: nan
def body_of(user_ids, rated, top_k):
    data = [[user, rated.get(user, float("nan"))] for user in user_ids.tolist()]
    table = {"columns": ["user_id", "rated"], "data": data}
    return {"dataframe_split": table, "params": {"top_k": top_k}}


# %% lab08.ex1 wrong: short_rows
def body_of(user_ids, rated, top_k):
    data = [[user, rated[user]] if user in rated else [user] for user in user_ids.tolist()]
    table = {"columns": ["user_id", "rated"], "data": data}
    return {"dataframe_split": table, "params": {"top_k": top_k}}


# %% lab08.ex1 wrong: left_out
def body_of(user_ids, rated, top_k):
    data = [[user, rated[user]] for user in user_ids.tolist() if user in rated]
    table = {"columns": ["user_id", "rated"], "data": data}
    return {"dataframe_split": table, "params": {"top_k": top_k}}


# %% lab08.ex1 wrong: empty_as_null
def body_of(user_ids, rated, top_k):
    data = [[user, rated.get(user) or None] for user in user_ids.tolist()]
    table = {"columns": ["user_id", "rated"], "data": data}
    return {"dataframe_split": table, "params": {"top_k": top_k}}


# %% lab08.ex1 wrong: null_as_empty
def body_of(user_ids, rated, top_k):
    data = [[user, rated.get(user, [])] for user in user_ids.tolist()]
    table = {"columns": ["user_id", "rated"], "data": data}
    return {"dataframe_split": table, "params": {"top_k": top_k}}


# %% lab08.ex1 wrong: sorted
def body_of(user_ids, rated, top_k):
    data = [[int(user), rated.get(int(user))] for user in np.unique(user_ids)]
    table = {"columns": ["user_id", "rated"], "data": data}
    return {"dataframe_split": table, "params": {"top_k": top_k}}


# %% lab08.ex2 right: a table out, type hints, no context
class TopMovies(PythonModel):
    def load_context(self, context) -> None:
        self._core = Scores.load(dict(context.artifacts)["scores"])

    def _one(self, row: dict, top_k: int) -> list[int]:
        seen = row.get("rated")
        return self._core.best(int(row["user_id"]), top_k, seen if type(seen) is list else ())

    def predict(self, model_input: pd.DataFrame, params: dict | None = None) -> pd.DataFrame:
        top_k = 10 if params is None else params.get("top_k", 10)
        table = model_input.copy(deep=True)
        movies = [self._one(row, top_k) for row in table.to_dict("records")]
        return pd.DataFrame({"user_id": table["user_id"].to_numpy(), "movies": movies})


# %% lab08.ex2 right: by place, NumPy's numbers
class TopMovies(PythonModel):
    def load_context(self, context):
        with open(context.artifacts["scores"], encoding="utf-8") as file:
            import json

            self.users = json.load(file)

    def predict(self, context, model_input, params=None):
        count = {"top_k": 10, **(params or {})}["top_k"]
        answers = []
        for place in range(len(model_input)):
            row = model_input.iloc[place]
            seen = row.rated if "rated" in row.index and np.ndim(row.rated) else []
            scores = self.users[str(int(row.user_id))].items()
            ranked = sorted(((-score, int(movie)) for movie, score in scores), key=lambda p: p[0])
            movies = np.array([movie for _, movie in ranked if movie not in seen], np.int64)
            answers.append({"user_id": np.int64(row.user_id), "movies": movies[:count]})
        return tuple(answers)


# %% lab08.ex2 wrong: no_python_model
class TopMovies:
    def load_context(self, context):
        self.scores = Scores.load(context.artifacts["scores"])

    def predict(self, context, model_input, params=None):
        top_k = (params or {}).get("top_k", 10)
        return [
            {"user_id": user, "movies": self.scores.best(user, top_k)}
            for user in model_input["user_id"]
        ]


# %% lab08.ex2 wrong: reads_in_predict
class TopMovies(PythonModel):
    def load_context(self, context):
        self.path = context.artifacts["scores"]

    def predict(self, context, model_input, params=None):
        scores = Scores.load(self.path)
        top_k = (params or {}).get("top_k", 10)
        return [
            {"user_id": user, "movies": scores.best(user, top_k)} for user in model_input["user_id"]
        ]


# %% lab08.ex2 wrong: ignores_params
class TopMovies(PythonModel):
    def load_context(self, context):
        self.scores = Scores.load(context.artifacts["scores"])

    def predict(self, context, model_input, params=None, top_k=10):
        rated = model_input["rated"] if "rated" in model_input else [None] * len(model_input)
        return [
            {"user_id": user, "movies": self.scores.best(user, top_k, seen)}
            for user, seen in zip(model_input["user_id"], rated)
        ]


# %% lab08.ex2 wrong: no_default
class TopMovies(PythonModel):
    def load_context(self, context):
        self.scores = Scores.load(context.artifacts["scores"])

    def predict(self, context, model_input, params=None):
        rated = model_input["rated"] if "rated" in model_input else [None] * len(model_input)
        return [
            {"user_id": user, "movies": self.scores.best(user, params["top_k"], seen)}
            for user, seen in zip(model_input["user_id"], rated)
        ]


# %% lab08.ex2 wrong: one_for_all
class TopMovies(PythonModel):
    def load_context(self, context):
        self.scores = Scores.load(context.artifacts["scores"])

    def predict(self, context, model_input, params=None):
        top_k = (params or {}).get("top_k", 10)
        first = model_input.iloc[0]
        movies = self.scores.best(first["user_id"], top_k, first["rated"])
        return [{"user_id": user, "movies": movies} for user in model_input["user_id"]]


# %% lab08.ex2 wrong: first_row
class TopMovies(PythonModel):
    def load_context(self, context):
        self.scores = Scores.load(context.artifacts["scores"])

    def predict(self, context, model_input, params=None):
        top_k = (params or {}).get("top_k", 10)
        first = model_input.iloc[0]
        movies = self.scores.best(first["user_id"], top_k, first["rated"])
        return [{"user_id": first["user_id"], "movies": movies}]


# %% lab08.ex2 wrong: by_index
class TopMovies(PythonModel):
    def load_context(self, context):
        self.scores = Scores.load(context.artifacts["scores"])

    def predict(self, context, model_input, params=None):
        top_k = (params or {}).get("top_k", 10)
        rows = []
        for n in range(len(model_input)):
            seen = model_input["rated"][n] if "rated" in model_input else None
            user = model_input["user_id"][n]
            movies = self.scores.best(user, top_k, seen if isinstance(seen, list) else None)
            rows.append({"user_id": user, "movies": movies})
        return rows


# %% lab08.ex2 wrong: left_out
class TopMovies(PythonModel):
    def load_context(self, context):
        self.scores = Scores.load(context.artifacts["scores"])

    def predict(self, context, model_input, params=None):
        top_k = (params or {}).get("top_k", 10)
        rows = []
        for question in model_input.drop_duplicates("user_id").to_dict("records"):
            seen = question.get("rated")
            seen = seen if isinstance(seen, list) else None
            user = question["user_id"]
            rows.append({"user_id": user, "movies": self.scores.best(user, top_k, seen)})
        return rows


# %% lab08.ex2 wrong: shared
class TopMovies(PythonModel):
    def load_context(self, context):
        global scores
        scores = Scores.load(context.artifacts["scores"])

    def predict(self, context, model_input, params=None):
        top_k = (params or {}).get("top_k", 10)
        rated = model_input["rated"] if "rated" in model_input else [None] * len(model_input)
        return [
            {
                "user_id": user,
                "movies": scores.best(user, top_k, seen if isinstance(seen, list) else None),
            }
            for user, seen in zip(model_input["user_id"], rated)
        ]


# %% lab08.ex2 wrong: label_twice
class TopMovies(PythonModel):
    def load_context(self, context):
        self.scores = Scores.load(context.artifacts["scores"])

    def predict(self, context, model_input, params=None):
        top_k = (params or {}).get("top_k", 10)
        rows = []
        for label in model_input.index:
            row = model_input.loc[label]
            seen = row.get("rated")
            movies = self.scores.best(
                row["user_id"], top_k, seen if isinstance(seen, list) else None
            )
            rows.append({"user_id": row["user_id"], "movies": movies})
        return rows


# %% lab08.ex2 wrong: isna_of_a_list
class TopMovies(PythonModel):
    def load_context(self, context):
        self.scores = Scores.load(context.artifacts["scores"])

    def predict(self, context, model_input, params=None):
        top_k = (params or {}).get("top_k", 10)
        rated = model_input["rated"] if "rated" in model_input else [None] * len(model_input)
        return [
            {
                "user_id": user,
                "movies": self.scores.best(user, top_k, None if pd.isna(seen) else seen),
            }
            for user, seen in zip(model_input["user_id"], rated)
        ]


# %% lab08.ex2 wrong: order
class TopMovies(PythonModel):
    def load_context(self, context):
        self.scores = Scores.load(context.artifacts["scores"])

    def predict(self, context, model_input, params=None):
        top_k = (params or {}).get("top_k", 10)
        rows = []
        for user, group in model_input.groupby("user_id"):
            for seen in group["rated"]:
                rows.append({"user_id": user, "movies": self.scores.best(user, top_k, seen)})
        return rows


# %% lab08.ex2 wrong: nan_rated
class TopMovies(PythonModel):
    def load_context(self, context):
        self.scores = Scores.load(context.artifacts["scores"])

    def predict(self, context, model_input, params=None):
        top_k = (params or {}).get("top_k", 10)
        rated = model_input["rated"] if "rated" in model_input else [None] * len(model_input)
        return [
            {"user_id": user, "movies": self.scores.best(user, top_k, seen or None)}
            for user, seen in zip(model_input["user_id"], rated)
        ]


# %% lab08.ex2 wrong: no_rated
class TopMovies(PythonModel):
    def load_context(self, context):
        self.scores = Scores.load(context.artifacts["scores"])

    def predict(self, context, model_input, params=None):
        top_k = (params or {}).get("top_k", 10)
        rows = []
        for row in model_input.itertuples():
            seen = row.rated if isinstance(row.rated, list) else None
            rows.append(
                {"user_id": row.user_id, "movies": self.scores.best(row.user_id, top_k, seen)}
            )
        return rows


# %% lab08.ex2 wrong: changes_input
class TopMovies(PythonModel):
    def load_context(self, context):
        self.scores = Scores.load(context.artifacts["scores"])

    def predict(self, context, model_input, params=None):
        top_k = (params or {}).get("top_k", 10)
        if "rated" not in model_input:
            model_input["rated"] = None
        model_input["movies"] = [
            self.scores.best(user, top_k, seen if isinstance(seen, list) else None)
            for user, seen in zip(model_input["user_id"], model_input["rated"])
        ]
        return model_input[["user_id", "movies"]]


# %% lab08.ex3 right: what must hold, in one expression
def reasons_against(candidate, current, rule):
    def holds(metric):
        values = [candidate.get(metric)] + ([] if current is None else [current.get(metric)])
        if any(value is None or not np.isfinite(value) for value in values):
            return False
        return len(values) == 1 or values[0] - values[1] >= rule[metric]

    return tuple(f"no: {metric}" for metric in sorted(rule) if not holds(metric))


# %% lab08.ex3 right: exceptions
def reasons_against(candidate, current, rule):
    found = {}
    for metric in rule:
        try:
            values = [float(side[metric]) for side in (candidate, current) if side is not None]
            if not all(map(math.isfinite, values)):
                raise ValueError
            if len(values) == 2 and values[0] < values[1] + rule[metric]:
                found[metric] = f"The gain in {metric} is too small."
        except (KeyError, ValueError):
            found[metric] = f"There is no value for {metric}."
    return list(found.values())


# %% lab08.ex3 wrong: rmse
def reasons_against(candidate, current, rule):
    if current is not None and candidate["rmse"] >= current["rmse"]:
        return ["rmse did not become smaller"]
    return []


# %% lab08.ex3 wrong: any_metric
def reasons_against(candidate, current, rule):
    if any(candidate[m] >= current[m] + gain for m, gain in rule.items()):
        return []
    return [f"{metric} is too low" for metric in rule]


# %% lab08.ex3 wrong: no_gain
def reasons_against(candidate, current, rule):
    return [f"{metric} is lower" for metric in rule if not candidate[metric] > current[metric]]


# %% lab08.ex3 wrong: no_loss
def reasons_against(candidate, current, rule):
    return [
        f"{metric} is lower"
        for metric, gain in rule.items()
        if not candidate[metric] >= current[metric] + max(gain, 0)
    ]


# %% lab08.ex3 wrong: strict
def reasons_against(candidate, current, rule):
    return [
        f"{metric} is too low"
        for metric, gain in rule.items()
        if not candidate[metric] > current[metric] + gain
    ]


# %% lab08.ex3 wrong: first_only
def reasons_against(candidate, current, rule):
    for metric, gain in rule.items():
        if not candidate[metric] >= current[metric] + gain:
            return [f"{metric} is too low"]
    return []


# %% lab08.ex3 wrong: nan_passes
def reasons_against(candidate, current, rule):
    reasons = []
    for metric, gain in rule.items():
        if metric not in candidate or (current is not None and metric not in current):
            reasons.append(f"{metric} is missing")
        elif current is not None and candidate[metric] < current[metric] + gain:
            reasons.append(f"{metric} is too low")
    return reasons


# %% lab08.ex3 wrong: missing_passes
def reasons_against(candidate, current, rule):
    reasons = []
    for metric, gain in rule.items():
        if metric in candidate and (current is None or metric in current):
            values = [candidate[metric]] + ([current[metric]] if current else [])
            if not all(map(math.isfinite, values)):
                reasons.append(f"{metric} is no number")
            elif current and values[0] < values[1] + gain:
                reasons.append(f"{metric} is too low")
    return reasons


# %% lab08.ex3 wrong: empty_as_none
def reasons_against(candidate, current, rule):
    reasons = []
    for metric, gain in rule.items():
        new = candidate.get(metric, math.nan)
        needed = current.get(metric, math.nan) + gain if current else -math.inf
        if not (math.isfinite(new) and new >= needed):
            reasons.append(f"{metric} is too low")
    return reasons


# %% lab08.ex3 wrong: zero_as_missing
def reasons_against(candidate, current, rule):
    reasons = []
    for metric, gain in rule.items():
        values = [candidate.get(metric)]
        if current is not None:
            values.append(current.get(metric))
        if not all(values) or not all(map(math.isfinite, values)):
            reasons.append(f"{metric} was not measured")
        elif current is not None and values[0] - values[1] < gain:
            reasons.append(f"{metric} is too low")
    return reasons


# %% lab08.ex3 wrong: missing_raises
def reasons_against(candidate, current, rule):
    reasons = []
    for metric, gain in rule.items():
        new = candidate[metric]
        old = new - gain if current is None else current[metric]
        if not (math.isfinite(new) and math.isfinite(old) and new >= old + gain):
            reasons.append(f"{metric} is too low")
    return reasons


# %% lab08.ex3 wrong: first
def reasons_against(candidate, current, rule):
    reasons = []
    for metric, gain in rule.items():
        new, old = candidate.get(metric, math.nan), current.get(metric, math.nan)
        if not (math.isfinite(new) and new >= old + gain):
            reasons.append(f"{metric} is too low")
    return reasons


# %% lab08.ex3 wrong: first_unchecked
def reasons_against(candidate, current, rule):
    if current is None:
        return []
    reasons = []
    for metric, gain in rule.items():
        new, old = candidate.get(metric, math.nan), current.get(metric, math.nan)
        if not (math.isfinite(new) and new >= old + gain):
            reasons.append(f"{metric} is too low")
    return reasons


# %% lab08.ex3 wrong: no_name
def reasons_against(candidate, current, rule):
    return [
        f"{candidate[metric]:.3f} is too low"
        for metric, gain in rule.items()
        if not candidate[metric] >= current[metric] + gain
    ]


# %% lab08.ex4 right: by alias, the exception turned into a KeyError
def version_at(client, alias):
    aliases = dict(client.get_registered_model(name=MODEL).aliases)
    return client.get_model_version_by_alias(MODEL, alias).version if alias in aliases else None


def promote(client, version, against):
    served = version_at(client, "prod")
    if served == version:
        return ()
    told = tuple(against(metrics_of(client, version), served and metrics_of(client, served)))
    if told:
        return told
    for alias, to in (("previous", served), ("prod", version)):
        if to is not None:
            client.set_registered_model_alias(name=MODEL, alias=alias, version=to)
    return told


def rollback(client):
    back = version_at(client, "previous")
    if not back:
        raise LookupError("there is no version before")
    if version_at(client, "prod") != back:
        client.set_registered_model_alias(MODEL, "prod", back)
    client.delete_registered_model_alias(MODEL, "previous")
    return version_at(client, "prod")


# %% lab08.ex4 wrong: only_the_copy
def promote(client, version, against):
    aliases = client.get_registered_model(MODEL).aliases
    current = aliases.get("prod")
    served = None if current is None else metrics_of(client, current)
    reasons = against(metrics_of(client, version), served)
    if not reasons:
        aliases["previous"], aliases["prod"] = current, version
    return reasons


def rollback(client):
    aliases = client.get_registered_model(MODEL).aliases
    aliases["prod"] = aliases.pop("previous")
    return aliases["prod"]


# %% lab08.ex4 wrong: not_asked
def promote(client, version, against):
    current = client.get_registered_model(MODEL).aliases.get("prod")
    if current is not None:
        client.set_registered_model_alias(MODEL, "previous", current)
    client.set_registered_model_alias(MODEL, "prod", version)
    return []


def rollback(client):
    before = client.get_registered_model(MODEL).aliases["previous"]
    client.set_registered_model_alias(MODEL, "prod", before)
    client.delete_registered_model_alias(MODEL, "previous")
    return before


# %% lab08.ex4 wrong: staging
def promote(client, version, against):
    aliases = client.get_registered_model(MODEL).aliases
    current = aliases.get("prod")
    reasons = against(metrics_of(client, version), metrics_of(client, aliases["staging"]))
    if not reasons:
        client.set_registered_model_alias(MODEL, "previous", current)
        client.set_registered_model_alias(MODEL, "prod", version)
    return reasons


def rollback(client):
    before = client.get_registered_model(MODEL).aliases["previous"]
    client.set_registered_model_alias(MODEL, "prod", before)
    client.delete_registered_model_alias(MODEL, "previous")
    return before


# %% lab08.ex4 wrong: swapped
def promote(client, version, against):
    current = client.get_registered_model(MODEL).aliases.get("prod")
    served = None if current is None else metrics_of(client, current)
    reasons = against(served, metrics_of(client, version))
    if not reasons:
        if current is not None:
            client.set_registered_model_alias(MODEL, "previous", current)
        client.set_registered_model_alias(MODEL, "prod", version)
    return reasons


def rollback(client):
    before = client.get_registered_model(MODEL).aliases["previous"]
    client.set_registered_model_alias(MODEL, "prod", before)
    client.delete_registered_model_alias(MODEL, "previous")
    return before


# %% lab08.ex4 wrong: moves_anyway
def promote(client, version, against):
    current = client.get_registered_model(MODEL).aliases.get("prod")
    served = None if current is None else metrics_of(client, current)
    if current is not None:
        client.set_registered_model_alias(MODEL, "previous", current)
    client.set_registered_model_alias(MODEL, "prod", version)
    return against(metrics_of(client, version), served)


def rollback(client):
    before = client.get_registered_model(MODEL).aliases["previous"]
    client.set_registered_model_alias(MODEL, "prod", before)
    client.delete_registered_model_alias(MODEL, "previous")
    return before


# %% lab08.ex4 wrong: first
def promote(client, version, against):
    current = client.get_registered_model(MODEL).aliases["prod"]
    reasons = against(metrics_of(client, version), metrics_of(client, current))
    if not reasons:
        client.set_registered_model_alias(MODEL, "previous", current)
        client.set_registered_model_alias(MODEL, "prod", version)
    return reasons


def rollback(client):
    before = client.get_registered_model(MODEL).aliases["previous"]
    client.set_registered_model_alias(MODEL, "prod", before)
    client.delete_registered_model_alias(MODEL, "previous")
    return before


# %% lab08.ex4 wrong: no_previous
def promote(client, version, against):
    current = client.get_registered_model(MODEL).aliases.get("prod")
    served = None if current is None else metrics_of(client, current)
    reasons = against(metrics_of(client, version), served)
    if not reasons:
        client.set_registered_model_alias(MODEL, "prod", version)
    return reasons


def rollback(client):
    current = client.get_registered_model(MODEL).aliases["prod"]
    client.set_registered_model_alias(MODEL, "prod", str(int(current) - 1))
    return str(int(current) - 1)


# %% lab08.ex4 wrong: twice
def promote(client, version, against):
    current = client.get_registered_model(MODEL).aliases.get("prod")
    served = None if current is None else metrics_of(client, current)
    reasons = [] if current == version else against(metrics_of(client, version), served)
    if not reasons:
        if current is not None:
            client.set_registered_model_alias(MODEL, "previous", current)
        client.set_registered_model_alias(MODEL, "prod", version)
    return reasons


def rollback(client):
    before = client.get_registered_model(MODEL).aliases["previous"]
    client.set_registered_model_alias(MODEL, "prod", before)
    client.delete_registered_model_alias(MODEL, "previous")
    return before


# %% lab08.ex4 wrong: gap
def promote(client, version, against):
    current = client.get_registered_model(MODEL).aliases.get("prod")
    if current == version:
        return []
    served = None if current is None else metrics_of(client, current)
    reasons = against(metrics_of(client, version), served)
    if not reasons:
        if current is not None:
            client.set_registered_model_alias(MODEL, "previous", current)
            client.delete_registered_model_alias(MODEL, "prod")
        client.set_registered_model_alias(MODEL, "prod", version)
    return reasons


def rollback(client):
    before = client.get_registered_model(MODEL).aliases["previous"]
    client.set_registered_model_alias(MODEL, "prod", before)
    client.delete_registered_model_alias(MODEL, "previous")
    return before


# %% lab08.ex4 wrong: order
def promote(client, version, against):
    current = client.get_registered_model(MODEL).aliases.get("prod")
    if current == version:
        return []
    served = None if current is None else metrics_of(client, current)
    reasons = against(metrics_of(client, version), served)
    if not reasons:
        client.set_registered_model_alias(MODEL, "prod", version)
        if current is not None:
            client.set_registered_model_alias(MODEL, "previous", current)
    return reasons


def rollback(client):
    before = client.get_registered_model(MODEL).aliases["previous"]
    client.set_registered_model_alias(MODEL, "prod", before)
    client.delete_registered_model_alias(MODEL, "previous")
    return before


# %% lab08.ex4 wrong: newer_only
def promote(client, version, against):
    current = client.get_registered_model(MODEL).aliases.get("prod")
    if current is not None and int(current) >= int(version):
        return []
    served = None if current is None else metrics_of(client, current)
    reasons = against(metrics_of(client, version), served)
    if not reasons:
        if current is not None:
            client.set_registered_model_alias(MODEL, "previous", current)
        client.set_registered_model_alias(MODEL, "prod", version)
    return reasons


def rollback(client):
    before = client.get_registered_model(MODEL).aliases["previous"]
    client.set_registered_model_alias(MODEL, "prod", before)
    client.delete_registered_model_alias(MODEL, "previous")
    return before


# %% lab08.ex4 wrong: asked_again
def promote(client, version, against):
    current = client.get_registered_model(MODEL).aliases.get("prod")
    served = None if current is None else metrics_of(client, current)
    reasons = against(metrics_of(client, version), served)
    if not reasons:
        if current is not None:
            client.set_registered_model_alias(MODEL, "previous", current)
        client.set_registered_model_alias(MODEL, "prod", version)
    return reasons


def rollback(client):
    before = client.get_registered_model(MODEL).aliases["previous"]
    client.set_registered_model_alias(MODEL, "prod", before)
    client.delete_registered_model_alias(MODEL, "previous")
    return before


# %% lab08.ex4 wrong: other_aliases
def promote(client, version, against):
    current = client.get_registered_model(MODEL).aliases.get("prod")
    if current == version:
        return []
    served = None if current is None else metrics_of(client, current)
    reasons = against(metrics_of(client, version), served)
    if not reasons:
        if current is not None:
            client.set_registered_model_alias(MODEL, "previous", current)
        client.set_registered_model_alias(MODEL, "prod", version)
        for alias in client.get_model_version(MODEL, version).aliases:
            if alias not in ("prod", "previous"):
                client.delete_registered_model_alias(MODEL, alias)
    return reasons


def rollback(client):
    before = client.get_registered_model(MODEL).aliases["previous"]
    client.set_registered_model_alias(MODEL, "prod", before)
    client.delete_registered_model_alias(MODEL, "previous")
    return before


# %% lab08.ex4 wrong: swallowed
def promote(client, version, against):
    current = client.get_registered_model(MODEL).aliases.get("prod")
    if current == version:
        return []
    served = None if current is None else metrics_of(client, current)
    reasons = against(metrics_of(client, version), served)
    if not reasons:
        try:
            if current is not None:
                client.set_registered_model_alias(MODEL, "previous", current)
            client.set_registered_model_alias(MODEL, "prod", version)
        except Exception as error:
            print(error)
    return reasons


def rollback(client):
    before = client.get_registered_model(MODEL).aliases["previous"]
    client.set_registered_model_alias(MODEL, "prod", before)
    client.delete_registered_model_alias(MODEL, "previous")
    return before


# %% lab08.ex4 wrong: put_back
def promote(client, version, against):
    current = client.get_registered_model(MODEL).aliases.get("prod")
    if current == version:
        return []
    served = None if current is None else metrics_of(client, current)
    reasons = against(metrics_of(client, version), served)
    if not reasons:
        if current is not None:
            client.set_registered_model_alias(MODEL, "previous", current)
        client.set_registered_model_alias(MODEL, "prod", version)
    return reasons


def rollback(client):
    before = client.get_registered_model(MODEL).aliases["previous"]
    client.delete_registered_model_alias(MODEL, "previous")
    try:
        client.set_registered_model_alias(MODEL, "prod", before)
    except Exception:
        client.set_registered_model_alias(MODEL, "previous", before)
        raise
    return before


# %% lab08.ex4 wrong: version_before
def promote(client, version, against):
    current = client.get_registered_model(MODEL).aliases.get("prod")
    if current == version:
        return []
    served = None if current is None else metrics_of(client, current)
    reasons = against(metrics_of(client, version), served)
    if not reasons:
        if current is not None:
            client.set_registered_model_alias(MODEL, "previous", current)
        client.set_registered_model_alias(MODEL, "prod", version)
    return reasons


def rollback(client):
    before = str(int(client.get_registered_model(MODEL).aliases["prod"]) - 1)
    client.set_registered_model_alias(MODEL, "prod", before)
    client.delete_registered_model_alias(MODEL, "previous")
    return before


# %% lab08.ex4 wrong: stays
def promote(client, version, against):
    current = client.get_registered_model(MODEL).aliases.get("prod")
    if current == version:
        return []
    served = None if current is None else metrics_of(client, current)
    reasons = against(metrics_of(client, version), served)
    if not reasons:
        if current is not None:
            client.set_registered_model_alias(MODEL, "previous", current)
        client.set_registered_model_alias(MODEL, "prod", version)
    return reasons


def rollback(client):
    before = client.get_registered_model(MODEL).aliases["previous"]
    client.set_registered_model_alias(MODEL, "prod", before)
    return before


# %% lab08.ex4 wrong: flips
def promote(client, version, against):
    current = client.get_registered_model(MODEL).aliases.get("prod")
    if current == version:
        return []
    served = None if current is None else metrics_of(client, current)
    reasons = against(metrics_of(client, version), served)
    if not reasons:
        if current is not None:
            client.set_registered_model_alias(MODEL, "previous", current)
        client.set_registered_model_alias(MODEL, "prod", version)
    return reasons


def rollback(client):
    aliases = client.get_registered_model(MODEL).aliases
    client.set_registered_model_alias(MODEL, "prod", aliases["previous"])
    client.set_registered_model_alias(MODEL, "previous", aliases["prod"])
    return aliases["previous"]


# %% lab08.ex4 wrong: no_error
def promote(client, version, against):
    current = client.get_registered_model(MODEL).aliases.get("prod")
    if current == version:
        return []
    served = None if current is None else metrics_of(client, current)
    reasons = against(metrics_of(client, version), served)
    if not reasons:
        if current is not None:
            client.set_registered_model_alias(MODEL, "previous", current)
        client.set_registered_model_alias(MODEL, "prod", version)
    return reasons


def rollback(client):
    before = client.get_registered_model(MODEL).aliases.get("previous")
    if before is None:
        return None
    client.set_registered_model_alias(MODEL, "prod", before)
    client.delete_registered_model_alias(MODEL, "previous")
    return before


# %% lab08.ex4 wrong: other_error
def promote(client, version, against):
    current = client.get_registered_model(MODEL).aliases.get("prod")
    if current == version:
        return []
    served = None if current is None else metrics_of(client, current)
    reasons = against(metrics_of(client, version), served)
    if not reasons:
        if current is not None:
            client.set_registered_model_alias(MODEL, "previous", current)
        client.set_registered_model_alias(MODEL, "prod", version)
    return reasons


def rollback(client):
    before = client.get_model_version_by_alias(MODEL, "previous").version
    client.set_registered_model_alias(MODEL, "prod", before)
    client.delete_registered_model_alias(MODEL, "previous")
    return before


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


# %% lab08.ex5 right: how unlikely it is, by the test's own p
def distance(reference, window):
    return 1 - float(stats.ks_2samp(reference, window).pvalue)


def limit_of(log, good, size, alarm_rate):
    return 1 - alarm_rate


# %% lab08.ex5 right: Wasserstein's distance, in plain Python's random
def distance(reference, window):
    return stats.wasserstein_distance(reference, window)


def limit_of(log, good, size, alarm_rate):
    import random

    values = list(log)[:good]
    quiet = [distance(values, random.sample(values, size)) for _ in range(500)]
    return float(pd.Series(quiet).quantile(1 - alarm_rate))


# %% lab08.ex5 wrong: log_of_zero
def distance(reference, window):
    edges = np.quantile(reference, np.arange(1, 10) / 10)
    expected, actual = (
        np.bincount(np.searchsorted(edges, values), minlength=10) / len(values)
        for values in (reference, window)
    )
    return float(((actual - expected) * np.log(actual / expected)).sum())


def limit_of(log, good, size, alarm_rate):
    rng = np.random.default_rng(0)
    quiet = [distance(log[:good], rng.choice(log[:good], size)) for _ in range(500)]
    return float(np.quantile(quiet, 1 - alarm_rate))


# %% lab08.ex5 wrong: fixed_limit
def distance(reference, window):
    return stats.ks_2samp(reference, window, method="asymp").statistic


def limit_of(log, good, size, alarm_rate):
    return 0.2


# %% lab08.ex5 wrong: ignores_rate
def distance(reference, window):
    return stats.ks_2samp(reference, window, method="asymp").statistic


def limit_of(log, good, size, alarm_rate):
    rng = np.random.default_rng(0)
    quiet = [distance(log[:good], rng.choice(log[:good], size)) for _ in range(500)]
    return np.quantile(quiet, 0.95)


# %% lab08.ex5 wrong: wrong_tail
def distance(reference, window):
    return stats.ks_2samp(reference, window, method="asymp").statistic


def limit_of(log, good, size, alarm_rate):
    rng = np.random.default_rng(0)
    quiet = [distance(log[:good], rng.choice(log[:good], size)) for _ in range(500)]
    return np.quantile(quiet, alarm_rate)


# %% lab08.ex5 wrong: drifted_data
def distance(reference, window):
    return stats.ks_2samp(reference, window, method="asymp").statistic


def limit_of(log, good, size, alarm_rate):
    rng = np.random.default_rng(0)
    seen = [distance(log[:good], rng.choice(log, size)) for _ in range(500)]
    return np.quantile(seen, 1 - alarm_rate)


# %% lab08.ex5 wrong: mean_only
def distance(reference, window):
    return abs(np.mean(window) - np.mean(reference))


def limit_of(log, good, size, alarm_rate):
    rng = np.random.default_rng(0)
    quiet = [distance(log[:good], rng.choice(log[:good], size)) for _ in range(500)]
    return np.quantile(quiet, 1 - alarm_rate)


# %% lab08.ex5 wrong: own_bins
def distance(reference, window):
    counts = [np.histogram(values, bins=10)[0] + 0.5 for values in (reference, window)]
    expected, actual = (count / count.sum() for count in counts)
    return float(((actual - expected) * np.log(actual / expected)).sum())


def limit_of(log, good, size, alarm_rate):
    rng = np.random.default_rng(0)
    quiet = [distance(log[:good], rng.choice(log[:good], size)) for _ in range(500)]
    return np.quantile(quiet, 1 - alarm_rate)


# %% lab08.ex5 wrong: outside
def distance(reference, window):
    edges = np.quantile(reference, np.linspace(0, 1, 11))
    counts = [np.histogram(values, bins=edges)[0] + 0.5 for values in (reference, window)]
    expected, actual = (count / count.sum() for count in counts)
    return float(((actual - expected) * np.log(actual / expected)).sum())


def limit_of(log, good, size, alarm_rate):
    rng = np.random.default_rng(0)
    quiet = [distance(log[:good], rng.choice(log[:good], size)) for _ in range(500)]
    return np.quantile(quiet, 1 - alarm_rate)
