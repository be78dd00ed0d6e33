"""The pages of MLflow and Prometheus in a browser; notebooks 05 and 07 have their pictures."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import ViewportSize, expect

from services.environment import build_dir
from services.recommender import registry
from services.recommender.training.synthetic import make_ratings
from services.workbench import servers
from services.workbench.servers import prometheus, tracking
from tests.e2e.browser import page

SCREENSHOTS = build_dir() / "screenshots"
SMALL: ViewportSize = {"width": 1100, "height": 520}
LONG = 60_000
"""Milliseconds that a page may take on a busy machine."""
ALERTS = "/classic/alerts"
"""Debian's Prometheus has the older pages only; a release from prometheus.io has /alerts."""

pytestmark = pytest.mark.system


@pytest.mark.timeout(300)
def test_mlflow_lists_the_versions_with_their_aliases(
    needs: Callable[[str], None], tmp_path: Path
) -> None:
    needs("chromium")
    ratings, _ = make_ratings(300, 200, 20_000, seed=0)
    with tracking.server(tmp_path / "server") as server, page(tmp_path / "profile") as opened:
        versions = registry.ensure(server.url, ratings)
        opened.set_viewport_size(SMALL)
        opened.goto(f"{server.url}/#/models/{registry.MODEL}")
        opened.get_by_role("button", name="Close").click()  # MLflow's assistant
        rows = opened.get_by_role("row")
        for version in versions:
            row = rows.filter(has_text=f"Version {version.number}")
            expect(row).to_have_count(1, timeout=LONG)
            for alias in version.aliases:
                expect(row).to_contain_text(f"@ {alias}")
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        table = opened.get_by_role("table").last
        table.screenshot(path=SCREENSHOTS / "mlflow.png")  # the picture in notebook 07


@pytest.mark.timeout(300)
def test_prometheus_lists_the_alerts(needs: Callable[[str], None], tmp_path: Path) -> None:
    needs("chromium")
    needs("prometheus")
    service = servers.bentoml("services.id_card.bento.observed_service:IdCardDetector")
    with service, prometheus.start([service.url], scrape_every=2, hold=4) as watcher:
        watcher.wait_for(lambda: watcher.query("up").value.tolist() == [1])
        watcher.wait_for(lambda: watcher.alert("ServiceDown") == "inactive")  # it is not at first
        service.stop()
        watcher.watch("ServiceDown", "firing", timeout=120)
        with page(tmp_path / "profile") as opened:
            opened.set_viewport_size(SMALL)
            opened.goto(f"{watcher.url}{ALERTS}")
            down = opened.get_by_text(re.compile(r"ServiceDown \([1-9] active\)"))
            expect(down).to_be_visible(timeout=LONG)
            down.click()
            expect(opened.get_by_text("severity: page").first).to_be_visible(timeout=LONG)
            opened.get_by_text("alerts.yml >").evaluate("cell => cell.remove()")  # a path
            SCREENSHOTS.mkdir(parents=True, exist_ok=True)
            opened.screenshot(path=SCREENSHOTS / "prometheus.png")  # the picture in notebook 05
