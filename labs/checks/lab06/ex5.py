"""lab06.ex5: Design it: to another machine."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bentoml

from labs.checks.lab06.refusal import expect_value_error
from labs.checks.lab06.store import empty_store, put_bento, tags_of, temporary_folder
from labs.engine import Context

Receipt = dict[str, str]


def check(context: Context, send: Callable[..., Any], receive: Callable[..., Any]) -> None:
    """Send two Bentos to a second store; exchange their files, and send one twice."""
    name = f"cards_{context.random.randint(10, 99)}"
    with temporary_folder() as here, temporary_folder() as there:
        with empty_store(), contextlib.chdir(here):
            tags = _two_bentos(context, name)
            whole = tags_of([*bentoml.list(), *bentoml.models.list()])
            folder = f"exports/night-{context.random.randint(100, 999)}"
            got = [
                _sent(context, send, tag, exact, folder)
                for tag, exact in ((tags[0], tags[0]), (f"{name}:latest", tags[1]))
            ]
            receipts = [receipt for _, receipt in got]
            what = "The first receipt, after the second send,"
            context.same(got[0][0], receipts[0], what=what, where=folder)
            kept = tags_of([*bentoml.list(), *bentoml.models.list()])
            context.same(kept, whole, what="The store, after both were sent,", where=folder)
        if receipts[0]["file"] == receipts[1]["file"]:
            file = Path(receipts[0]["file"]).name
            context.fail(f"Both versions are in {file}.", where=folder, mistake="overwrites")
        with empty_store(), contextlib.chdir(there):
            _refuses_other_bytes(context, receive, receipts)
            for receipt, why in (
                (receipts[0], "the first time"),
                (receipts[0], "once more"),
                (receipts[1], "another version"),
            ):
                _received(context, receive, receipt, why)
            _has_arrived(context, tags)
            _lets_errors_through(context, receive, f"{name}:0.2.0", there)
            _has_arrived(context, tags)
            _refuses_other_bytes(context, receive, receipts, arrived=True)
        with empty_store(), contextlib.chdir(there):
            _received(context, receive, receipts[0], "on a third machine")
            _has_arrived(context, tags[:1])
    context.note(sent=2, received=3, refused=6)


def _two_bentos(context: Context, name: str) -> list[str]:
    """Put two Bentos with a model each into the store; return their tags, the newest last."""
    major = context.random.randint(1, 5)
    versions = [f"{major}.0.{n}" for n in (1, 2)]
    start = datetime(2026, 2, 2, tzinfo=UTC)
    for n, version in enumerate(versions):
        model = f"{name}:{_sha256(version.encode())[:12]}"
        with bentoml.models.create(model) as stored:
            Path(stored.path_of("cards.onnx")).write_bytes(context.random.randbytes(3000))
        code = {"service.py": f"# version {version}\n"}
        put_bento(name, version, start + timedelta(days=n), code, model)
    return [f"{name}:{version}" for version in versions]


def _sent(
    context: Context, send: Callable[..., Any], tag: str, exact: str, folder: str
) -> tuple[Any, Receipt]:
    """Call ``send`` and compare the receipt with the file; return it, and a copy."""
    where = f"send({tag!r}, {folder!r})"

    def because(error: BaseException) -> str | None:
        outside = isinstance(error, FileNotFoundError) and str(Path.cwd()) not in str(error)
        return "relative" if outside and folder in str(error) else None

    got = context.call(send, tag, folder, where=where, because=because)
    receipt = context.plain(got, what="the receipt", where=where)
    keys = sorted(receipt) if isinstance(receipt, dict) else type(receipt).__name__
    if keys != ["file", "sha256", "tag"] or not all(isinstance(v, str) for v in receipt.values()):
        context.fail(
            f"The receipt has {keys}; texts under tag, file and sha256 were expected.",
            where=where,
            layer="schema",
        )
    mistakes = {"keeps_latest": tag}
    context.same(receipt["tag"], exact, what="The receipt's tag", where=where, mistakes=mistakes)
    file = Path(receipt["file"])
    if not file.is_absolute():
        context.fail(f"The receipt's file is {str(file)!r}, a relative path.", where=where)
    if not (file.is_relative_to(Path.cwd() / folder) and file.is_file()):
        said = "export_bento returns the path that it wrote"
        context.fail(f"There is no file {file.name!r} in that folder; {said}.", where=where)
    if receipt["sha256"] != _sha256(file.read_bytes()):
        digits = len(receipt["sha256"])
        context.fail(f"The receipt's sha256, {digits} digits, is not the file's.", where=where)
    return got, dict(receipt)


def _refuses_other_bytes(
    context: Context, receive: Callable[..., Any], receipts: list[Receipt], arrived: bool = False
) -> None:
    """Put the other version's file in its place: it can be read, and is not what was sent.

    Then, of a whole file, change the last digit of the receipt's digest.
    """
    file, other = (Path(receipt["file"]) for receipt in receipts)
    kept = file.read_bytes()
    shutil.copyfile(other, file)
    where = "the receipt's file has other bytes than those that were sent"
    where += "; the store has the Bento already" * arrived
    expect_value_error(
        context,
        receive,
        dict(receipts[0]),
        where=where,
        names=[file.name],
        mistake="not_verified" if not arrived else None,
    )
    file.write_bytes(kept)
    digest = receipts[0]["sha256"]
    changed = digest[:-1] + ("0" if digest[-1] != "0" else "1")
    where = "the last digit of the receipt's sha256 was changed"
    expect_value_error(
        context, receive, receipts[0] | {"sha256": changed}, where=where, names=[file.name]
    )
    if not arrived:
        _is_empty(context, where)


def _lets_errors_through(
    context: Context, receive: Callable[..., Any], tag: str, folder: Path
) -> None:
    """Send files with the right digest that hold no Bento, and none: nothing was received then."""
    text, archive = folder / "text.bento", folder / "archive.bento"
    text.write_text("not a Bento\n")
    with tarfile.open(archive, "w:xz") as tar:
        tar.add(text, arcname="README.md")
    for file, what in (
        (text, f"digest is right, and whose file {text.name} holds no Bento"),
        (archive, f"digest is right, and whose file {archive.name} holds no Bento"),
        (folder / "lost.bento", "file does not exist"),
    ):
        where, digest = f"a receipt whose {what}", "0" * 64
        if file.exists():
            digest = _sha256(file.read_bytes())
        try:
            receive({"tag": tag, "file": str(file), "sha256": digest})
        except Exception as error:
            own = _error_of_import(file)
            if file.exists() and not isinstance(error, (own, tarfile.TarError)):
                said = f"Your code raised {type(error).__name__}; {own.__name__} was expected."
                context.fail(said, where=where, cause="Let the error of import_bento propagate.")
        else:
            said = "Nothing was raised; an error was expected."
            context.fail(said, where=where, mistake="swallows" if file.exists() else None)


def _error_of_import(file: Path) -> type[Exception]:
    """Return what BentoML raises for a file that holds no Bento."""
    try:
        bentoml.import_bento(str(file))
    except Exception as error:
        return type(error)
    return Exception


def _is_empty(context: Context, where: str) -> None:
    left = [*tags_of(bentoml.list()), *tags_of(bentoml.models.list())]
    if left:
        said = f"It was refused, but the store has {', '.join(left)}."
        context.fail(said, where=where, mistake="too_late")


def _received(context: Context, receive: Callable[..., Any], receipt: Receipt, why: str) -> None:
    where = f"receive(…) of {receipt['tag']}, {why}"

    def because(error: BaseException) -> str | None:
        return "twice" if "already exists" in str(error) else None

    given = dict(receipt)
    got = context.call(receive, given, where=where, because=because)
    context.same(got, receipt["tag"], what="receive(receipt)", where=where)
    context.same(given, receipt, what="The caller's receipt, after the call,", where=where)


def _has_arrived(context: Context, tags: list[str]) -> None:
    there, models = tags_of(bentoml.list()), len(bentoml.models.list())
    if there != sorted(tags) or models != len(tags):
        context.fail(
            f"The other store has the Bentos {there} and {models} models; {sorted(tags)} and "
            f"{len(tags)} were expected."
        )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
