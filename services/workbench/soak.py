"""Serve for minutes under mixed load while things go wrong, and record what happens.

::

    make soak                        # ten minutes, and about two to start
    make soak ARGS="--minutes 2"

Three services answer good, bad and hostile requests. Meanwhile workers are killed, the registry
hangs, huge images arrive, and the disk for metrics and logs is full from the start. The table goes
to ``docs/soak.md``. The exit status is 1 if a promise was broken.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from services import command_line
from services.environment import ROOT, usable_cores
from services.id_card.samples import sample_path
from services.recommender import registry
from services.setup.preflight import OK, find_tool
from services.workbench import hostile_images, servers
from services.workbench.servers import Server, tracking
from services.workbench.servers.bentoml_serve import start_bentoml
from services.workbench.servers.launch import on_small_disks
from services.workbench.servers.ports import HOST

DETECTOR = "services.id_card.bento.observed_service:IdCardDetector"
ENSEMBLE = "services.id_card.bento.ensemble:Ensemble"
RECOMMENDER = "services.recommender.bento.service:Recommender"
TABLE = ROOT / "docs" / "soak.md"
SAMPLES = [sample_path(n).read_bytes() for n in ("one_card", "two_cards", "no_card", "close_up")]
BOMBS = [hostile_images.bomb(kind) for kind in ("PNG", "TIFF")]
BROKEN = "BROKEN: "
"""How an outcome begins that no client should ever meet."""

# A connection for each request, so that all workers get some.
CLIENT = httpx.Client(
    timeout=60.0, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
)

Request = tuple[str, dict[str, Any], Any]
"""Its name, the arguments of ``httpx.post``, and the right answer; None if the request must be
refused or the right answer is unknown."""


@dataclass
class Soak:
    """Three running services, and what has happened to their clients so far."""

    servers: dict[str, Server]
    outcomes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    over: threading.Event = field(default_factory=threading.Event)
    lock: Any = field(default_factory=threading.Lock)
    kills: int = 0
    memory: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def post(self, url: str, request: Request) -> None:
        """Send one request and record its outcome."""
        what, arguments, answer = request
        try:
            response = CLIENT.post(url, **arguments)
            outcome = _judged(response, answer)
        except httpx.TimeoutException:
            outcome = BROKEN + "no answer in 60 s"
        except httpx.TransportError:
            outcome = "cut off"
        with self.lock:
            self.outcomes[what][outcome] += 1

    def keep_sending(self, url: str, requests: Iterator[Request]) -> None:
        """Act as one client until the soak ends."""
        while not self.over.is_set():
            self.post(url, next(requests))

    def watch_memory(self) -> None:
        """Record the memory of each server until the soak ends."""
        while not self.over.wait(1):
            for name, server in self.servers.items():
                size = 0
                for record in server.processes():
                    with suppress(psutil.Error):
                        size += psutil.Process(record.pid).memory_info().rss
                self.memory[name].append(size >> 20)


def _judged(response: httpx.Response, answer: Any) -> str:
    status = response.status_code
    if status == 200:
        right = answer is None or response.json() == answer
        return "answered" if right else BROKEN + "another answer"
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        error = ()
    if set(error) != {"code", "message", "hint"}:
        return f"{BROKEN}{status} without a hint"
    if status in (429, 503, 504):
        return f"with status {status}, to be retried"
    if status >= 500 or answer is not None:
        return f"{BROKEN}{status}"
    return "refused with a hint"


def _images(service: str, url: str, seed: int) -> Iterator[Request]:
    """Yield good and hostile uploads in turn; the first answer to each image is the right one."""
    rng = random.Random(seed)
    right = [CLIENT.post(url, files={"image": image}).json() for image in SAMPLES]
    foreign = [*hostile_images.FOREIGN.values(), hostile_images.png_declaring(30_000, 30_000), b""]
    for turn in itertools.count():
        place = rng.randrange(len(SAMPLES))
        image = SAMPLES[place]
        if turn % 2 == 0:
            yield f"good images to the {service}", {"files": {"image": image}}, right[place]
        else:
            bad = rng.choice([hostile_images.mutant(image, rng), rng.choice(foreign), image[:5000]])
            yield f"hostile images to the {service}", {"files": {"image": bad}}, None


def _users(url: str, seed: int) -> Iterator[Request]:
    rng = random.Random(seed)
    bad = [{"user_id": "x"}, {"user_id": 7, "top_k": 0}, {"user": 7}, [], {"user_id": -1}]
    right = {user: CLIENT.post(url, json={"user_id": user}).json() for user in range(1, 40)}
    while True:
        user = rng.randrange(1, 40)
        yield "good requests to the recommender", {"json": {"user_id": user}}, right[user]
        yield "bad requests to the recommender", {"json": rng.choice(bad)}, None


def _kill(soak: Soak, service: str) -> str:
    """Kill one worker; wait until there are as many as before and one answers."""
    server = soak.servers[service]

    def workers() -> list[int]:
        found = (
            r for r in server.processes() if any("bentoml_impl.worker" in c for c in r.command)
        )
        return [record.pid for record in found]

    before = workers()
    os.kill(random.choice(before), signal.SIGKILL)
    soak.kills += 1
    started = time.monotonic()
    while len(workers()) < len(before) or not _is_ready(server):
        if time.monotonic() - started > 60:
            return BROKEN + "not back in 60 s"
        time.sleep(0.1)
    return "back, ready"


def _is_ready(server: Server) -> bool:
    try:
        return CLIENT.get(f"{server.url}/readyz", timeout=5.0).status_code == 200
    except httpx.HTTPError:
        return False


def _registry_hangs(soak: Soak, mlflow: Server) -> str:
    """Pause the registry for eight seconds: it accepts connections and does not answer."""
    processes = [psutil.Process(record.pid) for record in mlflow.processes()]
    count = soak.outcomes["good requests to the recommender"]
    before = count["answered"]
    for process in processes:
        process.suspend()
    try:
        soak.over.wait(8)
    finally:
        for process in processes:
            process.resume()
    return "with answers" if count["answered"] > before else BROKEN + "no answer meanwhile"


def _bombs(soak: Soak) -> str:
    """Send twelve images of 49 megapixels at once."""
    url = f"{soak.servers['detector'].url}/inference"
    requests = [("49 megapixels in a small file", {"files": {"image": b}}, None) for b in BOMBS]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda request: soak.post(url, request), requests * 6))
    return "sent"


def _serve(stack: ExitStack) -> tuple[dict[str, Server], Server, bool]:
    """Start everything; also return whether the detector's disk is full."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    mlflow = stack.enter_context(tracking.server(folder / "mlflow"))
    registry.ensure(mlflow.url)
    full = find_tool("namespaces").status == OK
    start = on_small_disks("$BENTOML_HOME/prometheus_multiproc_dir", "$ID_CARD_LOG") if full else []
    command = [*start, sys.executable, "-m", "bentoml", "serve", DETECTOR, "--host", HOST]
    env = {"ID_CARD_WORKERS": "2", "ID_CARD_LOG": str(folder / "log")}
    env |= {f"RECOMMENDER_{name}": str(folder / name) for name in ("CACHE", "LOG")}
    env |= {"MLFLOW_TRACKING_URI": mlflow.url, "RECOMMENDER_POLL_SECONDS": "1"}
    detector = start_bentoml([*command, "--port", "{port}"], ready="/readyz", name="soak", env=env)
    running = {"detector": stack.enter_context(detector)}
    for name, target in (("ensemble", ENSEMBLE), ("recommender", RECOMMENDER)):
        running[name] = stack.enter_context(servers.bentoml(target, env=env))
    return running, mlflow, full


def run(minutes: float) -> list[tuple[str, int, str]]:
    """Run the soak test, and return the table: what was tried, how often, what happened."""
    with ExitStack() as stack:
        running, mlflow, full = _serve(stack)
        soak = Soak(running)
        clients: list[Callable[[], None]] = [soak.watch_memory]
        for seed, name in enumerate(["detector"] * 3 + ["ensemble"] * 2 + ["recommender"] * 2):
            url = running[name].url + ("/inference" if name == "detector" else "/predict")
            requests = _users(url, seed) if name == "recommender" else _images(name, url, seed)
            clients.append(lambda url=url, requests=requests: soak.keep_sending(url, requests))  # type: ignore[misc]
        faults: dict[str, Callable[[], str]] = {
            "a worker of the detector killed": lambda: _kill(soak, "detector"),
            "a process of the ensemble killed": lambda: _kill(soak, "ensemble"),
            "the registry hangs for 8 s": lambda: _registry_hangs(soak, mlflow),
            "twelve huge images at once": lambda: _bombs(soak),
        }
        deadline = time.monotonic() + 60 * minutes
        with ThreadPoolExecutor(len(clients)) as pool:
            sending = [pool.submit(client) for client in clients]
            for what, fault in itertools.cycle(faults.items()):
                if soak.over.wait(2) or time.monotonic() > deadline:
                    break
                soak.outcomes[what][fault()] += 1
                print(what, dict(soak.outcomes[what]), flush=True)
            soak.over.set()
        for client in sending:
            client.result()
        return _table(soak, full)


def _table(soak: Soak, full: bool) -> list[tuple[str, int, str]]:
    cut = sum(counts["cut off"] for counts in soak.outcomes.values())
    rows = [
        (what, counts.total(), "; ".join(f"{n} {outcome}" for outcome, n in counts.most_common()))
        for what, counts in sorted(soak.outcomes.items())
    ]
    # No more than the clients of one server can be under way when its worker dies.
    verdict = "" if cut <= 15 * soak.kills else BROKEN
    rows.append(("requests cut off", cut, f"{verdict}{soak.kills} workers were killed"))
    for name, sizes in soak.memory.items():
        text = f"{sizes[0]} MiB at first, {max(sizes)} at most, {sizes[-1]} at the end"
        rows.append((f"memory readings of the {name}", len(sizes), text))
    log = soak.servers["detector"].log.read_text(encoding="utf-8", errors="replace")
    traces = log.count("Traceback (most recent call last)")
    lines = log.count("Metrics are not shared") + log.count("Answers are not logged")
    where = "a full disk for metrics and logs" if full else "NOT RUN HERE (namespaces): a full disk"
    verdict = BROKEN if traces else ""
    rows.append((where, int(full), f"{verdict}{traces} tracebacks, {lines} lines in the log"))
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = command_line.parser("services.workbench.soak", __doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="minutes of load, above 0 (10)")
    minutes = parser.parse_args(arguments).minutes
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the servers end, too
    rows = run(minutes)
    lines = ["| what was tried | how often | what happened |", "|---|--:|---|"]
    lines += [f"| {what} | {count} | {happened} |" for what, count, happened in rows]
    head = "Made by `make soak`, which serves both models under mixed load while things go wrong: "
    head += f"{minutes:g} minutes on {usable_cores()} cores."
    TABLE.write_text("\n".join(["# Soak test", "", head, "", *lines, ""]), encoding="utf-8")
    print("\n".join(lines))
    return int(any(BROKEN in happened for _, _, happened in rows))


if __name__ == "__main__":
    sys.exit(main())
