"""Share a fixed amount of memory among the requests of a process.

How much a request takes is known in advance: the bytes of a body as they arrive, the pixels of an
image from its header. So a process can refuse work that it has no memory for, instead of being
killed with all its requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.errors import ModelError

RETRY_AFTER = 1
"""Seconds to wait before trying again: the header ``Retry-After`` of a 429 or 503."""


class OverloadedError(ModelError):
    """The process has no room for this request at the moment: 503, to be tried again."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The server is busy: {what}.",
            code="overloaded",
            status=503,
            hint=f"Send the request again after {RETRY_AFTER} s, or send fewer at a time.",
        )


class Lease:
    """An amount that a request holds of a :class:`Budget`."""

    def __init__(self, budget: Budget, amount: int) -> None:
        self._budget = budget
        self.amount = amount

    async def shrink(self, amount: int) -> None:
        """Give back what exceeds *amount*."""
        given, self.amount = max(0, self.amount - amount), min(self.amount, amount)
        await self._budget._give_back(given)


class Budget:
    """An amount that the requests of one event loop share.

    A request that needs more than is left waits; a smaller one may overtake it. One that needs
    more than the limit waits for all of it and then runs alone.

    Parameters
    ----------
    limit : int
        The amount, e.g. in bytes.
    what : str
        What there is too much of, for the refusal.
    """

    seconds = 5.0
    """How long a request waits before it is refused."""

    def __init__(self, limit: int, what: str) -> None:
        self.limit = limit
        self.held = 0
        self._what = what
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def hold(self, amount: int) -> AsyncIterator[Lease]:
        """Hold *amount* for the length of a ``with``.

        Raises
        ------
        OverloadedError
            If it is not free in time.
        """
        amount = min(amount, self.limit)
        try:
            async with asyncio.timeout(self.seconds), self._changed:
                await self._changed.wait_for(lambda: self.held + amount <= self.limit)
                self.held += amount
        except TimeoutError:
            raise OverloadedError(self._what) from None
        lease = Lease(self, amount)
        try:
            yield lease
        finally:
            await asyncio.shield(self._give_back(lease.amount))

    def take(self, amount: int) -> None:
        """Take *amount* at once, to be given back by :meth:`give`.

        Raises
        ------
        OverloadedError
            If it is not free.
        """
        if self.held + amount > self.limit:
            raise OverloadedError(self._what)
        self.held += amount

    def give(self, amount: int) -> None:
        """Give back what :meth:`take` took."""
        self.held -= amount

    async def _give_back(self, amount: int) -> None:
        async with self._changed:
            self.held -= amount
            self._changed.notify_all()
