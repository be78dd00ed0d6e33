"""One run of the comparison, from the first server's start to the last server's stop."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from services.bench import code, null_model, probes
from services.bench.machine import describe, load_average
from services.bench.numbers import Round, figures, rotated, spread
from services.bench.peers import CORE, PEERS, Ask, Peer, environment, save_for_mlflow
from services.environment import build_dir
from services.id_card.detector import Detector
from services.id_card.model.checkpoint import WEIGHTS
from services.id_card.model.export import exported
from services.id_card.model.images import decode
from services.id_card.samples import sample_path
from services.workbench import load
from services.workbench.servers import Server

FORMAT = 2
"""Incremented whenever the meaning of a result changes."""


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    peers: tuple[str, ...] = tuple(PEERS)  # names in PEERS
    concurrency: tuple[int, ...] = (1, 4, 16)  # how many requests are in flight at a time
    rounds: int = 5  # how many rounds each server is measured, 1 or more
    requests: int = 96  # requests per round with the real network, a multiple of each concurrency
    null_requests: int = 384  # requests per round with the network that computes nothing
    starts: int = 3  # how often each server is started with the real network, 1 or more
    ending: int = 24  # requests in flight when a server gets SIGTERM; 0 leaves this out

    def __post_init__(self) -> None:
        unknown = set(self.peers) - set(PEERS)
        if unknown or not self.peers:
            raise ValueError(f"no such peer: {', '.join(sorted(unknown))}; there are {[*PEERS]}")
        if min(self.rounds, self.starts) < 1:
            raise ValueError("at least one round and one start are needed")
        for count in self.concurrency:
            if count < 1 or self.requests % count or self.null_requests % count:
                raise ValueError(f"the requests per round must be a multiple of {count}")


QUICK = Plan(concurrency=(1, 4), rounds=1, requests=16, null_requests=32, starts=1, ending=8)
"""A plan that takes a minute or two, to check that everything works."""

Turn = Callable[[int, int], Round]
"""Takes requests and concurrency."""


def compare(plan: Plan, *, progress: bool = True) -> dict[str, Any]:
    """Run the comparison, and return JSON data that :mod:`services.bench.report` reads.

    It has ``machine``, ``plan``, and ``peers`` by name. Raises ServerError if a server does not
    start, and AssertionError if its boxes differ from the core's: then a comparison makes no sense.
    """
    before = load_average()
    folder = build_dir() / "bench"
    real = exported(WEIGHTS, "onnx")
    null = null_model.write(folder / "null.onnx")
    if "mlflow" in plan.peers:
        for network in (real, null):
            save_for_mlflow(network)
    picture, grey = sample_path("two_cards").read_bytes(), null_model.picture()
    result: dict[str, Any] = {"format": FORMAT, "plan": vars(plan) | {"peers": list(plan.peers)}}
    peers: dict[str, dict[str, Any]] = {name: _unstarted(PEERS[name]) for name in plan.peers}
    peers[CORE] = {}
    with tqdm(total=_steps(plan), unit="step", disable=not progress) as bar:
        tick = bar.update
        _start_and_end(plan, real, picture, peers, tick)
        with ExitStack() as stack:
            running = _start_all(plan, real, stack, peers, tick)
            for name, server in running.items():
                peers[name] |= _asked(PEERS[name], server, picture, Detector(real, "onnx"))
                tick()
            turns = _turns(running, picture, real, folder)
            _measure(turns, plan, plan.requests, "real", peers, tick)
            for name, server in running.items():
                peers[name]["log_lines"] = len(server.log.read_bytes().splitlines())
                peers[name]["memory"] = probes.memory(server)
                _end(PEERS[name], server, picture, plan, peers)
                tick()
        with ExitStack() as stack:
            running = _start_all(plan, null, stack, {}, tick)
            turns = _turns(running, grey, null, folder)
            _measure(turns, plan, plan.null_requests, "null", peers, tick)
    for name in plan.peers:
        peers[name]["start_seconds"] = spread(peers[name].pop("start_times"))
    result["peers"] = peers
    result["machine"] = describe() | {"load_before": before, "load_after": load_average()}
    return result


def _steps(plan: Plan) -> int:
    turns = plan.rounds * len(plan.concurrency) * (len(plan.peers) + 1)
    return 2 * turns + len(plan.peers) * (plan.starts + 3)


def _unstarted(peer: Peer) -> dict[str, Any]:
    """Return what is known about a server without starting it."""
    return {
        "title": peer.title,
        "lines": {"adapter": code.lines_of(peer.adapter), "support": code.lines_of(peer.support)},
        "batching": peer.batching,
        "image_mib": probes.image_mib(peer.name),
    }


def _start_and_end(
    plan: Plan,
    network: Path,
    picture: bytes,
    peers: dict[str, dict[str, Any]],
    tick: Callable[[], object],
) -> None:
    """Start and stop each server, all starts but the last, in turns; the last is for the load."""
    for turn in range(plan.starts - 1):
        for name in rotated(plan.peers, turn):
            begun = time.perf_counter()
            server = PEERS[name].start(environment(network), network)
            peers[name].setdefault("start_times", []).append(time.perf_counter() - begun)
            _end(PEERS[name], server, picture, plan, peers)
            tick()


def _end(
    peer: Peer, server: Server, picture: bytes, plan: Plan, peers: dict[str, dict[str, Any]]
) -> None:
    """Stop a server, under load if the plan says so."""
    if plan.ending:
        found = probes.end_under_load(peer, server, picture, plan.ending)
        peers[peer.name].setdefault("sigterm", []).append(found)
    server.stop()


def _start_all(
    plan: Plan,
    network: Path,
    stack: ExitStack,
    peers: dict[str, dict[str, Any]],
    tick: Callable[[], object],
) -> dict[str, Server]:
    """Start every server, and record how long each took."""
    running = {}
    for name in plan.peers:
        begun = time.perf_counter()
        running[name] = stack.enter_context(PEERS[name].start(environment(network), network))
        if name in peers:
            peers[name].setdefault("start_times", []).append(time.perf_counter() - begun)
        tick()
    return running


def _asked(peer: Peer, server: Server, picture: bytes, core: Detector) -> dict[str, Any]:
    """Return a server's answer, after checking that its boxes are the core's."""
    return {
        "checked": probes.check_answers(peer, server, core),
        "endpoints": probes.endpoints(server),
        "bad_input": probes.bad_input(peer, server, picture),
        "checked_after": probes.check_answers(peer, server, core),
        "metrics": probes.metrics(server),
    }


def _turns(
    running: Mapping[str, Server], picture: bytes, network: Path, folder: Path
) -> dict[str, Turn]:
    detector = Detector(network, "onnx", device="cpu")
    turns: dict[str, Turn] = {CORE: partial(_core_turn, detector, picture)}
    for name, server in running.items():
        ask = PEERS[name].request(picture)
        body = folder / f"{name}.body"
        body.write_bytes(ask.body)
        turns[name] = partial(_server_turn, server, ask, body)
    return turns


def _server_turn(server: Server, ask: Ask, body: Path, requests: int, concurrency: int) -> Round:
    url = server.url + ask.path
    before = probes.cpu_seconds(server)
    done = load.send(
        url, body, requests=requests, concurrency=concurrency, content_type=ask.content_type
    )
    cpu = probes.cpu_seconds(server) - before
    if done.statuses != {200: requests}:
        raise AssertionError(f"{url}: {dict(done.statuses)} of {requests} requests")
    return Round(done.rate, done.latencies, cpu / requests)


def _core_turn(detector: Detector, picture: bytes, requests: int, concurrency: int) -> Round:
    """Do a server's work without the server: decode, detect, make the answer."""

    def one(_: int) -> float:
        begun = time.perf_counter()
        [found] = detector.detect([decode(picture)])
        json.dumps([each.as_dict() for each in found])
        return time.perf_counter() - begun

    begun, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(concurrency) as threads:
        latencies = list(threads.map(one, range(requests)))
    rate = requests / (time.perf_counter() - begun)
    return Round(rate, latencies, (time.process_time() - cpu) / requests)


def _measure(
    turns: Mapping[str, Turn],
    plan: Plan,
    requests: int,
    kind: str,
    peers: dict[str, dict[str, Any]],
    tick: Callable[[], object],
) -> None:
    """Measure the servers in turns, round after round, and put the figures into *peers*."""
    seen: dict[str, dict[int, list[Round]]] = {
        name: {count: [] for count in plan.concurrency} for name in turns
    }
    for turn in turns.values():
        turn(max(plan.concurrency), max(plan.concurrency))  # not counted: connections, caches
    for number in range(plan.rounds):
        for count in plan.concurrency:
            for name in rotated([*turns], number):
                seen[name][count].append(turns[name](requests, count))
                tick()
    for name, by_count in seen.items():
        peers[name][kind] = {str(count): figures(rounds) for count, rounds in by_count.items()}
