"""The recommender behind KServe's protocols (chapter section 10.7, written for kserve 0.21).

::

    python -m services.recommender.kserve.predictor --model_name recommender --http_port 8080 \
        --model_dir /mnt/models

V1 takes ``{"instances": [{"user_id": 7, "top_k": 10, "rated": [1, 50]}]}``. V2 takes a table, one
tensor per column (``parameters.content_type`` is ``"pd"``): ``user_id``, and optionally ``top_k``
and ``rated``, the latter as JSON strings. Both return one
:class:`~services.recommender.recommender.AnswerDict` per row.

KServe's storage initialiser downloads what ``storageUri`` names to ``/mnt/models``. That is a model
folder as MLflow writes it. The predictor reads only the core's data file in it and runs none of its
code.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import orjson
import yaml

from services.errors import InputError, shown
from services.kserve_support import InferRequest, InferResponse, Model, Payload, server
from services.kserve_support.payloads import (
    check_count,
    columns_of,
    content_type_of,
    instance,
    instances_of,
    respond,
)
from services.recommender.model.requests import RecommendRequest
from services.recommender.recommender import AnswerDict, Recommender

OUTPUT = "answer"
FILE = "recommender.npz"

MAX_INSTANCES = 1000
"""In one request."""

OPTIONAL = ("top_k", "rated", "ranked_movies")


class RecommenderPredictor(Model):
    """Recommend movies.

    *name* is the model's name in the paths. Answers name the *version*; if not given,
    :func:`version_of` finds it in the model's folder.
    """

    def __init__(self, name: str, model_dir: str | Path, version: str | None = None) -> None:
        super().__init__(name)
        self.model_dir = Path(model_dir)
        self.version = version

    def load(self) -> bool:
        """Load the model and send it one request.

        Raises FileNotFoundError or ValueError as :func:`model_in` and :meth:`Recommender.load` do.
        """
        version = self.version or version_of(self.model_dir)
        self.recommender = Recommender.load(model_in(self.model_dir), version)
        self.recommender.recommend(0, top_k=1)
        self.ready = True
        return self.ready

    def get_input_types(self) -> list[dict[str, object]]:
        """Describe the columns for ``GET /v2/models/NAME``; all but the first may be left out."""
        types = {"user_id": "INT64", "top_k": "INT64", "rated": "BYTES"}
        return [{"name": name, "datatype": kind, "shape": [-1]} for name, kind in types.items()]

    def get_output_types(self) -> list[dict[str, object]]:
        """Describe the output: JSON strings."""
        return [{"name": OUTPUT, "datatype": "BYTES", "shape": [-1]}]

    async def predict(
        self, payload: Payload, headers: dict[str, str] | None = None
    ) -> dict[str, object] | InferResponse:
        """Return an answer to every instance, in order; runs in a thread, as for the detector."""
        answers = await asyncio.to_thread(self._answer, payload)
        return respond(payload, answers, model_name=self.name, output=OUTPUT)

    def _answer(self, payload: Payload) -> list[AnswerDict]:
        rows = rows_of(payload)
        asked = []
        for place, row in enumerate(rows):
            with instance(place, len(rows)):
                asked.append(RecommendRequest.from_dict(row))
        answers = []
        for place, answer in enumerate(self.recommender.recommend_many(asked)):
            with instance(place, len(rows)):
                if isinstance(answer, InputError):
                    raise answer
            answers.append(answer.as_dict())
        return answers


def rows_of(payload: Payload) -> list[Any]:
    """Return the instances in a payload of either protocol, not checked yet.

    Raises InputError: 422 if the request does not have the form that the module's docstring
    describes.
    """
    if not isinstance(payload, InferRequest):
        return instances_of(payload, limit=MAX_INSTANCES)
    kind = content_type_of(payload)
    if kind not in (None, "pd"):
        raise InputError(
            f"The request's content_type is {kind[:40]!r}.",
            code="content_type",
            status=422,
            hint='Add "parameters": {"content_type": "pd"}: a table, one tensor per column.',
        )
    columns = columns_of(payload, required=["user_id"], optional=OPTIONAL)
    count = len(columns["user_id"])
    check_count(count, MAX_INSTANCES)
    for name in ("rated", "ranked_movies"):
        if name in columns:
            texts = enumerate(columns[name])
            columns[name] = [_movies(name, text, place, count) for place, text in texts]
    rows = zip(*columns.values(), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _movies(name: str, text: object, place: int, count: int) -> Any:
    """Read one cell of a column of lists; an empty text means that there is no list."""
    if text in ("", b""):
        return None
    try:
        return orjson.loads(text if isinstance(text, str | bytes) else b"?")
    except orjson.JSONDecodeError:
        with instance(place, count):
            raise InputError(
                f"{name!r} is {shown(text)}, which is not JSON.",
                code="rated_invalid",
                status=422,
                hint='Its datatype is BYTES, a text for each row: "[1, 50]", or an empty one.',
            ) from None


def model_in(folder: Path) -> Path:
    """Return the file that the core loads from an MLflow model's folder or from its own folder.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If there are several.
    """
    # No "**": until Python 3.13 that does not follow links, and a mounted folder is full of them.
    places = ("", "artifacts/", "*/", "*/artifacts/")
    found = sorted({path for place in places for path in folder.glob(f"{place}{FILE}")})
    if not found:
        raise FileNotFoundError(f"{folder} has no {FILE} in it; is it the model's folder?")
    if len(found) > 1:
        names = ", ".join(str(path.relative_to(folder)) for path in found[:5])
        raise ValueError(f"{folder} has more than one {FILE}: {names}; give one model's folder")
    return found[0]


def version_of(folder: Path) -> str:
    """Return which version of the model *folder* holds.

    MLflow writes the version's number into a file when it downloads a model from the registry. A
    storage initialiser copies from a bucket, where there is no such file; then the version is the
    id of the logged model.
    """
    for name, key in (("registered_model_meta", "model_version"), ("MLmodel", "model_id")):
        file = folder / name
        if file.exists():
            about = yaml.safe_load(file.read_text(encoding="utf-8"))
            if isinstance(about, dict) and about.get(key):
                return str(about[key])
    return "unregistered"


def main(arguments: list[str] | None = None) -> int:
    """Serve the recommender; see the module's docstring."""
    parser = server.parser("The recommender as a KServe predictor.", model_name="recommender")
    _add_arguments(parser)
    options = parser.parse_args(arguments)
    model = RecommenderPredictor(options.model_name, options.model_dir, options.model_version)
    server.serve(model, options)
    return 0


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model_dir", default="/mnt/models", help="The model's folder, as MLflow writes it."
    )
    parser.add_argument(
        "--model_version",
        default=os.environ.get("RECOMMENDER_VERSION"),
        help="Named in every answer; MLflow's if not given. ($RECOMMENDER_VERSION)",
    )


if __name__ == "__main__":
    sys.exit(main())
