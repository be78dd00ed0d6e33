"""Validation of explanation requests, in its own module because Bentos do not include it."""

from __future__ import annotations

from services.recommender.model.explain_requests import ExplainRequest
from services.recommender.validation import RecommendValidationMiddleware


class ExplainValidationMiddleware(RecommendValidationMiddleware):
    """Validate requests to explain a recommendation."""

    reads = ExplainRequest
    how = (
        "Send JSON with its content type: curl -H 'Content-Type: application/json' "
        "-d '{\"user_id\": 7, \"movie_id\": 50}'. The fields are 'user_id', 'movie_id' and 'top'."
    )
    too_large_hint = "Send the fields 'user_id', 'movie_id' and 'top' only."
