"""The checks themselves: right answers pass, wrong ones fail with their own message."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from unittest.mock import MagicMock

import pytest

from labs.engine import api, progress
from labs.engine.outcome import Status
from labs.engine.registry import Exercise, exercises_of, lab_names
from tests.labs.lab_answers import SNAPSHOTS, Answer, answers_of, solved

pytestmark = pytest.mark.system

LABS = lab_names()
EXERCISES = [pytest.param(e, id=e.id) for lab in LABS for e in exercises_of(lab)]
ANSWERS = [pytest.param(answer, id=str(answer)) for lab in LABS for answer in answers_of(lab)]
LEAST_WRONG = 4


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(api.SEED, "2026")
    monkeypatch.setenv(progress.VARIABLE, "")
    monkeypatch.delenv(api.STRICT, raising=False)
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)


@pytest.fixture(scope="module")
def rendered() -> Iterator[dict[str, str]]:
    """What the wrong answers were told; written down if LAB_SNAPSHOTS=write says so."""
    found: dict[str, str] = {}
    yield found
    if os.environ.get("LAB_SNAPSHOTS") == "write":
        for lab in {name[:5] for name in found}:
            known = snapshots(lab) | {n: t for n, t in found.items() if n.startswith(lab)}
            names = [str(answer) for answer in answers_of(lab) if answer.is_named]
            parts = [f"## {name}\n\n{known[name]}\n" for name in names if name in known]
            (SNAPSHOTS / f"{lab}.txt").write_text("\n".join(parts), encoding="utf-8")


def snapshots(lab: str) -> dict[str, str]:
    """Return what each wrong answer of a lab should be told."""
    path = SNAPSHOTS / f"{lab}.txt"
    if not path.exists():
        return {}
    parts = re.split(r"^## (.+)\n\n", path.read_text(encoding="utf-8"), flags=re.M)[1:]
    return {name: text.strip("\n") for name, text in zip(parts[::2], parts[1::2], strict=True)}


@pytest.mark.parametrize("exercise", EXERCISES)
def test_there_are_answers_to_test_it_with(exercise: Exercise) -> None:
    answers = [a for a in answers_of(exercise.lab) if a.exercise == exercise.id]
    wrong = [answer.name for answer in answers if answer.kind == "wrong"]
    named = {name for name in wrong if not name.startswith("-")}
    assert any(answer.kind == "right" for answer in answers)
    assert len(wrong) >= LEAST_WRONG
    assert set(exercise.mistakes) == named, "every named mistake has its wrong answer"


@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_solution_passes(exercise: Exercise) -> None:
    state = solved(exercise.lab)[exercise.id]
    result = state.examine(state.solution)
    assert result.status is Status.PASS, str(result)
    assert result.points == exercise.points
    if exercise.figure:
        assert float(result.facts[exercise.figure]) > 1


@pytest.mark.parametrize("answer", ANSWERS)
def test_answer(answer: Answer, rendered: dict[str, str]) -> None:
    result = solved(answer.exercise[:5])[answer.exercise].examine(answer.code)
    if answer.kind == "right":
        assert result.status is Status.PASS, str(result)
        return
    assert result.status is Status.FAIL, str(result)
    assert result.points == 0
    if answer.name.startswith("-"):
        assert result.mistake is None, str(result)
        return
    assert result.mistake == answer.name, str(result)
    rendered[str(answer)] = str(result)
    if os.environ.get("LAB_SNAPSHOTS") != "write":
        assert str(result) == snapshots(answer.exercise[:5]).get(str(answer)), (
            "if this is meant: LAB_SNAPSHOTS=write"
        )


@pytest.mark.parametrize("lab", LABS)
def test_every_wrong_answer_has_a_message_of_its_own(lab: str) -> None:
    texts = snapshots(lab)
    assert set(texts) == {str(answer) for answer in answers_of(lab) if answer.is_named}
    assert len(set(texts.values())) == len(texts)


class _Agreeable:
    """Equal to everything, callable, a container of nothing."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]

    def __call__(self, *_: object, **__: object) -> _Agreeable:
        return self

    def __getattr__(self, name: str) -> _Agreeable:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __iter__(self) -> Iterator[object]:
        return iter(())

    def __bool__(self) -> bool:
        return True


async def _later(*_: object, **__: object) -> list[object]:
    return []


CHEATS = {
    "nothing": None,
    "true": True,
    "pass": "PASS",
    "an empty list": [],
    "an empty dict": {},
    "a number": 1,
    "a constant function": lambda *_, **__: [],
    "a function that returns True": lambda *_, **__: True,
    "the first argument": lambda first=None, *_, **__: first,
    "the last argument": lambda *arguments, **__: arguments[-1] if arguments else None,
    "a coroutine": _later,
    "equal to everything": _Agreeable(),
    "returns what equals everything": lambda *_, **__: _Agreeable(),
    "a mock": MagicMock(),
    "a class": _Agreeable,
}


@pytest.mark.parametrize("cheat", CHEATS)
@pytest.mark.parametrize("exercise", EXERCISES)
def test_it_is_not_fooled(exercise: Exercise, cheat: str) -> None:
    state = solved(exercise.lab)[exercise.id]
    count = state.check.count(",") or 1
    result = api.examine(exercise.id, *[CHEATS[cheat]] * count)
    assert result.status in (Status.FAIL, Status.NOT_ATTEMPTED), str(result)
    assert result.points == 0
