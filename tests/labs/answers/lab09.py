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
def request_of(files):
    texts = [base64.b64encode(file) for file in files]
    return {
        "inputs": [{"name": "image", "shape": [len(texts)], "datatype": "BYTES", "data": texts}]
    }


def boxes_of(answer):
    return [json.loads(text) for text in answer["outputs"][0]["data"]]


# %% lab09.ex1 wrong: v1
def request_of(files):
    return {"instances": [{"image_b64": base64.b64encode(file).decode()} for file in files]}


def boxes_of(answer):
    return answer["predictions"]


# %% lab09.ex1 wrong: wrong_name
def request_of(files):
    texts = [base64.b64encode(file).decode() for file in files]
    tensor = {"name": "image_b64", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
    return {"inputs": [tensor]}


def boxes_of(answer):
    return [json.loads(text) for text in answer["outputs"][0]["data"]]


# %% lab09.ex1 wrong: shape
def request_of(files):
    texts = [base64.b64encode(file).decode() for file in files]
    return {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": texts}]}


def boxes_of(answer):
    return [json.loads(text) for text in answer["outputs"][0]["data"]]


# %% lab09.ex1 wrong: datatype
def request_of(files):
    texts = [base64.b64encode(file).decode() for file in files]
    tensor = {"name": "image", "shape": [len(texts)], "datatype": "STRING", "data": texts}
    return {"inputs": [tensor]}


def boxes_of(answer):
    return [json.loads(text) for text in answer["outputs"][0]["data"]]


# %% lab09.ex1 wrong: data_url
def request_of(files):
    texts = ["data:image/png;base64," + base64.b64encode(file).decode() for file in files]
    tensor = {"name": "image", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
    return {"inputs": [tensor]}


def boxes_of(answer):
    return [json.loads(text) for text in answer["outputs"][0]["data"]]


# %% lab09.ex1 wrong: one_only
def request_of(files):
    text = base64.b64encode(files[0]).decode()
    return {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [text]}]}


def boxes_of(answer):
    return [json.loads(text) for text in answer["outputs"][0]["data"]]


# %% lab09.ex1 wrong: texts
def request_of(files):
    texts = [base64.b64encode(file).decode() for file in files]
    tensor = {"name": "image", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
    return {"inputs": [tensor]}


def boxes_of(answer):
    return next(o["data"] for o in answer["outputs"] if o["name"] == "detections")


# %% lab09.ex1 wrong: first_picture
def request_of(files):
    texts = [base64.b64encode(file).decode() for file in files]
    tensor = {"name": "image", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
    return {"inputs": [tensor]}


def boxes_of(answer):
    [output] = [o for o in answer["outputs"] if o["name"] == "detections"]
    return json.loads(output["data"][0])


# %% lab09.ex1 wrong: by_place
def request_of(files):
    texts = [base64.b64encode(file).decode() for file in files]
    tensor = {"name": "image", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
    return {"inputs": [tensor]}


def boxes_of(answer):
    return [json.loads(text) for text in answer["outputs"][0]["data"]]


# %% lab09.ex2 right: an executor, one picture after another
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


# %% lab09.ex2 wrong: no_model
class CardPredictor:
    def __init__(self, name):
        self.name = name
        self.detector = Detector.from_environment()

    async def predict(self, payload, headers=None):
        found = self.detector.detect([picture_of(file) for file in files_of(payload)])
        return respond(payload, found, model_name=self.name, output="detections")


# %% lab09.ex2 wrong: not_async
class CardPredictor(Model):
    def load(self):
        self.detector = Detector.from_environment()
        self.ready = True
        return self.ready

    def find(self, files):
        found = self.detector.detect([picture_of(file) for file in files])
        return [[detection.as_dict() for detection in boxes] for boxes in found]

    def predict(self, payload, headers=None):
        found = self.find(files_of(payload))
        return respond(payload, found, model_name=self.name, output="detections")


# %% lab09.ex2 wrong: blocking
class CardPredictor(Model):
    def load(self):
        self.detector = Detector.from_environment()
        self.ready = True
        return self.ready

    def find(self, files):
        found = self.detector.detect([picture_of(file) for file in files])
        return [[detection.as_dict() for detection in boxes] for boxes in found]

    async def predict(self, payload, headers=None):
        found = self.find(files_of(payload))
        return respond(payload, found, model_name=self.name, output="detections")


# %% lab09.ex2 wrong: calls_it
class CardPredictor(Model):
    def load(self):
        self.detector = Detector.from_environment()
        self.ready = True
        return self.ready

    def find(self, files):
        found = self.detector.detect([picture_of(file) for file in files])
        return [[detection.as_dict() for detection in boxes] for boxes in found]

    async def predict(self, payload, headers=None):
        found = await asyncio.to_thread(self.find(files_of(payload)))
        return respond(payload, found, model_name=self.name, output="detections")


# %% lab09.ex2 wrong: no_await
class CardPredictor(Model):
    def load(self):
        self.detector = Detector.from_environment()
        self.ready = True
        return self.ready

    def find(self, files):
        found = self.detector.detect([picture_of(file) for file in files])
        return [[detection.as_dict() for detection in boxes] for boxes in found]

    async def predict(self, payload, headers=None):
        found = asyncio.to_thread(self.find, files_of(payload))
        return respond(payload, found, model_name=self.name, output="detections")


# %% lab09.ex2 wrong: bare
class CardPredictor(Model):
    def load(self):
        self.detector = Detector.from_environment()
        self.ready = True
        return self.ready

    def find(self, files):
        found = self.detector.detect([picture_of(file) for file in files])
        return [[detection.as_dict() for detection in boxes] for boxes in found]

    async def predict(self, payload, headers=None):
        return await asyncio.to_thread(self.find, files_of(payload))


# %% lab09.ex2 wrong: v1_only
class CardPredictor(Model):
    def load(self):
        self.detector = Detector.from_environment()
        self.ready = True
        return self.ready

    def find(self, files):
        found = self.detector.detect([picture_of(file) for file in files])
        return [[detection.as_dict() for detection in boxes] for boxes in found]

    async def predict(self, payload, headers=None):
        return {"predictions": await asyncio.to_thread(self.find, files_of(payload))}


# %% lab09.ex2 wrong: output
class CardPredictor(Model):
    def load(self):
        self.detector = Detector.from_environment()
        self.ready = True
        return self.ready

    def find(self, files):
        found = self.detector.detect([picture_of(file) for file in files])
        return [[detection.as_dict() for detection in boxes] for boxes in found]

    async def predict(self, payload, headers=None):
        found = await asyncio.to_thread(self.find, files_of(payload))
        return respond(payload, found, model_name=self.name, output="output-0")


# %% lab09.ex3 right: one step after another, with a code for each
def files_in(payload):
    def refuse(code, message):
        raise InputError(message, code=code, status=422, hint="Send instances with image_b64.")

    if "instances" not in payload:
        refuse("instances_missing", f"There is {list(payload)}, and no instances.")
    if type(payload["instances"]) is not list:
        refuse("instances_invalid", "instances is a list.")
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


# %% lab09.ex3 wrong: takes_it
def files_in(payload):
    try:
        return [base64.b64decode(one["image_b64"], validate=True) for one in payload["instances"]]
    except Exception:
        return []


# %% lab09.ex3 wrong: skips_bad
def files_in(payload):
    hint = "Send instances with image_b64."
    instances = payload.get("instances")
    if not isinstance(instances, list) or not instances:
        raise InputError("There are no instances.", code="none", status=422, hint=hint)
    files = []
    for one in instances:
        if isinstance(one, dict) and isinstance(one.get("image_b64"), str):
            files.append(base64.b64decode(one["image_b64"]))
    return files


# %% lab09.ex3 wrong: not_strict
def files_in(payload):
    hint = "Send instances with image_b64."
    instances = payload.get("instances")
    if not isinstance(instances, list) or not instances:
        raise InputError("There are no instances.", code="none", status=422, hint=hint)
    files = []
    for n, one in enumerate(instances):
        if not isinstance(one, dict) or not isinstance(one.get("image_b64"), str):
            raise InputError(f"Instance {n} is bad.", code="bad", status=422, hint=hint)
        files.append(base64.b64decode(one["image_b64"]))
    return files


# %% lab09.ex3 wrong: no_place
def files_in(payload):
    try:
        files = [base64.b64decode(one["image_b64"], validate=True) for one in payload["instances"]]
        assert files
        return files
    except Exception as error:
        hint = "Send instances with image_b64."
        raise InputError("The payload is wrong.", code="bad", status=422, hint=hint) from error


# %% lab09.ex3 wrong: no_hint
def files_in(payload):
    files = []
    for n, one in enumerate(payload.get("instances") or ["none"]):
        try:
            files.append(base64.b64decode(one["image_b64"], validate=True))
        except Exception as error:
            text, hint = f"Instance {n} is wrong.", "Send something else."
            raise InputError(text, code="bad", status=422, hint=hint) from error
    return files


# %% lab09.ex4 right: written anew, with a digest and other numbers
service = yaml.safe_load(
    BROKEN.replace("name: id_card", "name: id-card")
    .replace("minReplicas: 4", "minReplicas: 2")
    .replace("maxReplicas: 2", "maxReplicas: 4")
    .replace("name: detector", "name: kserve-container")
    .replace(":latest", "@sha256:" + "7" * 64)
    .replace("readynessProbe", "readinessProbe")
    .replace("8000", "8080")
    .replace("memory: 2Gi", "memory: 4Gi")
    .replace("name: tmp", "name: temp")
)

# %% lab09.ex4 wrong: still_faulty
service = yaml.safe_load(BROKEN.replace("name: id_card", "name: id-card"))

# %% lab09.ex4 wrong: other_service
service = yaml.safe_load(BROKEN.replace("name: id_card", "name: cards"))

# %% lab09.ex4 wrong: other_model
service = yaml.safe_load(BROKEN.replace("name: id_card", "name: id-card"))
service["spec"]["predictor"] = {
    "model": {"modelFormat": {"name": "sklearn"}, "storageUri": "s3://models/cards"}
}

# %% lab09.ex4 wrong: other_image
service = yaml.safe_load(BROKEN.replace("serving_labs_kserve:latest", "cards:1.0"))

# %% lab09.ex4 wrong: probe_gone
service = yaml.safe_load(BROKEN.replace("name: id_card", "name: id-card"))
del service["spec"]["predictor"]["containers"][0]["readynessProbe"]

# %% lab09.ex4 wrong: replicas
service = yaml.safe_load(BROKEN.replace("minReplicas: 4", "minReplicas: 1"))

# %% lab09.ex4 wrong: memory
service = yaml.safe_load(BROKEN)
del service["spec"]["predictor"]["containers"][0]["resources"]["requests"]["memory"]

# %% lab09.ex4 wrong: no_tmp
service = yaml.safe_load(BROKEN)
del service["spec"]["predictor"]["containers"][0]["volumeMounts"]


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


# %% lab09.ex5 wrong: faulty
def graph_of(name, first, detectors):
    return graph(
        name,
        start=sequence(grey(first), {"nodeName": "detectors", **then}),
        detectors=ensemble(detectors),
    )


def graph(name, **nodes):
    head = {"apiVersion": "serving.kserve.io/v1alpha1", "kind": "InferenceGraph"}
    return {**head, "metadata": {"name": name}, "spec": {"nodes": nodes}}


def sequence(*steps):
    return {"routerType": "Sequence", "steps": list(steps)}


def ensemble(detectors):
    steps = [{"name": one, "serviceName": one} for one in detectors]
    return {"routerType": "Ensemble", "steps": steps}


def grey(first):
    return {"name": "grey", "serviceName": first, "dependency": "Hard"}


then = {"data": "$response", "mapPredictionsToInstances": True}


# %% lab09.ex5 wrong: fixed_names
def graph_of(name, first, detectors):
    return graph(
        name,
        root=sequence(grey("grayscale"), {"nodeName": "detectors", **then}),
        detectors=ensemble(["id-card", "id-card-small"]),
    )


def graph(name, **nodes):
    head = {"apiVersion": "serving.kserve.io/v1alpha1", "kind": "InferenceGraph"}
    return {**head, "metadata": {"name": name}, "spec": {"nodes": nodes}}


def sequence(*steps):
    return {"routerType": "Sequence", "steps": list(steps)}


def ensemble(detectors):
    steps = [{"name": one, "serviceName": one} for one in detectors]
    return {"routerType": "Ensemble", "steps": steps}


def grey(first):
    return {"name": "grey", "serviceName": first, "dependency": "Hard"}


then = {"data": "$response", "mapPredictionsToInstances": True}


# %% lab09.ex5 wrong: no_response
def graph_of(name, first, detectors):
    return graph(
        name,
        root=sequence(grey(first), {"nodeName": "detectors"}),
        detectors=ensemble(detectors),
    )


def graph(name, **nodes):
    head = {"apiVersion": "serving.kserve.io/v1alpha1", "kind": "InferenceGraph"}
    return {**head, "metadata": {"name": name}, "spec": {"nodes": nodes}}


def sequence(*steps):
    return {"routerType": "Sequence", "steps": list(steps)}


def ensemble(detectors):
    steps = [{"name": one, "serviceName": one} for one in detectors]
    return {"routerType": "Ensemble", "steps": steps}


def grey(first):
    return {"name": "grey", "serviceName": first, "dependency": "Hard"}


then = {"data": "$response", "mapPredictionsToInstances": True}


# %% lab09.ex5 wrong: no_mapping
def graph_of(name, first, detectors):
    return graph(
        name,
        root=sequence(grey(first), {"nodeName": "detectors", "data": "$response"}),
        detectors=ensemble(detectors),
    )


def graph(name, **nodes):
    head = {"apiVersion": "serving.kserve.io/v1alpha1", "kind": "InferenceGraph"}
    return {**head, "metadata": {"name": name}, "spec": {"nodes": nodes}}


def sequence(*steps):
    return {"routerType": "Sequence", "steps": list(steps)}


def ensemble(detectors):
    steps = [{"name": one, "serviceName": one} for one in detectors]
    return {"routerType": "Ensemble", "steps": steps}


def grey(first):
    return {"name": "grey", "serviceName": first, "dependency": "Hard"}


then = {"data": "$response", "mapPredictionsToInstances": True}


# %% lab09.ex5 wrong: splitter
def graph_of(name, first, detectors):
    weights = [100 - len(detectors) + 1] + [1] * (len(detectors) - 1)
    steps = [{"serviceName": d, "weight": w} for d, w in zip(detectors, weights)]
    return graph(
        name,
        root=sequence(grey(first), {"nodeName": "detectors", **then}),
        detectors={"routerType": "Splitter", "steps": steps},
    )


def graph(name, **nodes):
    head = {"apiVersion": "serving.kserve.io/v1alpha1", "kind": "InferenceGraph"}
    return {**head, "metadata": {"name": name}, "spec": {"nodes": nodes}}


def sequence(*steps):
    return {"routerType": "Sequence", "steps": list(steps)}


def ensemble(detectors):
    steps = [{"name": one, "serviceName": one} for one in detectors]
    return {"routerType": "Ensemble", "steps": steps}


def grey(first):
    return {"name": "grey", "serviceName": first, "dependency": "Hard"}


then = {"data": "$response", "mapPredictionsToInstances": True}


# %% lab09.ex5 wrong: in_a_row
def graph_of(name, first, detectors):
    steps = [{"name": one, "serviceName": one, **then} for one in detectors]
    return graph(name, root=sequence(grey(first), *steps))


def graph(name, **nodes):
    head = {"apiVersion": "serving.kserve.io/v1alpha1", "kind": "InferenceGraph"}
    return {**head, "metadata": {"name": name}, "spec": {"nodes": nodes}}


def sequence(*steps):
    return {"routerType": "Sequence", "steps": list(steps)}


def ensemble(detectors):
    steps = [{"name": one, "serviceName": one} for one in detectors]
    return {"routerType": "Ensemble", "steps": steps}


def grey(first):
    return {"name": "grey", "serviceName": first, "dependency": "Hard"}


then = {"data": "$response", "mapPredictionsToInstances": True}


# %% lab09.ex5 wrong: soft
def graph_of(name, first, detectors):
    return graph(
        name,
        root=sequence({"serviceName": first}, {"nodeName": "detectors", **then}),
        detectors=ensemble(detectors),
    )


def graph(name, **nodes):
    head = {"apiVersion": "serving.kserve.io/v1alpha1", "kind": "InferenceGraph"}
    return {**head, "metadata": {"name": name}, "spec": {"nodes": nodes}}


def sequence(*steps):
    return {"routerType": "Sequence", "steps": list(steps)}


def ensemble(detectors):
    steps = [{"name": one, "serviceName": one} for one in detectors]
    return {"routerType": "Ensemble", "steps": steps}


def grey(first):
    return {"name": "grey", "serviceName": first, "dependency": "Hard"}


then = {"data": "$response", "mapPredictionsToInstances": True}


# %% lab09.ex5 wrong: step_names
def graph_of(name, first, detectors):
    steps = [{"serviceName": one} for one in detectors]
    return graph(
        name,
        root=sequence(grey(first), {"nodeName": "detectors", **then}),
        detectors={"routerType": "Ensemble", "steps": steps},
    )


def graph(name, **nodes):
    head = {"apiVersion": "serving.kserve.io/v1alpha1", "kind": "InferenceGraph"}
    return {**head, "metadata": {"name": name}, "spec": {"nodes": nodes}}


def sequence(*steps):
    return {"routerType": "Sequence", "steps": list(steps)}


def ensemble(detectors):
    steps = [{"name": one, "serviceName": one} for one in detectors]
    return {"routerType": "Ensemble", "steps": steps}


def grey(first):
    return {"name": "grey", "serviceName": first, "dependency": "Hard"}


then = {"data": "$response", "mapPredictionsToInstances": True}
