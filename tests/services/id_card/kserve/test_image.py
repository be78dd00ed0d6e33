"""What goes into the image of the KServe predictors."""

from __future__ import annotations

import ast
from importlib import metadata

from services.environment import ROOT
from services.id_card.kserve import image as kserve_image


def test_the_committed_requirements_are_those_of_the_lock() -> None:
    committed = kserve_image.REQUIREMENTS.read_text(encoding="utf-8")
    assert committed == kserve_image.requirements(), (
        "python -m services.id_card.kserve.image requirements"
    )


def test_the_code_inside_is_what_the_predictors_import_and_no_more() -> None:
    files = kserve_image.code()
    names = {".".join(file.with_suffix("").parts) for file in files}
    assert set(kserve_image.STARTED) <= names
    assert not [file for file in files if "workbench" in file.parts or "train" in file.stem]


def test_what_that_code_imports_is_installed_by_name() -> None:
    imported: set[str] = set()
    for file in kserve_image.code():
        for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:  # top level only
            if isinstance(node, ast.Import):
                imported |= {one.name.partition(".")[0] for one in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    distributions = metadata.packages_distributions()
    third_party = {distributions[name][0].lower() for name in imported if name in distributions}
    known = {line.partition("==")[0] for line in kserve_image.requirements().splitlines()}
    renamed = {"opencv-python": "opencv-python-headless", "serving-labs": "kserve"}
    missing = {renamed.get(name.replace("_", "-"), name.replace("_", "-")) for name in third_party}
    assert missing <= known


def test_the_name_changes_with_the_content() -> None:
    files = kserve_image.code()
    assert kserve_image.image_name(files) == kserve_image.image_name(files)
    assert kserve_image.image_name(files) != kserve_image.image_name(files[1:])
