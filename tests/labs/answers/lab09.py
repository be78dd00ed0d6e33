# Answers to lab 09. Each cell takes the place of an exercise's cell.

# %% lab09.ex1 right: several dimensions, a search, tuples
def request_of(files):
    rows = tuple([str(base64.b64encode(f), "ascii")] for f in files)
    return dict(
        id="a", inputs=[dict(name="image", shape=[len(rows), 1], datatype="BYTES", data=rows)]
    )


def boxes_of(answer):
    for output in answer["outputs"]:
        if output["name"] == "detections":
            return json.loads("[" + ",".join(output["data"]) + "]")


# %% lab09.ex1 wrong: raw_bytes
# -     texts = [base64.b64encode(file).decode() for file in files]
# +     texts = [base64.b64encode(file) for file in files]
# -     outputs = {output["name"]: output for output in answer["outputs"]}
# -     return [json.loads(text) for text in outputs["detections"]["data"]]
# +     return [json.loads(text) for text in answer["outputs"][0]["data"]]


# %% lab09.ex1 wrong: v1
def request_of(files):
    return {"instances": [{"image_b64": base64.b64encode(file).decode()} for file in files]}


def boxes_of(answer):
    return answer["predictions"]


# %% lab09.ex1 wrong: shape
# -     tensor = {"name": "image", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
# +     tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": texts}
# -     outputs = {output["name"]: output for output in answer["outputs"]}
# -     return [json.loads(text) for text in outputs["detections"]["data"]]
# +     return [json.loads(text) for text in answer["outputs"][0]["data"]]

# %% lab09.ex1 wrong: data_url
# -     texts = [base64.b64encode(file).decode() for file in files]
# +     texts = ["data:image/png;base64," + base64.b64encode(file).decode() for file in files]
# -     outputs = {output["name"]: output for output in answer["outputs"]}
# -     return [json.loads(text) for text in outputs["detections"]["data"]]
# +     return [json.loads(text) for text in answer["outputs"][0]["data"]]

# %% lab09.ex1 wrong: one_only
# -     texts = [base64.b64encode(file).decode() for file in files]
# +     texts = [base64.b64encode(files[0]).decode()]
# -     outputs = {output["name"]: output for output in answer["outputs"]}
# -     return [json.loads(text) for text in outputs["detections"]["data"]]
# +     return [json.loads(text) for text in answer["outputs"][0]["data"]]

# %% lab09.ex1 wrong: texts
# -     outputs = {output["name"]: output for output in answer["outputs"]}
# -     return [json.loads(text) for text in outputs["detections"]["data"]]
# +     return next(o["data"] for o in answer["outputs"] if o["name"] == "detections")

# %% lab09.ex1 wrong: first_image
# -     outputs = {output["name"]: output for output in answer["outputs"]}
# -     return [json.loads(text) for text in outputs["detections"]["data"]]
# +     return json.loads(next(o for o in answer["outputs"] if o["name"] == "detections")["data"][0])

# %% lab09.ex1 wrong: by_place
# -     outputs = {output["name"]: output for output in answer["outputs"]}
# -     return [json.loads(text) for text in outputs["detections"]["data"]]
# +     return [json.loads(text) for text in answer["outputs"][0]["data"]]

# %% lab09.ex1 wrong: -the alphabet for URLs
# -     texts = [base64.b64encode(file).decode() for file in files]
# +     texts = [base64.urlsafe_b64encode(file).decode() for file in files]
# -     outputs = {output["name"]: output for output in answer["outputs"]}
# -     return [json.loads(text) for text in outputs["detections"]["data"]]
# +     return [json.loads(text) for text in answer["outputs"][0]["data"]]

# %% lab09.ex1 wrong: -another input
# -     tensor = {"name": "image", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
# +     tensor = {"name": "image_b64", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
# -     outputs = {output["name"]: output for output in answer["outputs"]}
# -     return [json.loads(text) for text in outputs["detections"]["data"]]
# +     return [json.loads(text) for text in answer["outputs"][0]["data"]]

# %% lab09.ex1 wrong: -every file once
# -     texts = [base64.b64encode(file).decode() for file in files]
# +     texts = [base64.b64encode(file).decode() for file in dict.fromkeys(files)]
# -     outputs = {output["name"]: output for output in answer["outputs"]}
# -     return [json.loads(text) for text in outputs["detections"]["data"]]
# +     return [json.loads(text) for text in answer["outputs"][0]["data"]]

# %% lab09.ex1 wrong: -empties the caller's list
# -     texts = [base64.b64encode(file).decode() for file in files]
# +     texts = [base64.b64encode(files.pop(0)).decode() for _ in range(len(files))]
# -     outputs = {output["name"]: output for output in answer["outputs"]}
# -     return [json.loads(text) for text in outputs["detections"]["data"]]
# +     return [json.loads(text) for text in answer["outputs"][0]["data"]]

# %% lab09.ex1 wrong: -one text with commas
# -     tensor = {"name": "image", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
# +     data = [",".join(texts)]
# +     tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": data}

# %% lab09.ex1 wrong: -equal answers once
# -     return [json.loads(text) for text in outputs["detections"]["data"]]
# +     return [json.loads(text) for text in dict.fromkeys(outputs["detections"]["data"])]

# %% lab09.ex1 wrong: -an output with a similar name
# -     outputs = {output["name"]: output for output in answer["outputs"]}
# +     outputs = {output["name"][:10]: output for output in answer["outputs"][::-1]}


# %% lab09.ex2 right: an executor, one image after another
class CardPredictor(Model):
    def load(self):
        self.core = Detector.from_environment()
        self.ready = True
        return True

    def boxes(self, file):
        return [detection.as_dict() for detection in self.core.detect([picture_of(file)])[0]]

    async def predict(self, payload, headers=None):
        loop = asyncio.get_running_loop()
        found = []
        for file in files_of(payload):
            found.append(await loop.run_in_executor(None, self.boxes, file))
        return respond(payload, found, model_name=self.name, output="detections")


# %% lab09.ex2 right: one request at a time, behind a lock
# -         self.detector = Detector.from_environment()
# +         self.detector = Detector.from_environment()
# +         self.lock = asyncio.Lock()
# -         found = await asyncio.to_thread(self.find, files_of(payload))
# +         async with self.lock:
# +             found = await asyncio.to_thread(self.find, files_of(payload))

# %% lab09.ex2 wrong: not_async
# -     async def predict(self, payload, headers=None):
# -         ### BEGIN SOLUTION
# -         found = await asyncio.to_thread(self.find, files_of(payload))
# +     def predict(self, payload, headers=None):
# +         found = self.find(files_of(payload))

# %% lab09.ex2 wrong: blocking
# -         found = await asyncio.to_thread(self.find, files_of(payload))
# +         found = self.find(files_of(payload))

# %% lab09.ex2 wrong: waits
# - class CardPredictor(Model):
# + import threading
# + class CardPredictor(Model):
# -         found = await asyncio.to_thread(self.find, files_of(payload))
# +         found = []
# +         thread = threading.Thread(target=lambda: found.extend(self.find(files_of(payload))))
# +         thread.start()
# +         thread.join()

# %% lab09.ex2 wrong: calls_it
# -         found = await asyncio.to_thread(self.find, files_of(payload))
# +         found = await asyncio.to_thread(self.find(files_of(payload)))

# %% lab09.ex2 wrong: no_await
# -         found = await asyncio.to_thread(self.find, files_of(payload))
# +         found = asyncio.to_thread(self.find, files_of(payload))

# %% lab09.ex2 wrong: bare
# -         found = await asyncio.to_thread(self.find, files_of(payload))
# -         return respond(payload, found, model_name=self.name, output="detections")
# +         return await asyncio.to_thread(self.find, files_of(payload))

# %% lab09.ex2 wrong: v1_only
# -         found = await asyncio.to_thread(self.find, files_of(payload))
# -         return respond(payload, found, model_name=self.name, output="detections")
# +         return {"predictions": await asyncio.to_thread(self.find, files_of(payload))}

# %% lab09.ex2 wrong: -a fixed name
# -         return respond(payload, found, model_name=self.name, output="detections")
# +         return respond(payload, found, model_name="id_card", output="detections")

# %% lab09.ex2 wrong: -the payload is kept in self
# -     async def predict(self, payload, headers=None):
# +     async def predict(self, payload, headers=None):
# +         self.payload = payload
# -         return respond(payload, found, model_name=self.name, output="detections")
# +         return respond(self.payload, found, model_name=self.name, output="detections")

# %% lab09.ex2 wrong: -loads the detector for each request
# -     async def predict(self, payload, headers=None):
# +     async def predict(self, payload, headers=None):
# +         self.load()

# %% lab09.ex2 wrong: -the result is kept in self
# -         found = await asyncio.to_thread(self.find, files_of(payload))
# -         return respond(payload, found, model_name=self.name, output="detections")
# +         def work(files):
# +             self.found = self.find(files)
# +
# +         await asyncio.to_thread(work, files_of(payload))
# +         return respond(payload, self.found, model_name=self.name, output="detections")

# %% lab09.ex2 wrong: -remembers answers by the number of images
# -         found = await asyncio.to_thread(self.find, files_of(payload))
# -         return respond(payload, found, model_name=self.name, output="detections")
# +         known, files = self.__dict__.setdefault("known", {}), files_of(payload)
# +         if len(files) not in known:
# +             known[len(files)] = await asyncio.to_thread(self.find, files)
# +         return respond(payload, known[len(files)], model_name=self.name, output="detections")

# %% lab09.ex2 wrong: -no boxes in place of an exception
# -         found = await asyncio.to_thread(self.find, files_of(payload))
# +         try:
# +             found = await asyncio.to_thread(self.find, files_of(payload))
# +         except Exception:
# +             found = []

# %% lab09.ex2 wrong: -does not wait for the boxes
# -         found = await asyncio.to_thread(self.find, files_of(payload))
# +         files = files_of(payload)
# +         asyncio.get_running_loop().run_in_executor(None, self.find, files)
# +         found = [[] for _ in files]


# %% lab09.ex3 right: one step after another, with a code for each
def files_in(payload):
    def refuse(code, message):
        raise InputError(message, code=code, status=422, hint="Send instances with image_b64.")

    if not isinstance(payload, dict) or "instances" not in payload:
        refuse("instances_missing", f"There is {str(payload)[:40]}, without instances.")
    if type(payload["instances"]) is not list:
        refuse("instances_invalid", "instances is not a list.")
    if len(payload["instances"]) == 0:
        refuse("instances_empty", "There are no instances.")
    answers = []
    for n, one in enumerate(payload["instances"]):
        try:
            answers.append(base64.b64decode(one["image_b64"], validate=True))
        except (KeyError, TypeError, ValueError) as error:
            refuse("instance_invalid", f"instance {n}: {type(error).__name__}")
    return answers


# %% lab09.ex3 wrong: server_error
def files_in(payload):
    return [base64.b64decode(one["image_b64"], validate=True) for one in payload["instances"]]


# %% lab09.ex3 wrong: skips_bad
def files_in(payload):
    hint = "Send instances with image_b64."
    instances = payload.get("instances") if isinstance(payload, dict) else None
    if not isinstance(instances, list) or not instances:
        raise InputError("There are no instances.", code="none", status=422, hint=hint)
    files = []
    for one in instances:
        if isinstance(one, dict) and isinstance(one.get("image_b64"), str):
            files.append(base64.b64decode(one["image_b64"]))
    return files


# %% lab09.ex3 wrong: not_strict <- skips_bad
# -     for one in instances:
# -         if isinstance(one, dict) and isinstance(one.get("image_b64"), str):
# -             files.append(base64.b64decode(one["image_b64"]))
# +     for n, one in enumerate(instances):
# +         if not isinstance(one, dict) or not isinstance(one.get("image_b64"), str):
# +             raise InputError(f"Instance {n} is bad.", code="bad", status=422, hint=hint)
# +         files.append(base64.b64decode(one["image_b64"]))


# %% lab09.ex3 wrong: no_place
def files_in(payload):
    hint = "Send instances with image_b64."
    instances = payload.get("instances") if isinstance(payload, dict) else None
    if not isinstance(instances, list) or not instances:
        raise InputError("There are no instances.", code="none", status=422, hint=hint)
    files = []
    for one in instances:
        try:
            files.append(base64.b64decode(one["image_b64"], validate=True))
        except Exception:
            raise InputError("One is bad.", code="bad", status=422, hint=hint) from None
    return files


# %% lab09.ex3 wrong: no_hint
def files_in(payload):
    files = []
    instances = payload.get("instances") if isinstance(payload, dict) else None
    for n, one in enumerate(instances or ["none"]):
        try:
            files.append(base64.b64decode(one["image_b64"], validate=True))
        except Exception as error:
            text, hint = f"Instance {n} is wrong.", "Send something else."
            raise InputError(text, code="bad", status=422, hint=hint) from error
    return files


# %% lab09.ex3 wrong: -400 instead of 422
def files_in(payload):
    try:
        return [base64.b64decode(one["image_b64"], validate=True) for one in payload["instances"]]
    except Exception as error:
        hint = "Send instances with image_b64."
        raise InputError("The payload is wrong.", code="bad", status=400, hint=hint) from error


# %% lab09.ex3 wrong: -an empty list for everything bad
def files_in(payload):
    try:
        return [base64.b64decode(one["image_b64"], validate=True) for one in payload["instances"]]
    except Exception:
        return []


# %% lab09.ex3 wrong: -blanks and line breaks removed
def files_in(payload):
    def refused(message, field):
        return InputError(message, code="bad", status=422, hint=f"send {field}")

    instances = payload.get("instances") if isinstance(payload, dict) else None
    if not isinstance(instances, list) or not instances:
        raise refused("instances is missing", "instances")
    files = []
    for n, one in enumerate(instances):
        text = one.get("image_b64") if isinstance(one, dict) else None
        if not isinstance(text, str):
            raise refused(f"instance {n} has no text", "image_b64")
        try:
            files.append(base64.b64decode("".join(text.split()), validate=True))
        except ValueError as error:
            raise refused(f"instance {n} is not base64", "image_b64") from error
    return files


# %% lab09.ex3 wrong: -counts from 1
def files_in(payload):
    def refused(message, field):
        return InputError(message, code="bad", status=422, hint=f"send {field}")

    instances = payload.get("instances") if isinstance(payload, dict) else None
    if not isinstance(instances, list) or not instances:
        raise refused("instances is missing", "instances")
    files = []
    for n, one in enumerate(instances, 1):
        text = one.get("image_b64") if isinstance(one, dict) else None
        if not isinstance(text, str):
            raise refused(f"instance {n} has no text", "image_b64")
        try:
            files.append(base64.b64decode(text, validate=True))
        except ValueError as error:
            raise refused(f"instance {n} is not base64", "image_b64") from error
    return files


# %% lab09.ex3 wrong: -the alphabet for URLs is accepted
# -         try:
# +         text = text.replace("-", "+").replace("_", "/")
# +         try:

# %% lab09.ex3 wrong: -an image that comes twice is returned once
# -     return files
# +     return list(dict.fromkeys(files))

# %% lab09.ex3 wrong: -a number becomes a text
# -         if not isinstance(text, str):
# +         text = str(text) if isinstance(text, int) else text
# +         if not isinstance(text, str):

# %% lab09.ex3 wrong: -an empty file for a bad one
# -             raise refuse(f"The 'image_b64' of instance {place} is not base64: {error}.") from None
# +             files.append(str(error).encode())


# %% lab09.ex4 right: written anew, with a digest, a named port and the lower request
service = yaml.safe_load(
    BROKEN.replace("name: id_card", "name: id-card")
    .replace("minReplicas: 4", "minReplicas: 2")
    .replace("maxReplicas: 2", "maxReplicas: 4")
    .replace("name: detector", "name: kserve-container")
    .replace(":latest", "@sha256:" + "7" * 64)
    .replace("readynessProbe", "readinessProbe")
    .replace("- containerPort: 8080", "- {containerPort: 8080, name: http1, protocol: TCP}")
    .replace("port: 8000", "port: http1")
    .replace("memory: 4Gi", "memory: 2048Mi")
    .replace("name: tmp", "name: temp")
)

# %% lab09.ex4 wrong: still_faulty
service = yaml.safe_load(BROKEN.replace("name: id_card", "name: id-card"))

# %% lab09.ex4 wrong: limits
service = yaml.safe_load(BROKEN.replace("memory: 2Gi", "memory: 4Gi"))

# %% lab09.ex4 wrong: probe_gone
service = yaml.safe_load(BROKEN)
container = service["spec"]["predictor"]["containers"][0]
del container["readynessProbe"]

# %% lab09.ex4 wrong: replicas
service = yaml.safe_load(
    BROKEN.replace("name: id_card", "name: id-card")
    .replace("minReplicas: 4", "minReplicas: 2")
    .replace("name: detector", "name: kserve-container")
    .replace(":latest", ":0.1.0")
    .replace("readynessProbe", "readinessProbe")
    .replace("port: 8000", "port: 8080")
    .replace("memory: 4Gi", "memory: 1Gi")
    .replace("name: tmp", "name: temp")
)

# %% lab09.ex4 wrong: -another service
service = yaml.safe_load(BROKEN.replace("name: id_card", "name: cards"))

# %% lab09.ex4 wrong: -another image
service = yaml.safe_load(BROKEN.replace("serving_labs_kserve:latest", "cards:1.0"))

# %% lab09.ex4 wrong: -a model server in place of the container
service = yaml.safe_load(BROKEN)
service["spec"]["predictor"] = {
    "model": {"modelFormat": {"name": "sklearn"}, "storageUri": "s3://models/cards"}
}

# %% lab09.ex4 wrong: -the volume is no longer mounted
service = yaml.safe_load(BROKEN)
container = service["spec"]["predictor"]["containers"][0]
del container["volumeMounts"]


# %% lab09.ex5 right: from YAML, with a node for each detector
def graph_of(name, first, detectors):
    graph = yaml.safe_load(f"""
        apiVersion: serving.kserve.io/v1alpha1
        kind: InferenceGraph
        metadata: {{name: {name}, annotations: {{serving.kserve.io/deploymentMode: Standard}}}}
        spec:
          minReplicas: 1
          nodes:
            root:
              routerType: Sequence
              steps:
                - {{serviceName: {first}, dependency: Hard}}
                - {{nodeName: all, dependency: Soft, data: $response}}
            all: {{routerType: Ensemble, steps: []}}
    """)
    nodes = graph["spec"]["nodes"]
    nodes["root"]["steps"][1]["mapPredictionsToInstances"] = True
    for n, one in enumerate(detectors):
        nodes[f"node-{n}"] = {"routerType": "Sequence", "steps": [{"serviceName": one}]}
        nodes["all"]["steps"].append({"name": one, "nodeName": f"node-{n}"})
    return graph


# %% lab09.ex5 right: a condition ends the sequence
def graph_of(name, first, detectors):
    steps = [{"name": one, "serviceName": one} for one in detectors]
    nodes = {
        "root": {
            "routerType": "Sequence",
            "steps": [
                {"serviceName": first},
                {
                    "nodeName": "all",
                    "condition": "predictions",
                    "data": "$response",
                    "mapPredictionsToInstances": True,
                },
            ],
        },
        "all": {"routerType": "Ensemble", "steps": steps},
    }
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "InferenceGraph",
        "metadata": {"name": name},
        "spec": {"nodes": nodes},
    }


# %% lab09.ex5 wrong: fixed_names <- a condition ends the sequence
# - def graph_of(name, first, detectors):
# + def graph_of(name, first, detectors):
# +     first, detectors = "grayscale", ["id-card", "id-card-small"]
# -                 {"serviceName": first},
# -                 {
# -                     "nodeName": "all",
# -                     "condition": "predictions",
# -                     "data": "$response",
# -                     "mapPredictionsToInstances": True,
# -                 },
# +                 {"serviceName": first, "dependency": "Hard"},
# +                 {"nodeName": "all", "data": "$response", "mapPredictionsToInstances": True},

# %% lab09.ex5 wrong: no_response <- a condition ends the sequence
# -                 {"serviceName": first},
# -                 {
# -                     "nodeName": "all",
# -                     "condition": "predictions",
# -                     "data": "$response",
# -                     "mapPredictionsToInstances": True,
# -                 },
# +                 {"serviceName": first, "dependency": "Hard"},
# +                 {"nodeName": "all"},

# %% lab09.ex5 wrong: no_mapping <- a condition ends the sequence
# -                 {"serviceName": first},
# -                 {
# -                     "nodeName": "all",
# -                     "condition": "predictions",
# -                     "data": "$response",
# -                     "mapPredictionsToInstances": True,
# -                 },
# +                 {"serviceName": first, "dependency": "Hard"},
# +                 {"nodeName": "all", "data": "$response"},

# %% lab09.ex5 wrong: splitter <- a condition ends the sequence
# -     steps = [{"name": one, "serviceName": one} for one in detectors]
# +     shares = [101 - len(detectors)] + [1] * (len(detectors) - 1)
# +     steps = [{"serviceName": d, "weight": w} for d, w in zip(detectors, shares)]
# -                 {"serviceName": first},
# -                 {
# -                     "nodeName": "all",
# -                     "condition": "predictions",
# -                     "data": "$response",
# -                     "mapPredictionsToInstances": True,
# -                 },
# +                 {"serviceName": first, "dependency": "Hard"},
# +                 {"nodeName": "all", "data": "$response", "mapPredictionsToInstances": True},
# -         "all": {"routerType": "Ensemble", "steps": steps},
# +         "all": {"routerType": "Splitter", "steps": steps},


# %% lab09.ex5 wrong: in_a_row
def graph_of(name, first, detectors):
    then = {"data": "$response", "mapPredictionsToInstances": True}
    steps = [{"serviceName": first, "dependency": "Hard"}]
    steps += [{"name": one, "serviceName": one, **then} for one in detectors]
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "InferenceGraph",
        "metadata": {"name": name},
        "spec": {"nodes": {"root": {"routerType": "Sequence", "steps": steps}}},
    }


# %% lab09.ex5 wrong: soft <- a condition ends the sequence
# -                 {
# -                     "nodeName": "all",
# -                     "condition": "predictions",
# -                     "data": "$response",
# -                     "mapPredictionsToInstances": True,
# -                 },
# +                 {"nodeName": "all", "data": "$response", "mapPredictionsToInstances": True},

# %% lab09.ex5 wrong: step_names <- a condition ends the sequence
# -     steps = [{"name": one, "serviceName": one} for one in detectors]
# +     steps = [{"serviceName": one} for one in detectors]
# -                 {"serviceName": first},
# -                 {
# -                     "nodeName": "all",
# -                     "condition": "predictions",
# -                     "data": "$response",
# -                     "mapPredictionsToInstances": True,
# -                 },
# +                 {"serviceName": first, "dependency": "Hard"},
# +                 {"nodeName": "all", "data": "$response", "mapPredictionsToInstances": True},

# %% lab09.ex5 wrong: -no node is called root <- a condition ends the sequence
# -         "root": {
# +         "start": {
# -                 {"serviceName": first},
# -                 {
# -                     "nodeName": "all",
# -                     "condition": "predictions",
# -                     "data": "$response",
# -                     "mapPredictionsToInstances": True,
# -                 },
# +                 {"serviceName": first, "dependency": "Hard"},
# +                 {"nodeName": "all", "data": "$response", "mapPredictionsToInstances": True},

# %% lab09.ex5 wrong: -both graphs are one object
graph = {
    "apiVersion": "serving.kserve.io/v1alpha1",
    "kind": "InferenceGraph",
    "metadata": {},
    "spec": {"nodes": {"root": {"routerType": "Sequence"}, "all": {"routerType": "Ensemble"}}},
}


def graph_of(name, first, detectors):
    then = {"nodeName": "all", "data": "$response", "mapPredictionsToInstances": True}
    graph["metadata"]["name"] = name
    nodes = graph["spec"]["nodes"]
    nodes["root"]["steps"] = [{"serviceName": first, "dependency": "Hard"}, then]
    nodes["all"]["steps"] = [{"name": one, "serviceName": one} for one in detectors]
    return graph


# %% lab09.ex5 wrong: -a single Ensemble
# -                     "routerType": "Sequence",
# +                     "routerType": "Ensemble",

# %% lab09.ex5 wrong: -sorts the caller's list
# -     then = {"data": "$response", "mapPredictionsToInstances": True}
# +     detectors.sort()
# +     then = {"data": "$response", "mapPredictionsToInstances": True}
