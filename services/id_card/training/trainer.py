"""ultralytics' trainer as this project needs it: fresh scenes, safe checkpoints, one clear line.

The loop, the loss, the augmentation and the checkpoints are ultralytics'; see its
documentation for the settings. :mod:`.train` decides what is trained on what.
"""

from __future__ import annotations

import contextlib
import functools
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from ultralytics import settings
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.nn.tasks import DetectionModel, yaml_model_load
from ultralytics.utils import callbacks as hooks
from ultralytics.utils.torch_utils import init_seeds, unwrap_model

from services.id_card.model.backends import threads

_TELLTALES = ("clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb")
_EXACT = "exact"  # the checkpoint's key of the weights in full precision
SCALES: dict[str, tuple[float, float, int]] = {
    "nano": (0.33, 0.25, 1024),
    "small": (0.33, 0.125, 1024),
}
"""Depth and width of the networks, as shares of YOLOv8's, and the cap on channels."""


class FastNetwork(DetectionModel):
    """A network that trains in bfloat16 where the processor multiplies it in hardware.

    Its loss stays in full precision: an edge rounded to eight bits would be a quarter pixel off.
    """

    def loss(self, batch: dict[str, Any], preds: Any = None) -> Any:
        """Compute the loss of a batch, or of predictions for it."""
        on_cpu = batch["img"].device.type == "cpu"
        if preds is None and self.training and on_cpu and _multiplies_bfloat16():
            with torch.autocast("cpu", dtype=torch.bfloat16):
                preds = self.forward(batch["img"])
            preds = _full_precision(preds)
        return super().loss(batch, preds)


def _full_precision(preds: Any) -> Any:
    if isinstance(preds, dict):
        return {key: _full_precision(value) for key, value in preds.items()}
    if isinstance(preds, list | tuple):
        return type(preds)(map(_full_precision, preds))
    return preds.float() if isinstance(preds, torch.Tensor) else preds


@functools.cache
def _multiplies_bfloat16() -> bool:
    """Tell whether the processor multiplies bfloat16 in hardware (Linux says so; else no)."""
    information = Path("/proc/cpuinfo")
    flags = information.read_text(encoding="utf-8").split() if information.exists() else []
    return not {"amx_bf16", "avx512_bf16"}.isdisjoint(flags)


class CardTrainer(DetectionTrainer):
    """A detection trainer that renews its images and can be killed at any moment.

    *overrides* are ultralytics' settings, *scale* is a key of :data:`SCALES`. *renew* is called
    with the number of an epoch, from 0, before it begins; it makes that epoch's images and returns
    whether they have changed. *epoch_done* is called with the trainer after each epoch's checkpoint
    and returns whether to stop there. Every *val_every* epochs, and after the last, it validates.
    """

    def __init__(
        self,
        overrides: dict[str, Any],
        *,
        scale: str,
        renew: Callable[[int], bool],
        epoch_done: Callable[[CardTrainer], bool],
        val_every: int,
    ) -> None:
        # Some of ultralytics' reporters switch themselves on when their package is installed.
        settings.update(dict.fromkeys(_TELLTALES, False))
        self._scale = scale
        self._renew = renew
        self._epoch_done = epoch_done
        self._val_every = val_every
        self.validated = False
        super().__init__(overrides=overrides, _callbacks=hooks.get_default_callbacks())
        self.add_callback("on_train_start", _use_the_machine)
        self.add_callback("on_train_epoch_start", CardTrainer._start_epoch)
        self.add_callback("on_fit_epoch_end", CardTrainer._end_epoch)

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:
        """Make the network: of this trainer's scale, unless *weights* bring their own shape."""
        if not isinstance(cfg, dict):
            cfg = yaml_model_load(cfg)
            cfg["scales"], cfg["scale"] = {"n": list(SCALES[self._scale])}, "n"
        network = super().get_model(cfg, weights, verbose)
        network.__class__ = FastNetwork
        return network

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Prepare a batch, with its pixels in the memory layout that suits convolutions best."""
        batch = super().preprocess_batch(batch)
        batch["img"] = batch["img"].contiguous(memory_format=torch.channels_last)
        return batch

    def save_model(self) -> bool:
        """Write the checkpoint beside the last one, then swap: a kill leaves a whole file.

        To ultralytics' own, which keeps the averaged weights in half precision, are added the
        averaged and the trained ones as they are, so that nothing is lost in a restart.
        """
        last: Path = self.last  # type: ignore[has-type]
        self.last = last.with_suffix(".part")
        try:
            saved: bool = super().save_model()
        finally:
            written, self.last = self.last, last
        checkpoint = torch.load(written, map_location="cpu", weights_only=False)
        checkpoint[_EXACT] = [network.state_dict() for network in self._networks()]
        torch.save(checkpoint, written)
        written.replace(last)
        return saved

    def resume_training(self, ckpt: dict[str, Any] | None) -> None:
        """Resume a training exactly where its checkpoint left off."""
        super().resume_training(ckpt)
        if ckpt and self.resume and _EXACT in ckpt:
            for network, state in zip(self._networks(), ckpt[_EXACT], strict=True):
                network.load_state_dict(state)

    def _networks(self) -> list[torch.nn.Module]:
        network, averaged = self.model, self.ema
        assert isinstance(network, torch.nn.Module)  # set up by now, both
        assert averaged is not None
        return [unwrap_model(network), averaged.ema]

    def final_eval(self) -> None:
        """Leave the last checkpoint as it is: the next stage starts from it, not from the best."""

    def get_dataloader(self, *args: Any, **kwargs: Any) -> Any:
        """Load images without ultralytics' bars: there would be one every few epochs."""
        with contextlib.redirect_stdout(io.StringIO()):
            return super().get_dataloader(*args, **kwargs)

    def _start_epoch(self) -> None:
        self.epoch_began = time.monotonic()
        self.args.val = self.validated = (self.epoch + 1) % self._val_every == 0
        # An epoch draws the same random numbers whether or not the run was resumed before it.
        seed = self.args.seed + 1009 * self.epoch
        init_seeds(seed, deterministic=self.args.deterministic)
        if self._renew(self.epoch):
            self.train_loader = self.get_dataloader(
                self.data["train"], batch_size=self.batch_size, rank=-1, mode="train"
            )
        self.train_loader.reset()
        self.train_loader.generator.manual_seed(seed)

    def _end_epoch(self) -> None:
        self.validated |= self.epoch + 1 == self.epochs
        if self._epoch_done(self):
            self.stop = True


def _use_the_machine(trainer: CardTrainer) -> None:
    """Take all cores (ultralytics leaves one idle) and the faster memory layout."""
    torch.set_num_threads(threads())
    network: Any = trainer.model  # by now a module; the path it began as is of another type
    network.to(memory_format=torch.channels_last)
    # Checkpoints hold the averaged network, which must not need any class of this project.
    trainer.ema.ema.__class__ = DetectionModel


def finished_epochs(checkpoint: Path) -> int:
    """Return how many epochs a training checkpoint has behind it; 0 if there is none."""
    if not checkpoint.exists():
        return 0
    # The run folder's own file, written by save_model above.
    return int(torch.load(checkpoint, map_location="cpu", weights_only=False)["epoch"]) + 1


def precision(device: str) -> str | bool:
    """Return ultralytics' ``amp`` setting: bfloat16 where a GPU computes it, else float32.

    Its default, float16, first looks for a reference network on the internet.
    """
    gpu = device != "cpu" and torch.cuda.is_available()
    return "bf16" if gpu and torch.cuda.is_bf16_supported(including_emulation=False) else False


def choose_device(device: str) -> str:
    """Turn ``"auto"`` into ultralytics' name of the first GPU, or ``"cpu"``.

    Raises ValueError if several are named: ultralytics would start processes that know nothing of
    this.
    """
    if "," in device:
        raise ValueError(f"training takes one device; got {device!r}")
    if device != "auto":
        return device
    return "0" if torch.cuda.is_available() else "cpu"
