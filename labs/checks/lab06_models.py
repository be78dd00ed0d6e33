"""Lab 06, the model store: what is held to be true of it after each call."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bentoml

from labs.checks.lab06_common import refused, sha256, tags_of
from labs.engine import Context


def saved(
    context: Context, save: Callable[..., Any], name: str, file: Path, content: bytes, where: str
) -> str:
    """Call ``save_weights`` and hold the tag to the content."""
    got = context.call(
        save,
        name,
        file,
        where=where,
        because=lambda error: "twice" if "already exists" in str(error) else None,
    )
    tag = context.plain(got, what="save_weights(name, file)", where=where, types={"Tag": "no_text"})
    want = f"{name}:{sha256(content)[:12]}"
    named = {sha256(str(text).encode())[:12] for text in (file, file.name, file.stem)}
    version = str(tag).partition(":")[2]
    made_up = re.fullmatch(r"[a-z2-7]{16}|latest|", version) is not None
    mistake = "hash_of_name" if version[:12] in named else "random_tag" if made_up else "other_hash"
    if tag != want:
        # A version that BentoML made up is another one each time.
        shown = "a tag with a version that BentoML made up" if made_up else repr(tag)
        context.fail(
            f"save_weights(name, file) is {shown}; {want!r} was expected.",
            where=where,
            mistake=mistake,
        )
    return want


def stored(context: Context, tags: list[str], content: bytes, where: str) -> None:
    """Hold the store to the tags that were returned, and the last model to its content."""
    there = tags_of(bentoml.models.list())
    if there != sorted(tags):
        context.fail(
            f"The store has {there}; {sorted(tags)} was expected.",
            where=where,
            mistake="not_stored",
        )
    model = bentoml.models.get(tags[-1])
    if not _files_with(model, content):
        context.fail(
            f"No file in {tags[-1]} has the content of the file.", where=where, mistake="not_stored"
        )
    said = dict(model.info.metadata).get("sha256")
    if said != sha256(content):
        context.fail(
            f"The metadata say sha256: {said!r}; {sha256(content)!r} was expected.",
            where=where,
            mistake="no_digest",
        )


def _files_with(model: Any, content: bytes) -> list[Path]:
    files = [path for path in Path(model.path).rglob("*") if path.is_file()]
    return [path for path in files if path.read_bytes() == content]


def loading(
    context: Context,
    load: Callable[..., Any],
    name: str,
    tags: list[str],
    contents: list[bytes],
) -> None:
    """Load both versions, then one that was damaged, then whatever is the latest."""
    for tag, content, other in zip(tags, contents, reversed(contents), strict=True):
        got = context.call(load, tag, where=f"load_weights({tag!r})")
        if type(got) is not bytes:
            context.fail(
                f"load_weights(tag) is of type {type(got).__name__}; bytes was expected.",
                layer="schema",
            )
        if got != content:
            context.fail(
                f"load_weights({tag!r}) gives {len(got)} bytes that are not those of this version.",
                mistake="newest" if got == other else None,
            )
    [file] = _files_with(bentoml.models.get(tags[0]), contents[0])
    damaged = bytearray(contents[0])
    damaged[context.random.randrange(len(damaged))] ^= 1 << context.random.randrange(8)
    file.write_bytes(damaged)
    refused(
        context,
        load,
        tags[0],
        where="one bit of the stored file was changed",
        names=tags[0],
        mistake="not_verified",
        unclear="unclear",
    )
    for tag in (f"{name}:latest", name):
        refused(
            context,
            load,
            tag,
            where=f"load_weights({tag!r})",
            names=name,
            mistake="takes_latest",
            unclear="unclear",
        )
