"""A short list of words that the repository's texts do not use, each with a better one.

The texts are the Markdown files, the Markdown cells of notebooks and labs, the labs'
exercises.toml, and the strings of services and labs, docstrings included. Code between backticks is
left out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from services.environment import ROOT
from services.workbench.notebooks.files import read_source, sources

# "is no longer" and "is no reason to" are good English, and so is "there is no image".
_FINE = "longer|more|less|larger|smaller|better|worse|faster|slower|reason|guarantee|help"

WORDS = {
    rf"(?<!there )(?<!there still )\b(?:is|are) no (?!{_FINE})\w": "(anything that) is not a …",
    r"\bwhoever\b": "name the person or program: the client, the operator, code that …",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\bpretend(?:s|ed|ing)?\b": "fake, simulated, or a stub",
    r"\b(?:drawn users|(?:invented|made-up) (?:users|ratings|movies|films|data))\b": "simulated …",
    r"\bown accord\b": "by itself, or by default",
    r"\bnobody (?:is|was) told\b": "say which message is missing, and where",
    r"\b(?:OurDataPlane|test_house)\b": "GuardedDataPlane, test_project",
    r"\bthe house(?:'s)?\b": "this repository's, or the project's",
    r"\bpullers?\b": "the process that polls, or the poller",
    r"\bfor want of\b": "without, or for lack of",
    r"\banew\b": "again",
    r"\bin the place of\b": "in place of, or instead of",
    r"\ba further one\b": "another one",
    r"\b(?:where|there|here)(?:of|in|by|upon)\b": "of which, in it, by this …",
}

_CODE = re.compile(r"^```.*?^```|``.+?``|`[^`]+`", re.M | re.S)
_QUOTE = re.compile(r"^> ?", re.M)


def hits(text: str) -> list[str]:
    """Return what *text* should not say, each with the better word."""
    plain = " ".join(_QUOTE.sub("", _CODE.sub("CODE", text)).split())
    return [
        f"{plain[max(0, match.start() - 25) : match.end() + 20]!r}: better {better}"
        for pattern, better in WORDS.items()
        for match in re.finditer(pattern, plain, re.I)
    ]


def _strings(path: Path) -> Iterator[str]:
    """Yield the strings of a module, docstrings included; a value in an f-string is left out."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values
            )
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts
        ):
            yield node.value


def _prose(path: Path) -> Iterator[str]:
    """Yield the Markdown cells of a text source."""
    for cell in read_source(path).cells:
        if cell.cell_type == "markdown":
            yield cell.source


def _files(pattern: str, *folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).glob(pattern))


def _whole(path: Path) -> Iterator[str]:
    yield path.read_text(encoding="utf-8")


def _found(paths: Iterable[Path], texts: Callable[[Path], Iterator[str]] = _whole) -> list[str]:
    found = []
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        for text in texts(path):
            found += [f"{name}: {hit}" for hit in hits(text)]
    return found


def test_markdown_files() -> None:
    paths = _files("*.md", ".", "notebooks", "labs")
    paths += _files("**/*.md", "infra", "services", ".github")
    assert len(paths) > 10
    assert _found(paths) == []


def test_notebooks() -> None:
    assert _found(sources(), _prose) == []


def test_labs() -> None:
    paths = _files("lab*/lab*.py", "solutions")
    assert paths
    assert _found(paths, _prose) == []


def test_exercises() -> None:
    paths = _files("lab*/exercises.toml", "labs/checks")
    assert paths
    assert _found(paths) == []


@pytest.mark.parametrize("folder", ["services", "labs"])
def test_docstrings_and_messages(folder: str) -> None:
    assert _found(_files("**/*.py", folder), _strings) == []


WRONG = [
    "What is no\n> picture gets a 4xx.",
    "The file is no picture.",
    "Whoever goes over loses that cell.",
    "A fault is mended once.",
    "A pretended model.",
    "The ratings of drawn users.",
    "KServe does it of its own accord.",
    "The model is loaded, and nobody is told.",
    "OurDataPlane answers.",
    "It has the house's shape.",
    "One worker is the puller.",
    "NOT RUN HERE, for want of a cluster.",
    "Save it anew.",
    "A volume in the place of a bucket.",
    "A further one gets a 429.",
    "The table, and the rows thereof.",
]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_sentence_is_found(wrong: str) -> None:
    assert hits(wrong)


def test_every_pattern_finds_a_wrong_sentence() -> None:
    assert [word for word in WORDS if not any(re.search(word, t, re.I) for t in WRONG)] == []


@pytest.mark.parametrize(
    "right",
    [
        "There is no image, and the port is no longer free.",
        "Use `scoring_app.mend` to fix the answer.",
        "```python\nmend(anew)\n```",
        "A recommendation, and a dependency that is bad.",
    ],
)
def test_a_good_sentence_passes(right: str) -> None:
    assert hits(right) == []


def test_strings_of_a_module_are_read(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('"""Mend it."""\nprint(f"{1} is no " "file")\n', encoding="utf-8")
    assert [hit.split(": better ")[1] for text in _strings(module) for hit in hits(text)] == [
        "fix",
        "(anything that) is not a …",
    ]
