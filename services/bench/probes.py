"""Everything measured of a server besides its speed."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psutil

from services.bench.peers import Ask, Peer
from services.id_card.bento import build as bento_build
from services.id_card.detector import Detector
from services.id_card.kserve import image as kserve_image
from services.id_card.model.images import MAX_BYTES, decode
from services.id_card.samples import SAMPLES, sample_path
from services.packaging import container_engine
from services.workbench.servers import Server, waiting

TIMEOUT = 60.0

PATHS = (
    *("/", "/livez", "/readyz", "/healthz", "/health", "/ping", "/version", "/info"),
    *("/metrics", "/docs", "/docs.json", "/openapi.json", "/v2", "/v2/health/live"),
    *("/v2/health/ready", "/v2/models", "/v2/models/id_card", "/v2/models/id_card/ready"),
    *("/v1/models", "/v1/models/id_card"),
)
"""Paths that such servers commonly have."""

DESCRIPTIONS = ("/docs.json", "/openapi.json")

PATIENCE = 20.0
"""Seconds within which a server must stop; Kubernetes allows 30."""

LONGEST = 600
"""How many characters of an answer are kept."""


IMAGES: dict[str, Callable[[], str]] = {
    "bentoml": bento_build.image_name,
    "kserve": lambda: kserve_image.image_name(kserve_image.code()),
}
"""The servers for which this repository builds an image of the detector, and its current name.

``make container`` builds BentoML's, ``python -m services.id_card.kserve.image`` KServe's. The
image of ``infra/mlflow`` holds the recommender, so it cannot be compared.
"""


def image_mib(peer: str) -> int | None:
    """Return the size of a server's image in MiB, unpacked, its base included.

    It is None if there is no container engine, or no image of the current code.
    """
    if peer not in IMAGES:
        return None
    try:
        engine = container_engine.find_engine()
        image = IMAGES[peer]()
        return round(container_engine.size(engine, image) / 2**20)
    except (container_engine.NotRunError, container_engine.ContainerError):
        return None


def client(connections: int = 32) -> httpx.Client:
    """Return a client that ignores the machine's proxy settings."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.Client(timeout=TIMEOUT, trust_env=False, limits=limits)


def endpoints(server: Server) -> dict[str, list[str]]:
    """Request every known path, and the server's own description of its POST endpoints.

    Return ``answers``, the paths that answer a GET with 200, and ``posts``, those in the
    description.
    """
    with client() as http:
        answers = [path for path in PATHS if http.get(server.url + path).is_success]
        posts: set[str] = set()
        for path in set(DESCRIPTIONS) & set(answers):
            described = http.get(server.url + path).json().get("paths", {})
            posts |= {name for name, methods in described.items() if "post" in methods}
    return {"answers": answers, "posts": sorted(posts)}


def metrics(server: Server) -> list[str]:
    """Return the names of the metrics that the server exports for Prometheus, if any."""
    with client() as http:
        answer = http.get(server.url + "/metrics")
    return sorted(set(re.findall(r"^# TYPE (\S+)", answer.text, re.M))) if answer.is_success else []


def check_answers(peer: Peer, server: Server, core: Detector) -> int:
    """Send the samples, several at once, and compare each answer with the core's.

    Return how many were sent; all answers were right, else AssertionError.
    """
    names = [*SAMPLES] * 3

    def one(name: str) -> tuple[str, Any]:
        answer = peer.request(sample_path(name).read_bytes()).send(http, server.url)
        return name, peer.read(answer.raise_for_status().json())

    with client() as http, ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(one, names))
    for name, found in answers:
        [expected] = core.detect([decode(sample_path(name).read_bytes())])
        assert len(found) == len(expected), f"{peer.title}: {name}"
        for box, each in zip(found, expected, strict=True):
            assert abs(box["confidence"] - each.confidence) < 1e-3, f"{peer.title}: {name}"
    return len(names)


def cpu_seconds(server: Server) -> float:
    """Return the processor time, user and system, of all processes of a server so far.

    The time of children that ended, such as a process that decoded one image, is in their parent's.
    """
    total = 0.0
    for record in server.processes():
        with contextlib.suppress(psutil.Error):
            total += sum(psutil.Process(record.pid).cpu_times()[:4])
    return total


def memory(server: Server) -> dict[str, float | int | None]:
    """Return the memory of all processes of a server, in MiB.

    ``rss`` counts a shared page once for each process that shares it. ``pss``, available on Linux,
    divides it among them, and is the fairer measure for a server with many processes.
    """
    rss, pss, processes = 0, 0, 0
    shared = True
    for record in server.processes():
        with contextlib.suppress(psutil.Error):
            info = psutil.Process(record.pid).memory_full_info()
            rss += info.rss
            shared &= hasattr(info, "pss")
            pss += getattr(info, "pss", 0)
            processes += 1
    return {
        "rss_mib": round(rss / 2**20),
        "pss_mib": round(pss / 2**20) if shared else None,
        "processes": processes,
    }


def bad_requests(peer: Peer, good: bytes) -> dict[str, Ask]:
    """Return malformed requests, each as a client might send it to this server."""
    well = peer.request(good)
    return {
        "no picture": peer.request(b"This is no picture."),
        "half a picture": peer.request(good[: len(good) // 2]),
        "empty body": Ask(well.path, well.content_type, b""),
        "wrong field": peer.ask(good, "picture"),
        "wrong type": Ask(well.path, "text/plain", b"card.jpg"),
        "too large": peer.request(bytes(2 * MAX_BYTES)),
    }


def bad_input(peer: Peer, server: Server, good: bytes) -> dict[str, dict[str, Any]]:
    """Send malformed requests, and record how the server answers.

    By name of the request: ``status`` (0 if there was no answer), ``text``, and ``verdict``:
    ``"helps"`` for a 4xx that says what to change, ``"refuses"`` for one that does not, ``"blames
    itself"`` for a 5xx, ``"accepts"`` for a 200, ``"no answer"``.
    """
    found = {}
    with client() as http:
        for name, ask in bad_requests(peer, good).items():
            try:
                answer = ask.send(http, server.url)
                status, text = answer.status_code, answer.text
            except httpx.HTTPError as error:
                status, text = 0, type(error).__name__
            found[name] = {
                "status": status,
                "verdict": verdict(status, text),
                "text": _shortened(text),
            }
    return found


_ADVICE = re.compile(r"\bhint\b|\bsend\b|\bensure\b|\bonly supports\b|missing inputs", re.I)


def verdict(status: int, text: str) -> str:
    """Rate an answer to a bad request; see :func:`bad_input`.

    A refusal counts as helpful if it contains one of a few words that such messages use to say what
    to do. That is a rough rule; the texts are in the result, for readers who want to judge them.
    """
    if status == 0:
        return "no answer"
    if status < 400:
        return "accepts"
    if status >= 500:
        return "blames itself"
    trace = "Traceback" in text or "stack_trace" in text
    return "helps" if _ADVICE.search(text) and not trace else "refuses"


def _shortened(text: str) -> str:
    """Return a text on one line; a long one without its middle."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}"


def end_under_load(peer: Peer, server: Server, picture: bytes, requests: int) -> dict[str, Any]:
    """Send SIGTERM while requests are in flight, and count what became of them.

    All requests are sent at once. When the first is answered, the server gets SIGTERM. Return
    ``sent``, ``before`` (answered when the signal was sent), ``answered`` in all (200), ``refused``
    (another status, or no connection), ``lost`` (no answer at all), and ``seconds`` until no
    process was left, None if some remained after :data:`PATIENCE`.
    """
    ask = peer.request(picture)
    outcomes: list[int] = []

    def one(http: httpx.Client) -> None:
        try:
            outcomes.append(ask.send(http, server.url).status_code)
        except httpx.ConnectError:
            outcomes.append(httpx.codes.SERVICE_UNAVAILABLE)  # refused before anything was sent
        except httpx.HTTPError:
            outcomes.append(0)

    with client(requests) as http, ThreadPoolExecutor(requests) as threads:
        for _ in range(requests):
            threads.submit(one, http)
        waiting.until(lambda: outcomes, poll=0.001)
        before = len(outcomes)
        asked = time.monotonic()
        os.kill(server.pid, signal.SIGTERM)
    seconds: float | None = None
    with contextlib.suppress(TimeoutError):
        waiting.until(lambda: not server.processes(), seconds=PATIENCE, poll=0.1)
        seconds = round(time.monotonic() - asked, 1)
    server.stop()
    answered = sum(status == httpx.codes.OK for status in outcomes)
    lost = outcomes.count(0)
    return {
        "sent": requests,
        "before": before,
        "answered": answered,
        "refused": requests - answered - lost,
        "lost": lost,
        "seconds": seconds,
    }
