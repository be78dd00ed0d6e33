"""Lab 04, exercise 4: run a learner's service with stub models on a fake clock, in a new process.

A process of its own, because BentoML's configuration and metrics stay in the process that serves.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import subprocess
import sys
import tempfile
import traceback
from base64 import b64decode
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import httpx

from labs.checks import stubs
from labs.engine import Context, fake_core
from labs.engine.export import module_of
from services.environment import ROOT, build_dir

GRACE = 1.0
"""Real seconds that BentoML's threads get before the fake clock reaches a time limit."""


class OutOfMemoryError(Exception):
    """An exception that no answer can know."""


_ERRORS = {kind.__name__: kind for kind in (RuntimeError, OutOfMemoryError)}


def replies(
    context: Context, service: Any, requests: list[dict[str, Any]], together: list[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Send *requests* to a copy of the learner's service; return what came back of each.

    Parameters
    ----------
    requests : list of dict
        ``file``: base64 of the upload; ``models``: options of ``StubModels.model`` by the model's
        name, with ``raises`` as a pair of a type's name and a text.
    together : list of str
        More uploads, in base64; they are sent at the same time, to models that answer.

    Returns
    -------
    pair of list of dict
        For each of *requests* ``status``, ``text``, ``seconds`` (fake), and what the stub models
        observed: ``calls``, ``most``, ``sync``, ``blocked``; for each of *together* the first two.
    """
    text, name = module_of(service)
    build_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build_dir()) as folder:
        Path(folder, "service.py").write_text(text, encoding="utf-8")
        Path(folder, "requests.json").write_text(json.dumps([requests, together]))
        command = [sys.executable, "-m", __name__, folder, name]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        context.expect(done.returncode == 0, f"The service does not start: {said}", layer="start")
        alone, at_once = json.loads(Path(folder, "replies.json").read_text())
        return alone, at_once


def main(folder: str, name: str) -> int:
    """Serve the module in *folder*, and write the replies into a file there."""
    fake_core.install()  # a detector of the service's own must not load weights
    try:
        spec = importlib.util.spec_from_file_location("service", Path(folder, "service.py"))
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules["service"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sent = json.loads(Path(folder, "requests.json").read_text())
        got = stubs.run(_serve(getattr(module, name), *sent), grace=GRACE)
    except BaseException:
        traceback.print_exc()
        return 1
    Path(folder, "replies.json").write_text(json.dumps(got))
    return 0


async def _serve(service: Any, requests: list[dict[str, Any]], together: list[str]) -> Any:
    models: dict[str, Any] = {}
    dependency = type(next(iter(service.dependencies.values())))
    with patch.object(dependency, "__get__", lambda part, *_: _part(models, part.on.name)):
        app = service.to_asgi()
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://lab") as client:
                alone = [await _reply(client, models, request) for request in requests]
                observed = stubs.StubModels()
                models.update({name: observed.model(name) for name in models})
                files = [{"image": ("card.png", b64decode(file))} for file in together]
                posts = [client.post("/predict", files=each) for each in files]
                got = await asyncio.gather(*posts)
                return alone, [{"status": each.status_code, "text": each.text} for each in got]


def _part(models: dict[str, Any], name: str) -> Any:
    """Return what ``bentoml.depends`` gives: the present request's stub model of this name."""
    detect = SimpleNamespace(detect=lambda pixels: models[name].to_async.detect(pixels))
    return SimpleNamespace(to_async=detect, detect=lambda pixels: models[name].detect(pixels))


async def _reply(client: Any, models: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    observed = stubs.StubModels()
    for name in ("model_a", "model_b"):
        options = request["models"].get(name, {})
        if "raises" in options:
            kind, said = options["raises"]
            options["raises"] = _ERRORS[kind](said)
        models[name] = observed.model(name, **options)
    start = asyncio.get_running_loop().time()
    file = {"image": ("card.png", b64decode(request["file"]))}
    response = await client.post("/predict", files=file)
    return {
        "status": response.status_code,
        "text": response.text,
        "seconds": asyncio.get_running_loop().time() - start,
        "calls": observed.calls,
        "most": observed.most,
        "sync": observed.sync,
        "blocked": observed.blocked,
    }


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
