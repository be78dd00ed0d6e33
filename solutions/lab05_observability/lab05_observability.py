# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lab 05 · Observability
#
# **Where you are:** after notebook [05 · Observability](../../notebooks/05_observability.ipynb).
#
# You write down what a model answered, measure it, count what goes wrong, and let its probes tell the
# truth. At the end you design two alerts. Nothing is started: each check works in this process.
#
# **How it works.** Every exercise has a cell in which `...` stands for what you write. Run it, then
# run the cell with `check` below it. A check says what differs, where it shows, and the likely cause.
# It uses fresh inputs each time. Ask for a `hint` as often as you like: remove the `#` and run.

# %% tags=["setup"]
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from labs import check, hint, preflight, solution
from labs.checks.lab05_service import BLANK, EXAMPLE, REASONS
from services.errors import InputError

# %% [markdown]
# What this machine has. This lab needs the first lines only, down to `packages`. Where `prometheus` is
# there, too, its own checker reads your alerts at the end.

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · One row of the log
#
# A service keeps a log: one row for each picture that it answered. `row_of` returns this row as a
# dictionary. It is given
#
# - `upload`, what a client sent: `upload.pixels` is the picture, an array of shape (height, width, 3);
#   `upload.file_name` and `upload.comment` are texts of the client,
# - `confidences`, a NumPy array (float32) with one number for each box. It may be empty.
# - `model` and `version`, two texts.
#
# The row has exactly these keys: `width`, `height` (of the picture, in pixels), `boxes` (their number),
# `confidences` (a list of **all** of them, in the same order, with three decimals or more), `model`,
# `version`. `json.dumps(row)` must work. The log is read by many people: whatever else the client sent
# stays out of it.


# %% tags=["exercise"]
def row_of(upload, confidences, model, version):
    """Return the row of the log for one picture."""
    ### BEGIN SOLUTION
    height, width = upload.pixels.shape[:2]
    return {
        "width": width,
        "height": height,
        "boxes": len(confidences),
        "confidences": [float(one) for one in confidences],
        "model": model,
        "version": version,
    }
    ### END SOLUTION


# %% tags=["check"]
check("lab05.ex1", row_of)

# %% [markdown]
# A picture can be refused. These are the reasons, a closed set:

# %% tags=["setup"]
print(REASONS)

# %% [markdown]
# ## Exercise 2 · Metrics with the right names
#
# Complete `metrics_of(registry)`. It makes two metrics of `prometheus_client` **in this registry** and
# returns them as a pair `(rejected, seconds)`:
#
# - `rejected` counts pictures that were refused, with the label `reason`. For each of `REASONS` it
#   shows a series at 0 from the start, before anything was refused.
# - `seconds` is for the time that the detector took for a picture, with the label `model`. Percentiles
#   will be read from it, over several processes.
#
# You choose the names. Both begin with `cards_`, and follow Prometheus's rules: the base unit at the end
# of the name where there is a unit. Both have a help text, and no other labels.
#
# You choose the boundaries of the buckets, in seconds. This detector takes 0.001 s to 0.2 s. The first
# boundary is at 0.001 or below, the last at 0.2 or above; in between each is at most 2.5 times the one
# before. The service promises 0.05 s, so that is one of them. There are at most 20.


# %% tags=["exercise"]
def metrics_of(registry):
    """Return (rejected, seconds), made in this registry."""
    ### BEGIN SOLUTION
    rejected = Counter(
        "cards_rejected", "Pictures refused, by reason", ["reason"], registry=registry
    )
    for reason in REASONS:
        rejected.labels(reason=reason)
    seconds = Histogram(
        "cards_detection_duration_seconds",
        "Time to find the cards in one picture",
        ["model"],
        buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
        registry=registry,
    )
    return rejected, seconds
    ### END SOLUTION


# %% tags=["check"]
check("lab05.ex2", metrics_of)

# %% [markdown]
# ## Exercise 3 · Count without losing one
#
# `count(detect, picture, metrics)` stands around the detector. It calls `detect(picture)` once, returns
# what that returns, and counts. `metrics` has four metrics:
#
# - `metrics.in_progress`, a gauge: 1 higher for as long as the detector is at work. It comes back on
#   **every** way out, also when a client goes away and `asyncio.CancelledError` is raised. Several
#   pictures may be in the detector at once.
# - `metrics.rejected`, a counter with the label `reason`. `detect` refuses a picture with `InputError`.
#   Then the reason is the error's `code`, or `"other"` if the code is not in `REASONS`.
# - `metrics.failed`, a counter: any other `Exception`. `CancelledError` is none; it is not counted.
# - `metrics.seconds`, a histogram: the time of `detect` in seconds, once for each picture that was
#   **answered**, and not for others.
#
# Whatever `detect` raises goes on to the caller: the same exception.


# %% tags=["exercise"]
def count(detect, picture, metrics):
    """Return detect(picture), and count what happened."""
    ### BEGIN SOLUTION
    start = time.perf_counter()
    with metrics.in_progress.track_inprogress():
        try:
            found = detect(picture)
        except InputError as error:
            reason = error.code if error.code in REASONS else "other"
            metrics.rejected.labels(reason=reason).inc()
            raise
        except Exception:
            metrics.failed.inc()
            raise
    metrics.seconds.observe(time.perf_counter() - start)
    return found
    ### END SOLUTION


# %% tags=["check"]
check("lab05.ex3", count)

# %% [markdown]
# ## Exercise 4 · Probes that tell the truth
#
# Write `CardService(load)`. BentoML asks its two probes from the first second on, whenever it likes;
# they return True or False, at once.
#
# - The constructor starts to load the model in another thread and returns at once. `load()` is called
#   once, takes some seconds and returns the model, a function: `model(picture)` gives the boxes.
# - When it is loaded, it is warmed up in that thread: one call `model(BLANK)`, a black picture.
# - `infer(picture)` returns `model(picture)`. Called too early, it waits for the model. What the model
#   raises goes on to the caller.
# - The service is **broken** if the last three calls of `infer`, or more, all raised. A call that goes
#   well mends it, and the count begins anew.
# - `__is_ready__()`: True if the model is loaded and warm, and not broken.
# - `__is_alive__()`: False if `load()` or the warming up raised, and while it is broken. Otherwise True,
#   also while it is loading.


# %% tags=["exercise"]
class CardService:
    """A model and its two probes."""

    def __init__(self, load):
        ### BEGIN SOLUTION
        def load_and_warm():
            model = load()
            model(BLANK)
            return model

        self.failures = 0
        self.loading = ThreadPoolExecutor(1).submit(load_and_warm)
        ### END SOLUTION

    def infer(self, picture):
        ### BEGIN SOLUTION
        model = self.loading.result()
        try:
            boxes = model(picture)
        except Exception:
            self.failures += 1
            raise
        self.failures = 0
        return boxes
        ### END SOLUTION

    def __is_ready__(self):
        ### BEGIN SOLUTION
        return self.loading.done() and self.__is_alive__()
        ### END SOLUTION

    def __is_alive__(self):
        ### BEGIN SOLUTION
        if not self.loading.done():
            return True
        return self.loading.exception() is None and self.failures < 3
        ### END SOLUTION


# %% tags=["check"]
check("lab05.ex4", CardService)

# %% [markdown]
# Alerts are written into a rules file. This is one, with another alert than yours:

# %% tags=["setup"]
print(EXAMPLE)

# %% [markdown]
# ## Exercise 5 · Design it: two alerts
#
# Two services run here, `detector` and `recommender`, each on several machines. Prometheus has these
# metrics of them, with the labels `job`, `service` and `instance`:
#
# - `cards_requests_total`, a counter, also with the label `code`, the status (`"200"`, `"422"`, `"500"`,
#   `"503"`, …),
# - `cards_request_duration_seconds`, a histogram: its series end with `_bucket` (with the label `le`),
#   `_sum` and `_count`.
#
# Write the text of a rules file, `rules`, with two alerts:
#
# - `ManyErrors`: more than 5 of 100 requests to a service were answered with a 5xx,
# - `SlowAnswers`: the 95th percentile of the time of a service's requests is above 0.5 seconds.
#
# For both: look at the last five minutes. Count all instances of a service together, and raise **one**
# alert for a service that is in trouble, with the label `service` and without `instance`, `code` and
# `le`. The condition has to hold for five minutes. The annotation `summary` names the service:
# `{{ $labels.service }}`.
#
# The check tries your alerts on six made-up days. It computes PromQL itself: `rate`, `increase`,
# `histogram_quantile`, `sum`, `avg`, `max` and their like, arithmetic, comparisons, `and`, `or`,
# `unless`; no subqueries, and no recording rules.

# %% tags=["exercise"]
rules = ...
### BEGIN SOLUTION
rules = """
groups:
  - name: cards
    rules:
      - alert: ManyErrors
        expr: >-
          sum by (service) (rate(cards_requests_total{code=~"5.."}[5m]))
          / sum by (service) (rate(cards_requests_total[5m])) > 0.05
        for: 5m
        annotations:
          summary: "{{ $labels.service }} fails {{ $value | humanizePercentage }} of its requests"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95, sum by (service, le) (
            rate(cards_request_duration_seconds_bucket[5m])
          )) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }}: one request in 20 takes {{ $value | humanizeDuration }}"
"""
### END SOLUTION

# %% tags=["check"]
check("lab05.ex5", rules)

# %% [markdown]
# ## What you can do now
#
# - keep a log that explains an answer and holds nobody's data,
# - make metrics with the right type, name, labels and buckets,
# - count every way out of a function, once,
# - tell loading, ready and broken apart, and let the probes say it,
# - write alerts that fire for what matters, and for nothing else.
#
# `python -m labs status` in a terminal shows your points. Next: [lab 06](../lab06_bento/lab06_bento.ipynb).
