"""lab01.ex1: Every box, not the first."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import patch

from labs.checks.detections import between_pixels, passes_errors_on
from labs.engine import Context, fake_core
from services.id_card.detector import Detection, Detector


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Compare ``boxes_of(detector, picture)`` with the boxes that the detector finds."""
    with context.fake_core(confidences=fake_core.UNSURE), between_pixels():
        detector, small = Detector(), (320, 240)
        some = context.random.randint(2, 4)
        for cards, size in ((5, small), (0, small), (1, small), (some, (1300, 900))):
            picture = context.picture(cards, size)
            before, want = picture.copy(), fake_core.boxes(picture)
            where = f"an image with {cards} cards"
            got = context.call(
                answer, detector, picture, where=where, because=partial(_because, cards)
            )
            context.expect(picture == before, "You changed the caller's image.", where=where)
            if isinstance(got, tuple):
                context.fail("boxes_of returned a tuple; a list was expected.", where=where)
            context.same(
                got,
                want,
                what="boxes_of(detector, picture)",
                where=where,
                types={"Detection": "not_plain"},
                mistakes=[
                    ("nested", [want]),
                    *([("first_box", want[:1]), ("first_box", want[0])] if cards > 1 else []),
                    *([] if cards else [("no_card", None)]),
                ],
            )
        _keeps_all(context, answer)
        passes_errors_on(context, answer, Detector(), context.picture(2), what="boxes_of")
    context.note(images=4)


def _keeps_all(context: Context, answer: Callable[..., Any]) -> None:
    """Fail unless boxes that differ little are all returned, whatever was found."""
    found = [
        Detection("id_card", 0, 0.5, (10.25, 20.5, 90.75, 60.125)),
        Detection("id_card", 0, 0.5, (10.25, 20.5, 90.75, 60.25)),
        Detection("passport", 1, 0.5, (10.25, 20.5, 90.75, 60.125)),
    ]
    where = "a detector that finds two ID cards and a passport, almost at the same place"
    with patch.object(Detector, "detect", lambda self, images: [list(found) for _ in images]):
        got = context.call(answer, Detector(), context.picture(1), where=where)
    want = [one.as_dict() for one in found]
    context.same(got, want, what="boxes_of(detector, picture)", where=where)


def _because(cards: int, error: BaseException) -> str | None:
    if isinstance(error, TypeError) and "sequence" in str(error):
        return "no_list"
    return "no_card" if cards == 0 else None  # five went well before
