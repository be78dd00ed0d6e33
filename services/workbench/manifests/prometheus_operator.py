"""ServiceMonitor and PodMonitor, the Prometheus operator's custom kinds, as types of our own.

Source: the operator's API reference, group ``monitoring.coreos.com/v1``, and the custom resource
definitions of release 0.93 (``example/prometheus-operator-crd`` in its repository), field by field.
``status`` is left out: the operator writes it, a manifest does not.
"""

# ruff: noqa: N815 - the fields bear the API's names
from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from services.workbench.manifests.typed import ObjectMeta, Strict, checker

SOURCE = "Prometheus operator API reference, monitoring.coreos.com/v1"

Duration = Annotated[
    str,
    StringConstraints(
        pattern=r"^(0|(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?)$", min_length=1
    ),
]
ByteSize = Annotated[str, StringConstraints(pattern=r"^(0|(\d*\.)?\d+([KMGTPE]i?)?B)$")]
ProxyUrl = Annotated[str, StringConstraints(pattern=r"^(http|https|socks5)://.+$")]
Count = Annotated[int, Field(ge=0)]
TlsVersion = Literal["TLS10", "TLS11", "TLS12", "TLS13"]
ScrapeProtocol = Literal[
    "PrometheusProto",
    "OpenMetricsText0.0.1",
    "OpenMetricsText1.0.0",
    "PrometheusText0.0.4",
    "PrometheusText1.0.0",
]
# Each is also allowed with capitals: "labelmap" or "LabelMap".
RelabelAction = Literal[
    "replace", "Replace", "keep", "Keep", "drop", "Drop", "hashmod", "HashMod",
    "labelmap", "LabelMap", "labeldrop", "LabelDrop", "labelkeep", "LabelKeep",
    "lowercase", "Lowercase", "uppercase", "Uppercase",
    "keepequal", "KeepEqual", "dropequal", "DropEqual",
]  # fmt: skip


class LabelSelectorRequirement(Strict):
    """One expression of a selector."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: list[str] | None = None


class LabelSelector(Strict):
    """Which objects are meant, by their labels."""

    matchLabels: dict[str, str] | None = None
    matchExpressions: list[LabelSelectorRequirement] | None = None


class NamespaceSelector(Strict):
    """In which namespaces they are looked for; the monitor's own if nothing is said."""

    any: bool | None = None
    matchNames: list[str] | None = None


class KeySelector(Strict):
    """A key of a Secret or a ConfigMap."""

    key: str
    name: str | None = None
    optional: bool | None = None


class SecretOrConfigMap(Strict):
    """A key of the one or the other."""

    secret: KeySelector | None = None
    configMap: KeySelector | None = None


class SafeTlsConfig(Strict):
    """TLS from Secrets and ConfigMaps."""

    ca: SecretOrConfigMap | None = None
    cert: SecretOrConfigMap | None = None
    keySecret: KeySelector | None = None
    serverName: str | None = None
    insecureSkipVerify: bool | None = None
    minVersion: TlsVersion | None = None
    maxVersion: TlsVersion | None = None


class TlsConfig(SafeTlsConfig):
    """TLS, from files in Prometheus's container too."""

    caFile: str | None = None
    certFile: str | None = None
    keyFile: str | None = None


class BasicAuth(Strict):
    """A user's name and password."""

    username: KeySelector | None = None
    password: KeySelector | None = None


class Authorization(Strict):
    """A header ``Authorization``."""

    type: str | None = None
    credentials: KeySelector | None = None


class Proxy(Strict):
    """How to reach the target through a proxy."""

    proxyUrl: ProxyUrl | None = None
    noProxy: str | None = None
    proxyFromEnvironment: bool | None = None
    proxyConnectHeader: dict[str, list[KeySelector]] | None = None


class OAuth2(Proxy):
    """Credentials of a client by OAuth 2.0."""

    clientId: SecretOrConfigMap
    clientSecret: KeySelector
    tokenUrl: Annotated[str, StringConstraints(pattern=r"^(http|https)://.+$")]
    scopes: list[str] | None = None
    endpointParams: dict[str, str] | None = None
    tlsConfig: SafeTlsConfig | None = None


class RelabelConfig(Strict):
    """One step by which labels are rewritten."""

    sourceLabels: list[str] | None = None
    separator: str | None = None
    targetLabel: str | None = None
    regex: str | None = None
    modulus: Count | None = None
    replacement: str | None = None
    action: RelabelAction | None = None


class _Endpoint(Proxy):
    """What the endpoints of both kinds have in common."""

    port: str | None = None
    targetPort: int | str | None = None
    path: str | None = None
    scheme: Literal["http", "https", "HTTP", "HTTPS"] | None = None
    params: dict[str, list[str]] | None = None
    interval: Duration | None = None
    scrapeTimeout: Duration | None = None
    basicAuth: BasicAuth | None = None
    authorization: Authorization | None = None
    oauth2: OAuth2 | None = None
    bearerTokenSecret: KeySelector | None = None
    honorLabels: bool | None = None
    honorTimestamps: bool | None = None
    trackTimestampsStaleness: bool | None = None
    metricRelabelings: list[RelabelConfig] | None = None
    relabelings: list[RelabelConfig] | None = None
    followRedirects: bool | None = None
    enableHttp2: bool | None = None
    filterRunning: bool | None = None


class Endpoint(_Endpoint):
    """One port of the selected Services."""

    tlsConfig: TlsConfig | None = None
    bearerTokenFile: str | None = None


class PodMetricsEndpoint(_Endpoint):
    """One port of the selected pods."""

    portNumber: Annotated[int, Field(ge=1, le=65535)] | None = None
    tlsConfig: SafeTlsConfig | None = None


class AttachMetadata(Strict):
    """More labels for the targets."""

    node: bool | None = None


class _MonitorSpec(Strict):
    """What the specifications of both kinds have in common."""

    selector: LabelSelector
    selectorMechanism: Literal["RelabelConfig", "RoleSelector"] | None = None
    namespaceSelector: NamespaceSelector | None = None
    jobLabel: str | None = None
    podTargetLabels: list[str] | None = None
    sampleLimit: Count | None = None
    targetLimit: Count | None = None
    labelLimit: Count | None = None
    labelNameLengthLimit: Count | None = None
    labelValueLengthLimit: Count | None = None
    keepDroppedTargets: Count | None = None
    scrapeProtocols: list[ScrapeProtocol] | None = None
    fallbackScrapeProtocol: ScrapeProtocol | None = None
    scrapeNativeHistograms: bool | None = None
    scrapeClassicHistograms: bool | None = None
    convertClassicHistogramsToNHCB: bool | None = None
    nativeHistogramBucketLimit: Count | None = None
    nativeHistogramMinBucketFactor: int | str | None = None
    attachMetadata: AttachMetadata | None = None
    scrapeClass: Annotated[str, StringConstraints(min_length=1)] | None = None
    bodySizeLimit: ByteSize | None = None


class ServiceMonitorSpec(_MonitorSpec):
    """Which Services Prometheus reads, and how."""

    endpoints: list[Endpoint]
    targetLabels: list[str] | None = None
    serviceDiscoveryRole: Literal["Endpoints", "EndpointSlice"] | None = None


class PodMonitorSpec(_MonitorSpec):
    """Which pods Prometheus reads, and how."""

    podMetricsEndpoints: list[PodMetricsEndpoint] | None = None


class ServiceMonitor(Strict):
    """The pods behind some Services are to be scraped."""

    apiVersion: Literal["monitoring.coreos.com/v1"]
    kind: Literal["ServiceMonitor"]
    metadata: ObjectMeta
    spec: ServiceMonitorSpec


class PodMonitor(Strict):
    """Some pods are to be scraped, without a Service before them."""

    apiVersion: Literal["monitoring.coreos.com/v1"]
    kind: Literal["PodMonitor"]
    metadata: ObjectMeta
    spec: PodMonitorSpec


KINDS: dict[tuple[str, str], Any] = {
    ("monitoring.coreos.com/v1", model.__name__): checker(model, SOURCE)
    for model in (ServiceMonitor, PodMonitor)
}
"""API version and kind to the function that checks a document of it."""
