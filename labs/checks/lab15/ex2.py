"""lab15.ex2: A model that cannot run code."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import numpy as np

from labs.engine import Context

RAN: list[str] = []
"""What the payloads have done."""


def ran(what: str) -> str:
    """Do what a payload does: here only write down that it ran."""
    RAN.append(what)
    return what


class _Payload:
    """An object whose pickle calls :func:`ran` when it is loaded."""

    def __reduce__(self) -> Any:
        return ran, ("payload",)


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Load good files, changed ones, and bad ones whose digest is right."""
    good = {
        "weights": context.numbers.normal(size=(3, 4)),
        "labels": np.array(["ä", "b", "c"]),
        "seen": context.numbers.integers(0, 9, size=5),
    }
    data = _npz(**good)
    _loads(context, answer, data, good)
    one = {"weights": good["weights"]}
    _loads(context, answer, _npz(**one), one)
    digest = _digest(data)
    almost = digest[:-1] + ("0" if digest[-1] != "0" else "1")
    other = _npz(weights=good["weights"] + 1)
    changed = bytearray(data)
    changed[-1] ^= 1
    poisoned = _npz(weights=np.array([_Payload()], object))
    _refuses(context, answer, other, _digest(data), "another file", "no_hash")
    _refuses(context, answer, bytes(changed), _digest(data), "one bit changed", "no_hash")
    _refuses(context, answer, data, almost, "the digest's last digit differs", "no_hash")
    _refuses(context, answer, b"", _digest(data), "an empty file")
    _refuses(context, answer, poisoned, _digest(data), "a pickle, another digest", "hash_too_late")
    recorded = {
        "a pickle in the archive": (poisoned, "allows_pickle"),
        "a pickle instead of an archive": (pickle.dumps(_Payload()), "allows_pickle"),
        "a text file": (b"no weights", "own_error"),
        "an empty file": (b"", "own_error"),
        "half an archive": (data[: len(data) // 2], "own_error"),
        "an array outside an archive": (_npy(good["weights"]), "own_error"),
        "a damaged archive": (_damaged(data), "own_error"),
        "an archive with a password": (_locked(data), "own_error"),
    }
    for where, (content, mistake) in recorded.items():
        _refuses(context, answer, content, _digest(content), f"{where}, its own digest", mistake)
    context.note(refused=5 + len(recorded))


def _npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _damaged(data: bytes) -> bytes:
    """Change bytes of the first array, so that the archive's checksum of it is wrong."""
    return data[:200] + bytes(byte ^ 255 for byte in data[200:204]) + data[204:]


def _locked(data: bytes) -> bytes:
    """Say in the archive's directory that its first array is encrypted."""
    flags = data.index(b"PK\x01\x02") + 8
    return data[:flags] + bytes([data[flags] | 1]) + data[flags + 1 :]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _loads(context: Context, answer: Callable[..., Any], data: bytes, want: dict[str, Any]) -> None:
    where = f"the right file, with {', '.join(want)}"
    got = context.call(answer, data, _digest(data), where=where)
    context.expect(type(got) is dict, f"A {type(got).__name__} was returned.", where=where)
    differs = f"The names are {sorted(map(str, got))}; {sorted(want)} were expected."
    context.expect(sorted(map(str, got)) == sorted(want), differs, where=where)
    for name, array in want.items():
        same = type(got[name]) is np.ndarray and np.array_equal(got[name], array)
        context.expect(bool(same), f"{name} is another array than was saved.", where=where)


def _refuses(
    context: Context,
    answer: Callable[..., Any],
    data: bytes,
    digest: str,
    where: str,
    mistake: str | None = None,
) -> None:
    """Fail unless the file is refused by a ValueError, and nothing in it runs."""
    RAN.clear()
    raised: BaseException | None = None
    got: Any = None
    with patch.object(np, "load", wraps=np.load) as opened:
        try:
            got = answer(data, digest)
        except Exception as error:
            raised = error
    early = opened.called and digest != _digest(data)
    if RAN:
        late = mistake if mistake == "hash_too_late" else "allows_pickle"
        context.fail("Code in the file ran while it was loaded.", where=where, mistake=late)
    if raised is None:
        loaded = type(got) is dict and len(got) > 0
        reason = "no_hash" if loaded and mistake in ("no_hash", "hash_too_late") else None
        differs = "The file was loaded" if loaded else f"A {type(got).__name__} was returned"
        context.fail(f"{differs}; a ValueError was expected.", where=where, mistake=reason)
    if early:
        context.fail(
            "np.load was called, although the digest does not match.",
            where=where,
            mistake="hash_too_late",
        )
    if not isinstance(raised, ValueError):
        known = mistake == "own_error"
        failure = context.raised(raised, where=where, because="own_error" if known else None)
        failure.differs += "; a ValueError was expected."
        raise failure from raised
