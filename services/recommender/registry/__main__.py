"""Train, promote and roll back from a terminal.

::

    python -m services.recommender.registry train              # log candidates, register the best
    python -m services.recommender.registry train --ratings-dir ml-100k --model mf-bce
    python -m services.recommender.registry promote            # the newest version, by the rule
    python -m services.recommender.registry promote 3
    python -m services.recommender.registry rollback --reason "too slow"
    python -m services.recommender.registry learn              # retrain, promote if better
    python -m services.recommender.registry show

The commands use the tracking server at ``--tracking-uri`` or ``$MLFLOW_TRACKING_URI``; without one,
they use a database in ``build/mlflow``. The exit status is 1 if a promotion is refused or something
is missing.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mlflow.exceptions import MlflowException

from services import command_line
from services.recommender import registry
from services.recommender.model.ratings import Ratings
from services.recommender.training.splits import at_random

KINDS = ("popularity", "mf", "mf-bce", "neumf")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    args = _parser().parse_args(arguments)
    # With MLflow's default of seven retries it would take minutes to report a server that is down.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    command: Callable[[argparse.Namespace], int] = args.command
    try:
        with registry.tracking_at(args.tracking_uri):
            return command(args)
    except (LookupError, ValueError, FileNotFoundError) as error:
        print(f"{error}", file=sys.stderr)
    except MlflowException as error:
        where = args.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
        print(f"the tracking server at {where} failed: {error}", file=sys.stderr)
    return 1


def train(args: argparse.Namespace) -> int:
    """Log candidates and register the best."""
    split = at_random(_ratings(args))
    for logged in registry.train(split, args.model or KINDS, seed=args.seed):
        measures = ", ".join(f"{name} {value:.3f}" for name, value in logged.metrics.items())
        print(f"{logged.kind:12}{measures}")
    best = registry.best(data=registry.validation_set(split))
    version = registry.register(best.model_id)
    print(f"best by NDCG: {best.kind}, registered as {version.name} version {version.number}")
    return 0


def learn(args: argparse.Namespace) -> int:
    """Retrain and promote the result if it is better."""
    kinds = args.model or ("mf-bce",)
    return _report(registry.learn(_ratings(args), kinds, seed=args.seed))


def promote(args: argparse.Namespace) -> int:
    """Promote a version, by default the newest."""
    known = registry.versions()
    if not known:
        raise LookupError(f"there is no version of {registry.MODEL}; train one first")
    return _report(registry.promote(args.version or known[-1].number, again=args.again))


def rollback(args: argparse.Namespace) -> int:
    """Go back to the previous version."""
    return _report(registry.rollback(args.version, reason=args.reason))


def show(args: argparse.Namespace) -> int:
    """List the versions."""
    for version in registry.versions():
        measures = version.measured.get(version.digest or "", {})
        about = [f"{name} {value:.3f}" for name, value in measures.items()]
        about += [f"@{alias}" for alias in version.aliases]
        if version.withdrawn is not None:
            about.append(f"withdrawn: {version.withdrawn}")
        print(f"{version.name} {version.number:3}  {', '.join(about)}")
    return 0


def _report(decision: registry.Decision) -> int:
    print(decision)
    return int(decision.outcome == "refused")


def _ratings(args: argparse.Namespace) -> Ratings:
    from services.recommender.training.train import ratings_from  # imports torch

    return ratings_from(args.ratings_dir, seed=args.seed)[0]


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser("services.recommender.registry", __doc__)
    parser.add_argument("--tracking-uri", help="the tracking server ($MLFLOW_TRACKING_URI)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (train, learn, promote, rollback, show):
        sub = commands.add_parser(command.__name__, help=command.__doc__)
        sub.set_defaults(command=command)
        if command in (train, learn):
            sub.add_argument("--ratings-dir", type=Path,
                             help="folder of MovieLens' files ($RATINGS_DIR)")  # fmt: skip
            sub.add_argument("--model", choices=KINDS, action="append",
                             help="a kind of model to train; repeatable")  # fmt: skip
            sub.add_argument("--seed", type=int, default=0, help="seed of all random choices (0)")
        if command in (promote, rollback):
            default = "the newest" if command is promote else "the previous one"
            sub.add_argument("version", type=int, nargs="?", help=f"a version's number ({default})")
        if command is promote:
            sub.add_argument(
                "--again", action="store_true", help="promote it even if it was withdrawn"
            )
        if command is rollback:
            sub.add_argument("--reason", default="rolled back",
                             help="why, for the record (rolled back)")  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(main())
