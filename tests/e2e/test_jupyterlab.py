"""A notebook that was only just cloned looks right in JupyterLab, before anything is run."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect

from services.environment import ROOT, build_dir
from services.id_card.samples import sample_path
from services.workbench import servers
from services.workbench.notebooks import normalise
from services.workbench.notebooks.files import COMMITTED, SOURCES, read_source
from tests.e2e.browser import page

NOTEBOOKS = sorted(COMMITTED.glob("[0-9][0-9]_*.ipynb"))
SCREENSHOTS = build_dir() / "screenshots"

# JupyterLab's own start takes longer than Playwright's five seconds when both cores are busy.
expect.set_options(timeout=60_000)

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def progress(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the labs that run in the browser note what was checked."""
    return tmp_path_factory.mktemp("progress") / "progress.jsonl"


@pytest.fixture(scope="module")
def lab(
    needs: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory, progress: Path
) -> Iterator[Page]:
    """A browser page that is signed in to a JupyterLab of the project's."""
    needs("chromium")
    settings, token = tmp_path_factory.mktemp("settings"), secrets.token_hex(8)
    tracker = settings / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    tracker.parent.mkdir(parents=True)
    # By default JupyterLab renders the cells near the screen alone; here all are looked at.
    tracker.write_text(json.dumps({"windowingMode": "none"}), encoding="utf-8")
    command = ["jupyter", "lab", "--no-browser", "--port={port}", "--ServerApp.port_retries=0"]
    server = servers.start(
        [*command, f"--IdentityProvider.token={token}"],
        name="jupyterlab",
        ready="/api",
        env={
            "JUPYTER_CONFIG_PATH": str(ROOT / "infra" / "jupyter"),
            "JUPYTERLAB_SETTINGS_DIR": str(settings),
            "LAB_PROGRESS": str(progress),
        },
    )
    with server, page(tmp_path_factory.mktemp("profile")) as opened:
        opened.goto(f"{server.url}/lab?token={token}")
        yield opened


def _alternative_texts(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the alternative texts that the Markdown cells of a notebook give to pictures."""
    markdown = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return [alt for text in markdown for alt in re.findall(r"!\[([^\]]+)\]\(", text)]


@pytest.mark.timeout(240)
def test_jupyterlab_opens_on_the_start_page(lab: Page) -> None:
    lab.goto(lab.url.split("/lab")[0])
    page = lab.locator(".jp-MarkdownViewer:visible")
    expect(page.locator("h1")).to_contain_text("Start here")
    expect(page.locator("tbody tr")).to_have_count(len(NOTEBOOKS))
    # nbgrader's menu and panels are for instructors; its server reads settings that hide cards.
    expect(lab.get_by_role("menuitem", name="Run", exact=True)).to_be_visible()
    expect(lab.get_by_role("menuitem", name="Nbgrader")).to_have_count(0)
    page.get_by_role("link", name="02 · The service").click()
    expect(lab.locator(".jp-NotebookPanel:visible h1").first).to_contain_text("02 · The service")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in NOTEBOOKS])
def test_notebook_in_jupyterlab(lab: Page, path: Path) -> None:
    before = path.read_bytes()
    committed = nbformat.read(path, as_version=4)
    title = committed.cells[0].source.splitlines()[0].removeprefix("# ")
    origin = lab.url.split("/lab")[0]
    lab.goto(f"{origin}/lab/tree/{path.relative_to(ROOT).as_posix()}?reset")

    notebook = lab.locator(".jp-NotebookPanel:visible .jp-Notebook")
    expect(notebook.locator("h1").first).to_contain_text(title.replace("`", ""))
    expect(notebook.locator(".jp-Cell")).to_have_count(len(committed.cells))
    lab.wait_for_function(
        "() => [...document.querySelectorAll('.jp-Notebook img')].every(image => image.complete)"
    )
    shown = notebook.locator("img").evaluate_all(
        "images => images.map(image => ({alt: image.alt, width: image.naturalWidth}))"
    )
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    lab.screenshot(path=SCREENSHOTS / f"jupyterlab-{path.stem}.png")

    assert shown, "no picture is shown"
    assert [image for image in shown if not image["width"]] == [], "a picture does not load"
    assert [image for image in shown if not image["alt"]] == [], "a picture has no alternative text"
    alternative_texts = [image["alt"] for image in shown]
    assert [alt for alt in _alternative_texts(committed) if alt not in alternative_texts] == []
    errors = notebook.locator("[data-mime-type='application/vnd.jupyter.error']")
    expect(errors).to_have_count(0)
    assert path.read_bytes() == before, "reading a notebook changed it: git status is not clean"


def _run_all(lab: Page, name: str, code: list[str]) -> Locator:
    """Run these cells in a notebook of their own, and return where it is shown."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in code],
        metadata={"kernelspec": normalise.KERNELSPEC},
    )
    path = build_dir() / "e2e" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)

    origin = lab.url.split("/lab")[0]
    lab.goto(f"{origin}/lab/tree/{path.relative_to(ROOT).as_posix()}?reset")
    panel = lab.locator(".jp-NotebookPanel:visible .jp-Notebook")
    expect(panel.locator(".jp-Cell")).to_have_count(len(notebook.cells))
    expect(lab.get_by_text("| Idle").last).to_be_visible(timeout=120_000)  # the kernel is there
    lab.get_by_role("menuitem", name="Run", exact=True).click()
    lab.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    return panel


@pytest.mark.timeout(300)
def test_an_image_of_ones_own_and_the_servers_links(lab: Page) -> None:
    cells = [
        cell for cell in read_source(SOURCES / "01_runner.py").cells if cell.cell_type == "code"
    ]
    wanted = ("image_name =", "import asyncio", "server = servers.shell", "upload =", "def look")
    code = [cell.source for cell in cells if cell.source.startswith(wanted)]
    assert len(code) == len(wanted) + 1  # look and look_at
    panel = _run_all(lab, "own-image", [*code, "server"])

    link = panel.get_by_role("link", name="Swagger UI")
    expect(link).to_be_visible(timeout=180_000)
    assert lab.request.get(str(link.get_attribute("href"))).ok
    shown = panel.locator(".widget-output img")
    expect(shown).to_have_attribute("alt", re.compile("2 of the 2 boxes"))
    for name, alt in (("one_card", "1 of the 1 boxes"), ("no_card", "0 of the 0 boxes")):
        with lab.expect_file_chooser() as chooser:
            panel.get_by_role("button", name="Your image").click()
        chooser.value.set_files(sample_path(name))
        expect(shown).to_have_attribute("alt", re.compile(alt))
    lab.screenshot(path=SCREENSHOTS / "jupyterlab-own-image.png")
    with lab.expect_file_chooser() as chooser:
        panel.get_by_role("button", name="Your image").click()
    chooser.value.set_files(ROOT / "README.md")
    expect(panel.locator(".widget-output").last).to_contain_text("not an image")


@pytest.mark.timeout(240)
def test_checks_show_cards_and_write_progress(lab: Page, progress: Path) -> None:
    solved = nbformat.read(ROOT / "solutions/lab01_runner/lab01_runner.ipynb", as_version=4)
    code = [cell.source for cell in solved.cells if cell.cell_type == "code"]
    first = next(n for n, source in enumerate(code) if source.startswith("check("))
    called, _, answer = code[first].rstrip(")").partition(", ")
    checks = [f"{called}, ...)", f"{called}, lambda *_: [])", f"{called}, {answer})"]
    panel = _run_all(lab, "cards", [*code[:first], *checks])

    outputs = panel.locator(".jp-OutputArea-output")
    for status in ("NOT_ATTEMPTED", "FAIL", "PASS"):
        expect(outputs.filter(has_text=status).first).to_be_visible(timeout=180_000)
    errors = panel.locator("[data-mime-type='application/vnd.jupyter.error']")
    expect(errors).to_have_count(0)
    lines = [json.loads(line) for line in progress.read_text(encoding="utf-8").splitlines()]
    assert [line["status"] for line in lines] == ["NOT_ATTEMPTED", "FAIL", "PASS"]
