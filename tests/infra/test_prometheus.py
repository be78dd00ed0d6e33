"""The rules, the alerts and the dashboard: right in form, right on made-up series, and alive."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from services.environment import ROOT
from services.id_card.samples import SAMPLES, sample_path
from services.workbench import load, servers
from services.workbench.servers import prometheus
from services.workbench.servers.prometheus import FOLDER, Prometheus, QueryError

GRAFANA = ROOT / "infra" / "grafana"
DASHBOARD = GRAFANA / "dashboards" / "id_card_detector.json"
UNIT_TESTS = Path(__file__).with_name("prometheus_rules.yml")
DRIFT_TESTS = Path(__file__).with_name("prometheus_drift.yml")
RECOMMENDER_TESTS = Path(__file__).with_name("prometheus_recommender.yml")


DETECTOR_RULES = ("rules.yml", "alerts.yml")


def rules(*names: str) -> list[dict]:
    files = [yaml.safe_load((FOLDER / name).read_text()) for name in names or DETECTOR_RULES]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)


def test_only_what_waits_is_changed(tmp_path: Path) -> None:
    config = prometheus.render(tmp_path, ["http://127.0.0.1:4711"], scrape_every=0.5, hold=2.5)

    rendered = yaml.safe_load(config.read_text())
    original = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    assert rendered["global"] == {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    assert rendered["scrape_configs"][0]["static_configs"] == [{"targets": ["127.0.0.1:4711"]}]
    assert rendered["scrape_configs"][0]["job_name"] == prometheus.JOB
    assert len(rendered["scrape_configs"]) == 1
    assert rendered["rule_files"] == original["rule_files"]
    assert (tmp_path / "rules.yml").exists()
    alerts = yaml.safe_load((tmp_path / "alerts.yml").read_text())["groups"][0]["rules"]
    assert [alert.pop("for") for alert in alerts] == ["2500ms"] * 4
    for alert, rule in zip(alerts, (r for r in rules() if "alert" in r), strict=True):
        assert alert == {key: value for key, value in rule.items() if key != "for"}


def test_the_other_service_can_be_read_instead(tmp_path: Path) -> None:
    config = prometheus.render(
        tmp_path, ["http://127.0.0.1:4711"], scrape_every=1, hold=0, job="recommender"
    )
    [scrape] = yaml.safe_load(config.read_text())["scrape_configs"]
    assert scrape["job_name"] == "recommender"
    assert scrape["static_configs"] == [{"targets": ["127.0.0.1:4711"]}]
    [_, alert] = yaml.safe_load((tmp_path / "recommender.yml").read_text())["groups"][0]["rules"]
    assert (alert["alert"], alert["for"]) == ("RecommenderDrift", "0ms")


def test_every_alert_says_what_to_do_and_is_tested() -> None:
    alerts = [rule for rule in rules(*DETECTOR_RULES, "recommender.yml") if "alert" in rule]
    files = (UNIT_TESTS, DRIFT_TESTS, RECOMMENDER_TESTS)
    tested = "".join(file.read_text(encoding="utf-8") for file in files)
    for alert in alerts:
        assert alert["annotations"].keys() == {"summary", "description"}
        assert alert["labels"]["severity"] in ("page", "ticket")
        assert f"alertname: {alert['alert']}" in tested
    names = {alert["alert"] for alert in alerts}
    assert names == {
        "ServiceDown", "HighErrorRate", "HighLatency", "ConfidenceDrift", "RecommenderDrift",
    }  # fmt: skip


def test_grafana_finds_its_data_and_its_dashboard() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    [source] = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    used = {
        target["datasource"]["uid"] for panel in dashboard["panels"] for target in panel["targets"]
    }
    assert used == {source["uid"]}
    [provider] = yaml.safe_load(
        (GRAFANA / "provisioning/dashboards/id_card_detector.yml").read_text()
    )["providers"]
    readme = (GRAFANA / "README.md").read_text(encoding="utf-8")
    for variable in (source["url"], provider["options"]["path"]):
        assert f"{variable.strip('${}')}=" in readme
    assert all(panel["description"] for panel in dashboard["panels"])
    assert len(prometheus.panels(DASHBOARD)) == len(dashboard["panels"]), "titles are unique"


@pytest.mark.system
class TestPromtool:
    @pytest.fixture(autouse=True)
    def _promtool(self, needs: Callable[[str], None]) -> None:
        needs("prometheus")

    @pytest.mark.parametrize(
        "arguments",
        [
            ("check", "config", FOLDER / "prometheus.yml"),
            ("check", "rules", FOLDER / "rules.yml"),
            ("check", "rules", FOLDER / "alerts.yml"),
            ("check", "rules", FOLDER / "recommender.yml"),
            ("test", "rules", UNIT_TESTS),
            ("test", "rules", DRIFT_TESTS),
            ("test", "rules", RECOMMENDER_TESTS),
        ],
        ids=lambda arguments: " ".join([*arguments[:2], arguments[2].name]),
    )
    def test_it_is_content(self, arguments: tuple[str | Path, ...]) -> None:
        done = promtool(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr

    def test_a_changed_threshold_fails_the_tests_of_the_rules(self, tmp_path: Path) -> None:
        alerts = (
            (FOLDER / "alerts.yml").read_text().replace("ratio_rate5m > 0.05", "ratio_rate5m > 0.5")
        )
        (tmp_path / "alerts.yml").write_text(alerts)
        (tmp_path / "rules.yml").write_text((FOLDER / "rules.yml").read_text())
        tests = UNIT_TESTS.read_text().replace("../../infra/prometheus/", "")
        (tmp_path / "tests.yml").write_text(tests)

        done = promtool("test", "rules", tmp_path / "tests.yml")
        assert done.returncode != 0
        assert "HighErrorRate" in done.stdout + done.stderr

    def test_every_expression_of_the_dashboard_is_promql(self, tmp_path: Path) -> None:
        expressions = [e for found in prometheus.panels(DASHBOARD).values() for e in found]
        assert not any("$" in expression for expression in expressions)
        assert self._check(tmp_path, expressions).returncode == 0
        assert self._check(tmp_path, [*expressions, "sum("]).returncode != 0

    def _check(self, folder: Path, expressions: list[str]) -> subprocess.CompletedProcess[str]:
        recorded = [{"record": f"panel:{n}", "expr": e} for n, e in enumerate(expressions)]
        path = folder / "panels.yml"
        path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
        return promtool("check", "rules", path)


@pytest.mark.system
class TestLive:
    """A real Prometheus reads the real service, which then dies."""

    @pytest.fixture(scope="class")
    @classmethod
    def service(
        cls, needs: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[servers.Server]:
        needs("prometheus")
        env = {"ID_CARD_LOG": str(tmp_path_factory.mktemp("log")), "ID_CARD_WORKERS": "2"}
        target = "services.id_card.bento.observed_service:IdCardDetector"
        with servers.bentoml(target, env=env) as server:
            yield server

    @pytest.fixture(scope="class")
    @classmethod
    def watcher(cls, service: servers.Server) -> Iterator[Prometheus]:
        with prometheus.start([service.url], scrape_every=1, hold=2) as running:
            yield running

    def test_every_panel_and_every_rule_has_data(
        self, service: servers.Server, watcher: Prometheus
    ) -> None:
        url = f"{service.url}/inference"
        missing = [
            *(e for found in prometheus.panels(DASHBOARD).values() for e in found),
            *(rule["record"] for rule in rules() if "record" in rule),
        ]

        def all_there() -> bool:
            # Again and again: rate() shows an event only if the counter was read before it, too.
            for name in SAMPLES:
                load.send(url, sample_path(name), requests=2, concurrency=2)
            httpx.post(url, files={"image": b"no picture"})
            missing[:] = [expression for expression in missing if watcher.query(expression).empty]
            return not missing

        with contextlib.suppress(TimeoutError):
            watcher.wait_for(all_there, 60)
        assert not missing

    def test_it_counts_what_was_sent(self, service: servers.Server, watcher: Prometheus) -> None:
        def count() -> float:
            return float(watcher.query("sum(id_card_detections_count)").value.sum())

        def served() -> float:
            text = httpx.get(f"{service.url}/metrics", timeout=30).text
            return sum(map(float, re.findall(r"^id_card_detections_count\{.*\} (.+)$", text, re.M)))

        before = served()  # Prometheus may not have read the last test's requests yet
        load.send(f"{service.url}/render", sample_path("one_card"), requests=6, concurrency=2)
        assert served() == before + 6
        watcher.wait_for(lambda: count() == before + 6, 30, "6 more")
        history = watcher.history("sum(id_card_detections_count)", seconds=30)
        assert history.index.is_monotonic_increasing
        assert history.iloc[-1, 0] == before + 6
        with pytest.raises(QueryError, match="parse error"):
            watcher.query("sum(")

    def test_a_killed_service_is_pending_then_firing(
        self, service: servers.Server, watcher: Prometheus
    ) -> None:
        watcher.wait_for(lambda: watcher.alert("ServiceDown") == "inactive", 30)
        for record in service.processes():
            os.kill(record.pid, signal.SIGKILL)
        seen = watcher.watch("ServiceDown", until="firing", timeout=60)
        assert [state for _, state in seen][-2:] == ["pending", "firing"]
        assert seen[-1][0] - seen[-2][0] >= 1.0, "it holds for two seconds, give or take a reading"
        assert watcher.query("up").value.tolist() == [0]
