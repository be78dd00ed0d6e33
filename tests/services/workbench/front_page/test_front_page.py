"""The README's numbers and pictures are the ones that the repository's files give today."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
from PIL import Image

from services.environment import ROOT
from services.workbench.front_page import banner, drawing, numbers, terminal
from services.workbench.front_page.theme import PICTURES, THEMES
from services.workbench.site.pages import slug

README = numbers.README.read_text(encoding="utf-8")
REMEDY = "make readme ARGS=--pictures"


def test_the_readme_states_what_the_files_give() -> None:
    assert numbers.with_numbers(README, numbers.steps()) == README, "make readme"


def test_a_readme_without_its_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the lines"):
        numbers.with_numbers("# No numbers", [])


def test_a_step_is_a_notebook_and_its_lab() -> None:
    first, *_ = numbers.steps()
    assert (first.number, first.title) == ("00", "The models")
    assert first.notebook.exists()
    assert first.lab.exists()
    assert first.reading > 10
    assert first.doing > first.exercises > 2
    assert numbers.hours(61) == "2 h"


def test_the_short_path_is_written_out_in_the_readme() -> None:
    assert set(numbers.SHORT_PATH) < {step.number for step in numbers.steps()}
    assert f"{', '.join(numbers.SHORT_PATH)}, from a model to KServe" in README


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_the_pictures_are_made_from_todays_files(theme: banner.Theme) -> None:
    for narrow in (False, True):
        with Image.open(banner.path_of(theme, narrow=narrow)) as image:
            assert image.info[banner.MADE_FROM] == banner.digest(), REMEDY
    assert drawing.path_of(theme).read_text(encoding="utf-8") == drawing.svg(theme), REMEDY


def test_an_adapter_that_moved_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "ADAPTERS", (("bentoml", "gone.py", "bentoml serve"),))
    with pytest.raises(FileNotFoundError, match=r"gone\.py"):
        drawing.svg(THEMES[0])


def test_the_terminal_plays_the_readmes_own_commands_within_twenty_seconds() -> None:
    svg = terminal.PATH.read_text(encoding="utf-8")
    assert terminal.SERVE in README
    for endpoint in ("inference", "render"):
        upload = (
            f"-F image=@services/id_card/samples/two_cards.jpg http://127.0.0.1:3000/{endpoint}"
        )
        assert upload in README
        assert upload in "".join(ElementTree.fromstring(svg).itertext()), REMEDY
    lines = terminal.timed([(terminal.SERVE, ["x" * 250]), (terminal.INFERENCE, ["[]"])])
    assert max(len(line.text) for line in lines) <= terminal.COLUMNS
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert lines[-1].at < terminal.SECONDS <= 20
    assert re.search(r"<text[^>]*>&lt;b&gt;</text>", terminal.svg([terminal.Line("<b>", 1, True)]))


def test_pictures_are_small_described_and_used() -> None:
    shown = set(re.findall(r"docs/pictures/[\w-]+\.\w+", README))
    assert {str(path.relative_to(ROOT)) for path in PICTURES.iterdir()} == shown
    assert [path for path in PICTURES.iterdir() if path.stat().st_size > 150_000] == []
    assert all(re.search(r'alt="[^"]{20,}"', tag) for tag in re.findall(r"<img[^>]*>", README))


def test_links_in_the_readme_lead_to_files_and_headings() -> None:
    anchors = set(map(slug, re.findall(r"^#+ (.+)$", README, re.M)))
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", README):
        name, _, anchor = link.partition("#")
        if "://" in link or link.startswith("../../actions"):
            continue  # other sites, and GitHub's own pages
        if not (ROOT / name).exists() if name else anchor not in anchors:
            dead.append(link)
    assert dead == []
