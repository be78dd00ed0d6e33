"""The detector's model in BentoML's model store: how it gets in, and which one a server loads.

A Bento pins a model by its tag, ``id_card:<version>``, under an alias. A server that runs from a
Bento looks up the alias and so gets that very version, however many newer ones the store holds. A
server that runs from the source code finds no such alias and loads what its environment names.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import bentoml
from bentoml.exceptions import NotFound

from services.id_card.model.checkpoint import WEIGHTS, sha256

MODEL = "id_card"
"""The model's name in the store."""

ALIAS = "served"
"""What the Bento's build file calls the version that it pins; see ``bentofile.yaml``."""


def pinned_weights() -> Path | None:
    """Return the model that the running Bento pins; None where no Bento runs.

    ``Detector.from_environment`` takes both: pinned is pinned, whatever the environment says.
    """
    try:
        return stored_weights(bentoml.models.get(ALIAS))
    except NotFound:
        return None


def stored_weights(model: bentoml.Model) -> Path:
    """Return the file in a stored model: an export, which is not a pickle and needs no torch."""
    return next(Path(model.path).glob("*.onnx"))


def save(weights: Path = WEIGHTS, version: str | None = None) -> bentoml.Model:
    """Export a checkpoint into the model store, or return it if it is there already.

    Parameters
    ----------
    weights : Path
        An ultralytics checkpoint.
    version : str, optional
        The first twelve digits of the checkpoint's SHA-256 if not given: the same weights always
        get the same tag, other weights never.

    Returns
    -------
    bentoml.Model
        Its metadata give the checkpoint's name and SHA-256.

    Raises
    ------
    FileNotFoundError
        If there is no such checkpoint.
    ValueError
        If the version exists and was made from other weights: versions are never overwritten.
    """
    if not weights.exists():
        raise FileNotFoundError(f"no weights at {weights}")
    digest = sha256(weights)
    tag = f"{MODEL}:{version or digest[:12]}"
    try:
        stored = bentoml.models.get(tag)
    except NotFound:
        pass
    else:
        if stored.info.metadata["sha256"] != digest:
            raise ValueError(
                f"{tag} is in the store already and holds {stored.info.metadata['weights']}; "
                f"give {weights.name} another version, or: bentoml models delete {tag}"
            )
        return stored
    from services.id_card.model.export import exported

    made = exported(weights, "onnx")
    about = {"weights": weights.name, "sha256": digest, "backend": "onnx"}
    with bentoml.models.create(tag, metadata=about) as model:
        shutil.copyfile(made, model.path_of(f"{weights.stem}.onnx"))
    return model
