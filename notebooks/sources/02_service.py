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
# # 02 · The service
#
# **Where you are:** chapter section 10.4, "Executing a BentoML Service Locally" · about 25 minutes ·
# before this: [01 · A model behind a Runner](01_runner.ipynb) ·
# next: [03 · /render](03_render.ipynb)
#
# Last time you took a Runner apart. Now the detector is served twice: the chapter's way, and today's.
# Then you attack both with uploads that are no pictures, as every public endpoint is.
#
# ## After this notebook you can
#
# - write the same endpoint in both of BentoML's APIs and say what changed,
# - find a service's endpoints, and call them with curl, httpx and BentoML's own client,
# - say what a careless image endpoint does with a text file, half a picture, or a path,
# - read a refusal and know what to change.

# %% tags=["parameters"]
image_name = "two_cards"

# %% tags=["setup"]
import subprocess
import warnings

import bentoml
import httpx
import psutil

warnings.filterwarnings("ignore", "`bentoml")  # notebook 01 has read them
from bentoml.io import JSON

from services.environment import build_dir
from services.id_card.detector import Detection
from services.id_card.drawing import draw
from services.id_card.samples import SAMPLES, load_sample, sample_path
from services.workbench import servers, show

# %% [markdown]
# ## 1. Today's API
#
# Since version 1.2 a BentoML service is a **class**. What used to be a Runnable, a Runner, a Service
# and functions around them is now one constructor and some methods. This is all of it:

# %%
show.source("services/id_card/service.py")

# %% [markdown]
# Hold it against the Runner service of the last notebook. The same core, the same gate, the same
# three endpoints; what differs is how the framework is told:
#
# | | BentoML 1.1.6, the chapter | BentoML 1.4, today | Why it changed |
# |---|---|---|---|
# | a service is | an object plus functions | a class with `@bentoml.service` | state has one obvious home |
# | the model runs | in a Runner process | in the service's own worker | one hop fewer; `bentoml.depends` adds it back where it pays |
# | types | `Image()`, `JSON()` | Python annotations | editors and OpenAPI understand them |
# | an endpoint is | `async`, and awaits the Runner | a plain function in a thread | forgetting `await` is no longer possible |
# | `bentoml serve` gets | `module:svc` | `module:Class` | |
#
# Start both. Each binds to 127.0.0.1 only, on a free port.

# %%
old = servers.bentoml("services.id_card.runner_service:svc", api_workers=1)
new = servers.bentoml("services.id_card.service:IdCardDetector")
print([httpx.get(f"{server.url}/readyz").status_code for server in (old, new)])

# %% [markdown]
# ## 2. Which endpoints are there?
#
# Open a BentoML server's root in a browser, and Swagger's page offers a form for each endpoint.
# Programs read the same description from `/docs.json`:
#
# ![Swagger's page of the service id_card_detector, with the three endpoints](pictures/swagger.png)

# %%
for server in (old, new):
    paths = httpx.get(f"{server.url}/docs.json").json()["paths"]
    print([path for path in paths if "post" in paths[path]])

# %% [markdown]
# Two names for one thing, and that is deliberate. The chapter's text promises `/inference`, but its
# code calls the function `invocation`, and BentoML makes the path from the function's name:

# %%
demo = bentoml.legacy.Service("demo")


@demo.api(input=JSON(), output=JSON())
def invocation(data):
    return data


print("/inference" in [f"/{api.route}" for api in demo.apis.values()], list(demo.apis))

# %% [markdown]
# **Erratum 6.** Whoever follows the text gets a 404 from the code. We serve `/inference` and
# keep `/invocation` as an alias of it.
#
# Other listings of the section stop before their last brackets. Python reads a whole file before it runs
# any of it, so the server would not even start:

# %%
try:
    compile('answer = {"results": {"model_a": []', "listing", "exec")
except SyntaxError as error:
    print(show.one_line(error))

# %% [markdown]
# **Erratum 7** is an address. The chapter opens `http://0.0.0.0:3000`. That is an address to *bind*
# to ("every network of this machine"), not one to visit; some systems refuse it. It is also
# what `bentoml serve` binds to unless told otherwise, which offers your laptop's model to the whole
# café. Ours listen here:

# %%
connections = [
    connection
    for process in new.processes()
    for connection in psutil.Process(process.pid).net_connections(kind="inet")
]
print({c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN})

# %% [markdown]
# ## 3. Four ways to call it
#
# A form field named `image` carries the file, as a browser or `curl -F` sends it:

# %%
command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{content_type}"]
command += ["-F", f"image=@{sample_path(image_name)}", f"{new.url}/inference"]
print(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

# %% [markdown]
# From Python, httpx does the same in one line, and gives the JSON as lists and dictionaries:

# %%
picture_bytes = sample_path(image_name).read_bytes()
answer = httpx.post(f"{new.url}/inference", files={"image": picture_bytes}).json()
for box in answer:
    print(box["name"], round(box["confidence"], 2), {k: round(v) for k, v in box["box"].items()})

# %% [markdown]
# A camera or a queue has no forms. It sends the file itself as the body, with its type:

# %%
headers = {"Content-Type": "image/jpeg"}
raw = httpx.post(f"{new.url}/inference", content=picture_bytes, headers=headers).json()
print("the same answer:", raw == answer)

# %% [markdown]
# BentoML's client reads the service's description and offers its endpoints as methods. This only
# works with today's services:

# %%
with bentoml.SyncHTTPClient(new.url) as client:
    print("the same answer:", client.inference(image=sample_path(image_name)) == answer)

# %% [markdown]
# And the older service? One model, two doors:

# %%
from_old = httpx.post(f"{old.url}/inference", files={"image": picture_bytes}).json()
gap = max(
    abs(a["box"][edge] - b["box"][edge])
    for a, b in zip(from_old, answer, strict=True)
    for edge in ("x1", "y1", "x2", "y2")
)
print(f"{len(from_old)} boxes, at most {gap:.2f} pixels apart")

# %% [markdown]
# The answer is enough to draw with, so a client needs nothing of the model:

# %%
boxes = [Detection.from_dict(box) for box in answer]
alt = f"{SAMPLES[image_name]}, framed where the server's answer says"
show.picture(draw(load_sample(image_name), boxes), alt=alt, width=300)

# %% [markdown]
# ## 4. What a careless endpoint does
#
# Here is the shortest image service one can write: the parameter is a PIL image, and it goes straight
# to the model. It is written to a file, because a server is a program of its own.

# %%
folder = build_dir() / "notebooks"
folder.mkdir(parents=True, exist_ok=True)
(folder / "careless.py").write_text("""
import bentoml
from PIL.Image import Image
from ultralytics import YOLO
from services.id_card.checkpoint import WEIGHTS

@bentoml.service
class Careless:
    def __init__(self):
        self.model = YOLO(WEIGHTS)

    @bentoml.api
    def inference(self, image: Image) -> list[dict]:
        return self.model(image)[0].summary()
""")
careless = servers.bentoml("careless:Careless", working_dir=folder)

# %% [markdown]
# For a good picture it works. Now what every public endpoint meets sooner or later:

# %%
half = picture_bytes[: len(picture_bytes) // 2]
attacks = {
    "a text file named card.jpg": {"files": {"image": ("card.jpg", b"hello", "image/jpeg")}},
    "an empty file": {"files": {"image": ("card.jpg", b"", "image/jpeg")}},
    "half a picture": {"files": {"image": ("card.jpg", half, "image/jpeg")}},
    "the wrong field": {"files": {"photo": picture_bytes}},
    "text in the field": {"files": {"image": (None, "card.jpg")}},
    "a path on the server": {"json": {"image": str(sample_path("close_up"))}},
    "30 million zeros": {"files": {"image": ("card.jpg", bytes(30_000_000), "image/jpeg")}},
}

# %% [markdown]
# Send each of them to both, and put what came back side by side:


# %%
def status(server, request):
    return httpx.post(f"{server.url}/inference", timeout=60, **request).status_code


rows = [(name, status(careless, attack), status(new, attack)) for name, attack in attacks.items()]
show.table(rows, columns=("what is sent", "careless", "ours"))

# %% [markdown]
# Read the middle column. **500** means "the server is at fault", so an operator is woken at night
# for a client's broken file, and the client is told nothing it could act on. One line is worse than
# a 500: the *path on the server*. Look at that answer again:

# %%
stolen = httpx.post(f"{careless.url}/inference", **attacks["a path on the server"])
print(stolen.status_code, [box["name"] for box in stolen.json()])

# %% [markdown]
# The request held no picture, only a path as text. BentoML passed the text on, and ultralytics,
# which accepts paths and URLs as well as images, **opened the file on the server's disk**. Anyone
# can ask this endpoint to look at any picture that it can reach, inside your network too.
#
# ## 5. The gate
#
# Our endpoints take a *file* (`Annotated[Path, ContentType("image/*")]`), never a PIL image. And
# before either framework reads the upload, one piece of ASGI middleware does: it counts the bytes
# while they arrive, takes the file out of the form, and decodes it completely. What passes is a
# picture. What does not gets one and the same shape of answer, from every server here:

# %%
refusal = httpx.post(f"{new.url}/inference", **attacks["half a picture"])
for key, value in refusal.json()["error"].items():
    print(f"{key:8} {value}")

# %% [markdown]
# The *code* is for programs, the *message* says what is wrong with this very request, and the *hint*
# says what to change. The older service gives the same refusals, word for word:


# %%
def error(server, request):
    return httpx.post(f"{server.url}/inference", timeout=60, **request).json()["error"]


same = [error(old, attack) == error(new, attack) for attack in attacks.values()]
print(f"{sum(same)} of {len(same)} refusals are the same")

# %% [markdown]
# How does the gate open a picture? These lines are the only place in the repository that opens one
# from outside. Whatever else they raise becomes a refusal:

# %%
from services.id_card import images

show.source(images.decode, start="try:", end="return upright")

# %% [markdown]
# One line in it deserves a second look: `_original_open()`. Importing ultralytics replaces
# `PIL.Image.open` for the whole process by its own version. Meeting a file it does not know, that one
# tries to *install a package*. A server must never do that because of what a client sent.

# %%
import ultralytics.utils.patches  # what importing YOLO does too
from PIL import Image

print("now:     ", Image.open.__module__)
print("original:", images._original_open().__module__)

# %% [markdown]
# ## What broke, and why
#
# | The chapter | What happens today | Mended by |
# |---|---|---|
# | text says `/inference`, code says `invocation` | 404 for whoever follows the text | one endpoint and an alias |
# | listings without their last brackets | `SyntaxError` before anything starts | the brackets |
# | open `http://0.0.0.0:3000` | an address to bind to, not to visit | 127.0.0.1 |
# | (not mentioned) a bad upload | 500, or a file of the server is opened | the gate: a 4xx with a hint |
#
# ## Summary
#
# - Today's BentoML service is a class; the Runner API lives on under `bentoml.legacy`.
# - `/docs.json` is the list of endpoints; Swagger's page shows it to people.
# - An image endpoint takes bytes, decodes them itself, and follows neither paths nor URLs.
# - A refusal names what is wrong and what to change. That is part of the interface.
#
# **Next:** [03 · /render](03_render.ipynb) returns pictures instead of numbers, and finds a race.

# %% tags=["teardown"]
for server in (old, new, careless):
    _ = server.stop()
print("processes left:", sum(len(server.processes()) for server in (old, new, careless)))
