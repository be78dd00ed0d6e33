"""Labels of KServe's counters: codes may come from a predictor behind a transformer."""

from __future__ import annotations

import pytest

from services.kserve_support import metrics


def test_after_many_codes_a_new_one_is_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_codes", set())
    monkeypatch.setattr(metrics, "MOST_CODES", 2)

    def counted(code: str) -> float:
        return metrics.ERRORS.labels(metrics.UNKNOWN, "v1", code)._value.get()

    before = counted("other")
    for code in ("first", "second", "third", "fourth", "first"):
        metrics.not_answered("nobody", "v1", 400, code)

    assert (counted("first"), counted("second")) == (2, 1)
    assert counted("other") == before + 2
