"""The gate alone, before an application that only reports what reached it."""

from __future__ import annotations

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from services.id_card import gate
from services.id_card.gate import ImageGate, picture_of
from services.id_card.samples import sample_path

PICTURE = sample_path("small_card").read_bytes()


async def report(request: Request) -> JSONResponse:
    """Say which fields came in, and what picture the endpoint would see."""
    if request.method == "GET":
        return JSONResponse("read")
    form = await request.form()
    upload = form["image"]
    picture = picture_of(Image.new("RGB", (1, 1)))
    return JSONResponse(
        {
            "fields": list(form),
            "type": upload.content_type,
            "same bytes": await upload.read() == PICTURE,
            "size": picture.size,
        }
    )


async def count(request: Request) -> JSONResponse:
    """Say how long the body is."""
    return JSONResponse(len(await request.body()))


@pytest.fixture(scope="module")
def client() -> TestClient:
    routes = [
        Route("/inference", report, methods=["GET", "POST"]),
        Route("/other", count, methods=["POST"]),
        Mount("/v1", routes=[Route("/inference", report, methods=["POST"])]),
    ]
    return TestClient(ImageGate(Starlette(routes=routes), paths=("/inference",), max_bytes=200_000))


@pytest.mark.parametrize("path", ["/inference", "/v1/inference"])
@pytest.mark.parametrize(
    "request_",
    [
        {"files": {"image": ("x.bin", PICTURE, "application/octet-stream"), "note": ("n", b"1")}},
        {"content": PICTURE, "headers": {"Content-Type": "image/png"}},
    ],
    ids=["a form with more in it", "a raw body with a wrong type"],
)
def test_every_upload_arrives_in_one_form(client: TestClient, path: str, request_: dict) -> None:
    answer = client.post(path, **request_).json()
    assert answer == {
        "fields": ["image"],
        "type": "image/jpeg",
        "same bytes": True,
        "size": [640, 480],
    }


@pytest.mark.parametrize("path", ["/inference", "/v1/inference"])
def test_a_prefix_does_not_lead_round_the_gate(client: TestClient, path: str) -> None:
    answer = client.post(path, files={"image": b"no picture"})
    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "image_format"
    answer = client.post(path, files={"image": bytes(300_000)})
    assert answer.status_code == 413


def test_other_requests_pass_untouched(client: TestClient) -> None:
    assert client.get("/inference").json() == "read"
    assert client.post("/other", content=bytes(300_000)).json() == 300_000


@pytest.mark.parametrize(
    ("code", "request_"),
    [
        ("image_format", {"files": {"image": b"no picture"}}),
        ("content_type", {"json": {}}),
        ("body_too_large", {"files": {"image": bytes(300_000)}}),
        ("body_too_large", {"content": (bytes(100_000) for _ in range(3))}),
    ],
    ids=["in the picture", "in the request", "by its length", "on its way"],
)
def test_each_refusal_is_reported_once(code: str, request_: dict) -> None:
    reported = []
    routes = [Route("/inference", report, methods=["POST"])]
    gate_ = ImageGate(
        Starlette(routes=routes),
        paths=("/inference",),
        max_bytes=200_000,
        on_refusal=lambda refusal: reported.append(refusal.code),
    )
    client = TestClient(gate_)

    assert client.post("/inference", **request_).json()["error"]["code"] == code
    assert reported == [code]
    assert client.post("/inference", files={"image": PICTURE}).status_code == 200
    assert reported == [code]


def test_a_picture_is_decoded_once(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    decode = gate.decode
    monkeypatch.setattr(gate, "decode", lambda data, **kw: calls.append(1) or decode(data, **kw))
    assert client.post("/inference", files={"image": PICTURE}).json()["size"] == [640, 480]
    assert len(calls) == 1


def test_without_a_request_the_upload_itself_is_read() -> None:
    assert picture_of(sample_path("small_card")).size == (640, 480)
    assert picture_of(Image.new("L", (3, 2))).mode == "RGB"
