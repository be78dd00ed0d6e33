"""A row of the chapter's register is where it says, or says why it is nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.workbench.notebooks import coverage
from services.workbench.notebooks.files import NotebookError

SOURCE = """\
# %% [markdown]
# # 02 · A sample
# `prose()`

# %% [markdown]
# ## 1. The `first` step

# %%
first_step()

# %% tags=["needs-engine"]
second_step()
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    (tmp_path / "02_sample.py").write_text(SOURCE, encoding="utf-8")
    return tmp_path


def row(status: str, *at: list[str], note: str = "") -> dict[str, Any]:
    return {"kind": "claim", "what": "A claim", "status": status, "at": at, "note": note}


def test_a_place_is_found_under_its_heading(sources: Path) -> None:
    [place] = coverage.places(row("run", ["02_sample", "first_step"]), sources)
    assert str(place) == "[02 · The `first` step](notebooks/02_sample.ipynb#1.-The-first-step)"
    [place] = coverage.places(row("run", ["02_sample", "second_step"]), sources)
    assert str(place).endswith("(needs a container engine)")
    [place] = coverage.places(row("shown", ["README.md", "make chapter"]), sources)
    assert str(place) == "[`README.md`](README.md)"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row("run", ["02_sample", "third_step"]), "no code cell of 02_sample"),
        (row("run", ["02_sample", "prose()"]), "no code cell"),
        (row("shown", ["README.md", "no such words"]), "not found in README.md"),
        (row("shown", ["03_absent", "x"]), "not found in 03_absent"),
        (row("run"), "needs a place"),
        (row("not here"), "says why"),
        (row("nearly", ["02_sample", "first_step"]), "'nearly' is not one of"),
    ],
)
def test_a_row_that_does_not_hold_is_refused(
    sources: Path, bad: dict[str, Any], message: str
) -> None:
    with pytest.raises(NotebookError, match=message):
        coverage.places(bad, sources)


def test_prose_counts_where_nothing_has_to_run(sources: Path) -> None:
    [place] = coverage.places(row("mentioned", ["02_sample", "prose()"]), sources)
    assert place.title == "02 · A sample"
