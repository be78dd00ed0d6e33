"""The rules between documents. A new rule goes into one of the lists that are joined here.

A rule is a function of a :class:`~services.workbench.manifests.bundle.Bundle` that yields its
findings. Its name, with hyphens, is what a reader sees behind a fault; its docstring says what
would come of it. Where the API server has the same rule, it says "Refused when applied".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from services.workbench.manifests import (
    name_rules,
    pod_rules,
    scaling_rules,
    traffic_rules,
    value_rules,
)
from services.workbench.manifests.bundle import Bundle, Finding
from services.workbench.manifests.kserve import set_rules
from services.workbench.manifests.kserve.components import SERVING

RULES: tuple[Callable[[Bundle], Iterator[Finding]], ...] = (
    *name_rules.RULES,
    *value_rules.RULES,
    *pod_rules.RULES,
    *traffic_rules.RULES,
    *scaling_rules.RULES,
    *set_rules.RULES,
)

ADVICE_FOR_KSERVE = frozenset({"pinned-image", "runs-as-non-root", "declared-probe-port"})
"""The rules that only warn in KServe's kinds: KServe takes and runs such pods, and its own samples
are full of them."""


def check(bundle: Bundle) -> Iterator[Finding]:
    """Yield what all the rules find."""
    for rule in RULES:
        for document, fault in rule(bundle):
            lenient = document.api_version.startswith(f"{SERVING}/")
            if lenient and fault.rule in ADVICE_FOR_KSERVE:
                fault = dataclasses.replace(fault, warning=True)
            yield document, fault
