"""Check of lab 08, exercise 2: a PythonModel, loaded twice as MLflow loads it."""

from __future__ import annotations

import copy
import functools
import inspect
import math
import tempfile
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.model import PythonModel, PythonModelContext, _PythonModelPyfuncWrapper

from labs.checks.lab08.core import Scores
from labs.checks.lab08.invocations import response_of
from labs.checks.unchanged import unchanged
from labs.engine import Context
from services.recommender.registry.packaging import SIGNATURE

Params = dict[str, Any] | None


def check(context: Context, answer: Any) -> None:
    """Load two models, delete their files, and send tables of several kinds to both."""
    if not (inspect.isclass(answer) and issubclass(answer, PythonModel)):
        context.fail("TopMovies is not a subclass of mlflow.pyfunc.PythonModel.", layer="import")
    cores = [_scores(context), _scores(context)]
    models = [_loaded(context, answer, scores) for scores in cores]
    sent = 0
    for scores, model in zip(cores, models, strict=True):
        for where, table, params in _requests(context, scores):
            _compare(context, model, scores, table, params, f"{where}, params={params}")
            sent += 1
    context.note(files=2, tables=sent)


def _scores(context: Context) -> Scores:
    """Return fresh scores, in which each user has already rated the movie with the best score."""
    movies = context.random.sample(range(1, 99), 24)
    users = context.random.sample(range(100, 900), 6)
    table = {u: {m: round(context.random.random(), 6) for m in movies} for u in users}
    return Scores(table, {user: [max(row, key=row.__getitem__)] for user, row in table.items()})


def _loaded(context: Context, answer: Any, scores: Scores) -> Any:
    """Return MLflow's wrapper of the learner's model; the file is gone after loading."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.json"
        scores.save(path)
        run = PythonModelContext({"scores": str(path)}, {})
        made = context.call(answer, where="TopMovies()")
        context.call(made.load_context, run, where="load_context(context)")
    return _PythonModelPyfuncWrapper(made, run, SIGNATURE)


def _requests(context: Context, scores: Scores) -> list[tuple[str, pd.DataFrame, Params]]:
    """Return requests: in words, the table, the params. No row has the same answer as another."""
    users = context.random.sample(list(scores.users), len(scores.users))
    users.append(users[0])
    movies = list(scores.users[users[0]])
    lists: list[Any] = [context.random.sample(movies, 8) for _ in users]
    some, many = {"top_k": context.random.randint(2, 5)}, {"top_k": context.random.randint(12, 15)}
    full = pd.DataFrame({"user_id": users, "rated": lists})
    gaps = pd.DataFrame({"user_id": users[:4], "rated": [None, lists[0], math.nan, []]})
    shifted = full.set_axis(np.roll(np.arange(len(users)), 2), axis=0)
    return [
        (f"{len(users)} rows", full, some),
        ("4 rows whose rated are None, a list, NaN and []", gaps, some),
        (f"{len(users)} rows without the column rated", full[["user_id"]], many),
        ("the same rows", full, None),
        ("one row", full.head(1), {}),
        ("one row", full.head(1), {"explain": True}),
        (f"{len(users)} rows with the index {list(shifted.index)}", shifted, some),
        ("2 rows with the index [0, 0]", full.head(2).set_axis([0, 0], axis=0), some),
    ]


def _compare(
    context: Context, model: Any, scores: Scores, table: pd.DataFrame, params: Params, where: str
) -> None:
    """Send one request and compare the answer."""
    top_k = (params or {}).get("top_k", 10)
    rated = table["rated"].tolist() if "rated" in table else [None] * len(table)
    want = [
        {"user_id": u, "movies": scores.best(u, top_k, seen if type(seen) is list else None)}
        for u, seen in zip(table["user_id"].tolist(), rated, strict=True)
    ]
    # A copy of a table shares the lists in its cells; this one has its own.
    given, given_params = table.map(copy.copy), copy.deepcopy(params)
    because = functools.partial(_cause, params=params)
    with unchanged(context, where, model_input=given, params=given_params):
        got = context.call(model.predict, given, given_params, where=where, because=because)
    try:
        rows = response_of(got)
    except (TypeError, ValueError, MlflowException) as error:
        context.fail(
            f"MLflow cannot turn a {type(got).__name__} into JSON: {str(error)[:120]}.",
            where=where,
            layer="schema",
            cause="Return a list of dictionaries, or a DataFrame.",
        )
    by_label = sorted(range(len(table)), key=lambda place: table.index[place])
    mistakes = {"by_index": [want[place] for place in by_label]}
    context.same(rows, want, what="predict(…)", where=where, mistakes=mistakes)


def _cause(error: BaseException, params: Params) -> str | None:
    """Name the mistake, where an exception has only one cause."""
    said, last = str(error), traceback.extract_tb(error.__traceback__)[-1].name
    match error:
        case FileNotFoundError():
            return "reads_in_predict"
        case KeyError(args=("top_k",)):
            return "no_default"
        case KeyError(args=(int() | np.integer() as key,)) if key < 10:  # users have three digits
            return "by_index"
        case KeyError() if last == "best":  # not a user of this core
            return "shared"
        case TypeError() if "'float' object is not iterable" in said:
            return "nan_rated"
        case TypeError() | AttributeError() if "'NoneType' object" in said and not params:
            return "no_default"
    return None
