"""Check files and Kustomize folders, and tell of each document what was found."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import field as attribute
from pathlib import Path

from services.workbench.manifests import core_kinds, kinds, kustomize, rules
from services.workbench.manifests.bundle import Bundle, Finding
from services.workbench.manifests.documents import Document, ManifestError, parse


@dataclass(frozen=True)
class Verdict:
    """What was found in documents that belong together.

    Attributes
    ----------
    title : str
        Where they come from.
    documents : list of Document
    findings : list of tuple of Document and Fault
    unread : list of str
        What could not be read at all.
    not_run : str
        Why nothing was looked at, and what would help; empty otherwise.
    rules_ran : bool
        Whether the rules between documents were applied: that takes types without faults.
    """

    title: str
    documents: list[Document] = attribute(default_factory=list)
    findings: list[Finding] = attribute(default_factory=list)
    unread: list[str] = attribute(default_factory=list)
    not_run: str = ""
    rules_ran: bool = False

    @property
    def faults(self) -> int:
        """How many faults there are; warnings are none."""
        return len(self.findings) - self.warnings + len(self.unread)

    @property
    def warnings(self) -> int:
        """How many warnings there are."""
        return sum(fault.warning for _, fault in self.findings)


def verdicts(paths: Sequence[str], version: str = core_kinds.VERSION) -> Iterator[Verdict]:
    """Check what is named on a command line.

    The files are taken for one set that is applied together. A folder with a ``kustomization.yaml``
    (or that file) is built by ``kubectl kustomize`` and is a set of its own; ``-`` stands for the
    standard input.

    Parameters
    ----------
    paths : sequence of str
    version : str
        The Kubernetes release whose types count.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or a folder has no ``kustomization.yaml``.
    """
    texts: list[tuple[str, str]] = []
    folders: list[Path] = []
    for path in map(Path, paths):
        folder = kustomize.folder_of(path)
        if str(path) == "-":
            texts.append(("standard input", sys.stdin.read()))
        elif folder is not None:
            folders.append(folder)
        elif path.is_file():
            texts.append((str(path), path.read_text(encoding="utf-8", errors="replace")))
        else:
            what = "no kustomization.yaml in" if path.is_dir() else "no such file:"
            raise FileNotFoundError(f"{what} {path}")
    if texts:
        yield _verdict(", ".join(origin for origin, _ in texts), texts, version)
    for folder in dict.fromkeys(folders):
        title = f"kubectl kustomize {folder}"
        try:
            yield _verdict(title, [(title, kustomize.build(folder))], version)
        except kustomize.NotRunError as error:
            yield Verdict(title, not_run=str(error))
        except ManifestError as error:
            yield Verdict(title, unread=[str(error)])


def _verdict(title: str, texts: Sequence[tuple[str, str]], version: str) -> Verdict:
    documents: list[Document] = []
    unread = []
    for origin, text in texts:
        try:
            documents += parse(text, origin)
        except ManifestError as error:
            unread.append(str(error))
    if not documents and not unread:
        unread.append(f"{title}: there is no document in it")
    findings, rules_ran = check(documents, version, with_rules=not unread)
    return Verdict(title, documents, findings, unread, rules_ran=rules_ran)


def check(
    documents: Sequence[Document], version: str = core_kinds.VERSION, *, with_rules: bool = True
) -> tuple[list[Finding], bool]:
    """Check documents that are applied together: each one's types, then the rules between them.

    Parameters
    ----------
    documents : sequence of Document
    version : str
        The Kubernetes release whose types count.
    with_rules : bool, default=True
        Whether to apply the rules, once the types are right.

    Returns
    -------
    findings : list of tuple of Document and Fault
        Empty where all is well.
    rules_ran : bool
        Whether the rules were applied. They rely on right types, and on nothing being missing.
    """
    findings = [(document, f) for document in documents for f in kinds.check(document, version)]
    if any(fault.blocks and not fault.warning for _, fault in findings) or not with_rules:
        return findings, False
    return [*findings, *rules.check(Bundle(documents))], True
