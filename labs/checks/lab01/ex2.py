"""lab01.ex2: The Runnable."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from labs.checks.detections import between_pixels, passes_errors_on
from labs.checks.lab01.runnables import config_of, runner_of
from labs.engine import Context, fake_core


def check(context: Context, answer: Any) -> None:
    """Make a Runner of the class and call it, as a server would."""
    with context.fake_core(confidences=fake_core.UNSURE) as calls, between_pixels():
        runner = runner_of(context, answer, calls)
        context.expect(
            config_of(runner).batchable is False,
            "inference is marked batchable=True; this one takes a single image.",
            layer="start",
        )
        at_start = calls.loads
        for cards, size in ((5, (320, 240)), (0, (150, 400)), (1, (150, 400))):
            picture = context.picture(cards, size)
            pixels = np.asarray(picture).copy()
            where = f"an array of shape {pixels.shape} with {cards} cards"
            got = context.call(runner.inference.run, pixels, where=where)
            context.expect(
                np.array_equal(pixels, picture), "You changed the caller's array.", where=where
            )
            context.same(
                got,
                fake_core.boxes(picture),
                what="inference(pixels)",
                where=where,
                mistakes={"bgr": fake_core.boxes(Image.fromarray(pixels[:, :, ::-1]))},
            )
        if (at_start, calls.loads) != (1, 1):
            context.fail(
                f"The model was loaded {at_start} times at the start and {calls.loads - at_start} "
                "times in three calls; once and never were expected.",
                mistake="loads_each_time" if calls.loads - at_start == 3 else None,
            )
        another = np.asarray(context.picture(2, (900, 130)))
        passes_errors_on(context, runner.inference.run, another, what="inference")
        context.note(loads=at_start, calls=4)
