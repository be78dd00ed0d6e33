"""The detector as an MLflow model: a table of images in, a table of boxes out.

This file is logged as it stands ("models from code"), together with the core's modules and the
network, exported to ONNX, in ``artifacts/``. Loading it reads code and a graph, no pickle, and
needs neither torch nor ultralytics.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from services.errors import InputError
from services.id_card.detector import Detector
from services.id_card.model.images import WORKING_SIDE, decode, from_base64


class DetectorModel(PythonModel):
    """The core behind MLflow's ``predict``."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the network that was logged beside this file."""
        self.detector = Detector(context.artifacts["detector"], backend="onnx")

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Find the cards in some images.

        Parameters
        ----------
        context : PythonModelContext
            Not used.
        model_input : DataFrame
            A row for each image: ``image_b64``, the base64 text of its file.
        params : dict, optional
            Not used.

        Returns
        -------
        DataFrame
            A row for each image: ``detections``, the chapter's list of boxes.

        Raises
        ------
        MlflowException
            If any row holds no image; it names the row. MLflow's server makes a 400 of it.
        """
        pictures = []
        for row, text in enumerate(model_input["image_b64"]):
            try:
                pictures.append(decode(from_base64(text), side=WORKING_SIDE))
            except InputError as error:
                said = f"row {row}: {error.message} {error.hint}"
                body: dict = dict(error.as_dict())
                raise MlflowException(said, INVALID_PARAMETER_VALUE, **body) from None
        found = self.detector.detect(pictures)
        return pd.DataFrame({"detections": [[box.as_dict() for box in boxes] for boxes in found]})


set_model(DetectorModel())
