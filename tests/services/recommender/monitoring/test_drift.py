"""What drifts in the recommender's log, and in requests that might come."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from services.drift.monitor import AlarmBudget
from services.recommender.monitoring import drift_metrics, drift_study
from services.recommender.monitoring.drift_features import INPUTS, PREDICTIONS, Features, entry_of
from services.recommender.monitoring.drift_metrics import (
    COLLECTED,
    LIMIT,
    PSI,
    DriftRecorder,
    DriftWatch,
)
from services.recommender.monitoring.drift_study import study, summarise
from services.recommender.monitoring.drift_traffic import SCENARIOS, Traffic
from services.recommender.recommender import Recommender

BUDGET = AlarmBudget(window=200, every=20, horizon=1000)
LOG = [*INPUTS, *PREDICTIONS]


@pytest.fixture(scope="module")
def traffic(recommender, small) -> Traffic:
    return Traffic(recommender, small.truth)


# ---------------------------------------------------------------- features


def test_a_request_is_described(recommender, small):
    ratings = small.split.development
    answer = recommender.recommend(7, 5)
    described = Features(recommender).of(entry_of(answer, 5))
    assert list(described) == LOG
    assert described["top_k"] == 5
    assert described["activity"] == len(recommender.rated_by(7))
    assert described["score"] == answer.items[0].score
    places = ratings.movies.ids.indexes([item.movie_id for item in answer.items])
    fame = np.log10(1 + ratings.per_item()[places]).mean()
    assert described["popularity"] == pytest.approx(fame)
    genres = ratings.movies.genres
    beyond = {
        genre: sum(genre in genres[place] for place in places)
        - 5 * np.mean([genre in each for each in genres])
        for place in places
        for genre in genres[place]
    }
    assert described["genre"] == max(beyond, key=beyond.get)


def test_a_stranger_has_neither_activity_nor_score(recommender):
    entry = entry_of(recommender.recommend(10**30, 5), 5)
    described = Features(recommender).of(entry)
    assert (described["activity"], described["score"]) == (None, None)
    assert described["popularity"] is not None


def test_a_log_becomes_a_table(recommender):
    features = Features(recommender)
    entries = [entry_of(recommender.recommend(user, 3), 3) for user in (7, 8, 999)]
    table = features.table(entries)
    assert len(table) == 3
    [clicked] = features.table([{**entries[0], "clicked": "yes", "seconds": 1}])["clicked"]
    assert clicked == "yes"
    with pytest.raises(ValueError, match="no entry of a recommender's log: it has no 'scores'"):
        features.of({"user_id": 1, "movie_ids": [], "fallback": None})


# ---------------------------------------------------------------- traffic


def test_requests_are_drawn_by_a_seed(traffic):
    one, again, other = (traffic.requests(50, "audience", seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, again)
    assert not one.equals(other)
    with pytest.raises(ValueError, match=r"no scenario 'holiday'; there are nothing, audience"):
        traffic.requests(1, "holiday")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_log_and_the_table_are_of_the_same_requests(traffic, scenario):
    log, table = traffic.log(300, scenario, 5), traffic.requests(300, scenario, 5)
    pd.testing.assert_frame_equal(traffic.features.table(log), table[LOG])
    strangers = [entry["user_id"] for entry in log if entry["fallback"]]
    assert len(set(strangers)) == len(strangers), "each is somebody else"
    assert (len(strangers) > 10) == (scenario == "newcomers")


def test_each_change_shows_where_it_should(traffic):
    before = traffic.requests(20_000, "nothing", 0)
    now = {name: traffic.requests(20_000, name, 1) for name in SCENARIOS}
    thrillers = {name: (rows.genre == "Thriller").mean() for name, rows in now.items()}
    assert thrillers["audience"] > thrillers["nothing"] + 0.02
    assert now["newcomers"].activity.isna().mean() == pytest.approx(0.1, abs=0.01)
    clicks = {name: (rows.clicked == "yes").mean() for name, rows in now.items()}
    assert clicks["taste"] < clicks["nothing"] - 0.05
    assert clicks["nothing"] == pytest.approx((before.clicked == "yes").mean(), abs=0.015)
    # The same users and the same lists: nothing in the log can tell.
    assert thrillers["taste"] == pytest.approx(thrillers["nothing"], abs=0.015)
    assert now["taste"].score.mean() == pytest.approx(before.score.mean(), abs=0.03)


# ---------------------------------------------------------------- the study


def test_a_small_study_finds_what_the_large_one_found(traffic):
    budget = AlarmBudget(horizon=3000)
    table = study(traffic, runs=12, budget=budget, progress=False)
    assert list(table.columns) == list(pd.read_csv(drift_study.RESULT).columns)
    found = {(each.detector, each.scenario): each for each in table.itertuples()}
    assert len(found) == 3 * len(SCENARIOS)
    for detector in ("PSI of the log", "PSI of the clicks"):
        assert found[detector, "nothing"].alarmed <= 0.25, "at 5 %, 3 of 12 are 1 run in 50"
    for scenario in ("audience", "newcomers"):
        assert found["PSI of the log", scenario].alarmed > 0.9
    assert found["PSI of the clicks", "taste"].alarmed > 0.7
    assert found["PSI of the log", "taste"].alarmed <= 0.25
    assert table.alarmed.between(table.low, table.high).all()
    again = study(traffic, runs=2, budget=budget, progress=False)
    assert again.equals(study(traffic, runs=2, budget=budget, progress=False)), "it repeats"


def test_delays_are_summed_up():
    finding = summarise([100, None, 300, 1200], 5000)
    assert (finding["alarmed"], finding["soon"]) == (0.75, 0.5)
    assert (finding["median"], finding["ninth"]) == (300, None)


def test_the_committed_result_keeps_the_promise():
    rows = pd.read_csv(drift_study.RESULT).itertuples()
    found = {(each.detector, each.scenario): each for each in rows}
    for detector in ("PSI of the log", "PSI of the clicks"):
        nothing = found[detector, "nothing"]
        assert nothing.runs >= 100
        assert nothing.requests == drift_study.BUDGET.horizon
        assert nothing.low <= drift_study.BUDGET.alarm_rate
    for detector, scenario in (
        ("PSI of the log", "audience"),
        ("PSI of the log", "newcomers"),
        ("PSI of the clicks", "taste"),
    ):
        assert found[detector, scenario].low > 0.95
        assert found[detector, scenario].soon > 0.95
    assert found["PSI of the log", "taste"].high < 0.1


# ---------------------------------------------------------------- in the service


def value(gauge, *labels) -> float:
    return gauge.labels(*labels)._value.get()


def test_a_watch_collects_its_reference_and_then_shows_the_drift(recommender, traffic):
    watch = DriftWatch(recommender, size=600, budget=BUDGET)
    for number, entry in enumerate(traffic.log(600, "nothing", 1), 1):
        assert watch.monitor is None
        assert watch.feed(entry) is None
        assert value(COLLECTED, "3") == number
    assert watch.monitor is not None
    assert value(LIMIT, "3", "genre") == watch.monitor.limits["genre"] > 0

    looks = [watch.feed(entry) for entry in traffic.log(300, "nothing", 2)]
    assert not any(looks)
    assert 0 < value(PSI, "3", "genre") <= value(LIMIT, "3", "genre")
    looks = [watch.feed(entry) for entry in traffic.log(300, "newcomers", 3)]
    [first, *_] = [look for look in looks if look]
    assert {"activity", "score"} & {*first.over}
    assert value(PSI, "3", "score") > value(LIMIT, "3", "score")
    watch.close()
    assert value(PSI, "3", "score") == 0


def test_a_reference_smaller_than_the_window_is_refused(recommender):
    with pytest.raises(ValueError, match="199"):
        DriftWatch(recommender, budget=BUDGET, size=199)


def test_a_bad_entry_is_said_once_and_hurts_nobody(recommender, traffic, caplog):
    watch = DriftWatch(recommender, size=600, budget=BUDGET)
    for _ in range(3):
        assert watch.feed({"user_id": 1}) is None
    assert watch.feed(traffic.log(1)[0]) is None
    assert value(COLLECTED, "3") == 1
    assert len(caplog.records) == 1
    assert "added to drift monitoring" in caplog.text


def test_each_version_is_watched_by_itself(recommender, small, models):
    class Live:
        current = recommender

    live, old = Live(), recommender.recommend(7)
    recorder = DriftRecorder(live, size=600, budget=BUDGET)
    recorder.feed(old, 10)
    live.current = Recommender(models["mf-bce"], small.split.development, "4")
    recorder.feed(old, 10)  # still on its way when the version changed
    assert recorder.watch.version == "3"
    recorder.feed(live.current.recommend(7), 10)
    assert recorder.watch.version == "4"
    recorder.feed(old, 10)
    assert (value(COLLECTED, "3"), value(COLLECTED, "4")) == (2, 1)
    assert recorder.watch.version == "4", "an answer that comes late brings nothing back"


def test_the_names_are_prometheus_names():
    for gauge in (PSI, LIMIT, COLLECTED):
        assert gauge._name.startswith("recommender_drift_")
        assert gauge._multiprocess_mode in ("livemax", "livemin")
    assert tuple(LOG) == drift_metrics.FEATURES
