"""The preflight finds what is missing, names the remedy, and runs before anything is installed."""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
import sys
import tomllib
from collections import namedtuple
from pathlib import Path

import pytest

from services.environment import ROOT
from services.workbench import preflight
from tests.missing_tools import ALLOWED, require


def test_this_machine_passes_the_hard_checks() -> None:
    assert {row.status for row in preflight.report(hard_only=True)} == {preflight.OK}
    assert preflight.main(["--hard"]) == 0


def test_the_report_has_a_row_for_every_tool() -> None:
    names = {row.name for row in preflight.report()}
    assert names >= {
        "python",
        "disk",
        "ports",
        "engine",
        "cluster",
        "prometheus",
        "hey",
        "chromium",
    }


def test_it_needs_nothing_installed() -> None:
    # -S leaves out site-packages, -I the environment: what is left is the standard library.
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import services.workbench.preflight"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)


def test_a_full_disk_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 0, 2 * preflight.GIGABYTE))
    row = preflight.check_disk(tmp_path)
    assert row.status == preflight.MISSING
    assert "2.0 GB free, 10 GB wanted" in row.detail
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".ready").touch()
    assert preflight.check_disk(tmp_path).status == preflight.OK


def test_another_python_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 8, 18, "final", 0))
    monkeypatch.setenv("PATH", "")
    row = preflight.check_python()
    assert (row.status, row.remedy) == (preflight.MISSING, "apt-get install python3.11-venv")


def test_a_closed_loopback_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("Cannot assign requested address")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    assert preflight.check_ports().status == preflight.MISSING


def test_weights_are_compared_with_their_sums(tmp_path: Path) -> None:
    assert preflight.check_weights(tmp_path) is None
    (tmp_path / "a.pt").write_bytes(b"weights")
    sums = f"{hashlib.sha256(b'weights').hexdigest()}  a.pt\n"
    (tmp_path / "SHA256SUMS").write_text(sums, encoding="utf-8")
    assert str(preflight.check_weights(tmp_path)).startswith("weights      ok")
    (tmp_path / "a.pt").write_bytes(b"other")
    row = preflight.check_weights(tmp_path)
    assert row is not None
    assert row.status == preflight.MISSING
    assert row.remedy == "git checkout -- services/id_card/weights/a.pt"


def test_the_packages_are_compared_with_the_lock(tmp_path: Path) -> None:
    row = preflight.check_packages()
    assert row is not None
    assert row.status == preflight.OK, str(row)
    lock = tmp_path / "requirements.txt"
    lock.write_text(
        "bentoml==0.1\nno-such-package==1 ; sys_platform == 'win32'\n", encoding="utf-8"
    )
    row = preflight.check_packages(lock)
    assert row is not None
    assert row.status == preflight.MISSING
    assert "locked 0.1" in row.detail
    assert "others" not in row.detail
    assert row.remedy == "make environment"


def test_a_copy_later_on_the_path_is_not_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "bentoml-0.1.dist-info"
    copy.mkdir()
    (copy / "METADATA").write_text("Metadata-Version: 2.1\nName: bentoml\nVersion: 0.1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "bentoml 0.1, locked" in str(preflight.check_packages())
    monkeypatch.setattr(sys, "path", [*sys.path[1:], str(tmp_path)])
    assert str(preflight.check_packages()).startswith("packages     ok")


def _tool(monkeypatch: pytest.MonkeyPatch, *command: str) -> None:
    tool = preflight.Tool("chromium", [list(command)], "apt-get install chromium")
    monkeypatch.setitem(preflight.TOOLS, "chromium", tool)


def test_a_tool_has_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    _tool(monkeypatch, sys.executable, "-c", "")
    assert preflight.find_tool("chromium").status == preflight.OK
    _tool(monkeypatch, sys.executable, "-c", "raise SystemExit(1)")
    assert preflight.find_tool("chromium").status == preflight.NOT_RUN
    _tool(monkeypatch, "no-such-program")
    row = preflight.find_tool("chromium")
    assert row.status == preflight.NOT_RUN
    assert str(row).endswith("; apt-get install chromium")


def test_a_missing_tool_skips_with_the_remedy_and_fails_when_strict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _tool(monkeypatch, sys.executable, "-c", "")
    require("chromium")
    _tool(monkeypatch, "no-such-program")
    monkeypatch.delenv("SERVING_LABS_STRICT", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"NOT RUN HERE.*apt-get install chromium"):
        require("chromium")
    monkeypatch.setenv("SERVING_LABS_STRICT", "1")
    allowed = tmp_path / "allowed.toml"
    allowed.write_text("", encoding="utf-8")
    with pytest.raises(pytest.fail.Exception, match="NOT RUN HERE"):
        require("chromium", allowed)
    allowed.write_text('chromium = "no browser to be had"', encoding="utf-8")
    with pytest.raises(pytest.skip.Exception, match="no browser to be had"):
        require("chromium", allowed)


def test_the_allowed_tools_exist_and_have_reasons() -> None:
    allowed = tomllib.loads(ALLOWED.read_text(encoding="utf-8"))
    assert set(allowed) <= set(preflight.TOOLS)
    assert all(allowed.values())
