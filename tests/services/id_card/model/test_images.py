"""The decoder: every kind of picture becomes upright RGB, all else an InputError."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

from services.errors import InputError
from services.id_card.model import images, opening
from services.id_card.model.images import decode, upright_rgb
from services.workbench.hostile_images import FOREIGN, mutant, png_declaring
from tests.services.id_card.image_files import (
    COLOURS,
    FORMATS,
    encoded,
    quarter_colours,
    quarters,
    sample_bytes,
)

pytestmark = pytest.mark.filterwarnings("ignore:Corrupt EXIF data")

ORIENTATION = 0x0112
LOSSY = {"JPEG", "WEBP", "MPO"}

MODES = ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB"]
MODES += ["HSV", "I", "F", "I;16", "I;16L", "I;16B"]

# How the camera holds the upright scene in its file, for each EXIF orientation.
HELD = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def refusal(data: bytes, **options: int) -> InputError:
    with pytest.raises(InputError) as caught:
        decode(data, **options)
    return caught.value


def assert_quarters(image: Image.Image, *, tolerance: int = 0) -> None:
    assert image.mode == "RGB"
    assert image.size == quarters().size
    difference = np.abs(np.array(quarter_colours(image)) - np.array(COLOURS)).max()
    assert difference <= tolerance


def grey_ramp() -> np.ndarray:
    """Return 16-bit values whose upper bytes are 0 to 255."""
    return (np.arange(256, dtype=np.uint16) * 256 + 0x7F).reshape(16, 16)


RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)


class TestFormats:
    @pytest.mark.parametrize("kind", FORMATS)
    def test_each_format_is_read(self, kind: str) -> None:
        image = decode(encoded(quarters(), kind))

        assert_quarters(image, tolerance=24 if kind in LOSSY else 4)
        assert image.format == kind

    @pytest.mark.parametrize(
        ("kind", "options"),
        [
            ("JPEG", {"progressive": True}),
            ("WEBP", {"lossless": True}),
            ("TIFF", {"compression": "tiff_lzw"}),
            ("TIFF", {"compression": "jpeg"}),
            ("TIFF", {"big_tiff": True}),
        ],
        ids=lambda value: value if isinstance(value, str) else "-".join(map(str, *value.items())),
    )
    def test_variants_of_a_format_are_read(self, kind: str, options: dict[str, object]) -> None:
        assert_quarters(decode(encoded(quarters(), kind, **options)), tolerance=24)

    @pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
    def test_of_several_frames_the_first_is_taken(self, kind: str) -> None:
        frames = [Image.new("RGB", quarters().size, colour) for colour in ("black", "white")]
        data = encoded(quarters(), kind, save_all=True, append_images=frames)
        with Image.open(io.BytesIO(data)) as file:
            assert file.n_frames == 3

        assert_quarters(decode(data), tolerance=24)

    @pytest.mark.parametrize("kind", FOREIGN)
    def test_other_formats_are_refused(self, kind: str) -> None:
        error = refusal(FOREIGN[kind])

        assert (error.code, error.status) == ("image_format", 415)
        assert f"{len(FOREIGN[kind]):,} bytes" in error.message
        assert FOREIGN[kind][:8].hex(" ") in error.message
        for name in ("JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF"):
            assert name in error.hint

    @pytest.mark.parametrize("kind", ["AVIF", "JPEG2000", "ICO", "PPM", "TGA", "PCX", "PDF"])
    def test_what_pillow_could_read_or_write_besides_is_refused(self, kind: str) -> None:
        assert refusal(encoded(quarters(), kind)).code == "image_format"


class TestOrientation:
    @pytest.mark.parametrize("orientation", HELD)
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "MPO"])
    def test_every_orientation_gives_the_same_picture(self, kind: str, orientation: int) -> None:
        turn = HELD[orientation]
        held = quarters() if turn is None else quarters().transpose(turn)
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        data = encoded(held, kind, exif=exif)

        image = decode(data)

        assert_quarters(image, tolerance=24 if kind in LOSSY else 0)
        with Image.open(io.BytesIO(data)) as file:
            expected = ImageOps.exif_transpose(file).convert("RGB")
        assert np.array_equal(image, expected)
        assert np.array_equal(upright_rgb(image), expected), "it was turned twice"

    def test_the_orientation_in_xmp_counts_too_and_once(self) -> None:
        xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
        data = encoded(quarters().transpose(HELD[6]), "WEBP", xmp=xmp, lossless=True)

        image = decode(data)

        assert_quarters(image)
        assert_quarters(upright_rgb(image))

    @pytest.mark.parametrize("value", [0, 9, 65535])
    def test_an_orientation_that_does_not_exist_is_ignored(self, value: int) -> None:
        exif = Image.Exif()
        exif[ORIENTATION] = value

        assert_quarters(decode(encoded(quarters(), "PNG", exif=exif)))

    @pytest.mark.parametrize(
        "block",
        [
            b"",
            b"garbage",
            b"II*\x00\xff\xff\xff\xff",
            b"MM\x00*\x00\x00\x00\x08\xff\xff",
            bytes(99),
        ],
        ids=["empty", "text", "offset", "count", "zeros"],
    )
    def test_an_unreadable_block_is_ignored(self, block: bytes) -> None:
        data = encoded(quarters(), "JPEG", exif=b"Exif\x00\x00" + block)

        assert_quarters(decode(data), tolerance=24)

    def test_a_block_damaged_elsewhere_still_tells_the_orientation(self) -> None:
        # A width (a whole number) that is given as the fraction 1.5, then the orientation 6.
        entries = [struct.pack("<HHIf", 0x0100, 11, 1, 1.5), struct.pack("<HHIHH", 274, 3, 1, 6, 0)]
        block = b"II*\x00\x08\x00\x00\x00\x02\x00" + b"".join(entries) + bytes(4)
        data = encoded(quarters().transpose(HELD[6]), "JPEG", exif=b"Exif\x00\x00" + block)
        with Image.open(io.BytesIO(data)) as file, pytest.raises(struct.error):
            ImageOps.exif_transpose(file)  # Pillow gives up here

        image = decode(data)

        assert_quarters(image, tolerance=24)
        assert_quarters(upright_rgb(image), tolerance=24)


class TestModes:
    @pytest.mark.parametrize(
        ("values", "kind"),
        [
            (RAMP, "PNG"),
            (grey_ramp(), "PNG"),  # of 16 bits the upper 8 are kept
            (grey_ramp(), "TIFF"),
            (RAMP.astype(np.int32), "TIFF"),  # wide values up to 255 are taken as they are
            (RAMP.astype(np.float32), "TIFF"),
            (grey_ramp().astype(np.int32), "TIFF"),  # above that as 16 bits
            (grey_ramp().astype(np.float32), "TIFF"),
        ],
        ids=lambda value: getattr(value, "dtype", value),
    )
    def test_grey_of_any_depth(self, values: np.ndarray, kind: str) -> None:
        got = np.asarray(decode(encoded(Image.fromarray(values), kind)))

        assert np.array_equal(got, np.stack([RAMP] * 3, axis=2))

    def test_of_big_endian_16_bits_too(self) -> None:
        image = Image.frombytes("I;16B", (16, 16), grey_ramp().astype(">u2").tobytes())

        assert np.array_equal(np.asarray(decode(encoded(image, "TIFF")))[..., 0], RAMP)

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            (np.array([[False, True]]), [0, 255]),
            (np.array([[200, 0]], np.uint16), [0, 0]),  # dark, and not brightened
            (np.array([[-7.0, 1e9]], np.float32), [0, 255]),
        ],
        ids=["one bit", "dark", "out of every range"],
    )
    def test_special_values(self, values: np.ndarray, expected: list[int]) -> None:
        data = encoded(Image.fromarray(values), "TIFF")

        assert np.asarray(decode(data))[0, :, 0].tolist() == expected

    @pytest.mark.parametrize(("mode", "kind", "tolerance"), [("P", "PNG", 2), ("CMYK", "JPEG", 24)])
    def test_palette_and_ink(self, mode: str, kind: str, tolerance: int) -> None:
        image = quarters().convert(mode, palette=Image.Palette.ADAPTIVE, colors=8)

        assert_quarters(decode(encoded(image, kind)), tolerance=tolerance)

    @pytest.mark.parametrize("mode", MODES)
    def test_every_mode_of_pillow_becomes_upright_rgb(self, mode: str) -> None:
        image = Image.new(mode, (3, 2))
        image.getexif()[ORIENTATION] = 6

        assert (upright_rgb(image).mode, upright_rgb(image).size) == ("RGB", (2, 3))
        assert (image.mode, image.size) == (mode, (3, 2)), "the input was changed"

    @pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
    def test_values_that_are_no_numbers_do_not_break_it(self) -> None:
        data = encoded(Image.fromarray(np.array([[np.nan, 17.0]], np.float32)), "TIFF")

        assert decode(data).getpixel((1, 0)) == (17, 17, 17)

    def test_lab(self) -> None:
        to_lab = ImageCms.buildTransform(
            ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
        )
        data = encoded(ImageCms.applyTransform(quarters(), to_lab), "TIFF")

        assert_quarters(decode(data), tolerance=12)


WHITE, HALF, NIGHT = (255, 255, 255), (127, 127, 127), (0, 0, 200)
TWO_COLOURS = [0, 0, 0, *NIGHT]


class TestTransparency:
    """Transparent parts are laid on white, half transparent ones half so."""

    @pytest.mark.parametrize(
        ("mode", "pixels", "kind", "transparency", "expected"),
        [
            ("RGBA", [(200, 0, 0, 0), (200, 0, 0, 255)], "PNG", None, [WHITE, (200, 0, 0)]),
            ("RGBA", [(0, 0, 0, 128), (200, 0, 0, 0)], "PNG", None, [HALF, WHITE]),
            ("LA", [(90, 0), (90, 255)], "PNG", None, [WHITE, (90, 90, 90)]),
            ("P", [0, 1], "PNG", 0, [WHITE, NIGHT]),
            ("P", [0, 1], "GIF", 0, [WHITE, NIGHT]),
            ("P", [0, 1], "PNG", b"\x80\xff", [HALF, NIGHT]),
            ("RGB", [(10, 20, 30), (10, 20, 31)], "PNG", (10, 20, 30), [WHITE, (10, 20, 31)]),
            ("L", [10, 11], "PNG", 10, [WHITE, (11, 11, 11)]),
        ],
    )
    def test_it_is_laid_on_white(
        self, mode: str, pixels: list, kind: str, transparency: object, expected: list
    ) -> None:
        image = Image.new(mode, (2, 1))
        if mode == "P":
            image.putpalette(TWO_COLOURS)
        image.putdata(pixels)
        options = {} if transparency is None else {"transparency": transparency}

        got = decode(encoded(image, kind, **options))

        assert [got.getpixel((x, 0)) for x in (0, 1)] == expected


class TestDamage:
    @pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9])
    @pytest.mark.parametrize("kind", FORMATS)
    def test_cut_off(self, kind: str, share: float) -> None:
        # Noise, so that a share of the bytes is a share of the picture.
        noise = np.random.default_rng(7).integers(0, 256, (60, 80, 3), np.uint8)
        data = encoded(Image.fromarray(noise), kind)
        end = data.index(b"\xff\xd8\xff", 2) if kind == "MPO" else len(data)  # the second picture

        error = refusal(data[: int(end * share)])

        assert (error.code, error.status) == ("image_damaged", 400)
        assert error.message.startswith("The image is cut off or damaged: ")
        assert "all of its bytes" in error.hint

    def test_bytes_behind_the_picture_are_ignored(self) -> None:
        assert_quarters(decode(encoded(quarters(), "PNG") + b"trailing bytes"))

    @pytest.mark.filterwarnings("ignore")
    def test_damaged_files_give_a_picture_or_a_refusal_and_nothing_else(self) -> None:
        rng = random.Random(20240)
        whole = [encoded(quarters(40, 30), kind) for kind in FORMATS]
        outcomes = {"picture": 0, "image_damaged": 0, "image_format": 0}

        for i in range(301):
            data = mutant(whole[i % len(whole)], rng)
            try:
                image = decode(data, max_pixels=1_000_000)
            except InputError as refused:
                outcome = refused.code
            else:
                outcome = "picture"
                assert image.mode == "RGB"
                assert np.asarray(image).shape == (image.height, image.width, 3)
            outcomes[outcome] = outcomes.get(outcome, 0) + 1

        assert all(outcomes.values()), outcomes  # the damage is neither too mild nor too harsh


class TestSize:
    @pytest.mark.parametrize(
        ("width", "height", "met"),
        [
            (8_000, 8_000, "8000 by 8000"),
            (10_000, 10_000, "10000 by 10000"),  # Pillow warns
            (30_000, 30_000, "far too many pixels"),  # Pillow raises: a "decompression bomb"
            (2**31 - 1, 1, "2147483647 by 1|far too many pixels"),
        ],
    )
    def test_too_many_pixels(self, width: int, height: int, met: str) -> None:
        data = png_declaring(width, height)
        assert len(data) < 100

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            error = refusal(data)

        assert (error.code, error.status) == ("image_too_many_pixels", 413)
        assert any(part in error.message for part in met.split("|"))
        assert "50,000,000" in error.message
        assert "Scale it down" in error.hint

    def test_the_limit_itself_is_allowed(self) -> None:
        data = encoded(quarters(64, 48), "PNG")

        assert decode(data, max_pixels=64 * 48).size == (64, 48)
        assert refusal(data, max_pixels=64 * 48 - 1).code == "image_too_many_pixels"


def test_only_the_formats_on_the_list_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def opener(file: io.BytesIO, formats: tuple[str, ...]) -> Image.Image:
        seen.append(formats)
        raise UnidentifiedImageError

    monkeypatch.setattr(opening, "original_open", lambda: opener)

    assert refusal(b"x").code == "image_format"
    assert seen == [("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")]


class TestBesideUltralytics:
    """Importing ultralytics replaces ``Image.open`` by one that installs a package."""

    SCRIPT = textwrap.dedent("""
        import io, sys
        from PIL import Image, ImageFile

        if sys.argv[1] == "before":
            import ultralytics.utils.checks
        from services.id_card.model.images import decode
        from services.errors import InputError
        if sys.argv[1] == "after":
            import ultralytics.utils.checks
        import ultralytics.engine.predictor, services.id_card.detector

        tried = []
        ultralytics.utils.checks.check_requirements = lambda *given, **_: tried.append(given)

        assert Image.open.__module__ == "ultralytics.utils.patches", Image.open
        for data in (b"no picture", b"\\x00\\x00\\x00\\x18ftypheic" + bytes(32)):
            try:
                decode(data)
            except InputError as error:
                assert error.status == 415, error
            else:
                raise AssertionError("was read")
        assert tried == [], tried

        # The trap is armed: the replaced function walks into it.
        try:
            Image.open(io.BytesIO(b"no picture"))
        except ImportError:
            pass
        assert tried == [("pi-heif",)], tried
        assert not ImageFile.LOAD_TRUNCATED_IMAGES
        print("fine")
    """)

    @pytest.mark.parametrize("order", ["before", "after"])
    def test_its_image_open_is_not_used(self, order: str) -> None:
        done = subprocess.run(
            [sys.executable, "-c", self.SCRIPT, order],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

        assert done.stdout.strip() == "fine", done.stderr

    def test_nothing_in_this_process_lets_cut_off_pictures_pass(self) -> None:
        import services.id_card.bento.runner_service
        import services.id_card.bento.service  # noqa: F401

        assert not ImageFile.LOAD_TRUNCATED_IMAGES
        assert refusal(sample_bytes("one_card")[:9000]).code == "image_damaged"


class TestCostlyFiles:
    """Small files that would cost much: bounded before or while they are decoded."""

    def progressive(self, repeats: int) -> bytes:
        """Return a progressive JPEG whose last scan is repeated."""
        data = encoded(Image.new("RGB", (2000, 2000), (10, 200, 30)), "JPEG", progressive=True)
        scan = data[data.rindex(b"\xff\xda") : -2]
        return data[:-2] + repeats * scan + b"\xff\xd9"

    def test_progressive_jpegs_are_read(self) -> None:
        assert decode(self.progressive(20)).size == (2000, 2000)

    def test_too_many_scans_are_refused_before_decoding(self) -> None:
        with pytest.raises(InputError, match="77 passes over its pixels; at most 64"):
            decode(self.progressive(67))

    def test_decoding_stops_when_its_time_is_up(self) -> None:
        with pytest.raises(InputError, match="takes more than 0 s to decode") as refusal:
            decode(self.progressive(50), seconds=0)
        assert (refusal.value.status, refusal.value.code) == (400, "image_too_slow")

    @pytest.mark.parametrize("kind", [b"zTXt", b"iCCP", b"tEXt", b"gAMA", b"pHYs"])
    def test_a_broken_chunk_beside_the_pixels_does_not_matter(self, kind: bytes) -> None:
        data = encoded(quarters(), "PNG")
        broken = len(b"damaged").to_bytes(4) + kind + b"damaged" + bytes(4)
        assert_quarters(decode(data[:33] + broken + data[33:]))

    def test_a_broken_png_is_damaged_not_of_another_format(self) -> None:
        data = encoded(quarters(), "PNG")
        assert refusal(data[:8] + bytes(25) + data[33:]).code == "image_damaged"

    @pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "I;16", "I", "F"])
    def test_what_it_needs_is_known_before_and_is_halved(self, mode: str) -> None:
        data = encoded(Image.new(mode, (2700, 1301)), "TIFF")
        assert images.decoded_bytes(data) >= 2700 * 1301 * 5
        image = decode(data, side=1280)
        assert image.size == (1350, 651)
        assert image.info["full_size"] == (2700, 1301)

    def test_a_turned_image_keeps_its_full_size_upright(self) -> None:
        exif = Image.Exif()
        exif[ORIENTATION] = 6
        image = decode(encoded(Image.new("RGB", (2700, 1301)), "JPEG", exif=exif), side=1280)
        assert image.size == (651, 1350)
        assert image.info["full_size"] == (1301, 2700)
