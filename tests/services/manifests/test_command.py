"""The command: which kinds it checks, one line a finding, its exit status."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from services.environment import ROOT
from services.manifests import check, parse
from services.manifests.__main__ import main

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
"""

# Valid, and once refused: names that RBAC takes, generated names, lists, other groups' kinds.
ACCEPTED = [
    "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: 'system:web'}}",
    "{apiVersion: v1, kind: Pod, metadata: {generateName: a-}, spec: {containers: [{name: a}]}}",
    "{apiVersion: v1, kind: ConfigMapList, items: [{metadata: {name: a}, data: {a: '='}}]}",
    "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80}]}}",
    """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: rayjobs.ray.io}
spec:
  group: ray.io
  names: {kind: RayJob, plural: rayjobs}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}}
""",
]
UNKNOWN = [
    "{apiVersion: ray.io/v1, kind: RayJob, metadata: {name: a}, spec: {entryPoint: b}}",
    "{apiVersion: extensions/v1beta1, kind: Deployment, metadata: {name: a}}",
    "{apiVersion: apps.example.com/v1, kind: Deployment, metadata: {name: a}}",
    "{apiVersion: v1, kind: Container, name: a}",
    "{apiVersion: ../v1, kind: ../Service}",
    "{apiVersion: serving.kserve.io/v1alpha2, kind: LLMInferenceService, metadata: {name: a}}",
]


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str, name: str = "manifest.yaml") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize("text", ACCEPTED)
def test_valid_core_kinds_pass(text: str) -> None:
    assert check(list(parse(text, "here"))) == []


@pytest.mark.parametrize("text", UNKNOWN)
def test_unknown_kinds_are_warned_of(text: str) -> None:
    [finding] = check(list(parse(text, "here")))
    assert (finding.rule, finding.warning) == ("not-checked", True)
    assert "is not checked here" in finding.reason


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("port: 80,", "port: '80',", "spec.ports[0].port: must be an integer, not '80'; leave"),
        ("{app: web}", "{app: 1}", "spec.selector.app: must be a string, not 1; put it in quotes"),
        ("selector:", "selectr:", "spec.selectr: unknown field; did you mean selector?"),
        ("port: 80, ", "", "spec.ports[0].port: is required but missing"),
        ("[{name", "{x: {name", "spec.ports: must be a list, not a mapping"),
        (
            "targetPort: http",
            "targetPort: [1]",
            "targetPort: must be a string or an integer, not a",
        ),
        ("kind: Service", "kind: service", "kind: 'service' is not one of Service"),
    ],
)
def test_core_kinds_are_checked_by_kubernetes_validate(old: str, new: str, line: str) -> None:
    text = SERVICE.replace(old, new)
    if new.startswith("{x"):
        text = text.replace("}]", "}}")
    [document] = parse(text, "here")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(dict(document.body), "1.35", strict=True)
    [finding] = check([document])
    assert line in str(finding)
    assert str(finding).endswith("[Kubernetes 1.35]")


def test_all_errors_of_a_file_are_reported(
    file: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = SERVICE.replace("{app: web}", "{app: 1}").replace("port: 80", "prt: 80")
    path = file(f"{SERVICE}---\n{wrong}---\n{UNKNOWN[0]}\n")
    assert main([path]) == 1
    *lines, last = capsys.readouterr().out.splitlines()
    assert [line.split(" ")[:3] for line in lines] == [
        [f"{path}:8:", "error:", "Service/web"],
        [f"{path}:8:", "error:", "Service/web"],
        [f"{path}:8:", "error:", "Service/web"],
        [f"{path}:15:", "warning:", "RayJob/a"],
    ]
    assert any(
        "spec.selector.app: must be a string, not 1; put it in quotes" in line for line in lines
    )
    assert last == "3 documents, 3 errors, 1 warning"


def test_the_exit_status(
    file: Callable[..., str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good, unknown, bad = (file(t, n) for t, n in ((SERVICE, "a"), (UNKNOWN[0], "b"), ("a: [", "c")))
    wrong = file(SERVICE.replace("port: 80", "port: x"), "d")
    assert [main([path]) for path in (good, unknown, wrong, bad)] == [0, 0, 1, 2]
    assert [main(["--strict", path]) for path in (good, unknown)] == [0, 1]
    assert main([good, wrong, file("", "empty"), file("---\n---\n", "nothing")]) == 2
    assert main(["no/such.yaml"]) == main(["tests"]) == 2
    picture = Path(file("", "picture.yaml"))
    picture.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF")
    assert main([str(picture)]) == 2
    out = capsys.readouterr().out
    for words in ("contains no document", "No such file", "kustomization", "can't decode byte"):
        assert words in out, words
    monkeypatch.setattr("sys.stdin", io.StringIO(SERVICE))
    assert main(["-"]) == 0


def test_the_release_can_be_chosen(file: Callable[[str], str]) -> None:
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, "
    path = file(f"{pod}lifecycle: {{preStop: {{sleep: {{seconds: 5}}}}}}}}]}}}}")
    assert main(["--kubernetes-version", "1.28", path]) == 1
    assert main(["--kubernetes-version", "1.30", path]) == 0
    for arguments in ([], ["--kubernetes-version", "1.3", path]):
        with pytest.raises(SystemExit, match="2"):
            main(arguments)


def test_folders_are_built_by_kubectl(
    file: Callable[..., str], monkeypatch: pytest.MonkeyPatch, needs: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    needs("kubectl")
    good = ROOT / "infra" / "kubernetes" / "base"
    bad = file("kind: Kustomization\nresorces: [a.yaml]\n", "overlay/kustomization.yaml")
    assert main([str(good)]) == 0
    # The file stands for its folder, and both together are built once.
    assert main([bad, str(Path(bad).parent)]) == 2
    assert capsys.readouterr().out.count("unreadable") == 1
    monkeypatch.setenv("PATH", "")
    assert main([str(good)]) == 2
    assert "NOT RUN HERE: kubectl is missing" in capsys.readouterr().out


def test_it_is_a_command_and_kserve_is_imported_for_its_kinds_only(
    file: Callable[[str], str],
) -> None:
    # "import kserve" takes seconds, and parses the arguments of the program that imports it.
    code = (
        "import sys; from services.manifests.__main__ import main; status = main(sys.argv[1:]);"
        "print('kserve' in sys.modules, status)"
    )
    isvc = ROOT / "infra" / "kserve" / "base" / "id-card.yaml"
    for path, imported in ((file(SERVICE), False), (str(isvc), True)):
        command = [sys.executable, "-c", code, "--strict", path]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        assert (done.stdout.splitlines()[-1], done.stderr) == (f"{imported} 0", "")
    command = [sys.executable, "-m", "services.manifests", file(SERVICE)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "1 document, 0 errors, 0 warnings\n"


def test_samples_of_kserve_that_a_cluster_accepts_pass() -> None:
    """The forms of KServe's public samples, written anew: any framework, protocol, mode."""
    for predictor in (
        {"sklearn": {"storageUri": "gs://models/iris"}},
        {"model": {"modelFormat": {"name": "pytorch"}, "storageUri": "hf://owner/model"}},
        {"triton": {"storageUri": "pvc://claim/path", "runtimeVersion": "24.01-py3", "env": []}},
        {"containers": [{"name": "server", "image": "ghcr.io/owner/server", "readinessProbe": {
            "httpGet": {"path": "/ready"}}}], "minReplicas": None},
        {"model": {"modelFormat": {"name": "huggingface"}, "storageUri": "hf://a/b"},
         "workerSpec": {"pipelineParallelSize": 2}},
    ):  # fmt: skip
        body = {
            "apiVersion": "serving.kserve.io/v1beta1",
            "kind": "InferenceService",
            "metadata": {"generateName": "sample-"},
            "spec": {"predictor": predictor},
            "status": {"anything": ["goes"]},
        }
        found = check(list(parse(yaml.safe_dump(body), "here")))
        assert [str(one) for one in found if not one.warning] == []
