"""Run nginx with ``infra/nginx/nginx.conf`` and a fresh certificate in front of a server.

::

    with proxy.start(server.url) as tls:
        httpx.get(f"{tls.url}/readyz", verify=tls.context)
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from services.environment import ROOT
from services.setup.tools import program
from services.workbench.servers.launch import start as start_server
from services.workbench.servers.ports import HOST, free_port
from services.workbench.servers.server import Server, Stoppable

CONFIGURATION = ROOT / "infra" / "nginx" / "nginx.conf"


class Proxy(Stoppable):
    """A running nginx; as a context manager it stops at the end.

    ``server`` is its process, ``url`` is ``https://localhost:<port>``, ``context`` trusts only its
    certificate, and ``folder``, removed when it stops, has its configuration, certificate and log.
    """

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.url = f"https://localhost:{server.port}"
        self.context = ssl.create_default_context(cafile=folder / "cert.pem")

    def stop(self) -> int:
        """End it; return its exit code."""
        return self.server.stop()


def make_certificate(folder: Path) -> None:
    """Create a key and a self-signed certificate for localhost that is valid for a day."""
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -keyout key.pem -out cert.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*command.split(), *names], cwd=folder, check=True, capture_output=True)


def start(upstream: str) -> Proxy:
    """Start nginx in front of a server, ``http://127.0.0.1:<port>``.

    Only the two addresses in its configuration are changed. Raises FileNotFoundError if nginx or
    openssl is not installed, and ServerError as :func:`services.workbench.servers.start` does.
    """
    nginx = program("nginx")
    if nginx is None:
        raise FileNotFoundError("nginx is not installed; run: apt-get install nginx-light")
    folder = Path(tempfile.mkdtemp(prefix="nginx-"))
    port = free_port()
    text = CONFIGURATION.read_text(encoding="utf-8")
    text = text.replace("127.0.0.1:3000", urlsplit(upstream).netloc)
    config = folder / "nginx.conf"
    config.write_text(text.replace("127.0.0.1:8443", f"{HOST}:{port}"), encoding="utf-8")
    try:
        make_certificate(folder)
        # If root starts nginx, its workers run as "nobody" and cannot write to a private folder.
        also = "daemon off; user root;" if os.geteuid() == 0 else "daemon off;"
        command = [nginx, "-p", str(folder), "-c", str(config), "-g", also]
        server = start_server(command, ready=_listens, name="nginx", port=port)
    except BaseException:
        shutil.rmtree(folder)
        raise
    server.on_stop(lambda: shutil.rmtree(folder, ignore_errors=True))
    return Proxy(server, folder)


def _listens(server: Server) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, server.port)) == 0
