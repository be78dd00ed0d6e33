# Answers to lab 05. Each cell takes the place of an exercise's cell.

# %% lab05.ex1 right: array methods
def row_of(upload, confidences, model, version):
    from PIL import Image

    picture = Image.fromarray(upload.pixels)
    width, height = picture.size
    row = dict(width=width, height=height, model=model, version=version)
    row["confidences"] = confidences.tolist()
    row["boxes"] = confidences.size
    return row


# %% lab05.ex1 right: three decimals, cut off
def row_of(upload, confidences, model, version):
    height, width, _ = upload.pixels.shape
    return dict(
        width=width,
        height=height,
        boxes=confidences.size,
        confidences=[int(one * 1000) / 1000 for one in confidences.tolist()],
        model=model,
        version=version,
    )


# %% lab05.ex1 wrong: image
# - "version": version,
# + "version": version, "image": upload.pixels.tolist(),

# %% lab05.ex1 wrong: user_text
# - "version": version,
# + "version": version, "file": upload.file_name,

# %% lab05.ex1 wrong: not_json
# - [float(one) for one in confidences]
# + list(confidences)

# %% lab05.ex1 wrong: unsure
# -     return {
# +     confidences = confidences[confidences >= 0.5]
# +     return {

# %% lab05.ex1 wrong: swapped
# - height, width =
# + width, height =

# %% lab05.ex1 wrong: -no version
# -         "version": version,

# %% lab05.ex1 wrong: -fails without boxes
# -     return {
# +     best = max(confidences)
# +     return {

# %% lab05.ex1 wrong: -one dictionary for all rows
# - version):
# + version, row={}):
# -     return {
# +     row |= {
# -     }
# +     }
# +     return row

# %% lab05.ex1 wrong: -a version that looks like a number becomes one
# -         "version": version,
# +         "version": float(version) if version.isdigit() else version,

# %% lab05.ex1 wrong: -equal confidences are logged once
# -         "confidences": [float(one) for one in confidences],
# +         "confidences": list(dict.fromkeys(confidences.tolist())),


# %% lab05.ex2 right: by keyword, with a unit and computed boundaries
def metrics_of(registry):
    ours = {"namespace": "cards", "registry": registry}
    steps = [0.05 * 2**n for n in range(-6, 4)]
    seconds = Histogram(
        name="inference",
        documentation="In the detector",
        unit="seconds",
        labelnames=("model",),
        buckets=steps,
        **ours,
    )
    rejected = Counter(
        name="pictures_refused_total", documentation="By reason", labelnames=("reason",), **ours
    )
    [rejected.labels(one) for one in REASONS]
    return [rejected, seconds]


# %% lab05.ex2 right: registered afterwards
BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, float("inf")]


def metrics_of(registry):
    latency = Histogram(
        "cards_latency_seconds", "Seconds a picture", ["model"], registry=None, buckets=BOUNDS
    )
    refused = Counter("cards_refused", "Refused pictures", ["reason"], registry=None)
    for metric in (latency, refused):
        registry.register(metric)
    for reason in reversed(REASONS):
        refused.labels(reason).inc(0)
    return refused, latency


# %% lab05.ex2 wrong: global_registry
# - , registry=registry)
# + )
# -         registry=registry,

# %% lab05.ex2 wrong: gauge
# - Counter(
# + Gauge(

# %% lab05.ex2 wrong: unit
# - duration_seconds
# + duration_ms

# %% lab05.ex2 wrong: more_labels
# - ["reason"]
# + ["reason", "path"]
# - labels(reason=reason)
# + labels(reason=reason, path="/inference")

# %% lab05.ex2 wrong: default_buckets
# -         buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),

# %% lab05.ex2 wrong: no_zero
# - rejected.labels(reason=reason)
# + pass

# %% lab05.ex2 wrong: -a counter with a unit
# - "cards_rejected"
# + "cards_rejected_seconds"

# %% lab05.ex2 wrong: -camel case
# - "cards_rejected"
# + "cards_rejectedPictures"

# %% lab05.ex2 wrong: -a third metric
# -     return rejected, seconds
# +     Gauge("cards_model", "Model", registry=registry)
# +     return rejected, seconds

# %% lab05.ex2 wrong: -wide buckets
# - 0.005, 0.01, 0.02, 0.05
# + 0.005, 0.05

# %% lab05.ex2 wrong: -the metrics of the first registry for every other
# - registry):
# + registry, made=[]):
# -     rejected = Counter(
# +     if made:
# +         return made
# +     rejected = Counter(
# -     return rejected, seconds
# +     made += rejected, seconds
# +     return made

# %% lab05.ex2 wrong: -the histogram first
# -     return rejected, seconds
# +     return seconds, rejected


# %% lab05.ex3 right: try and finally, one handler
def count(detect, picture, metrics):
    metrics.in_progress.inc()
    begun = time.time()
    try:
        answer = detect(picture)
        metrics.seconds.observe(time.time() - begun)
        return answer
    except Exception as error:
        if not isinstance(error, InputError):
            metrics.failed.inc()
        elif error.code in set(REASONS):
            metrics.rejected.labels(error.code).inc()
        else:
            metrics.rejected.labels("other").inc()
        raise error
    finally:
        metrics.in_progress.dec()


# %% lab05.ex3 right: a context manager
from contextlib import ExitStack, contextmanager


@contextmanager
def counted(metrics):
    try:
        yield
    except InputError as error:
        known = {reason: reason for reason in REASONS}
        metrics.rejected.labels(known.get(error.code, "other")).inc()
        raise
    except Exception:
        metrics.failed.inc()
        raise


class Stopwatch:
    def __enter__(self):
        self.begin = time.monotonic()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.histogram.observe(time.monotonic() - self.begin)


def count(detect, picture, metrics):
    with ExitStack() as stack:
        stack.enter_context(metrics.in_progress.track_inprogress())
        stack.enter_context(counted(metrics))
        stack.enter_context(Stopwatch()).histogram = metrics.seconds
        return detect(picture)


# %% lab05.ex3 wrong: not_decremented
# -     with metrics.in_progress.track_inprogress():
# +     metrics.in_progress.inc()
# +     if True:
# -     metrics.seconds
# +     metrics.in_progress.dec()
# +     metrics.seconds

# %% lab05.ex3 wrong: gone_fails
# - except Exception:
# + except:

# %% lab05.ex3 wrong: set
# -     with metrics.in_progress.track_inprogress():
# +     metrics.in_progress.set(1)
# +     if True:
# -     metrics.seconds
# +         finally:
# +             metrics.in_progress.set(0)
# +     metrics.seconds

# %% lab05.ex3 wrong: swallowed
# -             metrics.failed.inc()
# -             raise
# +             metrics.failed.inc()
# +             return []

# %% lab05.ex3 wrong: open_label
# - error.code if error.code in REASONS else "other"
# + error.code

# %% lab05.ex3 wrong: blames_server
# -             metrics.rejected.labels(reason=reason).inc()
# +             metrics.rejected.labels(reason=reason).inc()
# +             metrics.failed.inc()

# %% lab05.ex3 wrong: times_errors
# - with metrics.in_progress.track_inprogress():
# + with metrics.in_progress.track_inprogress(), metrics.seconds.time():
# -     metrics.seconds.observe(time.perf_counter() - start)

# %% lab05.ex3 wrong: -another exception
# -             metrics.failed.inc()
# -             raise
# +             metrics.failed.inc()
# +             raise RuntimeError("failed")

# %% lab05.ex3 wrong: -a start that all calls share
# -     start = time.perf_counter()
# +     global start
# +     start = time.perf_counter()

# %% lab05.ex3 wrong: -no subclass of InputError
# -             reason = error.code if error.code in REASONS else "other"
# +             if type(error) is not InputError:
# +                 metrics.failed.inc()
# +                 raise
# +             reason = error.code if error.code in REASONS else "other"

# %% lab05.ex3 wrong: -every ValueError is a refusal
# -         except InputError as error:
# -             reason = error.code if error.code in REASONS else "other"
# +         except ValueError as error:
# +             code = getattr(error, "code", "other")
# +             reason = code if code in REASONS else "other"

# %% lab05.ex3 wrong: -every error with a code is a refusal
# - except Exception:
# -             metrics.failed.inc()
# + except Exception as error:
# +             (metrics.rejected.labels("other") if hasattr(error, "code") else metrics.failed).inc()

# %% lab05.ex3 wrong: -in_progress goes down twice
# -             metrics.rejected.labels(reason=reason).inc()
# +             metrics.rejected.labels(reason=reason).inc()
# +             metrics.in_progress.dec()

# %% lab05.ex3 wrong: -the time is rounded to hundredths of a second
# - time.perf_counter() - start
# + round(time.perf_counter() - start, 2)


# %% lab05.ex4 right: a thread and events
class CardService:
    def __init__(self, load):
        self._settled, self._model, self._row = threading.Event(), None, 0
        threading.Thread(target=self._begin, args=(load,), daemon=True).start()

    def _begin(self, load):
        try:
            model = load()
            model(BLANK)
            self._model = model
        except Exception as error:
            self._error = error
        finally:
            self._settled.set()

    def infer(self, picture):
        self._settled.wait()
        if self._model is None:
            raise RuntimeError("the model could not be loaded") from self._error
        self._row += 1
        boxes = self._model(picture)
        self._row = 0
        return boxes

    @property
    def works(self):
        return self._model is not None and self._row < 3

    def __is_ready__(self):
        return self._settled.is_set() and self.works

    def __is_alive__(self):
        return not self._settled.is_set() or self.works


# %% lab05.ex4 right: a state, and coroutines
from collections import deque


class CardService:
    def __init__(self, load):
        self.state = "loading"
        self.last = deque([True] * 3, maxlen=3)
        self.work = threading.Thread(target=self.prepare, args=[load])
        self.work.start()

    def prepare(self, load):
        try:
            self.model = load()
            self.model(BLANK)
        except Exception:
            self.state = "dead"
        else:
            self.state = "ready"

    def infer(self, picture):
        self.work.join()
        try:
            answer = self.model(picture)
        except Exception:
            self.last.append(False)
            raise
        self.last.append(True)
        return answer

    async def __is_ready__(self):
        return self.state == "ready" and any(self.last)

    async def __is_alive__(self):
        return self.state != "dead" and any(self.last)


# %% lab05.ex4 wrong: blocking
# - .submit(load_and_warm)
# + .submit(load_and_warm)
# +         self.loading.exception()

# %% lab05.ex4 wrong: not_warm
# -             model(BLANK)

# %% lab05.ex4 wrong: alive_while_loading
# - return True
# + return False

# %% lab05.ex4 wrong: probe_waits
# - self.loading.done() and
# + self.loading.exception() is None and

# %% lab05.ex4 wrong: load_failed
# - self.loading.done() and
# + self.loading.done() and self.loading.exception() is None and
# - return self.loading.exception() is None and self.failures < 3
# + return self.failures < 3

# %% lab05.ex4 wrong: in_total
# -         self.failures = 0
# -         return boxes
# +         return boxes

# %% lab05.ex4 wrong: -an exception becomes an empty list
# - raise
# + return []

# %% lab05.ex4 wrong: -all services share a counter
# -         self.failures = 0
# -         self.loading
# +         CardService.failures = 0
# +         self.loading
# - self.failures += 1
# + CardService.failures += 1
# -         self.failures = 0
# +         CardService.failures = 0

# %% lab05.ex4 wrong: -infer waits for a model that failed to load
# -         model = self.loading.result()
# +         if self.loading.exception():
# +             threading.Event().wait()
# +         model = self.loading.result()

# %% lab05.ex4 wrong: -one call at a time
# -     """A model and its two probes."""
# +     lock = threading.Lock()
# -             boxes = model(picture)
# +             with self.lock:
# +                 boxes = model(picture)

# %% lab05.ex4 right: waits in a loop
# -         model = self.loading.result()
# +         while not self.loading.done():
# +             time.sleep(0.01)
# +         model = self.loading.result(timeout=1)

# %% lab05.ex4 wrong: -infer waits for a second only
# -         model = self.loading.result()
# +         model = self.loading.result(timeout=1)

# %% lab05.ex4 wrong: -one thread loads for all services
# -     """A model and its two probes."""
# +     loaders = ThreadPoolExecutor(1)
# - ThreadPoolExecutor(1).submit
# + self.loaders.submit

# %% lab05.ex4 wrong: -a refused image is no failure
# -         except Exception:
# +         except InputError:
# +             raise
# +         except Exception:

# %% lab05.ex4 wrong: -an answer makes up for the warm-up
# - model = load()
# + model = self.model = load()
# -         model = self.loading.result()
# +         self.loading.exception()
# +         model = self.model
# -         return boxes
# +         self.answered = True
# +         return boxes
# - return self.loading.exception() is None and
# + return (self.loading.exception() is None or hasattr(self, "answered")) and

# %% lab05.ex5 right: made by Python, without and increase
import yaml


def alert(name, expression):
    summary = "look at {{ $labels.service }}"
    return {"alert": name, "expr": expression, "for": "300s", "annotations": {"summary": summary}}


of_all = 'sum(increase(cards_requests_total{job="cards"}[5m])) by (service)'
of_failed = of_all.replace("}", ', code=~"5.+"}')
share = f"100 * {of_failed} / on (service) {of_all} >= 5.01"
buckets = "sum without (instance, job) (rate(cards_request_duration_seconds_bucket[300s]))"
slow = f"0.5 < histogram_quantile(95 / 100, {buckets})"
groups = [
    {"name": "errors", "rules": [alert("ManyErrors", share)]},
    {"name": "latency", "rules": [alert("SlowAnswers", slow)]},
]
rules = yaml.safe_dump({"groups": groups})


# %% lab05.ex5 right: one minus the good ones
rules = """
groups:
- name: cards
  rules:
  - alert: ManyErrors
    for: 5m
    annotations: {summary: "{{ $labels.service }}"}
    expr:
        1 - sum by (service) (rate(cards_requests_total{code!~"5.."}[5m])) / sum by
        (service) (rate(cards_requests_total[5m])) > 0.05
  - alert: SlowAnswers
    for: 5m
    annotations: {summary: "{{ $labels.service }}"}
    expr:
        histogram_quantile(0.95, sum by (service, le)
        (rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
"""


# %% lab05.ex5 wrong: no_for
# - > 0.05
# -         for: 5m
# + > 0.05

# %% lab05.ex5 wrong: raw_counter
# - rate(cards_requests_total{code=~"5.."}[5m])
# + cards_requests_total{code=~"5.."}
# - rate(cards_requests_total[5m])
# + cards_requests_total

# %% lab05.ex5 wrong: average
# - histogram_quantile(0.95, sum by (service, le) (
# -             rate(cards_request_duration_seconds_bucket[5m])
# -           )) > 0.5
# + sum by (service) (rate(cards_request_duration_seconds_sum[5m]))
# +           / sum by (service) (rate(cards_request_duration_seconds_count[5m])) > 0.5

# %% lab05.ex5 wrong: no_le
# - (service, le)
# + (service)

# %% lab05.ex5 wrong: per_instance
# - sum by (service) (rate(cards_requests_total{
# + sum by (service, instance) (rate(cards_requests_total{
# - / sum by (service)
# + / sum by (service, instance)

# %% lab05.ex5 wrong: all_together
# - sum by (service) (rate(cards_requests_total{
# + sum (rate(cards_requests_total{
# - / sum by (service)
# + / sum

# %% lab05.ex5 wrong: counts_4xx
# - code=~"5.."
# + code!="200"

# %% lab05.ex5 wrong: -at least 5 of 100
# - > 0.05
# + >= 0.05

# %% lab05.ex5 wrong: -the average of buckets
# - sum by (service, le)
# + avg by (service, le)

# %% lab05.ex5 wrong: -delta in place of rate
# - rate(cards_requests_total{
# + delta(cards_requests_total{
# - rate(cards_requests_total[
# + delta(cards_requests_total[

# %% lab05.ex5 wrong: -no PromQL
# - (rate(cards_requests_total{code=~"5.."}[5m]))
# + (cards_requests_total{code=~"5.."})[5m]

# %% lab05.ex5 right: labels, one of them the service
# - > 0.05
# + > 0.05
# +         labels: {severity: page, service: "{{ $labels.service }}"}

# %% lab05.ex5 wrong: -some kinds of 5xx are left out
# - code=~"5.."
# + code=~"50[0-3]"

# %% lab05.ex5 wrong: -errors for each good request
# - rate(cards_requests_total[5m])
# + rate(cards_requests_total{code!~"5.."}[5m])

# %% lab05.ex5 wrong: -only with enough requests
# - > 0.05
# + > 0.05
# +           and sum by (service) (rate(cards_requests_total[5m])) > 5

# %% lab05.ex5 wrong: -the label service is fixed
# - > 0.5
# + > 0.5
# +         labels: {service: detector}

# %% lab05.ex5 wrong: -an instance among the labels
# - > 0.5
# + > 0.5
# +         labels: {instance: all}

# %% lab05.ex5 wrong: -the alert's value is 1
# - histogram_quantile(
# + (histogram_quantile(
# - )) > 0.5
# + )) > bool 0.5) == 1

# %% lab05.ex5 wrong: -a third alert
# -       - alert: SlowAnswers
# +       - alert: Down
# +         expr: sum by (service) (rate(cards_requests_total[5m])) == 0
# +         for: 5m
# +         annotations: {summary: "{{ $labels.service }}"}
# +       - alert: SlowAnswers

# %% lab05.ex5 wrong: -the value is a label
# - > 0.05
# + > 0.05
# +         labels: {share: "{{ $value }}"}
