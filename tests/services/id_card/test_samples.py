"""The samples that ship are what the command draws, and show what their descriptions say."""

from __future__ import annotations

import numpy as np
import pytest

from services.id_card.samples import SAMPLES, load_sample
from services.id_card.samples.draw import SCENES, draw
from tests.services.id_card.image_files import CARDS


def test_each_sample_has_a_scene_with_as_many_cards():
    assert set(SCENES) == set(SAMPLES)
    assert {name: cards for name, (_, cards) in SCENES.items()} == CARDS


@pytest.mark.parametrize("name", SAMPLES)
def test_the_file_is_what_the_command_draws(name):
    drawn, shipped = (np.asarray(image, float) for image in (draw(name), load_sample(name)))
    assert drawn.shape == shipped.shape
    assert np.abs(drawn - shipped).mean() < 4, "JPEG costs less than that, another scene far more"


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="one_card, two_cards"):
        load_sample("three_cards")
