"""The detector in the registry, beside the recommender.

What moves versions there takes a registered model's name, so it is the recommender's
(:mod:`services.recommender.registry`); what a detector is and how it is measured stands here::

    version = log_detector(metrics=measure())
    promote(version.number, name=MODEL, rule=RULE)

``python -m services.id_card.registry`` does this with the weights that ship.
"""

from __future__ import annotations

import argparse
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

from services.id_card.checkpoint import WEIGHTS, sha256
from services.id_card.export import exported
from services.id_card.samples import sample_path
from services.recommender.registry import (
    PROD,
    Threshold,
    Version,
    promote,
    register,
    run_named,
    tracking_at,
    versions,
)
from services.workbench.model_code import copied
from services.workbench.requirements import needed

MODEL = "id_card_production"
EXPERIMENT = "id_card"
SCENES = 60
"""Validation scenes that a network is measured on; some seconds."""

CORE = (
    *("services/errors.py", "services/environment.py"),
    *(
        f"services/id_card/{name}.py"
        for name in (
            *("__init__", "backends", "checkpoint", "detector", "drawing", "geometry", "images"),
        )
    ),
)
"""What a served detector imports of this repository."""

PACKAGES = (
    *("mlflow", "numpy", "onnxruntime", "opencv-python", "pandas", "pillow"),
    "typing-extensions",
)
"""What all of it imports besides."""

RULE = (Threshold("map50", 0.005), Threshold("map50_95", -0.01), Threshold("recall", -0.01))
"""Against the version in production: a better curve, boxes as tight, no card missed more often."""

_text, _number = DataType.string, DataType.double
_box = Object([Property(name, _number) for name in ("x1", "y1", "x2", "y2")])
_found = [Property("name", _text), Property("class", DataType.long)]
_found += [Property("confidence", _number), Property("box", _box)]

SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec(_text, "image_b64")]),
    outputs=Schema([ColSpec(Array(Object(_found)), "detections")]),
)
"""A picture's file as base64 text; its boxes."""


def requirements() -> list[str]:
    """Return the pinned packages that a served detector needs; no torch, and no desktop."""
    return needed(PACKAGES, instead={"opencv-python": "opencv-python-headless"})


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
    from services.id_card.detector import Detector
    from services.id_card.evaluate import SEARCH_CONF, evaluate
    from services.id_card.synth import make_scene

    detector = Detector(weights, backend="onnx", conf=SEARCH_CONF)
    scenes = (make_scene("val", number, seed, "mixed", imgsz=320) for number in range(sample))
    result = evaluate(detector, scenes, progress="validation scenes", total=sample)
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
    """Log a network with its measures, and register it.

    Parameters
    ----------
    weights : Path
        A checkpoint; it is exported to ONNX if it has not been.
    metrics : mapping of str to float, optional
        As :func:`measure` returns them.
    data : str
        What they were measured on. Only what was measured on the same is compared.
    name : str
        The registered model.
    tracking_uri : str, optional
        The server; MLflow's current one if not given.

    Raises
    ------
    FileNotFoundError, ValueError
        If the weights do not exist, or are not those that are recorded.
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
                python_model=str(Path(__file__).with_name("mlflow_model.py")),
                artifacts={"detector": str(network)},
                code_paths=[str(copied(CORE, Path(scratch)))],
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
    """Return a question: one of the sample pictures."""
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
    parser = argparse.ArgumentParser(
        prog="python -m services.id_card.registry", description=__doc__
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="an ultralytics checkpoint")
    parser.add_argument("--sample", type=int, default=SCENES, help="validation scenes (60)")
    parser.add_argument("--tracking-uri", help="($MLFLOW_TRACKING_URI)")
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
