"""Start an MLflow tracking server: runs, models and the registry at one address.

::

    with tracking.server() as server:
        mlflow.set_tracking_uri(server.url)

By default everything is in one folder: a SQLite database and the artifacts, which clients upload
and download through the server. A team uses PostgreSQL and S3-compatible storage instead, here or
as in ``infra/mlflow/``; nothing changes for the clients.

From a terminal, until Ctrl-C; open the address in a browser to look around::

    python -m services.workbench.servers.tracking
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from services import command_line
from services.environment import ROOT, build_dir
from services.packaging.requirements import resolve_pins
from services.workbench import servers
from services.workbench.servers import Server
from services.workbench.servers.ports import HOST

DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
"""The databases that a backend's URI may name before ``://`` or ``+driver://``."""

LOOPBACK = ("localhost", "localhost:*", "127.0.0.1", "127.0.0.1:*")
"""Host names under which clients on this machine may reach the server."""

REQUIREMENTS = ROOT / "infra" / "mlflow" / "requirements.txt"
"""The packages of a team's server: the committed result of :func:`requirements`."""


def requirements() -> str:
    """Return MLflow with its PostgreSQL and S3 clients, at the lock's versions."""
    head = "# Taken from the lock by: python -m services.workbench.servers.tracking --lock"
    return (
        "\n".join([head, *resolve_pins(["boto3", "flask-wtf", "mlflow", "psycopg2-binary"])]) + "\n"
    )


def server(
    folder: str | Path | None = None,
    *,
    backend_uri: str | None = None,
    artifacts: str | Path | None = None,
    hosts: Sequence[str] = (),
    port: int | None = None,
    timeout: float = 180.0,
    env: Mapping[str, str] | None = None,
) -> Server:
    """Start ``mlflow server`` on 127.0.0.1 and return once it is ready.

    It runs one worker and no background jobs. This takes a quarter of MLflow's usual memory and is
    enough for a class.

    Parameters
    ----------
    folder : str or path, optional
        The folder for the database and the artifacts; ``build/mlflow`` if not given. Existing data
        in it is served again.
    backend_uri : str, optional
        The database, as SQLAlchemy writes it: ``postgresql+psycopg2://user:password@host/name``; a
        SQLite file in *folder* if not given. MLflow no longer serves from a folder of files.
    artifacts : str or path, optional
        Where the server stores artifacts: a folder or e.g. ``s3://bucket/path``; a folder in
        *folder* if not given.
    hosts : sequence of str, optional
        More host names under which clients reach the server, each with its port:
        ``"mlflow:5000"``; ``*`` is a wildcard. A request to any other name gets a 403, while
        ``/health`` still answers 200.
    port, timeout, env
        As for :func:`services.workbench.servers.start`.

    Returns
    -------
    Server
        Its ``url`` is the tracking URI.

    Raises
    ------
    ValueError
        If *backend_uri* names no database.
    services.workbench.servers.ServerError
        If the server does not become ready; the message ends with its log's last lines.
    """
    folder = Path(folder or build_dir() / "mlflow").resolve()
    scheme = (backend_uri or "sqlite://").split("://")[0].split("+")[0]
    if scheme not in DATABASES:
        raise ValueError(
            f"backend_uri must name a database ({', '.join(DATABASES)}), got {backend_uri!r}; "
            "for a folder on this machine, leave it out and pass folder="
        )
    if backend_uri and backend_uri.startswith("postgresql://"):
        # Since 2.1, SQLAlchemy takes this to mean psycopg 3; we use the driver that MLflow names.
        backend_uri = backend_uri.replace("postgresql", "postgresql+psycopg2", 1)
    if backend_uri is None or artifacts is None:
        folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", "{port}"]
    command += ["--backend-store-uri", backend_uri or f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(artifacts or folder / "artifacts")]
    command += ["--allowed-hosts", ",".join((*LOOPBACK, *hosts)), "--workers", "1"]
    return servers.start(
        command,
        ready="/health",
        name="mlflow",
        port=port,
        timeout=timeout,
        env={"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **(env or {})},
        pages={"MLflow": "/"},
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = command_line.parser("services.workbench.servers.tracking", __doc__)
    parser.add_argument("--folder", type=Path, help="folder for all data (build/mlflow)")
    parser.add_argument("--port", type=int, default=5000, help="port on 127.0.0.1 (5000)")
    parser.add_argument(
        "--lock", action="store_true", help="write infra/mlflow/requirements.txt only"
    )
    given = parser.parse_args(arguments)
    if given.lock:
        REQUIREMENTS.write_text(requirements(), encoding="utf-8")
        return 0
    try:
        with server(given.folder, port=given.port) as running:
            print(f"export MLFLOW_TRACKING_URI={running.url}", flush=True)
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
    except servers.ServerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
