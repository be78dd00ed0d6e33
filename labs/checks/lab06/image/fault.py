"""A fault of a Dockerfile, and what several rules need."""

from __future__ import annotations

from dataclasses import dataclass

PORT = 3000
SECRET = "sk-cards-4711"


@dataclass(frozen=True)
class Fault:
    """One fault: its line (0: something is missing), what is wrong, and a named mistake."""

    line: int
    says: str
    mistake: str | None = None

    def __str__(self) -> str:
        return f"line {self.line}: {self.says}" if self.line else self.says


def few(names: list[str]) -> str:
    """Return the first three names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def uid(user: str) -> str:
    """Return the user of ``USER user:group``."""
    return user.partition(":")[0]


def is_root(user: str) -> bool:
    """Say whether USER names root; without a USER it is root."""
    return uid(user) in ("", "root", "0")
