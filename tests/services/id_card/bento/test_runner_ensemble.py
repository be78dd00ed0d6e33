"""Both versions behind three Runners: ``services.id_card.bento.runner_ensemble``, served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.workbench.servers import Server
from tests.services.id_card.bento.ensemble_contract import EnsembleContract, serve_faulty

pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated since BentoML")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("runner-ensemble")
    # One process for each version: starting them is most of what this module's tests take.
    options = " ".join(f"runners.{name}.resources.cpu=1" for name in ("model_a", "model_b"))
    with serve_faulty(
        folder,
        "from services.id_card.bento.runner_ensemble import svc",
        "svc",
        api_workers=1,
        env={"BENTOML_CONFIG_OPTIONS": options},
    ) as running:
        yield running


class TestRunners(EnsembleContract):
    pass


def test_each_runner_has_a_short_timeout() -> None:
    from bentoml._internal.configuration.containers import BentoMLContainer

    from services.bentoml_support.model_calls import SECONDS
    from services.id_card.bento.runner_ensemble import svc

    runners = BentoMLContainer.runners_config.get()
    assert [runner.name for runner in svc.runners] == ["grayscale", "model_a", "model_b"]
    for runner in svc.runners:
        assert runners[runner.name]["traffic"]["timeout"] == SECONDS
    assert runners["traffic"]["timeout"] > SECONDS, "others keep their own"


def test_a_shorter_timeout_is_kept() -> None:
    from bentoml._internal.configuration.containers import BentoMLContainer

    from services.bentoml_support.runner_timeout import set_runner_timeout

    runners = BentoMLContainer.runners_config.get()
    try:
        set_runner_timeout("some_runner", 9)
        set_runner_timeout("some_runner", 12)
        assert runners["some_runner"]["traffic"]["timeout"] == 9
    finally:
        del runners["some_runner"]
