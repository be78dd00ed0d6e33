"""Check of lab 07, exercise 4: starts with a registry that is up, down, or has a damaged model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labs.checks.lab07.disk import kept_beside, watched
from labs.checks.lab07.fresh import in_new_process
from labs.engine import Context

MOST_PULLS = 3


class _TooOftenError(BaseException):
    """Ends an answer that calls pull again and again, whatever it catches."""


class _Machine:
    """A machine with some versions on its disk, a pointer, and a registry elsewhere."""

    def __init__(self, context: Context, place: Path) -> None:
        self.versions, self.pointer = place / "versions", place / "pointer" / "prod.txt"
        self.versions.mkdir()
        self.pointer.parent.mkdir()
        self._random = context.random
        self.prod = ""
        self.trouble: OSError | None = None
        self.damaged: set[str] = set()
        self.pulls = 0
        self.early = False
        self.loaded: set[str] = set()
        self.models: dict[str, dict[str, Any]] = {}

    def add(self, number: int) -> str:
        """Put a version on the disk and return its number."""
        version = str(number)
        (self.versions / version).mkdir()
        weights = [self._random.random() for _ in range(3)]
        self.models[version] = {"version": version, "weights": weights}
        return version

    def pull(self) -> Path:
        """Return the folder of the version that is prod."""
        self.pulls += 1
        if self.pulls >= MOST_PULLS:
            raise _TooOftenError
        if self.trouble is not None:
            raise self.trouble
        return self.versions / self.prod

    def load(self, folder: Any) -> dict[str, Any]:
        """Return the model in a folder."""
        version = Path(folder).name
        if version not in self.loaded and self.pointed() == version:
            self.early = True
        if version not in self.models or Path(folder).parent != self.versions:
            raise FileNotFoundError(f"there is no version in the folder {version!r}")
        if version in self.damaged:
            raise ValueError(self.damage_of(version))
        self.loaded.add(version)
        return dict(self.models[version])

    def damage_of(self, version: str) -> str:
        return f"version {version} is damaged: its weights are not finite"

    def pointed(self) -> str | None:
        """Return what the pointer says; None without one."""
        return self.pointer.read_text(encoding="utf-8").strip() if self.pointer.exists() else None


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``start(pull, load, versions, pointer)``, start after start."""
    low, high, bad, gone = sorted(context.random.sample(range(20, 90), 4))
    host = f"10.0.{context.random.randrange(256)}.{context.random.randrange(256)}"
    down = ConnectionError(f"the registry at {host} does not answer")
    with tempfile.TemporaryDirectory() as place:
        machine = _Machine(context, Path(place).resolve())
        for version, where in (
            (machine.add(low), "the first start"),
            (machine.add(high), f"prod has moved from {low} to {high}"),
            (str(low), f"prod was set back to {low}"),
        ):
            machine.prod, context.where = version, where
            _serves(context, answer, machine, version)
        pointed = str(low)
        for trouble in (down, TimeoutError(f"{host} gave no answer in 5 seconds")):
            machine.trouble, kind = trouble, type(trouble).__name__
            context.where = f"the registry is down ({kind}), the pointer names {low}"
            _serves(context, answer, machine, pointed, "no_fallback")
        machine.trouble, machine.prod = None, machine.add(bad)
        machine.damaged = {machine.prod}
        context.where = f"prod is {bad}, which is damaged; the pointer names {low}"
        _serves(context, answer, machine, pointed)
        machine.prod = str(gone)
        context.where = f"prod is {gone}, whose folder has no model; the pointer names {low}"
        _serves(context, answer, machine, pointed)
        machine.trouble, machine.damaged = down, {pointed}
        context.where = f"the registry is down, and {low}, which the pointer names, is damaged"
        _serves_nothing(context, answer, machine, str(down))
        machine.pointer.write_text(str(gone), encoding="utf-8")
        context.where = f"the registry is down, and {gone}, which the pointer names, has no model"
        _serves_nothing(context, answer, machine, str(down))
        machine.pointer.unlink()
        context.where = "the registry is down, and there is no pointer"
        _serves_nothing(context, answer, machine, str(down))
        machine.trouble, machine.damaged, machine.prod = None, {str(bad)}, str(bad)
        context.where = f"prod is {bad}, which is damaged, and there is no pointer"
        _serves_nothing(context, answer, machine, machine.damage_of(str(bad)))
    context.note(starts=11, of_them_without_the_registry=5)


def _start(context: Context, answer: Callable[..., Any], machine: _Machine) -> Any:
    """Start once; fail unless pull is called once."""
    machine.pulls, machine.early = 0, False
    machine.loaded.clear()
    try:
        start = in_new_process(answer)
        return start(machine.pull, machine.load, machine.versions, machine.pointer)
    finally:
        pulls, trouble = machine.pulls, machine.trouble is not None
        many = f"{pulls} times" + " and more" * (pulls >= MOST_PULLS)
        context.expect(
            pulls == 1,
            f"pull was called {many}; once was expected.",
            mistake="retries" if pulls > 1 and trouble else None,
        )


def _serves(
    context: Context,
    answer: Callable[..., Any],
    machine: _Machine,
    version: str,
    mistake: str | None = None,
) -> None:
    """Fail unless a start returns that version's model and the pointer names it."""
    before, what = machine.pointed(), "What start returned"
    beside = machine.versions.parent / "before"
    with kept_beside(machine.pointer, beside), watched(machine.pointer.parent) as disk:
        got = context.call(_start, context, answer, machine, because=mistake)
        context.same(got, machine.models[version], what=what)
        said = f"The pointer already named {machine.prod} when load was called."
        early = machine.early and before != version
        context.expect(not early, said, mistake="pointer_first")
        pointed = machine.pointed() or ""
        context.expect(
            pointed == version,
            f"The pointer says {pointed!r:.40}; {version!r} was expected.",
            mistake="pointer_first" if before == version else None,
        )
        _is_alone(context, machine)
        in_place = beside.exists() and beside.read_text(encoding="utf-8").strip() != before
        context.expect(
            not in_place and machine.pointer not in disk.removed,
            "The pointer was removed, or emptied and filled again, before the new one was there.",
            mistake="not_atomic",
        )
        for path, text in disk.renamed:
            context.expect(
                path != machine.pointer or text.strip() == version,
                f"The file that replaced the pointer had {text!r:.40} in it at that moment.",
                cause="Close the new file before you rename it.",
            )


def _serves_nothing(
    context: Context, answer: Callable[..., Any], machine: _Machine, reason: str
) -> None:
    """Fail unless a start raises a RuntimeError that names the reason, and changes nothing."""
    before = machine.pointed()
    context.raises(RuntimeError, _start, context, answer, machine, names=[reason])
    context.same(machine.pointed(), before, what="What the pointer says")
    _is_alone(context, machine)


def _is_alone(context: Context, machine: _Machine) -> None:
    """Fail if there are other files next to the pointer."""
    others = [path.name for path in machine.pointer.parent.iterdir() if path != machine.pointer]
    context.expect(
        not others,
        f"Next to the pointer there is still {min(others, default='')!r}.",
        cause="Replace the pointer with the file that you write first, or delete it.",
    )
