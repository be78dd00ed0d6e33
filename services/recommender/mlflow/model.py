"""The recommender as an MLflow model: a table of users in, a table of answers out.

This file itself is logged ("models from code", https://mlflow.org/docs/latest/ml/model/), together
with the core's modules and the data in ``artifacts/recommender.npz``. So loading the model reads
code and arrays, no pickle, and needs no torch. Chapter section 10.6 serves it with MLflow alone.

A process should load one version only: Python keeps the modules of the first version, and a second
version would run with them. To serve a new version, start a new process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from services.errors import InputError
from services.recommender.model.requests import RecommendRequest
from services.recommender.recommender import Recommender


class RecommenderModel(PythonModel):
    """The core behind MLflow's ``predict``."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the data that was logged beside this file."""
        path = Path(context.artifacts["recommender"])
        self.recommender = Recommender.load(path, version=version_in(path.parents[1]))

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Answer a batch.

        Parameters
        ----------
        context : PythonModelContext
            Not used.
        model_input : DataFrame
            One row per request: ``user_id`` and optionally ``rated``, a list or None.
        params : dict, optional
            ``top_k``, 10 if not given.

        Returns
        -------
        DataFrame
            One row per request: :class:`~services.recommender.recommender.AnswerDict`.

        Raises
        ------
        MlflowException
            If any request cannot be answered; it names the row. MLflow's server turns it into a 400
            and adds this repository's ``error`` (code, message, hint) to its own body.
        """
        top_k = (params or {}).get("top_k", 10)
        rated = model_input["rated"] if "rated" in model_input else [None] * len(model_input)
        pairs = zip(model_input["user_id"], map(_given, rated), strict=True)
        answers = self.recommender.recommend_many([RecommendRequest(u, top_k, r) for u, r in pairs])
        for row, answer in enumerate(answers):
            if isinstance(answer, InputError):
                count = len(answers)
                place = f"Row {row} (of {count}, counted from 0): " if count > 1 else ""
                error = {**answer.as_dict()["error"], "message": place + answer.message}
                text = f"row {row}: {answer.message} {answer.hint}"
                raise MlflowException(text, INVALID_PARAMETER_VALUE, error=error)
        rows = [answer.as_dict() for answer in answers if not isinstance(answer, InputError)]
        return pd.DataFrame(rows, dtype=object)


def _given(rated: Any) -> Any:
    """Return a cell's value; None for the NaN with which pandas fills a missing field."""
    return None if isinstance(rated, float) and rated != rated else rated


def version_in(folder: Path) -> str:
    """Return which version a model's folder holds: its number in the registry, or its logged id.

    MLflow leaves the version's number in a file when it downloads ``models:/name/number`` or
    ``models:/name@alias``; without that file, the version is the id of the logged model.
    """
    meta = folder / "registered_model_meta"
    if meta.is_file():
        return str(yaml.safe_load(meta.read_text(encoding="utf-8"))["model_version"])
    about = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
    return str(about.get("model_id") or "unregistered")


set_model(RecommenderModel())
