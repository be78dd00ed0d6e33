"""A request's JSON: what becomes a question, and what is refused with which words."""

from __future__ import annotations

import numpy as np
import pytest

from services.errors import InputError
from services.recommender.model.requests import CODES, RecommendRequest

GOOD = {"user_id": 7, "top_k": 3, "rated": [1, 50]}


@pytest.mark.parametrize(
    ("body", "question"),
    [
        (GOOD, RecommendRequest(7, 3, (1, 50))),
        ({"user_id": 0}, RecommendRequest(0, 10, ())),
        ({"user_id": 7, "rated": None}, RecommendRequest(7, 10, ())),
        ({"user_id": 7, "ranked_movies": None}, RecommendRequest(7, 10, ())),
        ({"user_id": 7, "ranked_movies": [50]}, RecommendRequest(7, 10, (50,))),
        ({"user_id": np.int64(7), "rated": np.array([50])}, RecommendRequest(7, 10, (50,))),
        ({"user_id": 10**30}, RecommendRequest(10**30, 10, ())),
    ],
)
def test_a_dictionary_becomes_a_question(body, question):
    assert RecommendRequest.from_dict(body) == question
    assert type(RecommendRequest.from_dict(body).user_id) is int


def test_json_becomes_a_question():
    assert RecommendRequest.from_json(
        b' {"top_k": 3, "rated": [1, 50], "user_id": 7}'
    ) == RecommendRequest(7, 3, (1, 50))


@pytest.mark.parametrize(
    ("body", "code", "message", "hint"),
    [
        ([GOOD], "request_invalid", "it is an array", "JSON object such as"),
        (None, "request_invalid", "it is null", "JSON object such as"),
        ("7", "request_invalid", "it is a string", "JSON object such as"),
        ({}, "user_id_missing", "'user_id' is missing", "JSON object such as"),
        ({"top_k": 3}, "user_id_missing", "'user_id' is missing", "JSON object such as"),
        ({"user_id": 7, "topk": 3}, "field_unknown", "no field 'topk'", "mean 'top_k'?"),
        ({"userid": 7}, "field_unknown", "no field 'userid'", "mean 'user_id'?"),
        ({**GOOD, "x": 1}, "field_unknown", "'x'", "The fields are 'user_id', 'top_k', 'rated'."),
        ({"y" * 99: 1}, "field_unknown", "y" * 30 + "…", "The fields are"),
        ({**GOOD, "ranked_movies": []}, "field_repeated", "request has both", "Send 'rated' only"),
        ({"user_id": None}, "user_id_invalid", "'user_id' is null.", "a whole number from 0"),
        ({"user_id": 7.0}, "user_id_invalid", "'user_id' is 7.0, a decimal number.", "from 0"),
        ({"user_id": True}, "user_id_invalid", "'user_id' is true.", "from 0"),
        ({"user_id": -1}, "user_id_invalid", "'user_id' is -1.", "from 0"),
        ({"user_id": [1]}, "user_id_invalid", "'user_id' is [1], an array.", "from 0"),
        ({"user_id": 7, "top_k": None}, "top_k_invalid", "'top_k' is null.", "or leave it out"),
        ({"user_id": 7, "top_k": 0}, "top_k_invalid", "'top_k' is 0.", "from 1 up"),
        ({"user_id": 7, "top_k": "ten"}, "top_k_invalid", "'ten', a string.", "from 1 up"),
        ({"user_id": 7, "top_k": 2.5}, "top_k_invalid", "2.5, a decimal number.", "from 1 up"),
        ({"user_id": 7, "ranked_movies": [None]}, "rated_invalid", "entry 0, is null", "[1, 50]"),
        ({"user_id": 7, "rated": 50}, "rated_invalid", "'rated' is 50.", "[1, 50]"),
        ({"user_id": 7, "rated": {"50": 5}}, "rated_invalid", "{'50': 5}, an object.", "[1, 50]"),
        ({"user_id": 7, "rated": [50, "57"]}, "rated_invalid", "entry 1, is '57'", "[1, 50]"),
        ({"user_id": 7, "rated": "x" * 99}, "rated_invalid", "x" * 36 + "…, a string.", "[1, 50]"),
        ({"user_id": 7, "rated": [1] * 100_001}, "rated_too_long", "has 100001 entries", "at most"),
    ],
)
def test_what_is_no_question(body, code, message, hint):
    with pytest.raises(InputError) as refusal:
        RecommendRequest.from_dict(body)
    assert (refusal.value.code, refusal.value.status) == (code, 422)
    assert message in refusal.value.message
    assert hint in refusal.value.hint
    assert code in CODES


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The body is empty."),
        (
            b"user_id=7",
            "The body of 9 bytes is not JSON: Expecting value: line 1 column 1 (char 0).",
        ),
        (b'{"user_id": 7', "is not JSON: Expecting"),
        (b'{"user_id": \xff}', "is not JSON."),
        (b'{"user_id": ' + b"9" * 5000 + b"}", "is not JSON."),
        (b"[" * 100_000, "is not JSON."),
    ],
)
def test_what_is_no_json(body, message):
    with pytest.raises(InputError) as refusal:
        RecommendRequest.from_json(body)
    assert (refusal.value.code, refusal.value.status) == ("json_invalid", 400)
    assert message in refusal.value.message
    assert "JSON object such as" in refusal.value.hint


@pytest.mark.parametrize("field", ["user_id", "top_k", "rated"])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_value_nested_deep_is_shown_short(field, opening, closing):
    value = 1
    for _ in range(100_000):  # far deeper than repr can go
        value = [value] if opening == "[" else {"a": value}
    with pytest.raises(InputError, match=f"'{field}'.* (an array|an object)") as refusal:
        RecommendRequest.from_dict({"user_id": 7, field: [value] if field == "rated" else value})
    assert len(refusal.value.message) < 120
    while isinstance(value, list | dict):  # or Python would run out of stack as it lets go of it
        value = value.pop() if isinstance(value, list) else value.popitem()[1]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1", "7.0", "1e3", "true"])
def test_numbers_that_are_no_ids(number):
    with pytest.raises(InputError, match="'user_id' is"):
        RecommendRequest.from_json(b'{"user_id": %s}' % number.encode())
