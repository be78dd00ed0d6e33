"""Check documents that are applied together, from memory or from files and Kustomize folders."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from services.manifests.documents import Document, Finding, ManifestError, parse
from services.manifests.kserve import RULES
from services.manifests.schemas import KUBERNETES, SERVING, check_types

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")


def check(documents: Sequence[Document], version: str = KUBERNETES) -> list[Finding]:
    """Check documents that are applied together: each one's types, then KServe's rules.

    Core kinds are checked against the types of the Kubernetes release *version*. The findings are
    ordered by document, errors before warnings.
    """
    originals = {_without_null(document): document for document in documents}
    findings, sound = [], []
    for clean in originals:
        found = list(check_types(clean, version))
        findings += found
        if clean.api_version.startswith(f"{SERVING}/") and not any(f.blocks for f in found):
            sound.append(clean)
    for clean in sound:
        for rule in (rule for rule in RULES if clean.kind in rule.kinds):
            findings += rule.apply(clean, sound)
    order = {clean: place for place, clean in enumerate(originals)}
    findings.sort(key=lambda finding: (order[finding.document], finding.warning))
    return [replace(finding, document=originals[finding.document]) for finding in findings]


def _without_null(document: Document) -> Document:
    """Drop the status and the empty fields of KServe's kinds, as the API server does."""
    if not document.api_version.startswith(f"{SERVING}/"):
        return replace(document)
    return replace(document, body=_dropped({**document.body, "status": None}))


def _dropped(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _dropped(value) for key, value in node.items() if value is not None}
    if isinstance(node, list):  # an empty item is not dropped; as {} it lacks what is required
        return [{} if each is None else _dropped(each) for each in node]
    return node


@dataclass
class Report:
    """What was found in some paths; *unread* has those that could not be read, and why."""

    documents: list[Document] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unread: list[tuple[str, str]] = field(default_factory=list)

    @property
    def errors(self) -> list[Finding]:
        """The findings that are not warnings."""
        return [finding for finding in self.findings if not finding.warning]

    @property
    def lines(self) -> list[str]:
        """One line for each finding: file, line, document, field, what is wrong."""
        lines = []
        for one in self.findings:
            kind = "warning" if one.warning else "error"
            lines.append(f"{one.document.origin}:{one.document.line}: {kind}: {one.document} {one}")
        return [*lines, *(f"{path}: unreadable: {reason}" for path, reason in self.unread)]


def check_paths(paths: Sequence[str], version: str = KUBERNETES) -> Report:
    """Check files, which form one set that is applied together, and Kustomize folders.

    Parameters
    ----------
    paths : sequence of str
        A folder, or its kustomization file, is built by ``kubectl kustomize`` and is a set of its
        own; ``-`` is the standard input.
    version : str
        The Kubernetes release whose types core kinds are checked against.
    """
    report = Report()
    sets: dict[str, list[Document]] = {"": []}
    for path in paths:
        given = Path(path)
        if given.name in KUSTOMIZATIONS and given.is_file():
            given = given.parent
        if not given.is_dir():
            sets[""] += _documents(path, report)
        elif str(given) not in sets:
            sets[str(given)] = _documents(str(given), report)
    for documents in sets.values():
        report.documents += documents
        report.findings += check(documents, version)
    return report


def _documents(path: str, report: Report) -> list[Document]:
    """Read one path; note a failure in *report*, but keep the documents read before it."""
    documents: list[Document] = []
    try:
        for document in parse(_text(path), path):
            documents.append(document)
        if not documents:
            report.unread.append((path, "it contains no document"))
    except (ManifestError, OSError, UnicodeDecodeError, subprocess.TimeoutExpired) as error:
        report.unread.append((path, str(error).removeprefix(f"{path}: ")))
    return documents


def _text(path: str) -> str:
    if path == "-":
        return sys.stdin.read()
    return build(Path(path)) if Path(path).is_dir() else Path(path).read_text("utf-8-sig")


def build(folder: Path) -> str:
    """Return what ``kubectl kustomize`` prints for a folder. It needs no cluster.

    Raises ManifestError if ``kubectl`` is missing, or the folder cannot be built.
    """
    command = ["kubectl", "kustomize", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except FileNotFoundError as error:
        raise ManifestError("NOT RUN HERE: kubectl is missing; install it") from error
    if done.returncode:
        raise ManifestError(f"kubectl kustomize: {' '.join(done.stderr.split())}")
    return done.stdout
