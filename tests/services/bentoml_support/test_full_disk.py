"""A worker whose disk is full, or not to be written: it goes on, and says so once."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bentoml
import httpx
import pytest

from services.bentoml_support import log
from services.environment import ROOT
from services.workbench import load
from services.workbench.servers.bentoml_serve import start_bentoml
from services.workbench.servers.launch import on_small_disks
from services.workbench.servers.ports import HOST
from tests.services.id_card.image_files import SAMPLES

_COUNTING = """
import resource, signal, sys
limit = int(sys.argv[1])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))  # a longer file: OSError
import services.bentoml_support
from prometheus_client import Counter
counter = Counter("requests", "Requests", ["path"])
for path in range(1000):  # more than the 65,536 bytes that a file begins with
    counter.labels(str(path)).inc()
print(sum(counter.labels(str(path))._value.get() for path in range(1000)))
"""

SIZE = 1 << 16
"""With how many bytes prometheus_client begins a file."""


def count(folder: Path, limit: int = 0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _COUNTING, str(limit)],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def shared(folder: Path) -> float:
    """Return what a scrape would read of the files."""
    from prometheus_client import CollectorRegistry, multiprocess

    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, str(folder))
    [metric] = registry.collect()
    return sum(sample.value for sample in metric.samples)


@pytest.mark.parametrize(
    ("folder", "limit", "in_files"),
    [
        (".", SIZE - 1, None),
        (".", SIZE, range(100, 1000)),
        ("none", 0, None),
        ("a file", 0, None),
        (".", 0, [1000]),
    ],
    ids=["full at once", "full later", "no folder", "not a folder", "room enough"],
)
def test_counting_where_files_cannot_be_written(
    tmp_path: Path, folder: str, limit: int, in_files: range | list[int] | None
) -> None:
    (tmp_path / "a file").touch()

    ended = count(tmp_path / folder, limit)

    assert (ended.returncode, ended.stdout) == (0, "1000.0\n"), ended.stderr
    lines = ended.stderr.splitlines()
    if in_files == [1000]:
        assert lines == []
    else:
        [line] = lines
        assert line.startswith("Metrics are not shared with /metrics: ")
    files = list(tmp_path.glob("*.db"))
    assert len(files) == (in_files is not None)
    if in_files is not None:
        assert shared(tmp_path) in in_files


def test_a_file_takes_its_space_when_it_is_made(tmp_path: Path) -> None:
    """A sparse one would end the worker (SIGBUS) that counts when the disk has become full."""
    count(tmp_path)
    [file] = tmp_path.glob("*.db")
    assert file.stat().st_blocks * 512 >= file.stat().st_size > SIZE


def test_a_row_that_cannot_be_written_is_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind in ("data", "schema"):
        (tmp_path / "answers" / kind).mkdir(parents=True)
    full = tmp_path / "answers" / "data" / "data.0.log"
    full.symlink_to("/dev/full")

    def write(number: int) -> None:
        with bentoml.monitor("answers", log.FileMonitor, {"log_path": str(tmp_path)}) as row:
            row.log(number, "number", "feature", "numerical")

    with caplog.at_level(logging.WARNING):
        for number in range(5):
            log.write_if_possible(write, number)
    assert caplog.text.count("Answers are not logged: [Errno 28]") == 1
    assert "Traceback" not in caplog.text + capsys.readouterr().err
    assert len((tmp_path / "answers" / "schema" / "schema.0.log").read_text().splitlines()) == 1


_SERVE = (sys.executable, "-m", "bentoml", "serve")
_SERVE += ("services.id_card.bento.observed_service:IdCardDetector",)


@pytest.mark.system
def test_a_server_on_a_full_disk(needs: Callable[[str], None], tmp_path: Path) -> None:
    needs("namespaces")
    disks = on_small_disks("$BENTOML_HOME/prometheus_multiproc_dir", "$ID_CARD_LOG")
    requests = 200  # rows for more than the log's 16 kB
    with start_bentoml(
        [*disks, *_SERVE, "--host", HOST, "--port", "{port}"],
        ready="/readyz",
        name="full-disk",
        env={"ID_CARD_LOG": str(tmp_path / "log"), "ID_CARD_WORKERS": "2"},
    ) as server:
        workers = {record.pid for record in server.processes()}
        sent = load.send(
            f"{server.url}/inference", SAMPLES / "one_card.jpg", requests=requests, concurrency=4
        )
        assert sent.statuses == {200: requests}
        assert httpx.get(f"{server.url}/metrics").status_code == 200
        assert {record.pid for record in server.processes()} == workers
        said = server.log.read_text()
        assert "Traceback" not in said
        for line in ("Metrics are not shared with /metrics", "Answers are not logged"):
            assert 1 <= said.count(line) <= len(workers)
