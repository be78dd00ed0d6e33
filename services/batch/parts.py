"""Compute one part and write it atomically: whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from services.batch.job import Compute, Job


class PartWriter:
    """Computes and writes parts for every engine; created once in each process that computes.

    Parameters
    ----------
    job : Job
    folder : path
        The folder of the parts. All processes must see it; on several machines it is a shared
        volume.
    """

    def __init__(self, job: Job, folder: Path) -> None:
        self.job = job
        self.folder = folder

    @cached_property
    def compute(self) -> Compute:
        """The function that computes rows; the first access loads the model."""
        return self.job.make()

    def path(self, number: int) -> Path:
        """Return the path of a part; its name carries the job's key."""
        return self.folder / f"part-{number:06}-{self.job.key}.parquet"

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Compute and write the parts whose numbers are in ``batch["part"]``; return the batch.

        The batch has the form that ``ray.data.Dataset.map_batches`` uses: a mapping of column to
        array.
        """
        for number in batch["part"]:
            self._write(int(number))
        return dict(batch)

    def _write(self, number: int) -> None:
        inputs = self.job.part(number)
        rows = self.compute(inputs)
        if len(rows) != len(inputs):
            raise ValueError(f"{len(inputs)} inputs, but {len(rows)} rows")
        table = pa.Table.from_pylist(rows, schema=self.job.schema)
        write_whole(self.path(number), lambda path: pq.write_table(table, path))

    def __getstate__(self) -> dict[str, Any]:
        # The loaded model stays in its process.
        return {"job": self.job, "folder": self.folder}


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let *write* fill a temporary file, flush it to the disk, and rename it to *path*.

    Raises OSError if it cannot be written; *path* is then untouched.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_part(path: Path, rows: int) -> bool:
    """Return whether an undamaged part with this many rows exists."""
    try:
        return bool(pq.read_metadata(path).num_rows == rows)
    except (OSError, pa.ArrowInvalid):
        return False
