"""What can drift in the detector's log: a few numbers that describe each picture and its answer.

The log (:mod:`services.id_card.observed_service`) keeps no pictures, so the inputs are seen by
their size only. The outputs show more: another camera, another light or another design of card
makes the network less sure.

::

    before, now = table(read_log(old, "id_card_detector")), table(read_log(new, "id_card_detector"))
    compare(before, now)
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from services.drift.logs import Entry, entries_of

INPUTS = ("megapixels", "shape")
PREDICTIONS = ("cards", "best", "worst")


def describe(entry: Entry) -> dict[str, float | None]:
    """Describe one answer.

    Parameters
    ----------
    entry : mapping
        With ``width`` and ``height`` in pixels and ``confidences``, 0 to 1, of the boxes.

    Returns
    -------
    dict of str to (float or None)
        ``megapixels``; ``shape``, width over height; ``cards``, the number of boxes; ``best`` and
        ``worst``, the largest and the smallest confidence, None without a box.

    Raises
    ------
    ValueError
        If one of them is not there.
    """
    try:
        width, height = float(entry["width"]), float(entry["height"])
        confidences = [float(value) for value in entry["confidences"]]
    except KeyError as error:
        raise ValueError(f"no entry of the detector's log: it has no {error}") from None
    return {
        "megapixels": width * height / 1e6,
        "shape": width / height,
        "cards": float(len(confidences)),
        "best": max(confidences, default=None),
        "worst": min(confidences, default=None),
    }


def table(log: pd.DataFrame | Iterable[Entry]) -> pd.DataFrame:
    """Describe a whole log, a row a picture; see :func:`describe`."""
    return pd.DataFrame([describe(entry) for entry in entries_of(log)])
