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
# # Lab 09 · KServe
#
# **Where you are:** after notebook [09 · KServe](../../notebooks/09_kserve.ipynb).
#
# You write requests and read answers of the V2 protocol, a predictor that does not stop its server,
# errors that help, and you mend a manifest. At the end you design a graph of several services. No
# cluster is needed.
#
# **How it works.** Every exercise has a cell in which `...` stands for what you write. Run it, then
# run the cell with `check` below it. A check says what differs, where it shows, and the likely cause.
# It uses fresh inputs each time. Ask for a `hint` as often as you like: remove the `#` and run.

# %% tags=["setup"]
import asyncio
import base64
import json

import yaml

from labs import check, hint, preflight, solution
from labs.checks.lab09_service import BROKEN
from services.errors import InputError
from services.id_card.detector import Detector
from services.id_card.kserve_predictor import files_of, picture_of
from services.kserve_support import Model
from services.kserve_support.payloads import respond
from services.workbench.manifests.check import check as check_documents
from services.workbench.manifests.documents import Document

# %% [markdown]
# What this machine has. This lab needs the first lines only, down to `opencv`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · Ask in V2, and read the answer
#
# Complete two functions of a client. They send nothing; they make and read JSON.
#
# - `request_of(files)` is given a list of pictures, each the `bytes` of a file. It returns the body of
#   **one** V2 request for all of them, as a dictionary: one tensor named `image`, of the type `BYTES`.
# - `boxes_of(answer)` is given the answer, a dictionary too. It returns one list of boxes for each
#   picture. They are in the output named `detections`, as one JSON text for each picture. There may be
#   other outputs.


# %% tags=["exercise"]
def request_of(files):
    """Return the body of a V2 request for these pictures."""
    ### BEGIN SOLUTION
    texts = [base64.b64encode(file).decode() for file in files]
    tensor = {"name": "image", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
    return {"inputs": [tensor]}
    ### END SOLUTION


def boxes_of(answer):
    """Return a list of boxes for each picture of a V2 answer."""
    ### BEGIN SOLUTION
    outputs = {output["name"]: output for output in answer["outputs"]}
    return [json.loads(text) for text in outputs["detections"]["data"]]
    ### END SOLUTION


# %% tags=["check"]
check("lab09.ex1", request_of, boxes_of)

# %% [markdown]
# ## Exercise 2 · A predictor that leaves the loop free
#
# KServe serves everybody in one thread. Complete `predict`: it answers a request of either protocol, V1
# or V2, and does its work in **another** thread, so that the server stays alive meanwhile.
#
# - `files_of(payload)` takes the pictures out of a request of either protocol.
# - `self.find(files)` returns a list of boxes for each picture. It computes for a while.
# - `respond(payload, answers, model_name=…, output=…)` writes the answer in the protocol of the
#   request. The model's name is `self.name`, the output's is `detections`.
#
# The check lets your predictor work beside a *heartbeat*, a small task in the same event loop. The
# detector does not end before the heart has gone on beating.


# %% tags=["exercise"]
class CardPredictor(Model):
    """Find ID cards, behind KServe's protocols."""

    def load(self):
        self.detector = Detector.from_environment()
        self.ready = True
        return self.ready

    def find(self, files):
        found = self.detector.detect([picture_of(file) for file in files])
        return [[detection.as_dict() for detection in boxes] for boxes in found]

    async def predict(self, payload, headers=None):
        ### BEGIN SOLUTION
        found = await asyncio.to_thread(self.find, files_of(payload))
        return respond(payload, found, model_name=self.name, output="detections")
        ### END SOLUTION


# %% tags=["check"]
check("lab09.ex2", CardPredictor)

# %% [markdown]
# ## Exercise 3 · Errors that say what to change
#
# Write `files_in(payload)` for V1, a stricter `files_of`. A good payload is
# `{"instances": [{"image_b64": TEXT}, …]}` with one instance or more. It returns the files as a list of
# `bytes`, in the same order.
#
# Any other payload is refused as a whole with `InputError(message, code=…, status=422, hint=…)`:
#
# - no `instances`, `instances` that is no list, or an empty one,
# - an instance that is no object, one without a text `image_b64`, one whose text is no base64.
#
# The message says what was met; where it is about one instance, with its place, counted from 0. The
# hint says what to send instead, and names the field: `instances` or `image_b64`.


# %% tags=["exercise"]
def files_in(payload):
    """Return the files in a V1 request, as a list of bytes."""

    ### BEGIN SOLUTION
    def refuse(message):
        advice = 'Send {"instances": [{"image_b64": the base64 text of a file}, …]}.'
        return InputError(message, code="request_invalid", status=422, hint=advice)

    instances = payload.get("instances")
    if not isinstance(instances, list) or not instances:
        raise refuse("'instances' is missing, empty or no list.")
    files = []
    for place, one in enumerate(instances):
        text = one.get("image_b64") if isinstance(one, dict) else None
        if not isinstance(text, str):
            raise refuse(f"Instance {place} is no object with a text 'image_b64'.")
        try:
            files.append(base64.b64decode(text, validate=True))
        except ValueError as error:
            raise refuse(f"The 'image_b64' of instance {place} is no base64: {error}.") from None
    return files
    ### END SOLUTION


# %% tags=["check"]
check("lab09.ex3", files_in)

# %% [markdown]
# A colleague wrote this manifest for the detector. The next exercise is about it. Below it is what the
# checker of notebook 09 finds:

# %% tags=["setup"]
print(BROKEN)


def faults(manifest):
    """Print what the checker of notebook 09 finds in a manifest, given as a dictionary."""
    for _, fault in check_documents([Document("service", 1, manifest)])[0]:
        print(fault)


faults(yaml.safe_load(BROKEN))

# %% [markdown]
# ## Exercise 4 · Mend a broken InferenceService
#
# The manifest has **eight** faults, for which the checker has nine lines: two rules find the name. A
# warning counts as a fault here. Of some of them a cluster would tell, of others not.
#
# Mend `service`, which is the manifest as a dictionary. Call `faults(service)` as often as you like. It
# must stay the same service: the model with its command and arguments, the namespace, the image's
# repository, the probes and the limits. What is at fault is put right, not removed. The service needs
# at least 2 pods and at most 4.

# %% tags=["exercise"]
service = yaml.safe_load(BROKEN)
### BEGIN SOLUTION
service["metadata"]["name"] = "id-card"
predictor = service["spec"]["predictor"]
predictor["minReplicas"], predictor["maxReplicas"] = 2, 4
container = predictor["containers"][0]
container["name"] = "kserve-container"
container["image"] = "serving_labs_kserve:0.1.0"
container["resources"]["requests"]["memory"] = "1Gi"
container["readinessProbe"] = container.pop("readynessProbe")
container["livenessProbe"]["httpGet"]["port"] = 8080
container["volumeMounts"][0]["name"] = "tmp"
### END SOLUTION

# %% tags=["check"]
check("lab09.ex4", service)

# %% [markdown]
# ## Exercise 5 · Design it: an InferenceGraph
#
# In the chapter two detectors look at the same grey picture (section 10.4). Let the cluster do that:
# `graph_of(name, first, detectors)` returns the manifest of an `InferenceGraph` as a dictionary
# (`serving.kserve.io/v1alpha1`).
#
# - `name` is the graph's name, `first` the service that makes pictures grey, and `detectors` a list of
#   two or more services. They are InferenceServices in the same namespace.
# - A request goes to `first`. What that answers, `{"predictions": […]}`, goes to **all** detectors as
#   `{"instances": […]}`.
# - The answer of the graph has the answer of each detector under that detector's name.
# - If `first` fails, no detector is asked, and the graph answers with the failure.
#
# The check holds your manifest to the checker, and then sends requests through it as KServe's router
# would. The graphs in `infra/kserve/base` show the fields.


# %% tags=["exercise"]
def graph_of(name, first, detectors):
    """Return an InferenceGraph: one service first, then all the others at the same time."""
    ### BEGIN SOLUTION
    then = {"data": "$response", "mapPredictionsToInstances": True}
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "InferenceGraph",
        "metadata": {"name": name},
        "spec": {
            "nodes": {
                "root": {
                    "routerType": "Sequence",
                    "steps": [
                        {"name": "grey", "serviceName": first, "dependency": "Hard"},
                        {"name": "detectors", "nodeName": "detectors", **then},
                    ],
                },
                "detectors": {
                    "routerType": "Ensemble",
                    "steps": [{"name": one, "serviceName": one} for one in detectors],
                },
            }
        },
    }
    ### END SOLUTION


# %% tags=["check"]
check("lab09.ex5", graph_of)

# %% [markdown]
# ## What you can do now
#
# - write and read V2 requests, which Triton, MLServer and others take, too,
# - keep a server's event loop free while a model computes,
# - refuse a bad request so that its sender can mend it,
# - find out why an InferenceService would not work, before a cluster is asked,
# - put several services together in a graph.
#
# `python -m labs status` in a terminal shows your points. Next:
# [lab 10](../lab10_choosing/lab10_choosing.ipynb).
