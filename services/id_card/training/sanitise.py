"""Make a finished training checkpoint fit to ship, and record its hash.

::

    python -m services.id_card.training.sanitise build/training/nano/stage4/weights/last.pt

ultralytics' training checkpoints hold the optimizer, the trainer's settings with absolute paths,
the date and the state of the git repository. What ships is the averaged network in half
precision and the settings that are needed to load it; the same weights always give the same bytes.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.id_card.model.checkpoint import SUMS, WEIGHTS, sha256

_ARGUMENTS = ("task", "imgsz", "single_cls")
"""The training settings that ultralytics reads again when it loads a checkpoint."""


def sanitise(checkpoint: str | Path, out: str | Path) -> Path:
    """Write the network of a training checkpoint to *out*, and its hash beside it.

    Parameters
    ----------
    checkpoint : path
        An ultralytics checkpoint. It is a pickle: loading it runs its code.
    out : path
        The file to write. Its line in the ``SHA256SUMS`` of its folder is written or replaced.

    Returns
    -------
    Path
        *out*.

    Raises
    ------
    FileNotFoundError
        If there is no such checkpoint.
    ValueError
        If the file holds no detection network.
    """
    import torch

    out = Path(out)
    loaded = torch.load(checkpoint, map_location="cpu", weights_only=False)
    buffer = io.BytesIO()
    torch.save(_bare(loaded), buffer)
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

    trained = (loaded.get("ema") or loaded.get("model")) if isinstance(loaded, dict) else None
    if not isinstance(trained, DetectionModel):
        raise ValueError("the file holds no detection network of ultralytics")
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


def _record(weights: Path) -> None:
    """Write the hash as ``sha256sum`` does, keeping the lines of other files."""
    sums = weights.with_name(SUMS)
    lines = sums.read_text(encoding="ascii").splitlines() if sums.exists() else []
    kept = [line for line in lines if line.split(maxsplit=1)[-1].lstrip("*") != weights.name]
    kept.append(f"{sha256(weights)}  {weights.name}")
    text = "\n".join(sorted(kept, key=lambda line: line.split(maxsplit=1)[-1])) + "\n"
    sums.write_text(text, encoding="ascii")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m services.id_card.training.sanitise",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("checkpoint", type=Path, help="a training checkpoint")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="(the shipped weights)")
    args = parser.parse_args(arguments)
    if not args.checkpoint.is_file():
        parser.error(f"no checkpoint at {args.checkpoint}")
    out = sanitise(args.checkpoint, args.out)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB, SHA-256 {sha256(out)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
