"""Checks of lab 07: the registry's model, pulled once, pointed to, and replaced while it serves."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from labs.checks import lab07_live, lab07_pull, lab07_questions, lab07_start
from labs.engine import Context, exercise


@exercise(
    "lab07.ex1",
    "One way from ids to rows",
    points=1,
    minutes=5,
    difficulty=1,
    importance=5,
    hints=(
        "The rows must not depend on the order in which the ids came. So put the different ids "
        "into an order of your own first, and number them.",
        "`sorted(set(raw_ids))` gives each id once, in one order for everybody. `enumerate` "
        "numbers them from 0. `dict.get` gives None for a key that is not there.",
        "`self.ids = sorted(set(raw_ids))` is the way from rows to ids; "
        "`self.rows = {raw: row for row, raw in enumerate(self.ids)}` is the way back.",
    ),
    help=(
        (
            "KeyError: 4711",
            "A dictionary raises for a key that it does not have. An id that the map does not "
            "know is no error here: use `get`.",
        ),
        (
            "AttributeError: 'IdMap' object has no attribute …",
            "What the constructor finds must be kept: `self.rows = …`, with `self.`.",
        ),
    ),
    mistakes={
        "minus_one": "You count on ids that go from 1 without gaps. Real ids have gaps, and where "
        "training subtracts 1 and serving does not, every answer is one off: Erratum 25.",
        "id_as_row": "You use the id itself as a row. The table would need a row for every number "
        "up to the largest id.",
        "from_one": "The first row of a table is row 0.",
        "repeats": "An id that came twice was counted twice. Each id has one row.",
        "shared": "The rows of another map are counted on. What stands in the class, outside of "
        "__init__, belongs to all maps: keep it in self.",
        "zero_lost": "Row 0 counts as false, and `or` takes what stands behind it.",
        "order": "Rows in the order in which the ids came are other rows for training than for "
        "serving, and nothing fails.",
        "inverse": "raw() is not the way back from row().",
        "unknown_zero": "Row 0 is somebody's row. An unknown user would be answered with that "
        "person's taste: Erratum 24.",
        "last_row": "For lists and for NumPy, row -1 is the last row: somebody's, too.",
        "neighbour": "You found the place where the id would stand. Somebody else stands there.",
        "raises": "An unknown id is nothing unusual: a new user. The caller wants None.",
    },
)
def id_map(context: Context, answer: Any) -> None:
    """Hold ``IdMap`` to one row for each id, the same for every order of the ids."""
    if not inspect.isclass(answer):
        context.fail(f"IdMap is a {type(answer).__name__}, not a class.", layer="import")
    several, earlier = context.random.randint(40, 60), 0
    for count in (several, 1):
        ids = context.random.sample(range(1, 200_000), count)
        often = [*ids, *context.random.choices(ids, k=2 * count)]
        context.random.shuffle(often)
        where = f"{len(often)} ids, {count} of them different"
        trained = context.call(answer, list(often), where=where)
        rows = [_row(context, trained, one, where) for one in ids]
        _rows(context, ids, rows, where, len(often), earlier)
        earlier += count
        for one, row in zip(ids, rows, strict=True):
            back = context.plain(context.call(trained.raw, row, where=where), what=f"raw({row})")
            context.expect(
                type(back) is int and back == one,
                f"raw({row}) is {back}; {one} was expected, because row({one}) is {row}.",
                where=where,
                mistake="inverse",
            )
        _unknown(context, trained, ids, where)
        for other in (sorted(ids, reverse=True), sorted(ids), context.random.sample(ids, count)):
            served = context.call(answer, other, where="the same ids in another order")
            for one, row in zip(ids, rows, strict=True):
                found = _row(context, served, one, where)
                context.expect(
                    found == row,
                    f"The id {one} has row {row} for training and row {found} for serving.",
                    where="two maps of the same ids, which came in another order",
                    mistake="order",
                )
    context.note(ids=several, maps=8)


def _row(context: Context, ids: Any, one: int, where: str) -> Any:
    got = context.call(ids.row, one, where=f"row({one}) of {where}")
    return context.plain(got, what=f"row({one})", where=where)


def _rows(
    context: Context, ids: list[int], rows: list[Any], where: str, given: int, earlier: int
) -> None:
    """Fail unless the rows of the different ids are 0 to n - 1.

    So many ids were *given*, repeats included, and so many rows are another, *earlier* map's.
    """
    numbers = sorted(row for row in rows if type(row) is int)
    zero_lost = rows.count(None) == 1 and numbers == list(range(1, len(ids)))
    for one, row in zip(ids, rows, strict=True):
        if type(row) is not int:
            context.fail(
                f"row({one}) is {row!r}; a whole number was expected.",
                where=where,
                mistake="zero_lost" if zero_lost else None,
            )
    count = len(ids)
    if sorted(rows) == list(range(count)):
        return
    wrong = {
        "id_as_row": ids,
        "minus_one": [one - 1 for one in ids],
        "from_one": [row + 1 for row in range(count)],
        "shared": [row + earlier for row in range(count)],
    }
    mistake = next((name for name, each in wrong.items() if sorted(rows) == sorted(each)), None)
    if mistake is None and len(set(rows)) == count and count <= max(rows) < given:
        mistake = "repeats"
    context.fail(
        f"The rows go from {min(rows)} to {max(rows)}, {len(set(rows))} of them different; "
        f"0 to {count - 1} were expected.",
        where=where,
        mistake=mistake,
    )


def _unknown(context: Context, ids: Any, known: list[int], where: str) -> None:
    """Ask for ids that are not there: beyond the last, beside a known one, and 0."""
    asked = [max(known) + 1, max(known) + 1000, known[0] - 1, known[0] + 1, len(known), 0]
    for one in asked:
        if one in known:
            continue
        got = context.call(
            ids.row,
            one,
            where=f"row({one}), an id that the map does not know",
            because=lambda error: "raises" if isinstance(error, LookupError) else None,
        )
        row = context.plain(got, what=f"row({one})", where=where)
        if row is None:
            continue
        near = type(row) is int and row in _places(one, known)
        named = {0: "unknown_zero", -1: "last_row"} if type(row) is int else {}
        context.fail(
            f"row({one}) is {row!r}; None was expected: the map does not know this id.",
            where=where,
            mistake=named.get(row, "neighbour" if near else None),
        )


def _places(one: int, known: list[int]) -> tuple[int, ...]:
    place = sum(other < one for other in known)
    return place, place - 1


@exercise(
    "lab07.ex2",
    "Answer the question",
    points=2,
    minutes=9,
    difficulty=2,
    importance=4,
    hints=(
        "First make a list of all movies, the best first: by score for a known user, by "
        "popularity for an unknown one. Then take out what is rated, and look how many are left.",
        "`np.argsort(-scores)` gives the rows of the movies, the best first; "
        "`model.movies.raw(row)` makes an id of each. `question.get('rated') or []` is a list for "
        "null, too.",
        "`row = model.users.row(question['user_id'])`, then `if row is None:` and not `if not "
        "row:`. With `left = [movie for movie in ranked if movie not in rated]`, compare `top_k` "
        "with `len(left)`.",
    ),
    help=(
        (
            "IndexError: a row is a whole number; got None",
            "The user is unknown: there is no row to ask for. Use `model.most_rated` then.",
        ),
        (
            "TypeError: 'NoneType' object is not iterable",
            "`question.get('rated', [])` gives None if the client sent null: the key is there.",
        ),
    ),
    mistakes={
        "rows": "These are the movies' rows. The client knows ids: model.movies.raw(row).",
        "plus_one": "A row is not an id less one. model.movies.raw(row) is the only way back.",
        "worst_first": "argsort puts the smallest score first.",
        "falsy_row": "Row 0 counts as false. Ask `row is None`: the first user is known.",
        "somebody": "An unknown user got the row of somebody else. There is no opinion of his or "
        "hers: use model.most_rated, and say so.",
        "stranger": "A user whom the training does not know is a good question.",
        "unnamed": "The caller must see that this is no opinion of the model: name the fallback.",
        "always_named": "The model has answered here, so there was no fallback.",
        "null_fails": "`rated: null` is the same as nothing. Many clients send it.",
        "alias": "ranked_movies is the chapter's name for rated. Whoever uses it is recommended "
        "what he or she has rated.",
        "shows_rated": "A movie that the user has rated is recommended: in the training, or in the "
        "question.",
        "cut_first": "The list was cut first, and what is rated was taken out then, so some are "
        "missing at the end. Take out first.",
        "miscounted": "Count the list of what is left. A movie in `rated` may stand there twice, "
        "be unknown, or be rated in training, too. And all that are left are not too many.",
        "changes_model": "All requests share one model: what you take out of its list is gone for "
        "everybody. Make a new list.",
        "short": "Fewer movies than asked for, and no word about it. Say how many are left.",
        "not_refused": "What the client asked too much of becomes a 500, the server's fault. "
        "Compare top_k with the movies that are left, not with all of them.",
        "unchecked": "top_k comes from a client. It may be anything that JSON has.",
        "true_is_one": "In Python True is an int. JSON's true is no number of movies.",
        "no_number": "The hint should say what to send instead: how many movies are left.",
    },
)
def answer_question(context: Context, answer: Callable[..., Any]) -> None:
    """Ask ``answer(model, question)`` what clients ask."""
    lab07_questions.check(context, answer)


@exercise(
    "lab07.ex3",
    "Pull a version once",
    points=2,
    minutes=8,
    difficulty=3,
    importance=5,
    hints=(
        "Ask which version it is, look whether that version's folder is there, and download only "
        "if it is not. While a download runs, its folder has another name.",
        "`tempfile.TemporaryDirectory(dir=cache)` makes a folder beside the versions and removes "
        "what is left in it, also after an exception. `Path.rename` moves a whole folder at once.",
        "With `version = client.get_model_version_by_alias(name, alias).version`: download "
        '`f"models:/{name}/{version}"` into `Path(work) / "whole"`, then '
        "`.rename(cache / version)`.",
    ),
    help=(
        (
            "LookupError: RESOURCE_DOES_NOT_EXIST: there is no …",
            "There is no such version. The address is `models:/NAME/VERSION`, with the name and "
            "the version's number that you were given.",
        ),
        (
            "OSError: … Directory not empty",
            "`rename` does not replace a folder. Do not make `cache / version` yourself: the "
            "rename brings it.",
        ),
    ),
    mistakes={
        "every_time": "Every start, and every rollback, downloads the model again: Erratum 19. "
        "Look first whether the version is there.",
        "by_alias": "The alias is no name for a folder: when it moves, the old version still "
        "stands there under its name. Versions do not change; keep them by their number.",
        "latest": "The newest version is what somebody registered last. What is in production, the "
        "alias says: Erratum 20.",
        "fixed_version": "The version stands in your code. It was right on the day when you wrote "
        "it; ask the registry.",
        "fixed_name": "The model's name stands in your code: use the argument.",
        "run_uri": "An alias names a version. runs:/ names a run, and guesses what the model in it "
        "is called: Erratum 21.",
        "fixed_alias": "The alias stands in your code. The A/B test of the notebook follows "
        "another one: use the argument.",
        "never_asks": "What lies in the cache may be any version. Ask at each start which one is "
        "meant.",
        "other_version": "What else lies in the cache does not matter, the newest included. The "
        "alias says which version it is.",
        "alias_uri": "You asked which version it is, and then downloaded what the alias named a "
        "moment later. Download by the number that you were told.",
        "partial": "Another process that looks now takes an unfinished folder for a version. "
        "Download under another name, then rename.",
        "half_stays": "What a download leaves behind fills the disk, a piece at every start. "
        "Remove it, also after an exception.",
        "elsewhere": "A temporary folder elsewhere may be on another disk. A rename works within "
        "one disk only.",
        "swallowed": "The caller must learn that there is no new version, and decides what to do.",
    },
)
def pull_once(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``pull(client, name, alias, cache)`` start after start, while the alias moves."""
    lab07_pull.check(context, answer)


@exercise(
    "lab07.ex4",
    "When the registry is down",
    points=2,
    minutes=8,
    difficulty=3,
    importance=5,
    hints=(
        "Two ways lead to a model: pull and load, or else load what the pointer names. The pointer "
        "is written on the first way only, as its last step.",
        "ConnectionError, TimeoutError and FileNotFoundError are all kinds of `OSError`. "
        "`Path.replace` puts a file in another one's place in a single step; both are on one disk "
        "if they are in one folder.",
        "`except (OSError, ValueError) as error:` around `pull` and `load`, and in it the same "
        "once more around `load(versions / pointer.read_text().strip())`, which ends in `raise "
        'RuntimeError(f"… {error}") from error`.',
    ),
    help=(
        (
            "ConnectionError: the registry does not answer",
            "`pull` raises it when the registry is down. Catch it, and load what the pointer "
            "names.",
        ),
        (
            "FileNotFoundError: … 'prod.txt'",
            "At the very first start there is no pointer yet. If nothing was pulled either, there "
            "is nothing to serve: that is the RuntimeError of the task.",
        ),
    ),
    mistakes={
        "pointer_first": "The pointer names a version that has not been loaded yet. If it is "
        "damaged, the next start without the registry has nothing.",
        "newest_folder": "The newest folder is what was fetched last. After a rollback that is the "
        "version which nobody wants any more: the pointer says what to serve.",
        "pointer_only": "The registry was not asked, so a new version is never served.",
        "retries": "Nobody is served while you try again, and probes time out: Erratum 22. The "
        "client has its own patience. Ask once.",
        "no_fallback": "The registry is down, and a good version lies on the disk with a pointer "
        "to it. Serve that.",
        "wrong_folder": "`load` wants the version's folder, `versions / number`. A number from a "
        "file may have a line end behind it: `.strip()`.",
        "damaged_stops": "A damaged new version is no reason to stop. The pointer still names a "
        "good one.",
        "not_atomic": "Another process that reads the pointer at that moment finds an empty file, "
        "half a number, or none. Write beside it, then replace it.",
        "no_pointer": "What has been served should be written down: the next start may have no "
        "registry.",
        "none": "The service would start with None, be ready, and fail at the first request. Say "
        "at the start why there is nothing.",
        "vague": "Whoever reads the log must learn what went wrong: put the error's text into the "
        "message.",
        "unclear": "The caller waits for one kind of exception that says that there is nothing to "
        "serve: RuntimeError.",
    },
    seconds=30,
)
def when_down(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``start(pull, load, versions, pointer)`` in good times and in bad ones."""
    lab07_start.check(context, answer)


@exercise(
    "lab07.ex5",
    "Design it: replaced while it serves",
    points=3,
    minutes=10,
    difficulty=4,
    importance=4,
    hints=(
        "Make the new model ready where nobody sees it: load it, test it, and only then put it in "
        "the old one's place. One attribute holds all that an answer needs.",
        "An assignment to one attribute is one step: another thread sees the old object or the new "
        "one. Two attributes are two steps, and so are two reads of one attribute.",
        "In `answer`: `model = self.model` once, then only `model`. In `swap`: `load` and "
        "`smoke_test` in a `try`, `return False` if they raise, and `self.model = new` as the last "
        "step before `return True`.",
    ),
    help=(
        (
            "AttributeError: 'NoneType' object has no attribute 'recommend'",
            "The old model was thrown away before the new one was there. Keep it until the "
            "assignment.",
        ),
        (
            "ValueError: version … is damaged",
            "`swap` must not raise for a bad version: it returns False. Catch what `load` and "
            "`smoke_test` raise.",
        ),
    ),
    mistakes={
        "untested": "A version that loads may still be useless: a training that diverged leaves "
        "NaN. smoke_test finds out, before anybody is answered.",
        "before_test": "The new version answers before it has passed its test.",
        "dropped_first": "The old model was gone before the new one was there. Requests come all "
        "the time.",
        "blocks": "Everybody waits while the new version is loaded and tested. No lock is needed "
        "for that: only the assignment counts.",
        "two_steps": "The new model and its version stand in two attributes. A request that comes "
        "between the two assignments gets a mixture: keep them in one.",
        "two_reads": "The attribute is read twice, and in between it was another model. Read it "
        "once, into a local variable.",
        "one_at_a_time": "One answer waits for the other. A lock around the whole answer makes one "
        "thread of many.",
        "raises": "Whoever calls swap is a thread that follows the registry. A bad version must "
        "not end it: return False.",
        "starts_anyway": "What goes wrong in the constructor it lets through. If it calls swap, "
        "nobody looks at the False.",
        "loads_twice": "You tested one model, and another one answers. Load once, test this model, "
        "and keep it.",
        "loads_each_time": "The model is loaded for each request. Load it once, and keep it.",
        "stays": "swap said True, and the old version still answers.",
        "says_nothing": "The caller cannot see whether the version was taken: return True or "
        "False.",
    },
)
def replaced(context: Context, answer: Any) -> None:
    """Replace the model of ``Live`` at every bad moment that there is."""
    lab07_live.check(context, answer)
