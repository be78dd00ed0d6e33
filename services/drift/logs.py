"""Read the services' answer logs: one JSON object per line, written by ``bentoml.monitor``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Entry = Mapping[str, Any]
"""One line of a log: one request and its answer."""


def read_log(folder: str | Path, name: str) -> list[Entry]:
    """Read the log of a service, of all its workers, in chronological order.

    A line that a killed worker left unfinished is skipped. *folder* is the service's log folder, by
    default ``build/monitoring``; *name* is ``"recommender"`` or ``"id_card_detector"``. Raises
    FileNotFoundError if there is no log.
    """
    data = Path(folder) / name / "data"
    files = sorted(data.glob("data.*.log*"))
    if not files:
        raise FileNotFoundError(
            f"{data} holds no log; serve {name} with its log set to {folder}, and send requests"
        )
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    entries = [entry for line in lines if (entry := _parsed(line)) is not None]
    return sorted(entries, key=lambda entry: str(entry.get("timestamp", "")))


def _parsed(line: str) -> Entry | None:
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) else None
