"""Copy some of this repository's modules for a model that has to run without the rest."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from services.environment import ROOT


def copy_modules(files: Iterable[str], folder: Path) -> Path:
    """Copy modules into a package ``services`` in *folder*, and return it.

    The package sets nothing up when it is imported: the repository's own would make folders for its
    libraries beside the model. *files* are paths within the repository, ``"services/errors.py"`` or
    ``"services/id_card/model/*.py"``; FileNotFoundError if there is no such file.
    """
    for pattern in files:
        found = sorted(ROOT.glob(pattern))
        if not found:
            raise FileNotFoundError(f"{pattern} matches no file in this repository")
        for path in found:
            target = folder / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    package = folder / "services"
    text = '"""The part of Serving Labs that a model needs."""\n'
    (package / "__init__.py").write_text(text, encoding="utf-8")
    return package
