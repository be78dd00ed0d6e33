"""KServe's REST server: the socket."""

from __future__ import annotations

import socket

from services.kserve_support.rest import listen


def test_an_answer_is_sent_at_once() -> None:
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
