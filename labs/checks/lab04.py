"""Checks of lab 04: two versions of a model, asked at once, and divided among users."""

from __future__ import annotations

import asyncio
import inspect
import io
import json
import math
import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import bentoml
import numpy as np

from labs.checks import pretended
from labs.engine import Context, exercise, fake_core
from labs.engine.export import module_of
from services.environment import ROOT


def _pixels(context: Context) -> Any:
    return context.numbers.integers(0, 256, (8, 8, 3), dtype=np.uint8)


def _not_begun(got: Any) -> bool:
    """Say whether there is work in an answer that was never begun; end it."""
    found = False
    items = got.values() if isinstance(got, dict) else got if isinstance(got, list | tuple) else ()
    for item in [got, *items]:
        if inspect.isawaitable(item):
            found = True
            close = getattr(item, "close", None) or getattr(item, "cancel", None)
            if callable(close):
                close()
    return found


def _require_coroutine(context: Context, answer: Any, name: str) -> None:
    if not inspect.iscoroutinefunction(answer):
        context.fail(
            f"{name} is no coroutine function.",
            layer="import",
            cause="Keep the `async` before `def`: only such a function can await.",
        )


def _never_awaited(error: BaseException) -> str | None:
    about_work = any(word in str(error) for word in ("coroutine", "await", "Future"))
    return "no_await" if isinstance(error, TypeError) and about_work else None


@exercise(
    "lab04.ex1",
    "Ask both, side by side",
    points=1,
    minutes=5,
    difficulty=1,
    importance=5,
    hints=(
        "Both pieces of work have to be begun before you wait for either of them.",
        "`asyncio.gather(first, second)` begins both and gives their results, in the order in "
        "which you handed them over. It has to be awaited.",
        "`found_a, found_b = await asyncio.gather(model_a.to_async.detect(pixels), "
        "model_b.to_async.detect(pixels))`, and then a dictionary of the two.",
    ),
    help=(
        (
            "TypeError: An asyncio.Future, a coroutine or an awaitable is required",
            "Call the method: `model_a.to_async.detect(pixels)`, with the parentheses. `gather` "
            "takes the pieces of work one by one, not a list.",
        ),
        (
            "TypeError: cannot unpack non-iterable _GatheringFuture object",
            "Put `await` before `asyncio.gather(…)`.",
        ),
    ),
    mistakes={
        "no_await": "Without await you hand on work, not its result.",
        "one_by_one": "You await the first model before the second has begun. gather begins both.",
        "blocking": "detect() without to_async blocks the whole server until the model is done: "
        "nobody else is answered meanwhile.",
        "swapped": "Each answer stands under the other model's name.",
        "order": "You take the results in the order in which they are ready. This time model_b was "
        "first.",
        "same_twice": "One model answered under both names: the other was not asked, or its answer "
        "was lost.",
        "no_names": "The answers are in a list. The caller wants a dictionary with the models' "
        "names.",
    },
)
def ask_both(context: Context, answer: Callable[..., Any]) -> None:
    """Ask ``ask_both(model_a, model_b, pixels)`` with models that notice each other."""
    _require_coroutine(context, answer, "ask_both")
    pauses = [(0.02, 0.05), (0.05, 0.02), (context.random.random(), context.random.random())]
    for turn, (pause_a, pause_b) in enumerate(pauses):
        room, pixels = pretended.Room(), _pixels(context)
        model_a, model_b = room.model("model_a", pause_a), room.model("model_b", pause_b)
        a, b = pretended.boxes("model_a", pixels), pretended.boxes("model_b", pixels)
        first = "model_a" if pause_a < pause_b else "model_b"
        where = f"a picture of shape {pixels.shape}, and {first} is the first to answer"
        got = context.call(
            _finish,
            answer,
            model_a,
            model_b,
            pixels,
            where=where,
            because=_never_awaited,
        )
        if got is _NOT_BEGUN:
            context.fail(
                "ask_both returned work that has not begun, not boxes.",
                where=where,
                mistake="no_await",
                layer="schema",
            )
        if room.blocking:
            context.fail("detect() was called, not to_async.detect().", mistake="blocking")
        wrong = [
            ("order" if turn else "swapped", "the other model's", {"model_a": b, "model_b": a}),
            ("same_twice", "model_a's twice", {"model_a": a, "model_b": a}),
            ("same_twice", "model_b's twice", {"model_a": b, "model_b": b}),
        ]
        _whose(context, got, wrong, where)
        context.same(
            got,
            {"model_a": a, "model_b": b},
            what="await ask_both(model_a, model_b, pixels)",
            where=where,
            mistakes={"no_names": [a, b]},
        )
        if room.most != 2:
            context.fail(
                f"At most {room.most} model was under way at a time; 2 were expected.",
                where=where,
                mistake="one_by_one",
            )
    context.note(under_way_at_once=room.most)


def _whose(context: Context, got: Any, wrong: list[tuple[str, str, Any]], where: str) -> None:
    """Say in words whose boxes stand under a name; in figures they look much alike."""
    value = context.plain(got, what="the answer", where=where)
    for mistake, whose, example in wrong:
        if value == example:
            context.fail(
                f"The boxes under the models' names are {whose}.", where=where, mistake=mistake
            )


_NOT_BEGUN = object()


def _finish(answer: Callable[..., Any], *arguments: Any) -> Any:
    async def main() -> Any:
        got = await answer(*arguments)
        return _NOT_BEGUN if _not_begun(got) else got

    return pretended.run(main())


_CODES = {"raises": "model_failed", "hangs": "model_timeout"}
_ERRORS: tuple[type[Exception], ...] = (RuntimeError, ValueError, ConnectionError, KeyError)


@exercise(
    "lab04.ex2",
    "One fails, the other's answer stays",
    points=2,
    minutes=8,
    difficulty=3,
    importance=5,
    hints=(
        "Write a small coroutine function that asks one model and never raises: it catches what "
        "goes wrong and returns a value. Begin one of those for each model, and only then await "
        "them.",
        "`async with asyncio.timeout(seconds):` raises `TimeoutError` when the time is up. Catch "
        "that first, and `Exception` after it: a TimeoutError is an Exception, too.",
        "`async def ask(name):`, in which `return {'found': await …}` stands in `try` and in "
        "`asyncio.timeout`. Then `tasks = {name: asyncio.create_task(ask(name)) for name in "
        "models}` begins all of them; await each.",
    ),
    help=(
        (
            "RuntimeError: Timeout should be used inside a task",
            "`asyncio.timeout` stands in an `async with`, inside an `async def` that is awaited.",
        ),
        (
            "the answer is of type ValueError, which JSON does not know",
            "`return_exceptions=True` gives exception objects. Make a dictionary with the key "
            "`error` of each.",
        ),
    ),
    mistakes={
        "all_lost": "gather passes on the first exception, and the other models' answers are lost. "
        "Catch it for each model by itself.",
        "both_lost": "The try stands around all models, so one failure became everybody's.",
        "looks_empty": "An empty list says that there is no card in the picture. That a model "
        "failed is other news.",
        "dropped": "The model that failed is left out. Who reads the answer does not learn that it "
        "was asked.",
        "not_plain": "An exception object is no JSON. Say what happened in a dictionary.",
        "leaks": "The exception's text tells the client about your server's inside, and the client "
        "cannot act on it. Write it to your log.",
        "no_timeout": "A model that never answers keeps everybody waiting.",
        "one_code": "A TimeoutError is an Exception, too. Catch it first, and give it its own "
        "code.",
        "one_by_one": "The next model is asked only when the one before has answered.",
        "nameless": "With several models, an error must say which of them it is about.",
    },
)
def ask_all(context: Context, answer: Callable[..., Any]) -> None:
    """Ask ``ask_all(models, pixels, seconds)`` while models answer, raise or hang."""
    _require_coroutine(context, answer, "ask_all")
    names = ["model_a", "model_b", "model_c"]
    turns = [
        {"model_a": "answers", "model_b": "answers"},
        {"model_a": "raises", "model_b": "answers"},
        {"model_a": "answers", "model_b": "hangs"},
        {"model_a": "hangs", "model_b": "raises"},
        {name: context.random.choice(["answers", "raises", "hangs"]) for name in names},
    ]
    for states in turns:
        secret = f"weights_{context.random.randrange(16**6):06x}.onnx"
        seconds = context.random.uniform(1, 9)
        room, models = pretended.Room(), {}
        for name, state in states.items():
            pause = 50 * seconds if state == "hangs" else context.random.uniform(0.1, 0.8) * seconds
            kind = context.random.choice(_ERRORS)
            raises = kind(f"cannot open {secret}") if state == "raises" else None
            models[name] = room.model(name, pause, raises)
        pixels = _pixels(context)
        where = ", ".join(f"{name} {state}" for name, state in states.items())
        got = context.call(
            _finish, answer, models, pixels, seconds, where=where, because=_lost_or_not_begun
        )
        if got is _NOT_BEGUN:
            context.fail("ask_all returned work that has not begun.", where=where, layer="schema")
        _all_states(context, got, states, pixels, secret, where)
        if any(states[name] == "hangs" for name in room.waited_out):
            context.fail(
                f"ask_all waited {50 * seconds:.0f} s for a model; {seconds:.0f} s are allowed.",
                where=where,
                mistake="no_timeout",
            )
        if room.most != len(states):
            context.fail(
                f"At most {room.most} of {len(states)} models were under way at a time; all of "
                "them were expected.",
                where=where,
                mistake="one_by_one",
            )
    context.note(turns=len(turns))


def _lost_or_not_begun(error: BaseException) -> str | None:
    return "all_lost" if isinstance(error, (*_ERRORS, TimeoutError)) else None


def _all_states(
    context: Context, got: Any, states: dict[str, str], pixels: Any, secret: str, where: str
) -> None:
    """Hold the answer for each model to what that model did."""
    kinds = {kind.__name__: "not_plain" for kind in (*_ERRORS, TimeoutError)}
    got = context.plain(got, what="the answer", where=where, types=kinds)
    if not isinstance(got, dict) or got.keys() != states.keys():
        shown = sorted(got) if isinstance(got, dict) else type(got).__name__
        missing = isinstance(got, dict) and got.keys() < states.keys()
        context.fail(
            f"The answer has {shown}; it should have an entry for each of {sorted(states)}.",
            where=where,
            mistake="dropped" if missing else None,
            layer="schema",
        )
    for name, state in states.items():
        what, value = f"The answer for {name}", got[name]
        if state == "answers":
            lost = isinstance(value, dict) and "error" in value
            context.expect(
                not lost,
                f"{what} is an error, but {name} has answered.",
                where=where,
                mistake="both_lost",
            )
            context.same(value, {"found": pretended.boxes(name, pixels)}, what=what, where=where)
            continue
        if value in ({"found": []}, [], {"found": None}):
            context.fail(
                f"{what} is {value}, but {name} has not answered.",
                where=where,
                mistake="looks_empty",
            )
        _one_error(context, value, name, _CODES[state], secret, where)


def _one_error(context: Context, value: Any, name: str, code: str, secret: str, where: str) -> None:
    what = f"The answer for {name}"
    error = value.get("error") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(error, dict) or error.keys() != {"code", "message", "hint"}:
        context.fail(
            f"{what} is {value}; an error with code, message and hint was expected.",
            where=where,
            layer="schema",
        )
        return
    if secret in json.dumps(error, ensure_ascii=False):
        context.fail(
            f"{what} holds the exception's own text: it names {secret!r}.",
            where=where,
            mistake="leaks",
        )
    if error["code"] != code:
        one_code = code == "model_timeout" and error["code"] == "model_failed"
        context.fail(
            f"{what} has the code {error['code']!r}; {code!r} was expected.",
            where=where,
            mistake="one_code" if one_code else None,
        )
    for part in ("message", "hint"):
        text = error[part]
        good = isinstance(text, str) and bool(text.strip())
        context.expect(good, f"The {part} is {text!r}; a sentence was expected.", where=where)
    context.expect(
        name in error["message"],
        f"The message is {error['message']!r}; it does not name {name}.",
        where=where,
        mistake="nameless",
    )


_USERS = 6000
_LETTERS = "abcdeéfghijklmnoöprstuüvwxyzß"


def _user_ids(context: Context) -> Iterator[tuple[str, list[str]]]:
    """Yield several kinds of ids, fresh for each check."""
    start = context.random.randrange(10**6)
    yield "ids like 'user-17'", [f"user-{start + n}" for n in range(_USERS)]
    mails = [
        f"{''.join(context.random.choices(_LETTERS, k=6))}{n}@example.org" for n in range(_USERS)
    ]
    yield "e-mail addresses", mails
    yield (
        "random hexadecimal ids",
        [uuid.UUID(int=context.random.getrandbits(128)).hex for _ in range(_USERS)],
    )


@exercise(
    "lab04.ex3",
    "Every user stays with one version",
    points=2,
    minutes=8,
    difficulty=3,
    importance=4,
    hints=(
        "Give every user a place between 0 and 1 that depends on the id alone. Model B gets the "
        "places below its share.",
        "`hashlib.sha256(user_id.encode()).digest()` is the same on every machine; Python's own "
        "`hash()` of a text is not. `int.from_bytes(…, 'big')` makes a number of bytes.",
        "`place = int.from_bytes(digest[:8], 'big') / 2**64`: eight bytes are 64 bits, so that is "
        "between 0 and 1. Then compare it with `share_b`.",
    ),
    help=(
        (
            "TypeError: Strings must be encoded before hashing",
            "hashlib takes bytes: `user_id.encode()`.",
        ),
        (
            "UnicodeEncodeError: 'ascii' codec can't encode character",
            "An id may have any letters. `encode()` without an argument takes them all.",
        ),
    ),
    mistakes={
        "salted": "Python's hash() of a text begins with a random number in every process. After a "
        "restart, or in the next worker, the user meets the other version.",
        "per_request": "Lots are drawn, or turns taken, for each request. A user would see two "
        "models in one afternoon.",
        "table": "The version is remembered in this process. Another process, and this one after "
        "a restart, know nothing of it.",
        "swapped": "The share went to the wrong version.",
        "coarse": "You count in steps of a tenth or a hundredth, so small shares are rounded.",
        "uneven": "The places are not spread evenly between 0 and 1. A good hash spreads also ids "
        "that are alike.",
        "moves_back": "The place of a user must not depend on the share. Otherwise users move in "
        "both directions when the share changes.",
    },
)
def version_of(context: Context, answer: Callable[..., Any]) -> None:
    """Divide thousands of fresh ids, here and in other processes."""
    kinds = dict(_user_ids(context))
    everybody = [user for users in kinds.values() for user in users]
    some = context.random.sample(everybody, 60)
    for user in some:
        versions = {_version(context, answer, user, 0.5) for _ in range(4)}
        if len(versions) > 1:
            context.fail(
                f"version_of({user!r}, 0.5) gave both versions in four calls.",
                mistake="per_request",
            )
    for where, users in kinds.items():
        for share in (0.25, context.random.uniform(0.4, 0.9)):
            _share(context, answer, users, round(share, 3), where)
    _share(context, answer, everybody, 0.004, "ids of all kinds")
    _ends_and_moves(context, answer, some)
    _elsewhere(context, answer, some)
    context.note(users=len(everybody), processes=3)


def _version(context: Context, answer: Callable[..., Any], user: str, share: float) -> str:
    where = f"version_of({user!r}, {share})"
    got = context.plain(context.call(answer, user, share, where=where), what=where)
    if got not in ("model_a", "model_b"):
        context.fail(f"{where} is {got!r}; 'model_a' or 'model_b' was expected.", layer="schema")
    return str(got)


def _share(
    context: Context, answer: Callable[..., Any], users: list[str], share: float, where: str
) -> None:
    """Count who is answered by B; the bound is five standard deviations, one in a million."""
    count = sum(_version(context, answer, user, share) == "model_b" for user in users)
    bound = 5 * math.sqrt(len(users) * share * (1 - share))
    if abs(count - len(users) * share) <= bound:
        return
    actual = count / len(users)
    near = bound / len(users)
    coarse = any(
        abs(actual - rounded(share * steps) / steps) <= near
        for steps in (10, 100)
        for rounded in (math.ceil, math.floor)
    )
    swapped = abs(actual - (1 - share)) <= near
    context.fail(
        f"model_b answers {actual:.1%} of {len(users)} users; its share is {share:.1%}.",
        where=where,
        mistake="swapped" if swapped else "coarse" if coarse else "uneven",
    )


def _ends_and_moves(context: Context, answer: Callable[..., Any], users: list[str]) -> None:
    for user in users:
        shares = (0.0, 0.05, 0.2, 0.5, 0.8, 1.0)
        versions = [_version(context, answer, user, share) for share in shares]
        context.expect(versions[0] == "model_a", f"With share 0, {user!r} gets model_b.")
        context.expect(versions[-1] == "model_b", f"With share 1, {user!r} gets model_a.")
        if versions != sorted(versions):
            context.fail(
                f"{user!r} gets {', '.join(versions)} as the share grows.",
                where=f"shares {shares}",
                mistake="moves_back",
            )


def _elsewhere(context: Context, answer: Callable[..., Any], users: list[str]) -> None:
    """Ask the same in other processes, whose ``hash()`` begins with other numbers."""
    users = sorted(users)  # another order than before: what is remembered must not matter
    here = [_version(context, answer, user, 0.5) for user in users]
    one, other = (_in_a_process(context, answer, users, salt) for salt in (1, 2))
    if one == other == here:
        return
    moved = sum(a != b for a, b in zip(one, other, strict=True)) or sum(
        a != b for a, b in zip(here, one, strict=True)
    )
    salted = one != other and _in_a_process(context, answer, users, salt=1) == one
    context.fail(
        f"{moved} of {len(users)} users get another version in another process.",
        where="the same ids and share, in two Python processes",
        mistake="salted" if salted else "table",
    )


def _in_a_process(
    context: Context, answer: Callable[..., Any], users: list[str], salt: int
) -> list[str]:
    """Return the versions of *users* as a new Python process sees them."""
    text, name = module_of(answer)
    program = (
        f"{text}\nimport json as _json\n_users = _json.loads({json.dumps(users)!r})\n"
        f"print('\\n' + _json.dumps([str({name}(_user, 0.5)) for _user in _users]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-"],
        input=program,
        capture_output=True,
        text=True,
        timeout=50,
        env=os.environ | {"PYTHONHASHSEED": str(salt), "PYTHONPATH": str(ROOT)},
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["nothing"]
        context.fail(
            f"In a new Python process your function raised {said[-1]}",
            layer="import",
            cause="It uses something that exists only in this notebook.",
        )
    return list(json.loads(done.stdout.splitlines()[-1]))


@exercise(
    "lab04.ex4",
    "The ensemble over HTTP",
    points=3,
    minutes=9,
    difficulty=3,
    importance=4,
    seconds=150,
    hints=(
        "`bentoml.depends(ModelA)` as a class attribute makes the other service a part of yours. "
        "The endpoint then asks the parts.",
        "`model_a = bentoml.depends(ModelA)`; in a method, `self.model_a.to_async.detect(…)` is "
        "what you know from exercise 1. The endpoint is an `async def` below "
        '`@bentoml.api(route="/predict")`, with `image: ImageFile`.',
        "`models = {'model_a': self.model_a, 'model_b': self.model_b}`, then "
        "`return {'results': await ask_all(models, np.asarray(picture_of(image)), seconds=20)}`.",
    ),
    help=(
        (
            "POST /predict answered 500",
            "One model's exception went through your endpoint. Catch it for each model, as your "
            "`ask_all` does.",
        ),
        (
            "AttributeError: … has no attribute 'to_async'",
            "`to_async` belongs to what `bentoml.depends(…)` gives, so write `self.model_a`, not "
            "`ModelA`.",
        ),
    ),
    mistakes={
        "no_service": "check wants the service: the class below @bentoml.service.",
        "no_depends": "Without bentoml.depends the models are no services with processes of their "
        "own.",
        "wrong_path": "The path comes from the method's name, or from route=.",
        "bare": "The caller looks for the key 'results' and for the models' names below it.",
        "no_found": "Boxes stand under the key 'found', so that boxes and errors can be told "
        "apart.",
        "swapped": "Each answer stands under the other model's name.",
        "one_model": "One model's answer stands under both names.",
        "fails_whole": "model_b fails on this picture, and that took the answer of model_a with "
        "it.",
    },
)
def ensemble(context: Context, answer: Any) -> None:
    """Look at the service's parts, then serve it with the fake core."""
    if not isinstance(answer, bentoml.Service):
        context.fail(
            f"Ensemble is a {type(answer).__name__}, no service.",
            mistake="no_service",
            layer="import",
        )
    context.is_attempted(bool(answer.apis or answer.dependencies), "the class is still empty")
    parts = {part.on.name for part in answer.dependencies.values() if part.on is not None}
    context.expect(
        parts == {"model_a", "model_b"},
        f"The service depends on {sorted(parts) or 'no other service'}; model_a and model_b were "
        "expected.",
        mistake="no_depends",
        layer="start",
    )
    routes = sorted(method.route for method in answer.apis.values())
    context.expect(
        "/predict" in routes,
        f"There is no endpoint /predict; there are {routes or 'none'}.",
        mistake="wrong_path",
        layer="start",
    )
    cards = [4, 0, 5, context.random.randint(1, 5)]
    with context.serve(answer, fake_core=True) as running:
        for number in cards:
            _predict(context, running, context.picture(number), fails=False)
        small = context.picture(4, size=(320, context.random.randint(120, 127)))
        _predict(context, running, small, fails=True)
        _predict(context, running, context.picture(3), fails=False)
    context.note(pictures=len(cards) + 2, failures_of_model_b=1)


def _predict(context: Context, running: Any, picture: Any, *, fails: bool) -> None:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    response = running.post("/predict", files={"image": ("card.png", buffer.getvalue())})
    every = fake_core.boxes(picture)
    sure = [box for box in every if box["confidence"] >= 0.8]
    where = f"a PNG of {picture.width} by {picture.height} with {len(every)} cards"
    if fails and response.status_code >= 500:
        context.fail(
            f"POST /predict answered {response.status_code}; 200, and an error in the place of "
            "model_b's boxes, was expected.",
            where=f"{where}, on which model_b fails",
            mistake="fails_whole",
            layer="request",
        )
    got = running.json(response, where=where)
    a, b = {"found": sure}, {"found": every}
    if not fails:
        wrong = [
            ("swapped", "the other model's", {"results": {"model_a": b, "model_b": a}}),
            ("one_model", "model_a's twice", {"results": {"model_a": a, "model_b": a}}),
            ("one_model", "model_b's twice", {"results": {"model_a": b, "model_b": b}}),
        ]
        _whose(context, got, wrong if a != b else [], where)
        bare = {"model_a": sure, "model_b": every}
        if got == {"results": bare}:
            context.fail(
                "The value of each model is a list of boxes; {'found': boxes} was expected.",
                where=where,
                mistake="no_found",
                layer="schema",
            )
        context.same(
            got,
            {"results": {"model_a": a, "model_b": b}},
            what="The answer of POST /predict",
            where=where,
            mistakes={"bare": {"model_a": a, "model_b": b}},
        )
        return
    results = got["results"] if isinstance(got, dict) and "results" in got else {}
    context.same(results.get("model_a"), a, what="The answer for model_a", where=where)
    _one_error(context, results.get("model_b"), "model_b", "model_failed", "128 rows", where)


_CLIENTS = 240
_FASTER = 3.0


@exercise(
    "lab04.ex5",
    "Open challenge: no answer lost",
    points=3,
    minutes=10,
    difficulty=5,
    importance=4,
    figure="times as fast as one by one",
    hints=(
        "Two things keep answers: never have more calls under way at a model than it takes, and "
        "ask again when a connection was cut off. Everything about one request stays in local "
        "variables.",
        "`asyncio.Semaphore(8)`, one for each model, lets eight through `async with` at a time. "
        "Both exceptions are kinds of `ConnectionError`.",
        "`async with self.free[name]:` and in it a `while True:` with `try: return await "
        "self.models[name].detect(pixels)` and `except ConnectionError: continue`. For the "
        "leaderboard: gather waiting pictures for `detect_many`.",
    ),
    help=(
        (
            "ConnectionRefusedError: model_a has 8 calls already",
            "More than eight calls are under way at that model. Let the others wait in your "
            "class: a semaphore for each model.",
        ),
        (
            "… answers are wrong",
            "Look for `self.` in `ask`: while one request waits, the next one overwrites what "
            "stands there.",
        ),
    ),
    mistakes={
        "no_limit": "All calls go out at once, and a model refuses what it cannot queue.",
        "no_retry": "A connection was cut off, and nobody asked again. Finding boxes changes "
        "nothing, so asking again is safe.",
        "gives_up": "What could not be answered was called a picture without cards. Nobody notices "
        "such an error.",
        "other_version": "The user got the other version's answer. Either you turn to it when one "
        "is busy, or the name of the version was overwritten while the request waited.",
        "mixed_up": "A request got the answer to somebody else's picture. What belongs to one "
        "request must not be kept in self: the next one overwrites it during an await.",
        "one_by_one": "Nothing is lost, but one call waits for the other. A model works on 4 calls "
        "at a time, and there are two models.",
    },
)
def front(context: Context, answer: Any) -> None:
    """Send many clients through ``Front(models, choose)``, and count what comes back."""
    if not inspect.isclass(answer):
        context.fail(f"Front is a {type(answer).__name__}, not a class.", layer="import")
    start = context.random.randrange(10**6)
    places = {f"user-{start + n}": context.random.random() for n in range(_CLIENTS)}
    versions = {user: "model_b" if place < 0.5 else "model_a" for user, place in places.items()}
    requests = [(user, context.numbers.integers(0, 256, (4, 4))) for user in versions]
    seeds = context.random.getrandbits(32), context.random.getrandbits(32)

    def models() -> dict[str, pretended.Remote]:
        names = ("model_a", "model_b")
        return {name: pretended.Remote(name, seed) for name, seed in zip(names, seeds, strict=True)}

    where = f"{_CLIENTS} clients at once"
    alone = pretended.run(_one_after_the_other(models(), versions, requests))
    got, seconds = context.call(
        lambda: pretended.run(_all_at_once(context, answer, models(), versions, requests)),
        where=where,
    )
    _count_lost(context, got, versions, requests, where)
    ratio = alone / seconds if seconds > 0 else math.inf
    shown = f"{ratio:.1f}"
    context.note(wrong_or_lost=f"0 of {_CLIENTS}", times_as_fast_as_one_by_one=shown)
    if not math.isfinite(ratio):
        context.fail("All answers came without any time passing.", where=where)
    context.expect(
        ratio >= _FASTER,
        f"Your answers a second are {shown} times those of one call after the other; {_FASTER:g} "
        "times are asked for.",
        where=where,
        mistake="one_by_one",
    )


async def _one_after_the_other(
    models: dict[str, pretended.Remote], versions: dict[str, str], requests: list[tuple[str, Any]]
) -> float:
    """Return the pretended seconds that the plainest right way takes."""
    for user, pixels in requests:
        while True:
            try:
                await models[versions[user]].detect(pixels)
                break
            except ConnectionError:
                continue
    return asyncio.get_running_loop().time()


async def _all_at_once(
    context: Context,
    answer: Any,
    models: dict[str, pretended.Remote],
    versions: dict[str, str],
    requests: list[tuple[str, Any]],
) -> tuple[list[Any], float]:
    """Return each client's answer, or what was raised in its place, and the pretended seconds."""
    front = answer(models, versions.__getitem__)
    got = await asyncio.gather(
        *[front.ask(user, pixels.copy()) for user, pixels in requests], return_exceptions=True
    )
    return got, asyncio.get_running_loop().time()


def _count_lost(
    context: Context,
    got: list[Any],
    versions: dict[str, str],
    requests: list[tuple[str, Any]],
    where: str,
) -> None:
    """Fail if an answer is lost or wrong, and say by which accident most of them are."""
    accidents: Counter[str] = Counter()
    first: dict[str, str] = {}
    right = [pretended.boxes(versions[user], pixels) for user, pixels in requests]
    lost = 0
    for (user, pixels), want, value in zip(requests, right, got, strict=True):
        if isinstance(value, BaseException):
            lost += 1
            name = _EXCEPTIONS.get(type(value), "raised")
            first.setdefault(name, f"{user} got {type(value).__name__}: {value}")
            if name == "raised":
                raise context.raised(value, where=f"{where}, {user}")
        elif (value := context.plain(value, what=f"the answer of {user}", where=where)) == want:
            continue
        else:
            version = versions[user]
            other = "model_a" if version == "model_b" else "model_b"
            if value == pretended.boxes(other, pixels):
                name, what = "other_version", f"{other}'s boxes; {version} is its version"
            elif value in ([], None):
                name, what = "gives_up", f"{value}; its picture has a card"
            elif value in right:
                name, what = "mixed_up", "the boxes of another client's picture"
            else:
                name, what = "wrong", f"{value}; {want} was expected"
            first.setdefault(name, f"{user} got {what}")
        accidents[name] += 1
    if accidents:
        [(worst, _)] = accidents.most_common(1)
        wrong = accidents.total() - lost
        context.fail(
            f"Of {len(requests)} answers {lost} are lost and {wrong} are wrong. {first[worst]}.",
            where=where,
            mistake=worst if worst in context.exercise.mistakes else None,
        )


_EXCEPTIONS: dict[type[BaseException], str] = {
    ConnectionRefusedError: "no_limit",
    ConnectionResetError: "no_retry",
}
