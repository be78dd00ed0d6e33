"""Start servers on free loopback ports, wait until they are ready, and leave nothing behind.

Imported by notebooks, the bench and tests.
"""

from services.workbench.servers.bentoml_serve import bentoml
from services.workbench.servers.launch import start
from services.workbench.servers.ports import free_port
from services.workbench.servers.processes import ProcessRecord, strays, sweep
from services.workbench.servers.server import (
    CrashedError,
    NotReadyError,
    PortTakenError,
    Server,
    ServerError,
)
from services.workbench.servers.terminal import shell

__all__ = [
    "CrashedError",
    "NotReadyError",
    "PortTakenError",
    "ProcessRecord",
    "Server",
    "ServerError",
    "bentoml",
    "free_port",
    "shell",
    "start",
    "strays",
    "sweep",
]
