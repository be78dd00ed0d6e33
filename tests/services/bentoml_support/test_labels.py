"""BentoML's metrics see a route in place of the path; whatever lies behind them sees the path."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from bentoml._internal.server.http import instruments
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from services.bentoml_support import labels as metric_labels
from services.http.asgi import App, Receive, Scope, Send


class Recorder:
    """Stands where BentoML's middleware does and, like it, takes the label from the scope."""

    def __init__(self, app: App, *, labels: list[str]) -> None:
        self.app = app
        self.labels = labels

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.labels.append(scope["path"])
        await self.app(scope, receive, send)


async def path(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.scope["path"])


@pytest.fixture
def labels() -> list[str]:
    return []


@pytest.fixture
def client(labels: list[str]) -> TestClient:
    routes = [
        Route("/inference", path, methods=["POST"]),
        Mount("/static", routes=[Route("/{name}", path)]),
        Route("/", path),
    ]
    by_route = Middleware(metric_labels._by_route(Recorder), labels=labels)
    return TestClient(Starlette(routes=routes, middleware=[by_route]))


@pytest.mark.parametrize(
    ("method", "asked", "label", "status"),
    [
        ("POST", "/inference", "/inference", 200),
        ("GET", "/inference", "/inference", 405),
        ("POST", "/inference%0A", "/inference", 200),
        ("GET", "/static/a.css", "/static", 200),
        ("GET", "/static/b/c/d", "/static", 404),
        ("GET", "/", "/", 200),
        ("GET", "/wp-login.php", "unknown", 404),
        ("GET", "/inference/2", "unknown", 404),
        ("GET", "/%F0%9F%92%A3", "unknown", 404),
    ],
)
def test_the_label_is_the_route(
    client: TestClient, labels: list[str], method: str, asked: str, label: str, status: int
) -> None:
    answer = client.request(method, asked)
    assert labels == [label]
    assert answer.status_code == status
    if status == 200:
        assert answer.text == unquote(asked), "the application sees what was asked"


def test_both_of_bentomls_middlewares_are_replaced_once() -> None:
    metric_labels.count_by_route()
    classes = (instruments.HTTPTrafficMetricsMiddleware, instruments.RunnerTrafficMetricsMiddleware)
    metric_labels.count_by_route()
    assert all(cls.counts_by_route for cls in classes)
    assert classes == (
        instruments.HTTPTrafficMetricsMiddleware,
        instruments.RunnerTrafficMetricsMiddleware,
    )
