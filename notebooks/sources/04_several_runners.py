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
# **Where you are:** chapter section 10.4, "Multiple BentoML Runners" · about 35 minutes ·
# before this: [03 · /render](03_render.ipynb) ·
# next: [05 · Observability](05_observability.ipynb)
#
# So far one model stood behind one endpoint. Here a picture is made grey, and then two versions of
# the detector look at it at the same time. That makes a small distributed system out of a model, and
# brings what such systems bring: requests that get lost between processes. You will lose some, find
# out why, and stop it. In the end each user is answered by one version only: an A/B test.
#
# ## After this notebook you can
#
# - chain and fan out models with `asyncio.gather`, in both of BentoML's APIs,
# - say what happens, and what does not, without `await`,
# - name four ways in which a picture or a request is lost between processes, and guard against each,
# - split traffic between two versions so that every user stays with theirs.

# %% [markdown]
# `requests` is how many go through the leaky connection of section 5, `rounds` how often the two
# ways of section 4 are timed, and `share_b` the part of the users that the second version gets.

# %% tags=["parameters"]
image_name = "two_cards"
requests = 150
rounds = 10
share_b = 0.3

# %% [markdown]
# What this machine has: `MISSING` stops you, `NOT RUN HERE` skips a step. Each such line ends with the
# command that mends it.

# %% tags=["setup", "volatile"]
from services.workbench import preflight

print(*preflight.report(), sep="\n")

# %% tags=["setup"]
import asyncio
import inspect
import re
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import bentoml
import httpx
import numpy as np
from PIL import ImageEnhance

warnings.filterwarnings("ignore", "`(bentoml|Runner)")  # the old API is deprecated: notebook 01

# %% tags=["setup"]
from services import model_calls
from services.environment import build_dir
from services.id_card import ab_service, routing, runner_timeout, versions
from services.id_card.detector import Detection, Detector
from services.id_card.drawing import draw
from services.id_card.ensemble import Ensemble
from services.id_card.images import encode_png, grayscale
from services.id_card.samples import SAMPLES, load_sample, sample_path
from services.workbench import graphs, plots, servers, show, timing

folder = build_dir() / "notebooks"
folder.mkdir(parents=True, exist_ok=True)

# %% [markdown]
# ## 1. Two models, one picture
#
# `model_a` is the detector you know. `model_b` is a second one from a shorter training, as a
# candidate might be. Both get the picture without its colours:

# %%
grey = grayscale(load_sample(image_name))
detectors = {name: Detector(path, backend="onnx") for name, path in versions.SHIPPED.items()}
found = {name: detector.detect([grey])[0] for name, detector in detectors.items()}

# %%
drawn = [draw(grey, boxes) for boxes in found.values()]
alt = "The grey scene twice, with the boxes of model_a and of model_b, which are not the same"
show.figure(plots.picture_grid(drawn, list(found), width=6.5), alt=alt, dpi=75)

# %% [markdown]
# They disagree, in the boxes or in how sure they are. For once that is welcome: only because their
# answers differ can a test tell that `model_a` in an answer really is A.
#
# ## 2. The chapter's listing
#
# The chapter calls each Runner by `async_run`. But its own Runnable has two methods by now, `inference`
# and `render`:


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
# **Erratum 11.** A Runner has `async_run` of its own only if its Runnable has one method (or one named
# `__call__`). Otherwise the method comes first: `runner.inference.async_run`, as the chapter itself
# writes elsewhere. That form always works, so we use no other.
#
# What `await` is for you saw in notebook 01. With a chain of models it counts twice, since the second
# model gets what the first one returned. A service can be tried without a server; forget one `await`:

# %%
pixels = np.asarray(load_sample(image_name))
service = Ensemble()
not_awaited = service.grayscale_converter.to_async.convert(pixels)
try:
    await service.model_a.to_async.detect(not_awaited)
except AttributeError as error:
    print(show.one_line(error))

# %% [markdown]
# The model was handed a coroutine in place of a picture. The chapter explains that the work goes on
# "in the background" meanwhile, and the result is merely late. Is that so? Count the calls:


# %%
async def detect(calls):
    calls.append("begun")


calls = []
forgotten = detect(calls)
await asyncio.sleep(0.1)
print("calls begun without await:", len(calls))
await forgotten
print("and with:                 ", len(calls))

# %% tags=["setup"]
not_awaited.close()

# %% [markdown]
# **Erratum 12.** Without `await` nothing runs, now or later. `asyncio.gather` is what starts several
# coroutines and lets them run side by side.
#
# With both mended, here is the chapter's endpoint as this repository serves it: first the grey
# picture, then both detectors at once.

# %%
show.source("services/id_card/runner_ensemble.py", start="@svc.api")

# %% [markdown]
# Five things in it are not in the chapter: the gate's `picture_of`, arrays instead of images, `ask`,
# `asking_models` and `value_of`. Each stands for an accident that you will see in section 5.
#
# Today's API says the same with `bentoml.depends`. Every class is a service with processes of its own,
# and `to_async` makes its methods awaitable:

# %%
show.source(Ensemble)

# %% [markdown]
# Who asks whom can be read from the code, so let it draw itself:

# %%
depends_on = {
    service.name: [part.on.name for part in service.dependencies.values()]
    for service in Ensemble.all_services().values()
}
alt = "Four boxes: id_card_ensemble with arrows to grayscale, model_a and model_b"
show.figure(graphs.dependency_graph(depends_on), alt=alt, dpi=75)

# %% [markdown]
# Note what the picture does not say: the *order*. Grey comes before the models because `predict`
# awaits it first. BentoML knows the parts; the flow between them is plain Python.
#
# ## 3. Serve both
#
# The first server has three Runners, one process each; the second has four services.

# %%
options = " ".join(f"runners.{name}.resources.cpu=1" for name in ("model_a", "model_b"))
old = servers.bentoml(
    "services.id_card.runner_ensemble:svc",
    api_workers=1,
    env={"BENTOML_CONFIG_OPTIONS": options},
)
new = servers.bentoml("services.id_card.ensemble:Ensemble")

# %%
upload = {"image": encode_png(load_sample(image_name))}
answers = [httpx.post(f"{server.url}/predict", files=upload).json() for server in (old, new)]
print({name: len(boxes) for name, boxes in answers[0]["results"].items()})

# %% [markdown]
# Is each version's answer its own? Compare with the detectors in this notebook's process:


# %%
def largest_gap(boxes, wanted):
    pairs = zip([Detection.from_dict(box) for box in boxes], wanted, strict=True)
    return max((np.abs(np.subtract(a.box, b.box)).max() for a, b in pairs), default=0)


for answer in answers:
    gaps = {name: largest_gap(boxes, found[name]) for name, boxes in answer["results"].items()}
    print({name: f"within a hundredth of a pixel: {gap < 0.01}" for name, gap in gaps.items()})

# %% [markdown]
# Both servers agree with the core, version by version.
#
# ## 4. Side by side, or one after the other?
#
# The chapter says that `gather` improves performance. By how much? The next two modules are an
# experiment, so they are written here and not among the services. First two services that only
# wait a little: `leaky` is as BentoML makes it, `tight` has one setting more. Section 5 needs them.

# %%
_ = (folder / "leaky.py").write_text("""
import asyncio, bentoml, numpy as np
from PIL.Image import Image
from services.model_calls import MAX_CONNECTION_USE

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
# And a service that asks the two detectors in both ways:

# %%
_ = (folder / "asking.py").write_text("""
import asyncio, bentoml
from services.id_card import samples, versions
from services.id_card.ensemble import ModelA, ModelB
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
# Four more endpoints, for the accidents to come:

# %%
with (folder / "asking.py").open("a") as file:
    _ = file.write("""
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
        return [here, await self.leaky.to_async.brightness(image)]
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
# Below 1 means that side by side is faster. With a free core for each model the slower model's time is
# what remains; models that take equally long would come to about half. On a busy machine, or where
# each model already uses every core, the ratio goes towards 1: `gather` lets work overlap, it does
# not make cores. This is why each version's process here computes with **one** thread:

# %%
show.source("services/id_card/ensemble.py", start="# For every service", end="OMP_NUM")

# %% [markdown]
# ## 5. What gets lost between processes
#
# Every accident here happens with BentoML 1.4.39 as it is installed, and the chapter's listing is open
# to each of them.
#
# ### A forgotten `await`, served
#
# In section 2 it was a Python error. Behind HTTP, today's API finds that a coroutine is no whole number,
# and says so to the **client**, as if the request had been wrong:

# %%
response = client.post("/without_await", json={"n": 1})
print(response.status_code, response.json()["error"])

# %% [markdown]
# ### A JPEG changes on its way
#
# Pass a PIL image to another process, and BentoML saves it in the format that it came in. For a JPEG
# that is a second lossy compression. Add up all pixel values before and behind the passage:

# %%
for kind, data in {"PNG": upload["image"], "JPEG": sample_path(image_name).read_bytes()}.items():
    file = (f"card.{kind.lower()}", data, f"image/{kind.lower()}")
    before, behind = client.post("/brightness", files={"image": file}).json()
    print(f"{kind:4} the same pixels behind the passage: {before == behind}")

# %% [markdown]
# No error, no warning; only slightly other boxes than the same model gives elsewhere, and nobody knows
# why. Arrays arrive as they were sent.
#
# ### An exception that never arrives
#
# The older API has it worse. This Runnable raises in one method, and in the other returns a picture as
# `convert` gives it, which no longer has a format to be saved in. So that you need not wait, the
# Runner's timeout is set to three seconds. As BentoML comes, the two processes have:

# %%
from bentoml._internal.configuration.containers import BentoMLContainer

print("the web server:", BentoMLContainer.api_server_config.traffic.timeout.get(), "s")
print("a Runner:      ", BentoMLContainer.runners_config.traffic.timeout.get(), "s")

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
    print(path, response.status_code, repr(response.text), "· only after the timeout:", slow)

# %% [markdown]
# The exception was raised at once, but the Runner's process kept it to itself until its timeout.
# With the timeouts above, the web server gives up first and answers *504*. The Runner does not, and
# until its own timeout it does not even end when it is asked to. So in our Runnables nothing is raised. `attempt` catches everything and returns it as a value; the web server turns that into
# an answer. And a short timeout is set from code, where nobody can forget it:

# %%
show.source(model_calls.attempt)

# %%
show.source(runner_timeout.set_runner_timeout)

# %% [markdown]
# A picture that must travel as a picture needs a format: `image.format = "PNG"` after each change.
#
# ### Requests that are cut off
#
# Now many clients at once: sixteen of them send numbers through `leaky` and through `tight`, and wait
# for the same number to come back:


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
# Some were not answered, though each service did what it was told. What was between them? BentoML keeps
# its connections in a session, made like this:

# %%
from _bentoml_impl.client.proxy2 import SessionManager

signature = inspect.signature(SessionManager)
print({name: signature.parameters[name].default for name in ("max_requests", "max_age")})

# %% [markdown]
# After so many requests, or seconds, it closes the session *with everything that is under way in it*,
# and opens a new one. On a quiet development machine nothing is under way, so nobody notices. The
# setting belongs on the service that is **asked**:

# %%
show.source("services/model_calls.py", start="MAX_CONNECTION_USE", end="300.")

# %% [markdown]
# One gap is left. The asked service closes a connection that was idle for five seconds, and a request may
# be on its way at that very moment. No setting reaches it. But finding boxes changes nothing, so the
# question may be put again:

# %%
show.source(model_calls.ask, start="for _")

# %% [markdown]
# What still goes wrong is told to the client in the shape of every other error: 503 for a process that
# cannot be reached, 504 for one that is too slow, 500 for a model that failed. One more accident
# happens only at the end: on *SIGTERM* BentoML ends models and web servers together, and a request
# between two models is lost. `services/bentoml_shutdown.py` ends the web servers first.
#
# ## 6. A/B: each user gets one version
#
# "Testing two versions at the same time" can mean what you have just built: everyone is answered by
# both. It costs twice the work, and shows how the versions differ. Whether *users* do better with B is
# another question. For that, each gets one version, and always the same:

# %%
show.source(routing.place, start="data")

# %%
show.source(routing.choose, start="return")

# %% [markdown]
# No table of users, no memory: a hash gives every id its place between 0 and 1, for ever. Sixty users,
# and a candidate that gets more of them step by step:

# %%
users = [f"user-{number}" for number in range(60)]
places = [routing.place(user, routing.EXPERIMENT) for user in users]
shares = (0.0, 0.1, share_b, 1.0)
figure = graphs.places_on_a_line(places, shares, ("model_a", "model_b"), title="Who gets which")
show.figure(
    figure, alt="Users as ticks on a line; model_b has those left of a cut that moves right"
)

# %% [markdown]
# Follow one tick downwards: it turns from A to B once, and never back. Had we drawn lots per request, a
# user would see two models in one afternoon, and the experiment would measure confusion.

# %%
moved = Counter((routing.choose(u, 0.1), routing.choose(u, share_b)) for u in users)
print({f"{before} → {after}": count for (before, after), count in sorted(moved.items())})

# %% [markdown]
# The service asks the version that the header `X-User-ID` is routed to, and says which one it was:

# %%
show.source(ab_service.AbTest, start="async def")

# %%
split = servers.bentoml(
    "services.id_card.ab_service:AbTest", env={routing.SHARE_VARIABLE: str(share_b)}
)

# %% [markdown]
# Every user photographs a card in light of their own:


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
# Did everyone get the version that the pure function says? And does a user who comes again meet the same
# one?

# %%
print("as computed:", all(a["version"] == routing.choose(a["id"], share_b) for a in answers))
again = [ask(number)["version"] for number in range(8)]
print("the same again:", again == [answer["version"] for answer in answers[:8]])

# %% [markdown]
# An id that is none is refused like any other bad input:

# %%
headers = {"X-User-ID": "two words", "Content-Type": "image/jpeg"}
response = visitor.post("/predict", content=jpeg["content"], headers=headers)
print(response.status_code, response.json()["error"]["message"])

# %% [markdown]
# An experiment is read from metrics. The server counts what it routed where, and how long each
# version computed; `/metrics` adds up the processes:

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
# And how sure was each of what it found?

# %%
sure = {name: [] for name in versions.SHIPPED}
for answer in answers:
    sure[answer["version"]] += [box["confidence"] for box in answer["detections"]]
bins = np.arange(0.5, 1.01, 0.05)
words = {"xlabel": "confidence", "ylabel": "share of its boxes", "title": "How sure of its boxes"}
figure = graphs.two_distributions(sure, bins=bins, **words)
show.figure(figure, alt="Two histograms of confidence, model_a's and model_b's, of different shape")

# %% [markdown]
# Read it with care. The two saw different users, so different pictures: that is the price of an A/B
# test, and why it needs many of them. And a confident model need not be a right one. A shape that
# differs tells you where to look, for instance with both versions on the same pictures, as in section 3.
#
# ## What broke, and why
#
# | The chapter | What happens today | Fixed by |
# |---|---|---|
# | `runner.async_run` | `AttributeError` once the Runnable has two methods | `runner.method.async_run` |
# | without `await` the result is late | it never comes: nothing was begun | `await`, or `gather` |
# | (not mentioned) PIL images between Runners | JPEG altered; without a format, no answer until a timeout | arrays |
# | (not mentioned) an exception in a Runner | 504 after a minute, and a process that will not end | `attempt`, a short timeout |
# | (not mentioned) many requests at once | `depends` cuts some off | `runner_connection`, and asking again |
#
# ## Summary
#
# - `await` makes a chain, `gather` a fan; the flow is Python, the parts are BentoML's.
# - Side by side pays where each model has a core of its own. Measure it, as a ratio.
# - Between processes send arrays, catch what is raised, set timeouts, and keep connections.
# - Test with answers that can be told apart, and count every request.
# - An A/B test hashes an id to a place: no memory, no lots, and a share that only grows one way.
#
# **Practise:** in [Lab 04](../labs/lab04_several_runners/lab04_several_runners.ipynb) you ask two
# versions at once, divide users between them, and answer a crowd without losing anybody.
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
