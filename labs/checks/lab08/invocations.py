"""What MLflow makes of a body and of an answer: its scoring server's own code, in this process."""

from __future__ import annotations

import io
import json
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.pyfunc import PyFuncModel, scoring_server

from labs.engine import Context
from labs.engine.outcome import FailedError
from labs.engine.plain import same, shown
from services.recommender.registry.packaging import SIGNATURE

COLUMNS = ["user_id", "rated"]


class _Listener:
    """A model that keeps the request it gets."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.params: dict[str, Any] = {}

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> list[Any]:
        self.rows, self.params = data.to_dict("records"), params or {}
        return []


def _receive(text: str) -> _Listener:
    """Parse a JSON body as the scoring server does, against the recommender's signature."""
    listener = _Listener()
    flavors = {"python_function": {"loader_module": "mlflow.pyfunc.model"}}
    model = PyFuncModel(Model(signature=SIGNATURE, flavors=flavors), listener)
    scoring_server.invocations(text, scoring_server.CONTENT_TYPE_JSON, model, SIGNATURE.inputs)
    return listener


def response_of(answer: Any) -> Any:
    """Return the predictions that the server would send for a model's answer, as plain data.

    Raises
    ------
    TypeError, ValueError, mlflow.exceptions.MlflowException
        If the server cannot turn it into JSON.
    """
    written = io.StringIO()
    scoring_server.predictions_to_json(answer, written)
    return json.loads(written.getvalue())["predictions"]


def rows_received(
    context: Context, body: Any, count: int, top_k: int, where: str
) -> list[dict[str, Any]]:
    """Return the table that the model gets for a learner's body, a dictionary for each row.

    Raises
    ------
    FailedError
        If the body is not JSON, is not a ``dataframe_split`` of two columns and *count* rows, if
        MLflow rejects it, or if *top_k* does not reach the model.
    """
    sent = _through_json(context, body, where)
    _table_is_a_split(context, sent, count, where)
    try:
        received = _receive(json.dumps(sent))
    except MlflowException as error:
        said = " ".join(str(error).partition("IMPORTANT")[0].split())
        raise FailedError(
            f"MLflow would answer 400: {said[:240]}", where=where, layer="request"
        ) from error
    got = received.params.get("top_k")
    context.expect(
        same(got, top_k),
        f"The model gets top_k={got}; {top_k} was expected.",
        where=where,
        mistake="outside" if "top_k" in sent else None,
        cause="MLflow takes the default, 10, if params has no top_k.",
    )
    unknown = sorted({*sent, *(sent.get("params") or {})} - {"dataframe_split", "params", "top_k"})
    context.expect(
        not unknown and "top_k" not in sent,
        f"The body also has {unknown or ['top_k']}; only dataframe_split and params with top_k "
        "were expected.",
        where=where,
        cause="MLflow drops what the signature does not name.",
    )
    return [{name: row[name] for name in COLUMNS} for row in received.rows]


def _through_json(context: Context, body: Any, where: str) -> dict[str, Any]:
    """Return the body as it arrives at the server."""
    try:
        sent = json.loads(json.dumps(body, allow_nan=False))
    except (TypeError, ValueError) as error:
        mistake = "nan" if "Out of range float" in str(error) else None
        mistake = "numpy_types" if "int64 is not JSON" in str(error) else mistake
        said = f"json.dumps(body) raises {type(error).__name__}: {error}."
        context.fail(said, where=where, mistake=mistake, layer="schema")
    if not isinstance(sent, dict) or "dataframe_split" not in sent:
        got = f"has the fields {sorted(sent)}" if isinstance(sent, dict) else f"is {shown(sent)}"
        context.fail(
            f"The body {got}; a dictionary with dataframe_split was expected.",
            where=where,
            layer="schema",
        )
    return dict(sent)


def _table_is_a_split(context: Context, sent: dict[str, Any], count: int, where: str) -> None:
    """Fail unless the table has the form that was asked for: MLflow itself is more lenient."""
    table = sent["dataframe_split"]
    if not isinstance(table, dict) or not {"columns", "data"} <= table.keys():
        context.fail(
            f"dataframe_split is {shown(table, 90)}; a dictionary with columns and data was "
            "expected.",
            where=where,
            layer="schema",
        )
    columns, data = table["columns"], table["data"]
    if not isinstance(columns, list) or sorted(map(str, columns)) != sorted(COLUMNS):
        context.fail(
            f"The columns are {columns}; {COLUMNS} were expected.",
            where=where,
            mistake="top_k_column" if "top_k" in columns else None,
            layer="schema",
        )
    if not isinstance(data, list) or len(data) != count:
        rows = f"{len(data)} rows" if isinstance(data, list) else shown(data)
        context.fail(
            f"data has {rows}; one for each of the {count} items of user_ids was expected.",
            where=where,
            layer="schema",
        )
    for number, row in enumerate(data):
        user = row[columns.index("user_id")] if isinstance(row, list) and len(row) == 2 else None
        context.expect(
            type(user) is int,
            f"Row {number} of data is {shown(row, 60)}; a list with a whole number for user_id and "
            "a value for rated was expected.",
            where=where,
            layer="schema",
        )
