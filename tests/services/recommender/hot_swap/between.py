"""A proxy in front of MLflow's server that can be told to misbehave while requests flow."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import httpx

Mood = Literal[
    *("fine", "down", "garbage", "not json", "nonsense", "slow", "half", "wrong file"),
    *("drips", "endless"),
]


class Between:
    """Pass requests on to *url*, or do with them what :attr:`mood` says.

    ======== ========================================================================
    down     close every connection without an answer
    garbage  answer 200 and bytes that are not text
    not json answer 200 and a web page, as a proxy with a login does
    nonsense answer 200 and JSON of the right shape with an invalid version
    slow     answer after 60 seconds, or when the mood changes
    half     send the first half of a file, and close the connection
    wrong... send another file in place of the requested one
    drips    send a byte every tenth of a second, without end
    endless  send bytes as fast as possible, without end
    ======== ========================================================================
    """

    def __init__(self, url: str) -> None:
        self.upstream = url
        self.mood: Mood = "fine"
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.met: list[Mood] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.mood = "down"
        self._server.shutdown()
        self._server.server_close()

    def turn(self, mood: Mood) -> None:
        """Change the mood, and wait until a request has met it: what was under way is over."""
        self.mood, before = mood, len(self.met)
        deadline = time.monotonic() + 120
        while mood not in self.met[before:]:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def downloads(self) -> int:
        """How often the model's file was requested."""
        return sum(".npz" in path for path in self.asked)

    def _handler(between) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mood, is_file = between.mood, ".npz" in self.path
                between.asked.append(self.path)
                between.headers.append(dict(self.headers))
                between.met.append(mood)
                if mood == "down":
                    return
                if mood == "slow":
                    end = time.monotonic() + 60
                    while between.mood == "slow" and time.monotonic() < end:
                        time.sleep(0.1)
                    return
                if mood in ("drips", "endless"):
                    self.send_without_end(b" " if mood == "drips" else b" " * 2**16)
                    return
                canned = {
                    "garbage": b"\x00\xff" * 40,
                    "not json": b"<html><body>Please sign in</body></html>",
                    "nonsense": b'{"model_version": {"name": "x", "version": "../../etc", '
                    b'"run_id": "", "source": "", "creation_timestamp": 1}}',
                }
                if mood in canned:
                    self.answer(200, canned[mood])
                    return
                got = httpx.get(between.upstream + self.path, timeout=60, trust_env=False)
                if mood == "half" and is_file:
                    self.answer(200, got.content[: len(got.content) // 2], len(got.content))
                elif mood == "wrong file" and is_file:
                    self.answer(200, b"PK\x03\x04 but not for long")
                else:
                    self.answer(got.status_code, got.content)

            def answer(self, status: int, body: bytes, length: int | None = None) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(length or len(body)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)

            def send_without_end(self, piece: bytes) -> None:
                mood = between.mood
                try:
                    self.send_response(200)
                    self.end_headers()
                    while between.mood == mood:
                        self.wfile.write(piece)
                        time.sleep(0.1 if mood == "drips" else 0)
                except OSError:
                    """The client has gone."""

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        return Handler
