"""The sizes of images: of the present code, or not at all."""

from __future__ import annotations

import json

import pytest

from services.bench import probes
from services.bench.peers import PEERS
from services.packaging import container_engine


def test_each_image_belongs_to_a_server() -> None:
    assert set(probes.IMAGES) <= set(PEERS)


def test_a_size_is_in_mib(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def command(*arguments: str) -> str:
        asked.append(arguments)
        return json.dumps([{"Size": 300 * 2**20 + 1}])

    monkeypatch.setattr(container_engine, "find_engine", lambda: "podman")
    monkeypatch.setattr(container_engine, "command", command)
    monkeypatch.setitem(probes.IMAGES, "bentoml", lambda: "id_card_detector:1")
    assert probes.image_mib("bentoml") == 300
    assert asked == [("podman", "image", "inspect", "id_card_detector:1")]


def test_without_an_engine_or_an_image_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: str) -> str:
        raise container_engine.ContainerError("no such image")

    monkeypatch.setitem(probes.IMAGES, "bentoml", lambda: "id_card_detector:1")
    monkeypatch.setattr(container_engine, "find_engine", lambda: "podman")
    monkeypatch.setattr(container_engine, "command", fail)
    assert probes.image_mib("bentoml") is None

    def none() -> str:
        raise container_engine.NotRunError("NOT RUN HERE")

    monkeypatch.setattr(container_engine, "find_engine", none)
    assert probes.image_mib("bentoml") is None
    assert probes.image_mib("litserve") is None
