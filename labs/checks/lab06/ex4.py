"""lab06.ex4: Fix a Dockerfile."""

from __future__ import annotations

from typing import Any

from labs.checks.lab06.image import container, contents, startup
from labs.checks.lab06.image.dockerfile import Stage, instructions, stages
from labs.checks.lab06.image.fault import SECRET, Fault
from labs.checks.lab06.image.probe import probe_fault
from labs.checks.lab06.project import FILES, SERVICE
from labs.engine import Context

BROKEN = f"""\
FROM python:latest
WORKDIR /app
ENV PORT=3000
ENV API_TOKEN={SECRET}
COPY . .
RUN pip install bentoml numpy onnxruntime pillow
EXPOSE 8080
CMD bentoml serve service:{SERVICE} --host 127.0.0.1 --port $PORT
"""


def check(context: Context, answer: Any) -> None:
    """Read the Dockerfile, run its probe, then build and run the image where that is possible."""
    text = context.plain(answer, what="dockerfile")
    if not isinstance(text, str):
        kind = type(text).__name__
        context.fail(f"dockerfile is of type {kind}; str was expected.", layer="schema")
    context.is_attempted(not _same(text, BROKEN), "the Dockerfile is as it was")
    found = stages(text, FILES)
    faults = faults_of(text, found)
    if faults:
        listed = "; ".join(str(fault) for fault in faults[:3])
        count = "One fault is left" if len(faults) == 1 else f"{len(faults)} faults are left"
        context.fail(
            f"{count}: {listed}{' …' if len(faults) > 3 else '.'}",
            mistake=faults[0].mistake,
            cause="Compare the first fault with the task's list.",
        )
    context.note(fixed=f"{len(faults_of(BROKEN, stages(BROKEN, FILES)))} faults")
    try:
        container.build_and_run(text, found)
    except container.NotTriedError as reason:
        context.note(image=f"not built; the text alone was checked ({reason})")
    except container.ImageError as error:
        denied = "Permission denied" in str(error) and "bentoml" in str(error)
        context.fail(str(error), mistake="no_home" if denied else None, layer="start")
    else:
        context.note(image="built, run, probed and stopped")


def faults_of(text: str, found: list[Stage]) -> list[Fault]:
    """Return what is wrong with a Dockerfile, by line; what is missing comes last."""
    if not found:
        return [Fault(0, "there is no FROM, so there is no image")]
    faults = [fault for rule in contents.RULES + startup.RULES for fault in rule(found)]
    if SECRET in text and not any(fault.mistake == "secret" for fault in faults):
        line = text[: text.index(SECRET)].count("\n") + 1
        faults.append(Fault(line, "the token is in the text", "secret"))
    probe = found[-1].last.get("HEALTHCHECK")
    can_run = probe is not None and not any(fault.line == probe.line for fault in faults)
    if probe and can_run and (said := probe_fault(found[-1])):
        faults.append(Fault(probe.line, said, "probe" if "even if" in said else None))
    return sorted(dict.fromkeys(faults), key=lambda fault: fault.line or 10**6)


def _same(one: str, other: str) -> bool:
    """Say whether two Dockerfiles have the same instructions."""
    mine, theirs = ([(i.word, i.rest) for i in instructions(text)] for text in (one, other))
    return mine == theirs
