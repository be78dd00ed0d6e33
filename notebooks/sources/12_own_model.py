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
# # 12 · Your own model, in an empty folder
#
# **Where you are:** chapter sections 10.4 to 10.7 once more, this time with your own model · about
# 40 minutes · before this: [11 · Batch](11_batch.ipynb) · next:
# [13 · Continuous learning, driven by papermill](13_loop.ipynb)
#
# Until now the models, the services and many helpers came with this repository. Here you start with
# an empty folder: you train a small scikit-learn model, serve it with BentoML, MLflow and KServe,
# test it and package it. The result is a folder that you can copy and adapt for your own model,
# because it needs nothing from this repository. Every file is shown in full, and every command is
# the one that you would type.
#
# ## After this notebook you can
#
# - serve a model of your own over HTTP with `bentoml serve`, and test the service,
# - describe valid input once, so that bad input gets a 4xx from every server,
# - build a Bento (BentoML's archive of code, files and a list of packages), and a container image
#   from it,
# - serve the same model with `mlflow models serve`, and as a KServe predictor,
# - show that the folder works without this repository.
#
# **At home** you need a folder and a virtual environment with Python 3.11:
#
# ```sh
# mkdir iris && cd iris
# python -m venv .venv && source .venv/bin/activate
# pip install bentoml scikit-learn mlflow kserve pytest
# ```
#
# In Jupyter, a cell that begins with `%%writefile NAME` saves the rest of the cell as a file. A
# cell that begins with `%%sh` runs in a shell. At home use an editor and a terminal instead.

# %% [markdown]
# `version` is the version of the Bento. `containerize` is off, because building an image downloads
# a base image and packages.

# %% tags=["parameters"]
version = "1.0.0"
containerize = False

# %% [markdown]
# The next cell is the only one that imports from this repository. It makes the empty folder, gives
# BentoML an empty store, and marks the servers that this notebook starts, so that they can be found
# and stopped after a crash.

# %% tags=["setup"]
import os
import shutil
import sys
from pathlib import Path

from services.environment import build_dir
from services.workbench import show
from services.workbench.servers import processes

place = build_dir() / "notebooks" / "12"
shutil.rmtree(place, ignore_errors=True)
(place / "iris").mkdir(parents=True)
(place / "bentoml").mkdir()
os.environ["BENTOML_HOME"] = str(place / "bentoml")
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ[processes.MARK] = processes.new_mark()
os.environ.pop("PYTHONPATH", None)
os.chdir(place / "iris")

# %% [markdown]
# The rest comes from the standard library and from packages that you have just installed:

# %% tags=["setup"]
import json
import signal
import socket
import subprocess
import sysconfig
from importlib import metadata

import httpx
import pandas as pd
from matplotlib.figure import Figure

# %% [markdown]
# ## 1. Train a model, and save it
#
# scikit-learn includes a table of 150 iris flowers of three species, with the length and width of
# their sepals and petals in centimetres. The script trains a classifier and saves two files: the
# model, and the flowers that the model has not seen:

# %%
# %%writefile train.py
"""Train a classifier of iris flowers, and save it."""

import joblib
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

iris = load_iris(as_frame=True)
table = iris.data.rename(columns=lambda name: name.removesuffix(" (cm)").replace(" ", "_"))
species = iris.target_names[iris.target]
parts = train_test_split(table, species, test_size=0.4, random_state=0, stratify=species)
train, test, train_species, test_species = parts

model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train, train_species)
print(f"accuracy on {len(test)} other flowers: {model.score(test, test_species):.3f}")
joblib.dump(model, "model.joblib")
test.assign(species=test_species).to_csv("test.csv", index=False)

# %% language="sh"
# python train.py

# %% [markdown]
# What does an unseen flower look like?

# %% language="sh"
# head -3 test.csv

# %% [markdown]
# The accuracy of 0.967 means that two of the 60 unseen flowers are misclassified; section 3 shows
# which. The scaler is saved together with the classifier, as one pipeline: a server that scaled the
# input differently would get wrong answers from the same model.
#
# `model.joblib` is a pickle, Python's format for saved objects. Loading a pickle can run any code,
# so load only files that you trust. Also, load it with the version of scikit-learn that wrote it;
# section 5 pins that version.
#
# ## 2. The core: what a request may be
#
# This repository is built on one idea: the model's **core** does not depend on any serving
# framework. The core defines valid input and computes the answer; each server is a thin adapter
# around it.
#
# The input is described with pydantic, a library that validates data against classes. BentoML also
# derives the JSON schema of the API from these classes. With `strict=True`, the text `"5.1"` and
# `true` are not accepted as numbers. With `extra="forbid"`, a misspelt field is an error instead of
# being ignored.

# %%
# %%writefile classifier.py
# What a request may be, and the answer to it. No serving framework in here.
from typing import Annotated

import joblib
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

Centimetres = Annotated[float, Field(gt=0, lt=30, strict=True)]


class Flower(BaseModel):
    model_config = ConfigDict(extra="forbid")
    sepal_length: Centimetres
    sepal_width: Centimetres
    petal_length: Centimetres
    petal_width: Centimetres


class Answer(BaseModel):
    species: str
    probability: float


Flowers = Annotated[list[Flower], Field(min_length=1, max_length=1000)]

# %% [markdown]
# The second half of the file loads the model once, and classifies many flowers in one call. `-a`
# appends to the file:

# %%
# %%writefile -a classifier.py


class Classifier:
    def __init__(self, path):
        self.model = joblib.load(path)

    def classify(self, flowers: list[Flower]) -> list[Answer]:
        table = pd.DataFrame([flower.model_dump() for flower in flowers])
        probabilities = self.model.predict_proba(table)
        species = self.model.classes_[probabilities.argmax(axis=1)]
        highest = probabilities.max(axis=1).round(4)
        return [
            Answer(species=name, probability=value)
            for name, value in zip(species, highest, strict=True)
        ]


# %% [markdown]
# Why does the list have limits? Without them, an empty list would reach scikit-learn as a table
# without columns. scikit-learn would raise an error, and the client would get a 500, as section 4
# shows.
#
# ## 3. The service
#
# With the core in place, BentoML's part is short. The model is loaded in `__init__`, once in each
# worker (a process that answers requests). The type annotation `Flowers` is all that BentoML needs
# to validate the input:

# %%
# %%writefile service.py
"""The classifier behind BentoML."""

from pathlib import Path

import bentoml

from classifier import Answer, Classifier, Flowers


@bentoml.service(name="iris")
class Iris:
    def __init__(self):
        self.classifier = Classifier(Path(__file__).with_name("model.joblib"))

    @bentoml.api
    def predict(self, flowers: Flowers) -> list[Answer]:
        return self.classifier.classify(flowers)


# %% [markdown]
# In a terminal you would now type `bentoml serve service:Iris --host 127.0.0.1`, read the log, and
# stop it with Ctrl-C. A notebook has to start the command in the background and wait until the
# server is ready. These helpers do just that; the last one, `run`, is for commands that end by
# themselves:


# %%
def answers(url):
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def start(command, ready, **more):
    """Run a command in the background; return when it answers at the path *ready*."""
    print("$", command)
    log = Path(f"../{command.split()[0]}.log")
    options = {"stderr": subprocess.STDOUT, "start_new_session": True, **more}
    with log.open("w") as file:
        server = subprocess.Popen(command.split(), stdout=file, **options)
    for _ in range(1000):
        if answers(address + ready):
            return server
        try:
            raise RuntimeError(f"exit code {server.wait(0.2)}:\n{log.read_text()}")
        except subprocess.TimeoutExpired:
            continue
    stop(server)
    raise TimeoutError(log.read_text())


# %%
def stop(server):
    """Send SIGTERM, as Kubernetes does, and wait for the end."""
    os.killpg(server.pid, signal.SIGTERM)
    return server.wait(60)


def run(command):
    """Run a command to its end; return what it printed."""
    print("$", command)
    done = subprocess.run(command.split(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RuntimeError(done.stdout.decode()[-2000:])
    return done.stdout.decode()


# %%
with socket.socket() as probe:  # 3000 may be taken: let the system choose a free port
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
address = f"http://127.0.0.1:{port}"

# %% [markdown]
# Without `--host 127.0.0.1` everybody in your network could reach the server:

# %%
server = start(f"bentoml serve service:Iris --host 127.0.0.1 --port {port}", "/readyz")
print(Path("../bentoml.log").read_text().splitlines()[0][:120].split("] ")[-1])

# %% [markdown]
# Send all 60 flowers in one request. The JSON field is named after the argument of `predict`,
# `flowers`:

# %%
test = pd.read_csv("test.csv")
flowers = test.drop(columns="species").to_dict("records")
response = httpx.post(f"{address}/predict", json={"flowers": flowers})
bento_answers = response.json()
print(response.status_code, json.dumps(flowers[0]))
print("   ", json.dumps(bento_answers[0]))

# %% [markdown]
# Each answer has a species and its probability. Compare the answers with the true species, and look
# at the wrong ones:

# %%
test = test.join(pd.DataFrame(bento_answers), rsuffix="_answer")
wrong = test[test.species != test.species_answer]
print(wrong[["petal_length", "petal_width", "species", "species_answer", "probability"]])

# %% [markdown]
# Both mistakes confuse virginica with versicolor, at probabilities below 0.6: the model was unsure.
#
# In a terminal you would send a request with `curl`:
#
# ```sh
# curl http://127.0.0.1:3000/predict -H 'content-type: application/json' -d '{"flowers": [
#   {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}]}'
# ```
#
# The next figure shows all answers. The larger a dot, the less sure the model is; a ring marks a
# wrong answer:

# %%
axes = (figure := Figure(figsize=(6, 3.6), layout="constrained")).subplots()
for name, part in test.groupby("species"):
    sizes = 20 + 300 * (1 - part.probability)
    axes.scatter(part.petal_length, part.petal_width, sizes, alpha=0.6, label=name)
axes.scatter(wrong.petal_length, wrong.petal_width, 350, facecolors="none", edgecolors="black")
axes.set(xlabel="petal length, cm", ylabel="petal width, cm")
axes.legend(markerscale=0.6)
alt = "Three groups of dots; two overlap, with large dots and both rings where they meet"
show.figure(figure, alt=alt)

# %% [markdown]
# The setosas are far from the rest, and their dots are small. Where the other two species meet, the
# dots are large: the model is unsure exactly where it should be.
#
# **Bad requests.** Each of these lines is a mistake that clients really make:

# %%
good = flowers[0]
bad = {
    "a negative length": [{**good, "petal_width": -1.0}],
    "a number as text": [{**good, "petal_width": "0.2"}],
    "a boolean": [{**good, "petal_width": True}],
    "a missing field": [{name: good[name] for name in list(good)[:3]}],
    "a misspelt field": [{**good, "petal_widht": 0.2}],
    "no flowers": [],
    "not a list": good,
}

# %%
for what, content in bad.items():
    response = httpx.post(f"{address}/predict", json={"flowers": content})
    detail = response.json()["detail"][0]
    print(f"{what:<18}{response.status_code}  {'.'.join(map(str, detail['loc']))}: {detail['msg']}")

# %% [markdown]
# Each request gets a 400 that names the place in the input and the reason, without any code for it
# in the service. Stop the server:

# %%
print("exit code", stop(server))

# %% [markdown]
# ## 4. Tests
#
# A service that answers today may not do so after the next change. `Iris.to_asgi()` returns the
# service as an ASGI application (ASGI is the interface between Python web servers and
# applications). A test client calls it in the same process, without a port:

# %%
# %%writefile test_service.py
import pytest
from service import Iris
from starlette.testclient import TestClient

SETOSA = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
BAD = [[], [{**SETOSA, "petal_width": -1}], [{**SETOSA, "petal_width": "0.2"}], [{}], SETOSA]


@pytest.fixture(scope="module")
def client():
    with TestClient(Iris.to_asgi()) as client:
        yield client


def test_answers_come_in_the_order_of_the_flowers(client):
    large = {"sepal_length": 7.7, "sepal_width": 3.0, "petal_length": 6.5, "petal_width": 2.2}
    answers = client.post("/predict", json={"flowers": [SETOSA, large, SETOSA]}).json()
    assert [answer["species"] for answer in answers] == ["setosa", "virginica", "setosa"]


@pytest.mark.parametrize("flowers", BAD)
def test_bad_input_is_refused(client, flowers):
    assert client.post("/predict", json={"flowers": flowers}).status_code == 400


# %% language="sh"
# python -m pytest -q -p no:warnings test_service.py

# %% [markdown]
# Six tests pass. But could they fail? Try it on a copy in which the list may be empty:

# %%
shutil.copytree(".", "../broken")
core = Path("../broken/classifier.py")
core.write_text(core.read_text().replace("min_length=1, ", ""))
command = "python -m pytest -q -p no:warnings --tb=no test_service.py"
done = subprocess.run(command.split(), cwd="../broken", capture_output=True, text=True)
lines = done.stdout.splitlines()
print(*(line for line in lines if "FAILED" in line or "passed" in line), sep="\n")

# %% [markdown]
# The test with the empty list fails: the status is 500 instead of 400. A test that you have never
# seen fail proves little.
#
# ## 5. The Bento
#
# `bentofile.yaml` lists what goes into the Bento: the files and, under `python.packages`, every
# package that they import. The next cell generates this file, so that the versions are exactly
# those with which the model was trained and tested. BentoML adds `bentoml` itself.

# %%
packages = [f"{name}=={metadata.version(name)}" for name in ("scikit-learn", "pandas", "pydantic")]
_ = Path("bentofile.yaml").write_text(f"""\
service: service:Iris
include: [/service.py, /classifier.py, /model.joblib]
python:
  packages: {json.dumps(packages)}
  lock_packages: false
docker:
  python_version: "3.11"
""")

# %% language="sh"
# cat bentofile.yaml

# %% [markdown]
# The slash before each name matters: a pattern without a slash matches in every folder (notebook
# 06). `lock_packages: false` keeps BentoML from querying a package index. At home, leave this line
# out; BentoML then also pins the dependencies of these packages.
#
# `--version` sets the version in the Bento's tag (`name:version`); without it BentoML generates a
# random one:

# %%
printed = run(f"bentoml build --version {version}")
print(*[line for line in printed.splitlines() if "Success" in line])

# %% [markdown]
# What is in the Bento? The tests and the training script should not be:

# %%
bento = place / "bentoml" / "bentos" / "iris" / version
print(*sorted(str(path.relative_to(bento)) for path in bento.glob("src/*")), sep="\n")
print("requirements:", (bento / "env/python/requirements.txt").read_text().split())

# %% [markdown]
# Does the service run from the Bento alone? Start it by its tag, in an empty folder:

# %%
(place / "elsewhere").mkdir()
command = f"bentoml serve iris:{version} --host 127.0.0.1 --port {port}"
server = start(command, "/readyz", cwd=place / "elsewhere")
again = httpx.post(f"{address}/predict", json={"flowers": flowers}).json()
print("the same 60 answers:", again == bento_answers, "· exit code", stop(server))

# %% [markdown]
# ## 6. The container
#
# `bentoml containerize` builds an image from the Bento, with docker, podman or buildah. It
# downloads a base image and the packages, so this notebook runs it only if the parameter
# `containerize` is True and a container engine is running.


# %%
def has(engine):
    found = shutil.which(engine)
    return bool(found) and subprocess.run([found, "info"], capture_output=True).returncode == 0


# %% tags=["needs-engine"]
engine = next((name for name in ("docker", "podman") if has(name)), None)
build = f"bentoml containerize iris:{version} -t iris:{version} --backend {engine or 'docker'}"
serve = f"{engine or 'docker'} run --rm --name iris -p 127.0.0.1:{port}:3000 iris:{version}"
if engine and containerize:
    _ = run(build)
    server = start(serve, "/readyz")
    inside = httpx.post(f"{address}/predict", json={"flowers": flowers}).json()
    print("the same 60 answers:", inside == bento_answers)
    _ = run(f"{engine} stop iris")
else:
    reason = "no docker or podman answers" if not engine else "set containerize=True"
    print(f"NOT RUN HERE ({reason}):\n$ {build}\n$ {serve}")

# %% [markdown]
# In the container the server listens on all addresses of the *container*. `-p 127.0.0.1:…:3000`
# publishes the port only on your own machine.
#
# ## 7. The same model with MLflow
#
# MLflow serves a folder that is called an **MLflow model**. It holds the model's files, a list of
# packages, and a **signature**: the names and types of the input columns. Saving the pipeline with
# `mlflow.sklearn.save_model` would take one line. But then the server would return only the
# species, and accept a petal of -1 cm. So wrap the core instead:

# %%
# %%writefile mlflow_model.py
"""The classifier as an MLflow model. MLflow runs this file when it loads the model."""

import mlflow
from classifier import Classifier, Flowers
from mlflow.exceptions import MlflowException
from pydantic import TypeAdapter

read_flowers = TypeAdapter(Flowers).validate_python


class IrisModel(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.classifier = Classifier(context.artifacts["model"])

    def predict(self, context, model_input, params=None):
        try:
            flowers = read_flowers(model_input.to_dict("records"))
        except ValueError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        return [answer.model_dump() for answer in self.classifier.classify(flowers)]


mlflow.models.set_model(IrisModel())

# %% [markdown]
# `model_input` is a pandas DataFrame. If `predict` raises an `MlflowException`, the client gets its
# text; after any other exception the client would get a stack trace. The next script saves the
# model. (In your terminal MLflow prints two warnings, about missing type hints and a missing input
# example. Neither matters here.)

# %%
# %%writefile save_mlflow.py
"""Save the classifier as an MLflow model, in the folder mlflow-model."""

from importlib.metadata import version

import mlflow
import pandas as pd

columns = pd.read_csv("test.csv").drop(columns="species")
mlflow.pyfunc.save_model(
    "mlflow-model",
    python_model="mlflow_model.py",
    code_paths=["classifier.py"],
    artifacts={"model": "model.joblib"},
    signature=mlflow.models.infer_signature(columns),
    pip_requirements=[f"{name}=={version(name)}" for name in ("mlflow", "scikit-learn")],
)

# %% language="sh"
# python -W ignore save_mlflow.py 2> ../save.log || { cat ../save.log; exit 1; }
# find mlflow-model -type f | sort

# %% [markdown]
# `code_paths` copies `classifier.py` into the model, so the model can be loaded without your
# folder. `--env-manager local` uses the packages that are installed here; without it MLflow creates
# a new environment and downloads the packages.

# %%
command = f"mlflow models serve -m mlflow-model --env-manager local --host 127.0.0.1 --port {port}"
server = start(command, "/ping")
response = httpx.post(f"{address}/invocations", json={"dataframe_records": flowers})
print("the same 60 answers:", response.json()["predictions"] == bento_answers)

# %% [markdown]
# The path is `/invocations`, and a table of records is sent as `dataframe_records`. Send the bad
# requests as well, and keep their statuses for the table in section 9. For one of them, the
# negative length, print the message:

# %%
status = {"MLflow": {}}
for what, content in bad.items():
    response = httpx.post(f"{address}/invocations", json={"dataframe_records": content})
    status["MLflow"][what] = response.status_code
request = {"dataframe_records": bad["a negative length"]}
message = httpx.post(f"{address}/invocations", json=request).json()["message"]
print(*message.splitlines()[-3:-1], sep="\n")
_ = stop(server)

# %% [markdown]
# ## 8. The same model as a KServe predictor
#
# KServe runs model servers on Kubernetes. Its **predictor** is the server that loads a model and
# answers requests. In a cluster the predictor runs in a container; here it runs as an ordinary
# process. It needs only `load` and `predict`. This model takes about a millisecond; a slower one
# belongs in a thread (`asyncio.to_thread`, notebook 09), so that it does not block other requests.

# %%
# %%writefile predictor.py
"""The classifier as a KServe predictor."""

import asyncio
import os
from pathlib import Path

from classifier import Classifier, Flowers
from kserve import Model, ModelServer, model_server
from kserve.errors import InvalidInput
from kserve.protocol.rest.server import RESTServer
from pydantic import BaseModel


class Request(BaseModel):
    instances: Flowers


# %%
# %%writefile -a predictor.py


class IrisPredictor(Model):
    def load(self):
        self.classifier = Classifier(Path(__file__).with_name("model.joblib"))
        self.ready = True
        return self.ready

    def predict(self, payload, headers=None):
        try:
            flowers = Request.model_validate(payload).instances
        except ValueError as error:
            raise InvalidInput(str(error)) from None
        answers = self.classifier.classify(flowers)
        return {"predictions": [answer.model_dump() for answer in answers]}


# %% [markdown]
# KServe answers an `InvalidInput` with a 400. The whole payload is validated, not just its
# instances: `payload["instances"]` would raise a KeyError for `{}`, and KServe answers that with a
# 500.
#
# The last part starts the server. The usual line is `ModelServer().start([model])`. It listens on
# all addresses, and KServe 0.21 has no option to change that. The lines below start only the REST
# server, without gRPC (remote calls with binary messages). It listens on the address in the
# environment variable `HOST`; in a container, set it to `0.0.0.0`.

# %%
# %%writefile -a predictor.py


if __name__ == "__main__":
    model = IrisPredictor("iris")
    model.load()
    server = ModelServer(enable_grpc=False)
    server.register_model(model)
    parts = server.dataplane, server.model_repository_extension, model_server.args.http_port
    rest = RESTServer("kserve.model_server:app", *parts)
    rest.config.host = os.environ.get("HOST", "127.0.0.1")
    asyncio.run(rest.start())

# %%
server = start(f"python predictor.py --http_port {port}", "/v2/models/iris/ready")
response = httpx.post(f"{address}/v1/models/iris:predict", json={"instances": flowers})
print("the same 60 answers:", response.json()["predictions"] == bento_answers)

# %%
status["KServe"] = {}
for what, content in bad.items():
    response = httpx.post(f"{address}/v1/models/iris:predict", json={"instances": content})
    status["KServe"][what] = response.status_code
_ = stop(server)

# %% [markdown]
# ## 9. Three servers, one core
#
# | what | BentoML | MLflow | KServe |
# |---|---|---|---|
# | your file | `service.py` | `mlflow_model.py` | `predictor.py` |
# | command | `bentoml serve service:Iris` | `mlflow models serve -m mlflow-model` | `python predictor.py` |
# | path | `/predict` | `/invocations` | `/v1/models/iris:predict` |
# | the flowers are in | `flowers` | `dataframe_records` | `instances` |
#
# All three servers gave the same 60 answers, to the last digit. What about the bad requests?
# BentoML answered all seven with 400; these are the statuses of the other two:

# %%
print(pd.DataFrame(status))

# %% [markdown]
# None of the statuses is a 500. But MLflow answers three of the seven requests with 200. It
# converts the JSON to a table *before* your code runs, as the signature says: `"0.2"` and `true`
# become the numbers 0.2 and 1.0, and a column that is not in the signature is dropped. The
# signature converts input; it does not validate it. If that is too lenient for you, do not let
# clients reach MLflow's server directly.
#
# ## 10. The folder that you take to work
#
# One file is still missing: the list of packages to install, with the versions that this notebook
# ran with.

# %%
names = ("bentoml", "scikit-learn", "pandas", "mlflow", "kserve", "pytest", "httpx")
pins = [f"{name}=={metadata.version(name)}" for name in names]
Path("requirements.txt").write_text("\n".join(pins) + "\n")
print(*sorted(path.name for path in Path().iterdir() if "cache" not in path.name), sep="\n")

# %% [markdown]
# Does the folder work elsewhere? This test calls all three adapters without a server, and compares
# their answers with those of the first service:

# %%
_ = Path("expected.json").write_text(json.dumps(bento_answers))

# %%
# %%writefile test_adapters.py
import mlflow
import pandas as pd
from classifier import Flower
from predictor import IrisPredictor
from service import Iris

EXPECTED = pd.read_json("expected.json", precise_float=True).to_dict("records")
TABLE = pd.read_csv("test.csv").drop(columns="species")
RECORDS = TABLE.to_dict("records")


def test_bentoml():
    answers = Iris().predict([Flower(**record) for record in RECORDS])
    assert [answer.model_dump() for answer in answers] == EXPECTED


def test_mlflow():
    assert mlflow.pyfunc.load_model("mlflow-model").predict(TABLE) == EXPECTED


def test_kserve():
    predictor = IrisPredictor("iris")
    predictor.load()
    assert predictor.predict({"instances": RECORDS}) == {"predictions": EXPECTED}


# %% [markdown]
# Copy the folder, and make a new virtual environment for it. To avoid a download, the new
# environment uses the packages of this one, through one line in a `.pth` file (a list of folders to
# import from):

# %%
shutil.copytree(".", place / "work", ignore=shutil.ignore_patterns("*cache*"))
subprocess.run([sys.executable, "-m", "venv", "--without-pip", place / "clean"], check=True)
[installed] = (place / "clean").glob("lib/python*/site-packages")
(installed / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
(place / "home").mkdir()
variables = {"HOME": str(place / "home"), "PATH": f"{place}/clean/bin:/usr/bin:/bin"}
variables |= {"BENTOML_DO_NOT_TRACK": "True", "MLFLOW_DISABLE_TELEMETRY": "true"}


def clean(command):
    print("$", command)
    options = {"cwd": place / "work", "env": variables, "capture_output": True, "text": True}
    done = subprocess.run([f"{place}/clean/bin/python", *command.split()[1:]], **options)
    print((done.stdout or done.stderr).strip().splitlines()[-1])


# %%
clean("python -c __import__('services')")
clean("python -m pytest -q -p no:warnings")

# %% [markdown]
# The first command shows that this repository cannot be imported; the second, with nine passing
# tests, that the folder does not need it.
#
# The copy of the folder, the home folder, the environment variables and the interpreter's settings
# are clean here. The packages are not: they were already installed, from this repository's lock
# file. So this test does not show whether `pip install -r requirements.txt` succeeds on your
# machine. Try it, from the repository's root:
#
# ```sh
# cp -r build/notebooks/12/work ~/iris-work && cd ~/iris-work
# python -m venv .venv && source .venv/bin/activate
# pip install -r requirements.txt
# pytest && bentoml serve service:Iris --host 127.0.0.1
# ```
#
# ## What broke, and why
#
# | What one might believe | What happens | What we did |
# |---|---|---|
# | a typed list is validated input | the empty list causes a 500 | limits on the list as well |
# | pydantic rejects text and booleans as numbers | it converts them | `strict=True` |
# | an MLflow signature validates | it converts, and drops unknown columns | validate ranges in `predict` |
# | any exception becomes a good error | a stack trace (MLflow), a 500 (KServe) | `MlflowException`, `InvalidInput` |
# | a KServe predictor listens where you want | it listens on all addresses | a REST server with a host |
# | it works here, so it works elsewhere | files or packages are missing | a copy, tested in a new environment |
#
# ## Summary
#
# - Keep validation and model in a core without a framework. Each server then takes 10 to 35 lines.
# - Describe valid input in code: types, limits and strictness. Bad requests then get a 4xx.
# - Test the service in process, and see each test fail once.
# - Pin the packages with which the model was trained; list them in the Bento and in the MLflow
#   model.
# - Test the folder that you ship in an environment that contains nothing else.
#
# **Practise:** `make lab N=12` opens your copy of [Lab 12](../labs/lab12_own_model/lab12_own_model.ipynb),
# in which you validate another model's input, write tests that catch broken services, and fix a
# folder that does not serve.
#
# **Next:** [13 · Continuous learning, driven by papermill](13_loop.ipynb) retrains a model when its
# users change, and releases it automatically.

# %% tags=["teardown"]
os.chdir(place)
print("processes left:", len(processes.strays(os.getpid())))
