"""Checks of lab 11: a batch job that loses nothing, and how fast it is."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labs.checks import lab11_cores as cores
from labs.checks import lab11_rows as rows
from labs.checks.lab11_job import Job, part_name
from labs.engine import Context, exercise
from services.errors import InputError


@exercise(
    "lab11.ex1",
    "In batches",
    points=1,
    minutes=5,
    difficulty=2,
    importance=4,
    hints=(
        "A function with `yield` in it hands over one batch and goes on when the next is asked "
        "for. So it never holds more than one batch.",
        "Collect items in a list in a `for` loop, and `yield` the list when it has `n` of them. Or "
        "look at `itertools.islice(iterator, n)`, which takes at most the next `n`.",
        "`iterator = iter(items)`, and then `while batch := list(itertools.islice(iterator, n)):` "
        "with a `yield` in it. An empty list ends the loop.",
    ),
    help=(
        (
            "TypeError: 'generator' object is not subscriptable",
            "`items[0:n]` works for lists only. Go over `items` with `for`, or take the next ones "
            "with `itertools.islice`.",
        ),
        (
            "RuntimeError: generator raised StopIteration",
            "You call `next()` where nothing is left. `for` and `islice` end by themselves.",
        ),
    ),
    mistakes={
        "not_lazy": "Everything is taken before the first batch is given: by list(items), say, or "
        "by a list of all batches. A million pictures do not fit into memory.",
        "slices": "len() and [a:b] need a list. A generator, a file or a query has neither.",
        "drops_last": "The last batch has fewer items, and yours is lost: those inputs are never "
        "computed.",
        "empty_last": "When the number of items can be divided by n, or is 0, an empty batch comes "
        "at the end. Most cores refuse it.",
        "never_ends": "islice of an iterator that is used up gives nothing, again and again. Stop "
        "at the first empty batch.",
        "stop_iteration": "next() raises StopIteration where nothing is left, and inside a "
        "generator that is an error. `for` and islice end by themselves.",
        "overlaps": "Some items are in two batches, and would be in the result twice.",
        "padded": "The last batch is filled up. Nobody asked for what was filled in.",
        "stops_early": "An item that is None, 0 or empty text is an item, too. Only the iterator's "
        "end is the end.",
        "reuses": "All batches are one list, which you empty and fill again. Who keeps a batch "
        "finds it changed later. Make a new list for each: batch = [].",
    },
)
def batches(context: Context, answer: Callable[..., Any]) -> None:
    """Take batches of ``batches(items, n)``, first from a source that has no end."""
    size, count = context.random.randint(3, 6), 4
    source = rows.Source(100 * size)
    where = f"items without end, n={size}"
    got = context.call(
        rows.take, context, answer, source, size, count, where=where, because=_ex1_error
    )
    numbers = range(1, count * size + 1)
    want = [list(numbers[start : start + size]) for start in range(0, count * size, size)]
    rows.same_batches(context, got, want, where)
    context.expect(
        source.taken <= (count + 1) * size,
        f"For {count} batches {source.taken} items were taken; {(count + 1) * size} are allowed.",
        where=where,
        mistake="not_lazy",
    )
    lengths = [3 * size, 2 * size + 1, size - 1, 0, context.random.randint(1, 30), 4]
    for turn, length in enumerate(lengths):
        items: list[Any] = [
            context.random.choice([None, 0, "", False, "a", 7]) for _ in range(length)
        ]
        items[size : size + 1] = [None] * len(items[size : size + 1])
        if turn != len(lengths) - 1:
            kind, given = context.random.choice(
                [("a list", items), ("a tuple", tuple(items)), ("a generator", iter(items))]
            )
        else:
            kind, given, size = "a generator", iter(items), 1
        where = f"{kind} of {length} items, n={size}"
        want = [items[start : start + size] for start in range(0, length, size)]
        most = len(want) + 3
        got = context.call(
            rows.take, context, answer, given, size, most, where=where, because=_ex1_error
        )
        rows.same_batches(context, got, want, where)
    context.note(turns=len(lengths) + 1)


def _ex1_error(error: BaseException) -> str | None:
    if isinstance(error, rows.TooManyError | MemoryError):
        return "not_lazy"
    if isinstance(error, RuntimeError) and "StopIteration" in str(error):
        return "stop_iteration"
    needs_a_list = "no len()" in str(error) or "not subscriptable" in str(error)
    return "slices" if needs_a_list else None


@exercise(
    "lab11.ex2",
    "A bad file is a row",
    points=2,
    minutes=9,
    difficulty=3,
    importance=5,
    hints=(
        "Two things can go wrong, and they are not alike. A file that cannot be read concerns one "
        "row. A model that fails concerns everything. So only reading stands in a `try`.",
        "`try: decode(path.read_bytes())` with `except (InputError, OSError) as error`, for each "
        "path alone. Keep either the picture or the error, in the order of the paths.",
        "`found = iter(predict(good))`, where `good` are the pictures that could be read. Then go "
        "over all paths again: a picture gets `next(found)`, an error gets a row with "
        "`str(error)`.",
    ),
    help=(
        (
            "InputError: The image is empty: it has 0 bytes.",
            "`decode` raises InputError for what is no picture. Catch it around `decode` alone.",
        ),
        (
            "MemoryError: … pictures in one call",
            "Work on `n` paths at a time, with `batches(paths, n)`, and call `predict` for each "
            "batch.",
        ),
    ),
    mistakes={
        "stops": "The first bad file ends the job, after hours perhaps. Catch what decode raises.",
        "no_file": "A file that is gone, or that you may not read, raises an OSError in "
        "read_bytes(). It is a bad file as well.",
        "left_out": "Bad files have no row. Who reads the table does not learn that they were "
        "there.",
        "whole_batch": "One bad file took the good ones of its batch with it. Put the try around "
        "one file, not around the batch.",
        "looks_empty": "An empty list says that the picture has no card. Nobody has looked at "
        "this one.",
        "no_text": "Somebody has to mend these files, and must be able to tell what is wrong with "
        "each: str(error) says it.",
        "nameless": "An error without its file is of no use in a folder of a million.",
        "order": "The rows are there, but in another order. They follow the paths, and bad files "
        "stand where they belong.",
        "one_name": "Two files in different folders can have one name. path.name is no key for a "
        "dictionary; path itself is.",
        "zipped": "Good files have lost their rows. zip ends with the shorter list, and predict "
        "answers for the good pictures only.",
        "no_card": "[] is an answer: the picture has no card. None says that nobody has looked.",
        "shifted": "predict answers for the good pictures only. Beside a bad file its boxes "
        "slip to the next one.",
        "hides_model": "A model that fails is no bad file. Here a job with a broken model ends "
        "well, with a table full of errors. Leave predict outside of the try.",
        "too_many": "predict gets more pictures than fit into memory. Work on n paths at a time.",
    },
)
def detect_folder(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``detect_folder(paths, predict, n)`` with good and bad files, then a broken model."""
    with tempfile.TemporaryDirectory() as name:
        for turn, bad in enumerate((0, 5, context.random.randint(2, 4))):
            folder = Path(name, str(turn))
            folder.mkdir()
            size = context.random.randint(3, 4)
            paths = rows.files(context, folder, bad, size)
            model = cores.Model(size)
            where = f"{len(paths)} files, {bad} of them bad, n={size}"
            got = context.call(answer, paths, model, size, where=where, because=_ex2_error)
            if max(model.asked, default=0) > size:
                context.fail(
                    f"predict got {max(model.asked)} pictures at once; {size} are allowed.",
                    where=where,
                    mistake="too_many",
                )
            rows.same_rows(context, got, paths, where)
        for error in _broken(context):
            _broken_model(context, answer, paths, cores.Model(size, error, 2), size)
    context.note(files=len(paths), ways_in_which_the_model_failed=4)


def _ex2_error(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return "too_many"
    if isinstance(error, InputError):
        return "stops"
    return "no_file" if isinstance(error, FileNotFoundError) else None


def _broken(context: Context) -> list[Exception]:
    number = context.random.randint(2, 9)
    return [
        RuntimeError(f"the GPU lost {number} GB"),
        OSError(f"cannot open weights_{number}.onnx"),
        ValueError(f"the network has {number} outputs"),
        InputError(f"a bug, no. {number}", code="bug", status=400, hint="none"),
    ]


def _broken_model(
    context: Context, answer: Callable[..., Any], paths: list[Path], model: cores.Model, size: int
) -> None:
    where = f"predict raises {type(model.fails).__name__} in its second call"
    try:
        got = answer(paths, model, size)
    except Exception as error:
        chain: BaseException | None = error
        while chain is not None:
            if chain is model.fails:
                return
            chain = chain.__cause__ or chain.__context__
        raise context.raised(error, where=where) from error
    shown = f"{len(got)} rows" if isinstance(got, list | tuple) else f"a {type(got).__name__}"
    context.fail(
        f"detect_folder returned {shown}; the model's exception was expected to go up.",
        where=where,
        mistake="hides_model",
    )


@exercise(
    "lab11.ex3",
    "Whole or not there",
    points=3,
    minutes=9,
    difficulty=4,
    importance=5,
    seconds=150,
    hints=(
        "A file that is being written is there before it is whole. So write it under a name that "
        "nobody looks for, and give it its own name as the last act. Then a part that is there is "
        "whole, and nothing else needs to be noted.",
        "`path.exists()` says whether a part is there. `temporary.write_text(json.dumps(rows))`, "
        "then `temporary.replace(path)`: a file system renames at once or not at all, inside one "
        "folder.",
        "For each number and batch: if `folder / part_name(number)` does not exist, write "
        "`compute(batch)` to `path.with_suffix('.tmp')` and replace. Then, in every case, read the "
        "part and add its rows.",
    ),
    help=(
        (
            "JSONDecodeError: Expecting value",
            "A part is there, but empty or half: it was written under its own name. Write another "
            "file and rename it.",
        ),
        (
            "AttributeError: 'str' object has no attribute 'exists'",
            "`folder` is a Path. Put the names together with `/`: `folder / part_name(number)`.",
        ),
    ),
    mistakes={
        "no_parts": "Each batch has a file of its own, folder / part_name(number). By these names "
        "the next run finds what is done.",
        "nested": "The rows of all parts are one list. Use += or extend, not append.",
        "order": "You read the parts in the order in which the folder lists them. That is any "
        "order. Go by the numbers.",
        "begins_again": "Look whether the part is there before you compute it.",
        "only_new": "You return what this run computed. Rows of earlier runs lie in their parts, "
        "and belong to the result.",
        "in_place": "The kill came in the middle of writing, and half a part bears the name of a "
        "whole one. Write under another name, then rename.",
        "copied": "A copy is written bit by bit, and a kill in the middle leaves half of it under "
        "the part's name. Rename the file; do not copy it.",
        "at_end": "What is only in memory dies with the process. Write each part before you "
        "compute the next.",
        "passed_over": "You hold a part to be done that is not there: it is noted in another file, "
        "or files are counted that are no parts. Only the part itself says that it is done.",
        "appends": "What a killed run has left in the temporary file became part of the part: mode "
        "'a' goes on behind it, or it was taken as it is. Write it anew, with mode 'w'.",
    },
)
def resume(context: Context, answer: Any) -> None:
    """Run ``run_job(batches, compute, folder)`` in processes that are killed, and once more."""
    if not inspect.isfunction(answer) or inspect.iscoroutinefunction(answer):
        kind = type(answer).__name__ if not inspect.isfunction(answer) else "coroutine function"
        context.fail(f"run_job is a {kind}; a plain function was expected.", layer="import")
    job = Job(context, answer)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "first")
        folder.mkdir()
        job.run(folder, "the first run, in an empty folder")
        job.run(folder, "a second run, when all is done")
        for number in context.random.sample(range(len(job.batches)), 3):
            (folder / part_name(number)).unlink()
        job.run(folder, "a run when three parts are missing")
        folder = Path(name, "killed")
        folder.mkdir()
        job.run(
            folder, "killed in the middle of writing, after its third call of compute", "write", 3
        )
        job.run(folder, "then killed in a call of compute", "compute", context.random.randint(2, 3))
        job.run(folder, "then killed in the middle of writing, after its first call", "write", 1)
        job.run(folder, "then killed before it renames a file", "rename", 2)
        job.run(folder, "then run to the end")
        folder = Path(name, "again")
        folder.mkdir()
        job.run(folder, "killed in the middle of writing a part under its own name", "part", 2)
    context.note(batches=len(job.batches), kills=job.kills)


@exercise(
    "lab11.ex4",
    "The best movies for everybody",
    points=2,
    minutes=8,
    difficulty=3,
    importance=4,
    hints=(
        "Go over the users in blocks of n, and forget a block's scores before the next. In a "
        "user's scores, first take out what he or she has rated. Only then look for the best.",
        "`np.isin(core.movie_ids, core.rated_by(user))` marks the columns of rated movies. "
        '`np.argsort(-scores, kind="stable")` sorts by score, and leaves equal ones in the order '
        "of their columns.",
        "`scores[rated] = -np.inf` puts rated movies last, `best = np.argsort(…)[:k]` are columns. "
        "Drop those whose score is `-np.inf`, and take `core.movie_ids[…].tolist()`.",
    ),
    help=(
        (
            "MemoryError: scores of … users at once",
            "`core.scores` takes at most `n` users: `users[start : start + n]`.",
        ),
        (
            "ValueError: kth(=…) out of bounds",
            "`argpartition` needs a k smaller than the number of movies. Here a full sort is fast "
            "enough.",
        ),
    ),
    mistakes={
        "all_at_once": "All users times all movies: for MovieLens 1M that is about 180 MB, for a "
        "shop more than a machine has. Ask for n users at a time.",
        "keeps_scores": "You ask for blocks, but keep their scores until the end. In the end all "
        "of them are in memory.",
        "one_by_one": "One user in a call is right, and slow: n users fit into one.",
        "drops_last": "The last block has fewer users, and they are missing.",
        "columns": "A column's number is no movie's id. core.movie_ids has the id of each column.",
        "rated": "A movie that this user has rated is among them. Nobody wants to be told to see "
        "what he or she has seen.",
        "after": "First the k best, then the rated ones taken out: fewer than k are left, though "
        "there are others.",
        "fills_up": "Where fewer than k are left, the rated movies at the end of the sorted list "
        "came in again. Cut them off.",
        "zeroed": "Scores can be negative, so 0 is no low score. -inf is lower than all.",
        "ties": "Of movies with equal scores the lower id comes first, on every machine. A sort "
        "that is turned around, or that is not stable, mixes them.",
        "unsorted": "These are the right movies in another order. A set, a mask or argpartition "
        "finds the best, but does not sort them.",
    },
)
def recommend_all(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``recommend_all(core, users, k, n)`` with a core that refuses large blocks."""
    for turn in range(3):
        size = context.random.randint(4, 6)
        users = context.random.sample(range(100, 9999), 3 * size + (turn < 2) * (size - 2))
        movies = context.random.randint(50, 60)
        core = cores.Scorer(context.numbers, users, movies, size)
        k = [10, movies - 8, 10 * movies][turn]
        where = f"{len(users)} users, {movies} movies, k={k}, n={size}"
        got = context.call(answer, core, list(users), k, size, where=where, because=_ex4_error)
        rows.same_lists(context, rows.listed(context, got, where), core, users, k, where)
        _memory(context, core, -(-len(users) // size), where)
    context.note(users=len(users), largest_block=max(core.asked))


def _ex4_error(error: BaseException) -> str | None:
    return "all_at_once" if isinstance(error, MemoryError) else None


def _memory(context: Context, core: cores.Scorer, blocks: int, where: str) -> None:
    context.expect(
        core.held <= 2,
        f"The scores of {core.held} earlier blocks were in memory when the next was asked for.",
        where=where,
        mistake="keeps_scores",
    )
    context.expect(
        len(core.asked) <= blocks,
        f"core.scores was called {len(core.asked)} times; {blocks} blocks are enough.",
        where=where,
        mistake="one_by_one",
    )


_FASTER = 4.0


@exercise(
    "lab11.ex5",
    "Open challenge: a full batch",
    points=3,
    minutes=9,
    difficulty=5,
    importance=3,
    figure="times as fast as one by one",
    hints=(
        "A call costs the same for one picture and for many, so fill it. But every picture in it "
        "is padded to the largest, so put pictures of like size together.",
        "`sorted(range(len(pictures)), key=lambda place: pictures[place].size)` gives the places "
        "in the order of size. Keep places, not pictures: you need them to put each answer where "
        "it belongs.",
        "Go over the sorted places and add each to the batch. If the batch with it would be more "
        "than `core.most_pixels` (number times tallest times widest), ask for the batch first and "
        "begin a new one. Do not forget the last. For the leaderboard: what about copies, and "
        "upright pictures beside wide ones?",
    ),
    help=(
        (
            "MemoryError: … pixels with padding; … fit",
            "Count the padding: number of pictures times tallest height times widest width. The "
            "two may come from different pictures.",
        ),
        (
            "… answers stand beside another picture",
            "You sorted the pictures, and the answers are sorted with them. Keep the place of each "
            "picture, and put its answer there.",
        ),
    ),
    mistakes={
        "one_by_one": "Every picture pays for a call of its own: 40 ms before the first pixel.",
        "no_limit": "The batch does not fit into the card's memory. Close it before that.",
        "gives_up": "A batch that did not fit was given up, and its pictures have no answer. Make "
        "it smaller and ask again.",
        "drops_last": "The last batch was never asked for: it was not full, so nothing closed it.",
        "order": "You changed the order of the pictures and left the answers in the new one.",
        "alike": "Pictures that are alike were taken for copies. Copies have the same shape and "
        "the same pixels, all of them.",
        "padding": "Small pictures share a call with large ones, and most of the work is "
        "padding. Put pictures of like size together.",
        "small_batches": "The calls are not full. A fixed number that fits for the largest "
        "pictures leaves those with small ones nearly empty.",
        "tries": "A call that is refused takes 40 ms as well, and halves of a batch are not full. "
        "Count the pixels before you ask.",
    },
)
def detect_all(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``detect_all(core, pictures)``, and compare the core's seconds with the plain loop's."""
    pictures = cores.pictures(context.numbers)
    plain, meter = cores.Meter(), cores.Meter()
    want = [plain.detect([picture])[0] for picture in pictures]
    where = f"{len(pictures)} pictures"
    given = [picture.copy() for picture in pictures]
    got = context.call(
        answer,
        cores.Core(meter),
        given,
        where=where,
        because=lambda error: "no_limit" if isinstance(error, MemoryError) else None,
    )
    shapes = [picture.shape for picture in pictures]
    rows.same_answers(context, got, want, shapes, meter, where)
    if not meter.seconds:
        context.fail("The core was never asked.", where=where)
    shown = f"{plain.seconds / meter.seconds:.2f}"
    context.note(
        times_as_fast_as_one_by_one=shown, calls=meter.calls, padding=f"{meter.padding:.0%}"
    )
    if plain.seconds / meter.seconds >= _FASTER:
        return
    slow = "tries" if meter.refused else "padding" if meter.padding > 0.5 else "small_batches"
    context.fail(
        f"Your pictures a second are {shown} times those of one call after the other; "
        f"{_FASTER:g} times are asked for.",
        where=where,
        mistake="one_by_one" if meter.calls > 0.75 * len(pictures) else slow,
    )
