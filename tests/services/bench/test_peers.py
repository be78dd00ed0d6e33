"""The requests of every peer, and what is asked of a server, against a small one of our own."""

from __future__ import annotations

import base64
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.bench import probes, run
from services.bench.numbers import Round, figures
from services.bench.peers import CORE, PEERS, Ask, Peer
from services.bench.run import Plan
from services.id_card.samples import sample_path
from services.packaging import container_engine
from services.workbench import load, servers

GOOD = sample_path("one_card").read_bytes()


@pytest.mark.parametrize("peer", PEERS.values(), ids=list(PEERS))
def test_a_request_carries_the_picture_unchanged(peer: Peer) -> None:
    ask = peer.request(GOOD)
    if ask.content_type == "application/json":
        body = json.loads(ask.body)
        [record] = body.get("instances") or body["dataframe_records"]
        assert base64.b64decode(record[peer.field]) == GOOD
    else:
        assert ask.content_type.startswith("multipart/form-data; boundary=")
        assert f'name="{peer.field}"'.encode() in ask.body
        assert GOOD in ask.body


@pytest.mark.parametrize("peer", PEERS.values(), ids=list(PEERS))
def test_bad_requests_are_bad_each_in_its_way(peer: Peer) -> None:
    bad = probes.bad_requests(peer, GOOD)
    assert len({(ask.content_type.partition(";")[0], ask.body) for ask in bad.values()}) == len(bad)
    assert all(ask.path == peer.request(GOOD).path for ask in bad.values())
    assert b"picture" in bad["wrong field"].body
    assert peer.field.encode() not in bad["wrong field"].body.replace(b"image/jpeg", b"")


@pytest.mark.parametrize(
    ("status", "text", "verdict"),
    [
        (0, "ReadTimeout", "no answer"),
        (200, "[]", "accepts"),
        (500, '{"error": "Internal Server Error"}', "blames itself"),
        (422, '{"error": {"hint": "Send a file."}}', "helps"),
        (400, "Invalid input. Ensure that input is valid JSON.", "helps"),
        (400, "Bad Request", "refuses"),
        (400, '{"message": "send", "stack_trace": "Traceback …"}', "refuses"),
    ],
)
def test_the_verdict_on_an_answer(status: int, text: str, verdict: str) -> None:
    assert probes.verdict(status, text) == verdict


SERVER = """
import http.server, json, signal, sys, threading, time

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        pages = {
            "/readyz": b"ok",
            "/openapi.json": json.dumps({"paths": {"/inference": {"post": {}}}}).encode(),
            "/metrics": b"# TYPE requests counter\\nrequests_total 1\\n# TYPE python_info gauge\\n",
        }
        found = pages.get(self.path)
        self.answer(200 if found else 404, found or b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"slow":
            arrived.append(1)
            place = len(arrived)
            while len(arrived) < 4:
                time.sleep(0.01)
            time.sleep(0 if place == 1 else 3)
        self.answer(200 if body in (b"slow", b"good") else 400, b'{"error": {"hint": "x"}}')

    def log_message(self, *_): ...

arrived = []
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
server.daemon_threads = sys.argv[2] == "rude"
ended = threading.Thread(target=server.shutdown)
signal.signal(signal.SIGTERM, lambda *_: ended.start())
server.serve_forever()
server.server_close()
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "server.py"
    path.write_text(SERVER)
    return path


def stand_in(body: bytes) -> Peer:
    """A peer whose request is *body*, whatever the picture."""

    def ask(picture: bytes, field: str) -> Ask:
        return Ask("/inference", "image/jpeg", body)

    return replace(PEERS["fastapi"], ask=ask)


@pytest.fixture
def server(script: Path) -> Iterator[servers.Server]:
    command = [sys.executable, str(script), "{port}", "polite"]
    with servers.start(command, name="stand-in") as running:
        yield running


def test_what_a_server_offers_is_asked_from_it(server: servers.Server) -> None:
    assert probes.endpoints(server) == {
        "answers": ["/readyz", "/metrics", "/openapi.json"],
        "posts": ["/inference"],
    }
    assert probes.metrics(server) == ["python_info", "requests"]
    memory = probes.memory(server)
    assert memory["processes"] == 1
    assert isinstance(memory["rss_mib"], int)
    assert memory["rss_mib"] > 5


@pytest.mark.parametrize(("manners", "lost"), [("polite", False), ("rude", True)])
def test_requests_at_sigterm_are_accounted_for(script: Path, manners: str, lost: bool) -> None:
    command = [sys.executable, str(script), "{port}", manners]
    running = servers.start(command, name="stand-in")
    found = probes.end_under_load(stand_in(b"slow"), running, b"", 4)
    assert found["answered"] + found["refused"] + found["lost"] == found["sent"] == 4
    assert found["seconds"] is not None
    assert (found["lost"] > 0) == lost
    assert not running.running


@pytest.mark.parametrize("client", ["hey", "python"])
def test_the_load_takes_other_bodies_than_pictures(
    server: servers.Server, tmp_path: Path, client: str
) -> None:
    if client == "hey" and not shutil.which("hey"):
        pytest.skip("NOT RUN HERE: apt-get install hey")
    (tmp_path / "body").write_bytes(b"good")
    done = load.send(
        f"{server.url}/inference", tmp_path / "body", requests=4, concurrency=2, client=client,
        content_type="application/json",
    )  # fmt: skip
    assert done.statuses == {200: 4}


def test_turns_rotate_and_everybody_gets_as_many() -> None:
    order: list[tuple[str, int]] = []

    def turn(name: str) -> run.Turn:
        def go(requests: int, concurrency: int) -> Round:
            order.append((name, concurrency))
            return Round(float(requests), [0.001 * concurrency] * requests, 0.002)

        return go

    plan = Plan(peers=("fastapi", "kserve"), concurrency=(1, 4), rounds=3, requests=8)
    peers: dict[str, dict[str, Any]] = {name: {} for name in (CORE, *plan.peers)}
    run._measure({n: turn(n) for n in peers}, plan, 8, "real", peers, lambda: None)

    counted = order[len(peers) :]
    assert len(counted) == 3 * 2 * 3
    assert [name for name, count in counted if count == 1] == [
        *(CORE, "fastapi", "kserve"), *("fastapi", "kserve", CORE), *("kserve", CORE, "fastapi"),
    ]  # fmt: skip
    assert peers["kserve"]["real"]["4"]["p50"] == {"median": 4.0, "min": 4.0, "max": 4.0, "n": 3}


def test_figures_keep_the_range_over_the_turns() -> None:
    one, other = Round(10.0, [0.1, 0.2, 0.3], 0.01), Round(20.0, [0.2, 0.4, 0.6], 0.03)
    found = figures([one, other])
    assert found["rate"] == {"median": 15.0, "min": 10.0, "max": 20.0, "n": 2}
    assert (found["p50"]["min"], found["p50"]["max"]) == (200.0, 400.0)
    assert (found["p99"]["min"], found["p99"]["max"]) == (300.0, 600.0)
    assert found["cpu"] == {"median": 20.0, "min": 10.0, "max": 30.0, "n": 2}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"peers": ("flask",)}, "no such peer: flask"),
        ({"peers": ()}, "no such peer"),
        ({"rounds": 0}, "at least one round"),
        ({"starts": 0}, "at least one round and one start"),
        ({"requests": 50}, "multiple of 4"),
        ({"concurrency": (0,)}, "multiple of 0"),
    ],
)
def test_a_plan_is_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Plan(**options)


# ---------------------------------------------------------------- sizes of images


def test_each_image_belongs_to_a_server() -> None:
    assert set(probes.IMAGES) <= set(PEERS)


def test_a_size_is_in_mib(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def command(*arguments: str) -> str:
        asked.append(arguments)
        return json.dumps([{"Size": 300 * 2**20 + 1}])

    monkeypatch.setattr(container_engine, "find_engine", lambda: "podman")
    monkeypatch.setattr(container_engine, "command", command)
    monkeypatch.setitem(probes.IMAGES, "bentoml", lambda: "id_card_detector:1")
    assert probes.image_mib("bentoml") == 300
    assert asked == [("podman", "image", "inspect", "id_card_detector:1")]


def test_without_an_engine_or_an_image_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: str) -> str:
        raise container_engine.ContainerError("no such image")

    monkeypatch.setitem(probes.IMAGES, "bentoml", lambda: "id_card_detector:1")
    monkeypatch.setattr(container_engine, "find_engine", lambda: "podman")
    monkeypatch.setattr(container_engine, "command", fail)
    assert probes.image_mib("bentoml") is None

    def none() -> str:
        raise container_engine.NotRunError("NOT RUN HERE")

    monkeypatch.setattr(container_engine, "find_engine", none)
    assert probes.image_mib("bentoml") is None
    assert probes.image_mib("litserve") is None
