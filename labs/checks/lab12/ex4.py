"""lab12.ex4: The signature of an MLflow model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import ModelSignature

from labs.checks.unchanged import unchanged
from labs.engine import Context

_KINDS = {"b": "boolean", "i": "double", "f": "double", "O": "string"}
_INFERRED = {**_KINDS, "i": "long"}
_COLUMNS = ("size", "rooms", "balcony", "town", "floor", "Year built", "heating", "lift")


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Ask for the signatures of tables with other columns each time."""
    for count in (4, 6, 8):
        names = context.random.sample(_COLUMNS, count)
        table = _table(context, names)
        # A column with missing values may be required all the same.
        whole = [name for name in names if not table[name].isna().any()]
        optional = set(context.random.sample(whole, count // 2))
        where = f"a table with the columns {names}, {sorted(optional)} optional"
        with unchanged(context, where, table=table, optional=optional):
            got = context.call(answer, table, optional, where=where)
        if type(got) is not ModelSignature or got.inputs is None:
            said = f"of type {type(got).__name__}"
            context.fail(f"It is {said}; a ModelSignature with inputs was expected.", where=where)
        context.same(
            [_plain(column) for column in got.inputs.to_dict()],
            _columns(table, optional),
            what="the list of columns",
            where=where,
            mistakes=[
                ("inferred", _columns(table, optional, kinds=_INFERRED)),
                ("inferred", _columns(table, set(), kinds=_INFERRED)),
                ("all_required", _columns(table, set())),
                ("inverted", _columns(table, set(table) - optional)),
                ("bool_as_number", _columns(table, optional, kinds={**_KINDS, "b": "double"})),
                ("sorted", sorted(_columns(table, optional), key=lambda column: column["name"])),
            ],
        )
    context.note(tables=3)


def _plain(column: dict[str, Any]) -> dict[str, Any]:
    return {key: column.get(key) for key in ("name", "type", "required")}


def _columns(
    table: pd.DataFrame, optional: set[Any], *, kinds: dict[str, str] = _KINDS
) -> list[dict[str, Any]]:
    """Return the columns as a signature writes them."""
    return [
        {"name": name, "type": kinds[table[name].dtype.kind], "required": name not in optional}
        for name in table
    ]


def _table(context: Context, names: list[str]) -> pd.DataFrame:
    """Return a table of three rows in which each kind of column occurs, in any order.

    The second column of a kind has values that look like another kind, or are missing, and numbers
    of another width.
    """
    values: list[Any] = [
        [context.random.randint(2, 9) for _ in range(3)],
        [context.random.random() for _ in range(3)],
        [False, True, context.random.random() < 0.5],
        [context.random.choice(("north", "south")) for _ in range(3)],
        np.array([0, 1, context.random.randint(0, 1)], context.random.choice(("int32", "int16"))),
        np.array([1.0, 0.0, np.nan], "float32"),
        [True, False, context.random.random() < 0.5],
        [str(context.random.randint(1, 99)) for _ in range(3)],
    ][: len(names)]
    context.random.shuffle(values)
    return pd.DataFrame(dict(zip(names, values, strict=True)))
