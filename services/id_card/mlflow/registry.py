"""The detector in the model registry.

:mod:`services.registry` handles versions and promotion; this module adds how a detector is logged
and measured::

    version = log_detector(metrics=measure())
    promote(version.number, name=MODEL, rule=RULE)

``python -m services.id_card.mlflow.registry`` does this with the weights that ship.
"""

from __future__ import annotations

import base64
import hashlib
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.data.pandas_dataset import PandasDataset, from_pandas
from mlflow.models import ModelSignature
from mlflow.types.schema import Array, ColSpec, DataType, Object, Property, Schema

from services import command_line
from services.id_card.model.checkpoint import WEIGHTS, sha256
from services.id_card.model.export import exported
from services.id_card.samples import sample_path
from services.packaging.model_code import copy_modules
from services.packaging.requirements import resolve_pins
from services.registry import (
    PROD,
    Rule,
    Threshold,
    Version,
    promote,
    register,
    run_named,
    tracking_at,
    versions,
)

MODEL = "id_card_production"
EXPERIMENT = "id_card"
SCENES = 60
"""Validation scenes that a network is measured on, which takes some seconds."""

CORE = (
    "services/errors.py",
    "services/environment.py",
    "services/id_card/__init__.py",
    "services/id_card/detector.py",
    "services/id_card/model/*.py",
)
"""The modules of this repository that a served detector imports."""

PACKAGES = (
    *("mlflow", "numpy", "onnxruntime", "opencv-python", "pandas", "pillow"),
    "typing-extensions",
)
"""The packages that these modules import."""

RULE: Rule = (Threshold("map50", 0.005), Threshold("map50_95", -0.01), Threshold("recall", -0.01))
"""Against the version in production: higher mAP50; mAP50-95 and recall not more than 0.01 lower."""

_text, _number = DataType.string, DataType.double
_box = Object([Property(name, _number) for name in ("x1", "y1", "x2", "y2")])
_found = [Property("name", _text), Property("class", DataType.long)]
_found += [Property("confidence", _number), Property("box", _box)]

SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec(_text, "image_b64")]),
    outputs=Schema([ColSpec(Array(Object(_found)), "detections")]),
)
"""An image file as base64 text; its detections."""


def requirements() -> list[str]:
    """Return the pinned packages that a served detector needs; no torch, and no desktop."""
    return resolve_pins(PACKAGES, instead={"opencv-python": "opencv-python-headless"})


def measure(weights: Path = WEIGHTS, *, sample: int = SCENES, seed: int = 0) -> dict[str, float]:
    """Measure a network on validation scenes, whose designs training never saw.

    Parameters
    ----------
    weights : Path
        A checkpoint, or a model exported from one.
    sample : int
        How many scenes, 1 or more.
    seed : int
        Of the scenes.

    Returns
    -------
    dict of str to float
        ``map50``, ``map50_95`` and ``recall``, 0 to 1.
    """
    from tqdm import tqdm

    from services.id_card.detector import Detector
    from services.id_card.training.evaluate import SEARCH_CONF, evaluate
    from services.id_card.training.synth import make_scene

    detector = Detector(weights, backend="onnx", conf=SEARCH_CONF)
    numbers = tqdm(range(sample), "validation scenes", unit="scene")
    scenes = (make_scene("val", number, seed, "mixed", imgsz=320) for number in numbers)
    result = evaluate(detector, scenes)
    values = {"map50": result.map50(resamples=2), "map50_95": result.map50_95(resamples=2)}
    return {name: one.value for name, one in {**values, "recall": result.recall()}.items()}


def log_detector(
    weights: Path = WEIGHTS,
    metrics: Mapping[str, float] | None = None,
    *,
    data: str = f"{SCENES} scenes, seed 0",
    name: str = MODEL,
    tracking_uri: str | None = None,
) -> Version:
    """Log a network with its measures as a run and a model, and register it.

    Parameters
    ----------
    weights : Path
        A checkpoint; it is exported to ONNX if it has not been.
    metrics : mapping of str to float, optional
        As :func:`measure` returns them.
    data : str
        What they were measured on. Only measures on the same data are compared.
    name : str
        The registered model.
    tracking_uri : str, optional
        The server; MLflow's current one if not given.

    Raises
    ------
    FileNotFoundError, ValueError
        If the weights do not exist, or do not match their recorded hash.
    """
    if not weights.exists():
        raise FileNotFoundError(f"no weights at {weights}")
    network = exported(weights, "onnx")
    params = {"weights": weights.name, "sha256": sha256(weights), "backend": "onnx"}
    with tracking_at(tracking_uri), run_named(weights.stem, EXPERIMENT):
        mlflow.log_params(params)
        with tempfile.TemporaryDirectory() as scratch:
            info = mlflow.pyfunc.log_model(
                name="detector",
                python_model=str(Path(__file__).with_name("model.py")),
                artifacts={"detector": str(network)},
                code_paths=[str(copy_modules(CORE, Path(scratch)))],
                signature=SIGNATURE,
                input_example=example(),
                pip_requirements=requirements(),
                params=params,
            )
        if metrics:
            dataset = _dataset(data)
            mlflow.log_input(dataset, context="validation")
            mlflow.log_metrics(dict(metrics), model_id=info.model_id, dataset=dataset)
    return register(str(info.model_id), name=name, tracking_uri=tracking_uri)


def example() -> pd.DataFrame:
    """Return an example request: one of the sample images."""
    text = base64.b64encode(sample_path("one_card").read_bytes()).decode()
    return pd.DataFrame({"image_b64": [text]})


def ensure(tracking_uri: str | None = None) -> Version:
    """Return the version in production; register the weights that ship if there is none."""
    for version in versions(name=MODEL, tracking_uri=tracking_uri):
        if PROD in version.aliases:
            return version
    version = log_detector(metrics=measure(), tracking_uri=tracking_uri)
    promote(version.number, name=MODEL, rule=RULE, tracking_uri=tracking_uri)
    return version


def _dataset(data: str) -> PandasDataset:
    digest = hashlib.sha256(data.encode()).hexdigest()[:16]
    return from_pandas(pd.DataFrame({"scenes": [data]}), name="validation", digest=digest)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = command_line.parser("services.id_card.mlflow.registry", __doc__)
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="an ultralytics checkpoint")
    parser.add_argument("--sample", type=int, default=SCENES, help="scenes to measure on (60)")
    parser.add_argument("--tracking-uri", help="the tracking server ($MLFLOW_TRACKING_URI)")
    args = parser.parse_args(arguments)
    if not args.weights.exists():
        parser.error(f"no weights at {args.weights}")
    metrics = measure(args.weights, sample=args.sample)
    version = log_detector(
        args.weights,
        metrics,
        data=f"{args.sample} scenes, seed 0",
        tracking_uri=args.tracking_uri,
    )
    print(", ".join(f"{name} {value:.3f}" for name, value in metrics.items()))
    decision = promote(version.number, name=MODEL, rule=RULE, tracking_uri=args.tracking_uri)
    print(decision)
    return int(decision.outcome == "refused")


if __name__ == "__main__":
    sys.exit(main())
