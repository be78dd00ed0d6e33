"""A real PostgreSQL in a temporary folder, for one module of tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2

from services.setup import preflight
from services.workbench import servers
from services.workbench.servers import Server

USER, PASSWORD, DATABASE = "mlflow", "not/a secret", "mlflow"


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """Yield a server that USER may use with PASSWORD, from 127.0.0.1 only."""
    folder = Path(tempfile.mkdtemp(prefix="serving-labs-postgres-", dir="/tmp"))
    try:
        secret = folder / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        # initdb and postgres refuse to run as root; Debian's package makes a user for them.
        other: list[str] = []
        if os.geteuid() == 0:
            for path in (folder, secret):
                shutil.chown(path, "postgres", "postgres")
            other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
        data = str(folder / "data")
        options = ["--username", USER, "--auth", "scram-sha-256", "--pwfile", str(secret)]
        made = [*other, program("initdb"), "--pgdata", data, *options, "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, cwd=folder)
        run = [*other, program("postgres"), "-D", data, "-p", "{port}", "-h", "127.0.0.1"]
        run += ["-c", "unix_socket_directories=", "-c", "fsync=off"]
        with servers.start(run, name="postgres", ready=_made_database, cwd=folder) as server:
            yield server
    finally:
        shutil.rmtree(folder)


def program(name: str) -> str:
    found = preflight.program(name)
    assert found, f"initdb is there, {name} is not"
    return found


def _made_database(server: Server) -> bool:
    """Make the database as soon as the server lets us."""
    try:
        connection = psycopg2.connect(
            host="127.0.0.1", port=server.port, user=USER, password=PASSWORD, dbname="postgres"
        )
    except psycopg2.OperationalError:
        return False
    connection.autocommit = True
    with (
        contextlib.closing(connection),
        connection.cursor() as cursor,
        contextlib.suppress(psycopg2.errors.DuplicateDatabase),
    ):
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    return True
