"""The kinds that Kubernetes itself brings, by the JSON schemas of the package kubernetes-validate.

The schemas are made from the OpenAPI description of each Kubernetes release; "strict" ones refuse
fields that the release does not know. On the command line, ``kubernetes-validate --strict`` passes
over a kind without a schema with a warning and exit status 0. Here it is a fault.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

import kubernetes_validate  # type: ignore[import-untyped]

from services.workbench.manifests.documents import Document, Fault, field

VERSION = "1.35"
"""The Kubernetes release whose types count, unless another one is asked for."""


def check(document: Document, version: str = VERSION) -> Iterator[Fault]:
    """Yield what is wrong with a document of a core kind; the first fault that the schema finds.

    Parameters
    ----------
    document : Document
    version : str
        A Kubernetes release, as ``"1.35"``.
    """
    if not re.fullmatch(r"[A-Za-z]+", document.kind):
        yield Fault("kind", f"{document.kind!r} is no name of a kind", f"Kubernetes {version}")
        return
    yield from _faults(json.dumps(document.body, sort_keys=True, default=str), version)


@lru_cache(maxsize=256)  # reading the schemas takes a twentieth of a second each time
def _faults(body: str, version: str) -> tuple[Fault, ...]:
    source = f"Kubernetes {version}"
    try:
        kubernetes_validate.validate(json.loads(body), version, strict=True)
    except kubernetes_validate.SchemaNotFoundError as error:
        reason = f"{error.kind} of {error.api_version} is no kind of {source}"
        return (Fault("kind", f"{reason}, and we have no types of our own for it", source),)
    except kubernetes_validate.ValidationError as error:
        return tuple(Fault(path, reason, source) for path, reason in _explain(error))
    return ()


def _explain(error: kubernetes_validate.ValidationError) -> Iterator[tuple[str, str]]:
    """Name the field itself where JSON Schema names the object that should (not) have it."""
    path = list(error.absolute_path)
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        for name in sorted(set(error.instance) - set(known)):
            yield field(*path, name), unknown(name, known)
    elif error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                yield field(*path, name), "is required and missing"
    else:
        yield field(*path), error.message


def unknown(name: str, known: Iterable[str]) -> str:
    """Say that a field is unknown, and which known one may have been meant."""
    names = list(known)
    close = [other for other in names if other.lower() == name.lower()]
    close = close or difflib.get_close_matches(name, names, n=1)
    return f"unknown field{f'; is {close[0]} meant?' if close else ''}"
