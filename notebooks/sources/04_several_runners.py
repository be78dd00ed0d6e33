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
# # 04 · Several runners: two versions answer one request
#
# **Where you are:** chapter section 10.4.1, "Multiple BentoML Runners" · about 35 minutes ·
# before this: [03 · /render](03_render.ipynb) ·
# next: [05 · Observability](05_observability.ipynb)
#
# Before a new version of a model replaces the old one, the two have to be compared. Here you serve
# both: first each image goes through both versions at the same time, then each user gets only one
# of them, as in an [A/B test](GLOSSARY.md#A/B-test). With several processes behind one endpoint,
# requests can be lost between them. You will lose some, find out why, and prevent it.
#
# The chapter covers several Runners before `/render`. Here they come after it, because they build
# on a service that already works.
#
# ## After this notebook you can
#
# - chain models, and call several at once with `asyncio.gather`, in both of BentoML's APIs,
# - say what a call without `await` does, and what it does not do,
# - name four ways to lose an image or a request between processes, and prevent each,
# - split traffic between two versions so that every user keeps the same one.

# %% [markdown]
# `requests` is how many requests section 5 sends through an unreliable connection, `rounds` how
# often section 4 times each variant, and `share_b` the share of users that get the second version.

# %% tags=["parameters"]
image_name = "two_cards"
requests = 150
rounds = 10
share_b = 0.3

# %% [markdown]
# Check the machine first. `MISSING` means that a step will fail, `NOT RUN HERE` that it is skipped.
# Each such line ends with the command that fixes it.

# %% tags=["setup", "volatile"]
from services.setup import preflight

preflight.needs()

# %% tags=["setup"]
import asyncio
import inspect
import re
import textwrap
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import bentoml
import httpx
import numpy as np
from PIL import ImageEnhance

warnings.filterwarnings("ignore", "`(bentoml|Runner)")  # the old API is deprecated: notebook 01

# %% tags=["setup"]
from services.bentoml_support import connections, model_calls, runner_timeout
from services.environment import build_dir
from services.id_card.bento import ab_routing, ab_service
from services.id_card.bento.ensemble import Ensemble
from services.id_card.detector import Detection, Detector
from services.id_card.model import versions
from services.id_card.model.drawing import draw
from services.id_card.model.images import encode_png, grayscale
from services.id_card.samples import SAMPLES, load_sample, sample_path
from services.workbench import plots, servers, show, timing
from services.workbench.plots import graphs

folder = build_dir() / "notebooks"
folder.mkdir(parents=True, exist_ok=True)

# %% [markdown]
# ## 1. Two models, one image
#
# `model_a` is the detector you know. `model_b` plays the new version: a smaller network, which was
# trained for a shorter time. As in the chapter, both get the image without its colours:

# %%
grey = grayscale(load_sample(image_name))
detectors = {name: Detector(path, backend="onnx") for name, path in versions.SHIPPED.items()}
found = {name: detector.detect([grey])[0] for name, detector in detectors.items()}

# %%
drawn = [draw(grey, boxes) for boxes in found.values()]
alt = "The grey scene twice, with the boxes of model_a and of model_b, which are not the same"
show.figure(plots.picture_grid(drawn, list(found), width=6.5), alt=alt, dpi=75)

# %% [markdown]
# The two disagree: with the default image, `model_a` finds both cards and `model_b` none. Here that
# is useful: only if their answers differ can a test tell that an answer labelled `model_a` really
# came from `model_a`.
#
# ## 2. The chapter's listing
#
# The chapter calls `async_run` on the Runner, the process that holds a model. But the Runnable, the
# class that this process runs, has two methods in the chapter, `inference` and `render`:


# %%
class TwoMethods(bentoml.legacy.Runnable):
    @bentoml.legacy.Runnable.method(batchable=False)
    def inference(self, image): ...

    @bentoml.legacy.Runnable.method(batchable=False)
    def render(self, image): ...


try:
    bentoml.legacy.Runner(TwoMethods, name="object_detector_1").async_run
except AttributeError as error:
    print(show.one_line(error))

# %% [markdown]
# > **Erratum 11** · section 10.4.1 · wrong when printed · `object_detector_1.async_run(model_input)`
# > A Runner has `async_run` only if its Runnable has one method or one named `__call__`.
#
# With the chapter's two methods the call raises `AttributeError`. `runner.inference.async_run`, as
# the chapter writes elsewhere, always works, so we use that form only.
#
# Notebook 01 showed what `await` does. In a chain of models it matters twice, because the second
# model receives what the first one returned. `Ensemble`, the service of this notebook in today's
# API, can be called without a server. Forget one `await`:

# %%
pixels = np.asarray(load_sample(image_name))
service = Ensemble()
not_awaited = service.grayscale_converter.to_async.convert(pixels)
try:
    await service.model_a.to_async.detect(not_awaited)
except AttributeError as error:
    print(show.one_line(error))

# %% [markdown]
# The model received a coroutine, a call that has not started, instead of an image. The chapter says
# that the call runs "in the background" meanwhile, and that its result only comes later. Count the
# calls to check:


# %%
async def detect(calls):
    calls.append("started")


calls = []
forgotten = detect(calls)
await asyncio.sleep(0.1)
print("calls started without await:", len(calls))
await forgotten
print("and with:                   ", len(calls))

# %% tags=["setup"]
not_awaited.close()

# %% [markdown]
# > **Erratum 12** · section 10.4.1 · wrong when printed · `allowing it to run in the background`
# > Without `await` nothing runs, neither now nor later: a coroutine starts when it is awaited.
#
# To run several coroutines at the same time, pass them to `asyncio.gather`, and await that.
#
# With both faults fixed, this is the chapter's endpoint as this repository serves it: first the grey
# image, then both detectors at once.

# %%
show.source("services/id_card/bento/runner_ensemble.py", start="@svc.api")

# %% [markdown]
# Five things are not in the chapter. `picture_of` returns the image that the middleware has decoded
# already, and `answer_in_full_size` maps the boxes back if that image was reduced. The other three
# each prevent a failure that section 5 shows: arrays instead of images, `asking_models` and
# `value_of`.
#
# Today's API expresses the same with `bentoml.depends`. Each class is a service with its own processes,
# and `to_async` makes its methods awaitable:

# %%
show.source(Ensemble)

# %% [markdown]
# The code declares which service depends on which. Draw these dependencies:

# %%
depends_on = {
    service.name: [part.on.name for part in service.dependencies.values()]
    for service in Ensemble.all_services().values()
}
alt = "Four boxes: id_card_ensemble with arrows to grayscale, model_a and model_b"
show.figure(graphs.dependency_graph(depends_on), alt=alt, dpi=75)

# %% [markdown]
# The figure does not show the *order*. The grey image comes first because `predict` awaits it
# first. BentoML knows the services; the order of the calls is plain Python.
#
# ## 3. Serve both
#
# The first server has three Runners, one process each. `BENTOML_CONFIG_OPTIONS` overrides BentoML's
# settings; here it limits each model's Runner to one core. In a terminal, Ctrl-C stops the server:

# %% tags=["volatile"]
old = servers.shell("""
    BENTOML_CONFIG_OPTIONS='runners.model_a.resources.cpu=1 runners.model_b.resources.cpu=1'
    bentoml serve services.id_card.bento.runner_ensemble:svc
        --host 127.0.0.1 --port $PORT --api-workers 1
""")

# %% [markdown]
# The second server has four services. Send the same image to both servers:

# %%
new = servers.bentoml("services.id_card.bento.ensemble:Ensemble")
upload = {"image": encode_png(load_sample(image_name))}
answers = [httpx.post(f"{server.url}/predict", files=upload).json() for server in (old, new)]
print({name: len(boxes) for name, boxes in answers[0]["results"].items()})

# %% [markdown]
# The numbers of boxes are those of section 1. Does each version's answer come from that version?
# Compare the boxes with those that the detectors find in this notebook's process:


# %%
def largest_gap(boxes, wanted):
    pairs = zip([Detection.from_dict(box) for box in boxes], wanted, strict=True)
    return max((np.abs(np.subtract(a.box, b.box)).max() for a, b in pairs), default=0)


for answer in answers:
    gaps = {name: largest_gap(boxes, found[name]) for name, boxes in answer["results"].items()}
    print({name: f"within a hundredth of a pixel: {gap < 0.01}" for name, gap in gaps.items()})

# %% [markdown]
# Both servers return the same boxes as the detectors without a server, version by version.
#
# ## 4. At the same time, or one after the other?
#
# The chapter says that `gather` improves performance. To measure it, the next cells write two
# modules for an experiment. The first has two small services, whose method `number` only waits for
# a moment: `leaky` with BentoML's default settings, and `tight` with one more setting, which
# section 5 explains.

# %%
_ = (folder / "leaky.py").write_text("""
import asyncio, bentoml, numpy as np
from PIL.Image import Image
from services.bentoml_support.model_calls import MAX_CONNECTION_USE

@bentoml.service(name="leaky")
class Leaky:
    @bentoml.api
    async def number(self, n: int) -> int:
        await asyncio.sleep(0.2)
        return n

    @bentoml.api
    def brightness(self, image: Image) -> int:
        return int(np.asarray(image, dtype=int).sum())

@bentoml.service(name="tight", runner_connection=MAX_CONNECTION_USE)
class Tight(Leaky.inner): ...
""")

# %% [markdown]
# The second module has a service that calls the two detectors in both ways:

# %%
_ = (folder / "asking.py").write_text("""
import asyncio, bentoml
from services.id_card import samples
from services.id_card.model import versions
from services.id_card.bento.ensemble import ModelA, ModelB
from leaky import Image, Leaky, Tight, np

@bentoml.service
class Asking:
    a, b = bentoml.depends(ModelA), bentoml.depends(ModelB)
    leaky, tight = bentoml.depends(Leaky), bentoml.depends(Tight)
    grey = versions.grey(np.asarray(samples.load_sample("two_cards")))

    @bentoml.api
    async def side_by_side(self) -> int:
        found = await asyncio.gather(*(m.to_async.detect(self.grey) for m in (self.a, self.b)))
        return sum(map(len, found))

    @bentoml.api
    async def one_by_one(self) -> int:
        found = [await m.to_async.detect(self.grey) for m in (self.a, self.b)]
        return sum(map(len, found))
""")

# %% [markdown]
# Add five more endpoints for the failures of section 5, and start the server:

# %%
with (folder / "asking.py").open("a") as file:
    _ = file.write("""
    @bentoml.api
    async def chapters_type(self) -> str:
        return {"results": {"model_a": [], "model_b": []}}

    @bentoml.api
    async def without_await(self, n: int) -> int:
        return self.tight.to_async.number(n)

    @bentoml.api
    async def through_leaky(self, n: int) -> int:
        return await self.leaky.to_async.number(n)

    @bentoml.api
    async def through_tight(self, n: int) -> int:
        return await self.tight.to_async.number(n)

    @bentoml.api
    async def brightness(self, image: Image) -> list[int]:
        here = int(np.asarray(image, dtype=int).sum())
        return [here, await self.tight.to_async.brightness(image)]
""")
asking = servers.bentoml("asking:Asking", working_dir=folder)

# %% tags=["volatile"]
client = httpx.Client(base_url=asking.url, timeout=60)
paths = ("one_by_one", "side_by_side")
ways = {path: lambda path=path: client.post(f"/{path}", json={}) for path in paths}
seconds = timing.interleaved(ways, rounds)
for path, ratio in timing.ratios(seconds, reference="one_by_one").items():
    print(f"{path:13} {ratio:.2f}")

# %% [markdown]
# A ratio below 1 means that `gather` is faster. With a free core for each model, the two calls take
# as long as the slower model alone; for two equally slow models the ratio would be about 0.5. On a
# busy machine, or where each model already uses every core, it approaches 1.
#
# `gather` lets calls overlap; it does not create cores. This is why each version's process here
# computes with **one** thread:

# %%
show.source("services/id_card/bento/ensemble.py", start="# For every service", end="OMP_NUM")

# %% [markdown]
# ## 5. What gets lost between processes
#
# Each failure in this section happens with BentoML 1.4.39 as installed. Some belong to the older
# API, some to today's, some to both; the chapter mentions none of them.
#
# ### A wrong return type
#
# The chapter's endpoint promises a string, `-> str`, and returns a dictionary. The Runner API
# ignores the annotation. Today's API checks the value against it:

# %%
response = client.post("/chapters_type", json={})
print(response.status_code, response.json()["detail"][0]["msg"])

# %% [markdown]
# > **Erratum 37** · section 10.4.1 · wrong when printed · `async def predict(…) -> str:`
# > The function returns a dictionary; moved to `@bentoml.api`, it answers every request with 400.
#
# A 400 tells the client that its request was wrong, which it was not. Annotate what you return.
#
# ### A forgotten `await`, served
#
# In section 2 a forgotten `await` raised a Python error. Behind HTTP, today's API notices that a
# coroutine is not an integer, and again blames the **client**:

# %%
response = client.post("/without_await", json={"n": 1})
print(response.status_code, response.json()["error"])

# %% [markdown]
# ### A JPEG changes on its way
#
# If you pass a PIL image to another process, BentoML encodes it in its original format. For a JPEG
# that is a second lossy compression. The endpoint `brightness` adds up all pixel values before and
# after the call:

# %%
for kind, data in {"PNG": upload["image"], "JPEG": sample_path(image_name).read_bytes()}.items():
    file = (f"card.{kind.lower()}", data, f"image/{kind.lower()}")
    before, after = client.post("/brightness", files={"image": file}).json()
    print(f"{kind:4} the same pixels after the call: {before == after}")

# %% [markdown]
# The PNG arrived unchanged, the JPEG did not. There is no error and no warning; the boxes merely
# differ a little from those that the same model finds in the original image. Arrays arrive exactly
# as they were sent.
#
# ### An exception that never arrives
#
# In the older API it is worse: a call that fails is not answered until a timeout. The next Runnable
# has two methods that fail. One raises. The other returns an image from `convert`, which has lost
# the format that BentoML would encode it in. The Runner's timeout is set to three seconds, so that
# you need not wait. BentoML's defaults for the two processes, in seconds, are much longer:

# %%
from bentoml._internal.configuration.containers import BentoMLContainer

print("the web server:", BentoMLContainer.api_server_config.traffic.timeout.get())
print("a Runner:      ", BentoMLContainer.runners_config.traffic.timeout.get())

# %%
_ = (folder / "raising.py").write_text("""
import bentoml
from bentoml.io import JSON, Image

class Raising(bentoml.legacy.Runnable):
    SUPPORTED_RESOURCES, SUPPORTS_CPU_MULTI_THREADING = ("cpu",), True
    @bentoml.legacy.Runnable.method(batchable=False)
    def fails(self, image): raise ValueError("no such thing")
    @bentoml.legacy.Runnable.method(batchable=False)
    def greys(self, image): return image.convert("L")

runner = bentoml.legacy.Runner(Raising, name="raising")
svc = bentoml.legacy.Service("raising", runners=[runner])
@svc.api(input=Image(), output=JSON())
async def fails(image): return await runner.fails.async_run(image)
@svc.api(input=Image(), output=JSON())
async def greys(image): return (await runner.greys.async_run(image)).mode
""")
options = {"BENTOML_CONFIG_OPTIONS": "runners.traffic.timeout=3"}
raising = servers.bentoml("raising:svc", working_dir=folder, api_workers=1, env=options)

# %%
jpeg = {"content": sample_path(image_name).read_bytes(), "headers": {"Content-Type": "image/jpeg"}}
for path in ("fails", "greys"):
    response = httpx.post(f"{raising.url}/{path}", timeout=60, **jpeg)
    slow = response.elapsed.total_seconds() > 3
    print(path, response.status_code, "· only after the timeout:", slow)
print(textwrap.fill(response.text, 90))

# %% [markdown]
# Both calls got a 500, and only after the timeout. The exception was raised at once, but the
# Runner's process did not report it until then, and the response does not name it. With the
# defaults above, the web server gives up first and answers *504 Gateway Timeout*. The Runner
# carries on, and until its own timeout it does not even stop when asked to.
#
# So our Runnables never raise. `attempt` catches every exception and returns it as a value, which
# the web server turns into an error response. The short timeout is set in code, where no one can
# forget it:

# %%
show.source(model_calls.attempt)

# %%
show.source(runner_timeout.set_runner_timeout)

# %% [markdown]
# If you must send a PIL image, give it a format: set `image.format = "PNG"` after each change.
#
# ### Requests that are cut off
#
# Now sixteen clients send requests at the same time, first through `leaky` and then through
# `tight`. Each request carries a number and expects the same number back:


# %%
def unanswered(path):
    with ThreadPoolExecutor(16) as clients:
        sent = range(requests)
        received = list(clients.map(lambda n: client.post(f"/{path}", json={"n": n}), sent))
    right = [answer.status_code == 200 and answer.json() == n for n, answer in enumerate(received)]
    return right.count(False)


lost = {path: unanswered(path) for path in ("through_leaky", "through_tight")}
print({path: count > 0 for path, count in lost.items()})

# %% tags=["volatile"]
print(f"of {requests} requests were lost:", lost)

# %% [markdown]
# Through `leaky` some requests were not answered; through `tight` all of them were. Both services
# worked, so the fault lies between them and their caller. BentoML keeps the caller's connections in
# a session with these defaults:

# %%
from _bentoml_impl.client.proxy2 import SessionManager

signature = inspect.signature(SessionManager)
print({name: signature.parameters[name].default for name in ("max_requests", "max_age")})

# %% [markdown]
# After that many requests, or seconds, BentoML closes the session *together with all requests in
# it*, and opens a new one. On a quiet development machine the session is empty then, so nobody
# notices. The remedy is a setting on the service that is **called**, as in `tight`:

# %%
show.source("services/bentoml_support/model_calls.py", start="MAX_CONNECTION_USE", end="300.")

# %% [markdown]
# One gap remains. The called service closes a connection that has been idle for five seconds, but
# the caller keeps it for fifteen, so a request may be on its way when the connection is closed.
# Repeating it looks safe, since detecting boxes changes nothing on the server. But if a request
# *crashes the process*, the caller sees the same error. A repeat then crashes the next process,
# too.
#
# So the caller never repeats a request. Instead, it drops idle connections before the service
# closes them. BentoML has no setting for that, so one of its functions is replaced:

# %%
show.source(connections, start="IDLE_SECONDS = 2.0")

# %% [markdown]
# The failures that remain are reported in the same format as every other error: 503 for a process
# that cannot be reached, 504 for one that is too slow, 500 for a model that failed.
#
# One more loss happens only at shutdown. On [*SIGTERM*](GLOSSARY.md#SIGTERM), the signal that asks a
# process to stop, BentoML stops models and web servers together, and a request between two models is
# lost. `services/bentoml_support/shutdown.py` closes the port first, so that new clients are rejected
# at once, then stops the web servers, and the models last.
#
# ## 6. A/B: each user gets one version
#
# "Testing two versions at the same time" can mean what you have just built: both versions answer
# every request. That costs twice the work, and shows how the versions differ. Whether *users* do
# better with B is a different question. To answer it, each user gets one version, always the same:

# %%
show.source(ab_routing.hash_bucket, start="data")

# %%
show.source(ab_routing.choose, start="return")

# %% [markdown]
# No table of users is needed. A hash assigns every id to a bucket, a number between 0 and 1, always
# the same one. Users whose number is below the share get `model_b`. Here are sixty users, while the
# share of `model_b` grows step by step:

# %%
users = [f"user-{number}" for number in range(60)]
buckets = [ab_routing.hash_bucket(user, ab_routing.EXPERIMENT) for user in users]
shares = (0.0, 0.1, share_b, 1.0)
figure = graphs.places_on_a_line(buckets, shares, ("model_a", "model_b"), title="Who gets which")
show.figure(
    figure, alt="Users as ticks on a line; model_b has those left of a cut that moves right"
)

# %% [markdown]
# Follow one tick downwards: it changes from A to B once, and never back. If each request were
# assigned at random, a user would get both models in one afternoon, and the experiment would
# measure confusion. Count the moves as the share grows from 0.1 to `share_b`:

# %%
moved = Counter((ab_routing.choose(u, 0.1), ab_routing.choose(u, share_b)) for u in users)
print({f"{before} → {after}": count for (before, after), count in sorted(moved.items())})

# %% [markdown]
# With the default share, 16 of the 60 users move from `model_a` to `model_b`. The others stay, and
# nobody moves back.
#
# The service reads the header `X-User-ID`, calls that user's version, and says in the answer which
# one it was:

# %%
show.source(ab_service.AbTest, start="async def")

# %%
split = servers.bentoml(
    "services.id_card.bento.ab_service:AbTest", env={ab_routing.SHARE_VARIABLE: str(share_b)}
)

# %% [markdown]
# Every simulated user photographs a card in different light:


# %%
def photograph(number):
    scene = load_sample([name for name in SAMPLES if name != "no_card"][number % 4])
    return encode_png(ImageEnhance.Brightness(scene).enhance(0.5 + 0.015 * number))


def ask(number):
    headers = {"X-User-ID": users[number], "Content-Type": "image/png"}
    return visitor.post("/predict", content=photograph(number), headers=headers).json()


visitor = httpx.Client(base_url=split.url, timeout=60)
with ThreadPoolExecutor(4) as clients:
    answers = list(clients.map(ask, range(len(users))))
print(Counter(answer["version"] for answer in answers))

# %% [markdown]
# With the default share, 18 of the 60 users got `model_b`. Did everyone get the version that
# `choose` computes here, and do users who come back get the same version again?

# %%
print("as computed:", all(a["version"] == ab_routing.choose(a["id"], share_b) for a in answers))
again = [ask(number)["version"] for number in range(8)]
print("the same again:", again == [answer["version"] for answer in answers[:8]])

# %% [markdown]
# An invalid id is rejected like any other bad input:

# %%
headers = {"X-User-ID": "two words", "Content-Type": "image/jpeg"}
response = visitor.post("/predict", content=jpeg["content"], headers=headers)
print(response.status_code, response.json()["error"]["message"])

# %% [markdown]
# An experiment is evaluated by its metrics. The server counts how many requests it routed to each
# version, and measures how long each version computed. `/metrics` adds up the processes:

# %%
text = visitor.get("/metrics").text


def metric(name, version):
    return float(re.search(rf'^{name}{{[^}}]*version="{version}"}} (.+)$', text, re.M)[1])


for name in versions.SHIPPED:
    print(name, "routed", metric("id_card_routed_requests_total", name))

# %% tags=["volatile"]
timer = "id_card_inference_duration_seconds"
mean = {v: metric(f"{timer}_sum", v) / metric(f"{timer}_count", v) for v in versions.SHIPPED}
print(f"model_b computes {mean['model_b'] / mean['model_a']:.2f} times as long as model_a")

# %% [markdown]
# The two counters add up to 68: sixty users, and eight requests sent again. A ratio below 1 means
# that `model_b` is faster. And how confident was each version of its boxes?

# %%
sure = {name: [] for name in versions.SHIPPED}
for answer in answers:
    sure[answer["version"]] += [box["confidence"] for box in answer["detections"]]
bins = np.arange(0.5, 1.01, 0.05)
words = {"xlabel": "confidence", "ylabel": "share of its boxes", "title": "Confidence of the boxes"}
figure = graphs.two_distributions(sure, bins=bins, **words)
show.figure(figure, alt="Two histograms of confidence, model_a's and model_b's, of different shape")

# %% [markdown]
# Read this figure with care. The two versions saw different users, so different images: that is the
# price of an A/B test, and the reason why it needs many users. A confident model is not always
# right. A different shape only tells you where to look next, for instance by sending the same
# images to both versions, as in section 3.
#
# ## What broke, and why
#
# | The chapter | What happens today | Fixed by |
# |---|---|---|
# | `runner.async_run` | `AttributeError` if the Runnable has two methods | `runner.method.async_run` |
# | without `await` the result is late | it never comes: nothing has started | `await`, or `gather` |
# | `-> str` on a function that returns a dictionary | 400 for every request in today's API | the right annotation |
# | (not mentioned) PIL images between Runners | JPEG altered; without a format, no answer until a timeout | arrays |
# | (not mentioned) an exception in a Runner | 504 after a minute, and a process that will not stop | `attempt`, a short timeout |
# | (not mentioned) many requests at once | `depends` cuts some off | `runner_connection`, and dropping idle connections |
#
# ## Summary
#
# - `await` chains calls, `gather` runs them at the same time. The services are BentoML's; the order
#   of the calls is plain Python.
# - `gather` pays off where each model has its own core. Measure it, as a ratio.
# - Between processes, send arrays, catch exceptions, set timeouts, and keep connections open.
# - Test with models whose answers differ, and count every request.
# - An A/B test hashes an id to a bucket: nothing to store, and a share that can grow without moving
#   anyone back.
#
# **Practise:** `make lab N=04` opens your copy of [Lab 04](../labs/lab04_several_runners/lab04_several_runners.ipynb),
# in which you call two versions at once, divide users between them, and serve many clients without
# losing a request.
#
# **Next:** [05 · Observability](05_observability.ipynb) looks into a running server: its health, its
# metrics, and an alert that fires.

# %% tags=["teardown"]
for connection in (client, visitor):
    connection.close()
started = (old, new, asking, raising, split)
for server in started:
    _ = server.stop()
for name in ("leaky", "asking", "raising"):
    (folder / f"{name}.py").unlink()
print("processes left:", sum(len(server.processes()) for server in started))
