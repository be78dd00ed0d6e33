"""Ports of the loopback address: find a free one, and check who listens."""

from __future__ import annotations

import socket
from collections.abc import Iterable

import psutil

HOST = "127.0.0.1"


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


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
