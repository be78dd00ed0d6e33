"""What needs no engine: which one is chosen, and what is said where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.id_card.bento import build as bento_build
from services.packaging import container_engine, images
from services.setup import preflight
from services.workbench.servers import containers


def _program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_without_an_engine_it_says_what_would_run_it(programs: Path) -> None:
    with pytest.raises(
        container_engine.NotRunError, match=r"NOT RUN HERE: .*apt-get install podman"
    ):
        container_engine.find_engine()
    with pytest.raises(container_engine.NotRunError, match="NOT RUN HERE: docker, podman, buildah"):
        images.find_builder()


def test_a_client_without_its_service_does_not_count(programs: Path) -> None:
    _program(programs, "docker", "exit 1")
    with pytest.raises(container_engine.NotRunError):
        container_engine.find_engine()
    _program(programs, "podman", "exit 0")
    assert container_engine.find_engine() == "podman"
    assert images.find_builder() == "podman"


def test_buildah_alone_builds_but_runs_nothing(programs: Path) -> None:
    _program(programs, "buildah", "exit 0")
    assert images.find_builder() == "buildah"
    with pytest.raises(container_engine.NotRunError):
        container_engine.find_engine()


def test_without_an_image_it_says_what_makes_one(programs: Path) -> None:
    _program(programs, "podman", '[ "$1" = info ]')
    with pytest.raises(container_engine.NotRunError, match=r"no image nothing:1; make container"):
        containers.run("nothing:1")


@pytest.mark.parametrize(
    ("builder", "root", "told"),
    [
        ("docker", True, "install podman to do without"),
        ("podman", True, "apt-get install debootstrap"),
        ("podman", False, "only root can make a base image"),
    ],
)
def test_without_a_registry_it_says_what_is_missing(
    programs: Path, monkeypatch: pytest.MonkeyPatch, builder: str, root: bool, told: str
) -> None:
    _program(programs, builder, "exit 1")
    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
    if not root:
        _program(programs, "debootstrap", "exit 0")
    with pytest.raises(container_engine.NotRunError, match=f"{preflight.NOT_RUN}: .*{told}"):
        images.make_base(builder)


def test_a_failure_ends_with_what_the_engine_printed(programs: Path) -> None:
    _program(programs, "podman", "echo 'no space left' >&2; exit 125")
    with pytest.raises(
        container_engine.ContainerError, match=r"podman pull x failed \(125\):\s+no space"
    ):
        container_engine.command("podman", "pull", "x")


def test_the_command_says_so_and_fails(programs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bento_build.main(["container"]) == 1
    assert "NOT RUN HERE" in capsys.readouterr().err


class TestWhatTheBuildBorrows:
    @pytest.fixture(autouse=True)
    def _own_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SERVING_LABS_BUILD", str(tmp_path / "build"))
        for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
            monkeypatch.delenv(name, raising=False)

    def test_certificates_uv_and_its_cache(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bundle = tmp_path / "ca.pem"
        bundle.write_text("certificates", encoding="utf-8")
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))

        conf = images.write_build_config().read_text(encoding="utf-8")

        assert f"{bundle}:/etc/ssl/certs/ca-certificates.crt:ro" in conf
        assert ":/usr/local/bin/uv:ro" in conf
        assert f"{tmp_path}/build/container/uv-cache:/var/cache/uv:rw" in conf

    @pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"])
    def test_the_package_index(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(name, "https://index.example/simple")

        settings = images.write_build_config().with_name("uv.toml").read_text(encoding="utf-8")

        assert 'index-url = "https://index.example/simple"' in settings
