"""The versions on the disk: whole or not there, brought once, pointed to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.environment import ROOT
from services.recommender.hot_swap.cache import KEEP, CachedVersion, DamagedError, VersionCache
from services.recommender.hot_swap.smoke import smoke_test
from services.recommender.recommender import Recommender

ONE, TWO = (CachedVersion("movies", number, f"run {number}") for number in "12")


@pytest.fixture(scope="module")
def model_file(recommender, tmp_path_factory):
    return recommender.save(tmp_path_factory.mktemp("saved") / "recommender.npz")


@pytest.fixture
def cache(tmp_path) -> VersionCache:
    return VersionCache(tmp_path / "cache", "movies")


@pytest.fixture
def fetch(model_file):
    return lambda folder: copy(model_file, folder)


def again(cache, alias="prod"):
    """The same folder, as another process opens it."""
    return VersionCache(cache.folder.parent, "movies", alias)


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
        threading.Thread(target=lambda: brought.append(again(cache).add(ONE, fetch)))
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
    with pytest.raises(ValueError, match="a version number must be a text such as '3'; got"):
        CachedVersion("movies", number, "")


@pytest.mark.parametrize("content", [b"", b"<html>", None], ids=["empty", "a page", "half"])
def test_what_is_damaged_never_gets_in(cache, model_file, content):
    whole = model_file.read_bytes()

    def damaged(folder):
        (folder / "x.npz").write_bytes(whole[: len(whole) // 2] if content is None else content)
        return folder / "x.npz"

    with pytest.raises(ValueError, match="not a model of this project, or damaged"):
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


def test_a_user_who_has_seen_everything_fails_no_smoke_test(models, small):
    part = small.split.development
    part = part.take(part.users != 0)
    mine = np.zeros(part.n_items, np.int64)
    ratings = replace(
        part,
        users=np.concatenate([part.users, mine]),
        items=np.concatenate([part.items, np.arange(part.n_items)]),
        values=np.concatenate([part.values, mine + 3]),
        timestamps=np.concatenate([part.timestamps, mine]),
    )
    assert smoke_test(Recommender(models["mf-bce"], ratings))


def test_the_pointer_says_what_to_serve(cache, fetch):
    assert cache.pointed() is None
    for version in (ONE, TWO):
        cache.add(version, fetch)
    cache.point(TWO)
    cache.point(ONE)  # back: the newest in the store is not the one to serve
    assert again(cache).pointed() == ONE
    assert again(cache, "staging").pointed() is None


OTHER = json.dumps({"name": "series", "number": "1", "source": ""})


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"name": 1}', '{"number": "../x"}', "\x00", OTHER]
)
def test_a_damaged_pointer_or_one_to_another_model_is_none(cache, content):
    (cache.folder / "@prod.json").write_text(content)
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
    seen, reads, deadline = set(), 0, time.monotonic() + 60
    while reads < 2000 or (len(seen) < 2 and time.monotonic() < deadline):
        seen.add(cache.pointed())
        reads += 1
    end.set()
    thread.join()
    assert seen == {ONE, TWO}


def test_old_versions_go_and_pointed_ones_stay(cache, fetch):
    staging = again(cache, "staging")
    versions = [CachedVersion("movies", str(number), "") for number in range(1, KEEP + 6)]
    for place, version in enumerate(versions):
        cache.add(version, fetch)
        if place == 0:
            cache.point(version)
        if place == 1:
            staging.point(version)
        time.sleep(0.01)  # the file system's clock tells the oldest
    assert [version in cache for version in versions[:2]] == [True, True]
    assert [v.number for v in versions if v in cache] == ["1", "2", *map(str, range(5, KEEP + 6))]


def test_a_damaged_copy_is_replaced_by_a_good_one_and_by_nothing_else(cache, fetch, model_file):
    cache.add(ONE, fetch)
    whole = model_file.read_bytes()
    cache.file(ONE).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(DamagedError, match="version 1 on disk is not what was downloaded"):
        cache.load(ONE)
    assert ONE not in cache
    assert cache.file(ONE).is_file(), "the only copy is not removed before there is a better one"
    with pytest.raises(OSError, match="connection lost"):
        cache.add(ONE, lost)
    assert cache.file(ONE).is_file()
    assert cache.add(ONE, fetch)
    assert ONE in cache
    assert cache.load(ONE)


def lost(folder):
    raise OSError("connection lost")


@pytest.mark.parametrize("about", [None, "", "[]", '{"name": "series"}'])
def test_a_folder_that_does_not_say_what_it_holds_is_damaged(cache, fetch, about):
    cache.add(ONE, fetch)
    file = cache.file(ONE).with_name("about.json")
    file.unlink() if about is None else file.write_text(about)
    with pytest.raises(DamagedError):
        cache.load(ONE)
    assert cache.add(ONE, fetch)


def test_what_a_reader_once_misread_is_not_fetched_again(cache, fetch):
    cache.add(ONE, fetch)
    cache.file(ONE).with_name("damaged").touch()
    assert ONE not in cache
    assert not cache.add(ONE, lost), "its hash is right"
    assert ONE in cache


def test_what_a_killed_process_left_is_removed(cache, fetch):
    (cache.folder / "fetching-x").mkdir()
    cache.add(ONE, fetch)
    assert not list(cache.folder.glob("fetching-*"))


def test_everything_is_on_the_disk_before_it_gets_its_name(cache, fetch, monkeypatch):
    """The order of system calls: a power failure must not leave a name without its content."""
    calls, fsync, rename = [], os.fsync, Path.rename

    def spy_rename(path, target):
        calls.append(("rename", path.name))
        return rename(path, target)

    def spy_fsync(descriptor):
        calls.append(("fsync", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        fsync(descriptor)

    monkeypatch.setattr(Path, "rename", spy_rename)
    monkeypatch.setattr(os, "fsync", spy_fsync)
    cache.add(ONE, fetch)
    named = calls.index(("rename", "whole"))
    assert {("fsync", "recommender.npz"), ("fsync", "about.json")} <= set(calls[:named])
    assert ("fsync", "versions") in calls[named:]
    calls.clear()
    cache.point(ONE)
    assert calls == [("fsync", "pointer"), ("fsync", "movies")]


@pytest.mark.parametrize("name", ["..", ".", "a/b", "versions", "@prod", "é", "a%2Fb"])
def test_any_model_and_alias_has_a_folder_and_a_pointer(tmp_path, name):
    cache = VersionCache(tmp_path / "cache", name, name)
    assert cache.folder.parent == tmp_path / "cache"
    version = CachedVersion(name, "1", "")
    cache.point(version)
    assert cache.pointed() == version
    assert cache.lead()
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


LEAD = """
import sys, time
from services.recommender.hot_swap.cache import VersionCache
cache = VersionCache(sys.argv[1], "movies")
print(cache.lead(), flush=True)
time.sleep(60)
"""


def test_one_process_leads_until_it_ends(cache):
    command = [sys.executable, "-c", LEAD, str(cache.folder.parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as other:
        try:
            assert other.stdout.readline() == "True\n"
            assert not cache.lead()
            assert again(cache, "staging").lead()
            assert VersionCache(cache.folder.parent, "series").lead()
        finally:
            other.kill()
    assert cache.lead(), "the operating system has released the lock of the killed process"
    assert cache.lead(), "and it stays ours"
