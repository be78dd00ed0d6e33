"""A learner's batch job in a process that is killed; it reads a plan, JSON, from stdin.

It imports no module of this project, so that it starts quickly. It reports to stdout, one line of
JSON at a time: ``{"computing": 3}`` before a batch is computed, then ``{"rows": …}`` or
``{"raised": …}``. The learner's prints go to stderr.
"""

from __future__ import annotations

import errno
import json
import linecache
import os
import random
import re
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

_FILE = "answer.py"


class Killer:
    """Kills this process at a chosen moment; the program cannot prevent it.

    Parameters
    ----------
    mode : {"compute", "write", "part", "rename", ""}
        In the middle of computing; when a file grows beyond *most* bytes, which leaves so many of
        them on the disk; the same, for a file in *folder* that has the name of a part; before a
        file gets another name; never.
    call : int
        With which call of ``compute`` its moment comes, counted from 1.
    most : int
        See *mode*.
    folder : str
        Where the parts lie.
    """

    def __init__(self, mode: str, call: int, most: int, folder: str) -> None:
        self.mode, self.call, self.most = mode, call, most
        self.folder = Path(folder).absolute()
        self.calls = 0
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # here: a learner's thread may not do it
        sys.addaudithook(self._watch)

    def computing(self) -> None:
        """Take note of one call of ``compute``."""
        self.calls += 1
        if self.calls != self.call:
            return
        if self.mode == "compute":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.mode == "write":
            self._limit()

    def _limit(self) -> None:
        # The kernel writes up to the limit, and then sends the signal that ends the process.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.most, hard))

    def _watch(self, event: str, details: tuple[Any, ...]) -> None:
        if self.calls != self.call:
            return
        if event == "os.rename" and self.mode == "rename":
            os.kill(os.getpid(), signal.SIGKILL)
        if event == "open" and self.mode == "part" and self._is_part(*details):
            self._limit()

    def _is_part(self, path: Any, _: Any, flags: int) -> bool:
        """Say whether what is opened is written, and has the name of a part."""
        if isinstance(path, int) or not flags & (os.O_WRONLY | os.O_RDWR):
            return False
        place = Path(os.fsdecode(path)).absolute()
        named = re.fullmatch(r"part-\d{5}\.json", place.name)
        return named is not None and place.parent == self.folder


def put_on_own_disk(folder: Path) -> None:
    """Let no file be renamed or linked into *folder* from outside: it could be another disk."""

    def within(function: Callable[..., None]) -> Callable[..., None]:
        def call(source: Any, target: Any, *args: Any, **kwargs: Any) -> None:
            inside = [folder in Path(p).absolute().parents for p in (source, target)]
            if inside[0] != inside[1]:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(source), None, str(target))
            function(source, target, *args, **kwargs)

        return call

    os.rename, os.replace, os.link = within(os.rename), within(os.replace), within(os.link)


def shuffle_listings(seed: int) -> None:
    """Let folders be listed in any order: file systems guarantee none."""
    chance = random.Random(seed)
    listdir, scandir = os.listdir, os.scandir

    def shuffled(path: Any = ".") -> list[Any]:
        names = sorted(listdir(path))
        chance.shuffle(names)
        return names

    class Shuffled:
        def __init__(self, path: Any = ".") -> None:
            with scandir(path) as found:
                self._entries = sorted(found, key=lambda entry: entry.name)
            chance.shuffle(self._entries)

        def __iter__(self) -> Shuffled:
            return self

        def __next__(self) -> Any:
            if not self._entries:
                raise StopIteration
            return self._entries.pop()

        def __enter__(self) -> Shuffled:
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

        def close(self) -> None:
            self._entries = []

    os.listdir = shuffled
    os.scandir = Shuffled  # type: ignore[assignment]


def _compute(plan: dict[str, Any], say: Callable[..., None]) -> Callable[[Any], Any]:
    """Return the model: it knows the rows of each batch."""
    places = {json.dumps(batch): number for number, batch in enumerate(plan["batches"])}
    killer = Killer(plan["mode"], plan["call"], plan["most"], plan["folder"])

    def compute(batch: Any) -> Any:
        number = places.get(json.dumps(batch))
        if number is None:
            raise ValueError(f"compute takes one of the batches; got {batch!r}")
        say(computing=number)
        killer.computing()
        return json.loads(json.dumps(plan["rows"][number]))

    return compute


def _own_lines(error: BaseException) -> list[str]:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == _FILE]
    return [f"in {frame.name}: {(frame.line or '').strip()}" for frame in frames[-3:]]


def main() -> None:
    """Read the plan, run the learner's job with it, and report."""
    plan = json.load(sys.stdin)
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(**what: Any) -> None:
        report.write(json.dumps(what) + "\n")
        report.flush()

    shuffle_listings(plan["seed"])
    put_on_own_disk(Path(plan["folder"]).absolute())
    text = plan["text"]
    linecache.cache[_FILE] = (len(text), None, text.splitlines(keepends=True), _FILE)
    names: dict[str, Any] = {"__name__": "answer"}
    layer = "import"
    try:
        exec(compile(text, _FILE, "exec"), names)
        run_job, compute, folder = names[plan["name"]], _compute(plan, say), Path(plan["folder"])
        layer = "request"
        rows = run_job(plan["batches"], compute, folder)
        layer = "schema"
        say(rows=rows)
    except BaseException as error:
        kind, message = type(error).__name__, str(error)
        say(raised=kind, message=message, lines=_own_lines(error), layer=layer)


if __name__ == "__main__":
    main()
