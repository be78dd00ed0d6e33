"""Both versions behind a service that depends on three: ``services.id_card.bento.ensemble``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.workbench.servers import Server
from tests.services.id_card.adapter_contract import GOOD
from tests.services.id_card.bento.ensemble_contract import (
    EnsembleContract,
    expected,
    is_close,
    numbers,
    serve_faulty,
)
from tests.services.id_card.image_files import SAMPLES


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("ensemble")
    with serve_faulty(
        folder, "from services.id_card.bento.ensemble import Ensemble", "Ensemble"
    ) as running:
        yield running


class TestServices(EnsembleContract):
    pass


def test_the_class_works_without_a_server() -> None:
    from services.id_card.bento.ensemble import Ensemble

    answer = asyncio.run(Ensemble().predict(image=SAMPLES / "one_card.jpg"))

    for name, boxes in expected(GOOD).items():
        assert is_close(numbers(answer["results"][name]), boxes), name
