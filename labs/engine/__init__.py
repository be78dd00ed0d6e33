"""How an answer is checked: time limit, fresh inputs, servers, and a result that says what differs.

A learner needs none of this. Who writes a lab needs ``exercise`` and ``Context``.
"""

from labs.engine.context import Context
from labs.engine.registry import Exercise, exercise

__all__ = ["Context", "Exercise", "exercise"]
