"""Check of lab 11, exercise 3: a job that is killed at several moments and started again."""

from __future__ import annotations

import inspect
import tempfile
from pathlib import Path
from typing import Any

from labs.checks.lab11.job import Job, part_name
from labs.engine import Context


def check(context: Context, answer: Any) -> None:
    """Run ``run_job(batches, compute, folder)`` in processes that are killed, and once more."""
    if not inspect.isfunction(answer) or inspect.iscoroutinefunction(answer):
        kind = "coroutine function" if inspect.isfunction(answer) else type(answer).__name__
        context.fail(f"run_job is a {kind}; a plain function was expected.", layer="import")
    job = Job(context, answer)
    with tempfile.TemporaryDirectory() as name:
        folder = _new(name, "first")
        job.run(folder, "the first run, in an empty folder")
        job.run(folder, "a second run, when all parts are there")
        for number in context.random.sample(range(len(job.batches)), 3):
            (folder / part_name(number)).unlink()
        job.run(folder, "a run when three parts are missing")
        folder = _new(name, "killed")
        job.run(folder, "killed in the middle of writing, after three calls of compute", "write", 3)
        job.run(folder, "then killed inside compute", "compute", context.random.randint(2, 3))
        job.run(folder, "then killed in the middle of writing, after one call", "write", 1)
        job.run(folder, "then killed just before a file is renamed", "rename", 2)
        (folder / f"{part_name(1)}.4711.tmp").write_text('[{"input": 17, "wo', encoding="utf-8")
        job.run(folder, "then run to the end, with a temporary file that an earlier run has left")
        folder = _new(name, "again")
        job.run(folder, "killed while a file with a part's name is being written", "part", 2)
    context.note(batches=len(job.batches), kills=job.kills)


def _new(place: str, name: str) -> Path:
    folder = Path(place, name)
    folder.mkdir()
    return folder
