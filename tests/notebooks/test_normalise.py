"""Outputs lose what depends on the machine and the moment, and nothing else."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from services.environment import ROOT, build_dir
from services.workbench.notebooks import normalise

REWRITTEN = {
    f"{ROOT}/services/x.py": "services/x.py",
    f"in {ROOT}": "in .",
    f"sqlite:///{build_dir()}/a.db": "sqlite:///build/a.db",
    f"{sys.prefix}/bin/python": ".venv/bin/python",
    f"{Path.home()}/.cache": "~/.cache",
    f"{tempfile.gettempdir()}/tmpab12cd_9/a.jpg": "TMP/a.jpg",
    "file tmpab12cd_9.": "file TMP.",
    "http://127.0.0.1:43210/inference": "http://127.0.0.1:PORT/inference",
    "port=43210": "port=PORT",
    "--http_port 43210": "--http_port PORT",
    "<object object at 0x7f9d8c0b1a20>": "<object object at 0x…>",
    "pid 4321 and 'pid': 4321": "pid PID and 'pid': PID",
    "Started server process [4321]": "Started server process [PID]",
    "12.3 ms, 4s, 1.5e-3 seconds, 80 µs": "… ms, …s, … seconds, … µs",
    "CPU times: user 2 s, total: 3 ms\nx": "CPU times: …\nx",
    "2031-02-03T04:05:06.789+00:00 start": "DATE start",
    "2031-02-03 04:05:06,789 start": "DATE start",
    "date: Mon, 03 Feb 2031 04:05:06 GMT": "date: DATE",
    "at 04:05:06": "at TIME",
    "id 0b8f5c1e-1f64-4a73-9d1c-2f0a6a2d9a11": "id UUID",
    "\x1b[31mred\x1b[0m": "red",
    "50%\r100%\ndone": "100%\ndone",
}

KEPT = [
    "http://localhost:3000/docs.json",
    "http://127.0.0.1:8080",
    "id_card 0.5838, box 1.89 146.94",
    "640x480, 4 images, 12.3 MB, 3 of 7",
    "python 3.11.7, yolov8n, torch 2.15.0",
    "a score of 10 should stay",
]


@pytest.mark.parametrize(("raw", "clean"), REWRITTEN.items(), ids=[*REWRITTEN.values()])
def test_text_is_rewritten(raw: str, clean: str) -> None:
    assert normalise.text(raw) == clean
    assert normalise.text(clean) == clean, "a second time changes nothing"


@pytest.mark.parametrize("text", KEPT)
def test_text_is_kept(text: str) -> None:
    assert normalise.text(text) == text


def test_volatile_cells_keep_the_moment_but_not_the_machine() -> None:
    raw = f"pid 4321 in {ROOT}/services on 127.0.0.1:43210 took 3.2 ms"
    clean = "pid 4321 in services on 127.0.0.1:PORT took 3.2 ms"
    assert normalise.text(raw, moment=False) == clean


def test_shown_source_code_and_json_keep_what_looks_like_time() -> None:
    code = "timeout = 60  # 60 s, or 0xFFFFFFFF"
    data = {
        "text/html": code,
        "text/markdown": code,
        "application/json": {"at": f"{ROOT}/a", "s": "60 s"},
    }
    [output] = normalise.outputs([new_output("display_data", data=data)])
    assert output.data["text/html"] == code
    assert output.data["text/markdown"] == code
    assert output.data["application/json"] == {"at": "a", "s": "60 s"}


def test_pictures_pass_through() -> None:
    [output] = normalise.outputs([new_output("display_data", data={"image/png": "tmpab12cd_9=="})])
    assert output.data["image/png"] == "tmpab12cd_9=="


def test_a_widget_leaves_nothing_and_the_picture_before_it_stays() -> None:
    picture = new_output("display_data", data={"text/html": "<img>", "text/plain": "a card"})
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "a1"}, "text/plain": "VBox()"}
    widget = new_output("display_data", data=view)
    assert [output.data for output in normalise.outputs([picture, widget])] == [picture.data]


def test_streams_are_joined_however_they_arrived() -> None:
    pieces = [new_output("stream", name="stdout", text=text) for text in ("a", "b\n", "c\n")]
    assert [output.text for output in normalise.outputs(pieces)] == ["ab\nc\n"]


def test_notebook_loses_the_notes_of_its_execution() -> None:
    code = new_code_cell(
        "1", execution_count=7, metadata={"papermill": {"duration": 1}, "tags": []}
    )
    code.outputs = [new_output("execute_result", data={"text/plain": "1"}, execution_count=7)]
    injected = new_code_cell("n = 2", metadata={"tags": ["injected-parameters"]})
    notebook = new_notebook(
        cells=[new_markdown_cell("# t"), injected, code],
        metadata={"papermill": {"start_time": "now"}, "widgets": {}},
    )
    clean = normalise.notebook(notebook)
    assert [cell.source for cell in clean.cells] == ["# t", "1"]
    assert set(clean.metadata) == {"kernelspec", "language_info"}
    assert clean.cells[1].metadata == {}
    assert clean.cells[1].execution_count == 1
    assert clean.cells[1].outputs[0].execution_count == 1
