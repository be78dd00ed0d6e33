"""Train the candidates, choose the one that ranks best, and save it.

::

    python -m services.recommender.training.train                       # on simulated ratings
    python -m services.recommender.training.train --ratings-dir ml-100k  # on MovieLens
    python -m services.recommender.training.train --model mf-bce

Each candidate is trained on the training part and measured on the validation part. The one with
the best NDCG is promoted, refitted on both, saved, and only then measured on the test part.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from services import command_line
from services.environment import build_dir
from services.recommender.model.metrics import Metrics, evaluate
from services.recommender.model.models import Model, SavedModel
from services.recommender.model.ratings import Ratings, gini
from services.recommender.recommender import Recommender
from services.recommender.training.movielens import load_movielens
from services.recommender.training.splits import Split, at_random
from services.recommender.training.synthetic import Truth, make_ratings
from services.recommender.training.trainer import RECIPES, fit


@dataclass(frozen=True)
class Candidate:
    """A model fitted on the training part, its metrics on validation, and its processor seconds."""

    model: SavedModel
    metrics: Metrics
    seconds: float


def ratings_from(
    folder: str | Path | None = None, *, seed: int = 0
) -> tuple[Ratings, Truth | None]:
    """Return the ratings in a folder; without one, simulated ratings and their truth.

    If *folder* is empty, ``$RATINGS_DIR`` is read by
    :func:`services.recommender.training.movielens.load_movielens`; see there for what it raises.
    """
    folder = folder or os.environ.get("RATINGS_DIR")
    return (load_movielens(folder), None) if folder else make_ratings(seed=seed)


def compare(
    split: Split, kinds: Iterable[str] = RECIPES, *, seed: int = 0, progress: bool = True
) -> list[Candidate]:
    """Train candidates on the training part and measure them on the validation part.

    Raises ValueError if there is no such candidate.
    """
    candidates = []
    for kind in kinds:
        began = time.process_time()
        model = fit(kind, split.train, seed=seed, progress=progress)
        seconds = time.process_time() - began
        metrics = evaluate(model, split.train, split.validation)
        candidates.append(Candidate(model, metrics, seconds))
    return candidates


def promote(candidates: Sequence[Candidate]) -> Candidate:
    """Return the candidate with the best NDCG; of equal ones, the first.

    The candidate with the smallest rating error is not the right choice: its lists are worse than
    those of plain popularity.
    """
    return max(candidates, key=lambda candidate: candidate.metrics.ndcg)


def table(rows: Iterable[tuple[str, Metrics]]) -> str:
    """Return models and their metrics as text, one line each."""
    lines = [f"{'':12}{'RMSE':>8}{'HR@10':>8}{'NDCG@10':>9}{'coverage':>10}"]
    for name, m in rows:
        error = "-" if math.isnan(m.rmse) else f"{m.rmse:.3f}"
        lines.append(f"{name:12}{error:>8}{m.hit_rate:8.3f}{m.ndcg:9.3f}{m.coverage:10.3f}")
    return "\n".join(lines)


def describe(ratings: Ratings) -> str:
    """Return the size and shape of a table in a sentence."""
    counts = ratings.per_user()
    counts.sort()
    return (
        f"{len(ratings):,} ratings by {ratings.n_users:,} users of {ratings.n_items:,} movies: "
        f"mean {ratings.values.mean():.2f}, standard deviation {ratings.values.std():.2f}, "
        f"median {counts[len(counts) // 2]} per user, Gini of the movies "
        f"{gini(ratings.per_item()):.2f}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = command_line.parser("services.recommender.training.train", __doc__)
    parser.add_argument(
        "--ratings-dir", type=Path, help="folder of MovieLens' files ($RATINGS_DIR)"
    )
    parser.add_argument("--model", choices=RECIPES, action="append",
                        help="a candidate to train; repeatable (all)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="seed of all random draws (0)")
    parser.add_argument("--out", type=Path, default=build_dir() / "recommender" / "model.npz",
                        help="where to save (build/recommender/model.npz)")  # fmt: skip
    args = parser.parse_args(arguments)
    try:  # fail now, not after the training
        _check_writable(args.out)
    except OSError as error:
        parser.error(f"--out: {error}")
    try:
        ratings, truth = ratings_from(args.ratings_dir, seed=args.seed)
        split = at_random(ratings)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    print(describe(ratings))
    parts = ", ".join(
        f"{len(part):,} {name}" for name, part in zip(Split._fields, split, strict=True)
    )
    print(f"split: {parts}")
    kinds = dict.fromkeys(["popularity", *(args.model or RECIPES)])
    candidates = compare(split, kinds, seed=args.seed)
    rows: list[tuple[str, Metrics]] = [(c.model.kind, c.metrics) for c in candidates]
    if truth:
        rows.append((truth.kind, evaluate(truth, split.train, split.validation)))
    print(f"\nvalidation, {rows[0][1].users} users, all movies ranked\n{table(rows)}")
    print(
        "\nprocessor seconds: " + ", ".join(f"{c.model.kind} {c.seconds:.1f}" for c in candidates)
    )
    kind = promote(candidates).model.kind
    print(f"\npromoted on NDCG@10: {kind}; refitted on train and validation")
    return _finish(kind, split, truth, args.seed, args.out)


def _check_writable(file: Path) -> None:
    if file.is_dir():
        raise IsADirectoryError(f"{file} is a folder; name a file")
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=file.parent):
        pass


def _finish(kind: str, split: Split, truth: Truth | None, seed: int, out: Path) -> int:
    """Refit the chosen candidate, save it, and report on the test part."""
    development = split.development
    chosen = fit(kind, development, seed=seed)
    Recommender(chosen, development).save(out)
    models: dict[str, Model] = {"popularity": fit("popularity", development), kind: chosen}
    if truth:
        models[truth.kind] = truth
    rows = [(name, evaluate(model, development, split.test)) for name, model in models.items()]
    print(f"\ntest, {rows[0][1].users} users, all movies ranked\n{table(rows)}\n\nsaved: {out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
