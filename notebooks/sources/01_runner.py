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
# the models themselves (notebook 00) · next: [02 · The service](02_service.ipynb)
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
# What may be changed from outside stands in one cell. `image_name` is one of `one_card`,
# `two_cards`, `close_up`, `on_coins`, `no_card`.

# %% tags=["parameters"]
image_name = "two_cards"
api_workers = 2
runner_workers = 2

# %% tags=["setup"]
import os
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
# A web client wants JSON. The chapter asks the result for it, by a method of 2023:

# %%
try:
    results[0].tojson()
except AttributeError as error:
    print(show.one_line(error))

# %% [markdown]
# **Erratum 1.** The method is gone. Its successor `summary()` returns plain lists and dictionaries.
#
# The chapter's line holds a quieter fault. It indexes twice: once for the first *picture*, and once
# more for, unnoticed, the first *box*:

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
# This chapter serves one model in many ways. With a copy of those lines in every server, each fault
# would be mended many times. So there is one **core** that knows no serving framework: pictures go
# in, frozen `Detection` objects come out.

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
# the same model?

# %%
reference = model(picture, imgsz=detector.imgsz, rect=False, conf=0.5)[0].boxes.xyxy.numpy()
ours = np.array([found.box for found in detections])
print(f"largest difference: {np.abs(ours - reference).max():.3f} pixels")

# %% [markdown]
# Not a thousandth of a pixel. And this is the chapter's JSON for each box:

# %%
detections[0].as_dict().keys(), detections[0].as_dict()["box"].keys()

# %% [markdown]
# ## 3. A Runnable
#
# BentoML separates light work from heavy. An **API server** speaks HTTP and checks requests. A
# **Runner** computes, in a process of its own. The class it runs is a *Runnable*: its constructor
# loads the model once, and its marked methods can be called from another process.
#
# BentoML 1.4 keeps this API under `bentoml.legacy`. A first attempt, with what the chapter's has:


# %%
class FirstTry(bentoml.legacy.Runnable):
    def __init__(self):
        self.detector = Detector(WEIGHTS)

    @bentoml.legacy.Runnable.method(batchable=False)
    def inference(self, image):
        return [found.as_dict() for found in self.detector.detect([image])[0]]


# %% [markdown]
# The Runner can be made. BentoML has something to say to that, so keep the warning and read it:

# %%
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    runner = bentoml.legacy.Runner(FirstTry, name="yolov8_runnable")
print(said[0].message)

# %% [markdown]
# The next notebook shows today's way. The older one makes visible what that hides. Before a server
# starts, BentoML asks every Runner how many processes it wants:

# %%
try:
    runner.scheduled_worker_count
except AttributeError as error:
    print(show.one_line(error))

# %% [markdown]
# **Erratum 3.** A Runnable must say which hardware it uses, and whether one process keeps several
# cores busy. We say "no" to the second, so BentoML plans one process for each core.


# %%
class SecondTry(FirstTry):
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the deprecation, which we have read
    runner = bentoml.legacy.Runner(SecondTry, name="yolov8_runnable")
print("one process a core:", runner.scheduled_worker_count == len(os.sched_getaffinity(0)))

# %% [markdown]
# For a first look, `init_local` runs it inside this notebook's process. The chapter hands the picture
# over in a list, which for a method that expects one picture is wrong:

# %%
runner.init_local(quiet=True)
try:
    runner.inference.run([picture])
except TypeError as error:
    print(show.one_line(error))

# %% [markdown]
# **Erratum 4.** Without the brackets the Runner answers with what the core found:

# %%
answer = runner.inference.run(picture)
print(len(answer), "boxes, the same as the core:", answer == [d.as_dict() for d in detections])

# %% [markdown]
# ## 4. Why `await`?
#
# An API server has many clients and one thread. While a Runner computes for one, it must listen to
# the next. So `async_run` returns a **promise** of a result. Forget the `await`, and that is all:

# %%
promise = runner.inference.async_run(picture)
print(type(promise).__name__)
try:
    len(promise)
except TypeError as error:
    print(show.one_line(error))
promise.close()

# %% [markdown]
# It failed not at the call but one line later, where the result was used. In a server that is the
# JSON encoder. With `await` the function pauses, and the server does other work meanwhile:

# %%
result = await runner.inference.async_run(picture)
print(len(result), "boxes")

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
# **Erratum 5.** Another class bears that name today; the old one moved to `bentoml.legacy`. Here is
# the module that this repository serves, read from its file:

# %%
runner.destroy()
show.source("services/id_card/runner_service.py")

# %% [markdown]
# Three things to notice:
#
# 1. The Runnable holds no detection logic. It translates, nothing more.
# 2. Pictures travel between processes as **arrays**; as PIL images they would be compressed anew.
# 3. `ImageGate` refuses what is no picture. The next notebook tries to get past it.
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
# Is it still the same answer? The server computes with the exported model (ONNX), which is faster and
# needs no torch, so expect equality to a fraction of a pixel, not to the last bit:

# %%
served = np.array([list(box["box"].values()) for box in response.json()])
print(f"largest difference: {np.abs(served - ours).max():.2f} pixels")

# %% [markdown]
# The chapter's Figure 10.2 draws several API servers before several Runners. Here they are, as the
# operating system sees them:

# %% tags=["volatile"]
rows = [(process.pid, process.parent, process.command[2]) for process in server.processes()]
show.table(rows, columns=("pid", "started by", "runs"))

# %% [markdown]
# The first is the supervisor, which starts the others anew if they die. The `http_api_server`
# processes share the port, the `runner` processes the work. How many there are is configuration, not
# code: `--api-workers`, and `runners.NAME.resources`.
#
# ## What broke, and why
#
# | The chapter, for BentoML 1.1.6 | What happens today | Mended by |
# |---|---|---|
# | `tojson()` on a result | `AttributeError`: removed from ultralytics | `summary()`, or the core's `as_dict()` |
# | a second `[0]` | one box kept; none found is an `IndexError` | no second index |
# | a Runnable without resources | `AttributeError` when the server plans its processes | two class attributes |
# | the picture inside a list | `TypeError` in a method for one picture | pass the picture |
# | `bentoml.Service(name, runners=…)` | `TypeError`: another class bears the name | `bentoml.legacy.Service` |
#
# ## Summary
#
# - A core with plain types is the part worth testing; a Runnable only translates.
# - `init_local` tries a Runner without a server.
# - `async_run` returns a promise; `await` waits while the server serves others.
# - API servers and Runners are separate processes, and each kind scales on its own.
#
# **Next:** [02 · The service](02_service.ipynb) puts today's API beside this one, and attacks both.

# %% tags=["teardown"]
_ = server.stop()
print("processes left:", len(server.processes()))
