"""The rules for KServe's kinds that no type can express.

They are from KServe's source, repository kserve/kserve at commit aaac4e29 (21 August 2026, shortly
before release 0.21): ``pkg/apis/serving`` and ``pkg/webhook/admission``. An error means that the
webhook refuses the manifest, or that no cluster could run it as written. With a warning it runs, or
may run. ``tests/services/manifests/kserve_changes.yaml`` lists a change that trips each rule.
"""

from services.manifests.kserve import graphs, pods, scaling, services  # noqa: F401
from services.manifests.kserve.objects import RULES

__all__ = ["RULES"]
