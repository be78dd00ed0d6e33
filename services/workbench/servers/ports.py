"""Ports of the loopback: which is free, and whose is it."""

from __future__ import annotations

import socket
from collections.abc import Iterable

import psutil

HOST = "127.0.0.1"


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def taken(port: int) -> bool:
    """Tell whether somebody listens on *port* of the loopback, or holds it otherwise."""
    with socket.socket() as probe:
        # As servers do: the remains of closed connections are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    # macOS lets us bind beside a server that listens on all addresses.
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def listens(pids: Iterable[int], port: int) -> bool:
    """Tell whether one of the processes *pids* listens on *port*.

    Somebody else's server may have got there first and answer in place of ours.
    """
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
    return not told  # Where the system keeps it to itself, believe that it does.
