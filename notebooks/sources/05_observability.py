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
# # 05 · Observability
#
# **Where you are:** chapter section 10.4.1, "Observability Endpoints", and Figure 10.2 ·
# about 35 minutes · before this: [04 · Several runners](04_several_runners.ipynb) ·
# next: [06 · Bento](06_bento.ipynb)
#
# A model service can answer every request with 200 and be wrong, or run without ever having loaded
# its model. You only find out if you measure. In this notebook you check BentoML's health
# endpoints, make them tell the truth, and add metrics and a log of answers. Then you let a real
# Prometheus, a server that collects metrics, raise an [alert](GLOSSARY.md#alert-rule) when you kill
# the service.
#
# ## After this notebook you can
#
# - say what each of `/livez`, `/healthz`, `/readyz` and `/metrics` reports, and what it does not,
# - make readiness wait for the model, and liveness notice a model that broke,
# - add metrics of your own that stay right with several worker processes,
# - find in a log what a model received, what it answered, and which version it was,
# - read an alert rule, and watch it go from *inactive* through *pending* to *firing*.

# %% [markdown]
# Section 6 sends `requests` requests to each service, `concurrency` of them at a time, after
# one warm-up round that is not counted. Each load in section 7 lasts `load_seconds` seconds:

# %% tags=["parameters"]
requests, concurrency = 96, 8
load_seconds = 15

# %% [markdown]
# Check the machine first. `MISSING` means that a step will fail, `NOT RUN HERE` that it is skipped.
# Each such line ends with the command that fixes it.

# %% tags=["setup", "volatile"]
from services.setup import preflight

preflight.needs("prometheus", "hey")

# %% tags=["setup"]
import os
import shutil
import signal
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pandas as pd

from services.bentoml_support import labels
from services.environment import ROOT, build_dir
from services.id_card.monitoring import metrics as detector_metrics
from services.id_card.samples import SAMPLES, sample_path
from services.workbench import load, plots, servers, show, timing
from services.workbench.servers import prometheus

folder = build_dir() / "notebooks" / "05"
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
PROBES = ("/livez", "/healthz", "/readyz")
OLD = "services.id_card.bento.runner_service:svc"
PLAIN = "services.id_card.bento.service:IdCardDetector"
OBSERVED = "services.id_card.bento.observed_service:IdCardDetector"

# %% [markdown]
# ## 1. What comes with BentoML
#
# Start the chapter's service with two API servers, as you would in a terminal (where Ctrl-C stops it):

# %%
old = servers.shell("""
    bentoml serve services.id_card.bento.runner_service:svc
        --host 127.0.0.1 --port $PORT --api-workers 2
""")

# %% [markdown]
# Then start today's service in this notebook's version. It has the same endpoints, plus the probes,
# metrics and log that you will see below. It gets two [workers](GLOSSARY.md#worker). A request
# reaches only one of them, so wait until the log shows that both have loaded their model:


# %%
def both_loaded(server):
    return server.log.read_text().count("loaded and warm") == 2


settings = {"ID_CARD_WORKERS": "2", "ID_CARD_LOG": str(folder / "log")}
new = servers.bentoml(OBSERVED, env=settings, ready=both_loaded)

# %% [markdown]
# The chapter's Figure 10.6 shows health endpoints, Figure 10.7 metrics. Swagger UI, the server's
# page for trying its endpoints, lists them like this:
#
# ![Swagger UI: /healthz, /livez, /readyz and /metrics, under "Infrastructure"](pictures/swagger-machines.png)
#
# Request them from both services:


# %%
def get(server, path):
    answer = httpx.get(server.url + path, timeout=60)
    return f"{answer.status_code} {answer.headers['content-type'].partition(';')[0]}"


rows = [(path, get(old, path), get(new, path)) for path in (*PROBES, "/metrics")]
show.table(rows, columns=("path", "the chapter's service", "today's"))

# %% [markdown]
# Three paths answer with a status and an almost empty body. They are for
# [*probes*](GLOSSARY.md#probe): regular checks by Kubernetes, the system that runs containers on a
# cluster. Kubernetes has no default paths; it uses those in its configuration:
#
# - [**liveness**](GLOSSARY.md#liveness), `/livez`: does this process work? If not, it is restarted.
# - [**readiness**](GLOSSARY.md#readiness), `/readyz`: can it take requests now? If not, it gets none,
#   and is not restarted.
# - `/healthz` is BentoML's second name for `/livez`.
#
# `/metrics` is for Prometheus (section 7): plain text, one line for each number. Here are the lines
# of one metric, broken to fit the page: two comments (`HELP` says what it measures, `TYPE` which
# kind of metric it is) and the first number:

# %% tags=["volatile"]
lines = httpx.get(f"{new.url}/metrics").text.splitlines()
some = [line for line in lines if "request_in_progress" in line][:3]
print(*[textwrap.fill(line, 90) for line in some], sep="\n")

# %% [markdown]
# The chapter expects `/healthz` to report a pod (Kubernetes' unit of one or more containers) that
# cannot initialise. Start the chapter's service with weights that do not exist, wait until the log
# shows the error, and send the probes:


# %%
def gave_up(server):
    return "FileNotFoundError: no weights" in server.log.read_text()


no_weights = {"ID_CARD_WEIGHTS": "no/such/weights.pt"}
failing = servers.bentoml(OLD, api_workers=1, ready=gave_up, env=no_weights)
print({path: get(failing, path)[:3] for path in PROBES})
_ = failing.stop()

# %% [markdown]
# > **Erratum 13** · section 10.4.1 · wrong when printed · `/healthz endpoint would indicate a failure`
# > `/healthz` answers 200 even if the model can never be loaded; only `/readyz` reports the failure.
#
# In the Runner API the model lives in a separate process, the Runner, and `/livez` only checks that
# the web server runs. `/readyz` also checks the Runners. So the service receives no requests, and
# Kubernetes never restarts it, because its liveness probe succeeds.
#
# Today's plain service, the one from notebook 02, loads its model in the constructor. How does it
# fail?

# %%
failing = servers.bentoml(PLAIN, ready=gave_up, env=no_weights)
try:
    httpx.get(f"{failing.url}/livez", timeout=2)
except httpx.HTTPError as error:
    print(type(error).__name__, "· still running:", failing.running)
_ = failing.stop()

# %% [markdown]
# The request timed out. The only worker has ended, but the supervisor, the process that starts the
# workers, still runs and holds the port, so every request waits. After up to ten seconds the
# supervisor starts another worker, which fails in the same way; in a container it starts none. A
# probe that times out counts as failed, so Kubernetes does restart this service. But a healthy
# service that is still loading its model looks the same, and the client learns nothing.
#
# ## 2. Probes that tell the truth
#
# BentoML calls a service's `__is_ready__` and `__is_alive__` if they exist. This is all that the
# service of this notebook adds for its probes:

# %%
show.source(
    "services/id_card/bento/observed_service.py",
    start="def __init__",
    end="return self._loading.exc",
)

# %% [markdown]
# The model is loaded **in the background**, so the server answers probes from its first second: alive,
# not yet ready. `Detector` runs the network once when it is created, so a ready model is also warm. A
# request that arrives too early waits for the model instead of failing. Let this service fail in the
# same way:

# %%
failing = servers.bentoml(OBSERVED, ready=gave_up, env=no_weights)
print({path: get(failing, path)[:3] for path in PROBES})
print(httpx.get(f"{failing.url}/livez").text)
_ = failing.stop()

# %% [markdown]
# All three answers are clear: not ready, and not alive, so restart it. The log has the traceback.
#
# Models also break *later*, for instance when a GPU runs out of memory. Nothing crashes, and every
# answer is a 500. To see it, build a service whose network fails as long as a file named `broken`
# exists:

# %%
(folder / "breakable.py").write_text("""
from pathlib import Path
from services.id_card.model.backends import OnnxBackend
from services.id_card.bento.observed_service import IdCardDetector

works = OnnxBackend.__call__

def run(self, batch):
    if Path("broken").exists():
        raise MemoryError("out of memory")
    return works(self, batch)

OnnxBackend.__call__ = run
""")
single = servers.bentoml("breakable:IdCardDetector", working_dir=folder)

# %% [markdown]
# Send one image after another, and check all three probes after each:


# %%
def send(server, name="one_card"):
    files = {"image": sample_path(name).read_bytes()}
    return httpx.post(f"{server.url}/inference", files=files, timeout=60).status_code


def after_one_more(title):
    return title, send(single), *(get(single, path)[:3] for path in PROBES)


rows = [after_one_more("works")]
(folder / "broken").touch()
rows += [after_one_more("broken") for _ in range(4)]
(folder / "broken").unlink()
rows += [after_one_more("works again")]
show.table(rows, columns=("the network", "/inference", *PROBES))

# %% [markdown]
# The third failure in a row turns the probes to 503. Why not the first? A single image may trigger
# a bug that others do not, and a restart would abort everyone else's requests. A *client's* mistake
# never counts: the middleware (code that runs before the endpoint) rejects it before the detector
# sees it. Counting failures takes only a few lines around the detector:

# %%
show.source(
    "services/id_card/monitoring/observed_detector.py", start="start = time", end="return found"
)

# %% [markdown]
# `_failures` goes back to 0 with each success, so the last row has 200 again. From three on, the
# detector counts as broken, and the probes report it.
#
# `infra/kubernetes/` puts these paths into a Deployment, Kubernetes' description of the pods to run.
# With several workers there is a limit: they share one port, and a probe reaches just **one** of
# them. A broken worker among healthy ones fails some probes and not others. The metrics of the next
# section cover all workers.
#
# ## 3. Metrics of the model
#
# BentoML counts requests, their status codes and their duration. It cannot know how confident the model
# was. So the detector defines its own metrics with Prometheus's Python library:

# %%
show.source(detector_metrics, start="DETECTIONS =", end="multiprocess_mode")

# %% [markdown]
# A metric's name says what is measured, then the unit (`seconds`, or `ratio` for 0 to 1). The
# library adds `_total` to the name of a counter, which only grows. A
# [**histogram**](GLOSSARY.md#histogram) counts values in buckets, so that the counts of several
# servers can be added up later. Send every sample four times, and two uploads that are not images:

# %%
for name in 4 * list(SAMPLES):
    send(new, name)
for upload in (b"", b"not an image"):
    httpx.post(f"{new.url}/inference", files={"image": upload})

samples = prometheus.scrape(new.url)
counted = samples[samples.name.str.match("id_card_.*(_count|detections_sum|_total)$")]
rows = [(row["name"], row.model or row.reason, row.value) for _, row in counted.iterrows()]
show.table(sorted(row for row in rows if row[2]), columns=("sample", "model or reason", "value"))

# %% [markdown]
# Five samples, sent four times, are 20 images, and all are counted once; that they contain 20 boxes as
# well is a coincidence. Each rejected upload is counted under its error code. Yet two processes
# shared the work, and neither knows what the other did. This is how many images each of them
# handled:

# %% tags=["volatile"]
for file in sorted((folder / "log").rglob("data.*.log")):
    print(f"worker {file.suffixes[0][1:]}: {len(file.read_text().splitlines())} images")

# %% [markdown]
# Read the metrics ten times. Whichever process answers, the total is the same:


# %%
def images():
    found = prometheus.scrape(new.url)
    return int(found[found.name == "id_card_detections_count"].value.sum())


print({images() for _ in range(10)})

# %% [markdown]
# How is that possible? `bentoml serve` sets the environment variable `PROMETHEUS_MULTIPROC_DIR` to
# a folder. Each process writes its counts into files there, and `/metrics` adds them up. Counters
# can simply be added. For a [*gauge*](GLOSSARY.md#gauge), which also goes down, the code has to say
# how: images in progress use `livesum`, the sum over live processes.
#
# Without that variable, as in a test or a notebook, a metric counts for its own process only.
#
# ## 4. What must never be a label
#
# Labels split a metric into several time series: `reason="image_empty"`, `reason="image_format"` and so
# on. Prometheus stores each series, so a label's values must come from a **closed set**. Now
# imitate one of the scanners that search every public server for forgotten admin pages:

# %%
for name, server in {"the chapter's service": old, "today's": new}.items():
    for number in range(20):
        httpx.get(f"{server.url}/wp-admin-{number}.php")
    text = httpx.get(f"{server.url}/metrics").text
    print(f"{text.count('wp-admin'):4} samples about pages that do not exist · {name}")

# %% [markdown]
# Twenty requests added hundreds of samples to the chapter's service, and none to today's. As
# installed, both of BentoML's APIs take the label `endpoint` from the path **as the client wrote
# it**. Each page that does not exist adds a histogram: on the server until it ends, and in Prometheus
# for as long as it keeps data.
#
# BentoML has no setting to prevent this, so our service replaces one of BentoML's classes and
# labels by *route*, the path that the application defines:

# %%
show.source(labels._route)

# %% [markdown]
# ## 5. What went in, what came out
#
# Metrics show *that* something changed. To see *what*, you need individual answers: the input, the
# output and the model's version. `bentoml.monitor` writes one line for each answer:

# %%
show.source(
    "services/id_card/bento/observed_service.py", start="with bentoml.monitor", end='"version"'
)

# %% [markdown]
# The image is **not** logged. It shows someone's identity card, and many people can read a log.
# Each worker writes its own file, so read them all. BentoML adds a timestamp and the request's id.
# (The file contains `0.9105`; where the table shows `0.9105000000000001`, pandas' fast number
# parser made it.)

# %%
files = sorted((folder / "log").rglob("data.*.log"))
answers = pd.concat([pd.read_json(file, lines=True) for file in files])
answers = answers.sort_values("timestamp", ignore_index=True)
answers["boxes"] = answers.confidences.str.len()
shown = answers[["width", "height", "boxes", "confidences", "model", "version"]]
shown.head(len(SAMPLES)).rename_axis(columns="row")

# %% [markdown]
# The log is now a table that you can query. Grouped by version, it compares two versions of a model;
# here there is only one:

# %%
one_a_box = answers.explode("confidences").astype({"confidences": float})
by_version = one_a_box.groupby("version").confidences.agg(["count", "min", "mean", "max"])
by_version.round(2).rename_axis(index=None, columns="version")

# %% [markdown]
# The one version found 20 boxes, with a mean confidence of 0.78. If a second version appeared here
# with a much lower mean, that would be the first thing to look into.
#
# ## 6. Several web servers, several Runners
#
# Figure 10.2 shows several API servers in front of several Runners. Both your services run several
# processes; here they are:

# %% tags=["volatile"]
for name, server in {"the chapter's service": old, "today's": new}.items():
    for process in server.processes():
        role = next((word for word in process.command if "worker." in word), "supervisor")
        print(f"pid {process.pid:<7} {role:<38} {name}")

# %% [markdown]
# The Runner API has two settings. `--api-workers` sets the number of web servers. The number of
# Runners follows from the Runnable: one for each core, unless it sets
# `SUPPORTS_CPU_MULTI_THREADING`. Today's API has one setting, `workers=`, because each of its
# processes is both web server and model.
#
# The chapter's Listing 10.1 sets something else, `resources={"cpu": "2"}`. Serve the same class
# twice, with 1 and with 64 instead of 2, and see what changes:

# %%
(folder / "limited.py").write_text("""
import os
import bentoml
from services.environment import usable_cores

@bentoml.service(resources={"cpu": os.environ["CPU"]})
class Limited:
    @bentoml.api
    def cores(self) -> int:
        return usable_cores()
""")
seen = []
for cpu in ("1", "64"):
    with servers.bentoml("limited:Limited", working_dir=folder, env={"CPU": cpu}) as server:
        cores = httpx.post(f"{server.url}/cores", json={}).json()
        seen.append((len(server.processes()), cores))
print("the same number of processes and of usable cores:", seen[0] == seen[1])

# %% [markdown]
# > **Erratum 38** · section 10.5.1 · defect of a library · `resources={"cpu": "2"},`
# > A local `bentoml serve` ignores the number: it starts no additional process and reserves no core.
#
# BentoCloud, BentoML's hosting service, uses this number to choose a machine. On your own machine
# set `workers=` and the number of threads; in Kubernetes set the container's `resources`.
#
# Do more workers help? Put the same load on one worker, on two, and on the chapter's service. The
# load comes from [hey](https://github.com/rakyll/hey), a load generator, if it is installed:

# %% tags=["volatile"]
image = sample_path("two_cards")
done = []


def under_load(server):
    url, share = f"{server.url}/inference", {"requests": requests // 3, "concurrency": concurrency}
    return lambda: done.append(load.send(url, image, **share))


ways = {"1 worker": single, "2 workers": new, "2 + 2 (Runner API)": old}
ways = {title: under_load(server) for title, server in ways.items()}
seconds = timing.interleaved(ways, rounds=3)
print(
    f"{done[0].client} sent {sum(one.sent for one in done)}, lost {sum(one.lost for one in done)}"
)

# %% tags=["volatile"]
ratios = timing.ratios(seconds, reference="1 worker")
title = "Time for the same load"
fig = plots.ratio_bars(list(ratios), list(ratios.values()), reference="1 worker", title=title)
show.figure(fig, alt="Bars: how long the same load took with two workers and with Runners")

# %% [markdown]
# With the defaults, each of the three services got 96 requests, and 32 for the warm-up; `lost` should be 0. In
# the figure a shorter bar is better; yours will differ. (*1 worker* is the service of section 2.)
# Two workers do not halve the time: each already computes an image with
# **all** cores, so the second worker mostly fills gaps while images are decoded and answers
# written.
#
# The Runners divide the cores differently: for each core, one process with a single thread. They do
# not compete for cores, but each image is computed by one core only, and it has to travel between two
# processes first. Workers also cost memory, since each holds a copy of the model. So measure with
# your model, on the machine that will serve it.
#
# ## 7. A real Prometheus
#
# Prometheus [*scrapes*](GLOSSARY.md#scrape) `/metrics`: it reads all its targets every few seconds and
# stores the values. It also evaluates rules, which record a value or raise an alert. Ours are in
# `infra/prometheus/`. The most important one is this:

# %%
show.source("infra/prometheus/alerts.yml", start="- alert: ServiceDown", end="severity")

# %% [markdown]
# Prometheus sets `up` to 1 for a target whose last scrape succeeded. The alert fires only after the
# condition has held **for** a minute, so one failed scrape wakes nobody. A minute is too long for a
# notebook: here Prometheus scrapes every two seconds instead of every 15, and the condition has to hold
# for four seconds. Nothing else is changed.

# %% tags=["volatile"]
tool = preflight.find_tool("prometheus")
print(tool)
watcher = None
if tool.status == preflight.OK:
    watcher = prometheus.start([new.url], scrape_every=2, hold=4)
    watcher.wait_for(lambda: watcher.query("up").value.tolist() == [1])

# %% [markdown]
# Put load on the service for a while: first one request at a time, then several. Between the two
# loads, send an upload that is rejected. Each load ends early if a request is lost:


# %% tags=["volatile"]
def keep_loading(at_a_time):
    started, sent, lost = time.time(), 0, 0
    while time.time() < started + load_seconds and not lost:
        part = {"requests": 4 * at_a_time, "concurrency": at_a_time}
        one = load.send(f"{new.url}/inference", image, **part)
        sent, lost = sent + one.sent, lost + one.lost
    print(f"{at_a_time} at a time: {sent} sent, {lost} lost")
    return started


if watcher:
    marks = {"one at a time": keep_loading(1)}
    httpx.post(f"{new.url}/inference", files={"image": b"not an image"})
    marks[f"{concurrency} at a time"] = keep_loading(concurrency)
    total = "sum(id_card_detections_count)"
    watcher.wait_for(lambda: watcher.query(total).value.sum() == images())

# %% [markdown]
# The last line of the cell waits until Prometheus has scraped the final count. Now query Prometheus
# in its own language, [PromQL](GLOSSARY.md#PromQL):

# %% tags=["volatile"]
RATE = 'sum(rate(bentoml_service_request_total{endpoint="/inference"}[15s]))'
P95 = "histogram_quantile(0.95, sum by (le) (rate({}_bucket[15s])))"
queries = {
    "requests per second": RATE,
    "seconds for 95 of 100 requests": P95.format("bentoml_service_request_duration_seconds"),
    "seconds of that in the detector": P95.format("id_card_inference_duration_seconds"),
    "boxes per image": "sum(id_card_detections_sum) / sum(id_card_detections_count)",
    "share of failed requests": "job:bentoml_service_request_errors:ratio_rate5m",
}
rows = [(title, f"{watcher.query(q).value[0]:.3g}") for title, q in queries.items() if watcher]
show.table(rows, columns=("query", "result"))

# %% [markdown]
# A counter by itself says little; `rate` turns it into "per second". `histogram_quantile` estimates
# the percentile from the buckets, so it is only as exact as they are narrow. Compare the second row
# with the third: the detector's 95th percentile is below that of the whole request. Percentiles
# cannot be subtracted, so the difference is not exactly the time outside the detector. But it shows
# that requests spend time elsewhere, and under this load mostly **waiting for a free thread or
# core**. The rejected upload is not a failure: only 5xx count.
#
# Grafana, a program for dashboards, sends such queries, too. Does each panel of the dashboard in
# `infra/grafana/` get a result?

# %% tags=["volatile"]
panels = prometheus.panels(ROOT / "infra" / "grafana" / "dashboards" / "id_card_detector.json")
if watcher:
    empty = [t for t, sent in panels.items() if any(watcher.query(q).empty for q in sent)]
    print(f"{len(panels)} panels:", *panels, sep="\n  ")
    print("without a result:", empty or "none")

# %% [markdown]
# Now **kill the service** while requests arrive. Halfway through a third load, the supervisor and
# its workers get SIGKILL, the signal that ends a process at once, without a chance to shut down.
# Then follow the alert:

# %% tags=["volatile"]
if watcher:
    with ThreadPoolExecutor(1) as background:
        _ = background.submit(keep_loading, concurrency)
        halfway = time.time() + load_seconds / 2
        watcher.wait_for(lambda: time.time() > halfway)
        marks["killed"] = time.time()
        for process in new.processes():
            os.kill(process.pid, signal.SIGKILL)
        for seconds, state in watcher.watch("ServiceDown", until="firing"):
            print(f"{seconds:4.1f} s  {state}")

# %% [markdown]
# The alert is *inactive* until the next scrape fails, *pending* while the condition has to hold,
# then *firing*. Now Alertmanager, the program that delivers Prometheus's alerts, would call
# somebody. Prometheus's own page of alerts, at the path `/alerts` (`/classic/alerts` in Debian's
# package), shows it in red:
#
# ![Prometheus's page of alerts: ServiceDown, 1 active, with its expression and its annotations](pictures/prometheus.png)
#
# The requests under way were lost, and so were those that followed. The person on call would look at
# these three curves, here over windows of eight seconds:

# %% tags=["volatile"]
if watcher:
    shown = {
        "requests / s": f"{RATE} or vector(0)",
        "p95, seconds": queries["seconds for 95 of 100 requests"],
        "up": f'sum(up{{job="{prometheus.JOB}"}})',
    }
    shown = {label: query.replace("15s", "8s") for label, query in shown.items()}
    watcher.wait_for(lambda: watcher.query(shown["p95, seconds"]).dropna().empty)
    begun = time.time() - min(marks.values()) + 5
    histories = {label: watcher.history(query, begun) for label, query in shown.items()}
    before_now = {text: moment - time.time() for text, moment in marks.items()}
    fig = plots.over_time(histories, marks=before_now, xlabel="seconds before now")
alt = "Request rate, latency and up over time; up falls to 0 where the service was killed"
show.figure(fig, alt=alt) if watcher else print(tool)

# %% [markdown]
# Read the curves from left to right. With one request at a time, the latency is the work itself.
# With eight times as many requests at a time, the rate rises far less than eightfold, because the
# cores are the limit: compare the two numbers of requests sent. The others wait or share the cores,
# so each takes longer, and the latency rises instead. At *killed*, `up` drops to 0, the rate falls
# as the window empties, and the latency curve ends.
#
# A rate of zero alone does not tell you whether the service is dead or just has no clients; `up` does.
#
# ## What broke, and why
#
# | What one might believe | What happens | What we did |
# |---|---|---|
# | `/healthz` shows a failed start (chapter) | 200 without a model | liveness that knows the model |
# | `resources={"cpu": "2"}` gives two cores (chapter) | no effect on your own machine | `workers=`, threads |
# | a server that is loading says so | it does not answer at all | load in the background; `/readyz` 503 |
# | a broken model crashes | 500 for every request, probes at 200 | three failures in a row turn the probes to 503 |
# | built-in metrics are safe to scrape | a series for every path that a client makes up | labels by route |
# | twice the workers, twice the speed | only where cores are idle | measured it, as a ratio |
#
# ## Summary
#
# - Liveness decides on restarts, readiness on traffic. Neither knows your model unless you implement it.
# - Measure the model itself: boxes, confidence, seconds, by model and version. Labels are a closed set.
# - With several processes, metrics are merged through files, and a probe reaches only one of them.
# - A log of answers explains what a metric shows. Keep personal data out of it.
# - An alert is a condition that held for a while. Test it like code, for instance with `promtool`.
#
# **Practise:** `make lab N=05` opens your copy of [Lab 05](../labs/lab05_observability/lab05_observability.ipynb),
# in which you write the metrics, the probes and an alert yourself.
#
# **Next:** [06 · Bento](06_bento.ipynb) packages the service, its model and its requirements, and turns
# the package into a [container](GLOSSARY.md#container-image).

# %% tags=["teardown"]
for server in (old, new, single, *([watcher] if watcher else [])):
    _ = server.stop()
print("processes left:", sum(len(server.processes()) for server in (old, new, single)))
