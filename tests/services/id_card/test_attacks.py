"""The gradient attack does what notebook 15 says: more than noise of the same size."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from services.id_card.attacks import GradientAttack
from services.id_card.detector import Detector
from services.id_card.training.synth import make_scene


@pytest.fixture(scope="module")
def attack() -> GradientAttack:
    return GradientAttack()


@pytest.fixture(scope="module")
def scenes(attack: GradientAttack) -> list[Image.Image]:
    return [make_scene("test", n, 41, cards=1, imgsz=384).image for n in range(4)]


def total(detector: Detector, image: Image.Image) -> float:
    return sum(box.confidence for box in detector.detect([image])[0])


def test_no_pixel_changes_by_more_than_epsilon(
    attack: GradientAttack, scenes: list[Image.Image]
) -> None:
    before = np.asarray(attack.board(scenes[0])).astype(int)
    for epsilon in (0, 3):
        after = np.asarray(attack.hide(scenes[0], epsilon, steps=3)).astype(int)
        assert np.abs(after - before).max() == epsilon


def test_it_hides_cards_and_noise_does_not(
    attack: GradientAttack, scenes: list[Image.Image], core: Detector
) -> None:
    rng = np.random.default_rng(0)
    boards = [attack.board(scene) for scene in scenes]
    clean = sum(total(core, board) for board in boards)
    assert clean > 0.5, "scenes without a found card test nothing"
    attacked = sum(total(core, attack.hide(scene, 8)) for scene in scenes)
    noisy = 0.0
    for board in boards:
        signs = 8 * rng.choice([-1, 1], (*board.size[::-1], 3))
        pixels = np.clip(np.asarray(board).astype(int) + signs, 0, 255).astype(np.uint8)
        noisy += total(core, Image.fromarray(pixels))
    assert attacked < 0.5 * clean
    assert attacked < 0.7 * noisy


def test_a_value_out_of_range(attack: GradientAttack, scenes: list[Image.Image]) -> None:
    for epsilon, steps in ((-1, 1), (256, 1), (1, 0)):
        with pytest.raises(ValueError, match="epsilon"):
            attack.hide(scenes[0], epsilon, steps)
