"""Who checks a document of which kind. A new custom kind gets its line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from services.workbench.manifests import core_kinds, kserve, kuberay, prometheus_operator
from services.workbench.manifests.documents import Document, Fault

CUSTOM: dict[tuple[str, str], Callable[[Document], Iterator[Fault]]] = {
    **prometheus_operator.KINDS,
    **kserve.KINDS,
    **kuberay.KINDS,
}
"""API version and kind to a function that yields the faults of one document."""


def check(document: Document, version: str = core_kinds.VERSION) -> Iterator[Fault]:
    """Yield what is wrong with the types of a document; a kind that nobody knows is a fault.

    A custom kind in a version that it has not is a fault, too, and looked at all the same.

    Parameters
    ----------
    document : Document
    version : str
        The Kubernetes release that counts for core kinds.
    """
    custom = CUSTOM.get((document.api_version, document.kind))
    if custom is None:
        near = [given for given, kind in CUSTOM if kind == document.kind]
        if near:
            reason = f"{document.api_version} has no {document.kind}; it is in {' or '.join(near)}"
            yield Fault("apiVersion", reason, "api-version", blocks=False)
            rest = CUSTOM[near[0], document.kind](document)
            yield from (fault for fault in rest if fault.path != "apiVersion")
            return
    yield from custom(document) if custom else core_kinds.check(document, version)
