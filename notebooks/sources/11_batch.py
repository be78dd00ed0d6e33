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
# # 11 · Batch
#
# **Where you are:** chapter sections 10.1 and 10.2, "Inference Patterns" · about 25 minutes ·
# before this: [10 · Choosing](10_choosing.ipynb) · next:
# [12 · Your own model, in an empty folder](12_own_model.ipynb)
#
# A service waits for requests. Often there is nothing to wait for: last year's uploads are in a
# folder, or every user should find ten movies in tomorrow's mail. **Batch inference** computes all
# answers at once and writes a table. It needs no server, no port and no probe (a request that
# checks a server's health).
#
# The chapter mentions batch inference next to real-time inference but does not go into detail. In
# this notebook you run it with the same two models, the ID-card detector and the recommender. You
# kill a job halfway, and spread one over several processes.
#
# ## After this notebook you can
#
# - say when a batch job is a better choice than a service,
# - make a long job survive a kill at any moment, without a lost or duplicated row,
# - keep bad inputs in the result instead of failing on them,
# - run the same job on an engine for many machines, and know that the rows are the same,
# - compare a batch job's [throughput](GLOSSARY.md#throughput) (images per second) with that of the
#   bare model and of the online service.

# %% [markdown]
# The notebook's folder will contain this many copies of each of the five sample images:

# %% tags=["parameters"]
copies = 16

# %% [markdown]
# What this machine offers: `MISSING` stops the notebook, `NOT RUN HERE` skips a step. Each such line
# ends with the command that fixes it.

# %% tags=["setup", "volatile"]
from services.setup import preflight

preflight.needs()

# %% tags=["setup"]
import shutil
import signal
import subprocess
import sys
import textwrap

import httpx
import pandas as pd
from matplotlib.figure import Figure

from services.batch import engines, job, parts
from services.environment import ROOT, build_dir
from services.id_card import batch as id_card
from services.id_card.detector import Detector
from services.id_card.model.images import decode
from services.id_card.samples import SAMPLES, sample_path
from services.recommender import batch as recommender
from services.workbench import servers, show, timing
from services.workbench.servers import terminal, waiting

folder = build_dir() / "notebooks" / "11"
shutil.rmtree(folder, ignore_errors=True)
pictures = folder / "pictures"
pictures.mkdir(parents=True)

# %% [markdown]
# ## 1. A folder, as one finds it
#
# Real folders are not clean. So besides the images we add three files that no detector can use: an image
# that was cut off in a transfer, an empty file, and a text.

# %%
for number in range(copies):
    for name in SAMPLES:
        shutil.copy(sample_path(name), pictures / f"{number:03}_{name}.jpg")
(pictures / "cut.jpg").write_bytes(sample_path("one_card").read_bytes()[:3000])
(pictures / "empty.jpg").touch()
(pictures / "notes.txt").write_text("scanned on Monday")
print(len(list(pictures.iterdir())), "files")

# %% [markdown]
# One command turns the folder into a table. Section 3 explains `--part-size`:

# %%
line = "python -m services.id_card.batch pictures --out detections.parquet --part-size 8 --quiet"
print("exit code", terminal.run(line, cwd=folder))

# %% [markdown]
# The job did not stop at the three bad files, and it did not hide them: there is **one row for each
# file**. So you can check the table by counting its rows. The exit code is 0, although some files
# were bad; with `--strict` it would be 3. From here on a function runs the command:


# %%
def command(*options, out="detections.parquet", engine="local"):
    line = [sys.executable, "-m", "services.id_card.batch", pictures, "--out", folder / out]
    line += ["--part-size", 8, "--quiet", "--engine", engine, *options]
    return [str(part) for part in line]


def run(*options, **more):
    done = subprocess.run(command(*options, **more), cwd=ROOT, capture_output=True, text=True)
    for printed in (done.stdout or done.stderr).replace(f"{folder}/", "").splitlines():
        print(textwrap.fill(printed, 90, subsequent_indent="    ", break_on_hyphens=False))
    return done.returncode


# %% [markdown]
# ## 2. The table
#
# Parquet is a file format that stores columns with their types, lists included. Every data tool reads
# it:

# %%
table = pd.read_parquet(folder / "detections.parquet")
table["boxes"] = table.detections.str.len()
shown = table[["path", "width", "height", "boxes", "error_code"]]
shown.tail(6).rename_axis(columns="row")

# %% [markdown]
# An image without a card has 0 boxes. A file that is not an image has an error code
# instead: the one that the online service would have returned, because both call the same `decode`.

# %%
table.dropna(subset="error_code").set_index("path").error_message.str[:72].to_dict()

# %% [markdown]
# The settings, a hash of the weights and a hash of the list of inputs are written into the file, so
# that you can tell next year which weights made it. (One entry is left out here because it differs
# from run to run: a hash of the inputs' names, sizes and dates.)

# %%
note = job.note_of(folder / "detections.parquet")
{name: str(value)[:12] for name, value in note.items() if name != "inputs_sha256"}

# %% [markdown]
# ## 3. Kill it
#
# A job over a million images takes hours. Meanwhile machines are restarted and spot instances
# (cheap machines that the cloud may take back) disappear. So the job writes its rows in
# [parts](GLOSSARY.md#part-file), here of eight images each (`--part-size 8`). Start it with another
# output file, and send SIGKILL, a signal that no program can handle, when some parts are written:

# %% tags=["volatile"]
half = folder / "half.parquet"
process = subprocess.Popen(command(out=half.name), cwd=ROOT)
waiting.until(lambda: len(list(folder.glob("half.parquet.parts/part-*.parquet"))) >= 4)
process.send_signal(signal.SIGKILL)
print("exit code", process.wait())
for path in sorted(job.parts_folder(half).iterdir()):
    print(path.name)

# %% [markdown]
# The exit code -9 means "ended by signal 9", which is SIGKILL. The folder holds a description of
# the job and the parts that were written. None of the parts is incomplete, although the kill may
# have come while one was being written. This is why:

# %%
show.source(parts.write_whole, start="temporary =")

# %% [markdown]
# A file gets its final name only when all of it is on the disk, and renaming is atomic: it happens
# completely or not at all. So **a part that exists is complete**. Run the same command again:

# %% tags=["volatile"]
_ = run(out=half.name)

# %% [markdown]
# It computed only what was missing; the line says how many rows were there before. Is anything lost or
# duplicated? Compare the file with that of the uninterrupted run, byte by byte:

# %%
same = half.read_bytes() == (folder / "detections.parquet").read_bytes()
paths = pd.read_parquet(half).path
print("the same bytes:", same, "· rows:", len(paths), "· different paths:", paths.nunique())

# %% [markdown]
# The bytes are the same, and every path occurs once: nothing is lost or duplicated.
#
# ## 4. A mistake on purpose
#
# Now the dangerous case: a job is killed, somebody changes the threshold, and the job is resumed. One
# half of the table would use the old threshold and the other half the new one, and nothing would look
# wrong. Try it:

# %%
print("exit code", run("--conf", "0.7"))

# %% [markdown]
# The job's **key** is a hash of all settings, of the weights, and of the names, sizes and dates of
# the inputs. It is in the name of each part. If the key has changed, the command ends with exit
# code 2, names the setting that differs, and changes nothing. It does the same if an image was
# added or changed. The key does not contain the versions of the code and its packages, nor the
# content of the images: after an upgrade, do not resume an old job, but use `--overwrite`. The key
# is computed from this description:

# %%
show.source(job.Job, start="def note", end="self.settings")

# %% [markdown]
# ## 5. How fast?
#
# Compare four ways to get the same boxes: the bare core (the detector without a server), one image
# after another; the batch; and the online service of notebook 02 with one client and with four.
# Each reads the same files from the disk. First start the service:

# %%
module = "services.id_card.bento.service:IdCardDetector"
service = servers.shell(f"bentoml serve {module} --port $PORT", log_lines=1)
files = sorted(pictures.glob("*_*.jpg"))[: 8 * len(SAMPLES)]
detector = Detector(backend="onnx")
find = id_card.FindCards(pictures, 8, id_card.WEIGHTS, "onnx", 0.5)


def ask(path):
    upload = {"image": path.read_bytes()}
    return client.post(f"{service.url}/inference", files=upload, timeout=60).raise_for_status()


# %% tags=["volatile"]
from concurrent.futures import ThreadPoolExecutor

client, pool = httpx.Client(trust_env=False), ThreadPoolExecutor(4)
ways = {
    "bare core": lambda: [detector.detect([decode(path.read_bytes())]) for path in files],
    "batch": lambda: find([path.name for path in files]),
    "service, 1 at a time": lambda: [ask(path) for path in files],
    "service, 4 at a time": lambda: list(pool.map(ask, files)),
}
ratios = timing.ratios(timing.interleaved(ways, rounds=3), reference="bare core")
for name, ratio in ratios.items():
    print(f"{name:22} {1 / ratio:4.2f} times the bare core's images a second")

# %% tags=["volatile"]
fig = Figure((7, 2.4), layout="constrained")
axes = fig.subplots()
bars = axes.barh(list(ratios), list(ratios.values()), color="#0072B2")
axes.bar_label(bars, [f"{ratio:.2f} times" for ratio in ratios.values()], padding=4)
axes.invert_yaxis()
axes.set(xlabel="time for the same images, bare core = 1", xlim=(0, 1.2 * max(ratios.values())))
show.figure(fig, alt="Bars: time for the same images by batch and by the online service")

# %% [markdown]
# Shorter bars are better. The batch has no requests to handle, but it passes eight images through
# the model together. On a GPU that keeps the device busy. On a CPU it may gain or lose time: in
# some runs the batch is ahead of the bare core (a rate above 1), in others behind.
#
# The service spends time on a request, an upload and an answer for each image. With four clients it
# computes one request while it waits for another, so its rate rises towards the bare core's.
#
# Is a service "slower", then? It answers a *single* request within moments, which a batch never does.
#
# ### `bentoml.batch`
#
# The chapter says that BentoML supports batch inference "out of the box". It has a module for it:

# %%
_ = terminal.run("python -c 'import bentoml.batch'", begin="exceptions.MissingDependency", lines=1)

# %% [markdown]
# > **Erratum 54** · section 10.2 · wrong when printed · `both real-time API serving and batch inference`
# > The module `bentoml.batch` has one function, `run_in_spark`: it needs pyspark, and a Bento whose
# > endpoints use the old `bentoml.io` types and accept batches.
#
# `run_in_spark` starts the server of the Bento (BentoML's archive of a service) on each worker of
# Spark (an engine for data on many machines), and sends the rows to it over HTTP. NOT RUN HERE: it
# needs pyspark and Java, and our service uses the new API. You would have to write the rest
# yourself: rows for bad inputs, a key of the settings, and resuming after a kill.
#
# ## 6. All users at once
#
# The recommender's batch job has users as inputs instead of files. Train a small model and compute
# the best five movies for every user. The command is
# `python -m services.recommender.batch --model model.npz --out top.parquet --top-k 5`; the next cell
# calls the same function:

# %%
from services.recommender.recommender import Recommender
from services.recommender.training.synthetic import make_ratings
from services.recommender.training.trainer import fit

ratings, _ = make_ratings(400, 300, 12_000, seed=1)
model = Recommender(fit("mf", ratings, progress=False), ratings).save(folder / "model.npz")
options = ["--model", str(model), "--out", str(folder / "top.parquet"), "--top-k", "5"]
_ = recommender.main([*options, "--quiet"])

# %%
top = pd.read_parquet(folder / "top.parquet")
first = top.explode("items", ignore_index=True)
first = first.join(pd.json_normalize(first["items"]))
first[["user_id", "title", "score"]].head(5).round(2).rename_axis(columns="row")

# %% [markdown]
# `--model` also accepts `models:/recommender_production@prod`, an address in the
# registry of notebook 07. The key then contains the hash of the file behind the alias. If the alias
# moves between a kill and the next run, the job refuses to mix the two versions.
#
# If you ask for more movies than some users have left, these users become rows with an error:

# %%
options = ["--model", str(model), "--out", str(folder / "long.parquet"), "--top-k", "270"]
_ = recommender.main([*options, "--quiet"])

# %% [markdown]
# The last line counts these users: fewer than 270 movies are left for each of them.
#
# ## 7. Many machines
#
# When one machine is too slow, an engine for many machines takes over. [Ray
# Data](https://docs.ray.io/en/latest/data/data.html) starts processes, distributes work among them,
# and restarts those that died. This is all that an engine has to do here, first without
# [Ray](GLOSSARY.md#Ray):

# %%
show.source(engines.local)

# %%
show.source(engines.with_ray, start="class Worker", end="yield int")

# %% [markdown]
# Both call the same `writer` with the numbers of parts; only the caller differs. Each of Ray's processes
# loads the model once and writes its parts itself, so the images never pass through the main process.
#
# Run it with two workers. Ray takes longer to start than this job takes to run:

# %%
_ = run("--workers", "2", out="ray.parquet", engine="ray")
same = (folder / "ray.parquet").read_bytes() == (folder / "detections.parquet").read_bytes()
print("the same bytes:", same)

# %% [markdown]
# The same bytes again, although two processes computed the parts in any order: the parts are joined by
# their numbers. `services/environment.py` makes Ray listen on `127.0.0.1` only and send no usage
# statistics; a test checks both.
#
# On a cluster the same command becomes the `entrypoint` of a **RayJob**, a resource of KubeRay (Ray's
# operator for Kubernetes). KubeRay creates a Ray cluster for it and removes it afterwards:

# %%
show.source("infra/kubernetes/batch/rayjob.yaml", start="entrypoint", end="shutdownAfter")

# %% [markdown]
# After a failure KubeRay runs the command again, on a *new* cluster, as often as `backoffLimit`
# allows. That works only because the command is [idempotent](GLOSSARY.md#idempotent): it can be
# repeated without harm. The folder with the parts must be on a volume (storage that outlives a pod)
# that all pods share.
#
# The checker of notebook 09 knows the resources of Kubernetes and KServe. It reports that it did
# not check the RayJob; a test of this repository checks the pods in it. NOT RUN HERE: applying a
# RayJob needs a cluster.

# %%
from services.manifests import check_paths

batch = ROOT / "infra" / "kubernetes" / "batch"
report = check_paths([str(batch / "volume.yaml"), str(batch / "rayjob.yaml")])
print([document.kind for document in report.documents], "errors:", len(report.errors))
print(*report.findings, sep="\n")

# %% [markdown]
# ## When which
#
# | You have | Take | Because |
# |---|---|---|
# | a user who waits for the answer | a service | an answer within moments, one request at a time |
# | all inputs already, nobody waits | a batch | no server to run, no request for each image |
# | answers that can be computed ahead (top ten for each user) | a batch, and a table to look up | a lookup works even while the model fails |
# | inputs that never end | a service, or small batches on a schedule | a batch needs an end |
# | more work than one machine does in time | the same batch on Ray | the rows are the same |
# | less than an hour of work on one machine | no Ray | it takes time to start, and is one more thing to run |
#
# ## What broke, and why
#
# | What one might believe | What happens | What we did |
# |---|---|---|
# | a bad file stops the job, or is skipped | hours lost, or rows missing silently | a row with its error |
# | after a kill the job starts again | the same work twice | parts that are complete or absent |
# | resuming after a kill is harmless | rows of two models in one table | a key of settings, weights and inputs |
# | an engine for many machines changes the code | two programs that drift apart | one function, two callers |
# | BentoML's batch module replaces such a job (chapter) | it hands a Bento to Spark | our own job |
#
# ## Summary
#
# - A batch is another way to run the same core: inputs in, one table out, nobody waits.
# - One row for each input, errors included, in an order that does not depend on the workers.
# - Write under a temporary name, then rename; name a part by what it depends on. Then a kill costs one
#   part.
# - An engine decides where the parts are computed. Their content does not change.
#
# **Practise:** `make lab N=11` opens your copy of [Lab 11](../labs/lab11_batch/lab11_batch.ipynb),
# in which you write a batch job that survives a kill, and compete for its speed.
#
# **Next:** [12 · Your own model, in an empty folder](12_own_model.ipynb) does it all once more, without
# this repository.

# %% tags=["teardown"]
client.close()
pool.shutdown()
print("exit code", service.stop())
print("processes left:", len(service.processes()))
