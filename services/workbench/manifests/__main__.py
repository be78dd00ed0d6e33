"""Print a verdict on each document of some manifests.

::

    python -m services.workbench.manifests infra/kubernetes/base/*.yaml
    python -m services.workbench.manifests infra/kubernetes/overlays/local
    kubectl kustomize DIR | python -m services.workbench.manifests -

The exit status is 0 if no fault was found, 1 if one was, 2 for a wrong command line, and 3 if
nothing is wrong with what was looked at but something was not: ``kubectl`` is missing.
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
    return parser


def _print(verdict: Verdict) -> None:
    print(f"{verdict.title}:")
    if verdict.not_run:
        print(f"  {NOT_RUN}: {verdict.not_run}")
    for line in verdict.unread:
        print(f"  FAULT  {line}")
    for document in verdict.documents:
        faults = [fault for found_in, fault in verdict.findings if found_in is document]
        place = f"  ({document.origin}:{document.line})" if faults else ""
        print(f"  {'FAULT' if faults else 'ok':<5}  {document}{place}")
        for fault in faults:
            print(f"         {fault}")
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
    documents = sum(len(verdict.documents) for verdict in found)
    print(
        f"{documents} document(s) by the types of Kubernetes {given.kubernetes_version} and of "
        f"ours: {faults or 'no'} fault(s)"
    )
    if faults:
        return FAULTS
    return NOT_LOOKED_AT if any(verdict.not_run for verdict in found) else 0


if __name__ == "__main__":
    sys.exit(main())
