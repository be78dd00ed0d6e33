"""The middleware alone, before an application that only reports what reached it."""

from __future__ import annotations

import asyncio
import contextvars
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
from tests.services.id_card.image_files import encoded

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


@pytest.fixture
def reported() -> list[str]:
    """The codes of the refusals that the middleware has reported."""
    return []


@pytest.fixture
def client(reported: list[str]) -> TestClient:
    routes = [
        Route("/inference", report, methods=["GET", "POST"]),
        Route("/other", count, methods=["POST"]),
        Mount("/v1", routes=[Route("/inference", report, methods=["POST"])]),
    ]
    app = ImageValidationMiddleware(
        Starlette(routes=routes),
        paths=("/inference",),
        max_bytes=200_000,
        on_refusal=lambda refusal: reported.append(refusal.code),
    )
    return TestClient(app)


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


def test_other_requests_pass_untouched(client: TestClient) -> None:
    assert client.get("/inference").json() == "read"
    assert client.post("/other", content=bytes(300_000)).json() == 300_000


@pytest.mark.parametrize(
    ("code", "request_"),
    [
        ("image_format", {"files": {"image": b"no picture"}}),
        ("content_type", {"json": {}}),
        ("body_too_large", {"files": {"image": bytes(300_000)}}),
    ],
    ids=["in the picture", "in the request", "in the body"],
)
@pytest.mark.parametrize("path", ["/inference", "/v1/inference"])
def test_each_refusal_is_reported_once(
    client: TestClient, reported: list[str], path: str, code: str, request_: dict
) -> None:
    assert client.post(path, **request_).json()["error"]["code"] == code
    assert reported == [code]
    assert client.post(path, files={"image": PICTURE}).status_code == 200
    assert reported == [code]


def _png(width: int, height: int) -> bytes:
    """Return a small file that is large when it is decoded."""
    return encoded(Image.new("L", (width, height)), "PNG")


async def _gather(app: ImageValidationMiddleware, files: list[bytes]) -> list[httpx.Response]:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        posts = [client.post("/inference", files={"image": file}) for file in files]
        return await asyncio.gather(*posts)


def _app(hold: float, kept: list | None = None, **options: Any) -> ImageValidationMiddleware:
    """Return an application that keeps its image for *hold* seconds, and notes its context."""

    async def keep(request: Request) -> JSONResponse:
        if kept is not None:
            kept.append(contextvars.copy_context())  # as a thread keeps that of its last request
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
    app._memory.seconds = 0.3
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


def test_a_photograph_as_jpeg_counts_as_small() -> None:
    file = encoded(Image.new("RGB", (4000, 3000)), "JPEG")
    assert decoded_bytes(file, side=WORKING_SIDE) <= validation.SMALL < decoded_bytes(file)


def test_large_images_never_take_every_place() -> None:
    large = _png(3000, 3000)
    answers = asyncio.run(_gather(_app(0.5, max_concurrency=4), [large] * 6 + [PICTURE] * 2))
    assert sorted(answer.status_code for answer in answers[:6]) == [200, 200, 503, 503, 503, 503]
    assert [answer.status_code for answer in answers[6:]] == [200, 200]


def test_an_image_is_let_go_with_its_answer() -> None:
    contexts: list[contextvars.Context] = []
    asyncio.run(_gather(_app(0, contexts), [PICTURE]))
    assert contexts[0].run(validation._image.get) == []


def test_slow_bodies_share_a_budget_too() -> None:
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
