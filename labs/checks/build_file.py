"""A build file of BentoML: BentoML's own loader reads it, and its own code picks the files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

import yaml
from bentoml._internal.bento.build_config import BentoBuildConfig, BentoPathSpec

from labs.engine import Context


def config_of(context: Context, answer: Any, what: str) -> BentoBuildConfig:
    """Read an answer, a dictionary or YAML, as BentoML does, or fail."""
    options = context.plain(answer, what=what)
    if isinstance(options, str):
        try:
            options = yaml.safe_load(options)
        except yaml.YAMLError as error:
            said = " ".join(str(error).split())[:160]
            context.fail(f"{what} cannot be read as YAML: {said}", layer="schema")
    options = context.plain(options, what=what, kind=dict)
    try:
        return BentoBuildConfig.load(options)
    except Exception as error:
        said = "; ".join(dict.fromkeys(_reasons(error)))
        context.fail(f"BentoML refuses it: {said[:200]}", layer="schema")


def _reasons(error: BaseException) -> Iterator[str]:
    """Yield the messages of the innermost errors."""
    inner = getattr(error, "exceptions", ())
    for one in inner:
        yield from _reasons(one)
    if not inner:
        yield str(error.args[0] if error.args else error)


def packed(config: BentoBuildConfig, files: Iterable[str]) -> list[str]:
    """Return those of a project's *files* that BentoML would pack."""
    include = ["*"] if config.include is None else config.include
    with tempfile.TemporaryDirectory() as folder:
        spec = BentoPathSpec(include, config.exclude or [], folder)
        return [path for path in files if spec.includes(path)]
