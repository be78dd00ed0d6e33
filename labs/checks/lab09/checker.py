"""The manifest checker of notebook 09, as lab 09 uses it."""

from __future__ import annotations

from typing import Any

from services.manifests import Document, Finding, check


def findings(manifest: dict[str, Any], *others: dict[str, Any]) -> list[Finding]:
    """Return what the checker finds in *manifest*, with *others* in the same cluster."""
    documents = [Document(f"manifest {n}", 1, one) for n, one in enumerate((manifest, *others))]
    return [one for one in check(documents) if one.document is documents[0]]


def show_findings(manifest: dict[str, Any]) -> None:
    """Print what the checker finds, one line each."""
    print(*findings(manifest), sep="\n")
