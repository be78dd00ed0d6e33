"""Stage the pages, and let mkdocs build the site in a separate environment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from services.environment import ROOT, build_dir
from services.setup.install import separate
from services.workbench.front_page.numbers import Step, steps
from services.workbench.site import pages

INFRA = ROOT / "infra" / "site"
LOCK = INFRA / "requirements.txt"
DOCUMENTS = (
    "README.md",
    "labs/INSTRUCTORS.md",
    "labs/AUTHORING.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "ERRATA.md",
    "CHAPTER.md",
    "GLOSSARY.md",
)
"""Markdown files that each become a page; missing files are left out."""

API = {
    "id_card": (
        "The detector's core",
        ("services.id_card.detector", "services.id_card.validation"),
    ),
    "recommender": ("The recommender's core", ("services.recommender.recommender",)),
}
"""Pages of the API reference: a title, and the modules on it."""

_RAW_LINK = re.compile(r"\]\(([^)\s#:]+)[)#]")


def environment() -> Path:
    """Create or update ``build/site-env``, and return its mkdocs; uv's output says why it fails."""
    return separate(build_dir() / "site-env", LOCK, quiet=True) / "bin" / "mkdocs"


def build(mkdocs: Path) -> Path:
    """Build the site with this *mkdocs* and return its folder; ``strict`` allows no dead link."""
    staging, site = build_dir() / "site-pages", build_dir() / "site"
    shutil.rmtree(staging, ignore_errors=True)
    navigation = stage(staging / "docs")
    settings = {
        "INHERIT": os.path.relpath(INFRA / "mkdocs.yml", staging),
        "docs_dir": "docs",
        "site_dir": str(site),
        "nav": navigation,
    }
    (staging / "mkdocs.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    subprocess.run(
        [str(mkdocs), "build", "--quiet", "--config-file", str(staging / "mkdocs.yml")],
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"},
    )
    return site


def stage(docs: Path) -> list[Any]:
    """Write everything that mkdocs reads into *docs*; return the navigation."""
    path = steps()
    documents = [name for name in DOCUMENTS if (ROOT / name).is_file()]
    notebooks = [
        file.relative_to(ROOT).as_posix()
        for step in path
        for file in (step.notebook, step.lab)
        if file.is_file()
    ]
    copied = _linked_files(documents)
    staged = {*documents, *notebooks, *copied}
    for name in documents:
        text = (ROOT / name).read_text(encoding="utf-8")
        relink = partial(pages.relinked, page=name, staged=staged)
        _write(docs / name, pages.document(text, relink))
    for name in notebooks:
        relink = partial(pages.relinked, page=name, staged=staged)
        _write((docs / name).with_suffix(".md"), pages.notebook(ROOT / name, relink))
    for name in copied:
        _copy(ROOT / name, docs / name)
    for folder in ("docs/pictures", "notebooks/pictures"):
        shutil.copytree(ROOT / folder, docs / folder)
    for name in ("iframe-worker.js", "site.css", "site.js"):
        _copy(INFRA / name, docs / "assets" / name)
    for name, (title, modules) in API.items():
        text = "\n\n".join([f"# {title}", *(f"::: {module}" for module in modules)])
        _write(docs / "api" / f"{name}.md", text + "\n")
    return _navigation(path, documents)


def _navigation(path: list[Step], documents: list[str]) -> list[Any]:
    def entry(step: Step, file: Path) -> dict[str, str]:
        page = file.relative_to(ROOT).with_suffix(".md").as_posix()
        return {f"{step.number} · {step.title}": page}

    api = [{title: f"api/{name}.md"} for name, (title, _) in API.items()]
    return [
        {"Serving Labs": "README.md"},
        {"Notebooks": [entry(step, step.notebook) for step in path if step.notebook.is_file()]},
        {"Labs": [entry(step, step.lab) for step in path if step.lab.is_file()]},
        {"The cores": api},
        {"Documents": [name for name in documents if name != "README.md"]},
    ]


def _linked_files(documents: list[str]) -> set[str]:
    """Return the files of code and text that the documents link to; the site has copies of them."""
    found = set()
    for name in documents:
        for target in _RAW_LINK.findall((ROOT / name).read_text(encoding="utf-8")):
            file = (ROOT / name).parent / target
            if file.is_file() and file.suffix not in {".md", ".ipynb"}:
                found.add(os.path.relpath(file, ROOT))
    return found


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
