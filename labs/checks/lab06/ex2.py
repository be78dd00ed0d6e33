"""lab06.ex2: The build file. BentoML's own loader reads it, and its own code picks the files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml
from bentoml._internal.bento.build_config import BentoBuildConfig, BentoPathSpec

from labs.checks.lab06.project import (
    FILES,
    IMPORTED,
    NEEDED,
    SERVICE,
    is_needed_by,
    lock_of,
    versions,
)
from labs.checks.lab06.store import temporary_folder
from labs.engine import Context

_PIN = re.compile(r"([\w.-]+)(?:\[[\w,-]*\])?==([\w.+!-]+)")


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Read the build files for three locks: other versions each time, and other lines."""
    for without in ((), ("jupyterlab",), ("numpydoc", "torch")):
        pins = versions(context.random)
        lock = lock_of({name: version for name, version in pins.items() if name not in without})
        config = _config(context, context.call(answer, lock, where="a fresh lock"))
        target = config.service.removeprefix("./").replace(".py:", ":").removesuffix(".py")
        if target not in (f"service:{SERVICE}", "service"):
            context.fail(f"service is {config.service!r}; 'service:{SERVICE}' was expected.")
        _files(context, config)
        _packages(context, config, pins)
        if config.python.lock_packages is not False:
            value = config.python.lock_packages
            context.fail(f"python.lock_packages is {value!r}; false was expected.")
        python, base = config.docker.python_version, config.docker.base_image or ""
        if base and not re.search(r"\bpython:3\.11(?!\d)", base):
            context.fail(f"docker.base_image is {base!r}; an image of Python 3.11 was expected.")
        if not base and python != "3.11":
            context.fail(f"docker.python_version is {python!r}; '3.11' was expected.")
    context.note(packed=len(NEEDED), locks=3)


def _config(context: Context, answer: Any) -> BentoBuildConfig:
    """Read an answer, a dictionary or YAML, as BentoML does."""
    options = context.plain(answer, what="build_file(lock)")
    if isinstance(options, str):
        try:
            options = context.plain(yaml.safe_load(options), what="build_file(lock)")
        except yaml.YAMLError as error:
            said = " ".join(str(error).split())[:160]
            context.fail(f"build_file(lock) cannot be read as YAML: {said}", layer="schema")
    if not isinstance(options, dict):
        kind = type(options).__name__
        context.fail(
            f"build_file(lock) is of type {kind}; a dictionary, or YAML, was expected.",
            layer="schema",
        )
    try:
        return BentoBuildConfig.load(options)
    except Exception as error:
        said = "; ".join(dict.fromkeys(_reasons(error)))
        context.fail(f"BentoML refuses it: {said[:200]}", layer="schema")
        raise AssertionError from error


def _reasons(error: BaseException) -> Iterator[str]:
    """Yield the messages of the innermost errors."""
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
        mistake = None
        if packed == set(FILES):
            mistake = "whole_folder"
        elif all(path.startswith("backup/") for path in more):
            mistake = "bare_name"
        context.fail(f"BentoML would also pack {', '.join(more)}.", mistake=mistake)
    if less:
        mistake = "dot_slash" if any(f"./{path}" in include for path in less) else None
        context.fail(
            f"BentoML would not pack {', '.join(less)}.",
            mistake=mistake,
            cause="service.py needs these: it imports the modules, and detector.py reads the "
            "weights.",
        )


def _packages(context: Context, config: BentoBuildConfig, pins: Mapping[str, str]) -> None:
    if config.python.requirements_txt:
        named = config.python.requirements_txt
        context.fail(f"python.requirements_txt is {named!r}; python.packages was expected.")
    found: dict[str, str] = {}
    for line in config.python.packages or []:
        pin = _PIN.fullmatch(str(line).partition(";")[0].replace(" ", ""))
        if pin is None:
            context.fail(
                f"python.packages has {line!r}, without an exact version.", mistake="unpinned"
            )
            return
        found[re.sub(r"[-_.]+", "-", pin[1]).lower()] = pin[2]
    missing = [name for name in IMPORTED if name not in found]
    if missing:
        context.fail(f"python.packages lacks {', '.join(missing)}, which these modules import.")
    more = [name for name in found if not is_needed_by(name, IMPORTED)]
    if more:
        context.fail(f"python.packages also has {', '.join(more)}.", mistake="too_many_packages")
    for name, version in found.items():
        if version != pins[name]:
            others = [other for other, pin in pins.items() if pin == version]
            context.fail(
                f"{name} is pinned to {version}; the lock has {pins[name]}.",
                mistake=None if others or version in pins[name] else "other_version",
                cause=f"That is the version of {others[0]}. Compare whole names." if others else "",
            )
