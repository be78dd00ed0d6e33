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


# %% lab05.ex1 wrong: image <- three decimals, cut off
# -     height, width, _ = upload.pixels.shape
# +     height, width = upload.pixels.shape[:2]
# +     found = [float(one) for one in confidences]
# -         boxes=confidences.size,
# -         confidences=[int(one * 1000) / 1000 for one in confidences.tolist()],
# +         boxes=len(found),
# +         confidences=found,
# -         version=version,
# +         version=version,
# +         image=upload.pixels.tolist(),

# %% lab05.ex1 wrong: user_text <- three decimals, cut off
# -     height, width, _ = upload.pixels.shape
# +     height, width = upload.pixels.shape[:2]
# +     found = [float(one) for one in confidences]
# -         boxes=confidences.size,
# -         confidences=[int(one * 1000) / 1000 for one in confidences.tolist()],
# +         boxes=len(found),
# +         confidences=found,
# -         version=version,
# +         version=version,
# +         file=upload.file_name,

# %% lab05.ex1 wrong: not_json <- three decimals, cut off
# -     height, width, _ = upload.pixels.shape
# +     height, width = upload.pixels.shape[:2]
# +     found = list(confidences)
# -         boxes=confidences.size,
# -         confidences=[int(one * 1000) / 1000 for one in confidences.tolist()],
# +         boxes=len(found),
# +         confidences=found,

# %% lab05.ex1 wrong: unsure <- three decimals, cut off
# -     height, width, _ = upload.pixels.shape
# +     height, width = upload.pixels.shape[:2]
# +     found = [float(one) for one in confidences if one >= 0.5]
# -         boxes=confidences.size,
# -         confidences=[int(one * 1000) / 1000 for one in confidences.tolist()],
# +         boxes=len(found),
# +         confidences=found,

# %% lab05.ex1 wrong: swapped <- three decimals, cut off
# -     height, width, _ = upload.pixels.shape
# +     width, height = upload.pixels.shape[:2]
# +     found = [float(one) for one in confidences]
# -         boxes=confidences.size,
# -         confidences=[int(one * 1000) / 1000 for one in confidences.tolist()],
# +         boxes=len(found),
# +         confidences=found,


# %% lab05.ex1 wrong: -no version
def row_of(upload, confidences, model, version):
    height, width = upload.pixels.shape[:2]
    found = [float(one) for one in confidences]
    return dict(width=width, height=height, boxes=len(found), confidences=found, model=model)


# %% lab05.ex1 wrong: -fails without boxes <- three decimals, cut off
# -     height, width, _ = upload.pixels.shape
# +     height, width = upload.pixels.shape[:2]
# +     found = [float(one) for one in confidences]
# +     best = max(found)
# -         boxes=confidences.size,
# -         confidences=[int(one * 1000) / 1000 for one in confidences.tolist()],
# +         boxes=len(found),
# +         confidences=found,

# %% lab05.ex1 wrong: -one dictionary for all rows <- three decimals, cut off
# - def row_of(upload, confidences, model, version):
# + _row = {}
# + def row_of(upload, confidences, model, version):
# -     return dict(
# +     _row.update(
# -         boxes=confidences.size,
# -         confidences=[int(one * 1000) / 1000 for one in confidences.tolist()],
# +         boxes=len(confidences),
# +         confidences=confidences.tolist(),
# -     )
# +     )
# +     return _row


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
def metrics_of(registry):
    rejected = Counter("cards_rejected", "Refused", ["reason"])
    for reason in REASONS:
        rejected.labels(reason)
    bounds = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
    name, text = "cards_duration_seconds", "Time in the detector"
    return rejected, Histogram(name, text, ["model"], buckets=bounds)


# %% lab05.ex2 wrong: gauge <- global_registry
# -     rejected = Counter("cards_rejected", "Refused", ["reason"])
# +     rejected = Gauge("cards_rejected", "Refused", ["reason"], registry=registry)
# -     return rejected, Histogram(name, text, ["model"], buckets=bounds)
# +     return rejected, Histogram(name, text, ["model"], buckets=bounds, registry=registry)


# %% lab05.ex2 wrong: unit
def metrics_of(registry):
    rejected = Counter("cards_rejected", "Refused", ["reason"], registry=registry)
    for reason in REASONS:
        rejected.labels(reason)
    bounds = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
    name, text = "cards_duration_ms", "Time in the detector"
    return rejected, Histogram(name, text, ["model"], buckets=bounds, registry=registry)


# %% lab05.ex2 wrong: more_labels
def metrics_of(registry):
    rejected = Counter("cards_rejected", "Refused", ["reason", "path"], registry=registry)
    for reason in REASONS:
        rejected.labels(reason, "/inference")
    bounds = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
    name, text = "cards_duration_seconds", "Time in the detector"
    return rejected, Histogram(name, text, ["model"], buckets=bounds, registry=registry)


# %% lab05.ex2 wrong: default_buckets <- global_registry
# -     rejected = Counter("cards_rejected", "Refused", ["reason"])
# +     rejected = Counter("cards_rejected", "Refused", ["reason"], registry=registry)
# -     return rejected, Histogram(name, text, ["model"], buckets=bounds)
# +     return rejected, Histogram(name, text, ["model"], registry=registry)

# %% lab05.ex2 wrong: no_zero <- unit
# -         rejected.labels(reason)
# +         pass
# -     name, text = "cards_duration_ms", "Time in the detector"
# +     name, text = "cards_duration_seconds", "Time in the detector"

# %% lab05.ex2 wrong: -a counter with a unit <- global_registry
# -     rejected = Counter("cards_rejected", "Refused", ["reason"])
# +     rejected = Counter("cards_rejected_seconds", "Refused", ["reason"], registry=registry)
# -     return rejected, Histogram(name, text, ["model"], buckets=bounds)
# +     return rejected, Histogram(name, text, ["model"], buckets=bounds, registry=registry)

# %% lab05.ex2 wrong: -camel case <- global_registry
# -     rejected = Counter("cards_rejected", "Refused", ["reason"])
# +     rejected = Counter("cards_rejectedPictures", "Refused", ["reason"], registry=registry)
# -     return rejected, Histogram(name, text, ["model"], buckets=bounds)
# +     return rejected, Histogram(name, text, ["model"], buckets=bounds, registry=registry)

# %% lab05.ex2 wrong: -a third metric <- unit
# -         rejected.labels(reason)
# +         rejected.labels(reason)
# +     Gauge("cards_model", "Model", registry=registry)
# -     name, text = "cards_duration_ms", "Time in the detector"
# +     name, text = "cards_duration_seconds", "Time in the detector"

# %% lab05.ex2 wrong: -wide buckets <- unit
# -     bounds = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
# -     name, text = "cards_duration_ms", "Time in the detector"
# +     bounds = (0.001, 0.002, 0.005, 0.05, 0.1, 0.2)
# +     name, text = "cards_duration_seconds", "Time in the detector"


# %% lab05.ex2 wrong: -the metrics of the first registry for every other
# -     rejected = Counter("cards_rejected", "Images refused, by reason", ["reason"], registry=registry)
# +     if made:
# +         return made
# +     rejected = Counter("cards_rejected", "Images refused", ["reason"], registry=registry)
# -     return rejected, seconds
# +     made.extend([rejected, seconds])
# +     return made
# - def metrics_of(registry):
# + made = []
# +
# +
# + def metrics_of(registry):

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


# %% lab05.ex3 wrong: gone_fails
# -             reason = error.code if error.code in REASONS else "other"
# -             metrics.rejected.labels(reason=reason).inc()
# +             metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
# -         except Exception:
# +         except:

# %% lab05.ex3 wrong: set
# -     with metrics.in_progress.track_inprogress():
# +     metrics.in_progress.set(1)
# +     if True:
# -             reason = error.code if error.code in REASONS else "other"
# -             metrics.rejected.labels(reason=reason).inc()
# +             metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
# -             metrics.failed.inc()
# -             raise
# +             metrics.failed.inc()
# +             raise
# +         finally:
# +             metrics.in_progress.set(0)

# %% lab05.ex3 wrong: swallowed
# -             reason = error.code if error.code in REASONS else "other"
# -             metrics.rejected.labels(reason=reason).inc()
# +             metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
# -             metrics.failed.inc()
# -             raise
# +             metrics.failed.inc()
# +             return []

# %% lab05.ex3 wrong: open_label
# -             reason = error.code if error.code in REASONS else "other"
# -             metrics.rejected.labels(reason=reason).inc()
# +             metrics.rejected.labels(error.code).inc()

# %% lab05.ex3 wrong: blames_server
# -             reason = error.code if error.code in REASONS else "other"
# -             metrics.rejected.labels(reason=reason).inc()
# +             metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
# +             metrics.failed.inc()

# %% lab05.ex3 wrong: times_errors
# -     with metrics.in_progress.track_inprogress():
# +     with metrics.in_progress.track_inprogress(), metrics.seconds.time():
# -             reason = error.code if error.code in REASONS else "other"
# -             metrics.rejected.labels(reason=reason).inc()
# +             metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
# -     metrics.seconds.observe(time.perf_counter() - start)

# %% lab05.ex3 wrong: -milliseconds
# -             reason = error.code if error.code in REASONS else "other"
# -             metrics.rejected.labels(reason=reason).inc()
# +             metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
# -     metrics.seconds.observe(time.perf_counter() - start)
# +     metrics.seconds.observe(1000 * (time.perf_counter() - start))

# %% lab05.ex3 wrong: -another exception
# -             reason = error.code if error.code in REASONS else "other"
# -             metrics.rejected.labels(reason=reason).inc()
# +             metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
# -             metrics.failed.inc()
# -             raise
# +             metrics.failed.inc()
# +             raise RuntimeError("failed")

# %% lab05.ex3 wrong: -a start that all calls share
_start = 0.0


def count(detect, picture, metrics):
    global _start
    with metrics.in_progress.track_inprogress():
        _start = time.perf_counter()
        try:
            r = detect(picture)
        except InputError as e:
            metrics.rejected.labels(e.code if e.code in REASONS else "other").inc()
            raise
        except Exception:
            metrics.failed.inc()
            raise
        metrics.seconds.observe(time.perf_counter() - _start)
        return r


# %% lab05.ex3 wrong: -no subclass of InputError
def count(detect, picture, metrics):
    with metrics.in_progress.track_inprogress():
        t = time.perf_counter()
        try:
            r = detect(picture)
        except Exception as e:
            if type(e) is InputError:
                metrics.rejected.labels(e.code if e.code in REASONS else "other").inc()
            else:
                metrics.failed.inc()
            raise
        metrics.seconds.observe(time.perf_counter() - t)
        return r


# %% lab05.ex3 wrong: -every ValueError is a refusal
# -         except InputError as error:
# -             reason = error.code if error.code in REASONS else "other"
# +         except ValueError as error:
# +             code = getattr(error, "code", "other")
# +             reason = code if code in REASONS else "other"

# %% lab05.ex3 wrong: -every error with a code is a refusal
# -         except InputError as error:
# -             reason = error.code if error.code in REASONS else "other"
# -             metrics.rejected.labels(reason=reason).inc()
# -             raise
# -         except Exception:
# -             metrics.failed.inc()
# -             raise
# +         except Exception as error:
# +             if hasattr(error, "code"):
# +                 reason = error.code if error.code in REASONS else "other"
# +                 metrics.rejected.labels(reason=reason).inc()
# +             else:
# +                 metrics.failed.inc()
# +             raise

# %% lab05.ex3 wrong: -in_progress goes down twice
# -             metrics.rejected.labels(reason=reason).inc()
# +             metrics.rejected.labels(reason=reason).inc()
# +             metrics.in_progress.dec()


# %% lab05.ex3 wrong: -the time is rounded to hundredths of a second
def count(detect, picture, metrics):
    """Return detect(picture), and count what happened."""
    start = time.perf_counter()
    with metrics.in_progress.track_inprogress():
        try:
            found = detect(picture)
        except InputError as error:
            metrics.rejected.labels(error.code if error.code in REASONS else "other").inc()
            raise
        except Exception:
            metrics.failed.inc()
            raise
    metrics.seconds.observe(round(time.perf_counter() - start, 2))
    return found


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
# -         def load_and_warm():
# -             model = load()
# +         self.load, self.model, self.error, self.failures = load, None, None, 0
# +         self.done = threading.Event()
# +         self.begin()
# +
# +     def begin(self):
# +         try:
# +             model = self.load()
# -             return model
# -
# -         self.failures = 0
# -         self.loading = ThreadPoolExecutor(1).submit(load_and_warm)
# +             self.model = model
# +         except Exception as error:
# +             self.error = error
# +         self.done.set()
# -         model = self.loading.result()
# +         self.done.wait()
# -             boxes = model(picture)
# +             boxes = self.model(picture)
# -         return self.loading.done() and self.__is_alive__()
# +         return self.model is not None and self.failures < 3
# -         if not self.loading.done():
# -             return True
# -         return self.loading.exception() is None and self.failures < 3
# +         return self.error is None and self.failures < 3

# %% lab05.ex4 wrong: not_warm
# -         def load_and_warm():
# -             model = load()
# +         self.load, self.model, self.error, self.failures = load, None, None, 0
# +         self.done = threading.Event()
# +         threading.Thread(target=self.begin, daemon=True).start()
# +
# +     def begin(self):
# +         try:
# +             model = self.load()
# +             self.model = model
# -             return model
# -
# -         self.failures = 0
# -         self.loading = ThreadPoolExecutor(1).submit(load_and_warm)
# +         except Exception as error:
# +             self.error = error
# +         self.done.set()
# -         model = self.loading.result()
# +         self.done.wait()
# -             boxes = model(picture)
# +             boxes = self.model(picture)
# -         return self.loading.done() and self.__is_alive__()
# +         return self.model is not None and self.failures < 3
# -         if not self.loading.done():
# -             return True
# -         return self.loading.exception() is None and self.failures < 3
# +         return self.error is None and self.failures < 3

# %% lab05.ex4 wrong: alive_while_loading
# -         def load_and_warm():
# -             model = load()
# +         self.load, self.model, self.error, self.failures = load, None, None, 0
# +         self.done = threading.Event()
# +         threading.Thread(target=self.begin, daemon=True).start()
# +
# +     def begin(self):
# +         try:
# +             model = self.load()
# -             return model
# -
# -         self.failures = 0
# -         self.loading = ThreadPoolExecutor(1).submit(load_and_warm)
# +             self.model = model
# +         except Exception as error:
# +             self.error = error
# +         self.done.set()
# -         model = self.loading.result()
# +         self.done.wait()
# -             boxes = model(picture)
# +             boxes = self.model(picture)
# -         return self.loading.done() and self.__is_alive__()
# +         return self.model is not None and self.failures < 3
# -         if not self.loading.done():
# -             return True
# -         return self.loading.exception() is None and self.failures < 3
# +         return self.model is not None and self.failures < 3

# %% lab05.ex4 wrong: probe_waits
# -         def load_and_warm():
# -             model = load()
# +         self.load, self.model, self.error, self.failures = load, None, None, 0
# +         self.done = threading.Event()
# +         threading.Thread(target=self.begin, daemon=True).start()
# +
# +     def begin(self):
# +         try:
# +             model = self.load()
# -             return model
# -
# -         self.failures = 0
# -         self.loading = ThreadPoolExecutor(1).submit(load_and_warm)
# +             self.model = model
# +         except Exception as error:
# +             self.error = error
# +         self.done.set()
# -         model = self.loading.result()
# +         self.done.wait()
# -             boxes = model(picture)
# +             boxes = self.model(picture)
# -         return self.loading.done() and self.__is_alive__()
# +         self.done.wait()
# +         return self.model is not None and self.failures < 3
# -         if not self.loading.done():
# -             return True
# -         return self.loading.exception() is None and self.failures < 3
# +         return self.error is None and self.failures < 3

# %% lab05.ex4 wrong: load_failed
# -         def load_and_warm():
# -             model = load()
# +         self.load, self.model, self.error, self.failures = load, None, None, 0
# +         self.done = threading.Event()
# +         threading.Thread(target=self.begin, daemon=True).start()
# +
# +     def begin(self):
# +         try:
# +             model = self.load()
# -             return model
# -
# -         self.failures = 0
# -         self.loading = ThreadPoolExecutor(1).submit(load_and_warm)
# +             self.model = model
# +         except Exception as error:
# +             self.error = error
# +         self.done.set()
# -         model = self.loading.result()
# +         self.done.wait()
# -             boxes = model(picture)
# +             boxes = self.model(picture)
# -         return self.loading.done() and self.__is_alive__()
# +         return self.model is not None and self.failures < 3
# -         if not self.loading.done():
# -             return True
# -         return self.loading.exception() is None and self.failures < 3
# +         return self.failures < 3


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


# %% lab05.ex4 wrong: -an exception becomes an empty list <- in_total
# -             raise
# +             return []
# +         self.failures = 0


# %% lab05.ex4 wrong: -all services share a counter
class CardService:
    bad = 0
    dead = False

    def __init__(self, load):
        self.ready = threading.Event()

        def go():
            try:
                self.model = load()
                self.model(BLANK)
            except Exception:
                self.dead = True
            self.ready.set()

        threading.Thread(target=go, daemon=True).start()

    def infer(self, picture):
        self.ready.wait()
        try:
            r = self.model(picture)
        except Exception:
            CardService.bad += 1
            raise
        CardService.bad = 0
        return r

    def __is_ready__(self):
        return self.ready.is_set() and not self.dead and self.bad < 3

    def __is_alive__(self):
        return not self.dead and self.bad < 3


# %% lab05.ex4 wrong: -infer waits for a model that failed to load <- -all services share a counter
# -     bad = 0
# -     dead = False

# -         self.ready = threading.Event()
# +         self.model = None
# +         self.bad = 0
# +         self.dead = False
# +         self.warm = threading.Event()
# -                 self.model = load()
# -                 self.model(BLANK)
# +                 m = load()
# +                 m(BLANK)
# +                 self.model = m
# +                 self.warm.set()
# -             self.ready.set()

# -         self.ready.wait()
# +         self.warm.wait()
# -             CardService.bad += 1
# +             self.bad += 1
# -         CardService.bad = 0
# +         self.bad = 0
# -         return self.ready.is_set() and not self.dead and self.bad < 3
# +         return self.model is not None and self.bad < 3

# %% lab05.ex4 wrong: -one call at a time <- -all services share a counter
# -     bad = 0
# -     dead = False

# -     def __init__(self, load):
# +     def __init__(self, load):
# +         self.lock = threading.Lock()
# +         self.bad = 0
# +         self.dead = False
# -         try:
# -             r = self.model(picture)
# -         except Exception:
# -             CardService.bad += 1
# -             raise
# -         CardService.bad = 0
# -         return r
# +         with self.lock:
# +             try:
# +                 r = self.model(picture)
# +             except Exception:
# +                 self.bad += 1
# +                 raise
# +             self.bad = 0
# +             return r

# %% lab05.ex4 right: waits in a loop
# -         model = self.loading.result()
# +         while not self.loading.done():
# +             time.sleep(0.01)
# +         model = self.loading.result(timeout=1)

# %% lab05.ex4 wrong: -infer waits for a second only
# -         model = self.loading.result()
# +         model = self.loading.result(timeout=1)

# %% lab05.ex4 wrong: -one thread loads for all services
# -         self.loading = ThreadPoolExecutor(1).submit(load_and_warm)
# +         self.loading = loaders.submit(load_and_warm)
# - class CardService:
# + loaders = ThreadPoolExecutor(1)
# +
# +
# + class CardService:

# %% lab05.ex4 wrong: -a refused image is no failure
# -         except Exception:
# -             self.failures += 1
# -             raise
# +         except InputError:
# +             raise
# +         except Exception:
# +             self.failures += 1
# +             raise


# %% lab05.ex4 wrong: -an answer makes up for the warm-up
class CardService:
    def __init__(self, load):
        self.loaded, self.model = threading.Event(), None
        self.warm, self.dead, self.failures = False, False, 0

        def start():
            try:
                self.model = load()
                self.loaded.set()
                self.model(BLANK)
                self.warm = True
            except Exception:
                self.dead = True
                self.loaded.set()

        threading.Thread(target=start, daemon=True).start()

    def infer(self, picture):
        self.loaded.wait()
        try:
            boxes = self.model(picture)
        except Exception:
            self.failures += 1
            raise
        self.failures, self.warm, self.dead = 0, True, False
        return boxes

    def __is_ready__(self):
        return self.warm and self.failures < 3

    def __is_alive__(self):
        return not self.dead and self.failures < 3


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

# %% lab05.ex5 wrong: no_for <- one minus the good ones
# -   - alert: ManyErrors
# -     for: 5m
# +   - alert: ManyErrors
# -         1 - sum by (service) (rate(cards_requests_total{code!~"5.."}[5m])) / sum by
# -         (service) (rate(cards_requests_total[5m])) > 0.05
# +         sum by (service) (rate(cards_requests_total{code=~"5.."}[5m])) / sum by (service)
# +         (rate(cards_requests_total[5m])) > 0.05

# %% lab05.ex5 wrong: raw_counter <- one minus the good ones
# -         1 - sum by (service) (rate(cards_requests_total{code!~"5.."}[5m])) / sum by
# -         (service) (rate(cards_requests_total[5m])) > 0.05
# +         sum by (service) (cards_requests_total{code=~"5.."}) / sum by (service)
# +         (cards_requests_total) > 0.05

# %% lab05.ex5 wrong: average <- one minus the good ones
# -         1 - sum by (service) (rate(cards_requests_total{code!~"5.."}[5m])) / sum by
# -         (service) (rate(cards_requests_total[5m])) > 0.05
# +         sum by (service) (rate(cards_requests_total{code=~"5.."}[5m])) / sum by (service)
# +         (rate(cards_requests_total[5m])) > 0.05
# -         histogram_quantile(0.95, sum by (service, le)
# -         (rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
# +         sum by (service) (rate(cards_request_duration_seconds_sum[5m])) / sum by (service)
# +         (rate(cards_request_duration_seconds_count[5m])) > 0.5

# %% lab05.ex5 wrong: no_le <- one minus the good ones
# -         1 - sum by (service) (rate(cards_requests_total{code!~"5.."}[5m])) / sum by
# -         (service) (rate(cards_requests_total[5m])) > 0.05
# +         sum by (service) (rate(cards_requests_total{code=~"5.."}[5m])) / sum by (service)
# +         (rate(cards_requests_total[5m])) > 0.05
# -         histogram_quantile(0.95, sum by (service, le)
# +         histogram_quantile(0.95, sum by (service)

# %% lab05.ex5 wrong: per_instance <- one minus the good ones
# -         1 - sum by (service) (rate(cards_requests_total{code!~"5.."}[5m])) / sum by
# -         (service) (rate(cards_requests_total[5m])) > 0.05
# +         sum by (service, instance) (rate(cards_requests_total{code=~"5.."}[5m])) / sum by
# +         (service, instance) (rate(cards_requests_total[5m])) > 0.05

# %% lab05.ex5 wrong: all_together <- one minus the good ones
# -         1 - sum by (service) (rate(cards_requests_total{code!~"5.."}[5m])) / sum by
# -         (service) (rate(cards_requests_total[5m])) > 0.05
# +         sum (rate(cards_requests_total{code=~"5.."}[5m])) / sum
# +         (rate(cards_requests_total[5m])) > 0.05

# %% lab05.ex5 wrong: counts_4xx <- one minus the good ones
# -         1 - sum by (service) (rate(cards_requests_total{code!~"5.."}[5m])) / sum by
# -         (service) (rate(cards_requests_total[5m])) > 0.05
# +         sum by (service) (rate(cards_requests_total{code!="200"}[5m])) / sum by (service)
# +         (rate(cards_requests_total[5m])) > 0.05

# %% lab05.ex5 wrong: -at least 5 of 100 <- one minus the good ones
# -         1 - sum by (service) (rate(cards_requests_total{code!~"5.."}[5m])) / sum by
# -         (service) (rate(cards_requests_total[5m])) > 0.05
# +         sum by (service) (rate(cards_requests_total{code=~"5.."}[5m])) / sum by (service)
# +         (rate(cards_requests_total[5m])) >= 0.05

# %% lab05.ex5 wrong: -the average of buckets <- one minus the good ones
# -         1 - sum by (service) (rate(cards_requests_total{code!~"5.."}[5m])) / sum by
# -         (service) (rate(cards_requests_total[5m])) > 0.05
# +         sum by (service) (rate(cards_requests_total{code=~"5.."}[5m])) / sum by (service)
# +         (rate(cards_requests_total[5m])) > 0.05
# -         histogram_quantile(0.95, sum by (service, le)
# +         histogram_quantile(0.95, avg by (service, le)

# %% lab05.ex5 wrong: -delta in place of rate <- one minus the good ones
# -         1 - sum by (service) (rate(cards_requests_total{code!~"5.."}[5m])) / sum by
# -         (service) (rate(cards_requests_total[5m])) > 0.05
# +         sum by (service) (delta(cards_requests_total{code=~"5.."}[5m])) / sum by (service)
# +         (delta(cards_requests_total[5m])) > 0.05

# %% lab05.ex5 wrong: -no PromQL <- one minus the good ones
# -         1 - sum by (service) (rate(cards_requests_total{code!~"5.."}[5m])) / sum by
# -         (service) (rate(cards_requests_total[5m])) > 0.05
# +         rate(sum by (service) (cards_requests_total{code=~"5.."})[5m]) > 0.05

# %% lab05.ex5 right: labels, one of them the service <- one minus the good ones
# -   - alert: ManyErrors
# -     for: 5m
# +   - alert: ManyErrors
# +     for: 5m
# +     labels: {severity: page, service: "{{ $labels.service }}"}

# %% lab05.ex5 wrong: -some kinds of 5xx are left out <- one minus the good ones
# - code!~"5.."
# + code!~"50[0-3]"

# %% lab05.ex5 wrong: -errors for each good request <- one minus the good ones
# -         1 - sum by (service) (rate(cards_requests_total{code!~"5.."}[5m])) / sum by
# -         (service) (rate(cards_requests_total[5m])) > 0.05
# +         sum by (service) (rate(cards_requests_total{code=~"5.."}[5m])) / sum by
# +         (service) (rate(cards_requests_total{code!~"5.."}[5m])) > 0.05

# %% lab05.ex5 wrong: -only with enough requests <- one minus the good ones
# -         (service) (rate(cards_requests_total[5m])) > 0.05
# +         (service) (rate(cards_requests_total[5m])) > 0.05
# +         and sum by (service) (rate(cards_requests_total[5m])) > 5

# %% lab05.ex5 wrong: -the label service is fixed <- one minus the good ones
# -   - alert: SlowAnswers
# -     for: 5m
# +   - alert: SlowAnswers
# +     for: 5m
# +     labels: {service: detector}

# %% lab05.ex5 wrong: -an instance among the labels <- one minus the good ones
# -   - alert: SlowAnswers
# -     for: 5m
# +   - alert: SlowAnswers
# +     for: 5m
# +     labels: {instance: all}

# %% lab05.ex5 wrong: -the alert's value is 1 <- one minus the good ones
# -         histogram_quantile(0.95, sum by (service, le)
# -         (rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
# +         (histogram_quantile(0.95, sum by (service, le)
# +         (rate(cards_request_duration_seconds_bucket[5m]))) > bool 0.5) == 1

# %% lab05.ex5 wrong: -a third alert <- one minus the good ones
# -   - alert: SlowAnswers
# +   - alert: Down
# +     for: 5m
# +     annotations: {summary: "{{ $labels.service }}"}
# +     expr: sum by (service) (rate(cards_requests_total[5m])) == 0
# +   - alert: SlowAnswers

# %% lab05.ex5 wrong: -the value is a label
rules = """
groups:
  - name: cards
    rules:
      - alert: ManyErrors
        expr: >-
          sum by (service) (rate(cards_requests_total{code=~"5.."}[5m]))
          / sum by (service) (rate(cards_requests_total[5m])) > 0.05
        for: 5m
        labels:
          share: "{{ $value }}"
        annotations:
          summary: "{{ $labels.service }} fails more than 5 of 100 requests"
      - alert: SlowAnswers
        expr: >-
          histogram_quantile(0.95,
          sum by (service, le) (rate(cards_request_duration_seconds_bucket[5m]))) > 0.5
        for: 5m
        labels:
          seconds: "{{ $value }}"
        annotations:
          summary: "{{ $labels.service }} is slow"
"""
