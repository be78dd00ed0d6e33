"""Real ratings: MovieLens, as GroupLens distributes it.

Two layouts are read, each from a folder that holds the unpacked files:

* ML-100k: ``u.data`` (tab-separated, no header) and ``u.item`` (``|``-separated; Latin-1, or UTF-8
  if the file was converted);
* ml-latest and ml-latest-small: ``ratings.csv`` and ``movies.csv`` (UTF-8, with headers).

MovieLens may be used for research and teaching but not redistributed, so none of it ships with this
project; get it from https://grouplens.org/datasets/movielens/ (F. M. Harper and J. A. Konstan, The
MovieLens Datasets: History and Context, ACM TiiS 5(4), 2015) and name its folder in
``RATINGS_DIR``.
"""

from __future__ import annotations

import csv
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from services.recommender.model.ids import IdMap
from services.recommender.model.ratings import Movies, Ratings

GENRES_100K = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery"),
    *("Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
"""The meaning of the last 19 columns of ML-100k's ``u.item``, in order."""
COLUMNS = ["userId", "movieId", "rating", "timestamp"]
STARS = r"0\.5|[1-4](\.[05])?|5(\.0)?"
"""MovieLens' rating scale: half stars from 0.5 to 5."""


class DataError(ValueError):
    """A file that cannot be read; the message names the file, the line and what to change."""


@dataclass(frozen=True)
class Layout:
    """How a data set is laid out: its name in messages, the two files, and their format."""

    name: str
    ratings: str
    movies: str
    separators: tuple[str, str]
    movie_columns: tuple[str, ...]
    header: bool


LAYOUTS = (
    Layout("ML-100k", "u.data", "u.item", ("\t", "|"),
           ("movieId", "title", "released", "on video", "page", *GENRES_100K), False),
    Layout("ml-latest", "ratings.csv", "movies.csv", (",", ","),
           ("movieId", "title", "genres"), True),
)  # fmt: skip


def load_movielens(folder: str | Path) -> Ratings:
    """Read the ratings in a folder, of either layout.

    The catalogue consists of the movies with at least one rating: no model can say anything about
    the others. The rows are sorted by time.

    Raises
    ------
    FileNotFoundError
        If the folder or one of the two files is missing.
    DataError
        If a line cannot be used: it is malformed, rates off the scale of half stars, rates a
        movie that is not listed, or rates the same movie as an earlier line of the same user.
    """
    folder = Path(folder)
    layout = _layout(folder)
    movies = _movies(folder / layout.movies, layout)
    table = _ratings(folder / layout.ratings, layout, movies)
    table = table.sort_values(["timestamp", "userId", "movieId"], kind="stable")
    user_ids, movie_ids = IdMap(table["userId"]), IdMap(table["movieId"])
    rated = movies.set_index(movies["movieId"].astype(np.int64)).loc[movie_ids.ids]
    return Ratings(
        users=user_ids.indexes(table["userId"]),
        items=movie_ids.indexes(table["movieId"]),
        values=table["rating"].to_numpy(np.float32),
        timestamps=table["timestamp"].to_numpy(),
        user_ids=user_ids,
        movies=Movies(movie_ids, tuple(rated["title"].str.strip()), tuple(_genres(rated, layout))),
    )


def _layout(folder: Path) -> Layout:
    pairs = " or ".join(f"{one.ratings} and {one.movies} ({one.name})" for one in LAYOUTS)
    expected = f"RATINGS_DIR must name a folder with {pairs}."
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder. {expected}")
    found = [one for one in LAYOUTS if (folder / one.ratings).is_file()]
    if len(found) > 1:
        raise DataError(f"{folder} holds the ratings of two data sets; keep one of them in it.")
    if found:
        one = found[0]
        if not (folder / one.movies).is_file():
            raise FileNotFoundError(
                f"{folder} holds {one.ratings}, but no {one.movies}, which names the movies. "
                f"Put it into the same folder, from the same archive ({one.name})."
            )
        return one
    deeper = [p.parent for one in LAYOUTS for p in sorted(folder.glob(f"*/{one.ratings}"))]
    tip = f"{deeper[0]} does: name that folder." if deeper else expected
    raise FileNotFoundError(f"{folder} holds no ratings. {tip}")


def _movies(file: Path, layout: Layout) -> pd.DataFrame:
    encoding = "utf-8-sig"
    if not layout.header:  # Latin-1 decodes any bytes, but UTF-8 almost always fails on Latin-1
        try:
            file.read_text(encoding)
        except UnicodeDecodeError:
            encoding = "latin-1"
    table = _read(file, layout, layout.separators[1], layout.movie_columns, encoding)
    _check_whole(file, table, "movieId")
    repeated = table["movieId"].astype(np.int64).duplicated()
    _refuse(file, table, repeated, "movie {movieId} is listed twice", "Keep one line.")
    without = table["title"].str.strip() == ""
    _refuse(file, table, without, "movie {movieId} has no title", "Give it one.")
    return table


def _genres(movies: pd.DataFrame, layout: Layout) -> list[tuple[str, ...]]:
    if layout.header:
        texts = movies["genres"]
        return [() if text.startswith("(no") else tuple(text.split("|")) for text in texts]
    marks = movies[list(GENRES_100K)].to_numpy() == "1"
    return [tuple(np.array(GENRES_100K)[row].tolist()) for row in marks]


def _ratings(file: Path, layout: Layout, movies: pd.DataFrame) -> pd.DataFrame:
    table = _read(file, layout, layout.separators[0], COLUMNS, "utf-8-sig")
    scale = "Ratings are half stars: 0.5, 1, 1.5 up to 5."
    shown = table.assign(rating=table["rating"].str.removesuffix(".0"))
    _refuse(file, shown, ~table["rating"].str.fullmatch(STARS), "the rating {rating}", scale)
    for name in ("userId", "movieId", "timestamp"):
        _check_whole(file, table, name)
    numbers = table.astype({"rating": float} | dict.fromkeys(set(COLUMNS) - {"rating"}, np.int64))
    unknown = ~numbers["movieId"].isin(movies["movieId"].astype(np.int64))
    change = "Take both files from the same archive, or remove the line."
    _refuse(file, table, unknown, "movie {movieId} is not in the file of movies", change)
    again = numbers.duplicated(["userId", "movieId"])
    what = "user {userId} has already rated movie {movieId}"
    _refuse(file, table, again, what, "Keep one of the two lines.")
    return numbers


def _read(
    file: Path, layout: Layout, separator: str, names: list[str] | tuple[str, ...], encoding: str
) -> pd.DataFrame:
    """Read a file as text; the index is the number of the line."""
    expected = f"Expected {len(names)} fields between {separator!r}: {', '.join(names[:4])}"
    try:
        with file.open(encoding=encoding) as lines:
            header = lines.readline().strip() if layout.header else ""
        if layout.header and header != ",".join(names):
            raise DataError(f"{file}, line 1: the header {header!r}. Expected {','.join(names)!r}.")
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                file,
                sep=separator,
                header=0 if layout.header else None,
                names=names,
                index_col=False,
                dtype="string[pyarrow]",
                encoding=encoding,
                keep_default_na=False,
                skip_blank_lines=False,
                quoting=csv.QUOTE_MINIMAL if layout.header else csv.QUOTE_NONE,
            )
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file} is not UTF-8 text ({error.reason}). Unpack it again, or save it in that "
            "encoding."
        ) from error
    except DataError:
        raise
    except (ValueError, pd.errors.ParserWarning) as error:
        raise DataError(f"{file} cannot be read: {str(error).strip()}. {expected}.") from error
    table.index += 2 if layout.header else 1
    table = table[(table != "").any(axis=1)]
    if table.empty:
        raise DataError(f"{file} holds no line of data. Unpack it again.")
    _refuse(file, table, table[names[-1]] == "", "too few fields", f"{expected}.")
    return table


def _check_whole(file: Path, table: pd.DataFrame, name: str) -> None:
    bad = ~table[name].str.fullmatch(r"\d{1,18}")
    _refuse(file, table, bad, f"{name} {{{name}!r}}", "It is a whole number, 0 or more.")


def _refuse(file: Path, table: pd.DataFrame, bad: pd.Series[bool], what: str, change: str) -> None:
    """Raise an error for the first line that is bad; *what* may name its fields."""
    if bad.any():
        row = table[bad].iloc[0]
        raise DataError(f"{file}, line {row.name}: {what.format(**row)}. {change}")
