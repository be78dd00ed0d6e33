"""One file for a model and all that must go with it: NumPy's ``.npz``, without pickle.

A pickle runs code when it is read, so a model from a registry should be none. This file holds
arrays of numbers and of text only.
"""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np

from services.recommender.ids import IdMap
from services.recommender.models import KINDS, Array, SavedModel
from services.recommender.ratings import Movies, Ratings

FORMAT = 1
"""Raised whenever a file of the old kind could be misread."""


def write(path: Path, model: SavedModel, ratings: Ratings) -> Path:
    """Write the file, whole or not at all.

    Of the stars only the mean is kept, and no times: serving needs to know who rated what.

    Raises
    ------
    ValueError
        If the path does not end in ``.npz``, or the model is of no kind that can be read again.
    """
    if path.suffix != ".npz":
        raise ValueError(f"a model is saved as an .npz file; got {path.name!r}")
    if model.kind not in KINDS:
        raise ValueError(f"a model of the kind {model.kind!r} is not made to be served")
    arrays: dict[str, Array] = {
        "format": np.asarray(FORMAT),
        "kind": np.asarray(model.kind),
        "user_ids": ratings.user_ids.ids,
        "movie_ids": ratings.movies.ids.ids,
        "titles": np.array(ratings.movies.titles, dtype=np.str_),
        "genres": np.array(["|".join(each) for each in ratings.movies.genres], dtype=np.str_),
        "rated_users": ratings.users.astype(np.int32),
        "rated_items": ratings.items.astype(np.int32),
        "mean_rating": np.asarray(ratings.values.mean(dtype=np.float64), np.float32),
        **{f"model_{name}": array for name, array in model.arrays().items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        whole = Path(folder) / path.name
        np.savez_compressed(whole, allow_pickle=False, **arrays)
        whole.replace(path)
    return path


def read(path: Path) -> tuple[SavedModel, Ratings]:
    """Read the file; the ratings have the mean for stars, and no times.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, or of another format.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        if int(arrays["format"]) != FORMAT:
            raise ValueError(f"format {arrays['format']}; this code reads format {FORMAT}")
        return _model(arrays), _ratings(arrays)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path}: no such model; make one with 'python -m services.recommender.train'"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, OSError,
            zipfile.BadZipFile, zlib.error) as error:  # fmt: skip
        raise ValueError(f"{path} is no model of this project, or damaged: {error}") from error


def _model(arrays: dict[str, Array]) -> SavedModel:
    own = {
        name.removeprefix("model_"): array
        for name, array in arrays.items()
        if name.startswith("model_")
    }
    return KINDS[str(arrays["kind"])].from_arrays(own)


def _ratings(arrays: dict[str, Array]) -> Ratings:
    users = arrays["rated_users"]
    movies = Movies(
        IdMap(arrays["movie_ids"]),
        tuple(arrays["titles"].tolist()),
        tuple(tuple(text.split("|")) if text else () for text in arrays["genres"].tolist()),
    )
    return Ratings(
        users,
        arrays["rated_items"],
        np.full(len(users), arrays["mean_rating"], np.float32),
        np.zeros(len(users), np.int64),
        IdMap(arrays["user_ids"]),
        movies,
    )
