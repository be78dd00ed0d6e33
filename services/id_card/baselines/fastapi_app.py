"""The detector behind plain FastAPI: no serving framework, as a point of reference.

::

    uvicorn services.id_card.baselines.fastapi_app:app --host 127.0.0.1

Whatever BentoML, MLflow or KServe would add is either written out here or missing; notebook 10
compares them. The middleware is that of the BentoML adapters.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import prometheus_client
from fastapi import FastAPI, Response, UploadFile
from fastapi.responses import PlainTextResponse

from services.id_card.detector import DetectionDict, Detector
from services.id_card.model.images import encode_png
from services.id_card.validation import ImageValidationMiddleware, picture_of


class Model:
    """The detector, and the limit on concurrent calls; both exist once the server has started."""

    detector: Detector
    turns: asyncio.Semaphore


@asynccontextmanager
async def loaded(_: FastAPI) -> AsyncIterator[None]:
    """Load the model before the first request is taken."""
    Model.detector = Detector.from_environment()
    # A decoded image takes three bytes a pixel, and three threads keep two cores busy.
    Model.turns = asyncio.Semaphore(3)
    yield


app = FastAPI(title="id_card_detector", lifespan=loaded, openapi_url="/docs.json", docs_url=None)
# Starlette types its middleware narrower than ASGI does.
app.add_middleware(ImageValidationMiddleware, paths=("/inference", "/invocation", "/render"))  # type: ignore[arg-type]


@app.post("/inference")
@app.post("/invocation")
async def inference(image: UploadFile) -> list[DetectionDict]:
    """Return every box: name, class, confidence (0 to 1) and corners in pixels."""
    picture = picture_of(image)  # type: ignore[arg-type]  # decoded already
    async with Model.turns:
        [found] = await asyncio.to_thread(Model.detector.detect, [picture])
    return [detection.as_dict() for detection in found]


@app.post("/render", response_class=Response)
async def render(image: UploadFile) -> Response:
    """Return the image as a PNG with a frame and a label around every card."""
    picture = picture_of(image)  # type: ignore[arg-type]  # decoded already
    async with Model.turns:
        drawn = await asyncio.to_thread(lambda: encode_png(Model.detector.render(picture)))
    return Response(drawn, media_type="image/png")


@app.get("/")
@app.get("/livez")
@app.get("/readyz")
def alive() -> dict[str, str]:
    """Say that the server runs, which it does only once the model is loaded."""
    return {"name": app.title}


@app.get("/metrics", response_class=PlainTextResponse)
def metrics() -> Response:
    """Return what Prometheus's library counts by itself: the process, but not the model."""
    return Response(prometheus_client.generate_latest(), media_type="text/plain; version=0.0.4")
