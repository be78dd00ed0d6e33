"""Who may send requests, and how many: the middleware in front of every adapter.

Both checks are off until the environment turns them on; see :mod:`services.http.api_key` and
:mod:`services.http.rate_limit`. Health and readiness probes are always answered.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from services.errors import InputError
from services.http.api_key import ApiKeys
from services.http.asgi import (
    App,
    BodyFor,
    OnRefusal,
    Receive,
    Scope,
    Send,
    discard_body,
    header,
    ignore_refusal,
    send_refusal,
    usual_body,
)
from services.http.rate_limit import RateLimit, client_of

PROBES = re.compile(
    r"/(?:livez|readyz|healthz|health|v2/health/(?:live|ready)|v2/models/[^/]+/ready)"
)
"""The paths that a cluster probes without a key."""

DRAINED = 32 * 2**20
"""How much of a refused body is read, in bytes: a client still sending would miss the answer."""

CLIENT = "serving_labs.client"
"""The scope's field that names the client that was let in: by its key, or by its address."""


class Access:
    """Which clients a server lets in, and how often.

    Parameters
    ----------
    keys : ApiKeys, optional
        None: everybody may send requests.
    limit : RateLimit, optional
        None: as many as the server can answer.
    """

    def __init__(self, keys: ApiKeys | None = None, limit: RateLimit | None = None) -> None:
        self.keys = keys
        self.limit = limit

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Access:
        """Return the access rules that the environment sets.

        Raises
        ------
        OSError, ValueError
            As the two checks do.
        """
        return cls(ApiKeys.from_environment(environment), RateLimit.from_environment(environment))

    def check(self, authorization: str | None, address: str) -> str:
        """Let one request in; return the client that it is counted for, a key or an address.

        Raises
        ------
        UnauthorizedError, RateLimitedError
            If it is not let in.
        """
        client = client_of(address) if self.keys is None else self.keys.check(authorization)
        if self.limit is not None:
            self.limit.take(client)
        return client


class AccessMiddleware:
    """ASGI middleware: let in what *access* lets in, and every probe.

    A request that has passed such a middleware passes others untouched, and is counted once.

    Parameters
    ----------
    app : ASGI application
    access : Access, optional
        The access rules; those of the environment if not given.
    on_refusal : callable
        Called with each refusal, to count it.
    body_for : callable
        As for :class:`~services.http.asgi.BodyLimit`.
    """

    def __init__(
        self,
        app: App,
        *,
        access: Access | None = None,
        on_refusal: OnRefusal = ignore_refusal,
        body_for: BodyFor = usual_body,
    ) -> None:
        self.app = app
        self.access = access or Access.from_environment()
        self.on_refusal = on_refusal
        self.body_for = body_for

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; see the ASGI specification."""
        if scope["type"] == "websocket" and self.access.keys:  # no service here has any
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http" or CLIENT in scope or _is_probe(scope):
            await self.app(scope, receive, send)
            return
        try:
            address = (scope.get("client") or ("unknown",))[0]
            client = self.access.check(header(scope, b"authorization"), address)
        except InputError as refusal:
            self.on_refusal(refusal)
            if header(scope, b"expect") is None:
                await discard_body(receive, max_bytes=DRAINED, seconds=5.0)
            await send_refusal(refusal, send, self.body_for(scope["path"], refusal))
            return
        await self.app({**scope, CLIENT: client}, receive, send)


def _is_probe(scope: Scope) -> bool:
    return scope["method"] in ("GET", "HEAD") and bool(PROBES.fullmatch(scope["path"]))
