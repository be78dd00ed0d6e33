"""The middleware alone, before an application that only says what reached it."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from services.recommender.model.requests import MAX_RATED
from services.recommender.validation import RecommendValidationMiddleware


async def report(request: Request) -> JSONResponse:
    return JSONResponse([await request.json(), request.headers["content-type"]])


@pytest.fixture
def refused() -> list[str]:
    return []


@pytest.fixture
def client(refused: list[str]) -> TestClient:
    app = Starlette(
        routes=[Route("/predict", report, methods=["POST"]), Route("/x", report, methods=["POST"])]
    )
    middleware = RecommendValidationMiddleware(
        app, paths=("/predict",), on_refusal=lambda refusal: refused.append(refusal.code)
    )
    return TestClient(middleware)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "application/json"},
        {"Content-Type": "application/JSON; charset=utf-8"},
        {"Content-Type": "application/vnd.api+json"},
    ],
)
def test_a_question_arrives_in_one_form(client, refused, headers):
    body = b'{"ranked_movies": [50], "user_id": 7}'
    answer = client.post("/predict", content=body, headers=headers).json()
    assert answer == [{"user_id": 7, "top_k": 10, "rated": [50]}, "application/json"]
    assert refused == []


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"content": b"{"}, 400, "json_invalid"),
        ({"json": [7]}, 422, "request_invalid"),
        ({"json": {"user": 7}}, 422, "field_unknown"),
        ({"data": {"user_id": "7"}}, 415, "content_type"),
        ({"files": {"user_id": b"7"}}, 415, "content_type"),
        (
            {"content": b"x", "headers": {"Content-Type": "application/vnd.bentoml+pickle"}},
            415,
            "content_type",
        ),
        ({"json": {"user_id": 7, "rated": [10**7] * (MAX_RATED * 3)}}, 413, "body_too_large"),
        ({"json": {"user_id": 7, "rated": [1] * (MAX_RATED + 1)}}, 422, "rated_too_long"),
    ],
)
def test_each_refusal_is_counted_once(client, refused, request_, status, code):
    answer = client.post("/predict", **request_)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["hint"]
    assert refused == [code]


def test_the_longest_list_of_the_largest_usual_ids_fits(client):
    rated = [193_609] * MAX_RATED
    assert client.post("/predict", json={"user_id": 7, "rated": rated}).status_code == 200


def test_other_paths_pass_untouched(client, refused):
    answer = client.post("/x", content=b'{"a": 1}', headers={"Content-Type": "text/plain"})
    assert answer.json() == [{"a": 1}, "text/plain"]
    assert refused == []
