"""The detector's metrics, by themselves: each value right after known observations."""

from __future__ import annotations

import ast

import prometheus_client
import pytest
from prometheus_client import multiprocess

from services.environment import ROOT
from services.errors import InputError
from services.id_card.monitoring import metrics
from services.id_card.monitoring.observed_detector import ObservedDetector
from tests.services.id_card.image_files import CARDS, sample


def value(name: str, **labels: str) -> float:
    """Return a sample as a scrape would read it: merged over the processes' files."""
    registry = prometheus_client.CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return registry.get_sample_value(name, labels) or 0.0


def test_a_code_of_ours_is_a_reason_and_all_else_is_other() -> None:
    before = {r: value("id_card_rejected_inputs_total", reason=r) for r in ("image_empty", "other")}
    for code in ("image_empty", "'; drop table --"):
        metrics.rejected(InputError("m", code=code, status=400, hint="h"))

    for reason, count in before.items():
        assert value("id_card_rejected_inputs_total", reason=reason) == count + 1
    assert value("id_card_rejected_inputs_total", reason="'; drop table --") == 0


def test_the_reasons_are_the_codes_in_the_source() -> None:
    """Whoever adds a code has to add it to the closed set."""
    # What stands before the endpoints. Other adapters, KServe's say, count for themselves.
    folders = (ROOT / "services" / "http", ROOT / "services" / "id_card" / "model")
    files = [file for folder in folders for file in folder.glob("*.py")]
    files.append(ROOT / "services" / "id_card" / "validation.py")
    calls = [
        node
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    codes = {
        keywords["code"].value
        for keywords in ({word.arg: word.value for word in call.keywords} for call in calls)
        if {"code", "status"} <= keywords.keys() and keywords["status"].value < 500
    }
    assert codes - {"base64_invalid"} == set(metrics.REASONS)  # no upload is base64


@pytest.fixture(scope="module")
def detector() -> ObservedDetector:
    return ObservedDetector.from_environment()


class TestObservedDetector:
    def test_it_answers_as_the_detector_does_and_counts(self, detector: ObservedDetector) -> None:
        labels = {"model": detector.model, "version": detector.version}
        before = value("id_card_detections_count", **labels)
        records = []
        detector.record = lambda *record: records.append(record)

        found = detector.detect([sample(name) for name in CARDS])
        drawn = detector.render(sample("one_card"))

        plain = super(ObservedDetector, detector).detect([sample(name) for name in CARDS])
        assert found == plain
        assert drawn.size == sample("one_card").size
        assert value("id_card_detections_count", **labels) == before + len(CARDS) + 1
        assert [detections for _, detections, _ in records[:-1]] == found
        assert [size for size, *_ in records[:-1]] == [sample(name).size for name in CARDS]
        assert detector.detect([]) == []

    def test_warming_up_is_no_traffic(self, detector: ObservedDetector) -> None:
        labels = {"model": detector.model, "version": detector.version}
        before = value("id_card_detections_count", **labels)
        ObservedDetector.from_environment()
        assert value("id_card_detections_count", **labels) == before
