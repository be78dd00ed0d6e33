"""Training: what comes out ranks, is the same twice, and needs no torch to be served."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from services.recommender.model.metrics import evaluate
from services.recommender.model.models import KINDS
from services.recommender.recommender import Recommender
from services.recommender.training import train
from services.recommender.training.splits import Split
from services.recommender.training.trainer import RECIPES, _network, fit


@pytest.fixture(scope="module")
def measured(small, models):
    known = small.split.development
    named = {**models, "oracle": small.truth}
    return {name: evaluate(model, known, small.split.test) for name, model in named.items()}


def test_what_learns_to_rank_beats_popularity(measured):
    assert measured["mf-bce"].ndcg > measured["popularity"].ndcg + 0.05
    assert measured["neumf"].ndcg > measured["popularity"].ndcg + 0.01
    assert measured["mf-bce"].coverage > 2 * measured["popularity"].coverage


def test_the_best_ratings_make_worse_lists_than_popularity(measured):
    assert measured["mf"].rmse < measured["popularity"].rmse - 0.05
    assert measured["mf"].ndcg < measured["popularity"].ndcg - 0.05


def test_nothing_beats_the_oracle(measured):
    oracle = measured["oracle"]
    assert all(measured[kind].ndcg < oracle.ndcg for kind in RECIPES)
    assert measured["mf"].rmse > oracle.rmse
    assert np.isnan(measured["mf-bce"].rmse)


@pytest.mark.parametrize("kind", ["mf", "mf-bce", "neumf"])
def test_a_seed_gives_the_same_model_and_another_seed_another(small, kind):
    recipe = replace(RECIPES[kind], epochs=2)
    one, again, other = (
        fit(recipe, small.ratings, seed=seed, progress=False).arrays() for seed in (3, 3, 4)
    )
    for name, array in one.items():
        np.testing.assert_array_equal(array, again[name])
    assert any(not np.array_equal(array, other[name]) for name, array in one.items())


def test_training_leaves_torch_as_it_was(small):
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    fit(replace(RECIPES["mf"], epochs=1), small.ratings, progress=False)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("kind", ["mf", "mf-bce", "neumf"])
def test_the_exported_arrays_score_as_the_network_does(small, kind):
    torch.manual_seed(0)
    network = _network(RECIPES[kind], small.ratings)
    for parameter in network.parameters():  # biases begin at 0, which would hide them
        torch.nn.init.normal_(parameter, std=0.3)
    users = torch.arange(5).repeat_interleave(small.ratings.n_items)
    items = torch.arange(small.ratings.n_items).repeat(5)
    with torch.no_grad():
        expected = network(users, items).numpy().reshape(5, -1)
    model = network.export()
    scores = model.scores(np.arange(5))
    assert scores.std() > 0.05
    np.testing.assert_allclose(scores, expected, atol=2e-6)
    np.testing.assert_array_equal(
        KINDS[kind].from_arrays(model.arrays()).scores(np.arange(5)), scores
    )
    pairs = np.arange(5), np.arange(5)
    if kind == "mf":
        np.testing.assert_allclose(model.ratings(*pairs), scores[pairs], atol=2e-6)
    else:
        assert model.ratings(*pairs) is None


def test_each_epoch_is_reported_and_the_loss_falls(small):
    seen = []
    recipe = replace(RECIPES["mf-bce"], epochs=3)
    fit(recipe, small.ratings, progress=False, on_epoch=lambda *epoch: seen.append(epoch))
    assert [epoch for epoch, _ in seen] == [1, 2, 3]
    assert seen[0][1] > seen[1][1] > seen[2][1]


def test_what_cannot_be_trained_is_refused(small):
    with pytest.raises(ValueError, match="no recipe 'svd'; there are popularity, mf, mf-bce"):
        fit("svd", small.ratings)
    with pytest.raises(ValueError, match="no rating to train on"):
        fit("mf", small.ratings.take(np.zeros(12_000, bool)))
    with pytest.raises(ValueError, match="lower the learning rate"):
        fit(replace(RECIPES["mf"], lr=1e30, epochs=4), small.ratings, progress=False)


# ---------------------------------------------------------------- choosing, and the command


def test_promotion_looks_at_the_lists(models, measured):
    candidates = [train.Candidate(models[kind], measured[kind], 0.0) for kind in RECIPES]
    best_rmse = min(candidates, key=lambda c: np.nan_to_num(c.metrics.rmse, nan=9))
    assert best_rmse.model.kind == "mf"
    assert train.promote(candidates).model.kind == "mf-bce"
    assert train.promote(candidates[:2]).model.kind == "popularity"


def test_the_test_part_plays_no_part_in_choosing(small):
    spoilt = Split(small.split.train, small.split.validation, None)
    [candidate] = train.compare(spoilt, ["popularity"], progress=False)
    assert candidate.metrics.users > 0


def test_the_command_trains_reports_and_saves(small, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train, "make_ratings", lambda seed: (small.ratings, small.truth))
    monkeypatch.setitem(RECIPES, "mf-bce", replace(RECIPES["mf-bce"], epochs=15, batch=2048))
    monkeypatch.delenv("RATINGS_DIR", raising=False)
    out = tmp_path / "new" / "model.npz"
    assert train.main(["--model", "mf-bce", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "12,000 ratings by 200 users of 300 movies" in said
    sizes = [f"{len(getattr(small.split, part)):,} {part}" for part in small.split._fields]
    assert f"split: {', '.join(sizes)}" in said
    validation, test = said.split("\nvalidation, ")[1].split("\ntest, ")
    for part in (validation, test):
        rows = [line.split() for line in part.splitlines() if line.count(".") >= 3]
        assert [row[0] for row in rows] == ["popularity", "mf-bce", "oracle"]
        assert all(len(row) == 5 for row in rows)
        assert rows[1][1] == "-"
    assert float(validation.split("mf-bce")[1].split()[2]) > float(
        validation.split("popularity")[1].split()[2]
    )
    assert "promoted on NDCG@10: mf-bce" in said
    recommender = Recommender.load(out)
    assert recommender.model.kind == "mf-bce"
    assert len(recommender.rated_by(1)) == small.split.development.per_user()[0]


def test_the_command_says_what_is_wrong_with_the_ratings(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        train.main(["--ratings-dir", str(tmp_path)])
    assert end.value.code == 2
    assert "holds no ratings. RATINGS_DIR must name a folder" in capsys.readouterr().err


def test_the_command_says_at_once_that_it_cannot_save(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(train, "ratings_from", lambda *_, **__: pytest.fail("it went on"))
    (tmp_path / "file").touch()
    for out in (tmp_path, tmp_path / "file" / "model.npz"):
        with pytest.raises(SystemExit) as end:
            train.main(["--out", str(out)])
        assert end.value.code == 2
        assert "--out: " in capsys.readouterr().err.splitlines()[-1]
