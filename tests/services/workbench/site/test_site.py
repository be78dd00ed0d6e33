"""The website: notebooks become pages, dead links are found, and search works without a network."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from services.environment import build_dir
from services.workbench.site import build, pages
from services.workbench.site.check import problems
from tests.e2e.browser import page

STAGED = {"notebooks/01_runner.ipynb", "notebooks/02_service.ipynb", "LICENSE"}


def relinked(text: str) -> str:
    return pages.relinked(text, "notebooks/01_runner.ipynb", STAGED)


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("[next](02_service.ipynb)", "[next](02_service.md)"),
        ("[a](02_service.ipynb#4.-The-`gate`)", "[a](02_service.md#4-the-gate)"),
        ("[below](#What-broke,-and-why)", "[below](#what-broke-and-why)"),
        ("[licence](../LICENSE)", "[licence](../LICENSE)"),
        ("[code](../services/)", "code"),
        ("[web](https://example.org/a.ipynb)", "[web](https://example.org/a.ipynb)"),
        ("![p](pictures/p.png)", "![p](pictures/p.png)"),
        ("`[a](02_service.ipynb)`", "`[a](02_service.ipynb)`"),
        ("```\n[a](02_service.ipynb)\n```", "```\n[a](02_service.ipynb)\n```"),
    ],
)
def test_a_link_leads_to_the_page_on_the_site(here: str, there: str) -> None:
    assert relinked(here) == there


def test_a_notebook_becomes_prose_code_and_boxes(tmp_path: Path) -> None:
    code = nbformat.v4.new_code_cell("print('```')")
    code.outputs = [
        nbformat.v4.new_output("stream", text="\x1b[31m<b> & 1\x1b[0m\n"),
        nbformat.v4.new_output("display_data", data={"image/png": "QUJD", "text/plain": "boxes"}),
        nbformat.v4.new_output("execute_result", data={"text/html": "<i>i</i>", "text/plain": "i"}),
        nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[]),
    ]
    markdown = nbformat.v4.new_markdown_cell("# Title\n\n[next](02_service.ipynb)")
    path = tmp_path / "a.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[markdown, code]), path)
    text = pages.notebook(path, relinked)
    assert "[next](02_service.md)" in text
    assert "````python\nprint('```')\n````" in text
    assert '<div class="output"><pre tabindex="0">&lt;b&gt; &amp; 1</pre></div>' in text
    assert '<img alt="boxes" src="data:image/png;base64,QUJD">' in text
    assert '<div class="output"><i>i</i></div>' in text
    assert ">ValueError: no</pre>" in text


def test_badges_are_left_to_github() -> None:
    text = "# T\n\n[![test](../../x.svg)](../../x)\n\nText"
    assert pages.document(text, relinked) == "# T\n\n\nText"


def test_dead_links_and_foreign_files_are_found(tmp_path: Path) -> None:
    (tmp_path / "b.html").write_text("<h1 id='there'>B</h1>", encoding="utf-8")
    (tmp_path / "a.html").write_text(
        "<a href='b.html#there'>1</a><a href='https://example.org'>2</a><a href='c.html'>3</a>"
        "<a href='b.html#gone'>4</a><script src='https://example.org/x.js'></script>",
        encoding="utf-8",
    )
    assert problems(tmp_path) == [
        "a.html: dead link: c.html",
        "a.html: no such heading: b.html#gone",
        "a.html: fetched from elsewhere: https://example.org/x.js",
    ]


def test_the_pages_hold_no_solution(tmp_path: Path) -> None:
    build.stage(tmp_path)
    labs = list(tmp_path.glob("labs/lab*/*.md"))
    assert len(labs) >= 12
    assert [lab for lab in labs if "SOLUTION" in lab.read_text(encoding="utf-8")] == []


@pytest.mark.nightly  # it installs mkdocs into build/site-env the first time
@pytest.mark.timeout(600)
def test_the_site_builds_and_its_search_works_offline(
    needs: Callable[[str], None], tmp_path: Path
) -> None:
    needs("chromium")
    site = build.build(build.environment())
    assert problems(site) == []
    assert site.is_relative_to(build_dir())
    with page(tmp_path) as opened:
        asked: list[str] = []
        opened.on("request", lambda request: asked.append(request.url))
        opened.goto((site / "notebooks" / "02_service.html").as_uri())
        opened.get_by_role("textbox", name="Search").first.press_sequentially("letterbox")
        answer = opened.locator(".md-search-result__meta")
        expect(answer).to_have_text(re.compile(r"\d+ matching document"), timeout=60_000)
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
