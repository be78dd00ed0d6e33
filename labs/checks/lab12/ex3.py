"""lab12.ex3: A folder that does not serve. What is packed is copied elsewhere, and asked there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from bentoml._internal.bento.build_config import BentoBuildConfig, BentoPathSpec

from labs.checks.lab12.project import (
    BENTOFILE,
    FAULTS,
    FILES,
    NEEDED,
    SERVICE,
    VERSIONS,
    model_of,
)
from labs.engine import Context
from services.workbench.show import one_line

_ASK = """
import json, sys
folder, requests = sys.argv[1], json.loads(sys.argv[2])
sys.path.insert(0, folder)
from service import PriceService
from starlette.testclient import TestClient
with TestClient(PriceService.to_asgi(), raise_server_exceptions=False) as client:
    for sizes in requests:
        response = client.post("/predict", json={"sizes": sizes})
        is_json = "json" in response.headers.get("content-type", "")
        body = response.json() if is_json else response.text
        print("ANSWER", json.dumps([response.status_code, body]))
"""
_SECONDS = 50.0


def check(context: Context, service_py: Any, bentofile: Any) -> None:
    """Read the build file, copy what it packs into another folder, and send requests there."""
    texts = [context.plain(text, what="an answer") for text in (service_py, bentofile)]
    if not all(isinstance(text, str) for text in texts):
        context.fail("service_py and bentofile are the texts of two files.", layer="schema")
    context.is_attempted(texts != [SERVICE, BENTOFILE], "both files are as they were")
    config = _config(context, texts[1])
    packed = _packed(context, config)
    _packages(context, config)
    rates = {
        "per_square_metre": context.random.randint(2000, 9000),
        "base": context.random.randint(1, 90) * 1000,
    }
    files = {**FILES, "service.py": texts[0], "model.json": model_of(rates)}
    first, second, third, alone = (context.random.randint(20, 200) for _ in range(4))
    sizes: list[list[float]] = [[first, second + 0.5, third], [alone]]
    answers = _ask(context, {name: files[name] for name in packed}, [*sizes, [], ["big"]])
    for asked, (status, got) in zip(sizes, answers, strict=False):
        where = f"a request with the sizes {asked}, in another folder"
        context.expect(status == 200, f"The status is {status}: {str(got)[:90]}", where=where)
        want = [size * rates["per_square_metre"] + rates["base"] for size in asked]
        context.same(got, want, what="the answer", where=where, tolerance=1e-6)
    _refused(context, answers[2][0], "an empty list")
    _refused(context, answers[3][0], "a text instead of a size")
    context.note(fixed=f"{FAULTS} faults", packed=len(packed))


def _refused(context: Context, status: int, where: str) -> None:
    if not 400 <= status < 500:
        mistake = None
        if where == "an empty list":
            mistake = "server_error" if status >= 500 else "empty_answer"
        context.fail(f"The status is {status}; a 4xx was expected.", where=where, mistake=mistake)


def _config(context: Context, text: str) -> BentoBuildConfig:
    """Read the build file as BentoML does."""
    try:
        options = yaml.safe_load(text)
        config = BentoBuildConfig.load(options if isinstance(options, dict) else {})
    except Exception as error:
        context.fail(f"bentofile.yaml cannot be read: {one_line(error)[:160]}", layer="schema")
        raise AssertionError from error
    if config.service not in ("service:PriceService", "service.py:PriceService"):
        context.fail(f"service is {config.service!r}; 'service:PriceService' was right.")
    return config


def _packed(context: Context, config: BentoBuildConfig) -> list[str]:
    """Return the files that BentoML would pack; they must be those that are needed."""
    include = ["*"] if config.include is None else config.include
    with tempfile.TemporaryDirectory() as folder:
        spec = BentoPathSpec(include, config.exclude or [], folder)
        packed = [path for path in FILES if spec.includes(path)]
    if missing := [path for path in NEEDED if path not in packed]:
        mistake = "no_module" if missing == ["prices.py"] else None
        context.fail(f"BentoML would not pack {', '.join(missing)}.", mistake=mistake)
    allowed = {*NEEDED, "bentofile.yaml", "requirements.txt"}
    if more := [path for path in packed if path not in allowed]:
        mistake = "secret" if "credentials.json" in more else None
        context.fail(f"BentoML would also pack {', '.join(more)}.", mistake=mistake)
    return packed


def _packages(context: Context, config: BentoBuildConfig) -> None:
    packages = [re.sub(r"\s", "", str(line)) for line in config.python.packages or []]
    numpy = [line for line in packages if re.split(r"[=<>~!\[;]", line)[0] == "numpy"]
    if not numpy:
        context.fail("python.packages has no numpy, which prices.py imports.")
    pin = f"numpy=={VERSIONS['numpy']}"
    if numpy != [pin]:
        mistake = "unpinned" if "==" not in numpy[0] else None
        context.fail(f"python.packages has {numpy[0]}; {pin} was expected.", mistake=mistake)
    if any(line.startswith("pytest") for line in packages):
        context.fail("python.packages has pytest, which no packed file imports.")


def _ask(context: Context, files: dict[str, str], requests: list[Any]) -> list[Any]:
    """Write the files into a folder, and ask the service from another working directory."""
    mistake = None
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as elsewhere:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        command = [sys.executable, "-W", "ignore", "-c", _ASK, folder, json.dumps(requests)]
        try:
            done = subprocess.run(
                command, cwd=elsewhere, capture_output=True, text=True, timeout=_SECONDS
            )
        except subprocess.TimeoutExpired:
            context.fail(f"The service gave no answer within {_SECONDS:g} s.", layer="start")
        missing = re.search(r"No such file or directory: '(.*model\.json)'", done.stderr)
        if missing and (Path(elsewhere) / missing[1]).is_relative_to(elsewhere):
            mistake = "relative"
    lines = [line for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
    if len(lines) != len(requests):
        said = (done.stderr.strip().splitlines() or ["nothing was printed"])[-1].strip()
        context.fail(
            f"The service does not start in another folder: {said[:160]}",
            mistake=mistake,
            layer="start",
        )
    return [json.loads(line.removeprefix("ANSWER ")) for line in lines]
