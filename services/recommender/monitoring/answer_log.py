"""The log of answers, written by ``bentoml.monitor``; drift is measured on it.

Each worker writes its own files, ``FOLDER/recommender/data/*.log``, FOLDER being what
``RECOMMENDER_LOG`` names (``build/monitoring``). Each line is a JSON object:

=============  ================  ==========================================================
field          type              meaning
=============  ================  ==========================================================
user_id        int               as requested
top_k          int               as requested
movie_ids      list of int       what was recommended, the best first
scores         list of float     one for each movie, six decimals
fallback       str or null       ``"popularity"`` for a user whom the training did not know
model          str               the kind of model that answered, ``"mf-bce"`` for instance
version        str               the registered version, or the stored model's
seconds        float             how long the model took
=============  ================  ==========================================================

BentoML adds ``timestamp`` (ISO 8601, local time), ``request_id`` and ``trace_id``. Read all of it
with ``pandas.concat(pandas.read_json(file, lines=True) for file in files)``.
"""

from __future__ import annotations

from pathlib import Path

import bentoml

from services.bentoml_support.log import FileMonitor, write_if_possible
from services.recommender.hot_swap.live import Prediction
from services.recommender.settings import Settings

NAME = "recommender"


def files(folder: Path) -> list[Path]:
    """Return the log's files, in the order of their names."""
    return sorted((folder / NAME / "data").glob("*.log*"))


def write(prediction: Prediction) -> None:
    """Write one line into this worker's log."""
    write_if_possible(_write, prediction)


def _write(prediction: Prediction) -> None:
    options = {"log_path": str(Settings.from_environment().log)}
    request, answer = prediction.request, prediction.answer
    with bentoml.monitor(NAME, FileMonitor, options) as row:
        row.log(answer.user_id, "user_id", "feature", "categorical")
        row.log(request.top_k, "top_k", "feature", "numerical")
        movie_ids = [item.movie_id for item in answer.items]
        row.log(movie_ids, "movie_ids", "prediction", "numerical_sequence")
        scores = [round(item.score, 6) for item in answer.items]
        row.log(scores, "scores", "prediction", "numerical_sequence")
        row.log(answer.fallback, "fallback", "prediction", "categorical")
        row.log(answer.model, "model", "prediction", "categorical")
        row.log(answer.version, "version", "prediction", "categorical")
        row.log(round(prediction.seconds, 6), "seconds", "prediction", "numerical")
