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
# *Short path, step 2 of 7*
#
# **Where you are:** chapter section 10.4, "Executing a BentoML Service Locally" · about 20 minutes ·
# before this: [01 · A model behind a Runner](01_runner.ipynb) ·
# next: [03 · /render](03_render.ipynb)
#
# An image endpoint on the internet receives more than images. In this notebook you serve the
# detector twice with BentoML, the framework that serves models in this chapter: once with the
# chapter's API and once with today's. You call both services from several clients.
#
# Then you send them what real endpoints receive, such as text files, truncated images and paths,
# and see how an endpoint can answer each with a clear error.
#
# ## After this notebook you can
#
# - write the same endpoint in both of BentoML's APIs and name the differences,
# - list a service's endpoints, and call them with curl, httpx and BentoML's own client,
# - predict what an unprotected image endpoint does with a text file, half an image, or a path,
# - read a validation error and fix the request.

# %% [markdown]
# Any sample that shows a card will do: `one_card`, `two_cards`, `close_up` or `small_card`.

# %% tags=["parameters"]
image_name = "two_cards"

# %% [markdown]
# Check the machine first. `MISSING` means that a step will fail, `NOT RUN HERE` that it is skipped.
# Each such line ends with the command that fixes it.

# %% tags=["setup", "volatile"]
from services.setup import preflight

preflight.needs("curl")

# %% tags=["setup"]
import io
import subprocess
import textwrap
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
from services.id_card import validation
from services.id_card.detector import Detection
from services.id_card.model import opening
from services.id_card.model.drawing import draw
from services.id_card.samples import SAMPLES, load_sample, sample_path
from services.workbench import servers, show

# %% [markdown]
# ## 1. Today's API
#
# Since version 1.2 a BentoML service is a **class**. The Runnable, the Runner, the Service and the
# endpoint functions of notebook 01 have become one constructor and a few methods. (Listing 10.1 of
# the chapter already has this form; [notebook 07](07_mlflow_pull.ipynb) runs it.) This is the whole
# service:

# %%
show.source("services/id_card/bento/service.py")

# %% [markdown]
# Compare one endpoint. In the Runner service of notebook 01 it reads:

# %%
show.source("services/id_card/bento/runner_service.py", start="@svc.api", end="return await")

# %% [markdown]
# In today's service it reads:

# %%
show.source("services/id_card/bento/service.py", start="@bentoml.api", end="return self")

# %% [markdown]
# Both use the same core and the same validation [middleware](GLOSSARY.md#middleware), and both offer
# the same endpoints. What differs is how you declare them:
#
# | what | The chapter, BentoML 1.1.6 | Today, BentoML 1.4 | What you gain |
# |---|---|---|---|
# | a service is | an object plus functions | a class with `@bentoml.service` | the model has one obvious home: `self` |
# | the model runs | in a Runner process | in the service's own worker | one hop fewer; `bentoml.depends` adds one where needed |
# | types | `Image()`, `JSON()` | Python annotations | one declaration for editor, validation and OpenAPI |
# | an endpoint is | `async`, and awaits the Runner | a plain function in a thread, or `async` | no `await` to forget |
#
# Start today's service with the command that you would type. In a terminal, Ctrl-C stops it:

# %%
new = servers.shell("""
    bentoml serve services.id_card.bento.service:IdCardDetector --host 127.0.0.1 --port $PORT
""")

# %% [markdown]
# The chapter's service starts with the same command and another target. The helper
# `servers.bentoml` runs this command on a free port of 127.0.0.1, without printing it. `/readyz` is
# the address that reports whether a server is ready:

# %%
old = servers.bentoml("services.id_card.bento.runner_service:svc", api_workers=1)
print([httpx.get(f"{server.url}/readyz").status_code for server in (old, new)])

# %% [markdown]
# Both answer 200, so both are ready.
#
# ## 2. Which endpoints are there?
#
# Open a BentoML server's root address in a browser: Swagger UI, a page generated from the service's
# description, offers a form for each endpoint.
#
# ![Swagger UI of the service id_card_detector, with the three endpoints](pictures/swagger.png)
#
# Programs read the same description from `/docs.json`. It is an OpenAPI document: a list of the
# endpoints and their types in a standard form.

# %%
for server in (old, new):
    paths = httpx.get(f"{server.url}/docs.json").json()["paths"]
    print([path for path in paths if "post" in paths[path]])

# %% [markdown]
# Both services have the same three endpoints. `/render` is the subject of notebook 03. `/inference`
# and `/invocation` do the same, on purpose: the chapter's text announces `/inference`, but its code
# defines a function called `invocation`. BentoML derives the path from the function's name:

# %%
demo = bentoml.legacy.Service("demo")


@demo.api(input=JSON(), output=JSON())
def invocation(data):
    return data


print("paths:", [f"/{api.route}" for api in demo.apis.values()])

# %% [markdown]
# > **Erratum 6** · section 10.4.1 · wrong when printed · `async def invocation(input_img):`
# > The endpoint is `/invocation`; `/inference`, which the text announces, answers 404.
#
# We serve `/inference` and keep `/invocation` as an alias. The chapter's listing with several models
# has another fault: it stops before its closing brackets. Python parses a file before it runs any of
# it, so such a server does not start:

# %%
try:
    compile('answer = {"results": {"model_a": []', "listing", "exec")
except SyntaxError as error:
    print(show.one_line(error))

# %% [markdown]
# > **Erratum 7** · section 10.4.1 · wrong when printed · `return {"results": { "model_a": results[0], …`
# > The listing ends without `}}`, so Python refuses the whole file with `SyntaxError`.
#
# The chapter then opens `http://0.0.0.0:3000` in a browser. That address is for *listening*: it
# means "every network interface of this machine". It is BentoML's default:

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
# > **Erratum 8** · section 10.4.1 · wrong when printed · `head over to http://0.0.0.0:3000`
# > Linux and macOS connect to the local machine, Windows does not; open `http://127.0.0.1:3000`.
#
# The default also offers the model to everyone on the same network, for instance in a café. All
# servers here listen on 127.0.0.1, which only this machine can reach.
#
# ## 3. Four ways to call it
#
# A form field named `image` carries the file, as a browser or `curl -F` sends it:

# %%
command = ["curl", "-s", "-F", f"image=@{sample_path(image_name)}", f"{new.url}/inference"]
printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
print(printed[:56], "…")

# %% [markdown]
# In a terminal in the repository's folder, with a server on BentoML's default port, that is `curl
# -F image=@services/id_card/samples/two_cards.jpg http://127.0.0.1:3000/inference`. In Python,
# httpx does it in one line and parses the JSON:

# %%
image_bytes = sample_path(image_name).read_bytes()
answer = httpx.post(f"{new.url}/inference", files={"image": image_bytes}).json()
for box in answer:
    print(box["name"], round(box["confidence"], 2), {k: round(v) for k, v in box["box"].items()})

# %% [markdown]
# A camera or a message queue has no forms. It sends the file as the request body, with its type in a
# header:

# %%
headers = {"Content-Type": "image/jpeg"}
raw = httpx.post(f"{new.url}/inference", content=image_bytes, headers=headers).json()
print("the same answer:", raw == answer)

# %% [markdown]
# BentoML's client reads the service's description and offers each endpoint as a method. It supports
# today's services only:

# %%
with bentoml.SyncHTTPClient(new.url) as client:
    print("the same answer:", client.inference(image=sample_path(image_name)) == answer)
try:
    bentoml.SyncHTTPClient(old.url)
except bentoml.exceptions.BentoMLException as error:
    print(type(error).__name__, "from the older service")

# %% [markdown]
# The older service accepts the other three kinds of call. Does the same model give the same boxes
# in both services?

# %%
from_old = httpx.post(f"{old.url}/inference", files={"image": image_bytes}).json()
gap = max(
    abs(a["box"][edge] - b["box"][edge])
    for a, b in zip(from_old, answer, strict=True)
    for edge in ("x1", "y1", "x2", "y2")
)
print(f"{len(from_old)} boxes, within a hundredth of a pixel: {gap < 0.01}")

# %% [markdown]
# A client can draw the boxes from the JSON alone, without the model:

# %%
boxes = [Detection.from_dict(box) for box in answer]
alt = f"The scene with {SAMPLES[image_name]}, framed where the server's answer says"
show.picture(draw(load_sample(image_name), boxes), alt=alt, width=300)

# %% [markdown]
# ## 4. What an unprotected endpoint does
#
# This is the shortest image service one can write: the parameter is a PIL image, and it goes
# straight to the model. The cell writes the service to a file, because a server is a separate
# program.

# %%
folder = build_dir() / "notebooks"
folder.mkdir(parents=True, exist_ok=True)
(folder / "careless.py").write_text("""
import bentoml
from PIL.Image import Image
from ultralytics import YOLO
from services.id_card.model.checkpoint import WEIGHTS

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
# These are requests that every public endpoint receives sooner or later. The first one, a valid
# image, is the control:

# %%
half = image_bytes[: len(image_bytes) // 2]
attacks = {
    "an image": {"files": {"image": image_bytes}},
    "a text file named card.jpg": {"files": {"image": ("card.jpg", b"hello", "image/jpeg")}},
    "an empty file": {"files": {"image": ("card.jpg", b"", "image/jpeg")}},
    "half an image": {"files": {"image": ("card.jpg", half, "image/jpeg")}},
    "the wrong field": {"files": {"photo": image_bytes}},
    "text in the field": {"files": {"image": (None, "card.jpg")}},
    "a path on the server": {"json": {"image": str(sample_path("close_up"))}},
    "30 million zeros": {"files": {"image": ("card.jpg", bytes(30_000_000), "image/jpeg")}},
}

# %% [markdown]
# Send each to the unprotected service and to ours, and compare the status codes:


# %%
def status(server, request):
    return httpx.post(f"{server.url}/inference", timeout=60, **request).status_code


rows = [(name, status(careless, attack), status(new, attack)) for name, attack in attacks.items()]
show.table(rows, columns=("what is sent", "unprotected", "ours"))

# %% [markdown]
# In the right column, ours, every bad request gets a **4xx**: the request is at fault. In the
# middle column most get a **500**, which means that the server is at fault, so an operator is woken
# at night because a client sent a broken file. The client, meanwhile, learns nothing:

# %%
print(httpx.post(f"{careless.url}/inference", **attacks["an empty file"]).json()["error"])

# %% [markdown]
# One row is worse than a 500: the unprotected service answers *a path on the server* with 200. See
# what the answer contains, and what happens when the text is the URL of an image on another
# machine. A small web server stands in for that machine:


# %%
class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


folder_of_images = partial(Quiet, directory=sample_path("close_up").parent)
elsewhere = ThreadingHTTPServer(("127.0.0.1", 0), folder_of_images)
threading.Thread(target=elsewhere.serve_forever, daemon=True).start()

# %%
address = f"http://127.0.0.1:{elsewhere.server_port}/close_up.jpg"
for text in (str(sample_path("close_up")), address):
    stolen = httpx.post(f"{careless.url}/inference", json={"image": text}, timeout=60)
    print(stolen.status_code, [box["name"] for box in stolen.json()])

# %% [markdown]
# Neither request contained an image, only text. BentoML passed the text on. Ultralytics accepts
# paths and URLs as well as images, so it **opened the file on the server's disk** and **fetched the
# URL from the server's network**. Any client can make this endpoint read whatever the server can
# reach. For URLs, this attack is called *server-side request forgery* (SSRF).
#
# ## 5. The validation middleware
#
# In our services, [*ASGI middleware*](GLOSSARY.md#ASGI) sees each upload first. ASGI is the interface
# between a Python web server and a framework, and middleware is code that runs between the two. Ours
# counts the bytes as they arrive, takes the file out of the form, and decodes the whole image.
#
# An invalid upload is rejected. A valid image is kept in memory; the endpoint gets it by calling
# `picture_of(image)`. The framework itself receives a one-pixel placeholder, so nothing is parsed
# twice. This is the part that rejects:

# %%
show.source(validation.ImageValidationMiddleware._check, end="return")

# %% [markdown]
# Today's service declares a *file* (`Annotated[Path, Upload("image/*")]`), because BentoML's own
# image type is what made the unprotected service accept a path. `Upload` works like BentoML's type
# for files, but writes no temporary file.
#
# Every rejection has the same form:

# %%
refusal = httpx.post(f"{new.url}/inference", **attacks["half an image"])
for key, value in refusal.json()["error"].items():
    print(textwrap.fill(f"{key:8} {value}", 90, subsequent_indent=9 * " "))

# %% [markdown]
# The *code* is for programs, the *message* says what is wrong with this request, and the *hint*
# says how to fix it. A body can also arrive in chunks, without a declared length, so the middleware
# counts while it reads:

# %%
pieces = (bytes(1_000_000) for _ in range(30))
answer = httpx.post(f"{new.url}/inference", content=pieces, headers=headers)
print(answer.status_code, answer.json()["error"]["message"])

# %% [markdown]
# At the limit of 20 MiB (20,971,520 bytes) the middleware stopped keeping what it read, so the rest
# of the body took no memory. It still reads and discards some of the rest: a client that is cut off
# while sending may see a reset connection instead of the 413.
#
# The older service rejects the same requests with the same words:


# %%
def error(server, request):
    return httpx.post(f"{server.url}/inference", timeout=60, **request).json()["error"]


bad = [attack for name, attack in attacks.items() if name != "an image"]
same = [error(old, attack) == error(new, attack) for attack in bad]
print(f"{sum(same)} of {len(same)} error responses are the same")

# %% [markdown]
# How does the middleware open an image? These are the only lines in this repository that open an image
# from a client. Any exception in them becomes a 4xx:

# %%
show.source(opening.opened, start="try:", end="damaged(error, seconds) from error")

# %% [markdown]
# One name deserves a second look: `original_open`. Importing ultralytics replaces `PIL.Image.open`
# for the whole process. Give the replacement bytes in an unknown format, and record what it passes
# to ultralytics' package checker:

# %%
from ultralytics.utils import checks

with patch.object(checks, "check_requirements") as requested:
    try:
        Image.open(io.BytesIO(b"not an image"))
    except ModuleNotFoundError as error:
        print(show.one_line(error), "· to be installed:", *requested.call_args.args)

# %% [markdown]
# The replacement tries to **install a package** because of what a client sent. A server must never
# do that, so the middleware calls the function that Pillow came with:

# %%
print("PIL.Image.open now comes from", Image.open.__module__)
print("the middleware's comes from  ", opening.original_open().__module__)

# %% [markdown]
# ## What broke, and why
#
# | The chapter | What happens today | Fixed by |
# |---|---|---|
# | the text says `/inference`, the code `invocation` | 404 for a client that follows the text | one endpoint and an alias |
# | a listing without its last brackets | `SyntaxError` before anything starts | the brackets |
# | open `http://0.0.0.0:3000` | an address to listen on; fails in a browser on Windows | 127.0.0.1 |
# | (not mentioned) a bad upload | 500, or a file on the server is opened | the middleware: a 4xx with a hint |
#
# ## Summary
#
# - Today's BentoML service is a class; the Runner API lives on under `bentoml.legacy`.
# - `/docs.json` lists the endpoints for programs, Swagger UI for people.
# - An image endpoint takes bytes and decodes them itself; it never follows a path or a URL.
# - An error response says what is wrong and how to fix it. It is part of the interface.
#
# **Practise:** `make lab N=02` opens your copy of [Lab 02](../labs/lab02_service/lab02_service.ipynb),
# in which you write the service, its client and its validation.
#
# **Next:** [03 · /render](03_render.ipynb) returns images instead of numbers, and finds a race
# condition.

# %% tags=["teardown"]
elsewhere.shutdown()
for server in (old, new, careless):
    _ = server.stop()
print("processes left:", sum(len(server.processes()) for server in (old, new, careless)))
