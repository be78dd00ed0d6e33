"""Send many requests at once, and report the outcome of every one.

If ``hey`` is installed, it sends the requests: a separate compiled program uses less processor time
than Python's threads, which send them otherwise.
"""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx

TIMEOUT = 60
"""The longest time in seconds that a request may take."""


@dataclass(frozen=True)
class Load:
    """The outcome of the requests."""

    sent: int  # how many requests were sent
    statuses: Counter[int]  # how many were answered with each status; the rest of *sent* were lost
    latencies: list[float]  # seconds of each answered request
    seconds: float  # the time from the first request to the last answer
    client: str  # what sent them: hey or python

    @property
    def lost(self) -> int:
        """How many requests were not answered at all."""
        return self.sent - self.statuses.total()

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.statuses.total() / self.seconds


def send(
    url: str,
    picture: Path,
    *,
    requests: int,
    concurrency: int,
    client: str | None = None,
    content_type: str = "image/jpeg",
) -> Load:
    """POST the same image, or any other body, many times.

    Parameters
    ----------
    picture : path
        A file, a JPEG unless *content_type* says otherwise; sent as the body.
    requests, concurrency : int
        How many are sent, a multiple of how many are in flight at a time; else ValueError, as hey
        would send fewer.
    client : {"hey", "python"}, optional
        What sends them; if not given, hey where it is installed.
    """
    if concurrency < 1 or requests < 1 or requests % concurrency:
        raise ValueError(
            f"requests must be a multiple of concurrency, both above 0; "
            f"got {requests} and {concurrency}"
        )
    client = client or ("hey" if shutil.which("hey") else "python")
    way = _with_hey if client == "hey" else _with_python
    start = time.perf_counter()
    answers = way(url, picture, content_type, requests, concurrency)
    seconds = time.perf_counter() - start
    return Load(
        sent=requests,
        statuses=Counter(status for status, _ in answers),
        latencies=[latency for _, latency in answers],
        seconds=seconds,
        client=client,
    )


def _with_hey(
    url: str, picture: Path, content_type: str, requests: int, concurrency: int
) -> list[tuple[int, float]]:
    command = ["hey", "-n", str(requests), "-c", str(concurrency), "-t", str(TIMEOUT), "-o", "csv"]
    command += ["-m", "POST", "-T", content_type, "-D", str(picture), url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = csv.DictReader(io.StringIO(done.stdout))
    return [(int(row["status-code"]), float(row["response-time"])) for row in rows]


def _with_python(
    url: str, picture: Path, content_type: str, requests: int, concurrency: int
) -> list[tuple[int, float]]:
    body = picture.read_bytes()
    headers = {"Content-Type": content_type}

    def one(_: int) -> tuple[int, float] | None:
        start = time.perf_counter()
        try:
            status = client.post(url, content=body, headers=headers).status_code
        except httpx.HTTPError:
            return None
        return status, time.perf_counter() - start

    limits = httpx.Limits(max_connections=concurrency)
    with (
        httpx.Client(timeout=TIMEOUT, limits=limits, trust_env=False) as client,
        ThreadPoolExecutor(concurrency) as threads,
    ):
        return [answer for answer in threads.map(one, range(requests)) if answer is not None]
