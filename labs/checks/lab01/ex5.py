"""lab01.ex5: Design it: one call for many images."""

from __future__ import annotations

from typing import Any

import numpy as np

from labs.checks.detections import between_pixels, passes_errors_on
from labs.checks.lab01.runnables import config_of, runner_of
from labs.engine import Context, fake_core

SIZES = ((320, 240), (150, 400), (200, 130), (600, 150))


def _size(number: int, count: int) -> tuple[int, int]:
    """Return the size of one image of a batch; small ones in a long batch, which takes its time."""
    return SIZES[number % 4] if count < 9 else (120 + number % 9, 120)


def check(context: Context, answer: Any) -> None:
    """Call the batchable method with batches of several lengths and images of several sizes."""
    with context.fake_core(confidences=fake_core.UNSURE) as calls, between_pixels():
        runner = runner_of(context, answer, calls)
        context.expect(
            calls.loads == 1,
            f"The model was loaded {calls.loads} times when the Runnable was created; once was "
            "expected.",
            layer="start",
        )
        config = config_of(runner)
        if not config.batchable:
            context.fail(
                "inference is marked batchable=False.", mistake="not_batchable", layer="start"
            )
        context.expect(
            tuple(config.batch_dim) == (0, 0),
            f"The batch dimension is {config.batch_dim}; 0 was expected.",
            layer="start",
        )
        for count in (4, 1, 260):
            cards = [context.random.randint(1, 5) for _ in range(count)]
            cards[1:3] = [0, 5][: count - 1]
            pictures = [context.picture(n, _size(i, count)) for i, n in enumerate(cards)]
            want = [fake_core.boxes(picture) for picture in pictures]
            where = f"{count} images with {cards[:8]}{' …' * (count > 8)} cards"
            batch = [np.asarray(picture) for picture in pictures]
            handed = list(batch)
            calls.batches.clear()
            before = calls.loads
            got = context.call(runner.inference.run, handed, where=where)
            context.expect(
                list(map(id, handed)) == list(map(id, batch)),
                "You changed the caller's list.",
                where=where,
            )
            context.same(
                got,
                want,
                what="inference(batch)",
                where=where,
                mistakes={
                    "flat": [box for boxes in want for box in boxes],
                    "drops_empty": [boxes for boxes in want if boxes],
                },
            )
            context.expect(
                calls.loads == before,
                "The model was loaded again for this batch.",
                where=where,
                mistake="loads_each_time",
            )
            if calls.batches != [count]:
                context.fail(
                    f"The detector was given batches of {calls.batches}; [{count}] was expected.",
                    where=where,
                    mistake="one_by_one" if calls.batches == [1] * count else None,
                )
        passes_errors_on(context, runner.inference.run, batch[5:8], what="inference")
        context.note(largest_batch=count)
