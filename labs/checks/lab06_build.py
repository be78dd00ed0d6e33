"""Lab 06, the build file: read by BentoML's own loader, and held to what a server needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from bentoml._internal.bento.build_config import BentoBuildConfig, BentoPathSpec

from labs.checks.lab06_project import FILES, IMPORTED, NEEDED, SERVICE, is_needed_by
from labs.checks.lab06_store import temporary_folder
from labs.engine import Context

_PIN = re.compile(r"([\w.-]+)(?:\[[\w,-]*\])?==([\w.+!-]+)")


def hold(context: Context, answer: Any, pins: Mapping[str, str]) -> None:
    """Fail unless a build file packs what the project needs, at the versions *pins*."""
    config = _config(context, answer)
    target = config.service.removeprefix("./").replace(".py:", ":").removesuffix(".py")
    if target not in (f"service:{SERVICE}", "service"):
        context.fail(
            f"service is {config.service!r}; 'service:{SERVICE}' was expected.",
            mistake="wrong_service",
        )
    _files(context, config)
    _packages(context, config, pins)
    python, base = config.docker.python_version, config.docker.base_image or ""
    if python != "3.11" and not re.search(r"\bpython:3\.11(?!\d)", base):
        context.fail(
            f"docker.python_version is {python!r}; '3.11' was expected.", mistake="no_python"
        )


def _config(context: Context, answer: Any) -> BentoBuildConfig:
    options = context.plain(answer, what="build_file(lock)")
    if isinstance(options, str):
        try:
            options = context.plain(yaml.safe_load(options), what="build_file(lock)")
        except yaml.YAMLError as error:
            context.fail(
                f"build_file(lock) is no YAML: {' '.join(str(error).split())[:160]}", layer="schema"
            )
    if not isinstance(options, dict):
        context.fail(
            f"build_file(lock) is of type {type(options).__name__}; a dictionary, or YAML with "
            "one, was expected.",
            layer="schema",
        )
    try:
        return BentoBuildConfig.load(options)
    except Exception as error:
        said = "; ".join(dict.fromkeys(_reasons(error)))
        context.fail(
            f"BentoML refuses it: {said[:200]}",
            mistake="unknown_option" if "Extra fields" in said else None,
            layer="schema",
        )
        raise AssertionError from error


def _reasons(error: BaseException) -> Iterator[str]:
    """Yield what the innermost errors say."""
    inner = getattr(error, "exceptions", ())
    for one in inner:
        yield from _reasons(one)
    if not inner:
        yield str(error.args[0] if error.args else error)


def _files(context: Context, config: BentoBuildConfig) -> None:
    include = ["*"] if config.include is None else config.include
    with temporary_folder() as folder:
        spec = BentoPathSpec(include, config.exclude or [], str(folder))
        packed = {path for path in FILES if spec.includes(path)}
    more, less = sorted(packed - set(NEEDED)), sorted(set(NEEDED) - packed)
    if more:
        mistake = "too_many_files"
        if ".env" in more:
            mistake = "whole_folder"
        elif all(path.startswith("backup/") for path in more):
            mistake = "bare_name"
        context.fail(f"BentoML would pack {', '.join(more)}, too.", mistake=mistake)
    if less:
        mistake = "no_module" if any(path.endswith(".py") for path in less) else "no_weights"
        if any(f"./{path}" in include for path in less):
            mistake = "dot_slash"
        context.fail(f"BentoML would not pack {', '.join(less)}.", mistake=mistake)


def _packages(context: Context, config: BentoBuildConfig, pins: Mapping[str, str]) -> None:
    if config.python.requirements_txt:
        context.fail(
            f"python.requirements_txt is {config.python.requirements_txt!r}; packages were "
            "expected.",
            mistake="whole_lock",
        )
    found: dict[str, str] = {}
    for line in config.python.packages or []:
        pin = _PIN.fullmatch(str(line).partition(";")[0].replace(" ", ""))
        if pin is None:
            context.fail(f"python.packages has {line!r}.", mistake="unpinned")
            return
        found[re.sub(r"[-_.]+", "-", pin[1]).lower()] = pin[2]
    missing = [name for name in IMPORTED if name not in found]
    if missing:
        context.fail(f"python.packages is without {', '.join(missing)}.", mistake="no_package")
    more = [name for name in found if not is_needed_by(name, IMPORTED)]
    if more:
        context.fail(f"python.packages has {', '.join(more)}, too.", mistake="too_many_packages")
    for name, version in found.items():
        if version != pins[name]:
            context.fail(
                f"{name} is pinned to {version}; the lock has {pins[name]}.",
                mistake="other_version",
            )
    if config.python.lock_packages is not False:
        context.fail(
            f"python.lock_packages is {config.python.lock_packages!r}; false was expected.",
            mistake="asks_index",
        )
