"""Check of lab 08, exercise 1: MLflow's own parser reads the learner's bodies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from labs.checks.lab08.invocations import rows_received
from labs.checks.unchanged import unchanged
from labs.engine import Context
from labs.engine.plain import shown


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Send bodies to MLflow's parser and compare the table that its model would get."""
    counts = (3, 1, context.random.randint(4, 7))
    for count in counts:
        users, rated = _request(context, count)
        top_k = context.random.randint(2, 9)
        where = f"user_ids={users}, rated={shown(rated, 90)}, top_k={top_k}"
        want = [{"user_id": user, "rated": rated.get(user)} for user in users]
        array = np.array(users, np.int64)
        with unchanged(context, where, user_ids=array, rated=rated):
            body = context.call(answer, array, rated, top_k, where=where)
        context.same(
            rows_received(context, body, len(users), top_k, where),
            want,
            what="The table that the model gets",
            where=where,
            mistakes={
                "empty_as_null": [{**row, "rated": row["rated"] or None} for row in want],
                "null_as_empty": [{**row, "rated": row["rated"] or []} for row in want],
            },
        )
    context.note(requests=len(counts), read_by="MLflow's own parser")


def _request(context: Context, count: int) -> tuple[list[int], dict[int, list[int]]]:
    """Return users, and lists for some of them: the first has an empty one, the second none.

    The third user's list is longer than any top_k. From four users on, this user comes twice, so
    that the users are never in ascending order.
    """
    draw = context.random
    users = draw.sample(range(1, 900), count)
    rated = {
        user: draw.sample(range(1, 90), 11 if user == users[2] else draw.randint(1, 3))
        for user in users[2:]
    }
    if count > 1:
        rated[users[0]] = []
    if count > 3:
        users.append(users[2])
    return users, rated
