"""Lab 05, exercise 5: simulated days of two services, as Prometheus would have scraped them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
_TOTALS = (("sum", "sum"), ("count", "+Inf"))
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


Shares = tuple[dict[str, float], float]
"""The shares of the status codes, and the share of the slow requests; no codes: no requests."""


@dataclass
class _Instance:
    """One process of a service: from *begin* to *end*, in minutes, other *shares* than else.

    It gets *a_second* requests, give or take *spread*. The shares *then* are also those of the
    requests of its *history*. At *restart* all counters start again from 0.
    """

    name: str
    a_second: float
    shares: Shares
    then: Shares = ({}, 0.03)
    begin: int = 0
    end: int = MINUTES + 1
    restart: int = -1
    history: float = 0.0
    spread: float = 0.05
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=lambda: _BOUNDS)

    @property
    def service(self) -> str:
        """The service that it is a process of."""
        return self.name.partition("-")[0]

    def series(self, draw: random.Random) -> list[Series]:
        """Return its counters, scraped every 30 seconds."""
        codes = sorted({*self.shares[0], *self.then[0]})
        counts = dict.fromkeys([*codes, *self.bounds, "sum"], 0.0)
        self._add(counts, self.history, *self.then)
        times = [float(second) for second in range(0, MINUTES * 60 + 1, EVERY)]
        samples: dict[str, list[float]] = {name: [] for name in counts}
        for time in times:
            if time == 60 * self.restart:
                counts = dict.fromkeys(counts, 0.0)
            requests = self.a_second * EVERY * draw.uniform(1 - self.spread, 1 + self.spread)
            is_inside = self.begin <= time / 60 < self.end
            self._add(counts, requests, *(self.shares if is_inside else self.then))
            for name, count in counts.items():
                samples[name].append(count)
        own = {"job": "cards", "service": self.service, "instance": self.name}
        named = [({"__name__": REQUESTS, "code": code}, code) for code in codes]
        named += [({"__name__": f"{SECONDS}_bucket", "le": bound}, bound) for bound in self.bounds]
        named += [({"__name__": f"{SECONDS}_{part}"}, name) for part, name in _TOTALS]
        return [Series(labels | own, times, samples[name]) for labels, name in named]

    def _add(
        self, counts: dict[str, float], requests: float, codes: dict[str, float], slow: float
    ) -> None:
        for code, share in codes.items():
            counts[code] += requests * share
        requests *= sum(codes.values())
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
    one, other = draw.sample(SERVICES, 2)  # each alert has to name both, on different days
    good = _codes(0.01, draw)
    well, bad = (good, 0.03), (_codes(0.06, draw), 0.03)
    worst = draw.choice(("502", "504"))
    first, exact = f"{one}-1", ({"200": 0.95, "500": 0.05}, 0.05)
    outage = _Instance(first, 9.0, well, (_codes(0.4, draw), 0.5), begin=10, history=5e5)
    limit = _Instance(first, 20.0, exact, exact, history=6e5, spread=0.0)
    uneven = [
        _Instance(first, 10.0, (good, 0.02), well, 15, history=5e5),
        _Instance(f"{one}-2", 4.0, (good, 0.25), well, 15, history=5e5),
    ]

    def day(title: str, instances: list[_Instance], *alerts: str, exact: bool = False) -> Day:
        series = [each for instance in instances for each in instance.series(draw)]
        service = instances[0].service
        return Day(f"{service}: {title}", series, {alert: [service] for alert in alerts}, exact)

    def sick(service: str, well_one: str, shares: Shares, busy: float = 1) -> list[_Instance]:
        """Return a service that is unwell from minute 15 on, and another that is well."""
        usual: dict[str, Any] = {"then": well, "begin": 15, "history": 5e5 * busy}
        return [
            _Instance(f"{service}-1", 3.0 * busy, shares, restart=30, **usual),
            # A newer release, in the middle of its rollout.
            _Instance(f"{service}-2", 9.0 * busy, shares, bounds=_MORE_BOUNDS, **usual),
            _Instance(f"{well_one}-1", 20.0, (_codes(0.005, draw), 0.03)),
        ]

    return [
        _good(draw),
        day("an outage that ended half an hour ago", [outage]),
        day("no requests for half an hour", [_Instance(first, 5.0, well, end=12)]),
        day(
            "exactly 5 of 100 requests fail, and the 95th percentile is 0.5 seconds",
            [limit],
            exact=True,
        ),
        day("6 of 100 requests fail, with five kinds of 5xx", sick(one, other, bad), ERRORS),
        day(
            f"one request in five seconds, and every one fails with {worst}",
            sick(other, one, ({worst: 1.0}, 0.03), 1 / 60),
            ERRORS,
        ),
        day(
            "6 of 100 requests take more than 0.5 seconds",
            sick(other, one, (good, draw.uniform(0.055, 0.06))),
            SLOW,
        ),
        day("a quarter of one instance's requests are slow, 8 of 100 in all", uneven, SLOW),
    ]


def _good(draw: random.Random) -> Day:
    """Return a day without problems, but for one small instance, and with many 4xx.

    Almost 5 of 100 requests to the detector fail: more than 5 for each 100 that do not.
    """
    instances = [
        _Instance("detector-1", 20.0, (_codes(0.0435, draw), 0.03), restart=draw.randint(24, 34)),
        _Instance("detector-2", 0.1, ({"500": 1.0}, 1.0)),
        _Instance("recommender-1", 9.0, (_codes(0.0, draw), 0.04)),
    ]
    series = [one for instance in instances for one in instance.series(draw)]
    return Day("no service is in trouble (one small instance of many is)", series)
