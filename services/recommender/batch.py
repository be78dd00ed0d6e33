"""Recommend to all users at once, into one Parquet table (chapter section 10.1).

::

    python -m services.recommender.batch --model model.npz --out recommendations.parquet --top-k 10

The model is a file that ``Recommender.save`` wrote, an MLflow model folder that contains one, or a
registered model's URI, ``models:/recommender_production@prod`` (the registry is the one that
``MLFLOW_TRACKING_URI`` names). Every user in the training data gives one row, in the order of ids.
After a kill at any moment, the same command resumes the job. The columns:

user_id         int64   the raw id
items           list    of movie_id, title and score, the best first; null if there is an error
fallback        string  null, or "popularity" for a user whom the model does not know
error_code      string  null, or the code that a server would return: top_k_too_large
error_message   string  null, or what is wrong
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from services.batch import Job, JobError, command
from services.batch.job import content_hash, digest
from services.errors import InputError
from services.recommender.model.requests import RecommendRequest
from services.recommender.recommender import Answer, Recommender

_ITEM = pa.struct([("movie_id", pa.int64()), ("title", pa.string()), ("score", pa.float64())])
SCHEMA = pa.schema(
    [
        pa.field("user_id", pa.int64(), nullable=False),
        ("items", pa.list_(_ITEM)),
        ("fallback", pa.string()),
        ("error_code", pa.string()),
        ("error_message", pa.string()),
    ]
)
"""One row per user; see the module's docstring."""

PART = 1024
"""Users in a part."""

BATCH = 128
"""Users who are scored at once; memory holds a score of every movie for each of them."""

REGISTERED = "models:/"
DATA = "recommender.npz"
"""The name of the model's file in a registered model's folder, under ``artifacts/``."""


class RecommendToUsers:
    """Turns user ids into rows with the core; created once in each process that computes.

    *model* is a file that :meth:`Recommender.save` wrote. *batch_size* users are scored at once.
    """

    def __init__(self, model: Path, top_k: int, batch_size: int) -> None:
        self.recommender = Recommender.load(model)
        self.top_k = top_k
        self.batch_size = batch_size

    def __call__(self, users: Sequence[int]) -> list[dict[str, Any]]:
        """Return one row for each user, in their order; see :data:`SCHEMA`."""
        rows = []
        for start in range(0, len(users), self.batch_size):
            some = users[start : start + self.batch_size]
            answers = self.recommender.recommend_many(
                [RecommendRequest(u, self.top_k) for u in some]
            )
            rows += [_row(user, answer) for user, answer in zip(some, answers, strict=True)]
        return rows


def _row(user_id: int, answer: Answer | InputError) -> dict[str, Any]:
    if isinstance(answer, InputError):
        return {"user_id": user_id, "error_code": answer.code, "error_message": answer.message}
    return {
        "user_id": user_id,
        "items": [item.as_dict() for item in answer.items],
        "fallback": answer.fallback,
    }


def model_file(model: str) -> Path:
    """Return the file behind what ``--model`` names.

    Raises JobError if there is no such file, or the registry has no such model.
    """
    path = Path(_download(model) if model.startswith(REGISTERED) else model)
    if not path.is_dir():
        return path
    for place in (path / "artifacts" / DATA, path / DATA):
        if place.exists():
            return place
    raise JobError(f"there is no {DATA} in the folder {path}, nor in its artifacts/")


def _download(uri: str) -> str:
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    try:
        return download_artifacts(artifact_uri=uri)
    except MlflowException as error:
        raise JobError(f"{uri} cannot be downloaded: {error.message}") from error


def make_job(
    model: Path, *, top_k: int = 10, batch_size: int = BATCH, part_size: int = PART
) -> Job:
    """Describe the job for a file that :meth:`Recommender.save` wrote; nothing is computed yet.

    The numbers are 1 or more: movies a user, users who are scored at once, users in a part. Raises
    FileNotFoundError if there is no such model, and ValueError if the file is not one.
    """
    users = Recommender.load(model).user_ids.ids.tolist()
    return Job(
        name="recommender",
        inputs=users,
        schema=SCHEMA,
        make=partial(RecommendToUsers, model.resolve(), top_k, batch_size),
        settings={"model_sha256": content_hash(model), "top_k": top_k, "batch_size": batch_size},
        fingerprint=digest(map(str, users)),
        part_size=part_size,
        unit="user",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = command.parser("services.recommender.batch", __doc__)
    parser.add_argument("--model", required=True, metavar="MODEL",
                        help="FILE.npz, a model's folder, or models:/NAME@ALIAS")  # fmt: skip
    parser.add_argument("--top-k", type=command.whole, default=10, help="movies per user (10)")
    parser.add_argument("--batch-size", type=command.whole, default=BATCH,
                        help=f"users scored at once ({BATCH})")  # fmt: skip
    parser.add_argument("--part-size", type=command.whole, default=PART,
                        help=f"users in a part, the most a kill can lose ({PART})")  # fmt: skip
    args = parser.parse_args(arguments)
    return command.finish(
        parser,
        args,
        lambda: make_job(
            model_file(args.model),
            top_k=args.top_k,
            batch_size=args.batch_size,
            part_size=args.part_size,
        ),
    )


if __name__ == "__main__":
    # Import the module by name: Ray's processes import it, and there it is not __main__.
    from services.recommender.batch import main as _main

    raise SystemExit(_main())
