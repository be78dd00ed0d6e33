"""The installation takes exactly the lock, and another torch where one is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.setup import install


def test_the_cpu_lock_lacks_torch_and_cuda_and_nothing_else() -> None:
    pins = install.pins()
    rest, torch = install.split_for_cpu(pins)
    assert [line.split("==")[0] for line in torch] == ["torch", "torchvision"]
    dropped = {line.split("==")[0] for line in set(pins) - set(rest) - set(torch)}
    assert "nvidia-cublas" in dropped
    assert "triton" in dropped
    assert all(name.startswith(("nvidia-", "cuda-", "triton")) for name in dropped)
    assert any(line.startswith("nvidia-ml-py==") for line in rest)
    assert any(line.startswith("bentoml==") for line in rest)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """The commands that an installation into a good .venv would run."""
    ran: list[list[str]] = []
    monkeypatch.setenv("SERVING_LABS_BUILD", str(tmp_path))
    monkeypatch.setattr(install, "is_usable", lambda: True)
    monkeypatch.setattr(
        install.subprocess, "run", lambda command, **_: ran.append([str(c) for c in command])
    )
    return ran


def test_the_default_needs_the_default_index_alone(commands: list[list[str]]) -> None:
    install.install()
    uv = [command for command in commands if "uv" in Path(command[0]).name]
    assert [command[2] for command in uv] == ["sync", "install"]
    assert str(install.LOCK) in uv[0]
    assert "--no-build-isolation" in uv[1]
    assert not any("--index-url" in command for command in commands)


def test_torch_comes_from_the_index_that_is_named(commands: list[list[str]]) -> None:
    install.install("https://example.org/cpu")
    [torch] = [command for command in commands if "--index-url" in command]
    assert torch[torch.index("--index-url") + 1] == "https://example.org/cpu"
    assert any(argument.startswith("torch==") for argument in torch)
    assert any(argument.startswith("torchvision==") for argument in torch)


def test_a_broken_environment_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert install.is_usable() or not install.VENV.exists()
    monkeypatch.setattr(install, "PYTHON", tmp_path / "bin" / "python")
    assert not install.is_usable()
