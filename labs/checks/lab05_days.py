"""Lab 05, exercise 5: days in the life of two services, as Prometheus would have read them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from labs.checks.lab05_series import Series

ERRORS, SLOW = "ManyErrors", "SlowAnswers"
REQUESTS = "cards_requests_total"
SECONDS = "cards_request_duration_seconds"
SERVICES = ("detector", "recommender")

EVERY = 30
MINUTES = 40
_BOUNDS = ("0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "+Inf")
_FAST = (0.6, 0.85, 0.97, 1, 1, 1, 1, 1)
_SLOW = (0, 0, 0, 0, 0.4, 1, 1, 1)
_MEANS = 0.07, 1.4


@dataclass(frozen=True)
class Day:
    """What happened, the series of it, and which services each alert should name."""

    title: str
    series: list[Series]
    expected: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass
class _Instance:
    """One process of a service: its requests a second, and the shares of what goes wrong."""

    service: str
    name: str
    a_second: float
    codes: dict[str, float]
    slow: float = 0.03
    begin: int = 0
    end: int = MINUTES + 1
    then: dict[str, float] = field(default_factory=dict)
    then_slow: float = 0.03
    restart: int = -1
    history: float = 0.0

    def series(self, draw: random.Random) -> list[Series]:
        """Return its counters, read every 30 seconds.

        From the minute ``begin`` to ``end`` the shares are ``codes`` and ``slow``, outside of it
        ``then`` and ``then_slow``, as for the ``history`` before. At ``restart`` all counters begin
        anew.
        """
        codes = sorted({*self.codes, *self.then})
        counts = dict.fromkeys([*codes, *_BOUNDS, "sum"], 0.0)
        self._add(counts, self.history, inside=False)
        samples: dict[str, list[float]] = {name: [] for name in counts}
        times = [float(EVERY * n) for n in range(MINUTES * 60 // EVERY + 1)]
        for time in times:
            if time == 60 * self.restart:
                counts = dict.fromkeys(counts, 0.0)
            requests = self.a_second * EVERY * draw.uniform(0.95, 1.05)
            self._add(counts, requests, inside=self.begin <= time / 60 < self.end)
            for name, count in counts.items():
                samples[name].append(count)
        own = {"job": "cards", "service": self.service, "instance": self.name}
        requests_ = [
            Series({"__name__": REQUESTS, **own, "code": code}, times, samples[code])
            for code in codes
        ]
        buckets = [
            Series({"__name__": f"{SECONDS}_bucket", **own, "le": bound}, times, samples[bound])
            for bound in _BOUNDS
        ]
        totals = [
            Series({"__name__": f"{SECONDS}_{part}", **own}, times, samples[name])
            for part, name in (("sum", "sum"), ("count", "+Inf"))
        ]
        return requests_ + buckets + totals

    def _add(self, counts: dict[str, float], requests: float, *, inside: bool) -> None:
        codes, slow = (self.codes, self.slow) if inside else (self.then, self.then_slow)
        requests *= sum(codes.values())
        for code, share in codes.items():
            counts[code] += requests * share / (sum(codes.values()) or 1)
        for bound, fast, late in zip(_BOUNDS, _FAST, _SLOW, strict=True):
            counts[bound] += requests * ((1 - slow) * fast + slow * late)
        counts["sum"] += requests * ((1 - slow) * _MEANS[0] + slow * _MEANS[1])


def _codes(failed: float, draw: random.Random) -> dict[str, float]:
    """Return the shares of the status codes: many refusals, and failures of two kinds."""
    refused = draw.uniform(0.2, 0.3)
    shares = {"200": 1 - refused - failed, "422": refused}
    return shares | ({"500": failed / 2, "503": failed / 2} if failed else {})


def days(draw: random.Random) -> list[Day]:
    """Return days on which one of the alerts has to fire, and days on which none may."""
    well, bad, worst = _codes(0.01, draw), _codes(0.06, draw), draw.choice(("502", "504"))
    late = draw.uniform(0.055, 0.06)
    return [
        _good(draw),
        _over(draw),
        _idle(draw),
        _sick(draw, "6 of 100 requests fail with 503 or 500", ERRORS, bad, 0.03, well),
        _sick(draw, f"every request fails with {worst}", ERRORS, {worst: 1.0}, 0.03, {}),
        _sick(draw, "6 of 100 requests take more than 0.5 seconds", SLOW, well, late, well),
    ]


def _sick(
    draw: random.Random,
    title: str,
    alert: str,
    codes: dict[str, float],
    slow: float,
    then: dict[str, float],
) -> Day:
    """Return a day on which a service falls ill at minute 15, and another is well."""
    service, other = draw.sample(SERVICES, 2)
    instances = [
        _Instance(service, f"{service}-{n}", draw.uniform(3, 9), codes, slow, 15, then=then)
        for n in (1, 2)
    ]
    for instance in instances:
        instance.history = 5e5
    instances[0].restart = draw.randint(24, 30)
    instances.append(_Instance(other, f"{other}-1", 20.0, _codes(0.005, draw)))
    return _day(f"{service}: {title}", instances, draw, {alert: [service]})


def _good(draw: random.Random) -> Day:
    """Return a day on which all is well, but for one small instance, and much is refused."""
    instances = [
        _Instance("detector", "detector-1", 20.0, _codes(0.04, draw), restart=draw.randint(24, 34)),
        _Instance("detector", "detector-2", 0.1, {"500": 1.0}, slow=1.0),
        _Instance("recommender", "recommender-1", 9.0, _codes(0.0, draw), slow=0.04),
    ]
    return _day("no service is in trouble (one small instance of many is)", instances, draw)


def _over(draw: random.Random) -> Day:
    service = draw.choice(SERVICES)
    instance = _Instance(service, f"{service}-1", 9.0, _codes(0.01, draw), begin=10)
    instance.then, instance.then_slow, instance.history = _codes(0.4, draw), 0.5, 5e5
    return _day(f"{service}: an outage that ended half an hour ago", [instance], draw)


def _idle(draw: random.Random) -> Day:
    service = draw.choice(SERVICES)
    instance = _Instance(service, f"{service}-1", 5.0, _codes(0.01, draw), end=12)
    return _day(f"{service}: no requests for half an hour", [instance], draw)


def _day(
    title: str,
    instances: list[_Instance],
    draw: random.Random,
    expected: Mapping[str, list[str]] | None = None,
) -> Day:
    series = [one for instance in instances for one in instance.series(draw)]
    return Day(title, series, expected or {})
