"""The OpenAPI document of every service: valid, complete, and good enough to make a client from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator

from services.environment import ROOT
from services.http.openapi import STATUSES, corrected

IMAGES = ("/inference", "/invocation", "/render")

SERVICES = {
    "services.id_card.bento.service:IdCardDetector": IMAGES,
    "services.id_card.bento.observed_service:IdCardDetector": IMAGES,
    "services.id_card.bento.explain_service:IdCardDetector": (*IMAGES, "/explain"),
    "services.id_card.bento.ensemble:Ensemble": ("/predict",),
    "services.id_card.bento.ab_service:AbTest": ("/predict",),
    "services.id_card.bento.runner_service:svc": IMAGES,
    "services.id_card.bento.runner_ensemble:svc": ("/predict",),
    "services.id_card.baselines.fastapi_app:app": IMAGES,
    "services.recommender.bento.service:Recommender": ("/predict",),
    "services.recommender.bento.observed_service:Recommender": ("/predict", "/explain"),
    "services.recommender.bento.ab_service:AbTest": ("/predict",),
    "services.recommender.bento.batching_service:Front": ("/predict",),
}


@pytest.fixture(scope="module")
def documents() -> dict[str, Any]:
    """Return each service's document, as it is written and as it is served."""
    program = Path(__file__).with_name("describe.py")
    done = subprocess.run(
        [sys.executable, program, *SERVICES],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


@pytest.mark.parametrize("target", SERVICES)
def test_the_document_is_valid_and_describes_the_refusals(
    documents: dict[str, Any], target: str
) -> None:
    document = documents[target]["served"]
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    for path in SERVICES[target]:
        post = document["paths"][path]["post"]
        assert set(STATUSES) <= set(post["responses"])
        for status in STATUSES:
            content = post["responses"][status]["content"]["application/json"]
            assert content["schema"] == {"$ref": "#/components/schemas/ErrorBody"}
        assert post["requestBody"]["required"]


@pytest.mark.parametrize("target", [one for one, paths in SERVICES.items() if paths[0] in IMAGES])
def test_an_image_is_binary_in_a_form_or_as_the_body(
    documents: dict[str, Any], target: str
) -> None:
    paths = documents[target]["served"]["paths"]
    content = paths["/inference"]["post"]["requestBody"]["content"]
    assert content["image/*"]["schema"] == {"type": "string", "format": "binary"}
    assert "multipart/form-data" in content
    assert '"file"' not in json.dumps(content)


def test_a_key_is_described_where_one_is_required(documents: dict[str, Any]) -> None:
    target = "services.id_card.bento.service:IdCardDetector"
    assert "security" not in documents[target]["served"]
    described = corrected(deepcopy(documents[target]["written"]), IMAGES, {}, key_required=True)
    assert not list(OpenAPIV31SpecValidator(described).iter_errors())
    [requirement] = described["security"]
    [name] = requirement
    assert described["components"]["securitySchemes"][name]["scheme"] == "bearer"


def test_what_bentoml_writes_is_not_valid(documents: dict[str, Any]) -> None:
    """When this fails, BentoML describes files as OpenAPI does, and a correction can go."""
    document = documents["services.id_card.bento.service:IdCardDetector"]["written"]
    assert '"type": "file"' in json.dumps(document)
    assert list(OpenAPIV30SpecValidator(document).iter_errors())


@pytest.mark.parametrize("target", [one for one in SERVICES if ".recommender." in one])
def test_null_and_unknown_fields_are_described(documents: dict[str, Any], target: str) -> None:
    def allows_null(schema: dict[str, Any]) -> bool:
        return {"type": "null"} in schema.get("anyOf", [])

    post = documents[target]["served"]["paths"]["/predict"]["post"]
    sent = post["requestBody"]["content"]["application/json"]["schema"]
    assert sent["additionalProperties"] is False
    assert [name for name, one in sent["properties"].items() if allows_null(one)] == ["rated"]
    answer = post["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
    assert [name for name, one in answer.items() if allows_null(one)] == ["fallback"]


def test_bentoml_leaves_null_out() -> None:
    """When this fails, BentoML describes null itself, and keep_null can go."""
    from services.bentoml_support import schemas

    schema = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert schemas._flatten(schema, {}, 1) == {"type": "string"}
