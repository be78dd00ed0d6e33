"""The engine: every status, a time limit, nothing that fools it, nothing left behind."""

from __future__ import annotations

import io
import json
import pickle
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from labs import check, hint, preflight, solution
from labs.engine import api, interleaving, limit, progress, registry
from labs.engine.context import Context
from labs.engine.export import CopyDiffersError, module_of, service_module
from labs.engine.interleaving import interleaved
from labs.engine.outcome import NotRunError, Status
from labs.engine.pickling import pickled
from labs.engine.plain import NotPlainError, plain, same
from labs.engine.result import MIME, CheckFailedError
from labs.engine.workspace import Workspace
from services.environment import ROOT
from services.id_card.model.opening import original_open
from tests.labs.lab_answers import edited

DECLARED = {
    "points": 2,
    "minutes": 5,
    "difficulty": 1,
    "importance": 1,
    "hints": ("an idea", "where to look", "nearly there"),
    "help": (("an error", "a remedy"), ("another", "another")),
    "mistakes": {"double": "You doubled it."},
}
ID = "lab01.ex9"


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(progress.VARIABLE, str(tmp_path / "progress.jsonl"))
    monkeypatch.delenv(api.STRICT, raising=False)


@dataclass(frozen=True)
class _Declared(registry.Exercise):
    """An exercise whose check is a function of this module."""

    function: Callable[..., None] = print

    def run(self, context: Context, *answers: Any) -> None:
        self.function(context, *answers)


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def _declare(function: Callable[..., None], **changes: Any) -> None:
        one = _Declared(ID, "A test", function=function, **{**DECLARED, **changes})
        monkeypatch.setattr(api, "find", lambda id: one if id == ID else registry.find(id))

    return _declare


def _identity(context: Context, answer: Any) -> None:
    for _ in range(3):
        number = context.random.randint(5, 99)
        got = context.call(answer, number, where=f"the number {number}")
        context.same(got, number, what="f(x)", mistakes={"double": 2 * number})
    context.note(numbers=3)


def test_every_status(declare: Callable[..., None]) -> None:
    declare(_identity)
    assert check(ID, lambda x: x).status is Status.PASS
    assert check(ID, lambda x: x + 1).status is Status.FAIL
    assert check(ID, ...).status is Status.NOT_ATTEMPTED
    assert check(ID, lambda x: None).status is Status.NOT_ATTEMPTED
    declare(lambda context, answer: 1 / 0)
    assert check(ID, 1).status is Status.ERROR

    def missing(context: Context, answer: Any) -> None:
        raise NotRunError("prometheus is missing; apt-get install prometheus")

    declare(missing)
    result = check(ID, 1)
    assert result.status is Status.NOT_RUN
    assert "NOT RUN HERE: prometheus is missing" in str(result)


def test_a_class_is_empty_only_if_those_below_which_it_stands_are(
    declare: Callable[..., None],
) -> None:
    declare(lambda context, answer: None)

    class Empty:
        """Nothing yet."""

    class Base:
        def infer(self, picture: Any) -> Any:
            return picture

    class Inherits(Base):
        pass

    class Probe(Base):
        def __is_ready__(self) -> bool:
            return True

    assert check(ID, Empty).status is Status.NOT_ATTEMPTED
    assert check(ID, type("Below", (Empty,), {})).status is Status.NOT_ATTEMPTED
    assert check(ID, Inherits).status is Status.PASS
    assert check(ID, Probe).status is Status.PASS


def test_a_named_mistake_is_recognised_and_the_message_has_its_order(
    declare: Callable[..., None],
) -> None:
    declare(_identity)
    result = check(ID, lambda x: 2 * x, seed=4)
    assert result.mistake == "double"
    headings = [heading for heading, _ in result.rows()]
    assert headings == ["What differs", "Failed at", "Likely cause", "Next"]
    assert "You doubled it." in str(result)
    assert "seed=4" in result.next
    assert check(ID, lambda x: 2 * x, seed=4).differs == result.differs


def test_it_raises_only_where_strict(
    declare: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(_identity)
    monkeypatch.setenv(api.STRICT, "1")
    assert check(ID, lambda x: x).passed
    with pytest.raises(CheckFailedError, match="NOT_ATTEMPTED"):
        check(ID, None)


def test_the_learners_lines_are_shown_and_no_others(declare: Callable[..., None]) -> None:
    declare(_identity)
    workspace = Workspace()
    workspace.run("def f(x):\n    y = {}\n    return y['box']")
    result = workspace.run(f"from labs import check\ncheck('{ID}', f)")
    assert result.differs == "Your code raised KeyError: 'box'"
    assert result.frames == ("in f, line 3: return y['box']",)


@pytest.mark.parametrize("body", ["while True: pass", "import time\n    time.sleep(60)"])
def test_what_never_ends_is_stopped(declare: Callable[..., None], body: str) -> None:
    declare(_identity, seconds=2)
    workspace = Workspace()
    workspace.run(f"def f(x):\n    {body}")
    result = workspace.run(f"from labs import check\ncheck('{ID}', f)")
    assert result.status is Status.FAIL
    assert "did not finish within 2 seconds" in result.differs
    assert result.frames


@pytest.mark.parametrize(
    ("got", "said"),
    [
        ([[1, 2], [3, 5]], "f(x), item 1, item 1, is 5; 4 was expected."),
        ([[1, 2]], "f(x) has 1 item; 2 items were expected."),
    ],
)
def test_nested_lists_say_where_they_differ(
    declare: Callable[..., None], got: Any, said: str
) -> None:
    declare(lambda context, answer: context.same(answer(), [[1, 2], [3, 4]], what="f(x)"))
    assert check(ID, lambda: got).differs == said


def test_an_answer_meets_pillows_own_open(
    declare: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def replaced(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'pi_heif'")

    # This is what the import of ultralytics leaves behind.
    own = SimpleNamespace(_image_open=original_open())
    monkeypatch.setitem(sys.modules, "ultralytics.utils.patches", own)
    monkeypatch.setattr(Image, "open", replaced)
    declare(_identity)
    result = check(ID, lambda x: Image.open(io.BytesIO(b"no picture")))
    assert "UnidentifiedImageError" in str(result)
    assert Image.open is replaced


def test_what_it_prints_is_kept_short(
    declare: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    declare(_identity)
    result = check(ID, lambda x: print("x" * 10**6))
    assert capsys.readouterr().out == ""
    assert 0 < len(result.printed) < 1000


@pytest.mark.parametrize("error", [SystemExit, RecursionError, MemoryError])
def test_whatever_an_answer_raises_is_a_failure(
    declare: Callable[..., None], error: type[BaseException]
) -> None:
    declare(_identity)
    workspace = Workspace()
    workspace.run(f"def f(x):\n    raise {error.__name__}")
    result = workspace.run(f"from labs import check\ncheck('{ID}', f)")
    assert result.status is Status.FAIL


class _Equal(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


def test_nothing_is_equal_to_everything(declare: Callable[..., None]) -> None:
    declare(_identity)
    assert check(ID, lambda x: _Equal(0)).status is Status.FAIL
    assert check(ID, lambda x: _Equal(x)).status is Status.PASS
    assert plain([(1, "a"), {"b": None}]) == [[1, "a"], {"b": None}]
    with pytest.raises(NotPlainError, match="item 1 of it is of type object"):
        plain([1, object()])
    assert not same(True, 1)
    assert same([1, {"a": 1.04}], [1.0, {"a": 1}], tolerance=0.05)


def test_the_card_is_text_html_and_data(declare: Callable[..., None]) -> None:
    declare(_identity)
    bundle = check(ID, lambda x: "<script>")._repr_mimebundle_()
    assert 'role="group" aria-label="lab01.ex9: FAIL"' in bundle["text/html"]
    assert "<script>" not in bundle["text/html"]
    assert json.loads(json.dumps(bundle[MIME]))["status"] == "FAIL"
    assert "FAIL" in bundle["text/plain"]


def test_progress_is_kept(declare: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    declare(_identity)
    check(ID, lambda x: 2 * x)
    assert check(ID, lambda x: x).history == {"tries": 2, "minutes": 0}
    assert [(e.exercise, str(e.status)) for e in progress.entries()] == [(ID, "FAIL"), (ID, "PASS")]
    monkeypatch.setenv(progress.VARIABLE, "")
    assert check(ID, lambda x: x).history == {}


def test_three_hints_then_the_last_again(declare: Callable[..., None]) -> None:
    declare(_identity)
    texts = [str(hint(ID)) for _ in range(4)]
    assert "an idea" in texts[0]
    assert "where to look" in texts[1]
    assert texts[2] == texts[3]
    assert "an idea" in str(hint(ID, 1))
    assert "no exercise" in str(hint("lab01.ex8"))


def test_a_solution_is_read_as_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shown = str(solution("lab01.ex1"))
    assert "detector.detect([picture])" in shown
    assert "SOLUTION" not in shown
    monkeypatch.setattr("labs.engine.texts.SOLUTIONS", tmp_path)
    assert str(solution("lab01.ex1")).startswith("NOT_RUN")


def test_an_exercise_is_refused_without_hints_or_points(declare: Callable[..., None]) -> None:
    for change in ({"hints": ("a", "b", " ")}, {"points": 0}, {"help": ()}, {"difficulty": 6}):
        with pytest.raises(ValueError, match=r"lab01\.ex9"):
            declare(_identity, **change)


def test_only_what_a_service_needs_goes_into_its_module() -> None:
    workspace = Workspace()
    workspace.run("import math\nimport json\nSIDE = 3")
    workspace.run("def area(r):\n    return math.pi * r * SIDE")
    workspace.run("def unused():\n    return json")
    workspace.run("class Service:\n    size = SIDE\n    def f(self):\n        return area(1)")
    workspace.run("Service().f()\nSIDE = 4")
    text, name = module_of(workspace.names["Service"])
    assert name == "Service"
    assert "SIDE = 4" in text
    assert "SIDE = 3" not in text
    assert "unused" not in text
    assert "Service().f()" not in text
    module: dict[str, Any] = {}
    exec(text, module)
    assert module["Service"]().f() == pytest.approx(12.566, abs=0.01)


def test_a_scratch_cell_is_not_copied_for_a_name_that_is_local_elsewhere() -> None:
    workspace = Workspace()
    workspace.run("def area(r):\n    side = 2 * r\n    return [side * each for each in (r,)]")
    workspace.run("side = undefined_in_a_server = 3\neach = print(side)")
    text, _ = module_of(workspace.names["area"])
    assert "undefined" not in text
    assert "print" not in text


SERVICE = """
import bentoml

class Middleware:
    def __init__(self, app, paths):
        self.app = app

paths = set()
paths.add("/area")

@bentoml.service
class Service:
    @bentoml.api
    def area(self, side: int) -> int:
        return side * side
"""


def test_a_module_contains_what_is_added_to_a_service() -> None:
    workspace = Workspace()
    workspace.run(f"{SERVICE}\nService.add_asgi_middleware(Middleware, paths=paths)")
    text, _ = service_module(workspace.names["Service"])
    module: dict[str, Any] = {"__name__": "copy"}
    exec(text, module)
    assert module["Service"].middlewares[0][1] == {"paths": {"/area"}}


def test_a_module_says_what_could_not_be_copied_and_the_live_service_has_it() -> None:
    workspace = Workspace()
    workspace.run(f"{SERVICE}\ndef guard(one):\n    one.add_asgi_middleware(Middleware, paths=[1])")
    workspace.run("guard(Service)")
    text, _ = service_module(workspace.names["Service"])
    with pytest.raises(CopyDiffersError, match=r"without its middleware Middleware\(paths=\[1\]\)"):
        exec(text, {"__name__": "copy"})
    live = pickle.loads(pickled(workspace.names["Service"]))
    assert live.middlewares[0][1] == {"paths": [1]}
    assert live.inner().area(3) == 9


RACES = """
import asyncio
import threading

lock = threading.Lock()

def kept(value):
    global latest
    latest = value
    return latest

def locked(value):
    with lock:
        return kept(value)

async def awaited(value):
    global latest
    latest = value
    await asyncio.to_thread(str)
    return latest
"""


@pytest.mark.parametrize(
    ("name", "differ"), [("kept", False), ("locked", True), ("awaited", False)]
)
def test_a_race_between_two_calls_always_shows(name: str, differ: bool) -> None:
    """Where one call overwrites the other's value, both return the same."""
    workspace = Workspace()
    workspace.run(RACES)
    function = workspace.names[name]
    outcomes = interleaved([partial(function, 1), partial(function, 2)])
    first, second = (outcome.result() for outcome in outcomes)
    assert (first != second) == differ


def test_a_call_that_sleeps_on_does_not_stop_the_next_race() -> None:
    """An exception that waits for a sleeping thread kept CPython 3.11 from entering traced code."""
    with pytest.raises(limit.TimeIsUpError):
        limit.within(0.1, partial(time.sleep, 40))
    workspace = Workspace()
    workspace.run(RACES)
    outcomes = interleaving._in_turns([partial(workspace.names["kept"], n) for n in (1, 2)])
    assert all(outcome.done() for outcome in outcomes)


def test_a_pause_of_the_machine_is_not_a_lock() -> None:
    """A thread counts as blocked after many short waits: a pause of seconds uses up one of them."""
    waits: list[float] = []
    assert not interleaving._waits(lambda seconds: bool(waits.append(seconds)), 2.0)
    assert len(waits) >= 10
    assert sum(waits) == pytest.approx(2.0)


def test_an_error_of_one_of_several_calls_is_its_own() -> None:
    first, second = interleaved([partial(int, "1"), partial(int, "x")])
    assert first.result() == 1
    with pytest.raises(ValueError, match="invalid literal"):
        second.result()


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("x = 3\nx", 3),
        ("import asyncio\nawait asyncio.sleep(0, 4)", 4),
        ("    5", 5),  # pasted with its indentation
        (">>> 6", 6),
        ("%%timeit -n 1\n7", "%%timeit"),
        ("'%matplotlib inline'", "%matplotlib inline"),
    ],
)
def test_a_cell_runs_as_in_a_notebook(cell: str, value: Any) -> None:
    workspace = Workspace()
    shell = SimpleNamespace(run_cell_magic=lambda name, line, body: f"%%{name}")
    workspace.names["get_ipython"] = lambda: shell
    assert workspace.run(cell) == value


def test_an_answer_may_edit_the_solution() -> None:
    solution = "a = 1\nb = 2\n"
    assert edited(solution, "c = 3") == "c = 3"
    assert edited(solution, "# - a = 1\n# - b\n# + x") == "x = 2\n"
    with pytest.raises(ValueError, match="2 times"):
        edited(solution, "# -  = ")


@pytest.mark.parametrize("answers", [[], [len, len]])
def test_a_wrong_number_of_answers_is_told(answers: list[Any]) -> None:
    result = check("lab01.ex1", *answers)
    assert (result.status, result.layer) == (Status.FAIL, "call")
    assert "lab01.ex1 takes one answer (boxes_of)" in result.differs
    assert 'check("lab01.ex1", boxes_of)' in result.next
    assert "fault" not in str(result)
    both = check("lab06.ex1", len)
    assert "takes 2 answers (save_weights, load_weights); 1 was given" in both.differs


@pytest.mark.parametrize("name", ["", "lab01.ex8", "lab99.ex1", len])
def test_an_unknown_exercise_is_told(name: Any) -> None:
    result = check(name, 1)
    assert result.status is Status.FAIL
    assert result.layer == "call"
    assert "lab01" in result.differs
    assert progress.entries() == []
    assert "lab01" in str(hint(name))
    assert "lab01" in str(solution(name))


def test_a_lab_that_git_tracks_says_how_to_get_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT / "labs" / "lab03_render")
    assert "make lab N=03" in str(preflight())
    monkeypatch.chdir(tmp_path)
    assert "make lab" not in str(preflight())


def test_the_preflight_of_a_lab_folds_the_tools_away() -> None:
    shown, folded = (preflight()._repr_html_() or "").split("<details>")
    assert "python" in shown
    assert "kubectl" not in shown
    assert "cluster" in folded


def test_a_hint_has_a_number_from_1_to_3() -> None:
    assert "0 is none of them" in str(hint("lab01.ex1", 0))
    assert "'one' is none of them" in str(hint("lab01.ex1", "one"))  # type: ignore[arg-type]


def test_a_solution_says_how_many_answers_the_exercise_has() -> None:
    assert "lab01.ex1 takes one answer: boxes_of" in str(solution("lab01.ex1"))
    assert "2 answers: save_weights, load_weights" in str(solution("lab06.ex1"))


CELLS = {
    "first": 'check("lab01.ex1", ...)\nx = 1',
    "two": 'check("lab01.ex1", ...)\ncheck("lab01.ex2", ...)',
    "in a loop": 'for n in (1, 2):\n    check(f"lab01.ex{n}", ...)',
    "hint first": 'hint("lab01.ex1")\ncheck("lab01.ex2", ...)',
    "muted": 'check("lab01.ex1", ...);',
    "before an error": 'check("lab01.ex1", ...)\n1 / 0',
}


def test_a_card_is_shown_once_wherever_it_stands_in_a_cell() -> None:
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_notebook

    cells = [new_code_cell("from labs import check, hint"), *map(new_code_cell, CELLS.values())]
    notebook = new_notebook(cells=cells)
    NotebookClient(notebook, allow_errors=True, timeout=120).execute()
    shown = {}
    for name, cell in zip(CELLS, notebook.cells[1:], strict=True):
        texts = [output["data"]["text/plain"] for output in cell.outputs if "data" in output]
        shown[name] = [text.lstrip("○ ")[:9] for text in texts]
    assert shown == {
        "first": ["lab01.ex1"],
        "two": ["lab01.ex1", "lab01.ex2"],
        "in a loop": ["lab01.ex1", "lab01.ex2"],
        "hint first": ["Hint 1 of", "lab01.ex2"],
        "muted": ["lab01.ex1"],
        "before an error": ["lab01.ex1"],
    }
