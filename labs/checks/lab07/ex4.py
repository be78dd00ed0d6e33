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
            machine.prod = version
            _serves_prod(context, answer, machine, where)
        pointed = str(low)
        for trouble in (down, TimeoutError(f"{host} gave no answer in 5 seconds")):
            machine.trouble = trouble
            where = f"the registry is down ({type(trouble).__name__}), the pointer names {low}"
            _serves_pointed(context, answer, machine, pointed, where, "no_fallback")
        machine.trouble, machine.prod = None, machine.add(bad)
        machine.damaged = {machine.prod}
        where = f"prod is {bad}, which is damaged; the pointer names {low}"
        _serves_pointed(context, answer, machine, pointed, where, None)
        machine.prod = str(gone)
        where = f"prod is {gone}, and there is no model in its folder; the pointer names {low}"
        _serves_pointed(context, answer, machine, pointed, where, None)
        machine.trouble, machine.damaged = down, {pointed}
        where = f"the registry is down, and {low}, which the pointer names, is damaged"
        _serves_nothing(context, answer, machine, where, str(down))
        machine.pointer.write_text(str(gone), encoding="utf-8")
        where = f"the registry is down, and of {gone}, which the pointer names, there is no model"
        _serves_nothing(context, answer, machine, where, str(down))
        machine.pointer.unlink()
        where = "the registry is down, and there is no pointer"
        _serves_nothing(context, answer, machine, where, str(down))
        machine.trouble, machine.damaged, machine.prod = None, {str(bad)}, str(bad)
        where = f"prod is {bad}, which is damaged, and there is no pointer"
        _serves_nothing(context, answer, machine, where, machine.damage_of(str(bad)))
    context.note(starts=11, of_them_without_the_registry=5)


def _start(
    context: Context, answer: Callable[..., Any], machine: _Machine, where: str
) -> tuple[Any, Exception | None]:
    """Return what one start returned and raised; fail if it called pull more than once."""
    machine.pulls, machine.early = 0, False
    machine.loaded.clear()
    got, error = None, None
    try:
        start = in_new_process(answer)
        got = start(machine.pull, machine.load, machine.versions, machine.pointer)
    except _TooOftenError:
        pass
    except Exception as raised:
        error = raised
    if machine.pulls > 1:
        many = f"{machine.pulls} times" + " and more" * (machine.pulls >= MOST_PULLS)
        mistake = "retries" if machine.trouble is not None else None
        context.fail(f"pull was called {many}; once was expected.", where=where, mistake=mistake)
    return got, error


def _serves_prod(
    context: Context, answer: Callable[..., Any], machine: _Machine, where: str
) -> None:
    before = machine.pointed()
    beside = machine.versions.parent / "before"
    with kept_beside(machine.pointer, beside), watched(machine.pointer.parent) as disk:
        got, error = _start(context, answer, machine, where)
        if error is not None:
            raise context.raised(error, where=where) from error
        if not machine.pulls:
            context.fail("pull was not called.", where=where)
        _is_model(context, machine, got, machine.prod, where)
        if machine.early:
            context.fail(
                f"The pointer already named {machine.prod} when load was called.",
                where=where,
                mistake="pointer_first",
            )
        if machine.pointed() is None or machine.pointed() == before:
            context.fail(
                f"The pointer says {before or 'nothing'}; {machine.prod} was expected.",
                where=where,
            )
        _points_to(context, machine, machine.prod, where)
        if beside.exists() and beside.read_text(encoding="utf-8").strip() != before:
            context.fail(
                "The pointer was written in place: its old file was emptied and filled again.",
                where=where,
                mistake="not_atomic",
            )
        for path, text in disk.renamed:
            if path == machine.pointer and text.strip() != machine.prod:
                context.fail(
                    f"The file that replaced the pointer had {text!r:.40} in it at that moment.",
                    where=where,
                    cause="Close the new file before you rename it.",
                )
        if machine.pointer in disk.removed:
            context.fail(
                "The pointer was removed before the new one was there.",
                where=where,
                mistake="not_atomic",
            )


def _is_model(
    context: Context,
    machine: _Machine,
    got: Any,
    version: str,
    where: str,
) -> None:
    """Fail unless *got* is that version's model."""
    what = "What start returned"
    value = context.plain(got, what=what, where=where)
    for number, model in machine.models.items():
        if value == model and number != version:
            context.fail(
                f"start returned version {number}; version {version} was expected.",
                where=where,
            )
    context.same(value, machine.models[version], what=what, where=where)


def _points_to(context: Context, machine: _Machine, version: str, where: str) -> None:
    pointed = machine.pointed() or ""
    context.expect(
        pointed == version,
        f"The pointer says {pointed!r:.40}; {version!r} was expected.",
        where=where,
        cause="The number alone is `folder.name`." if Path(pointed).name == version else "",
    )
    _is_alone(context, machine, where)


def _is_alone(context: Context, machine: _Machine, where: str) -> None:
    """Fail if there are other files next to the pointer."""
    others = [path.name for path in machine.pointer.parent.iterdir() if path != machine.pointer]
    context.expect(
        not others,
        f"Next to the pointer there is still {min(others, default='')!r}.",
        where=where,
        cause="Replace the pointer with the file that you write first, or delete it.",
    )


def _serves_pointed(
    context: Context,
    answer: Callable[..., Any],
    machine: _Machine,
    version: str,
    where: str,
    mistake: str | None,
) -> None:
    got, error = _start(context, answer, machine, where)
    if error is not None:
        raise context.raised(error, where=where, because=mistake) from error
    if not machine.pulls:
        context.fail("pull was not called.", where=where)
    _is_model(context, machine, got, version, where)
    _is_alone(context, machine, where)
    if machine.pointed() != version:
        context.fail(
            f"The pointer says {machine.pointed()!r:.40} now; {version} is served.",
            where=where,
            mistake="pointer_first",
        )


def _serves_nothing(
    context: Context, answer: Callable[..., Any], machine: _Machine, where: str, reason: str
) -> None:
    before = machine.pointed()
    got, error = _start(context, answer, machine, where)
    if error is None:
        served = context.plain(got, what="What start returned", where=where)
        newest = served in list(machine.models.values())
        shown = f"version {served['version']}" if newest else repr(served)
        context.fail(
            f"start returned {shown}; a RuntimeError was expected.",
            where=where,
        )
    elif not isinstance(error, RuntimeError):
        raise context.raised(error, where=where) from error
    elif reason not in str(error):
        context.fail(
            f"The RuntimeError says {str(error)!r:.120}; it does not say {reason!r}.",
            where=where,
            cause="Put the text of the first exception into the message.",
        )
    if machine.pointed() != before:
        context.fail(
            f"The pointer says {machine.pointed() or 'nothing'!r:.40} now; {before or 'nothing'} "
            "was expected.",
            where=where,
        )
    _is_alone(context, machine, where)
