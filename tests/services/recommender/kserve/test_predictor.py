"""The recommender behind KServe's protocols: answers, refusals, and where its model comes from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
from starlette.testclient import TestClient

from services.errors import InputError
from services.kserve_support import server
from services.recommender.kserve.predictor import (
    MAX_INSTANCES,
    OUTPUT,
    RecommenderPredictor,
    model_in,
    version_of,
)
from services.recommender.model.models import SavedModel
from services.recommender.model.requests import RecommendRequest
from services.recommender.recommender import Answer, AnswerDict, Recommender
from services.workbench import servers
from tests.services.kserve_requests import (
    Refused,
    Request,
    answers,
    any_model,
    grpc_answers,
    tensor,
    v1,
    v2,
    v2_binary,
)
from tests.services.recommender.conftest import Small

NAME = "recommender"
PANDAS = {"content_type": "pd"}


@pytest.fixture(scope="module")
def core(small: Small, models: dict[str, SavedModel]) -> Recommender:
    return Recommender(models["mf-bce"], small.split.development, "7")


@pytest.fixture(scope="module")
def folder(core: Recommender, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder as MLflow writes it, of what the predictor reads."""
    folder = tmp_path_factory.mktemp("model")
    core.save(folder / "artifacts" / "recommender.npz")
    (folder / "registered_model_meta").write_text("model_name: anything\nmodel_version: 7\n")
    (folder / "MLmodel").write_text("model_id: m-0123\n")
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    model = RecommenderPredictor(NAME, folder)
    model.load()
    options = server.parser("", model_name=NAME).parse_args([])
    app = server.Server(options).register([model]).create_application()
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


QUESTIONS: list[dict[str, Any]] = [
    {"user_id": 1, "top_k": 3, "rated": [1, 2]},
    {"user_id": 2, "top_k": 3, "rated": None},
    {"user_id": 99_999, "top_k": 5, "rated": [3]},
]


@pytest.fixture(scope="module")
def expected(core: Recommender) -> list[Any]:
    # As one batch, too: a sum in another order differs in its last digit.
    return [as_dict(one) for one in core.recommend_many([RecommendRequest(**q) for q in QUESTIONS])]


def as_dict(answer: Answer | InputError) -> AnswerDict:
    assert isinstance(answer, Answer)
    return answer.as_dict()


TABLE = (
    tensor("user_id", [one["user_id"] for one in QUESTIONS], "INT64"),
    tensor("top_k", [one["top_k"] for one in QUESTIONS], "INT64"),
)
RATED = ["[1, 2]", "", "[3]"]

WAYS = {
    "V1": v1(QUESTIONS),
    "V1, the chapter's name": v1(
        [{"ranked_movies" if k == "rated" else k: v for k, v in q.items()} for q in QUESTIONS]
    ),
    "V2": v2(*TABLE, tensor("rated", RATED), parameters=PANDAS),
    "V2, null": v2(*TABLE, tensor("rated", ["[1, 2]", "null", "[3]"]), parameters=PANDAS),
    "V2, of no content type": v2(*TABLE, tensor("rated", RATED)),
    "V2, binary answer": v2(
        *TABLE, tensor("rated", RATED), parameters={**PANDAS, "binary_data_output": True}
    ),
}


@pytest.mark.parametrize("request_", WAYS.values(), ids=WAYS)
def test_every_way_gets_the_cores_answers_in_order(
    client: TestClient, expected: list[Any], request_: Request
) -> None:
    assert answers(request_.send(client, NAME), OUTPUT) == expected


def test_all_but_the_user_may_be_left_out(client: TestClient, core: Recommender) -> None:
    expected = [core.recommend(1).as_dict()]
    assert answers(v1([{"user_id": 1}]).send(client, NAME), OUTPUT) == expected
    table = tensor("user_id", [1], "INT64")
    assert answers(v2(table, parameters=PANDAS).send(client, NAME), OUTPUT) == expected


def user(value: object, **more: object) -> Request:
    return v1([{"user_id": value, **more}])


REFUSED = {
    "no user": Refused(v1([{"top_k": 3}]), 422, "user_id_missing", "user_id"),
    "no object": Refused(v1([7]), 422, "request_invalid", "JSON object"),
    "an unknown field": Refused(user(1, topk=3), 422, "field_unknown", "top_k"),
    "too many movies": Refused(user(1, top_k=999), 422, "top_k_too_large", "or fewer"),
    "the second of two": Refused(
        v1([{"user_id": 1}, {"user_id": 1, "top_k": 999}]),
        *(422, "top_k_too_large", "or fewer", "Instance 1 (of 2, counted from 0): "),
    ),
    "too many users": Refused(
        v1([{"user_id": 1}] * (MAX_INSTANCES + 1)), 422, "instances_too_many", str(MAX_INSTANCES)
    ),
    "another content type": Refused(
        v2(*TABLE, parameters={"content_type": "np"}), 422, "content_type", '"pd"', "'np'"
    ),
    "no user, V2": Refused(v2(TABLE[1], parameters=PANDAS), 422, "tensor_missing", "'user_id'"),
    "an unknown column": Refused(
        v2(*TABLE, tensor("topk", [1, 2, 3], "INT64")), 422, "tensor_unknown", "'top_k'", "'topk'"
    ),
    "columns of two lengths": Refused(
        v2(TABLE[0], tensor("top_k", [1], "INT64")), 422, "tensor_lengths", "every row"
    ),
    "a user with a fraction": Refused(
        v2(tensor("user_id", [1.5], "FP64")), 422, "user_id_invalid", "whole number", "1.5"
    ),
    "a fraction as INT64": Refused(
        v2(tensor("user_id", [1.5], "INT64")), 422, "tensor_malformed", "", "1.5, a decimal number"
    ),
    "rated no JSON": Refused(
        v2(TABLE[0], tensor("rated", ["", "", "1, 50"])),
        *(422, "rated_invalid", "[1, 50]", "Instance 2"),
    ),
    "rated as numbers": Refused(
        v2(TABLE[0], tensor("rated", [1, 2, 3], "INT64")), 422, "rated_invalid", "[1, 50]"
    ),
    "no rows": Refused(v2(tensor("user_id", [], "INT64")), 422, "instances_empty"),
    "a column of texts, binary": Refused(v2_binary("user_id", b"1"), 422, "user_id_invalid"),
}


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
def test_a_client_is_told_what_to_change(client: TestClient, refused: Refused) -> None:
    refused.check(client, NAME)


@any_model
def test_a_request_that_is_none(client: TestClient, refused: Refused) -> None:
    refused.check(client, NAME)


# ------------------------------------------------------------------ the model's folder


@pytest.mark.parametrize("place", ["", "artifacts", "model", "model/artifacts"])
def test_the_file_is_found_where_mlflow_or_a_bucket_puts_it(
    folder: Path, tmp_path: Path, place: str
) -> None:
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / "recommender.npz").symlink_to(folder / "artifacts" / "recommender.npz")
    assert model_in(tmp_path) == tmp_path / place / "recommender.npz"


def test_a_linked_folder_is_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "artifacts").symlink_to(folder / "artifacts")
    assert model_in(tmp_path).exists()


def test_no_file_or_two_is_an_error(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no recommender\.npz in it"):
        model_in(tmp_path)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        os.link(folder / "artifacts" / "recommender.npz", tmp_path / name / "recommender.npz")
    with pytest.raises(ValueError, match="more than one"):
        model_in(tmp_path)


def test_the_version_is_the_registrys_or_the_models_or_none(folder: Path, tmp_path: Path) -> None:
    assert version_of(folder) == "7"
    (tmp_path / "MLmodel").write_text("model_id: m-0123\n")
    assert version_of(tmp_path) == "m-0123"
    assert version_of(tmp_path / "nothing") == "unregistered"


# ------------------------------------------------------------------ as a process


def test_as_a_process_it_answers_by_rest_and_grpc(folder: Path, expected: list[Any]) -> None:
    port = servers.free_port()
    command = ["python", "-m", "services.recommender.kserve.predictor", "--http_port", "{port}"]
    command += ["--grpc_port", str(port), "--model_dir", str(folder)]
    ready = f"/v2/models/{NAME}/ready"
    with (
        servers.start(command, ready=ready, name="kserve-recommender") as running,
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
        httpx.Client(base_url=running.url, trust_env=False, timeout=60.0) as http,
    ):
        assert answers(WAYS["V2"].send(http, NAME), OUTPUT) == expected
        columns = {
            "user_id": "int64_contents",
            "top_k": "int64_contents",
            "rated": "bytes_contents",
        }
        data = [[1, 2, 99_999], [3, 3, 5], [one.encode() for one in RATED]]
        request = pb.ModelInferRequest(
            model_name=NAME,
            parameters={"content_type": pb.InferParameter(string_param="pd")},
            inputs=[
                {
                    "name": name,
                    "datatype": "BYTES" if kind == "bytes_contents" else "INT64",
                    "shape": [3],
                    "contents": {kind: values},
                }
                for (name, kind), values in zip(columns.items(), data, strict=True)
            ],
        )
        stub = GRPCInferenceServiceStub(channel)
        assert grpc_answers(stub.ModelInfer(request, timeout=60)) == expected


def test_a_folder_without_a_model_ends_it_with_the_reason(tmp_path: Path) -> None:
    command = ["python", "-m", "services.recommender.kserve.predictor", "--http_port", "{port}"]
    with pytest.raises(servers.CrashedError, match=r"cannot be loaded: .*model's folder"):
        servers.start([*command, "--model_dir", str(tmp_path)], name="kserve-failing")
