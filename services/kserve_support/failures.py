"""Turn every error of a KServe request into the one shape that all adapters here answer with."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable

from fastapi.exceptions import RequestValidationError
from kserve.errors import (
    InvalidInput,
    ModelNotFound,
    ModelNotReady,
    NoModelReady,
    ServerNotLive,
    ServerNotReady,
    UnsupportedProtocol,
)
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from services.errors import InputError, ModelError
from services.http.asgi import ClientGoneError, Refusal

logger = logging.getLogger(__name__)

KSERVES: tuple[type[Exception], ...] = (
    InputError,
    ModelError,
    InvalidInput,
    ModelNotFound,
    ModelNotReady,
    NoModelReady,
    ServerNotLive,
    ServerNotReady,
    UnsupportedProtocol,
    NotImplementedError,
    RequestValidationError,
    ClientDisconnect,
    HTTPException,
)
"""The errors that are expected; anything else is a bug here, and answered with a 500."""


def refusal_for(error: Exception, models: Iterable[str]) -> Refusal:
    """Return the :class:`InputError` or :class:`ModelError` to answer *error* with.

    Parameters
    ----------
    error : Exception
        Any exception. One that is not expected is logged, and its details stay there.
    models : iterable of str
        The names of the models that are served.
    """
    match error:
        case InputError() | ModelError():
            return error
        case ModelNotFound():
            return InputError(
                error.reason[:120],
                code="model_unknown",
                status=404,
                hint=f"This server's models: {', '.join(sorted(models)) or 'none'}.",
            )
        case ModelNotReady() | NoModelReady() | ServerNotReady() | ServerNotLive():
            return ModelError(
                "The model is not ready.",
                code="model_not_ready",
                status=503,
                hint="Try again when GET /v2/models/NAME/ready answers 200.",
            )
        case NotImplementedError() | UnsupportedProtocol():
            return InputError(
                f"This operation is not supported: {error}",
                code="not_offered",
                status=404,
                hint="Request a prediction (:predict or /infer), without a model version.",
            )
        case RequestValidationError():
            return InputError(
                "The request has no body.",
                code="body_missing",
                status=400,
                hint="Send a JSON object; with curl: -d @request.json.",
            )
        case ClientDisconnect():
            return ClientGoneError()
        case InvalidInput():
            return InputError(
                f"The request cannot be read: {error}.",
                code="request_malformed",
                status=400,
                hint="See the V1 and V2 inference protocols of KServe.",
            )
        case HTTPException() if 400 <= error.status_code <= 499:
            return _no_such_path(error)
    logger.error("a request failed", exc_info=error)
    return ModelError(
        "The server failed on this request.",
        code="internal",
        status=500,
        hint="The request looks valid. Report this to the server's operator; the server's log has "
        "the reason.",
    )


def body_for(path: str, refusal: Refusal) -> dict[str, object]:
    """Return the JSON body of a refusal in the form of the protocol that *path* belongs to.

    The Open Inference Protocol, under ``/v2``, prescribes a text under ``error``: a client such as
    tritonclient prints it. Everywhere else it is our own object.
    """
    if path.startswith("/v2"):
        return {"error": refusal.message, "code": refusal.code, "hint": refusal.hint}
    return {**refusal.as_dict()}


def passed_on(status: int, body: bytes) -> Refusal:
    """Return the error that a predictor answered with, so that it can be passed on.

    Parameters
    ----------
    status : int
        Its HTTP status, 400 or more.
    body : bytes
        Its body, in one of the forms of :func:`body_for` if the predictor is one of ours.
    """
    try:
        answer = json.loads(body)
        error = answer["error"]
        if isinstance(error, str):
            error = {**answer, "message": error}
        message, code, hint = (str(error[part]) for part in ("message", "code", "hint"))
    except (ValueError, KeyError, TypeError):
        return upstream_failed()
    if status == 404:  # the client chose neither the predictor nor the model's name there
        return upstream_failed()
    kind = InputError if status < 500 else ModelError
    return kind(message, code=code, status=status, hint=hint)


def upstream_failed() -> ModelError:
    """Return the error of a predictor that gave no answer we understand."""
    return ModelError(
        "The predictor behind this transformer failed.",
        code="predictor_failed",
        status=502,
        hint="The request looks valid. Report this to the server's operator.",
    )


def unreachable(too_slow: bool) -> ModelError:
    """Return the error of a predictor that did not answer, or not in time."""
    return ModelError(
        "The predictor behind this transformer "
        + ("did not answer in time." if too_slow else "cannot be reached."),
        code="predictor_timeout" if too_slow else "predictor_unavailable",
        status=504 if too_slow else 503,
        hint="Try again in a few seconds.",
    )


def _no_such_path(error: HTTPException) -> InputError:
    code = {404: "path_unknown", 405: "method_unknown"}.get(error.status_code, "http")
    return InputError(
        f"{error.detail}.",
        code=code,
        status=error.status_code,
        hint="POST to /v1/models/NAME:predict or /v2/models/NAME/infer; GET "
        "/v2/models/NAME/ready, /v2/health/live and /metrics.",
    )
