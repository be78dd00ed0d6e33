"""Execute several notebooks at the same time, each by the command that executes one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

from services.environment import usable_cores

FIRST = ("13_loop", "05_observability")
"""The longest: started last, they would run on when everything else has ended."""
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
    others = sorted(
        (source for source in sources if source not in alone),
        key=lambda source: source.stem not in FIRST,
    )
    failed = _pool(others, parameters, jobs)
    return int(failed or _pool(alone, parameters, 1))


def _pool(sources: Sequence[Path], parameters: Mapping[str, Any], jobs: int) -> bool:
    """Run *sources* in a pool of processes; return whether one failed."""
    options = [word for name, value in parameters.items() for word in ("-p", name, repr(value))]
    command = [sys.executable, "-m", __package__, "chapter", *options]
    # Each notebook computes on its share of the cores. More threads than cores wait for each other:
    # a training beside another notebook took four times the processor time, and longer.
    env = os.environ | {"OMP_NUM_THREADS": str(max(1, usable_cores() // jobs))}
    pool, failed = ThreadPoolExecutor(jobs), False
    try:
        # A run's progress and its errors come back as one text.
        one = partial(
            subprocess.run, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
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
