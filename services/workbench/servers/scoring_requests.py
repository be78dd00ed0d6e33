"""Valid and invalid requests to MLflow's scoring server, for a notebook and the tests.

A request to ``/invocations`` has its rows in one of four fields, and values that all rows share in
``params``. Not every form of the same request works, and some wrong requests are accepted.
Protocol: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
"""

from __future__ import annotations

from typing import NamedTuple

from services.workbench.servers.scoring import JSON


class Sent(NamedTuple):
    """A request."""

    name: str  # what is special about it
    body: object  # text is sent unchanged, a dict as JSON
    content_type: str | None = JSON  # the Content-Type header; None for no header


def same_question(user_id: int, rated: list[int], top_k: int = 3) -> list[Sent]:
    """Return the same request in every form that MLflow's documentation shows.

    It is for *top_k* recommendations to a user, who has rated at least one movie.
    """
    row = {"user_id": user_id, "rated": rated}
    columns = {"user_id": [user_id], "rated": [rated]}
    table = {"columns": ["user_id", "rated"], "data": [[user_id, rated]]}
    params = {"top_k": top_k}
    csv = f'user_id,rated\n{user_id},"{rated}"\n'
    return [
        Sent("dataframe_records", {"dataframe_records": [row], "params": params}),
        Sent("dataframe_split", {"dataframe_split": table, "params": params}),
        Sent("inputs, rows", {"inputs": [row], "params": params}),
        Sent("inputs, columns", {"inputs": columns, "params": params}),
        Sent("instances", {"instances": [row], "params": params}),
        Sent("the question alone", {**row, **params}),
        Sent("CSV", csv, "text/csv"),
    ]


def _records(row: dict[str, object], **params: object) -> dict[str, object]:
    return {"dataframe_records": [row], **({"params": params} if params else {})}


def bad_questions(user_id: int) -> list[Sent]:
    """Return requests that should get a 4xx that says what to change; the model knows the user."""
    user: dict[str, object] = {"user_id": user_id}
    return [
        Sent("no JSON", "{user_id: 7"),
        Sent("an empty body", ""),
        Sent("no content type", '{"dataframe_records": [{"user_id": 7}]}', None),
        Sent("XML", "<user>7</user>", "application/xml"),
        Sent("a list", [user]),
        Sent("no rows", {"dataframe_records": []}),
        Sent("user_id is missing", _records({"rated": [1]})),
        Sent("user_id is null", _records({"user_id": None})),
        Sent("user_id is -1", _records({"user_id": -1})),
        Sent("user_id is 5.5", _records({"user_id": 5.5})),
        Sent('user_id is "5"', _records({"user_id": "5"})),
        Sent("user_id is true", _records({"user_id": True})),
        Sent("top_k is 0", _records(user, top_k=0)),
        Sent("top_k is 100000", _records(user, top_k=100_000)),
        Sent("top_k is 2.5", _records(user, top_k=2.5)),
        Sent('top_k is "3"', _records(user, top_k="3")),
        Sent("topk, misspelt", _records(user, topk=3)),
        Sent("top_k in the row", _records({**user, "top_k": 3})),
        Sent("rated is 3", _records({**user, "rated": 3})),
        Sent('rated is ["a"]', _records({**user, "rated": ["a"]})),
        Sent("params is a list", {"dataframe_records": [user], "params": [3]}),
    ]
