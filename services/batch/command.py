"""What the command lines of the batch jobs share: options, exit codes, the final message."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from services import command_line
from services.batch.engines import ENGINES
from services.batch.job import Job, JobError, Summary, run
from services.environment import usable_cores

EXIT_CODES = """\
exit codes:
  0    the table is written; bad inputs are rows with an error_code
  1    the disk is full, the output cannot be written, or the model failed
  2    nothing was started: an option, the inputs or the output cannot be used
  3    with --strict: the table is written, and it records bad inputs
  130  stopped by Ctrl-C; run the same command again to resume"""


def parser(name: str, doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that all batch jobs have."""
    made = command_line.parser(name, doc, epilog=EXIT_CODES)
    made.add_argument("--out", type=Path, required=True, help="the Parquet file to write")
    made.add_argument("--engine", choices=ENGINES, default="local",
                      help="run in this process, or with Ray Data (local)")  # fmt: skip
    made.add_argument("--workers", type=whole, default=max(1, usable_cores()),
                      help="processes of a local Ray, one core each (one per core)")  # fmt: skip
    made.add_argument("--overwrite", action="store_true",
                      help="replace what a run with other settings left at OUT")  # fmt: skip
    made.add_argument("--strict", action="store_true", help="exit with 3 if an input was bad")
    made.add_argument("--quiet", action="store_true", help="no progress bar")
    return made


def whole(text: str) -> int:
    """Parse an option whose value is a whole number, 1 or more."""
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 up is needed; got {text!r}")
    return value


def share(text: str) -> float:
    """Parse an option whose value is a share from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"a share from 0 to 1 is needed; got {text!r}")
    return value


def finish(
    parser: argparse.ArgumentParser, args: argparse.Namespace, make: Callable[[], Job]
) -> int:
    """Make the job, run it, print a summary, and return the exit code."""
    try:
        job = make()
    except (JobError, FileNotFoundError, ValueError) as error:
        return _refused(parser, error)
    try:
        done = run(
            job,
            args.out,
            engine=args.engine,
            workers=args.workers,
            overwrite=args.overwrite,
            progress=not args.quiet,
        )
    except JobError as error:
        return _refused(parser, error)
    except KeyboardInterrupt:
        print("\nstopped; run the same command again to resume", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"{error}; finished parts are kept: run the same command again", file=sys.stderr)
        return 1
    print(told(done, job.unit, args.out))
    return 3 if args.strict and done.bad else 0


def _refused(parser: argparse.ArgumentParser, error: Exception) -> int:
    print(f"{parser.prog}: {error}", file=sys.stderr)
    return 2


def told(done: Summary, unit: str, out: Path) -> str:
    """Return a summary of a run in one or two lines."""
    line = f"{out}: {done.rows} rows, one per {unit}"
    if done.computed < done.rows:
        line += f"; {done.rows - done.computed} were there before"
    if done.bad:
        codes = ", ".join(f"{count} {code}" for code, count in done.codes.items())
        line += f"\n{done.bad} could not be used; see error_code and error_message: {codes}"
    return line
