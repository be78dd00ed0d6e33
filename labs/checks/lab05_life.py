"""Lab 05, exercise 4: the life of a service, and what its probes say meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, wait
from types import MappingProxyType
from typing import Any

from labs.checks.lab05_probes import (
    PATIENCE,
    Backstage,
    OutOfMemoryError,
    aside,
    asked,
    expected,
    until,
)
from labs.engine import Context, fake_core

FOURTH = "four failed calls in a row"
PROBES = ("__is_ready__", "__is_alive__")
_STAYS = {"__is_ready__": "stays_ready", "__is_alive__": "stays_alive"}


def _begun(context: Context, answer: Any, stage: Backstage) -> Any:
    """Make the service; return it once the loading has begun."""
    where = "making the object, while load() takes its time"
    made = aside(answer, stage.load)
    wait([made], PATIENCE)
    if not made.done():
        context.fail(
            f"The constructor had not returned after {PATIENCE:g} seconds; load() was still "
            "running.",
            where=where,
            mistake="blocking",
            layer="start",
        )
    service = context.call(made.result, where=where)
    missing = [name for name in ("infer", *PROBES) if not hasattr(service, name)]
    context.expect(not missing, f"The object has no {', '.join(missing)}.", layer="schema")
    if not until(stage.loading.is_set):
        context.fail(
            f"load() was not called within {PATIENCE:g} seconds.",
            where=where,
            mistake="lazy",
            layer="start",
        )
    return service


def _probe(context: Context, service: Any, name: str, where: str) -> Any:
    """Return what a probe says, or fail if it does not answer at once."""
    said: Future[Any] = aside(asked, getattr(service, name))
    wait([said], PATIENCE)
    if not said.done():
        context.fail(
            f"{name}() had not answered after {PATIENCE:g} seconds.",
            where=where,
            mistake="probe_waits",
            layer="readiness",
        )
    return context.call(said.result, where=where)


def _probes(
    context: Context,
    service: Any,
    where: str,
    *,
    ready: bool,
    alive: bool = True,
    mistakes: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Fail unless readiness says *ready* and liveness *alive*; *mistakes* are by the probe."""
    for name, right in (("__is_ready__", ready), ("__is_alive__", alive)):
        said = context.plain(_probe(context, service, name, where), what=f"{name}()", where=where)
        if said is not right:
            context.fail(
                f"{name}() is {said!r}; {right} was expected.",
                where=where,
                mistake=mistakes.get(name) if isinstance(said, bool) else None,
                layer="readiness",
                cause="" if isinstance(said, bool) else "A probe says True or False.",
            )


def a_life(context: Context, answer: Any) -> None:
    """Let a service load, warm up, work, break, and work again."""
    with Backstage() as stage:
        service = _begun(context, answer, stage)
        young = {"__is_ready__": "always_ready", "__is_alive__": "alive_while_loading"}
        _probes(context, service, "load() is running", ready=False, mistakes=young)
        picture = stage.sent(context.picture(context.random.randint(1, 5)))
        early = aside(service.infer, picture)
        stage.may_load.set()

        def is_ready() -> bool:
            return _probe(context, service, "__is_ready__", "load() has returned") is True

        if not until(lambda: stage.warming.is_set() or is_ready()):
            context.fail(
                f"{PATIENCE:g} seconds after load() returned, the model has not been called, and "
                "__is_ready__() is not True.",
                mistake="not_warm",
                layer="readiness",
            )
        young["__is_ready__"] = "not_warm"
        where = "load() has returned, and the first call of the model is not over"
        _probes(context, service, where, ready=False, mistakes=young)
        stage.may_warm.set()
        if not until(is_ready):
            context.fail(
                f"{PATIENCE:g} seconds after the first call of the model ended, __is_ready__() is "
                "not True.",
                layer="readiness",
            )
        _probes(context, service, "the model is loaded and warm", ready=True)
        _early(context, early, picture)
        context.expect(stage.loads == 1, f"load() was called {stage.loads} times; once is enough.")
        _breaks(context, service, stage)


def _early(context: Context, early: Future[Any], picture: Any) -> None:
    where = "infer(picture) was called before the model was there"
    wait([early], PATIENCE)
    if not early.done():
        context.fail("It did not return when the model was ready.", where=where, layer="request")
    got = context.call(early.result, where=where, because="early")
    want = fake_core.boxes(picture)
    context.same(got, want, what="infer(picture)", where=where, mistakes=[("early", None)])


def _breaks(context: Context, service: Any, stage: Backstage) -> None:
    """Let the model fail and work again, and ask both probes after each call."""
    too_early = dict.fromkeys(PROBES, "first_failure")
    total = dict.fromkeys(PROBES, "in_total")
    again = dict.fromkeys(PROBES, "never_again")
    plan: list[tuple[bool, bool, str, dict[str, str]]] = [
        (True, True, "a call that went well", {}),
        (False, True, "one failed call", too_early),
        (False, True, "two failed calls in a row", too_early),
        (True, True, "two failed calls, then one that went well", total),
        (False, True, "two failed calls, a good one, a failed one", total),
        (False, True, "two failed calls, a good one, two failed ones", total),
        (False, False, "three failed calls in a row", _STAYS),
        (False, False, FOURTH, _STAYS),
        (True, True, "four failed calls, then one that went well", again),
    ]
    before = stage.asked
    for works, well, where, mistakes in plan:
        _call(context, service, stage, works, where)
        _probes(context, service, where, ready=well, alive=well, mistakes=mistakes)
    context.expect(
        stage.asked - before == len(plan),
        f"The model was asked {stage.asked - before} times for {len(plan)} pictures.",
        cause="Ask it once for each picture: neither again, nor not at all.",
    )


def _call(context: Context, service: Any, stage: Backstage, works: bool, where: str) -> None:
    """Send a picture to a model that works, or that raises."""
    stage.broken = not works
    picture = stage.sent(context.picture(context.random.randint(1, 5)))
    if works:
        got = context.call(service.infer, picture, where=where)
        context.same(got, fake_core.boxes(picture), what="infer(picture)", where=where)
        return
    before = stage.asked
    try:
        got = service.infer(picture)
    except Exception as error:
        if stage.asked == before and where == FOURTH:
            differs = f"infer raised {type(error).__name__}, and the model was not asked."
            context.fail(differs, where=where, mistake="gives_up")
        if isinstance(error, OutOfMemoryError):
            return
        wrapped = isinstance(error.__cause__, OutOfMemoryError)
        mistake = "another_error" if wrapped else None
        raise context.raised(error, where=where, because=mistake) from error
    context.fail(
        f"The model raised, and infer returned {type(got).__name__}.",
        where=where,
        mistake="swallowed",
    )


def a_short_life(context: Context, answer: Any) -> None:
    """Let the very first calls of a service fail."""
    with Backstage() as stage:
        service = _begun(context, answer, stage)
        stage.may_load.set()
        stage.may_warm.set()
        until(lambda: _probe(context, service, "__is_ready__", "load() has returned") is True)
        for count in (1, 2, 3):
            where = f"the first {count} calls failed" if count > 1 else "the first call failed"
            _call(context, service, stage, False, where)
            well, early = count < 3, dict.fromkeys(PROBES, "first_failure")
            mistakes = early if well else _STAYS
            _probes(context, service, where, ready=well, alive=well, mistakes=mistakes)


def a_failed_start(
    context: Context,
    answer: Any,
    where: str,
    load_error: Exception | None = None,
    warm_error: Exception | None = None,
) -> None:
    """Let the loading, or the first call of the model, raise."""
    with expected(load_error or warm_error), Backstage() as stage:
        stage.load_error, stage.warm_error = load_error, warm_error
        service = _begun(context, answer, stage)
        stage.may_load.set()
        stage.may_warm.set()
        until(lambda: _probe(context, service, "__is_alive__", where) is False)
        failed = {"__is_ready__": "always_ready", "__is_alive__": "load_failed"}
        _probes(context, service, where, ready=False, alive=False, mistakes=failed)
