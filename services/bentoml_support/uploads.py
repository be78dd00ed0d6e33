"""Take an upload as it is: BentoML's own type for files writes each to a temporary file."""

from __future__ import annotations

from typing import Any

from bentoml.validators import FileSchema


class Upload(FileSchema):
    """A file that our middleware has read already, for ``Annotated[Path, Upload("image/*")]``.

    The endpoint gets the placeholder that the middleware passes on, so a full or read-only disk is
    no reason to refuse an image.
    """

    def __init__(self, content_type: str) -> None:
        super().__init__(content_type=content_type)

    def decode(self, obj: Any) -> Any:
        """Return what was sent, not a path to a copy of it."""
        return obj
