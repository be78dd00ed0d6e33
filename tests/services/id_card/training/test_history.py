"""What trainings write down can be read again."""

from __future__ import annotations

import pytest

from services.id_card.training.history import Epoch, read_history

HEAD = "stage,imgsz,epoch,seconds,box_loss,cls_loss,dfl_loss,mAP50,mAP50-95\n"


def test_reads_an_epoch_with_and_without_validation(tmp_path):
    file = tmp_path / "history.csv"
    file.write_text(HEAD + "1,160,1,9.9,3.5,2.5,1.5,,\n1,160,2,9.9,3,2,1,0.5,0.25\n")
    assert read_history(file) == [
        Epoch(1, 1, 160, 3.5, 2.5, 1.5, None, None),
        Epoch(1, 2, 160, 3.0, 2.0, 1.0, 0.5, 0.25),
    ]


def test_seconds_may_be_missing(tmp_path):
    file = tmp_path / "history.csv"
    file.write_text(HEAD.replace("seconds,", "") + "1,160,1,3.5,2.5,1.5,,\n")
    assert len(read_history(file)) == 1


def test_of_an_epoch_that_was_repeated_the_later_line_counts(tmp_path):
    file = tmp_path / "history.csv"
    file.write_text(HEAD + "1,96,1,9,3,2,1,,\n2,128,1,9,3,2,1,,\n2,128,1,9,2,2,1,,\n")
    first, second = read_history(file)
    assert (first.stage, second.stage, second.box_loss) == (1, 2, 2.0)


def test_refuses_what_is_no_history(tmp_path):
    file = tmp_path / "history.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(KeyError):
        read_history(file)
    with pytest.raises(FileNotFoundError):
        read_history(tmp_path / "none.csv")
