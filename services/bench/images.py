"""The sizes of the container images of the compared servers."""

from __future__ import annotations

from collections.abc import Callable

from services.id_card.bento import build as bento_build
from services.id_card.kserve import image as kserve_image
from services.packaging import container_engine

IMAGES: dict[str, Callable[[], str]] = {
    "bentoml": bento_build.image_name,
    "kserve": lambda: kserve_image.image_name(kserve_image.code()),
}
"""The servers for which this repository builds an image of the detector, and its current name.

``make container`` builds BentoML's, ``python -m services.id_card.kserve.image`` KServe's. The
image of ``infra/mlflow`` holds the recommender, so it cannot be compared.
"""


def image_mib(peer: str) -> int | None:
    """Return the size of a server's image in MiB, unpacked, its base included.

    It is None if there is no container engine, or no image of the current code.
    """
    if peer not in IMAGES:
        return None
    try:
        engine = container_engine.find_engine()
        image = IMAGES[peer]()
        return round(container_engine.size(engine, image) / 2**20)
    except (container_engine.NotRunError, container_engine.ContainerError):
        return None
