"""Execute the chapter's notebooks, build the ones that people read, and check both.

``chapter`` runs the sources into ``build/chapter``; ``build`` runs them and writes the normalised,
stamped notebooks that are committed; ``check`` executes nothing.

::

    python -m services.workbench.notebooks chapter [--only 02] [-p name value]
    python -m services.workbench.notebooks build [--only 02]
    python -m services.workbench.notebooks check [--only 02]
"""

from __future__ import annotations

import argparse
import ast
import sys
from typing import Any

from services.environment import build_dir
from services.workbench.notebooks import checks
from services.workbench.notebooks.files import NotebookError, committed_path, short, sources
from services.workbench.notebooks.run import build, run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.workbench.notebooks",
        description="Execute, build and check the notebooks.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    chapter = commands.add_parser("chapter", help="execute into build/chapter")
    chapter.add_argument(
        "-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), dest="parameters"
    )
    build_parser = commands.add_parser("build", help="write the notebooks that people read")
    check = commands.add_parser("check", help="check sources and committed notebooks, no execution")
    for command in (chapter, build_parser, check):
        command.add_argument("--only", metavar="NN", help="the notebooks whose name starts so")
    return parser


def _literal(value: str) -> Any:
    """Read a parameter's value as a Python literal, else take it as text."""
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        chosen = sources(options.only)
        if not chosen:
            print("no notebooks yet: notebooks/sources/ is empty")
        if options.command == "check":
            return checks.report(chosen)
        for source in chosen:
            if options.command == "build":
                changed = build(source)
                print(f"  {short(committed_path(source))} {'written' if changed else 'unchanged'}")
            else:
                parameters = {name: _literal(value) for name, value in options.parameters}
                run(source, build_dir() / "chapter" / f"{source.stem}.ipynb", parameters)
    except NotebookError as error:
        print(f"  {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
