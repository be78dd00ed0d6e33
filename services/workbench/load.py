"""Send many requests at once, and say what became of every one of them.

``hey`` sends them where it is installed: a program of its own in a language of its own takes less
of the processors than Python's threads, which do it otherwise.
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
"""Seconds that a request may take."""


@dataclass(frozen=True)
class Load:
    """What became of the requests.

    Attributes
    ----------
    sent : int
        How many there were.
    statuses : Counter
        How many were answered with which status. What is missing to *sent* was lost.
    latencies : list of float
        Seconds of each answered request.
    seconds : float
        From the first request to the last answer.
    client : str
        Who sent them: ``hey`` or ``python``.
    """

    sent: int
    statuses: Counter[int]
    latencies: list[float]
    seconds: float
    client: str

    @property
    def lost(self) -> int:
        """How many requests were not answered at all."""
        return self.sent - self.statuses.total()

    @property
    def rate(self) -> float:
        """Answers a second."""
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
    """POST one image, or any other body, again and again.

    Parameters
    ----------
    url : str
        Where to.
    picture : path
        A file, a JPEG unless *content_type* says otherwise; sent as the body.
    requests : int
        How many, a multiple of *concurrency*.
    concurrency : int
        How many are under way at a time, 1 or more.
    client : {"hey", "python"}, optional
        Who sends them; hey where it is installed, if not given.
    content_type : str
        Of the body.

    Raises
    ------
    ValueError
        If *requests* is not a positive multiple of *concurrency*: hey would send fewer.
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
