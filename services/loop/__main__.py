"""Run the pipeline of continuous learning; the steps are in ``notebooks/loop/``.

::

    python -m services.loop demo                       # make loop: with servers, simulated users
    python -m services.loop start -p data /data/ratings -p since 1735689600
    python -m services.loop start                      # resume a run that failed or was killed
    python -m services.loop watch -p click_rate 0.04   # step 7 alone

``start`` and ``watch`` use the tracking server at ``$MLFLOW_TRACKING_URI`` and the running service
at ``$RECOMMENDER_URL``. The exit status is 1 if a step failed, and 0 otherwise, even if the new
version was refused.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from services import command_line
from services.environment import build_dir
from services.loop.runs import FAILED, STEPS, WATCH, Run, start
from services.workbench.notebooks.files import NotebookError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = command_line.parser("services.loop", __doc__)
    parser.add_argument("command", choices=("demo", "start", "watch"),
                        help="with simulated users, with yours, or step 7 alone")  # fmt: skip
    parser.add_argument("--run", help="the run's name (default: the unfinished run, or a new one)")
    command_line.add_parameters(parser, of="the steps")
    args = parser.parse_args(arguments)
    parameters = {name: command_line.literal(value) for name, value in args.parameters}
    try:
        if args.command == "demo":
            return demo(args.run, parameters)
        for variable in ("MLFLOW_TRACKING_URI", "RECOMMENDER_URL"):
            if not os.environ.get(variable, "").startswith("http"):
                parser.error(f"{variable} must be the http:// address of a running server")
        steps, folder = (STEPS, "loop") if args.command == "start" else (WATCH, "watch")
        return _report(start(parameters, name=args.run, steps=steps, folder=build_dir() / folder))
    except NotebookError as error:
        print(error, file=sys.stderr)
        return 1


def demo(name: str | None, parameters: dict[str, Any]) -> int:
    """Start servers and simulated users in ``build/loop/world``, and run the pipeline once."""
    from services.loop.playground import playground

    with playground(build_dir() / "loop" / "world") as here:
        return _report(start({**here.parameters, **parameters}, name=name))


def _report(run: Run) -> int:
    print(run)
    return int(run.outcome == FAILED)


if __name__ == "__main__":
    sys.exit(main())
