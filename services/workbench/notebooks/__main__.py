"""Execute the chapter's notebooks, build the ones that people read, and check both.

``chapter`` runs the sources into ``build/chapter``, two at a time; ``build`` runs them one by one
and writes the normalised, stamped notebooks that are committed. The others execute nothing:
``text`` puts changed Markdown into the committed notebooks, and ``registers`` writes ``ERRATA.md``
and ``CHAPTER.md``, as ``build`` and ``text`` do, too.

::

    python -m services.workbench.notebooks chapter [--only 02] [-p name value] [--params "a=1 b=2"]
    python -m services.workbench.notebooks chapter --jobs 1
    python -m services.workbench.notebooks build [--only 02]
    python -m services.workbench.notebooks text [--only 02]
    python -m services.workbench.notebooks check [--only 02]
    python -m services.workbench.notebooks registers
"""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import Any

from services import command_line
from services.environment import build_dir
from services.workbench.notebooks import checks, parallel, registers
from services.workbench.notebooks.files import NotebookError, committed_path, short, sources
from services.workbench.notebooks.run import build, run, update_text


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser("services.workbench.notebooks", __doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    chapter = commands.add_parser("chapter", help="execute into build/chapter")
    command_line.add_parameters(chapter, of="the notebooks")
    chapter.add_argument(
        "--params", default="", metavar="'NAME=VALUE …'", help="the same, as make's PARAMS gives it"
    )
    chapter.add_argument(
        "--jobs", type=int, choices=(1, 2, 3, 4), help="how many run at a time (2 on two cores)"
    )
    build_parser = commands.add_parser("build", help="write the notebooks that people read")
    text = commands.add_parser("text", help="update the Markdown of the committed notebooks")
    check = commands.add_parser("check", help="check sources and committed notebooks, no execution")
    commands.add_parser("registers", help="write ERRATA.md and CHAPTER.md from the sources")
    for command in (chapter, build_parser, text, check):
        command.add_argument("--only", metavar="NN", help="only notebooks that start with NN")
    return parser


def _parameters(pairs: list[list[str]], text: str) -> dict[str, Any]:
    """Return the parameters of ``-p`` and ``--params``; NotebookError if a word is malformed."""
    try:
        words = [word.partition("=") for word in shlex.split(text)]
    except ValueError as error:
        raise NotebookError(f"PARAMS={text!r}: {error}") from None
    for name, sign, _ in words:
        if not sign or not name.isidentifier():
            raise NotebookError(f"PARAMS has {name!r}; write NAME=VALUE, as image_name=one_card")
    given = [*pairs, *([name, value] for name, _, value in words)]
    return {name: command_line.literal(value) for name, value in given}


def _run(options: argparse.Namespace) -> int:
    """Run the command that *options* name."""
    if options.command == "registers":
        return registers.write()
    chosen = sources(options.only)
    if not chosen:
        print("no notebooks yet: notebooks/sources/ is empty")
    if options.command == "check":
        return checks.report(chosen)
    if options.command in ("build", "text"):
        for source in chosen:
            changed = build(source) if options.command == "build" else update_text(source)
            print(f"  {short(committed_path(source))} {'written' if changed else 'unchanged'}")
        return registers.write()
    parameters = _parameters(options.parameters, options.params)
    jobs = options.jobs or parallel.jobs_here(chosen)
    if jobs > 1:
        print(f"{len(chosen)} notebooks, {jobs} at a time; a line for each when it has ended")
        return parallel.chapter(chosen, parameters, jobs)
    for source in chosen:
        run(source, build_dir() / "chapter" / f"{source.stem}.ipynb", parameters)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except NotebookError as error:
        print(f"  {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
