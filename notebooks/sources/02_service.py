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
# Then you attack an endpoint with uploads that are not pictures, as will happen to every public one.
#
# ## After this notebook you can
#
# - write the same endpoint in both of BentoML's APIs and say what changed,
# - find a service's endpoints, and call them with curl, httpx and BentoML's own client,
# - say what a careless image endpoint does with a text file, half a picture, or a path,
# - read a refusal and know what to change.

# %% [markdown]
# Any sample with a card in it will do: `one_card`, `two_cards`, `close_up` or `small_card`.

# %% tags=["parameters"]
image_name = "two_cards"

# %% [markdown]
# What this machine has: `MISSING` stops you, `NOT RUN HERE` skips a step. Each such line ends with the
# command that mends it.

# %% tags=["setup", "volatile"]
from services.workbench import preflight

print(*preflight.report(), sep="\n")

# %% tags=["setup"]
import io
import subprocess
import threading
import warnings
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import patch

import bentoml
import httpx
import psutil
from PIL import Image

warnings.filterwarnings("ignore", "`bentoml")  # the old API is deprecated, as in notebook 01
from bentoml.io import JSON

from services.environment import build_dir
from services.id_card import gate, images
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
# Compare one endpoint in the Runner service of the last notebook:

# %%
show.source("services/id_card/runner_service.py", start="@svc.api", end="return await")

# %% [markdown]
# with the same endpoint today:

# %%
show.source("services/id_card/service.py", start="@bentoml.api", end="return self")

# %% [markdown]
# The same core, the same gate, the same endpoints. What differs is how the framework is told:
#
# | | The chapter, BentoML 1.1.6 | Today, BentoML 1.4 | Why it changed |
# |---|---|---|---|
# | a service is | an object plus functions | a class with `@bentoml.service` | the model has one obvious home: `self` |
# | the model runs | in a Runner process | in the service's own worker | one hop fewer; `bentoml.depends` adds one where it pays |
# | types | `Image()`, `JSON()` | Python annotations | one declaration serves editor, validator and OpenAPI |
# | an endpoint is | `async`, and awaits the Runner | a plain function in a thread, or `async` | nothing to await, nothing to forget |
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


print("paths:", [f"/{api.route}" for api in demo.apis.values()])

# %% [markdown]
# **Erratum 6.** Whoever follows the text gets a 404 from the code. We serve `/inference` and
# keep `/invocation` as an alias of it.
#
# **Erratum 7.** The listing with several models ends before its brackets do. Python reads a whole file
# before it runs any of it, so such a server does not even start:

# %%
try:
    compile('answer = {"results": {"model_a": []', "listing", "exec")
except SyntaxError as error:
    print(show.one_line(error))

# %% [markdown]
# **Erratum 8** is an address. The chapter opens `http://0.0.0.0:3000`. That is an address to *bind*
# to ("every network of this machine"), not one to visit; some systems refuse it. It is also BentoML's
# default, which offers your laptop's model to the whole café. Ours listen elsewhere:

# %%
from bentoml._internal.container import BentoMLContainer

print("default:", BentoMLContainer.http.host.get(), BentoMLContainer.http.port.get())
connections = [
    connection
    for process in new.processes()
    for connection in psutil.Process(process.pid).connections(kind="inet")
]
print("ours:   ", *{c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN})

# %% [markdown]
# ## 3. Four ways to call it
#
# A form field named `image` carries the file, as a browser or `curl -F` sends it:

# %%
command = ["curl", "-s", "-F", f"image=@{sample_path(image_name)}", f"{new.url}/inference"]
printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
print(printed[:56], "…")

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
# BentoML's client reads the service's description and offers its endpoints as methods. It knows
# today's services only:

# %%
with bentoml.SyncHTTPClient(new.url) as client:
    print("the same answer:", client.inference(image=sample_path(image_name)) == answer)
try:
    bentoml.SyncHTTPClient(old.url)
except bentoml.exceptions.BentoMLException as error:
    print(type(error).__name__, "from the older service")

# %% [markdown]
# The older service answers the other three. One model, two doors:

# %%
from_old = httpx.post(f"{old.url}/inference", files={"image": picture_bytes}).json()
gap = max(
    abs(a["box"][edge] - b["box"][edge])
    for a, b in zip(from_old, answer, strict=True)
    for edge in ("x1", "y1", "x2", "y2")
)
print(f"{len(from_old)} boxes, within a hundredth of a pixel: {gap < 0.01}")

# %% [markdown]
# The answer is enough to draw with, so a client needs nothing of the model:

# %%
boxes = [Detection.from_dict(box) for box in answer]
alt = f"The scene with {SAMPLES[image_name]}, framed where the server's answer says"
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
# Now what every public endpoint meets sooner or later, after one good picture for control:

# %%
half = picture_bytes[: len(picture_bytes) // 2]
attacks = {
    "a picture": {"files": {"image": picture_bytes}},
    "a text file named card.jpg": {"files": {"image": ("card.jpg", b"hello", "image/jpeg")}},
    "an empty file": {"files": {"image": ("card.jpg", b"", "image/jpeg")}},
    "half a picture": {"files": {"image": ("card.jpg", half, "image/jpeg")}},
    "the wrong field": {"files": {"photo": picture_bytes}},
    "text in the field": {"files": {"image": (None, "card.jpg")}},
    "a path on the server": {"json": {"image": str(sample_path("close_up"))}},
    "30 million zeros": {"files": {"image": ("card.jpg", bytes(30_000_000), "image/jpeg")}},
}

# %% [markdown]
# Send each to the careless service and to ours, and put the status codes side by side:


# %%
def status(server, request):
    return httpx.post(f"{server.url}/inference", timeout=60, **request).status_code


rows = [(name, status(careless, attack), status(new, attack)) for name, attack in attacks.items()]
show.table(rows, columns=("what is sent", "careless", "ours"))

# %% [markdown]
# Read the middle column. **500** means "the server is at fault", so an operator is woken at night
# for a client's broken file. And this is all that the client is told:

# %%
print(httpx.post(f"{careless.url}/inference", **attacks["an empty file"]).json()["error"])

# %% [markdown]
# One line is worse than a 500: the *path on the server*. Look at that answer again, and at what
# happens when the text is the address of a picture on another machine:


# %%
class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


folder_of_pictures = partial(Quiet, directory=sample_path("close_up").parent)
elsewhere = ThreadingHTTPServer(("127.0.0.1", 0), folder_of_pictures)
threading.Thread(target=elsewhere.serve_forever, daemon=True).start()

# %%
address = f"http://127.0.0.1:{elsewhere.server_port}/close_up.jpg"
for text in (str(sample_path("close_up")), address):
    stolen = httpx.post(f"{careless.url}/inference", json={"image": text}, timeout=60)
    print(stolen.status_code, [box["name"] for box in stolen.json()])

# %% [markdown]
# Neither request held a picture, only text. BentoML passed it on, and ultralytics, which accepts
# paths and URLs as well as images, **opened the file on the server's disk**, and **fetched the
# address from the server's network**. Anyone can make this endpoint look at whatever it can reach.
#
# ## 5. The gate
#
# Before either of our services sees an upload, a piece of *ASGI middleware* does: code between the HTTP
# server and the framework. It counts the bytes while they arrive, takes the file out of the form,
# and decodes it completely. What fails is refused; what passes is kept for `picture_of`:

# %%
show.source(gate.ImageGate._check, end="return")

# %% [markdown]
# Today's service declares a *file* (`Annotated[Path, ContentType("image/*")]`), since BentoML's own
# image type is what the careless service used. A refusal has one and the same shape everywhere:

# %%
refusal = httpx.post(f"{new.url}/inference", **attacks["half a picture"])
for key, value in refusal.json()["error"].items():
    print(f"{key:8} {value}")

# %% [markdown]
# The *code* is for programs, the *message* says what is wrong with this very request, and the *hint*
# says what to change. A body may also arrive in pieces, without a length. It is counted as it comes:

# %%
pieces = (bytes(1_000_000) for _ in range(30))
answer = httpx.post(f"{new.url}/inference", content=pieces, headers=headers)
print(answer.status_code, answer.json()["error"]["message"])

# %% [markdown]
# The older service gives the same refusals, word for word:


# %%
def error(server, request):
    return httpx.post(f"{server.url}/inference", timeout=60, **request).json()["error"]


bad = [attack for name, attack in attacks.items() if name != "a picture"]
same = [error(old, attack) == error(new, attack) for attack in bad]
print(f"{sum(same)} of {len(same)} refusals are the same")

# %% [markdown]
# How does the gate open a picture? These lines are the only ones in the repository that open one
# from outside. Any exception in them becomes a refusal:

# %%
show.source(images.decode, start="try:", end="return upright")

# %% [markdown]
# One name in it deserves a second look: `original_open`. Importing ultralytics replaces
# `PIL.Image.open` for the whole process with its own version. Give that one a file it does not know,
# and write down what it asks of ultralytics' package checker:

# %%
from ultralytics.utils import checks

with patch.object(checks, "check_requirements") as asked:
    try:
        Image.open(io.BytesIO(b"not a picture"))
    except ModuleNotFoundError as error:
        print(show.one_line(error), "· asked to install:", *asked.call_args.args)

# %% [markdown]
# It wants to **install a package** because of what a client sent. A server must never do that, so the
# gate uses the function that Pillow came with:

# %%
print("PIL.Image.open now comes from", Image.open.__module__)
print("the gate's comes from        ", images.original_open().__module__)

# %% [markdown]
# ## What broke, and why
#
# | The chapter | What happens today | Fixed by |
# |---|---|---|
# | text says `/inference`, code says `invocation` | 404 for whoever follows the text | one endpoint and an alias |
# | a listing without its last brackets | `SyntaxError` before anything starts | the brackets |
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
# **Practise:** in [Lab 02](../labs/lab02_service/lab02_service.ipynb) you write the service, its
# client and its defence.
#
# **Next:** [03 · /render](03_render.ipynb) returns pictures instead of numbers, and finds a race.

# %% tags=["teardown"]
elsewhere.shutdown()
for server in (old, new, careless):
    _ = server.stop()
print("processes left:", sum(len(server.processes()) for server in (old, new, careless)))
