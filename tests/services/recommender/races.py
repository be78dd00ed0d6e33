"""Two processes that promote the same versions at the same time, and what must come of it."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise

import mlflow
import numpy as np
from mlflow import MlflowClient

from services.recommender import registry
from services.recommender.registry import turns

PROMOTER = """
import json, sys
from services.recommender import registry
uri, name, versions = sys.argv[1:]
for number in range(1, int(versions) + 1):
    decision = registry.promote(number, name=name, tracking_uri=uri)
    print(json.dumps([decision.version, decision.previous, decision.outcome]), flush=True)
"""


def race(uri: str, name: str, versions: int) -> None:
    """Promote versions of which each is better than the one before, in two processes."""
    _register(uri, name, versions)
    command = [sys.executable, "-c", PROMOTER, uri, name, str(versions)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    lines = [line for process in both for line in process.communicate(timeout=240)[0].splitlines()]
    decisions = [registry.Decision(name, *json.loads(line), ()) for line in lines]
    assert len(decisions) == 2 * versions
    promoted = sorted((d.version, d.previous) for d in decisions if d.outcome == "promoted")
    # Each promotion was decided against the version that the one before it had put there.
    assert [version for version, _ in promoted[:-1]] == [before for _, before in promoted[1:]]
    assert promoted[0] == (1, None)
    assert len(promoted) > versions / 2
    tags = MlflowClient(uri).get_registered_model(name).tags
    history = json.loads(tags["prod_history"])
    assert history == [version for version, _ in promoted]
    assert all(old < new for old, new in pairwise(history))
    assert registry.version_of("prod", name=name, tracking_uri=uri).number == versions
    assert not [tag for tag in tags if tag.startswith(turns.TAG)]


def _register(uri: str, name: str, versions: int) -> None:
    """Register versions with measures and nothing in them."""
    client = MlflowClient(uri)
    client.create_registered_model(name)
    with registry.tracking_at(uri), mlflow.start_run(experiment_id="0"):
        data = mlflow.data.from_numpy(np.zeros(3), name="validation", digest=name)
        for number in range(1, versions + 1):
            model = client.create_logged_model("0", name="nothing")
            measures = dict.fromkeys(("ndcg_at_10", "hr_at_10", "coverage_at_10"), number / 100)
            mlflow.log_metrics(measures, model_id=model.model_id, dataset=data)
            client.finalize_logged_model(model.model_id, "READY")
            assert registry.register(model.model_id, name=name).number == number
