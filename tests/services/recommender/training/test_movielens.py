"""The loaders, on tiny files in MovieLens' formats, and each way in which a file can be wrong."""

from __future__ import annotations

import numpy as np
import pytest

from services.recommender.training.movielens import GENRES_100K, DataError, load_movielens
from services.recommender.training.train import ratings_from


def item(number, title, *genres):
    marks = "|".join("1" if name in genres else "0" for name in GENRES_100K)
    return f"{number}|{title}|01-Jan-1995||http://example.test/|{marks}"


ITEMS = [
    item(1, "Toy Train (1995)", "Animation", "Comedy"),
    item(2, "Café Déjà Vu (1994)", "Drama"),
    item(3, "Nobody Saw It (1990)", "War"),
]
DATA = ["7\t2\t4\t881250949", "3\t1\t5\t881250947", "7\t1\t1\t881250948"]
MOVIES = [
    "movieId,title,genres",
    "1,Toy Train (1995),Animation|Comedy",
    '163949,"Quoted, and ""So"" (2016)",Documentary',
    "50,Ünlisted (2001),(no genres listed)",
    "77,Nobody Saw It (1990),War",
]
CSV = [
    "userId,movieId,rating,timestamp",
    "1,163949,3.5,1000000003",
    "610,1,0.5,1000000001",
    "1,50,5.0,1000000002",
]


@pytest.fixture
def ml100k(tmp_path):
    """Write the two files of ML-100k with some lines changed; return the folder."""

    def write(data=DATA, items=ITEMS, encoding="latin-1"):
        (tmp_path / "u.data").write_text("".join(f"{line}\n" for line in data), "ascii")
        (tmp_path / "u.item").write_text("".join(f"{line}\n" for line in items), encoding)
        return tmp_path

    return write


@pytest.fixture
def latest(tmp_path):
    """Write the two files of ml-latest with some lines changed; return the folder."""

    def write(ratings=CSV, movies=MOVIES, encoding="utf-8", end="\n"):
        for name, lines in (("ratings.csv", ratings), ("movies.csv", movies)):
            text = "".join(line + end for line in lines)
            (tmp_path / name).write_bytes(text.encode(encoding))
        return tmp_path

    return write


# ---------------------------------------------------------------- good files


def test_ml_100k(ml100k):
    ratings = load_movielens(ml100k())
    assert ratings.movies.titles == ("Toy Train (1995)", "Café Déjà Vu (1994)")  # Latin-1
    assert ratings.movies.genres == (("Animation", "Comedy"), ("Drama",))
    assert ratings.user_ids.raw(ratings.users).tolist() == [3, 7, 7]  # in the order of time
    assert ratings.movies.ids.raw(ratings.items).tolist() == [1, 1, 2]
    assert ratings.values.tolist() == [5, 1, 4]
    assert ratings.timestamps.tolist() == [881250947, 881250948, 881250949]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_ml_100k_that_somebody_has_converted_to_utf_8(ml100k, encoding):
    ratings = load_movielens(ml100k(encoding=encoding))
    assert ratings.movies.titles == ("Toy Train (1995)", "Café Déjà Vu (1994)")


@pytest.mark.parametrize(("encoding", "end"), [("utf-8", "\n"), ("utf-8-sig", "\r\n")])
def test_ml_latest_with_gaps_in_the_ids_quotes_and_a_byte_order_mark(latest, encoding, end):
    ratings = load_movielens(latest(encoding=encoding, end=end))
    assert (ratings.n_users, ratings.n_items) == (2, 3)
    assert ratings.movies.ids.ids.tolist() == [1, 50, 163_949]
    assert ratings.movies.titles[1:] == ("Ünlisted (2001)", 'Quoted, and "So" (2016)')
    assert ratings.movies.genres == (("Animation", "Comedy"), (), ("Documentary",))
    assert ratings.user_ids.raw(ratings.users).tolist() == [610, 1, 1]
    assert ratings.movies.ids.raw(ratings.items).tolist() == [1, 50, 163_949]
    np.testing.assert_array_equal(ratings.values, [0.5, 5, 3.5])


def test_ratings_dir_is_read(ml100k, monkeypatch):
    monkeypatch.setenv("RATINGS_DIR", str(ml100k()))
    ratings, truth = ratings_from()
    assert (len(ratings), truth) == (3, None)


# ---------------------------------------------------------------- missing files


def test_missing_files_are_named_with_the_remedy(tmp_path, ml100k):
    with pytest.raises(FileNotFoundError, match=r"nowhere: no such folder\. RATINGS_DIR must name"):
        load_movielens(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"holds no ratings\. RATINGS_DIR must name a "
                       r"folder with u\.data and u\.item \(ML-100k\) or ratings"):  # fmt: skip
        load_movielens(tmp_path)
    folder = ml100k()
    with pytest.raises(FileNotFoundError, match=rf"{folder.name} does: name that folder"):
        load_movielens(folder.parent)
    (folder / "u.item").unlink()
    with pytest.raises(FileNotFoundError, match=r"holds u\.data, but no u\.item"):
        load_movielens(folder)


def test_two_data_sets_in_one_folder_are_refused(ml100k, latest):
    ml100k()
    with pytest.raises(DataError, match="holds the ratings of two data sets"):
        load_movielens(latest())


# ---------------------------------------------------------------- wrong lines


def changed(lines, line, text):
    """Return the lines with one replaced, counted from 1."""
    return [*lines[: line - 1], text, *lines[line:]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3\t1\t6\t881250947", "the rating 6. Ratings are half stars: 0.5, 1, 1.5 up to 5."),
        ("3\t1\t0\t881250947", "the rating 0. Ratings are half stars"),
        ("3\t1\tfive\t881250947", "the rating 'five'. Ratings are half stars"),
        ("3\t1\tnan\t881250947", "the rating nan. Ratings are half stars"),
        ("3\t1\t5", "3 fields. Expected 4 between tabs: userId, movieId, rating, timestamp."),
        ("3\t1\t5\t881250947\t1", "5 fields. Expected 4 between tabs"),
        ("3 1 5 881250947", "1 fields. Expected 4 between tabs"),
        ("", "it is empty. Expected 4 between tabs"),
        ("-3\t1\t5\t881250947", "userId '-3'. It is a whole number, 0 or more."),
        ("3\t-1\t5\t881250947", "movieId '-1'. It is a whole number, 0 or more."),
        ("3\t1\t5\t-1", "timestamp '-1'. It is a whole number, 0 or more."),
        ("x\t1\t5\t881250947", "userId 'x'. It is a whole number, 0 or more."),
        ("3\t1.5\t5\t881250947", "movieId '1.5'. It is a whole number, 0 or more."),
        ("3\t1\t5\tnoon", "timestamp 'noon'. It is a whole number, 0 or more."),
        ("3\t99999999999999999999\t5\t1", "movieId '99999999999999999999'. It is a whole"),
        ("3\t9\t5\t881250947", "movie 9 is not in the file of movies. Take both files from"),
        ("7\t2\t1\t1", "user 7 already rated movie 2 in line 1. Keep one of the two lines."),
    ],
)
def test_a_wrong_line_of_u_data_is_named(ml100k, text, message):
    with pytest.raises(DataError) as error:
        load_movielens(ml100k(data=changed(DATA, 2, text)))
    assert "u.data, line 2: " + message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("610,1,0.7,1000000001", "the rating 0.7. Ratings are half stars"),
        ("610;1;0.5;1000000001", "1 fields. Expected 4 between commas"),
        ("610,4,0.5,1000000001", "movie 4 is not in the file of movies"),
        ("1,163949,4,1", "user 1 already rated movie 163949 in line 2. Keep one"),
    ],
)
def test_a_wrong_line_of_ratings_csv_is_named(latest, text, message):
    with pytest.raises(DataError) as error:
        load_movielens(latest(ratings=changed(CSV, 3, text)))
    assert "ratings.csv, line 3: " + message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("50,Title, with a comma,Drama", "4 fields. Expected 3 between commas; put a title with"),
        ("fifty,Title,Drama", "movie id 'fifty'. It is a whole number"),
        ("1,Again (1995),Drama", "movie 1 is listed twice. Keep one line."),
        ("50,,Drama", "movie 50 has no title. Give it one."),
    ],
)
def test_a_wrong_line_of_movies_csv_is_named(latest, text, message):
    with pytest.raises(DataError) as error:
        load_movielens(latest(movies=changed(MOVIES, 4, text)))
    assert "movies.csv, line 4: " + message in str(error.value)


def test_a_wrong_line_of_u_item_is_named(ml100k):
    with pytest.raises(DataError, match=r"u\.item, line 2: 3 fields\. Expected 24 between '\|'"):
        load_movielens(ml100k(items=changed(ITEMS, 2, "2|Short (1994)|1")))


@pytest.mark.parametrize("name", ["ratings.csv", "movies.csv"])
def test_a_missing_header_is_named(latest, name):
    lines = {"ratings": CSV[1:]} if name == "ratings.csv" else {"movies": MOVIES[1:]}
    with pytest.raises(DataError, match=rf"{name}, line 1: the header .*Expected '\w+,\w+,"):
        load_movielens(latest(**lines))


def test_a_file_without_ratings_is_refused(latest):
    with pytest.raises(DataError, match=r"ratings\.csv holds no rating"):
        load_movielens(latest(ratings=CSV[:1]))


def test_an_empty_file_is_refused(ml100k):
    with pytest.raises(DataError, match=r"u\.data"):
        load_movielens(ml100k(data=[]))


def test_a_file_in_another_encoding_is_refused(latest):
    with pytest.raises(DataError, match=r"movies\.csv is not UTF-8 text"):
        load_movielens(latest(encoding="latin-1"))
