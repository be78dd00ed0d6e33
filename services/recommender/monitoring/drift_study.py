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
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
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
LOG = [*INPUTS, *PREDICTIONS]

Alarm = Callable[[pd.DataFrame, int], int | None]
"""Takes a stream and a number; returns after how many requests, beyond that number, it alarms."""


@dataclass(frozen=True)
class Finding:
    """How one detector did in one scenario: a row of the result.

    Attributes
    ----------
    detector : str
        Which detector, and which part of the requests it watched.
    scenario : str
        One of :data:`services.recommender.monitoring.drift_traffic.SCENARIOS`.
    runs, requests : int
        Services, and how many requests each got after the change (in total, if nothing changed).
    alarmed, low, high : float
        Share of the services with an alarm, and its 95 % interval (Clopper and Pearson).
    soon : float
        Share with an alarm within :data:`SOON` requests.
    median, ninth : float or None
        Requests from the change to the alarm: the median, and the number within which nine of ten
        services alarm; None if fewer services alarmed at all.
    """

    detector: str
    scenario: str
    runs: int
    requests: int
    alarmed: float
    low: float
    high: float
    soon: float
    median: float | None
    ninth: float | None

    def __str__(self) -> str:
        when = "-" if self.median is None else f"{self.median:.0f}"
        late = "-" if self.ninth is None else f"{self.ninth:.0f}"
        return (
            f"{self.scenario:<10} {self.detector:<22} {self.alarmed:7.1%} "
            f"({self.low:.1%} to {self.high:.1%}){'':2}{self.soon:7.1%} {when:>7} {late:>7}"
        )


HEADER = (
    f"{'change':<10} {'detector':<22} {'alarmed':>7} (95 % interval)  "
    f"{f'in {SOON}':>7} {'median':>7} {'9 of 10':>7}"
)


def make_traffic(seed: int = 0, *, small: bool = False) -> Traffic:
    """Train a recommender on simulated ratings and return its traffic.

    Parameters
    ----------
    seed : int
        The seed of the ratings and of the training.
    small : bool
        200 users and 300 movies instead of 1,000 and 1,500; takes a second or two.
    """
    size = (200, 300, 12_000) if small else (1000, 1500, 100_000)
    ratings, truth = make_ratings(*size, seed=seed)
    model = fit("mf-bce", ratings, seed=seed, progress=not small)
    return Traffic(Recommender(model, ratings, "study"), truth)


def study(
    traffic: Traffic,
    *,
    runs: int = 200,
    budget: AlarmBudget = BUDGET,
    seed: int = 0,
    progress: bool = True,
) -> list[Finding]:
    """Run the experiment.

    Parameters
    ----------
    traffic : Traffic
        The source of the requests.
    runs : int
        The number of services, 1 or more.
    budget : AlarmBudget
        The monitors' budget. Its horizon is the number of undrifted requests in each run.
    seed : int
        The seed of all requests; run 3 is the same whatever the number of runs.
    progress : bool
        Show a progress bar.

    Returns
    -------
    list of Finding
        One for each detector and scenario.
    """
    delays: dict[tuple[str, str], list[int | None]] = {}
    for run in tqdm(range(runs), "services", disable=not progress):
        rng = np.random.default_rng([seed, run])
        reference = traffic.requests(REFERENCE, "nothing", rng)
        detectors = dict(_detectors(reference, budget, run))
        for scenario in SCENARIOS:
            requests = budget.horizon if scenario == "nothing" else budget.horizon // 2
            before = traffic.requests(BEFORE, "nothing", rng)
            after = traffic.requests(requests, scenario, rng)
            stream = pd.concat([before, after], ignore_index=True)
            if scenario == "nothing":
                stream = stream.iloc[BEFORE:].reset_index(drop=True)
            start = len(stream) - requests
            for name, alarm in detectors.items():
                when = alarm(stream, start)
                delays.setdefault((scenario, name), []).append(when and when - start)
    return [
        summarise(name, scenario, found, budget.horizon // (1 if scenario == "nothing" else 2))
        for (scenario, name), found in delays.items()
    ]


def _detectors(
    reference: pd.DataFrame, budget: AlarmBudget, seed: int
) -> Iterator[tuple[str, Alarm]]:
    """Return each detector with its own reference."""
    for name, columns in (("PSI of the log", LOG), ("PSI of the clicks", ["clicked"])):
        monitor = DriftMonitor(reference[columns], budget, seed=seed)
        yield name, partial(_watch, monitor)
        if columns is LOG:
            habit = copy.copy(monitor)
            habit.limits = dict.fromkeys(monitor.limits, HABIT)
            yield f"the same, limit {HABIT}", partial(_watch, habit)


def _watch(monitor: DriftMonitor, stream: pd.DataFrame, after: int) -> int | None:
    return monitor.first_alarm(stream, after=after)


def summarise(detector: str, scenario: str, delays: Sequence[int | None], requests: int) -> Finding:
    """Summarise the delays of all runs; None is a run without an alarm."""
    found = [delay for delay in delays if delay is not None]
    interval = stats.binomtest(len(found), len(delays)).proportion_ci(method="exact")
    return Finding(
        detector,
        scenario,
        len(delays),
        requests,
        len(found) / len(delays),
        round(float(interval.low), 4),
        round(float(interval.high), 4),
        sum(delay <= SOON for delay in found) / len(delays),
        _reached(delays, 0.5),
        _reached(delays, 0.9),
    )


def _reached(delays: Sequence[int | None], share: float) -> float | None:
    """Return the delay within which a share of all runs had its alarm."""
    rising = sorted(np.inf if delay is None else delay for delay in delays)
    reached = float(rising[int(np.ceil(share * len(rising))) - 1])
    return None if np.isinf(reached) else reached


def write(findings: Iterable[Finding], path: Path) -> None:
    """Write findings as CSV."""
    pd.DataFrame(list(findings)).to_csv(path, index=False, lineterminator="\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see the module's docstring."""
    parser = command_line.parser("services.recommender.monitoring.drift_study", __doc__)
    parser.add_argument("--runs", type=int, default=200, help="how many services to simulate (200)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random draws (0)")
    parser.add_argument("--csv", type=Path, help="file for the result (build/drift_study.csv)")
    args = parser.parse_args(arguments)
    if args.runs < 1:
        parser.error(f"--runs must be 1 or more; got {args.runs}")
    findings = study(make_traffic(args.seed), runs=args.runs, seed=args.seed)
    print(f"the monitors' alarm budget: {BUDGET}\n\n{HEADER}")
    for finding in findings:
        print(finding)
    path = args.csv or build_dir() / "drift_study.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    write(findings, path)
    print(f"\nwritten: {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
