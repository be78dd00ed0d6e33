"""What MLflow makes of a body and of an answer: its scoring server's own code, in this process."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.pyfunc import PyFuncModel, scoring_server

from labs.engine import Context
from labs.engine.plain import same
from services.recommender.registry.packaging import SIGNATURE

COLUMNS = ["user_id", "rated"]


@dataclass(frozen=True)
class Received:
    """What reaches the model of a request.

    Attributes
    ----------
    rows : list of dict
        A row for each question, by the names of the columns.
    params : dict
        Those of the signature; with their defaults where the request has none.
    """

    rows: list[dict[str, Any]]
    params: dict[str, Any]


class _Listener:
    """A model that keeps what it was asked."""

    def __init__(self) -> None:
        self.received = Received([], {})

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> list[Any]:
        self.received = Received(data.to_dict("records"), params or {})
        return []


def receive(text: str) -> Received:
    """Return what the recommender would get of a JSON body: parsed, and held to its signature.

    Raises
    ------
    mlflow.exceptions.MlflowException
        What the server makes a 400 of.
    """
    listener = _Listener()
    flavors = {"python_function": {"loader_module": "mlflow.pyfunc.model"}}
    model = PyFuncModel(Model(signature=SIGNATURE, flavors=flavors), listener)
    scoring_server.invocations(text, scoring_server.CONTENT_TYPE_JSON, model, SIGNATURE.inputs)
    return listener.received


def sent(answer: Any) -> Any:
    """Return the predictions that the server would send for a model's answer, as plain data.

    Raises
    ------
    TypeError, ValueError
        If it makes no JSON of it.
    """
    written = io.StringIO()
    scoring_server.predictions_to_json(answer, written)
    return json.loads(written.getvalue())["predictions"]


def rows_of(
    context: Context, got: Any, *, count: int, top_k: int, where: str
) -> list[dict[str, Any]]:
    """Return the table that the model gets of a learner's body, a dictionary for each row.

    Fail if the body is no JSON, has another form than dataframe_split with two columns and *count*
    rows, is refused by MLflow, or if its *top_k* does not reach the model.
    """
    sent = _json(context, got, where)
    if "dataframe_split" not in sent:
        context.fail(
            f"The body has the fields {sorted(sent)}; dataframe_split is not among them.",
            where=where,
            mistake="instances",
            layer="schema",
        )
    _table(context, sent["dataframe_split"], count, where)
    try:
        received = receive(json.dumps(sent))
    except MlflowException as error:
        said = " ".join(str(error).partition("IMPORTANT")[0].split())
        inside = {"params", "top_k"} & set(sent["dataframe_split"])
        context.fail(
            f"MLflow would answer 400: {said[:240]}",
            where=where,
            cause="params stands beside dataframe_split, not in it."
            if inside
            else "MLflow could read the JSON, and refused what it says.",
            layer="request",
        )
        raise AssertionError from error
    _top_k(context, received, sent, top_k, where)
    return [{name: row[name] for name in COLUMNS} for row in received.rows]


def _json(context: Context, got: Any, where: str) -> dict[str, Any]:
    """Return the body as it arrives, through JSON."""
    if isinstance(got, str):
        context.fail("body_of(…) is a text.", where=where, mistake="as_text", layer="schema")
    try:
        text = json.dumps(got, allow_nan=False)
    except (TypeError, ValueError) as error:
        mistake = "nan" if isinstance(error, ValueError) else "numpy_types"
        said = f"json.dumps(body) raises {type(error).__name__}: {error}."
        context.fail(said, where=where, mistake=mistake, layer="schema")
    sent = json.loads(text)
    if not isinstance(sent, dict):
        kind = type(sent).__name__
        context.fail(f"body_of(…) is of type {kind}; dict was expected.", where=where)
    return dict(sent)


def _table(context: Context, table: Any, count: int, where: str) -> None:
    """See that the table has the form that was asked for."""
    if isinstance(table, list):
        context.fail(
            "dataframe_split is a list; a dictionary with 'columns' and 'data' was expected.",
            where=where,
            mistake="records",
            layer="schema",
        )
    table = table if isinstance(table, dict) else {}
    columns, data = table.get("columns"), table.get("data")
    if not (isinstance(columns, list) and isinstance(data, list)):
        context.fail(
            "dataframe_split has no list 'columns' or no list 'data'.", where=where, layer="schema"
        )
        raise AssertionError
    if sorted(map(str, columns)) != sorted(COLUMNS):
        context.fail(
            f"The columns are {columns}; {COLUMNS} were expected.",
            where=where,
            mistake="top_k_column" if "top_k" in columns else None,
            layer="schema",
        )
    _rows(context, data, columns.index("user_id"), count, where)


def _rows(context: Context, data: list[Any], column: int, count: int, where: str) -> None:
    """See that there is a row for each user, with a value for each column."""
    lengths = [len(row) if isinstance(row, list) else None for row in data]
    if None in lengths:
        context.fail("data has an item that is no list.", where=where, layer="schema")
    if lengths == [count] * len(COLUMNS) != [len(COLUMNS)] * count:
        context.fail(
            f"data has {len(COLUMNS)} rows of {count} values; there are {count} users and "
            f"{len(COLUMNS)} columns.",
            where=where,
            mistake="by_column",
            layer="schema",
        )
    for place, length in enumerate(lengths):
        context.expect(
            length == len(COLUMNS),
            f"Row {place} of data, {data[place]}, does not have one value for each of {COLUMNS}.",
            where=where,
            mistake="short_rows" if length == 1 else None,
            layer="schema",
        )
    ids = [row[column] for row in data]
    context.expect(
        all(type(one) is int for one in ids),
        f"The users' ids are {ids}; whole numbers were expected.",
        where=where,
        layer="schema",
        cause='In JSON 7, 7.0, "7" and true are of different types.',
    )


def _top_k(
    context: Context, received: Received, sent: dict[str, Any], top_k: int, where: str
) -> None:
    got = received.params.get("top_k")
    context.expect(
        same(got, top_k),
        f"The model gets top_k={got}; {top_k} was expected.",
        where=where,
        mistake="outside" if "top_k" in sent else None,
        cause="MLflow takes the default, 10, if there is no top_k in params.",
    )
    unknown = sorted(set(sent.get("params") or {}) - {"top_k"})
    context.expect(
        not unknown,
        f"params has {unknown}, too; top_k alone was expected.",
        where=where,
        cause="MLflow drops what the signature does not name.",
    )
