"""The measures, on answers whose score is known; then the evaluation through the detector."""

from __future__ import annotations

import numpy as np
import pytest

from services.id_card.detector import SERVED_CONF, Detection
from services.id_card.training import evaluate as evaluation
from services.id_card.training import scene_sets
from services.id_card.training.evaluate import evaluate, photograph_boxes, report, threshold_report
from services.id_card.training.metrics import (
    bootstrap,
    curve,
    map50,
    map50_95,
    overlaps,
    score_image,
    share,
)
from services.id_card.training.scene_sets import SceneSet, card_free_photographs
from services.id_card.training.synth import make_scene
from services.id_card.training.threshold import CANDIDATES, Operating, choose, table

CARD = np.array([[10.0, 10.0, 110.0, 70.0]])


class Oracle:
    """Stands in for the detector: knows the scenes, and answers with their boxes, changed."""

    imgsz = 320

    def __init__(self, scenes=(), change=lambda box: [(box, 0.9)], alarm=(), conf=0.001):
        self.answers = {scene.image.tobytes(): scene.boxes for scene in scenes}
        self.change, self.alarm, self.conf = change, alarm, conf

    def detect(self, images):
        return [
            [
                Detection("id_card", 0, confidence, tuple(map(float, box)))
                for truth in self.answers.get(image.tobytes(), ())
                for box, confidence in self.change(truth)
            ]
            + [Detection("id_card", 0, c, (0.0, 0.0, 5.0, 5.0)) for c in self.alarm]
            for image in images
        ]


@pytest.fixture(scope="module")
def scenes():
    return [make_scene("test", index, 0, imgsz=128) for index in range(20)]


def shifted(share_of_width):
    def change(box):
        return [(box + np.array([1, 0, 1, 0]) * share_of_width * (box[2] - box[0]), 0.9)]

    return change


# ---------------------------------------------------------------- measures


def test_overlaps_of_known_boxes():
    others = np.array([[10, 10, 110, 70], [60, 10, 160, 70], [200, 200, 210, 210]], float)
    np.testing.assert_allclose(overlaps(CARD, others), [[1, 1 / 3, 0]])
    assert overlaps(CARD, np.zeros((0, 4))).shape == (1, 0)


def test_a_second_box_on_the_same_card_is_wrong():
    image = score_image(np.repeat(CARD, 2, axis=0), np.array([0.4, 0.8]), CARD)
    np.testing.assert_array_equal(image.confidences, [0.8, 0.4])
    np.testing.assert_array_equal(image.correct[:, 0], [True, False])
    np.testing.assert_array_equal(image.found, [0.8])
    assert (image.false_alarms(0.5), image.false_alarms(0.3)) == (0, 1)
    assert (image.misses(0.5), image.misses(0.9)) == (0, 1)


def test_a_box_is_right_up_to_its_overlap():
    box = CARD + np.array([0, 0, -25, 0])  # an overlap of 0.75
    image = score_image(box, np.array([0.9]), CARD)
    assert image.overlaps[0] == pytest.approx(0.75)
    np.testing.assert_array_equal(image.correct[0], np.arange(10) < 6)


def test_average_precision_of_a_ranking_known_by_hand():
    """Right, wrong, right: precision 1 up to a recall of a half, then 2/3."""
    two = np.concatenate([CARD, CARD + 200])
    found = np.concatenate([CARD, CARD + 500, CARD + 200])
    image = score_image(found, np.array([0.9, 0.8, 0.7]), two)
    assert map50([image]) == pytest.approx(0.5 + 0.5 * 2 / 3, abs=0.02)
    precision = curve([image]).precision
    assert precision[100] == 1
    assert precision[900] == pytest.approx(2 / 3, abs=0.05)


def test_nothing_to_find_or_nothing_found():
    nothing = np.zeros((0, 4))
    empty = score_image(nothing, np.zeros(0), nothing)
    missed = score_image(nothing, np.zeros(0), CARD)
    assert map50([empty]) == map50([missed]) == map50_95([empty, missed]) == 0
    assert missed.misses() == 1


def test_score_refuses_what_does_not_fit_together():
    with pytest.raises(ValueError, match="1 boxes but 2"):
        score_image(CARD, np.array([0.1, 0.2]), CARD)


# ---------------------------------------------------------------- intervals


def some_images(n):
    """Every fourth card is missed."""
    box, nothing = np.array([0.9]), np.zeros((0, 4))
    hit, miss = score_image(CARD, box, CARD), score_image(nothing, np.zeros(0), CARD)
    return [miss if index % 4 == 0 else hit for index in range(n)]


def test_interval_holds_the_estimate_and_narrows_with_more_images():
    few, many = (bootstrap(some_images(n), map50, resamples=100) for n in (20, 320))
    for interval in (few, many):
        assert interval.low <= interval.value <= interval.high
        assert interval.value == pytest.approx(0.75, abs=0.02)
    assert many.high - many.low < 0.5 * (few.high - few.low)


def test_interval_repeats_itself_by_its_seed():
    images = some_images(40)
    first, again, other = (bootstrap(images, map50, resamples=50, seed=s) for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_share_is_honest_about_none():
    assert share(0, 200).low == 0
    assert share(0, 200).high == pytest.approx(0.0188, abs=0.0005)  # Wilson, by hand
    assert share(200, 200).high == pytest.approx(1)
    assert f"{share(1, 4):.0%}" == "25% (5% to 70%)"


@pytest.mark.parametrize(("count", "total"), [(0, 0), (-1, 5), (6, 5)])
def test_share_refuses_the_impossible(count, total):
    with pytest.raises(ValueError, match="share"):
        share(count, total)


def test_bootstrap_refuses_no_images():
    with pytest.raises(ValueError, match="at least one"):
        bootstrap([], map50)


# ---------------------------------------------------------------- scenes through a detector


def test_perfect_answers_score_one(scenes):
    result = evaluate(Oracle(scenes), scenes)
    assert result.map50(resamples=20).value > 0.99
    assert result.map50_95(resamples=20).value > 0.99
    assert result.recall().value == 1
    assert result.false_positive_share().value == 0
    assert len(result.images) == len(scenes)


def test_shifted_answers_score_lower(scenes):
    scores = [evaluate(Oracle(scenes, shifted(by)), scenes) for by in (0.0, 0.1, 0.3, 0.6)]
    fine = [float(result.curve.average_precision.mean()) for result in scores]
    coarse = [float(result.curve.average_precision[0]) for result in scores]
    assert fine[0] > fine[1] > fine[2] > fine[3] == 0
    assert coarse[1] > 0.99  # an overlap of 0.8 is enough for mAP50
    assert coarse[2] > 0.99
    assert coarse[3] == 0


def test_false_positives_count_images_and_only_above_the_served_confidence():
    empty = [make_scene("test", index, 0, cards=0, imgsz=96) for index in range(4)]
    assert evaluate(Oracle(alarm=(0.9, 0.8)), empty).false_positive_share().value == 1
    assert evaluate(Oracle(alarm=(0.49,)), empty).false_positive_share().value == 0
    assert evaluate(Oracle(alarm=(0.49,)), empty, conf=0.4).false_positive_share().value == 1


def test_a_detector_that_hides_its_doubts_is_refused(scenes):
    with pytest.raises(ValueError, match=r"conf=0\.001"):
        evaluate(Oracle(conf=0.5), scenes)


@pytest.mark.parametrize("cards", [None, 0])
def test_scenes_do_not_depend_on_who_draws_them(cards, monkeypatch):
    monkeypatch.setattr(scene_sets, "SCENE_SIZE", 96)
    wanted = SceneSet("some", "typical", 3, cards=cards)
    alone = list(wanted.scenes(4, 1))
    together = list(wanted.scenes(4, 2))
    assert [s.image.tobytes() for s in alone] == [s.image.tobytes() for s in together]
    assert all(len(scene.boxes) == 0 for scene in alone) == (cards == 0)


def test_report_holds_every_target_beside_what_was_reached(monkeypatch):
    monkeypatch.setattr(scene_sets, "SCENE_SIZE", 96)
    sets = [("typical", None), ("harsh", None), ("typical", 0)]
    drawn = [s for kind, cards in sets for s in SceneSet("", kind, 4, cards=cards).scenes(0, 1)]
    counts = {"typical": 4, "harsh": 4, "empty": 4}
    lines = report(Oracle(drawn), **counts)
    assert [line.target for line in lines] == [
        "≥ 0.97", "≥ 0.87", "", "≥ 0.93", "≥ 0.77", "", "≤ 5%", "≤ 8%", "0",
    ]  # fmt: skip
    missed = [line.what for line in lines if not line.reached]
    assert missed == ["the same, upper end of the interval"]  # four scenes prove nothing
    assert [line.got[:6] for line in lines if "cards found" in line.what] == ["100.0%"] * 2
    worse = report(Oracle(drawn, alarm=(0.9,)), **counts)
    assert not worse[-1].reached  # boxes on photographs
    assert "bus.jpg" in worse[-1].got
    assert not worse[-3].reached
    assert "missed" in str(worse[-1])
    strict = report(Oracle(drawn, alarm=(0.9,)), conf=0.95, **counts)
    assert strict[-1].reached
    assert strict[-3].reached
    assert "0.0%" in next(line.got for line in strict if "cards found" in line.what)


def test_photographs_without_a_card_are_real_ones_and_named():
    pictures = card_free_photographs()
    assert {"bus.jpg", "zidane.jpg", "astronaut.png", "page.png", "coffee.png"} <= set(pictures)
    assert len(pictures) >= 20
    assert set(photograph_boxes(Oracle(alarm=(0.9,)))) == set(pictures)
    assert photograph_boxes(Oracle(alarm=(SERVED_CONF - 0.01,))) == {}


def test_command_prints_the_report(monkeypatch, capsys):
    monkeypatch.setattr(scene_sets, "SCENE_SIZE", 96)
    monkeypatch.setattr(evaluation, "usable_cores", lambda: 1)
    monkeypatch.setattr(evaluation, "Detector", lambda *args, **options: Oracle())
    counts = ["--n-typical", "2", "--n-harsh", "2", "--n-empty", "2"]
    assert evaluation.main([*counts, "--seed", "3"]) == 0
    printed = capsys.readouterr()
    assert "seed 3" in printed.out
    assert printed.out.count("missed") == 5  # the interval of two scenes is wide
    assert "2/2" in printed.err  # the progress bar


# ---------------------------------------------------------------- the confidence that serves


def cards_found_at(*confidences):
    return [score_image(CARD, np.array([c]), CARD) for c in confidences]


def alarms_at(*confidences):
    return [score_image(CARD, np.array([c]), np.zeros((0, 4))) for c in confidences]


def test_the_chosen_threshold_makes_the_fewest_mistakes():
    """Half the alarms end at 0.52, cards are lost from 0.72 on: the best lies between."""
    cards = cards_found_at(*[0.72] * 5, *[0.95] * 5)
    without = alarms_at(*[0.52] * 5, *[0.91] * 5)
    best, points = choose(cards, without)
    assert best == Operating(0.7, 0.0, 0.5)
    assert [point.conf for point in points] == list(CANDIDATES)
    at = {point.conf: point for point in points}
    assert (at[0.5].missed, at[0.5].alarms, at[0.5].cost) == (0, 1, 1)
    assert (at[0.8].missed, at[0.8].alarms, at[0.8].cost) == (0.5, 0.5, 1)


def test_a_dearer_false_alarm_raises_the_threshold(monkeypatch):
    cards, without = cards_found_at(*[0.5] * 4, *[0.9] * 6), alarms_at(*[0.6] * 3, *[0.1] * 7)
    assert choose(cards, without)[0].conf < 0.5
    monkeypatch.setattr("services.id_card.training.threshold.FALSE_ALARM_COST", 2.0)
    assert choose(cards, without)[0].conf > 0.6


def test_choosing_takes_both_kinds_of_images():
    for cards, without in (
        ([], alarms_at(0.5)),
        (cards_found_at(0.5), []),
        (cards_found_at(0.5), cards_found_at(0.5)),
    ):
        with pytest.raises(ValueError, match="images with cards, and images without"):
            choose(cards, without)


def test_the_table_marks_the_choice_and_states_the_cost():
    rows = table(choose(cards_found_at(0.72), alarms_at(0.52))).splitlines()
    [marked] = [row for row in rows if "least cost" in row]
    assert marked.startswith("0.70")
    assert len(rows) == len(CANDIDATES) + 2
    assert "as much as 1 missed card" in rows[-1]


def test_the_threshold_comes_from_the_validation_split(monkeypatch):
    monkeypatch.setattr(scene_sets, "SCENE_SIZE", 96)
    sets = [SceneSet("", "typical", 4, cards, "val") for cards in (None, 0)]
    drawn = [scene for each in sets for scene in each.scenes(0, 1)]
    text = threshold_report(Oracle(drawn, alarm=(0.6,)), with_cards=4, empty=4)
    [marked] = [row for row in text.splitlines() if "least cost" in row]
    assert marked.split()[:3] == ["0.85", "0.0%", "0.0%"]  # the oracle is sure to 0.9


def test_what_serves_unless_told_otherwise_is_one_of_the_candidates():
    assert SERVED_CONF in CANDIDATES


def test_command_explains_what_is_wrong(capsys, tmp_path):
    for arguments, message in (
        (["--weights", str(tmp_path / "none.pt")], "no weights"),
        (["--n-empty", "0"], "at least one"),
    ):
        with pytest.raises(SystemExit) as stop:
            evaluation.main(arguments)
        assert stop.value.code == 2
        assert message in capsys.readouterr().err
