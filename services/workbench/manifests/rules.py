"""The rules between documents. A new rule goes into one of the lists that are joined here.

A rule is a function of a :class:`~services.workbench.manifests.bundle.Bundle` that yields its
findings. Its name, with hyphens, is what a reader sees behind a fault; its docstring says what
would come of it. Where the API server has the same rule, it says "Refused when applied".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from services.workbench.manifests import (
    name_rules,
    pod_rules,
    scaling_rules,
    traffic_rules,
    value_rules,
)
from services.workbench.manifests.bundle import Bundle, Finding

RULES: tuple[Callable[[Bundle], Iterator[Finding]], ...] = (
    *name_rules.RULES,
    *value_rules.RULES,
    *pod_rules.RULES,
    *traffic_rules.RULES,
    *scaling_rules.RULES,
)


def check(bundle: Bundle) -> Iterator[Finding]:
    """Yield what all the rules find."""
    for rule in RULES:
        yield from rule(bundle)
