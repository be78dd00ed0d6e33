"""The recommender on MLServer: a thin adapter between the Open Inference Protocol and the core.

It runs in MLServer's own environment (``make mlserver-env``), loads the registered model's data
with the core, and so needs neither MLflow nor torch. A request has a tensor ``user_id`` and
optionally ``top_k`` and ``rated``, with one value per user; ``rated`` is a JSON list (content type
``pd_json``). The answer is one tensor, ``answer``, with the core's answer in JSON for each user.

Protocol: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlserver import MLModel
from mlserver.codecs import PandasCodec, StringCodec
from mlserver.errors import MLServerError
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver.utils import get_model_uri

from services.errors import InputError
from services.recommender.model.requests import RecommendRequest
from services.recommender.recommender import Recommender


class RecommenderRuntime(MLModel):
    """The core behind ``POST /v2/models/recommender/infer``."""

    async def load(self) -> bool:
        """Read the data of the model folder that the settings name."""
        folder = Path(await get_model_uri(self.settings))
        version = self.settings.parameters.version or "unregistered"
        self.core = Recommender.load(folder / "artifacts" / "recommender.npz", version=version)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer a batch; if a row is invalid, refuse the whole batch and name the row."""
        answers = self.core.recommend_many([_request(row, n) for n, row in _rows(payload)])
        for row, answer in enumerate(answers):
            if isinstance(answer, InputError):
                raise _refused(answer, row)
        texts = [json.dumps(a.as_dict()) for a in answers if not isinstance(a, InputError)]
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[StringCodec.encode_output("answer", texts, use_bytes=False)],
        )


def _rows(payload: InferenceRequest) -> list[tuple[int, dict[str, Any]]]:
    """Return the rows of the table that the tensors form, each with its number."""
    sizes = {tensor.name: tensor.shape[0] if tensor.shape else 0 for tensor in payload.inputs}
    if not sizes or 0 in sizes.values() or len(set(sizes.values())) > 1:
        raise _no_table(f"rows by tensor: {sizes}; every tensor needs one row per user")
    try:
        table = PandasCodec.decode_request(payload)
    except (ValueError, TypeError, KeyError) as error:
        raise _no_table(str(error)) from error
    if {len(table)} != set(sizes.values()):
        raise _no_table(f"{len(table)} values, where the shapes say {max(sizes.values())}")
    return list(enumerate(table.to_dict("records")))


def _no_table(why: str) -> MLServerError:
    return MLServerError(f"tensors_invalid: the tensors do not form a table: {why}", 400)


def _request(row: dict[str, Any], number: int) -> RecommendRequest:
    try:
        return RecommendRequest.from_dict(row)
    except InputError as error:
        raise _refused(error, number) from error


def _refused(error: InputError, row: int) -> MLServerError:
    """Return the error in the protocol's form, which is a single string."""
    text = f"{error.code}: row {row}: {error.message} {error.hint}"
    return MLServerError(text, error.status)
