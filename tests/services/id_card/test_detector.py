"""The detector's core: right boxes from real weights, on every backend and from every thread.

A random network answers every picture alike, and tests that only look at shapes pass with it. So
everything here uses the shipped weights.
"""

from __future__ import annotations

import copy
import io
import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from ultralytics import YOLO

from services.id_card.detector import Detection, Detector
from services.id_card.model import checkpoint
from services.id_card.model import export as export_module
from services.id_card.model.checkpoint import WEIGHTS, check_hash, sha256
from services.id_card.model.drawing import draw
from services.id_card.model.export import export, exported, main
from services.id_card.model.geometry import suppress
from tests.services.id_card.image_files import CARDS, encoded, sample

IMGSZ = 320
"""What the shipped weights were trained on."""

SAMPLES = {name: sample(name) for name in CARDS}

Answer = list[Detection]


def assert_same(got: Answer, expected: Answer) -> None:
    assert [found.class_id for found in got] == [found.class_id for found in expected]
    for one, other in zip(got, expected, strict=True):
        assert one.box == pytest.approx(other.box, abs=0.01)
        assert one.confidence == pytest.approx(other.confidence, abs=1e-4)


def find(detector: Detector, image: Image.Image) -> Answer:
    [answer] = detector.detect([image])
    return answer


def with_limits(detector: Detector, conf: float, iou: float = 0.7) -> Detector:
    """Return the same loaded network with other limits."""
    other = copy.copy(detector)
    other.conf, other.iou = conf, iou
    return other


@pytest.fixture(scope="module")
def reference() -> Any:
    """The same weights in the hands of their makers."""
    return YOLO(str(WEIGHTS))


def by_reference(
    reference: Any, source: Image.Image, conf: float, iou: float = 0.7, imgsz: int = IMGSZ
) -> Answer:
    [result] = reference.predict(
        source, imgsz=imgsz, rect=False, conf=conf, iou=iou, verbose=False, save=False
    )
    boxes = result.boxes
    return [
        Detection(result.names[int(number)], int(number), float(score), tuple(corners.tolist()))
        for number, score, corners in zip(boxes.cls, boxes.conf, boxes.xyxy, strict=True)
    ]


class TestWhatIsFound:
    @pytest.mark.parametrize("name", CARDS)
    def test_the_right_number_of_cards(self, detector: Detector, name: str) -> None:
        answer = find(detector, SAMPLES[name])

        assert len(answer) == CARDS[name]
        for found in answer:
            assert (found.name, found.class_id) == ("id_card", 0)
            assert 0.5 < found.confidence <= 1


class TestDetection:
    FOUND = Detection("id_card", 0, 0.75, (1.5, 2.5, 30.25, 40.0))

    def test_as_dict_is_the_chapters_json(self) -> None:
        expected = {
            "name": "id_card",
            "class": 0,
            "confidence": 0.75,
            "box": {"x1": 1.5, "y1": 2.5, "x2": 30.25, "y2": 40.0},
        }

        assert json.loads(json.dumps(self.FOUND.as_dict())) == expected

    def test_what_the_network_found_is_plain_python(self, detector: Detector) -> None:
        [found] = find(detector, SAMPLES["one_card"])

        values = [found.confidence, *found.box]
        assert [type(value) for value in values] == [float] * 5
        assert type(found.class_id) is int
        assert isinstance(found.box, tuple)
        assert json.loads(json.dumps(found.as_dict())) == found.as_dict()


class TestAgreement:
    @pytest.mark.parametrize("limits", [(0.5, 0.7), (0.01, 0.3), (0.001, 0.9)], ids=str)
    @pytest.mark.parametrize("name", CARDS)
    def test_with_ultralytics(
        self,
        detectors: dict[str, Detector],
        reference: Any,
        name: str,
        limits: tuple[float, float],
    ) -> None:
        expected = by_reference(reference, SAMPLES[name], *limits)

        for detector in detectors.values():
            answer = find(with_limits(detector, *limits), SAMPLES[name])
            assert_same(answer, expected)

    @pytest.mark.parametrize("size", [(333, 517), (1200, 301), (77, 640), (40, 40)], ids=str)
    def test_with_ultralytics_on_odd_sizes(
        self, core: Detector, reference: Any, size: tuple[int, int]
    ) -> None:
        picture = SAMPLES["one_card"].resize(size)
        answer = find(with_limits(core, 0.05), picture)

        expected = by_reference(reference, picture, conf=0.05)

        assert_same(answer, expected)


class TestBatches:
    def test_a_batch_equals_its_pictures_in_their_order(self, detector: Detector) -> None:
        names = ["no_card", "two_cards", "one_card", "small_card", "close_up", "one_card"]

        answers = detector.detect([SAMPLES[name] for name in names])

        assert [len(answer) for answer in answers] == [CARDS[name] for name in names]
        for name, answer in zip(names, answers, strict=True):
            assert_same(answer, find(detector, SAMPLES[name]))

    def test_an_empty_batch(self, core: Detector) -> None:
        assert core.detect([]) == []

    @pytest.mark.parametrize(
        ("images", "message"),
        [
            (["card.jpg"], "got str.*PIL.Image.open"),
            ([Path("card.jpg")], "got PosixPath.*PIL.Image.open"),
            ([np.zeros((9, 9, 3), np.uint8)], "got ndarray.*PIL.Image.fromarray"),
            (np.zeros((1, 9, 9, 3), np.uint8), "got ndarray.*PIL.Image.fromarray"),
            ([SAMPLES["one_card"], None], "got NoneType"),
            ([b"bytes"], "got bytes"),
            ("card.jpg", "got str"),
            (SAMPLES["one_card"], r"got one image.*\[image\]"),
        ],
        ids=["str", "path", "array", "bare-array", "none", "bytes", "bare-str", "bare-image"],
    )
    def test_what_is_no_picture(self, core: Detector, images: Any, message: str) -> None:
        with pytest.raises(TypeError, match=message):
            core.detect(images)


class TestColours:
    def test_boxes_are_in_upright_pixels(self, core: Detector) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        held = SAMPLES["one_card"].transpose(Image.Transpose.ROTATE_90)
        straight = find(core, SAMPLES["one_card"])

        with Image.open(io.BytesIO(encoded(held, "PNG", exif=exif))) as picture:
            assert find(core, picture) == straight
            assert core.render(picture).size == SAMPLES["one_card"].size

    @pytest.mark.parametrize("mode", ["RGB", "P", "RGBA"])
    def test_the_input_is_not_changed(self, core: Detector, mode: str) -> None:
        image = SAMPLES["two_cards"].convert(mode)
        image.getexif()[0x0112] = 6
        before = (image.mode, image.size, image.tobytes(), dict(image.getexif()))

        core.detect([image])
        core.render(image)

        assert (image.mode, image.size, image.tobytes(), dict(image.getexif())) == before


class TestSizes:
    @pytest.mark.parametrize(
        "size", [(1, 1), (2, 1), (1, 5000), (5000, 1), (31, 33), (4000, 3000)], ids=str
    )
    def test_boxes_lie_inside_the_picture(self, core: Detector, size: tuple[int, int]) -> None:
        image = SAMPLES["close_up"].resize(size)
        eager = with_limits(core, 0.0)

        answer = find(eager, image)

        assert answer, "with no limit on the confidence something is found"
        for found in answer:
            x1, y1, x2, y2 = found.box
            assert 0 <= x1 <= x2 <= size[0]
            assert 0 <= y1 <= y2 <= size[1]
        assert eager.render(image).size == size

    def test_at_most_300_boxes(self, core: Detector) -> None:
        noise = np.random.default_rng(3).integers(0, 256, (400, 400, 3), np.uint8)

        assert len(find(with_limits(core, 0.0, 1.0), Image.fromarray(noise))) == 300

    @pytest.mark.parametrize("imgsz", [192, 288])
    def test_another_size_than_the_trained_one(
        self, core: Detector, reference: Any, imgsz: int
    ) -> None:
        other = Detector(imgsz=imgsz, conf=0.05)

        assert other.imgsz == imgsz
        answer = find(other, SAMPLES["two_cards"])
        expected = by_reference(reference, SAMPLES["two_cards"], conf=0.05, imgsz=imgsz)
        assert_same(answer, expected)
        usual = find(with_limits(core, 0.05), SAMPLES["two_cards"])
        assert answer[0].box != pytest.approx(usual[0].box, abs=0.1)


class TestParameters:
    def test_the_defaults(self, detector: Detector) -> None:
        assert (detector.imgsz, detector.conf, detector.iou) == (IMGSZ, 0.5, 0.7)
        assert detector.names == {0: "id_card"}

    @pytest.mark.parametrize("name", ["conf", "iou"])
    @pytest.mark.parametrize("value", [-0.01, 1.01, float("nan"), 50])
    def test_a_share_lies_between_0_and_1(self, name: str, value: float) -> None:
        with pytest.raises(ValueError, match=rf"{name} is a share, 0 to 1; got {value}"):
            Detector(**{name: value})

    @pytest.mark.parametrize("value", [0, -32, 16, 100, 289])
    def test_imgsz_is_a_multiple_of_32(self, value: int) -> None:
        with pytest.raises(ValueError, match=f"multiple of 32 pixels; got {value}"):
            Detector(imgsz=value)

    def test_an_unknown_backend(self) -> None:
        with pytest.raises(ValueError, match="one of torch, onnx, openvino, int8; got 'tensorrt'"):
            Detector(backend="tensorrt")  # type: ignore[arg-type]

    @pytest.mark.parametrize("backend", ["torch", "onnx", "openvino"])
    def test_weights_that_do_not_exist(self, backend: Any, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"no weights at .*missing\.pt"):
            Detector(tmp_path / "missing.pt", backend=backend)
        assert list(tmp_path.iterdir()) == [], "nothing was downloaded"


class TestFromEnvironment:
    @pytest.fixture(autouse=True)
    def _clean(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("WEIGHTS", "BACKEND", "CONF", "DEVICE"):
            monkeypatch.delenv(f"ID_CARD_{name}", raising=False)

    def test_every_variable_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given: dict[str, Any] = {}

        def record(self: Detector, *positional: Any, **named: Any) -> None:
            given.update(named, weights=positional[0])

        monkeypatch.setattr(Detector, "__init__", record)
        monkeypatch.setenv("ID_CARD_WEIGHTS", "elsewhere.pt")
        monkeypatch.setenv("ID_CARD_BACKEND", "openvino")
        monkeypatch.setenv("ID_CARD_CONF", "0.25")
        monkeypatch.setenv("ID_CARD_DEVICE", "cpu")

        Detector.from_environment()

        assert given == {
            "weights": "elsewhere.pt",
            "backend": "openvino",
            "conf": 0.25,
            "device": "cpu",
        }

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("ID_CARD_BACKEND", "tflite", "one of torch, onnx, openvino, int8; got 'tflite'"),
            ("ID_CARD_CONF", "7", "conf is a share"),
            ("ID_CARD_CONF", "high", "high"),
        ],
    )
    def test_a_wrong_value_is_told(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
    ) -> None:
        monkeypatch.setenv(name, value)

        with pytest.raises(ValueError, match=message):
            Detector.from_environment()


class TestThreads:
    def test_openvino_does_not_tie_its_threads_to_the_first_cores(self) -> None:
        # Two workers would share the first core: 35 images a second instead of 57 on two cores.
        compiled = Detector(backend="openvino", device="cpu").network._compiled  # type: ignore[attr-defined]
        assert compiled.get_property("ENABLE_CPU_PINNING") is False

    def test_many_threads_get_the_answers_of_one(self, detector: Detector) -> None:
        # Sizes of their own, so that no two threads have the same arrays.
        pictures = [
            image.resize((image.width - 16 * i, image.height - 8 * i))
            for i, image in enumerate(SAMPLES.values())
        ]
        alone = [find(detector, picture) for picture in pictures]
        together = threading.Barrier(8)

        def work(first: int) -> list[tuple[Answer, Answer]]:
            together.wait(timeout=30)
            lengths = [1 + (first + k) % len(pictures) for k in range(3)]
            return [
                pair
                for n in lengths
                for pair in zip(alone[:n], detector.detect(pictures[:n]), strict=True)
            ]

        with ThreadPoolExecutor(8) as pool:
            answers = [pair for pairs in pool.map(work, range(8), timeout=120) for pair in pairs]

        assert len(answers) > 8 * 4
        for expected, answer in answers:
            assert_same(answer, expected)


class TestSuppression:
    @pytest.mark.parametrize("classes", [1, 3])
    @pytest.mark.parametrize("iou", [0.0, 0.3, 0.5, 0.7, 1.0])
    @pytest.mark.parametrize("seed", range(6))
    def test_against_torchvision(self, seed: int, iou: float, classes: int) -> None:
        rng = np.random.default_rng(seed)
        corner = rng.uniform(-20, 250, (200, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(1, 120, (200, 2))], axis=1)
        boxes = boxes.astype(np.float32)
        confidences = rng.permutation(np.linspace(0.01, 1, 200)).astype(np.float32)
        kinds = rng.integers(0, classes, 200)

        kept = suppress(boxes, confidences, kinds, iou)

        expected = torchvision.ops.batched_nms(
            torch.from_numpy(boxes), torch.from_numpy(confidences), torch.from_numpy(kinds), iou
        )
        assert kept == expected.tolist()
        assert 0 < len(kept) <= 200


class MakesAFolder:
    """Unpickling it makes a folder: stands for anything that a pickle can do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (self.folder,)


class TestChangedWeights:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        shutil.copy(WEIGHTS.with_name("SHA256SUMS"), tmp_path)
        return tmp_path

    def write_malicious(self, path: Path) -> Path:
        trace = path.with_name("was-run")
        torch.save({"model": MakesAFolder(trace)}, path)
        return trace

    @pytest.mark.parametrize("backend", ["torch", "onnx", "openvino"])
    def test_are_refused_before_they_are_opened(self, folder: Path, backend: Any) -> None:
        weights = folder / WEIGHTS.name
        trace = self.write_malicious(weights)

        with pytest.raises(ValueError, match="is not the file that ships") as caught:
            Detector(weights, backend=backend)

        assert not trace.exists()
        assert sha256(weights)[:12] in str(caught.value)
        assert f"git checkout -- {WEIGHTS.name}" in str(caught.value)

    def test_are_not_exported_either(self, folder: Path) -> None:
        weights = folder / WEIGHTS.name
        trace = self.write_malicious(weights)

        with pytest.raises(ValueError, match="is not the file that ships"):
            export(weights, "onnx", folder / "model.onnx")

        assert not trace.exists()
        assert not (folder / "model.onnx").exists()

    def test_that_pickle_is_dangerous_indeed(self, folder: Path) -> None:
        """Under a name without a record the same file runs: the tests above can fail."""
        trace = self.write_malicious(folder / "own.pt")

        with pytest.raises(Exception):  # noqa: B017, PT011
            Detector(folder / "own.pt")

        assert trace.is_dir()

    def test_the_right_file_and_ones_own_pass(self, folder: Path) -> None:
        for name in (WEIGHTS.name, "own.pt"):
            shutil.copy(WEIGHTS, folder / name)
            assert len(find(Detector(folder / name), SAMPLES["one_card"])) == 1

    @pytest.mark.parametrize("left", ["", f"{'0' * 64}  another.pt\n", None])
    def test_a_shipped_checkpoint_without_a_record_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str | None
    ) -> None:
        weights = tmp_path / WEIGHTS.name
        shutil.copy(WEIGHTS, weights)
        if left is not None:
            (tmp_path / "SHA256SUMS").write_text(left)
        check_hash(weights)  # the user's own
        monkeypatch.setattr(checkpoint, "WEIGHTS", weights)
        with pytest.raises(ValueError, match=r"git checkout -- SHA256SUMS"):
            check_hash(weights)

    def test_every_shipped_checkpoint_is_recorded(self) -> None:
        sums = WEIGHTS.with_name("SHA256SUMS").read_text().splitlines()
        recorded = dict(reversed(line.split()) for line in sums)

        shipped = {path.name: sha256(path) for path in WEIGHTS.parent.glob("*.pt")}

        assert WEIGHTS.name in shipped
        assert shipped == recorded


class TestRender:
    def test_frames_are_drawn_and_nothing_else(self, core: Detector) -> None:
        picture = SAMPLES["two_cards"]
        answer = find(core, picture)

        drawn = core.render(picture)

        assert (drawn.mode, drawn.size) == ("RGB", picture.size)
        changed = (np.asarray(drawn) != np.asarray(picture)).any(axis=2)
        allowed = np.zeros_like(changed)
        line, label, wide = 8, 40, 200  # at least what is drawn on a picture of this size
        for x1, y1, x2, y2 in (tuple(round(value) for value in f.box) for f in answer):
            top, left = max(y1 - label, 0), max(x1 - 1, 0)
            allowed[top : y1 + line, left : x1 + wide] = True  # the label
            allowed[max(y1 - 1, 0) : y2 + 2, left : x2 + 2] = True  # the frame …
            allowed[y1 + line : y2 - line, x1 + line : x2 - line] = False  # … not its inside
            assert changed[y1 + line : y2 - line, x1].all(), "no line on the left"
            assert changed[y1 + line : y2 - line, x2 - 1 : x2 + 1].any(axis=1).all()
        # The second card's label may lie on the first card; there is none here.
        assert not (changed & ~allowed).any()

    def test_the_colours_are_not_swapped(self, core: Detector) -> None:
        picture = SAMPLES["one_card"]
        [card] = find(core, picture)
        middle_left = (round(card.box[0]) + 1, round(card.box[1] + card.box[3]) // 2)

        drawn = core.render(picture)

        red, green, blue = drawn.getpixel(middle_left)
        assert red > blue > green, "the frame is magenta, with more red than blue"
        assert drawn.getpixel((2, 2)) == picture.getpixel((2, 2))

    def test_a_picture_without_cards_stays_as_it_is(self, core: Detector) -> None:
        drawn = core.render(SAMPLES["no_card"])

        assert drawn is not SAMPLES["no_card"]
        assert np.array_equal(drawn, SAMPLES["no_card"])

    @pytest.mark.parametrize("size", [(1, 1), (12, 9), (60, 2000)], ids=str)
    def test_a_frame_and_label_fit_any_size(self, size: tuple[int, int]) -> None:
        everywhere = Detection("id_card", 0, 0.5, (0.0, 0.0, float(size[0]), float(size[1])))

        assert draw(Image.new("RGB", size), [everywhere]).size == size

    def test_no_file_is_written(
        self, core: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Ultralytics writes its drawings into a folder ``runs``."""
        monkeypatch.chdir(tmp_path)

        core.render(SAMPLES["one_card"])

        assert list(tmp_path.iterdir()) == []


def python(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    root = Path(export_module.__file__).parents[3]
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd or root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


class TestExport:
    @pytest.fixture
    def build(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("SERVING_LABS_BUILD", str(tmp_path / "build"))
        return tmp_path / "build"

    def test_without_torch_it_says_what_to_serve(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "ultralytics", None)
        with pytest.raises(ModuleNotFoundError, match=r"export onnx --out FILE.*ID_CARD_WEIGHTS"):
            export(WEIGHTS, "onnx", tmp_path / "model.onnx")

    @pytest.fixture
    def made(self, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
        """Export no network, but write what was asked for; return the files that were written."""
        written: list[Path] = []

        def fake(weights: Path, backend: str, target: Path, *, imgsz: int | None) -> Path:
            file = target if backend == "onnx" else target / "model.bin"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(f"{backend} {imgsz}".encode() + weights.read_bytes()[:9])
            written.append(file)
            return target

        monkeypatch.setattr(export_module, "export", fake)
        return written

    def test_it_is_made_once(
        self, build: Path, made: list[Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = exported(WEIGHTS, "onnx"), exported(WEIGHTS, "onnx")

        assert [first] == [second] == made
        assert first.is_relative_to(build / "exports")
        assert sha256(WEIGHTS)[:12] in first.parent.name

        # A good export needs no lock: a grader's process or a container may only read the folder.
        monkeypatch.setattr(export_module, "FileLock", None)
        assert exported(WEIGHTS, "onnx") == first

    @pytest.mark.parametrize("backend", ["onnx", "openvino"])
    @pytest.mark.parametrize("change", ["cut off", "changed", "no record"])
    def test_one_that_is_not_what_was_made_is_made_again(
        self, build: Path, made: list[Path], backend: Any, change: str
    ) -> None:
        exported(WEIGHTS, backend)
        whole = made[0].read_bytes()
        if change == "no record":
            [record] = build.rglob("*.sha256")
            record.unlink()
        else:
            made[0].write_bytes(whole[:3] if change == "cut off" else b"a trojan.")
        exported(WEIGHTS, backend)
        exported(WEIGHTS, backend)
        assert len(made) == 2
        assert made[1].read_bytes() == whole

    def test_other_weights_sizes_and_formats_are_made_anew(
        self, build: Path, made: list[Path], tmp_path: Path
    ) -> None:
        own = tmp_path / WEIGHTS.name
        own.write_bytes(b"my own")

        for weights, kind, size in (
            (WEIGHTS, "onnx", None),
            (WEIGHTS, "onnx", 320),
            (WEIGHTS, "openvino", None),
            (own, "onnx", None),
        ):
            exported(weights, kind, imgsz=size)  # type: ignore[arg-type]
            expected = f"{kind} {size}".encode() + weights.read_bytes()[:9]
            assert made[-1].read_bytes() == expected

        assert len(set(made)) == 4

    def test_three_at_once_make_one(
        self, build: Path, made: list[Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each call takes a lock of its own, so threads wait as processes do."""
        fake = export_module.export

        def slow(*given: Any, **options: Any) -> Path:
            time.sleep(1)
            return fake(*given, **options)

        monkeypatch.setattr(export_module, "export", slow)
        with ThreadPoolExecutor(3) as pool:
            targets = list(pool.map(lambda _: exported(WEIGHTS, "onnx"), range(3)))

        assert made == [targets[0]]
        assert len(set(targets)) == 1

    def test_a_failure_leaves_nothing_half_made(
        self, build: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        parts: list[Path] = []

        def write_and_fail(self: YOLO, **options: Any) -> str:
            part = Path(self.ckpt_path).with_suffix(".onnx")
            part.write_bytes(b"half a model")
            parts.append(part)
            raise RuntimeError("the disk is full")

        monkeypatch.setattr(YOLO, "export", write_and_fail)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="the disk is full"):
                exported(WEIGHTS, "onnx")

        assert len(parts) == 2, "the second call must try again"
        assert not any(part.exists() for part in parts)
        left = [path for path in (build / "exports").rglob("*") if path.is_file()]
        assert [path.suffix for path in left] in ([".lock"], [])
        assert list(WEIGHTS.parent.glob("*.onnx")) == []

    def test_an_existing_target_is_not_overwritten(self, tmp_path: Path) -> None:
        target = tmp_path / "model.onnx"
        target.write_bytes(b"precious")

        with pytest.raises(FileExistsError, match="exists; remove it first"):
            export(WEIGHTS, "onnx", target)

        assert target.read_bytes() == b"precious"

    def test_the_command(self, tmp_path: Path, core: Detector) -> None:
        target = tmp_path / "new" / "cards.onnx"

        done = python("-m", "services.id_card.model.export", "onnx", "--out", str(target))

        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == str(target)
        assert [path.name for path in target.parent.iterdir()] == [target.name]
        made = Detector(target, backend="onnx")
        assert_same(find(made, SAMPLES["two_cards"]), find(core, SAMPLES["two_cards"]))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["onnx", "--weights", "missing.pt"], "no weights at missing.pt"),
            (["onnx", "--out", "{exists}"], "remove it or choose another name"),
            (["tflite"], "invalid choice: 'tflite'"),
            ([], "required: format"),
        ],
        ids=["weights", "out", "format", "nothing"],
    )
    def test_the_commands_refusals(
        self,
        arguments: list[str],
        message: str,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        with pytest.raises(SystemExit) as caught:
            main([part.format(exists=tmp_path) for part in arguments])

        assert caught.value.code == 2
        assert message in capsys.readouterr().err

    @pytest.mark.parametrize("backend", ["onnx", "openvino"])
    @pytest.mark.parametrize("given", ["model", "checkpoint"])
    def test_an_exported_model_needs_neither_torch_nor_ultralytics(
        self, backend: Any, given: str
    ) -> None:
        model = exported(WEIGHTS, backend)
        script = textwrap.dedent("""
            import sys
            from PIL import Image
            from services.id_card.detector import Detector

            detector = Detector(sys.argv[1], backend=sys.argv[2])
            [found] = detector.detect([Image.open(sys.argv[3])])
            assert len(found) == 1
            print(sorted({"torch", "torchvision", "ultralytics"} & set(sys.modules)))
        """)
        weights = model if given == "model" else WEIGHTS
        picture = WEIGHTS.parents[1] / "samples/one_card.jpg"

        done = python("-c", script, str(weights), backend, str(picture))

        assert done.stdout.strip() == "[]", done.stderr
