"""From MLflow's registry into the cache, whatever the registry answers."""

from __future__ import annotations

import base64
import logging
import socket
import threading
import time
from pathlib import Path

import psutil
import pytest

from services.recommender.hot_swap import pull
from services.recommender.hot_swap.cache import VersionCache
from services.recommender.hot_swap.pull import PullError, Registry, prepare
from services.recommender.recommender import Recommender

NAME = "recommender_pull"
SECRET = "hunter2"


@pytest.fixture
def client(own_model):
    return own_model(NAME)


@pytest.fixture
def registry(between, client, monkeypatch):
    between.mood = "fine"
    monkeypatch.setattr(pull, "ANSWER_SECONDS", 60.0)
    monkeypatch.setattr(pull, "SILENCE_SECONDS", 60.0)
    yield Registry(NAME, tracking_uri=between.url)
    between.mood = "fine"


@pytest.fixture
def cache(tmp_path) -> VersionCache:
    return VersionCache(tmp_path, NAME)


def test_the_alias_is_followed_there_and_back_and_each_version_fetched_once(
    registry, cache, client, between, files
):
    before = between.downloads()
    for number in ("1", "2", "2", "1", "2"):
        client.set_registered_model_alias(NAME, "prod", number)
        version = registry.pull(cache, cache.pointed())
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
        ("endless", "unreachable"),
        ("half", "unreachable"),
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
    assert refusal.value.reason == reason
    assert cache.pointed() == first
    assert len(list((cache.folder / "versions").iterdir())) == 1
    assert not list(cache.folder.glob("fetching-*"))
    between.mood = "fine"
    assert registry.pull(cache).number == "2"


@pytest.mark.parametrize("mood", ["slow", "drips"])
def test_a_registry_that_does_not_finish_its_answer_costs_neither_time_nor_threads(
    registry, cache, between, monkeypatch, mood
):
    monkeypatch.setattr(pull, "ANSWER_SECONDS", 0.5)
    between.mood = mood
    ours = {t.name for t in threading.enumerate() if "process_request" not in t.name}
    start = time.monotonic()
    for _ in range(5):
        with pytest.raises(PullError, match=r"MLflow did not answer within 0\.5 seconds"):
            registry.pull(cache)
    assert time.monotonic() - start < 60
    assert {t.name for t in threading.enumerate() if "process_request" not in t.name} <= ours


def test_a_file_without_end_costs_neither_memory_nor_disk(
    registry, cache, between, monkeypatch, tmp_path
):
    version = registry.current()
    monkeypatch.setattr(pull, "FETCH_BYTES", 2**24)
    between.mood = "endless"
    before = psutil.Process().memory_info().rss
    with pytest.raises(PullError, match="more than 16777216 bytes"):
        registry.fetch(version, tmp_path)
    assert psutil.Process().memory_info().rss - before < 2**24
    between.mood = "drips"
    monkeypatch.setattr(pull, "FETCH_SECONDS", 0.5)
    with pytest.raises(PullError, match="did not answer within"):
        cache.add(version, lambda folder: registry.fetch(version, folder))
    assert not list(cache.folder.glob("fetching-*"))


def test_what_the_registry_does_not_have(registry, between, cache):
    for model, alias in ((NAME, "champion"), ("no_such_model", "prod")):
        with pytest.raises(PullError, match=f"MLflow has no models:/{model}@{alias}") as refusal:
            Registry(model, alias, tracking_uri=between.url).pull(cache)
        assert refusal.value.reason == "unregistered"


def test_a_version_that_was_damaged_on_the_disk_is_fetched_anew(registry, cache, between):
    version = registry.pull(cache)
    cache.file(version).write_bytes(b"rust")
    assert prepare(cache, registry) == version
    assert cache.load(version)

    cache.file(version).write_bytes(b"rust")
    between.mood = "down"
    with pytest.raises(PullError, match="on disk: version 1 on disk is not what was downloaded"):
        prepare(cache, registry)
    assert cache.file(version).is_file(), "the last version is not removed"


def test_before_a_start_the_pointed_version_will_do(registry, cache, between, client):
    first = prepare(cache, registry)
    client.set_registered_model_alias(NAME, "prod", "2")
    between.mood = "down"
    assert prepare(cache, registry) == first
    between.mood = "fine"
    assert prepare(cache, registry).number == "2"
    between.mood = "down"
    with pytest.raises(PullError, match="gave no usable answer"):
        prepare(VersionCache(cache.folder / "empty", NAME), registry)


@pytest.mark.parametrize("error", [5, 13], ids=["EIO", "EACCES"])
def test_a_read_error_removes_nothing_and_a_start_survives_one(
    registry, cache, between, monkeypatch, error
):
    version = registry.pull(cache)
    between.mood = "down"
    opened, path_open = [], Path.open

    def fails(times):
        def open_(path, *arguments, **options):
            if path == cache.file(version):
                opened.append(path)
                if len(opened) <= times:
                    raise OSError(error, "injected")
            return path_open(path, *arguments, **options)

        return open_

    monkeypatch.setattr(Path, "open", fails(times=1))
    assert prepare(cache, registry) == version
    monkeypatch.setattr(Path, "open", fails(times=10**6))
    with pytest.raises(PullError, match="injected"):
        prepare(cache, registry)
    monkeypatch.undo()
    assert version in cache
    assert cache.load(version)


def test_services_with_one_cache_and_other_models_or_aliases_do_not_meet(
    registry, cache, between, client, own_model, tmp_path
):
    other = f"{NAME}_other"
    own_model(other)
    client.set_registered_model_alias(NAME, "staging", "3")
    client.set_registered_model_alias(NAME, "prod", "2")
    wanted = {(NAME, "prod"): "2", (NAME, "staging"): "3", (other, "prod"): "1"}
    for name, alias in wanted:
        prepare(
            VersionCache(tmp_path, name, alias), Registry(name, alias, tracking_uri=between.url)
        )
    between.mood = "down"  # each serves its own version, not the one that was pulled last
    for (name, alias), number in wanted.items():
        served = VersionCache(tmp_path, name, alias)
        version = prepare(served, Registry(name, alias, tracking_uri=between.url))
        assert (version.name, version.number) == (name, number)
        assert served.load(version).version == number


def test_a_full_disk_is_a_failed_pull(registry, cache, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(PullError, match=r"cannot be stored: .*No space left") as refusal:
        registry.pull(cache)
    assert refusal.value.reason == "damaged"
    assert cache.pointed() is None


def test_a_registry_that_is_not_there(cache):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(PullError, match="gave no usable answer: ConnectError") as refusal:
        Registry(NAME, tracking_uri=f"http://127.0.0.1:{port}").current()
    assert refusal.value.reason == "unreachable"


@pytest.mark.parametrize("uri", ["sqlite:///mlflow.db", "", "no address", "http://"])
def test_only_a_tracking_server_will_do(uri, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(PullError, match="MLFLOW_TRACKING_URI is not the http:// address"):
        Registry(NAME).current()


def test_a_password_is_sent_and_shown_nowhere(registry, cache, between, caplog, monkeypatch):
    with caplog.at_level(logging.DEBUG):
        secret = between.url.replace("//", f"//user:{SECRET}@")
        assert Registry(NAME, tracking_uri=secret).pull(cache).number == "1"
        sent = between.headers[-1]["Authorization"]
        assert base64.b64decode(sent.removeprefix("Basic ")) == f"user:{SECRET}".encode()
        between.mood = "down"
        for uri in (secret, f"http://user:{SECRET}/@{secret[7:]}", f"http://x:{SECRET}"):
            with pytest.raises(PullError) as refusal:
                prepare(
                    VersionCache(cache.folder / "empty", NAME), Registry(NAME, tracking_uri=uri)
                )
            assert SECRET not in str(refusal.value)
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"MLFLOW_TRACKING_TOKEN": "abc"}, "Bearer abc"),
        ({"MLFLOW_TRACKING_USERNAME": "u", "MLFLOW_TRACKING_PASSWORD": "p"}, "Basic dTpw"),
        ({}, None),
    ],
)
def test_credentials_from_the_environment(registry, between, monkeypatch, variables, expected):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    registry.current()
    assert between.headers[-1].get("Authorization") == expected
