"""Serve one service from one file in one process; run by :mod:`labs.engine.serving`.

``bentoml serve`` starts a process for each worker and takes many seconds. This runs the same
application in one process that is ready in about two seconds, so a check can start it every time.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
import traceback
import warnings
from typing import Any

IMPORT_FAILED = "LABS: the module could not be imported"
"""This line in the log means that importing the learner's module raised an exception."""


def application(service: Any) -> Any:
    """Return the ASGI application of a service of either BentoML API; others are unchanged."""
    if hasattr(service, "to_asgi"):
        return service.to_asgi()
    if hasattr(service, "asgi_app"):
        return service.asgi_app  # its Runners also run in this process
    return service


def main() -> int:
    """Serve until the process is signalled to end."""
    parser = argparse.ArgumentParser(description="Serve one service from one file in one process.")
    parser.add_argument("file", help="a Python file")
    parser.add_argument("name", help="the service's name in the file")
    parser.add_argument("port", type=int, help="port to listen on, at 127.0.0.1")
    parser.add_argument("--fake-core", action="store_true", help="use models that load at once")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="serving-labs-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        if options.fake_core:
            from labs.engine import fake_core

            fake_core.install()
        try:
            spec = importlib.util.spec_from_file_location("service", options.file)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules["service"] = module
            spec.loader.exec_module(module)
            app = application(getattr(module, options.name))
        except BaseException:
            traceback.print_exc()
            print(IMPORT_FAILED, file=sys.stderr)
            return 1
        import uvicorn

        uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning")
    return 0


if __name__ == "__main__":
    sys.exit(main())
