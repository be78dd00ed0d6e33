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
# **Where you are:** chapter section 10.4, "Observability Endpoints", and Figure 10.2 ·
# about 35 minutes · before this: [04 · Several runners](04_several_runners.ipynb) ·
# next: [06 · Bento](06_bento.ipynb)
#
# A model fails in silence. It answers 200 and is wrong, or it never loads and nobody asks. In this
# notebook you ask: first the probes that come with BentoML, then better ones, then a real Prometheus
# that watches the service while you kill it.
#
# ## After this notebook you can
#
# - say what each of `/livez`, `/healthz`, `/readyz` and `/metrics` promises, and what it does not,
# - make readiness wait for the model, and liveness notice a model that broke,
# - add metrics of your own that stay right with several worker processes,
# - find in a log what a model was asked, what it said, and which version it was,
# - write an alert, and watch it go from *inactive* over *pending* to *firing*.

# %% [markdown]
# How many requests each load below sends, and how many of them are under way at a time:

# %% tags=["parameters"]
requests, concurrency = 96, 8

# %% [markdown]
# What this machine has: `MISSING` stops you, `NOT RUN HERE` skips a step. Each such line ends with the
# command that mends it.

# %% tags=["setup", "volatile"]
from services.workbench import preflight

print(*preflight.report(), sep="\n")

# %% tags=["setup"]
import os
import shutil
import signal
import time

import httpx
import pandas as pd

from services import bentoml_labels
from services.environment import ROOT, build_dir
from services.id_card import telemetry
from services.id_card.samples import SAMPLES, sample_path
from services.workbench import load, plots, prometheus, servers, show, timing

folder = build_dir() / "notebooks" / "05"
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
PROBES = ("/livez", "/healthz", "/readyz")
OLD = "services.id_card.runner_service:svc"
PLAIN = "services.id_card.service:IdCardDetector"
OBSERVED = "services.id_card.observed_service:IdCardDetector"

# %% [markdown]
# ## 1. What comes with BentoML
#
# Start the chapter's service, and today's in the version of this notebook: the same endpoints, and
# what you are about to see around them. Each gets two processes that answer HTTP. A probe reaches
# just one of them, so wait until both have said in the log that their model is there.


# %%
def both_loaded(server):
    return server.log.read_text().count("loaded and warm") == 2


old = servers.bentoml(OLD, api_workers=2)
settings = {"ID_CARD_WORKERS": "2", "ID_CARD_LOG": str(folder / "log")}
new = servers.bentoml(OBSERVED, env=settings, ready=both_loaded)

# %% [markdown]
# Figure 10.6 promises probes, Figure 10.7 metrics. Here they are, asked of both services:


# %%
def ask(server, path):
    answer = httpx.get(server.url + path, timeout=60)
    return f"{answer.status_code} {answer.headers['content-type'].partition(';')[0]}"


rows = [(path, ask(old, path), ask(new, path)) for path in (*PROBES, "/metrics")]
show.table(rows, columns=("path", "the chapter's service", "today's"))

# %% [markdown]
# Three paths answer with a status and an empty line, for machines. Kubernetes asks them, or any others
# that you write into its configuration; it has no defaults:
#
# - **liveness**, `/livez`: should this process be left alone? If not, it is restarted.
# - **readiness**, `/readyz`: should it get requests now? If not, it gets none, and lives on.
# - `/healthz` is BentoML's second name for `/livez`. It tells nothing else.
#
# The chapter expects more of it: of a pod that cannot initialise, `/healthz` is to report the failure.
# Start its service with weights that do not exist, wait until the log says so, and ask:


# %%
def gave_up(server):
    return "FileNotFoundError: no weights" in server.log.read_text()


no_weights = {"ID_CARD_WEIGHTS": "no/such/weights.pt"}
failing = servers.bentoml(OLD, api_workers=1, ready=gave_up, env=no_weights)
print({path: ask(failing, path)[:3] for path in PROBES})
_ = failing.stop()

# %% [markdown]
# **Erratum 13.** `/healthz` says 200 of a service that has no model and never will. In this API
# the model lives in the Runner's process, and `/livez` asks the web server only whether it runs. Just
# `/readyz` asks the Runners too: no request reaches the service, and nothing ever restarts it.
#
# Today's plain service, of notebook 02, loads its model in the constructor. How does that fail?

# %%
failing = servers.bentoml(PLAIN, ready=gave_up, env=no_weights)
try:
    httpx.get(f"{failing.url}/livez", timeout=2)
except httpx.HTTPError as error:
    print(type(error).__name__, "· still running:", failing.running)
_ = failing.stop()

# %% [markdown]
# Its only worker died while its supervisor lives and holds the port: whoever asks waits. A probe that
# times out counts as failed, so Kubernetes does find out. But it looks the same while a healthy model is
# still loading, and the answer says nothing.
#
# ## 2. Probes that tell the truth
#
# BentoML asks a service's `__is_ready__` and `__is_alive__` if it has them. This is all that the
# service of this notebook adds for its probes:

# %%
show.source(
    "services/id_card/observed_service.py", start="def __init__", end="return self._loading.exc"
)

# %% [markdown]
# The model is loaded **in the background**, so that the server can answer probes from its first second:
# alive, not yet ready. `Detector` runs the network once when it is made; what is ready is also warm. A
# request that comes too early waits for the model instead of failing. The endpoints are inherited from
# the plain service. Let it fail in the same way:

# %%
failing = servers.bentoml(OBSERVED, ready=gave_up, env=no_weights)
print({path: ask(failing, path)[:3] for path in PROBES})
print(httpx.get(f"{failing.url}/livez").text)
_ = failing.stop()

# %% [markdown]
# Three clear answers: not ready, and not alive, so please restart. The log has the traceback.
#
# Models also break *later*: a GPU loses its memory, a driver hangs up. Nothing crashes, every answer
# is a 500. To see it, build a service whose network fails while a file named `broken` exists:

# %%
(folder / "breakable.py").write_text("""
from pathlib import Path
from services.id_card.backends import OnnxBackend
from services.id_card.observed_service import IdCardDetector

works = OnnxBackend.__call__

def run(self, batch):
    if Path("broken").exists():
        raise MemoryError("out of memory")
    return works(self, batch)

OnnxBackend.__call__ = run
""")
single = servers.bentoml("breakable:IdCardDetector", working_dir=folder)

# %% [markdown]
# Send one picture after another, and ask both probes after each:


# %%
def send(server, name="one_card"):
    files = {"image": sample_path(name).read_bytes()}
    return httpx.post(f"{server.url}/inference", files=files, timeout=60).status_code


def after_one_more(title):
    return title, send(single), *(ask(single, path)[:3] for path in PROBES)


rows = [after_one_more("works")]
(folder / "broken").touch()
rows += [after_one_more("broken") for _ in range(4)]
(folder / "broken").unlink()
rows += [after_one_more("works again")]
show.table(rows, columns=("the network", "/inference", *PROBES))

# %% [markdown]
# The third failure in a row turns both probes. Why not the first? One picture may hit a bug that
# others do not, and a restart would throw away everybody's work for it. What a *client* gets wrong never
# counts: the gate refuses it before the detector sees it. The rule is a few lines around the core:

# %%
show.source("services/id_card/observed.py", start="start = time", end="return found")

# %% [markdown]
# `infra/kubernetes/` puts these paths into a Deployment. Mind one thing with several workers: they share
# one port, and a probe reaches **one** of them, whichever takes it. A broken worker among healthy
# ones is seen by some probes and not by others. The metrics of the next section come from all of them.
#
# ## 3. Numbers of the model's own
#
# BentoML counts requests, their status codes and seconds. It cannot know how sure the model was. So
# the detector has metrics itself, made with Prometheus's own Python library:

# %%
show.source(telemetry, start="DETECTIONS =", end="multiprocess_mode")

# %% [markdown]
# Read the names: what is measured, then the unit (`seconds`, `ratio` for 0 to 1), and `_total` where it
# only ever grows. A **histogram** counts into buckets, so that servers can be added up later. Send every
# sample four times, and two files that are no pictures:

# %%
for name in 4 * list(SAMPLES):
    send(new, name)
for upload in (b"", b"no picture"):
    httpx.post(f"{new.url}/inference", files={"image": upload})

samples = prometheus.scrape(new.url)
counted = samples[samples.name.str.match("id_card_.*(_count|detections_sum|_total)$")]
rows = [(row["name"], row.model or row.reason, row.value) for _, row in counted.iterrows()]
show.table(sorted(row for row in rows if row[2]), columns=("sample", "model or reason", "value"))

# %% [markdown]
# Each picture is counted once, each refusal under its code. Yet two processes did the work, and neither
# knows what the other did. This is who served:

# %% tags=["volatile"]
for file in sorted((folder / "log").rglob("data.*.log")):
    print(f"worker {file.suffixes[0][1:]}: {len(file.read_text().splitlines())} pictures")

# %% [markdown]
# Ask ten times; whichever process answers, it is the same sum:


# %%
def pictures():
    found = prometheus.scrape(new.url)
    return int(found[found.name == "id_card_detections_count"].value.sum())


print({pictures() for _ in range(10)})

# %% [markdown]
# `bentoml serve` gives its processes a folder in the variable `PROMETHEUS_MULTIPROC_DIR`. Each process
# writes its counts into files there, and `/metrics` adds up all of them. Counts simply add. A *gauge*
# must say what adding means: `livesum`, the sum over processes that live, for pictures in progress.
# Make one without the variable, as in a test or a notebook, and it counts for its own process only.
#
# ## 4. What must never be a label
#
# A label makes one time series into many: `reason="image_empty"`, `reason="image_format"` and so on.
# Prometheus keeps every one. So a label's values must come from a **closed set**. Now be a scanner that
# looks for forgotten admin pages, as scanners do all day:

# %%
for server in (old, new):
    for number in range(20):
        httpx.get(f"{server.url}/wp-admin-{number}.php")
    text = httpx.get(f"{server.url}/metrics").text
    print(f"{text.count('wp-admin'):4} samples about pages that do not exist · {server.name}")

# %% [markdown]
# BentoML takes its label `endpoint` from the path **as the client wrote it**, in both of its APIs. Each
# page that does not exist costs a histogram, in the server's files and in your Prometheus, until the
# server ends. There is no setting against it. Our service swaps one class of BentoML's for another, which
# labels by *route*:

# %%
show.source(bentoml_labels._route)

# %% [markdown]
# ## 5. What went in, what came out
#
# Metrics say *that* something changed. To learn *what*, you need single answers: the input, the output,
# the model's version. `bentoml.monitor` writes them down, one line an answer:

# %%
show.source("services/id_card/observed_service.py", start="with bentoml.monitor", end='"version"')

# %% [markdown]
# Note what is **not** in it: the picture. It shows somebody's identity card, and a log is read by many.
# Each worker has a file of its own, so read them all. BentoML adds a time and the request's id:

# %%
files = sorted((folder / "log").rglob("data.*.log"))
answers = pd.concat([pd.read_json(file, lines=True) for file in files])
answers = answers.sort_values("timestamp", ignore_index=True)
answers["boxes"] = answers.confidences.str.len()
answers[["width", "height", "boxes", "confidences", "model", "version"]].head(len(SAMPLES))

# %% [markdown]
# A table, so every question that you can ask of a table. One line for each version would compare two:

# %%
one_a_box = answers.explode("confidences").astype({"confidences": float})
one_a_box.groupby("version").confidences.agg(["count", "min", "mean", "max"]).round(2)

# %% [markdown]
# ## 6. Several web servers, several Runners
#
# Figure 10.2 draws many API servers before many Runners. You have both running. Their processes:

# %% tags=["volatile"]
for server in (old, new):
    for process in server.processes():
        role = next((word for word in process.command if "worker." in word), "supervisor")
        print(f"pid {process.pid:<7} {role:<38} {server.name}")

# %% [markdown]
# The Runner API knows two numbers. `--api-workers` is that of the web servers. That of the Runners
# follows from the Runnable: without `SUPPORTS_CPU_MULTI_THREADING` there is one for each core. Today's
# service has one number, `workers=`, since each of its processes is both. Does it help? Put the same load
# on one worker and on two, with [hey](https://github.com/rakyll/hey) where it is installed:

# %% tags=["volatile"]
picture = sample_path("two_cards")
done = []


def under_load(server):
    url, share = f"{server.url}/inference", {"requests": requests // 3, "concurrency": concurrency}
    return lambda: done.append(load.send(url, picture, **share))


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
# No request is lost. Shorter bars are better, and yours will differ from these. Two workers do not halve
# the time: each of them already computes one picture with **all** cores, so the second mostly finds
# them taken and fills gaps, while pictures are decoded and answers written. The Runners share out the
# cores in another way, one process and one thread for each, so they stay out of each other's way when
# there is a queue; a single request has one core then. Workers also cost memory: each holds a copy of the
# model. So measure with your own model, on the machine that will serve it.
#
# ## 7. A real Prometheus
#
# Prometheus reads `/metrics` of all its targets every few seconds and keeps what it read. It also
# evaluates rules: some record a figure, some raise an alert. Ours are in `infra/prometheus/`. The one to
# remember is this:

# %%
show.source("infra/prometheus/alerts.yml", start="- alert: ServiceDown", end="severity")

# %% [markdown]
# `up` is Prometheus's own: 1 where the last reading succeeded. Only after the condition has held **for**
# a minute does the alert fire, so a lost packet wakes nobody. Minutes are too long for a notebook: this
# Prometheus reads every two seconds instead of every 15, and four seconds stand for the minute. Nothing
# else is changed.

# %% tags=["volatile"]
tool = preflight.find_tool("prometheus")
print(tool)
watcher = None
if tool.status == preflight.OK:
    watcher = prometheus.start([new.url], scrape_every=2, hold=4)
    watcher.wait_for(lambda: watcher.query("up").value.tolist() == [1])
begun = time.time()

# %% [markdown]
# Put load on the service: first one request at a time, then several, and a refusal now and then.

# %% tags=["volatile"]
if watcher:
    for at_a_time in (1, concurrency):
        done = load.send(f"{new.url}/inference", picture, requests=requests, concurrency=at_a_time)
        httpx.post(f"{new.url}/inference", files={"image": b"no picture"})
        print(f"{at_a_time} at a time: {dict(done.statuses)}")
    total = "sum(id_card_detections_count)"
    watcher.wait_for(lambda: watcher.query(total).value.sum() == pictures())

# %% [markdown]
# The last line waited until Prometheus had read the final count. Now ask *it*, in its language:

# %% tags=["volatile"]
P95 = "histogram_quantile(0.95, sum by (le) (rate({}_bucket[30s])))"
questions = {
    "requests a second": 'sum(rate(bentoml_service_request_total{endpoint="/inference"}[30s]))',
    "seconds for 95 of 100 requests": P95.format("bentoml_service_request_duration_seconds"),
    "seconds of that in the detector": P95.format("id_card_inference_duration_seconds"),
    "boxes a picture": "sum(id_card_detections_sum) / sum(id_card_detections_count)",
    "share of failed requests": "job:bentoml_service_request_errors:ratio_rate5m",
}
rows = [(title, f"{watcher.query(q).value[0]:.3g}") for title, q in questions.items() if watcher]
show.table(rows, columns=("asked", "answered"))

# %% [markdown]
# A counter is of no use by itself; `rate` makes "a second" of it. `histogram_quantile` finds the
# percentile in the buckets, hence only as exactly as those are narrow. Compare the second row with the
# third: what lies between them is decoding and **waiting for a worker**.
#
# The Grafana dashboard in `infra/grafana/` asks such questions too. Is there an answer to each?

# %% tags=["volatile"]
panels = prometheus.panels(ROOT / "infra" / "grafana" / "dashboards" / "id_card_detector.json")
if watcher:
    empty = [t for t, asked in panels.items() if any(watcher.query(q).empty for q in asked)]
    print(f"{len(panels)} panels: {' · '.join(panels)}")
    print("without an answer:", empty or "none")

# %% [markdown]
# Now **kill the service**: SIGKILL to the supervisor and its workers, which leaves nobody to say goodbye.
# Then follow the alert.

# %% tags=["volatile"]
if watcher:
    killed = time.time()
    for process in new.processes():
        os.kill(process.pid, signal.SIGKILL)
    for seconds, state in watcher.watch("ServiceDown", until="firing"):
        print(f"{seconds:4.1f} s  {state}")

# %% [markdown]
# *Inactive* until the next reading fails, *pending* while the condition has to hold, then *firing*: from
# here an Alertmanager would page somebody. This is what that person would look at:

# %% tags=["volatile"]
if watcher:
    asked = {
        "requests / s": questions["requests a second"].replace("30s", "8s"),
        "p95, seconds": questions["seconds for 95 of 100 requests"].replace("30s", "8s"),
        "up": f'sum(up{{job="{prometheus.JOB}"}})',
    }
    histories = {label: watcher.history(q, time.time() - begun) for label, q in asked.items()}
    marks = {"killed": killed - time.time()}
    fig = plots.over_time(histories, marks=marks, xlabel="seconds before now")
alt = "Request rate, latency and up over time; up falls to 0 where the service was killed"
show.figure(fig, alt=alt) if watcher else print(tool)

# %% [markdown]
# Read it from left to right. One request at a time: a modest rate, and a latency that is the work itself.
# Several at a time: more answers a second where cores are left for them, and everyone waits in the queue,
# so latency rises more than the rate does. Then nothing. A rate of zero alone would not tell you whether the service is dead or
# merely unasked; `up` does.
#
# ## What broke, and why
#
# | What one might believe | What happens | What we did |
# |---|---|---|
# | `/healthz` shows a failed start (chapter) | 200 without a model | liveness that knows the model |
# | a server that is loading says so | it does not answer at all | load in the background; `/readyz` 503 |
# | a broken model crashes | 500 for every request, probes at 200 | three failures in a row turn the probes |
# | built-in metrics are safe to scrape | a series for every path anybody asks for | labels by route |
# | twice the workers, twice the speed | only where cores are idle | measured it, as a ratio |
#
# ## Summary
#
# - Liveness decides on restarts, readiness on traffic. Neither knows your model unless you tell it.
# - Measure the model itself: boxes, confidence, seconds, by model and version. Labels are a closed set.
# - With several processes, metrics are merged through files, and a probe sees only one of them.
# - A log of answers explains what a metric shows. Keep people's data out of it.
# - An alert is a condition that held for a while. Test it like code; `promtool` does.
#
# **Practise:** in [Lab 05](../labs/lab05_observability/lab05_observability.ipynb) you write the metrics, the probes and
# an alert yourself.
#
# **Next:** [06 · Bento](06_bento.ipynb) packs the service, its model and its requirements into one
# archive, and that into a container.

# %% tags=["teardown"]
for server in (old, new, single, *([watcher] if watcher else [])):
    _ = server.stop()
print("processes left:", sum(len(server.processes()) for server in (old, new, single)))
