"""The detector's batch: a folder in, a table out."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from services.batch import JobError
from services.environment import ROOT
from services.id_card import batch
from services.id_card.detector import Detector
from services.id_card.model.images import MAX_BYTES
from services.workbench.hostile_images import FOREIGN, png_declaring
from tests.services.id_card.image_files import CARDS, SAMPLES, encoded, quarters, sample

COMMAND = [sys.executable, "-m", "services.id_card.batch"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, some of them in a folder below, and every kind of file that is none."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "more").mkdir()
    for number in range(3):
        for name in CARDS:
            shutil.copy(SAMPLES / f"{name}.jpg", folder / "more" / f"{number}-{name}.jpg")
    for kind, content in FOREIGN.items():
        (folder / f"{kind}.jpg").write_bytes(content)
    (folder / "cut.jpg").write_bytes((SAMPLES / "one_card.jpg").read_bytes()[:2000])
    (folder / "empty.png").touch()
    (folder / "huge.png").write_bytes(png_declaring(30_000, 30_000))
    with (folder / "fat.jpg").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    (folder / "turned.png").write_bytes(encoded(quarters(), "PNG"))
    (folder / ".hidden.jpg").write_bytes(b"not looked at")
    (folder / ".trash").mkdir()
    (folder / ".trash" / "old.jpg").write_bytes(b"not looked at")
    os.mkfifo(folder / "pipe.jpg")  # reading it would wait for ever
    return folder


@pytest.fixture(scope="module")
def table(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table of all of them, by one run of the command."""
    out = tmp_path_factory.mktemp("table") / "detections.parquet"
    assert batch.main([str(folder), "--out", str(out), "--part-size", "6", "--quiet"]) == 0
    return out


def test_every_file_has_its_row_in_order(folder: Path, table: Path) -> None:
    read = pq.read_table(table)
    assert read.schema.equals(batch.SCHEMA)
    paths = read["path"].to_pylist()
    assert paths == sorted(paths)
    assert len(paths) == len(set(paths)) == 3 * len(CARDS) + len(FOREIGN) + 6
    assert not [path for path in paths if "hidden" in path or "trash" in path or "pipe" in path]


def test_the_boxes_are_the_cores(table: Path, core: Detector) -> None:
    rows = {row["path"]: row for row in pq.read_table(table).to_pylist()}
    for name, cards in CARDS.items():
        row = rows[f"more/1-{name}.jpg"]
        picture = sample(name)
        [expected] = core.detect([picture])
        assert (row["width"], row["height"]) == picture.size
        assert len(row["detections"]) == len(expected) == cards
        for found, each in zip(row["detections"], expected, strict=True):
            wanted = each.as_dict()
            assert found["name"] == wanted["name"]
            assert found["class"] == wanted["class"]
            assert found["confidence"] == pytest.approx(wanted["confidence"], abs=1e-4)
            assert found["box"] == pytest.approx(wanted["box"], abs=0.05)
        assert row["error_code"] is None
    assert rows["turned.png"]["detections"] == []


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("cut.jpg", "image_damaged", "cut off or damaged"),
        ("empty.png", "image_empty", "0 bytes"),
        ("huge.png", "image_too_many_pixels", "far too many pixels"),
        ("fat.jpg", "file_too_large", f"{MAX_BYTES + 1:,} bytes"),
        ("gone.jpg", "file_unreadable", "No such file"),
        *((f"{kind}.jpg", "image_format", "not an image") for kind in FOREIGN),
    ],
)
def test_a_bad_file_is_recorded(table: Path, path: str, code: str, message: str) -> None:
    [row] = pq.read_table(table, filters=[("path", "=", path)]).to_pylist()
    assert row["error_code"] == code
    assert message in row["error_message"]
    assert row["detections"] is None
    assert row["width"] is None


def test_the_last_line_counts_them(
    folder: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = [str(folder), "--out", str(table), "--part-size", "6", "--quiet"]
    assert batch.main(again) == 0
    assert batch.main([*again, "--strict"]) == 3
    told = capsys.readouterr().out
    assert "one per picture" in told
    assert f"{len(FOREIGN)} image_format" in told


@pytest.mark.timeout(400)
def test_killed_and_begun_again_the_file_is_the_same(
    folder: Path, table: Path, tmp_path: Path
) -> None:
    out = tmp_path / "again.parquet"
    command = [*COMMAND, str(folder), "--out", str(out), "--part-size", "6", "--quiet"]
    process = subprocess.Popen(command, cwd=ROOT)
    while process.poll() is None and not list(tmp_path.glob("*.parts/part-*.parquet")):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    assert not out.exists(), "the kill came too late to test anything"

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    assert "were there before" in done.stdout
    assert out.read_bytes() == table.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.timeout(600)
def test_ray_gives_the_same_file_and_listens_on_the_loopback(
    folder: Path, table: Path, tmp_path: Path
) -> None:
    out = tmp_path / "ray.parquet"
    command = [*COMMAND, str(folder), "--out", str(out), "--part-size", "6", "--quiet"]
    with (tmp_path / "log").open("wb") as log:
        process = psutil.Popen(
            [*command, "--engine", "ray", "--workers", "2"], cwd=ROOT, stdout=log, stderr=log
        )
        addresses, names, family = set(), set(), set()
        while process.poll() is None:
            time.sleep(0.5)
            for child in process.children(recursive=True):
                try:
                    names.add(child.name())
                    family.add(child)
                    listening = child.connections(kind="inet")
                except psutil.Error:
                    continue
                addresses |= {c.laddr.ip for c in listening if c.status == psutil.CONN_LISTEN}
    told = (tmp_path / "log").read_text()
    assert process.returncode == 0, told
    assert {"raylet", "gcs_server"} <= names, "it was not Ray that computed"
    assert addresses
    assert addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    _, alive = psutil.wait_procs(family, timeout=30)
    assert not alive
    assert out.read_bytes() == table.read_bytes()


def error(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run the command; it must refuse, and return what it says."""
    try:
        code = batch.main([str(argument) for argument in arguments])
    except SystemExit as end:  # argparse's own refusals
        code = int(str(end.code))
    assert code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--conf", "1.5"], "a share from 0 to 1 is needed; got '1.5'"),
        (["--conf", "high"], "got 'high'"),
        (["--conf", "nan"], "got 'nan'"),
        (["--batch-size", "0"], "a whole number from 1 up is needed; got '0'"),
        (["--batch-size", "-3"], "got '-3'"),
        (["--part-size", "2.5"], "got '2.5'"),
        (["--workers", "none"], "got 'none'"),
        (["--engine", "spark"], "choose from"),
        (["--backend", "tpu"], "invalid choice"),
        (["--weights", "no/such.pt"], "no weights at no/such.pt"),
        (["--pattern", "*.heic"], "no file whose name matches '*.heic'"),
    ],
)
def test_options_are_checked(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    told: str,
) -> None:
    out = tmp_path / "never.parquet"
    assert told in error(capsys, folder, "--out", out, *options).replace(
        "'local'", "local"
    ).replace("'ray'", "ray")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "t.parquet"
    (tmp_path / "empty").mkdir()
    assert "not a folder" in error(capsys, tmp_path / "missing", "--out", out)
    assert "not a folder" in error(capsys, SAMPLES / "one_card.jpg", "--out", out)
    assert "there is no file in" in error(capsys, tmp_path / "empty", "--out", out)
    assert "--out" in error(capsys, SAMPLES)


def test_a_folder_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> object:
        raise PermissionError(13, "Permission denied", "private")

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(JobError, match="private cannot be read: Permission denied"):
        batch.make_job(SAMPLES)


def test_other_settings_are_refused(
    folder: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = table.read_bytes()
    told = error(capsys, folder, "--out", table, "--part-size", 6, "--conf", 0.7)
    assert "conf was 0.5 and is now 0.7" in told
    assert table.read_bytes() == before


def test_a_changed_picture_makes_another_job(tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "one_card.jpg", tmp_path / "a.jpg")
    before = batch.make_job(tmp_path)
    shutil.copy(SAMPLES / "two_cards.jpg", tmp_path / "a.jpg")
    assert batch.make_job(tmp_path).key != before.key


def test_the_table_may_lie_among_the_pictures(tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "no_card.jpg", tmp_path / "a.jpg")
    out = tmp_path / "table.parquet"
    for _ in range(2):
        assert batch.main([str(tmp_path), "--out", str(out), "--quiet"]) == 0
        assert pq.read_table(out)["path"].to_pylist() == ["a.jpg"]


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    try:
        shutil.copy(SAMPLES / "one_card.jpg", tmp_path / name)
    except OSError:
        pytest.skip("NOT RUN HERE: this file system takes only names in UTF-8")
    out = tmp_path / "table.parquet"
    assert batch.main([str(tmp_path), "--out", str(out), "--quiet"]) == 0
    [row] = pq.read_table(out).to_pylist()
    assert row["path"] == "caf\\xe9.jpg"
    assert len(row["detections"]) == 1
