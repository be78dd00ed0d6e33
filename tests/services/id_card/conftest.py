"""Fixtures that are made once a session: loading a network takes seconds."""

from __future__ import annotations

from typing import get_args

import pytest

from services.id_card.backends import BackendName
from services.id_card.detector import Detector

pytest.register_assert_rewrite("tests.services.id_card.adapter_contract")

BACKENDS: tuple[BackendName, ...] = get_args(BackendName)


@pytest.fixture(scope="session")
def detectors() -> dict[str, Detector]:
    """One detector for each backend, with the parameters that a server has."""
    return {backend: Detector(backend=backend) for backend in BACKENDS}


@pytest.fixture(scope="session")
def core(detectors: dict[str, Detector]) -> Detector:
    """The detector that the servers offer: ONNX Runtime's."""
    return detectors["onnx"]


@pytest.fixture(scope="session", params=BACKENDS)
def detector(request: pytest.FixtureRequest, detectors: dict[str, Detector]) -> Detector:
    """Each of the three in turn."""
    return detectors[request.param]
