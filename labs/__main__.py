"""The labs from a terminal.

::

    python -m labs start lab03          # your own copy, under work/
    python -m labs status               # points so far, and what comes next
    python -m labs reset lab03          # a clean copy; the old one is kept
    python -m labs check-solutions      # for instructors: do all solutions still pass?
    python -m labs grade FOLDER         # for instructors: grade a folder of submissions
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from labs import cli
from labs.engine.registry import UnknownExerciseError
from services.environment import ROOT, build_dir


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m labs", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="make your own copy of a lab under work/")
    reset = commands.add_parser("reset", help="a clean copy of a lab; the old one is kept")
    for command in (start, reset):
        command.add_argument("lab", help="lab03, or 03")
        command.add_argument("--work", type=Path, default=ROOT / "work", help=argparse.SUPPRESS)
    status = commands.add_parser("status", help="points so far, and what comes next")
    status.add_argument("--work", type=Path, default=ROOT / "work", help=argparse.SUPPRESS)
    solutions = commands.add_parser("check-solutions", help="do all solutions still pass?")
    solutions.add_argument("--only", metavar="NN", help="one lab, by its number")
    grade = commands.add_parser("grade", help="grade a folder of submissions")
    grade.add_argument("folder", type=Path, help="the folder of the submissions")
    grade.add_argument("--lab", action="append", default=[], help="these labs only, e.g. lab03")
    grade.add_argument("--deadline", metavar="TIME", help="e.g. 2026-11-24T18:00")
    grade.add_argument("--out", type=Path, default=build_dir() / "grades", help="where to write")
    grade.add_argument("--seconds", type=float, default=300.0, help="seconds for one submission")
    grade.add_argument("--memory", type=float, default=4.0, help="GB for one submission")
    grade.add_argument("--jobs", type=int, help="how many submissions at a time")
    grade.add_argument(
        "--container",
        metavar="IMAGE",
        nargs="?",
        const="serving-labs-grader",
        help="run each submission in podman or docker, from this image",
    )
    grade.add_argument("--seed", type=int, default=1, help="seed of the checks' inputs")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        match options.command:
            case "start":
                print(cli.start(options.lab, options.work))
            case "reset":
                print(cli.reset(options.lab, options.work))
            case "status":
                print(cli.status(options.work))
            case "check-solutions":
                from labs.build.solutions import check_solutions

                return check_solutions(options.only)
            case "grade":
                from labs.grading.command import grade

                return grade(options)
    except (UnknownExerciseError, FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
