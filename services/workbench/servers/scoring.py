"""MLflow's own scoring server: start it with a registered model, and send requests.

::

    with scoring.server("models:/recommender_production@prod", tracking_uri) as server:
        scoring.ask(server.url, [{"user_id": 7}], top_k=3)

Chapter section 10.6 starts it with ``mlflow models serve``. Protocol:
https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx

from services.environment import build_dir
from services.workbench import servers
from services.workbench.servers import Server
from services.workbench.servers.ports import HOST

JSON = "application/json"


class ScoringError(RuntimeError):
    """The scoring server answered with an error; the message is the server's."""


@dataclass(frozen=True)
class Outcome:
    """The answer to one request, as the client sees it."""

    status: int  # the HTTP status
    message: str  # the error's message in one line; empty if the request was answered
    code: str  # this repository's code for the error, if the body has one; else MLflow's
    trace: bool  # whether the body holds a stack trace of the server
    predictions: list[Any]  # the answers; empty in case of an error


def server(
    model_uri: str,
    tracking_uri: str,
    *,
    port: int | None = None,
    env: Mapping[str, str] | None = None,
) -> Server:
    """Start ``mlflow models serve`` on 127.0.0.1 and return once it is ready.

    The model is downloaded once, at the start: if an alias in *model_uri* (``models:/name@alias``,
    ``models:/name/version`` or a folder) moves later, the server keeps serving the version that it
    has. Raises ServerError if it does not become ready.
    """
    # "local" uses this environment's packages; otherwise MLflow creates a new environment from a
    # package index. It leaves the model that it downloaded in the temporary folder.
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", model_uri]
    command += ["--env-manager", "local", "--host", HOST, "--port", "{port}", "--workers", "1"]
    build_dir().mkdir(parents=True, exist_ok=True)
    temporary = tempfile.mkdtemp(prefix="scoring-", dir=build_dir())
    try:
        running = servers.start(
            command,
            ready="/ping",
            name="mlflow-models-serve",
            port=port,
            timeout=180.0,
            env={"MLFLOW_TRACKING_URI": tracking_uri, "TMPDIR": temporary, **(env or {})},
        )
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    running.on_stop(partial(shutil.rmtree, temporary, ignore_errors=True))
    return running


def send(url: str, body: object, *, content_type: str | None = JSON) -> Outcome:
    """Post a body to ``/invocations`` of the server at *url* and return what a client gets.

    Text and bytes are sent unchanged, everything else as JSON; *content_type* None sends no header.
    """
    headers = {} if content_type is None else {"content-type": content_type}
    sent: dict[str, Any] = {"content" if isinstance(body, str | bytes) else "json": body}
    with httpx.Client(base_url=url, trust_env=False, timeout=60.0) as client:
        return outcome(client.post("/invocations", headers=headers, **sent))


def outcome(response: httpx.Response) -> Outcome:
    """Return the outcome in an answer of ``/invocations``, whatever its form."""
    try:
        found = response.json()
    except ValueError:
        found = response.text
    if not isinstance(found, dict):
        return Outcome(response.status_code, _one_line(str(found)), "", False, [])
    if response.is_success:
        return Outcome(response.status_code, "", "", False, list(found["predictions"]))
    own = found.get("error") or {}
    return Outcome(
        status=response.status_code,
        message=_one_line(own.get("message") or found.get("message", "")),
        code=own.get("code") or found.get("error_code", ""),
        trace="stack_trace" in found,
        predictions=[],
    )


def ask(
    url: str, questions: Sequence[Mapping[str, object]], *, top_k: int | None = None
) -> list[Any]:
    """Request recommendations, one record per user, and return the answers in order.

    Raises ScoringError if the server does not answer with 200.
    """
    body: dict[str, object] = {"dataframe_records": list(questions)}
    if top_k is not None:
        body["params"] = {"top_k": top_k}
    result = send(url, body)
    if result.status != httpx.codes.OK:
        raise ScoringError(f"{result.status}: {result.message}")
    return result.predictions


def _one_line(text: str) -> str:
    return " ".join(text.split())
