"""Start an MLflow tracking server: runs, models and the registry at one address.

::

    with tracking.server() as server:
        mlflow.set_tracking_uri(server.url)

Everything is in one folder: a SQLite database and the artifacts, which clients upload and download
through the server. A team uses PostgreSQL and S3-compatible storage instead, as in
``infra/mlflow/``; nothing changes for the clients.

From a terminal, until Ctrl-C; open the address in a browser to look around::

    python -m services.workbench.servers.tracking
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from services import command_line
from services.environment import ROOT, build_dir
from services.packaging.requirements import resolve_pins
from services.workbench import servers
from services.workbench.servers import Server
from services.workbench.servers.ports import HOST

LOOPBACK = ("localhost", "localhost:*", "127.0.0.1", "127.0.0.1:*")
"""Host names under which clients on this machine may reach the server."""

REQUIREMENTS = ROOT / "infra" / "mlflow" / "requirements.txt"
"""The packages of a team's server: the committed result of :func:`requirements`."""


def requirements() -> str:
    """Return MLflow with its PostgreSQL and S3 clients, at the lock's versions."""
    head = "# Taken from the lock by: python -m services.workbench.servers.tracking --lock"
    pins = resolve_pins(["boto3", "flask-wtf", "mlflow", "psycopg2-binary"])
    return "\n".join([head, *pins, ""])


def server(folder: str | Path | None = None, *, port: int | None = None) -> Server:
    """Start ``mlflow server`` on 127.0.0.1 and return once it is ready; its URL is the tracking's.

    The database and the artifacts are in *folder*, ``build/mlflow`` if not given; existing data in
    it is served again. It runs one worker and no background jobs, which takes a quarter of MLflow's
    usual memory and is enough for a class. A request to another host name than this machine's gets
    a 403, while ``/health`` still answers 200. Raises ServerError if the server does not become
    ready.
    """
    folder = Path(folder or build_dir() / "mlflow").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", "{port}"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--workers", "1"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    command += ["--allowed-hosts", ",".join(LOOPBACK)]
    return servers.start(
        command,
        ready="/health",
        name="mlflow",
        port=port,
        timeout=180.0,
        env={"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
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
