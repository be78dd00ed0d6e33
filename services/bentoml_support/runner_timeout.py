"""A short timeout for a Runner, set in code, so that nobody who serves the module can forget it."""

from __future__ import annotations

import copy

from bentoml._internal.configuration.containers import BentoMLContainer

_OPTIONS = ("batching", "logging", "metrics", "resources", "traffic", "workers_per_resource")


def set_runner_timeout(runner: str, seconds: float) -> None:
    """Limit the calls of a Runner to *seconds*, unless a shorter timeout is configured.

    BentoML's default is 900 seconds. For that long, a call that has gone wrong blocks its caller
    and keeps the Runner's process from ending on SIGTERM. The official way is a settings file
    beside the code, ``runners.NAME.traffic.timeout``, which is only read if ``BENTOML_CONFIG``
    names it.

    Call it before the Runner is made.
    """
    runners = BentoMLContainer.runners_config.get()
    if runner not in runners:
        runners[runner] = copy.deepcopy({name: runners[name] for name in _OPTIONS})
    traffic = runners[runner]["traffic"]
    traffic["timeout"] = min(traffic["timeout"], seconds)
