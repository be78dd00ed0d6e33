"""Every request that was sent is answered or counted as lost, whoever sends them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import pytest

from services.id_card.samples import sample_path
from services.workbench import load

PICTURE = sample_path("one_card")


class Handler(BaseHTTPRequestHandler):
    """Answers 200, then 500, then not at all, and so on."""

    protocol_version = "HTTP/1.1"
    numbers = count()
    bodies: set[bytes] = set()  # noqa: RUF012
    types: set[str] = set()  # noqa: RUF012

    def do_POST(self) -> None:
        self.bodies.add(self.rfile.read(int(self.headers["Content-Length"])))
        self.types.add(self.headers["Content-Type"])
        turn = next(self.numbers) % 3
        if turn == 2:
            self.close_connection = True
            return
        self.send_response(500 if turn else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    Handler.numbers = count()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/inference"
    server.shutdown()
    server.server_close()
    thread.join()


def check(url: str, client: str) -> None:
    done = load.send(url, PICTURE, requests=12, concurrency=1, client=client)
    assert done.client == client
    assert (done.sent, done.statuses, done.lost) == (12, {200: 4, 500: 4}, 4)
    assert len(done.latencies) == 8
    assert 0 < sum(done.latencies) <= done.seconds
    assert done.rate == pytest.approx(8 / done.seconds)
    assert Handler.bodies == {PICTURE.read_bytes()}
    assert Handler.types == {"image/jpeg"}


def test_with_threads(url: str) -> None:
    check(url, "python")


@pytest.mark.system
def test_with_hey(url: str, needs: Callable[[str], None]) -> None:
    needs("hey")
    check(url, "hey")


@pytest.mark.parametrize(("requests", "concurrency"), [(10, 3), (0, 1), (4, 0)])
def test_a_number_that_would_not_be_sent_is_refused(requests: int, concurrency: int) -> None:
    with pytest.raises(ValueError, match="multiple"):
        load.send("http://127.0.0.1:1", PICTURE, requests=requests, concurrency=concurrency)
