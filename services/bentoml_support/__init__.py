"""What the BentoML adapters of both models share, and every patch of BentoML's internals.

Imported by ``*/bento/``. Imports ``services.http`` and ``services.errors``.
"""

import os

# This has to run before any metric is created, and models create theirs on import. The variable
# is only set in a server's workers.
if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
    from services.bentoml_support.metrics_files import survive_full_disks

    survive_full_disks()
