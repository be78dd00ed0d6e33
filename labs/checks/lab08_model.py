"""Models and tables for lab 08's second exercise, and what a right model answers."""

from __future__ import annotations

import copy
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.model import PythonModelContext, _PythonModelPyfuncWrapper

from labs.checks import lab08_door
from labs.checks.lab08_core import Scores
from labs.engine import Context
from services.recommender.registry.packaging import SIGNATURE


def draw_scores(context: Context) -> Scores:
    """Return fresh scores; the users' ids have three digits, the rows' labels one."""
    movies = context.random.sample(range(1, 99), 24)
    users = context.random.sample(range(100, 900), 6)
    return Scores({u: {m: round(context.random.random(), 6) for m in movies} for u in users})


def load(context: Context, answer: Any, scores: Scores) -> Any:
    """Return MLflow's wrapper of the learner's model; the file is gone after loading."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.json"
        scores.save(path)
        run = PythonModelContext({"scores": str(path)}, {})
        made = context.call(answer, where="making the object")
        context.call(made.load_context, run, where="load_context(context)")
    return _PythonModelPyfuncWrapper(made, run, SIGNATURE)


def tables(context: Context, scores: Scores) -> list[tuple[str, pd.DataFrame, Any]]:
    """Return requests: in words, the table, the params."""
    users = list(scores.users)
    context.random.shuffle(users)
    users.append(users[0])
    movies = list(scores.users[users[0]])
    lists: list[Any] = [context.random.sample(movies, 8) for _ in users]
    top_k = context.random.randint(2, 5)
    plain = pd.DataFrame({"user_id": users, "rated": lists})
    holes = pd.DataFrame({"user_id": users[:3], "rated": [None, lists[0], math.nan]})
    bare = pd.DataFrame({"user_id": users})
    shuffled = plain.set_axis(np.roll(np.arange(len(users)), 2), axis=0)
    twice = plain.head(2).set_axis([0, 0], axis=0)
    some = {"top_k": top_k}
    return [
        (f"{len(users)} rows, params={some}", plain, some),
        ("the same rows, params=None", plain, None),
        ("one row, params={}", plain.head(1), {}),
        (f"3 rows whose rated are None, a list and NaN, params={some}", holes, some),
        (f"{len(users)} rows without a column rated, params={some}", bare, some),
        (f"{len(users)} rows with the index {list(shuffled.index)}, params={some}", shuffled, some),
        (f"2 rows with the index [0, 0], params={some}", twice, some),
    ]


def ask(
    context: Context, asked: Any, scores: Scores, table: pd.DataFrame, params: Any, where: str
) -> None:
    """Ask the model a table, and compare."""
    # A copy of a table shares the lists in its cells; this one has its own.
    given = table.map(copy.copy)
    before = copy.deepcopy(given.to_dict("split"))
    got = context.call(asked.predict, given, copy.deepcopy(params), where=where, because=_because)
    try:
        rows = lab08_door.sent(got)
    except (TypeError, ValueError, MlflowException) as error:
        context.fail(
            f"MLflow makes no JSON of a {type(got).__name__}: {str(error)[:120]}.",
            where=where,
            layer="schema",
            cause="Return a list of dictionaries, or a DataFrame.",
        )
    after = given.to_dict("split")
    if changed := [part for part in after if repr(after[part]) != repr(before[part])]:
        context.fail(
            f"After predict the caller's table has other {' and '.join(changed)}: columns "
            f"{list(given)}, {len(given)} rows.",
            where=where,
            mistake="changes_input",
        )
    top_k = (params or {}).get("top_k", 10)
    want = [_row(scores, user, seen, top_k) for user, seen in _pairs(table)]
    ten = [_row(scores, user, seen, 10) for user, seen in _pairs(table)]
    labels = sorted(range(len(table)), key=lambda place: table.index[place])
    lists = [row for row, (_, seen) in zip(want, _pairs(table), strict=True) if type(seen) is list]
    once = {row["user_id"]: row for row in reversed(want)}
    context.same(
        rows,
        want,
        what="predict(…)",
        where=where,
        mistakes=[
            ("ignores_params", ten),
            ("one_for_all", [want[0]] * len(want)),
            ("one_for_all", [{**row, "movies": want[0]["movies"]} for row in want]),
            ("first_row", want[:1]),
            ("left_out", lists),
            ("left_out", [row for row in want if row is once[row["user_id"]]]),
            ("by_index", [want[place] for place in labels]),
            ("order", sorted(want, key=lambda row: int(row["user_id"]))),
        ],
    )


def _pairs(table: pd.DataFrame) -> list[tuple[int, Any]]:
    rated = table["rated"].tolist() if "rated" in table else [None] * len(table)
    return list(zip(table["user_id"].tolist(), rated, strict=True))


def _row(scores: Scores, user: int, seen: Any, top_k: int) -> dict[str, Any]:
    movies = scores.best(user, top_k, seen if isinstance(seen, list) else None)
    return {"user_id": user, "movies": movies}


def _because(error: BaseException) -> str | None:
    match error:
        case FileNotFoundError():
            return "reads_in_predict"
        case KeyError(args=("rated",)) | AttributeError(name="rated"):
            return "no_rated"
        case KeyError(args=("top_k",)):
            return "no_default"
        case TypeError() if "NoneType" in str(error):
            return "no_default"
        case TypeError() if "float" in str(error):
            return "nan_rated"
        case ValueError() if "truth value of an array" in str(error):
            return "isna_of_a_list"
        case KeyError(args=(int() | np.integer() as key,)):
            return "by_index" if key < 100 else "shared"
        case TypeError() if "Series" in str(error):
            return "label_twice"
    return "no_default" if isinstance(error, AttributeError) and "NoneType" in str(error) else None
