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
# *Short path, step 1 of 7*
#
# **Where you are:** chapter sections 10.3, 10.3.1 and 10.4.1 · about 20 minutes · before this:
# [00 · The models](00_models.ipynb) · next: [02 · The service](02_service.ipynb)
#
# A trained network is a file, and other programs cannot call a file. In this notebook you build
# what they can call: an HTTP server that takes a photograph and returns the identity cards in it as
# JSON. You build it with BentoML, a framework that serves models, in three steps: a Python
# function, a BentoML [*Runnable*](GLOSSARY.md#Runnable), and a server of several processes.
#
# ## After this notebook you can
#
# - turn a YOLOv8 result into JSON without losing a box,
# - wrap a model in a Runnable and try it without a server,
# - explain what a call without `await` returns,
# - tell an API server from a Runner,
# - show a service's answer for an image of your own.

# %% [markdown]
# The next cell holds everything you may change. The text describes the image `two_cards`;
# `one_card`, `close_up` and `small_card` work as well. The other two values set how many processes
# section 6 starts.

# %% tags=["parameters"]
image_name = "two_cards"
api_workers = 2
runner_workers = 2

# %% [markdown]
# Check the machine first. `MISSING` means that a step will fail, `NOT RUN HERE` that it is skipped.
# Each such line ends with the command that fixes it.

# %% tags=["setup", "volatile"]
from services.setup import preflight

preflight.needs()

# %% tags=["setup"]
import asyncio
import json
import warnings

import bentoml
import httpx
import ipywidgets
import numpy as np

from services.id_card.detector import Detection, Detector
from services.id_card.model.checkpoint import WEIGHTS
from services.id_card.model.drawing import draw
from services.id_card.model.images import decode
from services.id_card.samples import SAMPLES, load_sample, sample_path
from services.workbench import servers, show
from services.workbench.plots import graphs

# %% [markdown]
# The chapter installs BentoML 1.1.6 and checks it with `bentoml -v`. This repository pins a newer
# release, and several lines of the chapter fail with it. This is the version you work with:

# %%
# !bentoml -v

# %% [markdown]
# ## 1. The model as its library gives it
#
# This image is used throughout the notebook. The scene, the cards, the names and the faces are
# synthetic: real identity documents cannot be published.

# %%
image = load_sample(image_name)
show.picture(image, alt=f"A synthetic scene: {SAMPLES[image_name]}", width=300)

# %% [markdown]
# The network is a YOLOv8, a common architecture for detecting objects. Ultralytics, the library
# that trained it, loads the file. A call accepts one image or many, so it always returns a **list**
# with one `Results` object for each image.

# %%
from ultralytics import YOLO

model = YOLO(WEIGHTS)
results = model(image)
print(len(results), "result for", len(results[0]), "boxes")

# %% [markdown]
# A web client expects JSON. The chapter calls a method of the result that existed in 2023:

# %%
try:
    results[0].tojson()
except AttributeError as error:
    print(show.one_line(error))

# %% [markdown]
# > **Erratum 1** · section 10.4.1 · changed since · `results[0].tojson()`
# > The call raises `AttributeError`: ultralytics has renamed `tojson()` to `to_json()`.
#
# `to_json()` returns a string, which the chapter parses again with `json.loads`. `summary()` returns
# the same lists and dictionaries directly:

# %%
print("the same content:", json.loads(results[0].to_json()) == results[0].summary())

# %% [markdown]
# The chapter's two lines index twice: `self.model(input_img)[0]` selects the first *image*, and
# `results[0]` then selects the first *box*:

# %%
print("boxes found:          ", len(results[0].summary()))
print("after a second [0]:   ", len(results[0][0].summary()))

# %% [markdown]
# > **Erratum 2** · section 10.4.1 · wrong when printed · `json.loads(results[0].tojson())`
# > The second `[0]` keeps only the first box, and raises `IndexError` when there is none.
#
# One of the two cards is lost without an error. An image without cards is worse:

# %%
nothing = model(load_sample("no_card"))[0]
try:
    nothing[0]
except IndexError as error:
    print(show.one_line(error))
print("without the second index:", nothing.summary())

# %% [markdown]
# An empty list is the right answer for an image without cards. A server would have turned the
# `IndexError` into *500 Internal Server Error*, although the request was fine.
#
# ## 2. The core: plain types in, plain types out
#
# This chapter serves one model in many ways. If every server had its own copy of the
# post-processing, each bug would have to be fixed several times. So there is one **core** that
# imports no serving framework: images go in, immutable `Detection` objects come out.

# %%
detector = Detector(WEIGHTS)
[detections] = detector.detect([image])
for detection in detections:
    print(
        f"{detection.name}  {detection.confidence:.2f}  {[round(edge) for edge in detection.box]}"
    )

# %% [markdown]
# Confidence runs from 0 to 1. The four numbers are the box's left, top, right and bottom edges in
# pixels:

# %%
alt = "The same scene, every card in a magenta frame labelled id_card with its confidence"
show.picture(draw(image, detections), alt=alt, width=300)

# %% [markdown]
# The core scales the image and filters the network's boxes with its own code, so that it can later
# run without torch. Does it still give the same boxes as ultralytics? Run ultralytics with the
# core's settings, that is, with the same input size and the same threshold, and compare:

# %%
reference = model(image, imgsz=detector.imgsz, rect=False, conf=0.5)[0].boxes.xyxy.numpy()
ours = np.array([detection.box for detection in detections])
print(f"largest difference: {np.abs(ours - reference).max():.3f} pixels")

# %% [markdown]
# The boxes agree to a thousandth of a pixel. As JSON, each box has the fields of the chapter's
# example:

# %%
box = detections[0].as_dict()
corners = {corner: round(value) for corner, value in box["box"].items()}
{**box, "confidence": round(box["confidence"], 2), "box": corners}

# %% [markdown]
# ## 3. A Runnable
#
# BentoML separates light work from heavy work. An [**API server**](GLOSSARY.md#API-server) speaks HTTP
# and validates requests. A [**Runner**](GLOSSARY.md#Runner) runs the model, in a separate process.
# Figure 10.1 shows one API server that passes requests to several Runners:

# %%
runners = ["Runner 1", "Runner 2"]
figure = graphs.dependency_graph(
    {"clients": ["API server"], "API server": runners}, frame="BentoML service"
)
alt = "Figure 10.1 redrawn: clients, an API server and, behind it, two Runners in one service"
show.figure(figure, alt=alt, dpi=75)

# %% [markdown]
# The class that a Runner executes is called a *Runnable*. Its constructor loads the model once, and
# its decorated methods can be called from another process.
#
# BentoML 1.4 keeps this API under `bentoml.legacy`. The old names `bentoml.Runnable` and
# `bentoml.Runner` still work, with a warning that they have moved. A Runner warns under its new
# name, too, because the API itself is deprecated. Here is a first attempt with no more than the
# chapter shows:


# %%
class FirstTry(bentoml.legacy.Runnable):
    def __init__(self):
        self.detector = Detector(WEIGHTS)

    @bentoml.legacy.Runnable.method(batchable=False)
    def inference(self, image):
        return [detection.as_dict() for detection in self.detector.detect([image])[0]]


# %% [markdown]
# Create a Runner from it, and print that second warning:

# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    runner = bentoml.legacy.Runner(FirstTry, name="yolov8_runnable")
print(str(caught[0].message).split(". ")[0])

# %% [markdown]
# So this API will disappear, and the next notebook uses the newer one. The older one is still worth
# knowing, because it makes visible what the newer one hides. Before a server starts, BentoML works
# out how many processes each Runner needs:

# %%
try:
    runner.scheduled_worker_count
except AttributeError as error:
    print(show.one_line(error))

# %% [markdown]
# > **Erratum 3** · section 10.4.1 · wrong when printed · `class YOLOv8Runnable(bentoml.Runnable):`
# > The listing does not declare its hardware, so the server fails with `AttributeError` at start.
#
# A Runnable has to declare which hardware it supports, and whether one process can use several CPU
# cores. Here it supports the CPU, and one process uses one core, so BentoML plans one process for
# each core of this machine:


# %% tags=["volatile"]
class SecondTry(FirstTry):
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = False


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the deprecation warning, shown above
    runner = bentoml.legacy.Runner(SecondTry, name="yolov8_runnable")
print("processes planned:", runner.scheduled_worker_count)

# %% [markdown]
# `init_local` runs the Runner inside this notebook's process, without a server. The chapter announces
# a "first method, `invocation`", so call that one:

# %%
runner.init_local(quiet=True)
try:
    runner.invocation.run(image)
except AttributeError as error:
    print(show.one_line(error))

# %% [markdown]
# > **Erratum 36** · section 10.4.1 · wrong when printed · `def inference(self, input_img):`
# > The text calls the Runnable's first method `invocation`; the listing defines `inference`.
#
# The chapter also passes the image inside a list:

# %%
try:
    runner.inference.run([image])
except TypeError as error:
    print(show.one_line(error).split(". ")[0])

# %% [markdown]
# > **Erratum 4** · section 10.4.1 · wrong when printed · `async_run([input_img])`
# > The list is unnecessary, and it fails if the method, like ours, accepts a single image only.
#
# The chapter's own method does not fail, because ultralytics accepts an image or a list of images. A
# method for one image is best called with one image:

# %%
answer = runner.inference.run(image)
print(len(answer), "boxes, the same as the core:", answer == [d.as_dict() for d in detections])

# %% [markdown]
# ## 4. Why `await`?
#
# An API server has many clients and one thread. While a Runner computes for one client, that thread
# must be free for the next. So `async_run` does not return a result. It returns a
# [*coroutine*](GLOSSARY.md#coroutine) (the chapter says "promise"): a call that has not started yet.
# Without `await`, that is all you get:

# %%
not_started = runner.inference.async_run(image)
try:
    json.dumps(not_started)
except TypeError as error:
    print(show.one_line(error))
not_started.close()

# %% [markdown]
# The error does not appear where `await` is missing but later, where the result is used: here in
# the JSON encoder, as it would be in a server. `await` starts the call and suspends the surrounding
# function until the result is there. To see that the thread is free in the meantime, let a second
# function count:


# %%
async def count(ticks):
    while True:
        ticks.append(1)
        await asyncio.sleep(0.001)


ticks = []
counting = asyncio.create_task(count(ticks))
result = await runner.inference.async_run(image)
counting.cancel()
print(len(result), "boxes, and counted meanwhile:", len(ticks) > 1)

# %% [markdown]
# The second function counted while the Runner computed, so the thread was free for other work.
#
# ## 5. From a Runner to a service
#
# A service connects Runners to HTTP endpoints. The chapter creates a service from a name and a list
# of Runners:

# %%
try:
    bentoml.Service("yolo_v8", runners=[runner])
except TypeError as error:
    print(show.one_line(error))

# %% [markdown]
# > **Erratum 5** · section 10.4.1 · changed since · `bentoml.Service("yolo_v8", runners=[…])`
# > `bentoml.Service` is now a different class and raises `TypeError`; use `bentoml.legacy.Service`.
#
# This is the module that the next section serves:

# %%
runner.destroy()
show.source("services/id_card/bento/runner_service.py")

# %% [markdown]
# Four things to notice:
#
# 1. The Runnable contains no detection logic. It only converts types.
# 2. `Detector.from_environment` loads the model that environment variables select. The default is
#    the exported ONNX model, a graph of operations that runs without torch.
# 3. Images travel between processes as **arrays**. If they were PIL images, a JPEG would be
#    compressed a second time on the way.
# 4. `ImageValidationMiddleware` rejects uploads that are not images. It is *middleware*: code that
#    sees each request before the service does. `picture_of` returns the image that the middleware
#    has decoded. The next notebook tries to get past it.
#
# ## 6. Serve it, and look at the processes
#
# `bentoml serve MODULE:SERVICE` starts a service. The helper `servers.shell` runs the command line
# as you would type it (with a free port in place of `$PORT`), prints it with the first lines of the
# server's log, and returns when `/readyz`, the address that reports whether a server is ready,
# answers 200:

# %%
server = servers.shell(f"""
    BENTOML_CONFIG_OPTIONS=runners.yolov8_runnable.resources.cpu={runner_workers}
    bentoml serve services.id_card.bento.runner_service:svc
        --host 127.0.0.1 --port $PORT --api-workers {api_workers}
""")

# %% [markdown]
# `--host 127.0.0.1` makes the server reachable from this machine only. To type the command
# yourself, open a terminal in the repository's folder and run `source .venv/bin/activate` first.
# There, Ctrl-C stops the server; in this notebook, `server.stop()` in the last cell does. Send the
# file as a form field:

# %%
upload = {"image": sample_path(image_name).read_bytes()}
response = httpx.post(f"{server.url}/inference", files=upload)
print(response.status_code, len(response.json()), "boxes")

# %% [markdown]
# Are these the boxes that the notebook computed? The server runs the ONNX model and this notebook
# ran torch, so expect equality to a fraction of a pixel, not to the last bit:

# %%
served = np.array([list(box["box"].values()) for box in response.json()])
print("within a hundredth of a pixel:", np.abs(served - ours).max() < 0.01)

# %% [markdown]
# Figure 10.2 shows several API servers in front of several Runners. Here it is with this notebook's
# numbers of processes:

# %%
api_servers = [f"API server {number + 1}" for number in range(api_workers)]
runners = [f"Runner {number + 1}" for number in range(runner_workers)]
arrows = {"clients": api_servers, **dict.fromkeys(api_servers, runners)}
figure = graphs.dependency_graph(arrows, frame="BentoML service")
alt = "Figure 10.2 redrawn: every API server of the service passes requests to every Runner"
show.figure(figure, alt=alt, dpi=75)

# %% [markdown]
# Compare the figure with the processes that the operating system lists:

# %% tags=["volatile"]
roles = [
    next((word for word in process.command if "worker." in word), "supervisor")
    for process in server.processes()
]
rows = [(p.pid, p.parent, role) for p, role in zip(server.processes(), roles, strict=True)]
show.table(rows, columns=("pid", "started by", "runs"))

# %% [markdown]
# The first process is the supervisor, which started the others, called *workers*. The API servers
# share the port; the Runners share the work. How many there are is configuration, not code:
# `--api-workers` for API servers and `runners.NAME.resources` for Runners.
#
# The server also has pages for people. The next cell shows links to them, which work as long as the
# server runs. **Swagger UI** lists the endpoints and sends requests from a form; **metrics** are
# the [counters](GLOSSARY.md#counter) of notebook 05.

# %% tags=["volatile"]
server

# %% [markdown]
# ## 7. Your own image
#
# Finally, write the client. It sends bytes, reads JSON and draws the boxes. The service reports
# every box with a confidence above 0.5; a client that wants fewer false alarms can set a higher
# threshold:


# %%
def look(photo, threshold):
    try:
        answer = httpx.post(f"{server.url}/inference", files={"image": photo}, timeout=60)
    except httpx.HTTPError as error:
        return show.one_line(error)
    if answer.is_error:
        return answer.text
    found = [Detection.from_dict(box) for box in answer.json()]
    sure = [box for box in found if box.confidence >= threshold]
    alt = f"The image with {len(sure)} of the {len(found)} boxes, those of at least {threshold:.2f}"
    return show.picture(draw(decode(photo), sure), alt=alt, width=480)


look(upload["image"], threshold=0.83)

# %% [markdown]
# In `two_cards`, this threshold removes one of the two boxes, although there is a card in it. That
# is the price of a higher threshold. Now try an image of your own. In JupyterLab the next cell
# shows an upload button and a slider for the threshold:


# %%
def look_at(files, threshold=0.5):
    return look(bytes(files[0].content) if files else upload["image"], threshold)


button = ipywidgets.FileUpload(accept="image/*", description="Your image")
_ = ipywidgets.interact(look_at, files=button, threshold=(0.5, 0.99, 0.01))

# %% [markdown]
# The image goes to `127.0.0.1`, so it does not leave this machine. The network was trained on
# synthetic cards only, and it may miss a real one. Try a text file that is named like an image,
# too: the service says what is wrong with it. The form works until the last cell stops the server.
#
# ## What broke, and why
#
# | The chapter, for BentoML 1.1.6 | What happens today | Fixed by |
# |---|---|---|
# | `tojson()` on a result | `AttributeError`: renamed in ultralytics | `summary()`, or the core's `as_dict()` |
# | a second `[0]` | only one box is kept; `IndexError` if there is none | no second index |
# | a Runnable without resources | `AttributeError` when the server plans its processes | two class attributes |
# | a method called `invocation` in the text | `AttributeError`: the listing says `inference` | one name |
# | the image inside a list | unnecessary; a method for one image rejects it | pass the image |
# | `bentoml.Service(name, runners=…)` | `TypeError`: another class has this name now | `bentoml.legacy.Service` |
#
# ## Summary
#
# - A core with plain types is the part worth testing; a Runnable only converts.
# - `init_local` runs a Runner without a server.
# - `async_run` returns a call that has not started; `await` runs it while the server handles others.
# - API servers and Runners are separate processes, and each kind is scaled separately.
#
# **Practise:** `make lab N=01` opens your copy of [Lab 01](../labs/lab01_runner/lab01_runner.ipynb),
# in which you build all of this yourself.
#
# **Next:** [02 · The service](02_service.ipynb) compares today's API with this one, and attacks
# both.

# %% tags=["teardown"]
_ = server.stop()
print("processes left:", len(server.processes()))
