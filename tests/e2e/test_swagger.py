"""Somebody opens the service in a browser and tries it out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from services.environment import build_dir
from services.id_card.detector import Detector
from services.id_card.samples import load_sample, sample_path
from services.workbench import servers
from tests.e2e.browser import page

SCREENSHOTS = build_dir() / "screenshots"

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def swagger(
    needs: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """The service's root page."""
    needs("chromium")
    server = servers.bentoml("services.id_card.bento.service:IdCardDetector")
    with server, page(tmp_path_factory.mktemp("profile")) as opened:
        opened.goto(server.url)
        yield opened


@pytest.mark.timeout(240)
def test_the_form_answers_with_the_cards(swagger: Page) -> None:
    endpoints = swagger.locator(".opblock-post .opblock-summary-path")
    expect(endpoints).to_have_count(3)
    assert [path.strip() for path in endpoints.all_inner_texts()] == [
        "/inference",
        "/invocation",
        "/render",
    ]
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    section = swagger.locator(".opblock-tag-section").first
    section.screenshot(path=SCREENSHOTS / "swagger.png")  # the picture in notebook 02

    block = swagger.locator(".opblock-post").first
    block.locator(".opblock-summary").click()
    block.get_by_role("button", name="Try it out").click()
    block.locator("input[type=file]").set_input_files(sample_path("two_cards"))
    block.get_by_role("button", name="Execute").click()
    answer = block.locator(".live-responses-table .response")
    expect(answer.locator(".response-col_status")).to_contain_text("200")
    shown = json.loads(answer.locator(".highlight-code code").first.inner_text())
    [expected] = Detector.from_environment().detect([load_sample("two_cards")])
    assert [box["box"] for box in shown] == [found.as_dict()["box"] for found in expected]
    swagger.screenshot(path=SCREENSHOTS / "swagger-tried.png", full_page=True)


@pytest.mark.timeout(240)
def test_a_bad_upload_is_told_what_to_change(swagger: Page, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("no picture")
    block = swagger.locator(".opblock-post").nth(1)
    block.locator(".opblock-summary").click()
    block.get_by_role("button", name="Try it out").click()
    block.locator("input[type=file]").set_input_files(notes)
    block.get_by_role("button", name="Execute").click()
    answer = block.locator(".live-responses-table .response")
    expect(answer.locator(".response-col_status")).to_contain_text("415")
    expect(answer).to_contain_text("Send a file in one of the formats JPEG")


def _try_render(swagger: Page) -> Locator:
    """Send an image to ``/render`` by Swagger's form, and return the row of the answer."""
    block = swagger.locator(".opblock-post", has_text="/render")
    block.locator(".opblock-summary").click()
    block.get_by_role("button", name="Try it out").click()
    block.locator("input[type=file]").set_input_files(sample_path("two_cards"))
    block.get_by_role("button", name="Execute").click()
    answer = block.locator(".live-responses-table .response")
    expect(answer.locator(".response-col_status")).to_contain_text("200")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return answer


@pytest.mark.timeout(240)
def test_render_shows_its_image(swagger: Page) -> None:
    answer = _try_render(swagger)
    expect(answer.locator("img")).to_be_visible()
    expect(answer.get_by_text("Download file")).to_have_count(0)


@pytest.mark.timeout(240)
def test_the_chapters_service_offers_the_image_as_a_file(swagger: Page) -> None:
    server = servers.bentoml("services.id_card.bento.runner_service:svc", api_workers=1)
    with server, swagger.context.new_page() as opened:
        opened.goto(server.url)
        answer = _try_render(opened)
        answer.screenshot(path=SCREENSHOTS / "swagger-render.png")  # the picture in notebook 03
        with opened.expect_download() as download:
            answer.get_by_text("Download file").click()
        with Image.open(download.value.path()) as drawn:
            assert drawn.size == load_sample("two_cards").size


@pytest.mark.timeout(240)
def test_the_endpoints_for_machines_are_listed(swagger: Page) -> None:
    section = swagger.locator(".opblock-tag-section").nth(1)
    paths = section.locator(".opblock-get .opblock-summary-path").all_inner_texts()
    assert {path.strip() for path in paths} >= {"/healthz", "/livez", "/readyz", "/metrics"}
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    section.screenshot(path=SCREENSHOTS / "swagger-machines.png")  # the picture in notebook 05
