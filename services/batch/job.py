"""A batch job: ordered inputs, split into parts, each computed once even if a process is killed.

A part is written under a temporary name and then renamed, and a rename is atomic. So a part that
exists is complete, and after a kill only the missing parts are computed. When all parts exist they
are joined in order, again under a temporary name, and renamed. The parts' names and the joined
file carry a key made of the inputs and all settings, so parts of another job are never used by
mistake.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout
from tqdm import tqdm

from services.batch.engines import ENGINES, EngineName
from services.batch.parts import PartWriter, check_part, write_whole

NOTE = "serving_labs.batch"
"""The key in the Parquet file's metadata under which its job is described, as JSON."""

Compute = Callable[[Sequence[Any]], list[dict[str, Any]]]
"""Takes inputs and returns one row of the schema for each, in the same order."""


class JobError(RuntimeError):
    """A job that cannot start or continue; the message says what to change."""


@dataclass(frozen=True)
class Job:
    """What is to be computed.

    Attributes
    ----------
    name : str
        Which batch job it is, e.g. ``"id_card"``.
    inputs : sequence
        The inputs, in the order of the rows; plain values that can be pickled.
    schema : pyarrow.Schema
        The schema of a row; its column ``error_code`` is null where there is no error.
    make : callable
        Makes the function that computes rows and loads the model, once per process. It is
        pickled for other processes, so use a class or a :func:`functools.partial` of one.
    settings : mapping
        Everything that the rows depend on besides the inputs' names: the model's hash, thresholds.
        The values must be valid JSON.
    fingerprint : str
        A hash of the inputs' content: it changes when an input does.
    part_size : int
        The number of inputs in a part, 1 or more. After a kill, each process computes at most
        this many inputs a second time.
    unit : str
        What an input is called in the progress bar.
    """

    name: str
    inputs: Sequence[Any]
    schema: pa.Schema
    make: Callable[[], Compute]
    settings: Mapping[str, Any]
    fingerprint: str
    part_size: int
    unit: str = "input"

    def __post_init__(self) -> None:
        if self.part_size < 1:
            raise ValueError(f"part_size must be 1 or more; got {self.part_size}")

    @property
    def parts(self) -> int:
        """The number of parts."""
        return -(-len(self.inputs) // self.part_size)

    def part(self, number: int) -> Sequence[Any]:
        """Return the inputs of a part, numbered from 0."""
        return self.inputs[number * self.part_size : (number + 1) * self.part_size]

    @cached_property
    def note(self) -> dict[str, Any]:
        """Everything that the rows depend on; two jobs with equal notes give equal rows."""
        return {
            "job": self.name,
            "inputs": len(self.inputs),
            "inputs_sha256": self.fingerprint,
            "part_size": self.part_size,
            **self.settings,
        }

    @cached_property
    def key(self) -> str:
        """The note's hash, 12 hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.note, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Summary:
    """What a run did.

    The file has *rows* rows, one for each input. Of them *bad* record an error, and *computed* were
    made by this run; the others already existed. *codes*: how often each ``error_code`` occurs.
    """

    rows: int
    bad: int
    computed: int
    codes: Mapping[str, int] = field(default_factory=dict)


def run(
    job: Job,
    out: Path,
    *,
    engine: EngineName = "local",
    workers: int = 2,
    overwrite: bool = False,
    progress: bool = True,
) -> Summary:
    """Compute a job's missing parts and write the Parquet file *out*.

    ``OUT.parts`` beside it holds the parts until it is written. The rows are the same with both
    engines; *workers* is the number of Ray's processes that compute, each with one core. With
    *overwrite*, what another job left at *out*, parts or file, is replaced. Parts of the same job
    are always kept: a kill loses only the part that was being computed.

    Raises
    ------
    JobError
        If *out* holds something else, parts of another job lie beside it, or another run is writing
        it.
    OSError
        If the disk is full or *out* cannot be written. Finished parts are kept.
    """
    if out.is_dir():
        raise JobError(f"{out} is a folder. Name a file: --out {out / 'table.parquet'}")
    out.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{out}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise JobError(
            f"another run is writing {out}; wait for it, or name another --out"
        ) from None
    try:
        return _run(job, out, engine, workers, overwrite, progress)
    finally:
        with contextlib.suppress(OSError):
            Path(lock.lock_file).unlink()  # while it is held, so no other run's lock is removed
        lock.release()


def _run(
    job: Job, out: Path, engine: EngineName, workers: int, overwrite: bool, progress: bool
) -> Summary:
    folder = parts_folder(out)
    found = note_of(out) if out.exists() else None
    if found == job.note and not folder.exists():
        return _summary(out, 0)  # killed after its last step, or simply called again
    if out.exists() and found != job.note and not overwrite:
        raise JobError(_refusal(out, found, job.note, "It was not touched."))
    _prepare(folder, job, overwrite)
    writer = PartWriter(job, folder)
    missing = [n for n in range(job.parts) if not check_part(writer.path(n), len(job.part(n)))]
    computed = 0
    with tqdm(total=len(job.inputs), unit=job.unit, disable=not progress) as bar:
        bar.update(len(job.inputs) - sum(len(job.part(n)) for n in missing))
        for number in ENGINES[engine](writer, missing, workers):
            computed += len(job.part(number))
            bar.update(len(job.part(number)))
    _join(job, writer, out)
    shutil.rmtree(folder)
    return _summary(out, computed)


def _prepare(folder: Path, job: Job, overwrite: bool) -> None:
    """Create the parts' folder, or check that an existing one belongs to this job."""
    described = folder / "job.json"
    if described.exists():
        before = json.loads(described.read_text(encoding="utf-8"))
        if before != job.note:
            if not overwrite:
                raise JobError(_refusal(folder, before, job.note, "The parts were kept."))
            shutil.rmtree(folder)
    folder.mkdir(exist_ok=True)
    for left in folder.glob("*.tmp"):
        left.unlink()
    write_whole(described, lambda path: path.write_text(json.dumps(job.note), encoding="utf-8"))


def _join(job: Job, writer: PartWriter, out: Path) -> None:
    note = json.dumps(job.note, sort_keys=True)
    schema = job.schema.with_metadata({**(job.schema.metadata or {}), NOTE: note})

    def write(path: Path) -> None:
        with pq.ParquetWriter(path, schema) as file:
            for number in range(job.parts):
                file.write_table(pq.read_table(writer.path(number), schema=job.schema).cast(schema))

    write_whole(out, write)


def _summary(out: Path, computed: int) -> Summary:
    codes = pq.read_table(out, columns=["error_code"])["error_code"].drop_null().value_counts()
    counts = {str(each["values"]): int(each["counts"]) for each in codes.to_pylist()}
    return Summary(
        rows=pq.read_metadata(out).num_rows,
        bad=sum(counts.values()),
        computed=computed,
        codes=dict(sorted(counts.items())),
    )


def parts_folder(out: Path) -> Path:
    """Return the folder of the parts of *out* until *out* is written."""
    return out.with_name(f"{out.name}.parts")


def note_of(out: Path) -> dict[str, Any] | None:
    """Return what a Parquet file records about the job that made it; None without a record."""
    try:
        metadata = pq.read_schema(out).metadata or {}
    except (pa.ArrowInvalid, OSError):
        return None
    note = metadata.get(NOTE.encode())
    return json.loads(note) if note else None


def _refusal(
    place: Path, before: Mapping[str, Any] | None, now: Mapping[str, Any], kept: str
) -> str:
    if before is None:
        return (
            f"{place} already exists, and no batch job of this repository wrote it. {kept} "
            "Name another --out, or add --overwrite to replace it."
        )
    told = "; ".join(_differences(before, now))
    return (
        f"{place} belongs to another job: {told}. {kept} Use the same settings to resume it, "
        "name another --out, or add --overwrite to replace it."
    )


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*before, *now}):
        if before.get(name) == now.get(name):
            continue
        if name == "inputs_sha256":
            if before.get("inputs") == now.get("inputs"):
                yield "the inputs were changed"
        elif name == "inputs":
            yield f"it has {before.get(name)} inputs, and now there are {now.get(name)}"
        else:
            yield f"{name} was {_short(before.get(name))} and is now {_short(now.get(name))}"


def _short(value: Any) -> str:
    text = str(value)
    return f"{text[:12]}…" if len(text) == 64 else text


def digest(texts: Iterator[str]) -> str:
    """Return one SHA-256 hash of many texts; their order counts."""
    total = hashlib.sha256()
    for text in texts:
        total.update(os.fsencode(text) + b"\0")
    return total.hexdigest()


def content_hash(path: Path) -> str:
    """Return one SHA-256 hash of a file's content, or of all files in a folder."""
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.is_file())
        return digest(f"{each.relative_to(path)} {content_hash(each)}" for each in files)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
