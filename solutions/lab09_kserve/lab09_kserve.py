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
# You write and test the pieces of a KServe service before any cluster is involved. You write
# requests and read answers in V2 (KServe's protocol that sends tensors). You write a predictor (the
# program that runs the model) that does not block its server, and errors that help the client. Then
# you fix a manifest (the YAML file that describes the service), and design a graph of several
# services.
#
# **How it works.** In each exercise cell, replace `...` with your code. Run the cell, then run the cell
# with `check` below it. A check reports what differs, for which input, and the likely cause. It uses
# new inputs each time. For a `hint`, remove the `#` and run that cell; there are three hints.

# %% tags=["setup"]
import asyncio
import base64
import json

import yaml

from labs import check, hint, preflight, solution
from labs.checks.lab09.checker import show_findings
from labs.checks.lab09.service import BROKEN
from services.errors import InputError
from services.id_card.detector import Detector
from services.id_card.kserve.decoding import picture_of
from services.id_card.kserve.predictor import files_of
from services.kserve_support import Model
from services.kserve_support.payloads import respond

# %% [markdown]
# What is installed on this machine. This lab needs only the first lines, down to `opencv`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · Ask in V2, and read the answer
#
# Complete two functions of a client. They send nothing. They only write and read JSON, and do not
# change their arguments.
#
# - `request_of(files)` takes a list of images, each given as the `bytes` of a file. It returns the body
#   of **one** V2 request for all of them, as a dictionary: one tensor named `image`, of datatype
#   `BYTES`, with the base64 string of each file.
# - `boxes_of(answer)` takes the answer, also a dictionary. It returns one list of boxes for each image.
#   The boxes are in the output named `detections`, as one JSON string for each image. There may be
#   other outputs, of any datatype and in any order.


# %% tags=["exercise"]
def request_of(files):
    """Return the body of a V2 request for these images."""
    ### BEGIN SOLUTION
    texts = [base64.b64encode(file).decode() for file in files]
    tensor = {"name": "image", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
    return {"inputs": [tensor]}
    ### END SOLUTION


def boxes_of(answer):
    """Return a list of boxes for each image of a V2 answer."""
    ### BEGIN SOLUTION
    outputs = {output["name"]: output for output in answer["outputs"]}
    return [json.loads(text) for text in outputs["detections"]["data"]]
    ### END SOLUTION


# %% tags=["check"]
check("lab09.ex1", request_of, boxes_of)

# %% [markdown]
# ## Exercise 2 · A predictor that leaves the loop free
#
# KServe serves all requests in one thread, its event loop. Complete `predict`: it answers a request of
# either protocol, V1 or V2, and computes in **another** thread, so that the server can answer other
# requests in the meantime. Several requests may be in progress at the same time.
#
# - `files_of(payload)` returns the images of a request of either protocol.
# - `self.find(files)` returns a list of boxes for each image. This takes a while.
# - `respond(payload, answers, model_name=…, output=…)` writes the answer in the protocol of the
#   request. The model's name is `self.name`, which is set when the object is created. The output's name
#   is `detections`.
# - The detector is loaded once, by `load`.
# - Let exceptions of `files_of` and `find` propagate: the server turns them into answers.
#
# In the check, a *heartbeat* runs alongside your predictor: a small task in the same event loop. The
# detector does not return until it has seen the heartbeat continue.


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
# Write `files_in(payload)` for V1, a stricter version of `files_of`. A valid payload is
# `{"instances": [{"image_b64": TEXT}, …]}` with one or more instances. The function returns the files
# as a list of `bytes`, in the same order, and does not change the payload.
#
# The payload may be any JSON value that a client sent. Refuse each of these as a whole, with
# `InputError(message, code=…, status=422, hint=…)`:
#
# - a payload that is not an object, such as a list or a string,
# - a payload without `instances`, or whose `instances` is not a list, or is empty,
# - an instance that is not an object, or has no string `image_b64`, or whose string is not strict
#   base64: every character counts, and none is skipped.
#
# The message says what is wrong. If it is about one instance, it names the index of that instance,
# counted from 0. The hint says what to send instead, and names the field: `instances` or
# `image_b64`.


# %% tags=["exercise"]
def files_in(payload):
    """Return the files in a V1 request, as a list of bytes."""

    ### BEGIN SOLUTION
    def refuse(message):
        advice = 'Send {"instances": [{"image_b64": the base64 text of a file}, …]}.'
        return InputError(message, code="request_invalid", status=422, hint=advice)

    instances = payload.get("instances") if isinstance(payload, dict) else None
    if not isinstance(instances, list) or not instances:
        raise refuse("'instances' is missing, empty or not a list.")
    files = []
    for place, one in enumerate(instances):
        text = one.get("image_b64") if isinstance(one, dict) else None
        if not isinstance(text, str):
            raise refuse(f"Instance {place} has no text 'image_b64'.")
        try:
            files.append(base64.b64decode(text, validate=True))
        except ValueError as error:
            raise refuse(f"The 'image_b64' of instance {place} is not base64: {error}.") from None
    return files
    ### END SOLUTION


# %% tags=["check"]
check("lab09.ex3", files_in)

# %% [markdown]
# A colleague wrote this manifest for the detector. You fix it in the next exercise. Below it are the
# findings of the checker from notebook 09:

# %% tags=["setup"]
print(BROKEN)
show_findings(yaml.safe_load(BROKEN))

# %% [markdown]
# ## Exercise 4 · Fix a broken InferenceService
#
# The manifest has **eight** faults. A warning counts as a fault here: a cluster accepts such a
# manifest, but something goes wrong later.
#
# Fix `service`, which is the manifest as a dictionary. Call `show_findings(service)` as often as you
# like. It must remain the same service: leave everything that is not faulty as it is, such as the words
# of its name, the command and its arguments, the namespace, the image's repository, the probes, and the
# **limits**. You may add to it. Correct what is faulty; do not remove it. The service needs at least 2
# pods and at most 4.

# %% tags=["exercise"]
service = yaml.safe_load(BROKEN)
### BEGIN SOLUTION
service["metadata"]["name"] = "id-card"
predictor = service["spec"]["predictor"]
predictor["minReplicas"], predictor["maxReplicas"] = 2, 4
container = predictor["containers"][0]
container["name"] = "kserve-container"
container["image"] = "serving_labs_kserve:0.2.0"
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
# In the chapter, two detectors process the same grey image (section 10.4). Let the cluster do that:
# `graph_of(name, first, detectors)` returns the manifest of an `InferenceGraph` as a dictionary
# (`serving.kserve.io/v1alpha1`).
#
# - `name` is the graph's name, `first` is the service that converts images to grey, and `detectors` is
#   a list of two or more services; do not change it. All of them are InferenceServices in the same
#   namespace.
# - A request goes to `first`. Its answer, `{"predictions": […]}`, goes to **all** detectors as
#   `{"instances": […]}`.
# - The graph's answer contains the answer of each detector under that detector's name.
# - If `first` fails, no detector is called, and the graph answers with the failure.
# - Each call returns a new manifest.
#
# The checker reads your manifest. Then requests go through the graph as KServe's router would send
# them. The graphs in `infra/kserve/base` show the fields.


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
# - write and read V2 requests, which Triton, MLServer and others also accept,
# - keep a server's event loop free while a model computes,
# - refuse a bad request so that its sender can correct it,
# - find out why an InferenceService would not work before you apply it to a cluster,
# - combine several services in a graph.
#
# In a terminal, `make status` shows your points, and `make lab N=10` opens the next lab.
