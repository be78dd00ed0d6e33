"""What notebook 14 measures with: workers that answer, a quota, a price that adds up."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from services.bench import hardware, int8
from services.id_card.model.checkpoint import WEIGHTS
from services.id_card.model.export import exported


def test_the_profile_knows_both_models_operators() -> None:
    for kind in ("onnx", "int8"):
        found = hardware.profile(exported(WEIGHTS, kind), runs=2)  # type: ignore[arg-type]

        assert max(found, key=found.__getitem__) == "convolutions"
        assert found["activations"] > 0
        assert (found["rounding"] > 0) == (kind == "int8")


def test_workers_answer_together() -> None:
    got = hardware.throughput("onnx", workers=2, threads=1, seconds=0.2)

    assert len(got.milliseconds) >= 2
    assert got.rate == pytest.approx(2000 / (sum(got.milliseconds) / len(got.milliseconds)), rel=1)
    assert got.percentile(50) <= got.percentile(99) == pytest.approx(max(got.milliseconds))
    assert got.mib > 50


@pytest.mark.parametrize(("workers", "threads", "seconds"), [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_nothing_is_measured_with_nothing(workers: int, threads: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        hardware.throughput("onnx", workers, threads, seconds)


def test_a_worker_that_ends_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="invalid choice"):
        hardware.throughput("tflite", 1, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("files", "written"),
    [
        ({"cpu.max"}, {"cpu.max": "25000 100000"}),
        ({"cpu.cfs_quota_us", "cpu.cfs_period_us"},
         {"cpu.cfs_quota_us": "25000", "cpu.cfs_period_us": "100000"}),
    ],
    ids=["cgroup 2", "cgroup 1"],
)  # fmt: skip
def test_a_quota_in_either_kind_of_cgroup(
    tmp_path: Path, files: set[str], written: dict[str, str]
) -> None:
    for name in files:
        (tmp_path / name).touch()
    (tmp_path / "cpu.stat").write_text("nr_periods 9\nnr_throttled 4\nthrottled_time 1\n")

    limit = hardware.Quota(tmp_path, 0.25)
    limit.add(1234)

    assert {name: (tmp_path / name).read_text() for name in files} == written
    assert (tmp_path / "cgroup.procs").read_text() == "1234"
    assert limit.throttled() == (9, 4)


def test_a_price_for_1000() -> None:
    # 10 a second are 36,000 an hour: at 3.60 USD an hour 1,000 cost a tenth of one USD.
    assert hardware.usd_for_1000(3.6, 10) == pytest.approx(0.1)
    assert hardware.usd_for_1000(3.6, 10, busy=0.5) == pytest.approx(0.2)


@pytest.mark.parametrize(("rate", "busy"), [(0, 1), (-1, 1), (1, 0), (1, 1.1)])
def test_a_price_needs_answers(rate: float, busy: float) -> None:
    with pytest.raises(ValueError, match="the rate must be positive"):
        hardware.usd_for_1000(1, rate, busy)


def test_every_price_says_where_and_when_it_was_read() -> None:
    for row in hardware.prices():
        assert float(row["usd_an_hour"]) > 0
        assert int(row["vcpus"]) > 0
        assert row["source"].startswith("https://")
        assert datetime.date.fromisoformat(row["read"])


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    rows = [int8.Row("float", 12, 64, 1.0, 0.84, 0.75, 0.9, 0.8, 0.2, 5)]

    int8.write(rows, tmp_path / "int8.csv")

    assert int8.read(tmp_path / "int8.csv") == rows


def test_the_committed_result_says_what_the_notebook_does() -> None:
    rows = {row.variant: row for row in int8.read()}

    assert list(rows) == list(int8.VARIANTS)
    assert rows["float"].times_as_fast == pytest.approx(1)
    assert rows["every layer"].typical < 0.5 * rows["float"].typical
    assert rows["served"].typical > rows["float"].typical - 0.02
    assert rows["served"].float_convolutions > rows["every layer"].float_convolutions
    assert rows["served"].scenes >= 200
