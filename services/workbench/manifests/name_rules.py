"""Rules about names and labels, which the schemas take for any text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from services.workbench.manifests.bundle import Bundle, Finding
from services.workbench.manifests.documents import Fault, mapping

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SERVICE = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")


def valid_name(bundle: Bundle) -> Iterator[Finding]:
    """Find names that are no DNS names. Refused when applied."""
    for document in bundle.documents:
        form, longest = (_SERVICE, 63) if document.kind == "Service" else (_SUBDOMAIN, 253)
        if not form.fullmatch(document.name) or len(document.name) > longest:
            reason = f"{document.name!r} is no name: lower-case letters, digits and hyphens"
            yield document, Fault("metadata.name", reason, "valid-name")


def unique_name(bundle: Bundle) -> Iterator[Finding]:
    """Find two documents for one object: the second one would replace the first."""
    seen: set[tuple[str, ...]] = set()
    for document in bundle.documents:
        group = document.api_version.rpartition("/")[0]
        identity = (group, document.kind, document.namespace, document.name)
        if identity in seen:
            reason = f"there is another {document.kind} of this name; the last one would win"
            yield document, Fault("metadata.name", reason, "unique-name")
        seen.add(identity)


def valid_label(bundle: Bundle) -> Iterator[Finding]:
    """Find labels that are not up to 63 letters, digits and ``-_.``. Refused when applied."""
    for document in bundle.documents:
        places: list[tuple[str, Mapping[str, str]]] = [("metadata.labels", document.labels)]
        for pod in bundle.pods:
            if pod.owner is document and pod.path:
                places.append((pod.at("metadata", "labels"), pod.labels))
        for path, labels in places:
            for key, value in labels.items():
                if value is not None and (not _LABEL.fullmatch(value) or len(value) > 63):
                    reason = f"{value!r} is no label's value"
                    yield document, Fault(f"{path}.{key}", reason, "valid-label")


def selector_matches_template(bundle: Bundle) -> Iterator[Finding]:
    """Find workloads that would not know the pods they have made. Refused when applied."""
    for pod in bundle.pods:
        wanted = mapping(pod.owner.body, "spec", "selector", "matchLabels")
        for key, value in wanted.items() if pod.path and pod.owner.kind != "Job" else ():
            if pod.labels.get(key) != value:
                yield (
                    pod.owner,
                    Fault(
                        pod.at("metadata", "labels", key),
                        f"is {pod.labels.get(key)!r}, and spec.selector looks for {value!r}",
                        "selector-matches-template",
                    ),
                )


RULES = (valid_name, unique_name, valid_label, selector_matches_template)
