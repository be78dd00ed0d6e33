"""The command that checks manifests: what it reads, what it prints, how it exits."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import kubernetes_validate
import pytest

from services.environment import ROOT
from services.workbench.manifests import kinds, quantities
from services.workbench.manifests.__main__ import main
from services.workbench.manifests.bundle import Bundle, matches
from services.workbench.manifests.documents import Document, Fault, ManifestError, parse

SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector:
    app: web
  ports:
    - name: http
      port: 80
      targetPort: http
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      securityContext:
        runAsNonRoot: true
      containers:
        - name: web
          image: web:1.0.0
          ports:
            - name: http
              containerPort: 8080
"""


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str, name: str = "manifest.yaml") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_a_good_file(file: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> None:
    path = file(f"---\n{SERVICE}---\n# nothing\n---\n{DEPLOYMENT}")
    assert main([path]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{path}:",
        "  ok     v1 Service web",
        "  ok     apps/v1 Deployment web",
        "2 document(s) by the types of Kubernetes 1.35 and of ours: no fault(s)",
    ]


def test_files_are_one_set(file: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    service, deployment = file(SERVICE, "a.yaml"), file(DEPLOYMENT, "b.yaml")
    assert main([service, deployment]) == 0
    # On its own, the Service sends to nobody.
    assert main([service]) == 1
    assert "spec.selector: no pod in namespace default has these" in capsys.readouterr().out


def test_a_fault_is_shown_with_its_place(
    file: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = file(f"{DEPLOYMENT}---\n{SERVICE.replace('targetPort: http', 'targetPort: htpp')}")
    assert main([path]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == f"  FAULT  v1 Service web  ({path}:{len(DEPLOYMENT.splitlines()) + 2})"
    assert lines[3].strip() == (
        "spec.ports[0].targetPort: Deployment web declares no port 'htpp'; it has http "
        "[service-target-port]"
    )
    assert lines[-1].endswith("1 fault(s)")


def test_rules_wait_for_types(
    file: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([file(SERVICE.replace("port: 80", "port: eighty"))]) == 1
    out = capsys.readouterr().out
    assert "spec.ports[0].port: 'eighty' is not of type 'integer' [Kubernetes 1.35]" in out
    assert "The rules between documents wait" in out
    assert "spec.selector" not in out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1", "no YAML"),
        ("kind: Service", "line 1: apiVersion is missing or no text"),
        ("apiVersion: v1\nkind: [Service]", "kind is missing or no text"),
        ("- 1", "a manifest is a mapping; this is list"),
        ("hello", "a manifest is a mapping; this is str"),
        (SERVICE + "kind: Pod\n", "line 12: the key 'kind' is there twice"),
        (SERVICE.replace("app: web", "8080: web"), "line 7: the key 8080 is no text"),
        ("", "there is no document in it"),
        ("---\n---\n", "there is no document in it"),
        ("\0", "no YAML"),
        ("a: 2026-13-01", "no YAML: month must be in 1..12"),
    ],
)
def test_what_cannot_be_read(
    file: Callable[[str], str], capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    path = file(text)
    assert main([path]) == 1
    out = capsys.readouterr().out
    assert f"FAULT  {path}: " in out
    assert words in out
    assert "Traceback" not in out


def test_a_binary_file_is_told_like_any_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "picture.yaml"
    path.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF")
    assert main([str(path)]) == 1
    assert "no YAML" in capsys.readouterr().out


def test_standard_input_and_lists(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    indented = DEPLOYMENT.replace("\n", "\n    ")
    monkeypatch.setattr(
        "sys.stdin", io.StringIO(f"apiVersion: v1\nkind: List\nitems:\n  - {indented}")
    )
    assert main(["-"]) == 0
    assert "ok     apps/v1 Deployment web" in capsys.readouterr().out


def test_a_kind_that_nobody_knows_is_refused(
    file: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    # kubernetes-validate itself warns of this, and exits with 0.
    path = file("apiVersion: example.com/v1\nkind: Wonder\nmetadata: {name: x}\n")
    assert kubernetes_validate.validate_file(path, "1.35", True, False, False) == 0
    assert capsys.readouterr().out.startswith("WARN")
    assert main([path]) == 1
    out = capsys.readouterr().out
    assert "kind: Wonder of example.com/v1 is no kind of Kubernetes 1.35" in out


def test_the_release_can_be_chosen(
    file: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    sleeping = DEPLOYMENT + "          lifecycle: {preStop: {sleep: {seconds: 5}}}\n"
    assert main(["--kubernetes-version", "1.28", file(sleeping)]) == 1
    assert "preStop.sleep: unknown field" in capsys.readouterr().out
    assert main(["--kubernetes-version", "1.30", file(sleeping)]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "FILE"),
        (["no/such.yaml"], "no such file: no/such.yaml"),
        (["tests"], "no kustomization.yaml in tests"),
        (["--kubernetes-version", "1.3", "-"], "invalid choice"),
    ],
)
def test_a_wrong_command_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_without_kubectl_a_folder_is_not_passed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main([str(ROOT / "infra" / "kubernetes" / "base")]) == 3
    out = capsys.readouterr().out
    assert "NOT RUN HERE: kubectl is missing or does not answer; install it as" in out
    assert "no fault(s)" in out


def test_a_folder_that_cannot_be_built(
    file: Callable[..., str], needs: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    needs("kubectl")
    text = "kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\nresorces: [a.yaml]\n"
    path = file(text, "overlay/kustomization.yaml")
    # The file stands for its folder, and both together are built once.
    assert main([path, str(Path(path).parent)]) == 1
    out = capsys.readouterr().out
    assert out.count("FAULT") == 1
    assert "unknown field" in out
    assert "resorces" in out


def test_it_is_a_command(file: Callable[[str], str]) -> None:
    command = [sys.executable, "-m", "services.workbench.manifests", file(SERVICE)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[-1].endswith("1 fault(s)")


def test_a_custom_kind_and_a_rule_are_added_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Document) -> list[Fault]:
        return [Fault("spec", "is not to our liking", "us")]

    monkeypatch.setitem(kinds.CUSTOM, ("example.com/v1", "Wonder"), refuse)
    [document] = parse("apiVersion: example.com/v1\nkind: Wonder\n", "here")
    [fault] = kinds.check(document)
    assert str(fault) == "spec: is not to our liking [us]"


def test_sidecars_count_and_what_runs_before_does_not() -> None:
    text = DEPLOYMENT + (
        "      initContainers:\n"
        "        - {name: proxy, image: p:1, restartPolicy: Always, ports: [{containerPort: 9}]}\n"
        "        - {name: first, image: f:1, ports: [{containerPort: 10}]}\n"
    )
    [pod] = Bundle(list(parse(text, "here"))).pods
    assert [box.name for box in pod.containers] == ["web", "proxy"]
    assert [box.name for box in pod.all_containers] == ["web", "proxy", "first"]
    assert (pod.number("http"), pod.number(9), pod.number(10)) == (8080, 9, None)


@pytest.mark.parametrize(
    ("operator", "values", "taken"),
    [
        ("In", ["a", "b"], [True, False, False]),
        ("NotIn", ["a"], [False, True, True]),
        ("Exists", None, [True, True, False]),
        ("DoesNotExist", None, [False, False, True]),
    ],
)
def test_selectors_take_labels_as_kubernetes_does(
    operator: str, values: list[str] | None, taken: list[bool]
) -> None:
    selector = {"matchExpressions": [{"key": "k", "operator": operator, "values": values}]}
    labels: list[dict[str, str]] = [{"k": "a"}, {"k": "c"}, {}]
    assert [matches(selector, each) for each in labels] == taken
    assert matches({}, {"any": "thing"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("250m", "0.25"),
        ("2", "2"),
        (1.5, "1.5"),
        ("768Mi", 768 * 2**20),
        ("1Gi", 2**30),
        ("1k", 1000),
        ("2G", 2 * 10**9),
        ("1e3", 1000),
        ("1E", 10**18),
        (".5", "0.5"),
    ],
)
def test_quantities(text: str | float, value: str | int) -> None:
    assert quantities.parse(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "2GB", "1 Gi", "Mi", "1K", "0x1", "1,5", "\u0661"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        quantities.parse(text)


def test_a_text_that_is_no_manifest_names_its_file() -> None:
    with pytest.raises(ManifestError, match=r"^here: line 1: kind is missing"):
        list(parse("apiVersion: v1", "here"))
