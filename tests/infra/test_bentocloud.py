"""BentoCloud's file, held to the fields of the installed client. It is not deployed here."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from bentoml._internal.cloud.schemas.modelschemas import DeploymentStrategy
from bentoml._internal.cloud.schemas.schemasv2 import CreateDeploymentSchema
from bentoml._internal.utils.cattr import bentoml_cattr

from services.environment import ROOT
from services.id_card.bento.build import BENTOFILES

FILE = ROOT / "infra" / "bentocloud" / "deployment.yaml"


@pytest.fixture
def deployment() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return loaded


def understood(deployment: dict[str, Any]) -> dict[str, Any]:
    """Return what the client makes of it: a field that it does not know is lost on the way."""
    structured = bentoml_cattr.structure(deployment, CreateDeploymentSchema)
    found: dict[str, Any] = bentoml_cattr.unstructure(structured)
    return found


def test_the_client_knows_every_field(deployment: dict[str, Any]) -> None:
    assert understood(deployment) == deployment
    for service in deployment["services"].values():
        assert service["deployment_strategy"] in {choice.value for choice in DeploymentStrategy}


def test_an_unknown_field_would_be_noticed(deployment: dict[str, Any]) -> None:
    deployment["services"]["id_card_detector"]["instancetype"] = "cpu.2"
    assert understood(deployment) != deployment


def test_it_deploys_the_service_of_the_bento(deployment: dict[str, Any]) -> None:
    options = yaml.safe_load(BENTOFILES["service"].read_text(encoding="utf-8"))
    module = options["service"].partition(":")[0].replace(".", "/") + ".py"
    [name] = deployment["services"]
    assert deployment["bento"].partition(":")[0] == name
    assert f'name="{name}"' in (ROOT / module).read_text(encoding="utf-8")
