"""The detector behind KServe's protocols, in this process: answers, refusals, counts."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from services.http.budget import OverloadedError
from services.id_card.detector import Detector
from services.id_card.kserve import decoding, predictor
from services.id_card.kserve.decoding import Decoder, picture_of
from services.id_card.kserve.predictor import MAX_PICTURES, OUTPUT, IdCardPredictor
from services.id_card.model.images import decode
from services.kserve_support import server
from services.kserve_support.metrics import ERRORS
from services.workbench.hostile_images import png_declaring
from tests.services.id_card.image_files import CARDS, encoded, quarters, sample_bytes
from tests.services.kserve_requests import (
    LENGTH,
    Refused,
    Request,
    answers,
    any_model,
    tensor,
    text,
    v1,
    v2,
    v2_binary,
    v2_body,
)

NAME = "id_card"
GOOD = sample_bytes("one_card")
FILES = [sample_bytes(name) for name in CARDS]
TEXTS = [text(file) for file in FILES]


class Predictor(IdCardPredictor):
    """It takes the session's detector instead of loading its own."""

    def __init__(self, name: str, detector: Detector) -> None:
        super().__init__(name)
        self.detector = detector
        self.ready = True


@pytest.fixture(scope="module")
def client(core: Detector) -> Iterator[TestClient]:
    options = server.parser("", model_name=NAME).parse_args([])
    app = server.Server(options).register([Predictor(NAME, core)]).create_application()
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def expected(core: Detector) -> list[Any]:
    return [[d.as_dict() for d in core.detect([decode(file)])[0]] for file in FILES]


WAYS = {
    "V1": v1([{"image_b64": one} for one in TEXTS]),
    "V2 JSON": v2(tensor("image", TEXTS)),
    "V2 JSON, nested": v2({**tensor("image", TEXTS), "data": [[one] for one in TEXTS]}),
    "V2 JSON, two axes": v2({**tensor("image", TEXTS), "shape": [len(TEXTS), 1]}),
    "V2 binary": v2_binary("image", *FILES),
    "V2 binary, base64": v2_binary("image", *[one.encode() for one in TEXTS]),
    "V2 binary, answered so": v2_binary("image", *FILES, parameters={"binary_data_output": True}),
    "V2 binary, one output so": v2_binary(
        "image", *FILES, outputs=[{"name": OUTPUT, "parameters": {"binary_data": True}}]
    ),
}


@pytest.mark.parametrize("request_", WAYS.values(), ids=WAYS)
def test_every_way_gets_the_cores_answers_in_order(
    client: TestClient, expected: list[Any], request_: Request
) -> None:
    assert answers(request_.send(client, NAME), OUTPUT) == expected


@pytest.mark.parametrize("kind", [None, "text/plain", "application/json; charset=utf-8"])
@pytest.mark.parametrize("way", ["V1", "V2 JSON", "V2 binary"])
def test_the_content_type_plays_no_part(
    client: TestClient, expected: list[Any], way: str, kind: str | None
) -> None:
    headers = {k: v for k, v in WAYS[way].headers.items() if k != "Content-Type"}
    if kind:
        headers["Content-Type"] = kind
    sent = replace(WAYS[way], headers=headers)
    assert answers(sent.send(client, NAME), OUTPUT) == expected


def test_the_answer_carries_the_requests_id(client: TestClient) -> None:
    assert v2(tensor("image", TEXTS[:1]), id="of-mine").send(client, NAME).json()["id"] == "of-mine"


EVENT = {"specversion": "1.0", "id": "1", "source": "x", "type": "t"}


def test_a_cloud_event_with_attributes_in_headers(client: TestClient, expected: list[Any]) -> None:
    headers = {**WAYS["V1"].headers, **{f"ce-{name}": value for name, value in EVENT.items()}}
    response = replace(WAYS["V1"], headers=headers).send(client, NAME)
    assert response.json()["predictions"] == expected
    assert response.headers["ce-type"] == "io.kserve.inference.response"


def test_a_cloud_event_of_an_unknown_version_is_refused(client: TestClient) -> None:
    headers = {f"ce-{name}": value for name, value in {**EVENT, "specversion": "9.9"}.items()}
    response = replace(WAYS["V1"], headers=headers).send(client, NAME)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "cloud_event"


def test_a_cloud_event_as_the_body_is_refused(client: TestClient) -> None:
    event = replace(WAYS["V1"], body=json.dumps({**EVENT, "data": None}).encode())
    response = event.send(client, NAME)
    assert response.status_code == 422
    assert response.json()["error"]["code"] == "instances_missing"


BINARY = v2_binary("image", b"x")

REFUSED = {
    "no picture": Refused(v1([{"image_b64": text(b"text")}]), 415, "image_format", "JPEG, PNG"),
    "no bytes": Refused(v1([{"image_b64": ""}]), 400, "image_empty", "content", "0 bytes"),
    "half a picture": Refused(
        v1([{"image_b64": text(GOOD[: len(GOOD) // 2])}]), 400, "image_damaged", "all of its bytes"
    ),
    "too many pixels": Refused(
        v1([{"image_b64": text(png_declaring(30_000, 30_000))}]), 413, "image_too_many_pixels"
    ),
    "a data URL": Refused(
        v1([{"image_b64": f"data:image/jpeg;base64,{text(GOOD)}"}]),
        *(400, "base64_invalid", "without a 'data:'", "'data:image/jpeg;base'"),
    ),
    "no base64": Refused(v1([{"image_b64": "?"}]), 400, "base64_invalid", "b64encode"),
    "the second of two": Refused(
        v1([{"image_b64": text(GOOD)}, {"image_b64": text(b"text")}]),
        *(415, "image_format", "JPEG", "Instance 1 (of 2, counted from 0): "),
    ),
    "an instance that is a text": Refused(v1([text(GOOD)]), 422, "instance_invalid", "image_b64"),
    "another field": Refused(v1([{"image": text(GOOD)}]), 422, "field_unknown", "", "'image'"),
    "a field too many": Refused(
        v1([{"image_b64": text(GOOD), "conf": 1}]), 422, "field_unknown", "image_b64", "'conf'"
    ),
    "no field": Refused(v1([{}]), 422, "field_missing", "image_b64", "missing"),
    "a field that is null": Refused(
        v1([{"image_b64": None}]), 422, "field_missing", "", "it is null"
    ),
    "too many, V1": Refused(
        v1([{"image_b64": ""}] * (MAX_PICTURES + 1)), 422, "instances_too_many", str(MAX_PICTURES)
    ),
    "too many, V2": Refused(v2(tensor("image", [""] * 33)), 422, "instances_too_many", "32"),
    "none, V2": Refused(v2(tensor("image", [])), 422, "instances_empty"),
    "no base64, V2": Refused(v2(tensor("image", ["?"])), 400, "base64_invalid"),
    "another shape": Refused(
        v2({**tensor("image", TEXTS[:1]), "shape": [2]}), 422, "tensor_malformed", "", "1 value"
    ),
    "a negative shape": Refused(
        v2({**tensor("image", TEXTS[:1]), "shape": [-1]}), 422, "tensor_malformed", "", "[-1]"
    ),
    "a shape of texts": Refused(
        v2({**tensor("image", TEXTS[:1]), "shape": ["1"]}), 422, "tensor_malformed", "", "['1']"
    ),
    "another datatype": Refused(
        v2(tensor("image", [[1, 2], [3, 4]], "FP32")), 422, "tensor_malformed", "", "4 values"
    ),
    "numbers": Refused(v2(tensor("image", [1.5], "FP32")), 422, "tensor_malformed", "base64"),
    "numbers as BYTES": Refused(
        v2(tensor("image", [7])), 422, "tensor_malformed", "", "7, a whole number"
    ),
    "no datatype of V2": Refused(
        v2(tensor("image", ["x"], "TEXT")), 422, "tensor_malformed", "BYTES"
    ),
    "two images": Refused(
        v2(tensor("image", TEXTS[:1]), tensor("image", TEXTS[:1])), 422, "tensor_repeated"
    ),
    "another output": Refused(
        v2(tensor("image", TEXTS[:1]), outputs=[{"name": "boxes"}]),
        *(422, "output_unknown", "'detections'", "'boxes'"),
    ),
    "no picture, binary": Refused(v2_binary("image", b"?text"), 415, "image_format"),
    "cut off, binary": Refused(
        replace(BINARY, body=BINARY.body[:-1]), 400, "data_missing", "binary_data_size"
    ),
    "too long, binary": Refused(
        replace(BINARY, body=BINARY.body + b"x"), 400, "binary_size", "add up", "1 bytes"
    ),
    "frames that are none": Refused(
        # The element's length is far beyond the end.
        replace(BINARY, body=BINARY.body[:-5] + b"\xff" * 5),
        *(422, "tensor_malformed", "four bytes"),
    ),
    "a header of five thousand digits": Refused(
        v2_body(b"{}", **{LENGTH: "1" * 5000}), 400, "binary_size", "", "'1111"
    ),
    "without the header, binary": Refused(
        v2_body(BINARY.body), 400, "json_invalid", "inference-header-content-length"
    ),
}


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
def test_a_client_is_told_what_to_change(client: TestClient, refused: Refused) -> None:
    refused.check(client, NAME)


@any_model
def test_a_request_that_is_none(client: TestClient, refused: Refused) -> None:
    refused.check(client, NAME)


@pytest.mark.parametrize("field", ["shape", "data"])
def test_what_is_nested_a_thousand_deep(client: TestClient, field: str) -> None:
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        deep = opening * 1000 + b"1" + closing * 1000
        other = b'"data": ["x"]' if field == "shape" else b'"shape": [1]'
        body = b'{"inputs": [{"name": "image", "datatype": "BYTES", %b, "%b": [%b]}]}' % (
            other,
            field.encode(),
            deep,
        )
        Refused(v2_body(body), 422, "tensor_malformed").check(client, NAME)


def test_so_many_values_that_parsing_them_would_hold_up_everybody(client: TestClient) -> None:
    body = b'{"inputs": [{"name": "image", "data": [' + b"1," * 2_000_000 + b"1]}]}"
    begun = time.monotonic()
    Refused(v2_body(body), 413, "body_too_large", "several", "2,000,0").check(client, NAME)
    assert time.monotonic() - begun < 2


def test_a_body_that_is_too_large(client: TestClient) -> None:
    sent = v1([{"image_b64": "A" * server.MAX_BYTES}])
    Refused(sent, 413, "body_too_large", "smaller").check(client, NAME)


def test_what_a_predictor_cannot_help_is_a_500_without_internals(
    client: TestClient, core: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(images: object) -> None:
        raise MemoryError("secret")

    before = ERRORS.labels(NAME, "v1", "internal")._value.get()
    monkeypatch.setattr(core, "detect", broken)
    response = v1([{"image_b64": TEXTS[0]}]).send(client, NAME)
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal"
    assert "secret" not in response.text
    assert ERRORS.labels(NAME, "v1", "internal")._value.get() == before + 1


def test_requests_and_errors_are_counted(client: TestClient) -> None:
    def counts() -> dict[str, float]:
        lines = client.get("/metrics").text.splitlines()
        ours = [line for line in lines if line.startswith("inference_") and "_created" not in line]
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in ours)}

    before = counts()
    v1([{"image_b64": TEXTS[0]}]).send(client, NAME)
    v2(tensor("image", ["?"])).send(client, NAME)
    for i in range(9):
        client.post(f"/v1/models/scanner-{i}:predict", content=b"{}")
    after = counts()
    grown = {name: after[name] - before.get(name, 0) for name in after}

    def requests(model: str, protocol: str, outcome: str) -> str:
        labels = f'model_name="{model}",outcome="{outcome}",protocol="{protocol}"'
        return f"inference_requests_total{{{labels}}}"

    assert grown.pop(requests(NAME, "v1", "answered")) == 1
    assert grown.pop(requests(NAME, "v2", "refused")) == 1
    assert grown.pop(requests("unknown", "v1", "refused")) == 9
    error = 'inference_errors_total{code="base64_invalid",model_name="id_card",protocol="v2"}'
    assert grown.pop(error) == 1
    assert "scanner" not in client.get("/metrics").text
    assert 'request_predict_seconds_count{model_name="id_card"}' in client.get("/metrics").text


def test_the_probes_and_the_metadata(client: TestClient) -> None:
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2/models/id_card/ready").json() == {"name": NAME, "ready": True}
    assert client.get("/v1/models/id_card").json() == {"name": NAME, "ready": True}
    assert client.get("/v2/models").json() == {"models": [NAME]}
    about = client.get("/v2/models/id_card").json()
    assert about["inputs"] == [{"name": "image", "datatype": "BYTES", "shape": [-1]}]
    assert about["outputs"] == [{"name": OUTPUT, "datatype": "BYTES", "shape": [-1]}]
    assert client.get("/v2/models/nothing/ready").status_code == 404
    wrong_verb = client.get("/v2/models/id_card/infer").json()
    assert wrong_verb["code"] == "method_unknown"
    assert isinstance(wrong_verb["error"], str)


def test_ready_tells_whether_the_model_is(core: Detector) -> None:
    options = server.parser("", model_name=NAME).parse_args([])
    model = Predictor(NAME, core)
    app = server.Server(options).register([model]).create_application()
    model.ready = False
    with TestClient(app, raise_server_exceptions=False) as own:
        assert own.get("/v2/health/ready").status_code == 503  # KServe's own says 200
        assert own.get("/v2/health/live").status_code == 200


def test_liveness_is_answered_while_a_picture_is_in_the_model(
    client: TestClient, core: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end, detect = threading.Event(), threading.Event(), core.detect

    def slow(images: Any) -> Any:
        begun.set()
        assert may_end.wait(30)
        return detect(images)

    monkeypatch.setattr(core, "detect", slow)
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(WAYS["V1"].send, client, NAME) for _ in range(2)]
        assert begun.wait(30)
        probes = [client.get(path).status_code for path in ("/v2/health/live", "/metrics")]
        assert not any(one.done() for one in asked)
        may_end.set()
        assert [one.result().status_code for one in asked] == [200, 200]
    assert probes == [200, 200]


def test_more_than_can_wait_are_told_to_come_back(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_WAITING", 0)
    response = v1([{"image_b64": TEXTS[0]}]).send(client, NAME)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "overloaded")
    assert response.headers["retry-after"] == "1"


def test_large_images_are_not_in_memory_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    working: list[int] = []
    most = 0

    def work(image: object) -> None:
        nonlocal most
        working.append(1)
        most = max(most, len(working))
        time.sleep(0.05)
        working.pop()

    async def ask(needed: int) -> None:
        monkeypatch.setattr(decoding, "decoded_bytes", lambda data: needed)
        monkeypatch.setattr(decoding, "picture_of", lambda file: file)
        decoder = Decoder()
        await asyncio.gather(*(decoder.each([b"image"], work) for _ in range(4)))

    asyncio.run(ask(decoding.DECODED_BYTES // 2 + 1))
    assert most == 1
    asyncio.run(ask(1000))
    assert most == 2  # threads


def test_an_image_that_finds_no_memory_in_time_is_a_503() -> None:
    async def ask() -> None:
        decoder = Decoder()
        decoder._memory.seconds = 0.01
        decoder._memory.take(decoding.DECODED_BYTES)
        await decoder.each([GOOD], lambda image: image)

    with pytest.raises(OverloadedError, match="too many large images"):
        asyncio.run(ask())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_file_is_never_taken_for_base64(kind: str) -> None:
    file = encoded(quarters(), kind)
    for way in (file, text(file), text(file).encode()):
        assert picture_of(way).size == (64, 48)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers", "2"], "replicas"),
        (["--access_log_format", "x"], "/metrics"),
        (["--http_prot", "80"], "unrecognized"),
        (["--http", "80"], "unrecognized"),  # KServe itself would take it for --http_port
        (["--http_port", "eighty"], "invalid int"),
    ],
)
def test_wrong_arguments_end_it_with_one_clear_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        predictor.main(arguments)
    code = caught.value.code
    assert message in (code if isinstance(code, str) else capsys.readouterr().err.splitlines()[-1])
