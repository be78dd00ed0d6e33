"""Lab 05, exercise 5: simulated days of two services, as Prometheus would have scraped them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from labs.checks.lab05.promql import Series

ERRORS, SLOW = "ManyErrors", "SlowAnswers"
REQUESTS = "cards_requests_total"
SECONDS = "cards_request_duration_seconds"
SERVICES = ("detector", "recommender")

EVERY = 30
MINUTES = 40
_BOUNDS = {
    "0.05": (0.6, 0),
    "0.1": (0.85, 0),
    "0.25": (0.97, 0),
    "0.5": (1, 0),
    "1.0": (1, 0.4),
    "2.5": (1, 1),
    "5.0": (1, 1),
    "+Inf": (1, 1),
}
"""The shares of the fast and of the slow requests that are below each boundary, in seconds."""
_MORE_BOUNDS = {"0.4": (1, 0), **_BOUNDS}
_MEANS = 0.07, 1.4
_FAILURES = ("500", "502", "503", "504", "511")
"""Codes that share the failures, so that 6 of 100 are fewer than 5 if one code is left out."""


@dataclass(frozen=True)
class Day:
    """What happened, its series, and which services each alert should name.

    Attributes
    ----------
    exact : bool
        Whether the services are exactly at both limits.
    """

    title: str
    series: list[Series]
    expected: Mapping[str, list[str]] = field(default_factory=dict)
    exact: bool = False


@dataclass
class _Instance:
    """One process of a service: its requests per second, and the shares of what goes wrong."""

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
    spread: float = 0.05
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=lambda: _BOUNDS)

    def series(self, draw: random.Random) -> list[Series]:
        """Return its counters, scraped every 30 seconds.

        From the minute ``begin`` to ``end`` the shares are ``codes`` and ``slow``, outside of it
        ``then`` and ``then_slow``, as in the ``history`` before. At ``restart`` all counters start
        again from 0.
        """
        codes = sorted({*self.codes, *self.then})
        counts = dict.fromkeys([*codes, *self.bounds, "sum"], 0.0)
        self._add(counts, self.history, inside=False)
        samples: dict[str, list[float]] = {name: [] for name in counts}
        times = [float(EVERY * n) for n in range(MINUTES * 60 // EVERY + 1)]
        for time in times:
            if time == 60 * self.restart:
                counts = dict.fromkeys(counts, 0.0)
            requests = self.a_second * EVERY * draw.uniform(1 - self.spread, 1 + self.spread)
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
            for bound in self.bounds
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
        for bound, (fast, late) in self.bounds.items():
            counts[bound] += requests * ((1 - slow) * fast + slow * late)
        counts["sum"] += requests * ((1 - slow) * _MEANS[0] + slow * _MEANS[1])


def _codes(failed: float, draw: random.Random) -> dict[str, float]:
    """Return the shares of the status codes: many refusals, and failures of five kinds."""
    refused = draw.uniform(0.2, 0.3)
    shares = {"200": 1 - refused - failed, "422": refused}
    return shares | (dict.fromkeys(_FAILURES, failed / len(_FAILURES)) if failed else {})


def days(draw: random.Random) -> list[Day]:
    """Return days on which one of the alerts has to fire, and days on which none may."""
    well, bad, worst = _codes(0.01, draw), _codes(0.06, draw), draw.choice(("502", "504"))
    late = draw.uniform(0.055, 0.06)
    return [
        _good(draw),
        _over(draw),
        _idle(draw),
        _exact(draw),
        _sick(draw, "6 of 100 requests fail, with five kinds of 5xx", ERRORS, bad, 0.03, well),
        _sick(
            draw,
            f"one request in five seconds, and every one fails with {worst}",
            ERRORS,
            {worst: 1.0},
            0.03,
            well,
            1 / 60,
        ),
        _sick(draw, "6 of 100 requests take more than 0.5 seconds", SLOW, well, late, well),
        _uneven(draw),
    ]


def _sick(
    draw: random.Random,
    title: str,
    alert: str,
    codes: dict[str, float],
    slow: float,
    then: dict[str, float],
    busy: float = 1,
) -> Day:
    """Return a day on which a service has a problem from minute 15 on, and the other has none.

    The service gets 12 * *busy* requests a second.
    """
    service, other = draw.sample(SERVICES, 2)
    begin, history = 15, 5e5 * busy
    instances = [
        _Instance(service, f"{service}-{n}", a_second * busy, codes, slow, begin, then=then)
        for n, a_second in ((1, 3.0), (2, 9.0))
    ]
    instances[0].history = instances[1].history = history
    instances[0].restart = 30
    instances[1].bounds = _MORE_BOUNDS  # a newer release, in the middle of its rollout
    instances.append(_Instance(other, f"{other}-1", 20.0, _codes(0.005, draw)))
    return _day(f"{service}: {title}", instances, draw, {alert: [service]})


def _uneven(draw: random.Random) -> Day:
    """Return a day on which the smaller instance of a service is slow, and the service with it."""
    service, well = draw.choice(SERVICES), _codes(0.01, draw)
    instances = [
        _Instance(service, f"{service}-1", 10.0, well, 0.02, 15, then=well, history=5e5),
        _Instance(service, f"{service}-2", 4.0, well, 0.25, 15, then=well, history=5e5),
    ]
    title = f"{service}: a quarter of one instance's requests are slow, 8 of 100 in all"
    return _day(title, instances, draw, {SLOW: [service]})


def _exact(draw: random.Random) -> Day:
    """Return a day on which a service is exactly at both limits, and not above."""
    service, codes = draw.choice(SERVICES), {"200": 0.95, "500": 0.05}
    instance = _Instance(service, f"{service}-1", 20.0, codes, 0.05, then=codes, then_slow=0.05)
    instance.spread, instance.history = 0.0, 6e5
    title = f"{service}: exactly 5 of 100 requests fail, and the 95th percentile is 0.5 seconds"
    day = _day(title, [instance], draw)
    return Day(day.title, day.series, day.expected, exact=True)


def _good(draw: random.Random) -> Day:
    """Return a day without problems, but for one small instance, and with many 4xx.

    Almost 5 of 100 requests to the detector fail: more than 5 for each 100 that do not.
    """
    instances = [
        _Instance(
            "detector", "detector-1", 20.0, _codes(0.0435, draw), restart=draw.randint(24, 34)
        ),
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
