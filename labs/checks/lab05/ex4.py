"""lab05.ex4: Probes that tell the truth."""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait
from typing import Any

from labs.checks.lab05.probes import (
    PATIENCE,
    Backstage,
    OutOfMemoryError,
    aside,
    asked,
    expected,
    short_waits_elapse,
    until,
)
from labs.checks.lab05.service import BLANK
from labs.engine import Context, fake_core

_READY, _ALIVE = _PROBES = ("__is_ready__", "__is_alive__")


def check(context: Context, service_class: Any) -> None:
    """Take services through their lives: loading, warming up, working, broken, working again."""
    _life(context, service_class)
    _many_calls(context, service_class)
    _failed_start(context, service_class, "load() raised", load_error=OSError("no weights"))
    where = "the first call of the model raised"
    _failed_start(context, service_class, where, warm_error=OutOfMemoryError("full"))
    context.note(states="loading, warming up, ready, broken, working again, failed at start")


def _life(context: Context, service_class: Any) -> None:
    """Let one service load, warm up, work, break and work again, beside another that is well."""
    with Backstage() as other_stage, Backstage() as stage:
        service = _started(context, service_class, stage)
        other = _loaded(
            context,
            service_class,
            other_stage,
            "Another CardService is still loading: do not share threads between the two.",
        )
        loading = {_ALIVE: "alive_while_loading"}
        _probes(context, service, "load() is running", ready=False, mistakes=loading)
        image = stage.sent(context.picture(context.random.randint(1, 5)))
        with short_waits_elapse():  # loading takes some seconds
            early = aside(service.infer, image)
            until(early.done, seconds=0.5)
        stage.may_load.set()
        until(lambda: stage.warming.is_set() or _is_ready(context, service))
        where = "load() has returned, and the first call of the model is not over"
        warming = loading | {_READY: "not_warm"}
        _probes(context, service, where, ready=False, mistakes=warming)
        stage.may_warm.set()
        until(lambda: _is_ready(context, service))
        _probes(context, service, "the model is loaded and warm", ready=True)
        _early(context, early, image)
        right = len(stage.warm_ups) == 1 and stage.warm_ups[0] is BLANK
        context.expect(right, "The warm-up is not one call model(BLANK).")
        context.expect(stage.loads == 1, f"load() was called {stage.loads} times, not once.")
        _breaks(context, service, stage, other)
        other_stage.broken = True  # it has not answered a call yet
        for n in (1, 2, 3):
            where = f"the very first {n} calls failed" if n > 1 else "the very first call failed"
            _call(context, other, other_stage, False, where)
            _probes(context, other, where, ready=n < 3, alive=n < 3)


def _started(context: Context, service_class: Any, stage: Backstage, cause: str = "") -> Any:
    """Make the service; return it once the loading has started, which *cause* may prevent."""
    where = "making the object, while load() is running"
    made = aside(service_class, stage.load)
    wait([made], PATIENCE)
    context.expect(
        made.done(),
        f"The constructor had not returned after {PATIENCE:g} seconds; load() was still running.",
        where=where,
        mistake="blocking",
        layer="start",
    )
    service = context.call(made.result, where=where)
    missing = [name for name in ("infer", *_PROBES) if not hasattr(service, name)]
    context.expect(not missing, f"The object has no {', '.join(missing)}.", layer="schema")
    context.expect(
        until(stage.loading.is_set),
        f"load() was not called within {PATIENCE:g} seconds.",
        where=where,
        layer="start",
        cause=cause,
    )
    return service


def _loaded(context: Context, service_class: Any, stage: Backstage, cause: str = "") -> Any:
    """Return a service whose model is loaded and warm."""
    stage.may_load.set()
    stage.may_warm.set()
    service = _started(context, service_class, stage, cause)
    until(lambda: _is_ready(context, service))
    _probes(context, service, "the model is loaded and warm", ready=True)
    return service


def _is_ready(context: Context, service: Any) -> bool:
    return _probe(context, service, _READY, "load() has returned") is True


def _probe(context: Context, service: Any, name: str, where: str) -> Any:
    """Return what a probe says, or fail if it does not answer at once."""
    said: Future[Any] = aside(asked, getattr(service, name))
    wait([said], PATIENCE)
    context.expect(
        said.done(),
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
    mistakes: dict[str, str] | None = None,
) -> None:
    """Fail unless readiness says *ready* and liveness *alive*; *mistakes* are by the probe."""
    for name, right in ((_READY, ready), (_ALIVE, alive)):
        said = context.plain(_probe(context, service, name, where), what=f"{name}()", where=where)
        context.expect(
            said is right,
            f"{name}() is {said!r}; {right} was expected.",
            where=where,
            mistake=(mistakes or {}).get(name) if isinstance(said, bool) else None,
            layer="readiness",
            cause="" if isinstance(said, bool) else "A probe returns True or False.",
        )


def _early(context: Context, early: Future[Any], image: Any) -> None:
    where = "infer(picture) was called before the model was loaded"
    wait([early], PATIENCE)
    context.expect(
        early.done(), "It did not return when the model was ready.", where=where, layer="request"
    )
    got = context.call(early.result, where=where)
    context.same(got, fake_core.boxes(image), what="infer(picture)", where=where)


def _breaks(context: Context, service: Any, stage: Backstage, other: Any) -> None:
    """Let the model fail and work again, and ask both probes after each call; *other* is well."""
    total = dict.fromkeys(_PROBES, "in_total")
    plan: list[tuple[bool, bool, str, dict[str, str]]] = [
        (False, True, "the first call failed", {}),
        (False, True, "the first two calls failed", {}),
        (True, True, "two failed calls, then one that worked", {}),
        (False, True, "two failed calls, a good one, a failed one", total),
        (False, True, "two failed calls, a good one, two failed ones", total),
        (False, False, "three failed calls in a row", {}),
        (False, False, "four failed calls in a row", {}),
        (True, True, "four failed calls, then one that worked", {}),
    ]
    before = stage.asked
    for works, well, where, mistakes in plan:
        stage.broken = not works
        _call(context, service, stage, works, where)
        _probes(context, service, where, ready=well, alive=well, mistakes=mistakes)
        _probes(context, other, f"another CardService: {where}", ready=True)
    context.expect(
        stage.asked - before == len(plan),
        f"The model was called {stage.asked - before} times for {len(plan)} images.",
        cause="Call it once for each image, even while it is broken.",
    )


def _call(context: Context, service: Any, stage: Backstage, works: bool, where: str) -> None:
    """Send an image to a model that works, or that raises."""
    image = stage.sent(context.picture(context.random.randint(1, 5)))
    if works:
        got = context.call(service.infer, image, where=where)
        context.same(got, fake_core.boxes(image), what="infer(picture)", where=where)
        return
    try:
        got = service.infer(image)
    except Exception as error:
        if type(error) is type(stage.raised):
            return
        raise context.raised(error, where=f"{where}; the model raised another one") from error
    context.fail(f"The model raised, and infer returned {type(got).__name__}.", where=where)


def _many_calls(context: Context, service_class: Any) -> None:
    """Let two calls be in the model at once, and ask the probes meanwhile."""
    where = "two calls of infer at the same time"
    with Backstage() as stage:
        service = _loaded(context, service_class, stage)
        stage.together = threading.Barrier(3)
        images = [stage.sent(context.picture(n)) for n in (1, 2)]
        calls = [aside(service.infer, image) for image in images]
        met = until(lambda: stage.together is not None and stage.together.n_waiting == 2)
        context.expect(met, "The second call waits for the first one.", where=where)
        _probes(context, service, "two calls are in the model", ready=True)
        stage.together.wait(PATIENCE)
        wait(calls, PATIENCE)
        for image, call in zip(images, calls, strict=True):
            context.expect(call.done(), "A call does not return.", where=where, layer="request")
            got = context.call(call.result, where=where)
            context.same(got, fake_core.boxes(image), what="infer(picture)", where=where)


def _failed_start(
    context: Context,
    service_class: Any,
    where: str,
    load_error: Exception | None = None,
    warm_error: Exception | None = None,
) -> None:
    """Let the loading, or the first call of the model, raise."""
    with expected(load_error or warm_error), Backstage() as stage:
        stage.load_error, stage.warm_error = load_error, warm_error
        service = _started(context, service_class, stage)
        stage.may_load.set()
        stage.may_warm.set()
        until(lambda: _probe(context, service, _ALIVE, where) is False)
        failed = {_ALIVE: "load_failed"}
        _probes(context, service, where, ready=False, alive=False, mistakes=failed)
        call = aside(service.infer, stage.sent(context.picture(1)))
        wait([call], PATIENCE)
        context.expect(
            call.done() and (call.exception() is not None or load_error is None),
            "infer(picture) returned." if call.done() else "infer(picture) waits for ever.",
            where=where,
            layer="request",
            cause="There will never be a model: infer has to raise.",
        )
        _probes(context, service, f"{where}; infer was called later", ready=False, alive=False)
