"""Reading a result: the committed one, and made-up ones whose answer is known."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from services.bench import guide, report
from services.bench.numbers import Spread, spread
from services.bench.peers import CORE, PEERS, TITLES
from services.bench.run import Plan
from services.environment import ROOT


def figures(milliseconds: float, wide: float = 0.0) -> dict[str, Any]:
    value = spread([milliseconds - wide, milliseconds, milliseconds + wide])
    rate = spread([900 / milliseconds, 1000 / milliseconds, 1100 / milliseconds])
    cpu = spread([milliseconds, 1.2 * milliseconds])
    return {count: {"rate": rate, "p50": value, "p99": value, "cpu": cpu} for count in ("1", "16")}


def peer(name: str, milliseconds: float, wide: float = 0.0) -> dict[str, Any]:
    case = {"status": 400, "verdict": "helps", "text": "…"}
    return {
        "title": PEERS[name].title,
        "lines": {"adapter": 30 if name == "bentoml" else 40, "support": 300},
        "batching": "none",
        "image_mib": None,
        "real": figures(milliseconds, wide),
        "null": figures(milliseconds / 10),
        "checked": 15,
        "endpoints": {"answers": ["/readyz"], "posts": []},
        "bad_input": {"no picture": case, "empty body": {**case, "verdict": "refuses"}},
        "metrics": ["requests_total", "requests_created", "python_info", "process_cpu"],
        "memory": {"rss_mib": 300, "pss_mib": 200 if name == "bentoml" else None, "processes": 2},
        "start_seconds": spread([5.0, 6.0]),
        "sigterm": [
            {"sent": 8, "before": 1, "answered": 6, "refused": 1, "lost": 1, "seconds": 1.5},
            {
                **{"sent": 8, "before": 2, "answered": 8, "refused": 0, "lost": 0},
                "seconds": None if name == "kserve" else 0.5,
            },
        ],
    }


@pytest.fixture
def made_up() -> dict[str, Any]:
    plan = vars(Plan(peers=("bentoml", "kserve", "fastapi"), concurrency=(1, 16)))
    return {
        "format": report.FORMAT,
        "plan": copy.deepcopy(plan),
        "machine": json.loads(report.COMMITTED.read_text(encoding="utf-8"))["machine"],
        "peers": {
            CORE: {"real": figures(20), "null": figures(1)},
            "bentoml": peer("bentoml", 30, wide=2),
            "kserve": peer("kserve", 33, wide=2),
            "fastapi": peer("fastapi", 50),
        },
    }


def p50(part: Any) -> Spread:
    found: Spread = part["real"]["1"]["p50"]
    return found


def test_what_overlaps_cannot_be_told_apart(made_up: dict[str, Any]) -> None:
    assert guide.best(made_up, p50) == ["bentoml", "kserve"]  # 28 to 32, and 31 to 35
    made_up["peers"]["kserve"] = peer("kserve", 33, wide=1)  # 32 to 34 touches 28 to 32
    assert guide.best(made_up, p50) == ["bentoml", "kserve"]
    made_up["peers"]["kserve"] = peer("kserve", 33, wide=0.5)
    assert guide.best(made_up, p50) == ["bentoml"]
    assert guide.best(made_up, p50, most=True) == ["fastapi"]


def test_processor_time_is_compared_with_the_core(made_up: dict[str, Any]) -> None:
    head, rows = report.processor_time(made_up)
    assert head[1] == "CPU ms per answer, 1 at a time"
    assert rows[0][1:] == ("22.0 (20.0 to 24.0)",) * 2 + ("1.00 times",) * 2
    assert {row[0]: row[-1] for row in rows}[PEERS["bentoml"].title] == "1.50 times"


def test_the_guide_follows_from_the_figures(made_up: dict[str, Any]) -> None:
    rows = {row[0]: row[1:] for row in guide.guide(made_up)[1]}
    assert rows["low latency, one request at a time"][2:] == ("ms", "FastAPI: 50.0")
    assert rows["little new code"][:2] == ("BentoML service", "30")
    assert rows["little memory"][:2] == ("BentoML service", "200")
    made_up["peers"]["fastapi"] = peer("fastapi", 21)
    rows = {row[0]: row[1:] for row in guide.guide(made_up)[1]}
    assert rows["low latency, one request at a time"][0] == "FastAPI"


def test_what_is_added_to_the_core(made_up: dict[str, Any]) -> None:
    assert report.added(made_up, "bentoml") == pytest.approx(10)
    assert report.added(made_up, "bentoml", "null") == pytest.approx(2)
    assert guide.share_of_server(made_up, "bentoml") == pytest.approx(1 / 3, abs=0.01)
    assert report.overhead(made_up)[1][0] == ("BentoML service", "10.0", "2.0", "1.50 times")


def test_tables_have_a_cell_for_each_heading(made_up: dict[str, Any]) -> None:
    parts = [report.speed(made_up), report.speed(made_up, "null"), report.overhead(made_up)]
    parts += [report.offers(made_up), report.bad_input(made_up), report.sigterm(made_up)]
    parts += [guide.guide(made_up), report.transposed(report.offers(made_up))]
    for head, rows in parts:
        assert rows
        assert {len(row) for row in rows} == {len(head)}


def test_requests_at_sigterm_add_up(made_up: dict[str, Any]) -> None:
    rows = {row[0]: row[1:] for row in report.sigterm(made_up)[1]}
    assert rows[TITLES["bentoml"]] == (2, 13, 11, 1, 1, "1.5")
    assert report.lost(made_up)[TITLES["bentoml"]] == 1
    assert rows[TITLES["kserve"]][-1] == "not gone"


def test_own_metrics_are_no_python_process() -> None:
    names = ["process_cpu_seconds_total", "python_info", "requests_total", "requests_created"]
    assert report.own_metrics(names) == ["requests_total"]


def test_what_was_not_measured_says_so(made_up: dict[str, Any]) -> None:
    head, rows = report.offers(made_up)
    assert {row[head.index("image")] for row in rows} == {report.NOT_MEASURED}


def test_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text('{"format": 0}')
    with pytest.raises(ValueError, match="format 0; this code reads"):
        report.load(tmp_path / "old.json")
    with pytest.raises(FileNotFoundError, match="make bench"):
        report.load(tmp_path / "none.json")


# ---------------------------------------------------------------- the committed result


def test_the_committed_result_is_of_a_whole_run() -> None:
    result = report.load()
    assert report.servers_of(result) == list(PEERS)
    assert result["plan"]["rounds"] >= 3
    for name in PEERS:
        found = result["peers"][name]
        assert found["real"]["1"]["p50"]["n"] >= 3
        assert found["checked"] == found["checked_after"] > 0
        assert found["start_seconds"]["n"] >= 2
        assert found["log_lines"] < 50, "a server that writes a line a request is not at its best"
        assert set(found["bad_input"]) == {
            *("no picture", "half a picture", "empty body", "wrong field", "wrong type"),
            "too large",
        }


def test_the_committed_result_tells_nothing_of_the_machine_but_what_it_is() -> None:
    text = report.COMMITTED.read_text(encoding="utf-8")
    assert str(ROOT) not in text
    assert "127.0.0.1" not in text
    assert "/tmp" not in text


def test_its_lines_are_those_of_today() -> None:
    """Who changes an adapter measures again, or takes the new count over."""
    from services.bench import code

    result = report.load()
    for name, each in PEERS.items():
        lines = result["peers"][name]["lines"]
        assert abs(lines["adapter"] - code.lines_of(each.adapter)) <= 10
        assert abs(lines["support"] - code.lines_of(each.support)) <= 100


def test_plots_draw_every_server() -> None:
    result = report.load()
    for figure in report.figures(result).values():
        labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        assert labels == [TITLES[CORE], *(each.title for each in PEERS.values())]
