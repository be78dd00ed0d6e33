"""Threads, workers, a CPU quota and a price, for the detector on this machine; notebook 14.

::

    python -m services.bench.hardware --backend int8     # one worker; it starts on an input line
"""

from __future__ import annotations

import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import psutil

from services import command_line
from services.id_card.detector import Detector
from services.id_card.model.backends import BackendName, OnnxBackend
from services.id_card.model.geometry import batch_of
from services.id_card.samples import load_sample

PRICES = Path(__file__).with_name("prices.csv")
"""On-demand list prices (us-east-1, Linux), each with its source: an example to replace."""

PERIOD = 0.1
"""The period of a CPU quota in seconds, the same that container engines set."""

_KINDS = {
    "convolutions": ("Conv", "QLinearConv", "FusedConv"),
    "activations": ("QuickGelu", "Sigmoid", "Mul", "QLinearSigmoid", "QLinearMul"),
    "rounding": ("QuantizeLinear", "DequantizeLinear"),
}


def profile(model: Path, runs: int = 10) -> dict[str, float]:
    """Return how ONNX Runtime's time for one image is spent, with one thread, on an ``.onnx`` file.

    Each operator's fastest of *runs* counts, so that a busy machine matters less. Return
    milliseconds by kind of operator: convolutions, activations, rounding, all others.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    options.enable_profiling = True
    network = OnnxBackend(model, "cpu")
    board = batch_of([np.asarray(load_sample("two_cards"))], network.imgsz)
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        for _ in range(runs):
            session.run(None, {session.get_inputs()[0].name: board})
        events = json.loads(Path(session.end_profiling()).read_text())
    fastest: dict[tuple[str, str], float] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("kernel_time"):
            key = (event["args"]["op_name"], event["name"])
            fastest[key] = min(fastest.get(key, float("inf")), event["dur"] / 1000)
    total = dict.fromkeys((*_KINDS, "all others"), 0.0)
    for (operator, _), milliseconds in fastest.items():
        kind = next((kind for kind, some in _KINDS.items() if operator in some), "all others")
        total[kind] += milliseconds
    return total


@dataclass(frozen=True)
class Throughput:
    """The joint throughput of several workers."""

    rate: float  # images per second, by all workers
    milliseconds: tuple[float, ...]  # the time of each image, worker after worker
    mib: float  # memory of all workers in MiB; shared pages count once if the system reports them

    def percentile(self, percent: float) -> float:
        """Return a percentile of the times in milliseconds."""
        return float(np.percentile(self.milliseconds, percent, method="inverted_cdf"))


class Quota:
    """A control group (cgroup) with a CPU quota, as a container engine's ``--cpus`` sets it."""

    def __init__(self, folder: Path, cpus: float) -> None:
        self._folder = folder
        period = round(PERIOD * 1e6)
        if (folder / "cpu.max").exists():  # cgroup 2
            (folder / "cpu.max").write_text(f"{round(cpus * period)} {period}")
        else:
            (folder / "cpu.cfs_period_us").write_text(str(period))
            (folder / "cpu.cfs_quota_us").write_text(str(round(cpus * period)))

    def add(self, pid: int) -> None:
        """Put a process under the quota, with the threads that it has."""
        (self._folder / "cgroup.procs").write_text(str(pid))

    def throttled(self) -> tuple[int, int]:
        """Return the number of periods with work, and in how many the quota throttled it."""
        lines = (self._folder / "cpu.stat").read_text().split("\n")
        stat = {
            name: int(value) for name, _, value in (line.partition(" ") for line in lines if line)
        }
        return stat["nr_periods"], stat["nr_throttled"]


@contextmanager
def quota(cpus: float) -> Iterator[Quota]:
    """Make a CPU quota for the processes that are added to it.

    Raises OSError if this user may not, which takes root or a container engine.
    """
    root = Path("/sys/fs/cgroup")
    folder = (root / "cpu" if (root / "cpu").is_dir() else root) / f"serving_labs_{os.getpid()}"
    folder.mkdir()
    try:
        yield Quota(folder, cpus)
    finally:
        folder.rmdir()


def throughput(
    backend: BackendName,
    workers: int,
    threads: int,
    seconds: float = 2.0,
    under: Quota | None = None,
) -> Throughput:
    """Measure several processes that detect for some seconds, each with the given threads.

    Raises ValueError if a number is not positive, and RuntimeError if a worker ends early, with its
    log.
    """
    if min(workers, threads, seconds) <= 0:
        raise ValueError(
            f"workers, threads and seconds must be positive; got {workers}, {threads}, {seconds}"
        )
    line = [sys.executable, "-m", "services.bench.hardware", "--backend", backend]
    line += ["--seconds", str(seconds)]
    with ExitStack() as stack:
        crew = [
            stack.enter_context(
                subprocess.Popen(
                    line, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE, env=os.environ | {"OMP_NUM_THREADS": str(threads)},
                )
            )
            for _ in range(workers)
        ]  # fmt: skip
        for worker in crew:
            stack.callback(worker.kill)
        for worker in crew:
            assert worker.stdout
            if worker.stdout.readline() != "ready\n":
                raise RuntimeError(f"a worker ended: {worker.communicate()[1][-500:]}")
            if under:
                under.add(worker.pid)
        for worker in crew:
            assert worker.stdin
            worker.stdin.write("go\n")
            worker.stdin.flush()
        answers = [json.loads(worker.communicate(timeout=60 + 20 * seconds)[0]) for worker in crew]
    times = tuple(time for answer in answers for time in answer["milliseconds"])
    rate = sum(1000 / statistics.mean(answer["milliseconds"]) for answer in answers)
    return Throughput(rate, times, sum(answer["mib"] for answer in answers))


def prices() -> list[dict[str, str]]:
    """Read the table of prices: one row per machine, as text."""
    with PRICES.open(newline="", encoding="ascii") as stream:
        return list(csv.DictReader(stream))


def usd_for_1000(usd_an_hour: float, rate: float, busy: float = 1.0) -> float:
    """Return the cost of 1,000 answers on a machine that is busy for a share of its time.

    Raises ValueError if the rate is not positive, or *busy* not above 0 and at most 1.
    """
    if rate <= 0 or not 0 < busy <= 1:
        raise ValueError(
            f"the rate must be positive, and busy above 0 and at most 1; got {rate} and {busy}"
        )
    return 1000 * usd_an_hour / (3600 * rate * busy)


def main(arguments: list[str] | None = None) -> int:
    """Run one worker: load, report ready, wait for a line, detect, and print the measurements."""
    parser = command_line.parser("services.bench.hardware", __doc__)
    parser.add_argument("--backend", choices=get_args(BackendName), default="onnx",
                        help="what runs the network (onnx)")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=2.0, help="how long to measure (2)")
    given = parser.parse_args(arguments)
    detector, image = Detector(backend=given.backend, device="cpu"), [load_sample("two_cards")]
    print("ready", flush=True)
    sys.stdin.readline()
    milliseconds: list[float] = []
    end = time.perf_counter() + given.seconds
    while not milliseconds or time.perf_counter() < end:
        start = time.perf_counter()
        detector.detect(image)
        milliseconds.append(1000 * (time.perf_counter() - start))
    memory = psutil.Process().memory_full_info()
    size = memory.pss if hasattr(memory, "pss") else memory.rss
    print(json.dumps({"milliseconds": milliseconds, "mib": size / 2**20}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
