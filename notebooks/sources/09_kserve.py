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
# # 09 · KServe
#
# *Short path, step 7 of 7*
#
# **Where you are:** chapter section 10.7, "KServe: An Alternative to BentoML" · about 45 minutes ·
# before this: [08 · MLflow alone](08_mlflow_only.ipynb) · next: [10 · Choosing](10_choosing.ipynb)
#
# With BentoML you wrote a service and built a container from it. With **KServe** you write a
# *manifest*: a few lines of YAML name the model, and a Kubernetes cluster (machines that run
# containers) downloads, serves, scales and updates it. That pays off for a team with many models
# and a cluster.
#
# Two things are left to you: a correct manifest, and a working server in the container that it
# names. In this notebook you build both for the ID-card detector, and check them without a cluster.
#
# KServe began as a part of Kubeflow (a collection of ML tools for Kubernetes), under the name KFServing.
# Today it is an independent project and does not need Kubeflow.
#
# ## After this notebook you can
#
# - read the manifest of an InferenceService, and say why a service would never become ready,
# - write a predictor with KServe's Python SDK, and start it as the manifest does,
# - send one image by V1, V2 and gRPC, and say what each protocol costs,
# - keep a server answering its liveness probes while the model computes,
# - put a transformer before a predictor, and read an InferenceGraph,
# - bring a model from MLflow's registry to a place that KServe can read.

# %% [markdown]
# `image_name` is the sample image to send. `pictures` is how many images each request holds when
# the server is put under load (sections 6 and 9), and `rounds` is how often each protocol is
# timed.

# %% tags=["parameters"]
image_name = "two_cards"
pictures, rounds = 6, 15

# %% [markdown]
# What this machine offers: `MISSING` stops the notebook, `NOT RUN HERE` skips a step. Each such line
# ends with the command that fixes it.

# %% tags=["setup", "volatile"]
from services.setup import preflight

preflight.needs("cluster")

# %% tags=["setup"]
import asyncio
import base64
import json
import shutil
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import numpy as np
import pandas as pd
import yaml
from matplotlib.figure import Figure

# %% tags=["setup"]
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve_storage import Storage

from services.environment import ROOT, build_dir
from services.id_card.detector import Detection, Detector
from services.id_card.kserve import transformer
from services.id_card.kserve.predictor import IdCardPredictor
from services.id_card.model.images import grayscale
from services.id_card.samples import load_sample, sample_path
from services.recommender.model.models import Popularity
from services.recommender.recommender import Recommender
from services.recommender.training.synthetic import make_ratings
from services.workbench import plots, servers, show, timing
from services.workbench.servers import prometheus, terminal

folder = build_dir() / "notebooks" / "09"
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
picture = load_sample(image_name)
file = sample_path(image_name).read_bytes()
detector = Detector(backend="onnx")
[expected] = detector.detect([picture])

# %% [markdown]
# ## 1. A manifest that never becomes ready
#
# The chapter deploys its detector with ten lines of YAML. An
# [**InferenceService**](GLOSSARY.md#InferenceService) is KServe's resource for one served model. This
# manifest is ours, with the chapter's choices:

# %%
manifest = yaml.safe_load("""
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: id_card
spec:
  predictor:
    model:
      modelFormat:
        name: sklearn
      storageUri: gs://our-models/yolov8/1.0
""")

# %% [markdown]
# With this manifest the service would never become ready, and a cluster would say little about the
# reason. So check the manifest first.
#
# This repository has a checker that knows the types of KServe's SDK and the rules of its
# [webhook](GLOSSARY.md#webhook) (the code that validates resources inside the cluster). The
# function `check` writes the manifest to a file and runs the checker's command:


# %%
def check(manifest):
    (folder / "id-card.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))
    terminal.run("python -m services.manifests id-card.yaml", cwd=folder)


check(manifest)

# %% [markdown]
# Read the findings from the bottom up:
#
# - **The mode is not set.** KServe runs a service as a plain Deployment (`Standard`), or with
#   [**Knative**](GLOSSARY.md#Knative) (an add-on of Kubernetes that can scale to zero). An
#   annotation selects the mode. Without it the cluster's default decides, so the same manifest can
#   work for one team and not for another.
# - **The format.** A server for scikit-learn cannot load a YOLO network.
# - **The name.** It becomes part of a host name, and host names cannot contain an underscore.
#
# There is one problem that the checker cannot find: the pod (the unit in which Kubernetes runs
# containers) may lack permission to read the bucket, since no `serviceAccountName` is given. The
# wrong format comes from the chapter:
#
# > **Erratum 34** · section 10.7 · wrong when printed · `modelFormat: name: sklearn`
# > With a YOLO checkpoint behind `storageUri` the service never becomes ready: `sklearn` starts the
# > server for scikit-learn. (The chapter calls it just an example; with a scikit-learn model it works.)
#
# That server looks for one file that ends in `.joblib`, `.pkl` or `.pickle`. It would find none and
# be restarted again and again (`CrashLoopBackOff`). `kubectl get inferenceservice` does not say why;
# the reason is in the pod's log. The name and the mode are quickly fixed:

# %%
manifest["metadata"]["name"] = "id-card"
manifest["metadata"]["annotations"] = {"serving.kserve.io/deploymentMode": "Standard"}
check(manifest)

# %% [markdown]
# And the format? KServe knows two others that seem to fit:
#
# - `pytorch` means TorchServe, PyTorch's model server. It needs an archive with a handler class,
#   and it is no longer maintained.
# - `onnx` would run our exported network with Triton, NVIDIA's model server. But Triton returns raw
#   tensors with several thousand candidate boxes. The client would have to scale its images and
#   remove duplicate boxes itself.
#
# We want to serve the *core*: an image in, boxes out. So we name a container of our own:

# %%
predictor = manifest["spec"]["predictor"]
predictor["containers"] = [{"name": "kserve-container", "image": "serving_labs_kserve:latest"}]
check(manifest)

# %% [markdown]
# KServe sends requests to the container named `kserve-container`; any other containers
# are *sidecars*, helpers in the same pod. But the manifest now defines two servers: our container,
# and the one that `model` would start. And `latest` is not a version.

# %%
del predictor["model"]
predictor["containers"][0]["image"] = "serving_labs_kserve:0.2.0"
check(manifest)

# %% [markdown]
# No error is left, but what is still missing causes trouble later: the container may run as root, it
# has no limits for CPU and memory, and it has no readiness probe (the request by which Kubernetes
# learns whether a container can take traffic). The manifests in `infra/kserve/base` set all three.
# First, the program in the detector's container there, and its arguments:

# %%
show.source("infra/kserve/base/id-card.yaml", start="containers:", end="--grpc_port")

# %% [markdown]
# And this is what was missing, the limits, the readiness probe and a user other than root:

# %%
show.source("infra/kserve/base/id-card.yaml", start="        resources:", end="memory: 2Gi")

# %%
show.source("infra/kserve/base/id-card.yaml", start="        readinessProbe:", end="runAsUser")

# %% [markdown]
# ## 2. The predictor
#
# `command` and `args` start a Python program, the [**predictor**](GLOSSARY.md#predictor). It is
# written with KServe's SDK: a subclass of `Model` that loads the model in `load` and answers
# requests in `predict`.

# %%
show.source(IdCardPredictor, start="class IdCardPredictor", end="Find ID cards")

# %%
show.source(IdCardPredictor, start="def load", end="return self.ready")

# %%
show.source(IdCardPredictor, start="async def predict", end="for detection in found")

# %% [markdown]
# The core is the same as behind BentoML. Three helpers are new. `files_of` and `respond` read and
# write KServe's payloads. The `Decoder` reserves the memory for each image before it decodes the
# image, and works in a thread (section 6 explains why).
#
# A plain predictor starts with one line, `kserve.ModelServer().start([model])`. Ours starts in
# `main`:

# %%
show.source("services/id_card/kserve/predictor.py", start="def main", end="return 0")

# %% [markdown]
# Start it with the manifest's own arguments. Only the ports differ, as 8080 may be taken here:

# %% tags=["volatile"]
spec = yaml.safe_load((ROOT / "infra/kserve/base/id-card.yaml").read_text())["spec"]
container = spec["predictor"]["containers"][0]
arguments = [one for one in container["args"] if "_port" not in one]
READY = container["readinessProbe"]["httpGet"]["path"]
grpc_port = servers.free_port()
line = " ".join([*container["command"], *arguments])
server = servers.shell(
    f"{line} --http_port $PORT --grpc_port {grpc_port}", ready=READY, log_lines=0
)
print(*(line.partition(" INFO")[2].strip(" :") for line in server.tail(5).splitlines()), sep="\n")

# %% [markdown]
# `servers.shell` waited until the path of the manifest's readiness probe answered 200. The command
# names two ports: one for REST (JSON over HTTP) and one for [**gRPC**](GLOSSARY.md#gRPC) (binary
# messages over HTTP/2).
#
# More servers follow, so the next cell defines a function that starts one. Then it reads five paths
# of this server:


# %%
def start(module, *arguments, ready=READY, **options):
    port = servers.free_port()
    command = [sys.executable, "-m", module, "--http_port", "{port}", "--grpc_port", str(port)]
    return servers.start([*command, *arguments], ready=ready, name=module, **options)


paths = ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/id_card", READY]
rows = [(path, httpx.get(server.url + path).text) for path in paths]
show.table(rows, columns=("GET", "answer"))

# %% [markdown]
# The first path names the server and its version, and `/v2/models/id_card` describes the model's
# input and output. The other three are for probes: is the server alive, is it ready, is this model
# ready?
#
# ## 3. One image, four ways to send it
#
# **V1** is the older and simpler protocol: a list of *instances* in JSON. JSON cannot contain bytes,
# so the image file becomes base64 text:

# %%
text = base64.b64encode(file).decode()
v1 = {"instances": [{"image_b64": text}]}
answer = httpx.post(f"{server.url}/v1/models/id_card:predict", json=v1).json()
print(json.dumps(v1)[:80], "…")
print(json.dumps(answer)[:90], "…")

# %% [markdown]
# The answer has one list of boxes for each instance. Each model defines what an instance contains.
#
# **V2** is stricter. It is the *Open Inference Protocol*, which Triton, MLServer and others speak
# too. Requests and answers are lists of **tensors**, each with a name, a type and a shape:

# %%
tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [text]}
v2 = {"inputs": [tensor]}
answer_v2 = httpx.post(f"{server.url}/v2/models/id_card/infer", json=v2).json()
print(json.dumps(v2)[:80], "…")
print({**answer_v2["outputs"][0], "data": "…"})

# %% [markdown]
# Our output is one JSON text for each image: images have different numbers of boxes, and a tensor cannot
# have rows of unequal length.
#
# V2 can also be sent in binary: over HTTP the data then follows *after* the JSON, and gRPC carries
# the same V2 messages. KServe's SDK builds one tensor that serves for both:

# %%
image = InferInput("image", [1], "BYTES")
image.set_data_from_numpy(np.array([file], dtype=object))
request = InferRequest("id_card", [image])
body, json_length = request.to_rest()
print(body[:json_length].decode().partition(',"inputs":')[2])

# %% [markdown]
# The JSON now has the size of the data (`binary_data_size`) in place of the data. The header
# `Inference-Header-Content-Length` says where the JSON ends:

# %%
headers = {"Inference-Header-Content-Length": str(json_length)}
binary = httpx.post(f"{server.url}/v2/models/id_card/infer", content=body, headers=headers).json()

async with InferenceGRPCClient(f"127.0.0.1:{grpc_port}") as client:
    by_grpc = await client.infer(request)

# %% [markdown]
# That makes four answers. Are their boxes the same as the core's?

# %%
texts = {
    "V1": json.dumps(answer["predictions"][0]),
    "V2": answer_v2["outputs"][0]["data"][0],
    "V2 binary": binary["outputs"][0]["data"][0],
    "gRPC": by_grpc.outputs[0].as_numpy()[0],
}
for way, found in texts.items():
    print(f"{way:<10}", [Detection.from_dict(one) for one in json.loads(found)] == expected)

# %%
boxes = plots.boxes_on(picture, expected, title="What all four found", width=5)
show.figure(boxes, alt="The scene with the two identity cards in frames, each with its confidence")

# %% [markdown]
# All four are equal to the core's answer, so the protocols differ only in what they cost.
#
# ## 4. What a protocol costs
#
# First, count the bytes that are sent, as a multiple of the image file:

# %%
sizes = {
    "V1": len(json.dumps(v1)),
    "V2": len(json.dumps(v2)),
    "V2 binary": len(body),
    "gRPC": request.to_grpc().ByteSize(),
}
print({way: f"{size / len(file):.2f} times" for way, size in sizes.items()})

# %% [markdown]
# Base64 writes three bytes as four letters, so V1 and V2 send a third more than the file. V2 binary
# and gRPC add almost nothing. Now measure the time, as a multiple of the core's time:


# %%
def post(path, **content):
    return lambda: httpx_client.post(path, **content).raise_for_status()


httpx_client = httpx.Client(base_url=server.url)
channel = grpc.insecure_channel(f"127.0.0.1:{grpc_port}")
infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
message = request.to_grpc().SerializeToString()
ways = {
    "the core": lambda: detector.detect([load_sample(image_name)]),
    "V1": post("/v1/models/id_card:predict", json=v1),
    "V2": post("/v2/models/id_card/infer", json=v2),
    "V2 binary": post("/v2/models/id_card/infer", content=body, headers=headers),
    "gRPC": lambda: infer(message),
}

# %% tags=["volatile"]
ratios = timing.ratios(timing.interleaved(ways, rounds=rounds), reference="the core")

fig = Figure((7, 2.6), layout="constrained")
axes = fig.subplots()
bars = axes.barh(list(ratios), list(ratios.values()), color="#0072B2")
axes.bar_label(bars, [f"{ratio:.2f} times" for ratio in ratios.values()], padding=4)
axes.invert_yaxis()
axes.set(xlabel="time of one request, core = 1", xlim=(0, 1.2 * max(ratios.values())))
alt = "Bars: the four ways and the core take nearly the same time"
show.figure(fig, alt=alt)

# %% [markdown]
# For one image of this size, the model's computation takes most of the time, so the bars differ
# little. Their order changes from run to run, and one may even be shorter than the core's. With
# large inputs and a fast model they would differ more.
#
# Choose by the client: V1 for `curl` by hand, V2 for clients that should also work with other
# servers, gRPC between your own services.
#
# ## 5. What a bad request gets
#
# Now send requests that cannot be answered. All of them are the client's mistakes, so each must get
# a 4xx that explains how to fix the request. V1 does not prescribe the form of an error; ours is an
# object. V2 prescribes a string under `error`, which its clients print, so our code and hint are
# separate fields:

# %%
bad = {
    "no instance": ("/v1/models/id_card:predict", {"instances": []}),
    "no base64": ("/v1/models/id_card:predict", {"instances": [{"image_b64": "?"}]}),
    "another shape": ("/v2/models/id_card/infer", {"inputs": [{**tensor, "shape": [2]}]}),
    "another input": ("/v2/models/id_card/infer", {"inputs": [{**tensor, "name": "photo"}]}),
    "another model": ("/v2/models/yolo/infer", v2),
}
for what, (path, content) in bad.items():
    response = httpx.post(server.url + path, json=content)
    answer = response.json()  # V1 nests the parts of an error; V2 keeps a text under "error"
    error = (
        answer["error"]
        if isinstance(answer["error"], dict)
        else {"message": answer["error"], **answer}
    )
    print(f"{what}: {response.status_code} {error['code']}")
    print(textwrap.indent(textwrap.fill(f"{error['message']} {error['hint']}", 90), "    "))

# %% [markdown]
# Each answer says what is wrong and what the server expects. By gRPC, the unknown input gets the
# same message, with the status INVALID_ARGUMENT:

# %%
photo = InferRequest("id_card", [InferInput("photo", [1], "BYTES", data=["?"])])
try:
    infer(photo.to_grpc().SerializeToString())
except grpc.RpcError as error:
    print(error.code().name, error.details(), sep="\n    ")

# %% [markdown]
# Unmodified, KServe would answer most of these with a 500 and the text of a Python exception. It would
# even do so for a *good* request. This is how KServe 0.21 reads the binary request of section 3:

# %%
try:
    InferRequest.from_bytes(body, json_length, "id_card")
except Exception as error:
    message = show.one_line(error)
    print(message[:70], "…", message[-77:], sep="\n    ")

# %% [markdown]
# It decodes every BYTES tensor as UTF-8 text, and a JPEG is not text. So our server puts a
# middleware (code that sees each request first) before KServe's own code; it is in
# `services/kserve_support`. It reads and checks V2 requests, limits their size, and gives all
# errors one shape.
#
# The middleware also counts requests. KServe's `/metrics` has histograms with the seconds of each
# step. A histogram's `_count` says how many requests reached that step, by model, but nothing says
# by which protocol they came, or which of them failed and why. These are our counters of failures
# so far:

# %%
samples = prometheus.scrape(server.url)
errors = samples[samples.name == "inference_errors_total"]
rows = sorted(zip(errors.model_name, errors.protocol, errors.code, errors.value, strict=True))
show.table(rows, columns=("model", "protocol", "code", "requests"))

# %% [markdown]
# All six failures were counted, five by HTTP and one by gRPC. The model that does not exist is
# counted as `unknown`, whatever name the client sent: the values of a metric's label must come from
# a closed set (notebook 05).
#
# ## 6. Alive while it works
#
# If the manifest defines a **liveness probe**, as ours does, Kubernetes requests `/v2/health/live`
# every few seconds, and restarts a container after several probes in a row got no answer in time.
# KServe handles all requests in **one thread**, its [event loop](GLOSSARY.md#event-loop): a loop
# that runs one piece of code after another. Code that computes there blocks everything else. This
# predictor computes there:

# %%
(folder / "blocking.py").write_text("""
from services.id_card.kserve.decoding import picture_of
from services.id_card.kserve.predictor import OUTPUT, IdCardPredictor, files_of
from services.kserve_support import server
from services.kserve_support.payloads import respond

class Blocking(IdCardPredictor):
    async def predict(self, payload, headers=None):
        found = [self._find(picture_of(file)) for file in files_of(payload)]
        return respond(payload, found, model_name=self.name, output=OUTPUT)

options = server.parser("", model_name="id_card").parse_args()
server.serve(Blocking("id_card"), options)
""")
blocking = start("blocking", cwd=folder)

# %% [markdown]
# Send it eight requests of several images each, all at once, and probe its liveness every twentieth
# of a second. Then do the same with our predictor:


# %%
async def probes_under_load(server, path="/v1/models/id_card:predict"):
    waits, begun, probes = {}, time.perf_counter(), []
    load = {"instances": [{"image_b64": text}] * pictures}

    async def probe():
        sent = time.perf_counter()
        (await client.get("/v2/health/live")).raise_for_status()
        waits[sent - begun] = 1000 * (time.perf_counter() - sent)

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=server.url, timeout=60, limits=limits) as client:
        asked = [asyncio.create_task(client.post(path, json=load)) for _ in range(8)]
        while not all(one.done() for one in asked):
            probes.append(asyncio.create_task(probe()))
            await asyncio.sleep(0.05)
        await asyncio.gather(*probes)
    assert {one.result().status_code for one in asked} == {200}
    return pd.Series(waits).sort_index()


# %%
waits = {
    "in the event loop": await probes_under_load(blocking),
    "in a thread": await probes_under_load(server),
}

# %% tags=["volatile"]
rows = [(how, len(w), round(w.median()), round(w.max())) for how, w in waits.items()]
show.table(rows, columns=("computed", "probes", "median, ms", "longest, ms"))

# %% tags=["volatile"]
both = pd.DataFrame(waits).interpolate(method="index", limit_area="inside")
title = "How long a liveness probe waits, by when it was sent"
fig = plots.over_time({"ms": both}, title=title)
alt = "Waits over time: long and falling while the event loop is blocked, near zero with a thread"
show.figure(fig, alt=alt)

# %% [markdown]
# In the table, compare the longest waits: with the model in the event loop, a probe
# waits many times as long as with the model in a thread. In the figure, the line for the event loop
# falls steadily. All probes that were sent while the loop was busy are answered when it is free, so
# the earliest waited longest. The line for the thread stays low.
#
# The fix is in section 2: `_decoder.each` computes every image in a thread, with
# `asyncio.to_thread`. With a slower model or larger requests, Kubernetes would have restarted the
# first server *because* it was working.
#
# ## 7. A transformer
#
# In the chapter's section 10.4 a Runner (BentoML's separate process for a model) converts images to
# grayscale before two models see them. KServe calls such a step a
# [**transformer**](GLOSSARY.md#transformer): a second server in a separate container, which
# processes the request and calls the predictor. It is a `Model` too:

# %%
show.source(transformer.GrayscaleTransformer, start="async def predict", end="return respond")

# %% [markdown]
# The transformer takes two arguments. KServe adds `--predictor_host`, the predictor's address;
# `--predictor_protocol`, the protocol in which to call it, is in the manifest. Try all three
# protocols, each with the same V1 request from the client:


# %%
def through(protocol):
    port = grpc_port if protocol == "grpc-v2" else server.port
    to = ("--predictor_host", f"127.0.0.1:{port}", "--predictor_protocol", protocol)
    with start("services.id_card.kserve.transformer", *to) as grey:
        answer = httpx.post(f"{grey.url}/v1/models/id_card:predict", json=v1, timeout=60).json()
    return [Detection.from_dict(one) for one in answer["predictions"][0]]


[expected_grey] = detector.detect([grayscale(picture)])
for protocol in ("v1", "v2", "grpc-v2"):
    same = through(protocol) == expected_grey
    print(f"{protocol:<8} the core's answer for the grayscale image: {same}")

# %% [markdown]
# With each protocol, the answer has the boxes that the core finds in the grayscale image.
#
# Why does the transformer not simply inherit `predict`, which would forward the request? Look at
# the content type that the inherited method sends with a binary V2 request:

# %%
seen = []


async def predictor_that_looks(request):
    seen.append(request.headers.get_list("content-type"))
    return httpx.Response(200, json={"model_name": "id_card", "id": "1", "outputs": []})


config = RESTConfig(protocol="v2", transport=httpx.MockTransport(predictor_that_looks))
client = InferenceRESTClient(config)
inherited = {"Content-Type": "application/json"}  # what Model.predict passes on
_ = await client.infer("http://predictor", request, "id_card", inherited)
print(seen[0])

# %% [markdown]
# The request has two content types. A server uses the first, tries to parse a JPEG as JSON, and
# answers with a 422. Our transformer passes no content type, and the SDK's client adds the right
# one.
#
# ### Both models in a graph
#
# For the chapter's whole pipeline (grayscale, then both detectors at the same time) KServe has the
# [**InferenceGraph**](GLOSSARY.md#InferenceGraph): a resource that routes a request through several
# InferenceServices. A `Sequence` runs steps one after another; an `Ensemble` runs them in parallel and
# merges the answers:

# %%
show.source("infra/kserve/base/graph-ensemble.yaml", start="nodes:")

# %% [markdown]
# `serviceName` refers to an InferenceService, `nodeName` to a node of the graph. A `Hard`
# dependency must succeed; a `Soft` one may fail. The checker reads graphs, together with the
# services that they refer to:

# %%
base = "infra/kserve/base"
names = ("graph-ensemble", "graph-splitter", "grayscale", "id-card", "id-card-small")
_ = terminal.run(" ".join(["python -m services.manifests", *(f"{base}/{n}.yaml" for n in names)]))

# %% [markdown]
# It finds no error. A graph runs only on a cluster, where KServe starts a router for it. In Lab 09
# you design a graph.
#
# ## 8. Where the model comes from
#
# The detector's weights are part of its container image. The recommender's model comes from
# MLflow's registry (notebook 07) and changes more often than its code. For such models there is
# `storageUri`: before the server starts, an **init container** (one that runs to its end first),
# KServe's *storage initializer*, copies the files at that address to `/mnt/models`. It calls
# `Storage.download`. Does it accept MLflow's addresses?

# %%
for uri in ("models:/recommender_production@prod", "mlflow-artifacts:/1/models/m-1/artifacts"):
    try:
        Storage.download(uri, str(folder / "model"))
    except Exception as error:
        print(show.one_line(error).partition("  '")[0][:90])

# %% [markdown]
# `Storage` supports buckets, web addresses and folders, but neither MLflow's registry nor artifacts
# that go through MLflow's server. MLflow, however, knows where a version's files are
# (`MlflowClient.get_model_version_download_uri`), and you know the bucket behind its server. This
# command combines both into the line for the manifest:
#
# ```sh
# $ python -m services.recommender.kserve.storage --alias prod --artifacts s3://models
# ```
#
# The result names *one version*, permanently. When `prod` moves, somebody must change the manifest. That
# is an advantage: the manifest is in git, where the change can be reviewed and reverted.
#
# Here a folder stands in for the bucket. It holds a small model, in the files that our predictor
# reads:

# %%
ratings, _ = make_ratings(50, 100, 2000)
Recommender(Popularity.fit(ratings), ratings).save(folder / "bucket/artifacts/recommender.npz")
_ = (folder / "bucket/MLmodel").write_text("model_id: m-1\n")
mounted = Storage.download(f"file://{folder / 'bucket'}", str(folder / "model"))

# %% [markdown]
# The predictor takes the folder as `--model_dir`. The request is a table with two users. MLServer
# and KServe share a convention for tables in V2: one tensor for each column, and the parameter
# `content_type` is `pd`, for pandas:

# %%
name, at = "recommender", ("--model_dir", mounted)
ready = "/v2/models/recommender/ready"
movies = start("services.recommender.kserve.predictor", *at, ready=ready)
columns = [
    ("user_id", "INT64", [1, 2]),
    ("top_k", "INT64", [2, 1]),
    ("rated", "BYTES", ["[59]", ""]),
]
keys = ("name", "datatype", "data")
table = [{**dict(zip(keys, column, strict=True)), "shape": [2]} for column in columns]
asked = {"parameters": {"content_type": "pd"}, "inputs": table}
answer = httpx.post(f"{movies.url}/v2/models/recommender/infer", json=asked).json()
for line in answer["outputs"][0]["data"]:
    found = json.loads(line)
    print(found["user_id"], [item["title"] for item in found["items"]], "version", found["version"])

# %% [markdown]
# Each user gets the requested number of movies. `m-1` is the version that the file `MLmodel` names.
#
# KServe also has a server for MLflow's format, `kserve-mlserver`. It starts MLServer, installs the
# packages that the model lists, and supports only versions 1 and 2 of the format; notebook 08 runs
# MLServer in a separate environment. Our predictor reads one file of numbers and runs no code from
# a bucket.
#
# ## 9. Four more traps
#
# **KServe parses your arguments.** `import kserve` parses `sys.argv` and accepts abbreviated
# options. A program with an option `--max_t` changes KServe's `--max_threads`:

# %%
code = "import kserve.model_server as m; print(m.args.max_threads, m.args.grpc_port)"
command = [sys.executable, "-c", code, "--max_t", "99", "--grpc_p", "1"]
print(subprocess.run(command, capture_output=True, text=True).stdout.strip())

# %% [markdown]
# KServe took both numbers, 99 and 1, from options that were meant for the program. So
# `services/kserve_support` imports KServe with an empty argument list.
#
# **It listens on all addresses.** REST listens on 0.0.0.0, and gRPC on [::]. That is right in a
# container but not on your own machine. Our server listens on 127.0.0.1, unless `--host` or
# `SERVING_LABS_HOST` says otherwise; the manifests set the variable.
#
# **Anybody may unload the model.** One POST without a password does it, and KServe's `/v2/health/ready`
# stays at 200. So probe the model's own `ready`, as our manifests do. Our server refuses to unload:

# %%
answer = httpx.post(f"{server.url}/v2/repository/models/id_card/unload")
print(answer.status_code, answer.json()["error"])

# %% [markdown]
# **Its shutdown can fail requests.** On SIGTERM (the signal that asks a process to end), KServe
# unloads the models at once, while gRPC still accepts requests for them. Our server stops accepting
# requests, answers those in progress, and then ends.
#
# Send eight requests, wait until they have arrived, and stop the server:


# %%
def arrived(server):
    samples = prometheus.scrape(server.url)
    return samples[samples.name == "request_preprocess_seconds_count"].value.sum()


before = arrived(server)
with ThreadPoolExecutor(8) as pool:
    path, load = (
        f"{server.url}/v1/models/id_card:predict",
        {"instances": v1["instances"] * pictures},
    )
    asked = [pool.submit(httpx.post, path, json=load, timeout=60) for _ in range(8)]
    while arrived(server) < before + 8:
        pass
    server.stop()
print("answered:", [one.result().status_code for one in asked])

# %% [markdown]
# Eight times 200: every request in progress was answered.
#
# ## 10. The same on a cluster
#
# The chapter's steps on a cluster are: create a namespace, apply the InferenceService, wait, and read
# its URL. With the manifest of section 1 they look like this. NOT RUN HERE: the transcript shows what
# `kubectl` prints, and it was written by hand:
#
# ```text
# $ kubectl create ns pytorch-yolo
# namespace/pytorch-yolo created
# $ kubectl apply -n pytorch-yolo -f id-card.yaml
# inferenceservice.serving.kserve.io/id-card created
# $ kubectl wait -n pytorch-yolo --for=condition=Ready inferenceservice/id-card --timeout=300s
# inferenceservice.serving.kserve.io/id-card condition met
# $ kubectl get -n pytorch-yolo inferenceservice id-card -o jsonpath='{.status.url}'
# http://id-card-pytorch-yolo.example.com
# ```
#
# The URL works only where DNS and an ingress (the cluster's entry point for HTTP) are set up;
# `port-forward` always works. Where `kubectl` reaches a cluster with KServe, the next cells apply
# this repository's manifests. `infra/kserve/README.md` has the commands for a small cluster on your
# own machine, with kind (Kubernetes in Docker).

# %% tags=["needs-cluster"]
cluster = preflight.find_tool("cluster")
kubectl = ["kubectl", "--request-timeout=60s"]
kinds = [*kubectl, "get", "crd", "inferenceservices.serving.kserve.io"]
has_kserve = cluster.status == preflight.OK and preflight.answers(kinds)
print(cluster if cluster.status != preflight.OK else f"KServe is there: {has_kserve}")

# %% tags=["needs-cluster"]
commands = """
kubectl apply -k infra/kserve/overlays/local
kubectl -n serving-labs-kserve wait --for=condition=Ready inferenceservice/id-card --timeout=300s
kubectl -n serving-labs-kserve get inferenceservice id-card -o jsonpath={.status.url}
kubectl -n serving-labs-kserve port-forward service/id-card-predictor 8080:80
curl -d @request.json http://127.0.0.1:8080/v1/models/id_card:predict
"""
for line in commands.strip().splitlines()[: 3 if has_kserve else 0]:
    _ = terminal.run(line)
print("" if has_kserve else f"NOT RUN HERE:{commands}")

# %% [markdown]
# `request.json` stands for the V1 request of section 3, `json.dump(v1, file)`. Its answer should be
# the same: the cluster runs the program that ran here, with the same arguments.
#
# ## What broke, and why
#
# | What one might believe | What happens | What we did |
# |---|---|---|
# | `modelFormat: sklearn` fits a YOLO network (chapter) | never ready, and no reason given | a container with the core |
# | a manifest that the cluster accepts is correct | the server starts, or not, minutes later | check it before you apply it |
# | the SDK reads what the protocol allows | 500 for a JPEG after the JSON | read and check it ourselves |
# | `async` keeps a server responsive | not if the work is done in the loop | `asyncio.to_thread` |
# | a transformer just forwards | two content types, 422 | pass none |
# | `storageUri` accepts MLflow's addresses | refused | name the storage behind the registry |
# | a server that reports ready has its model | `/v2/health/ready` stays at 200 after an unload | probe the model's own path; refuse to unload |
#
# ## Summary
#
# - An InferenceService names a model *or* containers. The format must fit the model.
# - A predictor is `load` and `predict` around a core. Check the input; compute in a thread.
# - V1 is JSON that each model defines; V2 is tensors, in JSON, in binary or by gRPC, for many servers.
# - A transformer is a second server. It costs a hop and is scaled separately. A graph connects services.
# - The cluster runs the same program as you do. Test it on your machine, with the manifest's
#   arguments.
#
# **Practise:** `make lab N=09` opens your copy of [Lab 09](../labs/lab09_kserve/lab09_kserve.ipynb),
# in which you send V2 requests, write a predictor, fix a manifest and design a graph.
#
# **Next:** [10 · Choosing](10_choosing.ipynb) compares BentoML, MLflow and KServe, with
# measurements.

# %% tags=["teardown"]
channel.close()
httpx_client.close()
for one in (server, blocking, movies):
    _ = one.stop()
print("processes left:", sum(len(one.processes()) for one in (server, blocking, movies)))
