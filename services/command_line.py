"""A parser for the command of a module, whose docstring is the text of ``--help``.

Standard library only, as :mod:`services.environment` is.
"""

from __future__ import annotations

import argparse
import ast
import re
from typing import Any


def parser(module: str, doc: str | None, *, epilog: str | None = None) -> argparse.ArgumentParser:
    """Return a parser for ``python -m MODULE`` that prints *doc* with its lines as they are."""
    return argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=plain(doc or ""),
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def plain(doc: str) -> str:
    """Return a docstring without its reST: no ``::``, no role, no double backquotes."""
    text = re.sub(r"^::\n\n", "", doc, flags=re.M)
    text = re.sub(r"::$", ":", text, flags=re.M)
    text = re.sub(r":\w+:`~(?:[^`]*\.)?([^`.]+)`", r"\1", text)
    text = re.sub(r":\w+:`\.*([^`]*)`", r"\1", text)
    return text.replace("``", "").strip()


def add_parameters(parser: argparse.ArgumentParser, of: str) -> None:
    """Let *parser* take ``-p NAME VALUE``, often, as the list ``parameters``."""
    parser.add_argument(
        "-p",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        dest="parameters",
        help=f"set a parameter of {of}; repeatable",
    )


def literal(value: str) -> Any:
    """Read a parameter's value as a Python literal, else take it as text."""
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value
