"""One of two versions answers each user: ``services.id_card.bento.ab_service``, served."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from services.id_card.bento.ab_routing import choose
from services.id_card.model.images import decode
from services.workbench import servers
from services.workbench.servers import CrashedError, Server
from tests.services.id_card.adapter_contract import GOOD, assert_refused, form, part, raw
from tests.services.id_card.bento.ensemble_contract import is_close, numbers, pictures, versions

TARGET = "services.id_card.bento.ab_service:AbTest"
SHARE_B = 0.4


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with servers.bentoml(TARGET, env={"ID_CARD_SHARE_B": str(SHARE_B)}) as running:
        yield running


def send(client: httpx.Client, data: bytes = GOOD, **headers: str) -> httpx.Response:
    upload = raw(data)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/predict", content=upload.body, headers={**upload.headers, **names})


def metrics(client: httpx.Client, name: str) -> dict[str, float]:
    """Return a metric's value for each version."""
    text = client.get("/metrics").text
    found = re.findall(rf'^{name}{{(?:model="\w+",)?version="(\w+)"}} (\S+)$', text, re.MULTILINE)
    return {version: float(value) for version, value in found}


def test_the_version_that_is_named_has_answered_and_is_counted(http: httpx.Client) -> None:
    users = [f"user-{i}" for i in range(40)]
    data = [pictures()[i % len(pictures())] for i in range(40)]
    routed, timed = "id_card_routed_requests_total", "id_card_inference_duration_seconds_count"
    before = metrics(http, routed), metrics(http, timed)
    assert set(before[0]) == {"model_a", "model_b"}, "counted from the start"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda u, d: send(http, d, X_User_ID=u), users, data))

    for user, picture, answer in zip(users, data, answers, strict=True):
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert set(body) == {"version", "id", "detections"}
        assert (body["version"], body["id"]) == (choose(user, SHARE_B), user)
        [found] = versions()[body["version"]].detect([decode(picture)])
        wanted = [(box.confidence, *box.box) for box in found]
        assert is_close(numbers(body["detections"]), wanted)
    counts = Counter(answer.json()["version"] for answer in answers)
    assert len(counts) == 2
    for name, old in ((routed, before[0]), (timed, before[1])):
        new = metrics(http, name)
        assert {version: new[version] - old.get(version, 0) for version in new} == counts
    assert all(metrics(http, "id_card_inference_duration_seconds_sum").values())


def test_whose_id_counts(http: httpx.Client) -> None:
    answer = send(http, X_Request_ID="request-7").json()
    assert (answer["id"], answer["version"]) == ("request-7", choose("request-7", SHARE_B))
    answer = send(http, X_Request_ID="request-7", X_User_ID="user-1").json()
    assert answer["id"] == "user-1"


def test_without_an_id_one_is_made_that_sticks(http: httpx.Client) -> None:
    first = send(http).json()
    assert re.fullmatch(r"[0-9a-f-]{36}", first["id"])
    assert send(http).json()["id"] != first["id"]
    again = send(http, X_User_ID=first["id"]).json()
    assert again["version"] == first["version"]


@pytest.mark.parametrize("name", ["X_User_ID", "X_Request_ID"])
def test_a_bad_id(http: httpx.Client, name: str) -> None:
    assert_refused(send(http, **{name: "two words"}), 400, "id_invalid", "UUID", "9 char")


def test_a_form_is_read_as_well_and_what_is_no_picture_refused(http: httpx.Client) -> None:
    assert_refused(raw(b"no picture").send(http, "/predict"), 415, "image_format")
    body = form(part(GOOD)).send(http, "/predict").json()

    [found] = versions()[body["version"]].detect([decode(GOOD)])
    assert is_close(numbers(body["detections"]), [(box.confidence, *box.box) for box in found])


def test_a_bad_share_ends_the_start_with_a_clear_message() -> None:
    with pytest.raises(CrashedError) as caught:
        servers.bentoml(TARGET, env={"ID_CARD_SHARE_B": "40 %"}).stop()

    assert "ID_CARD_SHARE_B is the share of the requests that model_b answers" in str(caught.value)
    assert "got '40 %'" in str(caught.value)
