"""The process that asks the registry: it follows, tells troubles once, and ends with its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from services.environment import ROOT
from services.recommender.cache import Version, VersionCache
from services.recommender.pull import PullError
from services.recommender.puller import LONGEST_WAIT, Follower, Puller, Source

NAME = "recommender_puller"


class Moody:
    """A registry that raises what it is told to, or says version 1."""

    reason = None

    def pull(self, cache):
        if self.reason:
            raise PullError("no luck", self.reason)
        return Version("movies", "1", "")


@pytest.fixture
def source(tmp_path) -> Source:
    return Source(NAME, "prod", tmp_path, 10.0)


def test_trouble_is_told_once_and_what_costs_a_download_is_tried_ever_more_rarely(source, caplog):
    registry = Moody()
    follower = Follower(source, registry)
    waits = []
    with caplog.at_level("WARNING"):
        for registry.reason in ("unreachable",) * 3 + ("damaged",) * 9:
            follower.ask()
            waits.append(follower.wait)
    assert waits[:6] == [10, 10, 10, 20, 40, 80]
    assert waits[-1] == LONGEST_WAIT
    assert caplog.text.count("no luck; the pointer stays where it is") == 1
    registry.reason = None
    follower.ask()
    assert follower.wait == 10


def test_an_error_nobody_thought_of_does_not_end_it(source, monkeypatch, caplog):
    registry = Moody()
    monkeypatch.setattr(registry, "pull", lambda cache: 1 / 0)
    Follower(source, registry).ask()
    assert "asking the registry failed" in caplog.text


PARENT = """
import sys, time
from pathlib import Path
from services.recommender.puller import Puller, Source
puller = Puller(Source(sys.argv[1], "prod", Path(sys.argv[2]), 0.2))
puller.start()
print(puller.pid, flush=True)
time.sleep(600)
"""


def wait_for(condition) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_it_follows_is_started_again_when_killed_and_ends_with_its_parent(
    tracking_server, own_model, tmp_path
):
    client = own_model(NAME)
    env = {**os.environ, "MLFLOW_TRACKING_URI": tracking_server.url}
    command = [sys.executable, "-c", PARENT, NAME, str(tmp_path)]
    cache = VersionCache(tmp_path)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=env) as parent:
        try:
            first = psutil.Process(int(parent.stdout.readline()))
            assert cache.pointed().number == "1", "before it says that it is ready"
            client.set_registered_model_alias(NAME, "prod", "2")
            wait_for(lambda: cache.pointed().number == "2")
            first.send_signal(signal.SIGKILL)
            client.set_registered_model_alias(NAME, "prod", "1")
            wait_for(lambda: cache.pointed().number == "1")
            [second] = psutil.Process(parent.pid).children()
            assert second.pid != first.pid
        finally:
            parent.kill()  # it has no time to tell anybody
    wait_for(lambda: not second.is_running() or second.status() == psutil.STATUS_ZOMBIE)


def test_when_there_is_nothing_to_serve_it_says_why(tmp_path: Path):
    env = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/empty.db"}
    with pytest.raises(PullError, match=f"MLflow knows no models:/{NAME}@prod"):
        Puller(Source(NAME, "prod", tmp_path / "cache", 0.0), env=env).start()


def test_without_an_interval_it_asks_once(tracking_server, own_model, tmp_path):
    own_model(NAME)
    env = {"MLFLOW_TRACKING_URI": tracking_server.url}
    puller = Puller(Source(NAME, "prod", tmp_path, 0.0), env=env)
    puller.start()
    assert VersionCache(tmp_path).pointed().number == "1"
    assert puller._process.wait(60) == 0
