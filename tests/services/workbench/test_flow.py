"""Questions that flow: all are accounted for, the lost ones too."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from services.workbench.flow import Flow


class Handler(BaseHTTPRequestHandler):
    """Answer with what was sent; 503 to 3, nothing to 4."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body == 4:
            return
        self.send_response(503 if body == 3 else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"n": body}).encode())

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_every_request_is_accounted_for(url: str) -> None:
    with Flow(url, [1, 2, 3, 4], concurrency=1) as flow:
        flow.wait(count=8)
    statuses = [reply.status for reply in flow.replies[:8]]
    assert statuses == [200, 200, 503, None] * 2
    assert [reply.status for reply in flow.failed[:2]] == [503, None]
    assert flow.replies[1].body == {"n": 2}
    assert all(reply.seconds > 0 for reply in flow.replies)
    assert [reply.at for reply in flow.replies] == sorted(reply.at for reply in flow.replies)


def test_one_waits_for_what_comes_after_the_call(url: str) -> None:
    with Flow(url, [1, 2], concurrency=3) as flow:
        flow.wait(count=10)
        before = len(flow.replies)
        flow.wait(lambda reply: reply.body["n"] == 2, count=5)
        assert len(flow.replies) >= before + 5
        with pytest.raises(TimeoutError, match=r"no 1 such replies in 0\.2 s; last: "):
            flow.wait(lambda reply: reply.body["n"] == 9, seconds=0.2)
    assert all(not thread.is_alive() for thread in flow._threads)


def test_a_flow_of_nothing() -> None:
    with pytest.raises(ValueError, match="one body and one thread"):
        Flow("http://x", [])
