"""Rules about who reaches the pods: Services, monitors, network policies."""

from __future__ import annotations

import re
from collections.abc import Iterator

from services.workbench.manifests.bundle import Bundle, Finding, Pod, listed, matches, names_of
from services.workbench.manifests.documents import Document, Fault, field, lookup, mapping, sequence

_SECONDS = {"y": 31_536_000, "w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}


def service_selects_pods(bundle: Bundle) -> Iterator[Finding]:
    """Find Services that select no pod: without endpoints every connection is refused."""
    for service in bundle.of("Service"):
        if mapping(service.body, "spec", "selector") and not bundle.pods_of(service):
            labels = "; ".join(
                f"{names_of([pod])} in namespace {pod.owner.namespace} has "
                + listed([f"{k}={v}" for k, v in pod.labels.items()])
                for pod in bundle.pods
            )
            reason = f"no pod in namespace {service.namespace} has these labels"
            reason += f" ({labels})" if labels else ""
            yield service, Fault("spec.selector", reason, "service-selects-pods")


def service_target_port(bundle: Bundle) -> Iterator[Finding]:
    """Find Services that send to a port where nobody listens."""
    for service in bundle.of("Service"):
        for index, port in enumerate(sequence(service.body, "spec", "ports")):
            target = port["port"] if port.get("targetPort") is None else port["targetPort"]
            for pod in bundle.pods_of(service):
                if pod.number(target) is None:
                    yield (
                        service,
                        Fault(
                            field("spec", "ports", index, "targetPort"),
                            f"{names_of([pod])} declares no port {target!r}; "
                            f"it has {listed(pod.ports)}",
                            "service-target-port",
                        ),
                    )


def service_port_names(bundle: Bundle) -> Iterator[Finding]:
    """Find ports without a name among several, or beyond 65535. Refused when applied."""
    for service in bundle.of("Service"):
        ports = sequence(service.body, "spec", "ports")
        for index, port in enumerate(ports):
            if len(ports) > 1 and not port.get("name"):
                path = field("spec", "ports", index, "name")
                yield service, Fault(path, "is required with several ports", "service-port-names")
            if not 1 <= port["port"] <= 65535:
                path, reason = field("spec", "ports", index, "port"), f"{port['port']} is no port"
                yield service, Fault(path, f"{reason}: 1 to 65535", "service-port-names")


def service_monitor_selects(bundle: Bundle) -> Iterator[Finding]:
    """Find ServiceMonitors that fit no Service, or no port of it: no target, and no error."""
    rule = "service-monitor-selects"
    for monitor in bundle.of("ServiceMonitor"):
        services = [
            service
            for service in bundle.of("Service")
            if _in_reach(monitor, service)
            and matches(mapping(monitor.body, "spec", "selector"), service.labels)
        ]
        if not services:
            reason = "no Service in its reach has these labels; Prometheus would scrape nothing"
            yield monitor, Fault("spec.selector", reason, rule)
            continue
        names = {str(p["name"]): p for s in services for p in _ports(s) if p.get("name")}
        pods = [pod for service in services for pod in bundle.pods_of(service)]
        for index, endpoint in enumerate(sequence(monitor.body, "spec", "endpoints")):
            path = ("spec", "endpoints", index)
            if endpoint.get("port") is not None and endpoint["port"] not in names:
                reason = f"no selected Service has a port named {endpoint['port']!r}"
                reason += f"; there is {listed(names)}. Services' names count here, no numbers"
                yield monitor, Fault(field(*path, "port"), reason, rule)
            yield from _endpoint_target(monitor, (*path, "targetPort"), endpoint, pods, rule)


def pod_monitor_selects(bundle: Bundle) -> Iterator[Finding]:
    """Find PodMonitors that fit no pod, or no port of it: no target, and no error."""
    rule = "pod-monitor-selects"
    for monitor in bundle.of("PodMonitor"):
        selector = mapping(monitor.body, "spec", "selector")
        pods = [
            pod
            for pod in bundle.pods
            if _in_reach(monitor, pod.owner) and matches(selector, pod.labels)
        ]
        if not pods:
            reason = "no pod in its reach has these labels; Prometheus would scrape nothing"
            yield monitor, Fault("spec.selector", reason, rule)
            continue
        for index, endpoint in enumerate(sequence(monitor.body, "spec", "podMetricsEndpoints")):
            path = ("spec", "podMetricsEndpoints", index)
            for key in ("port", "portNumber", "targetPort"):
                yield from _endpoint_target(monitor, (*path, key), endpoint, pods, rule)


def _endpoint_target(
    monitor: Document,
    path: tuple[str | int, ...],
    endpoint: dict[str, str | int],
    pods: list[Pod],
    rule: str,
) -> Iterator[Finding]:
    port = endpoint.get(str(path[-1]))
    if port is not None and pods and all(pod.number(port) is None for pod in pods):
        there = listed({name: None for pod in pods for name in pod.ports})
        reason = f"{names_of(pods)} declares no port {port!r}; there is {there}"
        yield monitor, Fault(field(*path), reason, rule)


def scrape_fits_interval(bundle: Bundle) -> Iterator[Finding]:
    """Find scrapes that may last longer than their interval; the operator rejects them."""
    for monitor in bundle.of("ServiceMonitor", "PodMonitor"):
        key = "endpoints" if monitor.kind == "ServiceMonitor" else "podMetricsEndpoints"
        for index, endpoint in enumerate(sequence(monitor.body, "spec", key)):
            interval, timeout = endpoint.get("interval"), endpoint.get("scrapeTimeout")
            if interval and timeout and _seconds(timeout) > _seconds(interval):
                path = field("spec", key, index, "scrapeTimeout")
                reason = f"{timeout} is longer than the interval, {interval}"
                yield monitor, Fault(path, reason, "scrape-fits-interval")


def policy_selects_pods(bundle: Bundle) -> Iterator[Finding]:
    """Find network policies that select no pod: they protect nothing, silently."""
    for policy in bundle.of("NetworkPolicy"):
        if not bundle.selected_pods(policy, mapping(policy.body, "spec", "podSelector")):
            reason = "no pod has these labels; the policy protects nothing"
            yield policy, Fault("spec.podSelector", reason, "policy-selects-pods")


def policy_lets_service_in(bundle: Bundle) -> Iterator[Finding]:
    """Find Services whose pods are closed to them: policies open only the ports they name."""
    for service in bundle.of("Service"):
        for pod in bundle.pods_of(service):
            policies = [
                policy
                for policy in bundle.of("NetworkPolicy")
                if pod in bundle.selected_pods(policy, mapping(policy.body, "spec", "podSelector"))
                and "Ingress" in (sequence(policy.body, "spec", "policyTypes") or ["Ingress"])
            ]
            for port in _ports(service):
                wanted = port["port"] if port.get("targetPort") is None else port["targetPort"]
                number = pod.number(wanted)
                if policies and number and not any(_lets_in(p, pod, number) for p in policies):
                    yield (
                        policies[0],
                        Fault(
                            "spec.ingress",
                            f"lets nobody in at port {number}, to which Service {service.name} "
                            "sends: every connection would time out",
                            "policy-lets-service-in",
                        ),
                    )


def _lets_in(policy: Document, pod: Pod, number: int) -> bool:
    for entry in sequence(policy.body, "spec", "ingress"):
        ports = sequence(entry, "ports")
        if not ports:
            return True
        for port in ports:
            first = port.get("port")
            if first is None or pod.number(first) == number:
                return True
            if isinstance(first, int) and first <= number <= (port.get("endPort") or first):
                return True
    return False


def _ports(service: Document) -> list[dict[str, str | int]]:
    return list(sequence(service.body, "spec", "ports"))


def _in_reach(monitor: Document, other: Document) -> bool:
    """Say whether a monitor looks into the namespace of *other*."""
    reach = mapping(monitor.body, "spec", "namespaceSelector")
    names = sequence(reach, "matchNames") or [monitor.namespace]
    return bool(lookup(reach, "any")) or other.namespace in names


def _seconds(duration: str) -> float:
    parts = re.findall(r"(\d+)(ms|[ywdhms])", duration)
    return sum(int(number) * _SECONDS[unit] for number, unit in parts)


RULES = (
    service_selects_pods,
    service_target_port,
    service_port_names,
    service_monitor_selects,
    pod_monitor_selects,
    scrape_fits_interval,
    policy_selects_pods,
    policy_lets_service_in,
)
