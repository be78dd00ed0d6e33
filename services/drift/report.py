"""Evidently's report on two samples: a page to read, or its verdicts as a table.

Evidently chooses a method for each feature by the feature's kind and the size of the reference: up
to 1,000 rows its score is a p-value, above that a distance. Importing Evidently takes seconds, so
only this module does.

Do not rely on its p-values for categories (evidently 0.7). It tests how well the current sample
fits the reference's shares as if these were exact; but the reference is a sample, too. If both have
the same size, chance alone makes the differences twice as large as the test expects, and far more
than 5 of 100 undrifted samples are called drift.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.core.report import Snapshot
from evidently.presets import DataDriftPreset


def evidently_report(reference: pd.DataFrame, current: pd.DataFrame) -> Snapshot:
    """Run Evidently's preset for drift on two samples with the same columns, numbers and text.

    There is one row per request. Raises ValueError if the columns differ, or a sample is empty.
    """
    if list(reference.columns) != list(current.columns):
        raise ValueError(
            f"the columns differ: {', '.join(reference.columns)} and {', '.join(current.columns)}"
        )
    if not (len(reference) and len(current)):
        raise ValueError("each sample needs at least one row")
    numbers = list(reference.select_dtypes("number").columns)
    others = [name for name in reference.columns if name not in numbers]
    kinds = DataDefinition(numerical_columns=numbers, categorical_columns=others)
    samples = [_whole(sample, others) for sample in (current, reference)]
    datasets = [Dataset.from_pandas(sample, data_definition=kinds) for sample in samples]
    return Report([DataDriftPreset()]).run(*datasets)


def verdicts(report: Snapshot) -> pd.DataFrame:
    """Return one row per feature: the method, its score, its threshold, and the verdict.

    A p-value means drift below its threshold, a distance above it.
    """
    rows = []
    for metric in report.dict()["metrics"]:
        settings = metric["config"]
        if not settings["type"].endswith("ValueDrift"):
            continue
        score, threshold = float(metric["value"]), float(settings["threshold"])
        by_p = settings["method"].endswith("p_value")
        drifted = score < threshold if by_p else score >= threshold
        rows.append((settings["column"], settings["method"], score, threshold, drifted))
    return pd.DataFrame(rows, columns=["feature", "method", "score", "threshold", "drifted"])


def save_page(report: Snapshot, path: str | Path) -> Path:
    """Write the report as one HTML file of some 4 MB that needs no network; return its path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    report.save_html(str(path))
    return path


def _whole(sample: pd.DataFrame, categories: list[str]) -> pd.DataFrame:
    """Give missing categories a name: the report drops them, and they may be what changed."""
    return sample.assign(**{name: sample[name].fillna("(none)") for name in categories})
