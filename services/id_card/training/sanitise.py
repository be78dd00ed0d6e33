"""Make a finished training checkpoint fit to ship, and record its hash.

ultralytics' training checkpoints hold the optimizer, the trainer's settings with absolute paths,
the date and the state of the git repository. What ships is the averaged network in half
precision and the settings that are needed to load it; the same weights always give the same bytes.
"""

from __future__ import annotations

import io
import math
from functools import partial
from pathlib import Path
from typing import Any

from services.id_card.model.checkpoint import SUMS, sha256

_ARGUMENTS = ("task", "imgsz", "single_cls")
"""The training settings that ultralytics reads again when it loads a checkpoint."""


def sanitise(
    checkpoint: str | Path,
    out: str | Path,
    *,
    start: str | Path | None = None,
    keep: float = 0.0,
    served: float = 0.5,
) -> Path:
    """Write the network of a training checkpoint to *out*, and its hash beside it.

    The file's line in the ``SHA256SUMS`` of its folder is written or replaced. The checkpoint is a
    pickle: loading it runs its code. *keep*, 0 to 1, is the share in the weights of *start*, the
    checkpoint that the training began with. The confidence *served*, above 0 and below 1, becomes
    0.5: all scores are shifted alike, so the order of the boxes, and with it the mean average
    precision, stays the same. Raises ValueError if the file holds no detection network.
    """
    import torch

    out = Path(out)
    load = partial(torch.load, map_location="cpu", weights_only=False)
    buffer = io.BytesIO()
    bare = _bare(load(checkpoint))
    if start is not None and keep:
        _average(bare["model"], _trained(load(start)), keep)
    _shift(bare["model"], served)
    torch.save(bare, buffer)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    part.write_bytes(buffer.getvalue())
    part.replace(out)
    _record(out)
    return out


def _bare(loaded: Any) -> dict[str, Any]:
    """Return a checkpoint with a new network, without anything attached to the old one."""
    from ultralytics import __version__
    from ultralytics.nn.tasks import DetectionModel

    trained = _trained(loaded)
    shape = dict(trained.yaml)
    shape.pop("yaml_file", None)  # a path
    network = DetectionModel(shape, verbose=False)
    network.load_state_dict(trained.float().state_dict())
    network.names = dict(trained.names)
    network.stride = trained.stride.clone()
    network.requires_grad_(False).half().eval()
    arguments = loaded.get("train_args", {})
    return {
        "epoch": -1,
        "model": network,
        "train_args": {key: arguments[key] for key in _ARGUMENTS if key in arguments},
        "version": __version__,
        "license": "AGPL-3.0-or-later",
    }


def _trained(loaded: Any) -> Any:
    """Return the averaged network of a checkpoint, or the only one that it has."""
    from ultralytics.nn.tasks import DetectionModel

    trained = (loaded.get("ema") or loaded.get("model")) if isinstance(loaded, dict) else None
    if not isinstance(trained, DetectionModel):
        raise ValueError("the file holds no detection network of ultralytics")
    return trained


def _average(network: Any, start: Any, keep: float) -> None:
    """Mix another network's weights into *network*; the sum is computed in float32."""
    ours, theirs = network.float().state_dict(), start.float().state_dict()
    for name, value in ours.items():
        if value.is_floating_point():
            value.mul_(1 - keep).add_(theirs[name], alpha=keep)
    network.half()


def _shift(network: Any, served: float) -> None:
    """Lower the bias of every score's last layer, so that confidence *served* becomes 0.5."""
    if served == 0.5:
        return
    network.float()
    for branch in network.model[-1].cv3:
        branch[-1].bias.data -= math.log(served / (1 - served))
    network.half()


def _record(weights: Path) -> None:
    """Write the hash as ``sha256sum`` does, keeping the lines of other files."""
    sums = weights.with_name(SUMS)
    lines = sums.read_text(encoding="ascii").splitlines() if sums.exists() else []
    kept = [line for line in lines if line.split(maxsplit=1)[-1].lstrip("*") != weights.name]
    kept.append(f"{sha256(weights)}  {weights.name}")
    text = "\n".join(sorted(kept, key=lambda line: line.split(maxsplit=1)[-1])) + "\n"
    sums.write_text(text, encoding="ascii")
