"""Checks of lab 01: a model behind a BentoML Runner."""

from __future__ import annotations

import asyncio
import inspect
import io
from collections.abc import Callable
from functools import partial
from typing import Any

import bentoml
import numpy as np
from PIL import Image

from labs.engine import Context, exercise, fake_core
from services.id_card.detector import Detection, Detector
from services.id_card.samples import SAMPLES, load_sample, sample_path


class CountingDetector:
    """What ex1 gives to the learner: it finds coloured cards, and insists on a list."""

    def detect(self, images: Any) -> list[list[Detection]]:
        """Answer as the core does."""
        if not isinstance(images, list | tuple):
            raise TypeError("detect takes a sequence of PIL images; got one image. Use [image].")
        return [fake_core.detections(image) for image in images]


@exercise(
    "lab01.ex1",
    "Every box, not the first",
    points=1,
    minutes=4,
    difficulty=1,
    importance=4,
    hints=(
        "`detect` takes a list of pictures and gives a list of lists: one list of detections for "
        "each picture. You want all the detections of the one picture.",
        "`[found] = detector.detect([picture])` unpacks the list for the one picture. Each "
        "`Detection` has a method `as_dict()` that gives the chapter's JSON.",
        "`return [… for detection in found]`, where `…` is the JSON of one detection. For a "
        "picture without cards this is an empty list by itself.",
    ),
    help=(
        (
            "TypeError: detect takes a sequence of PIL images; got one image.",
            "Give `detect` a list with one picture in it: `detector.detect([picture])`.",
        ),
        (
            "IndexError: list index out of range",
            "You take item `[0]` of a picture's detections, and a picture without cards has none. "
            "Go over all of them instead of taking one.",
        ),
    ),
    mistakes={
        "first_box": "You return the first box alone. A second [0] takes the first box where the "
        "first picture was meant: the chapter's Erratum 2.",
        "no_list": "detect takes a list of pictures, also when there is only one.",
        "nested": "You return one list for each picture; the caller gave one picture and wants its "
        "boxes.",
        "not_plain": "Detection objects do not travel over HTTP. as_dict() makes JSON of each.",
        "no_card": "A picture without cards is a good request. Its answer is an empty list.",
        "corners_only": "You return the corners alone. Name, class and confidence belong to the "
        "answer, too: use as_dict().",
    },
)
def every_box(context: Context, answer: Callable[..., Any]) -> None:
    """Hold ``boxes_of(detector, picture)`` to the fake core's boxes."""
    detector = CountingDetector()
    for cards in (2, 0, *context.random.sample([1, 3, 4, 5], 3)):
        picture = context.picture(cards)
        want = fake_core.boxes(picture)
        where = f"a picture with {cards} card{'s' * (cards != 1)}"
        got = context.call(
            answer, detector, picture, where=where, because=partial(_ex1_error, cards=cards)
        )
        context.same(
            got,
            want,
            what="boxes_of(detector, picture)",
            where=where,
            types={"Detection": "not_plain"},
            mistakes=[
                ("nested", [want]),
                ("corners_only", [box["box"] for box in want]),
                *_first_box(want),
                *([("no_card", None)] if not cards else []),
            ],
        )
    context.note(pictures=5)


def _first_box(want: list[Any]) -> list[tuple[str, Any]]:
    """Return the two ways in which an answer holds the first box alone."""
    return [("first_box", want[:1]), ("first_box", want[0])] if want else []


def _ex1_error(error: BaseException, cards: int) -> str | None:
    if isinstance(error, TypeError) and "sequence" in str(error):
        return "no_list"
    return "no_card" if cards == 0 else None  # with two cards it went well


def _runner(context: Context, runnable: Any, what: str = "the Runnable") -> Any:
    """Make a Runner of the learner's Runnable and initialise it in this process."""
    if not (inspect.isclass(runnable) and issubclass(runnable, bentoml.legacy.Runnable)):
        context.fail(
            f"{what} is no subclass of bentoml.legacy.Runnable.",
            mistake="no_runnable",
            layer="import",
        )
    runner = context.call(
        bentoml.legacy.Runner,
        runnable,
        name="lab01",
        where="making a Runner of the class",
        because=lambda error: "not_marked" if "has no methods" in str(error) else None,
    )
    context.call(
        runner.init_local, quiet=True, where="making the object, as a server does at start"
    )
    return runner


def _resources(context: Context, runnable: Any) -> None:
    """Ask what BentoML asks before it starts a server."""
    resources = getattr(runnable, "SUPPORTED_RESOURCES", None)
    if not isinstance(resources, list | tuple) or "cpu" not in resources:
        context.fail(
            f"SUPPORTED_RESOURCES is {resources!r}; it should be a tuple with 'cpu' in it.",
            mistake="no_resources",
            layer="start",
        )
    threads = getattr(runnable, "SUPPORTS_CPU_MULTI_THREADING", None)
    if threads is not False:
        context.fail(
            f"SUPPORTS_CPU_MULTI_THREADING is {threads!r}; the task asks for one process for each "
            "core, each of which computes with one thread.",
            mistake="one_process",
            layer="start",
        )


@exercise(
    "lab01.ex2",
    "The Runnable",
    points=2,
    minutes=8,
    difficulty=2,
    importance=5,
    hints=(
        "A Runnable is made once, when its process starts, and called many times. So the model is "
        "loaded in the constructor, and the method only uses it.",
        "Notebook 01, section 3, shows the two class attributes and the decorator "
        "`@bentoml.legacy.Runnable.method(batchable=False)`. `Detector.from_environment()` loads "
        "the model; `PIL.Image.fromarray(pixels)` makes a picture of an array.",
        'The attributes are `SUPPORTED_RESOURCES = ("cpu",)` and '
        "`SUPPORTS_CPU_MULTI_THREADING = False`. The method is `boxes_of` of exercise 1, called "
        "with `self.detector` and `Image.fromarray(pixels)`.",
    ),
    help=(
        (
            "AttributeError: … has no attribute 'inference'",
            "A Runner offers only the methods that are marked for it, with the decorator `method` "
            "of the Runnable above them.",
        ),
        (
            "AttributeError: … has no attribute 'detector'",
            "The constructor must keep the model: `self.detector = …`, with `self.`.",
        ),
    ),
    mistakes={
        "no_runnable": "Without the base class bentoml.legacy.Runnable there is nothing that a "
        "Runner could run.",
        "no_resources": "BentoML asks every Runnable on which hardware it runs, before it plans "
        "its processes: Erratum 3.",
        "one_process": "BentoML takes it that one process of yours keeps several cores busy, and "
        "plans a single one.",
        "not_marked": "Only a method marked with @bentoml.legacy.Runnable.method can be called "
        "from another process.",
        "batchable": "A batchable method is handed lists of pictures. That is exercise 5; this one "
        "takes one picture.",
        "loads_each_time": "The model is loaded in the method, so every request waits for it. Load "
        "it in __init__ and keep it in self.",
        "bgr": "The channels are swapped. The array is RGB already; OpenCV's order, BGR, has no "
        "place here.",
        "first_box": "You return the first box alone; return one dictionary for each detection.",
        "not_plain": "What travels between processes should be plain data: as_dict() makes it.",
    },
)
def runnable(context: Context, answer: Any) -> None:
    """Make a Runner of the class and call it."""
    with context.fake_core() as calls:
        runner = _runner(context, answer)
        _resources(context, answer)
        if "inference" not in {method.name for method in runner.runner_methods}:
            context.fail(
                f"The Runner has no method 'inference'; it has "
                f"{sorted(method.name for method in runner.runner_methods) or 'none'}.",
                mistake="not_marked",
                layer="start",
            )
        [method] = [method for method in runner.runner_methods if method.name == "inference"]
        context.expect(
            method.config.batchable is False,
            "inference is marked as batchable.",
            mistake="batchable",
            layer="start",
        )
        at_start = calls.loads
        for cards in (3, 0, *context.random.sample([1, 2, 4, 5], 3)):
            picture = context.picture(cards)
            pixels = np.asarray(picture)
            want = fake_core.boxes(picture)
            where = f"an array of shape {pixels.shape} with {cards} cards"
            got = context.call(runner.inference.run, pixels, where=where)
            swapped = fake_core.boxes(Image.fromarray(pixels[:, :, ::-1]))
            context.same(
                got,
                want,
                what="inference(pixels)",
                where=where,
                mistakes=[("bgr", swapped), *_first_box(want)],
                types={"Detection": "not_plain"},
            )
        if at_start != 1 or calls.loads != at_start:
            context.fail(
                f"The model was loaded {at_start} times at start and {calls.loads - at_start} "
                "times in five calls; once and 0 times were expected.",
                mistake="loads_each_time",
            )
        context.note(loads=at_start, calls=5)


class _SlowMethod:
    """A Runner's method that takes its time, and knows how many calls are under way.

    The first picture takes longest, so that a right order cannot come from who is ready first.
    """

    def __init__(self, answers: list[Any]) -> None:
        self.answers = answers
        self.finished: list[Any] = []
        self.at_once = 0
        self.most = 0
        self.blocking = False

    async def async_run(self, picture: Any) -> list[Any]:
        boxes = _boxes_of(picture)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        for _ in range(40 - 4 * self.answers.index(boxes)):
            await asyncio.sleep(0)
        self.at_once -= 1
        self.finished.append(boxes)
        return boxes

    def run(self, picture: Any) -> list[Any]:
        self.blocking = True
        return _boxes_of(picture)


def _boxes_of(picture: Any) -> list[Any]:
    picture = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    return fake_core.boxes(picture)


class _SlowRunner:
    def __init__(self, answers: list[Any]) -> None:
        self.inference = _SlowMethod(answers)


@exercise(
    "lab01.ex3",
    "Await, and both at once",
    points=2,
    minutes=7,
    difficulty=3,
    importance=4,
    hints=(
        "`async_run` gives work that has not begun. Start the work for all pictures first, and "
        "only then wait for the results.",
        "`asyncio.gather(…)` takes several pieces of work, runs them at the same time, and gives "
        "their results in the order in which they were handed over.",
        "`return await asyncio.gather(*[runner.inference.async_run(p) for p in pictures])`, with a "
        "`list(…)` around it.",
    ),
    help=(
        (
            "RuntimeWarning: coroutine … was never awaited",
            "`async_run` gives a coroutine. Put `await` before it, or hand it to "
            "`asyncio.gather` and await that.",
        ),
        (
            "TypeError: An asyncio.Future, a coroutine or an awaitable is required",
            "`gather` wants the pieces of work one by one: put a `*` before the list.",
        ),
    ),
    mistakes={
        "no_await": "Without await you hand on work that has not begun, not its result.",
        "one_by_one": "You await the first picture before the second has begun. One await for each "
        "in a loop is right, and slow.",
        "blocking": "run() blocks the whole API server: nobody else is answered meanwhile. "
        "async_run() lets it go on.",
        "order": "The results are in the order in which they were ready. The caller wants them in "
        "the order of the pictures.",
        "first_only": "Only the first picture is asked about.",
    },
)
def at_once(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``ask(runner, pictures)`` with a Runner that notices who waits for whom."""
    if not inspect.iscoroutinefunction(answer):
        context.fail(
            "ask is no coroutine function.",
            layer="import",
            cause="Keep the `async` before `def`: only such a function can await.",
        )
    for count in (2, 1, context.random.randint(3, 5)):
        pictures = [context.picture(context.random.randint(1, 5)) for _ in range(count)]
        want = [fake_core.boxes(picture) for picture in pictures]
        runner = _SlowRunner(want)
        where = f"{count} pictures"
        got = context.call(_finish, answer, runner, pictures, where=where, because=_ex3_error)
        if _is_work(got):
            context.fail(
                f"ask returned {type(got).__name__} objects, not boxes.",
                where=where,
                mistake="no_await",
                layer="schema",
            )
        if runner.inference.blocking:
            context.fail("run() was called, not async_run().", where=where, mistake="blocking")
        context.same(
            got,
            want,
            what="await ask(runner, pictures)",
            where=where,
            mistakes=[
                ("order", runner.inference.finished),
                ("first_only", want[:1]),
                ("first_only", want[0]),
            ],
        )
        if runner.inference.most != count:
            context.fail(
                f"At most {runner.inference.most} of {count} calls were under way at once; all "
                f"{count} were expected.",
                where=where,
                mistake="one_by_one",
            )
    context.note(under_way_at_once=count)


def _finish(answer: Callable[..., Any], runner: Any, pictures: list[Any]) -> Any:
    async def main() -> Any:
        got = await answer(runner, pictures)
        for item in got if isinstance(got, list | tuple) else [got]:
            if inspect.iscoroutine(item):
                item.close()
        return got

    return asyncio.run(main())


def _is_work(got: Any) -> bool:
    items = got if isinstance(got, list | tuple) else [got]
    return any(inspect.isawaitable(item) for item in items)


def _ex3_error(error: BaseException) -> str | None:
    awaited = "coroutine" in str(error) or "await" in str(error)
    return "no_await" if isinstance(error, TypeError) and awaited else None


@exercise(
    "lab01.ex4",
    "A service around it",
    points=3,
    minutes=12,
    difficulty=3,
    importance=5,
    seconds=240,
    hints=(
        "A service ties Runners to HTTP. It needs a name, the list of its Runners, and one "
        "function for each endpoint; BentoML makes its path from the name.",
        "Notebook 01, section 5, shows `runner_service.py`: `bentoml.legacy.Service(name, "
        "runners=[…])` and `@svc.api(input=…, output=…)` with `Image()` and `JSON()` of "
        "`bentoml.io`. Pictures go to a Runner as arrays: `np.asarray(picture)`.",
        "`@svc.api(input=Image(), output=JSON())` above `async def inference(picture):`, and in it "
        '`return await runner.inference.async_run(np.asarray(picture.convert("RGB")))`.',
    ),
    help=(
        (
            "POST /inference answered 404",
            "The path comes from the function's name. Call the function `inference`, or write "
            '`@svc.api(…, route="inference")`.',
        ),
        (
            "runner … is not initialized",
            "The service does not know your Runner, so no server starts it: "
            "`bentoml.legacy.Service(NAME, runners=[runner])`.",
        ),
    ),
    mistakes={
        "no_service": "check wants the service: an object of bentoml.legacy.Service. "
        "bentoml.Service is another class by now: Erratum 5.",
        "wrong_path": "The text of the chapter says /inference and its code says invocation. "
        "The path is the function's name.",
        "no_runner": "The service was made without runners=[…], so nothing starts the Runner's "
        "process.",
        "no_await": "The endpoint returns work that has not begun; the JSON encoder cannot write "
        "that. Put await before async_run.",
        "first_box": "The Runner returned every box, and the endpoint passed on the first alone.",
        "bgr": "The channels are swapped on the way to the Runner.",
        "runner_name": "Without name= the Runner is called after its class. Its settings are found "
        "by its name: runners.NAME.resources.",
        "name": "Whoever deploys the service finds it by its name.",
    },
)
def service(context: Context, answer: Any) -> None:
    """Call the service in one process with the fake core, then serve it for real."""
    if not isinstance(answer, bentoml.legacy.Service):
        context.fail(
            f"svc is a {type(answer).__module__}.{type(answer).__name__}.",
            mistake="no_service",
            layer="import",
        )
    context.expect(
        answer.name == "yolo_v8",
        f"The service is called {answer.name!r}; 'yolo_v8' was asked for.",
        mistake="name",
    )
    context.expect(
        len(answer.runners) == 1,
        f"The service has {len(answer.runners)} Runners; one was expected.",
        mistake="no_runner",
        layer="start",
    )
    context.expect(
        answer.runners[0].name == "card_runnable",
        f"The Runner is called {answer.runners[0].name!r}; 'card_runnable' was asked for.",
        mistake="runner_name",
    )
    with context.serve(answer, fake_core=True) as running:
        if "/inference" not in running.paths():
            context.fail(
                f"There is no endpoint /inference; there are {running.paths()}.",
                mistake="wrong_path",
                layer="request",
            )
        for cards in (2, 0, context.random.randint(3, 5)):
            _ask(context, running, context.picture(cards), f"a PNG with {cards} cards")
    with context.serve(answer, full=True) as running:
        name = context.random.choice(sorted(SAMPLES))
        upload = ("card.jpg", sample_path(name).read_bytes(), "image/jpeg")
        got = running.post("/inference", files={"image": upload})
        boxes = running.json(got, where=f"the sample {name}, over `bentoml serve`")
        [found] = Detector.from_environment().detect([load_sample(name)])
        want = [dict(detection.as_dict()) for detection in found]
        context.same(boxes, want, what="POST /inference", where=f"the sample {name}", tolerance=0.5)
        context.note(pictures=4, served_by="bentoml serve")


def _ask(context: Context, running: Any, picture: Any, where: str) -> None:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    response = running.post(
        "/inference", files={"image": ("card.png", buffer.getvalue(), "image/png")}
    )
    if response.status_code >= 500 and "coroutine" in running.server.tail(200):
        context.fail(
            f"POST /inference answered {response.status_code}: a coroutine is no JSON.",
            where=where,
            mistake="no_await",
            layer="request",
        )
    got = running.json(response, where=where)
    want = fake_core.boxes(picture)
    swapped = fake_core.boxes(Image.fromarray(np.asarray(picture)[:, :, ::-1]))
    wrong = [("bgr", swapped), *_first_box(want)]
    context.same(got, want, what="POST /inference", where=where, mistakes=wrong)


@exercise(
    "lab01.ex5",
    "Design it: one call for many pictures",
    points=3,
    minutes=9,
    difficulty=4,
    importance=3,
    hints=(
        "A network computes eight pictures in one call faster than in eight calls. So a batchable "
        "method takes a list of pictures and returns a list of answers, one for each, in order.",
        "`@bentoml.legacy.Runnable.method(batchable=True, batch_dim=0)` marks it. "
        "`Detector.detect` takes the whole list at once and returns one list for each picture.",
        "`found = self.detector.detect([Image.fromarray(p) for p in batch])`, then "
        "`[[d.as_dict() for d in each] for each in found]`.",
    ),
    help=(
        (
            "The answer has 1 item; 4 were expected.",
            "One answer for each picture: a list of lists, also for pictures without cards.",
        ),
        (
            "TypeError: detect takes PIL images; got ndarray.",
            "Make a picture of each array: `Image.fromarray(pixels)`.",
        ),
    ),
    mistakes={
        "no_runnable": "Without the base class bentoml.legacy.Runnable there is nothing that a "
        "Runner could run.",
        "no_resources": "The two class attributes of exercise 2 are needed here as well.",
        "one_process": "The two class attributes of exercise 2 are needed here as well.",
        "not_marked": "Only a method marked with @bentoml.legacy.Runnable.method can be called "
        "from another process.",
        "not_batchable": "BentoML only gathers requests for a method marked batchable=True.",
        "batch_dim": "The pictures lie along dimension 0 of the list, and so do their answers.",
        "flat": "All boxes are in one list, so nobody knows which belong to which picture.",
        "one_by_one": "You call the core once for each picture. One call with the whole list is "
        "the point of a batch.",
        "first_only": "Only the first picture of the batch is answered.",
        "drops_empty": "Pictures without cards are left out, so all later answers belong to "
        "somebody else's picture.",
    },
)
def batch(context: Context, answer: Any) -> None:
    """Call the batchable method with batches of several sizes."""
    with context.fake_core() as calls:
        runner = _runner(context, answer)
        _resources(context, answer)
        methods = {method.name: method for method in runner.runner_methods}
        if "inference" not in methods:
            context.fail(
                f"The Runner has no method 'inference'; it has {sorted(methods) or 'none'}.",
                mistake="not_marked",
                layer="start",
            )
        context.expect(
            methods["inference"].config.batchable,
            "The method is marked batchable=False.",
            mistake="not_batchable",
            layer="start",
        )
        context.expect(
            tuple(methods["inference"].config.batch_dim) == (0, 0),
            f"The batch dimension is {methods['inference'].config.batch_dim}; 0 was expected.",
            mistake="batch_dim",
            layer="start",
        )
        for count in (4, 1, context.random.randint(5, 7)):
            cards = [context.random.randint(1, 5) for _ in range(count)]
            if count > 1:
                cards[context.random.randrange(1, count)] = 0
            pictures = [context.picture(number) for number in cards]
            want = [fake_core.boxes(picture) for picture in pictures]
            where = f"{count} pictures with {cards} cards"
            calls.batches.clear()
            got = context.call(
                runner.inference.run, [np.asarray(picture) for picture in pictures], where=where
            )
            context.same(
                got,
                want,
                what="inference(batch)",
                where=where,
                mistakes={
                    "flat": [box for boxes in want for box in boxes],
                    "first_only": want[:1],
                    "drops_empty": [boxes for boxes in want if boxes],
                },
            )
            if calls.batches != [count]:
                context.fail(
                    f"The core was called {len(calls.batches)} times for {count} pictures; once "
                    "was expected.",
                    where=where,
                    mistake="one_by_one",
                )
        context.note(calls_of_the_core="1 for each batch", largest_batch=count)
