"""An A/B test: every user is answered by one of two versions, and the metrics compare them.

::

    ID_CARD_SHARE_B=0.1 bentoml serve services.id_card.bento.ab_service:AbTest --host 127.0.0.1

The chapter (section 10.4) runs both versions on every request. That doubles the work, and no user
sees a difference. Here ``X-User-ID``, or else ``X-Request-ID``, says which version answers; see
:mod:`services.id_card.bento.ab_routing`.
"""

from __future__ import annotations

import os
import uuid
from typing import Annotated

import bentoml
import numpy as np
from prometheus_client import Counter
from starlette.datastructures import Headers
from typing_extensions import TypedDict

from services.bentoml_support.labels import count_by_route
from services.bentoml_support.media_types import JSON
from services.bentoml_support.model_calls import MAX_CONNECTION_USE, asking_models
from services.errors import InputError, ModelError
from services.http.asgi import error_response
from services.http.routing import check_id
from services.id_card.bento.ab_routing import choose, read_share
from services.id_card.bento.ensemble import ImageFile, ModelA, ModelB
from services.id_card.detector import DetectionDict, answer_in_full_size
from services.id_card.model.versions import SHIPPED, VersionName
from services.id_card.monitoring import metrics
from services.id_card.validation import ImageValidationMiddleware, picture_of

count_by_route()

SHARE_B = read_share(os.environ)  # here, so that a bad one ends "bentoml serve" at once

ROUTED = Counter(
    "id_card_routed_requests", "Requests by the version that they were routed to", ["version"]
)
for _version in SHIPPED:
    ROUTED.labels(_version)  # a series that starts at its first event hides that event from rate()


class Routed(TypedDict):
    """The answer: what was found, by which version, and for whom."""

    version: VersionName
    id: str
    detections: list[DetectionDict]


@bentoml.service(name="id_card_ab", traffic={"timeout": 60}, runner_connection=MAX_CONNECTION_USE)
class AbTest:
    """Find ID cards in an image with one of two versions."""

    model_a = bentoml.depends(ModelA)
    model_b = bentoml.depends(ModelB)

    @bentoml.api(route="/predict")
    async def predict(self, image: ImageFile, ctx: bentoml.Context) -> Annotated[Routed, JSON]:
        """Return every box, and the version that found it.

        The header X-User-ID, or else X-Request-ID, decides which version answers. Without either,
        the server makes an id; send it again to be answered by the same version.
        """
        try:
            identifier = _id_of(ctx.request.headers)
            version = choose(identifier, SHARE_B)
            ROUTED.labels(version).inc()
            model = self.model_a if version == "model_a" else self.model_b
            picture = picture_of(image)
            async with asking_models():
                found = await model.to_async.detect(np.asarray(picture))
            found = answer_in_full_size(found, picture)
            return {"version": version, "id": identifier, "detections": found}
        except (InputError, ModelError) as error:
            if isinstance(error, InputError):
                metrics.rejected(error)
            ctx.response.status_code = error.status  # it overrules the response's own
            return error_response(error)


def _id_of(headers: Headers) -> str:
    for name in ("x-user-id", "x-request-id"):
        if name in headers:
            return check_id(headers[name])
    return str(uuid.uuid4())


# The decorator makes a bentoml.Service of the class; type checkers do not follow that.
AbTest.add_asgi_middleware(  # type: ignore[attr-defined]
    ImageValidationMiddleware,
    paths=("/predict",),
    on_refusal=metrics.rejected,
)
