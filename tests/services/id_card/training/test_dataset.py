"""The synthetic data set: same seed, same bytes; tight boxes; nothing leaks between splits."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from services.id_card.training import dataset
from services.id_card.training.synth import (
    DIFFICULTIES,
    FAMILIES,
    SPLITS,
    Scene,
    composer,
    families,
    make_scene,
)
from services.id_card.training.synth.cards.card import LAYOUTS, draw_card
from services.id_card.training.synth.composer import THINGS
from services.id_card.training.synth.photo import backgrounds
from services.id_card.training.synth.photo.camera import lay, tilt
from services.id_card.training.synth.photo.photographs import load_photograph
from services.id_card.training.synth.photo.textures import TEXTURES
from services.id_card.training.synth.stage import MIN_VISIBLE, Light, Stage, bounds
from services.id_card.training.synth.stickers import Sticker

SMALL = 160  # pixels: quick, and no rule depends on the size


def files(folder: Path) -> dict[str, bytes]:
    """Read a data set: relative path to content."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    """A sample over all splits and difficulties."""
    return [
        make_scene(split, index, 3, difficulty, imgsz=SMALL)
        for split, difficulty in itertools.product(SPLITS, ("typical", "harsh"))
        for index in range(12)
    ]


# ---------------------------------------------------------------- determinism


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_same_arguments_give_the_same_scene_whatever_was_made_before(difficulty):
    first, _, again = (make_scene("train", i, 1, difficulty, imgsz=SMALL) for i in (5, 4, 5))
    assert first.image.tobytes() == again.image.tobytes()
    np.testing.assert_array_equal(first.boxes, again.boxes)


def test_seed_split_and_index_each_change_the_scene():
    arguments = [("train", 0, 0), ("train", 1, 0), ("train", 0, 1), ("val", 0, 0), ("test", 0, 0)]
    pictures = {make_scene(*each, imgsz=SMALL).image.tobytes() for each in arguments}
    assert len(pictures) == len(arguments)


def test_any_number_of_workers_writes_the_same_bytes(tmp_path):
    options = {"val": 2, "test": 2, "imgsz": SMALL, "progress": False}
    for workers in (1, 2):
        dataset.write_dataset(tmp_path / str(workers), 6, 9, workers=workers, **options)
    assert files(tmp_path / "1") == files(tmp_path / "2")


def test_a_larger_data_set_begins_with_the_smaller_one_and_first_goes_on_where_that_ended(tmp_path):
    options = {"val": 0, "test": 0, "imgsz": SMALL, "progress": False}
    for name, n, first in (("start", 2, 0), ("rest", 2, 2), ("all", 4, 0)):
        dataset.write_dataset(tmp_path / name, n, first=first, **options)
    start, rest = files(tmp_path / "start"), files(tmp_path / "rest")
    assert len(start | rest) == len(start) + 4  # two pictures with their labels
    assert start | rest == files(tmp_path / "all")


# ---------------------------------------------------------------- labels


def test_boxes_are_tight_to_the_cards_and_inside_the_image(scenes):
    cards = 0
    for scene in scenes:
        width, height = scene.image.size
        for box, outline in zip(scene.boxes, scene.outlines, strict=True):
            ys, xs = np.nonzero(outline)
            tight = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
            np.testing.assert_allclose(box, tight, atol=1)
            assert 0 <= box[0] < box[2] <= width
            assert 0 <= box[1] < box[3] <= height
            cards += 1
    assert cards > 60


@pytest.mark.parametrize("spin", [0, 17, 90, -140])
@pytest.mark.parametrize("pitch", [0.0, -0.6])
def test_box_fits_the_painted_pixels(spin, pitch):
    """Independent of the outline: paint a green card on black and look at the picture."""
    light = Light((1.0, 0.0), 0.5, 0.5, 0.4)
    stage = Stage(np.zeros((200, 260, 3), np.float32), light)
    green = np.zeros((108, 172, 4), np.uint8)
    green[..., 1:] = (255, 0, 255)
    pose = lay(tilt(260, 200, pitch, 0.2, 1.5), (86, 54), (130, 100), spin, 1.3)
    assert stage.put_card(np.random.default_rng(0), Sticker(green), pose)
    ys, xs = np.nonzero(stage.pixels[..., 1] > 127)
    painted = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
    np.testing.assert_allclose(stage.cards[0].box, painted, atol=1)
    corners = [*pose.corners.min(0), *pose.corners.max(0)]
    np.testing.assert_allclose(stage.cards[0].box, corners, atol=1.5)


WHITE = Sticker(np.full((54, 86, 4), 255, np.uint8))


def at(x, y):
    """Lay the white card level at a point of the stage."""
    return lay(tilt(100, 100, 0, 0, 2), (86, 54), (x, y), 0, 1)


@pytest.fixture
def stage():
    return Stage(np.zeros((100, 100, 3), np.float32), Light((0.0, 1.0), 0.5, 0.5, 0.4))


def test_a_card_at_the_border_is_clipped_to_the_image(stage):
    assert stage.put_card(np.random.default_rng(0), WHITE, at(30, 50))
    assert stage.cards[0].box == pytest.approx((0, 23, 73, 77), abs=1)


def test_a_card_mostly_outside_the_frame_is_refused(stage):
    assert not stage.put_card(np.random.default_rng(0), WHITE, at(0, 50))
    assert not stage.cards
    assert not stage.pixels.any()


def test_nothing_may_hide_most_of_a_card(stage):
    stage.put_card(np.random.default_rng(0), WHITE, at(50, 50))
    assert not stage.put(WHITE, at(55, 50))
    assert stage.put(WHITE, at(115, 90))
    assert stage.cards[0].visible_fraction >= MIN_VISIBLE


def test_nothing_may_hide_a_whole_edge(stage):
    stage.put_card(np.random.default_rng(0), WHITE, at(50, 50))
    assert not stage.put(WHITE, at(120, 50))
    assert bounds(stage.cards[0].visible) == stage.cards[0].box


def test_every_labelled_card_is_visible_enough(scenes):
    # Outlines count whole pixels, so allow for their edge.
    assert all((scene.visible >= MIN_VISIBLE - 0.03).all() for scene in scenes)


def test_cards_come_in_all_sizes():
    shares = []
    for index in range(60):
        scene = make_scene("train", index, 11, "typical", cards=1, imgsz=SMALL)
        frame = scene.image.width * scene.image.height
        shares += [outline.sum() / frame for outline in scene.outlines]
    assert min(shares) > 0.025
    assert min(shares) < 0.09
    assert max(shares) > 0.5


def test_yolo_lines_give_the_boxes_back(scenes):
    for scene in scenes:
        lines = dataset.yolo_lines(scene)
        numbers = np.array([line.split() for line in lines], float).reshape(-1, 5)
        centre, size = numbers[:, 1:3], numbers[:, 3:]
        boxes = np.hstack([centre - size / 2, centre + size / 2]) * np.tile(scene.image.size, 2)
        np.testing.assert_allclose(boxes, scene.boxes, atol=0.01)
        assert (numbers[:, 0] == 0).all()


# ---------------------------------------------------------------- contents


def test_no_family_belongs_to_two_splits():
    for kind, table in FAMILIES.items():
        for first, second in itertools.combinations(SPLITS, 2):
            assert not set(table[first]) & set(table[second]), (kind, first, second)
        assert all(table[split] for split in SPLITS), kind


def test_the_table_names_everything_there_is():
    def named(kind):
        return {name for split in SPLITS for name in families(kind, split)}

    assert named("layouts") == set(LAYOUTS)
    assert named("textures") == set(TEXTURES)
    assert named("cards") | named("things") == set(THINGS)


def test_no_photograph_is_one_that_the_detector_is_tested_on():
    names = {name for split in SPLITS for name in families("photographs", split)}
    assert not any("bus" in name or "zidane" in name for name in names)
    for name in names:
        pixels = load_photograph(name)
        assert pixels.ndim == 3
        assert pixels.dtype == np.uint8


@pytest.mark.parametrize("split", SPLITS)
def test_scenes_show_only_what_their_split_may(split, monkeypatch):
    used = {kind: set() for kind in FAMILIES}

    def spy(kind, wanted):
        used[kind].add(wanted)
        return families(kind, wanted)

    monkeypatch.setattr(composer, "families", spy)
    monkeypatch.setattr(backgrounds, "families", spy)
    for index in range(12):
        make_scene(split, index, 2, "harsh", imgsz=SMALL)
    assert all(seen <= {split} for seen in used.values())
    assert used["layouts"] == {split}


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_each_layout_renders(name):
    layout = LAYOUTS[name]
    card = draw_card(np.random.default_rng(1), name, 240).pixels
    height, width = card.shape[:2]
    assert max(height, width) == 240
    assert min(height, width) == pytest.approx(240 * layout.ratio, abs=1)
    assert (height > width) == layout.portrait
    assert card[0, 0, 3] < 128 < card[height // 2, width // 2, 3]  # round corner, solid middle
    assert card[..., :3].std() > 8  # something is printed on it


@pytest.mark.parametrize("name", sorted(THINGS))
def test_each_thing_renders(name):
    pixels = THINGS[name].draw(np.random.default_rng(1), 120).pixels
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 4
    assert pixels[..., 3].any()


def test_card_refuses_a_size_that_shows_nothing():
    with pytest.raises(ValueError, match="at least 16"):
        draw_card(np.random.default_rng(0), "us_licence", 8)


@pytest.mark.parametrize("difficulty", ["typical", "harsh"])
def test_card_free_scenes_carry_no_boxes(difficulty):
    for index in range(8):
        scene = make_scene("test", index, 0, difficulty, cards=0, imgsz=SMALL)
        assert scene.boxes.shape == (0, 4)
        assert dataset.yolo_lines(scene) == []


def test_difficulties_show_as_many_cards_as_they_say():
    def counts(difficulty, n):
        return [len(make_scene("train", i, 0, difficulty, imgsz=96).boxes) for i in range(n)]

    typical, mixed = counts("typical", 40), counts("mixed", 60)
    assert set(typical) <= {0, 1, 2}
    assert typical.count(0) <= 1  # now and then a card finds no room
    assert 3 <= mixed.count(0) <= 24
    assert max(mixed) > 2


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "holdout"}, "split"),
        ({"index": -1}, "index"),
        ({"seed": -1}, "seed"),
        ({"difficulty": "impossible"}, "difficulty"),
        ({"cards": 5}, "between 0 and 4"),
        ({"imgsz": 8}, "at least 64"),
    ],
)
def test_make_scene_says_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_scene(**{"split": "train", "index": 0, "seed": 0, **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": -1}, "negative"),
        ({"n": 0}, "all zero"),
        ({"seed": -3}, "seed"),
        ({"first": -1}, "first"),
        ({"workers": 0}, "workers"),
    ],
)
def test_write_dataset_says_what_is_wrong(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        dataset.write_dataset(tmp_path / "out", **{"n": 1, "progress": False, **arguments})
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------- command line, contact sheet


def test_command_writes_what_it_says(tmp_path, capsys):
    folder = tmp_path / "cards"
    options = f"--n 3 --val 2 --test 1 --seed 4 --workers 1 --imgsz {SMALL}"
    dataset.main(["--out", str(folder), *options.split()])
    printed = capsys.readouterr()
    assert "6 images" in printed.out
    assert "6/6" in printed.err  # the progress bar
    data = yaml.safe_load((folder / "data.yaml").read_text())
    assert data["names"] == {0: "id_card"}
    assert "path" not in data  # so the folder can be moved
    for split, count in {"train": 3, "val": 2, "test": 1}.items():
        pictures = sorted((folder / data[split]).glob("*.jpg"))
        assert len(pictures) == count
        for path in pictures:
            with Image.open(path) as picture:
                assert max(picture.size) == SMALL
            assert (folder / "labels" / split / f"{path.stem}.txt").is_file()


def test_command_explains_a_wrong_argument(capsys, tmp_path):
    with pytest.raises(SystemExit) as stop:
        dataset.main(["--out", str(tmp_path), "--n", "-2"])
    assert stop.value.code == 2
    assert "counts must not be negative" in capsys.readouterr().err


def test_card_free_data_set_has_empty_labels(tmp_path):
    summary = dataset.write_dataset(
        tmp_path, 3, val=0, test=0, cards=0, imgsz=SMALL, progress=False
    )
    assert summary.cards == 0
    assert all(path.read_text() == "" for path in tmp_path.rglob("train_*.txt"))


def test_ultralytics_finds_the_pictures(tmp_path, monkeypatch):
    dataset.write_dataset(tmp_path / "set", 2, val=1, test=1, imgsz=SMALL, progress=False)
    monkeypatch.chdir(tmp_path)  # a data set must not depend on where it is used from
    check = pytest.importorskip("ultralytics.data.utils").check_det_dataset
    found = check(str(tmp_path / "set" / "data.yaml"), autodownload=False)
    assert Path(found["train"]) == tmp_path / "set" / "images" / "train"
    assert found["nc"] == 1
