"""What the manifests say is what runs: the service with the Deployment's environment and volume."""

from __future__ import annotations

import io
import math
import re
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.container import generate
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from services import environment
from services.environment import ROOT
from services.id_card.bento.observed_service import IdCardDetector
from services.id_card.model.checkpoint import WEIGHTS
from services.id_card.model.export import exported
from services.manifests.kserve.pods import PROBES, quantity
from services.setup import preflight
from services.workbench import servers
from services.workbench.servers import Server
from tests.infra.manifests import FOLDER, base

DEPLOYMENT = base("deployment")
POD = DEPLOYMENT["spec"]["template"]["spec"]
[BOX] = POD["containers"]
[WRITABLE] = [mount["mountPath"] for mount in BOX["volumeMounts"]]
MONITOR = yaml.safe_load((FOLDER / "monitoring" / "service-monitor.yaml").read_text("utf-8"))
BENTOFILE = yaml.safe_load((ROOT / "services/id_card/bento/bentofile.yaml").read_text("utf-8"))
READ_ONLY = ROOT / "tests" / "infra" / "read_only.sh"
START = BOX["startupProbe"]
START_SECONDS = START["periodSeconds"] * START["failureThreshold"]


def variables(box: dict[str, Any]) -> dict[str, str]:
    """Return a container's environment, as the kubelet would work it out."""
    found = {}
    for entry in box["env"]:
        if "value" in entry:
            found[entry["name"]] = entry["value"]
        else:
            source = entry["valueFrom"]["resourceFieldRef"]
            group, name = source["resource"].split(".")
            amount = quantity(box["resources"][group][name])
            share = amount / quantity(source["divisor"])
            found[entry["name"]] = str(math.ceil(share))
    return found


def serve(env: dict[str, str], writable: str, scratch: Path) -> Server:
    """Serve what the Bento serves, with the container's variables, on a read-only file system.

    Where this system lets us make no namespaces of our own, the folder *writable* is *scratch*
    instead, and the rest can be written.
    """
    model = exported(WEIGHTS, "onnx")
    command = [sys.executable, "-m", "bentoml", "serve", BENTOFILE["service"]]
    command += ["--host", "127.0.0.1", "--port", "{port}"]
    # As in the image, nothing of this project's settings comes from outside.
    inherited = {*environment.settings(), "PROMETHEUS_MULTIPROC_DIR"} - env.keys()
    forget = [f"--unset={name}" for name in sorted(inherited)]
    env = {"BENTOML_CONTAINERIZED": "true", "HOME": "/nonexistent", **env}
    if preflight.find_tool("namespaces").status == preflight.OK:
        env["ID_CARD_WEIGHTS"] = "/mnt/model.onnx"
        alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", str(READ_ONLY)]
        command = [*alone, str(ROOT), str(model), writable, *command]
    else:
        env = {key: re.sub(f"^{writable}(?=/)", str(scratch), env[key]) for key in env}
        env |= {"ID_CARD_WEIGHTS": str(model), "TMPDIR": str(scratch)}
    return servers.start(
        ["env", *forget, *command],
        name="deployment",
        ready=START["httpGet"]["path"],
        timeout=START_SECONDS,
        env=env,
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(variables(BOX), WRITABLE, tmp_path_factory.mktemp("tmp")) as running:
        yield running


def get(server: Server, path: str) -> httpx.Response:
    return httpx.get(server.url + path, timeout=10.0, trust_env=False)


def find_a_card(server: Server) -> None:
    picture = (ROOT / "services" / "id_card" / "samples" / "one_card.jpg").read_bytes()
    answer = httpx.post(
        f"{server.url}/inference", files={"image": picture}, timeout=30.0, trust_env=False
    )
    assert answer.status_code == HTTPStatus.OK


@pytest.mark.parametrize("probe", PROBES)
def test_each_probe_is_answered(server: Server, probe: str) -> None:
    action = BOX[probe]["httpGet"]
    answer = httpx.get(
        server.url + action["path"], timeout=BOX[probe]["timeoutSeconds"], trust_env=False
    )
    assert answer.status_code == HTTPStatus.OK
    assert get(server, action["path"] + "x").status_code == HTTPStatus.NOT_FOUND
    [port] = BOX["ports"]
    assert action["port"] == port["name"]


def test_the_port_is_the_one_that_bentoml_serves_on() -> None:
    [port] = BOX["ports"]
    assert port["containerPort"] == BentoMLContainer.http.port.get()
    assert not {"command", "args"} & BOX.keys(), "the image's own command is run"


def test_the_monitors_path_has_metrics(server: Server) -> None:
    [endpoint] = MONITOR["spec"]["endpoints"]
    find_a_card(server)
    families = text_string_to_metric_families(get(server, endpoint["path"]).text)
    samples = {sample.name: sample.value for family in families for sample in family.samples}
    assert samples["bentoml_service_request_total"] >= 1


def test_threads_follow_the_cpu_limit(server: Server) -> None:
    [count] = {
        psutil.Process(process.pid).environ()["OMP_NUM_THREADS"] for process in server.processes()
    }
    assert count == variables(BOX)["OMP_NUM_THREADS"] == BOX["resources"]["limits"]["cpu"] == "2"


def memory(server: Server) -> int:
    return sum(psutil.Process(process.pid).memory_info().rss for process in server.processes())


def test_it_needs_less_memory_than_it_requests(server: Server) -> None:
    requested = quantity(BOX["resources"]["requests"]["memory"])
    assert requested / 4 < memory(server) < requested


@pytest.mark.nightly
def test_four_of_the_largest_pictures_fit_into_the_limit(server: Server) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((800, 600), 60).convert("RGB").resize((8000, 6000)).save(buffer, "JPEG")
    idle = peak = memory(server)

    def send(_: int) -> int:
        files = {"image": buffer.getvalue()}
        url = f"{server.url}/inference"
        return httpx.post(url, files=files, timeout=120.0, trust_env=False).status_code

    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(send, i) for i in range(8)]
        while not all(each.done() for each in sent):
            peak = max(peak, memory(server))
            time.sleep(0.02)
    print(f"idle {idle / 2**20:.0f} MiB, peak {peak / 2**20:.0f} MiB", [s.result() for s in sent])
    assert {each.result() for each in sent} == {200}
    assert idle < peak < quantity(BOX["resources"]["limits"]["memory"])


def test_it_writes_nothing_but_into_its_volume(
    server: Server, needs: Callable[[str], None]
) -> None:
    needs("namespaces")
    find_a_card(server)
    # read_only.sh has made sure that nothing else can be written; so all it wrote is there.
    volume = Path(f"/proc/{server.pid}/root{WRITABLE}")
    written = {path.relative_to(volume).as_posix() for path in volume.rglob("*") if path.is_file()}
    folders = {path.rpartition("/")[0] for path in written}
    assert {
        "bentoml/prometheus_multiproc_dir",
        "serving-labs/monitoring/id_card_detector/data",
    } <= (folders), written
    assert BOX["securityContext"]["readOnlyRootFilesystem"] is True


def test_without_the_volume_it_would_not_start(
    tmp_path: Path, needs: Callable[[str], None]
) -> None:
    needs("namespaces")
    with pytest.raises(servers.CrashedError, match="Read-only file system"):
        serve(variables(BOX), "none", tmp_path)


def test_it_has_time_to_finish_its_longest_request() -> None:
    longest = IdCardDetector.config["traffic"]["timeout"]
    before = BOX["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert POD["terminationGracePeriodSeconds"] >= before + longest
    live = BOX["livenessProbe"]
    # A request may keep a process busy for as long, and that is no reason to restart it.
    assert live["periodSeconds"] * live["failureThreshold"] >= longest


def test_it_leaves_the_endpoints_before_it_ends() -> None:
    ready = BOX["readinessProbe"]
    assert BOX["lifecycle"]["preStop"]["sleep"]["seconds"] >= ready["periodSeconds"]


def test_the_user_is_the_one_of_bentomls_images() -> None:
    assert POD["securityContext"]["runAsUser"] == generate.BENTO_UID_GID
    assert POD["securityContext"]["runAsGroup"] == generate.BENTO_UID_GID


def test_the_alerts_know_the_job_by_the_name_that_the_monitor_gives_it() -> None:
    job = base("service")["metadata"]["labels"][MONITOR["spec"]["jobLabel"]]
    alerts = (ROOT / "infra" / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
    assert set(re.findall(r'job="([^"]+)"', alerts)) == {job}


def test_when_its_process_dies_the_container_ends(server: Server) -> None:
    # In a container BentoML starts no new one: the kubelet does, with the container. Keep this test
    # the last one: the server is gone after it.
    [worker] = [process for process in server.processes() if process.pid != server.pid]
    psutil.Process(worker.pid).kill()
    deadline = time.monotonic() + 30
    while server.running and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not server.running
    assert "No active process found" in server.tail()
