"""Ports of the loopback address: find a free one, and check who listens."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable

import psutil

HOST = "127.0.0.1"

_CHOICE = range(20_000, 32_768)
"""Below the ports that systems give to clients, and to servers that ask for any (bind to 0)."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free at this moment, chosen at random.

    Nobody else should take it before a server binds it, seconds later. Therefore it is none of the
    ports that the system hands out by itself. Raises OSError if none is free.
    """
    for port in random.SystemRandom().sample(_CHOICE, 100):  # a seed would give everybody the same
        if not taken(port):
            return port
    raise OSError(f"no free port found from {_CHOICE.start} to {_CHOICE.stop - 1}")


def taken(port: int) -> bool:
    """Return whether *port* of the loopback address is in use."""
    with socket.socket() as probe:
        # As servers do, so that remains of closed connections do not matter.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    # macOS allows binding next to a server that listens on all addresses.
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def listens(pids: Iterable[int], port: int) -> bool:
    """Return whether one of *pids* listens on *port*: another server may have taken it."""
    told = True
    for pid in pids:
        try:
            for connection in psutil.Process(pid).connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return True
        except psutil.AccessDenied:
            told = False
        except psutil.NoSuchProcess:
            continue
    return not told  # If the system does not report ports, assume that it listens.
