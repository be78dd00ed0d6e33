"""What a model's file can do to its reader: nothing, whoever wrote it."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from services.recommender.hot_swap.smoke import load_tested
from services.recommender.model import storage
from services.recommender.recommender import Recommender


@pytest.fixture(scope="module")
def good(recommender, tmp_path_factory) -> Path:
    return recommender.save(tmp_path_factory.mktemp("model") / "model.npz")


def arrays(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def written(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def npy(shape: object, descr: str = "<f4", data: bytes = b"") -> bytes:
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (npy((10**12,)), "not as large as its header says"),
        (npy((-2, -3), data=bytes(24)), "damaged"),
        (npy((3,), "|O", b"cos\nsystem\n"), "allow_pickle"),
        (npy("x" * 60_000), "damaged"),
        (b"not an array", "damaged"),
    ],
    ids=["4 TB", "negative", "pickle", "long header", "no array"],
)
def test_a_header_that_lies_costs_no_memory(good, tmp_path, array, message):
    file = written(tmp_path / "bad.npz", {**arrays(good), "model_user_bias.npy": array})
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message):
            Recommender.load(file)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


def test_a_bomb_is_not_unpacked(good, tmp_path):
    """A gigabyte of zeros, in one megabyte."""
    file = tmp_path / "bomb.npz"
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("model_user_bias.npy", "w") as member,
    ):
        member.write(npy((2**28,)))
        for _ in range(2**6):
            member.write(bytes(2**24))
    assert file.stat().st_size < 2**24
    with pytest.raises(ValueError, match=f"at most {storage.MAX_ARRAYS} of {storage.MAX_BYTES}"):
        Recommender.load(file)


def test_too_many_arrays(good, tmp_path):
    more = {f"model_{number}.npy": npy((0,)) for number in range(storage.MAX_ARRAYS)}
    file = written(tmp_path / "many.npz", {**arrays(good), **more})
    with pytest.raises(ValueError, match="arrays of"):
        Recommender.load(file)


@pytest.mark.parametrize("name", ["rated_items", "rated_users", "movie_ids", "model_item_factors"])
@pytest.mark.parametrize("content", [np.array([10**6]), np.zeros((2, 2, 2)), np.array(["x"])])
def test_tables_that_do_not_fit_are_a_value_error(good, tmp_path, name, content):
    buffer = io.BytesIO()
    np.save(buffer, content)
    file = written(tmp_path / "bad.npz", {**arrays(good), f"{name}.npy": buffer.getvalue()})
    with pytest.raises(ValueError, match=r"."):
        load_tested(file)


@pytest.mark.parametrize("error", [5, 13], ids=["EIO", "EACCES"])
def test_a_read_error_says_nothing_about_the_file(good, monkeypatch, error):
    def fails(*_, **__):
        raise OSError(error, "injected")

    monkeypatch.setattr(np, "load", fails)
    with pytest.raises(OSError, match="injected"):
        Recommender.load(good)
