"""What goes into the registry with a recommender: a model folder that runs anywhere.

It holds the data (``artifacts/recommender.npz``), one file of code for MLflow, the core's modules,
and the versions of the packages they need. Listing the packages explicitly takes a second; to infer
them, MLflow would import the model in a fresh process, which takes twenty seconds or more.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.models.model import ModelInfo
from mlflow.types.schema import (
    AnyType,
    Array,
    ColSpec,
    DataType,
    Object,
    ParamSchema,
    ParamSpec,
    Property,
    Schema,
)

from services.packaging.model_code import copy_modules
from services.packaging.requirements import resolve_pins
from services.recommender.recommender import Recommender

CODE = Path(__file__).parents[1] / "mlflow" / "model.py"
"""The file that MLflow runs to get the model."""

CORE = (
    "services/errors.py",
    "services/recommender/__init__.py",
    "services/recommender/recommender.py",
    "services/recommender/model/*.py",
)
"""The modules of this repository that the file imports. None needs more than NumPy."""

PACKAGES = ("mlflow", "numpy", "pandas", "pyyaml", "typing-extensions")
"""The packages that all this code imports; the lock gives their versions and dependencies."""

_long, _text = DataType.long, DataType.string

SIGNATURE = ModelSignature(
    # "any": the core checks the type. With "long", MLflow would take 5.5 for 5, and true for 1.
    inputs=Schema([ColSpec(AnyType(), "user_id"), ColSpec(AnyType(), "rated", required=False)]),
    outputs=Schema(
        [
            ColSpec(_long, "user_id"),
            ColSpec(
                Array(
                    Object(
                        [
                            Property("movie_id", _long),
                            Property("title", _text),
                            Property("score", DataType.double),
                        ]
                    )
                ),
                "items",
            ),
            ColSpec(_text, "fallback", required=False),
            ColSpec(Array(_long), "ignored"),
            ColSpec(_text, "model"),
            ColSpec(_text, "version"),
        ]
    ),
    params=ParamSchema([ParamSpec("top_k", _long, 10)]),
)
"""The columns of a request and of an answer."""


def requirements() -> list[str]:
    """Return the pinned packages for serving a recommender, with all dependencies; no torch."""
    return resolve_pins(PACKAGES)


def example(recommender: Recommender) -> pd.DataFrame:
    """Return an example request: a known user, and one movie to leave out."""
    user = int(recommender.user_ids.ids[0])
    movie = int(recommender.movies.ids.ids[0])
    return pd.DataFrame({"user_id": [user], "rated": [[movie]]})


def log(recommender: Recommender, name: str = "recommender", **about: Any) -> ModelInfo:
    """Log a recommender as a model of the current run (one is started if there is none).

    *about* are more arguments of :func:`mlflow.pyfunc.log_model`: ``params``, ``tags``,
    ``model_type``. Register the ``model_id`` of the result, load its ``model_uri``.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        data = recommender.save(folder / "recommender.npz")
        return mlflow.pyfunc.log_model(
            name=name,
            python_model=str(CODE),
            artifacts={"recommender": str(data)},
            code_paths=[str(copy_modules(CORE, folder))],
            signature=SIGNATURE,
            input_example=example(recommender),
            pip_requirements=requirements(),
            **about,
        )
