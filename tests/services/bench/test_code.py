from __future__ import annotations

from pathlib import Path

import pytest

from services.bench import code
from services.bench.peers import PEERS, Peer

SOURCE = '''"""A module.

With two paragraphs.
"""

import os  # a comment behind code


# a comment
class A:
    """Documented."""

    text = """no
    docstring"""

    def f(self):
        """Say

        something.
        """
        return os.path.join(
            "a",
            # inside
            "b",
        )
'''


def test_only_code_counts() -> None:
    # import, class, two of the text, def, return with its four lines
    assert code.lines(SOURCE) == 1 + 1 + 2 + 1 + 4


@pytest.mark.parametrize("empty", ["", "\n\n", "# nothing\n", '"""Only words."""\n'])
def test_no_code(empty: str) -> None:
    assert code.lines(empty) == 0


def test_files_are_added_up(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "b.py").write_text("y = 2\nz = 3\n")
    assert code.lines_of([f"{tmp_path}/a.py", f"{tmp_path}/b.py"]) == 3


@pytest.mark.parametrize("peer", PEERS.values(), ids=list(PEERS))
def test_every_adapter_is_about_a_page(peer: Peer) -> None:
    assert 20 < code.lines_of(peer.adapter) < 130
    assert code.lines_of(peer.support) > 0
