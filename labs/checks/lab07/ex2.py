"""Check of lab 07, exercise 2: good requests, requests for too many movies, and invalid ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from labs.checks.lab07.stubs import StubModel
from labs.checks.unchanged import unchanged
from labs.engine import Context
from labs.engine.outcome import FailedError
from services.errors import InputError

Request = dict[str, Any]
_STRANGE = "an unknown movie in rated"
INVALID = (0, -3, "5", 2.5, 3.0, None, [3], True)


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``answer(model, question)`` with requests to two models."""
    good = refused = 0
    for movies in (30, 600):  # so many that a partial sort does not sort them all by chance
        model = StubModel(context.random, movies)
        known = model.users.raw(context.random.randrange(1, len(model.users) - 1))
        for where, request in _good_requests(context, model, known):
            got = _answered(context, answer, model, request, where)
            _compare(context, got, model, request, where)
            good += 1
        for where, request in _greedy_requests(context, model, known):
            error = _refused(context, answer, model, request, where, "top_k_too_large")
            numbers = set(re.findall(r"\d+", error.hint))
            left = str(len(_left(model, request)))
            context.expect(
                left in numbers <= {left, str(request["top_k"])},
                f"The hint is {error.hint!r}; the number of movies that are left, {left}, and no "
                "other number was expected.",
                where=where,
            )
            refused += 1
        for top_k in INVALID:
            request = {"user_id": known, "top_k": top_k}
            _refused(context, answer, model, request, f"top_k is {top_k!r}", "top_k_invalid")
            refused += 1
    context.note(good_requests=good, refused=refused)


def _good_requests(context: Context, model: StubModel, known: int) -> Iterator[tuple[str, Request]]:
    unknown = model.users.raw(len(model.users) - 1) + context.random.randint(1, 99)
    first, idle = model.users.raw(0), model.users.raw(len(model.users) - 1)
    top_k = context.random.randint(2, 8)
    best = _left(model, {"user_id": known})
    some = [*best[:3], *context.random.sample(model.most_rated, 3)]
    few = best[context.random.randrange(1, len(best)) :]
    popular = model.most_rated[:2]
    part = len(best) - len(few)
    requests: dict[str, Request] = {
        "a known user": {"user_id": known, "top_k": top_k},
        "no top_k": {"user_id": known},
        "the user with row 0": {"user_id": first, "top_k": top_k},
        "a known user who has rated nothing in training": {"user_id": idle, "top_k": top_k},
        "rated: null": {"user_id": known, "top_k": 3, "rated": None},
        "ranked_movies: null": {"user_id": known, "top_k": 3, "ranked_movies": None},
        "a list of rated movies": {"user_id": known, "top_k": 3, "rated": some},
        "ranked_movies": {"user_id": known, "top_k": 3, "ranked_movies": some},
        _STRANGE: {"user_id": known, "rated": [*some, 10**7]},
        "an unknown user": {"user_id": unknown, "top_k": top_k},
        "user 0, who is unknown": {"user_id": 0, "top_k": top_k},
        "an unknown user, rated": {"user_id": unknown, "top_k": 3, "rated": popular},
        "all movies that are left": {"user_id": known, "top_k": len(best)},
        "one movie is left": {"user_id": known, "top_k": 1, "rated": best[1:]},
        "as many movies as are left; rated names some twice, and some rated in training": {
            "user_id": known,
            "top_k": part,
            "rated": [*few, few[0], *model.rated_by(known)[:2], 10**7],
        },
    }
    for where, request in requests.items():
        yield f"{where}: {json.dumps(request)[:90]}", request


def _greedy_requests(
    context: Context, model: StubModel, known: int
) -> Iterator[tuple[str, Request]]:
    best, count = _left(model, {"user_id": known}), len(model.movies)
    rated = context.random.sample(model.most_rated, context.random.randint(3, 9))
    yield f"{len(best)} movies are left", {"user_id": known, "top_k": len(best) + 1}
    yield f"there are {count} movies in all", {"user_id": known, "top_k": count + 1}
    yield "an unknown user", {"user_id": 0, "top_k": count, "rated": rated}
    yield "two movies are left", {"user_id": known, "top_k": 3, "rated": best[2:]}
    yield "no movie is left", {"user_id": known, "top_k": 1, "rated": best}


def _ranked(model: StubModel, user: int) -> list[int]:
    """Return all movies, the best for a user first."""
    row = model.users.row(user)
    if row is None:
        return model.most_rated
    scores = model.scores(row).tolist()
    places = sorted(range(len(scores)), key=lambda place: -scores[place])
    return [model.movies.raw(place) for place in places]


def _left(model: StubModel, request: Request) -> list[int]:
    """Return the movies that may be recommended, the best first."""
    rated = request.get("rated") or request.get("ranked_movies") or []
    out = {*rated, *model.rated_by(request["user_id"])}
    return [movie for movie in _ranked(model, request["user_id"]) if movie not in out]


def _call(
    context: Context, answer: Callable[..., Any], model: StubModel, request: Request, where: str
) -> Any:
    """Call the learner's function; neither the model nor the request may change."""
    with unchanged(context, where, question=request, **{"model.most_rated": model.most_rated}):
        return answer(model, request)


def _answered(
    context: Context, answer: Callable[..., Any], model: StubModel, request: Request, where: str
) -> Any:
    try:
        return _call(context, answer, model, request, where)
    except FailedError:
        raise
    except InputError as error:
        said = f"A good request was refused with {error.code!r}: {error.message}"
        context.fail(said, where=where, layer="request")
    except Exception as error:
        null = isinstance(error, TypeError) and "'NoneType' object is not iterable" in str(error)
        because = "null_fails" if null and "null" in where else None
        raise context.raised(error, where=where, because=because) from error


def _compare(context: Context, got: Any, model: StubModel, request: Request, where: str) -> None:
    what = "answer(model, question)"
    body = context.plain(got, what=what, where=where)
    try:
        json.dumps(got)
    except (TypeError, ValueError) as error:
        said = f"The answer cannot be sent as JSON: {error}."
        context.fail(said, where=where, mistake="numpy_ids", layer="schema")
    user, left = request["user_id"], _left(model, request)
    known = model.users.row(user) is not None
    want = {
        "user_id": user,
        "items": left[: request.get("top_k", 10)],
        "fallback": None if known else "popularity",
    }
    if not isinstance(body, dict) or body.keys() != want.keys():
        context.same(body, want, what=what, where=where)
    rows = [model.movies.row(movie) for movie in want["items"]]
    popular = [movie for movie in model.most_rated if movie in left][: len(want["items"])]
    out = set(model.most_rated) - set(left)
    seen = [m for m in body["items"] or () if type(m) is int and m in out]
    context.expect(
        not seen,
        f"items has {seen[:3]}, which user {user} has rated, in training or in the request.",
        where=where,
        mistake=None if where.startswith(_STRANGE) else "shows_rated",
        cause="The unknown movie has no row: model.movies.row(…) is None, not an index.",
    )
    # Rows are compared with the ids to leave out either before or after they become ids.
    unfiltered = [model.movies.row(movie) for movie in _ranked(model, user)][: len(rows)]
    mistakes: list[tuple[str, Any]] = [("rows", rows), ("rows", unfiltered)]
    if model.users.row(user) == 0:
        mistakes.append(("falsy_row", popular))
    context.same(body["items"], want["items"], what="items", where=where, mistakes=mistakes)
    for key in ("user_id", "fallback"):
        context.same(body[key], want[key], what=key, where=where)


def _refused(
    context: Context,
    answer: Callable[..., Any],
    model: StubModel,
    request: Request,
    where: str,
    code: str,
) -> InputError:
    """Return the InputError of a request that has to be refused."""
    try:
        got = _call(context, answer, model, request, where)
    except InputError as error:
        context.same([error.code, error.status], [code, 422], what="[code, status]", where=where)
        for part, text in (("message", error.message), ("hint", error.hint)):
            good = isinstance(text, str) and bool(text.strip())
            context.expect(good, f"The {part} is {text!r}; a sentence was expected.", where=where)
        return error
    except FailedError:
        raise
    except Exception as error:
        raise context.raised(error, where=where) from error
    body = context.plain(got, what="answer(model, question)", where=where)
    items = body.get("items") if isinstance(body, dict) else None
    shown = f"has {len(items)} items" if isinstance(items, list) else f"is {body!r:.80}"
    raise FailedError(
        f"The answer {shown}; an InputError with the code {code!r} was expected.",
        where=where,
        mistake="true_is_one" if request["top_k"] is True else None,
    )
