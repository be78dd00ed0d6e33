from __future__ import annotations

import itertools

import pytest

from services.workbench.servers import waiting


def test_it_returns_when_the_condition_is_true() -> None:
    looks = itertools.count()
    waiting.until(lambda: next(looks) == 3, poll=0)
    assert next(looks) == 4


def test_it_does_not_wait_for_ever() -> None:
    with pytest.raises(TimeoutError, match=r"within 0\.05 s"):
        waiting.until(lambda: False, seconds=0.05)
