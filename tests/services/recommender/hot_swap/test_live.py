"""The recommender that is replaced while it serves, without a server around it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from unittest.mock import Mock

import pytest

from services.environment import ROOT
from services.errors import InputError
from services.recommender.hot_swap.cache import CachedVersion, VersionCache
from services.recommender.hot_swap.live import FAILURES, LONGEST_WAIT, LiveRecommender, Poller
from services.recommender.hot_swap.pull import PullError
from services.recommender.model.requests import RecommendRequest
from services.recommender.recommender import Recommender


class Shelf:
    """A registry that has what is put on it."""

    def __init__(self, cache, files):
        self.cache, self.files, self.number = cache, files, "1"

    def pull(self, cache, in_service=None):
        version = CachedVersion("movies", self.number, "shelf")
        cache.add(version, lambda folder: shutil.copy(self.files[self.number], folder / "x.npz"))
        cache.point(version)
        return version


@pytest.fixture(scope="module")
def files(models, small, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    known = small.split.development
    return {
        number: Recommender(models[kind], known).save(folder / f"{number}.npz")
        for number, kind in {"1": "popularity", "2": "mf-bce", "3": "neumf"}.items()
    }


@pytest.fixture
def cache(tmp_path):
    return VersionCache(tmp_path, "movies")


@pytest.fixture
def shelf(cache, files):
    shelf = Shelf(cache, files)
    shelf.pull(cache)
    return shelf


def wait_for(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ask(live):
    [answer] = live.recommend_many([RecommendRequest(7, 3)])
    return answer


def test_it_serves_what_the_pointer_names_and_the_next_when_it_moves(cache, shelf):
    live = LiveRecommender(cache, seconds=0)
    assert ask(live).version == "1"
    assert not live.follow(), "nothing has changed"
    shelf.number = "2"
    shelf.pull(cache)
    assert ask(live).version == "1", "not before it looks"
    assert live.follow()
    assert (ask(live).version, ask(live).model) == ("2", "mf-bce")


def test_without_a_version_there_is_nothing_to_serve(cache):
    with pytest.raises(LookupError, match="no version to serve"):
        LiveRecommender(cache)


def test_what_does_not_load_does_not_serve(cache, shelf, caplog):
    live = LiveRecommender(cache, seconds=0)
    shelf.number = "2"
    version = shelf.pull(cache)
    cache.file(version).write_bytes(b"rust")
    with caplog.at_level("WARNING"):
        for _ in range(3):
            assert not live.follow()
    assert ask(live).version == "1"
    assert version not in cache, "so that it is fetched anew"
    shelf.pull(cache)
    assert live.follow()
    assert ask(live).version == "2"
    assert caplog.text.count("version 2 is not served") == 1, "logged once"


def test_a_batch_is_answered_by_one_version(cache, shelf):
    live = LiveRecommender(cache, seconds=0)
    end, seen = threading.Event(), []

    def flip():
        while not end.is_set():
            shelf.number = "2" if shelf.number == "1" else "1"
            shelf.pull(cache)
            live.follow()

    flipper = threading.Thread(target=flip)
    flipper.start()
    requests = [RecommendRequest(user) for user in (1, 2, 3)]
    deadline = time.monotonic() + 60
    while seen.count({"2"}) < 5 or seen.count({"1"}) < 5:
        assert time.monotonic() < deadline
        seen.append({answer.version for answer in live.recommend_many(requests)})
    end.set()
    flipper.join()
    assert all(len(versions) == 1 for versions in seen)


def test_an_error_nobody_thought_of_does_not_end_the_thread(cache, shelf, monkeypatch, caplog):
    live = LiveRecommender(cache, seconds=0.01)
    shelf.number = "2"
    version = shelf.pull(cache)
    for error in (ZeroDivisionError(), OSError(5, "EIO"), OSError(28, "full")):
        monkeypatch.setattr(cache, "pointed", Mock(side_effect=error))
        live.start()
        wait_for(lambda e=error: f"reading which version to serve failed: {e!r}" in caplog.text)
    assert ask(live).version == "1"
    monkeypatch.setattr(cache, "pointed", lambda: version)
    wait_for(lambda: ask(live).version == "2")
    live.stop()


def test_it_knows_when_it_is_broken(cache, shelf, monkeypatch):
    live = LiveRecommender(cache, seconds=0)
    works = live.current.recommend_many

    def breaks(_):
        raise MemoryError

    monkeypatch.setattr(live.current, "recommend_many", breaks)
    for count in range(FAILURES):
        assert not live.broken, count
        with pytest.raises(MemoryError):
            ask(live)
    assert live.broken
    monkeypatch.setattr(live.current, "recommend_many", works)
    ask(live)
    assert not live.broken


def test_every_answer_is_recorded_and_no_refusal(cache, shelf):
    live = LiveRecommender(cache, seconds=0)
    recorded = []
    live.record = recorded.append
    results = live.recommend_many(
        [RecommendRequest(7, 3), RecommendRequest(7, 10**6), RecommendRequest(10**6, 2)]
    )
    assert isinstance(results[1], InputError)
    assert [prediction.answer for prediction in recorded] == [results[0], results[2]]
    assert recorded[0].request == RecommendRequest(7, 3)


def test_a_pinned_one_stays(models, small):
    pinned = Recommender(models["mf"], small.split.development, version="9")
    live = LiveRecommender.pinned(pinned)
    live.start()
    assert live._thread is None
    assert (ask(live).version, live.broken) == ("9", False)


# ---------------------------------------------------------------- polling the registry


class Moody:
    """A registry that raises what it is told to, or has version 1."""

    error = None

    def pull(self, cache, in_service=None):
        if self.error:
            raise self.error
        return CachedVersion("movies", "1", "")


def test_what_costs_a_download_is_tried_ever_more_rarely(cache):
    poller, waits = Poller(cache, Moody(), 10.0), []
    for reason in ("unreachable",) * 3 + ("damaged",) * 9:
        poller.registry.error = PullError("no luck", reason)
        with pytest.raises(PullError):
            poller.poll()
        waits.append(poller.wait)
    assert waits[:6] == [10, 10, 10, 20, 40, 80]
    assert waits[-1] == LONGEST_WAIT
    poller.registry.error = None
    poller.poll()
    assert poller.wait == 10


def test_polling_goes_on_whatever_happens_and_a_trouble_is_logged_once(cache, shelf, caplog):
    registry = Moody()
    live = LiveRecommender(cache, seconds=0.01, poller=Poller(cache, registry, 0.01))
    polls = Mock(wraps=registry.pull)
    registry.pull = polls
    live.start()
    troubles = {
        "no luck; the version in service stays": PullError("no luck", "unreachable"),
        "polling the registry failed: ZeroDivisionError()": ZeroDivisionError(),
        "polling the registry failed: OSError(28, 'full')": OSError(28, "full"),
    }
    for said, error in troubles.items():
        registry.error, before = error, polls.call_count
        wait_for(lambda b=before: polls.call_count > b + 5)
        assert caplog.text.count(said) == 1
    live.stop()
    assert ask(live).version == "1"


WORKER = """
import logging, sys, time
from services.recommender.hot_swap.cache import VersionCache
from services.recommender.hot_swap.live import LiveRecommender, Poller
from services.recommender.hot_swap.pull import PullError
from services.recommender.hot_swap.pull import Registry, prepare
folder, name = sys.argv[1:]
cache, registry = VersionCache(folder, name), Registry(name)
prepare(cache, registry)
live = LiveRecommender(cache, seconds=0.1, poller=Poller(cache, registry, 0.1))
live.start()
leads = None
while True:
    now = cache._leading.is_locked, live.current.version
    if now != leads:
        leads = now
        print(*now, flush=True)
    time.sleep(0.05)
"""


def test_one_worker_polls_and_another_takes_over_when_it_is_killed(
    tracking_server, own_model, tmp_path
):
    name = "recommender_poller"
    client = own_model(name)
    env = {**os.environ, "MLFLOW_TRACKING_URI": tracking_server.url}
    command = [sys.executable, "-c", WORKER, str(tmp_path), name]
    said = [[], []]

    def listen(process, lines):
        for line in process.stdout:
            lines.append(tuple(line.split()))

    workers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=env)
        for _ in range(2)
    ]
    try:
        for worker, lines in zip(workers, said, strict=True):
            threading.Thread(target=listen, args=(worker, lines), daemon=True).start()
        wait_for(lambda: ("True", "1") in said[0] + said[1] and all(said))
        client.set_registered_model_alias(name, "prod", "2")
        wait_for(lambda: [lines[-1][1] for lines in said] == ["2", "2"])
        assert sorted(lines[-1][0] for lines in said) == ["False", "True"]
        leader = [lines[-1][0] for lines in said].index("True")
        workers[leader].kill()
        client.set_registered_model_alias(name, "prod", "3")
        wait_for(lambda: said[1 - leader][-1] == ("True", "3"))
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
