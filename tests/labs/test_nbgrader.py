"""nbgrader takes the folders as they are: generate, validate, autograde."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from labs.build import source as text
from labs.build.__main__ import learner_path, solved_path
from labs.engine.registry import exercises_of
from services.environment import ROOT

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

SOURCES = text.sources()[:2]


class Course:
    """nbgrader's folders, apart from the repository's."""

    def __init__(self, folder: Path) -> None:
        self.release = folder / "release"
        self.own = folder / "build" / "nbgrader"
        self.env = {
            **os.environ,
            "SERVING_LABS_BUILD": str(folder / "build"),
            "LAB_RELEASE": str(self.release),
            "BENTOML_HOME": str(folder / "build" / "bentoml"),
        }
        self.env.pop("PROMETHEUS_MULTIPROC_DIR", None)
        self.release.mkdir()
        self.own.mkdir(parents=True)

    def run(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "nbgrader", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout + done.stderr

    def submit(self, student: str, notebook: Path) -> None:
        target = self.own / "submitted" / student / notebook.stem / notebook.name
        target.parent.mkdir(parents=True)
        shutil.copyfile(notebook, target)

    def scores(self, lab: str) -> dict[str, float]:
        with Gradebook(f"sqlite:///{self.own / 'gradebook.db'}", "serving-labs") as book:
            return {s.student.id: s.score for s in book.assignment_submissions(lab)}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    course = Course(tmp_path_factory.mktemp("course"))
    for source in SOURCES:
        course.run("generate_assignment", source.stem)
    return course


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
class TestNbgrader:
    def test_it_releases_what_we_release(self, course: Course, source: Path) -> None:
        released = nbformat.read(
            course.release / source.stem / f"{source.stem}.ipynb", as_version=4
        )
        ours = nbformat.read(learner_path(source), as_version=4)
        assert [(c.source, c.metadata) for c in released.cells] == [
            (c.source, c.metadata) for c in ours.cells
        ]
        files = [path.name for path in (course.release / source.stem).iterdir()]
        assert files == [f"{source.stem}.ipynb"], "the text source must not be released"

    def test_it_validates(self, course: Course, source: Path) -> None:
        said = course.run("validate", str(solved_path(source)))
        assert "Success!" in said
        said = course.run("validate", str(learner_path(source)))
        assert "VALIDATION FAILED" in said
        assert said.count("The following cell failed") == len(exercises_of(source.stem[:5]))

    def test_it_grades_full_marks_and_none(self, course: Course, source: Path) -> None:
        course.submit("full", solved_path(source))
        course.submit("blank", learner_path(source))
        course.run("autograde", source.stem)
        points = sum(exercise.points for exercise in exercises_of(source.stem[:5]))
        assert course.scores(source.stem) == {"full": points, "blank": 0}
