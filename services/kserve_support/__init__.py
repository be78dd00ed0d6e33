"""What the KServe adapters share, and the one place that imports :mod:`kserve`.

``import kserve`` parses the program's arguments and accepts prefixes, so a test run's ``--w`` would
be taken for ``--workers``. So it is imported here without arguments, and adapters import its names
from here. This package knows nothing about any model:

- :mod:`~services.kserve_support.wire` reads a request of the V2 protocol and says what is wrong;
- :mod:`~services.kserve_support.payloads` reads V1 and V2 requests and writes the responses;
- :mod:`~services.kserve_support.metrics` counts requests and refusals;
- :mod:`~services.kserve_support.rest` and :mod:`~services.kserve_support.grpc_interceptor` turn
  errors into answers;
- :mod:`~services.kserve_support.server` starts all of it, and ends it without losing a request.

Chapter section 10.7; the V2 protocol: https://github.com/kserve/open-inference-protocol
"""

from __future__ import annotations

import os
import sys
from typing import Any

_arguments, sys.argv = sys.argv, sys.argv[:1]
try:
    import kserve
    from kserve import InferInput, InferOutput, InferRequest, InferResponse, ModelServer
    from kserve.predictor_config import PredictorConfig
finally:
    sys.argv = _arguments

__all__ = [
    "InferInput",
    "InferOutput",
    "InferRequest",
    "InferResponse",
    "Model",
    "ModelServer",
    "Payload",
    "PredictorConfig",
    "setting",
]

Payload = dict[str, object] | InferRequest
"""What KServe hands to a model: the JSON object of a V1 request, or a V2 request."""


class Model(kserve.Model):
    """A KServe model that checks its requests itself."""

    def validate(self, payload: Any) -> Any:
        """Leave the checks to ``predict``, whose errors say what to change."""
        return payload


def setting(name: str, default: str) -> str:
    """Return the environment variable ``SERVING_LABS_<name>``."""
    return os.environ.get(f"SERVING_LABS_{name}", default)
