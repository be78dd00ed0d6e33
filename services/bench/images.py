"""How large the container images are in which the compared servers are shipped."""

from __future__ import annotations

from collections.abc import Callable

from services.id_card import bento
from services.workbench import containers, kserve_image

IMAGES: dict[str, Callable[[], str]] = {
    "bentoml": bento.image_name,
    "kserve": lambda: kserve_image.image_name(kserve_image.code()),
}
"""The servers for which this repository builds an image of the detector, and its present name.

``make container`` builds BentoML's, ``python -m services.workbench.kserve_image`` KServe's. The
image of ``infra/mlflow`` holds the recommender, so it would be no comparison.
"""


def image_mib(peer: str) -> int | None:
    """Return the size of a server's image in MiB, unpacked, its base included.

    Parameters
    ----------
    peer : str
        A name in :data:`services.bench.peers.PEERS`.

    Returns
    -------
    int or None
        None if there is no engine here, or no image of the present code.
    """
    if peer not in IMAGES:
        return None
    try:
        engine = containers.find_engine()
        image = IMAGES[peer]()
        return round(containers.size(engine, image) / 2**20)
    except (containers.NotRunError, containers.ContainerError):
        return None
