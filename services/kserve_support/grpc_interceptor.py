"""KServe's gRPC server on one address, with errors that say what to change and are counted.

A refusal has the status INVALID_ARGUMENT (or NOT_FOUND, PERMISSION_DENIED) and, as its details, the
message and the hint of the REST answer. That answer's body and status are trailing metadata,
``error-bin`` and ``error-status``.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from concurrent import futures
from typing import Any
from urllib.parse import unquote

import grpc
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc
from kserve.protocol.grpc.server import GRPCServer
from kserve.protocol.grpc.servicer import InferenceServicer

from services.errors import InputError
from services.http.access import Access
from services.http.asgi import FREE_BYTES, Refusal
from services.http.budget import Budget
from services.kserve_support import failures, metrics
from services.kserve_support.failures import refusal_for

METADATA, METADATA_STATUS = "error-bin", "error-status"

MAX_RPCS = 64
"""Calls that are handled at a time, probes included; gRPC refuses more before it reads them."""

PROBES = ("/ServerLive", "/ServerReady", "/ModelReady")
"""The methods that are answered without a key."""

_STATUSES = {
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


def status_of(refusal: Refusal) -> grpc.StatusCode:
    """Return the gRPC status for one of our errors."""
    otherwise = (
        grpc.StatusCode.INVALID_ARGUMENT if refusal.status < 500 else grpc.StatusCode.INTERNAL
    )
    return _STATUSES.get(refusal.status, otherwise)


def refusal_of(error: grpc.RpcError) -> Refusal:
    """Return the error that one of our servers answered with over gRPC."""
    metadata = dict(error.trailing_metadata() or ())
    if METADATA in metadata:
        return failures.passed_on(int(metadata[METADATA_STATUS]), metadata[METADATA])
    too_slow = error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    if too_slow or error.code() == grpc.StatusCode.UNAVAILABLE:
        return failures.unreachable(too_slow)
    return failures.upstream_failed()


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Turn every error into a readable answer, and count requests for a prediction.

    Parameters
    ----------
    models : callable
        Returns the names of the models.
    buffered : Budget
        The memory that all requests of the process share.
    access : Access
        Which clients are let in; the key is in the metadata ``authorization``, as in REST's header.
    """

    def __init__(self, models: Callable[[], list[str]], buffered: Budget, access: Access) -> None:
        self.models = models
        self.buffered = buffered
        self.access = access

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """Wrap the method that is called; all of this protocol's methods are unary."""
        handler = await continuation(details)
        if handler is None:
            return handler
        counted = details.method.endswith("/ModelInfer")
        is_probe = details.method.endswith(PROBES)
        key = dict(details.invocation_metadata or ()).get("authorization")

        def read(message: bytes) -> Any:
            try:
                return handler.request_deserializer(message)
            except Exception as error:  # gRPC would answer INTERNAL
                return error

        async def answer(request: Any, context: grpc.aio.ServicerContext) -> Any:
            model = getattr(request, "model_name", "")
            taken = 0
            try:
                if not is_probe:
                    self.access.check(key, _address(context.peer()))
                if isinstance(request, Exception):
                    raise _unreadable()
                size = max(0, request.ByteSize() - FREE_BYTES)
                self.buffered.take(size)
                taken = size
                response = await handler.unary_unary(request, context)
            except Exception as error:
                refusal = refusal_for(error, self.models())
                if counted:
                    metrics.not_answered(model, "grpc", refusal.status, refusal.code)
                body = json.dumps(refusal.as_dict()).encode()
                text = f"{refusal.message} {refusal.hint}"
                metadata = ((METADATA, body), (METADATA_STATUS, str(refusal.status)))
                await context.abort(status_of(refusal), text, metadata)
            finally:
                self.buffered.give(taken)
            if counted:
                metrics.answered(model, "grpc")
            return response

        return grpc.unary_unary_rpc_method_handler(answer, read, handler.response_serializer)


class GrpcServer(GRPCServer):
    """KServe's gRPC server on one address, with the :class:`ErrorInterceptor`."""

    def __init__(
        self,
        *args: Any,
        host: str,
        max_bytes: int,
        buffered: Budget,
        access: Access,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, kwargs={}, **kwargs)
        self._buffered = buffered
        self._access = access
        self._host = host
        self._max_bytes = max_bytes

    async def start(self, max_workers: int) -> None:
        """Serve until :meth:`stop` is called.

        Raises
        ------
        OSError
            If the port is taken.
        """
        models = self._data_plane.model_registry.get_models
        self._server = grpc.aio.server(
            futures.ThreadPoolExecutor(max_workers=max_workers),
            interceptors=(ErrorInterceptor(lambda: list(models()), self._buffered, self._access),),
            maximum_concurrent_rpcs=MAX_RPCS,
            options=[
                ("grpc.max_send_message_length", self._max_bytes),
                ("grpc.max_receive_message_length", self._max_bytes),
                ("grpc.so_reuseport", 0),  # or a second server would share the port unnoticed
            ],
        )
        servicer = InferenceServicer(self._data_plane, self._model_repository_extension)
        grpc_predict_v2_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, self._server)
        try:
            self._server.add_insecure_port(f"{self._host}:{self._port}")
        except RuntimeError as error:
            raise OSError(f"gRPC cannot listen on {self._host}:{self._port}") from error
        await self._server.start()
        await self._server.wait_for_termination()


def _address(peer: str) -> str:
    """Return the address in gRPC's ``ipv4:127.0.0.1:50312`` or ``ipv6:%5B::1%5D:50312``."""
    address = unquote(peer).partition(":")[2].rpartition(":")[0]
    return address.strip("[]") or peer


def _unreadable() -> InputError:
    return InputError(
        "The message is not a request of the V2 protocol.",
        code="message_invalid",
        status=400,
        hint="Generate the client from KServe's grpc_predict_v2.proto.",
    )
