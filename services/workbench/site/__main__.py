"""Build the website into ``build/site/`` and check its links.

::

    python -m services.workbench.site
"""

from __future__ import annotations

import sys

from services.workbench.site.build import build, environment
from services.workbench.site.check import problems


def main() -> int:
    """Build the site; return 1 if a link is dead or a page would load something from elsewhere."""
    site = build(environment())
    found = problems(site)
    for line in found:
        print(line)
    print(f"open {site / 'index.html'} in a browser")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
