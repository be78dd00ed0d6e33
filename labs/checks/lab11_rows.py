"""Lab 11: what batches, rows and lists of movies are held to, and which mistake they show."""

from __future__ import annotations

import inspect
import io
import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from labs.checks.lab11_cores import Meter, Scorer
from labs.engine import Context, fake_core
from labs.engine.plain import NotPlainError, array, same, shown
from services.errors import InputError
from services.id_card.images import decode


class TooManyError(Exception):
    """More was taken than the next batches need."""


class Source:
    """Numbers from 1 on, without end, which can be taken once.

    Attributes
    ----------
    taken : int
        How many were taken; more than *most* raise :class:`TooManyError`.
    """

    def __init__(self, most: int) -> None:
        self.taken = 0
        self._most = most

    def __iter__(self) -> Source:
        return self

    def __next__(self) -> int:
        self.taken += 1
        if self.taken > self._most:
            raise TooManyError(f"{self.taken:,} items were taken, and no end is in sight")
        return self.taken


def take(
    context: Context, answer: Callable[..., Any], items: Any, size: int, most: int
) -> list[tuple[Any, Any]]:
    """Return up to *most* batches: each as it was when it came, and as it is in the end."""
    made = answer(items, size)
    try:
        given = iter(made)
    except TypeError:
        kind = type(made).__name__
        context.fail(f"batches returned a {kind}, over which no `for` can go.", layer="schema")
    first = itertools.islice(given, most)
    came = [(context.plain(batch, what="a batch"), batch) for batch in first]
    return [(before, context.plain(batch, what="a batch")) for before, batch in came]


def same_batches(
    context: Context, pairs: list[tuple[Any, Any]], want: list[Any], where: str
) -> None:
    """Hold what :func:`take` returned to the right batches."""
    came, later = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if came == want and later != want:
        differs = f"The first batch was {came[0]} when it came, and is {later[0]} in the end."
        context.fail(differs, where=where, mistake="reuses")
    if same(came, want):
        return
    place = next((n for n, pair in enumerate(zip(came, want, strict=False)) if not same(*pair)), -1)
    if place >= 0:
        differs = f"Batch {place} is {shown(came[place])}; {shown(want[place])} was expected."
    elif len(came) < len(want):
        differs = f"There is no batch {len(came)}; {shown(want[len(came)])} was expected."
    else:
        differs = f"After the last batch comes another one: {shown(came[len(want)])}."
    context.fail(differs, where=where, mistake=_batches_mistake(came, want))


def _batches_mistake(came: list[Any], want: list[Any]) -> str | None:
    """Name what is wrong with batches by how they differ, whatever made them."""
    if not all(isinstance(batch, list) for batch in came):
        return None
    if [] in came:
        return "empty_last" if came.count([]) == 1 else "never_ends"
    items = [item for batch in want for item in batch]
    given = [item for batch in came for item in batch]
    if len(given) > len(items) and given[: len(items)] == items:
        return "padded"
    twice = Counter(map(repr, given)) - Counter(map(repr, items))
    if twice and set(twice) <= set(map(repr, items)):
        return "overlaps"
    if came == want[: len(came)]:
        return "drops_last" if len(came) == len(want) - 1 else "stops_early"
    without = [i for i in items if i is not None], [i for i in items if i]
    return "stops_early" if given in [some[: len(given)] for some in without] else None


def files(context: Context, folder: Path, bad: int, size: int) -> list[Path]:
    """Write pictures, and up to five *bad* files of all kinds; a batch begins with one.

    The first picture has no card. The last one lies in a folder of its own, under the first's name.
    """
    paths = []
    for number in range(2 * size + 2 + bad):
        buffer = io.BytesIO()
        cards = context.random.randint(1, 4) if number else 0
        context.picture(cards).save(buffer, format="PNG")
        paths.append(folder / f"scan-{context.random.randrange(10**4):04}-{number}.png")
        if number == 2 * size + 1 + bad:
            paths[-1] = folder / "more" / paths[0].name
            paths[-1].parent.mkdir()
        paths[-1].write_bytes(buffer.getvalue())
    places = [size, *context.random.sample([*range(size), *range(size + 1, len(paths))], 4)]
    for kind, place in list(enumerate(places))[:bad]:
        data = paths[place].read_bytes()
        content = [b"scanned on Monday", data[: len(data) // 2], None, b"", b"<html>"][kind]
        paths[place].unlink()
        if content is not None:
            paths[place].write_bytes(content)
    return paths


def _right_row(path: Path) -> dict[str, Any]:
    try:
        picture = decode(path.read_bytes())
    except (InputError, OSError) as error:
        return {"file": path.name, "boxes": None, "error": str(error)}
    return {"file": path.name, "boxes": fake_core.boxes(picture), "error": None}


def a_list(context: Context, got: Any, name: str, where: str) -> None:
    """Say that a dictionary or a generator is no list."""
    if isinstance(got, dict) or inspect.isgenerator(got):
        context.fail(
            f"{name} returned a {type(got).__name__}; a list was expected.",
            where=where,
            layer="schema",
            cause="A function with `yield` returns a generator. Collect what it gives in a list."
            if inspect.isgenerator(got)
            else "",
        )


def same_rows(context: Context, got: Any, paths: list[Path], where: str) -> None:
    """Hold the rows of ``detect_folder`` to the files; what an error says is free."""
    a_list(context, got, "detect_folder", where)
    rows = context.plain(got, what="what detect_folder returned", where=where)
    want = [_right_row(path) for path in paths]
    if not isinstance(rows, list) or any(
        not isinstance(row, dict) or row.keys() != want[0].keys() for row in rows
    ):
        context.fail(
            "detect_folder did not return a list of dictionaries with the keys file, boxes and "
            "error, and no others.",
            where=where,
            layer="schema",
        )
    _same_files(context, [row["file"] for row in rows], want, where)
    for row, right in zip(rows, want, strict=True):
        _same_row(context, row, right, want, f"{where}: {row['file']}")
    texts = [row["error"] for row in rows if row["error"]]
    if len(texts) > 1 and len(set(texts)) == 1:
        differs = f"All {len(texts)} bad files have the same error: {texts[0]!r}."
        context.fail(differs, where=where, mistake="no_text")


def _same_files(context: Context, got: list[Any], want: list[dict[str, Any]], where: str) -> None:
    names = [row["file"] for row in want]
    good = [row["file"] for row in want if row["error"] is None]
    if got == names:
        return
    if len(got) != len(names):
        missing = list((Counter(names) - Counter(map(str, got))).elements())
        none = f" {missing[0]} has none." if missing and missing[0] not in got else ""
        mistake = None
        if missing and not Counter(missing) - (Counter(names) - Counter(good)):
            mistake = "left_out"
        elif missing and set(names) == set(got):
            mistake = "one_name"
        elif missing and good != names:
            mistake = "zipped"
        differs = f"There are {len(got)} rows for {len(names)} files.{none}"
        context.fail(differs, where=where, mistake=mistake)
    place = next(n for n, name in enumerate(names) if got[n] != name)
    differs = f"Row {place} has {got[place]!r} for its file; {names[place]!r} was expected."
    mistake = None
    if sorted(map(str, got)) == sorted(names):
        mistake = "order"
    elif all(mine in (name, None, "") for mine, name in zip(got, names, strict=True)):
        mistake = "nameless"
    context.fail(differs, where=where, mistake=mistake)


def _same_row(
    context: Context, row: dict[str, Any], right: dict[str, Any], want: list[Any], where: str
) -> None:
    if right["error"] is None:
        context.expect(
            row["error"] is None,
            f"The row has the error {row['error']!r}; None was expected, since the file is good.",
            where=where,
            mistake="whole_batch" if row["error"] else None,
        )
        others = [other["boxes"] for other in want if other["boxes"] not in (None, right["boxes"])]
        if row["boxes"] in others:
            differs = "The row has the boxes of another file."
            context.fail(differs, where=where, mistake="shifted")
        context.same(
            row["boxes"],
            right["boxes"],
            what="The entry boxes",
            where=where,
            mistakes={} if right["boxes"] else {"no_card": None},
        )
        return
    context.expect(
        row["boxes"] is None,
        f"The entry boxes is {shown(row['boxes'], 60)}; None was expected, since the file cannot "
        "be read.",
        where=where,
        mistake="shifted" if row["boxes"] else "looks_empty",
    )
    context.expect(
        isinstance(row["error"], str) and bool(row["error"].strip()),
        f"The error is {row['error']!r}; a text was expected.",
        where=where,
        cause="str(error) says what is wrong with the file.",
    )


def listed(context: Context, got: Any, where: str) -> Any:
    """Return the rows of ``recommend_all`` as lists; arrays are as good."""

    def as_list(value: Any) -> Any:
        try:
            return array(value).tolist()
        except NotPlainError:
            return value

    a_list(context, got, "recommend_all", where)
    got = as_list(got)
    rows = [as_list(row) for row in got] if isinstance(got, list | tuple) else got
    return context.plain(rows, what="what recommend_all returned", where=where)


def _best(scores: dict[int, float], without: set[int], k: int, ties: int = 1) -> list[int]:
    """Return the best ids of one user, as a core does that answers one user at a time."""
    left = [movie for movie in scores if movie not in without]
    return sorted(left, key=lambda movie: (-scores[movie], ties * movie))[:k]


def same_lists(
    context: Context, rows: Any, core: Scorer, users: list[int], k: int, where: str
) -> None:
    """Hold the lists of ``recommend_all`` to those of a core that is asked user by user."""
    if not isinstance(rows, list) or len(rows) != len(users):
        size = f"{len(rows)} rows" if isinstance(rows, list) else f"a {type(rows).__name__}"
        block = max(core.asked, default=1)
        lost = isinstance(rows, list) and len(rows) == len(users) // block * block
        context.fail(
            f"recommend_all returned {size}; {len(users)} rows were expected.",
            where=where,
            mistake="drops_last" if lost else None,
        )
    for user, row in zip(users, rows, strict=True):
        scores, rated = core.row(user), set(core.rated_by(user))
        want = _best(scores, rated, k)
        mistakes = list(_lists_of_mistakes(scores, rated, want, k))
        values = _values(row, scores)
        if row == want or any(row == wrong for _, wrong in mistakes):
            pass
        elif values is not None and not rated.isdisjoint(row):
            mistakes.append(("rated", row))
        elif values is not None and values == _values(want, scores):
            in_order = [scores[movie] for movie in row] == [scores[movie] for movie in want]
            mistakes.append(("ties" if in_order else "unsorted", row))
        context.same(row, want, what=f"The row of user {user}", where=where, mistakes=mistakes)


def _lists_of_mistakes(
    scores: dict[int, float], rated: set[int], want: list[int], k: int
) -> list[tuple[str, list[int]]]:
    columns = [list(scores).index(movie) for movie in want]
    unmasked = _best(scores, set(), k)
    zeroed = _best(scores | dict.fromkeys(rated, 0.0), set(), k)
    return [
        ("columns", columns),
        ("columns", [column + 1 for column in columns]),
        ("after", [movie for movie in unmasked if movie not in rated]),
        ("fills_up", _best(scores | dict.fromkeys(rated, -np.inf), set(), k)),
        ("zeroed", zeroed),
        ("zeroed", [movie for movie in zeroed if movie not in rated]),
        ("ties", _best(scores, rated, k, ties=-1)),
    ]


def _values(movies: Any, scores: dict[int, float]) -> list[float] | None:
    """Return the scores of movies, sorted; None if one of them is no movie, or there twice."""
    if not isinstance(movies, list) or not all(type(m) is int and m in scores for m in movies):
        return None
    return sorted(scores[movie] for movie in movies) if len({*movies}) == len(movies) else None


def same_answers(
    context: Context, got: Any, want: list[Any], shapes: list[Any], meter: Meter, where: str
) -> None:
    """Hold the answers of ``detect_all`` to those of one call after the other."""
    a_list(context, got, "detect_all", where)
    rows = context.plain(got, what="what detect_all returned", where=where)
    if not isinstance(rows, list) or len(rows) != len(want):
        size = f"{len(rows)} answers" if isinstance(rows, list) else f"a {type(rows).__name__}"
        context.fail(f"detect_all returned {size} for {len(want)} pictures.", where=where)
    lost = sum(row in (None, []) for row in rows)
    if lost:
        context.fail(
            f"{lost} of {len(want)} pictures have no answer.",
            where=where,
            mistake="gives_up" if meter.refused else "drops_last",
        )
    wrong = [place for place, right in enumerate(want) if rows[place] != right]
    if wrong:
        moved = Counter(map(str, rows)) == Counter(map(str, want))
        like = {(str(right), *sorted(shape)) for right, shape in zip(want, shapes, strict=True)}
        alike = all((str(rows[place]), *sorted(shapes[place])) in like for place in wrong)
        what = "stand beside another picture" if moved else "are wrong"
        context.fail(
            f"{len(wrong)} of {len(want)} answers {what}.",
            where=where,
            mistake="order" if moved else "alike" if alike else None,
        )
