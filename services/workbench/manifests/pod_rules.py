"""Rules about one pod: its image, its user, its probes, its end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from services.workbench.manifests import quantities
from services.workbench.manifests.bundle import Bundle, Container, Finding, Pod, listed
from services.workbench.manifests.documents import Fault, field, lookup, mapping, sequence

_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]([a-z0-9]|-(?!-))*(?<!-)")
_DEFAULT_GRACE = 30
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
KSERVE_PORT = 8080
"""Where KServe's kinds expect a container that declares no port."""


def pinned_image(bundle: Bundle) -> Iterator[Finding]:
    """Find images without a version: another one tomorrow, and none to roll back to."""
    for pod in bundle.pods:
        for container in pod.all_containers:
            image = str(container.body.get("image") or "")
            name, _, digest = image.partition("@")
            tag = name.rpartition("/")[2].partition(":")[2]
            if not digest and tag in ("", "latest") and not (container.partial and not image):
                reason = (
                    f"{image!r} names no version; two nodes may run different builds, and a "
                    "roll-back gets the same one. Give it a tag or a digest"
                )
                yield pod.owner, Fault(container.at("image"), reason, "pinned-image")


def runs_as_non_root(bundle: Bundle) -> Iterator[Finding]:
    """Find processes that may be root: one fault of the kernel away from root on the node."""
    for pod in bundle.pods:
        for container in pod.all_containers:
            if container.partial:
                continue  # what it leaves out, the runtime that it overrides may say
            if container.security("runAsNonRoot", pod) is not True:
                yield (
                    pod.owner,
                    Fault(
                        container.at("securityContext", "runAsNonRoot"),
                        "is not true, here or for the pod: the image may start as root",
                        "runs-as-non-root",
                    ),
                )
            if container.security("runAsUser", pod) == 0:
                reason = "is 0, which is root"
                if container.security("runAsNonRoot", pod) is True:
                    reason += "; with runAsNonRoot the container would never start"
                path = container.at("securityContext", "runAsUser")
                yield pod.owner, Fault(path, reason, "runs-as-non-root")


def restricted_pod(bundle: Bundle) -> Iterator[Finding]:
    """Find pods that their namespace would refuse, since it enforces the standard "restricted".

    The Deployment is taken all the same, and waits for its pods for ever. See Kubernetes,
    "Pod Security Standards".
    """
    key = "pod-security.kubernetes.io/enforce"
    strict = {d.name for d in bundle.of("Namespace") if d.labels.get(key) == "restricted"}
    for pod in bundle.pods:
        if pod.owner.namespace in strict:
            for path, reason in _not_restricted(pod):
                text = f"{reason}; namespace {pod.owner.namespace} enforces the standard restricted"
                yield pod.owner, Fault(path, text, "restricted-pod")


def _not_restricted(pod: Pod) -> Iterator[tuple[str, str]]:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.spec.get(key):
            yield pod.at("spec", key), "is true"
    for index, volume in enumerate(sequence(pod.spec, "volumes")):
        if "hostPath" in volume:
            yield pod.at("spec", "volumes", index, "hostPath"), "is a folder of the node"
    for container in pod.all_containers:
        if container.partial:
            continue
        own = mapping(container.body, "securityContext")
        if own.get("privileged"):
            yield container.at("securityContext", "privileged"), "is true"
        if own.get("allowPrivilegeEscalation") is not False:
            yield container.at("securityContext", "allowPrivilegeEscalation"), "is not false"
        if "ALL" not in sequence(own, "capabilities", "drop"):
            yield container.at("securityContext", "capabilities", "drop"), "has no ALL"
        profile = lookup(container.security("seccompProfile", pod), "type")
        if profile not in ("RuntimeDefault", "Localhost"):
            path = container.at("securityContext", "seccompProfile", "type")
            yield path, f"is {profile}, not RuntimeDefault"


def declared_probe_port(bundle: Bundle) -> Iterator[Finding]:
    """Find probes of ports where nobody listens: the kubelet would restart a healthy container."""
    for pod in bundle.pods:
        for container in pod.containers:
            for probe in PROBES:
                for action in ("httpGet", "tcpSocket"):
                    port = lookup(container.body, probe, action, "port")
                    ports = container.ports or ({"": KSERVE_PORT} if pod.inline else {})
                    if port is None or port in (*ports, *ports.values()) or container.partial:
                        continue
                    yield (
                        pod.owner,
                        Fault(
                            container.at(probe, action, "port"),
                            f"container {container.name} declares no port {port!r}; "
                            f"it has {listed(container.ports)}",
                            "declared-probe-port",
                        ),
                    )


def probe_numbers(bundle: Bundle) -> Iterator[Finding]:
    """Find counts and seconds below 1, or not 1 where they must be. Refused when applied."""
    smallest = {"periodSeconds": 1, "timeoutSeconds": 1, "failureThreshold": 1}
    for pod in bundle.pods:
        for container in pod.containers:
            for probe in PROBES:
                body = mapping(container.body, probe)
                for key, least in smallest.items():
                    if body.get(key) is not None and body[key] < least:
                        reason = f"is {body[key]}; the least is {least}"
                        yield pod.owner, Fault(container.at(probe, key), reason, "probe-numbers")
                if probe != "readinessProbe" and body.get("successThreshold", 1) != 1:
                    path = container.at(probe, "successThreshold")
                    yield pod.owner, Fault(path, "must be 1 for this probe", "probe-numbers")


def time_to_end(bundle: Bundle) -> Iterator[Finding]:
    """Find pods whose preStop uses up the time for ending, so that requests are cut off."""
    for pod in bundle.pods:
        grace = pod.spec.get("terminationGracePeriodSeconds")
        grace = _DEFAULT_GRACE if grace is None else grace
        for container in pod.containers:
            seconds = _pre_stop(container)
            if seconds is not None and seconds >= grace:
                yield (
                    pod.owner,
                    Fault(
                        pod.at("spec", "terminationGracePeriodSeconds"),
                        f"is {grace} s, and preStop of {container.name} sleeps for {seconds:g} s "
                        "of them: the process is killed with its requests in hand",
                        "time-to-end",
                    ),
                )


def _pre_stop(container: Container) -> float | None:
    """Return for how many seconds preStop sleeps, if it does."""
    hook = mapping(container.body, "lifecycle", "preStop")
    command = [str(part) for part in sequence(hook, "exec", "command")]
    found = re.search(r"\bsleep (\d+(\.\d+)?)", " ".join(command))
    slept = lookup(hook, "sleep", "seconds")
    return float(found[1]) if found else slept


def known_volume(bundle: Bundle) -> Iterator[Finding]:
    """Find mounts of volumes that the pod has not. Refused when applied."""
    for pod in bundle.pods:
        volumes = [volume["name"] for volume in sequence(pod.spec, "volumes")]
        # A StatefulSet makes volumes of its own for each pod.
        claims = sequence(pod.owner.body, "spec", "volumeClaimTemplates")
        volumes += [claim["metadata"]["name"] for claim in claims]
        for container in pod.all_containers:
            for index, mount in enumerate(sequence(container.body, "volumeMounts")):
                if mount["name"] not in volumes and not container.partial:
                    path = container.at("volumeMounts", index, "name")
                    reason = f"there is no volume {mount['name']!r}; there is {listed(volumes)}"
                    yield pod.owner, Fault(path, reason, "known-volume")


def valid_port(bundle: Bundle) -> Iterator[Finding]:
    """Find ports with a wrong number or name, and names used twice. Refused when applied."""
    for pod in bundle.pods:
        seen: set[str] = set()
        for container in pod.all_containers:
            for index, port in enumerate(sequence(container.body, "ports")):
                path = (*container.path, "ports", index)
                name, number = port.get("name"), port["containerPort"]
                if not 1 <= number <= 65535:
                    reason = f"{number} is no port: 1 to 65535"
                    yield pod.owner, Fault(field(*path, "containerPort"), reason, "valid-port")
                if name and (not _PORT_NAME.fullmatch(name) or len(name) > 15):
                    reason = f"{name!r} is no port's name: 15 lower-case letters, digits, hyphens"
                    yield pod.owner, Fault(field(*path, "name"), reason, "valid-port")
                if name in seen:
                    reason = f"{name!r} is there twice; who asks for it gets one of the two"
                    yield pod.owner, Fault(field(*path, "name"), reason, "valid-port")
                seen.update([name] if name else [])


def valid_resources(bundle: Bundle) -> Iterator[Finding]:
    """Find what is no quantity, and requests above their limits. Refused when applied."""
    for pod in bundle.pods:
        for index, volume in enumerate(sequence(pod.spec, "volumes")):
            path = pod.at("spec", "volumes", index, "emptyDir", "sizeLimit")
            _, fault = _quantity(lookup(volume, "emptyDir", "sizeLimit"), path)
            if fault:
                yield pod.owner, fault
        for container in pod.all_containers:
            for fault in _resource_faults(container):
                yield pod.owner, fault


def _resource_faults(container: Container) -> Iterator[Fault]:
    limits = mapping(container.body, "resources", "limits")
    requests = mapping(container.body, "resources", "requests")
    for group, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            path = container.at("resources", group, name)
            value, fault = _quantity(amount, path)
            if fault:
                yield fault
            elif group == "requests" and value is not None:
                limit, wrong = _quantity(limits.get(name), "")
                if limit is not None and not wrong and value > limit:
                    reason = f"{amount} is above the limit, {limits[name]}"
                    yield Fault(path, reason, "valid-resources")


def _quantity(amount: Any, path: str) -> tuple[Decimal | None, Fault | None]:
    if amount is None:
        return None, None
    try:
        return quantities.parse(amount), None
    except ValueError as error:
        return None, Fault(path, str(error), "valid-resources")


RULES = (
    pinned_image,
    runs_as_non_root,
    restricted_pod,
    declared_probe_port,
    probe_numbers,
    time_to_end,
    known_volume,
    valid_port,
    valid_resources,
)
