"""The environment variables that keep libraries' files in ``build/`` and their telemetry off.

Every library used here has its own cache or settings folder, most of them in the user's home
directory. Here they are all redirected to ``build/``. A variable that is already set wins, so a
container or a cluster can choose differently.

``python -m services`` passes the same settings to a shell or to another command. This module uses
the standard library only: it is imported before anything is installed.
"""

from __future__ import annotations

import os
import sys
import urllib.parse
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent
"""The repository (or, inside a container, the folder that holds ``services/``)."""


def build_dir() -> Path:
    """Return the folder for everything generated: ``$SERVING_LABS_BUILD``, else ``build/``."""
    return Path(os.environ.get("SERVING_LABS_BUILD", ROOT / "build")).resolve()


def usable_cores() -> int:
    """Return how many processor cores this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def settings() -> dict[str, str]:
    """Return the environment variables that keep libraries offline and out of the user's home."""
    build = build_dir()
    home = build / "home"
    return {
        # BentoML: its store of models and Bentos, and no usage statistics.
        "BENTOML_HOME": str(build / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        # ultralytics: settings and fonts; no network; no "pip install" of its own.
        "YOLO_CONFIG_DIR": str(home / "ultralytics"),
        "YOLO_OFFLINE": "true",
        "YOLO_AUTOINSTALL": "false",
        "YOLO_VERBOSE": "false",
        # Importing ultralytics would set this to 1 and leave all but one core idle.
        "OMP_NUM_THREADS": str(usable_cores()),
        # Let torch's threads sleep while they wait. Spinning is a little faster on an idle machine,
        # and many times slower where other processes want the cores: several workers, say.
        "OMP_WAIT_POLICY": "PASSIVE",
        # glibc gives memory of this size and more back to the system as soon as it is freed; by
        # itself it raises the bound to 32 MiB, and one large image stays with the process forever.
        "MALLOC_MMAP_THRESHOLD_": str(2**20),
        # ONNX Runtime sends telemetry from Linux too, and first stores it in the user's home.
        "ORT_DISABLE_TELEMETRY": "1",
        # MLflow, Matplotlib, torch.
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": f"sqlite:///{build / 'mlflow' / 'mlflow.db'}",
        # Less output from MLflow: no bar for each file, no URL of each run, no "Validating ...".
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MPLCONFIGDIR": str(home / "matplotlib"),
        "TORCH_HOME": str(home / "torch"),
        # Ray: no usage statistics. On a single machine Ray listens on the loopback only, as it does
        # on macOS (hence the second setting's name); a Ray that joins a cluster cannot.
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": str(int("RAY_ADDRESS" in os.environ)),
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # as Ray advises, in a warning, without it
        # Jupyter and IPython.
        "JUPYTER_CONFIG_DIR": str(home / "jupyter" / "config"),
        "JUPYTER_DATA_DIR": str(home / "jupyter" / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "jupyter" / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "jupyter" / "lab" / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "jupyter" / "lab" / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        # Every other library that honours the common flag.
        "DO_NOT_TRACK": "1",
        # The servers here are on the loopback; a company's proxy cannot reach them.
        "NO_PROXY": _with_loopback(os.environ.get("NO_PROXY", "")),
        "no_proxy": _with_loopback(os.environ.get("no_proxy", "")),
    }


def _with_loopback(hosts: str) -> str:
    """Return the hosts that are reached without a proxy, with the loopback added."""
    known = [host for host in hosts.split(",") if host]
    return ",".join(dict.fromkeys([*known, "127.0.0.1", "localhost", "::1"]))


def interrupt_in_one_line() -> None:
    """Let Ctrl-C end a command of this project with one line instead of a traceback.

    Every command imports ``services`` first, so this covers all of them. The exit status stays that
    of a process that SIGINT ended.
    """
    previous = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            print("\ninterrupted", file=sys.stderr)
        else:
            previous(kind, error, trace)

    sys.excepthook = hook


def _hide_password() -> None:
    """Take user and password out of ``MLFLOW_TRACKING_URI``, where MLflow's errors would show them.

    MLflow reads them from two variables as well; a value that is already there wins.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    try:
        parts = urllib.parse.urlsplit(uri)
    except ValueError:
        return
    if not parts.scheme.startswith("http") or parts.username is None:
        return
    host = parts.netloc.rpartition("@")[2]
    os.environ["MLFLOW_TRACKING_URI"] = parts._replace(netloc=host).geturl()
    user, password = (urllib.parse.unquote(part or "") for part in (parts.username, parts.password))
    os.environ.setdefault("MLFLOW_TRACKING_USERNAME", user)
    os.environ.setdefault("MLFLOW_TRACKING_PASSWORD", password)


def apply() -> None:
    """Put the settings into ``os.environ``, keeping what is already there, and make the folders.

    Libraries read these variables when they are imported, so this runs first.
    """
    _hide_password()
    for name, value in settings().items():
        if name.lower() == "no_proxy":
            os.environ[name] = value  # it includes the old value
        os.environ.setdefault(name, value)
    # OpenVINO's converter has no variable for its telemetry, but does without this package.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    # jsonschema, and so nbformat, would compile a grammar of international addresses at import: two
    # seconds of processor time, for a format of text that no schema here uses.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    for name in ("BENTOML_HOME", "YOLO_CONFIG_DIR", "MPLCONFIGDIR", "JUPYTER_RUNTIME_DIR"):
        try:
            Path(os.environ[name]).mkdir(parents=True, exist_ok=True)
        except OSError:
            # A read-only installation: the library concerned will say so if it needs the folder.
            continue
