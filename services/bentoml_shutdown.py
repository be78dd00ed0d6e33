"""Let ``bentoml serve`` end the web servers first, and the models that they ask after them.

On SIGTERM, BentoML 1.4 ends all of a server's processes at once. The web servers answer the
requests that they have begun, but the models that those still need are ending, too, and the folder
with the models' sockets is removed before anything else. So a request that has been accepted and
is on its way from one model to the next is lost. Here that order is put right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import circus.arbiter  # type: ignore[import-untyped]
from bentoml._internal.utils.circus import Arbiter
from circus.watcher import Watcher  # type: ignore[import-untyped]
from tornado import gen

_WEB_SERVERS = ("api_server", "service")  # what BentoML calls them: its old API, and today's


def end_web_servers_first() -> None:
    """Change how this process ends a BentoML server, if it is the one that supervises it.

    Call it where a service is defined: the supervisor reads that, too. Calling it again changes
    nothing.
    """
    Arbiter.stop = _stop
    Arbiter._stop_watchers = _stop_watchers


def _stop(arbiter: Arbiter) -> Any:
    # BentoML's own method cleans up (its "exit stack"), and only then does this.
    return circus.arbiter.Arbiter.stop(arbiter)


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
