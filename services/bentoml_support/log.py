"""Write to a log of answers without putting an answer at risk.

``bentoml.monitor`` writes rows of JSON, one file per worker. If the folder is not writable, it
raises an exception in the middle of a request whose answer is ready. If the disk is full, it does
not raise, but ``logging`` prints a traceback for every row.
"""

from __future__ import annotations

import contextvars
import functools
import logging
import sys
from collections.abc import Callable
from typing import ParamSpec

from bentoml.monitoring import DefaultMonitor

logger = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")


class FileMonitor(DefaultMonitor):
    """BentoML's monitor, for ``bentoml.monitor(…, monitor_class=FileMonitor)``.

    A row that cannot be written raises an exception, as :func:`write_if_possible` expects.
    """

    def _init_logger(self) -> None:
        super()._init_logger()
        for log in (self.data_logger, self.schema_logger):
            for handler in log.handlers:
                handler.handleError = _raise_again


def write_if_possible(
    write: Callable[Arguments, None], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> None:
    """Call *write*, which uses ``bentoml.monitor``; if it cannot write, log the reason once.

    An answer is worth more than its line in a log.
    """
    try:
        # In its own context: after a failed attempt bentoml.monitor leaves its record behind.
        contextvars.copy_context().run(write, *args, **kwargs)
    except (OSError, ValueError) as error:
        _warn_once(str(error))


def _raise_again(record: logging.LogRecord) -> None:
    """Raise again the error that a handler is catching, which it would only print."""
    error = sys.exception()
    assert error is not None
    raise error


@functools.cache
def _warn_once(reason: str) -> None:
    logger.warning("Answers are not logged: %s", reason)
