"""Pretended clocks, machines and servers of lab 10. Nothing here waits, so nothing is noisy."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import partial

_READING = 2e-6
"""Seconds that a reading of the clock takes: who waits by reading it comes to an end, too."""


class Machine:
    """A machine that gets slower with each turn, on which two servers are measured.

    The first turn of each server is for warming up. One later turn, always the second of a round,
    is disturbed by another program.

    Attributes
    ----------
    turns : list of (str, float)
        Who was measured, and the seconds that it took.
    reads : int
        How often the clock was read.
    """

    def __init__(self, source: random.Random, rounds: int, ratio: float) -> None:
        self.ratio = ratio
        self.turns: list[tuple[str, float]] = []
        self.reads = 0
        self._now = source.uniform(1e3, 1e5)
        self._slower = source.uniform(1.05, 1.07)
        self._base = source.uniform(0.5, 2.0)
        self._warm_up = {"a": source.uniform(5, 9), "b": source.uniform(1.5, 3)}
        self._disturbed = 3 + 2 * source.randrange(rounds // 2)

    def clock(self) -> float:
        """Return the time in seconds."""
        self.reads += 1
        return self._now

    def turn(self, name: str) -> Callable[[], None]:
        """Return a function that sends one turn of requests to ``"a"`` or ``"b"``."""

        def send() -> None:
            number = len(self.turns)
            seconds = self._base * self._slower**number * (self.ratio if name == "a" else 1.0)
            if all(name != other for other, _ in self.turns):
                seconds *= self._warm_up[name]
            elif number == self._disturbed:
                seconds *= 14
            self.turns.append((name, seconds))
            self._now += seconds

        return send


class Line:
    """A server behind one connection: it answers one request at a time, and once it pauses.

    Its clock begins at ``start``.
    """

    def __init__(self, durations: list[float], start: float) -> None:
        self.sent: list[float] = []
        self.waited: list[float] = []
        self.start = start
        self._durations = durations
        self._now = start

    def clock(self) -> float:
        """Return the time in seconds."""
        self._now += _READING
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let time pass.

        Raises
        ------
        ValueError
            If *seconds* is below 0, as :func:`time.sleep` does.
        """
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        self.waited.append(seconds)
        self._now += seconds

    def send(self) -> None:
        """Send one request and wait for its answer."""
        number = len(self.sent)
        self.sent.append(self._now)
        self._now += self._durations[min(number, len(self._durations) - 1)]


class Contest:
    """Servers of which one is the fastest, on a machine that many things disturb.

    A turn's figure varies by 5 %; one turn in eight is disturbed and takes up to four times as
    long; a server's first turn is for warming up; and the whole machine gets slower and recovers.

    Attributes
    ----------
    true : dict of str to float
        Each server's milliseconds on a quiet machine.
    turns : list of (str, float)
        Who was measured, and the milliseconds that came out.
    """

    SERVERS = 8

    def __init__(self, seed: int) -> None:
        source = random.Random(seed)
        best = source.uniform(20, 60)
        factors = [1.0, source.uniform(1.2, 1.3)]
        factors += [source.uniform(1.3, 4) for _ in range(self.SERVERS - 2)]
        source.shuffle(factors)
        self.true = {f"server_{n}": best * factor for n, factor in enumerate(factors)}
        self.turns: list[tuple[str, float]] = []
        self._phase = source.uniform(0, 2 * math.pi)
        self._random = source

    @property
    def fastest(self) -> str:
        """The name that has to be found."""
        return min(self.true, key=self.true.__getitem__)

    @property
    def seconds(self) -> float:
        """Pretended seconds that all turns so far took; a turn is 50 requests, one by one."""
        return sum(milliseconds for _, milliseconds in self.turns) * 50 / 1000

    def functions(self) -> dict[str, Callable[[], float]]:
        """Return a function for each server that sends one turn and returns its milliseconds."""
        return {name: partial(self._turn, name) for name in self.true}

    def _turn(self, name: str) -> float:
        quiet = 1.5 + 0.5 * math.sin(self._phase + len(self.turns) / 12)
        milliseconds = self.true[name] * quiet * math.exp(self._random.gauss(0, 0.05))
        if all(name != other for other, _ in self.turns):
            milliseconds *= self._random.uniform(1.5, 3)
        elif self._random.random() < 1 / 8:
            milliseconds *= self._random.uniform(2, 4)
        self.turns.append((name, milliseconds))
        return milliseconds

    def plain_way(self, rounds: int = 20) -> float:
        """Measure everybody once for warming up and then in *rounds* rounds; return the seconds."""
        functions = self.functions()
        for _ in range(rounds + 1):
            for turn in functions.values():
                turn()
        return self.seconds
