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
from services.setup import preflight, tools
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
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import services.setup.preflight"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)


def test_a_full_disk_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.delenv("TORCH_INDEX", raising=False)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 0, 2 * preflight.GIGABYTE))
    row = preflight.check_disk(tmp_path)
    assert row.status == preflight.MISSING
    assert "2.0 GB free, 10 GB needed" in row.detail
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 0, 6 * preflight.GIGABYTE))
    assert "TORCH_INDEX=URL" in preflight.check_disk(tmp_path).remedy
    with monkeypatch.context() as patch:  # what the remedy says is not refused in its turn
        patch.setenv("TORCH_INDEX", "https://index.example/cpu")
        assert preflight.check_disk(tmp_path).status == preflight.OK
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".ready").touch()
    assert preflight.check_disk(tmp_path).status == preflight.OK


def test_another_python_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 8, 18, "final", 0))
    monkeypatch.setenv("PATH", "")
    row = preflight.check_python()
    assert (row.status, row.remedy) == (preflight.MISSING, "uv python install 3.11")


def test_a_mac_is_offered_homebrew(monkeypatch: pytest.MonkeyPatch) -> None:
    row = preflight.Row("hey", preflight.NOT_RUN, "hey is missing", "apt-get install hey")
    monkeypatch.setattr(sys, "platform", "linux")
    assert str(row).endswith("; apt-get install hey")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert str(row).endswith("; brew install hey")
    remedies = {tool.remedy for tool in preflight.TOOLS.values()}
    assert {remedy for remedy in remedies if remedy.startswith("apt-get")} <= set(tools.HOMEBREW)


def test_a_row_is_no_wider_than_a_notebooks_output() -> None:
    row = preflight.Row("cluster", preflight.NOT_RUN, "d" * 50, "r" * 60)
    first, second = str(row).splitlines()
    assert first.endswith(f"{'d' * 50};")
    assert second.split() == ["r" * 60]
    assert max(len(first), len(second)) <= tools.WIDTH
    assert "\n" not in str(preflight.Row("hey", preflight.NOT_RUN, "d" * 20, "r" * 20))


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


def test_a_program_that_does_not_answer_is_not_called_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fails = [sys.executable, "-c", "raise SystemExit(1)"]
    cluster = preflight.TOOLS["cluster"]
    monkeypatch.setitem(preflight.TOOLS, "cluster", cluster._replace(probes=[fails]))
    detail = preflight.find_tool("cluster").detail
    assert detail.endswith("is installed, but reaches no cluster")
    monkeypatch.setitem(preflight.TOOLS, "cluster", cluster._replace(probes=[["no-such-program"]]))
    assert preflight.find_tool("cluster").detail == "no-such-program not found"
    both = preflight.TOOLS["engine"]._replace(probes=[["no-such-program"], fails])
    monkeypatch.setitem(preflight.TOOLS, "engine", both)
    assert preflight.find_tool("engine").detail.endswith("is installed, but does not answer")


def test_a_notebook_shows_what_it_needs_and_folds_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _tool(monkeypatch, "no-such-program")
    shown = preflight.needs("chromium")
    first, *rows = str(shown).splitlines()
    assert first.startswith("python, disk, ports, weights")
    assert [row.split()[0] for row in rows] == ["chromium"]
    visible, folded = shown._repr_html_().split("<details>")
    assert "apt-get install chromium" in visible
    assert "kubectl" not in visible + folded
    assert "free ports" in folded
    monkeypatch.setattr(
        preflight, "check_packages", lambda: preflight.Row("packages", "MISSING", "one is absent")
    )
    assert "one is absent" in preflight.needs()._repr_html_().split("<details>")[0]


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
