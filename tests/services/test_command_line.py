"""The parser of the commands: a docstring becomes the text of ``--help``."""

from __future__ import annotations

import re

from services import command_line
from services.environment import ROOT

DOC = """Train the ``small`` network; see :mod:`services.id_card.training`.

::

    python -m services.id_card.training.train    # two lines
    python -m services.id_card.training.train --quick

It goes through :class:`~services.id_card.detector.Detector`, and :mod:`.recipe`, so::

    Detector()
"""

HELP = """Train the small network; see services.id_card.training.

    python -m services.id_card.training.train    # two lines
    python -m services.id_card.training.train --quick

It goes through Detector, and recipe, so:

    Detector()"""


def test_a_docstring_is_printed_without_rest() -> None:
    assert command_line.plain(DOC) == HELP


def test_the_parser_keeps_lines_and_names_the_module() -> None:
    text = command_line.parser("services.id_card.training.train", DOC, epilog="a\nb").format_help()
    assert "usage: python -m services.id_card.training.train" in text
    assert HELP in text
    assert text.endswith("a\nb\n")


def test_no_command_prints_its_docstring_as_it_is() -> None:
    paths = [path for folder in ("services", "labs") for path in (ROOT / folder).rglob("*.py")]
    raw = [
        path.relative_to(ROOT).as_posix()
        for path in paths
        if re.search(r"description=(?:__doc__|doc)[,)]", path.read_text(encoding="utf-8"))
    ]
    assert raw == ["services/id_card/model/export.py"]  # is in Bentos, which have no command_line
