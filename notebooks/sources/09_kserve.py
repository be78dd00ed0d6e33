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
# **Where you are:** chapter section 10.7, "KServe: An Alternative to BentoML" · about 45 minutes ·
# before this: [08 · MLflow alone](08_mlflow_only.ipynb) · next: [10 · Choosing](10_choosing.ipynb)
#
# With BentoML you wrote a service and built a container of it. With KServe you write a *manifest*: a
# few lines of YAML say which model is to be served, and a Kubernetes cluster does the rest. Two things
# are left to you: the manifest must be right, and so must the server in the container that it names.
# Both can be checked without a cluster, and in this notebook you do. (KServe began as a part of Kubeflow,
# under the name KFServing. Today it is a project of its own and needs no Kubeflow.)
#
# ## After this notebook you can
#
# - read an InferenceService line by line, and say why one would never become ready,
# - write a predictor with KServe's Python SDK, and start it as the manifest does,
# - send one picture in V1, V2 and gRPC, and say what each of them costs,
# - keep a server's liveness apart from its work, put a transformer before a predictor,
# - bring a model from MLflow's registry to where KServe finds it.

# %% [markdown]
# Which of the drawn scenes is sent, how many pictures one request of the long queue holds, and how
# often each protocol is timed:

# %% tags=["parameters"]
image_name = "two_cards"
pictures, rounds = 6, 15

# %% [markdown]
# What this machine has: `MISSING` stops you, `NOT RUN HERE` skips a step. Each such line ends with the
# command that mends it.

# %% tags=["setup", "volatile"]
from services.workbench import preflight

print(*preflight.report(), sep="\n")

# %% tags=["setup"]
import asyncio
import base64
import json
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import numpy as np
import pandas as pd
import yaml

# %% tags=["setup"]
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve_storage import Storage

from services.environment import ROOT, build_dir
from services.id_card import kserve_transformer
from services.id_card.detector import Detection, Detector
from services.id_card.images import grayscale
from services.id_card.kserve_predictor import IdCardPredictor
from services.id_card.samples import load_sample, sample_path
from services.recommender.models import Popularity
from services.recommender.recommender import Recommender
from services.recommender.synthetic import make_ratings
from services.workbench import plots, prometheus, servers, show, timing
from services.workbench.manifests.__main__ import main as manifests

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
# The chapter deploys its detector with ten lines of YAML. This manifest is ours, with the same
# choices in it:

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
# A cluster has not much to say against it, and then nothing happens for a long while. So ask first. This
# repository has a checker that knows the types of KServe's own SDK and the rules of its webhook. On the
# command line it is `python -m services.workbench.manifests FILE`:


# %%
def check(manifest):
    path = folder / "id-card.yaml"
    path.write_text(yaml.safe_dump(manifest, sort_keys=False))
    _ = manifests([str(path)])


check(manifest)

# %% [markdown]
# Read it from below.
#
# - **The mode is not set.** KServe runs a service in one of two ways: `Standard`, as a plain Deployment,
#   or `Knative`, which can scale to zero and needs Knative in the cluster. Without a word the cluster's
#   default counts. The same manifest then works for one team and not for another.
# - **The format does not fit the model.** `sklearn` selects KServe's server for scikit-learn. It looks
#   for one file that ends in `.joblib`, `.pkl` or `.pickle`, and unpickles that. A YOLO checkpoint is not
#   one of them.
# - **The name.** It becomes a host name, and those know no underscore.
#
# - **The place** is a bucket, and whether the pod may read it is told by a `serviceAccountName`. There is
#   none; a checker cannot know whether the bucket is public.
#
# **Erratum 34.** The chapter serves a YOLO network with `modelFormat: sklearn`. The pod would be created,
# would load nothing, and would be restarted for ever. Nothing in `kubectl get inferenceservice` says why;
# the reason is in the log of the pod. The name is quickly mended, and so is the mode:

# %%
manifest["metadata"]["name"] = "id-card"
manifest["metadata"]["annotations"] = {"serving.kserve.io/deploymentMode": "Standard"}
check(manifest)

# %% [markdown]
# And the format? `pytorch` is one that KServe knows, and the checker would let it pass. It stands for
# TorchServe, which wants an archive with a handler class in it, and whose maintainers have stopped working
# on it. `onnx` would run our exported network with Triton. That answers with raw tensors, though, of some
# thousand candidates: the client would have to letterbox its pictures and suppress double boxes itself.
#
# What we want to serve is the *core*: picture in, boxes out. So it becomes a container of our own:

# %%
predictor = manifest["spec"]["predictor"]
predictor["containers"] = [{"name": "kserve-container", "image": "serving_labs_kserve:latest"}]
check(manifest)

# %% [markdown]
# By the name `kserve-container` KServe knows which container answers; one of another name is only a
# companion. Now there are two that would answer, ours and that of the model. And `latest` is no version.

# %%
del predictor["model"]
predictor["containers"][0]["image"] = "serving_labs_kserve:0.1.0"
check(manifest)

# %% [markdown]
# No fault is left. What is missing hurts later: the container may start as root, it has no limits, and
# nobody asks whether it is ready. The manifests in `infra/kserve/base` have all of that. Here is what
# theirs starts:

# %%
show.source("infra/kserve/base/id-card.yaml", start="containers:", end="containerPort")

# %% [markdown]
# ## 2. The predictor
#
# `command` and `args` start a Python program. It is written with KServe's SDK: subclass `Model`, load in
# `load`, answer in `predict`.

# %%
show.source(IdCardPredictor, start="def load", end="return self.ready")

# %%
show.source(IdCardPredictor, start="async def predict", end="return answers")

# %% [markdown]
# The same core as behind BentoML. What is new are the shapes that `files_of` and `respond` read and
# write, and the thread; of both more below. Start it with the arguments of the manifest. Just the ports
# are others, as they may be taken on this machine:

# %%
spec = yaml.safe_load((ROOT / "infra/kserve/base/id-card.yaml").read_text())["spec"]
container = spec["predictor"]["containers"][0]
arguments = [one for one in container["args"] if "_port" not in one]
print(*container["command"], *arguments)
READY = container["readinessProbe"]["httpGet"]["path"]


# %%
def start(module, *arguments, ready=READY, **options):
    port = servers.free_port()
    command = [sys.executable, "-m", module, "--http_port", "{port}", "--grpc_port", str(port)]
    server = servers.start([*command, *arguments], ready=ready, name=module, **options)
    server.grpc_port = port
    return server


server = start(container["command"][-1], *arguments)

# %% [markdown]
# `start` waited until the readiness probe of the manifest answered 200. The server offers more:

# %%
paths = ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/id_card", READY]
rows = [(path, httpx.get(server.url + path).text) for path in paths]
show.table(rows, columns=("GET", "answer"))

# %% [markdown]
# ## 3. One picture, three protocols
#
# **V1** is the older protocol, and the simpler one: a list of *instances* in JSON. JSON can hold no bytes,
# so the picture's file becomes base64 text:

# %%
text = base64.b64encode(file).decode()
v1 = {"instances": [{"image_b64": text}]}
answer = httpx.post(f"{server.url}/v1/models/id_card:predict", json=v1).json()
print(json.dumps(v1)[:80], "…")
print(json.dumps(answer)[:120], "…")

# %% [markdown]
# What an instance holds, each model decides for itself. **V2** is stricter, and not KServe's alone: it is
# the *Open Inference Protocol*, which Triton, MLServer and others speak too. Requests and answers are
# lists of **tensors**, each with a name, a type and a shape:

# %%
tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [text]}
v2 = {"inputs": [tensor]}
answer_v2 = httpx.post(f"{server.url}/v2/models/id_card/infer", json=v2).json()
print(json.dumps(v2)[:80], "…")
print({**answer_v2["outputs"][0], "data": "…"})

# %% [markdown]
# Our answer is one JSON text a picture, since pictures have any number of boxes, and tensors know no
# rows of unequal length. In V2 binary data can also follow *behind* the JSON, and gRPC takes bytes as they
# are. KServe's SDK builds the tensor for both:

# %%
image = InferInput("image", [1], "BYTES")
image.set_data_from_numpy(np.array([file], dtype=object))
request = InferRequest("id_card", [image])
body, json_length = request.to_rest()
print(body[:json_length].decode().partition(',"model_name')[2])

# %% [markdown]
# The header `Inference-Header-Content-Length` says where the JSON ends:

# %%
headers = {"Inference-Header-Content-Length": str(json_length)}
binary = httpx.post(f"{server.url}/v2/models/id_card/infer", content=body, headers=headers).json()

async with InferenceGRPCClient(f"127.0.0.1:{server.grpc_port}") as client:
    by_grpc = await client.infer(request)

# %% [markdown]
# Four answers. Are they the same boxes, and are they the core's?

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
# ## 4. What a protocol costs
#
# First the bytes on the wire, as a multiple of the picture's file:

# %%
sizes = {
    "V1": len(json.dumps(v1)),
    "V2": len(json.dumps(v2)),
    "V2 binary": len(body),
    "gRPC": request.to_grpc().ByteSize(),
}
ratios = [size / len(file) for size in sizes.values()]
fig = plots.ratio_bars(list(sizes), ratios, reference="the file", title="Bytes of a request")
show.figure(fig, alt="Bars: V1 and V2 send a third more than the file has, binary and gRPC as much")

# %% [markdown]
# Base64 writes three bytes as four letters, hence a third more. Now the time, as a multiple of what the
# core takes by itself:


# %%
def post(path, **content):
    return lambda: httpx_client.post(path, **content).raise_for_status()


httpx_client = httpx.Client(base_url=server.url)
channel = grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}")
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
seconds = timing.interleaved(ways, rounds=rounds)
ratios = timing.ratios(seconds, reference="the core")
title = "Time of one request after another"
fig = plots.ratio_bars(list(ratios), list(ratios.values()), reference="the core", title=title)
show.figure(
    fig, alt="Bars: the four protocols take somewhat longer than the core, and differ little"
)

# %% [markdown]
# For one picture of this size the network's work outweighs everything else, so the protocols differ
# little. It is another matter where inputs are large and the model is fast. Choose by who asks: V1 for a
# `curl` by hand, V2 for clients that shall also work with other servers, gRPC between your own services.
#
# ## 5. What a bad request gets
#
# Ask for things that cannot be answered. All of them are the client's to mend, so all of them must be a
# 4xx that says how:

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
    error = response.json()["error"]
    print(f"{what}: {response.status_code} {error['code']}\n    {error['message']} {error['hint']}")

# %% [markdown]
# By gRPC the same words come with the status INVALID_ARGUMENT:

# %%
photo = InferRequest("id_card", [InferInput("photo", [1], "BYTES", data=["?"])])
try:
    infer(photo.to_grpc().SerializeToString())
except grpc.RpcError as error:
    print(error.code().name, "·", error.details())

# %% [markdown]
# Of KServe's own accord most of these would be a 500 with the text of a Python exception. Worse, so would
# a *good* one. This is how KServe 0.21 reads the binary request of section 3:

# %%
try:
    InferRequest.from_bytes(body, json_length, "id_card")
except Exception as error:
    print(type(error).__name__, "·", show.one_line(error)[-72:])

# %% [markdown]
# It takes every BYTES tensor for text in UTF-8, which no JPEG is. Therefore a small door stands before
# KServe's server here. It reads V2 requests itself, checks them, limits their size, and gives all errors
# one form (`services/kserve_support`). What it sees, it counts, since KServe's `/metrics` knows the
# seconds of each step but neither how many requests there were nor how many of them failed:

# %%
samples = prometheus.scrape(server.url)
errors = samples[samples.name == "inference_errors_total"]
rows = sorted(zip(errors.model_name, errors.protocol, errors.code, errors.value, strict=True))
show.table(rows, columns=("model", "protocol", "code", "requests"))

# %% [markdown]
# The model that is not there is counted as `unknown`, whatever it was called: a label's values come from a
# closed set (notebook 05).
#
# ## 6. Alive while it works
#
# Kubernetes asks `/v2/health/live` every few seconds, and restarts a container that does not answer in
# time. KServe serves all requests in **one thread**, its event loop. Whoever computes in there keeps it
# from everything else. To see it, here is a predictor that does:

# %%
(folder / "blocking.py").write_text("""
from services.id_card.kserve_predictor import OUTPUT, IdCardPredictor, files_of
from services.kserve_support import server
from services.kserve_support.payloads import respond

class Blocking(IdCardPredictor):
    async def predict(self, payload, headers=None):
        found = self._find(files_of(payload))
        return respond(payload, found, model_name=self.name, output=OUTPUT)

options = server.parser("", model_name="id_card").parse_args()
server.serve(Blocking("id_card"), options)
""")
blocking = start("blocking", cwd=folder)

# %% [markdown]
# Put eight requests of several pictures each before it, and ask for its liveness all the while, every
# twentieth of a second. Do the same to ours:


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
# The upper line falls like a slope: all probes that were sent while the loop was busy are answered at the
# moment when it is free, so the earliest waited longest. The other line stays low: the event loop is free,
# and just the cores are shared. The cure is the one line that you saw in section 2,
# `await asyncio.to_thread(…)`. With a slower model, or larger requests, the first server would have been
# restarted *because* it had work.
#
# ## 7. A transformer
#
# In the chapter's section 10.4 a Runner makes pictures grey before two models see them. KServe has a word
# for such a step, **transformer**: a second server, with its own container, that asks the predictor. It is
# a `Model` too:

# %%
show.source(
    kserve_transformer.GrayscaleTransformer, start="async def predict", end="return respond"
)

# %% [markdown]
# KServe tells it by `--predictor_host` whom to ask, and `--predictor_protocol` in which words. Take all
# three in turn, and ask each by V1:


# %%
def through(protocol):
    port = server.grpc_port if protocol == "grpc-v2" else server.port
    to = ("--predictor_host", f"127.0.0.1:{port}", "--predictor_protocol", protocol)
    with start("services.id_card.kserve_transformer", *to) as grey:
        answer = httpx.post(f"{grey.url}/v1/models/id_card:predict", json=v1, timeout=60).json()
    return [Detection.from_dict(one) for one in answer["predictions"][0]]


[expected_grey] = detector.detect([grayscale(picture)])
for protocol in ("v1", "v2", "grpc-v2"):
    print(
        f"{protocol:<8} the core's answer for the grey picture:", through(protocol) == expected_grey
    )

# %% [markdown]
# Why does it not simply inherit `predict`, which would forward the request? Because of what that sends
# with a binary V2 request:

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
# Two content types. A server takes the first, tries to read a JPEG as JSON, and answers 422. Ours passes
# none, and the client adds the right one.
#
# ## 8. Where the model comes from
#
# The detector's weights are in its image. The recommender's model comes from MLflow's registry (notebook
# 07), and changes more often than its code. For that there is `storageUri`: before the server starts, a
# second container copies what it names to `/mnt/models`. It runs this:

# %%
for uri in ("models:/recommender_production@prod", "mlflow-artifacts:/1/models/m-1/artifacts"):
    try:
        Storage.download(uri, str(folder / "model"))
    except Exception as error:
        print(show.one_line(error).partition("  '")[0][:90])

# %% [markdown]
# It knows buckets, web addresses and folders. It does not know MLflow's registry, nor what MLflow calls
# the artifacts that go through its server. But MLflow knows where a version's files are
# (`MlflowClient.get_model_version_download_uri`), and whoever started its server knows the bucket behind
# it. Out of both this command makes what the manifest needs:
#
# ```sh
# python -m services.recommender.kserve_storage --alias prod --artifacts s3://models
# ```
#
# What it prints names *one version*, for good. When `prod` moves on, somebody has to change the manifest,
# and that is a good thing: it is in git, it can be reviewed, and rolled back.
#
# Take a folder for the bucket, and a small model in it, with the files that our predictor reads:

# %%
ratings, _ = make_ratings(50, 100, 2000)
Recommender(Popularity.fit(ratings), ratings).save(folder / "bucket/artifacts/recommender.npz")
_ = (folder / "bucket/MLmodel").write_text("model_id: m-1\n")
mounted = Storage.download(f"file://{folder / 'bucket'}", str(folder / "model"))

# %% [markdown]
# The predictor takes the folder as `--model_dir`. V2 has a custom for tables: one tensor a column, and
# `content_type` is `pd`, for pandas:

# %%
name, at = "recommender", ("--model_dir", mounted)
ready = "/v2/models/recommender/ready"
movies = start("services.recommender.kserve_predictor", *at, ready=ready)
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
# The chapter's alternative would be KServe's own server for MLflow's format, `kserve-mlserver`. That one
# starts MLServer in a container, which loads the model as a Python function, with all that the model asks
# to be installed; of MLflow it lists the formats 1 and 2 only, and MLServer is no longer maintained.
# Notebook 08 runs it from an environment of its own. Our predictor reads one file of numbers, and runs no
# code that came out of a bucket.
#
# ## 9. Four more traps
#
# **It reads your arguments.** `import kserve` parses `sys.argv`, and takes the beginning of an option for
# the whole. A program with a `--max` of its own changes KServe's:

# %%
code = "import kserve.model_server as m; print(m.args.max_threads, m.args.grpc_port)"
command = [sys.executable, "-c", code, "--max_t", "99", "--grpc_p", "1"]
print(subprocess.run(command, capture_output=True, text=True).stdout.strip())

# %% [markdown]
# In `services/kserve_support` it is imported with none.
#
# **It listens to everybody.** REST on 0.0.0.0, gRPC on [::]. In a container that is right, on your
# notebook's machine it is not. Here it is 127.0.0.1, unless `--host` or `SERVING_LABS_HOST` says
# otherwise; the manifests do.
#
# **Anybody may unload the model.** One POST without a password, and KServe's `/v2/health/ready` stays at
# 200 when the model is gone. So probe the model's own `ready`, as the manifests do. Ours refuses:

# %%
answer = httpx.post(f"{server.url}/v2/repository/models/id_card/unload")
print(answer.status_code, answer.json()["error"]["message"])

# %% [markdown]
# **Its end.** On SIGTERM, KServe unloads the models at once, while gRPC still takes requests for them. Ours
# first stops taking, then answers what it has, then ends. Send eight requests, wait until they have
# arrived, and tell it to stop:


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
    code = server.stop()
print("answered:", [one.result().status_code for one in asked], "· exit code", code)

# %% [markdown]
# ## 10. The same on a cluster
#
# Where `kubectl` reaches a cluster with KServe in it, the manifests go there as they are. These cells ask
# whether there is one, and say so if not. `infra/kserve/README.md` has the commands for a small one on your
# own machine, with kind.

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
kubectl -n serving-labs-kserve port-forward service/id-card-predictor 8080:80
curl -d @request.json http://127.0.0.1:8080/v1/models/id_card:predict
"""
for line in commands.strip().splitlines()[: 2 if has_kserve else 0]:
    done = subprocess.run(line.split(), cwd=ROOT, capture_output=True, text=True)
    print(done.stdout or done.stderr)
print("" if has_kserve else f"NOT RUN HERE:{commands}")

# %% [markdown]
# The request is the one of section 3, and so is the answer: what runs in the cluster is the program that
# ran here, started with the same arguments.
#
# ## What broke, and why
#
# | What one might believe | What happens | What we did |
# |---|---|---|
# | `modelFormat: sklearn` for a YOLO network (chapter) | never ready, and no reason given | a container with the core |
# | a manifest that is taken is right | the server starts, or not, minutes later | check before |
# | the SDK reads what the protocol allows | 500 for a JPEG behind the JSON | read and check it ourselves |
# | `async` keeps a server responsive | not if the work is done in the loop | `asyncio.to_thread` |
# | a transformer just forwards | two content types, 422 | pass none |
# | `storageUri` takes MLflow's names | refused | the storage behind the registry |
# | ready means ready | 200 without a model | probe the model; refuse to unload |
#
# ## Summary
#
# - An InferenceService names a model *or* containers. The format has to be the model's.
# - A predictor is `load` and `predict` around a core. Check what comes in; compute in a thread.
# - V1 is JSON of your own making; V2 is tensors, in JSON, in binary or by gRPC, for many servers.
# - A transformer is a second server. It costs a hop, and scales by itself.
# - The cluster runs the same program as you do. Test it here, with the manifest's own arguments.
#
# **Practise:** in [Lab 09](../labs/lab09_kserve/lab09_kserve.ipynb) you speak V2, write a predictor, mend a
# manifest and design a graph.
#
# **Next:** [10 · Choosing](10_choosing.ipynb) puts the three side by side, and measures.

# %% tags=["teardown"]
channel.close()
httpx_client.close()
for one in (server, blocking, movies):
    _ = one.stop()
print("processes left:", sum(len(one.processes()) for one in (server, blocking, movies)))
