"""lab04.ex3: Every user stays with one version."""

from __future__ import annotations

import gc
import json
import math
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

from labs.engine import Context
from labs.engine.export import module_of
from services.environment import ROOT

_SMALL = (0.0019, 0.0011)
"""Small shares, of which rounding down or up to thousandths makes about the half or the double."""


def check(context: Context, version_of: Callable[..., Any]) -> None:
    """Assign many fresh ids: again, with other shares, and in other processes."""
    kinds = dict(_kinds(context))
    many = [f"user-{context.random.getrandbits(60)}" for _ in range(150_000)]
    some = [user for users in kinds.values() for user in users[:15]]
    _same_every_time(context, version_of, some)
    _no_table(context, version_of)
    for where, users in kinds.items():
        for share in (0.3, 0.7):
            _share(context, version_of, users, share, where)
    for share in _SMALL:
        _share(context, version_of, many, share, "random ids")
    _nobody_or_everybody(context, version_of, [*_EDGES, *many[:50_000]])
    _nobody_moves_back(context, version_of, some)
    _different_users(context, version_of, some)
    _in_other_processes(context, version_of, some)
    context.note(users=len(many) + sum(map(len, kinds.values())), processes=3)


def _kinds(context: Context) -> Iterator[tuple[str, list[str]]]:
    """Yield several kinds of ids, of which each varies in another place."""
    start, n = context.random.randrange(10**6), range(6000)
    letters = "abcdeéfghijklłmnoöprstuüvwxyzß東🙂"
    words = ["".join(context.random.choices(letters, k=6)) for _ in n]
    yield "ids like 'user-17'", [f"user-{start + i}" for i in n]
    yield "e-mail addresses", [f"{words[i]}{i}@example.org" for i in n]
    yield "long ids with the same beginning and end", [f"{'t' * 70}/{start + i}/eu" for i in n]


_EDGES = ("user-2781", "user-1457", "user-36986", "user-753", "user-5911", "user-311229")
"""Ids whose SHA-256 or MD5 is 0 or 9999 modulo 10,000, or begins with 16 ones."""


def _versions(
    context: Context, answer: Callable[..., Any], users: list[str], share: float
) -> list[str]:
    where = f"version_of(user_id, {share:g})"
    got = context.call(lambda: [answer(user, share) for user in users], where=where)
    for user, version in zip(users, got, strict=True):
        if type(version) is not str or version not in ("model_a", "model_b"):
            value = context.plain(version, what=where)
            context.fail(
                f"version_of({user!r}, {share:g}) is {value!r}; 'model_a' or 'model_b' was "
                "expected.",
                layer="schema",
            )
    return list(got)


def _same_every_time(context: Context, answer: Any, users: list[str]) -> None:
    rounds = [_versions(context, answer, users, 0.5) for _ in range(4)]
    for user, *versions in zip(users, *rounds, strict=True):
        context.expect(
            len(set(versions)) == 1,
            f"version_of({user!r}, 0.5) gave both versions in four calls.",
            mistake="per_request",
        )


def _no_table(context: Context, answer: Any) -> None:
    """Ask for many users: what the function keeps of them must not grow with their number."""
    users = [f"user-{context.random.getrandbits(60)}" for _ in range(50_000)]
    _versions(context, answer, users[:1000], 0.5)
    tracemalloc.start()
    try:
        _versions(context, answer, users[1000:], 0.5)
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    context.expect(
        kept < 40 * len(users),
        f"After {len(users)} users, your function keeps {kept / 1e6:.1f} MB more in memory.",
        cause="It keeps a table of users, or a cache without a limit. The id alone is enough.",
    )


def _share(context: Context, answer: Any, users: list[str], share: float, where: str) -> None:
    """Count the users of B; the bound is five standard deviations, one in a million."""
    actual = _versions(context, answer, users, share).count("model_b") / len(users)
    bound = 5 * math.sqrt(share * (1 - share) / len(users))
    swapped = share < 0.5 and abs(actual - (1 - share)) <= bound
    is_step = any(
        abs(actual - rounded(share * steps) / steps) <= bound
        for steps in (10, 100, 1000)
        for rounded in (math.ceil, math.floor)
    )
    context.expect(
        abs(actual - share) <= bound,
        f"model_b answers {actual:.2%} of {len(users)} users; its share is {share:.2%}.",
        where=where,
        mistake="swapped" if swapped else "coarse" if share in _SMALL and is_step else None,
    )


def _nobody_or_everybody(context: Context, answer: Any, users: list[str]) -> None:
    for share, wrong in ((0.0, "model_b"), (1.0, "model_a")):
        versions = _versions(context, answer, users, share)
        others = [u for u, version in zip(users, versions, strict=True) if version == wrong]
        context.expect(
            not others,
            f"With the share {share:g}, {len(others)} of {len(users)} users get {wrong}.",
            where=f"for instance {others[:1]}",
        )


def _nobody_moves_back(context: Context, answer: Any, users: list[str]) -> None:
    shares = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
    by_share = [_versions(context, answer, users, share) for share in shares]
    for user, *versions in zip(users, *by_share, strict=True):
        context.expect(
            versions == sorted(versions),
            f"{user!r} gets {', '.join(versions)} as the share grows.",
            where=f"shares {shares}",
            mistake="moves_back",
        )


def _different_users(context: Context, answer: Any, users: list[str]) -> None:
    """Change ids a little: about half of the changed ones get the other version."""
    changes: dict[str, tuple[str, str]] = {
        "a space at its end": ("{}", "{} "),
        "a space at its beginning": ("{}", " {}"),
        "two spaces in it, not one": ("a {}", "a  {}"),
        "a line end": ("{}", "{}\n"),
        "a ü more": ("{}", "ü{}"),
        "ü in place of u": ("u{}", "ü{}"),
        "ü as two characters": ("\N{LATIN SMALL LETTER U WITH DIAERESIS}{}", "u\u0308{}"),
        "a ligature in place of two letters": ("fi{}", "\N{LATIN SMALL LIGATURE FI}{}"),
        "another letter of another script": ("\N{CYRILLIC SMALL LETTER A}{}", "東{}"),
        "another domain": ("{}@example.org", "{}@example.com"),
        "another name at the same domain": ("a{}@example.org", "b{}@example.org"),
        "another sign": ("a.{}", "a-{}"),
    }
    pairs = [
        (f"with {what}", [[shape.format(user) for user in users] for shape in shapes])
        for what, shapes in changes.items()
    ]
    for what, (plain, changed) in [("in capitals", [users, [*map(str.upper, users)]]), *pairs]:
        context.expect(
            _versions(context, answer, plain, 0.5) != _versions(context, answer, changed, 0.5),
            f"An id {what} always gets the version of the unchanged id.",
            where=f"{changed[0]!r} and {plain[0]!r}",
            cause="Ids that differ are different users: use the id unchanged.",
        )


def _in_other_processes(context: Context, answer: Any, users: list[str]) -> None:
    """Ask for the same in new processes, whose ``hash()`` starts from another number."""
    users = sorted(users)  # another order than before: what is remembered must not matter
    here = _versions(context, answer, users, 0.5)
    one, other = (_in_a_process(context, answer, users, salt) for salt in (1, 2))
    if one == other == here:
        return
    salted = one != other and _in_a_process(context, answer, users, salt=1) == one
    context.fail(
        f"Some of {len(users)} users get another version in another process.",
        where="the same ids and share, in a new Python process",
        mistake="salted" if salted else None,
        cause="The version must follow from the id alone, not from what this process remembers.",
    )


def _in_a_process(context: Context, answer: Any, users: list[str], salt: int) -> list[str]:
    """Return the versions of *users* as a new Python process computes them."""
    text, name = module_of(answer)
    program = (
        f"{text}\nimport json as lab__json\n"
        f"lab__got = [str({name}(user, 0.5)) for user in lab__json.loads({json.dumps(users)!r})]\n"
        "print('\\n' + lab__json.dumps(lab__got))\n"
    )
    environment = os.environ | {"PYTHONHASHSEED": str(salt), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-"]
    done = subprocess.run(
        command, input=program, capture_output=True, text=True, timeout=50, env=environment
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["nothing"]
        context.fail(
            f"In a new Python process your function raised {said[-1]}",
            layer="import",
            cause="It may use something that exists only in this notebook.",
        )
    return list(json.loads(done.stdout.splitlines()[-1]))
