"""Each server here is a few lines of standard library, so that the faults are ours to choose."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from services.environment import ROOT, build_dir
from services.workbench import servers
from services.workbench.servers import bentoml_serve, launch, ports, processes
from services.workbench.servers.waiting import until

SERVES = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()
def serve():
    print("serving", flush=True)
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
PLAIN = SERVES + "serve()"
HANGS = "print('thinking', flush=True); import time; time.sleep(600)"
STUBBORN = f"""{SERVES}
import signal, subprocess
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", child])
serve()
"""
# A child in a session of its own, whose parent has ended: neither group nor descent leads to it.
RUNAWAY = f"""{SERVES}
import subprocess
grandchild = [sys.executable, "-c", "import time; time.sleep(600)"]
child = f"import subprocess; subprocess.Popen({{grandchild!r}}, start_new_session=True)"
subprocess.run([sys.executable, "-c", child], start_new_session=True)
serve()
"""


def command(program: str) -> list[str]:
    return [sys.executable, "-c", program, "{port}"]


def running(pids: list[int]) -> list[int]:
    """Return which of *pids* still run."""
    found = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    return [process.pid for process in processes.alive(found)]


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Hold every test to this: of what it started, nothing runs when it ends."""
    # The tracking server that all tests share is ours, too, and was there before.
    before = {record.pid for record in processes.strays(os.getpid())}
    yield
    assert [one for one in processes.strays(os.getpid()) if one.pid not in before] == []


@pytest.fixture(scope="class")
def server() -> Iterator[servers.Server]:
    with servers.start(command(PLAIN), name="plain") as plain:
        yield plain


class TestServing:
    # These tests leave the class's server running, which the fixture above must not mind.
    @pytest.fixture(autouse=True)
    def nothing_left(self) -> None: ...

    def test_answers_at_its_url(self, server: servers.Server) -> None:
        assert httpx.get(f"{server.url}/readyz", trust_env=False).status_code == 200
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert server.running
        assert "running" in repr(server)

    def test_links_to_its_pages_until_it_is_stopped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
        pages = {"A & B": "/", "metrics": "/metrics"}
        with servers.start(command(PLAIN), pages=pages) as linked:
            shown = linked._repr_html_()
            assert shown is not None
            assert f'href="{linked.url}/" target="_blank">A &amp; B<' in shown
            assert f'href="{linked.url}/metrics"' in shown
            monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
            assert f'href="/user/ada/proxy/{linked.port}/metrics"' in str(linked._repr_html_())
        assert linked._repr_html_() is None

    def test_without_pages_it_is_shown_as_text(self, server: servers.Server) -> None:
        assert server._repr_html_() is None

    def test_lists_its_processes_which_are_a_group_of_their_own(
        self, server: servers.Server
    ) -> None:
        (record,) = server.processes()
        assert (record.pid, record.parent) == (server.pid, os.getpid())
        assert record.command[-1] == str(server.port)
        assert os.getpgid(server.pid) == server.pid != os.getpgid(0)

    def test_writes_a_log_below_build(self, server: servers.Server) -> None:
        assert server.log.is_relative_to(build_dir() / "logs")
        until(lambda: '"GET /readyz HTTP/1.1" 200' in server.tail())
        assert server.tail(10_000).startswith("serving")
        assert len(server.tail(1).splitlines()) == 1
        assert server.tail(0) == ""

    def test_a_second_one_has_another_port(self, server: servers.Server) -> None:
        with servers.start(command(PLAIN)) as second:
            assert second.port != server.port
            assert second.log != server.log
        assert server.running

    def test_a_port_in_use_is_refused(self, server: servers.Server) -> None:
        with pytest.raises(servers.PortTakenError, match=f"port {server.port} is in use"):
            servers.start(command(PLAIN), port=server.port)

    def test_another_port_is_tried_when_one_was_taken_meanwhile(
        self, server: servers.Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        chosen = iter([server.port, servers.free_port()])
        monkeypatch.setattr(launch, "free_port", lambda: next(chosen))
        # The look before the start is made blind: the port is taken after it.
        looks = iter([False])
        real = ports.taken
        monkeypatch.setattr(launch, "taken", lambda port: next(looks, None) or real(port))
        with servers.start(command(PLAIN)) as second:
            assert second.port != server.port

    def test_somebody_elses_answer_does_not_count(
        self, server: servers.Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Ours never listens, the other one answers 200 on the same port.
        monkeypatch.setattr(launch, "taken", lambda port: False)
        with pytest.raises(servers.PortTakenError):
            servers.start(command(HANGS), port=server.port, timeout=20)


def test_stop_is_idempotent_and_returns_the_exit_code() -> None:
    server = servers.start(command(PLAIN))
    called: list[bool] = []
    server.on_stop(lambda: called.append(psutil.pid_exists(server.pid)))
    assert server.stop() == -signal.SIGTERM
    assert server.stop() == -signal.SIGTERM
    assert not server.running
    assert server.processes() == []
    assert not ports.taken(server.port)
    assert called == [False], "once, after the stop"


def test_an_error_in_the_with_block_stops_it() -> None:
    with pytest.raises(ZeroDivisionError), servers.start(command(PLAIN)) as server:
        _ = 1 / 0
    assert not server.running


def test_readiness_may_be_a_function() -> None:
    def said_so(server: servers.Server) -> bool:
        return "serving" in server.tail()

    with servers.start(command(PLAIN), ready=said_so) as server:
        assert server.tail().startswith("serving")


def test_environment_and_folder_reach_the_server(tmp_path: Path) -> None:
    program = "import os; print(os.getcwd(), os.environ['X'], os.environ['PATH'], flush=True)\n"
    program += "import services; serve()"
    with servers.start(command(SERVES + program), env={"X": "42"}, cwd=tmp_path) as server:
        folder, x, path = server.log.read_text().splitlines()[0].split(" ", 2)
    assert Path(folder) == tmp_path.resolve()
    assert x == "42"
    assert path.startswith(str(Path(sys.executable).parent))


def test_a_crash_shows_exit_code_command_and_log() -> None:
    program = "print('one'); print('two'); raise SystemExit(3)"
    with pytest.raises(servers.CrashedError) as caught:
        servers.start(command(program), name="fragile")
    error = caught.value
    message = str(error)
    assert error.exit_code == 3
    assert message.startswith("fragile crashed at start (exit code 3)")
    assert message.endswith("    one\n    two")
    assert error.log is not None
    assert error.log.name in message
    assert str(ROOT) not in message.split("log:")[1]


def test_a_crash_by_a_signal_names_it() -> None:
    program = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(servers.CrashedError, match=r"exit code -9, SIGKILL") as caught:
        servers.start(command(program))
    assert "(nothing was printed)" in str(caught.value)


def test_a_server_that_gives_up_but_stays_is_not_awaited() -> None:
    with pytest.raises(servers.CrashedError, match="gave up at start: thinking") as caught:
        servers.start(command(HANGS), gives_up="thinking")
    assert caught.value.exit_code is None


def test_never_ready() -> None:
    begin = time.monotonic()
    with pytest.raises(servers.NotReadyError, match=r"not ready in 2 s: GET .* ConnectError"):
        servers.start(command(HANGS), timeout=2)
    assert time.monotonic() - begin < 20


def test_a_server_that_accepts_but_never_answers_does_not_outlast_the_timeout() -> None:
    program = """
import socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(600)
"""
    with pytest.raises(servers.NotReadyError, match="ReadTimeout"):
        servers.start(command(program), timeout=5)


def test_a_wrong_path_is_named_with_its_answer() -> None:
    with pytest.raises(servers.NotReadyError, match="/health answered 404"):
        servers.start(command(PLAIN), ready="/health", timeout=2)
    with pytest.raises(ValueError, match="starts with '/'"):
        servers.start(command(PLAIN), ready="health")


def test_a_free_port_is_none_that_the_system_hands_out() -> None:
    chosen = {ports.free_port() for _ in range(20)}
    assert len(chosen) > 10
    assert all(20_000 <= port < 32_768 and not ports.taken(port) for port in chosen)


def test_a_missing_program() -> None:
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        servers.start(["no-such-program"])


def test_sigterm_ignored_by_server_and_child() -> None:
    server = servers.start(command(STUBBORN))
    until(lambda: len(server.processes()) == 2)
    pids = [record.pid for record in server.processes()]
    assert server.stop(grace=0.5) == -signal.SIGKILL
    assert running(pids) == []


def test_a_child_that_left_the_group_and_lost_its_parent() -> None:
    server = servers.start(command(RUNAWAY))
    pids = [record.pid for record in server.processes()]
    assert len(pids) == 2
    runaway = psutil.Process(pids[1])
    assert os.getpgid(runaway.pid) != server.pid
    assert runaway not in psutil.Process(server.pid).children(recursive=True)
    server.stop()
    assert running(pids) == []


def test_children_of_a_server_that_was_killed() -> None:
    server = servers.start(command(STUBBORN))
    pids = [record.pid for record in server.processes()]
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: not server.running)
    assert server.stop(grace=0.2) == -signal.SIGKILL
    assert running(pids) == []


OWNER = """
import sys, time
from services.workbench import servers
server = servers.start([sys.executable, "-c", sys.argv[1], "{port}"])
print(*(record.pid for record in server.processes()), flush=True)
if sys.argv[2] == "stays":
    time.sleep(600)
raise RuntimeError("a cell failed")
"""


def owner(ending: str) -> subprocess.Popen[str]:
    """Start an interpreter that starts a server and does not stop it."""
    return subprocess.Popen(
        [sys.executable, "-c", OWNER, RUNAWAY, ending],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def test_the_end_of_the_interpreter_leaves_nothing() -> None:
    out, err = owner("ends").communicate(timeout=60)
    assert err.rstrip().endswith("RuntimeError: a cell failed")
    pids = [int(pid) for pid in out.split()]
    assert len(pids) == 2
    assert running(pids) == []


def test_what_a_killed_owner_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Otherwise a server that starts in a test beside this one sweeps, too.
    monkeypatch.setenv("SERVING_LABS_BUILD", str(tmp_path))
    with owner("stays") as process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        assert len(pids) == 2
        assert not {record.pid for record in servers.strays()} & set(pids), "its owner still runs"
        assert [record.pid for record in servers.strays(process.pid)] == pids
        process.kill()
    assert sorted(running(pids)) == sorted(pids)
    assert {record.pid for record in servers.sweep()} >= set(pids)
    assert running(pids) == []


SERVICES = {
    "modern:Echo": """
        import bentoml

        @bentoml.service(workers=2)
        class Echo:
            @bentoml.api(route="/echo")
            def echo(self, text: str) -> str:
                return text
        """,
    "runner:svc": """
        import bentoml
        from bentoml.io import Text

        class Upper(bentoml.legacy.Runnable):
            SUPPORTED_RESOURCES = ("cpu",)
            SUPPORTS_CPU_MULTI_THREADING = True

            @bentoml.legacy.Runnable.method(batchable=False)
            def upper(self, text):
                return text.upper()

        runner = bentoml.legacy.Runner(Upper, name="upper")
        svc = bentoml.legacy.Service("old", runners=[runner])

        @svc.api(input=Text(), output=Text())
        async def echo(text):
            return await runner.upper.async_run(text)
        """,
    "broken:Broken": """
        import bentoml

        @bentoml.service
        class Broken:
            def __init__(self):
                raise FileNotFoundError("no weights here")

            @bentoml.api
            def echo(self, text: str) -> str:
                return text
        """,
}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("services")
    for target, text in SERVICES.items():
        (folder / f"{target.split(':')[0]}.py").write_text(textwrap.dedent(text))
    return folder


def test_bentoml_modern_and_with_runners_side_by_side(services: Path) -> None:
    """Two workers, and a runner beside an API worker: Figure 10.2 by process."""

    def echoes(server: servers.Server) -> str | None:
        metrics = httpx.get(f"{server.url}/metrics", trust_env=False).text.splitlines()
        counts = [line for line in metrics if "request_total{" in line and '"/echo"' in line]
        return next((line.split()[-1] for line in counts if '"200"' in line), None)

    with servers.bentoml("modern:Echo", working_dir=services) as modern:
        url = f"{modern.url}/echo"
        assert httpx.post(url, json={"text": "hi"}, trust_env=False).text == "hi"
        assert echoes(modern) == "1.0"
        with servers.bentoml("runner:svc", api_workers=1, working_dir=services) as legacy:
            url = f"{legacy.url}/echo"
            assert httpx.post(url, content="hi", trust_env=False).text == "HI"
            commands = [" ".join(record.command) for record in legacy.processes()]
            assert len(commands) == 3
            assert sum("worker.runner" in line for line in commands) == 1
            assert sum("worker.http_api_server" in line for line in commands) == 1
            assert echoes(modern) == "1.0", "the second server emptied the first one's metrics"
            pids = [record.pid for record in (*modern.processes(), *legacy.processes())]
        home = Path(psutil.Process(modern.pid).environ()["BENTOML_HOME"])
        assert {"bentos", "models"} <= {entry.name for entry in home.iterdir()}
    assert len(pids) == 6
    assert running(pids) == []
    assert not home.exists()


def test_a_command_line_is_echoed_run_and_stopped(
    services: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"SPOKEN=yes bentoml serve modern:Echo --port $PORT --working-dir {services}"
    with servers.shell(line, log_lines=1) as server:
        url = f"{server.url}/echo"
        assert httpx.post(url, json={"text": "hi"}, trust_env=False).text == "hi"
        assert psutil.Process(server.pid).environ()["SPOKEN"] == "yes"
        home = Path(psutil.Process(server.pid).environ()["BENTOML_HOME"])
    printed = capsys.readouterr().out
    assert printed.startswith("$ SPOKEN=yes bentoml serve modern:Echo")
    assert f"--port {server.port}" in printed
    assert printed.count("[INFO]") == 1, "one line of the log, and no Python warning"
    assert max(map(len, printed.splitlines())) <= 100 + len(str(services))
    assert not home.exists()


def test_the_folder_for_sockets_is_short_or_at_least_writable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("long" * 12)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    short = Path(bentoml_serve._folder_for_sockets())
    assert short.parent == Path("/tmp")
    short.rmdir()

    make = tempfile.mkdtemp

    def refuse(prefix: str, dir: str | None = None) -> str:
        if dir == "/tmp":
            raise PermissionError
        return make(prefix=prefix)

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    assert Path(bentoml_serve._folder_for_sockets()).parent == long


def test_bentoml_a_model_that_cannot_be_loaded(services: Path) -> None:
    with pytest.raises(servers.CrashedError, match="no weights here"):
        servers.bentoml("broken:Broken", working_dir=services)


def test_bentoml_a_target_that_does_not_exist(services: Path) -> None:
    with pytest.raises(servers.CrashedError, match=r"exit code 1[\s\S]*No module named 'missing'"):
        servers.bentoml("missing:Service", working_dir=services)
