"""The versions on the disk: whole or not there, brought once, pointed to."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from services.environment import ROOT
from services.recommender.cache import KEEP, Version, VersionCache
from services.recommender.recommender import Recommender
from services.recommender.smoke import smoke_test

ONE, TWO = (Version("movies", number, f"run {number}") for number in "12")


@pytest.fixture(scope="module")
def recommender(models, small) -> Recommender:
    return Recommender(models["mf-bce"], small.split.development)


@pytest.fixture(scope="module")
def model_file(recommender, tmp_path_factory):
    return recommender.save(tmp_path_factory.mktemp("saved") / "recommender.npz")


@pytest.fixture
def cache(tmp_path) -> VersionCache:
    return VersionCache(tmp_path / "cache")


@pytest.fixture
def fetch(model_file):
    def fetch(folder):
        return (folder / "download.npz").absolute() if not model_file else copy(model_file, folder)

    return fetch


def copy(file, folder):
    (folder / "download.npz").write_bytes(file.read_bytes())
    return folder / "download.npz"


def test_a_version_is_brought_once_and_then_served_from_the_disk(cache, fetch, recommender):
    assert ONE not in cache
    assert cache.add(ONE, fetch)
    assert not cache.add(ONE, lambda folder: pytest.fail("fetched twice"))
    answer = cache.load(ONE).recommend(7, 5)
    assert answer.version == "1"
    assert answer.items == recommender.recommend(7, 5).items
    [line] = (cache.folder / "imports.jsonl").read_text().splitlines()
    assert {**json.loads(line), "sha256": 0, "time": 0} == {
        "name": "movies", "number": "1", "source": "run 1", "sha256": 0, "time": 0
    }  # fmt: skip


def test_twenty_at_once_bring_it_once(cache, fetch):
    brought = []
    threads = [
        threading.Thread(target=lambda: brought.append(VersionCache(cache.folder).add(ONE, fetch)))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(brought) == [False] * 19 + [True]


def test_a_version_one_of_another_registry_is_another_one():
    assert ONE.key != replace(ONE, source="another run").key
    assert ONE.key.startswith("1-")


@pytest.mark.parametrize("number", ["", "0", "-1", "1.0", "../../etc", "1/..", "latest", 3, None])
def test_a_number_that_is_none(number):
    with pytest.raises(ValueError, match="a version's number is a text such as '3'; got"):
        Version("movies", number, "")


@pytest.mark.parametrize("content", [b"", b"<html>", None], ids=["empty", "a page", "half"])
def test_what_is_damaged_never_gets_in(cache, model_file, content):
    whole = model_file.read_bytes()

    def damaged(folder):
        (folder / "x.npz").write_bytes(whole[: len(whole) // 2] if content is None else content)
        return folder / "x.npz"

    with pytest.raises(ValueError, match="no model of this project, or damaged"):
        cache.add(ONE, damaged)
    assert ONE not in cache
    assert sorted(path.name for path in cache.folder.iterdir()) == ["versions", "versions.lock"]
    assert list((cache.folder / "versions").iterdir()) == []


def test_nor_what_is_whole_and_useless(cache, recommender, tmp_path):
    bad = replace(recommender.model, item_bias=recommender.model.item_bias * np.nan)
    file = Recommender(bad, recommender._ratings).save(tmp_path / "bad.npz")
    assert Recommender.load(file)
    with pytest.raises(ValueError, match="scores are not all finite"):
        cache.add(ONE, lambda folder: copy(file, folder))
    assert ONE not in cache


def test_a_download_that_breaks_leaves_nothing(cache):
    def breaks(folder):
        (folder / "part").write_bytes(b"half of it")
        raise OSError("connection lost")

    with pytest.raises(OSError, match="connection lost"):
        cache.add(ONE, breaks)
    assert sorted(path.name for path in cache.folder.iterdir()) == ["versions", "versions.lock"]


def test_a_user_who_has_seen_everything_fails_no_smoke_test(models, small):
    part = small.split.development
    user = np.zeros(part.n_items, np.int64)
    items = np.arange(part.n_items)
    rows = np.concatenate([np.flatnonzero(part.users != 0)])
    ratings = replace(
        part,
        users=np.concatenate([part.users[rows], user]),
        items=np.concatenate([part.items[rows], items]),
        values=np.concatenate([part.values[rows], np.full(len(items), 3, np.float32)]),
        timestamps=np.zeros(len(rows) + len(items), np.int64),
    )
    assert smoke_test(Recommender(models["mf-bce"], ratings))


def test_the_pointer_says_what_to_serve(cache, fetch):
    assert cache.pointed() is None
    for version in (ONE, TWO):
        cache.add(version, fetch)
    cache.point(TWO)
    cache.point(ONE)  # back: the newest in the store is not the one to serve
    assert VersionCache(cache.folder).pointed() == ONE
    assert VersionCache(cache.folder, "staging").pointed() is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": 1}', '{"number": "../x"}', "\x00"])
def test_a_damaged_pointer_is_none(cache, content):
    (cache.folder / "prod.json").write_text(content)
    assert cache.pointed() is None
    cache.point(ONE)
    assert cache.pointed() == ONE


def test_whoever_reads_the_pointer_reads_a_whole_one(cache):
    end = threading.Event()

    def write():
        while not end.is_set():
            cache.point(ONE)
            cache.point(TWO)

    cache.point(ONE)
    thread = threading.Thread(target=write)
    thread.start()
    seen = {cache.pointed() for _ in range(2000)}
    end.set()
    thread.join()
    assert seen == {ONE, TWO}


def test_old_versions_go_and_pointed_ones_stay(cache, fetch):
    staging = VersionCache(cache.folder, "staging")
    versions = [Version("movies", str(number), "") for number in range(1, KEEP + 6)]
    for place, version in enumerate(versions):
        cache.add(version, fetch)
        if place == 0:
            cache.point(version)
        if place == 1:
            staging.point(version)
        time.sleep(0.01)  # the file system's clock tells the oldest
    assert [version in cache for version in versions[:2]] == [True, True]
    assert [v.number for v in versions if v in cache] == ["1", "2", *map(str, range(5, KEEP + 6))]


def test_a_version_that_is_dropped_can_be_brought_again(cache, fetch):
    cache.add(ONE, fetch)
    cache.drop(ONE)
    assert ONE not in cache
    assert cache.add(ONE, fetch)


LEAD = """
import sys, time
from services.recommender.cache import VersionCache
with VersionCache(sys.argv[1]).leading() as leader:
    print(leader, flush=True)
    time.sleep(60)
"""


def test_one_process_leads_until_it_ends(cache):
    command = [sys.executable, "-c", LEAD, str(cache.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as other:
        try:
            assert other.stdout.readline() == "True\n"
            with cache.leading() as leader:
                assert not leader
            with VersionCache(cache.folder, "staging").leading() as leader:
                assert leader, "of another alias"
        finally:
            other.kill()
    with cache.leading() as leader:
        assert leader, "a leader that was killed has no say any more"
