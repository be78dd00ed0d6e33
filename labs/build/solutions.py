"""The instructor's command that checks whether all solutions still pass."""

from __future__ import annotations

import sys

from tqdm import tqdm

from labs.build import source as text
from labs.build.solved import run
from services.workbench.notebooks.files import NotebookError


def check_solutions(only: str | None = None) -> int:
    """Execute every lab's solutions with their checks; return 0 if all pass, else 1."""
    failed = []
    try:
        sources = text.sources(only)
    except text.LabError as error:
        print(error, file=sys.stderr)
        return 2
    if not sources:
        print("NOT RUN: there are no solutions here")
        return 2
    bar = tqdm(sources, unit="lab")
    for source in bar:
        bar.set_description(source.stem)
        try:
            run(source)
        except (text.LabError, NotebookError) as error:
            failed.append(source.stem)
            bar.write(f"{source.stem}: {error}")
    print(f"{len(sources) - len(failed)} of {len(sources)} labs: every solution passes")
    return int(bool(failed))
