"""Measure how soon drift is detected, and how often there is a false alarm.

::

    python -m services.recommender.monitoring.drift_study              # 200 services, some minutes
    python -m services.recommender.monitoring.drift_study --runs 20    # a quick look

Each run simulates one service. Its reference is drawn and its monitor's limits are computed. Then
requests arrive in which either nothing changes (how many services raise an alarm?) or something
does (after how many requests is there an alarm?); see :mod:`.drift_traffic`. All detectors see the
same requests.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from tqdm.auto import tqdm

from services import command_line
from services.drift.monitor import AlarmBudget, DriftMonitor
from services.environment import build_dir
from services.recommender.monitoring.drift_features import INPUTS, PREDICTIONS
from services.recommender.monitoring.drift_traffic import SCENARIOS, Traffic
from services.recommender.recommender import Recommender
from services.recommender.training.synthetic import make_ratings
from services.recommender.training.trainer import fit

RESULT = Path(__file__).with_name("drift_study.csv")
"""The committed result of the command; notebook 08 plots it."""

REFERENCE = 2000
"""The number of requests in the reference."""
BEFORE = 500
"""Undrifted requests before the change; they fill the window, which is the hard case."""
SOON = 1000
"""Requests within which drift counts as detected soon."""
HABIT = 0.25
"""The PSI that is commonly called a shift, regardless of the number of requests."""
BUDGET = AlarmBudget()


def study(
    traffic: Traffic,
    *,
    runs: int = 200,
    budget: AlarmBudget = BUDGET,
    seed: int = 0,
    progress: bool = True,
) -> pd.DataFrame:
    """Run the experiment with 1 or more services.

    The horizon of the monitors' budget is the number of undrifted requests in each run. Run 3 is
    the same whatever the number of runs. There is one row for each ``detector`` and ``scenario``;
    for the other columns see :func:`summarise`.
    """
    delays: dict[tuple[str, str], list[int | None]] = {}
    length = {name: budget.horizon // (1 if name == "nothing" else 2) for name in SCENARIOS}
    for run in tqdm(range(runs), "services", disable=not progress):
        rng = np.random.default_rng([seed, run])
        reference = traffic.requests(REFERENCE, "nothing", rng)
        detectors = _detectors(reference, budget, run)
        for scenario in SCENARIOS:
            stream = traffic.requests(BEFORE, "nothing", rng)
            after = traffic.requests(length[scenario], scenario, rng)
            stream = after if scenario == "nothing" else pd.concat([stream, after])
            start = len(stream) - len(after)
            for name, monitor in detectors.items():
                when = monitor.first_alarm(stream, after=start)
                delays.setdefault((name, scenario), []).append(when and when - start)
    rows = [
        {"detector": name, "scenario": scenario, **summarise(found, length[scenario])}
        for (name, scenario), found in delays.items()
    ]
    return pd.DataFrame(rows)


def _detectors(reference: pd.DataFrame, budget: AlarmBudget, seed: int) -> dict[str, DriftMonitor]:
    """Return the detectors: on the log, on the log with the habitual limit, on the clicks."""
    log = DriftMonitor(reference[[*INPUTS, *PREDICTIONS]], budget, seed=seed)
    habit = copy.copy(log)
    habit.limits = dict.fromkeys(log.limits, HABIT)
    clicks = DriftMonitor(reference[["clicked"]], budget, seed=seed)
    return {
        "PSI of the log": log,
        f"the same, limit {HABIT}": habit,
        "PSI of the clicks": clicks,
    }


def summarise(delays: Sequence[int | None], requests: int) -> dict[str, float | None]:
    """Summarise the delays of all runs; None is a run without an alarm.

    Returns
    -------
    dict
        ``runs`` and ``requests`` (how many each got); ``alarmed``, ``low``, ``high``: the share of
        services with an alarm and its 95 % interval (Clopper and Pearson); ``soon``: the share with
        an alarm within :data:`SOON` requests; ``median``, ``ninth``: the requests within which
        half, and nine of ten, of the services alarm, None if fewer do at all.
    """
    found = [delay for delay in delays if delay is not None]
    interval = stats.binomtest(len(found), len(delays)).proportion_ci(method="exact")
    return {
        "runs": len(delays),
        "requests": requests,
        "alarmed": len(found) / len(delays),
        "low": round(float(interval.low), 4),
        "high": round(float(interval.high), 4),
        "soon": sum(delay <= SOON for delay in found) / len(delays),
        "median": _reached(delays, 0.5),
        "ninth": _reached(delays, 0.9),
    }


def _reached(delays: Sequence[int | None], share: float) -> float | None:
    """Return the delay within which a share of all runs had its alarm."""
    rising = sorted(np.inf if delay is None else delay for delay in delays)
    reached = float(rising[int(np.ceil(share * len(rising))) - 1])
    return None if np.isinf(reached) else reached


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = command_line.parser("services.recommender.monitoring.drift_study", __doc__)
    parser.add_argument("--runs", type=int, default=200, help="how many services to simulate (200)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random draws (0)")
    parser.add_argument("--csv", type=Path, default=build_dir() / "drift_study.csv",
                        help="file for the result (build/drift_study.csv)")  # fmt: skip
    args = parser.parse_args(arguments)
    if args.runs < 1:
        parser.error(f"--runs must be 1 or more; got {args.runs}")
    ratings, truth = make_ratings(seed=args.seed)
    model = fit("mf-bce", ratings, seed=args.seed)
    traffic = Traffic(Recommender(model, ratings, "study"), truth)
    found = study(traffic, runs=args.runs, seed=args.seed)
    print(f"the monitors' alarm budget: {BUDGET}\n\n{found.to_string(index=False)}")
    args.csv.parent.mkdir(parents=True, exist_ok=True)
    found.to_csv(args.csv, index=False, lineterminator="\n")
    print(f"\nwritten: {args.csv}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
