"""Lab 11, exercise 3: runs the learner's job in processes, kills them, and compares the files."""

from __future__ import annotations

import json
import os
import re
import string
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from labs.checks.lab11 import killed
from labs.engine import Context
from labs.engine.export import module_of
from labs.engine.outcome import FailedError
from services.environment import ROOT
from services.workbench.show import one_line

_SECONDS = 30
"""How long a run may take; on an idle machine it takes a tenth of a second."""


def part_name(number: int) -> str:
    """Return the name of a part's file, as the lab defines it."""
    return f"part-{number:05}.json"


class Job:
    """Batches, the rows that a model gives for them, and the learner's ``run_job``.

    Parameters
    ----------
    context : Context
    answer : function
        The learner's.
    """

    def __init__(self, context: Context, answer: Any) -> None:
        self.context = context
        self.text, self.name = module_of(answer)
        items = iter(context.random.sample(range(1000, 10**6), 60))
        sizes = [context.random.randint(2, 4) for _ in range(context.random.randint(12, 14))]
        self.batches = [[next(items) for _ in range(size)] for size in sizes]
        self.rows = [[self._row(item) for item in batch] for batch in self.batches]
        self.rows[-2] = []  # no run is killed as late as that
        self.runs = self.kills = 0

    def _row(self, item: int) -> dict[str, Any]:
        words = "".join(self.context.random.choices(string.ascii_lowercase, k=600))
        return {"input": item, "words": f"{words}, für 3 €"}

    @property
    def every_row(self) -> list[Any]:
        """What the job returns in the end."""
        return [row for rows in self.rows for row in rows]

    def run(self, folder: Path, where: str, mode: str = "", call: int = 0) -> None:
        """Run the learner's job, kill it if *mode* says so, and look at what it left.

        Parameters
        ----------
        folder : path
            Where the parts lie.
        where : str
            Which run it is, in words.
        mode, call
            When it is killed; see :class:`labs.checks.lab11.killed.Killer`.
        """
        before = {number for number, whole in self._parts(folder).items() if whole}
        code, said = self._start(folder, where, mode, call)
        killed = code < 0
        self.runs += 1
        self.kills += killed
        computed = [line["computing"] for line in said if "computing" in line]
        self._look_for_broken(folder, where, mode * killed)
        if said and "raised" in said[-1]:
            raise self._raised(said[-1], where)
        if not killed and not (said and "rows" in said[-1]):
            self.context.fail(f"The process ended with code {code}.", where=where, layer="request")
        if killed and not mode:
            self.context.fail(f"The process died of signal {-code}.", where=where, layer="request")
        self._look_at_calls(computed, before, where)
        self._look_at_parts(folder, computed[:-1] if killed else computed, where, killed)
        if not killed:
            self._look_at_rows(folder, said[-1]["rows"], computed, where)

    def _start(
        self, folder: Path, where: str, mode: str, call: int
    ) -> tuple[int, list[dict[str, Any]]]:
        """Return the exit code of a run, and what was reported."""
        plan = {
            "text": self.text,
            "name": self.name,
            "folder": str(folder),
            "batches": self.batches,
            "rows": self.rows,
            "mode": mode,
            "call": call,
            "most": self.context.random.randint(300, 1000),
            "seed": self.context.random.getrandbits(32),
        }
        try:
            done = subprocess.run(
                [sys.executable, killed.__file__],
                input=json.dumps(plan),
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )
        except subprocess.TimeoutExpired:
            raise FailedError(
                f"run_job did not end within {_SECONDS} seconds.",
                where=where,
                layer="request",
                cause="A loop may never end, or the job may wait for something that never comes.",
            ) from None
        if done.stderr.strip():
            print(done.stderr.strip())
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    def _raised(self, said: dict[str, Any], where: str) -> FailedError:
        error = type(said["raised"], (Exception,), {})(said["message"])
        cause = {
            "NameError": "The job runs in a new process. Everything it uses must be in a cell.",
            "FileExistsError": "A killed run has left a file of this name. Overwrite it.",
        }.get(said["raised"], "")
        if "Invalid cross-device link" in said["message"]:
            cause = (
                "The folder may be on another disk than the system's temporary files, and a rename "
                "works within one disk only. Write the temporary file into the folder."
            )
        lost = said["raised"] == "FileNotFoundError" and re.search(r"part-\d+\.json'", str(error))
        return FailedError(
            f"Your code raised {one_line(error)}",
            where=where,
            mistake="passed_over" if lost and self.runs > 1 else None,
            layer=said["layer"],
            cause=cause,
            frames=tuple(said["lines"]),
        )

    def _parts(self, folder: Path) -> dict[int, bool]:
        """Return the numbers of the parts that are there, and whether each is whole and right."""
        found = {}
        for number, rows in enumerate(self.rows):
            path = folder / part_name(number)
            if not path.exists():
                continue
            try:
                found[number] = json.loads(path.read_bytes()) == rows
            except ValueError:
                found[number] = False
        return found

    def _look_at_calls(self, computed: list[int], before: set[int], where: str) -> None:
        again = sorted(before & set(computed))
        if again:
            self.context.fail(
                f"compute was called for batch {again[0]} again, though {part_name(again[0])} was "
                "there.",
                where=where,
                mistake="begins_again",
            )
        [(number, most)] = Counter(computed).most_common(1) or [(0, 0)]
        self.context.expect(
            most <= 1,
            f"compute was called {most} times for batch {number} in one run.",
            where=where,
        )

    def _look_for_broken(self, folder: Path, where: str, mode: str) -> None:
        broken = [number for number, whole in self._parts(folder).items() if not whole]
        if not broken:
            return
        name = part_name(broken[0])
        size = (folder / name).stat().st_size
        self.context.fail(
            f"Afterwards {name} is there with {size:,} bytes, but does not hold the rows of batch "
            f"{broken[0]} as JSON.",
            where=where,
            mistake="in_place" if mode in ("write", "part") else None,
        )

    def _look_at_parts(self, folder: Path, computed: list[int], where: str, killed: bool) -> None:
        """Hold the files to the batches that were done before the run ended or was killed."""
        parts = self._parts(folder)
        missing = [number for number in computed if number not in parts]
        if missing and not killed:
            there = ", ".join(sorted(path.name for path in folder.iterdir())[:3]) or "nothing"
            self.context.fail(
                f"{part_name(missing[0])} is not there. The folder has {there}.",
                where=where,
            )
        if missing:
            self.context.fail(
                f"{len(computed)} batches were computed before the kill, and the parts of "
                f"{len(missing)} of them are not there.",
                where=where,
                mistake="at_end",
            )

    def _look_at_rows(self, folder: Path, rows: Any, computed: list[int], where: str) -> None:
        parts = self._parts(folder)
        left = [number for number in range(len(self.batches)) if number not in parts]
        if left:
            self.context.fail(
                f"{part_name(left[0])} is not there, and this run did not compute it.",
                where=where,
                mistake="passed_over",
            )
        want = self.every_row
        got = self.context.plain(rows, what="what run_job returned", where=where)
        mistakes = {"only_new": [row for number in computed for row in self.rows[number]]}
        if isinstance(got, list) and got != want and _sorted(got) == _sorted(want):
            said = "All rows are there, but not in the order of the batches."
            self.context.fail(said, where=where)
        self.context.same(got, want, what="run_job(…)", where=where, mistakes=mistakes)


def _sorted(rows: list[Any]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)
