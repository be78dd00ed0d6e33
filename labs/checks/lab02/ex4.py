"""lab02.ex4: Design it: a service that cannot be misused."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from labs.checks.lab02.endpoints import (
    are_answered_at_once,
    call_without_server,
    encoded,
    is_answered,
)
from labs.engine import Context
from labs.engine.serving import Service as Running


def check(context: Context, answer: Any) -> None:
    """Call the class without a server, then serve it with the fake core and attack it."""
    call_without_server(context, answer, set(context.exercise.mistakes))
    with context.serve(answer, fake_core=True) as running, TemporaryDirectory() as folder:
        image = context.picture(3)
        png = encoded(image)
        upload = {"image": ("card.png", png, "image/png")}
        if 400 <= running.post("/inference", files=upload).status_code < 500:
            context.fail("A good image was refused.", mistake="refuses_all", layer="request")
        is_answered(context, running, image)
        is_answered(context, running, context.picture(3, (1280, 960)), "BMP")
        several = [context.picture(1 + n % 3, (1280, 960)) for n in range(8)]
        are_answered_at_once(context, running, several)
        attacks = _attacks(png)
        for where, request in attacks.items():
            _is_refused(context, answer, running.post("/inference", **request), where)
        path = Path(folder) / "card.png"
        path.write_bytes(png)
        for api in answer.apis.values():
            _opens_no_text(context, running, api, path)
        is_answered(context, running, context.picture(2))
    context.note(attacks=len(attacks))


def _attacks(png: bytes) -> dict[str, dict[str, Any]]:
    """Return requests that every public endpoint receives sooner or later."""
    half, raw = png[: len(png) // 2], {"content-type": "image/png"}
    padded = png + bytes(21_000_000)

    def form(data: bytes, field: str = "image") -> dict[str, Any]:
        return {"files": {field: ("card.png", data, "image/png")}, "timeout": 30}

    return {
        "a path as JSON": {"json": {"image": "/etc/hostname"}},
        "a path as text in the form": {"files": {"image": (None, "/etc/hostname")}},
        "a text file named card.png": form(b"hello"),
        "an empty file": form(b""),
        "half an image": form(half),
        "half an image as the raw body": {"content": half, "headers": raw},
        "the wrong field": form(png, "photo"),
        "no field at all": {"data": {}},
        "21 million zeros": form(bytes(21_000_000)),
        "an image of 21 million bytes": form(padded),
    }


def _is_refused(context: Context, answer: Any, response: Any, where: str) -> None:
    gates = [options.get("paths") for _, options in answer.middlewares]
    mistake = None
    if not gates:
        mistake = "no_gate"
    elif any(paths and "/inference" not in paths for paths in gates):
        mistake = "other_path"
    if not 400 <= response.status_code < 500:
        context.fail(
            f"POST /inference answered {response.status_code}; a 4xx was expected.",
            where=where,
            mistake=mistake,
            layer="request",
        )
    try:
        error = response.json()["error"]
        complete = all(str(error[part]).strip() for part in ("code", "message", "hint"))
    except (ValueError, KeyError, TypeError):
        complete = False
    context.expect(
        complete,
        f"The refusal's body is {response.text[:80]!r}; an error with code, message and hint was "
        "expected.",
        where=where,
        mistake=mistake,
        layer="schema",
    )


def _opens_no_text(context: Context, running: Running, api: Any, path: Path) -> None:
    """Send the path of a file that exists, and of one that does not: the answers must agree."""
    fields = list(api.input_spec.model_fields)

    def ask(text: str) -> list[tuple[int, str]]:
        forms = (
            {"json": dict.fromkeys(fields, text)},
            {"files": dict.fromkeys(fields, (None, text))},
        )
        answers = [running.post(api.route, **form) for form in forms]
        return [(each.status_code, each.text.replace(text, "")) for each in answers]

    existing, missing = ask(str(path)), ask(str(path.with_name("none.png")))
    if existing != missing or any(status >= 500 for status, _ in existing):
        context.fail(
            f"POST {api.route} answered {[status for status, _ in existing]} for the path of an "
            f"image on the server, {[status for status, _ in missing]} for that of a missing file.",
            where=f"text in the fields {fields}, as JSON and as a form",
            mistake="opens_text" if existing != missing else None,
        )
