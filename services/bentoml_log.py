"""Write to a log of answers without putting an answer at risk.

``bentoml.monitor`` writes rows of JSON, a file a worker. A full disk or a folder that cannot be
written raises in it, in the middle of a request that has been answered.
"""

from __future__ import annotations

import contextvars
import functools
import logging
from collections.abc import Callable
from typing import ParamSpec

logger = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")


def write_if_possible(
    write: Callable[Arguments, None], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> None:
    """Call *write*, which uses ``bentoml.monitor``; say once what stands in its way.

    An answer is worth more than its line in a log.
    """
    try:
        # In a context of its own: bentoml.monitor leaves what an attempt that failed recorded.
        contextvars.copy_context().run(write, *args, **kwargs)
    except (OSError, ValueError) as error:
        _warn_once(str(error))


@functools.cache
def _warn_once(reason: str) -> None:
    logger.warning("Answers are not logged: %s", reason)
