"""Keep an idle connection between services from being closed just as it is used again.

A service closes connections that have been idle for five seconds. In BentoML 1.4.39 its callers
keep theirs for fifteen, so a request may be sent on a connection that is being closed. To the
caller that looks exactly like a process that the request killed, and repeating such a request would
kill the next process, too. There is no setting for the idle time. So callers here drop idle
connections first, and a lost connection is never a reason to repeat a request.
"""

from __future__ import annotations

import aiohttp
from _bentoml_impl.client.proxy2 import SessionManager  # type: ignore[import-untyped]

IDLE_SECONDS = 2.0
"""How long a caller keeps an idle connection, in seconds: well below the five of the service."""

_make_client = SessionManager._make_client


def drop_idle_connections() -> None:
    """Make this process drop idle connections to the services it depends on before they do.

    Call it where a service is defined that others depend on. Calling it again changes nothing.
    """
    SessionManager._make_client = _with_short_idle_time


def _with_short_idle_time(manager: SessionManager) -> aiohttp.ClientSession:
    session = _make_client(manager)
    session.connector._keepalive_timeout = IDLE_SECONDS
    return session
