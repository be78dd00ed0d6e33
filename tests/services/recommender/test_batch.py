"""The recommender's batch: all users' top movies."""

from __future__ import annotations

from pathlib import Path

import cloudpickle
import pyarrow.parquet as pq
import pytest

from services.recommender import batch
from services.recommender.model.models import SavedModel
from services.recommender.recommender import Recommender
from tests.services.recommender.conftest import Small


@pytest.fixture(scope="module")
def file(
    small: Small, models: dict[str, SavedModel], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.npz"
    return Recommender(models["mf"], small.split.development).save(path)


def rows(out: Path) -> list[dict[str, object]]:
    return list(pq.read_table(out).to_pylist())


def test_every_user_gets_what_the_core_says(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.parquet"
    options = ["--top-k", "5", "--part-size", "64", "--quiet"]
    assert batch.main(["--model", str(file), "--out", str(out), *options]) == 0

    core = Recommender.load(file)
    assert pq.read_schema(out).equals(batch.SCHEMA)
    found = rows(out)
    assert [row["user_id"] for row in found] == core.user_ids.ids.tolist()
    for row in found[::17]:
        answer = core.recommend(int(str(row["user_id"])), top_k=5)
        assert row["items"] == [pytest.approx(item.as_dict()) for item in answer.items]
        assert row["fallback"] == answer.fallback
        assert row["error_code"] is None


def test_a_user_without_enough_movies_left_is_recorded(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.parquet"
    core = Recommender.load(file)
    left = {u: len(core.movies) - len(core.rated_by(u)) for u in core.user_ids.ids.tolist()}
    top_k = sorted(left.values())[len(left) // 2]
    options = ["--top-k", str(top_k), "--quiet", "--strict"]
    assert batch.main(["--model", str(file), "--out", str(out), *options]) == 3

    for row in rows(out):
        enough = left[int(str(row["user_id"]))] >= top_k
        assert (row["error_code"] is None) == enough
        assert (row["items"] is not None) == enough
        assert enough or "movies are left" in str(row["error_message"])


def test_a_models_folder(file: Path, tmp_path: Path) -> None:
    (tmp_path / "registered" / "artifacts").mkdir(parents=True)
    (tmp_path / "registered" / "artifacts" / "recommender.npz").write_bytes(file.read_bytes())
    assert batch.make_job(batch.model_file(str(tmp_path / "registered"))).key == (
        batch.make_job(file).key
    )


def test_the_job_computes_the_same_in_another_process(file: Path) -> None:
    """Ray sends it so."""
    job = batch.make_job(file)
    again = cloudpickle.loads(cloudpickle.dumps(job))
    assert again.key == job.key
    assert again.make()(again.part(0)) == job.make()(job.part(0))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--top-k", "0"], "a whole number from 1 up is needed; got '0'"),
        (["--top-k", "ten"], "got 'ten'"),
        (["--batch-size", "0"], "got '0'"),
        (["--model", "no/such.npz"], "no such model; make one with"),
        (["--model", "tests"], "there is no recommender.npz in the folder tests"),
        (["--model", "README.md"], "is not a model of this project, or damaged"),
    ],
)
def test_options_are_checked(
    file: Path, tmp_path: Path, options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "never.parquet"
    try:
        code = batch.main(["--model", str(file), "--out", str(out), *options])
    except SystemExit as end:
        code = int(str(end.code))
    assert code == 2
    assert told in capsys.readouterr().err
    assert not out.exists()
