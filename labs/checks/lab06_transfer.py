"""Lab 06, to another machine: two Bentos, and each end of their way."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bentoml

from labs.checks.lab06_common import refused, sha256, some_bytes, tags_of
from labs.checks.lab06_store import put_bento
from labs.engine import Context
from services.workbench.show import one_line


def two_bentos(context: Context, name: str) -> list[str]:
    """Put two Bentos with a model each into the store; return their tags, the newest last."""
    versions = [f"{context.random.randint(1, 5)}.{n}.0" for n in (0, 1)]
    start = datetime(2026, 2, 2, tzinfo=UTC)
    for n, version in enumerate(versions):
        model = f"{name}:{sha256(version.encode())[:12]}"
        with bentoml.models.create(model) as stored:
            Path(stored.path_of("cards.onnx")).write_bytes(some_bytes(context))
        code = {"service.py": f"# version {version}\n"}
        put_bento(name, version, start + timedelta(days=n), code, model)
    return [f"{name}:{version}" for version in versions]


def sent(
    context: Context, send: Callable[..., Any], tag: str, exact: str, folder: str
) -> dict[str, str]:
    """Call ``send`` and hold the receipt to the file."""
    where = f"send({tag!r}, {folder!r})"

    def because(error: BaseException) -> str | None:
        if not isinstance(error, FileNotFoundError):
            return None
        return "no_folder" if str(Path.cwd()) in str(error) else "relative"

    got = context.call(send, tag, folder, where=where, because=because)
    receipt = context.plain(
        got, what="the receipt", where=where, types={"Tag": "no_tag", "PosixPath": "no_text"}
    )
    if not isinstance(receipt, dict) or set(receipt) != {"tag", "file", "sha256"}:
        keys = sorted(receipt) if isinstance(receipt, dict) else type(receipt).__name__
        context.fail(
            f"The receipt has {keys}; the keys tag, file and sha256 were expected.",
            where=where,
            layer="schema",
        )
    if not all(isinstance(value, str) for value in receipt.values()):
        context.fail("The receipt has values that are no texts.", where=where, layer="schema")
    if receipt["tag"] != exact:
        context.fail(
            f"The receipt's tag is {receipt['tag']!r}; {exact!r} was expected.",
            where=where,
            mistake="takes_latest" if receipt["tag"] == tag else None,
        )
    file = Path(receipt["file"])
    if not file.is_absolute():
        context.fail(f"The receipt's file is {str(file)!r}.", where=where, mistake="not_absolute")
    inside = file.is_relative_to(Path.cwd() / folder)
    context.expect(
        inside and file.is_file(),
        f"The receipt's file, {file.name!r}, is no file in that folder.",
        where=where,
        mistake="other_file" if inside and [*file.parent.glob(f"{file.name}.*")] else None,
    )
    if receipt["sha256"] != sha256(file.read_bytes()):
        context.fail(
            f"The receipt's sha256, {len(receipt['sha256'])} digits, is not that of the file.",
            where=where,
            mistake="other_digest",
        )
    return receipt


def damaged(
    context: Context, receive: Callable[..., Any], receipt: dict[str, str], files: list[Path]
) -> None:
    """Let the file be that of the other version: it can be read, and is not what was sent."""
    kept = files[0].read_bytes()
    shutil.copyfile(files[1], files[0])
    where = "the receipt's file has other bytes than those that were sent"
    try:
        refused(
            context,
            receive,
            dict(receipt),
            where=where,
            names=files[0].name,
            mistake="not_verified",
            unclear="unclear",
        )
    finally:
        files[0].write_bytes(kept)
    bentos, models = tags_of(bentoml.list()), tags_of(bentoml.models.list())
    for left in [*[f"the Bento {tag}" for tag in bentos], *[f"the model {tag}" for tag in models]]:
        context.fail(f"It was refused, and {left} is in the store.", mistake="too_late")


def received(
    context: Context, receive: Callable[..., Any], receipt: dict[str, str], why: str
) -> None:
    """Call ``receive`` and hold what it returns to the receipt."""
    where = f"receive(…) of {receipt['tag']}, {why}"
    got = context.call(
        receive,
        dict(receipt),
        where=where,
        because=lambda error: "twice" if "already exists" in one_line(error) else None,
    )
    tag = context.plain(
        got, what="receive(receipt)", where=where, types={"Tag": "no_tag", "Bento": "no_tag"}
    )
    if tag != receipt["tag"]:
        context.fail(
            f"receive(receipt) is {tag!r}; {receipt['tag']!r} was expected.",
            where=where,
            mistake="no_tag",
        )
