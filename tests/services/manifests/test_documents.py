"""How manifests are read: as kubectl reads them, and refused where that would mislead."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.manifests import ManifestError, parse

HEAD = "apiVersion: apps/v1\nkind: ControllerRevision\nmetadata: {name: x}\nrevision: 1\n"

SCALARS: dict[str, Any] = {
    "=": "=",
    "2024-01-01": "2024-01-01",
    "2026-13-01": "2026-13-01",
    "2024-01-01T10:00:00Z": "2024-01-01T10:00:00Z",
    "1:30": "1:30",
    "1e3": 1000,
    "1.5e3": 1500,
    "1.0": 1,
    "5.": 5,
    ".5": 0.5,
    "0.1": 0.1,
    "1_000": 1000,
    "+5": 5,
    "0777": 511,
    "0o17": 15,
    "0x1F": 31,
    "-0b11": -3,
    "08": 8,
    "1e999": "1e999",
    "y": True,
    "yes": True,
    "On": True,
    "n": False,
    "No": False,
    "OFF": False,
    "yEs": "yEs",
    "~": None,
    "Null": None,
    '"yes"': "yes",
    "'1e3'": "1e3",
    "!!str 5": "5",
    "{8080: a, true: b, 1.5: c}": {"8080": "a", "true": "b", "1.5": "c"},
    "{<<: {a: 1, b: 2}, b: 3}": {"a": 1, "b": 3},
    "|\n  a: b\n": "a: b\n",
}


def read(text: str) -> list[dict[str, Any]]:
    return [dict(document.body) for document in parse(text, "here")]


@pytest.mark.parametrize(("text", "value"), SCALARS.items())
def test_a_value_is_read_as_kubectl_reads_it(text: str, value: Any) -> None:
    [body] = read(f"{HEAD}data: {text}\n")
    assert (body["data"], type(body["data"])) == (value, type(value))


def test_kubectl_itself_reads_them_so(tmp_path: Path, needs: Callable[[str], None]) -> None:
    needs("kubectl")
    path = tmp_path / "values.yaml"
    lines = [f"  v{place}: {text}".replace("\n  ", "\n    ") for place, text in enumerate(SCALARS)]
    path.write_text(f"{HEAD}data:\n" + "\n".join(lines) + "\n", encoding="utf-8")
    command = ["kubectl", "label", "--local", "-f", str(path), "a=b", "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout)["data"]
    [ours] = read(path.read_text("utf-8"))
    assert ours["data"] == theirs == {f"v{i}": value for i, value in enumerate(SCALARS.values())}


def test_json_with_tabs_and_several_documents() -> None:
    one = '{\n\t"apiVersion": "v1",\n\t"kind": "Pod", "a": 1e3\n}\n'
    assert read(one + one) == [{"apiVersion": "v1", "kind": "Pod", "a": 1000}] * 2
    flow = "{apiVersion: v1, kind: Pod}\n---\n# nothing\n---\napiVersion: v1\nkind: Service\n"
    documents = list(parse(flow, "here"))
    assert [(str(d), d.line) for d in documents] == [("Pod/", 1), ("Service/", 5)]


def test_a_list_gives_its_items() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}
    for kind, item in (("List", pod), ("PodList", pod), ("PodList", {"metadata": {"name": "a"}})):
        assert read(json.dumps({"apiVersion": "v1", "kind": kind, "items": [item]})) == [pod]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1", "it is not YAML"),
        ("\0", "it is not YAML"),
        ("kind: Service", "line 1: apiVersion is missing or not text"),
        ("apiVersion: v1\nkind: [Service]", "line 1: kind is missing or not text"),
        ("- 1", "a manifest is a mapping of fields; this is a list"),
        ("hello", "this is a scalar"),
        (f"{HEAD}data: {{a: 1, a: 2}}", "line 5: the key 'a' appears twice; remove one"),
        (f"{HEAD}data: {{1: a, '1': b}}", "the key '1' appears twice"),
        ('{"kind": "Pod", "kind": "Pod"}', "the key 'kind' appears twice"),
        (f"{HEAD}data: {{~: a}}", "line 5: a key must be a string, not null"),
        (f"{HEAD}data: .inf", "JSON has no infinite numbers"),
        (f"{HEAD}data: !!set {{a}}", "is not JSON; write it as text"),
        (f"{HEAD}data: &a [*a]", "it is not YAML"),
        (f"{HEAD}data: {'[' * 100_000}", "nested more than 100 levels deep"),
        ('{"a": ' * 20_000 + "1" + "}" * 20_000, "nested more than 100 levels deep"),
        (
            f"{HEAD}a0: &a0 [x]\n"
            + "".join(f"a{i}: &a{i} [{f'*a{i - 1},' * 9}]\n" for i in range(1, 9)),
            "its aliases expand to more than 1,000,000 values",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read(text: str, words: str) -> None:
    with pytest.raises(ManifestError, match=r"^here: ") as raised:
        read(text)
    assert words in str(raised.value)
