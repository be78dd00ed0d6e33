"""lab15.ex1: A key that cannot be guessed piece by piece."""

from __future__ import annotations

import hmac
import secrets
import string
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any
from unittest.mock import patch

from labs.engine import Context


class _Key(str):
    """A key that notices when it is compared by ``==`` or looked up."""

    compared: list[str]

    def __eq__(self, other: object) -> bool:
        self.compared.append("==")
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        self.compared.append("!=")
        return str.__ne__(self, other)

    __hash__ = str.__hash__


_COMPARE = hmac.compare_digest


def _compare(a: Any, b: Any) -> bool:
    """Call ``compare_digest`` from Python: a call that ``map`` makes is not seen otherwise."""
    return _COMPARE(a, b)


@contextmanager
def _digests(answer: Callable[..., Any]) -> Iterator[list[str]]:
    """Yield the calls of ``compare_digest`` meanwhile, under whatever name it was imported."""
    calls: list[str] = []
    names = getattr(answer, "__globals__", {})
    imported = {name: _compare for name, value in names.items() if value is _COMPARE}

    def watch(_: FrameType, event: str, argument: Any) -> None:
        if event == "c_call" and getattr(argument, "__name__", "") == "compare_digest":
            calls.append(event)

    before = sys.getprofile()
    with ExitStack() as patches:
        patches.enter_context(patch.dict(names, imported))
        for module in (hmac, secrets):
            patches.enter_context(patch.object(module, "compare_digest", _compare))
        sys.setprofile(watch)
        try:
            yield calls
        finally:
            sys.setprofile(before)


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Send good headers and all kinds of bad ones, with keys that notice comparisons."""
    count = 0
    for number in (1, 3, 4):
        keys = [_key(context) for _ in range(number)]
        for key in reversed(keys):  # the last one first: an answer that looks at some only is wrong
            for scheme in ("Bearer", "bearer", "BEARER"):
                where = f"the scheme {scheme} and one of {number} keys"
                _ask(context, answer, f"{scheme} {key}", keys, where, True)
                count += 1
        for where, header, mistake in _bad(keys):
            _ask(context, answer, header, keys, where, False, mistake)
            count += 1
    context.note(headers=count)


def _key(context: Context) -> str:
    return "".join(context.random.choices(string.ascii_letters + string.digits, k=32))


def _bad(keys: list[str]) -> list[tuple[str, str | None, str | None]]:
    key = keys[-1]
    return [
        ("no header", None, "no_header"),
        ("an empty header", "", None),
        ("a bare key", key, "no_scheme"),
        ("another scheme", f"Basic {key}", "no_scheme"),
        ("a scheme that begins with Bearer", f"Bearers {key}", None),
        ("a scheme that ends in Bearer", f"xBearer {key}", None),
        ("the scheme alone", "Bearer", None),
        ("the scheme and a space", "Bearer ", None),
        ("a key without its last letter", f"Bearer {key[:-1]}", "part_of_key"),
        ("a key with one letter more", f"Bearer {key}x", "part_of_key"),
        ("the key in the other case", f"Bearer {key.swapcase()}", "case"),
        ("two keys", f"Bearer {key} {key}", None),
        ("two spaces", f"Bearer  {key}", None),
        ("a space in front", f" Bearer {key}", None),
        ("a space behind the key", f"Bearer {key} ", None),
        ("a line break behind the key", f"Bearer {key}\n", None),
        ("a tab instead of the space", f"Bearer\t{key}", None),
        ("the scheme twice", f"Bearer Bearer {key}", None),
        ("characters beyond ASCII", f"Bearer {key[:-1]}é", "not_ascii"),
        ("characters beyond Latin-1", f"Bearer {key[:-1]}€", "not_ascii"),
        ("the key and a character beyond ASCII", f"Bearer é{key}", "not_ascii"),
    ]


def _ask(
    context: Context,
    answer: Callable[..., Any],
    header: str | None,
    keys: list[str],
    where: str,
    want: bool,
    mistake: str | None = None,
) -> None:
    """Fail unless the header is judged rightly, by comparing every key in constant time."""
    compared: list[str] = []
    given = [_Key(key) for key in keys]
    for key in given:
        key.compared = compared
    with _digests(answer) as digests:
        because = mistake if mistake in ("no_header", "not_ascii") else None
        got = context.call(answer, header, given, where=where, because=because)
    differs = f"is_authorised(…) is {got!r}; {want} was expected."
    if because or type(got) is not bool:
        mistake = None
    context.expect(got is want, differs, where=where, mistake=mistake)
    if (header or "").lower().startswith("bearer "):
        asked = len(digests)
        differs = f"hmac.compare_digest was called {asked} times for {len(keys)} keys."
        reason = "stops_early" if asked else "plain_comparison" if want else None
        context.expect(asked >= len(keys), differs, where=where, mistake=reason)
    differs = f"A key was compared by {', '.join(sorted(set(compared)))} or looked up."
    context.expect(not compared, differs, where=where, mistake="plain_comparison")
