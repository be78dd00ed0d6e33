"""What requests hold of a shared amount, and when they give it back."""

from __future__ import annotations

import asyncio

import pytest

from services.http.budget import Budget, OverloadedError


def test_what_a_request_shrinks_to_leaves_room_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Budget, "seconds", 0.05)

    async def two() -> None:
        budget = Budget(10, "it is full")
        async with budget.hold(8) as lease:
            with pytest.raises(OverloadedError):
                async with budget.hold(6):
                    pass
            await lease.shrink(4)
            async with budget.hold(6):
                assert budget.held == 10
            await lease.shrink(9)  # it never grows
            assert budget.held == 4
        assert budget.held == 0

    asyncio.run(two())
