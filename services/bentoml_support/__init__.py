"""What the BentoML adapters of both models share, and every patch of BentoML's private parts.

Imported by ``*/bento/``. Imports ``services.http`` and ``services.errors``.
"""

import os

# Before any metric is made, and models make theirs when they are imported. Only a server's
# workers have the variable.
if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
    from services.bentoml_support.metrics_files import survive_full_disks

    survive_full_disks()
