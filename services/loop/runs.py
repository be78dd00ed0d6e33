"""Run the steps in ``notebooks/loop/`` with papermill, and resume a run where it stopped.

::

    build/loop/001/01_drift.ipynb             a step that is complete
    build/loop/001/02_retrain.unfinished.ipynb   one that failed or was killed, up to that point
    build/loop/001/outcome.json               the last start: its parameters and its outcome

A step's last cell shows a dictionary. Its items become parameters of the later steps; an item
``outcome`` ends the run. A step is skipped if its notebook is complete for the same parameters.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import mlflow
import nbformat
from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from nbformat import NotebookNode

from services.environment import ROOT, build_dir
from services.recommender import registry
from services.registry import PROD, STAGING, run_named
from services.workbench.notebooks.files import NotebookError, read_source
from services.workbench.notebooks.run import execute, parameters_in

SOURCES = ROOT / "notebooks" / "loop"
STEPS = tuple(sorted(path.stem for path in SOURCES.glob("[0-9]*_*.py")))
"""``01_drift`` to ``07_watch``, in their order."""

WATCH = STEPS[-1:]
"""The last step alone: it needs no earlier one."""

EXPERIMENT = "continuous learning"
FAILED, UNFINISHED, COMPLETE = "failed", "unfinished", "complete"
KEEP = 100
"""How many runs' folders are kept; MLflow keeps all runs."""

Say = Callable[[str], object]


@dataclass
class Run:
    """The result of one start.

    Attributes
    ----------
    name : str
        The folder's name, ``"001"``.
    outcome : str
        Such as ``"healthy"``, ``"refused"``, ``"no drift"``, ``"rolled back"`` or ``"failed"``;
        ``"complete"`` if all steps ran and none ended the run.
    step : str
        The step that decided the outcome.
    reasons : list of str
        The reasons for the outcome; for a failed step, the cell and its error.
    ran, kept : list of str
        The steps that were executed, and those that were already complete.
    parameters : dict
        The parameters of this start and of earlier ones.
    results : dict
        The parameters, and everything that the steps returned.
    """

    name: str
    outcome: str = UNFINISHED
    step: str = "start"
    reasons: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the outcome, followed by each reason on a separate line."""
        return "\n  ".join([f"run {self.name}, {self.step}: {self.outcome}", *self.reasons])


def start(
    parameters: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    steps: Sequence[str] = STEPS,
    folder: Path | None = None,
    say: Say = print,
) -> Run:
    """Execute the steps of a run that are not complete yet.

    The tracking server is ``$MLFLOW_TRACKING_URI``, the running service ``$RECOMMENDER_URL``. A
    failed step is an outcome, not an exception. Only the steps ``06_release`` and ``07_watch``
    change which version is ``prod``.

    Parameters
    ----------
    parameters : mapping, optional
        The steps' parameters: ``data``, ``since``, ``kind``, ``seed``, ``changed``. A run remembers
        those of its earlier starts.
    name : str, optional
        The run's folder; if not given, the last run if it is unfinished or failed, else a new one.
    folder : Path, optional
        The folder of all runs; ``build/loop`` if not given.
    say : callable
        Called with a line of text as each step starts and ends.

    Raises
    ------
    NotebookError
        If another start is running, or no step has one of the parameters.
    """
    folder = folder or build_dir() / "loop"
    given = _checked(parameters or {}, steps)
    with _alone(folder):
        run = Run(name or _next(folder))
        place = folder / run.name
        place.mkdir(exist_ok=True)
        run.parameters = {**_state(place).get("parameters", {}), **given}
        known = run.results = dict(run.parameters)
        try:
            _write(run, place)  # it stays so if this process is killed
            _settle()  # a killed start may have left a canary
            for run.step in steps:
                known |= _step(run, place, known, say)
                if "outcome" in known:
                    break
            run.outcome = str(known.pop("outcome", COMPLETE))
            run.reasons = list(map(str, known.pop("reasons", [])))
        except (NotebookError, MlflowException, OSError) as error:
            run.outcome, run.reasons = FAILED, str(error).splitlines()
        try:
            _write(run, place)
        except OSError as error:
            say(f"the outcome is not in {place}: {error}")
        try:
            _settle()
            _log(run, place)
        except MlflowException as error:
            say(f"not logged, MLflow does not answer: {str(error).splitlines()[0][:90]}")
        except OSError as error:
            say(f"not logged: {error}")
        return run


def _step(run: Run, place: Path, known: Mapping[str, Any], say: Say) -> dict[str, Any]:
    """Return a step's result, computed now or in an earlier start."""
    source, done = SOURCES / f"{run.step}.py", place / f"{run.step}.ipynb"
    names = parameters_in(read_source(source))
    given = {name: known[name] for name in sorted(names) if name in known}
    if done.exists() and _given(kept := nbformat.read(done, as_version=4)) == given:
        say(f"{run.step}: already complete")
        run.kept.append(run.step)
        return result_of(kept)
    say(f"{run.step}: {given}")
    run.ran.append(run.step)
    unfinished = place / f"{run.step}.unfinished.ipynb"
    executed = execute(source, unfinished, given)
    found = result_of(executed)
    unfinished.replace(done)  # only now is the step complete
    return found


def result_of(notebook: NotebookNode) -> dict[str, Any]:
    """Return the dictionary that a step's last cell shows; raise a NotebookError without one."""
    for output in notebook.cells[-1].get("outputs", []):
        if "application/json" in output.get("data", {}):
            return dict(output.data["application/json"])
    raise NotebookError("the last cell of a step must show its result: JSON({...})")


def _given(notebook: NotebookNode) -> dict[str, Any]:
    return dict(notebook.metadata.get("papermill", {}).get("parameters", {}))


def _checked(parameters: Mapping[str, Any], steps: Sequence[str]) -> dict[str, Any]:
    """Return the parameters as a dictionary, or refuse one that no step has."""
    names = {name for step in steps for name in parameters_in(read_source(SOURCES / f"{step}.py"))}
    if unknown := sorted(set(parameters) - names):
        raise NotebookError(
            f"no step has a parameter {', '.join(unknown)}; the parameters are "
            f"{', '.join(sorted(names))}"
        )
    return dict(parameters)


def _next(folder: Path) -> str:
    """Return the last run's name if it has not ended, else a new one; delete the oldest."""
    runs = sorted((path for path in folder.glob("[0-9]*") if path.is_dir()), key=_number)
    for old in runs[:-KEEP]:
        shutil.rmtree(old, ignore_errors=True)
    if not runs:
        return "001"
    outcome = _state(runs[-1]).get("outcome", UNFINISHED)
    if outcome in (FAILED, UNFINISHED, COMPLETE):
        return runs[-1].name
    return f"{_number(runs[-1]) + 1:03d}"


def _number(path: Path) -> int:
    return int(path.name) if path.name.isdecimal() else 0


def _state(place: Path) -> dict[str, Any]:
    """Return what the last start wrote; nothing if it could not."""
    try:
        return dict(json.loads((place / "outcome.json").read_text("utf-8")))
    except (OSError, ValueError):
        return {}


def _write(run: Run, place: Path) -> None:
    """Write what a start did; on a full disk the last start's file stays."""
    part = place / "outcome.json.part"
    part.write_text(json.dumps(asdict(run), indent=1), encoding="utf-8")
    part.replace(place / "outcome.json")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one start run at a time: two would move the same aliases."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            yield
    except Timeout:
        raise NotebookError(f"another start is running in {folder}; wait until it ends") from None


def _settle() -> None:
    """End a canary: point ``staging`` to the version that ``prod`` names."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    try:
        served = registry.version_of(PROD)
    except LookupError:
        return  # no version is served yet
    if STAGING not in served.aliases:
        MlflowClient().set_registered_model_alias(registry.MODEL, STAGING, str(served.number))


def _log(run: Run, place: Path) -> None:
    """Log parameters, outcome and notebooks to MLflow, one MLflow run per start."""
    with run_named(f"loop {run.name}", EXPERIMENT):
        mlflow.log_params(run.results)
        mlflow.set_tags({"outcome": run.outcome, "step": run.step, "ran": ", ".join(run.ran)})
        mlflow.log_artifacts(str(place))
