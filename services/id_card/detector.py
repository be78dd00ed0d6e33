"""The detector's core: images in, boxes out. It knows no serving framework.

Everything before and after the network is the same for all backends, so the same weights give the
same boxes whether torch, ONNX Runtime or OpenVINO computes the layers between (with ``int8`` nearly
the same, since it rounds). The steps are those of YOLOv8's reference
implementation (ultralytics): letterbox, network, non-maximum suppression. Chapter section 10.4.1
serves the same model.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from typing_extensions import TypedDict  # pydantic takes typing's own from Python 3.12 on only

from services.id_card.model.backends import BackendName, load_backend
from services.id_card.model.checkpoint import WEIGHTS
from services.id_card.model.drawing import draw
from services.id_card.model.geometry import (
    GREY,
    batch_of,
    corners_of,
    in_picture,
    suppress,
)
from services.id_card.model.images import FULL_SIZE, reduced, upright_rgb

SERVED_CONF = 0.5
"""Boxes below this confidence are not reported, unless a server or a caller says otherwise."""


class Corners(TypedDict):
    """A box in JSON: its edges in pixels of the upright image."""

    x1: float
    y1: float
    x2: float
    y2: float


# Written as a call, since "class" cannot be the name of an attribute.
DetectionDict = TypedDict(
    "DetectionDict", {"name": str, "class": int, "confidence": float, "box": Corners}
)
"""One detection in the chapter's JSON (section 10.3.1); servers answer with a list of them."""


@dataclass(frozen=True)
class Detection:
    """One found object.

    Attributes
    ----------
    name : str
        The name of its class, ``"id_card"``.
    class_id : int
        The number of its class, 0.
    confidence : float
        How sure the network is, 0 to 1.
    box : tuple of float
        ``(x1, y1, x2, y2)`` in pixels of the upright image, origin in its upper left corner,
        within the image.
    """

    name: str
    class_id: int
    confidence: float
    box: tuple[float, float, float, float]

    def as_dict(self) -> DetectionDict:
        """Return the chapter's JSON for one box."""
        x1, y1, x2, y2 = self.box
        return {
            "name": self.name,
            "class": self.class_id,
            "confidence": self.confidence,
            "box": {"x1": x1, "y1": y1, "x2": x2, "y2": y2},
        }

    @classmethod
    def from_dict(cls, answer: DetectionDict) -> Detection:
        """Read one box of a server's answer, the inverse of :meth:`as_dict`.

        Raises
        ------
        KeyError
            If a part is missing.
        """
        box = answer["box"]
        corners = (box["x1"], box["y1"], box["x2"], box["y2"])
        return cls(answer["name"], answer["class"], answer["confidence"], corners)


class Detector:
    """A YOLOv8 detector that can be called from several threads at once.

    The network is loaded and run once when the object is made, so the first request is not
    the slow one.

    Parameters
    ----------
    weights : str or path
        An ultralytics checkpoint ``.pt``, or a model already exported from one: ``.onnx``,
        ``.int8.onnx``, or an OpenVINO folder. A checkpoint is a pickle: loading it runs its code,
        so the shipped ones are checked against their SHA-256 first; check others yourself.
    backend : {"torch", "onnx", "openvino", "int8"}
        What computes the layers; ``"int8"`` is ONNX Runtime in 8-bit integers. For all but the
        first a checkpoint is exported on first use into ``build/exports/``, keyed by the hash of
        its content. An exported model needs no torch.
    imgsz : int, optional
        Side in pixels of the square that the network sees, a multiple of 32. As trained (it is
        stored with the model) if not given.
    conf : float
        Boxes below this confidence are dropped, 0 to 1.
    iou : float
        Of two boxes that overlap by more than this intersection over union, 0 to 1, the less
        confident one is dropped.
    device : str
        ``"auto"``: a GPU where the backend sees one, else the CPU. ``"cpu"``, ``"cuda:0"`` …

    Raises
    ------
    FileNotFoundError
        If the weights do not exist.
    ValueError
        If a parameter is out of range, or the weights' content is not the recorded one.

    Examples
    --------
    >>> from PIL import Image
    >>> detector = Detector()
    >>> [found] = detector.detect([Image.open("services/id_card/samples/one_card.jpg")])
    >>> found[0].name
    'id_card'
    """

    def __init__(
        self,
        weights: str | Path = WEIGHTS,
        backend: BackendName = "torch",
        imgsz: int | None = None,
        conf: float = SERVED_CONF,
        iou: float = 0.7,
        device: str = "auto",
    ) -> None:
        for name, value in (("conf", conf), ("iou", iou)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is a share, 0 to 1; got {value}")
        if imgsz is not None and (imgsz < 32 or imgsz % 32):
            raise ValueError(f"imgsz is a positive multiple of 32 pixels; got {imgsz}")
        self.network = load_backend(Path(weights), backend, imgsz=imgsz, device=device)
        self.imgsz = imgsz or self.network.imgsz
        self.names = self.network.names
        self.conf = conf
        self.iou = iou
        self._warm_up()

    @classmethod
    def from_environment(cls, weights: str | Path | None = None) -> Self:
        """Make the detector that a server offers, configured by its environment.

        ``ID_CARD_WEIGHTS`` (a path; the shipped weights), ``ID_CARD_BACKEND`` (``onnx``),
        ``ID_CARD_CONF`` (:data:`SERVED_CONF`) and ``ID_CARD_DEVICE`` (``auto``). Every adapter
        starts here, so all of them serve the same model. The exported model is the default: it is
        not a pickle, needs no torch, and is faster.

        Parameters
        ----------
        weights : str or path, optional
            Take these, whatever ``ID_CARD_WEIGHTS`` says.

        Raises
        ------
        FileNotFoundError, ValueError
            As the constructor does.
        """
        value = os.environ.get
        return cls(
            weights or value("ID_CARD_WEIGHTS", str(WEIGHTS)),
            backend=cast(BackendName, value("ID_CARD_BACKEND", "onnx")),
            conf=float(value("ID_CARD_CONF", str(SERVED_CONF))),
            device=value("ID_CARD_DEVICE", "auto"),
        )

    def detect(self, images: Sequence[Image.Image]) -> list[list[Detection]]:
        """Find the objects in a batch of images.

        Parameters
        ----------
        images : sequence of PIL.Image.Image
            Any sizes and modes; they are turned upright and into RGB first. They are not changed.
            Of an image that :func:`~services.id_card.model.images.decode` has reduced, boxes are
            in pixels of the full size.

        Returns
        -------
        list of list of Detection
            One list for each image, in the order given, the most confident first; empty
            where nothing was found.

        Raises
        ------
        TypeError
            If *images* is one image and not a sequence, or an element is not a PIL image (a
            path or an array, say).
        """
        if isinstance(images, Image.Image):
            raise TypeError("detect takes a sequence of PIL images; got one image. Use [image].")
        pictures = [_as_picture(image) for image in images]
        if not pictures:
            return []
        raw = self.network(batch_of([np.asarray(picture) for picture in pictures], self.imgsz))
        return [
            in_full_size(self._detections(scores, picture.size), picture)
            for scores, picture in zip(raw, pictures, strict=True)
        ]

    def render(self, image: Image.Image) -> Image.Image:
        """Draw what is found onto a copy of *image*, in memory.

        Returns
        -------
        PIL.Image.Image
            Mode ``RGB``, upright, of the (upright) image's size.
        """
        picture = _as_picture(image)
        return draw(picture, self.detect([reduced(picture)])[0])

    def _warm_up(self) -> None:
        blank = Image.new("RGB", (self.imgsz, self.imgsz), (GREY,) * 3)
        self.detect([blank])

    def _detections(self, raw: NDArray[np.float32], size: tuple[int, int]) -> list[Detection]:
        """Turn one image's raw output, shape (4 + classes, anchors), into detections."""
        boxes, scores = raw[:4].T, raw[4:].T
        classes = scores.argmax(axis=1)
        confidences = scores.max(axis=1)
        sure = confidences > self.conf
        boxes, classes, confidences = boxes[sure], classes[sure], confidences[sure]
        corners = corners_of(boxes)
        # On the square, before the boxes are cut at the image's edge: as the reference does.
        kept = suppress(corners, confidences, classes, self.iou)
        boxes = in_picture(corners, size, self.imgsz)
        return [
            Detection(
                name=self.names[int(classes[i])],
                class_id=int(classes[i]),
                confidence=float(confidences[i]),
                box=tuple(boxes[i].tolist()),
            )
            for i in kept
        ]


def in_full_size(detections: list[Detection], picture: Image.Image) -> list[Detection]:
    """Return detections in the pixels of the size that a reduced image had; others as they are.

    The network's answer may come from another process, to which only the pixels were sent.
    """
    full = picture.info.get(FULL_SIZE)
    if full is None:
        return detections
    x, y = full[0] / picture.width, full[1] / picture.height
    moved = ((x1 * x, y1 * y, x2 * x, y2 * y) for x1, y1, x2, y2 in (one.box for one in detections))
    return [replace(one, box=box) for one, box in zip(detections, moved, strict=True)]


def answer_in_full_size(answer: list[DetectionDict], picture: Image.Image) -> list[DetectionDict]:
    """Return JSON boxes as :func:`in_full_size` returns detections."""
    detections = [Detection.from_dict(one) for one in answer]
    return [one.as_dict() for one in in_full_size(detections, picture)]


def _as_picture(image: Image.Image) -> Image.Image:
    if not isinstance(image, Image.Image):
        raise TypeError(
            f"detect takes PIL images; got {type(image).__name__}. "
            "Use PIL.Image.open(path) for a file, PIL.Image.fromarray(rgb) for an array."
        )
    return upright_rgb(image)
