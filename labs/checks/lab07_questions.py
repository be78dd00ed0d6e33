"""Lab 07, exercise 2: what clients ask, and what a good answer is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from labs.checks.lab07_pretended import PretendedModel
from labs.engine import Context
from services.errors import InputError


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Ask ``answer(model, question)`` good questions, greedy ones, and bad ones."""
    good = 0
    for _ in range(2):
        model = PretendedModel(context.random)
        popular = list(model.most_rated)
        for where, question, because in _good_questions(context, model):
            got = _asked(context, answer, model, question, where, because)
            if model.most_rated != popular:
                context.fail(
                    "After the answer, model.most_rated is not the list that it was before.",
                    where=where,
                    mistake="changes_model",
                )
            _holds(context, got, model, question, where)
            good += 1
        for where, question in _greedy_questions(context, model):
            left = len(_left(model, question))
            refusal = _refused(
                context, answer, model, question, where, "top_k_too_large", "not_refused"
            )
            context.expect(
                str(left) in re.findall(r"\d+", refusal.hint),
                f"The hint is {refusal.hint!r}; {left} movies are left.",
                where=where,
                mistake="no_number",
            )
        for top_k in (0, -context.random.randint(1, 9), "5", 2.5, True):
            question = {"user_id": _user(context, model), "top_k": top_k}
            _refused(
                context,
                answer,
                model,
                question,
                f"top_k is {top_k!r}",
                "top_k_invalid",
                "true_is_one" if top_k is True else "unchecked",
            )
    context.note(good_questions=good, refused=2 * 9)


def _user(context: Context, model: PretendedModel) -> int:
    return model.users.raw(context.random.randrange(1, len(model.users)))


def _good_questions(
    context: Context, model: PretendedModel
) -> Iterator[tuple[str, dict[str, Any], str | None]]:
    """Yield where, the question, and the mistake that an exception means."""
    known, first = _user(context, model), model.users.raw(0)
    unknown = model.users.raw(len(model.users) - 1) + context.random.randint(1, 99)
    top_k = context.random.randint(2, 8)
    movies = [model.movies.raw(row) for row in range(len(model.movies))]
    best = _left(model, {"user_id": known})
    some = [*best[:3], *context.random.sample(movies, 3)]
    few = best[context.random.randrange(1, len(best)) :]
    yield "a known user", {"user_id": known, "top_k": top_k}, None
    yield "no top_k", {"user_id": known}, None
    yield "the user with row 0", {"user_id": first, "top_k": top_k}, None
    yield "rated: null", {"user_id": known, "top_k": 3, "rated": None}, "null_fails"
    yield (
        "ranked_movies: null",
        {"user_id": known, "top_k": 3, "ranked_movies": None},
        "null_fails",
    )
    yield "a list of rated movies", {"user_id": known, "top_k": 3, "rated": some}, None
    yield "ranked_movies", {"user_id": known, "top_k": 3, "ranked_movies": some}, None
    yield "a rated movie that nobody knows", {"user_id": known, "rated": [*some, 10**7]}, None
    yield "an unknown user", {"user_id": unknown, "top_k": top_k}, "stranger"
    yield "user 0, whom nobody knows", {"user_id": 0, "top_k": top_k}, "stranger"
    popular = model.most_rated[:2]
    yield (
        "an unknown user with rated movies",
        {"user_id": unknown, "top_k": 3, "rated": popular},
        "stranger",
    )
    yield "all movies that are left", {"user_id": known, "top_k": len(best)}, None
    yield "one movie is left", {"user_id": known, "top_k": 1, "rated": best[1:]}, None
    rated = [*few, few[0], *model.rated_by(known)[:2], 10**7]
    yield "a part is left", {"user_id": known, "top_k": len(best) - len(few), "rated": rated}, None


def _greedy_questions(
    context: Context, model: PretendedModel
) -> Iterator[tuple[str, dict[str, Any]]]:
    known = _user(context, model)
    left = len(_left(model, {"user_id": known}))
    yield f"{left} movies are left, {left + 1} are asked for", {"user_id": known, "top_k": left + 1}
    count = len(model.movies)
    yield f"there are {count} movies in all", {"user_id": known, "top_k": count + 1}
    rated = context.random.sample(model.most_rated, context.random.randint(3, 9))
    yield "an unknown user", {"user_id": 0, "top_k": count, "rated": rated}
    rated = _left(model, {"user_id": known})[2:]
    yield "two movies are left, 3 are asked for", {"user_id": known, "top_k": 3, "rated": rated}


def _ranked(model: PretendedModel, user_id: int) -> list[int]:
    """Return all movie ids, the best for a user first."""
    row = model.users.row(user_id)
    return model.most_rated if row is None else _by_score(model, row)


def _by_score(model: PretendedModel, row: int) -> list[int]:
    scores = model.scores(row).tolist()
    places = sorted(range(len(scores)), key=lambda place: -scores[place])
    return [model.movies.raw(place) for place in places]


def _left(
    model: PretendedModel, question: dict[str, Any], ranked: list[int] | None = None
) -> list[int]:
    """Return the movies that may be recommended, the best first."""
    rated = question.get("rated") or question.get("ranked_movies") or []
    out = {*rated, *model.rated_by(question["user_id"])}
    ranked = _ranked(model, question["user_id"]) if ranked is None else ranked
    return [movie for movie in ranked if movie not in out]


def _asked(
    context: Context,
    answer: Callable[..., Any],
    model: PretendedModel,
    question: dict[str, Any],
    where: str,
    because: str | None,
) -> Any:
    try:
        return context.call(answer, model, dict(question), where=where, because=because)
    except Exception as failure:
        refusal = failure.__cause__
        if isinstance(refusal, InputError):
            too_many = "miscounted" if refusal.code == "top_k_too_large" else None
            context.fail(
                f"A good question was refused with {refusal.code!r}: {refusal.message}",
                where=where,
                mistake=because or too_many,
                layer="request",
            )
        raise


def _holds(
    context: Context, got: Any, model: PretendedModel, question: dict[str, Any], where: str
) -> None:
    """Hold a body to what the model thinks."""
    body = context.plain(got, what="answer(model, question)", where=where)
    keys = ["fallback", "items", "user_id"]
    if not isinstance(body, dict) or sorted(body) != keys:
        shown = sorted(body) if isinstance(body, dict) else f"a {type(body).__name__}"
        context.fail(
            f"answer(model, question) gave {shown}; a dictionary with {keys} was expected.",
            where=where,
            layer="schema",
        )
    want, items = _left(model, question)[: question.get("top_k", 10)], body["items"]
    _none_is_rated(context, items, model, question, where)
    context.same(
        items,
        want,
        what="The answer's items",
        where=where,
        mistakes=_wrong_lists(model, question, want),
    )
    user_id = question["user_id"]
    context.same(body["user_id"], user_id, what="The answer's user_id", where=where)
    fallback = "popularity" if model.users.row(user_id) is None else None
    context.expect(
        body["fallback"] == fallback,
        f"The answer's fallback is {body['fallback']!r:.40}; {fallback!r} was expected.",
        where=where,
        mistake="always_named" if fallback is None else "unnamed",
    )


def _none_is_rated(
    context: Context, items: Any, model: PretendedModel, question: dict[str, Any], where: str
) -> None:
    """Fail if one of the movies is known and was to be left out."""
    movies = items if isinstance(items, list) else []
    left_out = set(model.most_rated) - set(_left(model, question))
    for movie in movies:
        if type(movie) is int and movie in left_out:
            in_training = movie in model.rated_by(question["user_id"])
            alias = "ranked_movies" in question and not in_training
            context.fail(
                f"The movie {movie} is recommended, and user {question['user_id']} has rated it.",
                where=where,
                mistake="alias" if alias else "shows_rated",
            )


def _wrong_lists(
    model: PretendedModel, question: dict[str, Any], want: list[int]
) -> list[tuple[str, list[int]]]:
    """Return the lists that named mistakes would give."""
    left = _left(model, question)
    cut = _ranked(model, question["user_id"])[: len(want)]
    wrong = [
        ("worst_first", left[::-1][: len(want)]),
        ("cut_first", [movie for movie in cut if movie in left]),
    ]
    for movies in (left, _ranked(model, question["user_id"])):  # rows are no ids to leave out
        rows = [row for movie in movies if (row := model.movies.row(movie)) is not None]
        wrong.append(("rows", rows[: len(want)]))
        wrong.append(("plus_one", [row + 1 for row in rows[: len(want)]]))
    row = model.users.row(question["user_id"])
    if row == 0:
        wrong.append(("falsy_row", _left(model, question, model.most_rated)[: len(want)]))
    if row is None:
        for other in range(len(model.users)):
            best = _left(model, question, _by_score(model, other))
            wrong.append(("somebody", best[: len(want)]))
    return wrong


def _refused(
    context: Context,
    answer: Callable[..., Any],
    model: PretendedModel,
    question: dict[str, Any],
    where: str,
    code: str,
    mistake: str,
) -> InputError:
    """Return the refusal of a bad question; fail if it is none."""
    try:
        got = answer(model, dict(question))
    except InputError as refusal:
        context.expect(
            refusal.code == code,
            f"The refusal's code is {refusal.code!r}; {code!r} was expected.",
            where=where,
            mistake="true_is_one" if mistake == "true_is_one" else None,
        )
        context.expect(
            refusal.status == 422,
            f"The refusal's status is {refusal.status}; 422 was expected.",
            where=where,
        )
        for part, text in (("message", refusal.message), ("hint", refusal.hint)):
            good = isinstance(text, str) and bool(text.strip())
            context.expect(good, f"The {part} is {text!r}; a sentence was expected.", where=where)
        return refusal
    except Exception as error:
        raise context.raised(error, where=where, because=mistake) from error
    body = context.plain(got, what="answer(model, question)", where=where)
    items = body.get("items") if isinstance(body, dict) else None
    many = isinstance(items, list) and len(items) != 1
    count = f"{len(items)} movie{'s' * many}" if isinstance(items, list) else f"{body!r:.80}"
    short = code == "top_k_too_large" and isinstance(items, list)
    context.fail(
        f"The answer is {count}; an InputError with the code {code!r} was expected.",
        where=where,
        mistake="short" if short else mistake,
    )
    raise AssertionError  # fail has raised
