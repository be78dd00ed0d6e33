"""Parts, resuming and refusals, without a model."""

from __future__ import annotations

import json
import pickle
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from services.batch import Job, JobError, Summary, run
from services.batch.job import note_of, parts_folder
from services.batch.parts import PartWriter
from services.environment import ROOT
from tests.services.batch.squares import SCHEMA, job


class DeadError(BaseException):
    """Stands for the end of the process: nobody catches it."""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.parquet"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of the file that a run makes which nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    run(job(folder), folder / "out.parquet", progress=False)
    return (folder / "out.parquet").read_bytes()


def go(work: Job, out: Path, **options: Any) -> Summary:
    return run(work, out, progress=False, **options)


def computed(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "computed.txt").read_text().split()]


def test_one_row_an_input_in_order(tmp_path: Path, out: Path) -> None:
    done = go(job(tmp_path, 95), out)

    table = pq.read_table(out)
    assert table.schema.equals(SCHEMA)
    assert table["n"].to_pylist() == list(range(95))
    assert table["square"][4].as_py() == 16
    assert done == Summary(rows=95, bad=8, computed=95, codes={"thirteen": 8})
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("out")] == [out.name]


def test_a_second_call_computes_nothing(tmp_path: Path, out: Path) -> None:
    go(job(tmp_path), out)
    before = out.read_bytes()

    assert go(job(tmp_path), out).computed == 0
    assert out.read_bytes() == before
    assert len(computed(tmp_path)) == 100


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_moments(tmp_path: Path, out: Path, whole: bytes, seed: int) -> None:
    moments = random.Random(seed)
    command = [sys.executable, "-m", "tests.services.batch.squares", str(tmp_path)]
    kills = 0
    for turn in range(12):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()  # its work begins
        if turn < 4:
            time.sleep(moments.uniform(0, 0.1))
            process.kill()
        kills += process.wait(timeout=120) != 0
        process.stdout.close()
        if out.exists() and not parts_folder(out).exists():
            break

    assert out.read_bytes() == whole
    assert kills >= 2
    counts = Counter(computed(tmp_path))
    assert set(counts) == set(range(100))
    # What was written is never computed again: a kill costs the part in progress.
    assert sum(counts.values()) <= 100 + 10 * kills


@pytest.mark.parametrize("number", range(1, 13))  # the description, ten parts, the table
@pytest.mark.parametrize("when", ["before", "after"])
def test_dead_at_every_step(
    tmp_path: Path, out: Path, whole: bytes, number: int, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right before a file gets its name, and right after."""
    count = 0
    rename = Path.replace

    def dying(self: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count == number and when == "before":
            raise DeadError
        done = rename(self, target)
        if count == number:
            raise DeadError
        return done

    monkeypatch.setattr(Path, "replace", dying)
    with pytest.raises(DeadError):
        go(job(tmp_path), out)
    monkeypatch.undo()

    go(job(tmp_path), out)
    assert out.read_bytes() == whole
    assert not parts_folder(out).exists()


def test_a_damaged_part_is_computed_again(
    tmp_path: Path, out: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.batch.job._join", lambda *_: (_ for _ in ()).throw(DeadError))
    with pytest.raises(DeadError):
        go(job(tmp_path), out)
    monkeypatch.undo()
    part = sorted(parts_folder(out).glob("part-*.parquet"))[3]
    part.write_bytes(part.read_bytes()[:-20])

    assert go(job(tmp_path), out).computed == 10
    assert out.read_bytes() == whole


def begin(work: Job, out: Path) -> Path:
    """Compute a part, as a run does that is killed then; return it."""
    folder = parts_folder(out)
    folder.mkdir()
    writer = PartWriter(work, folder)
    writer({"part": [1]})
    (folder / "job.json").write_text(json.dumps(work.note))
    return writer.path(1)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ({"power": 3}, "power was 2 and is now 3"),
        ({"conf": 0.5}, "conf was None and is now 0.5"),
        ({"model_sha256": "a" * 64}, "model_sha256 was None and is now aaaaaaaaaaaa…"),
    ],
)
@pytest.mark.parametrize("left", ["parts", "file"])
def test_other_settings_are_refused(
    tmp_path: Path, out: Path, now: dict[str, Any], told: str, left: str
) -> None:
    before = begin(job(tmp_path), out) if left == "parts" else out
    if left == "file":
        go(job(tmp_path), out)
    content = before.read_bytes()

    with pytest.raises(JobError, match="belongs to another job") as caught:
        go(job(tmp_path, **now), out)

    assert told in str(caught.value)
    assert "--overwrite" in str(caught.value)
    assert before.read_bytes() == content


def test_other_inputs_are_refused(tmp_path: Path, out: Path) -> None:
    begin(job(tmp_path), out)
    with pytest.raises(JobError, match="it has 100 inputs, and now there are 101"):
        go(job(tmp_path, 101), out)


def test_overwrite_begins_anew_and_takes_no_part_of_another_job(tmp_path: Path, out: Path) -> None:
    begin(job(tmp_path, power=3), out)
    out.write_text("something else")

    assert go(job(tmp_path), out, overwrite=True).computed == 100
    assert note_of(out) == job(tmp_path).note


def test_overwrite_keeps_the_parts_of_this_job(tmp_path: Path, out: Path) -> None:
    begin(job(tmp_path), out)
    assert go(job(tmp_path), out, overwrite=True).computed == 90


def test_the_old_file_stays_until_the_new_one_is_whole(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(job(tmp_path, power=3), out)
    before = out.read_bytes()
    monkeypatch.setattr("services.batch.job._join", lambda *_: (_ for _ in ()).throw(DeadError))
    with pytest.raises(DeadError):
        go(job(tmp_path), out, overwrite=True)
    assert out.read_bytes() == before


def test_a_file_that_is_not_ours_is_refused(tmp_path: Path, out: Path) -> None:
    out.write_text("a table by somebody else")
    with pytest.raises(JobError, match="no batch job of this repository wrote it"):
        go(job(tmp_path), out)
    assert out.read_text() == "a table by somebody else"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="is a folder"):
        go(job(tmp_path), tmp_path)


def test_a_second_run_at_the_same_time_is_refused(tmp_path: Path, out: Path) -> None:
    with FileLock(f"{out}.lock"), pytest.raises(JobError, match="another run is writing"):
        go(job(tmp_path), out)


def test_a_missing_folder_for_the_output_is_made(tmp_path: Path) -> None:
    assert go(job(tmp_path), tmp_path / "a" / "b" / "out.parquet").rows == 100


def test_a_failing_model_fails_the_run_and_keeps_the_parts(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.services.batch.squares import Squares

    real = Squares.__call__

    def fails(self: Squares, numbers: Any) -> Any:
        if 50 in numbers:
            raise MemoryError("out of memory")
        return real(self, numbers)

    monkeypatch.setattr(Squares, "__call__", fails)
    with pytest.raises(MemoryError):
        go(job(tmp_path), out)
    monkeypatch.undo()
    assert not out.exists()
    assert go(job(tmp_path), out).computed == 50


def test_too_few_rows_are_noticed(tmp_path: Path) -> None:
    work = Job("few", range(3), SCHEMA, lambda: lambda _: [], {}, "three", 3)
    with pytest.raises(ValueError, match="3 inputs, but 0 rows"):
        PartWriter(work, tmp_path)({"part": [0]})


def test_part_size_is_checked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="part_size must be 1 or more; got 0"):
        Job("none", (), SCHEMA, lambda: lambda _: [], {}, "", 0)


def test_a_writer_travels_without_its_model(tmp_path: Path) -> None:
    writer = PartWriter(job(tmp_path), tmp_path)
    writer({"part": [0]})
    again = pickle.loads(pickle.dumps(writer))
    assert "compute" not in vars(again)
    assert again.path(0) == writer.path(0)
