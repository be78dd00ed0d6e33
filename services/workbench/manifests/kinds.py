"""Who checks a document of which kind. A new custom kind gets its line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from services.workbench.manifests import core_kinds, prometheus_operator
from services.workbench.manifests.documents import Document, Fault

CUSTOM: dict[tuple[str, str], Callable[[Document], Iterator[Fault]]] = {
    **prometheus_operator.KINDS,
}
"""API version and kind to a function that yields the faults of one document."""


def check(document: Document, version: str = core_kinds.VERSION) -> Iterator[Fault]:
    """Yield what is wrong with the types of a document; a kind that nobody knows is a fault.

    Parameters
    ----------
    document : Document
    version : str
        The Kubernetes release that counts for core kinds.
    """
    custom = CUSTOM.get((document.api_version, document.kind))
    yield from custom(document) if custom else core_kinds.check(document, version)
