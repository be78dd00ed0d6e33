"""The process that asks the registry, apart from those that serve.

MLflow's client takes three seconds of a processor and 130 megabytes to import, and imports half a
data science stack while it does. In a process that serves, others meet modules that are half
imported: BentoML looks for ``pandas.DataFrame`` in every batch and fails on a pandas that has none
yet. So one process does nothing but ask, and moves the pointer that those who serve follow.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.environment import ROOT
from services.recommender import telemetry
from services.recommender.cache import VersionCache
from services.recommender.pull import PullError, Registry, prepare

logger = logging.getLogger(__name__)

READY, FAILED = "ready", "failed"
"""How the process's one line of output begins; the reason follows the second."""

LONGEST_WAIT = 600.0
"""Seconds between two attempts to fetch what cannot be used, at most."""


@dataclass(frozen=True)
class Source:
    """What is followed, and where it is put.

    Attributes
    ----------
    model, alias : str
        Of the registry.
    cache : Path
        The folder of a :class:`~services.recommender.cache.VersionCache`.
    seconds : float
        Between two questions to the registry; 0 for none but the first.
    """

    model: str
    alias: str
    cache: Path
    seconds: float


class Puller:
    """A process that follows a registry for as long as this one lives.

    Parameters
    ----------
    source : Source
        What it follows.
    env : mapping of str to str, optional
        Variables added to those of this process.
    """

    def __init__(self, source: Source, env: Mapping[str, str] | None = None) -> None:
        self.source = source
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int | None:
        """The process's id; None if there is none."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it, and return once there is a version to serve.

        Raises
        ------
        PullError
            If there is none, from nowhere.
        """
        line = self._run()
        if not line.startswith(READY):
            why = line.removeprefix(FAILED).strip() or "the process that asks MLflow ended"
            raise PullError(why, "unreachable")
        if self.source.seconds > 0:
            threading.Thread(target=self._watch, name="watch-the-puller", daemon=True).start()

    def _run(self) -> str:
        """Start the process and return its line."""
        source = self.source
        command = [sys.executable, "-m", "services.recommender.puller", source.model, source.alias]
        command += [str(source.cache), str(source.seconds)]
        paths = os.pathsep.join(filter(None, [str(ROOT), self._env.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            command,
            env={**self._env, "PYTHONPATH": paths},
            stdin=subprocess.PIPE,  # it closes when we end, however we end
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def _watch(self) -> None:
        """Start it again when it ends."""
        while True:
            assert self._process is not None
            code = self._process.wait()
            logger.warning("the process that asks MLflow ended (%s) and is started again", code)
            time.sleep(self.source.seconds)
            self._run()


class Follower:
    """What that process does.

    Parameters
    ----------
    source : Source
        What it follows.
    registry : Registry, optional
        Where it asks; the source's if not given.
    """

    def __init__(self, source: Source, registry: Registry | None = None) -> None:
        self.source = source
        self.cache = VersionCache(source.cache, source.alias)
        self.registry = registry or Registry(source.model, source.alias)
        self._damaged = 0
        self._told = ""

    def prepare(self) -> str:
        """Have something to serve, and return a line that says so, or why not."""
        try:
            prepare(self.cache, self.registry)
        except PullError as error:
            return f"{FAILED} {error}"
        return READY

    def follow(self) -> None:
        """Ask for ever, if no other process does so for this alias and this cache."""
        while True:
            time.sleep(self.source.seconds)
            with self.cache.leading() as leader:
                while leader:
                    self.ask()
                    time.sleep(self.wait)

    def ask(self) -> None:
        """Ask once. Whatever goes wrong here must not end the process."""
        before = self.cache.pointed()
        try:
            version = self.registry.pull(self.cache)
        except PullError as error:
            telemetry.pulled(error.reason)
            # Only what costs a download is asked for ever more rarely.
            self._damaged = self._damaged + 1 if error.reason == "damaged" else 0
            self._tell(f"{error}; the pointer stays where it is")
        except Exception:
            logger.exception("asking the registry failed")
        else:
            self._damaged, self._told = 0, ""
            telemetry.pulled("unchanged" if version == before else "moved")

    @property
    def wait(self) -> float:
        """Seconds until the next question."""
        seconds = self.source.seconds
        return min(seconds * 2.0**self._damaged, max(LONGEST_WAIT, seconds))

    def _tell(self, trouble: str) -> None:
        """Log a trouble when it begins, not every time it is met."""
        if trouble != self._told:
            logger.warning("%s", trouble)
        self._told = trouble


def main(arguments: list[str] | None = None) -> int:
    """Prepare, say so in one line, follow; end when the standard input does."""
    parser = argparse.ArgumentParser(prog="python -m services.recommender.puller")
    parser.add_argument("model")
    parser.add_argument("alias")
    parser.add_argument("cache", type=Path)
    parser.add_argument("seconds", type=float)
    given = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s [%(levelname)s] [puller] %(message)s")
    logging.getLogger("services").setLevel(logging.INFO)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    follower = Follower(Source(given.model, given.alias, given.cache, given.seconds))
    answer, sys.stdout = sys.stdout, sys.stderr  # for what MLflow may have to print
    line = follower.prepare()
    print(line, file=answer, flush=True)
    if line != READY:
        return 1
    if given.seconds > 0:
        follower.follow()
    return 0


def _end_with_the_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
