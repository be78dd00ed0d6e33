"""Measure the servers of this repository against each other and write the result as JSON.

::

    make bench                                   # everything, five to ten minutes on two cores
    make bench ARGS="--quick --peers bentoml,kserve"

Run it on an otherwise idle machine; the result records how busy the machine was.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from services import command_line
from services.bench import report
from services.bench.peers import PEERS
from services.bench.run import QUICK, Plan, compare
from services.environment import build_dir
from services.workbench.servers import ServerError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = command_line.parser("services.bench", __doc__)
    parser.add_argument("--quick", action="store_true", help="a trial run of a minute or two")
    parser.add_argument("--peers", help=f"only these servers, like {','.join(PEERS)}")
    parser.add_argument("--rounds", type=int, help="rounds for each server")
    parser.add_argument("--requests", type=int, help="requests per round, a multiple of 16")
    parser.add_argument("--out", type=Path, default=build_dir() / "bench",
                        help="the folder for bench.json and the plots (build/bench)")  # fmt: skip
    args = parser.parse_args(arguments)
    changed = {
        "peers": tuple(args.peers.split(",")) if args.peers else None,
        "rounds": args.rounds,
        "requests": args.requests,
    }
    try:
        plan = replace(QUICK if args.quick else Plan(), **{k: v for k, v in changed.items() if v})
    except ValueError as error:
        parser.error(str(error))
    try:
        result = compare(plan)
    except (ServerError, AssertionError) as error:
        print(error, file=sys.stderr)
        return 1
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "bench.json"
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(report.text(result))
    for name, figure in report.figures(result).items():
        figure.savefig(args.out / f"{name}.png")
    print(f"\nwrote {path} and the plots beside it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
