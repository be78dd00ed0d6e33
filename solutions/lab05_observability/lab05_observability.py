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
# A service can be broken without crashing, or answer every request with 200 and be wrong. In this
# lab you make that visible: you log a model's answers, measure its latency, count its errors, and
# write probes that report its real state. In the last exercise you design two alerts. No server is
# started: each check runs in this process.
#
# **How it works.** In each exercise's cell, replace `...` with your code and run the cell. Then run
# the `check` cell below it. The check reports what differs, for which input, and the likely cause.
# It uses fresh inputs each time. To get a hint, remove the `#` in the `hint` cell and run it, as
# often as you like.

# %% tags=["setup"]
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from labs import check, hint, preflight, solution
from labs.checks.lab05.service import BLANK, EXAMPLE, REASONS
from services.errors import InputError

# %% [markdown]
# This is what is installed on this machine. This lab needs only the lines down to `packages`. If
# `prometheus` is installed, too, its own checker also reads your alerts at the end.

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · One row of the log
#
# A service keeps a log with one row for each image that it answered. Complete `row_of`, which
# returns this row as a new dictionary. Its arguments are
#
# - `upload`, a client's upload: `upload.pixels` is the image, an array of shape (height, width, 3);
#   `upload.file_name` and `upload.comment` are text from the client,
# - `confidences`, a NumPy array (float32) with one number for each box, which may be empty,
# - `model` and `version`, two strings.
#
# The row has exactly these keys: `width`, `height` (of the image, in pixels), `boxes` (the number
# of boxes), `confidences` (a list of **all** confidences, in the same order, with at least three
# decimals), `model`, `version`. `json.dumps(row)` must work. Do not change the arguments.
#
# Many people read the log: nothing else that the client sent may be in it.


# %% tags=["exercise"]
def row_of(upload, confidences, model, version):
    """Return the log's row for one image."""
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
# The service can refuse an image. These are the possible reasons, a closed set:

# %% tags=["setup"]
print(REASONS)

# %% [markdown]
# ## Exercise 2 · Metrics with the right names
#
# Complete `metrics_of(registry)`. It creates exactly two `prometheus_client` metrics **in this
# registry**, and returns them as a pair `(rejected, seconds)`:
#
# - `rejected` counts refused images, with the label `reason`. For each of `REASONS` it has a time
#   series at 0 from the start, before anything is refused.
# - `seconds` is the time that the detector takes for an image, with the label `model`. It must
#   allow percentiles across several processes.
#
# You choose the names. Both begin with `cards_` and follow Prometheus's naming conventions: lower
# case with underscores; the name of a duration ends with its base unit; a number of images has no
# unit. Both have a help text, and no other labels.
#
# You choose the bucket boundaries, in seconds. This detector takes 0.001 s to 0.2 s. The first
# boundary is at 0.001 or below, the last at 0.2 or above; in between, each is at most 2.5 times the
# one before. The service promises 0.05 s, so 0.05 is one of the boundaries. There are at most 20
# boundaries.


# %% tags=["exercise"]
def metrics_of(registry):
    """Return (rejected, seconds), made in this registry."""
    ### BEGIN SOLUTION
    rejected = Counter("cards_rejected", "Images refused, by reason", ["reason"], registry=registry)
    for reason in REASONS:
        rejected.labels(reason=reason)
    seconds = Histogram(
        "cards_detection_duration_seconds",
        "Time to detect the cards in one image",
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
# `count(detect, picture, metrics)` wraps the detector. It calls `detect(picture)` once, returns its
# result, and updates the metrics. `metrics` has four metrics:
#
# - `metrics.in_progress`, a gauge: 1 higher while the detector is working. It goes down on
#   **every** way out, even when a client disconnects and `asyncio.CancelledError` is raised.
#   Several images may be in the detector at once, in several threads.
# - `metrics.rejected`, a counter with the label `reason`. `detect` refuses an image by raising
#   `InputError` or a subclass of it. Then the reason is the error's `code`, or `"other"` if the
#   code is not in `REASONS`.
# - `metrics.failed`, a counter: any other `Exception`. Anything that is not an `Exception`, like
#   `CancelledError`, is not counted.
# - `metrics.seconds`, a histogram: the time of `detect` in seconds, once for each image that was
#   **answered**, and for no others.
#
# Any exception that `detect` raises propagates to the caller unchanged.


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
# Write `CardService(load)`. BentoML calls its two probes, `__is_ready__` and `__is_alive__`, at any
# time, from the first second on. They return True or False immediately.
#
# - The constructor starts to load the model in another thread and returns immediately. `load()` is
#   called once, takes some seconds and returns the model, a function: `model(picture)` returns the
#   boxes.
# - When the model is loaded, it is warmed up in that thread by one call, `model(BLANK)`. `BLANK` is
#   a black image.
# - `infer(picture)` returns `model(picture)`. Called too early, `infer` waits for the model. If
#   `load()` raised, `infer` raises too, and does not wait for ever. Whatever the model raises
#   propagates to the caller. Several threads call `infer` concurrently, and no call waits for
#   another.
# - The service is **broken** if the last three calls of `infer`, or more, all raised. After a
#   successful call it is no longer broken, and the count starts again.
# - `__is_ready__()`: True if the model is loaded and warm, and the service is not broken.
# - `__is_alive__()`: False if `load()` or the warm-up raised, and while the service is broken.
#   Otherwise True, even while it is loading.
#
# Two `CardService` objects share no state.


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
# Alerts are defined in a rules file. Here is an example, with an alert that you need not write:

# %% tags=["setup"]
print(EXAMPLE)

# %% [markdown]
# ## Exercise 5 · Design it: two alerts
#
# Two services run here, `detector` and `recommender`, each with several instances. Prometheus has
# these metrics for both, with the labels `job`, `service` and `instance`:
#
# - `cards_requests_total`, a counter, also with the label `code`, the HTTP status (`"200"`,
#   `"422"`, `"500"`, `"503"`, …),
# - `cards_request_duration_seconds`, a histogram: its series end with `_bucket` (with the label `le`),
#   `_sum` and `_count`.
#
# Write the text of a rules file, `rules`, with two alerts:
#
# - `ManyErrors`: more than 5 of 100 requests to a service were answered with a 5xx,
# - `SlowAnswers`: the 95th percentile of a service's request duration is above 0.5 seconds. Use
#   `histogram_quantile`, so that the alert's value is this percentile.
#
# Both alerts look at the last five minutes (`[5m]`). Aggregate over all instances of a service, and
# raise **one** alert for each service with a problem. It has the label `service`, but not
# `instance`, `code` or `le`. It fires for as long as the problem lasts, even when an instance
# restarts or runs a release with different buckets. The condition has to hold for five minutes. The
# annotation `summary` contains the service's name: `{{ $labels.service }}`.
#
# The check evaluates your alerts on eight simulated days. It supports `rate`, `increase`,
# `histogram_quantile`, `sum`, `avg`, `max` and similar aggregations, `clamp_min`, `vector`,
# arithmetic, comparisons, `and`, `or` and `unless`. It does not support subqueries or recording
# rules.

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
# - write a log that explains an answer and contains no personal data,
# - create metrics with the right type, name, labels and buckets,
# - count every way out of a function exactly once,
# - write probes that distinguish loading, ready and broken,
# - write alerts that fire for a real problem, and for nothing else.
#
# In a terminal, `make status` shows your points, and `make lab N=06` opens the next lab.
