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


# %% lab05.ex1 right: three decimals, as a tuple
class Row(dict):
    pass


def row_of(upload, confidences, model, version):
    rounded = tuple(float(f"{one:.3f}") for one in confidences)
    height, width, _ = upload.pixels.shape
    return Row(
        version=version,
        model=model,
        confidences=rounded,
        boxes=len(rounded),
        width=width,
        height=height,
    )


# %% lab05.ex1 right: cut off behind three decimals
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


# %% lab05.ex1 wrong: picture
def row_of(upload, confidences, model, version):
    height, width = upload.pixels.shape[:2]
    return {
        "width": width,
        "height": height,
        "boxes": len(confidences),
        "confidences": [float(one) for one in confidences],
        "picture": upload.pixels.tolist(),
        "model": model,
        "version": version,
    }


# %% lab05.ex1 wrong: user_text
def row_of(upload, confidences, model, version):
    height, width = upload.pixels.shape[:2]
    return {
        "width": width,
        "height": height,
        "boxes": len(confidences),
        "confidences": [float(one) for one in confidences],
        "file": upload.file_name,
        "model": model,
        "version": version,
    }


# %% lab05.ex1 wrong: not_json
def row_of(upload, confidences, model, version):
    height, width = upload.pixels.shape[:2]
    return {
        "width": width,
        "height": height,
        "boxes": len(confidences),
        "confidences": list(confidences),
        "model": model,
        "version": version,
    }


# %% lab05.ex1 wrong: best_only
def row_of(upload, confidences, model, version):
    height, width = upload.pixels.shape[:2]
    return {
        "width": width,
        "height": height,
        "boxes": len(confidences),
        "confidences": [float(confidences.max())] if len(confidences) else [],
        "model": model,
        "version": version,
    }


# %% lab05.ex1 wrong: unsure
def row_of(upload, confidences, model, version):
    height, width = upload.pixels.shape[:2]
    sure = [float(one) for one in confidences if one >= 0.5]
    return {
        "width": width,
        "height": height,
        "boxes": len(sure),
        "confidences": sure,
        "model": model,
        "version": version,
    }


# %% lab05.ex1 wrong: swapped
def row_of(upload, confidences, model, version):
    width, height = upload.pixels.shape[:2]
    return {
        "width": width,
        "height": height,
        "boxes": len(confidences),
        "confidences": [float(one) for one in confidences],
        "model": model,
        "version": version,
    }


# %% lab05.ex1 wrong: no_version
def row_of(upload, confidences, model, version):
    height, width = upload.pixels.shape[:2]
    return {
        "width": width,
        "height": height,
        "boxes": len(confidences),
        "confidences": [float(one) for one in confidences],
        "model": model,
    }


# %% lab05.ex1 wrong: no_boxes
def row_of(upload, confidences, model, version):
    height, width = upload.pixels.shape[:2]
    best = float(confidences.max())
    return {
        "width": width,
        "height": height,
        "boxes": len(confidences),
        "confidences": [float(one) for one in confidences],
        "model": model,
        "version": version,
    }


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


# %% lab05.ex2 right: a pair with names
from typing import NamedTuple


class Pair(NamedTuple):
    rejected: Counter
    seconds: Histogram


def metrics_of(registry):
    rejected = Counter("cards_refused", "Refused", ["reason"], registry=registry)
    for reason in REASONS:
        rejected.labels(reason).inc(0)
    buckets = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
    seconds = Histogram("cards_time_seconds", "Time", ["model"], registry=registry, buckets=buckets)
    return Pair(rejected, seconds)


# %% lab05.ex2 wrong: global_registry
def metrics_of(registry):
    rejected = Counter("cards_rejected", "Pictures refused", ["reason"])
    for reason in REASONS:
        rejected.labels(reason=reason)
    seconds = Histogram(
        "cards_duration_seconds",
        "Time in the detector",
        ["model"],
        buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
    )
    return rejected, seconds


# %% lab05.ex2 wrong: same_name
def metrics_of(registry):
    rejected = Counter("cards_rejected", "Pictures refused", ["reason"], registry=registry)
    for reason in REASONS:
        rejected.labels(reason=reason)
    seconds = Histogram(
        "cards_rejected",
        "Time in the detector",
        ["model"],
        buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
        registry=registry,
    )
    return rejected, seconds


# %% lab05.ex2 wrong: shared
REJECTED = Counter("cards_rejected", "Pictures refused", ["reason"], registry=None)
SECONDS = Histogram(
    "cards_duration_seconds",
    "Time in the detector",
    ["model"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
    registry=None,
)


def metrics_of(registry):
    for reason in REASONS:
        REJECTED.labels(reason=reason)
    registry.register(REJECTED)
    registry.register(SECONDS)
    return REJECTED, SECONDS


# %% lab05.ex2 wrong: gauge
def metrics_of(registry):
    rejected = Gauge("cards_rejected", "Pictures refused", ["reason"], registry=registry)
    for reason in REASONS:
        rejected.labels(reason=reason)
    seconds = Histogram(
        "cards_duration_seconds",
        "Time in the detector",
        ["model"],
        buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
        registry=registry,
    )
    return rejected, seconds


# %% lab05.ex2 wrong: summary
def metrics_of(registry):
    from prometheus_client import Summary

    rejected = Counter("cards_rejected", "Pictures refused", ["reason"], registry=registry)
    for reason in REASONS:
        rejected.labels(reason=reason)
    seconds = Summary(
        "cards_duration_seconds",
        "Time in the detector",
        ["model"],
        registry=registry,
    )
    return rejected, seconds


# %% lab05.ex2 wrong: prefix
def metrics_of(registry):
    rejected = Counter("rejected", "Pictures refused", ["reason"], registry=registry)
    for reason in REASONS:
        rejected.labels(reason=reason)
    seconds = Histogram(
        "cards_duration_seconds",
        "Time in the detector",
        ["model"],
        buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
        registry=registry,
    )
    return rejected, seconds


# %% lab05.ex2 wrong: milliseconds
def metrics_of(registry):
    rejected = Counter("cards_rejected", "Pictures refused", ["reason"], registry=registry)
    for reason in REASONS:
        rejected.labels(reason=reason)
    seconds = Histogram(
        "cards_duration_ms",
        "Time in the detector",
        ["model"],
        buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
        registry=registry,
    )
    return rejected, seconds


# %% lab05.ex2 wrong: no_unit
def metrics_of(registry):
    rejected = Counter("cards_rejected", "Pictures refused", ["reason"], registry=registry)
    for reason in REASONS:
        rejected.labels(reason=reason)
    seconds = Histogram(
        "cards_duration",
        "Time in the detector",
        ["model"],
        buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
        registry=registry,
    )
    return rejected, seconds


# %% lab05.ex2 wrong: client_label
def metrics_of(registry):
    rejected = Counter("cards_rejected", "Pictures refused", ["reason", "path"], registry=registry)
    for reason in REASONS:
        rejected.labels(reason=reason, path="/inference")
    seconds = Histogram(
        "cards_duration_seconds",
        "Time in the detector",
        ["model"],
        buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
        registry=registry,
    )
    return rejected, seconds


# %% lab05.ex2 wrong: no_label
def metrics_of(registry):
    rejected = Counter("cards_rejected", "Pictures refused", ["reason"], registry=registry)
    for reason in REASONS:
        rejected.labels(reason=reason)
    seconds = Histogram(
        "cards_duration_seconds",
        "Time in the detector",
        buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
        registry=registry,
    )
    return rejected, seconds


# %% lab05.ex2 wrong: bucket_unit
def metrics_of(registry):
    rejected = Counter("cards_rejected", "Pictures refused", ["reason"], registry=registry)
    for reason in REASONS:
        rejected.labels(reason=reason)
    seconds = Histogram(
        "cards_duration_seconds",
        "Time in the detector",
        ["model"],
        buckets=(1, 2, 5, 10, 20, 50, 100, 200),
        registry=registry,
    )
    return rejected, seconds


# %% lab05.ex2 wrong: default_buckets
def metrics_of(registry):
    rejected = Counter("cards_rejected", "Pictures refused", ["reason"], registry=registry)
    for reason in REASONS:
        rejected.labels(reason=reason)
    seconds = Histogram(
        "cards_duration_seconds",
        "Time in the detector",
        ["model"],
        registry=registry,
    )
    return rejected, seconds


# %% lab05.ex2 wrong: no_promise
def metrics_of(registry):
    rejected = Counter("cards_rejected", "Pictures refused", ["reason"], registry=registry)
    for reason in REASONS:
        rejected.labels(reason=reason)
    seconds = Histogram(
        "cards_duration_seconds",
        "Time in the detector",
        ["model"],
        buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.2),
        registry=registry,
    )
    return rejected, seconds


# %% lab05.ex2 wrong: too_coarse
def metrics_of(registry):
    rejected = Counter("cards_rejected", "Pictures refused", ["reason"], registry=registry)
    for reason in REASONS:
        rejected.labels(reason=reason)
    seconds = Histogram(
        "cards_duration_seconds",
        "Time in the detector",
        ["model"],
        buckets=(0.001, 0.01, 0.05, 0.1, 0.2),
        registry=registry,
    )
    return rejected, seconds


# %% lab05.ex2 wrong: no_zero
def metrics_of(registry):
    rejected = Counter("cards_rejected", "Pictures refused", ["reason"], registry=registry)
    seconds = Histogram(
        "cards_duration_seconds",
        "Time in the detector",
        ["model"],
        buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
        registry=registry,
    )
    return rejected, seconds


# %% lab05.ex2 wrong: counts_itself
def metrics_of(registry):
    rejected = Counter("cards_rejected", "Pictures refused", ["reason"], registry=registry)
    for reason in REASONS:
        rejected.labels(reason).inc()
    seconds = Histogram(
        "cards_duration_seconds",
        "Time in the detector",
        ["model"],
        buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
        registry=registry,
    )
    return rejected, seconds


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


# %% lab05.ex3 right: a context of its own
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
def count(detect, picture, metrics):
    start = time.perf_counter()
    metrics.in_progress.inc()
    try:
        found = detect(picture)
    except InputError as error:
        metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
        raise
    except Exception:
        metrics.failed.inc()
        raise
    metrics.in_progress.dec()
    metrics.seconds.observe(time.perf_counter() - start)
    return found


# %% lab05.ex3 wrong: cancelled
def count(detect, picture, metrics):
    start = time.perf_counter()
    metrics.in_progress.inc()
    try:
        found = detect(picture)
    except InputError as error:
        metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
        metrics.in_progress.dec()
        raise
    except Exception:
        metrics.failed.inc()
        metrics.in_progress.dec()
        raise
    metrics.in_progress.dec()
    metrics.seconds.observe(time.perf_counter() - start)
    return found


# %% lab05.ex3 wrong: gone_fails
def count(detect, picture, metrics):
    start = time.perf_counter()
    with metrics.in_progress.track_inprogress():
        try:
            found = detect(picture)
        except InputError as error:
            metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
            raise
        except:
            metrics.failed.inc()
            raise
    metrics.seconds.observe(time.perf_counter() - start)
    return found


# %% lab05.ex3 wrong: not_counted_up
def count(detect, picture, metrics):
    start = time.perf_counter()
    try:
        found = detect(picture)
    except InputError as error:
        metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
        raise
    except Exception:
        metrics.failed.inc()
        raise
    finally:
        metrics.in_progress.inc()
        metrics.in_progress.dec()
    metrics.seconds.observe(time.perf_counter() - start)
    return found


# %% lab05.ex3 wrong: set
def count(detect, picture, metrics):
    start = time.perf_counter()
    metrics.in_progress.set(1)
    try:
        found = detect(picture)
    except InputError as error:
        metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
        raise
    except Exception:
        metrics.failed.inc()
        raise
    finally:
        metrics.in_progress.set(0)
    metrics.seconds.observe(time.perf_counter() - start)
    return found


# %% lab05.ex3 wrong: swallowed
def count(detect, picture, metrics):
    start = time.perf_counter()
    metrics.in_progress.inc()
    try:
        found = detect(picture)
    except InputError as error:
        metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
        raise
    except Exception:
        metrics.failed.inc()
        return []
    finally:
        metrics.in_progress.dec()
    metrics.seconds.observe(time.perf_counter() - start)
    return found


# %% lab05.ex3 wrong: another_error
def count(detect, picture, metrics):
    start = time.perf_counter()
    metrics.in_progress.inc()
    try:
        found = detect(picture)
    except InputError as error:
        metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
        raise
    except Exception:
        metrics.failed.inc()
        raise RuntimeError("the detector failed")
    finally:
        metrics.in_progress.dec()
    metrics.seconds.observe(time.perf_counter() - start)
    return found


# %% lab05.ex3 wrong: text_label
def count(detect, picture, metrics):
    start = time.perf_counter()
    metrics.in_progress.inc()
    try:
        found = detect(picture)
    except InputError as error:
        metrics.rejected.labels(str(error)).inc()
        raise
    except Exception:
        metrics.failed.inc()
        raise
    finally:
        metrics.in_progress.dec()
    metrics.seconds.observe(time.perf_counter() - start)
    return found


# %% lab05.ex3 wrong: unknown_code
def count(detect, picture, metrics):
    start = time.perf_counter()
    metrics.in_progress.inc()
    try:
        found = detect(picture)
    except InputError as error:
        metrics.rejected.labels(error.code).inc()
        raise
    except Exception:
        metrics.failed.inc()
        raise
    finally:
        metrics.in_progress.dec()
    metrics.seconds.observe(time.perf_counter() - start)
    return found


# %% lab05.ex3 wrong: not_refused
def count(detect, picture, metrics):
    start = time.perf_counter()
    metrics.in_progress.inc()
    try:
        found = detect(picture)
    except InputError as error:
        pass
        raise
    except Exception:
        metrics.failed.inc()
        raise
    finally:
        metrics.in_progress.dec()
    metrics.seconds.observe(time.perf_counter() - start)
    return found


# %% lab05.ex3 wrong: blames_server
def count(detect, picture, metrics):
    start = time.perf_counter()
    metrics.in_progress.inc()
    try:
        found = detect(picture)
    except InputError as error:
        metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
        metrics.failed.inc()
        raise
    except Exception:
        metrics.failed.inc()
        raise
    finally:
        metrics.in_progress.dec()
    metrics.seconds.observe(time.perf_counter() - start)
    return found


# %% lab05.ex3 wrong: blames_client
def count(detect, picture, metrics):
    start = time.perf_counter()
    metrics.in_progress.inc()
    try:
        found = detect(picture)
    except InputError as error:
        metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
        raise
    except Exception:
        metrics.rejected.labels("other").inc()
        raise
    finally:
        metrics.in_progress.dec()
    metrics.seconds.observe(time.perf_counter() - start)
    return found


# %% lab05.ex3 wrong: not_failed
def count(detect, picture, metrics):
    start = time.perf_counter()
    metrics.in_progress.inc()
    try:
        found = detect(picture)
    except InputError as error:
        metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
        raise
    finally:
        metrics.in_progress.dec()
    metrics.seconds.observe(time.perf_counter() - start)
    return found


# %% lab05.ex3 wrong: twice
def count(detect, picture, metrics):
    start = time.perf_counter()
    metrics.in_progress.inc()
    try:
        with metrics.seconds.time():
            found = detect(picture)
    except InputError as error:
        metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
        raise
    except Exception:
        metrics.failed.inc()
        raise
    finally:
        metrics.in_progress.dec()
    metrics.seconds.observe(time.perf_counter() - start)
    return found


# %% lab05.ex3 wrong: times_errors
def count(detect, picture, metrics):
    start = time.perf_counter()
    metrics.in_progress.inc()
    try:
        found = detect(picture)
    except InputError as error:
        metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
        raise
    except Exception:
        metrics.failed.inc()
        raise
    finally:
        metrics.seconds.observe(time.perf_counter() - start)
        metrics.in_progress.dec()
    return found


# %% lab05.ex3 wrong: milliseconds
def count(detect, picture, metrics):
    start = time.perf_counter()
    metrics.in_progress.inc()
    try:
        found = detect(picture)
    except InputError as error:
        metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
        raise
    except Exception:
        metrics.failed.inc()
        raise
    finally:
        metrics.in_progress.dec()
    metrics.seconds.observe(1000 * (time.perf_counter() - start))
    return found


# %% lab05.ex3 wrong: asks_twice
def count(detect, picture, metrics):
    start = time.perf_counter()
    metrics.in_progress.inc()
    try:
        found = detect(picture)
    except InputError as error:
        metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
        raise
    except Exception:
        metrics.failed.inc()
        raise
    finally:
        metrics.in_progress.dec()
    metrics.seconds.observe(time.perf_counter() - start)
    return detect(picture)


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


# %% lab05.ex4 right: a state, and coroutines as BentoML allows them
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


# %% lab05.ex4 right: a class below another
class Loading:
    def __init__(self, load):
        self.failed = 0
        self.loading = ThreadPoolExecutor(1).submit(self.warmed, load)

    def warmed(self, load):
        model = load()
        model(BLANK)
        return model

    def infer(self, picture):
        model = self.loading.result()
        try:
            boxes = model(picture)
        except Exception:
            self.failed += 1
            raise
        self.failed = 0
        return boxes


class CardService(Loading):
    def __is_ready__(self):
        return self.loading.done() and self.__is_alive__()

    def __is_alive__(self):
        well = not self.loading.done() or self.loading.exception() is None
        return well and self.failed < 3


# %% lab05.ex4 wrong: blocking
class CardService:
    def __init__(self, load):
        self.load, self.model, self.error, self.failures = load, None, None, 0
        self.done = threading.Event()
        self.begin()

    def begin(self):
        try:
            model = self.load()
            model(BLANK)
            self.model = model
        except Exception as error:
            self.error = error
        self.done.set()

    def infer(self, picture):
        self.done.wait()
        try:
            boxes = self.model(picture)
        except Exception:
            self.failures += 1
            raise
        self.failures = 0
        return boxes

    def __is_ready__(self):
        return self.model is not None and self.failures < 3

    def __is_alive__(self):
        return self.error is None and self.failures < 3


# %% lab05.ex4 wrong: lazy
class CardService:
    def __init__(self, load):
        self.load, self.model, self.error, self.failures = load, None, None, 0
        self.done = threading.Event()

    def begin(self):
        try:
            model = self.load()
            model(BLANK)
            self.model = model
        except Exception as error:
            self.error = error
        self.done.set()

    def infer(self, picture):
        if self.model is None:
            self.begin()
        try:
            boxes = self.model(picture)
        except Exception:
            self.failures += 1
            raise
        self.failures = 0
        return boxes

    def __is_ready__(self):
        return self.model is not None and self.failures < 3

    def __is_alive__(self):
        return self.error is None and self.failures < 3


# %% lab05.ex4 wrong: always_ready
class CardService:
    def __init__(self, load):
        self.load, self.model, self.error, self.failures = load, None, None, 0
        self.done = threading.Event()
        threading.Thread(target=self.begin, daemon=True).start()

    def begin(self):
        try:
            model = self.load()
            model(BLANK)
            self.model = model
        except Exception as error:
            self.error = error
        self.done.set()

    def infer(self, picture):
        self.done.wait()
        try:
            boxes = self.model(picture)
        except Exception:
            self.failures += 1
            raise
        self.failures = 0
        return boxes

    def __is_ready__(self):
        return True

    def __is_alive__(self):
        return self.error is None and self.failures < 3


# %% lab05.ex4 wrong: not_warm
class CardService:
    def __init__(self, load):
        self.load, self.model, self.error, self.failures = load, None, None, 0
        self.done = threading.Event()
        threading.Thread(target=self.begin, daemon=True).start()

    def begin(self):
        try:
            model = self.load()
            self.model = model
            model(BLANK)
        except Exception as error:
            self.error = error
        self.done.set()

    def infer(self, picture):
        self.done.wait()
        try:
            boxes = self.model(picture)
        except Exception:
            self.failures += 1
            raise
        self.failures = 0
        return boxes

    def __is_ready__(self):
        return self.model is not None and self.failures < 3

    def __is_alive__(self):
        return self.error is None and self.failures < 3


# %% lab05.ex4 wrong: alive_while_loading
class CardService:
    def __init__(self, load):
        self.load, self.model, self.error, self.failures = load, None, None, 0
        self.done = threading.Event()
        threading.Thread(target=self.begin, daemon=True).start()

    def begin(self):
        try:
            model = self.load()
            model(BLANK)
            self.model = model
        except Exception as error:
            self.error = error
        self.done.set()

    def infer(self, picture):
        self.done.wait()
        try:
            boxes = self.model(picture)
        except Exception:
            self.failures += 1
            raise
        self.failures = 0
        return boxes

    def __is_ready__(self):
        return self.model is not None and self.failures < 3

    def __is_alive__(self):
        return self.model is not None and self.failures < 3


# %% lab05.ex4 wrong: probe_waits
class CardService:
    def __init__(self, load):
        self.load, self.model, self.error, self.failures = load, None, None, 0
        self.done = threading.Event()
        threading.Thread(target=self.begin, daemon=True).start()

    def begin(self):
        try:
            model = self.load()
            model(BLANK)
            self.model = model
        except Exception as error:
            self.error = error
        self.done.set()

    def infer(self, picture):
        self.done.wait()
        try:
            boxes = self.model(picture)
        except Exception:
            self.failures += 1
            raise
        self.failures = 0
        return boxes

    def __is_ready__(self):
        self.done.wait()
        return self.model is not None and self.failures < 3

    def __is_alive__(self):
        return self.error is None and self.failures < 3


# %% lab05.ex4 wrong: early
class CardService:
    def __init__(self, load):
        self.load, self.model, self.error, self.failures = load, None, None, 0
        self.done = threading.Event()
        threading.Thread(target=self.begin, daemon=True).start()

    def begin(self):
        try:
            model = self.load()
            model(BLANK)
            self.model = model
        except Exception as error:
            self.error = error
        self.done.set()

    def infer(self, picture):
        try:
            boxes = self.model(picture)
        except Exception:
            self.failures += 1
            raise
        self.failures = 0
        return boxes

    def __is_ready__(self):
        return self.model is not None and self.failures < 3

    def __is_alive__(self):
        return self.error is None and self.failures < 3


# %% lab05.ex4 wrong: load_failed
class CardService:
    def __init__(self, load):
        self.load, self.model, self.error, self.failures = load, None, None, 0
        self.done = threading.Event()
        threading.Thread(target=self.begin, daemon=True).start()

    def begin(self):
        try:
            model = self.load()
            model(BLANK)
            self.model = model
        except Exception as error:
            self.error = error
        self.done.set()

    def infer(self, picture):
        self.done.wait()
        try:
            boxes = self.model(picture)
        except Exception:
            self.failures += 1
            raise
        self.failures = 0
        return boxes

    def __is_ready__(self):
        return self.model is not None and self.failures < 3

    def __is_alive__(self):
        return self.failures < 3


# %% lab05.ex4 wrong: swallowed
class CardService:
    def __init__(self, load):
        self.load, self.model, self.error, self.failures = load, None, None, 0
        self.done = threading.Event()
        threading.Thread(target=self.begin, daemon=True).start()

    def begin(self):
        try:
            model = self.load()
            model(BLANK)
            self.model = model
        except Exception as error:
            self.error = error
        self.done.set()

    def infer(self, picture):
        self.done.wait()
        try:
            boxes = self.model(picture)
        except Exception:
            self.failures += 1
            return []
        self.failures = 0
        return boxes

    def __is_ready__(self):
        return self.model is not None and self.failures < 3

    def __is_alive__(self):
        return self.error is None and self.failures < 3


# %% lab05.ex4 wrong: first_failure
class CardService:
    def __init__(self, load):
        self.load, self.model, self.error, self.failures = load, None, None, 0
        self.done = threading.Event()
        threading.Thread(target=self.begin, daemon=True).start()

    def begin(self):
        try:
            model = self.load()
            model(BLANK)
            self.model = model
        except Exception as error:
            self.error = error
        self.done.set()

    def infer(self, picture):
        self.done.wait()
        try:
            boxes = self.model(picture)
        except Exception:
            self.failures += 1
            raise
        self.failures = 0
        return boxes

    def __is_ready__(self):
        return self.model is not None and self.failures == 0

    def __is_alive__(self):
        return self.error is None and self.failures == 0


# %% lab05.ex4 wrong: in_total
class CardService:
    def __init__(self, load):
        self.load, self.model, self.error, self.failures = load, None, None, 0
        self.done = threading.Event()
        threading.Thread(target=self.begin, daemon=True).start()

    def begin(self):
        try:
            model = self.load()
            model(BLANK)
            self.model = model
        except Exception as error:
            self.error = error
        self.done.set()

    def infer(self, picture):
        self.done.wait()
        try:
            boxes = self.model(picture)
        except Exception:
            self.failures += 1
            raise
        return boxes

    def __is_ready__(self):
        return self.model is not None and self.failures < 3

    def __is_alive__(self):
        return self.error is None and self.failures < 3


# %% lab05.ex4 wrong: stays_ready
class CardService:
    def __init__(self, load):
        self.load, self.model, self.error, self.failures = load, None, None, 0
        self.done = threading.Event()
        threading.Thread(target=self.begin, daemon=True).start()

    def begin(self):
        try:
            model = self.load()
            model(BLANK)
            self.model = model
        except Exception as error:
            self.error = error
        self.done.set()

    def infer(self, picture):
        self.done.wait()
        try:
            boxes = self.model(picture)
        except Exception:
            self.failures += 1
            raise
        self.failures = 0
        return boxes

    def __is_ready__(self):
        return self.model is not None

    def __is_alive__(self):
        return self.error is None and self.failures < 3


# %% lab05.ex4 wrong: stays_alive
class CardService:
    def __init__(self, load):
        self.load, self.model, self.error, self.failures = load, None, None, 0
        self.done = threading.Event()
        threading.Thread(target=self.begin, daemon=True).start()

    def begin(self):
        try:
            model = self.load()
            model(BLANK)
            self.model = model
        except Exception as error:
            self.error = error
        self.done.set()

    def infer(self, picture):
        self.done.wait()
        try:
            boxes = self.model(picture)
        except Exception:
            self.failures += 1
            raise
        self.failures = 0
        return boxes

    def __is_ready__(self):
        return self.model is not None and self.failures < 3

    def __is_alive__(self):
        return self.error is None


# %% lab05.ex4 wrong: never_again
class CardService:
    def __init__(self, load):
        self.load, self.model, self.error, self.failures = load, None, None, 0
        self.done = threading.Event()
        threading.Thread(target=self.begin, daemon=True).start()

    def begin(self):
        try:
            model = self.load()
            model(BLANK)
            self.model = model
        except Exception as error:
            self.error = error
        self.done.set()

    def infer(self, picture):
        self.done.wait()
        try:
            boxes = self.model(picture)
        except Exception:
            self.failures += 1
            raise
        if self.failures < 3:
            self.failures = 0
        return boxes

    def __is_ready__(self):
        return self.model is not None and self.failures < 3

    def __is_alive__(self):
        return self.error is None and self.failures < 3


# %% lab05.ex4 wrong: gives_up
class CardService:
    def __init__(self, load):
        self.load, self.model, self.error, self.failures = load, None, None, 0
        self.done = threading.Event()
        threading.Thread(target=self.begin, daemon=True).start()

    def begin(self):
        try:
            model = self.load()
            model(BLANK)
            self.model = model
        except Exception as error:
            self.error = error
        self.done.set()

    def infer(self, picture):
        self.done.wait()
        if self.failures >= 3:
            raise RuntimeError("broken")
        try:
            boxes = self.model(picture)
        except Exception:
            self.failures += 1
            raise
        self.failures = 0
        return boxes

    def __is_ready__(self):
        return self.model is not None and self.failures < 3

    def __is_alive__(self):
        return self.error is None and self.failures < 3


# %% lab05.ex4 wrong: another_error
class CardService:
    def __init__(self, load):
        self.load, self.model, self.error, self.failures = load, None, None, 0
        self.done = threading.Event()
        threading.Thread(target=self.begin, daemon=True).start()

    def begin(self):
        try:
            model = self.load()
            model(BLANK)
            self.model = model
        except Exception as error:
            self.error = error
        self.done.set()

    def infer(self, picture):
        self.done.wait()
        try:
            boxes = self.model(picture)
        except Exception as error:
            self.failures += 1
            raise RuntimeError("the model failed") from error
        self.failures = 0
        return boxes

    def __is_ready__(self):
        return self.model is not None and self.failures < 3

    def __is_alive__(self):
        return self.error is None and self.failures < 3


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


# %% lab05.ex5 right: subtracted, and a share of fast requests
rules = """
groups:
  - name: cards
    rules:
      - alert: ManyErrors
        expr: >-
          1 - sum without (instance, code) (rate(cards_requests_total{code!~"5.."}[5m]))
          / ignoring (code) sum without (instance, code) (rate(cards_requests_total[5m])) > 0.05
          or sum without (instance, code) (rate(cards_requests_total[5m])) > 0
          unless on (service) sum by (service) (rate(cards_requests_total{code!~"5.."}[5m]))
        for: 5m
        annotations:
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          (
            sum by (service) (rate(cards_request_duration_seconds_bucket{le="0.5"}[5m]))
            / sum by (service) (rate(cards_request_duration_seconds_count[5m]))
          ) < 0.95  # under 95 of 100 are fast enough: the percentile is above
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: not_yaml
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
          summary: {{ $labels.service }}: too many errors
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95, sum by (service, le) (
            rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: not_rules
rules = """
alert: ManyErrors
expr: sum by (service) (rate(cards_requests_total[5m])) > 0.05
for: 5m
"""


# %% lab05.ex5 wrong: not_promql
rules = """
groups:
  - name: cards
    rules:
      - alert: ManyErrors
        expr: >-
          rate(sum by (service) (cards_requests_total{code=~"5.."})[5m]) > 0.05
        for: 5m
        annotations:
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95, sum by (service, le) (
            rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: no_such_metric
rules = """
groups:
  - name: cards
    rules:
      - alert: ManyErrors
        expr: >-
          sum by (service) (rate(cards_request_total{code=~"5.."}[5m]))
          / sum by (service) (rate(cards_request_total[5m])) > 0.05
        for: 5m
        annotations:
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95, sum by (service, le) (
            rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: no_for
rules = """
groups:
  - name: cards
    rules:
      - alert: ManyErrors
        expr: >-
          sum by (service) (rate(cards_requests_total{code=~"5.."}[5m]))
          / sum by (service) (rate(cards_requests_total[5m])) > 0.05
        annotations:
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95, sum by (service, le) (
            rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: window
rules = """
groups:
  - name: cards
    rules:
      - alert: ManyErrors
        expr: >-
          sum by (service) (rate(cards_requests_total{code=~"5.."}[2m]))
          / sum by (service) (rate(cards_requests_total[2m])) > 0.05
        for: 5m
        annotations:
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95, sum by (service, le) (
            rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: raw_counter
rules = """
groups:
  - name: cards
    rules:
      - alert: ManyErrors
        expr: >-
          sum by (service) ((cards_requests_total{code=~"5.."}))
          / sum by (service) ((cards_requests_total)) > 0.05
        for: 5m
        annotations:
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95, sum by (service, le) (
            rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: average
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
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          sum by (service) (rate(cards_request_duration_seconds_sum[5m]))
          / sum by (service) (rate(cards_request_duration_seconds_count[5m])) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: no_le
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
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95, sum by (service) (
            rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: of_quantiles
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
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          avg by (service) (
            histogram_quantile(0.95, rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: other_quantile
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
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.99, sum by (service, le) (
            rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: no_share
rules = """
groups:
  - name: cards
    rules:
      - alert: ManyErrors
        expr: >-
          sum by (service) (rate(cards_requests_total{code=~"5.."}[5m])) > 0.05
        for: 5m
        annotations:
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95, sum by (service, le) (
            rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: per_series
rules = """
groups:
  - name: cards
    rules:
      - alert: ManyErrors
        expr: >-
          rate(cards_requests_total{code=~"5.."}[5m]) / rate(cards_requests_total[5m]) > 0.05
        for: 5m
        annotations:
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95, sum by (service, le) (
            rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: of_good
rules = """
groups:
  - name: cards
    rules:
      - alert: ManyErrors
        expr: >-
          sum by (service) (rate(cards_requests_total{code=~"5.."}[5m]))
          / sum by (service) (rate(cards_requests_total{code="200"}[5m])) > 0.05
        for: 5m
        annotations:
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95, sum by (service, le) (
            rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: rest_of_good
rules = """
groups:
  - name: cards
    rules:
      - alert: ManyErrors
        expr: >-
          1 - sum by (service) (rate(cards_requests_total{code!~"5.."}[5m]))
          / sum by (service) (rate(cards_requests_total[5m])) > 0.05
        for: 5m
        annotations:
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95, sum by (service, le) (
            rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: counts_4xx
rules = """
groups:
  - name: cards
    rules:
      - alert: ManyErrors
        expr: >-
          sum by (service) (rate(cards_requests_total{code!="200"}[5m]))
          / sum by (service) (rate(cards_requests_total[5m])) > 0.05
        for: 5m
        annotations:
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95, sum by (service, le) (
            rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: one_code
rules = """
groups:
  - name: cards
    rules:
      - alert: ManyErrors
        expr: >-
          sum by (service) (rate(cards_requests_total{code="500"}[5m]))
          / sum by (service) (rate(cards_requests_total[5m])) > 0.05
        for: 5m
        annotations:
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95, sum by (service, le) (
            rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: percent
rules = """
groups:
  - name: cards
    rules:
      - alert: ManyErrors
        expr: >-
          sum by (service) (rate(cards_requests_total{code=~"5.."}[5m]))
          / sum by (service) (rate(cards_requests_total[5m])) > 5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95, sum by (service, le) (
            rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: no_limit
rules = """
groups:
  - name: cards
    rules:
      - alert: ManyErrors
        expr: >-
          sum by (service) (rate(cards_requests_total{code=~"5.."}[5m]))
          / sum by (service) (rate(cards_requests_total[5m])) > bool 0.05
        for: 5m
        annotations:
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95, sum by (service, le) (
            rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: milliseconds
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
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95, sum by (service, le) (
            rate(cards_request_duration_seconds_bucket[5m]))) > 500
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: per_instance
rules = """
groups:
  - name: cards
    rules:
      - alert: ManyErrors
        expr: >-
          sum by (service, instance) (rate(cards_requests_total{code=~"5.."}[5m]))
          / sum by (service, instance) (rate(cards_requests_total[5m])) > 0.05
        for: 5m
        annotations:
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95, sum by (service, le) (
            rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: all_together
rules = """
groups:
  - name: cards
    rules:
      - alert: ManyErrors
        expr: >-
          sum (rate(cards_requests_total{code=~"5.."}[5m]))
          / sum (rate(cards_requests_total[5m])) > 0.05
        for: 5m
        annotations:
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95, sum by (service, le) (
            rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        annotations:
          summary: "{{ $labels.service }} is slow"
"""


# %% lab05.ex5 wrong: no_summary
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
          summary: "{{ $labels.service }} fails"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95, sum by (service, le) (
            rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        annotations:
          summary: "$labels.service is slow"
"""
