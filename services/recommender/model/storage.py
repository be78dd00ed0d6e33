"""One file for a model and everything it needs: NumPy's ``.npz``, without pickle.

Loading a pickle runs code, so a model from a registry should not be a pickle. This file holds only
arrays of numbers and of text, and their sizes are checked before they are read.
"""

from __future__ import annotations

import errno
import math
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from services.recommender.model.ids import IdMap
from services.recommender.model.models import KINDS, Array, SavedModel
from services.recommender.model.ratings import Movies, Ratings

FORMAT = 1
"""Incremented whenever a file in the old format could be misread."""

MAX_BYTES = 2**30
"""The limit for all arrays of a file: about MovieLens 25M, and what a small container can hold."""

MAX_ARRAYS = 64


def write(path: Path, model: SavedModel, ratings: Ratings) -> Path:
    """Write the file atomically.

    Serving needs to know only who rated what, so of the ratings just the mean is kept, and no
    times. Raises ValueError if the path does not end in ``.npz``, or the model is not of a kind
    that can be read.
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
    """Read the file; every rating is the mean, and there are no times.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If it cannot be read now, which says nothing about what is in it.
    ValueError
        If it is damaged, too large, or of another format.
    """
    try:
        _check_sizes(path)
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        if int(arrays["format"]) != FORMAT:
            raise ValueError(f"format {arrays['format']}; this code reads format {FORMAT}")
        return _model(arrays), _ratings(arrays)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path}: no such model; make one with 'python -m services.recommender.training.train'"
        ) from None
    except (ValueError, LookupError, TypeError, AttributeError, EOFError, OSError, RuntimeError,
            zipfile.BadZipFile, zlib.error) as error:  # fmt: skip
        # zipfile seeks to positions that the file names; a damaged file can name negative ones.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        raise ValueError(f"{path} is not a model of this project, or damaged: {error}") from error


def _check_sizes(path: Path) -> None:
    """Check the sizes in the zip directory and the arrays' headers before allocating memory."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        total = sum(member.file_size for member in members)
        if len(members) > MAX_ARRAYS or total > MAX_BYTES:
            raise ValueError(
                f"{len(members)} arrays of {total} bytes; at most {MAX_ARRAYS} of {MAX_BYTES}"
            )
        for member in members:
            with archive.open(member) as file:
                old = npy.read_magic(file) == (1, 0)
                read = npy.read_array_header_1_0 if old else npy.read_array_header_2_0
                shape, _, dtype = read(file)
                if dtype.hasobject:
                    raise ValueError(f"{member.filename} is a pickle; allow_pickle is off")
                if file.tell() + math.prod(shape) * dtype.itemsize != member.file_size:
                    raise ValueError(f"{member.filename} is not as large as its header says")


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
