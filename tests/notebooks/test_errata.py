"""The register of errata is what the notebooks say, and a malformed erratum is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.workbench.notebooks import errata
from services.workbench.notebooks.files import NotebookError

GOOD = """\
# %% [markdown]
# # 02 · A sample
#
# > **Erratum 6** · section 10.4.1 · wrong when printed · `async def invocation(a | b)`
# > A request to `/inference` gets a 404,
# > see [03](03_render.ipynb) and the [manifest](../infra/x.yaml).
# After it, free text. See erratum 7.

# %% [markdown]
# > **Erratum 35** · section 10.6 · defect of a library · ``a `quoted` line``
# > Another one.
"""


def _source(folder: Path, text: str, name: str = "02_sample") -> Path:
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_blocks_become_rows(tmp_path: Path) -> None:
    first, second = errata.collect([_source(tmp_path, GOOD)])
    assert first[:4] == (6, "10.4.1", "wrong when printed", "`async def invocation(a | b)`")
    assert first.today.startswith("A request to `/inference` gets a 404, see")
    assert "free text" not in first.today
    assert (second.number, second.line, second.today) == (35, "``a `quoted` line``", "Another one.")
    text = errata.render([first, second])
    assert r"| 6 | 10.4.1 | `async def invocation(a \| b)` | A request to" in text
    assert "[03](notebooks/03_render.ipynb)" in text
    assert "[manifest](infra/x.yaml)" in text
    assert text.count("[02 · A sample](notebooks/02_sample.ipynb) |\n") == 2
    assert "**wrong when printed**: 1" in text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("> **Erratum 6** · section 10.4.1 · wrong", "> **Erratum 6** · section 9.4 · wrong"),
        ("wrong when printed", "wrong"),
        (" · `async def invocation(a | b)`", ""),
        ("> **Erratum 6** · ", "**Erratum 6.** "),
        ("# > **Erratum 35**", "# Note **Erratum 35**"),
        ("\n# > Another one.", ""),
    ],
)
def test_a_malformed_block_is_named(tmp_path: Path, old: str, new: str) -> None:
    assert old in GOOD
    with pytest.raises(NotebookError, match=r"02_sample\.py, cell 02-sample-00\d: .*Erratum"):
        errata.collect([_source(tmp_path, GOOD.replace(old, new))])


def test_a_number_is_used_once(tmp_path: Path) -> None:
    two = [_source(tmp_path, GOOD), _source(tmp_path, GOOD, "03_other")]
    with pytest.raises(NotebookError, match=r"erratum 6 is in 02_sample .* and in 03_other"):
        errata.collect(two)
