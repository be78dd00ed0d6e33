"""From MLflow's registry into the cache, whatever the registry answers."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from services.recommender.cache import Version, VersionCache
from services.recommender.pull import PATIENCE, PullError, Registry, prepare
from services.recommender.recommender import Recommender

NAME = "recommender_pull"


@pytest.fixture
def client(own_model):
    return own_model(NAME)


@pytest.fixture
def registry(between, client):
    between.mood = "fine"
    return Registry(NAME, tracking_uri=between.url, answer_seconds=60.0)


@pytest.fixture
def cache(tmp_path) -> VersionCache:
    return VersionCache(tmp_path)


def test_the_alias_is_followed_there_and_back_and_each_version_fetched_once(
    registry, cache, client, between, files
):
    before = between.downloads()
    for number in ("1", "2", "2", "1", "2"):
        client.set_registered_model_alias(NAME, "prod", number)
        version = registry.pull(cache)
        assert version.number == number
        assert cache.pointed() == version
        served = cache.load(version).recommend(7, 5)
        assert served.version == number
        assert served.items == Recommender.load(files[number]).recommend(7, 5).items
    assert between.downloads() - before == 2
    assert len((cache.folder / "imports.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("mood", "reason"),
    [
        ("down", "unreachable"),
        ("garbage", "unreachable"),
        ("not json", "unreachable"),
        ("nonsense", "unreachable"),
        ("half", "damaged"),
        ("wrong file", "damaged"),
    ],
)
def test_whatever_comes_in_place_of_a_version_the_pointer_stays(
    registry, cache, client, between, mood, reason
):
    first = registry.pull(cache)
    client.set_registered_model_alias(NAME, "prod", "2")
    between.mood = mood
    with pytest.raises(PullError) as refusal:
        registry.pull(cache)
    assert "\n" not in str(refusal.value)
    assert refusal.value.reason in (reason, "unreachable")
    assert cache.pointed() == first
    assert len(list((cache.folder / "versions").iterdir())) == 1
    assert not list(cache.folder.glob("fetching-*"))
    between.mood = "fine"
    assert registry.pull(cache).number == "2"


def test_a_registry_that_does_not_answer_is_given_up(between, client, cache):
    registry = Registry(NAME, tracking_uri=between.url, answer_seconds=1.0)
    between.mood = "slow"
    start = time.monotonic()
    with pytest.raises(PullError, match="MLflow did not answer within 1 seconds"):
        registry.pull(cache)
    assert time.monotonic() - start < 30
    between.mood = "fine"


def test_what_the_registry_does_not_have(registry, between, cache):
    for model, alias in ((NAME, "champion"), ("no_such_model", "prod")):
        with pytest.raises(PullError, match=f"MLflow knows no models:/{model}@{alias}") as refusal:
            Registry(model, alias, tracking_uri=between.url, answer_seconds=60).pull(cache)
        assert refusal.value.reason == "unregistered"


def test_a_version_that_was_damaged_on_the_disk_is_fetched_anew(registry, cache, between):
    version = registry.pull(cache)
    cache.file(version).write_bytes(b"rust")
    assert prepare(cache, registry) == version
    assert cache.load(version)

    cache.file(version).write_bytes(b"rust")
    between.mood = "down"
    with pytest.raises(PullError):
        prepare(cache, registry)


def test_before_a_start_the_pointed_version_will_do(registry, cache, between, client):
    first = prepare(cache, registry)
    client.set_registered_model_alias(NAME, "prod", "2")
    between.mood = "down"
    assert prepare(cache, registry) == first
    between.mood = "fine"
    assert prepare(cache, registry).number == "2"
    between.mood = "down"
    with pytest.raises(PullError, match="gave no answer of use"):
        prepare(VersionCache(cache.folder / "empty"), registry)


def test_a_full_disk_is_a_failed_pull(registry, cache, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(PullError, match=r"cannot be kept: .*No space left") as refusal:
        registry.pull(cache)
    assert refusal.value.reason == "damaged"
    assert cache.pointed() is None


def test_mlflows_patience_is_short_unless_somebody_says_otherwise(monkeypatch, cache):
    for name in PATIENCE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    nobody = Registry(NAME, tracking_uri=f"http://127.0.0.1:{port}", answer_seconds=60)
    with pytest.raises(PullError, match="gave no answer of use") as refusal:
        nobody.current()
    assert refusal.value.reason == "unreachable"
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "1"
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "7"


def test_a_number_is_checked_before_it_is_part_of_a_path(registry, between):
    between.mood = "nonsense"
    with pytest.raises(PullError, match=r"a version's number is a text such as '3'; got '\.\./"):
        registry.current()
    with pytest.raises(ValueError, match="a version's number"):
        Version(NAME, "../x", "")
