"""lab04.ex5: Open challenge: no answer lost."""

from __future__ import annotations

import asyncio
import gc
import inspect
import math
from collections import Counter
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

from labs.checks import stubs
from labs.engine import Context
from services.workbench.show import one_line

_CLIENTS = 240
_FASTER = 3.0
_NAMES = ("model_a", "model_b")

_OTHER_LOOP = "different event loop"  # in the error of an object from a Front of an earlier round

Requests = list[tuple[str, Any]]


def check(context: Context, front_class: Any) -> None:
    """Send many clients through a ``Front``, and count what comes back."""
    if not inspect.isclass(front_class):
        context.fail(f"Front is a {type(front_class).__name__}, not a class.", layer="import")
    start = context.random.randrange(10**6)
    users = [f"user-{start + n}" for n in range(_CLIENTS)]
    requests = _requests(context, users)
    versions = {user: _NAMES[n % 2] for n, user in enumerate(users)}
    seed = context.random.getrandbits(32)
    where = f"{_CLIENTS} clients at once"

    models = _models(requests, seed)
    got, seconds = _run(context, _all_at_once(front_class, models, versions, requests), where)
    _none_lost(context, got, versions, requests, models, where)
    alone = stubs.run(_one_by_one(_models(requests, seed), versions, requests))
    ratio = alone / seconds if seconds > 0 else math.inf
    context.note(wrong_or_lost=f"0 of {_CLIENTS}", times_as_fast_as_one_by_one=f"{ratio:.1f}")
    context.expect(math.isfinite(ratio), "All answers came before any time passed.", where=where)
    context.expect(
        ratio >= _FASTER,
        f"You answer {ratio:.1f} times as many requests per second as with one call after the "
        f"other; {_FASTER:g} times are required.",
        where=where,
        mistake="one_by_one",
    )
    # First the clients that go away: an answer that catches even CancelledError never ends below.
    _clients_go_away(context, front_class, versions, requests[:48], _models(requests, seed))
    _users_return(context, front_class, versions, users[:12], _models(requests, seed))
    _two_fronts(context, front_class, versions, requests[:24], _models(requests, seed))


def _requests(context: Context, users: list[str]) -> Requests:
    """Return each user with an image; one user of each version sends the same image."""
    images = [context.numbers.integers(0, 256, (4, 4)) for _ in users[::2]]
    return list(zip(users, [image for image in images for _ in range(2)], strict=True))


def _models(requests: Requests, seed: int) -> dict[str, stubs.RemoteModel]:
    """Return fresh models; they cut the first calls with two of the images, several in a row."""
    unlucky = [requests[n][1] for n in (20, 200)]
    return {name: stubs.RemoteModel(name, seed + n, unlucky) for n, name in enumerate(_NAMES)}


def _front(front_class: Any, models: Any, versions: dict[str, str]) -> Any:
    """Make a Front by the arguments' names, or in their order if it calls them otherwise."""
    named: dict[str, Any] = {"models": models, "choose": versions.__getitem__}
    try:
        inspect.signature(front_class).bind(**named)
    except (TypeError, ValueError):
        return front_class(*named.values())
    return front_class(**named)


def _run(context: Context, work: Coroutine[Any, Any, Any], where: str, **options: Any) -> Any:
    """Run *work* on a fake clock; *options* say what it means if it never ends."""
    stuck = object()

    def run() -> Any:
        try:
            return stubs.run(work)
        except stubs.StuckError:
            return stuck

    try:
        got = context.call(run, where=where)
    finally:
        gc.collect()  # tasks that failed report it here, and not while the next cell is compiled
    context.expect(
        got is not stuck,
        "Some calls of ask never return: they wait for something that never happens.",
        where=where,
        layer="request",
        **options,
    )
    return got


async def _all_at_once(
    front_class: Any, models: Any, versions: dict[str, str], requests: Requests
) -> tuple[list[Any], float]:
    """Return each client's answer, or what was raised in its place, and the fake seconds."""
    front = _front(front_class, models, versions)
    calls = [front.ask(user, pixels.copy()) for user, pixels in requests]
    got = await asyncio.gather(*calls, return_exceptions=True)
    return got, asyncio.get_running_loop().time()


async def _one_by_one(models: Any, versions: dict[str, str], requests: Requests) -> float:
    """Return the fake seconds that one call after the other takes."""
    for user, pixels in requests:
        while True:
            try:
                await models[versions[user]].detect(pixels)
                break
            except ConnectionError:
                continue
    return asyncio.get_running_loop().time()


def _none_lost(
    context: Context,
    got: list[Any],
    versions: dict[str, str],
    requests: Requests,
    models: dict[str, stubs.RemoteModel],
    where: str,
) -> None:
    """Fail if an answer is lost or wrong, and show the most frequent kind."""
    problems: list[tuple[str | None, str]] = []
    everyone = [stubs.boxes(name, pixels) for _, pixels in requests for name in _NAMES]
    for (user, pixels), value in zip(requests, got, strict=True):
        version = versions[user]
        if isinstance(value, ConnectionError):
            tries = models[version].calls.get(pixels.tobytes(), 0)
            refused = isinstance(value, ConnectionRefusedError)
            name = "no_limit" if refused else "no_retry" if tries == 1 else None
            said = f"{user} got {type(value).__name__}: {value}"
            problems.append((name, said if refused else f"{said} (calls of the model: {tries})"))
            continue
        if isinstance(value, BaseException):
            because = "shared" if _OTHER_LOOP in str(value) else None
            raise context.raised(value, where=f"{where}, {user}", because=because)
        value = context.plain(value, what=f"the answer of {user}", where=where)
        [other] = {*_NAMES} - {version}
        if value == stubs.boxes(version, pixels):
            continue
        if value == stubs.boxes(other, pixels):
            problems.append((None, f"{user} got {other}'s boxes; its version is {version}"))
        elif value in everyone:
            problems.append(("mixed_up", f"{user} got the boxes of another client's image"))
        else:
            problems.append((None, f"{user} got {value}; the boxes of its image were expected"))
    if problems:
        [(worst, _)] = Counter(name for name, _ in problems).most_common(1)
        example = next(said for name, said in problems if name == worst)
        differs = f"{len(problems)} of {len(requests)} answers are lost or wrong. {example}."
        context.fail(differs, where=where, mistake=worst)


def _two_fronts(
    context: Context, front_class: Any, versions: dict[str, str], requests: Requests, models: Any
) -> None:
    """Use two Fronts at once, of which one has models that never answer."""

    async def never(*_: Any) -> Any:
        await asyncio.Event().wait()

    async def main() -> list[Any]:
        hanging = dict.fromkeys(_NAMES, SimpleNamespace(detect=never, detect_many=never))
        stuck = _front(front_class, hanging, versions)
        tasks = [asyncio.create_task(stuck.ask(user, pixels)) for user, pixels in requests]
        await asyncio.sleep(1)
        got, _ = await _all_at_once(front_class, models, versions, requests)
        for task in tasks:
            task.cancel()
        return got

    where = "two Fronts at once; the models of the other one never answer"
    got = _run(context, main(), where, mistake="shared")
    want = [stubs.boxes(versions[user], pixels) for user, pixels in requests]
    for (user, _), value, right in zip(requests, got, want, strict=True):
        said = one_line(value) if isinstance(value, BaseException) else "a wrong answer"
        context.expect(value == right, f"{user} got {said}.", where=where, mistake="shared")


def _users_return(
    context: Context, front_class: Any, versions: dict[str, str], users: list[str], models: Any
) -> None:
    """Let some users ask again, with another image each; some do not wait for their answer."""
    images = [[context.numbers.integers(0, 256, (4, 4)) for _ in users] for _ in range(3)]

    async def main() -> list[Any]:
        front = _front(front_class, models, versions)
        await asyncio.gather(*map(front.ask, users, [image.copy() for image in images[0]]))
        again = [(u, i.copy()) for turn in images[1:] for u, i in zip(users, turn, strict=True)]
        return await asyncio.gather(*[front.ask(*request) for request in again])

    where = "the same users ask again, twice at once, with other images"
    got = _run(context, main(), where)
    for user, image, value in zip(users * 2, images[1] + images[2], got, strict=True):
        want = stubs.boxes(versions[user], image)
        context.same(value, want, what=f"A later answer of {user}", where=where)


def _clients_go_away(
    context: Context, front_class: Any, versions: dict[str, str], requests: Requests, models: Any
) -> None:
    """Cancel two of three calls of ask, several times: the others are answered all the same."""
    gone: list[asyncio.Task[Any]] = []
    # The first calls are on their way, three times; then what waited for them, and for that.
    turns = (0.005, 0.005, 0.005, 0.06, 0.14)

    async def main() -> list[Any]:
        front = _front(front_class, models, versions)
        got: list[Any] = []
        for turn, seconds in enumerate(turns):
            tasks = [asyncio.ensure_future(front.ask(u, p.copy())) for u, p in requests]
            await asyncio.sleep(seconds)
            leave = [t for n, t in enumerate(tasks) if n % 3 != turn % 3 and not t.done()]
            for task in leave:
                task.cancel()
            if leave:
                ended, _ = await asyncio.wait(leave, timeout=60)
                await asyncio.gather(*ended, return_exceptions=True)  # what they raise is no news
            gone.extend(leave)
            got += await asyncio.gather(*tasks[turn % 3 :: 3], return_exceptions=True)
        return got

    where = "clients go away while their calls of ask wait, and others stay"
    cause = (
        "A cancelled call may leave a slot taken, or a cancelled future on which a worker fails."
    )
    got = _run(context, main(), where, cause=cause)
    for task in gone:
        error = task.exception() if task.done() and not task.cancelled() else None
        other_loop = _OTHER_LOOP in str(error)
        ended = f"ended with {one_line(error)}" if error else "did not end with CancelledError"
        context.expect(
            task.cancelled(),
            f"The call of ask was cancelled, and {ended}.",
            where=where,
            mistake="shared" if other_loop else None,
            cause="" if error else "Your code catches asyncio.CancelledError and goes on.",
        )
    stayed = [request for turn in range(len(turns)) for request in requests[turn % 3 :: 3]]
    _none_lost(context, got, versions, stayed, models, where)
