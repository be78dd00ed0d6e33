"""Serving Labs: one model, many servers.

Importing the package settles where the third-party libraries may write and that none of them
reports home; see :mod:`services.environment`. It imports nothing outside the standard library.
"""

from services.environment import apply as _apply_environment

_apply_environment()
