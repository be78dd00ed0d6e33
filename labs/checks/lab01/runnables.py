"""What exercises 2 and 5 require of a Runnable, besides its answers."""

from __future__ import annotations

import inspect
from typing import Any

import bentoml

from labs.checks.detections import made_from_environment
from labs.engine import Context, fake_core


def runner_of(context: Context, runnable: Any, calls: fake_core.Calls) -> Any:
    """Return a Runner of the learner's Runnable, started in this process."""
    if not (inspect.isclass(runnable) and issubclass(runnable, bentoml.legacy.Runnable)):
        context.fail("It is not a subclass of bentoml.legacy.Runnable.", layer="import")
    _require_attributes(context, runnable)
    where = "when a Runner is created from the class"
    try:
        runner = bentoml.legacy.Runner(runnable, name="lab01")
        names = [method.name for method in runner.runner_methods]
    except Exception as error:
        if "has no methods" not in str(error):
            raise context.raised(error, where=where) from error
        names = []
    if "inference" not in names:
        context.fail(
            f"The Runner has no method 'inference'. Its methods: {', '.join(names) or 'none'}.",
            where=where,
            mistake=_declared(context, "not_marked") if hasattr(runnable, "inference") else None,
            layer="start",
        )
    with made_from_environment(context, calls):
        context.call(runner.init_local, quiet=True, where="when the Runnable is created")
    return runner


def _require_attributes(context: Context, runnable: Any) -> None:
    """Fail unless the class has what BentoML reads before it plans its processes."""
    resources = getattr(runnable, "SUPPORTED_RESOURCES", None)
    if not isinstance(resources, list | tuple) or list(resources) != ["cpu"]:
        context.fail(
            f"SUPPORTED_RESOURCES is {resources!r}; ('cpu',) was expected.",
            mistake=None if resources else _declared(context, "no_resources"),
            layer="start",
        )
    threads = getattr(runnable, "SUPPORTS_CPU_MULTI_THREADING", None)
    if threads is not False:
        context.fail(
            f"SUPPORTS_CPU_MULTI_THREADING is {threads!r}; False was expected.",
            mistake=_declared(context, "one_process") if threads else None,
            layer="start",
        )


def _declared(context: Context, mistake: str) -> str | None:
    """Return a mistake of exercise 2 where the exercise names it; exercise 5 names others."""
    return mistake if mistake in context.exercise.mistakes else None


def config_of(runner: Any) -> Any:
    """Return how the method ``inference`` of a Runner is marked."""
    return next(m.config for m in runner.runner_methods if m.name == "inference")
