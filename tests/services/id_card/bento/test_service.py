"""Today's API: ``services.id_card.bento.service``, in-process and served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bentoml
import httpx
import pytest
from bentoml.exceptions import BentoMLException

from services.id_card.detector import Detector
from services.workbench import servers
from services.workbench.servers import Server
from tests.services.id_card.adapter_contract import (
    TIMEOUT,
    AdapterContract,
    HttpContract,
    assert_boxes,
    assert_ends_when_asked,
    assert_rendered,
    in_process,
)
from tests.services.id_card.image_files import SAMPLES

TARGET = "services.id_card.bento.service:IdCardDetector"
FILE = SAMPLES / "one_card.jpg"


@pytest.fixture(scope="session")
def app_client() -> Iterator[httpx.Client]:
    from services.id_card.bento.service import IdCardDetector

    # Once a session: a second application would register its metrics twice.
    yield from in_process(IdCardDetector.to_asgi)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server puts its temporary files."""
    return tmp_path_factory.mktemp("service")


class TestService(AdapterContract):
    pass


class TestServer(HttpContract):
    def test_bentomls_own_client(self, server: Server, core: Detector) -> None:
        with bentoml.SyncHTTPClient(server.url, timeout=TIMEOUT) as client:
            assert client.is_ready()
            boxes = client.inference(image=FILE)
            drawing = client.render(image=FILE)

        assert_boxes(boxes, core)
        content = drawing if isinstance(drawing, bytes) else Path(drawing).read_bytes()
        assert_rendered(content, core)

    def test_bentomls_own_client_is_told_what_is_wrong(
        self, server: Server, tmp_path: Path
    ) -> None:
        (tmp_path / "text.jpg").write_text("no picture")
        with (
            bentoml.SyncHTTPClient(server.url, timeout=TIMEOUT) as client,
            pytest.raises(BentoMLException, match="image_format") as caught,
        ):
            client.inference(image=tmp_path / "text.jpg")

        assert caught.value.error_code == 415

    def test_it_ends_when_asked(self) -> None:
        with servers.bentoml(TARGET) as own:
            assert_ends_when_asked(own)


def test_the_class_works_without_a_server(core: Detector) -> None:
    """A service is a class; called in Python its endpoints are methods."""
    from services.id_card.bento.service import IdCardDetector

    service = IdCardDetector()

    assert_boxes(service.inference(image=FILE), core)
    assert_boxes(service.invocation(image=FILE), core)
    assert_rendered(service.render(image=FILE), core)
