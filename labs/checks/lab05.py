"""Checks of lab 05: observability."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from labs.checks import lab05_alerts as alerts
from labs.checks import lab05_counting as counted
from labs.checks import lab05_days as days
from labs.checks import lab05_life as life
from labs.checks import lab05_metrics as reading
from labs.checks import lab05_naming as naming
from labs.checks import lab05_row as rows
from labs.checks.lab05_probes import OutOfMemoryError
from labs.checks.lab05_promql import PromQLError
from labs.checks.lab05_service import REASONS
from labs.engine import Context, exercise
from services.environment import build_dir


@exercise(
    "lab05.ex1",
    "One row of the log",
    points=1,
    minutes=5,
    difficulty=1,
    importance=4,
    hints=(
        "A log is read by many people and kept for long. So it holds what the model needs to be "
        "judged by: the size of the input, every confidence, and which model it was. It holds "
        "nothing that a person wrote or shows.",
        "`upload.pixels.shape` is (height, width, 3). `json.dumps` knows Python's numbers and "
        "lists, not NumPy's: `float(…)` of one number, or the method `.tolist()` of an array.",
        '`{"width": upload.pixels.shape[1], "height": …, "boxes": len(confidences), '
        '"confidences": [… for one in confidences], "model": model, "version": version}`.',
    ),
    help=(
        (
            "TypeError: Object of type float32 is not JSON serializable",
            "The array's numbers are NumPy's own. `float(one)` makes Python's of each.",
        ),
        (
            "IndexError or ValueError for a picture without boxes",
            "You take one confidence out of an empty array. Log all of them.",
        ),
    ),
    mistakes={
        "picture": "The picture itself is in the row. It shows somebody's identity card, and a log "
        "is read by many. Its size says what is needed.",
        "user_text": "What a person wrote, a file's name too, is personal data. It does not belong "
        "into a log.",
        "not_json": "A log line is JSON, which knows no NumPy: float(…) of each number, or "
        "tolist() of the array.",
        "best_only": "That is the best confidence alone. A drift shows in all of them.",
        "unsure": "The boxes of which the model is not sure are left out. A drift shows in them "
        "first. Whoever reads the log can leave them out, but not bring them back.",
        "swapped": "An array's shape has the height first, then the width.",
        "no_version": "Without the version nobody can tell whether the old or the new model gave "
        "this answer.",
        "no_boxes": "A picture without boxes is a good request, and its row has an empty list.",
    },
)
def row(context: Context, answer: Callable[..., Any]) -> None:
    """Ask for the rows of fresh uploads."""
    for count in (4, 0, 1, context.random.randint(5, 8)):
        upload = rows.upload(context)
        confidences = rows.confidences(context, count)
        tail = context.random.randint(100, 999)
        model, version = f"yolo_{tail}", f"{context.random.getrandbits(48):012x}"
        where = f"a picture with {count} box{'es' * (count != 1)}"
        got = context.call(
            answer,
            upload,
            confidences,
            model,
            version,
            where=where,
            because="no_boxes" if count == 0 else None,
        )
        values = [float(one) for one in confidences]
        height, width = upload.pixels.shape[:2]
        want = {"width": width, "height": height, "boxes": count, "confidences": values}
        want |= {"model": model, "version": version}
        line = rows.line(context, got, upload, where)
        if "version" not in line and {*line} < {*want}:
            context.fail(
                f"row_of(…) has the keys {sorted(line)}; {sorted(want)} were expected.",
                where=where,
                mistake="no_version",
            )
        context.same(
            line,
            want,
            what="row_of(…)",
            where=where,
            tolerance=0.0011,
            mistakes=rows.wrong_rows(line, want),
        )
    context.note(rows=4)


@exercise(
    "lab05.ex2",
    "Metrics with the right names",
    points=2,
    minutes=8,
    difficulty=2,
    importance=5,
    hints=(
        "What only ever grows is a counter. What is to be read as a percentile is a histogram. "
        "Both belong to the registry that you are given, so that a test can have one of its own.",
        "`Counter(name, help, [labels], registry=registry)`, and `Histogram` with "
        "`buckets=(…)`. The library adds `_total` to a counter's name; the unit you write "
        "yourself. `counter.labels(reason=one)` makes a series that shows 0.",
        "`for one in REASONS: rejected.labels(reason=one)`, and buckets such as `(0.001, 0.002, "
        "0.005, 0.01, 0.02, 0.05, …)` up to 0.2 or more.",
    ),
    help=(
        (
            "ValueError: Duplicated timeseries in CollectorRegistry",
            "A metric without `registry=registry` goes into the default registry of the whole "
            "process, and there it can be only once.",
        ),
        (
            "The step from 0.01 to 0.05 is too wide",
            "A percentile is found in a bucket, so it is known only as exactly as the bucket is "
            "narrow. Put another boundary between the two.",
        ),
    ),
    mistakes={
        "global_registry": "Without registry=registry a metric goes into the default registry of "
        "the process. There a second call finds its name taken.",
        "same_name": "Two metrics of a registry cannot share a name.",
        "shared": "Both registries got one and the same metric. Make it in the function.",
        "gauge": "A gauge goes up and down. After a restart nobody can tell a gauge at 0 from one "
        "that fell; rate() understands that of a counter alone.",
        "summary": "Prometheus's Python Summary has no percentiles, and the percentiles of several "
        "processes cannot be added up. Buckets can: a Histogram.",
        "prefix": "Everybody's metrics end up in one Prometheus. The prefix says whose they are.",
        "milliseconds": "Prometheus measures time in seconds, everywhere. Who reads the name must "
        "not have to convert.",
        "no_unit": "The name of a histogram ends with its unit, in the plural: _seconds.",
        "client_label": "Each value of a label is a time series more, kept until the server ends. "
        "So no label that was not asked for, least of all one with a client's text.",
        "no_label": "Without that label all causes, or all models, are one number.",
        "bucket_unit": "The name says seconds and the boundaries are in milliseconds.",
        "default_buckets": "These are the library's default boundaries, made for web pages. They "
        "begin at 0.005 s, and most of these pictures are faster.",
        "no_promise": "Only at a boundary a histogram knows exactly how many were below. So what "
        "you promised must be one.",
        "too_coarse": "Between two boundaries nobody knows where the values are.",
        "no_zero": "A series that begins with its first refusal hides that refusal from rate(), "
        "which needs a 0 before it. Call labels(reason=…) once for each.",
        "counts_itself": "inc() counts a refusal that never was. labels(reason=…) alone makes a "
        "series at 0.",
    },
)
def metrics(context: Context, answer: Callable[..., Any]) -> None:
    """Make the metrics in two fresh registries and look at them as a scrape does."""
    with reading.in_memory(), reading.DefaultRegistry() as default:
        registry = CollectorRegistry()
        rejected, seconds = naming.made(context, answer, registry, default, "the first registry")
        naming.types(context, rejected, seconds)
        naming.names(context, rejected, seconds)
        naming.labels(context, rejected, seconds)
        naming.buckets(context, seconds)
        again = naming.made(context, answer, CollectorRegistry(), default, "a second registry")
        context.expect(
            again[0] is not rejected and again[1] is not seconds,
            "The second call returned the metrics of the first.",
            where="a second registry",
            mistake="shared",
        )
    context.note(registries=2, series_of_rejected=len(REASONS))


@exercise(
    "lab05.ex3",
    "Count without losing one",
    points=2,
    minutes=8,
    difficulty=3,
    importance=5,
    hints=(
        "There are four ways out of the function: an answer, a refusal, a failure, and a client "
        "that goes away. The gauge must go down on each of them. The other three metrics belong "
        "to one of the first three each.",
        "`with metrics.in_progress.track_inprogress():` goes up and comes down whatever happens, "
        "as `try: … finally:` does. `except InputError as error:` has the refusal's "
        "`error.code`; a bare `raise` at the end of an `except` passes the exception on.",
        "In the `with`: `try: found = detect(picture)`, then `except InputError as error:` with "
        '`error.code if error.code in REASONS else "other"`, and `except Exception:` with '
        "`metrics.failed.inc()`; both end with `raise`. Observe the time after it all.",
    ),
    help=(
        (
            "in_progress is 1 higher after the call",
            "The line that lowers it was skipped by an exception. `finally`, or a `with` block, is "
            "executed on every way out.",
        ),
        (
            "UnboundLocalError: cannot access local variable 'found'",
            "An `except` without `raise` at its end goes on below, where there is no answer.",
        ),
    ),
    mistakes={
        "not_decremented": "After an exception the gauge stays up. With every error it says a "
        "little more that is not true.",
        "cancelled": "CancelledError is a BaseException, and `except Exception` does not see it. "
        "`finally` does.",
        "gone_fails": "A client that goes away is no failure of the detector. CancelledError is no "
        "Exception, but a bare `except:` and `except BaseException:` catch it, too.",
        "not_counted_up": "While the detector is at work, in_progress has to count it.",
        "set": "set(1) forgets the other pictures that are in the detector. inc() and dec() count.",
        "swallowed": "The exception was caught and not raised again. The caller must get it: a "
        "client that is told nothing takes an error for an answer.",
        "another_error": "Another exception came out than went in. `raise` without anything after "
        "it passes on the one that was caught.",
        "text_label": "An exception's text may hold anything that a client sent, and each text is "
        "a new time series. Use its code.",
        "unknown_code": "A code that is not in REASONS became a label. The set is closed: the rest "
        "is counted as other.",
        "not_refused": "A refusal is what the client has to mend, and counts by its reason.",
        "blames_server": "A refused picture is no failure of the detector. InputError is an "
        "Exception, too: catch it first, and let the other branch not see it.",
        "blames_client": "The detector failed, and a refusal was counted. Whoever reads that looks "
        "for the fault at the clients.",
        "not_failed": "A failure of the detector must be counted. Otherwise the error rate is 0 "
        "while nothing works.",
        "twice": "The time of one picture was observed more than once. So the rate of pictures, "
        "which is read from the same metric, is too high.",
        "times_errors": "A refusal takes almost no time. Observed with the others it makes a "
        "detector look fast that refuses everything. `with seconds.time():` observes on every way "
        "out.",
        "milliseconds": "The metric's name says seconds.",
        "asks_twice": "Each call takes time, and is counted nowhere. Keep what the first returned.",
    },
)
def counting(context: Context, answer: Callable[..., Any]) -> None:
    """Let the detector answer, refuse, fail, be cancelled, and work on two pictures at once."""
    codes = [*context.random.sample(REASONS[:-1], 2), "other"]
    codes += [f"body_{context.random.randint(10, 99)}", f"image_{context.random.choice('xyz')}"]
    gone = "a client that goes away (CancelledError)"
    with reading.in_memory():
        for n in range(3):
            boxes = [{"box": k} for k in range(n)]
            counted.answered(context, answer, f"an answer with {n} boxes", boxes)
        for code in codes:
            counted.refused(context, answer, code)
        for error in (RuntimeError("out of memory"), OSError("device lost"), KeyError("box")):
            counted.failed(context, answer, error)
        counted.cancelled(context, answer, asyncio.CancelledError(), gone)
        counted.two_at_once(context, answer)
    context.note(ways_out="an answer, a refusal, a failure, a cancelled call", at_once=2)


@exercise(
    "lab05.ex4",
    "Probes that tell the truth",
    points=3,
    minutes=9,
    difficulty=3,
    importance=5,
    hints=(
        "Four states: loading (alive, not ready), loaded and warm (alive, ready), could not be "
        "loaded (neither), broken (neither). Loading is in another thread, so that somebody can "
        "answer the probes meanwhile.",
        "`ThreadPoolExecutor(1).submit(function)` of `concurrent.futures` begins a piece of work "
        "and gives a Future: `done()` says whether it ended, `exception()` what it raised, "
        "`result()` waits for it. For the three failures you need a number that a success sets "
        "back to 0.",
        "In the constructor a function that calls `model = load()`, then `model(BLANK)`, and "
        "returns the model; `self.loading` is its Future. Alive: True while not `done()`; "
        "then `exception() is None` and fewer than three failures. Ready: `done()` and alive.",
    ),
    help=(
        (
            "__is_ready__() had not answered after 5 seconds",
            "`result()` and `exception()` of a Future wait for its end. Ask `done()` first.",
        ),
        (
            "AttributeError: 'CardService' object has no attribute …",
            "The thread begins at once. What it uses has to be set in the constructor before it.",
        ),
    ),
    mistakes={
        "blocking": "The constructor waits for the model. Until it returns the server answers no "
        "probe at all, and is restarted while it loads.",
        "lazy": "The loading only begins with the first request. It never comes: nobody sends "
        "requests to a service that is not ready.",
        "always_ready": "Ready before there is a model: requests come that nobody can answer.",
        "not_warm": "Loaded is not warm. The first call of a model is slow, and here it would be a "
        "client's.",
        "alive_while_loading": "A service that is not alive is restarted. One that is loading "
        "would be restarted for ever.",
        "probe_waits": "A probe has to answer at once. One that waits for the model is a timeout "
        "for whoever asks.",
        "early": "A picture that comes early has to wait for the model, not to fail.",
        "load_failed": "The thread died, and nobody noticed. Without a restart this service will "
        "never be ready.",
        "swallowed": "What the model raises is for the caller, too. An empty answer would say that "
        "there are no cards.",
        "first_failure": "One failure may be the picture's fault. Only the third in a row counts.",
        "in_total": "You count failures in total. After a success the count begins anew.",
        "stays_ready": "The model is broken, and requests are still sent here.",
        "stays_alive": "The model is broken, and nothing will restart it.",
        "never_again": "It works again, and the probes still say no.",
        "gives_up": "While it is broken you do not ask the model any more. So the call that goes "
        "well, and would mend it, never comes.",
        "another_error": "Another exception came out than the model raised. `raise` without "
        "anything after it passes on the one that was caught.",
    },
)
def probes(context: Context, answer: Any) -> None:
    """Take the service through its life: loading, warming up, working, breaking, mended."""
    life.a_life(context, answer)
    life.a_short_life(context, answer)
    life.a_failed_start(context, answer, "load() raised", load_error=OSError("no weights"))
    life.a_failed_start(
        context, answer, "the first call of the model raised", warm_error=OutOfMemoryError("full")
    )
    context.note(states="loading, warming up, ready, failing, broken, mended, failed at start")


@exercise(
    "lab05.ex5",
    "Design it: two alerts",
    points=3,
    minutes=10,
    difficulty=4,
    importance=4,
    hints=(
        "A counter alone says nothing; `rate(counter[5m])` says how many a second. Take the rate "
        "first, then the sum of all instances, and only then divide, or look for the percentile.",
        '`sum by (service) (…)` keeps one label. `code=~"5.."` is a regular expression. '
        "`histogram_quantile(0.95, …)` needs the label `le` of the buckets, so the sum has to keep "
        "it, too. `infra/prometheus/rules.yml` has both forms.",
        'Errors: `sum by (service) (rate(cards_requests_total{code=~"5.."}[5m])) / sum by '
        "(service) (rate(cards_requests_total[5m])) > 0.05`. The percentile: "
        "`histogram_quantile(0.95, sum by (service, le) (rate(…_bucket[5m]))) > 0.5`.",
    ),
    help=(
        (
            "rules is no YAML: mapping values are not allowed here",
            "A value that holds `: ` or begins with `{` needs quotes around it. A long expr is "
            "easiest below `expr: >-`, on lines of its own that are indented further.",
        ),
        (
            "[…] belongs right behind the name of a metric",
            "`sum(rate(metric[5m]))` is right. The rate of a sum would not see that one of several "
            "counters began anew.",
        ),
    ),
    mistakes={
        "not_yaml": "YAML reads an indentation, a colon with a blank, or a brace at the beginning "
        "as its own signs.",
        "not_rules": "A rules file has groups; each has a name and rules; each rule has alert and "
        "expr. Compare with the example.",
        "not_promql": "Prometheus would not load this file.",
        "no_such_metric": "No service here has this metric. An alert about nothing never fires, "
        "and nobody notices.",
        "no_for": "Without `for` one bad reading wakes somebody; with a long one nobody is told.",
        "no_limit": "An alert is raised for every series that its expression gives, whatever its "
        "value. A comparison drops the others; with `bool` it drops none.",
        "window": "The task asks for the last five minutes: [5m]. irate looks at two readings "
        "alone.",
        "raw_counter": "A counter knows everything since its start. An old outage keeps it high, a "
        "good year hides a new one. rate(counter[5m]) looks at now.",
        "average": "An average hides the slow ones among many fast ones. The percentile does not.",
        "no_le": "histogram_quantile needs the boundaries of the buckets, and your sum dropped the "
        "label le.",
        "of_quantiles": "Percentiles of instances cannot be put together: one with few requests "
        "says as much as one with many. Sum the buckets, and then look for the percentile.",
        "other_quantile": "The task asks for what 95 of 100 requests stay below: 0.95.",
        "no_share": "A number of failures says nothing without the number of requests.",
        "per_series": "Without a sum, single series meet: each is divided by itself, or finds none "
        "that fits. Sum first, on both sides.",
        "of_good": "You divide by the good requests, not by all. Where nothing is good any more, "
        "there is nothing to divide by.",
        "rest_of_good": "You count the good requests and take the rest. Where nothing is good any "
        "more there is no series to take it from, and nothing comes out.",
        "counts_4xx": "A 4xx is the client's fault. Nobody should be woken for it.",
        "one_code": "There are many 5xx, and which one it is depends on what broke. "
        '=~"5.." takes all.',
        "percent": "The quotient is a share, 0 to 1.",
        "milliseconds": "The metric counts in seconds; its name says so.",
        "per_instance": "A single instance decides here, however few requests it has. Sum over "
        "the instances first.",
        "all_together": "All services are added up. A sick one hides behind a big healthy one, and "
        "nobody knows which it is.",
        "no_summary": "Whoever is woken should read at once which service it is.",
    },
)
def alert_rules(context: Context, answer: Any) -> None:
    """Read the rules, and try both alerts on days on which they have to fire, or must not."""
    text = context.plain(answer, what="rules")
    if not isinstance(text, str):
        context.fail(f"rules is of type {type(text).__name__}; str was expected.", layer="schema")
    try:
        rules = alerts.rules_of(text)
    except alerts.RuleError as error:
        beyond = "The task's text says what this check can compute."
        context.fail(str(error), mistake=error.mistake, cause=beyond, layer="schema")
    tried = days.days(context.random)
    for rule in rules.values():
        for day in tried:
            _tried(context, rule, day)
    for rule in rules.values():
        if alerts.WINDOW not in alerts.windows(rule):
            context.fail(f"{rule.name} has no rate over [5m].", mistake="window")
        if not alerts.names_service(rule):
            context.fail(
                f"The summary of {rule.name} is {rule.summary!r}; {{{{ $labels.service }}}} is "
                "not in it.",
                mistake="no_summary",
            )
    _promtool(context, text)
    context.note(alerts=2, days=len(tried))


def _tried(context: Context, rule: alerts.Rule, day: days.Day) -> None:
    want = day.expected.get(rule.name, [])
    try:
        found = alerts.fired(rule, day)
    except PromQLError as error:
        several = "per_series" if "several series" in str(error) else None
        context.fail(f"{rule.name}: {error}.", where=day.title, mistake=several)
    kept = [labels for labels in found if {"instance", "code", "le"} & labels.keys()]
    services = sorted(labels.get("service", "") for labels in found)
    if services == want and not kept:
        return
    said = "; ".join(", ".join(f"{k}={v}" for k, v in labels.items()) for labels in found)
    said = f"fires for {said or 'something without labels'}" if found else "does not fire"
    wanted = f"an alert for service={want[0]} alone was expected" if want else "it must not fire"
    context.fail(
        f"{rule.name} {said[:200]}; {wanted}.", where=day.title, mistake=alerts.mistake_of(rule)
    )


def _promtool(context: Context, text: str) -> None:
    """Ask Prometheus's own checker too, where there is one."""
    program = shutil.which("promtool")
    if program is None:
        return
    build_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build_dir()) as folder:
        file = Path(folder) / "rules.yml"
        file.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [program, "check", "rules", str(file)], capture_output=True, text=True, timeout=30
        )
    if done.returncode:
        said = " ".join(done.stderr.partition("FAILED:")[2].split()).replace(str(file), "rules")
        context.fail(f"promtool: {said[:300]}", mistake="not_promql", layer="schema")
