"""Check Kubernetes and KServe manifests without a cluster.

::

    python -m services.manifests infra/kserve/overlays/local

Notebooks, labs and tests import it; it imports no other package of ``services``. Core kinds are
checked by kubernetes-validate's strict schemas alone, KServe's by the types of its Python SDK and
the rules in :mod:`.kserve`. Any other kind gets a warning that it is not checked.
"""

from services.manifests.check import check, check_paths
from services.manifests.documents import Document, Finding, ManifestError, parse

__all__ = ["Document", "Finding", "ManifestError", "check", "check_paths", "parse"]
