"""Versions of the recommender in BentoML's model store, where a Bento can pin one.

The tag is ``recommender:<version>`` with the registry's number, ``recommender:3``. A version is
never overwritten, so the same tag is the same file.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import bentoml

from services.recommender.hot_swap.cache import FILE, VersionCache
from services.recommender.hot_swap.pull import Registry
from services.recommender.hot_swap.smoke import load_tested
from services.recommender.recommender import Recommender

NAME = "recommender"
"""The model's name in the store."""


def find(tag: str) -> bentoml.Model | None:
    """Return the stored model with exactly this tag, ``name:version``; None if there is none.

    ``bentoml.models.get`` takes the beginning of a version for the version: where there is no
    ``recommender:3``, it returns ``recommender:31``.
    """
    return next((one for one in bentoml.models.list() if str(one.tag) == tag), None)


def stored_recommender(model: bentoml.Model, tag: str) -> Recommender:
    """Return the recommender in the model that BentoML found for *tag*, smoke-tested.

    Raises FileNotFoundError or ValueError if it cannot be served, or is another model than the one
    requested; see :func:`find`.
    """
    if str(model.tag) != tag:
        raise ValueError(f"{tag} was requested, but BentoML found {model.tag}")
    return load_tested(Path(model.path_of(FILE)), model.tag.version)


def store(file: Path, version: str) -> bentoml.Model:
    """Put a file of :meth:`Recommender.save` into the model store, unless it is there already.

    Raises FileNotFoundError or ValueError if it cannot be served, or the version exists with
    different content.
    """
    load_tested(file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    tag = f"{NAME}:{version}"
    stored = find(tag)
    if stored is not None:
        if stored.info.metadata["sha256"] != digest:
            raise ValueError(
                f"{tag} is already in the store and holds another model; choose another version, "
                f"or: bentoml models delete {tag}"
            )
        return stored
    with bentoml.models.create(tag, metadata={"sha256": digest}) as model:
        shutil.copyfile(file, model.path_of(FILE))
    return model


def store_registered(registry: Registry, cache: VersionCache) -> bentoml.Model:
    """Put the version behind a registry's alias into the model store.

    Raises PullError if it cannot be pulled.
    """
    version = registry.pull(cache)
    return store(cache.file(version), version.number)
