"""The gate before an endpoint that is asked why; apart from the other, which a Bento holds."""

from __future__ import annotations

from services.recommender.gate import QuestionGate
from services.recommender.why import Why


class WhyGate(QuestionGate):
    """Let a :class:`services.recommender.why.Why` through; all else as its base class does."""

    reads = Why
    how = (
        "Send JSON and say so: curl -H 'Content-Type: application/json' "
        "-d '{\"user_id\": 7, \"movie_id\": 50}'. The fields are 'user_id', 'movie_id' and 'top'."
    )
    smaller = "Send the fields 'user_id', 'movie_id' and 'top' only."
