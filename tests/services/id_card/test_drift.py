"""What drifts in the detector's log."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from services.drift.distance import compare
from services.id_card.drift import INPUTS, PREDICTIONS, describe, table


def entry(*confidences: float) -> dict:
    return {"width": 1200, "height": 800, "confidences": list(confidences), "model": "m"}


def test_an_answer_is_described() -> None:
    found = describe(entry(0.9, 0.6))
    assert found == {"megapixels": 0.96, "shape": 1.5, "cards": 2, "best": 0.9, "worst": 0.6}
    assert tuple(found) == INPUTS + PREDICTIONS
    assert describe(entry())["best"] is None
    with pytest.raises(ValueError, match="no entry of the detector's log: it has no 'width'"):
        describe({"confidences": []})


def test_a_less_sure_detector_is_seen_in_its_answers_alone() -> None:
    rng = np.random.default_rng(0)
    before, now = (
        table(entry(*rng.beta(a, 2, rng.integers(3))) for _ in range(400)) for a in (18, 6)
    )
    over = {each.feature for each in compare(before, now) if each.psi > each.limit}
    assert over == {"best", "worst"}
    log = pd.DataFrame([entry(0.9), entry()])
    assert table(log)["cards"].tolist() == [1, 0]
