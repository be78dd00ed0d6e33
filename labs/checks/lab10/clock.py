"""Fake clocks, machines and servers of lab 10. Nothing here waits, so no result is noisy."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from functools import partial


class Machine:
    """A machine that gets slower with each turn, on which two servers are measured.

    The first turn of each server is a warm-up. Later another program disturbs the second turn of a
    round and, where there are enough rounds, also the first turn of the next.

    Attributes
    ----------
    turns : list of (str, float)
        Which server was measured, and the seconds that it took.
    reads : int
        How often the clock was read.
    timed_warm_up : bool
        Whether the clock was read before both servers had had a turn.
    """

    def __init__(self, source: random.Random, rounds: int, ratio: float) -> None:
        self.ratio = ratio
        self.turns: list[tuple[str, float]] = []
        self.reads = 0
        self.timed_warm_up = False
        self._now = source.uniform(1e3, 1e5)
        self._slower = source.uniform(1.05, 1.07)
        self._base = source.uniform(0.5, 2.0)
        self._warm_up = {"a": source.uniform(5, 9), "b": source.uniform(1.5, 3)}
        first = 3 + 2 * source.randrange(rounds - 1)
        self._disturbed = {first, first + 1} if rounds >= 8 else {first}
        self._random = source

    def clock(self) -> float:
        """Return the time in seconds."""
        self.reads += 1
        self.timed_warm_up |= len(self.turns) < 2
        return self._now

    def turn(self, name: str) -> Callable[[], None]:
        """Return a function that sends one turn of requests to ``"a"`` or ``"b"``."""

        def send() -> None:
            number = len(self.turns)
            seconds = self._base * self._slower**number * (self.ratio if name == "a" else 1.0)
            if all(name != other for other, _ in self.turns):
                seconds *= self._warm_up[name]
            elif number in self._disturbed:
                seconds *= 14
            seconds *= self._random.uniform(0.995, 1.005)  # so that no two ratios are the same
            self.turns.append((name, seconds))
            self._now += seconds

        return send


class NegativeSleepError(ValueError):
    """``sleep`` was called with a number below 0."""


class Connection:
    """A server behind one connection: it answers one request at a time.

    Reading its clock takes a little time, so that code which waits by reading it comes to an end.

    Attributes
    ----------
    durations : list of float
        The seconds that each answer takes.
    start, gap : float
        When its clock begins, and the seconds between two due requests.
    sent, waited : list of float
        When requests were sent, and the seconds of each sleep.
    tolerance : float
        Seconds by which a time may be off; code may wait in small steps.
    overlaps : int
        How many requests were sent while another one was not answered yet.
    """

    def __init__(self, durations: list[float], start: float, gap: float) -> None:
        self.durations, self.start, self.gap = durations, start, gap
        self.sent: list[float] = []
        self.waited: list[float] = []
        self.tolerance = gap / 20
        self.overlaps = 0
        self._now = start
        self._answering = 0
        self._thread = threading.get_ident()

    def clock(self) -> float:
        """Return the time in seconds."""
        self._now += self.gap / 10_000
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let time pass.

        Raises
        ------
        NegativeSleepError
            If *seconds* is below 0, with the message of :func:`time.sleep`.
        """
        if seconds < 0:
            raise NegativeSleepError("sleep length must be non-negative")
        self.waited.append(seconds)
        self._now += seconds

    def send(self) -> None:
        """Send one request and wait for its answer; in another thread, it takes real time, too."""
        self.overlaps += self._answering > 0
        self._answering += 1
        if threading.get_ident() != self._thread:
            time.sleep(0.002)
        self._answering -= 1
        number = min(len(self.sent), len(self.durations) - 1)
        self.sent.append(self._now)
        self._now += self.durations[number]

    def due(self) -> list[float]:
        """Return when each request is due."""
        return [self.start + number * self.gap for number in range(len(self.durations))]

    def timetable(self) -> list[float]:
        """Return when each request should be sent: when due, or when the connection is free."""
        free, times = self.start, []
        for due, duration in zip(self.due(), self.durations, strict=True):
            times.append(max(free, due))
            free = times[-1] + duration
        return times


class Contest:
    """Servers of which one is the fastest, on a machine that many things disturb.

    Attributes
    ----------
    true : dict of str to float
        Each server's milliseconds on a quiet machine.
    turns : list of (str, float)
        Which server was measured, and the milliseconds that were returned.
    """

    SERVERS = 8
    NOISE = 0.05
    """How much a turn varies."""
    DISTURBED = 1 / 25
    """The share of disturbed turns; they take 6 to 12 times as long."""
    CYCLE = 28
    """Turns until the machine is as fast again as at the beginning."""

    def __init__(self, seed: int) -> None:
        source = random.Random(seed)
        best = source.uniform(20, 60)
        factors = [1.0, source.uniform(1.2, 1.3)]
        factors += [source.uniform(1.3, 4) for _ in range(self.SERVERS - 2)]
        source.shuffle(factors)
        self.true = {f"server_{n}": best * factor for n, factor in enumerate(factors)}
        self.turns: list[tuple[str, float]] = []
        self._warm: set[str] = set()
        self._phase = source.uniform(0, 2 * math.pi)
        self._random = source

    @property
    def fastest(self) -> str:
        """The name that has to be found."""
        return min(self.true, key=self.true.__getitem__)

    @property
    def milliseconds(self) -> float:
        """What all turns so far took."""
        return sum(milliseconds for _, milliseconds in self.turns)

    def functions(self) -> dict[str, Callable[[], float]]:
        """Return a function for each server that sends one turn and returns its milliseconds."""
        return {name: partial(self._turn, name) for name in self.true}

    def _turn(self, name: str) -> float:
        slower = 1.5 + 0.5 * math.sin(self._phase + 2 * math.pi * len(self.turns) / self.CYCLE)
        milliseconds = self.true[name] * slower * math.exp(self._random.gauss(0, self.NOISE))
        if name not in self._warm:
            milliseconds *= self._random.uniform(1.5, 3)
        elif self._random.random() < self.DISTURBED:
            milliseconds *= self._random.uniform(6, 12)
        self._warm.add(name)
        self.turns.append((name, milliseconds))
        return milliseconds

    def plain_way(self, rounds: int = 20) -> float:
        """Measure each server once to warm up and then in *rounds* rounds; return the time."""
        functions = self.functions()
        for _ in range(rounds + 1):
            for turn in functions.values():
                turn()
        return self.milliseconds
