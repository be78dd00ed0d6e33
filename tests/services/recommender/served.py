"""What the tests of all servers of the recommender share: settings, and the comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.recommender.recommender import Recommender
from services.recommender.settings import MODEL


def settings(folder: Path, url: str, model: str = MODEL, **more: str) -> dict[str, str]:
    """Return the variables of a service that follows *model* at *url* and writes to *folder*."""
    return {
        "MLFLOW_TRACKING_URI": url,
        "RECOMMENDER_MODEL": model,
        "RECOMMENDER_CACHE": str(folder / "cache"),
        "RECOMMENDER_LOG": str(folder / "log"),
        **more,
    }


def assert_same(answer: dict[str, Any], core: Recommender, **asked: Any) -> None:
    """Compare an answer with the core's: the same but for the last digits of the scores."""
    expected = core.recommend(**asked).as_dict()
    scores = [[item["score"] for item in each["items"]] for each in (answer, expected)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    for each in (answer, expected):
        each["items"] = [{**item, "score": 0} for item in each["items"]]
    assert answer == expected
