"""Notice whether code looks at a file, or decodes an image."""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from PIL import ImageFile

from labs.engine.frames import cells_of

_LOOKS = (
    *((builtins, "open"), (io, "open"), (os, "open"), (os, "stat"), (os, "lstat")),
    *((os, "access"), (os, "listdir"), (os, "scandir")),
)


@contextmanager
def watched(path: Path) -> Iterator[list[str]]:
    """Yield the calls that open *path*, or look whether it exists, in this process meanwhile."""
    seen: list[str] = []
    places = {str(path), str(path.parent)}

    def spy(original: Any, name: str) -> Any:
        def call(file: Any = ".", *args: Any, **options: Any) -> Any:
            if isinstance(file, str | os.PathLike) and os.fspath(file) in places:
                seen.append(name)
            return original(file, *args, **options)

        return call

    with ExitStack() as stack:
        for module, name in _LOOKS:
            stack.enter_context(patch.object(module, name, spy(getattr(module, name), name)))
        yield seen


@contextmanager
def decodings() -> Iterator[list[Any]]:
    """Yield the images whose pixels Pillow decodes meanwhile."""
    decoded: list[Any] = []
    load = ImageFile.ImageFile.load

    def spy(self: Any) -> Any:
        decoded.append(self)
        return load(self)

    with patch.object(ImageFile.ImageFile, "load", spy):
        yield decoded


@contextmanager
def whole_images_only(answer: Any) -> Iterator[None]:
    """Undo what an earlier answer may have set for the whole process: that half an image will do.

    Where this answer's own cell sets it, it stays.
    """
    name = "LOAD_TRUNCATED_IMAGES"
    own = any(name in cell for cell in cells_of(answer))
    with patch.object(ImageFile, name, ImageFile.LOAD_TRUNCATED_IMAGES if own else False):
        yield
