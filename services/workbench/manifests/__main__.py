"""Print a verdict on each document of some manifests.

::

    python -m services.workbench.manifests infra/kubernetes/base/*.yaml
    python -m services.workbench.manifests infra/kubernetes/overlays/local
    kubectl kustomize DIR | python -m services.workbench.manifests -

The exit status is 0 if no fault was found, 1 if one was, 2 for a wrong command line, and 3 if
nothing is wrong with what was looked at but something was not: ``kubectl`` is missing. A warning is
no fault: a cluster would take the document and run it. With ``--strict`` it is one.
"""

from __future__ import annotations

import argparse
import sys

import kubernetes_validate.utils  # type: ignore[import-untyped]

from services.workbench.manifests import core_kinds
from services.workbench.manifests.check import Verdict, verdicts
from services.workbench.preflight import NOT_RUN

FAULTS, NOT_LOOKED_AT = 1, 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.workbench.manifests",
        description="Check Kubernetes manifests without a cluster: the types of each document, "
        "then whether the documents fit each other.",
        epilog="Exit status: 0 no fault, 1 faults, 2 wrong command line, 3 kubectl is missing.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="FILE",
        help="files that are applied together; or a folder with a kustomization.yaml; or -",
    )
    parser.add_argument(
        "--kubernetes-version",
        default=core_kinds.VERSION,
        choices=sorted({v.rpartition(".")[0] for v in kubernetes_validate.utils.all_versions()}),
        help="the release whose types count (default: %(default)s)",
    )
    parser.add_argument(
        "--strict", action="store_true", help="count warnings as faults in the exit status"
    )
    return parser


def _print(verdict: Verdict) -> None:
    print(f"{verdict.title}:")
    if verdict.not_run:
        print(f"  {NOT_RUN}: {verdict.not_run}")
    for line in verdict.unread:
        print(f"  FAULT  {line}")
    for document in verdict.documents:
        found = [fault for found_in, fault in verdict.findings if found_in is document]
        faults = [fault for fault in found if not fault.warning]
        warnings = [fault for fault in found if fault.warning]
        state = "FAULT" if faults else "warn" if warnings else "ok"
        place = f"  ({document.origin}:{document.line})" if found else ""
        print(f"  {state:<5}  {document}{place}")
        for fault in faults:
            print(f"         {fault}")
        for fault in warnings:
            print(f"         warning: {fault}")
    if verdict.documents and not verdict.rules_ran:
        print("  The rules between documents wait until these faults are mended.")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        found = list(verdicts(given.paths, given.kubernetes_version))
    except FileNotFoundError as error:
        parser.error(str(error))
    for verdict in found:
        _print(verdict)
    faults = sum(verdict.faults for verdict in found)
    warnings = sum(verdict.warnings for verdict in found)
    documents = sum(len(verdict.documents) for verdict in found)
    print(
        f"{documents} document(s) by the types of Kubernetes {given.kubernetes_version} and of "
        f"ours: {faults or 'no'} fault(s)" + (f", {warnings} warning(s)" if warnings else "")
    )
    if faults or (given.strict and warnings):
        return FAULTS
    return NOT_LOOKED_AT if any(verdict.not_run for verdict in found) else 0


if __name__ == "__main__":
    sys.exit(main())
