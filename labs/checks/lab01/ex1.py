"""lab01.ex1: Every box, not the first."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from labs.engine import Context, fake_core
from services.id_card.detector import Detector


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Compare ``boxes_of(detector, picture)`` with the boxes that the detector finds."""
    with context.fake_core(confidences=fake_core.UNSURE):
        for cards in (5, 0, 2, context.random.randint(1, 4)):
            picture = context.picture(cards)
            before, want = picture.copy(), fake_core.boxes(picture)
            where = f"an image with {cards} cards"
            got = context.call(
                answer, Detector(), picture, where=where, because=partial(_because, cards)
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
                    *([("first_box", want[:1]), ("first_box", want[0])] if cards else []),
                    *([] if cards else [("no_card", None)]),
                ],
            )
    context.note(images=4)


def _because(cards: int, error: BaseException) -> str | None:
    if isinstance(error, TypeError) and "sequence" in str(error):
        return "no_list"
    return "no_card" if cards == 0 else None  # two cards went well before
