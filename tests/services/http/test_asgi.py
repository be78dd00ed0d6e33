"""The limit on request bodies, on its own: a made-up application, client and server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest

from services.errors import InputError
from services.http.asgi import (
    App,
    BodyLimit,
    ClientGoneError,
    Message,
    Receive,
    Scope,
    Send,
    read_body,
    replay,
)

LIMIT = 100

DISCONNECT: Message = {"type": "http.disconnect"}


def chunk(size: int, *, more: bool) -> Message:
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


def chunks(sizes: list[int]) -> list[Message]:
    return [chunk(size, more=i < len(sizes)) for i, size in enumerate(sizes, 1)]


class Exchange:
    """One request: what the client sends, and what it gets.

    After its messages the client waits for ever, as one does that expects an answer.
    """

    def __init__(self, messages: Iterable[Message], *, headers: dict[str, str] | None = None):
        pairs = [(k.encode(), v.encode("latin-1")) for k, v in (headers or {}).items()]
        self.scope: Scope = {"type": "http", "method": "POST", "path": "/", "headers": pairs}
        self.messages = list(messages)
        self.sent: list[Message] = []
        self.reads = 0

    async def receive(self) -> Message:
        self.reads += 1
        if self.messages:
            await asyncio.sleep(self.messages[0].get("after", 0))
            return self.messages.pop(0)
        return await asyncio.Future()

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def through(self, app: App, *, seconds: float = 5.0) -> Exchange:
        """Send the request; the answer must come within two seconds."""
        limited = BodyLimit(app, max_bytes=LIMIT, seconds=seconds)
        call = limited(self.scope, self.receive, self.send)
        asyncio.run(asyncio.wait_for(call, 2))
        return self

    @property
    def status(self) -> int:
        assert [message["type"] for message in self.sent] == [
            "http.response.start",
            "http.response.body",
        ], "one answer, once"
        return int(self.sent[0]["status"])

    @property
    def error(self) -> dict[str, str]:
        headers = dict(self.sent[0]["headers"])
        body = self.sent[1]["body"]
        assert headers[b"content-type"] == b"application/json"
        assert int(headers[b"content-length"]) == len(body)
        error = json.loads(body)["error"]
        assert set(error) == {"code", "message", "hint"}
        return error


async def count(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 200 with the number of bytes of the body."""
    body = await read_body(receive)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(len(body)).encode()})


async def forgive(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 500 whatever happens while the body is read, as frameworks do."""
    try:
        await read_body(receive)
        status = 200
    except Exception:
        status = 500
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"mine"})


async def stay_silent(scope: Scope, receive: Receive, send: Send) -> None:
    """Swallow the exception and answer nothing."""
    try:
        await read_body(receive)
    except Exception:
        return


async def fail_if_called(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("the application was called")


APPS = pytest.mark.parametrize("app", [count, forgive, stay_silent], ids=lambda app: app.__name__)


class TestWhatPasses:
    @pytest.mark.parametrize("sizes", [[0], [LIMIT], [LIMIT // 4] * 4 + [0]], ids=str)
    @pytest.mark.parametrize("declared", [True, False])
    def test_a_body_up_to_the_limit(self, sizes: list[int], declared: bool) -> None:
        headers = {"content-length": str(sum(sizes))} if declared else {}

        exchange = Exchange(chunks(sizes), headers=headers).through(count)

        assert exchange.status == 200
        assert exchange.sent[1]["body"] == str(sum(sizes)).encode()

    def test_an_application_that_does_not_read_the_body(self) -> None:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        assert Exchange([chunk(2 * LIMIT, more=False)]).through(answer).status == 204

    def test_errors_of_the_application_are_its_own(self) -> None:
        async def crash(scope: Scope, receive: Receive, send: Send) -> None:
            await read_body(receive)
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            Exchange([chunk(1, more=False)]).through(crash)

    def test_waiting_for_the_client_to_leave_is_no_slow_body(self) -> None:
        async def wait_then_answer(scope: Scope, receive: Receive, send: Send) -> None:
            await read_body(receive)
            assert (await receive())["type"] == "http.disconnect"
            await count(scope, replay(b"late", receive), send)

        messages = [chunk(9, more=False), {**DISCONNECT, "after": 0.3}]

        assert Exchange(messages).through(wait_then_answer, seconds=0.1).status == 200

    @pytest.mark.parametrize("kind", ["websocket", "lifespan"])
    def test_other_scopes_are_not_touched(self, kind: str) -> None:
        seen: list[Any] = []

        async def keep(*given: Any) -> None:
            seen.extend(given)

        async def receive() -> Message:
            return chunk(99 * LIMIT, more=False)

        async def send(message: Message) -> None: ...

        scope: Scope = {"type": kind}
        asyncio.run(BodyLimit(keep, max_bytes=1)(scope, receive, send))

        assert seen == [scope, receive, send]


class TestTooLarge:
    def test_declared(self) -> None:
        exchange = Exchange([chunk(101, more=False)], headers={"content-length": "101"})

        assert exchange.through(fail_if_called).status == 413
        assert exchange.error["code"] == "body_too_large"
        assert exchange.error["message"] == (
            "The request body has 101 bytes; at most 100 are allowed."
        )
        assert "smaller body" in exchange.error["hint"]

    @APPS
    @pytest.mark.parametrize("sizes", [[101], [60, 60], [60, 40, 1], [50] * 9 + [0]], ids=str)
    def test_in_chunks(self, app: App, sizes: list[int]) -> None:
        exchange = Exchange(chunks(sizes)).through(app)

        assert exchange.status == 413
        assert exchange.error["message"] == (
            "The request body has more than 100 bytes; at most 100 are allowed."
        )

    @pytest.mark.parametrize("declared", ["50", "-1", "", "a lot", "²", "1e1", "1" * 5000])
    def test_what_arrives_counts_not_what_was_said(self, declared: str) -> None:
        exchange = Exchange(chunks([101]), headers={"content-length": declared})

        assert exchange.through(count).status == 413

    def test_reading_on_after_the_refusal_refuses_again(self) -> None:
        async def stubborn(scope: Scope, receive: Receive, send: Send) -> None:
            for _ in range(3):
                with pytest.raises(InputError):
                    await receive()
            await count(scope, replay(b"", receive), send)

        assert Exchange([chunk(101, more=False)]).through(stubborn).status == 413

    def test_an_answer_that_has_begun_is_not_mixed_with_the_refusal(self) -> None:
        async def early(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            try:
                await read_body(receive)
            except InputError:
                await send({"type": "http.response.body", "body": b"sorry"})

        exchange = Exchange([chunk(101, more=False)]).through(early)

        assert exchange.status == 200
        assert exchange.sent[1]["body"] == b"sorry"


class TestWhatTheClientStillSends:
    """A client that writes before it reads sees a reset connection unless its bytes are read."""

    @pytest.mark.parametrize(
        ("app", "headers"),
        [(fail_if_called, {"content-length": "250"}), (count, {"expect": "100-continue"})],
        ids=["declared", "asked, and went on"],
    )
    def test_is_read_and_thrown_away(self, app: App, headers: dict[str, str]) -> None:
        exchange = Exchange(chunks([50] * 5), headers=headers).through(app)

        assert exchange.status == 413
        assert exchange.messages == []

    def test_but_not_without_end(self) -> None:
        endless = Exchange([chunk(LIMIT, more=True)] * 50, headers={"content-length": "5000"})

        assert endless.through(fail_if_called).status == 413
        assert len(endless.messages) > 40

    def test_a_client_that_asks_first_has_sent_nothing(self) -> None:
        headers = {"content-length": "101", "expect": "100-continue"}
        exchange = Exchange([chunk(101, more=False)], headers=headers).through(fail_if_called)

        assert exchange.status == 413
        assert exchange.reads == 0, "reading would ask it to go on"

    def test_a_client_that_leaves_meanwhile_is_not_waited_for(self) -> None:
        headers = {"content-length": "101"}
        exchange = Exchange([chunk(9, more=True), DISCONNECT], headers=headers)

        assert exchange.through(fail_if_called).status == 413


class TestNotThere:
    @APPS
    @pytest.mark.parametrize("trickles", [False, True])
    def test_a_body_that_is_not_there_in_time(self, app: App, trickles: bool) -> None:
        """The clock runs for the whole body: each single byte may be in time, all are not."""
        drops = [{**chunk(1, more=i < 19), "after": 0.05} for i in range(20)]
        stops = [chunk(9, more=True), {**DISCONNECT, "after": 0.5}]
        exchange = Exchange(drops if trickles else stops, headers={"content-length": "50"})

        assert exchange.through(app, seconds=0.2).status == 408
        assert exchange.error["code"] == "body_too_slow"
        assert exchange.error["message"] == "The request body did not arrive within 0.2 seconds."
        assert "Content-Length" in exchange.error["hint"]

    def test_a_body_that_is_just_in_time(self) -> None:
        exchange = Exchange([chunk(9, more=True), {**chunk(9, more=False), "after": 0.1}])

        assert exchange.through(count, seconds=1.5).status == 200

    def test_a_client_that_is_gone_gets_no_answer(self) -> None:
        assert Exchange([DISCONNECT]).through(stay_silent).sent == []

    def test_reading_a_body_says_that_the_client_is_gone(self) -> None:
        with pytest.raises(ClientGoneError):
            Exchange([chunk(9, more=True), DISCONNECT]).through(count)


@pytest.mark.parametrize("status", [200, 399, 500])
def test_an_input_error_is_always_the_clients(status: int) -> None:
    with pytest.raises(ValueError, match=f"400 to 499; got {status}"):
        InputError("message", code="code", status=status, hint="hint")
