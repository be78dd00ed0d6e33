"""nbgrader's settings for an instructor who already uses it; see labs/INSTRUCTORS.md.

nbgrader reads this file where it is started: in the repository's root. What it writes, gradebook
included, goes to ``build/nbgrader``; released labs replace those in ``labs/``.
"""

import os
import sys
from pathlib import Path

from labs.build.learner import STUB
from services.environment import ROOT, build_dir

OWN = build_dir() / "nbgrader"
OWN.mkdir(parents=True, exist_ok=True)

# An unsolved check must raise for the program nbgrader. JupyterLab reads this file, too, where
# nbgrader's extension is on; there a learner gets a card, and progress is written.
if "nbgrader" in (Path(sys.argv[0]).stem, Path(sys.argv[0]).parent.name):
    os.environ["LAB_STRICT"] = "1"
    os.environ["LAB_PROGRESS"] = ""

c = get_config()  # type: ignore[name-defined]  # noqa: F821  (nbgrader gives it)

c.CourseDirectory.root = os.environ.get("LAB_COURSE", str(ROOT))
c.CourseDirectory.course_id = "serving-labs"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = os.environ.get("LAB_RELEASE", "labs")
c.CourseDirectory.submitted_directory = str(OWN / "submitted")
c.CourseDirectory.autograded_directory = str(OWN / "autograded")
c.CourseDirectory.feedback_directory = str(OWN / "feedback")
c.CourseDirectory.db_url = f"sqlite:///{OWN / 'gradebook.db'}"
# The text sources hold the solutions: they are not released with the notebooks.
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback", "*.py"]

c.ClearSolutions.code_stub = {"python": STUB}
c.ExecutePreprocessor.timeout = 600
c.NbGraderAPI.timezone = "UTC"
