"""Versions of the recommender in BentoML's model store, where a Bento can pin one.

The tag is ``recommender:<version>`` with the registry's number, ``recommender:3``. A version is
never overwritten, so the same tag is the same file.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import bentoml

from services.recommender.cache import FILE, VersionCache
from services.recommender.pull import Registry
from services.recommender.recommender import Recommender
from services.recommender.smoke import smoke_test

NAME = "recommender"
"""The model's name in the store."""


def find(tag: str) -> bentoml.Model | None:
    """Return the stored model with exactly this tag, ``name:version``; None if there is none.

    ``bentoml.models.get`` takes the beginning of a version for the version: where there is no
    ``recommender:3``, it returns ``recommender:31``.
    """
    return next((one for one in bentoml.models.list() if str(one.tag) == tag), None)


def stored_recommender(model: bentoml.Model, tag: str) -> Recommender:
    """Return the recommender in a stored model, smoke-tested.

    Parameters
    ----------
    model : bentoml.Model
        What BentoML found.
    tag : str
        What it was asked for; see :func:`find` for why that may be something else.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is none, or it cannot be served, or it is another one.
    """
    if str(model.tag) != tag:
        raise ValueError(f"{tag} was to be served, and BentoML found {model.tag}")
    return smoke_test(Recommender.load(model.path_of(FILE), version=model.tag.version))


def store(file: Path, version: str) -> bentoml.Model:
    """Put a saved recommender into the model store, or return it if it is there already.

    Parameters
    ----------
    file : Path
        What :meth:`services.recommender.recommender.Recommender.save` wrote.
    version : str
        Of the model; answers name it.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file cannot be served, or the version exists with another content.
    """
    smoke_test(Recommender.load(file))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    tag = f"{NAME}:{version}"
    stored = find(tag)
    if stored is not None:
        if stored.info.metadata["sha256"] != digest:
            raise ValueError(
                f"{tag} is in the store already and holds another model; choose another version, "
                f"or: bentoml models delete {tag}"
            )
        return stored
    with bentoml.models.create(tag, metadata={"sha256": digest}) as model:
        shutil.copyfile(file, model.path_of(FILE))
    return model


def store_registered(registry: Registry, cache: VersionCache) -> bentoml.Model:
    """Put the version behind a registry's alias into the model store.

    Raises
    ------
    services.recommender.pull.PullError
        If the registry does not give it.
    """
    version = registry.pull(cache)
    return store(cache.file(version), version.number)
