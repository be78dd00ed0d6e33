"""Run a real Prometheus on the loopback address, with this repository's rules, and query it.

::

    with prometheus.start([server.url]) as watcher:
        watcher.query("up")

It uses the files in ``infra/prometheus/``. Only two times are changed, so that minutes become
seconds: the scrape interval, and how long a condition must hold before an alert fires.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import pandas as pd
import yaml
from prometheus_client.parser import text_string_to_metric_families

from services.environment import ROOT, build_dir
from services.workbench import servers
from services.workbench.servers import Server
from services.workbench.servers.ports import HOST
from services.workbench.servers.server import Stoppable

FOLDER = ROOT / "infra" / "prometheus"
"""The scrape configuration, the recording rules and the alerts."""

Job = Literal["id_card_detector", "recommender"]
JOB: Job = "id_card_detector"

POLL = 0.1


class QueryError(RuntimeError):
    """Prometheus refused a query; the message is Prometheus's."""


class Prometheus(Stoppable):
    """A running Prometheus. Made by :func:`start`; as a context manager it stops at the end.

    ``server`` is its process, and ``url`` the address of its own pages, such as ``/graph``.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = server.url
        self._client = httpx.Client(base_url=server.url, timeout=10.0, trust_env=False)
        server.on_stop(self._client.close)

    def _repr_html_(self) -> str | None:
        return self.server._repr_html_()

    def stop(self) -> int:
        """Stop it and remove what it stored; return its exit code."""
        return self.server.stop()

    def query(self, expression: str) -> pd.DataFrame:
        """Return the value now of an expression in PromQL; QueryError if it is wrong.

        One row per series, possibly none: its labels, without ``__name__``, and the column
        ``value``.
        """
        result = self._get("/api/v1/query", query=expression)["result"]
        if result and not isinstance(result[0], dict):  # a scalar, not a vector
            return pd.DataFrame([{"value": float(result[1])}])
        rows = [{**_labels(series), "value": float(series["value"][1])} for series in result]
        return pd.DataFrame(rows) if rows else pd.DataFrame({"value": pd.Series(dtype=float)})

    def history(self, expression: str, seconds: float) -> pd.DataFrame:
        """Return an expression's values over the last *seconds*, one a second; else QueryError.

        Indexed by the seconds before now, 0 or less, with a column for each series, named after the
        values of its labels. A time without a value is NaN.
        """
        now = time.time()
        span = {"start": now - seconds, "end": now, "step": 1.0}
        result = self._get("/api/v1/query_range", query=expression, **span)["result"]
        columns = {
            " ".join(_labels(series).values()) or "value": pd.Series(
                {round(at - now, 3): float(value) for at, value in series["values"]}
            )
            for series in result
        }
        return pd.DataFrame(columns).sort_index()

    def alert(self, name: str) -> str:
        """Return an alert's state: ``inactive``, ``pending`` (waiting to fire) or ``firing``."""
        groups = self._get("/api/v1/rules", type="alert")["groups"]
        return {rule["name"]: rule["state"] for group in groups for rule in group["rules"]}[name]

    def watch(self, name: str, until: str, timeout: float = 60.0) -> list[tuple[float, str]]:
        """Watch an alert until it reaches a state; TimeoutError after *timeout* seconds.

        Return each state that was seen, with the seconds since the call.
        """
        start = time.monotonic()
        seen: list[tuple[float, str]] = []

        def reached() -> bool:
            state = self.alert(name)
            if not seen or seen[-1][1] != state:
                seen.append((time.monotonic() - start, state))
            return state == until

        self.wait_for(reached, timeout, f"{name} to be {until}")
        return seen

    def wait_for(
        self, condition: Callable[[], bool], timeout: float = 60.0, what: str = ""
    ) -> None:
        """Call *condition* repeatedly until it is true; TimeoutError after *timeout* seconds."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {timeout:g} s for {what or 'a condition'}")
            time.sleep(POLL)

    def _get(self, path: str, **parameters: str | float) -> Any:
        answer = self._client.get(path, params=parameters).json()
        if answer["status"] != "success":
            raise QueryError(answer["error"])
        return answer["data"]


def start(
    targets: Sequence[str],
    *,
    scrape_every: float = 1.0,
    hold: float | None = 3.0,
    job: Job = JOB,
) -> Prometheus:
    """Start Prometheus on the servers at these URLs and return once it is ready.

    *scrape_every* is the number of seconds, 0.1 or more, between two scrapes, and between two
    evaluations of the rules. A condition must hold for *hold* seconds before its alert fires,
    instead of the minutes in ``alerts.yml``; None keeps the minutes. *job* is the job in
    ``prometheus.yml`` that the servers belong to; other jobs are left out. Raises FileNotFoundError
    if Prometheus is not installed, and ServerError if it does not start.
    """
    program = shutil.which("prometheus")
    if program is None:
        raise FileNotFoundError("prometheus is not installed; run: apt-get install prometheus")
    folders = build_dir() / "prometheus"
    folders.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=folders))
    config = render(folder, targets, scrape_every=scrape_every, hold=hold, job=job)
    command = [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    command += [f"--web.listen-address={HOST}:{{port}}", "--log.level=warn"]
    try:
        pages = {"graph": "/graph", "alerts": "/alerts", "targets": "/targets"}
        server = servers.start(command, ready="/-/ready", name="prometheus", pages=pages)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    server.on_stop(partial(shutil.rmtree, folder, ignore_errors=True))
    return Prometheus(server)


def render(
    folder: Path,
    targets: Sequence[str],
    *,
    scrape_every: float,
    hold: float | None,
    job: Job = JOB,
) -> Path:
    """Write the configuration and rules, with shorter times, into *folder*; return the first."""
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] = {
        "scrape_interval": _duration(scrape_every),
        "evaluation_interval": _duration(scrape_every),
    }
    [scrape] = [one for one in config["scrape_configs"] if one["job_name"] == job]
    config["scrape_configs"] = [scrape]
    scrape["static_configs"] = [{"targets": [urlsplit(url).netloc for url in targets]}]
    for name in config["rule_files"]:
        rules = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
        for rule in (rule for group in rules["groups"] for rule in group["rules"]):
            if hold is not None and "alert" in rule:
                rule["for"] = _duration(hold)
        (folder / name).write_text(yaml.safe_dump(rules, sort_keys=False), encoding="utf-8")
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return path


def scrape(url: str) -> pd.DataFrame:
    """Read a server's ``/metrics`` as Prometheus would, at its URL without a path.

    One row per sample: ``name``, ``value``, and a column for each label, empty if a metric does not
    have the label. Raises httpx.HTTPError if the server does not answer, or not with 200.
    """
    answer = httpx.get(f"{url}/metrics", timeout=30.0).raise_for_status()
    rows = [
        {"name": sample.name, "value": sample.value, **sample.labels}
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    ]
    return pd.DataFrame(rows).fillna("")


def panels(dashboard: Path) -> dict[str, list[str]]:
    """Return a Grafana dashboard's queries: each panel's title and expressions.

    Grafana's own variables are replaced by values that Prometheus understands.
    """
    found: dict[str, list[str]] = {}
    for panel in json.loads(dashboard.read_text(encoding="utf-8"))["panels"]:
        expressions = [target["expr"] for target in panel.get("targets", [])]
        steady = [re.sub(r"\$__(rate_)?interval", "1m", each) for each in expressions]
        found[panel["title"]] = [re.sub(r"\$job\b", JOB, each) for each in steady]
    return found


def _labels(series: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in series["metric"].items() if name != "__name__"}


def _duration(seconds: float) -> str:
    return f"{round(1000 * seconds)}ms"
