"""Logs, and Evidently."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from services.drift.logs import read_log
from services.environment import ROOT

REPORT = """
import socket, sys
def refuse(*args, **kwargs): raise AssertionError(f"somebody is called: {args}")
socket.socket.connect = socket.getaddrinfo = refuse
import services
import numpy as np, pandas as pd
from services.drift.report import evidently_report, save_page, verdicts
from scipy import stats
rng = np.random.default_rng(0)
def sample(mean):
    genres = pd.Series(rng.choice(list("abc"), 400)).where(rng.random(400) > mean / 2)
    return pd.DataFrame({"score": rng.normal(mean, size=400), "genre": genres, "k": 10})
report = evidently_report(sample(0), sample(1))
table = verdicts(report).set_index("feature").drifted
assert table.to_dict() == {"score": True, "k": False, "genre": True}, table
assert not verdicts(evidently_report(sample(0), sample(0))).set_index("feature").drifted["score"]
page = save_page(report, sys.argv[1])
assert page.stat().st_size > 1_000_000
pairs = [[pd.DataFrame({"c": rng.integers(10, size=500).astype(str)}) for _ in "ab"]
         for _ in range(20)]
counts = [pd.concat([s["c"].value_counts() for s in pair], axis=1).fillna(0) for pair in pairs]
assert sum(verdicts(evidently_report(*pair)).drifted[0] for pair in pairs) >= 4, "1 is promised"
assert sum(stats.chi2_contingency(table).pvalue < 0.05 for table in counts) <= 4
for bad, message in ((sample(0)[["k"]], "columns differ"), (sample(0)[:0], "at least one row")):
    try: evidently_report(sample(0), bad)
    except ValueError as error: assert message in str(error)
    else: raise AssertionError(message)
print("good")
"""


def test_the_log_of_all_workers_is_read_in_order(tmp_path: Path) -> None:
    data = tmp_path / "recommender" / "data"
    data.mkdir(parents=True)

    def lines(*times: str) -> str:
        return "".join(json.dumps({"user_id": 1, "timestamp": time}) + "\n" for time in times)

    (data / "data.1.log").write_text(lines("2026-01-02", "2026-01-05"))
    (data / "data.2.log").write_text(lines("2026-01-04") + '{"user_id": 7, "times')
    (data / "data.2.log.2026-01-03").write_text(lines("2026-01-03") + "[1]\n")
    log = read_log(tmp_path, "recommender")
    assert [entry["timestamp"][-1] for entry in log] == ["2", "3", "4", "5"]
    with pytest.raises(FileNotFoundError, match="holds no log; serve id_card_detector"):
        read_log(tmp_path, "id_card_detector")


def test_evidently_reports_calls_nobody_and_leaves_the_home_alone(tmp_path: Path) -> None:
    """And its chi-squared test, which takes the reference for exact, alarms too often."""
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "services", sys.executable, "-c", REPORT, tmp_path / "drift.html"],
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "SERVING_LABS_BUILD": str(tmp_path / "b")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.stdout == "good\n", done.stderr
    assert list(home.rglob("*")) == []
