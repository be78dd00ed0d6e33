"""Images that hide their cards from the detector: notebook 15 shows what they do and what helps.

The fast gradient sign method (Goodfellow et al. 2015) changes every pixel by the same small amount
in the direction that lowers the network's scores; repeated in smaller steps (Kurakin et al. 2017)
it finds better directions. Both need the weights, and torch, which nothing that serves imports.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from services.id_card.model.checkpoint import WEIGHTS, load_checkpoint
from services.id_card.model.geometry import letterbox
from services.id_card.model.images import upright_rgb

MARGIN = 3.0
"""How far below even odds, in log-odds, the attack pushes each score: to 0.05."""


class GradientAttack:
    """An attacker who has the weights.

    Parameters
    ----------
    weights : Path
        A checkpoint, checked against its recorded hash.

    Raises
    ------
    ValueError
        If the content is not the recorded one.
    """

    def __init__(self, weights: Path = WEIGHTS) -> None:
        model, _, self.imgsz = load_checkpoint(weights)
        self._model = model.float().eval().requires_grad_(False)

    def board(self, image: Image.Image) -> Image.Image:
        """Return the square that the network sees of an image: what is attacked."""
        return Image.fromarray(letterbox(np.asarray(upright_rgb(image)), self.imgsz))

    def hide(self, image: Image.Image, epsilon: int, steps: int = 10) -> Image.Image:
        """Return the network's square of an image, changed so that fewer cards are found.

        Parameters
        ----------
        image : PIL.Image.Image
            It is not changed.
        epsilon : int
            The most that any channel of a pixel changes, 0 to 255.
        steps : int
            1: the fast gradient sign method; more: the iterated one.

        Returns
        -------
        PIL.Image.Image
            RGB, of the network's size. Saved as PNG it reaches the network unchanged.

        Raises
        ------
        ValueError
            If *epsilon* or *steps* is out of range.
        """
        if not 0 <= epsilon <= 255 or steps < 1:
            raise ValueError(f"epsilon is 0 to 255, steps 1 or more; got {epsilon} and {steps}")
        import torch

        pixels = np.asarray(self.board(image), np.float32).transpose(2, 0, 1)[None] / 255
        start = torch.from_numpy(pixels)
        most = epsilon / 255
        step = most if steps == 1 else max(min(most, 1 / 255), most / 4)
        changed = start.clone()
        for _ in range(steps):
            changed.requires_grad_(True)
            scores = self._model(changed)[0][:, 4:]
            # softplus is close to 0 for low scores, so only higher ones are pushed down.
            loss = torch.nn.functional.softplus(torch.logit(scores, eps=1e-6) + MARGIN).sum()
            [slope] = torch.autograd.grad(loss, changed)
            moved = changed.detach() - step * slope.sign()
            changed = moved.clamp(start - most, start + most).clamp(0, 1)
        found = (changed[0].numpy().transpose(1, 2, 0) * 255).round()
        return Image.fromarray(found.astype(np.uint8))
