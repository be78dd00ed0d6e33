from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from services.workbench.plots.gallery import FOUND, PAPER, TRUTH, Frame, Tile, framed, gallery


def picture(width: int, height: int, color: str = "black") -> Image.Image:
    return Image.new("RGB", (width, height), color)


def columns_that_are_not_paper(sheet: Image.Image) -> np.ndarray:
    pixels = np.asarray(sheet)
    return np.flatnonzero((pixels != PAPER).any(axis=(0, 2)))


def test_rows_end_flush_left_and_right() -> None:
    shapes = [(300, 200), (200, 300), (300, 300), (160, 90), (90, 160), (300, 200)]
    sheet = gallery([Tile(picture(*shape)) for shape in shapes], width=600, height=120)
    assert sheet.width == 600
    dark = columns_that_are_not_paper(sheet)
    assert (dark[0], dark[-1]) == (8, 591)


def test_a_few_pictures_are_not_blown_up() -> None:
    sheet = gallery([Tile(picture(100, 100))], width=600, height=100)
    assert sheet.height == 160 + 2 * 8
    assert columns_that_are_not_paper(sheet)[-1] == 8 + 160 - 1


def test_no_row_is_left_half_empty() -> None:
    sheet = gallery([Tile(picture(150, 100)) for _ in range(7)], width=600, height=100)
    pixels = np.asarray(sheet)
    ends = [np.flatnonzero((row != PAPER).any(axis=1)) for row in pixels]
    assert {int(end[-1]) for end in ends if len(end)} == {591}


def test_captions_take_a_line_of_their_own() -> None:
    bare = gallery([Tile(picture(100, 100))], height=120)
    named = gallery([Tile(picture(100, 100), caption="one card")], height=120)
    assert named.height > bare.height


def test_a_frame_lies_where_its_box_lies_at_the_new_size() -> None:
    frame = Frame((10, 20, 60, 80), FOUND)
    pixels = np.asarray(framed(picture(100, 100), [frame], (200, 300)))
    rows, columns = np.nonzero((pixels == FOUND).all(axis=2))
    assert (columns.min(), columns.max()) == (20, 119)
    assert (rows.min(), rows.max()) == (60, 239)
    assert (pixels[150, 70] == 0).all(), "it is not filled"


@pytest.mark.parametrize("box", [(-50, -50, 500, 500), (99, 99, 100, 100), (98, 0, 100, 100)])
@pytest.mark.parametrize("dashed", [False, True])
def test_a_frame_at_or_beyond_the_edge_is_still_seen(box, dashed) -> None:
    pixels = np.asarray(framed(picture(100, 100), [Frame(box, dashed=dashed)], (100, 100)))
    assert (pixels == TRUTH).all(axis=2).sum() >= 4


def test_a_dashed_line_is_broken_and_a_label_is_written() -> None:
    def colored(frame: Frame) -> int:
        pixels = np.asarray(framed(picture(100, 100), [frame], (100, 100)))
        return int((pixels == FOUND).all(axis=2).sum())

    box = (20.0, 40.0, 80.0, 90.0)
    whole, dashed = colored(Frame(box, FOUND)), colored(Frame(box, FOUND, dashed=True))
    assert 0.4 * whole < dashed < 0.8 * whole
    assert colored(Frame(box, FOUND, "0.97")) > whole + 100


def test_paper_shows_through_a_cut_out_picture() -> None:
    clear = Image.new("RGBA", (50, 50), (0, 0, 0, 0))
    assert (np.asarray(framed(clear, [], (50, 50))) == PAPER).all()


def test_refuses_too_little_room() -> None:
    with pytest.raises(ValueError, match="100 x 20"):
        gallery([Tile(picture(9, 9))], width=50)
