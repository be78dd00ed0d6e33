"""lab06.ex1: The model gets a version."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bentoml

from labs.checks.lab06.refusal import expect_value_error
from labs.checks.lab06.store import empty_store, tags_of, temporary_folder
from labs.engine import Context


def check(context: Context, save: Callable[..., Any], load: Callable[..., Any]) -> None:
    """Store two files, store one again, then load, damage and relabel what is stored."""
    name = f"cards_{context.random.randint(10, 99)}"
    # More than one block, and white space at both ends: nothing may be cut off or converted.
    first = b"\n" + context.random.randbytes(1_100_000) + b"\r\n "
    contents = [first, first[:-1] + bytes([first[-1] ^ 1])]
    with temporary_folder() as folder, empty_store() as store:
        file, copy = folder / "best.onnx", folder / "backup" / "copy.onnx"
        copy.parent.mkdir()
        tags: list[str] = []
        for content, where in zip(contents, ("a file", "the same path, other bytes"), strict=True):
            file.write_bytes(content)
            tags.append(_save(context, save, name, file, where))
            _is_stored(context, tags, content, where)
        copy.write_bytes(contents[1])
        before = _snapshot(store)
        for again in (file, copy):
            where = f"the same bytes again, as {again.name}"
            _save(context, save, name, again, where)
            if _snapshot(store) != before:
                context.fail("The model that was already stored has changed.", where=where)
        for tag, mistake in (
            (f"{name}:latest", "takes_latest"),
            (name, "takes_latest"),
            (tags[0][:-6], None),
            (tags[1][:-1], None),
        ):
            where = f"load_weights({tag!r})"
            expect_value_error(context, load, tag, where=where, names=[tag], mistake=mistake)
        _loads(context, load, tags, contents)
        _loads_from_the_store_alone(context, load, tags[1], contents[1], store)
        _verifies(context, load, tags, contents)
    context.note(versions=2, saved="4 times")


def _save(context: Context, save: Callable[..., Any], name: str, file: Path, where: str) -> str:
    """Call ``save_weights`` and compare the tag with the content."""

    def because(error: BaseException) -> str | None:
        return "twice" if "already exists" in str(error) else None

    want = f"{name}:{_sha256(file.read_bytes())[:12]}"
    got = context.call(save, name, file, where=where, because=because)
    by_name = [f"{name}:{_sha256(str(text).encode())[:12]}" for text in (file, file.name)]
    context.same(
        got,
        want,
        what="save_weights(name, file)",
        where=where,
        mistakes=[("hash_of_name", tag) for tag in by_name],
    )
    return want


def _is_stored(context: Context, tags: list[str], content: bytes, where: str) -> None:
    there = tags_of(bentoml.models.list())
    if there != sorted(tags):
        context.fail(f"The store has {there}; {sorted(tags)} was expected.", where=where)
    model = bentoml.models.get(tags[-1])
    if not _files_with(model, content):
        said = f"No file in {tags[-1]} has the content of the file"
        context.fail(f"{said}. Write it to model.path_of(…), inside the with.", where=where)
    said = context.plain(dict(model.info.metadata), what="The metadata", where=where).get("sha256")
    what = f"The metadata's sha256 of {tags[-1]}"
    context.same(said, _sha256(content), what=what, where=where)


def _loads(
    context: Context, load: Callable[..., Any], tags: list[str], contents: list[bytes]
) -> None:
    for tag, content in zip(tags, contents, strict=True):
        got = context.call(load, tag, where=f"load_weights({tag!r})")
        if type(got) is not bytes:
            kind = type(got).__name__
            context.fail(f"load_weights({tag!r}) is of type {kind}; bytes were expected.")
        if got != content:
            other = "those of the other version" if got in contents else "other bytes"
            context.fail(f"load_weights({tag!r}) returned {other}.")


def _loads_from_the_store_alone(
    context: Context, load: Callable[..., Any], tag: str, content: bytes, store: Path
) -> None:
    """Give the model another name in the store: what the process remembers of it is no help."""
    name, _, version = tag.partition(":")
    twin = f"{name}_latest"
    shutil.copytree(bentoml.models.get(tag).path, store / "models" / twin / version)
    described = store / "models" / twin / version / "model.yaml"
    described.write_text(described.read_text().replace(f"name: {name}\n", f"name: {twin}\n"))
    where = "a model that another process stored"
    if context.call(load, f"{twin}:{version}", where=where) != content:
        context.fail("load_weights(tag) returned other bytes.", where=where)


def _verifies(
    context: Context, load: Callable[..., Any], tags: list[str], contents: list[bytes]
) -> None:
    """Change a bit of one stored file, and the digest in the metadata of the other."""
    [stored] = _files_with(bentoml.models.get(tags[0]), contents[0])
    stored.write_bytes(contents[1])
    where = "one bit of the stored file was changed"
    expect_value_error(context, load, tags[0], where=where, names=[tags[0]], mistake="not_verified")
    described = Path(bentoml.models.get(tags[1]).path) / "model.yaml"
    digest = _sha256(contents[1])
    changed = digest[:-1] + ("0" if digest[-1] != "0" else "1")
    described.write_text(described.read_text().replace(digest, changed))
    where = "the last digit of the metadata's sha256 was changed"
    expect_value_error(
        context, load, tags[1], where=where, names=[tags[1]], mistake="metadata_unread"
    )


def _files_with(model: Any, content: bytes) -> list[Path]:
    files = [path for path in Path(model.path).rglob("*") if path.is_file()]
    return [path for path in files if path.read_bytes() == content]


def _snapshot(store: Path) -> dict[Path, tuple[bytes, int]]:
    """Return the content and the time of change of every file in the store."""
    files = [path for path in sorted(store.rglob("*")) if path.is_file()]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
