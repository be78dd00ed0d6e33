"""How long does it take to grade a class of forty, and is every one of them judged right?

::

    python -m tests.labs.forty lab02        # three of four with full marks: the slow case

Ten work on each of macOS, Windows, Colab and VS Code, and hand in what these leave in a folder.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from nbformat import NotebookNode

from labs.engine.attempted import notebook_of
from labs.engine.registry import exercises_of
from labs.grading import submissions
from labs.grading.run import Limits, grade_all
from services.environment import usable_cores
from tests.labs.submissions import hand_in, shipped, solved_notebook

SIZE = 40


def macos(folder: Path, student: str, notebook: NotebookNode, name: str) -> None:
    """A folder zipped in the Finder: a resource fork beside each file."""
    hand_in(folder, student, notebook, name)
    for fork in (f"__MACOSX/{student}/._{name}.ipynb", f"{student}/._{name}.ipynb"):
        (folder / fork).parent.mkdir(parents=True, exist_ok=True)
        (folder / fork).write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X")
    (folder / student / ".DS_Store").write_bytes(b"\0")


def windows(folder: Path, student: str, notebook: NotebookNode, name: str) -> None:
    """An editor that writes a byte order mark and CRLF, its lock file, and an empty older copy."""
    path = hand_in(folder, student, notebook, name)
    text = json.dumps(notebook, indent=1).replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    (path.parent / f"~${name}.ipynb").write_bytes(b"owner")
    older = hand_in(folder, student, shipped(name[:5]), f"{name} - Copy")
    os.utime(older, (1, 1))


def colab(folder: Path, student: str, notebook: NotebookNode, name: str) -> None:
    """A download that has lost tags, nbgrader's metadata and ids, under another name."""
    for cell in notebook.cells:
        cell.pop("id", None)
        cell["metadata"] = {"id": "x1"}
    hand_in(folder, student, notebook, f"Copy of {name}")


def vscode(folder: Path, student: str, notebook: NotebookNode, name: str) -> None:
    """A whole folder, with the checkpoints of Jupyter and one cell more at the end."""
    notebook.cells.append(NotebookNode(cell_type="code", metadata={}, source="", outputs=[]))
    hand_in(folder, student, notebook, name)
    hand_in(folder, f"{student}/.ipynb_checkpoints", shipped(name[:5]), f"{name}-checkpoint")
    hand_in(folder, f"{student}/.vscode", "{}", "settings")


SYSTEMS = (macos, windows, colab, vscode)


def fill(folder: Path, lab: str, size: int = SIZE) -> dict[str, bool]:
    """Hand in for a class; return who is to have full marks. The others hand in a blank lab."""
    shipped_path = notebook_of(lab)
    assert shipped_path is not None
    full = {}
    for number in range(size):
        student = f"student{number:02d}"
        full[student] = number % len(SYSTEMS) != number // len(SYSTEMS) % len(SYSTEMS)
        solved = solved_notebook(lab, [exercise.id for exercise in exercises_of(lab)])
        notebook = solved if full[student] else shipped(lab)
        SYSTEMS[number % len(SYSTEMS)](folder, student, notebook, shipped_path.stem)
    return full


def main(lab: str) -> int:
    """Grade the class, print the minutes, and return 1 if anybody has another grade."""
    with tempfile.TemporaryDirectory() as name:
        full = fill(Path(name), lab)
        start = time.perf_counter()
        chosen = submissions.choose(submissions.find(Path(name)))
        grades = grade_all(chosen, limits=Limits(), seed=1)
    seconds = time.perf_counter() - start
    longest = max(grade.seconds for grade in grades)
    print(f"{lab}: {len(grades)} submissions in {seconds / 60:.1f} minutes", end=", ")
    print(f"{usable_cores()} at a time; the longest took {longest:.0f} s")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = (used.ru_utime + used.ru_stime) / 60
    print(f"{processor:.1f} minutes of processor time: what counts where others share the cores")
    wrong = [g for g in grades if g.points != g.out_of * full.get(g.student, -1)]
    print(f"{sum(full.values())} with full marks, the others blank; judged otherwise: {len(wrong)}")
    for grade in wrong:
        print(
            f"  {grade.student}: {grade.points} of {grade.out_of}, {grade.verdict}, {grade.notes}"
        )
    return int(bool(wrong) or len(grades) != SIZE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
