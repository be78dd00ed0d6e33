"""Notebook 00 on files in MovieLens' format, named by its papermill parameter."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.environment import ROOT
from services.recommender.model.ratings import Ratings
from services.recommender.training.movielens import GENRES_100K
from services.recommender.training.synthetic import make_ratings
from services.workbench.notebooks.files import errors_in
from services.workbench.notebooks.run import execute


def write_ml100k(ratings: Ratings, folder: Path) -> None:
    """Write a table as ML-100k's two files; every movie gets one genre."""
    users, movies = ratings.user_ids.raw(ratings.users), ratings.movies.ids.raw(ratings.items)
    rows = zip(users, movies, ratings.values.astype(int), ratings.timestamps, strict=True)
    lines = ["\t".join(map(str, row)) for row in rows]
    (folder / "u.data").write_text("\n".join(lines) + "\n", encoding="latin-1")
    marks = "|".join(str(int(name == "Drama")) for name in GENRES_100K)
    items = [
        f"{raw}|{title}|01-Jan-1995||http://example.org|{marks}"
        for raw, title in zip(ratings.movies.ids.ids, ratings.movies.titles, strict=True)
    ]
    (folder / "u.item").write_text("\n".join(items) + "\n", encoding="latin-1")


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_the_notebook_runs_on_movielens_files(tmp_path: Path) -> None:
    ratings, _ = make_ratings(300, 400, 20_000, seed=2)
    folder = tmp_path / "ml-100k"
    folder.mkdir()
    write_ml100k(ratings, folder)
    source = ROOT / "notebooks" / "sources" / "00_models.py"
    parameters = {"ratings_dir": str(folder), "pictures": 16, "epochs": 1, "sample": 20}
    notebook = execute(source, tmp_path / "00.ipynb", parameters)
    assert not list(errors_in(notebook))
    printed = "".join(
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output.output_type == "stream"
    )
    assert "20,000 ratings by 300 users of" in printed
    assert "mf-bce is the best; recommender_production version 2 promoted" in printed
    assert "oracle" not in printed
