"""The recommender that is replaced while it serves, without a server around it."""

from __future__ import annotations

import shutil
import threading
import time

import pytest

from services.errors import InputError
from services.recommender.cache import Version, VersionCache
from services.recommender.live import FAILURES, LiveRecommender
from services.recommender.questions import Question
from services.recommender.recommender import Recommender


class Shelf:
    """A registry that has what is put on it."""

    def __init__(self, cache, files):
        self.cache, self.files, self.number = cache, files, "1"

    def pull(self, cache):
        version = Version("movies", self.number, "shelf")
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
    return VersionCache(tmp_path)


@pytest.fixture
def shelf(cache, files):
    shelf = Shelf(cache, files)
    shelf.pull(cache)
    return shelf


def ask(live):
    [answer] = live.recommend_many([Question(7, 3)])
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
    assert caplog.text.count("version 2 is not served") == 2, "damaged, then gone; each told once"


def test_threads_follow_the_pointer(cache, shelf):
    workers = [LiveRecommender(cache, seconds=0.05) for _ in range(3)]
    for worker in workers:
        worker.start()
    try:
        for number in ("2", "1", "3"):
            shelf.number = number
            shelf.pull(cache)
            deadline = time.monotonic() + 60
            while {ask(worker).version for worker in workers} != {number}:
                assert time.monotonic() < deadline
                time.sleep(0.02)
    finally:
        for worker in workers:
            worker.stop()


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
    questions = [Question(user) for user in (1, 2, 3)]
    deadline = time.monotonic() + 60
    while seen.count({"2"}) < 5 or seen.count({"1"}) < 5:
        assert time.monotonic() < deadline
        seen.append({answer.version for answer in live.recommend_many(questions)})
    end.set()
    flipper.join()
    assert all(len(versions) == 1 for versions in seen)


def test_an_error_nobody_thought_of_does_not_end_the_thread(cache, shelf, monkeypatch, caplog):
    live = LiveRecommender(cache, seconds=0.01)
    monkeypatch.setattr(cache, "pointed", lambda: 1 / 0)
    live.start()
    deadline = time.monotonic() + 60
    while caplog.text.count("could not be followed") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    live.stop()
    assert ask(live).version == "1"


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
    results = live.recommend_many([Question(7, 3), Question(7, 10**6), Question(10**6, 2)])
    assert isinstance(results[1], InputError)
    assert [prediction.answer for prediction in recorded] == [results[0], results[2]]
    assert recorded[0].question == Question(7, 3)


def test_a_pinned_one_stays(models, small):
    pinned = Recommender(models["mf"], small.split.development, version="9")
    live = LiveRecommender.pinned(pinned)
    live.start()
    assert live._thread is None
    assert (ask(live).version, live.broken) == ("9", False)
