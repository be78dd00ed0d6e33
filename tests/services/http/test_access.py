"""API keys and the rate limit, on their own: no server, and a clock of the test's."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from services.http.access import Access, AccessMiddleware
from services.http.api_key import ApiKeys, UnauthorizedError
from services.http.asgi import Receive, Refusal, Scope, Send
from services.http.rate_limit import RateLimit, RateLimitedError, client_of

KEY, OTHER = "k" * 15 + "1", "another-key-of-this-server"


SENT = [None, "", KEY, "Bearer", "Bearer ", f"Basic {KEY}", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}"]
SENT += [f"Bearer {KEY.upper()}", f"Bearer {KEY} {KEY}", "Bearer \xff", f"Bearer {OTHER[:8]}"]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


class TestKeys:
    def test_each_key_of_the_file_is_valid_and_named_apart(self, tmp_path: Path) -> None:
        (tmp_path / "keys").write_text(f"{KEY}\n\n  {OTHER}  \n")
        keys = ApiKeys.from_environment({"SERVING_LABS_API_KEY_FILE": str(tmp_path / "keys")})
        assert keys is not None
        names = {keys.check(f"Bearer {KEY}"), keys.check(f"bearer  {OTHER}")}
        assert len(names) == 2
        assert not any(part in name for name in names for part in (KEY, OTHER))

    @pytest.mark.parametrize("sent", SENT)
    def test_everything_else_is_a_401(self, sent: str | None) -> None:
        with pytest.raises(UnauthorizedError) as refused:
            ApiKeys([KEY, OTHER]).check(sent)
        assert refused.value.status == 401
        assert refused.value.headers["WWW-Authenticate"].startswith("Bearer")
        assert KEY not in str(refused.value.as_dict())

    @pytest.mark.parametrize("key", ["", "short", "x" * 15, "with a space in the key", "ä" * 20])
    def test_a_poor_key_ends_the_start_and_is_not_shown(self, key: str) -> None:
        with pytest.raises(ValueError, match="openssl rand") as failed:
            ApiKeys.from_environment({"SERVING_LABS_API_KEY": key})
        assert not key or key not in str(failed.value)

    def test_so_does_a_file_without_keys_or_no_file(self, tmp_path: Path) -> None:
        (tmp_path / "keys").write_text("\n \n")
        with pytest.raises(ValueError, match="no API key"):
            ApiKeys.from_environment({"SERVING_LABS_API_KEY_FILE": str(tmp_path / "keys")})
        with pytest.raises(FileNotFoundError):
            ApiKeys.from_environment({"SERVING_LABS_API_KEY_FILE": str(tmp_path / "none")})


class TestLimit:
    def test_so_many_at_once_then_at_the_rate(self) -> None:
        limit = RateLimit(5, 10, clock=(clock := Clock()))
        for _ in range(5):
            limit.take("a")
        with pytest.raises(RateLimitedError) as refused:
            limit.take("a")
        assert refused.value.headers == {"Retry-After": "2"}
        limit.take("b")  # somebody else's bucket
        clock.now += int(refused.value.headers["Retry-After"])
        limit.take("a")
        with pytest.raises(RateLimitedError):
            limit.take("a")

    def test_whatever_the_arrivals_no_more_than_promised(self) -> None:
        rng = random.Random(0)
        limit = RateLimit(7, 3.0, clock=(clock := Clock()))
        begin, let_in = clock.now, 0
        for _ in range(2000):
            clock.now += rng.expovariate(20)
            try:
                limit.take("a")
                let_in += 1
            except RateLimitedError:
                continue
        promised = 7 + (clock.now - begin) * 7 / 3
        assert promised - 2 <= let_in <= promised

    def test_many_clients_take_bounded_memory_and_win_nothing(self) -> None:
        limit = RateLimit(2, 10, max_clients=100, clock=(clock := Clock()))
        let_in = 0
        for number in range(5000):
            try:
                limit.take(f"client {number}")
                let_in += 1
            except RateLimitedError:
                continue
        assert let_in == 100 + 2  # one each, then the bucket that all others share
        assert len(limit) <= 101
        clock.now += 10
        limit.take("somebody new")  # the buckets are full again: they are forgotten
        assert len(limit) == 1

    def test_an_empty_bucket_is_not_forgotten_for_others(self) -> None:
        limit = RateLimit(1, 10, max_clients=2, clock=Clock())
        limit.take("a")
        for number in range(50):
            try:
                limit.take(f"decoy {number}")
            except RateLimitedError:
                continue
        with pytest.raises(RateLimitedError):
            limit.take("a")

    @pytest.mark.parametrize("value", ["", "5", "5/", "0/1", "1/0", "-1/1", "5/1s", "1e9/1"])
    def test_a_value_that_is_no_limit(self, value: str) -> None:
        with pytest.raises(ValueError, match=r"rate limit|RATE_LIMIT"):
            RateLimit.from_environment({"SERVING_LABS_RATE_LIMIT": value})

    def test_an_ipv6_subscriber_is_one_client(self) -> None:
        assert client_of("2001:db8::1") == client_of("2001:db8::ffff:1") != client_of("2001:db9::1")
        assert client_of("10.0.0.1") != client_of("10.0.0.2")
        assert len(client_of("x" * 1000)) <= 64


class TestMiddleware:
    @pytest.fixture
    def refusals(self) -> list[Refusal]:
        return []

    @pytest.fixture
    def client(self, refusals: list[Refusal]) -> TestClient:
        access = Access(ApiKeys([KEY, OTHER]), RateLimit(3, 60))
        inner = AccessMiddleware(answer, access=access, on_refusal=refusals.append)
        return TestClient(AccessMiddleware(inner, access=access, on_refusal=refusals.append))

    @pytest.mark.parametrize("path", ["/livez/x", "/x/livez"])
    def test_only_a_whole_path_is_a_probe(self, client: TestClient, path: str) -> None:
        assert client.get(path).status_code == 401
        assert client.get(path, headers=bearer(KEY)).text == path

    def test_probes_do_not_and_are_not_counted(self, client: TestClient) -> None:
        for _ in range(20):
            assert client.get("/readyz").status_code == 200
        assert client.post("/readyz").status_code == 401

    def test_a_key_is_counted_once_each_and_for_itself(
        self, client: TestClient, refusals: list[Refusal]
    ) -> None:
        statuses = [client.post("/", headers=bearer(KEY)).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        assert client.post("/", headers=bearer(OTHER)).status_code == 200
        refused = client.post("/", headers=bearer(KEY), content=b"x" * 100_000)
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 20
        assert [refusal.code for refusal in refusals] == ["rate_limited"] * 3

    def test_a_websocket_is_closed(self, client: TestClient) -> None:
        from starlette.websockets import WebSocketDisconnect

        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/inference"):
            pass
