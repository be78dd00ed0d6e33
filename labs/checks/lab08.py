"""Checks of lab 08: MLflow alone."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from mlflow.pyfunc.model import PythonModel

from labs.checks import lab08_alarm, lab08_alias, lab08_door, lab08_model, lab08_rule
from labs.engine import Context, exercise
from labs.engine.plain import shown


@exercise(
    "lab08.ex1",
    "A body for /invocations",
    points=2,
    minutes=6,
    difficulty=1,
    importance=5,
    hints=(
        "MLflow takes tables. What differs from row to row is a column; what is the same for the "
        "whole request is a parameter, and stands beside the table.",
        "Notebook 08, section 3, shows the forms of JSON; `same_question` in "
        "`services/recommender/mlflow_requests.py` has this one. `int(…)` or `.tolist()` make "
        "Python's numbers of NumPy's, and `rated.get(user)` is None where there is no list.",
        '`{"dataframe_split": {"columns": ["user_id", "rated"], "data": …}, "params": …}`. The '
        "data are `[[user, rated.get(user)] for user in user_ids.tolist()]`.",
    ),
    help=(
        (
            "TypeError: Object of type int64 is not JSON serializable",
            "What stands in a NumPy array are NumPy's numbers. `int(user)` makes one of Python's.",
        ),
        (
            "dataframe_split is a list; a dictionary with 'columns' and 'data' was expected.",
            "`dataframe_split` holds the names of the columns once and the rows without names. A "
            "list of dictionaries is `dataframe_records`.",
        ),
    ),
    mistakes={
        "numpy_types": "JSON knows Python's numbers and lists, not NumPy's. int(user) or "
        "user_ids.tolist() makes them.",
        "as_text": "json.dumps is the client's work (httpx does it for json=…). Return the "
        "dictionary.",
        "instances": "MLflow takes other fields, too. Here the table goes into dataframe_split, "
        "which names the columns once.",
        "records": "A list of dictionaries is the form of dataframe_records. dataframe_split is a "
        "dictionary with columns and data.",
        "by_column": "data has a list for each column. It should have one for each row.",
        "top_k_column": "What the signature does not name as a column is dropped, without an "
        "error. top_k is a parameter: it stands in params, beside the table.",
        "outside": "MLflow looks for parameters in the field params. Beside it they are dropped, "
        "without an error.",
        "nan": "NaN is no JSON. What is missing is null there, and None in Python.",
        "short_rows": "Every row needs a value for every column, None where there is nothing. "
        "pandas fills up a row that is too short; who reads the body does not know what you meant.",
        "left_out": "Only those who have a list are in the table. The others ask, too; their "
        "cell is None.",
        "sorted": "The rows are not those of user_ids, one by one. np.unique and sorted change the "
        "order; np.unique, set and a dictionary leave out a user who is there twice.",
        "empty_as_null": "An empty list and no list are not the same: one says 'nothing rated', "
        "the other 'not said'. `or None` makes one of both.",
        "null_as_empty": "Who has no list has not said anything; an empty list says 'nothing "
        "rated'. `rated.get(user)` is None where there is no list.",
    },
)
def body(context: Context, answer: Callable[..., Any]) -> None:
    """Hand bodies to MLflow's own parser and see what its model would get."""
    for count in (3, 1, context.random.randint(4, 7)):
        users = context.random.sample(range(1, 900), count)
        rated = {user: _movies(context) for user in users[2:]}
        if count > 1:
            rated[users[0]] = []
        if count > 3:
            users.append(users[2])
        top_k = context.random.randint(2, 9)
        where = f"user_ids={users}, rated={shown(rated, 90)}, top_k={top_k}"
        array = np.array(users, np.int64)
        got = context.call(answer, array, copy.deepcopy(rated), top_k, where=where)
        want = [{"user_id": user, "rated": rated.get(user)} for user in users]
        rows = lab08_door.rows_of(context, got, count=len(users), top_k=top_k, where=where)
        context.same(
            rows,
            want,
            what="The table that the model gets",
            where=where,
            mistakes=[
                ("left_out", [row for row in want if row["user_id"] in rated]),
                ("left_out", [{"user_id": user, "rated": rated[user]} for user in rated]),
                ("sorted", [{"user_id": u, "rated": rated.get(u)} for u in sorted(set(users))]),
                ("sorted", [{"user_id": u, "rated": rated.get(u)} for u in dict.fromkeys(users)]),
                ("sorted", [{"user_id": u, "rated": rated.get(u)} for u in sorted(users)]),
                ("empty_as_null", [{**row, "rated": row["rated"] or None} for row in want]),
                ("null_as_empty", [{**row, "rated": row["rated"] or []} for row in want]),
            ],
        )
    context.note(requests=3, read_by="MLflow's own parser")


def _movies(context: Context) -> list[int]:
    return context.random.sample(range(1, 90), context.random.randint(1, 3))


@exercise(
    "lab08.ex2",
    "A model that MLflow can load",
    points=3,
    minutes=9,
    difficulty=3,
    importance=5,
    hints=(
        "MLflow makes the object, calls load_context once when the server starts, and then predict "
        "for every request. What is slow belongs into the first, and what it read into self.",
        "`services/recommender/mlflow_model.py` is the recommender's. `zip` goes through two "
        "columns by place, whatever the index is. `params or {}` is a dictionary in any case, and "
        '`"rated" in model_input` says whether there is such a column.',
        '`self.scores = Scores.load(context.artifacts["scores"])`. In predict, for each `user, '
        "seen` of the two columns: `self.scores.best(int(user), top_k, seen if isinstance(seen, "
        "list) else None)`.",
    ),
    help=(
        (
            "TypeError: 'float' object is not iterable",
            "Where a row has no `rated`, pandas fills the cell with NaN, which is a float. Hand on "
            "what is a list, and None for all else.",
        ),
        (
            "KeyError: 'rated'",
            'A request may come without that column. Look first: `if "rated" in model_input`.',
        ),
    ),
    mistakes={
        "no_python_model": "MLflow logs and loads subclasses of mlflow.pyfunc.PythonModel.",
        "reads_in_predict": "predict reads the file, so every request waits for it; and here it "
        "was gone by then. load_context is called once: read it there, and keep it in self.",
        "ignores_params": "What the client sent in params did not reach the core. MLflow hands "
        "them to predict in its argument params.",
        "no_default": "A request without params gives None here. params or {} is a dictionary in "
        "any case.",
        "one_for_all": "Every row got the first user's answer. Each row is a question of its own.",
        "first_row": "Only the first row was answered. A table may have many.",
        "by_index": "You took the rows by the table's index, model_input['user_id'][0]. The "
        "index of a table that was filtered or sorted is not 0, 1, 2 … Go by place: zip, iloc, "
        "itertuples.",
        "label_twice": "A table that was put together from others can have a label twice. Then "
        "model_input.loc[label] is a table, not a row. Go by place: zip, iloc, itertuples.",
        "left_out": "Rows are missing. Each one is a question: one without a list, too, and a "
        "second one of the same user.",
        "shared": "The core of another model was asked. What load_context reads belongs into self, "
        "not into the class or a global name: two models can be loaded at a time.",
        "order": "The answers are not in the order of the questions. The caller puts them side by "
        "side.",
        "nan_rated": "Where a row has no list, pandas fills the cell with NaN. That is a float, "
        "no list, and it counts as true.",
        "isna_of_a_list": "pd.isna answers for each item of a list. isinstance(seen, list) is one "
        "answer for every kind of cell.",
        "no_rated": "The column rated may be absent: then nobody said what he or she has seen.",
        "changes_input": "The table belongs to the caller, who may still need it. Work on "
        "values, or on a copy.",
    },
)
def model(context: Context, answer: Any) -> None:
    """Load the model with fresh files and ask it tables of several kinds."""
    if not (inspect.isclass(answer) and issubclass(answer, PythonModel)):
        context.fail(
            "TopMovies is no subclass of PythonModel.", mistake="no_python_model", layer="import"
        )
    tables = 0
    files = [lab08_model.draw_scores(context) for _ in range(2)]
    loaded = [lab08_model.load(context, answer, scores) for scores in files]
    for scores, asked in zip(files, loaded, strict=True):
        for where, table, params in lab08_model.tables(context, scores):
            lab08_model.ask(context, asked, scores, table, params, where)
            tables += 1
    context.note(files=2, tables=tables)


@exercise(
    "lab08.ex3",
    "Better, by a rule",
    points=2,
    minutes=7,
    difficulty=2,
    importance=5,
    hints=(
        "Go through the rule, not through the metrics. For each metric of it ask first whether "
        "both values are there and are numbers, and only then whether the gain is large enough.",
        "`services/recommender/registry/promotion.py` has such a rule. A comparison with NaN is "
        "always false, so `new < old + gain` lets it pass. `math.isfinite` sees it; "
        "`candidate.get(metric, math.nan)` makes a missing one look the same.",
        "For each `metric, gain` of the rule: a value that is not finite gives a reason; else, if "
        "`current is not None`, so does `not new >= current[metric] + gain`. Put `metric` into the "
        "text, collect the texts in a list, and return it.",
    ),
    help=(
        (
            "TypeError: 'NoneType' object is not subscriptable",
            "`current` is None as long as nothing is in production. Then only the candidate's "
            "values are looked at.",
        ),
        (
            "KeyError: 'ndcg_at_…'",
            "A metric of the rule may be missing. `candidate.get(metric, math.nan)` gives NaN "
            "then.",
        ),
    ),
    mistakes={
        "rmse": "A metric decided that is not in the rule. Who rates best does not rank best: "
        "RMSE is logged, and it has no say.",
        "any_metric": "One metric that is too low is enough to refuse. All of the rule must hold.",
        "no_gain": "Better is not enough: it has to be better by the gain that the rule asks "
        "for. Less than that may be chance.",
        "no_loss": "A negative gain is a loss that is allowed. Here the loss is smaller than that.",
        "strict": "A gain of exactly what is asked for is enough: at least, not more than.",
        "first_only": "All reasons are wanted, one for each metric. Who gets one at a time has "
        "to come again for each.",
        "nan_passes": "Every comparison with NaN is false, so a check of the kind 'if it is "
        "lower' lets it pass. Ask for what must hold, or look with math.isfinite.",
        "missing_passes": "A metric that was not measured is no 0 and no reason to be content: "
        "who does not know whether it is better does not promote.",
        "empty_as_none": "A current model without metrics is not the same as no current model, and "
        "{} counts as false. Ask `current is None`.",
        "zero_as_missing": "0.0 is a number, and it counts as false. Ask whether the metric is "
        "there and finite, not whether it is true.",
        "missing_raises": "A metric of the rule may be missing in a run. That is a reason to "
        "refuse, and no reason to break down.",
        "first": "Nothing is in production yet, so there is nothing to compare with.",
        "first_unchecked": "The first one is not compared, but it needs all metrics of the rule "
        "as finite numbers: the next one is compared with it.",
        "no_name": "Whoever is refused wants to know by which metric. Put its name into the "
        "text, and no other metric's.",
    },
)
def rule(context: Context, answer: Callable[..., Any]) -> None:
    """Ask about candidates, each of which differs in one respect."""
    questions = lab08_rule.cases(context.random)
    refused = 0
    for case in questions:
        got = context.call(
            answer,
            dict(case.candidate),
            None if case.current is None else dict(case.current),
            dict(case.rule),
            where=case.where,
            because=case.because,
        )
        reasons = context.plain(got, what="reasons_against(…)", where=case.where)
        if not (isinstance(reasons, list) and all(isinstance(text, str) for text in reasons)):
            context.fail(
                f"reasons_against(…) is {shown(reasons, 80)}; a list of texts was expected.",
                where=case.where,
                layer="schema",
            )
        _reasons(context, reasons, case)
        refused += bool(case.against)
    context.note(candidates=len(questions), refused=refused)


def _reasons(context: Context, reasons: list[str], case: lab08_rule.Case) -> None:
    named = [[metric for metric in case.rule if _in(metric, text)] for text in reasons]
    found = sorted({metric for metrics in named for metric in metrics})
    if not reasons or not case.against:
        context.expect(
            len(reasons) == len(case.against),
            f"{'No reason was' if not reasons else f'{shown(reasons)} was'} given; "
            f"{f'one about {case.against[0]}' if case.against else 'none'} was expected.",
            where=case.where,
            mistake=case.mistake,
        )
        return
    for text, metrics in zip(reasons, named, strict=True):
        context.expect(
            len(metrics) == 1,
            f"The reason {text[:90]!r} names {metrics or 'no metric of the rule'}.",
            where=case.where,
            mistake="no_name",
        )
    mistake: str | None = "first_only" if set(found) < set(case.against) else case.mistake
    if found == sorted(case.against):
        mistake = None
    context.expect(
        found == sorted(case.against) and len(reasons) == len(found),
        f"The {len(reasons)} reason{'s' * (len(reasons) != 1)} named {found}; "
        f"{sorted(case.against)} were expected, one reason each.",
        where=case.where,
        mistake=mistake,
        cause="There should be exactly one reason for each metric that speaks against it.",
    )


def _in(metric: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(metric)}(?!\w)", text) is not None


@exercise(
    "lab08.ex4",
    "Promote, refuse, roll back",
    points=3,
    minutes=9,
    difficulty=4,
    importance=5,
    hints=(
        "A version never changes; what is served is what the alias prod points to. So promoting is "
        "moving an alias, and the way back is another alias that you leave behind before.",
        '`client.get_registered_model(MODEL).aliases` is a copy: read in it with `.get("prod")`. '
        "Only `set_registered_model_alias` and `delete_registered_model_alias` change anything. "
        "Think of each call that it may be the last that goes through.",
        "In promote: already `prod`? Return `[]`. Ask `against` about "
        "`metrics_of(client, version)` and those of `prod` (or None). If there are reasons, return "
        "them; else set `previous` (if there was a `prod`), then `prod`. In rollback: set `prod`, "
        "then delete `previous`.",
    ),
    help=(
        (
            "KeyError: 'prod'",
            'At the very first promotion there is no such alias. `aliases.get("prod")` gives None.',
        ),
        (
            "MlflowException: Registered model alias previous not found.",
            "`get_model_version_by_alias` raises MLflow's own exception, which is no LookupError. "
            "Look into `get_registered_model(MODEL).aliases` instead.",
        ),
    ),
    mistakes={
        "only_the_copy": "MLflow hands you a copy of the aliases. What you write into it stays "
        "with you; set_registered_model_alias changes the registry.",
        "not_asked": "Without asking it every version would be promoted.",
        "newer_only": "An older version may be promoted, too. Only against decides, not the "
        "version's number.",
        "staging": "You compared with the version of another alias. What users get now is prod, "
        "so prod is what has to be beaten.",
        "swapped": "The candidate comes first, then the current one. The other way round, the "
        "worse one wins.",
        "moves_anyway": "The version was refused and something was changed all the same. Ask "
        "first, then change.",
        "first": "At the very first promotion there is no alias prod yet.",
        "no_previous": "Without the alias previous nobody finds the way back.",
        "twice": "Promoting the version that is prod already changes nothing. Otherwise previous "
        "points to the same version, and the way back is lost.",
        "asked_again": "The version is prod already, so there is nothing to ask: return [].",
        "other_aliases": "The other aliases are not yours. staging stays where it is, even at the "
        "version that is prod now.",
        "gap": "For a moment there was no prod: a server that starts just then finds no model. "
        "set_registered_model_alias moves an alias in one step.",
        "order": "The connection was cut between two of your calls, and doing it again did not end "
        "well. Set previous before prod; on the way back, delete it last.",
        "put_back": "Once the connection is cut, no call goes through: your function cannot put "
        "back what it changed. Order the calls so that nothing has to be put back.",
        "swallowed": "Your function hid MLflow's exception. Whoever called it believes that all "
        "is done, and does not call it again.",
        "version_before": "The version before in the registry may never have served: it may have "
        "been refused. previous says which one it was.",
        "stays": "A rollback uses the way back up. If previous stays, the next rollback seems to "
        "work, and nothing happens.",
        "flips": "A second rollback brought the bad version back. After a rollback there is no "
        "previous.",
        "no_error": "There is nothing to go back to, and nobody was told.",
        "other_error": "MLflow's own exception is no LookupError. Look into the aliases before.",
    },
)
def aliases(context: Context, promote: Callable[..., Any], rollback: Callable[..., Any]) -> None:
    """Promote and go back in a registry in memory, whose connection is cut at times."""
    lab08_alias.first(context, promote)
    lab08_alias.refused(context, promote)
    lab08_alias.better(context, promote)
    lab08_alias.back(context, promote, rollback)
    lab08_alias.nothing_to_go_back_to(context, rollback)
    cut = lab08_alias.cut_off(context, promote, rollback)
    context.note(cut_off_and_done_again=f"{cut} times")


@exercise(
    "lab08.ex5",
    "Design it: an alarm that keeps its promise",
    points=3,
    minutes=9,
    difficulty=4,
    importance=4,
    seconds=120,
    hints=(
        "How far apart two samples are by chance alone depends on how many values they have. So "
        "do not guess a limit: draw many windows in which nothing has changed, look how far they "
        "are from the reference, and take the value that only few of them exceed.",
        "Distances: `scipy.stats.ks_2samp(reference, window).statistic`, or the PSI over tenths of "
        "the reference (`np.quantile` for the edges, `np.searchsorted` to count, and half a value "
        "more in every bin). Limits: `rng.choice(reference, size)` and `np.quantile`.",
        "`reference = log[:good]`; `quiet = [distance(reference, rng.choice(reference, size)) "
        "for _ in range(1000)]`; the limit is their quantile at `1 - alarm_rate`.",
    ),
    help=(
        (
            "distance(…) is inf",
            "A bin without values has the share 0, and the logarithm of 0 is infinite. Add half a "
            "value to every bin, of both samples, before you take shares.",
        ),
        (
            "Of 400 windows in which nothing changed, 70% were an alarm; about 30% were expected.",
            "Look which end of the distances you cut off: `np.quantile(quiet, 1 - alarm_rate)`.",
        ),
    ),
    mistakes={
        "log_of_zero": "Something was divided by 0, or the logarithm of 0 was taken. In a PSI it "
        "is a bin that has no value: give every bin half a value more.",
        "fixed_limit": "Your limit is the same whatever the size is. Of few values a distance is "
        "large by chance alone, of many it is small.",
        "ignores_rate": "Your limit is the same whatever alarm_rate is. It is a quantile of the "
        "distances of quiet windows, at 1 - alarm_rate.",
        "wrong_tail": "You cut off the wrong end: alarm_rate of the windows should be above the "
        "limit, not under it.",
        "drifted_data": "The limit comes from the whole log, with values after the change. "
        "Whoever learns from them what is normal finds nothing. Only the first `good` values are "
        "known to be good.",
        "mean_only": "The mean has not moved, but all else has. Compare whole distributions.",
        "own_bins": "Each sample was counted in bins of its own, so they always look alike. Both "
        "need the same bins: those of the reference.",
        "outside": "Values outside of the reference's range are not counted (np.histogram leaves "
        "them out). The first and the last bin have to be open.",
    },
)
def alarm(context: Context, distance: Callable[..., Any], limit_of: Callable[..., Any]) -> None:
    """Count alarms where nothing has changed, and where something has."""
    lab08_alarm.check(context, distance, limit_of)
