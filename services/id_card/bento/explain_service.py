"""The detector as it runs in production, with ``/explain``, which says why it found a box.

::

    bentoml serve services.id_card.bento.explain_service:IdCardDetector --host 127.0.0.1
    curl -F image=@card.jpg 'http://127.0.0.1:3000/explain?box=0' -o why.png

It takes a few seconds, and all cores, for each image: two hundred times what ``/inference`` does.
All else is as in :mod:`services.id_card.bento.observed_service`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import parse_qsl

import bentoml
from pydantic import Field

from services.bentoml_support import labels
from services.errors import InputError
from services.http.asgi import Scope, error_response
from services.id_card import explain
from services.id_card.bento import observed_service, service
from services.id_card.bento.service import ImageFile, Png
from services.id_card.model.images import encode_png
from services.id_card.monitoring import metrics
from services.id_card.validation import ImageValidationMiddleware, picture_of

labels.count_by_route()

MOST_MASKS = 500
"""More would take longer than the timeout."""

Box = Annotated[int, Field(ge=0, description="Which box of /inference, counted from 0.")]
Masks = Annotated[int, Field(ge=1, le=MOST_MASKS, description="More: less noise, but slower.")]

LIMITS = {"box": (0, 299), "masks": (1, MOST_MASKS)}


@bentoml.service(
    name="id_card_detector",
    workers=int(os.environ.get("ID_CARD_WORKERS", "1")),
    threads=service.THREADS,
    traffic={"timeout": 60},
    image=service.IMAGE,
)
class IdCardDetector(observed_service.IdCardDetector.inner):  # type: ignore[name-defined]
    """Find ID cards in an image and explain each box; with probes, metrics and a log."""

    @bentoml.api(route="/explain")
    def explain(self, image: ImageFile, box: Box = 0, masks: Masks = explain.MASKS) -> Png:
        """Return the image as a PNG, coloured by what the detector needs for one of its boxes."""
        picture = picture_of(image)
        try:
            saliency = explain.explain(self.detector, picture, box, masks=masks)
        except InputError as refusal:
            metrics.rejected(refusal)
            return error_response(refusal)
        return encode_png(explain.overlay(picture, saliency))


class ExplainValidationMiddleware(ImageValidationMiddleware):
    """Let an image through, with its parameters from the query or from the form's fields."""

    def extra_fields(self, scope: Scope, texts: Sequence[tuple[str, str]]) -> Mapping[str, str]:
        """Return ``box`` and ``masks``, where they are given, checked.

        Raises
        ------
        InputError
            422, code ``field_unknown``, ``field_repeated``, ``box_invalid`` or ``masks_invalid``.
        """
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        found: dict[str, str] = {}
        for name, value in (*query, *texts):
            if name not in LIMITS:
                raise _bad("field_unknown", f"There is no parameter {name[:40]!r}.")
            if name in found:
                raise _bad("field_repeated", f"{name!r} is there more than once.")
            least, most = LIMITS[name]
            digits = value.isascii() and value.isdigit() and len(value) < 10
            if not (digits and least <= int(value) <= most):
                raise _bad(f"{name}_invalid", f"{name!r} is {value[:40]!r}.")
            found[name] = value
        return found


def _bad(code: str, message: str) -> InputError:
    hint = (
        "Besides the image, /explain takes 'box', a whole number from 0, and 'masks', 1 to "
        f"{MOST_MASKS}, in the query or as form fields, once each."
    )
    return InputError(message, code=code, status=422, hint=hint)


IdCardDetector.add_asgi_middleware(
    ImageValidationMiddleware,
    paths=("/inference", "/invocation", "/render"),
    on_refusal=metrics.rejected,
)
IdCardDetector.add_asgi_middleware(
    ExplainValidationMiddleware, paths=("/explain",), on_refusal=metrics.rejected
)
