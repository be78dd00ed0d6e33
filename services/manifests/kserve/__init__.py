"""The rules for KServe's kinds that no type can express.

They are from KServe's source, repository kserve/kserve at commit aaac4e29 (21 August 2026, shortly
before release 0.21): ``pkg/apis/serving`` and ``pkg/webhook/admission``. An error is what the
webhook refuses, or what no cluster could run as it is written. A warning runs, or may run. Each
rule stands beside the change that trips it in ``tests/services/manifests/kserve_changes.yaml``.
"""

from services.manifests.kserve import graphs, pods, scaling, services  # noqa: F401
from services.manifests.kserve.objects import RULES

__all__ = ["RULES"]
