"""The reverse proxy of infra/nginx: what it lets through, with a stand-in for the service."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from services.workbench.servers import proxy
from services.workbench.servers.proxy import CONFIGURATION, Proxy


def test_the_configuration_has_the_two_addresses_that_are_replaced() -> None:
    text = CONFIGURATION.read_text(encoding="utf-8")
    assert text.count("127.0.0.1:3000") == text.count("127.0.0.1:8443") == 1


class Echo(BaseHTTPRequestHandler):
    """Answers 200 to everything, with what it was asked."""

    def do_GET(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        body = json.dumps(
            {
                "path": self.path,
                "bytes": len(self.rfile.read(size)),
                "headers": {name.lower(): value for name, value in self.headers.items()},
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


CLOSED = ["/metrics", "/", "/docs.json", "/v2/repository/models/id_card/unload", "//metrics"]
CLOSED += ["/inference/../metrics", "/inference/%2e%2e/metrics", "/METRICS", "/v2/models/a/load"]


@pytest.mark.system
class TestProxy:
    @pytest.fixture(scope="module")
    @staticmethod
    def front() -> Iterator[Proxy]:
        from tests.missing_tools import require

        require("nginx")
        echo = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        threading.Thread(target=echo.serve_forever, daemon=True).start()
        with proxy.start(f"http://127.0.0.1:{echo.server_port}") as running:
            yield running
        echo.shutdown()

    @pytest.fixture
    def client(self, front: Proxy) -> Iterator[httpx.Client]:
        with httpx.Client(
            base_url=front.url, verify=front.context, trust_env=False, timeout=30
        ) as client:
            yield client

    def test_a_model_is_reached_and_its_key_goes_along(self, client: httpx.Client) -> None:
        headers = {"Authorization": "Bearer x", "X-Forwarded-For": "6.6.6.6"}
        for path in ("/inference", "/predict", "/v2/models/id_card/infer", "/v1/models/a:predict"):
            answer = client.post(path, content=b"12345", headers=headers).json()
            assert (answer["path"], answer["bytes"]) == (path, 5)
            assert answer["headers"]["authorization"] == "Bearer x"
            assert answer["headers"]["x-forwarded-for"] == "127.0.0.1"
        assert client.get("/readyz").status_code == 200

    @pytest.mark.parametrize("path", CLOSED)
    def test_other_paths_are_not(self, front: Proxy, client: httpx.Client, path: str) -> None:
        for method in ("GET", "POST"):
            refused = client.request(method, httpx.URL(f"{front.url}{path}"))
            assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")

    def test_nor_other_methods(self, client: httpx.Client) -> None:
        assert client.get("/inference").status_code == 405
        assert client.delete("/predict").status_code == 405
        assert client.post("/readyz").status_code == 405

    def test_a_body_that_is_too_large(self, client: httpx.Client) -> None:
        assert client.post("/inference", content=bytes(20 * 2**20)).json()["bytes"] == 20 * 2**20
        refused = client.post("/inference", content=bytes(22 * 2**20))
        assert (refused.status_code, refused.json()["error"]["code"]) == (413, "body_too_large")

    def test_without_tls_or_trust_there_is_no_answer(self, front: Proxy) -> None:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"{front.url}/readyz", trust_env=False)
        plain = httpx.get(front.url.replace("https", "http") + "/readyz", trust_env=False)
        assert plain.status_code == 400

    def test_the_log_keeps_one_line_a_request(self, front: Proxy, client: httpx.Client) -> None:
        client.get("/forged%0aline")
        lines = (front.folder / "access.log").read_text().splitlines()
        assert all("status" in json.loads(line) for line in lines)

    def test_too_many_requests(self, client: httpx.Client) -> None:
        answers = [client.get("/readyz") for _ in range(120)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        assert refused[0].json()["error"]["code"] == "rate_limited"
        assert refused[0].headers["Retry-After"] == "1"
