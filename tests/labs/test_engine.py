"""The engine: every status, a time limit, nothing that fools it, nothing left behind."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from labs import check, hint, solution
from labs.engine import api, exercise, progress, registry
from labs.engine.context import Context
from labs.engine.export import module_of
from labs.engine.outcome import NotRunError, Status
from labs.engine.plain import NotPlainError, plain, same
from labs.engine.result import MIME, CheckFailedError
from labs.engine.workspace import Workspace
from services.id_card.images import original_open

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
    for lab in registry.lab_names():
        registry.exercises_of(lab)
    monkeypatch.setattr(registry, "_exercises", dict(registry._exercises))


def _declare(function: Any, **changes: Any) -> None:
    exercise(ID, "Made up", **{**DECLARED, **changes})(function)


def _identity(context: Context, answer: Any) -> None:
    for _ in range(3):
        number = context.random.randint(5, 99)
        got = context.call(answer, number, where=f"the number {number}")
        context.same(got, number, what="f(x)", mistakes={"double": 2 * number})
    context.note(numbers=3)


def test_every_status() -> None:
    _declare(_identity)
    assert check(ID, lambda x: x).status is Status.PASS
    assert check(ID, lambda x: x + 1).status is Status.FAIL
    assert check(ID, ...).status is Status.NOT_ATTEMPTED
    assert check(ID, lambda x: None).status is Status.NOT_ATTEMPTED
    _declare(lambda context, answer: 1 / 0)
    assert check(ID, 1).status is Status.ERROR
    assert "no exercise" in check("lab01.ex8", 1).differs
    assert check("lab99.ex1", 1).status is Status.ERROR

    def missing(context: Context, answer: Any) -> None:
        raise NotRunError("prometheus is missing; apt-get install prometheus")

    _declare(missing)
    result = check(ID, 1)
    assert result.status is Status.NOT_RUN
    assert "NOT RUN HERE: prometheus is missing" in str(result)


def test_a_class_is_empty_only_if_those_below_which_it_stands_are() -> None:
    _declare(lambda context, answer: None)

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


def test_a_named_mistake_is_recognised_and_the_message_has_its_order() -> None:
    _declare(_identity)
    result = check(ID, lambda x: 2 * x, seed=4)
    assert result.mistake == "double"
    headings = [heading for heading, _ in result.rows()]
    assert headings == ["What differs", "Failed at", "Likely cause", "Next"]
    assert "You doubled it." in str(result)
    assert "seed=4" in result.next
    assert check(ID, lambda x: 2 * x, seed=4).differs == result.differs


def test_it_raises_only_where_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    _declare(_identity)
    monkeypatch.setenv(api.STRICT, "1")
    assert check(ID, lambda x: x).passed
    with pytest.raises(CheckFailedError, match="NOT_ATTEMPTED"):
        check(ID, None)


def test_the_learners_lines_are_shown_and_no_others() -> None:
    _declare(_identity)
    workspace = Workspace()
    workspace.run("def f(x):\n    y = {}\n    return y['box']")
    result = workspace.run(f"from labs import check\ncheck('{ID}', f)")
    assert result.differs == "Your code raised KeyError: 'box'"
    assert result.frames == ("in f, line 3: return y['box']",)


@pytest.mark.parametrize("body", ["while True: pass", "import time\n    time.sleep(60)"])
def test_what_never_ends_is_stopped(body: str) -> None:
    _declare(_identity, seconds=0.5)
    workspace = Workspace()
    workspace.run(f"def f(x):\n    {body}")
    result = workspace.run(f"from labs import check\ncheck('{ID}', f)")
    assert result.status is Status.FAIL
    assert "did not come to an end within 0.5 seconds" in result.differs
    assert result.frames


@pytest.mark.parametrize(
    ("got", "said"),
    [
        ([[1, 2], [3, 5]], "f(x), item 1, item 1, is 5; 4 was expected."),
        ([[1, 2]], "f(x) has 1 item; 2 items were expected."),
    ],
)
def test_nested_lists_say_where_they_differ(got: Any, said: str) -> None:
    _declare(lambda context, answer: context.same(answer(), [[1, 2], [3, 4]], what="f(x)"))
    assert check(ID, lambda: got).differs == said


def test_an_answer_meets_pillows_own_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def replaced(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'pi_heif'")

    # This is what the import of ultralytics leaves behind.
    own = SimpleNamespace(_image_open=original_open())
    monkeypatch.setitem(sys.modules, "ultralytics.utils.patches", own)
    monkeypatch.setattr(Image, "open", replaced)
    _declare(_identity)
    result = check(ID, lambda x: Image.open(io.BytesIO(b"no picture")))
    assert "UnidentifiedImageError" in str(result)
    assert Image.open is replaced


def test_what_it_prints_is_kept_short(capsys: pytest.CaptureFixture[str]) -> None:
    _declare(_identity)
    result = check(ID, lambda x: print("x" * 10**6))
    assert capsys.readouterr().out == ""
    assert 0 < len(result.printed) < 1000


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, RecursionError, MemoryError])
def test_whatever_an_answer_raises_is_a_failure(error: type[BaseException]) -> None:
    _declare(_identity)
    workspace = Workspace()
    workspace.run(f"def f(x):\n    raise {error.__name__}")
    if error is KeyboardInterrupt:
        return  # Ctrl-C is the learner's own wish
    result = workspace.run(f"from labs import check\ncheck('{ID}', f)")
    assert result.status is Status.FAIL


class _Equal(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


def test_nothing_is_equal_to_everything() -> None:
    _declare(_identity)
    assert check(ID, lambda x: _Equal(0)).status is Status.FAIL
    assert check(ID, lambda x: _Equal(x)).status is Status.PASS
    assert plain([(1, "a"), {"b": None}]) == [[1, "a"], {"b": None}]
    with pytest.raises(NotPlainError, match="item 1 of it is of type object"):
        plain([1, object()])
    assert not same(True, 1)
    assert same([1, {"a": 1.04}], [1.0, {"a": 1}], tolerance=0.05)


def test_the_card_is_text_html_and_data() -> None:
    _declare(_identity)
    bundle = check(ID, lambda x: "<script>")._repr_mimebundle_()
    assert 'role="group" aria-label="lab01.ex9: FAIL"' in bundle["text/html"]
    assert "<script>" not in bundle["text/html"]
    assert json.loads(json.dumps(bundle[MIME]))["status"] == "FAIL"
    assert "FAIL" in bundle["text/plain"]


def test_progress_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    _declare(_identity)
    check(ID, lambda x: 2 * x)
    assert check(ID, lambda x: x).history == {"tries": 2, "minutes": 0}
    assert [(e.exercise, str(e.status)) for e in progress.entries()] == [(ID, "FAIL"), (ID, "PASS")]
    monkeypatch.setenv(progress.VARIABLE, "")
    assert check(ID, lambda x: x).history == {}


def test_three_hints_then_the_last_again() -> None:
    _declare(_identity)
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


def test_an_exercise_is_refused_without_hints_or_points() -> None:
    for change in ({"hints": ("a", "b", " ")}, {"points": 0}, {"help": ()}, {"difficulty": 6}):
        with pytest.raises(ValueError, match=r"lab01\.ex9"):
            _declare(_identity, **change)


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
