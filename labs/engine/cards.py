"""Show a card wherever ``check`` or ``hint`` is called in a cell, not only in its last line.

A notebook shows the value of a cell's last expression by itself. The cards of all other calls are
kept until the cell has ended, and are then shown in order.
"""

from __future__ import annotations

import sys
from typing import Any

from services.workbench.show import Display

_waiting: list[Any] = []
_shells: list[Any] = []


class Note(Display):
    """A hint or a solution as a card."""

    def _repr_html_(self) -> str | None:
        seen(self)
        return super()._repr_html_()


def remember(card: Any) -> None:
    """Have *card* shown when the cell ends, unless the notebook has shown it by then."""
    if "IPython" not in sys.modules:
        return
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        return
    if shell not in _shells:
        shell.events.register("post_run_cell", _show_waiting)
        _shells.append(shell)
    _waiting.append(card)


def seen(card: Any) -> None:
    """Record that the notebook shows *card* now, and show the earlier cards before it."""
    if not any(card is each for each in _waiting):
        return
    while _waiting and _waiting[0] is not card:
        _show(_waiting.pop(0))
    del _waiting[:1]


def _show_waiting(*_: Any) -> None:
    while _waiting:
        _show(_waiting.pop(0))


def _show(card: Any) -> None:
    from IPython.display import display

    display(card)
