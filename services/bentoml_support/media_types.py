"""Name what an endpoint's answer is."""

from __future__ import annotations

from bentoml.validators import ContentType

JSON = ContentType("application/json")
"""For ``Annotated[AnswerDict, JSON]``. To an answer that names no media type, BentoML 1.4.39 gives
one by its JSON schema, which it works out again for each request; that takes longer than all the
rest that BentoML does."""
