"""Why a box: the map points at the card, noise does not, and a seed is a seed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from services.errors import InputError
from services.id_card.detector import Detection, Detector
from services.id_card.explain import Saliency, explain, overlay, random_masks
from services.id_card.samples import load_sample


@pytest.fixture(scope="module")
def detector(core: Detector) -> Detector:
    return core


@pytest.fixture(scope="module")
def two(detector: Detector) -> list[Saliency]:
    """Both cards of the sample, each explained."""
    picture = load_sample("two_cards")
    return [explain(detector, picture, box, masks=240) for box in (0, 1)]


def noise(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """A map of the same smoothness that knows nothing."""
    [mask] = random_masks(1, shape, np.random.default_rng(seed))
    return mask


def test_a_map_points_at_its_own_card(two: list[Saliency]) -> None:
    width, height = load_sample("two_cards").size
    for saliency, other in (two, two[::-1]):
        assert saliency.map.shape == (height, width)
        assert saliency.map.dtype == np.float32
        assert (saliency.map.min(), saliency.map.max()) == pytest.approx((0, 1), abs=0.05)
        x, y = saliency.peak()
        x1, y1, x2, y2 = saliency.detection.box
        assert x1 <= x <= x2
        assert y1 <= y <= y2
        swapped = Saliency(saliency.map, other.detection)
        assert saliency.contrast() > 1.5 > 1.3 > swapped.contrast()
        blind = Saliency(noise(saliency.map.shape), saliency.detection)
        assert saliency.contrast() > 1.4 * blind.contrast()
    assert np.corrcoef(two[0].map.ravel(), two[1].map.ravel())[0, 1] < 0.5


def test_a_seed_gives_the_same_map_and_another_seed_one_like_it(
    detector: Detector, two: list[Saliency]
) -> None:
    picture = load_sample("two_cards")
    again = explain(detector, picture, 0, masks=240)
    np.testing.assert_array_equal(again.map, two[0].map)
    other = explain(detector, picture, 0, masks=240, seed=1)
    assert not np.array_equal(other.map, two[0].map)
    assert np.corrcoef(other.map.ravel(), two[0].map.ravel())[0, 1] > 0.4


def test_the_picture_and_the_detector_are_left_alone(detector: Detector) -> None:
    picture = load_sample("one_card")
    before, found = picture.tobytes(), detector.detect([picture])
    saliency = explain(detector, picture, masks=1)
    assert picture.tobytes() == before
    assert detector.detect([picture]) == found
    assert saliency.detection == found[0][0]
    with pytest.raises(ValueError, match="read-only"):
        saliency.map[0, 0] = 1


@pytest.mark.parametrize("size", [(1000, 400), (300, 900)])
def test_any_shape_of_picture_is_explained(detector: Detector, size: tuple[int, int]) -> None:
    card = load_sample("close_up").resize((290, 218))
    picture = Image.new("RGB", size, (120, 110, 100))
    picture.paste(card, (5, 100))
    saliency = explain(detector, picture.convert("RGBA"), masks=60)
    assert saliency.map.shape == size[::-1]
    assert saliency.contrast() > 1.2


def test_masks_hide_half_on_average_and_softly() -> None:
    masks = np.stack([*random_masks(300, (60, 83), np.random.default_rng(0))])
    assert masks.shape == (300, 60, 83)
    assert (masks.min(), masks.max()) == (0, 1)
    np.testing.assert_allclose(masks.mean(axis=0), 0.5, atol=0.12)
    assert np.abs(np.diff(masks, axis=2)).max() < 0.2


def test_the_overlay_shows_the_map_and_the_box(two: list[Saliency]) -> None:
    picture = load_sample("two_cards")
    drawn = overlay(picture, two[0])
    assert (drawn.size, drawn.mode) == (picture.size, "RGB")
    x, y = two[0].peak()
    low = np.unravel_index(two[0].map.argmin(), two[0].map.shape)
    pixels = np.asarray(drawn).astype(int)
    assert pixels[y, x, 0] > pixels[low][0] + 60, "bright where it matters"
    with pytest.raises(ValueError, match="map is of an image of"):
        overlay(picture.resize((100, 100)), two[0])


def test_a_box_that_fills_the_picture_has_no_outside() -> None:
    whole = Detection("id_card", 0, 0.9, (0.0, 0.0, 4.0, 3.0))
    assert np.isnan(Saliency(np.ones((3, 4), np.float32), whole).contrast())


@pytest.mark.parametrize(
    ("sample", "options", "code", "message"),
    [
        (
            "two_cards",
            {"box": 2},
            "box_unknown",
            "There is no box 2 in this image; it has 2, counted from 0",
        ),
        ("no_card", {}, "box_unknown", "no box 0 in this image; no card was found"),
        ("two_cards", {"box": -1}, "box_invalid", "'box' is -1."),
        ("two_cards", {"box": True}, "box_invalid", "'box' is true."),
        ("two_cards", {"box": "0"}, "box_invalid", "'box' is '0'"),
        ("two_cards", {"masks": 0}, "masks_invalid", "'masks' is 0."),
        ("two_cards", {"masks": 10**9}, "masks_invalid", "'masks' is 1000000000."),
    ],
)
def test_bad_values_are_refused(
    detector: Detector, sample: str, options: dict, code: str, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        explain(detector, load_sample(sample), **options)
    assert (caught.value.code, caught.value.status) == (code, 422)
    assert caught.value.hint
