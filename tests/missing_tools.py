"""What happens to a test whose tool is missing on this machine."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from services.setup import preflight

ALLOWED = Path(__file__).with_name("not_run_allowed.toml")


def require(tool: str, allowed: Path = ALLOWED) -> None:
    """Skip the running test if *tool* is missing, saying NOT RUN HERE and the remedy.

    Under ``SERVING_LABS_STRICT=1`` (make verify) the test fails instead, unless *allowed* names
    the tool, with a reason.

    Parameters
    ----------
    tool : str
        One of the names in :data:`services.setup.preflight.TOOLS`.
    allowed : Path
        A TOML file of tools that may be missing.
    """
    row = preflight.find_tool(tool)
    if row.status == preflight.OK:
        return
    message = f"NOT RUN HERE: {row.detail}; {row.remedy}"
    reason = tomllib.loads(allowed.read_text(encoding="utf-8")).get(tool)
    if os.environ.get("SERVING_LABS_STRICT") == "1" and not reason:
        pytest.fail(f"{message} (or allow it, with a reason, in tests/{ALLOWED.name})")
    pytest.skip(f"{message} ({reason})" if reason else message)
