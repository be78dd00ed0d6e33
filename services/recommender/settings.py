"""The recommender's settings: environment variables, validated at start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.environment import build_dir

MODEL = "recommender_production"
"""The registered model's name, as in the chapter."""


@dataclass(frozen=True)
class Settings:
    """The environment variables, all of them optional.

    Attributes
    ----------
    model : str
        ``RECOMMENDER_MODEL``: the registered model's name (``recommender_production``).
    cache : Path
        ``RECOMMENDER_CACHE``: where versions are kept (``build/recommender/served``).
    poll_seconds : float
        ``RECOMMENDER_POLL_SECONDS``: seconds between two polls of the registry (10); 0 disables
        polling.
    workers : int
        ``RECOMMENDER_WORKERS``: processes that share the work (1).
    log : Path
        ``RECOMMENDER_LOG``: where the log of answers goes (``build/monitoring``).
    """

    model: str
    cache: Path
    poll_seconds: float
    workers: int
    log: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the variables.

        Raises ValueError if a variable is invalid, so that a server does not start with it.
        """
        build = build_dir()
        return cls(
            model=environment.get("RECOMMENDER_MODEL", MODEL),
            cache=Path(environment.get("RECOMMENDER_CACHE", build / "recommender" / "served")),
            poll_seconds=_number(environment, "RECOMMENDER_POLL_SECONDS", "10", least=0.0),
            workers=whole_number(environment, "RECOMMENDER_WORKERS", 1, least=1),
            log=Path(environment.get("RECOMMENDER_LOG", build / "monitoring")),
        )


def whole_number(environment: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    """Read an environment variable that is a whole number.

    Raises ValueError if it is not a whole number, or below *least*.
    """
    return int(_number(environment, name, str(default), least=least, whole=True))


def _number(
    environment: Mapping[str, str], name: str, default: str, *, least: float, whole: bool = False
) -> float:
    text = environment.get(name, default)
    try:
        number = float(int(text)) if whole else float(text)
    except ValueError:
        number = -1.0
    if not least <= number < float("inf"):  # also refuses nan
        kind = "whole number" if whole else "number"
        raise ValueError(f"{name} must be a {kind} from {least:g} up; got {text!r}")
    return number
