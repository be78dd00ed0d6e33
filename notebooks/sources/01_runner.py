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
# # 01 · A model behind a Runner
#
# **Where you are:** chapter sections 10.3.1 and 10.4.1 · about 25 minutes · before this:
# [00 · The models](00_models.ipynb) · next: [02 · The service](02_service.ipynb)
#
# A trained network is a file. Here it becomes something that programs can call: first a function
# that gives JSON, then a *Runnable*, then a server of several processes.
#
# ## After this notebook you can
#
# - turn a YOLOv8 result into JSON without losing a box,
# - wrap a model in a Runnable and try it without a server,
# - say what a call without `await` returns,
# - tell an API server from a runner.

# %% [markdown]
# Everything you may change is in the next cell. The text is written for `two_cards`; `one_card`,
# `close_up` and `small_card` work as well.

# %% tags=["parameters"]
image_name = "two_cards"
api_workers = 2
runner_workers = 2

# %% [markdown]
# What this machine has: `MISSING` stops you, `NOT RUN HERE` skips a step. Each such line ends with the
# command that mends it.

# %% tags=["setup", "volatile"]
from services.workbench import preflight

print(*preflight.report(), sep="\n")

# %% tags=["setup"]
import asyncio
import json
import warnings

import bentoml
import httpx
import numpy as np

from services.id_card.checkpoint import WEIGHTS
from services.id_card.detector import Detector
from services.id_card.drawing import draw
from services.id_card.samples import SAMPLES, load_sample, sample_path
from services.workbench import servers, show

# %% [markdown]
# ## 1. The model as its library gives it
#
# This picture travels through the whole notebook. Scene, cards, names and faces are drawn: no real
# document can ship with a public repository.

# %%
picture = load_sample(image_name)
show.picture(picture, alt=f"A drawn scene: {SAMPLES[image_name]}", width=300)

# %% [markdown]
# Ultralytics, the library that trained the network, loads the file. A call takes one picture or
# many, so it always returns a **list** with one `Results` for each.

# %%
from ultralytics import YOLO

model = YOLO(WEIGHTS)
results = model(picture)
print(len(results), "result for", len(results[0]), "boxes")

# %% [markdown]
# A web client wants JSON. The chapter asks the result for it, with a method that existed in 2023:

# %%
try:
    results[0].tojson()
except AttributeError as error:
    print(show.one_line(error))

# %% [markdown]
# **Erratum 1.** The method is gone. Its successor `summary()` returns plain lists and dictionaries.
#
# The chapter's line hides a second fault. It indexes twice: once for the first *picture*, and once
# more for what turns out to be the first *box*:

# %%
print("boxes found:          ", len(results[0].summary()))
print("after a second [0]:   ", len(results[0][0].summary()))

# %% [markdown]
# **Erratum 2.** One of two cards is lost, and nobody is told. Without any card it gets worse:

# %%
nothing = model(load_sample("no_card"))[0]
try:
    nothing[0]
except IndexError as error:
    print(show.one_line(error))
print("without the second index:", nothing.summary())

# %% [markdown]
# An empty list is the right answer to a picture without cards. The `IndexError` would have been a
# *500 Internal Server Error* for a good request.
#
# ## 2. The core: plain types in, plain types out
#
# This chapter serves one model in many ways. If every server had its own copy of this
# post-processing, each bug would need fixing many times. So there is one **core** that knows no
# serving framework: pictures go in, frozen `Detection` objects come out.

# %%
detector = Detector(WEIGHTS)
[detections] = detector.detect([picture])
for found in detections:
    print(f"{found.name}  {found.confidence:.2f}  {[round(v) for v in found.box]}")

# %% [markdown]
# Confidence runs from 0 to 1; the box holds left, top, right and lower edge in pixels. Look at them:

# %%
alt = "The same scene, every card in a magenta frame labelled id_card with its confidence"
show.picture(draw(picture, detections), alt=alt, width=300)

# %% [markdown]
# The core has its own pre- and post-processing, so that it can run without torch later. Is it still
# the same model? Ask the library with the core's own settings: the same input square, the same
# threshold.

# %%
reference = model(picture, imgsz=detector.imgsz, rect=False, conf=0.5)[0].boxes.xyxy.numpy()
ours = np.array([found.box for found in detections])
print(f"largest difference: {np.abs(ours - reference).max():.3f} pixels")

# %% [markdown]
# Not a thousandth of a pixel. And these are the names in the chapter's JSON for each box:

# %%
box = detections[0].as_dict()
print({**box, "confidence": round(box["confidence"], 2), "box": [*box["box"]]})

# %% [markdown]
# ## 3. A Runnable
#
# BentoML separates light work from heavy. An **API server** speaks HTTP and checks requests. A
# **Runner** computes, in a process of its own. The class it runs is a *Runnable*: its constructor
# loads the model once, and its marked methods can be called from another process.
#
# BentoML 1.4 keeps this API under `bentoml.legacy`. The old names `bentoml.Runnable` and
# `bentoml.Runner` still work, with a warning. A first attempt, with only what the chapter gives it:


# %%
class FirstTry(bentoml.legacy.Runnable):
    def __init__(self):
        self.detector = Detector(WEIGHTS)

    @bentoml.legacy.Runnable.method(batchable=False)
    def inference(self, image):
        return [found.as_dict() for found in self.detector.detect([image])[0]]


# %% [markdown]
# The Runner is created, with a warning. Catch it and read it:

# %%
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    runner = bentoml.legacy.Runner(FirstTry, name="yolov8_runnable")
print(said[0].message)

# %% [markdown]
# The next notebook shows the newer API. The older one shows what the newer one hides. Before a server
# starts, BentoML asks every Runner how many processes it wants:

# %%
try:
    runner.scheduled_worker_count
except AttributeError as error:
    print(show.one_line(error))

# %% [markdown]
# **Erratum 3.** A Runnable must say which hardware it uses, and whether one process keeps several
# cores busy. We say "no" to the second, so BentoML plans one process per core of
# this machine:


# %% tags=["volatile"]
class SecondTry(FirstTry):
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the deprecation, which we have read
    runner = bentoml.legacy.Runner(SecondTry, name="yolov8_runnable")
print("processes planned:", runner.scheduled_worker_count)

# %% [markdown]
# For a first look, `init_local` runs it inside this notebook's process. The chapter hands the picture
# over in a list. That is unneeded: its method gives whatever comes to ultralytics, which takes a
# picture or a list. Our method takes exactly one picture, and says so:

# %%
runner.init_local(quiet=True)
try:
    runner.inference.run([picture])
except TypeError as error:
    print(show.one_line(error))

# %% [markdown]
# **Erratum 4.** A method for one picture should be called with one picture:

# %%
answer = runner.inference.run(picture)
print(len(answer), "boxes, the same as the core:", answer == [d.as_dict() for d in detections])

# %% [markdown]
# ## 4. Why `await`?
#
# An API server has many clients and one thread. While a Runner computes for one, it must listen to
# the next. So `async_run` does not return a result but a *coroutine* (the chapter says "promise"):
# work that has not even begun. Forget the `await`, and that is all you get:

# %%
not_begun = runner.inference.async_run(picture)
try:
    json.dumps(not_begun)
except TypeError as error:
    print(show.one_line(error))
not_begun.close()

# %% [markdown]
# It failed not at the call but one line later, where the result was used: here by the JSON encoder, as
# it would in a server. `await` starts the work and pauses this function until it is done. To see
# that the thread is free meanwhile, let a second function count:


# %%
async def count(ticks):
    while True:
        ticks.append(1)
        await asyncio.sleep(0.001)


ticks = []
counting = asyncio.create_task(count(ticks))
result = await runner.inference.async_run(picture)
counting.cancel()
print(len(result), "boxes, and counted meanwhile:", len(ticks) > 1)

# %% [markdown]
# ## 5. From a Runner to a service
#
# A service ties Runners to HTTP endpoints. The chapter makes one from a name and a list of Runners:

# %%
try:
    bentoml.Service("yolo_v8", runners=[runner])
except TypeError as error:
    print(show.one_line(error))

# %% [markdown]
# **Erratum 5.** That name now belongs to another class; the old one moved to `bentoml.legacy`. Here is
# the module that this repository serves, read from its file:

# %%
runner.destroy()
show.source("services/id_card/runner_service.py")

# %% [markdown]
# Four things to notice:
#
# 1. The Runnable holds no detection logic. It translates, nothing more.
# 2. `Detector.from_environment` loads what the server's environment says: by default the exported
#    model (ONNX), which needs no torch.
# 3. Pictures travel between processes as **arrays**. A JPEG passed as a PIL image would be compressed
#    a second time on the way.
# 4. `ImageGate` refuses what is not a picture, and `picture_of` fetches the picture it has decoded.
#    The next notebook tries to get past it.
#
# ## 6. Serve it, and look at the processes
#
# The workbench runs `bentoml serve` on a free port of this machine, waits until `/readyz` answers,
# and stops it at the end.

# %%
options = {"BENTOML_CONFIG_OPTIONS": f"runners.yolov8_runnable.resources.cpu={runner_workers}"}
server = servers.bentoml(
    "services.id_card.runner_service:svc", api_workers=api_workers, env=options
)
response = httpx.get(f"{server.url}/readyz")
print(response.status_code)

# %%
upload = {"image": sample_path(image_name).read_bytes()}
response = httpx.post(f"{server.url}/inference", files=upload)
print(response.status_code, len(response.json()), "boxes")

# %% [markdown]
# Is it still the same answer? The server computes with another engine than this notebook, so expect
# equality to a fraction of a pixel, not to the last bit:

# %%
served = np.array([list(box["box"].values()) for box in response.json()])
print("within a hundredth of a pixel:", np.abs(served - ours).max() < 0.01)

# %% [markdown]
# The chapter's Figure 10.2 draws several API servers before several Runners. Here they are, as the
# operating system sees them:

# %% tags=["volatile"]
rows = [(process.pid, process.parent, process.command[2]) for process in server.processes()]
show.table(rows, columns=("pid", "started by", "runs"))

# %% [markdown]
# The first is the supervisor. The API servers share the port; the runners share the work. How many
# there are of each is configuration, not code: `--api-workers`, and `runners.NAME.resources`.
#
# ## What broke, and why
#
# | The chapter, for BentoML 1.1.6 | What happens today | Fixed by |
# |---|---|---|
# | `tojson()` on a result | `AttributeError`: removed from ultralytics | `summary()`, or the core's `as_dict()` |
# | a second `[0]` | one box kept; none found is an `IndexError` | no second index |
# | a Runnable without resources | `AttributeError` when the server plans its processes | two class attributes |
# | the picture inside a list | unneeded; a method for one picture refuses it | pass the picture |
# | `bentoml.Service(name, runners=…)` | `TypeError`: another class bears the name | `bentoml.legacy.Service` |
#
# ## Summary
#
# - A core with plain types is the part worth testing; a Runnable only translates.
# - `init_local` tries a Runner without a server.
# - `async_run` returns work not yet begun; `await` runs it while the server serves others.
# - API servers and Runners are separate processes, and each kind has a number of its own.
#
# **Practise:** [Lab 01](../labs/lab01_runner/lab01_runner.ipynb) lets you build all of this yourself.
#
# **Next:** [02 · The service](02_service.ipynb) puts today's API beside this one, and attacks both.

# %% tags=["teardown"]
_ = server.stop()
print("processes left:", len(server.processes()))
