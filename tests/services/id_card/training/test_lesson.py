"""The experiment of notebook 00: it runs, asks what it says, and its result is complete."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from services.id_card.training import lesson
from services.id_card.training.lesson import QUESTIONS, RESULT, TRAININGS, Answer, Size

TINY = Size(few=4, looks=8, imgsz=64, asked=1)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    """Where the tiny experiment ran, its answers, and what it said."""
    out, said = tmp_path_factory.mktemp("lesson"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lesson, "TRAININGS", {"many pictures, seldom": 8})  # one epoch
        return out, lesson.compare(out, TINY, say=said.append), said


def test_each_question_is_answered(experiment):
    _, answers, said = experiment
    assert [(a.pictures, a.question) for a in answers] == [(32, name) for name in QUESTIONS]
    assert all(0 <= a.low <= a.map50 <= a.high <= 1 for a in answers)
    assert [str(a) for a in answers] == said


def test_the_few_pictures_are_those_that_were_trained_on(experiment):
    out, _, _ = experiment
    files = sorted((out / "times8" / "scenes" / "images" / "train").iterdir())
    assert len(files) == 8 * TINY.few
    for file, scene in zip(files, lesson.questions(TINY, 0)["the few pictures"], strict=False):
        written = np.asarray(Image.open(file), float)
        assert np.abs(written - np.asarray(scene.image)).mean() < 6  # but for JPEG's loss


def test_no_other_question_was_trained_on():
    longest = max(times * Size().few for times in TRAININGS.values())
    for name in ("new pictures", "held-out designs"):
        split, first = QUESTIONS[name]
        assert split != "train" or first >= longest


def test_both_trainings_take_as_many_steps():
    size = Size()
    for times in TRAININGS.values():
        assert size.looks % times == 0
        assert (size.looks // times) % size.asked == 0


def test_answers_are_read_as_they_were_written(experiment, tmp_path):
    _, answers, _ = experiment
    lesson.write(answers, tmp_path / "result.csv")
    assert lesson.read(tmp_path / "result.csv") == answers


def test_the_committed_result_is_the_whole_experiment():
    size = Size()
    total = size.few * size.looks
    assert [(a.training, a.question, a.pictures) for a in lesson.read(RESULT)] == [
        (training, question, total * part // size.asked)
        for training in TRAININGS
        for part in range(1, size.asked + 1)
        for question in QUESTIONS
    ]


def test_an_answer_says_what_it_is_about():
    line = str(Answer("few pictures, often", "held-out designs", 2000, 0.5, 0.4, 0.6))
    assert "held-out designs" in line
    assert "0.500 (0.400 to 0.600)" in line
