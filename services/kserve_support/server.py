"""Serve a model with :class:`kserve.ModelServer`: local, guarded, with an orderly shutdown.

What is changed about KServe 0.21's server, and why:

- It listens on all addresses. Here it listens on 127.0.0.1, unless ``--host`` or
  ``SERVING_LABS_HOST`` names another; in a container it must be 0.0.0.0.
- Anybody may unload the model with one POST. Here that is refused; and ``/v2/health/ready``
  checks the models.
- On SIGTERM the model is unloaded while requests for it are still coming in by gRPC. Here both
  servers stop accepting requests, answer those that they have, and then the process ends.
- Requests queue without limit. Here at most :data:`MAX_WAITING` queue; further ones get a 503.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from cloudevents.sdk.converters.util import has_binary_headers
from kserve import logging as kserve_logging
from kserve import model_server
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.utils.inference_client_factory import InferenceClientFactory

from services.errors import InputError, ModelError
from services.http.access import Access
from services.http.asgi import body_budget
from services.kserve_support import (
    InferRequest,
    Model,
    ModelServer,
    PredictorConfig,
    metrics,
    setting,
)
from services.kserve_support.grpc_interceptor import GrpcServer
from services.kserve_support.rest import RestServer
from services.kserve_support.wire import read_json, read_request

MAX_WAITING = 32
"""How many requests the models may hold at a time, including those that wait for a thread."""

GRACE = 8
"""Seconds after SIGTERM within which the requests in progress must be answered."""

MAX_BYTES = 30 * 1024 * 1024
"""The largest request: in base64, an image of 20 MiB becomes a text of 27 MiB."""

logger = logging.getLogger("kserve")


def parser(description: str, *, model_name: str) -> argparse.ArgumentParser:
    """Return a parser of KServe's own arguments and ours; unknown ones are errors.

    Parameters
    ----------
    description : str
        For ``--help``.
    model_name : str
        The default of ``--model_name``.
    """
    made = argparse.ArgumentParser(
        description=description, parents=[model_server.parser], allow_abbrev=False
    )
    made.add_argument(
        "--host",
        default=setting("HOST", "127.0.0.1"),
        help="The address to listen on; in a container 0.0.0.0. ($SERVING_LABS_HOST)",
    )
    made.set_defaults(model_name=model_name, enable_latency_logging=False)
    return made


class GuardedDataPlane(DataPlane):
    """KServe's data plane, the layer between the protocols and the models."""

    closing = False
    _waiting = 0

    async def ready(self) -> bool:
        """Say whether requests would be answered, by every model."""
        models = list(self.model_registry.get_models().values())
        healthy = [await model.healthy() for model in models]
        return not self.closing and bool(models) and all(healthy) and await super().ready()

    async def model_ready(
        self, model_name: str, disable_predictor_health_check: bool = False
    ) -> bool:
        """Say whether a model is ready; KServe also calls this before each prediction."""
        probed = not disable_predictor_health_check
        ready: bool = await super().model_ready(model_name, disable_predictor_health_check)
        return ready and not (probed and self.closing)

    def decode(
        self,
        body: bytes,
        headers: Mapping[str, str],
        protocol_version: str = "v1",
        model_name: str | None = None,
    ) -> tuple[dict[str, Any] | InferRequest, dict[str, Any]]:
        """Read a REST request; see :mod:`services.kserve_support.wire`."""
        if protocol_version == "v2":
            return read_request(body, headers, model_name or ""), {}
        if not has_binary_headers(headers):
            return read_json(body), {}
        try:  # a CloudEvent with its attributes in headers
            fields, attributes = super().decode(body, headers)
            return read_json(body) if isinstance(fields, bytes) else dict(fields), attributes
        except Exception as error:
            raise InputError(
                f"The CloudEvent cannot be read: {str(error).rstrip('.')}.",
                code="cloud_event",
                status=400,
                hint='Its data must be a V1 request in JSON: {"instances": […]}.',
            ) from None

    async def infer(self, model_name: str, request: Any, **kwargs: Any) -> Any:
        """Call a model, unless too many requests are waiting already."""
        if getattr(request, "model_version", None):
            raise NotImplementedError("Model versioning not supported yet.")  # as by REST
        if self._waiting >= MAX_WAITING:
            raise ModelError(
                f"The server is busy: {MAX_WAITING} requests are already waiting.",
                code="overloaded",
                status=503,
                hint="Try again in a second, and send fewer at a time.",
            )
        self._waiting += 1
        try:
            return await super().infer(model_name, request, **kwargs)
        finally:
            self._waiting -= 1


class ClosedRepository(ModelRepositoryExtension):
    """The repository extension of V2, which lets anybody load and unload models; refused here."""

    async def load(self, model_name: str) -> dict[str, object]:
        """Refuse it; KServe's gRPC server reads the answer of both."""
        raise InputError(
            "This server does not load or unload models on request.",
            code="repository_closed",
            status=403,
            hint="Deploy another version instead.",
        )

    unload = load


class Server(ModelServer):
    """A :class:`kserve.ModelServer` with the changes that the module's docstring lists.

    Parameters
    ----------
    options : argparse.Namespace
        What the :func:`parser` made of the program's arguments.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        if options.log_config_file:
            kserve_logging.configure_logging(options.log_config_file)
        super().__init__(
            http_port=options.http_port,
            grpc_port=options.grpc_port,
            enable_grpc=options.enable_grpc,
            enable_docs_url=options.enable_docs_url,
            enable_latency_logging=options.enable_latency_logging,
            timeout_keep_alive=options.timeout_keep_alive,
            grace_period=GRACE,
            predictor_config=PredictorConfig(
                predictor_host=options.predictor_host,
                predictor_protocol=options.predictor_protocol,
                predictor_use_ssl=options.predictor_use_ssl,
                predictor_request_timeout_seconds=options.predictor_request_timeout_seconds,
                predictor_request_retries=options.predictor_request_retries,
                predictor_health_check=options.enable_predictor_health_check,
            ),
            ssl_certfile=options.ssl_certfile,
            ssl_keyfile=options.ssl_keyfile,
        )
        logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
        # Its client logs a traceback whenever a predictor refuses; the answer already says why.
        logging.getLogger("kserve.trace").setLevel(logging.CRITICAL)
        self.buffered = body_budget()
        self.access = Access.from_environment()
        self.dataplane = GuardedDataPlane(self.registered_models)
        self.model_repository_extension = ClosedRepository(self.registered_models)

    def register(self, models: Sequence[Model]) -> RestServer:
        """Register models that are loaded, and return the REST server for them, not started.

        Raises
        ------
        kserve.errors.NoModelReady
            If none is loaded.
        """
        self._register_and_check_atleast_one_model_is_ready(list(models))
        metrics.register([model.name for model in models])
        return RestServer(
            self.dataplane,
            self.model_repository_extension,
            self.http_port,
            grace_period=self.grace_period,
            timeout_keep_alive=self.timeout_keep_alive,
            ssl_certfile=self.ssl_certfile,
            ssl_keyfile=self.ssl_keyfile,
            host=self.options.host,
            docs=self.enable_docs_url,
            max_bytes=MAX_BYTES,
            buffered=self.buffered,
            access=self.access,
        )

    def start(self, models: Sequence[Model]) -> None:
        """Serve *models* until SIGTERM or SIGINT, and answer what has been accepted by then."""
        asyncio.run(self._run(self.register(models)))

    async def _run(self, rest: RestServer) -> None:
        rest.bind()
        loop = asyncio.get_running_loop()
        asked_to_stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, asked_to_stop.set)
        self._grpc_server = GrpcServer(
            self.grpc_port,
            self.dataplane,
            self.model_repository_extension,
            grace_period=self.grace_period,
            host=self.options.host,
            max_bytes=MAX_BYTES,
            buffered=self.buffered,
            access=self.access,
        )
        serving = [asyncio.create_task(rest.start())]
        if self.enable_grpc:
            serving.append(asyncio.create_task(self._grpc_server.start(self.max_threads)))
        stopping = asyncio.create_task(asked_to_stop.wait())
        await asyncio.wait([*serving, stopping], return_when=asyncio.FIRST_COMPLETED)
        self.dataplane.closing = True
        logger.info("Answering the requests in progress, then stopping")
        rest.stop()
        await self._grpc_server.stop()
        stopping.cancel()
        await asyncio.gather(*serving)  # raises the error of a server that failed to start
        await InferenceClientFactory().close()


def serve(model: Model, options: argparse.Namespace) -> None:
    """Load *model* and serve it; return after SIGTERM.

    Raises
    ------
    SystemExit
        With the reason, if the model cannot be loaded or the options do not fit.
    """
    # KServe uses that class for V1, and would log the warning at the first request.
    warnings.filterwarnings("ignore", message="ORJSONResponse is deprecated")
    if options.workers > 1:
        raise SystemExit(
            "--workers: only 1 works; raise the number of replicas in the InferenceService"
        )
    if options.access_log_format:
        raise SystemExit("--access_log_format: requests are counted here, not logged; see /metrics")
    try:
        model.load()
    except (OSError, ValueError) as error:
        raise SystemExit(f"the model {model.name!r} cannot be loaded: {error}") from error
    try:
        Server(options).start([model])
    except OSError as error:
        raise SystemExit(f"the server ended: {error}") from error
