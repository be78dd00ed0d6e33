"""The command that checks manifests.

::

    python -m services.manifests infra/kubernetes/base/*.yaml
    python -m services.manifests infra/kserve/overlays/local
    kubectl kustomize DIR | python -m services.manifests -

The exit status is 0 without an error, 1 with one, and 2 if something could not be read. A warning
is not an error: a cluster accepts the document, or may accept it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from services.manifests.check import check_paths
from services.manifests.schemas import KUBERNETES, releases


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m services.manifests",
        description="Check Kubernetes and KServe manifests without a cluster.",
        epilog="Exit status: 0 no errors, 1 errors, 2 unreadable or a wrong command line.",
        allow_abbrev=False,
    )
    paths = "files that are applied together, a folder with a kustomization.yaml, or - (stdin)"
    parser.add_argument("paths", nargs="+", metavar="FILE", help=paths)
    release = "check against the types of this release (default: %(default)s)"
    parser.add_argument(
        "--kubernetes-version", default=KUBERNETES, choices=releases(), help=release
    )
    parser.add_argument("--strict", action="store_true", help="count warnings as errors")
    given = parser.parse_args(arguments)
    report = check_paths(given.paths, given.kubernetes_version)
    print(*report.lines, sep="\n", end="\n" if report.lines else "")
    errors, warnings = len(report.errors), len(report.findings) - len(report.errors)
    counts = [(len(report.documents), "document"), (errors, "error"), (warnings, "warning")]
    print(", ".join(f"{number} {word}{'s' * (number != 1)}" for number, word in counts))
    return 2 if report.unread else int(bool(errors or (given.strict and warnings)))


if __name__ == "__main__":
    sys.exit(main())
