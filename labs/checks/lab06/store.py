"""Temporary stores for BentoML, and Bentos to put into them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import bentoml
from bentoml._internal.bento import BentoStore
from bentoml._internal.bento.bento import BentoInfoV2, BentoModelInfo
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.models import ModelStore

from services.environment import build_dir


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield an empty folder; it is deleted after the block."""
    place = build_dir() / "labs"
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield Path(folder).resolve()


@contextmanager
def empty_store() -> Iterator[Path]:
    """Let BentoML use empty stores while the block runs; your own are left alone.

    Yields
    ------
    Path
        The folder of both: ``bentos`` and ``models`` in it. It is deleted after the block.
    """
    with temporary_folder() as folder:
        bentos, models = folder / "bentos", folder / "models"
        bentos.mkdir()
        models.mkdir()
        # BentoML reads BENTOML_HOME once, at its first use, which may be long past.
        with (
            patch.object(BentoMLContainer.bento_store, "_override", BentoStore(bentos)),
            patch.object(BentoMLContainer.model_store, "_override", ModelStore(models)),
        ):
            yield folder


def put_bento(
    name: str,
    version: str,
    created: datetime,
    files: Mapping[str, str] | None = None,
    model: str = "",
) -> None:
    """Put a Bento of a few lines into the store, without building it.

    Parameters
    ----------
    name, version : str
        Its tag.
    created : datetime
        The time at which it was built, with a time zone.
    files : mapping of str to str, optional
        Its code: texts by their names.
    model : str
        The tag of a model in the store that it pins, if not empty.
    """
    tag = bentoml.Tag(name, version)
    models = [BentoModelInfo(tag=bentoml.Tag.from_str(model), alias="served")] if model else []
    info = BentoInfoV2(
        tag=tag,
        service="service:CardDetector",
        entry_service=name,
        creation_time=created,
        models=models,
    )
    with temporary_folder() as folder:
        bento = bentoml.Bento(tag, folder, info)
        bento.flush_info()
        (folder / "src").mkdir()
        for place, text in (files or {}).items():
            (folder / "src" / place).write_text(text, encoding="utf-8")
        bento.save()


def tags_of(listed: Iterable[Any]) -> list[str]:
    """Return the tags of Bentos or models, sorted as texts."""
    return sorted(str(item.tag) for item in listed)


def put_examples() -> None:
    """Put four Bentos of the name ``cards`` into the store, to look at."""
    for day, version in enumerate(("1.9.0", "2.0.0", "1.9.1", "2.1.0")):
        put_bento("cards", version, datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(days=day))
