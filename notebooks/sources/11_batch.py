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
# before this: [10 · Choosing](10_choosing.ipynb) · this is the last notebook
#
# A service waits for questions. Often there is nothing to wait for: last year's uploads lie in a folder,
# and every user is to find ten movies in tomorrow's mail. The chapter names **batch** inference beside
# real time and leaves it at that. Here you run it over the same two cores, kill it, and spread it over
# several processes.
#
# ## After this notebook you can
#
# - say when a batch is the better door to a model than a service,
# - make a long job survive a kill at any moment, without a lost or doubled row,
# - keep bad inputs in the result instead of failing on them,
# - run the same job on an engine for many machines, and know that the rows are the same,
# - compare its throughput with that of the bare model and of the online service.

# %% [markdown]
# Each of the five sample pictures lies so many times in the folder of this notebook:

# %% tags=["parameters"]
copies = 16

# %% [markdown]
# What this machine has: `MISSING` stops you, `NOT RUN HERE` skips a step. Each such line ends with the
# command that mends it.

# %% tags=["setup", "volatile"]
from services.workbench import preflight

print(*preflight.report(), sep="\n")

# %% tags=["setup"]
import shutil
import signal
import subprocess
import sys

import httpx
import pandas as pd
import pyarrow.parquet as pq

from services.batch import engines, job, parts
from services.environment import ROOT, build_dir
from services.id_card import batch as id_card
from services.id_card.detector import Detector
from services.id_card.images import decode
from services.id_card.samples import SAMPLES, sample_path
from services.recommender import batch as recommender
from services.recommender.recommender import Recommender
from services.recommender.synthetic import make_ratings
from services.recommender.training import fit
from services.workbench import plots, servers, show, timing, waiting

folder = build_dir() / "notebooks" / "11"
shutil.rmtree(folder, ignore_errors=True)
pictures = folder / "pictures"
pictures.mkdir(parents=True)

# %% [markdown]
# ## 1. A folder, as one finds it
#
# Real folders are not clean. Besides the pictures put three files into it that no detector can use: a
# picture that was cut off in a transfer, an empty file, and a text.

# %%
for number in range(copies):
    for name in SAMPLES:
        shutil.copy(sample_path(name), pictures / f"{number:03}_{name}.jpg")
(pictures / "cut.jpg").write_bytes(sample_path("one_card").read_bytes()[:3000])
(pictures / "empty.jpg").touch()
(pictures / "notes.txt").write_text("scanned on Monday")
print(len(list(pictures.iterdir())), "files")

# %% [markdown]
# One command turns the folder into a table. `--part-size` is explained soon:


# %%
def command(*options, out="detections.parquet", engine="local"):
    line = [sys.executable, "-m", "services.id_card.batch", pictures, "--out", folder / out]
    line += ["--part-size", 8, "--quiet", "--engine", engine, *options]
    return [str(part) for part in line]


def run(*options, **more):
    done = subprocess.run(command(*options, **more), cwd=ROOT, capture_output=True, text=True)
    print((done.stdout or done.stderr).strip())
    return done.returncode


print("exit code", run())

# %% [markdown]
# The job did not stop at the three bad files, and it did not hide them: there is **one row for each
# file**. Somebody who counts rows can trust the table. The exit code is 0; with `--strict` it would be 3.
#
# ## 2. The table
#
# Parquet stores columns with their types, lists included. Any tool for data reads it:

# %%
table = pd.read_parquet(folder / "detections.parquet")
table["boxes"] = table.detections.str.len()
table[["path", "width", "height", "boxes", "error_code"]].tail(6)

# %% [markdown]
# A picture without a card has 0 boxes. A file that is no picture has none of these numbers, and a code
# instead: the code that the online service would have answered with. Both call the same `decode`.

# %%
table.dropna(subset="error_code").set_index("path").error_message.str[:72].to_dict()

# %% [markdown]
# What the rows depend on is written into the file itself, so that nobody has to guess next year which
# weights made it. (One entry is left out here, since it differs from run to run: a hash of the inputs'
# names, sizes and dates.)

# %%
note = job.note_of(folder / "detections.parquet")
{name: str(value)[:12] for name, value in note.items() if name != "inputs_sha256"}

# %% [markdown]
# ## 3. Kill it
#
# A job over a million pictures takes hours. In this time machines are restarted and spot instances are
# taken away. Begin the job anew under another name, and send SIGKILL when some parts are there. No
# program can react to this signal:

# %% tags=["volatile"]
half = folder / "half.parquet"
process = subprocess.Popen(command(out=half.name), cwd=ROOT)
waiting.until(lambda: len(list(folder.glob("half.parquet.parts/part-*.parquet"))) >= 4)
process.send_signal(signal.SIGKILL)
print("exit code", process.wait())
for path in sorted(job.parts_folder(half).iterdir()):
    print(path.name)

# %% [markdown]
# Parts of eight pictures each, and a description of the job. There is no half-written part, though the
# kill may have come in the middle of one. This is why:

# %%
show.source(parts.write_whole, start="temporary =")

# %% [markdown]
# A file gets its name only after all of it is on the disk, and a file system gives a name at once or not
# at all. So **a part that exists is complete**. Call the same command again:

# %% tags=["volatile"]
_ = run(out=half.name)

# %% [markdown]
# It computed what was missing. Is anything lost, or in the table twice? Compare it with the table of the
# run that nobody killed, byte by byte:

# %%
same = half.read_bytes() == (folder / "detections.parquet").read_bytes()
paths = pd.read_parquet(half).path
print("the same bytes:", same, "· rows:", len(paths), "· different paths:", paths.nunique())

# %% [markdown]
# ## 4. A mistake on purpose
#
# Now the dangerous case. Somebody kills a job, changes the threshold, and goes on. Half of the table would
# be of one model and half of another, and nothing would look wrong. Try it:

# %%
print("exit code", run("--conf", "0.7"))

# %% [markdown]
# The job's **key** is a hash of all settings, of the weights, and of the names, sizes and dates of the
# inputs. Parts carry it in their names. With another key the command refuses, says which setting differs,
# and touches nothing. It is the same if a picture was added or changed since.

# %%
show.source(job.Job, start="def note", end="self.settings")

# %% [markdown]
# ## 5. How fast?
#
# Compare four ways to the same boxes: the bare core, fed one picture after another; the batch; and the
# online service of notebook 02, asked one request at a time and four at a time. Each reads the same files
# from the disk.

# %%
service = servers.bentoml("services.id_card.service:IdCardDetector")
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
    print(f"{name:22} {1 / ratio:4.2f} times the bare core's pictures a second")

# %% tags=["volatile"]
title = "Time for the same pictures"
fig = plots.ratio_bars(list(ratios), list(ratios.values()), reference="bare core", title=title)
show.figure(fig, alt="Bars: time for the same pictures by batch and by the online service")

# %% [markdown]
# Shorter bars are better. The batch stays close to the bare core: around the network it does nothing but
# read files and collect rows. Eight pictures go through the network together, and on a CPU that gains
# little; on a GPU it is what keeps the card busy. The service pays for a request, an upload and an answer
# each time. Asked four at a time it uses the waiting of one request for the work of another.
#
# So is a service "slower"? It answers a *single* question in a moment, which a batch never does. The batch
# needs no port, no probe, no timeout, and nobody waits for it.
#
# ## 6. All users at once
#
# The recommender's twin has users as inputs instead of files. Train a small model and ask for everybody's
# best five:

# %%
ratings, _ = make_ratings(400, 300, 12_000, seed=1)
model = Recommender(fit("mf", ratings, progress=False), ratings).save(folder / "model.npz")
options = ["--model", str(model), "--out", str(folder / "top.parquet"), "--top-k", "5"]
_ = recommender.main([*options, "--quiet"])

# %%
top = pd.read_parquet(folder / "top.parquet")
first = top.explode("items", ignore_index=True)
first = first.join(pd.json_normalize(first["items"]))
first[["user_id", "title", "score"]].head(5).round(2)

# %% [markdown]
# `--model` also takes `models:/recommender_production@prod`, the registry of notebook 07. The key then
# holds the hash of the file behind the alias. If somebody promotes another version between a kill and the
# next call, the job refuses to mix the two.
#
# Ask for more movies than some users have left, and these users become rows with an error:

# %%
options = ["--model", str(model), "--out", str(folder / "long.parquet"), "--top-k", "270"]
_ = recommender.main([*options, "--quiet"])

# %% [markdown]
# ## 7. Many machines
#
# When one machine is too slow, an engine for many takes over. [Ray Data](https://docs.ray.io/en/latest/data/data.html)
# starts processes, gives them work and starts again what died. Look at what an engine has to do here:

# %%
show.source(engines.local)

# %%
show.source(engines.with_ray, start="class Worker", end="yield int")

# %% [markdown]
# Both call the same `writer` with the numbers of parts. Only who calls it differs. Each of Ray's processes
# loads the model once and writes its parts itself, so the pictures never travel through the program that
# plans. Run it with two workers. Ray takes longer to start than this job takes to run:

# %%
_ = run("--workers", "2", out="ray.parquet", engine="ray")
same = (folder / "ray.parquet").read_bytes() == (folder / "detections.parquet").read_bytes()
print("the same bytes:", same)

# %% [markdown]
# The same bytes again, though two processes computed the parts in any order: the parts are joined by their
# numbers, not by who was first. That Ray listened on `127.0.0.1` only, and sent no usage statistics, is
# settled in `services/environment.py` and watched by a test.
#
# On a cluster the same command is the `entrypoint` of a RayJob. KubeRay makes a Ray cluster for it, and
# removes it afterwards:

# %%
show.source("infra/kubernetes/batch/rayjob.yaml", start="entrypoint", end="shutdownAfter")

# %% [markdown]
# After a failure `backoffLimit` runs the command again, on a *new* cluster. That helps only because the
# command can be called again without harm. The folder with the parts must be on a volume that all pods
# share. The manifest is checked as all of ours are; applying it needs a cluster, NOT RUN HERE:

# %%
from services.workbench.manifests.check import verdicts

manifest = ROOT / "infra" / "kubernetes" / "batch" / "rayjob.yaml"
[verdict] = verdicts([str(manifest)])
print([document.kind for document in verdict.documents], "faults:", verdict.faults)

# %% [markdown]
# ## When which
#
# | You have | Take | Because |
# |---|---|---|
# | a user who waits for the answer | a service | an answer in a moment, one question at a time |
# | all inputs already, nobody waits | a batch | no server to run, close to the bare model's speed |
# | answers that can be computed ahead (top ten a user) | a batch, and a table to look up | the lookup cannot fail with the model |
# | inputs that never end | a service, or small batches by the clock | a batch needs an end |
# | more work than one machine does in time | the same batch on Ray | the rows are the same |
# | less than an hour of work on one machine | no Ray | it costs a start, and a thing more to run |
#
# ## What broke, and why
#
# | What one might believe | What happens | What we did |
# |---|---|---|
# | a bad file stops the job, or is skipped | hours lost, or rows missing in silence | a row with its error |
# | after a kill one begins again | the same work twice | parts that are whole or not there |
# | going on after a kill is harmless | rows of two models in one table | a key of settings, weights and inputs |
# | an engine for many machines changes the code | two programs that drift apart | one function, two callers |
#
# ## Summary
#
# - Batch is the same core behind another door: inputs in, one table out, nobody waits.
# - One row for each input, errors included, in an order that does not depend on who computed it.
# - Write under another name, then rename; name a part by what it depends on. Then a kill costs one part.
# - An engine decides where the parts are computed. What is in them stays yours.
#
# **Practise:** in [Lab 11](../labs/lab11_batch/lab11_batch.ipynb) you write a batch job that survives a
# kill, and compete for its speed.

# %% tags=["teardown"]
client.close()
pool.shutdown()
_ = service.stop()
print("processes left:", len(service.processes()))
