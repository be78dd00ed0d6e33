"""A parser for the command of a module, whose docstring is the text of ``--help``.

Standard library only, as :mod:`services.environment` is.
"""

from __future__ import annotations

import argparse
import re


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
