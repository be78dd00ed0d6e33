"""Who is answered by which version: a pure function of an id and a share."""

from __future__ import annotations

import itertools
import math

import pytest

from services.errors import InputError
from services.http.routing import check_id, hash_bucket
from services.id_card.bento.ab_routing import EXPERIMENT, choose, read_share

IDS = [f"user-{i}" for i in range(20_000)]


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_the_share_is_kept(share: float) -> None:
    reached = sum(choose(name, share) == "model_b" for name in IDS) / len(IDS)

    assert reached == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / len(IDS)))


def test_the_ends() -> None:
    assert {choose(name, 0) for name in IDS} == {"model_a"}
    assert {choose(name, 1) for name in IDS} == {"model_b"}
    assert all(0 <= hash_bucket(name, EXPERIMENT) < 1 for name in IDS)


def test_everyone_stays_where_they_are() -> None:
    """Across processes and versions of Python, too: these are the places as first computed."""
    assert [round(hash_bucket(f"user-{i}", EXPERIMENT), 6) for i in range(3)] == [
        0.125188,
        0.849337,
        0.913302,
    ]
    assert all(choose(name, 0.3) == choose(name, 0.3) for name in IDS[:100])


def test_a_larger_share_moves_ids_one_way_only() -> None:
    shares = [i / 20 for i in range(21)]
    for small, large in itertools.pairwise(shares):
        moved = {(choose(name, small), choose(name, large)) for name in IDS[:2000]}
        assert ("model_b", "model_a") not in moved
        assert ("model_a", "model_b") in moved


def test_another_experiment_picks_others() -> None:
    both = sum(
        choose(name, 0.5) == "model_b" == choose(name, 0.5, experiment="another") for name in IDS
    )
    assert both / len(IDS) == pytest.approx(0.25, abs=0.015)
    assert EXPERIMENT != "another"


@pytest.mark.parametrize(
    ("text", "share"), [("0", 0.0), ("1", 1.0), ("0.25", 0.25), (" 1e-3 ", 0.001)]
)
def test_a_share_is_read(text: str, share: float) -> None:
    assert read_share({"ID_CARD_SHARE_B": text}) == share
    assert read_share({}) == 0.1


@pytest.mark.parametrize("text", ["", "ten", "-0.1", "1.01", "10", "10%", "nan", "inf", "0,5"])
def test_a_share_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"ID_CARD_SHARE_B is the share .* from 0 to 1") as caught:
        read_share({"ID_CARD_SHARE_B": text})
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("name", ["a", "9f2c-11", "~!@#$%^&*()", "x" * 128])
def test_ids(name: str) -> None:
    assert check_id(name) == name


@pytest.mark.parametrize("name", ["", "x" * 129, "two words", "tab\t", "line\n", "\x00", "é", "運"])
def test_what_is_no_id(name: str) -> None:
    with pytest.raises(InputError, match=f"has {len(name)} characters") as caught:
        check_id(name)
    assert (caught.value.code, caught.value.status) == ("id_invalid", 400)
    assert "UUID" in caught.value.hint
