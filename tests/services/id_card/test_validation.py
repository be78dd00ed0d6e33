"""The middleware alone, before an application that only reports what reached it."""

from __future__ import annotations

import asyncio
import contextvars
import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from services.id_card import validation
from services.id_card.model.images import WORKING_SIDE, decoded_bytes
from services.id_card.samples import sample_path
from services.id_card.validation import ImageValidationMiddleware, picture_of

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
            "bytes": len(await upload.read()),
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
    return TestClient(
        ImageValidationMiddleware(
            Starlette(routes=routes), paths=("/inference",), max_bytes=200_000
        )
    )


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
        "type": "image/png",  # a placeholder: the image itself is decoded already
        "bytes": 67,
        "size": [640, 480],
    }


@pytest.mark.parametrize("path", ["/inference", "/v1/inference"])
def test_a_prefix_does_not_bypass_the_middleware(client: TestClient, path: str) -> None:
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
    gate_ = ImageValidationMiddleware(
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
    decode = validation.decode
    monkeypatch.setattr(
        validation, "decode", lambda data, **kw: calls.append(1) or decode(data, **kw)
    )
    assert client.post("/inference", files={"image": PICTURE}).json()["size"] == [640, 480]
    assert len(calls) == 1


def test_without_a_request_the_upload_itself_is_read() -> None:
    assert picture_of(sample_path("small_card")).size == (640, 480)
    assert picture_of(Image.new("L", (3, 2))).mode == "RGB"


def _png(width: int, height: int) -> bytes:
    """Return a small file that is large when it is decoded."""
    file = io.BytesIO()
    Image.new("L", (width, height)).save(file, "PNG")
    return file.getvalue()


async def _gather(app: ImageValidationMiddleware, files: list[bytes]) -> list[httpx.Response]:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        posts = [client.post("/inference", files={"image": file}) for file in files]
        return await asyncio.gather(*posts)


def _app(hold: float, **options: Any) -> ImageValidationMiddleware:
    """Return an application that keeps its image for *hold* seconds."""

    async def keep(request: Request) -> JSONResponse:
        await asyncio.sleep(hold)
        return JSONResponse(picture_of(Image.new("RGB", (1, 1))).size)

    app = Starlette(routes=[Route("/inference", keep, methods=["POST"])])
    return ImageValidationMiddleware(app, paths=("/inference",), **options)


def test_one_request_too_many_gets_a_429_that_says_when_to_come_back() -> None:
    answers = asyncio.run(_gather(_app(0.5, max_concurrency=3), [PICTURE] * 5))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 429, 429]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["Retry-After"] == "1"
    assert refused.json()["error"]["code"] == "too_many_requests"


def test_decoded_images_share_a_budget_and_small_ones_overtake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(validation, "DECODED_BYTES", 80_000_000)
    large = _png(2400, 2400)  # 69 MB by its header, decoded at its full size
    app = _app(0.6, in_full=("/inference",))
    app._memory._seconds = 0.3
    answers = asyncio.run(_gather(app, [large, large, PICTURE]))
    assert [answer.status_code for answer in answers].count(200) == 2
    refused = next(answer for answer in answers if answer.status_code != 200)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert refused.json()["error"]["code"] == "overloaded"
    assert answers[2].json() == [640, 480]
    assert app._memory.held == 0


def test_large_images_are_reduced_unless_the_endpoint_needs_all_pixels() -> None:
    file = _png(5200, 2600)
    [reduced] = asyncio.run(_gather(_app(0), [file]))
    [full] = asyncio.run(_gather(_app(0, in_full=("/inference",)), [file]))
    assert reduced.json() == [1300, 650]
    assert full.json() == [5200, 2600]


def test_large_images_never_take_every_place() -> None:
    large = _png(3000, 3000)
    answers = asyncio.run(_gather(_app(0.5, max_concurrency=4), [large] * 6 + [PICTURE] * 2))
    assert sorted(answer.status_code for answer in answers[:6]) == [200, 200, 503, 503, 503, 503]
    assert [answer.status_code for answer in answers[6:]] == [200, 200]


def test_an_image_is_let_go_with_its_answer() -> None:
    contexts = []

    async def keep(request: Request) -> JSONResponse:
        contexts.append(contextvars.copy_context())  # as a thread keeps that of its last request
        return JSONResponse(picture_of(Image.new("RGB", (1, 1))).size)

    app = Starlette(routes=[Route("/inference", keep, methods=["POST"])])
    asyncio.run(_gather(ImageValidationMiddleware(app, paths=("/inference",)), [PICTURE]))
    assert contexts[0].run(validation._image.get) == []


def test_a_photograph_as_jpeg_counts_as_small() -> None:
    file = io.BytesIO()
    Image.new("RGB", (4000, 3000)).save(file, "JPEG")
    assert decoded_bytes(file.getvalue(), side=WORKING_SIDE) <= validation.SMALL
    assert decoded_bytes(file.getvalue()) > validation.SMALL


def test_slow_bodies_share_a_budget_too(monkeypatch: pytest.MonkeyPatch) -> None:
    app = _app(0)
    app._guarded.buffered.limit = 2**20

    async def body() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield bytes(2**20)

    async def post() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            kind = {"Content-Type": "image/png"}
            return await client.post("/inference", content=body(), headers=kind)

    answer = asyncio.run(post())
    assert answer.status_code == 503
    assert answer.json()["error"]["message"].endswith("it is receiving too many large bodies.")
    assert app._guarded.buffered.held == 0
