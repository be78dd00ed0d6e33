"""A limit on each client's requests: a token bucket, in memory of bounded size; off by default.

``SERVING_LABS_RATE_LIMIT=60/10`` allows a client 60 requests at once, and 60 every 10 seconds in
the long run. Each process counts for itself: with four workers a client gets up to four times that.
A limit over all workers and machines belongs in the reverse proxy, see ``infra/nginx``. Behind a
proxy on another machine, all clients share its address unless uvicorn is set to trust the proxy's
``X-Forwarded-For`` (``FORWARDED_ALLOW_IPS``); API keys are counted separately in any case.
"""

from __future__ import annotations

import ipaddress
import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from services.errors import InputError

MAX_CLIENTS = 10_000
"""How many clients are counted individually; it takes about 2 MB."""

OTHERS = "all others"
"""The bucket that all further clients share, so that a new address brings no new allowance."""


class RateLimitedError(InputError):
    """One request too many: 429, with the seconds to wait."""

    def __init__(self, allowed: str, wait: int) -> None:
        super().__init__(
            f"This client has sent too many requests; {allowed} are allowed.",
            code="rate_limited",
            status=429,
            hint=f"Wait {wait} s, as Retry-After says, and send requests at a lower rate.",
        )
        self.headers = {"Retry-After": str(wait)}


@dataclass
class _Bucket:
    tokens: float
    at: float


class RateLimit:
    """Token buckets, one for each client.

    Parameters
    ----------
    requests : int
        How many a bucket holds and so allows at once, 1 or more.
    seconds : float
        How long a bucket takes to fill up, above 0.
    max_clients : int
        How many buckets are kept, 1 or more.
    clock : callable
        Returns the time in seconds.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    def __init__(
        self,
        requests: int,
        seconds: float,
        *,
        max_clients: int = MAX_CLIENTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if requests < 1 or not 0 < seconds < math.inf or max_clients < 1:
            raise ValueError(
                "a rate limit takes 1 or more requests, seconds above 0 and 1 or more clients; "
                f"got {requests}, {seconds} and {max_clients}"
            )
        self.requests = requests
        self.seconds = seconds
        self.max_clients = max_clients
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()  # the longest unused one first

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self | None:
        """Read ``SERVING_LABS_RATE_LIMIT``; None if it is not set.

        Raises
        ------
        ValueError
            If it is not REQUESTS/SECONDS.
        """
        value = environment.get("SERVING_LABS_RATE_LIMIT")
        if value is None:
            return None
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", value, re.ASCII)
        if found is None:
            raise ValueError(
                f"SERVING_LABS_RATE_LIMIT is REQUESTS/SECONDS, e.g. 60/10; got {value!r}"
            )
        return cls(int(found[1]), int(found[2]))

    def __len__(self) -> int:
        """Return how many buckets are kept."""
        return len(self._buckets)

    def take(self, client: str) -> None:
        """Count one request of a client.

        Raises
        ------
        RateLimitedError
            If the client's bucket is empty. A refused request is not counted.
        """
        now = self._clock()
        bucket = self._bucket(client, now)
        rate = self.requests / self.seconds
        bucket.tokens = min(self.requests, bucket.tokens + (now - bucket.at) * rate)
        bucket.at = now
        if bucket.tokens < 1:
            wait = max(1, math.ceil((1 - bucket.tokens) / rate))
            raise RateLimitedError(f"{self.requests} in {self.seconds:g} s", wait)
        bucket.tokens -= 1

    def _bucket(self, client: str, now: float) -> _Bucket:
        """Return a client's bucket; make room by forgetting those that are full again."""
        if client not in self._buckets and len(self._buckets) >= self.max_clients:
            while self._buckets and now - next(iter(self._buckets.values())).at >= self.seconds:
                self._buckets.popitem(last=False)
            if len(self._buckets) >= self.max_clients:
                client = OTHERS
        bucket = self._buckets.setdefault(client, _Bucket(self.requests, now))
        self._buckets.move_to_end(client)
        return bucket


def client_of(address: str) -> str:
    """Return what a client is counted under: its IPv4 address, or its IPv6 network.

    A subscriber gets a whole network of 2**64 IPv6 addresses, so limiting single ones is useless.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))
