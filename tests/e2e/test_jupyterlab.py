"""A notebook that was only just cloned looks right in JupyterLab, before anything is run."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect

from services.environment import ROOT, build_dir
from services.workbench import servers
from services.workbench.notebooks.files import COMMITTED
from tests.e2e.browser import page

NOTEBOOKS = sorted(COMMITTED.glob("[0-9][0-9]_*.ipynb"))
SCREENSHOTS = build_dir() / "screenshots"

# JupyterLab's own start takes longer than Playwright's five seconds when both cores are busy.
expect.set_options(timeout=60_000)

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def lab(needs: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
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
@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in NOTEBOOKS])
def test_notebook_in_jupyterlab(lab: Page, path: Path) -> None:
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
