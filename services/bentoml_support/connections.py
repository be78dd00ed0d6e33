"""Let no connection to another service be lost but by a fault.

A service closes connections that were idle for five seconds; in BentoML 1.4.39 its callers keep
theirs for fifteen, so a request may be on its way on a connection that is being closed. That looks
exactly like a process that died of the request, and to repeat such a request would end the next
process, too. There is no setting for it. So callers drop their connections first, and a lost
connection is never a reason to repeat.
"""

from __future__ import annotations

import aiohttp
from _bentoml_impl.client.proxy2 import SessionManager  # type: ignore[import-untyped]

IDLE_SECONDS = 2.0
"""How long a caller keeps an idle connection, in seconds: well below the five of the service."""

_make_client = SessionManager._make_client


def drop_idle_connections() -> None:
    """Let this process drop idle connections to the services that it depends on before they do.

    Call it where a service is defined that others depend on. Calling it again changes nothing.
    """
    SessionManager._make_client = _with_short_idle_time


def _with_short_idle_time(manager: SessionManager) -> aiohttp.ClientSession:
    session = _make_client(manager)
    session.connector._keepalive_timeout = IDLE_SECONDS
    return session
