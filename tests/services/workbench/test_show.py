from __future__ import annotations

import base64
import functools
import io
import re
import tempfile
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.figure import Figure
from PIL import Image

from services import errors
from services.environment import ROOT, build_dir
from services.workbench import plots, show


def embedded(shown: show.Display) -> Image.Image:
    """Return the picture inside the HTML."""
    assert shown.html is not None
    match = re.search(r'src="data:image/(png|jpeg);base64,([^"]+)"', shown.html)
    assert match is not None
    return Image.open(io.BytesIO(base64.b64decode(match[2])))


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


@decorated
def sample(x):
    # first
    y = x + 1
    # last
    return y


class Wrapper:
    """As BentoML wraps a service: an object that keeps the class as ``inner``."""

    inner = errors.InputError


class TestSource:
    def test_a_class_with_its_file(self) -> None:
        shown = show.source(errors.InputError)
        first = "class InputError(_AnsweredError, ValueError):\n"
        assert repr(shown).startswith(f"services/errors.py\n\n{first}")
        assert shown.markdown is not None
        assert shown.markdown.startswith(f"`services/errors.py`\n\n```python\n{first}")
        assert shown.markdown.endswith("\n```")

    def test_is_what_stands_in_the_file(self) -> None:
        text = (ROOT / "services/errors.py").read_text().strip("\n")
        for way in (errors, "services/errors.py", ROOT / "services" / "errors.py"):
            assert repr(show.source(way)) == f"services/errors.py\n\n{text}"

    def test_looks_through_wrappers(self) -> None:
        assert "def sample(x):" in repr(show.source(sample))
        assert "wrapper(" not in repr(show.source(sample))
        assert repr(show.source(Wrapper())) == repr(show.source(errors.InputError))

    def test_a_method_is_set_to_the_left(self) -> None:
        assert "\n\ndef as_dict(self)" in repr(show.source(errors.InputError.as_dict))

    def test_a_part_by_text_or_by_number(self) -> None:
        by_text = show.source(sample, start="# first", end="# last")
        body = "# first\ny = x + 1\n# last"
        assert repr(by_text).split("\n\n", 1)[1] == body
        assert repr(show.source(sample, start=3, end=5)) == repr(by_text)
        assert repr(show.source(sample, start="# last")).endswith("\n\n# last\nreturn y")

    @pytest.mark.parametrize(
        ("start", "end", "message"),
        [
            ("nowhere", None, "no line contains 'nowhere'"),
            (None, "nowhere", "no line contains 'nowhere'"),
            ("# last", "# first", "from line 5 on"),
            (0, None, "there is no line 0; the source has lines 1 to 6"),
            (None, 7, "line 7"),
            (4, 2, "comes before"),
        ],
    )
    def test_a_part_that_is_not_there(
        self, start: int | str | None, end: int | str | None, message: str
    ) -> None:
        with pytest.raises(ValueError, match=message):
            show.source(sample, start=start, end=end)

    def test_a_library_by_its_place_among_the_packages(self) -> None:
        assert repr(show.source(Figure)).startswith("matplotlib/figure.py\n")
        assert repr(show.source(tempfile)).startswith("tempfile.py\n")

    def test_other_languages_and_fences_within(self, tmp_path: Path) -> None:
        file = tmp_path / "readme.md"
        file.write_text("# Title\n\n````python\n1\n````\n")
        shown = show.source(file)
        assert shown.markdown == (
            "`readme.md`\n\n`````markdown\n# Title\n\n````python\n1\n````\n`````"
        )

    def test_no_source(self) -> None:
        with pytest.raises(TypeError):
            show.source(len)
        with pytest.raises(TypeError):
            show.source(42)
        with pytest.raises(FileNotFoundError):
            show.source("services/no_such_file.py")

    def test_what_a_notebook_receives(self) -> None:
        data, _ = InteractiveShell().display_formatter.format(show.source(sample))
        assert sorted(data) == ["text/markdown", "text/plain"]
        assert "def sample(x):" in data["text/plain"]

    def test_a_function_of_the_notebook_itself(self) -> None:
        shell = InteractiveShell()
        shell.run_cell("def cell_function():\n    return 1\n").raise_error()
        shown = show.source(shell.user_ns["cell_function"])
        assert repr(shown) == "this notebook\n\ndef cell_function():\n    return 1"


class TestPicture:
    def test_alt_text_in_both_forms(self) -> None:
        shown = show.picture(Image.new("RGB", (4, 3), "red"), 'A "red" <field>')
        assert repr(shown) == 'A "red" <field>'
        assert 'alt="A &quot;red&quot; &lt;field&gt;"' in str(shown.html)
        data, _ = InteractiveShell().display_formatter.format(shown)
        assert sorted(data) == ["text/html", "text/plain"]

    @pytest.mark.parametrize("alt", ["", "  "])
    def test_alt_text_is_required(self, alt: str) -> None:
        with pytest.raises(ValueError, match="alt"):
            show.picture(Image.new("RGB", (4, 3)), alt)
        with pytest.raises(ValueError, match="alt"):
            show.figure(plots.ratio_bars(["a"], [1.0]), alt)

    def test_width_makes_smaller_never_larger(self) -> None:
        image = Image.new("RGB", (400, 200), "red")
        assert embedded(show.picture(image, "red", width=100)).size == (100, 50)
        assert 'width="100"' in str(show.picture(image, "red", width=100).html)
        assert embedded(show.picture(image, "red", width=1000)).size == (400, 200)
        assert image.size == (400, 200)
        with pytest.raises(ValueError, match="width"):
            show.picture(image, "red", width=0)

    @pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "P", "1", "CMYK", "I;16", "YCbCr"])
    def test_every_mode(self, mode: str) -> None:
        grey = Image.new("L", (8, 8), 128)
        image = Image.new("I;16", (8, 8), 128 * 257) if mode == "I;16" else grey.convert(mode)
        shown = embedded(show.picture(image, "a grey field", width=4))
        assert shown.format == ("PNG" if mode in {"RGBA", "LA"} else "JPEG")
        if mode != "1":  # dithered
            assert shown.convert("L").getpixel((2, 2)) == pytest.approx(128, abs=4)

    def test_stands_upright(self) -> None:
        image = Image.new("RGB", (8, 4), "red")
        image.getexif()[0x0112] = 6  # the camera was turned by a quarter
        assert embedded(show.picture(image, "red")).size == (4, 8)

    def test_the_same_each_time(self) -> None:
        image = Image.linear_gradient("L")
        assert show.picture(image, "grey").html == show.picture(image, "grey").html


def test_figure_is_a_png_with_alt_text_and_the_same_each_time() -> None:
    first, second = (
        show.figure(plots.ratio_bars(["a"], [2.0]), "a takes twice as long", dpi=50)
        for _ in range(2)
    )
    assert first.html == second.html
    assert repr(first) == "a takes twice as long"
    image = embedded(first)
    assert image.format == "PNG"
    assert image.width == 350
    assert "Software" not in image.info


class TestTable:
    def test_plain(self) -> None:
        shown = show.table([["torch", 1.0], ["onnx", 0.48]], ["backend", "ratio"])
        assert repr(shown).splitlines() == [
            "backend  ratio",
            "-------  -----",
            "torch      1.0",
            "onnx      0.48",
        ]

    def test_html_is_escaped_and_numbers_stand_to_the_right(self) -> None:
        shown = show.table([["<b>", 1]], ["a & b", "n"])
        assert "<b>" not in str(shown.html)
        assert '<td style="text-align: left">&lt;b&gt;</td>' in str(shown.html)
        assert '<td style="text-align: right">1</td>' in str(shown.html)
        assert "a &amp; b" in str(shown.html)

    def test_without_rows(self) -> None:
        assert repr(show.table([], ["a", "b"])).splitlines() == ["a  b", "-  -"]

    def test_needs_a_heading_for_every_column_and_a_cell_for_every_heading(self) -> None:
        with pytest.raises(ValueError, match="every column needs a heading"):
            show.table([["a", "b"]], ["", "b"])
        with pytest.raises(ValueError, match="2 columns, but a row of 1"):
            show.table([["a"]], ["a", "b"])


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("first\nsecond"), "ValueError: first"),
        (ValueError("\n  first  \nsecond"), "ValueError: first"),
        (KeyError("key"), "KeyError: 'key'"),
        (ZeroDivisionError(), "ZeroDivisionError"),
        (ValueError(f"{ROOT}/services/x.py is bad"), "ValueError: services/x.py is bad"),
        (ValueError(f"'{build_dir()}/logs/a.log'"), "ValueError: 'build/logs/a.log'"),
        (
            ValueError(f"no '{tempfile.gettempdir()}/tmpab12cd34/sub/a.png'"),
            "ValueError: no '…/a.png'",
        ),
        (ValueError("<object at 0x7f00deadbeef>"), "ValueError: <object at 0x…>"),
        (ValueError("POST /inference, not /invocation"), None),
        (ValueError("http://127.0.0.1:3000/docs.json"), None),
    ],
)
def test_one_line(error: Exception, line: str | None) -> None:
    assert show.one_line(error) == (line or f"ValueError: {error}")


def test_one_line_of_an_error_of_a_library() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        (Path(tempfile.gettempdir()) / "no_such_folder" / "a.png").read_bytes()
    assert show.one_line(caught.value) == (
        "FileNotFoundError: [Errno 2] No such file or directory: '…/a.png'"
    )
