"""What the soak test makes of an answer, and of all of them; the run itself is ``make soak``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from services.id_card.model.opening import MAX_PIXELS
from services.workbench import hostile_images, soak
from services.workbench.soak import BROKEN, Soak

HINT = {"error": {"code": "c", "message": "m", "hint": "h"}}


@pytest.mark.parametrize(
    ("status", "body", "answer", "outcome"),
    [
        (200, [1], [1], "answered"),
        (200, [1], None, "answered"),
        (200, [2], [1], f"{BROKEN}another answer"),
        (415, HINT, None, "refused with a hint"),
        (415, HINT, [1], f"{BROKEN}415"),
        (415, {"detail": "no"}, None, f"{BROKEN}415 without a hint"),
        (415, "no", None, f"{BROKEN}415 without a hint"),
        (503, HINT, [1], "with status 503, to be retried"),
        (503, {"error": "hint"}, [1], f"{BROKEN}503 without a hint"),
        (500, HINT, None, f"{BROKEN}500"),
    ],
)
def test_an_answer_is_judged(status: int, body: Any, answer: Any, outcome: str) -> None:
    assert soak._judged(httpx.Response(status, json=body), answer) == outcome


@pytest.mark.parametrize(
    ("cut_off", "log", "broken"),
    [(15, "", []), (16, "", ["requests cut off"]), (0, "Traceback (most recent call last)", ["a"])],
)
def test_the_table_says_which_promise_is_broken(
    tmp_path: Path, cut_off: int, log: str, broken: list[str]
) -> None:
    (tmp_path / "log").write_text(log)
    run = Soak({"detector": SimpleNamespace(log=tmp_path / "log")}, kills=1)  # type: ignore[dict-item]
    run.outcomes["good images"] = Counter({"answered": 99, "cut off": cut_off})
    run.memory["detector"] = [300, 900, 400]

    rows = soak._table(run, True)

    assert ("good images", 99 + cut_off) == rows[0][:2]
    assert "300 MiB at first, 900 at most, 400 at the end" in [text for _, _, text in rows]
    found = [what for what, _, happened in rows if BROKEN in happened]
    assert len(found) == len(broken)
    assert all(what.startswith(start) for what, start in zip(found, broken, strict=True))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_bomb_is_small_and_just_allowed(kind: str) -> None:
    data = hostile_images.bomb(kind)
    assert len(data) < 1_000_000
    assert 0.9 * MAX_PIXELS < 7000 * 7000 <= MAX_PIXELS
