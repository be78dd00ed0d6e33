"""Execute several notebooks at the same time, each by the command that executes one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

from services.environment import usable_cores

ALONE = ("14_hardware",)
"""Notebooks that measure what the machine can do: nothing else runs beside them."""


def jobs_here(sources: Sequence[Path]) -> int:
    """Return how many notebooks to run at a time: two where there are two cores to share."""
    return min(2, usable_cores(), len(sources))


def chapter(sources: Sequence[Path], parameters: Mapping[str, Any], jobs: int) -> int:
    """Execute *sources* into ``build/chapter``, *jobs* at a time; print each one's line at its end.

    After a failure no further notebook is started, and the result is 1 instead of 0.
    """
    alone = [source for source in sources if source.stem in ALONE]
    others = [source for source in sources if source not in alone]
    failed = _pool(others, parameters, jobs)
    return int(failed or _pool(alone, parameters, 1))


def _pool(sources: Sequence[Path], parameters: Mapping[str, Any], jobs: int) -> bool:
    """Run *sources* in a pool of processes; return whether one failed."""
    options = [word for name, value in parameters.items() for word in ("-p", name, repr(value))]
    command = [sys.executable, "-m", __package__, "chapter", *options]
    pool, failed = ThreadPoolExecutor(jobs), False
    try:
        # A run's progress and its errors come back as one text.
        one = partial(
            subprocess.run, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        runs = [pool.submit(one, [*command, "--only", source.stem]) for source in sources]
        for done in as_completed(runs):
            if done.cancelled():
                continue
            print(done.result().stdout, end="", flush=True)
            if done.result().returncode:
                failed = True
                pool.shutdown(wait=False, cancel_futures=True)
    finally:
        pool.shutdown(cancel_futures=True)
    return failed
