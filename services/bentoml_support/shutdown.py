"""Shut ``bentoml serve`` down in order: first its port, then the web servers, then their models.

On SIGTERM, BentoML 1.4 ends all of a server's processes at once, and keeps its port open until the
last one has ended. So new clients connect, hang, and are reset. The web servers finish the requests
that they have begun, but the models that these still need are ending, too. The folder with the
models' sockets is even removed first, so a request on its way from one model to the next is lost.
This module corrects the order. Before it shuts the port down, it lets the web servers accept the
clients that have connected: these would be reset, too.

If the supervisor is killed by a signal that it cannot catch, BentoML's workers keep running and
hold the port. Here they end, too.
"""

from __future__ import annotations

import contextlib
import ctypes
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import circus.arbiter  # type: ignore[import-untyped]
from bentoml._internal.utils.circus import Arbiter
from circus.watcher import Watcher  # type: ignore[import-untyped]
from tornado import gen

_WEB_SERVERS = ("api_server", "service")  # what BentoML calls them: its old API, and today's
_WORKERS = ("_bentoml_impl.worker.", "bentoml_cli.worker.")  # the modules that they run
_PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>
_PORT = "_bento_api_server"  # and the socket that they share
_ACCEPT_SECONDS = 1.0  # at most, for clients that have connected


def end_in_order() -> None:
    """Change how this process ends a BentoML server, if it is the one that supervises it.

    A worker process will get SIGTERM when its supervisor ends, whatever the cause.

    Call it where a service is defined: the supervisor imports that module, too. Calling it again
    changes nothing.
    """
    Arbiter.stop = _stop
    Arbiter._stop_watchers = _stop_watchers
    if _is_worker():
        _end_with_parent()


def _is_worker() -> bool:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec is not None and spec.name.startswith(_WORKERS)


def _end_with_parent() -> None:
    """Have the kernel send SIGTERM when the parent dies; only Linux can."""
    if sys.platform != "linux":
        return
    # A parent process ID of 1 proves nothing: in a container that is the supervisor itself.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _stop(arbiter: Arbiter) -> Any:
    port = arbiter.sockets.get(_PORT)
    if port is not None:
        _let_accept(port)
        # Closing it is not enough: every process has a copy. This shuts it down for all of them.
        with contextlib.suppress(OSError):
            port.shutdown(socket.SHUT_RDWR)
    # BentoML's own method would clean up (its "exit stack") before it does this.
    return circus.arbiter.Arbiter.stop(arbiter)


def _let_accept(port: socket.socket) -> None:
    """Wait until the web servers have accepted who has connected; only Linux tells."""
    if sys.platform != "linux":
        return
    deadline = time.monotonic() + _ACCEPT_SECONDS
    while time.monotonic() < deadline:
        # Of a listening socket, TCP_INFO gives the connections not yet accepted as "unacked".
        info = port.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
        if struct.unpack_from("I", info, 24)[0] == 0:
            return
        time.sleep(0.005)


@gen.coroutine
def _stop_watchers(
    arbiter: Arbiter,
    close_output_streams: bool = False,
    watcher_iter_func: Callable[..., list[Watcher]] | None = None,
) -> Iterator[Any]:
    """Stop the groups of processes, the web servers before the others; then clean up."""
    watchers = (watcher_iter_func or arbiter.iter_watchers)(reverse=False)
    web_servers = [watcher for watcher in watchers if watcher.name in _WEB_SERVERS]
    models = [watcher for watcher in watchers if watcher not in web_servers]
    for group in (web_servers, models):
        yield gen.multi([watcher._stop(close_output_streams) for watcher in group])
    if arbiter._stopping:  # and not restarting
        arbiter.exit_stack.__exit__(None, None, None)
