"""Training: it runs, survives a kill, repeats itself by its seed, and ships nothing private."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from services.id_card.detector import Detector
from services.id_card.model.checkpoint import SUMS, check_hash, sha256
from services.id_card.training import fresh_scenes, train, trainer
from services.id_card.training import sanitise as sanitise_module
from services.id_card.training.dataset import write_dataset
from services.id_card.training.recipe import LEAST_COST, PLAN, PLANS, QUICK, Run, Stage
from services.id_card.training.sanitise import sanitise
from services.id_card.training.train import Training
from services.id_card.training.trainer import (
    CardTrainer,
    FastNetwork,
    choose_device,
    finished_epochs,
    precision,
)

ROOT = Path(train.__file__).parents[3]
TINY = Run((Stage(64, 48, 2, 2, 0.002, 0.001, 2), Stage(96, 16, 1, 1, 0.001, 0.0005)))


@pytest.fixture(scope="module")
def quick(tmp_path_factory) -> Path:
    """The run folder of the quick training, by the command."""
    out = tmp_path_factory.mktemp("training") / "quick"
    assert train.main(["--quick", "--device", "cpu", "--out", str(out)]) == 0
    return out


def history(out: Path) -> list[dict[str, str]]:
    with (out / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def tensors(checkpoint: Path) -> dict[str, torch.Tensor]:
    loaded = torch.load(checkpoint, weights_only=False)
    return (loaded.get("ema") or loaded["model"]).float().state_dict()


# ---------------------------------------------------------------- the command


def test_quick_training_makes_weights_that_the_detector_loads(quick):
    weights = quick / "yolov8_custom.pt"
    detector = Detector(weights, "torch", device="cpu", conf=0.0)
    assert detector.imgsz == QUICK[0].imgsz
    assert detector.names == {0: "id_card"}
    [found] = detector.detect([Image.new("RGB", (120, 90), "white")])
    assert all(0 <= each.confidence <= 1 for each in found)
    assert 4e6 < weights.stat().st_size < 7e6


def test_history_has_a_line_an_epoch(quick):
    [row] = history(quick)
    assert (row["stage"], row["imgsz"], row["epoch"]) == ("1", "96", "1")
    assert float(row["box_loss"]) > 0
    assert 0 <= float(row["mAP50-95"]) <= float(row["mAP50"]) <= 1


def test_a_finished_training_is_not_repeated(quick, capsys):
    before = (quick / "stage1" / "weights" / "last.pt").read_bytes()
    assert train.main(["--quick", "--device", "cpu", "--out", str(quick)]) == 0
    assert len(history(quick)) == 1
    assert (quick / "stage1" / "weights" / "last.pt").read_bytes() == before


def test_own_pictures_own_weights_and_the_smaller_network(quick, tmp_path):
    write_dataset(tmp_path / "mine", 16, val=4, test=0, imgsz=96, progress=False)
    data, start = tmp_path / "mine" / "data.yaml", quick / "yolov8_custom.pt"
    own = ["--quick", "--device", "cpu", "--data", str(data)]
    assert train.main([*own, "--weights", str(start), "--out", str(tmp_path / "own")]) == 0
    assert (tmp_path / "own" / "yolov8_custom.pt").exists()
    assert not (tmp_path / "own" / "scenes").exists()  # nothing was drawn
    assert train.main([*own, "--model", "small", "--out", str(tmp_path / "small")]) == 0
    small = tmp_path / "small" / "yolov8_small.pt"
    assert small.stat().st_size < start.stat().st_size / 2
    assert Detector(small, "torch", device="cpu").names == {0: "id_card"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--weights nowhere", "no file at nowhere"),
        ("--data nowhere", "no file at nowhere"),
        ("--first-stage 2", "give the --weights"),
        ("--first-stage 99 --weights QUICK/yolov8_custom.pt", "stages, from 1"),
        ("--quick --seed 5 --out QUICK", "other settings"),
        ("--quick --out QUICK/run.json/run", "--out: "),
    ],
)
def test_command_explains_at_once_what_is_wrong(arguments, message, quick, capsys):
    with pytest.raises(SystemExit) as stop:
        train.main(arguments.replace("QUICK", str(quick)).split())
    assert stop.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_one_device_at_a_time():
    assert choose_device("auto") in ("0", "cpu")
    assert choose_device("cpu") == "cpu"
    assert precision("cpu") is False
    with pytest.raises(ValueError, match="one device"):
        choose_device("0,1")


# ---------------------------------------------------------------- going on


def test_goes_on_after_a_kill(tmp_path):
    """Kill it without warning in the second epoch; the same training then does the rest."""
    script = (
        "from tests.services.id_card.training.test_train import TINY, Training\n"
        f"Training(TINY, {str(tmp_path)!r}, device='cpu', say=lambda s: print(s, flush=True))"
        ".train()\n"
    )
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    ) as process:
        first = process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert "epoch 1/2" in first
    assert finished_epochs(tmp_path / "stage1" / "weights" / "last.pt") == 1

    said: list[str] = []
    last = Training(TINY, tmp_path, device="cpu", say=said.append).train()
    assert last == tmp_path / "stage2" / "weights" / "last.pt"
    epochs = [row["stage"] + row["epoch"] for row in history(tmp_path)]
    assert epochs == ["11", "12", "21"]
    assert "epoch 2/2" in said[0]

    straight = Training(TINY, tmp_path / "straight", device="cpu", say=said.append).train()
    expected, got = tensors(straight), tensors(last)
    assert all(torch.equal(expected[key], got[key]) for key in expected)  # as if never killed


def test_a_budget_stops_at_a_checkpoint_with_usable_weights(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(train.PLANS, "small", (Stage(64, 16, 2, 2, 0.002, 0.001),))
    command = ["--model", "small", "--device", "cpu", "--out", str(tmp_path)]
    weights = tmp_path / "yolov8_small.pt"
    for epochs, (budget, expected) in enumerate((("0", "Usable so far"), ("9", "Trained")), 1):
        assert train.main([*command, "--budget-minutes", budget]) == 0
        assert f"{expected}: {weights}" in capsys.readouterr().out
        assert len(history(tmp_path)) == epochs
        Detector(weights, "torch", device="cpu")


def test_a_kill_while_saving_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    halfway = CardTrainer.__new__(CardTrainer)
    halfway.last = tmp_path / "last.pt"
    halfway.last.write_bytes(b"whole")

    def torn(self):
        self.last.write_bytes(b"ha")
        raise KeyboardInterrupt

    monkeypatch.setattr(CardTrainer.__mro__[1], "save_model", torn)
    with pytest.raises(KeyboardInterrupt):
        halfway.save_model()
    assert halfway.last == tmp_path / "last.pt"
    assert halfway.last.read_bytes() == b"whole"


# ---------------------------------------------------------------- fresh scenes


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_no_scene_is_drawn_for_two_sets(plan, tmp_path, monkeypatch):
    drawn: list[range | list[int]] = []
    looked_at: list[range] = []

    def note(folder, n, seed, *, first, val, **options):
        if n:
            drawn.append(range(first, first + n))
        folder.mkdir(parents=True)

    def note_empty(folder, make, numbers, workers):
        assert make.keywords["cards"] == 0
        assert {split for split, _ in numbers} <= {"train"}
        drawn.append([index for _, index in numbers])

    def none_is_hard(weights, indices, *args):
        looked_at.append(indices)
        return []

    monkeypatch.setattr(fresh_scenes, "write_dataset", note)
    monkeypatch.setattr(fresh_scenes, "write_scenes", note_empty)
    monkeypatch.setattr(fresh_scenes, "find_hard", none_is_hard)
    scenes = fresh_scenes.FreshScenes(Run(plan), tmp_path)
    for number, stage in enumerate(plan):
        scenes.mine(number, tmp_path / "any.pt")
        before = sum(map(len, drawn))
        renewed = [scenes.draw(number, epoch) for epoch in range(stage.epochs)]
        assert sum(renewed) == stage.sets
        assert renewed[0]
        assert sum(map(len, drawn)) - before == stage.sets * stage.scenes
    assert [len(each) for each in looked_at] == [stage.mine for stage in plan if stage.mine]
    everything = [*drawn, *looked_at]
    assert len(set().union(*everything)) == sum(map(len, everything))


HARD = Stage(64, 8, 4, 2, 0.002, 0.001, empty=0.5, mine=3)


def test_hard_scenes_are_looked_for_once_and_shown_again(tmp_path, monkeypatch):
    looked: list[int] = []

    def find(weights, indices, seed, imgsz, workers):
        assert (weights, seed, imgsz) == (Path("start.pt"), 7, 64)
        looked.extend(indices)
        return [indices[0], indices[2]]

    monkeypatch.setattr(fresh_scenes, "find_hard", find)
    for _ in range(2):  # as after a restart
        scenes = fresh_scenes.FreshScenes(Run((HARD,), seed=7), tmp_path)
        scenes.mine(0, Path("start.pt"))
    first = fresh_scenes.FIRST_EMPTY
    assert looked == [first, first + 1, first + 2]

    def shown(epoch):
        scenes.draw(0, epoch)
        folder = tmp_path / "scenes" / "labels" / "train"
        return {int(f.stem.removeprefix("train_")): f.read_text() for f in folder.iterdir()}

    early, late = shown(0), shown(2)
    assert len(early) == len(late) == HARD.scenes
    assert set(early) & set(late) == {first, first + 2}  # the hard ones; all others are new
    assert all(not text for index, text in {**early, **late}.items() if index >= first)


def test_a_scene_is_hard_if_the_network_finds_a_card_in_it(monkeypatch, tmp_path):
    class Suspicious:
        def __init__(self, weights, backend, *, device, imgsz, conf):
            assert 0 < conf < 0.5

        def detect(self, images):
            return [["a box"] if image.width == image.height else [] for image in images]

    def scene(split, index, *, seed, difficulty, cards, imgsz):
        assert (split, cards) == ("train", 0)
        return SimpleNamespace(image=Image.new("RGB", (64, 64 if index % 3 == 0 else 48)))

    monkeypatch.setattr(fresh_scenes, "Detector", Suspicious)
    monkeypatch.setattr(fresh_scenes, "sanitise", lambda weights, out: out)
    monkeypatch.setattr(fresh_scenes, "make_scene", scene)
    found = fresh_scenes.find_hard(tmp_path / "any.pt", range(1, 100), 0, 64)
    assert found == list(range(3, 100, 3))


def test_training_can_begin_at_a_later_stage(quick, tmp_path):
    weights = quick / "yolov8_custom.pt"
    stages = (replace(TINY.stages[0], epochs=9), Stage(64, 8, 1, 1, 0.001, 0.0005))
    run = Run(stages, weights=str(weights), first_stage=1)
    last = Training(run, tmp_path / "run", device="cpu", say=lambda line: None).train()
    assert last == tmp_path / "run" / "stage2" / "weights" / "last.pt"
    assert not (tmp_path / "run" / "stage1").exists()
    start, end = tensors(weights), tensors(last)
    moved = max(float((start[k].float() - end[k].float()).abs().max()) for k in start
                if "conv.weight" in k)  # fmt: skip
    assert 0 < moved < 0.1  # it went on from the weights, not from random ones


def test_half_precision_stays_out_of_the_loss(monkeypatch):
    """The network computes in bfloat16 where the processor can, its loss never does."""
    network = FastNetwork("yolov8n.yaml", nc=1, verbose=False).train()
    network.args = SimpleNamespace(box=7.5, cls=0.5, dfl=1.5)
    seen: dict[str, set[torch.dtype]] = {"inside": set(), "loss": set()}
    network.model[0].register_forward_hook(lambda m, x, out: seen["inside"].add(out.dtype))

    def criterion(preds, batch):
        stack = [preds]
        while stack:
            each = stack.pop()
            if isinstance(each, torch.Tensor):
                seen["loss"].add(each.dtype)
            else:
                stack.extend(each.values() if isinstance(each, dict) else each)

    network.criterion = criterion
    for fast in (False, True):
        monkeypatch.setattr(trainer, "_multiplies_bfloat16", lambda fast=fast: fast)
        network({"img": torch.zeros(1, 3, 64, 64)})
    assert seen == {"inside": {torch.float32, torch.bfloat16}, "loss": {torch.float32}}


def test_scenes_that_lie_there_are_used_again(tmp_path, monkeypatch):
    run = Run((Stage(64, 4, 4, 2, 0.002, 0.001),))
    assert fresh_scenes.FreshScenes(run, tmp_path).draw(0, 0)
    monkeypatch.setattr(fresh_scenes, "write_dataset", lambda *a, **k: pytest.fail("drawn again"))
    restarted = fresh_scenes.FreshScenes(run, tmp_path)
    assert restarted.draw(0, 1)  # the trainer must load them, though
    assert not restarted.draw(0, 1)


@pytest.mark.parametrize("plan", [*PLANS.values(), QUICK], ids=[*PLANS, "quick"])
def test_the_plan_takes_sizes_that_the_network_can(plan):
    for stage in plan:
        assert stage.imgsz % 32 == 0
        assert stage.lr > stage.lr_end > 0
    assert [stage.imgsz for stage in plan] == sorted(stage.imgsz for stage in plan)


# ---------------------------------------------------------------- what ships


def test_sanitised_file_holds_no_path_date_or_optimizer(quick):
    weights = quick / "yolov8_custom.pt"
    with zipfile.ZipFile(weights) as members:  # not its checksums, which are any bytes
        content = b"".join(map(members.read, members.namelist()))
    for private in (str(quick), str(ROOT), str(Path.home()) + "/", os.uname().nodename):
        assert private.encode() not in content, private
    assert not re.search(rb"20\d\d-\d\d-\d\d", content)
    assert not re.search(rb"[\w.]*(?:/[\w.-]+){2,}\.(?:py|yaml|pt)\b", content)
    loaded = torch.load(weights, weights_only=False)
    assert set(loaded) == {"epoch", "model", "train_args", "version", "license"}
    assert loaded["train_args"] == {"task": "detect", "imgsz": 96, "single_cls": False}
    assert {p.dtype for p in loaded["model"].parameters()} == {torch.float16}
    assert not any(isinstance(v, str) and os.sep in v for v in vars(loaded["model"]).values())


def test_sanitised_file_has_the_same_bytes_each_time(quick, tmp_path):
    last = quick / "stage1" / "weights" / "last.pt"
    again = sanitise(last, tmp_path / "again.pt")
    assert again.read_bytes() == (quick / "yolov8_custom.pt").read_bytes()


def test_sanitised_weights_are_the_trained_ones(quick):
    trained = tensors(quick / "stage1" / "weights" / "last.pt")
    shipped = tensors(quick / "yolov8_custom.pt")
    assert trained.keys() == shipped.keys()
    assert all(torch.equal(trained[key], shipped[key]) for key in trained)


def test_hash_is_recorded_beside_the_others(quick, tmp_path):
    (tmp_path / SUMS).write_text("0" * 64 + "  other.pt\n" + "1" * 64 + "  mine.pt\n")
    mine = sanitise(quick / "stage1" / "weights" / "last.pt", tmp_path / "mine.pt")
    assert (tmp_path / SUMS).read_text() == f"{sha256(mine)}  mine.pt\n{'0' * 64}  other.pt\n"
    check_hash(mine)
    mine.write_bytes(mine.read_bytes() + b" ")
    with pytest.raises(ValueError, match="not the file that ships"):
        check_hash(mine)


def test_an_average_lies_between_its_networks(quick, tmp_path):
    last = quick / "stage1" / "weights" / "last.pt"
    other = torch.load(last, weights_only=False)
    network = other["ema"].float()
    for value in network.parameters():
        value.data += 1.0
    torch.save({"model": network}, tmp_path / "start.pt")
    plain = tensors(sanitise(last, tmp_path / "plain.pt"))
    mixed = tensors(sanitise(last, tmp_path / "out.pt", start=tmp_path / "start.pt", keep=0.25))
    for name, _ in network.named_parameters():
        assert torch.allclose(mixed[name].float(), plain[name].float() + 0.25, atol=0.01), name


def test_the_least_cost_becomes_one_half_and_the_order_stays(quick, tmp_path):
    last = quick / "stage1" / "weights" / "last.pt"
    image = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    scores = []
    for served in (0.5, 0.6):
        out = sanitise(last, tmp_path / "out.pt", served=served)
        network = torch.load(out, weights_only=False)["model"].float()
        scores.append(network(image)[0][0, 4])
    odds = [score / (1 - score) for score in scores]
    assert torch.allclose(odds[0] / odds[1], torch.tensor(0.6 / 0.4), rtol=0.02)


def test_only_the_whole_recipe_is_calibrated(quick, tmp_path, monkeypatch):
    last, calls = quick / "stage1" / "weights" / "last.pt", []
    monkeypatch.setattr(sanitise_module, "sanitise", lambda *paths, **given: calls.append(given))
    for run in (
        Run(QUICK),
        Run(data=str(tmp_path / "data.yaml")),
        Run(weights=str(last), first_stage=len(PLAN) - 1),
    ):
        training = Training(run, tmp_path / str(len(calls)))
        training.ship(training._last(len(run.stages) - 1))
    training.ship(training._last(0))  # of an earlier stage, where the budget ended
    assert calls == [
        {},
        {},
        {"start": str(last), "keep": PLAN[-1].keep, "served": LEAST_COST["nano"]},
        {},
    ]


def test_sanitise_refuses_what_is_no_detector(tmp_path):
    torch.save({"model": torch.nn.Linear(1, 1)}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="no detection network"):
        sanitise(tmp_path / "other.pt", tmp_path / "out.pt")
    assert not (tmp_path / "out.pt").exists()
