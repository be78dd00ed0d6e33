"""Simulated users whose tastes change: they rate, send requests to the service, and click.

In your own project this is the one module to replace: :func:`write` by an export of your ratings,
:func:`visit` by a query of your answer log joined with the clicks.
"""

from __future__ import annotations

import csv
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd

from services.recommender.model.ids import IdMap
from services.recommender.model.ratings import Movies, Ratings
from services.recommender.monitoring.drift_traffic import Traffic
from services.recommender.recommender import Recommender
from services.recommender.training.experiment import click_rates
from services.recommender.training.movielens import COLUMNS
from services.recommender.training.splits import Split, at_random
from services.recommender.training.synthetic import NOISE, Truth, make_ratings

USERS, MOVIES, RATINGS = 400, 400, 16_000
NEW = 20
"""Ratings of each user after the change."""
MOVED = 0.5
"""Share of the movies that swap their popularity with another movie."""
VISITS = 5
"""The number of visits per user; averaging their clicks makes the rate less noisy."""
CLIENTS = 4
"""Requests in flight at a time."""


@dataclass(frozen=True)
class World:
    """Users before and after their tastes change: what they like, indexed as in the ratings.

    The ratings, old and new, are in chronological order; *since* is the time of the first new one,
    in seconds since 1970.
    """

    ratings: Ratings
    since: int
    before: Truth
    after: Truth


@lru_cache(maxsize=2)
def make_world(seed: int = 1) -> World:
    """Simulate ratings, let half of the movies swap their popularity, and simulate more ratings."""
    old, before = make_ratings(USERS, MOVIES, RATINGS, seed=seed)
    rng = np.random.default_rng([seed, 1])
    fame = before.exposure.mean(axis=0)
    moved = np.flatnonzero(rng.random(MOVIES) < MOVED)
    change = np.zeros(MOVIES, np.float32)
    change[moved] = fame[rng.permutation(moved)] - fame[moved]
    after = Truth(before.exposure + change, before.liking)
    # As for synthetic ratings: the largest values of exposure plus Gumbel noise, no movie twice.
    wish = after.exposure + rng.gumbel(size=after.exposure.shape)
    wish[old.users, old.items] = -np.inf
    items = np.argsort(-wish, axis=1)[:, :NEW].ravel()
    users = np.repeat(np.arange(USERS), NEW)
    noisy = after.liking[users, items] + rng.logistic(scale=NOISE, size=len(users))
    since = int(old.timestamps.max()) + 1
    times = since + 60 * rng.permutation(len(users))
    stars = np.clip(np.round(noisy), 1, 5).astype(np.float32)
    new = Ratings(users, items, stars, times, old.user_ids, old.movies)
    return World(_joined(old, new.take(np.argsort(times))), since, before, after)


def write(folder: Path, seed: int = 1) -> World:
    """Write all ratings so far in MovieLens' layout (``ratings.csv``, ``movies.csv``)."""
    world = make_world(seed)
    ratings, movies = world.ratings, world.ratings.movies
    columns = (
        ratings.user_ids.raw(ratings.users),
        movies.ids.raw(ratings.items),
        ratings.values,
        ratings.timestamps,
    )
    folder.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
    table.to_csv(folder / "ratings.csv", index=False)
    with (folder / "movies.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["movieId", "title", "genres"])
        for movie_id, title, genres in zip(
            movies.ids.ids.tolist(), movies.titles, movies.genres, strict=True
        ):
            rows.writerow([movie_id, title, "|".join(genres) or "(no genres listed)"])
    return world


def split(ratings: Ratings, since: int, seed: int = 0) -> Split:
    """Divide old and new ratings for a retraining; ratings are new from *since* on.

    ``train`` has old and new ratings; ``validation`` has new ones, which decide; ``test`` has old
    ones, on which the candidate must not be much worse. Version 1 has to be trained on the same
    split of the old ratings, so with the same seed. Raises ValueError if there are too few old or
    new ratings.
    """
    is_new = ratings.timestamps >= since
    old = at_random(ratings.take(~is_new), seed=seed)
    new = at_random(ratings.take(is_new), seed=seed)
    return Split(_joined(old.train, new.train), new.validation, old.validation)


def old_split(ratings: Ratings, since: int, seed: int = 0) -> Split:
    """Divide only the old ratings, as :func:`split` does; version 1 is trained on this split."""
    return at_random(ratings.take(ratings.timestamps < since), seed=seed)


def most_rated(ratings: Ratings, count: int) -> Ratings:
    """Return only the ratings of the *count* most rated movies, with these movies as the catalogue.

    Users who rated none of them are left out.
    """
    top = np.sort(np.argsort(-ratings.per_item(), kind="stable")[:count])
    rows = ratings.take(np.isin(ratings.items, top))
    raw, movies = ratings.user_ids.raw(rows.users), ratings.movies
    ids = IdMap(raw)
    catalogue = Movies(
        IdMap(movies.ids.ids[top]),
        tuple(movies.titles[item] for item in top),
        tuple(movies.genres[item] for item in top),
    )
    items = np.searchsorted(top, rows.items)
    return Ratings(ids.indexes(raw), items, rows.values, rows.timestamps, ids, catalogue)


def traffic(core: Recommender, *, changed: bool, seed: int = 1) -> Traffic:
    """Return the drift generator of notebook 08 for the users before or after the change."""
    world = make_world(seed)
    truth = world.after if changed else world.before
    columns = world.ratings.movies.ids.indexes(core.movies.ids.ids)
    return Traffic(core, Truth(truth.exposure[:, columns], truth.liking[:, columns]))


def visit(url: str, *, changed: bool, seed: int = 1) -> pd.DataFrame:
    """Let each user request ten movies from the A/B service at *url* once, and click.

    Returns
    -------
    pandas.DataFrame
        One row per user: ``user_id``, ``status`` (0: lost), ``variant``, ``version``, ``seconds``,
        and ``clicks``, the share of the shown movies that was clicked (0 without an answer).
    """
    world = make_world(seed)
    truth = world.after if changed else world.before
    new = world.ratings.take(world.ratings.timestamps >= world.since)
    # Movies that users rated since the training are not recommended to them again.
    requests = [
        {"user_id": user_id, "rated": _ids(new, user) if changed else []}
        for user, user_id in enumerate(world.ratings.user_ids.ids.tolist())
    ]
    rows, lists = [], {}
    with (
        httpx.Client(base_url=url, timeout=10, trust_env=False) as client,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        replies = pool.map(partial(_ask, client), requests)
        for request, (status, body, seconds) in zip(requests, replies, strict=True):
            if status == httpx.codes.OK:
                lists[request["user_id"]] = [item["movie_id"] for item in body["items"]]
            who = (body.get("variant", ""), body.get("version", ""))
            rows.append((request["user_id"], status, *who, seconds))
    table = pd.DataFrame(rows, columns=["user_id", "status", "variant", "version", "seconds"])
    visits = [click_rates(lists, world.ratings, truth, seed=seed + n) for n in range(VISITS)]
    rates = {user: float(np.mean([each[user] for each in visits])) for user in lists}
    return table.assign(clicks=table.user_id.map(rates).fillna(0.0))


def wait_for(url: str, variant: str, version: int, seconds: float = 60.0) -> None:
    """Wait until the service at *url* answers with a version as "prod" or "staging".

    Raises TimeoutError if it does not in time, with its last answer.
    """
    deadline, said = time.monotonic() + seconds, ""
    with httpx.Client(base_url=url, timeout=10, trust_env=False) as client:
        while time.monotonic() < deadline:
            for user_id in range(1, 50):  # until a user has this variant
                status, body, _ = _ask(client, {"user_id": user_id, "top_k": 1})
                said = f"{status} {body}"[:200]
                if body.get("variant") == variant:
                    break
            if (body.get("variant"), body.get("version")) == (variant, str(version)):
                return
            time.sleep(0.2)
    raise TimeoutError(
        f"{url} does not serve version {version} as {variant} after {seconds:g} s; "
        f"its last answer: {said}"
    )


def _ask(client: httpx.Client, request: dict[str, Any]) -> tuple[int, dict[str, Any], float]:
    """Return status (0: lost), body and seconds of one request."""
    begun = time.perf_counter()
    try:
        response = client.post("/predict", json=request)
        status, body = response.status_code, response.json()
    except (httpx.HTTPError, ValueError):
        status, body = 0, {}
    return status, body, time.perf_counter() - begun


def _ids(ratings: Ratings, user: int) -> list[int]:
    return ratings.movies.ids.raw(ratings.items_of(user)).tolist()


def _joined(first: Ratings, second: Ratings) -> Ratings:
    return Split(first, second, second).development
