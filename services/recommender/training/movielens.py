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
from collections.abc import Callable, Iterator
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
STARS = tuple(half / 2 for half in range(1, 11))
"""MovieLens' rating scale: half stars from 0.5 to 5."""

Movie = tuple[str, tuple[str, ...]]  # title and genres


class DataError(ValueError):
    """A file that cannot be read; the message names the file, the line and what to change."""

    @classmethod
    def at(cls, file: Path, line: int, what: str, change: str) -> DataError:
        """Return the error for one line; lines are counted from 1."""
        return cls(f"{file}, line {line}: {what}. {change}")


@dataclass(frozen=True)
class Layout:
    """How a data set is laid out in its folder.

    Attributes
    ----------
    name : str
        The name in messages.
    ratings, movies : str
        The names of the two files.
    separator, header, encoding : str, bool, str
        The format of the ratings file; the encoding is that of both files.
    read_movies : callable
        Reads the movies file; yields line number, raw id and movie of each line.
    """

    name: str
    ratings: str
    movies: str
    separator: str
    header: bool
    encoding: str
    read_movies: Callable[[Path, str], Iterator[tuple[int, str, Movie]]]


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
    titles = _movies(folder / layout.movies, layout)
    file = folder / layout.ratings
    table = _table(file, layout)
    _check(file, table, titles, first_line=1 + layout.header)
    table = table.sort_values(["timestamp", "userId", "movieId"], kind="stable")
    user_ids, movie_ids = IdMap(table["userId"]), IdMap(table["movieId"])
    rated = [titles[raw] for raw in movie_ids.ids.tolist()]
    return Ratings(
        users=user_ids.indexes(table["userId"]),
        items=movie_ids.indexes(table["movieId"]),
        values=table["rating"].to_numpy(np.float32),
        timestamps=table["timestamp"].to_numpy(),
        user_ids=user_ids,
        movies=Movies(movie_ids, tuple(m[0] for m in rated), tuple(m[1] for m in rated)),
    )


# ---------------------------------------------------------------- which files


def _layout(folder: Path) -> Layout:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder. {_expected()}")
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
    tip = f"{deeper[0]} does: name that folder." if deeper else _expected()
    raise FileNotFoundError(f"{folder} holds no ratings. {tip}")


def _expected() -> str:
    pairs = " or ".join(f"{one.ratings} and {one.movies} ({one.name})" for one in LAYOUTS)
    return f"RATINGS_DIR must name a folder with {pairs}."


# ---------------------------------------------------------------- the file of movies


def _movies(file: Path, layout: Layout) -> dict[int, Movie]:
    movies: dict[int, Movie] = {}
    try:
        for line, raw, movie in layout.read_movies(file, layout.encoding):
            movie_id = _whole(file, line, "movie id", raw)
            if movie_id in movies:
                raise DataError.at(file, line, f"movie {raw} is listed twice", "Keep one line.")
            if not movie[0]:
                raise DataError.at(file, line, f"movie {raw} has no title", "Give it one.")
            movies[movie_id] = movie
    except UnicodeDecodeError as error:
        raise _encoding_error(file, layout, error) from error
    return movies


def _item_lines(file: Path, encoding: str) -> Iterator[tuple[int, str, Movie]]:
    """Read ML-100k's ``u.item``."""
    wanted = 5 + len(GENRES_100K)
    data = file.read_bytes()
    try:  # UTF-8 first: Latin-1 decodes any bytes, but UTF-8 almost always fails on Latin-1 text
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        content = data.decode(encoding)
    for line, text in enumerate(content.replace("\r\n", "\n").split("\n"), start=1):
        if not text.strip():
            continue
        fields = text.split("|")
        if len(fields) != wanted:
            change = f"Expected {wanted} between '|'."
            raise DataError.at(file, line, f"{len(fields)} fields", change)
        marks = zip(GENRES_100K, fields[5:], strict=True)
        genres = tuple(name for name, mark in marks if mark == "1")
        yield line, fields[0], (fields[1].strip(), genres)


def _csv_lines(file: Path, encoding: str) -> Iterator[tuple[int, str, Movie]]:
    """Read ``movies.csv``: titles with commas are quoted, genres separated by ``|``."""
    with file.open(encoding=encoding, newline="") as lines:
        rows = csv.reader(lines)
        _check_header(file, next(rows, []), ["movieId", "title", "genres"])
        for row in rows:
            if not row:
                continue
            if len(row) != 3:
                change = "Expected 3 between commas; put a title with a comma in double quotes."
                raise DataError.at(file, rows.line_num, f"{len(row)} fields", change)
            genres = () if row[2].startswith("(no") else tuple(row[2].split("|"))
            yield rows.line_num, row[0], (row[1].strip(), genres)


LAYOUTS = (
    Layout("ML-100k", "u.data", "u.item", "\t", False, "latin-1", _item_lines),
    Layout("ml-latest", "ratings.csv", "movies.csv", ",", True, "utf-8-sig", _csv_lines),
)


# ---------------------------------------------------------------- the file of ratings


def _table(file: Path, layout: Layout) -> pd.DataFrame:
    """Read all ratings at once; if that fails, read line by line to find the bad line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            if layout.header:
                with file.open(encoding=layout.encoding, newline="") as lines:
                    _check_header(file, next(csv.reader(lines), []), COLUMNS)
            table = pd.read_csv(
                file,
                sep=layout.separator,
                header=0 if layout.header else None,
                names=COLUMNS,
                index_col=False,
                dtype={"userId": "i8", "movieId": "i8", "rating": "f8", "timestamp": "i8"},
                encoding=layout.encoding,
                skip_blank_lines=False,
            )
    except UnicodeDecodeError as error:
        raise _encoding_error(file, layout, error) from error
    except DataError:
        raise
    except (ValueError, OverflowError, pd.errors.ParserWarning) as error:
        _explain(file, layout)
        raise DataError(f"{file} cannot be read: {error}") from error
    if table.empty:
        raise DataError(f"{file} holds no rating. Unpack it again.")
    return table


def _explain(file: Path, layout: Layout) -> None:
    """Find the line that cannot be read, and raise an error that names it."""
    with file.open(encoding=layout.encoding, newline="") as lines:
        for number, text in enumerate(lines, start=1):
            if number == 1 and layout.header:
                continue
            fields = text.rstrip("\r\n").split(layout.separator)
            if len(fields) != len(COLUMNS):
                between = "tabs" if layout.separator == "\t" else "commas"
                what = "it is empty" if fields == [""] else f"{len(fields)} fields"
                change = f"Expected {len(COLUMNS)} between {between}: {', '.join(COLUMNS)}."
                raise DataError.at(file, number, what, change)
            for name, field in zip(COLUMNS, fields, strict=True):
                if name != "rating":
                    _whole(file, number, name, field)
                    continue
                try:
                    float(field)
                except ValueError:
                    raise _off_the_scale(file, number, repr(field)) from None


def _check(file: Path, table: pd.DataFrame, titles: dict[int, Movie], first_line: int) -> None:
    """Raise an error for the first line that is well formed but cannot be right."""

    def first(bad: pd.Series[bool]) -> tuple[int, pd.Series] | None:
        rows = np.flatnonzero(bad)
        return (int(rows[0]) + first_line, table.iloc[rows[0]]) if len(rows) else None

    for name in ("userId", "movieId", "timestamp"):
        if found := first(table[name] < 0):
            _whole(file, found[0], name, f"{found[1][name]:.0f}")
    if found := first(~table["rating"].isin(STARS)):
        raise _off_the_scale(file, found[0], f"{found[1]['rating']:g}")
    if found := first(~table["movieId"].isin(list(titles))):
        line, row = found
        what = f"movie {row['movieId']:.0f} is not in the file of movies"
        change = "Take both files from the same archive, or remove the line."
        raise DataError.at(file, line, what, change)
    if found := first(table.duplicated(["userId", "movieId"])):
        line, row = found
        same = (table["userId"] == row["userId"]) & (table["movieId"] == row["movieId"])
        before = int(np.flatnonzero(same)[0]) + first_line
        what = f"user {row['userId']:.0f} already rated movie {row['movieId']:.0f} in line {before}"
        raise DataError.at(file, line, what, "Keep one of the two lines.")


# ---------------------------------------------------------------- what can be wrong


def _whole(file: Path, line: int, name: str, text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number < 2**63:
        raise DataError.at(file, line, f"{name} {text!r}", "It is a whole number, 0 or more.")
    return number


def _off_the_scale(file: Path, line: int, rating: str) -> DataError:
    return DataError.at(
        file, line, f"the rating {rating}", "Ratings are half stars: 0.5, 1, 1.5 up to 5."
    )


def _check_header(file: Path, found: list[str], wanted: list[str]) -> None:
    if found != wanted:
        raise DataError.at(
            file, 1, f"the header {','.join(found)!r}", f"Expected {','.join(wanted)!r}."
        )


def _encoding_error(file: Path, layout: Layout, error: UnicodeDecodeError) -> DataError:
    return DataError(
        f"{file} is not {layout.encoding.removesuffix('-sig').upper()} text ({error.reason}). "
        "Unpack it again, or save it in that encoding."
    )
