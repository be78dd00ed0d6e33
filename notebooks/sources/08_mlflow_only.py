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
# # 08 · MLflow alone
#
# *Short path, step 6 of 7*
#
# **Where you are:** chapter section 10.6, "Using only MLFlow to create an inference service" · about 40
# minutes · before this: [07 · The registry's model behind BentoML](07_mlflow_pull.ipynb) · next: [09 ·
# KServe](09_kserve.ipynb)
#
# In this notebook you serve the recommender with MLflow alone: one command and no service code. That is
# the quickest way from a registered model to an HTTP endpoint, and often enough for a team's own use.
#
# You run the command, send it good and bad requests, and see what it leaves out. Then you watch the
# model for [**drift**](GLOSSARY.md#drift): the requests or the users' taste change, and a good model
# becomes a bad one.
#
# ## After this notebook you can
#
# - serve a registered version with `mlflow models serve`, and name the payloads it accepts,
# - say how MLflow's server handles bad input, and improve that with a middleware,
# - read the Dockerfile that MLflow generates, and write a smaller one,
# - serve the same model with MLServer, a model server that MLflow used to start by itself,
# - detect from a log that the users have changed.

# %% [markdown]
# `alias` is the alias to serve, `top_k` how many movies to ask for, and `change` what changes among
# the users at the end: `audience`, `newcomers` or `taste`.

# %% tags=["parameters"]
alias, top_k, change = "prod", 3, "taste"

# %% [markdown]
# What this machine offers: `MISSING` stops the notebook, `NOT RUN HERE` skips a step. Each such line
# ends with the command that fixes it.

# %% tags=["setup", "volatile"]
from services.packaging import container_engine
from services.setup import preflight

preflight.needs("mlserver", "engine")

# %% tags=["setup"]
import io
import json
import logging
import os
import re
import shutil
import textwrap
import warnings
from concurrent.futures import ThreadPoolExecutor

import httpx
import mlflow
import pandas as pd
from matplotlib.figure import Figure
from mlflow.models.cli import commands
from mlflow.pyfunc import scoring_server
from starlette.testclient import TestClient

from services.environment import ROOT, build_dir
from services.recommender import registry
from services.recommender.mlflow import image as mlflow_image, scoring_app
from services.recommender.recommender import Recommender
from services.workbench import servers, show, timing
from services.workbench.plots import drift_plots, graphs
from services.workbench.servers import mlserver, scoring, scoring_requests, terminal, tracking

# %% [markdown]
# Start a tracking server for this notebook, with three small versions in its registry. Notebook 00
# showed how they get there.

# %% tags=["setup"]
place = build_dir() / "notebooks" / "mlflow_only"
shutil.rmtree(place, ignore_errors=True)
logging.getLogger("mlflow").setLevel(logging.ERROR)
tracker = tracking.server(place / "tracking")
mlflow.set_tracking_uri(tracker.url)
os.environ["MLFLOW_TRACKING_URI"] = tracker.url  # for the commands below
os.environ["TMPDIR"] = str(place / "tmp")  # where they leave the models that they download
(place / "tmp").mkdir()
rows = [(v.number, ", ".join(v.aliases)) for v in registry.ensure(tracker.url)]
show.table(rows, columns=("version", "alias"))

# %% [markdown]
# This is the life cycle of a model within MLflow, after the chapter's figure 10.11:

# %%
flow = {
    "train and track": ["registry"],
    "registry": ["alias prod"],
    "alias prod": ["models serve", "build-docker", "deployments"],
}
fig = graphs.dependency_graph(flow, width=9)
show.figure(
    fig, alt="Train and track, then registry, then alias prod; from there three ways to serve"
)

# %% [markdown]
# Notebook 00 covered the first three boxes. This notebook covers the three on the right: a server
# on this machine (sections 1 to 6), an image (section 8), and a cloud (the end of section 8).
#
# ## 1. One command
#
# The chapter's script has two lines. `export MLFLOW_TRACKING_URI=…` says where the tracking server
# is; the setup did that. The other line is the command. Look at the defaults of its options first:

# %%
serve = commands.commands["serve"]
defaults = {option.name: option.default for option in serve.params}
print({name: defaults[name] for name in ("host", "port", "env_manager", "workers")})

# %% [markdown]
# > **Erratum 27** · section 10.6 · wrong when printed · `mlflow models serve -m "models:/…@prod"`
# > The default port is 5000, where the tracking server of the same script listens: on one machine the
# > command fails because the address is in use.
#
# > **Erratum 28** · section 10.6 · wrong when printed · `This may be easier to spin up`
# > By default (`virtualenv`) the command first builds a new environment: it needs pyenv, a package index
# > and minutes, unless you pass `--env-manager local`.
#
# `local` serves with the packages that are installed here. That is right if the model was logged
# with the same versions; MLflow logs a warning if it was not. So we add two options, for the
# environment and the port:

# %%
model_uri = f"models:/{registry.MODEL}@{alias}"
server = servers.shell(
    f"mlflow models serve -m {model_uri} --env-manager local --port $PORT",
    ready="/ping",
    log_lines=4,
)

# %% [markdown]
# MLflow downloaded the version behind the alias and started uvicorn, a Python web server. Next,
# fetch the files of the same version and load them into the core (the recommender without a
# server), so that we can compare. A second server, for section 7, starts in the background:

# %%
version = str(registry.version_of(alias).number)
folder = registry.fetch(int(version), place / "version")
pool = ThreadPoolExecutor()
in_section_7 = pool.submit(mlserver.server, folder, version=version)

# %% [markdown]
# ## 2. Send requests
#
# Which endpoints does the server have?

# %%
for path in ("/ping", "/health", "/version", "/metrics", "/readyz"):
    answer = httpx.get(server.url + path)
    print(f"{path:9} {answer.status_code} {answer.text.strip()[:30]}")

# %% [markdown]
# The server reports liveness under two names and a version (of MLflow, not of the model), but no
# metrics. There is no separate readiness endpoint either: the server listens only once the model is
# loaded. Until then, a probe (an orchestrator's health check) cannot connect.
#
# Predictions come from `/invocations`. The body contains a table with a row for each user. Values
# for the whole request go into `params`:

# %%
core = Recommender.load(folder / "artifacts" / "recommender.npz", version=version)
user = int(core.user_ids.ids[4])
body = {"dataframe_records": [{"user_id": user}], "params": {"top_k": top_k}}
answer = httpx.post(f"{server.url}/invocations", json=body).json()
short = json.loads(json.dumps(answer), parse_float=lambda digits: round(float(digits), 3))
print(json.dumps(short, indent=1)[:400], "…")

# %% [markdown]
# Does it agree with the core? Compare all users, in one request:

# %%
users = core.user_ids.ids.tolist()
answers = scoring.ask(server.url, [{"user_id": one} for one in users], top_k=top_k)
expected = [core.recommend(one, top_k).as_dict() for one in users]


def flat(answers, field):
    return [item[field] for answer in answers for item in answer["items"]]


same = flat(answers, "movie_id") == flat(expected, "movie_id")
pairs = zip(flat(answers, "score"), flat(expected, "score"), strict=True)
print(len(users), "users, the same movies:", same)
print("scores within 1e-5:", max(abs(a - b) for a, b in pairs) < 1e-5)

# %% [markdown]
# The server agrees with the core for every user. The adapter between MLflow and the core is short.
# MLflow calls its `predict` with a table and the parameters:

# %%
show.source("services/recommender/mlflow/model.py", start="top_k = (params", end="dtype=object")

# %% [markdown]
# ## 3. Payloads
#
# MLflow's documentation shows several forms of JSON, and CSV. Here is one request in all of them,
# and once without the wrapper that MLflow expects:

# %%
rows = []
for sent in scoring_requests.same_question(user, [1], top_k):
    got = scoring.send(server.url, sent.body, content_type=sent.content_type)
    movies = [item["movie_id"] for found in got.predictions for item in found["items"]]
    rows.append((sent.name, got.status, movies or got.message[:74] + "…"))
show.table(rows, columns=("payload", "status", "movies, or the error message"))

# %% [markdown]
# The five JSON forms give the same movies. CSV cannot distinguish a list from a string, so MLflow
# rejects it here. The bare request, in the form that notebook 07's service accepts, is rejected
# too: MLflow accepts only tables.
#
# The rows may have different fields. pandas fills a missing field with NaN, which is not a list;
# our adapter handles that:

# %%
mixed = [{"user_id": user, "rated": [1]}, {"user_id": user}, {"user_id": user, "rated": None}]
print([len(found["items"]) for found in scoring.ask(server.url, mixed, top_k=top_k)])

# %% [markdown]
# You can test a payload without a server. The command is
# `mlflow models predict -m MODEL -i FILE -o FILE`; in Python it is:

# %%
asked, answered = place / "asked.json", place / "answered.json"
asked.write_text(json.dumps(body))
mlflow.models.predict(
    model_uri, input_path=str(asked), output_path=str(answered), env_manager="local"
)
print("the same answer:", json.loads(answered.read_text()) == answer)

# %% [markdown]
# Older pages use `validate_serving_input` for this. It still works, and its warning names the successor:

# %%
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always", FutureWarning)
    table = mlflow.models.validate_serving_input(model_uri, json.dumps(body))
print("the same answer:", table.to_dict("records") == answer["predictions"])
print(textwrap.fill(str(said[-1].message), 90))

# %% [markdown]
# ## 4. What bad input gets
#
# Now requests that nobody should send, and somebody will:

# %%
bad = scoring_requests.bad_questions(user)


def outcomes(send):
    for sent in bad:
        got = send(sent)
        text = got.message or f"{len(got.predictions[0]['items'])} movies"
        yield sent.name, got.status, got.code, text if len(text) < 90 else f"{text[:88]} …"


def to_mlflow(sent):
    return scoring.send(server.url, sent.body, content_type=sent.content_type)


show.table(list(outcomes(to_mlflow)), columns=("request", "status", "code", "message"))

# %% [markdown]
# Most get a 400. Where our model rejects the request, the message and the code are ours: the
# adapter raises MLflow's exception and passes `code`, `message` and `hint` along. Three things are
# wrong:
#
# 1. Without a content type: 500. MLflow parses the header without checking that it exists.
# 2. A misspelt `topk`, or `top_k` in the row: 200, and ten movies. Fields that the signature does not
#    name are dropped, with a warning in the log that no client sees.
# 3. MLflow's own error messages are written for programmers and contain no hint.
#
# This model's [**signature**](GLOSSARY.md#signature-%28MLflow%29) (MLflow's declaration of a
# model's inputs) declares `user_id` as `any`. A stricter type, `long`, seems better. MLflow then
# checks the type, in a table as well as in JSON. Or does it?

# %%
from mlflow.models.utils import _enforce_schema
from mlflow.utils.proto_json_utils import dataframe_from_parsed_json

from mlflow.types.schema import ColSpec, Schema

schema = Schema([ColSpec("long", "user_id")])
for value in (5.5, True, "5"):
    [row] = dataframe_from_parsed_json([{"user_id": value}], "records", schema).user_id
    try:
        _enforce_schema(pd.DataFrame({"user_id": [value]}), schema)
    except mlflow.MlflowException as error:
        print(f"{value!r:5} in JSON: user {row} · in a table: {str(error).rpartition('. ')[2]}")

# %% [markdown]
# > **Erratum 29** · section 10.6 · defect of a library · `inference endpoints under … /invocations`
# > With a signature of type `long`, JSON is converted before it is checked: user 5.5 gets user 5's
# > recommendations with status 200, while the same value in a table is refused.
#
# With `any`, the value arrives as it was sent, and the core refuses it, as it does in every other
# adapter.
#
# ### What an error tells the client
#
# And when MLflow itself fails? CSV was such a case. Look at the whole answer:

# %%
answer = httpx.post(
    f"{server.url}/invocations", content="user_id\n5\n", headers={"content-type": "text/csv"}
)
trace = answer.json()["stack_trace"]
print(answer.status_code, re.findall(r"/(\w+/\w+\.py)\\?\", line", trace))
print("in the server's log:", "parse_csv_input" in server.log.read_text())

# %% [markdown]
# > **Erratum 30** · section 10.6 · defect of a library · `inference endpoints under … /invocations`
# > If MLflow cannot parse a request, the *client* gets the stack trace, with paths of the server's
# > files; the server's log has nothing.
#
# And if the model itself fails? Load the model here, remove its core, and wrap it in MLflow's
# application:

# %%
broken = mlflow.pyfunc.load_model(str(folder))
del broken.unwrap_python_model().recommender
application = scoring_server.init(broken)
print(TestClient(application).post("/invocations", json=body).status_code)

# %% [markdown]
# A correct request to a broken model gets a 400, "bad request". The client searches for
# a mistake that it did not make, and an alert on 5xx never fires.
#
# ## 5. A middleware in front
#
# MLflow's server is an ASGI application (ASGI is the interface between Python web servers and
# applications). So a **middleware**, code that sees each request and answer, can wrap it. Ours
# checks the content type, writes stack traces to the log, and gives every error this repository's
# format (`code`, `message`, `hint`):

# %%
show.source(scoring_app.convert_error, start="try:")

# %%
show.source(scoring_app.create_app)

# %% [markdown]
# Send the same bad requests to the wrapped application, which can be tested without a server:

# %%
os.environ["MODEL"] = str(folder)
wrapped = TestClient(scoring_app.create_app(), raise_server_exceptions=False)


def to_wrapped(sent):
    content = sent.body if isinstance(sent.body, str) else json.dumps(sent.body)
    headers = {"content-type": sent.content_type} if sent.content_type else {}
    return scoring.outcome(wrapped.post("/invocations", content=content, headers=headers))


show.table(list(outcomes(to_wrapped)), columns=("request", "status", "code", "message"))

# %% [markdown]
# No 500 is left, and every refusal has a code. The broken model gives a 500 now, as it should:

# %%
written = io.StringIO()
scoring_app.log.addHandler(logging.StreamHandler(written))
behind = TestClient(scoring_app.ScoringMiddleware(application)).post("/invocations", json=body)
print(behind.status_code, *behind.json()["error"].values(), sep=" · ")
print("in the log:", written.getvalue().split("\n")[-3])

# %% [markdown]
# The client learns that the model failed, and the log names the exception.
#
# The two requests with a misplaced name still get ten movies: MLflow dropped the names before the
# model could see them. BentoML's service in notebook 07 reads the body itself and refuses both.
#
# ## 6. The alias moves
#
# Give the alias to another version while the server runs, and send a request again:

# %%
client = mlflow.MlflowClient()
client.set_registered_model_alias(registry.MODEL, alias, "1")
[answer] = scoring.ask(server.url, [{"user_id": user}], top_k=1)
print(f"{alias} is version", registry.version_of(alias).number, "· served:", answer["version"])
client.set_registered_model_alias(registry.MODEL, alias, version)

# %% [markdown]
# The alias names version 1 and the server still serves version 2. The server resolves the alias
# once, when it starts. So promoting a version means restarting the server, for instance with a
# rolling restart in Kubernetes. The service of notebook 07 swapped by itself.
#
# At least the answer names its version. The adapter adds it; MLflow's protocol has no field for it.
#
# ## 7. MLServer
#
# For serving at scale, the chapter builds a container in which MLServer (a model server by Seldon)
# replaces MLflow's own server. The option is `--enable-mlserver`. Run the chapter's command:

# %%
image_command = f"mlflow models build-docker -m {model_uri} -n recommender_service"
_ = terminal.run(f"{image_command} --enable-mlserver", begin="Error")

# %% [markdown]
# > **Erratum 31** · section 10.6 · changed since · `mlflow models build-docker … --enable-mlserver`
# > MLflow 3 has removed the option; MLServer must be installed and started separately.
#
# The last release of MLServer, 1.7.1, dates from June 2025. It does not fit into this repository's
# environment; compare the versions that it pins with ours:

# %%
for lock in (mlserver.LOCK, ROOT / "requirements.txt"):
    print(lock.relative_to(ROOT), re.findall(r"^(?:fastapi|starlette)==.*", lock.read_text(), re.M))

# %% [markdown]
# So MLServer gets a separate environment (`make mlserver-env`) and is started by its own command,
# `mlserver start FOLDER`. One file of ours adapts it to the core. MLServer speaks the [**Open
# Inference Protocol**](GLOSSARY.md#V1-and-V2-protocol) ("V2"), a standard shared by several model
# servers, KServe among them:

# %%
show.source("services/recommender/mlflow/mlserver_runtime.py", start="async def predict", end="],")

# %% tags=["volatile"]
second = None
try:
    second = in_section_7.result()
except mlserver.NoEnvironmentError as missing:
    print(missing)
tensor = {"name": "user_id", "datatype": "INT64", "shape": [1, 1], "data": [user]}


def infer(model, tensor):
    url = f"{second.url}/v2/models/{model}/infer"
    return httpx.post(url, json={"inputs": [tensor]}, timeout=60)


# %% [markdown]
# Is the answer the same? And what does a bad request get?

# %% tags=["volatile"]
if second:
    [output] = infer("recommender", tensor).json()["outputs"]
    print("as the core:", json.loads(output["data"][0]) == core.recommend(user).as_dict())
    refused = infer("recommender", {**tensor, "data": [-1]})
    print(refused.status_code, refused.json()["error"])

# %% [markdown]
# With MLServer installed, the answer is the core's, and the bad id gets a 422 whose message names
# the row and says what to send.
#
# MLServer also has a runtime for MLflow's models that needs no file of ours. It answers
# `/invocations` as MLflow does. Its V2 endpoint fails with this model: our answer has a `null` in a
# column of text, and MLServer's tables cannot represent one.

# %% tags=["volatile"]
if second:
    print(len(scoring.ask(second.url, [{"user_id": user}])), "answer from /invocations")
    print(infer("recommender_mlflow", tensor).status_code, "from V2, for a good request")
    second.stop()

# %% [markdown]
# ## 8. A container, or a cloud
#
# The chapter's command without the removed option is:
#
# ```sh
# $ mlflow models build-docker -m models:/recommender_production@prod -n recommender_service
# $ docker run --rm -p 5001:8080 recommender_service
# ```
#
# NOT RUN HERE: the build needs a container engine, a package index, and minutes; `make nightly`
# runs it. The related command `generate-dockerfile` only writes the Dockerfile. First the smallest
# variant, which installs into the base image's Python:


# %%
def dockerfile(out):
    source = folder.relative_to(place)
    line = f"mlflow models generate-dockerfile -m {source} -d {out} --env-manager {out}"
    terminal.run(line, cwd=place)
    return (place / out / "Dockerfile").read_text()


text = dockerfile("local")
text = re.sub(r"3\.11\.\d+", "3.11.…", text)
print(*re.findall(r"^(?:FROM|RUN (?!printf)|COPY|ENTRY).{,88}", text, re.M), sep="\n")

# %% [markdown]
# nginx (a reverse proxy) runs in front, and everything runs as root. The model is copied before its
# packages are installed, so each new version of the model installs them again. Next, the variant
# `virtualenv`, which is what `build-docker` uses without options, as in the chapter:

# %%
lines = dockerfile("virtualenv").splitlines()
lines = [line for line in lines if re.search(r"^FROM|github|openjdk", line)]
print(*(line.strip()[:88] for line in lines), sep="\n")

# %% [markdown]
# > **Erratum 32** · section 10.6 · defect of a library · `mlflow models build-docker -m … -n …`
# > The image of a Python model gets a compiler, a Python built by pyenv from GitHub, and Java; MLflow's
# > help says that Java is not installed for it (3.17).
#
# When the image runs, its nginx forwards `/ping` and `/invocations` and nothing else.
#
# > **Erratum 33** · section 10.6 · wrong when printed · `health and inference endpoints under /health`
# > In the container `/health` is a 404, because nginx does not forward it: probe `/ping`. Without a
# > container, `mlflow models serve` answers both.
#
# The variable `DISABLE_NGINX=true` turns nginx off. The server that is left listens on 127.0.0.1 of
# the container, where no client can reach it. `make nightly` builds that image and checks all of
# this. This is the Dockerfile that we would use instead:

# %%
show.source("infra/mlflow/Dockerfile", start="FROM")

# %% [markdown]
# It runs without root, installs the packages before it copies the model, and adds our middleware.
# It uses `mlflow-skinny` (MLflow without its tracking server) and no torch, because the core scores
# in NumPy. That is about half as many packages as the model's own list has:

# %%
whole = (folder / "requirements.txt").read_text().splitlines()
print(len(mlflow_image.requirements()), "packages; the model's own list has", len(whole))

# %% tags=["needs-engine"]
try:
    engine = container_engine.find_engine()
    if not container_engine.has_image(engine, mlflow_image.IMAGE):
        raise container_engine.NotRunError(
            "NOT RUN HERE: no image; python -m services.recommender.mlflow.image FOLDER"
        )
    print(container_engine.size(engine, mlflow_image.IMAGE) // 10**6, "MB")
except container_engine.NotRunError as missing:
    print(missing)

# %% [markdown]
# ### To a cloud
#
# The chapter mentions "deployment to cloud platforms". `mlflow deployments` does that, through
# plugins called *targets*. Which targets are installed, and which addresses does Amazon's accept?

# %%
from mlflow.deployments.interface import plugin_store

print(sorted(plugin_store.registry))
_ = terminal.run("mlflow deployments help -t sagemaker", begin="The target URI", lines=4)

# %% [markdown]
# NOT RUN HERE, since each needs an account:
#
# | cloud | commands |
# |---|---|
# | Amazon SageMaker | `mlflow sagemaker build-and-push-container`, then `mlflow deployments create -t sagemaker:/eu-west-1 --name recommender -m models:/recommender_production@prod` |
# | Databricks | `mlflow deployments create-endpoint -t databricks --endpoint recommender -C …` |
# | Azure Machine Learning | install the plugin `azureml-mlflow`, then `mlflow deployments create -t azureml://… --name recommender -m …` |
#
# The targets `http`, `https` and `openai` are gateways to hosted models; they deploy nothing.
#
# ## 9. What a table costs
#
# How much time does MLflow add? Send the same request to the core, to the model as MLflow loads it
# (`pyfunc`, its interface for any Python model), and to the server:

# %% tags=["volatile"]
pyfunc = mlflow.pyfunc.load_model(str(folder))
table = pd.DataFrame({"user_id": [user]})
http = httpx.Client(base_url=server.url)
ways = {
    "core": lambda: core.recommend(user, top_k),
    "pyfunc": lambda: pyfunc.predict(table, params={"top_k": top_k}),
    "scoring server": lambda: http.post("/invocations", json=body),
}
seconds = timing.interleaved(ways, 30)
times = timing.ratios(seconds, "core")

fig = Figure((7, 2.2), layout="constrained")
axes = fig.subplots()
bars = axes.barh(list(times), list(times.values()), color="#0072B2")
axes.bar_label(bars, [f"{ratio:.0f} times" for ratio in times.values()], padding=4)
axes.invert_yaxis()
axes.set(xlabel="time of one request, core = 1", xlim=(0, 1.2 * max(times.values())))
alt = "Bars: pyfunc takes several times as long as the core, the scoring server longer still"
show.figure(fig, alt=alt, dpi=80)

# %% [markdown]
# The first bar is the computation. The rest is spent on tables: building them, checking them
# against the signature, and turning them into JSON. For a small model, that is nearly all the time.
# Part of that cost is the same for one row as for many. So with many users in one request, the cost
# per user is lower, and tables suit batches.
#
# ## 10. Watching the model
#
# A model that was good when it was promoted can become bad although none of its code changes. MLflow's
# server keeps no log of its requests; notebook 07's service does. To learn how to read such a log, we
# simulate one, so that we know the truth. First 2,000 requests of a good period, the **reference**:

# %%
from services.drift.distance import compare
from services.drift.monitor import DriftMonitor, AlarmBudget
from services.recommender.monitoring import drift_study
from services.recommender.monitoring.drift_traffic import Traffic
from services.recommender.training.synthetic import make_ratings

_, truth = make_ratings(**registry.SMALL)
traffic = Traffic(core, truth)
reference = traffic.requests(2000, "nothing", 0)
reference.head(3).rename_axis(columns="row")

# %% [markdown]
# One row is one request: how many movies it asks for, how much the user has rated, the
# most frequent genre in the list, how well known its movies are, and the best score. `clicked` is
# recorded later, by the page that showed the list.
#
# Now the taste of a fifth of the users changes, and nobody tells the model. Compare 500 requests from
# before and 500 from after with the reference, by two measures:
#
# - the [**PSI**](GLOSSARY.md#PSI) (population stability index) compares the shares of bins: ten for
#   numbers, one for each value of a category; 0 means equal shares,
# - a **test** (KS for numbers, chi-squared for categories) gives a p-value: the probability that
#   chance alone produces a difference at least this large. Several features are tested, so the
#   p-values shown are adjusted for that (by Benjamini and Hochberg's method, which often makes
#   several of them equal).

# %%
same = compare(reference, traffic.requests(500, "nothing", 1))
moved = compare(reference, traffic.requests(500, change, 2))
rows = [
    (one.feature, one.test, round(one.psi, 3), round(two.psi, 3), f"{two.p_adjusted:.2g}")
    for one, two in zip(same, moved, strict=True)
]
show.table(rows, columns=("feature", "test", "PSI, before", "PSI, after", "p, after"))

# %% [markdown]
# With the default change, only one row moved much: `clicked`, whose PSI rises to about 0.12. It is
# neither an input nor an output of the model. The same users send the same requests and get the
# same lists; they only like them less. **A log of inputs and outputs cannot show that a taste has
# changed.** What people do with the answers can.
#
# ### When is it an alarm?
#
# A common rule is "PSI above 0.25". But the PSI of two samples is never 0, and with fewer requests
# it is larger by chance. A monitor that checks six features every 50 requests needs limits chosen
# for so many checks.
#
# Our monitor starts from an **alarm budget**: the share of services that may raise an alarm
# although nothing changes. It simulates such services and takes the lowest limits that stay within
# the budget:

# %%
budget = AlarmBudget(window=500, every=50)
monitor = DriftMonitor(reference, budget)
print(budget)
print(*(f"{name} {limit:.3f}" for name, limit in monitor.limits.items()), sep=" · ")

# %% [markdown]
# Feed it 1,500 requests without a change, then 1,500 after the change:

# %%
stream = pd.concat(
    [traffic.requests(1500, "nothing", 3), traffic.requests(1500, change, 4)], ignore_index=True
)
looks = monitor.scan(stream)
alarm = monitor.first_alarm(stream)
print("first alarm after", alarm, "requests,", alarm - 1500, "after the change")

# %%
figure = drift_plots.psi_over_requests(
    looks, monitor.limits, change=1500, title=f"change: {change}"
)
alt = "PSI of each feature over its limit; after the change the clicks alone go above 1"
show.figure(figure, alt=alt, dpi=80)

# %% [markdown]
# The alarm came 400 requests after the change. In the figure, each line is one feature's PSI
# divided by its limit, so 1 is an alarm. Before the change all lines stay below 1. After it one
# line climbs while the window fills with new requests: the clicks. The others stay where they
# were.
#
# One stream is an anecdote. `python -m services.recommender.monitoring.drift_study` simulates 200
# services for each kind of change. These are its results:

# %%
study = pd.read_csv(drift_study.RESULT)
columns = ["scenario", "detector", "alarmed", "median", "ninth"]
ours = study[study.detector.str.contains("PSI|limit")]
show.table(ours[columns].fillna("-").values.tolist(), columns=columns)

# %% [markdown]
# The rows `nothing` show the rate of false alarms: it stays within the budget of 5 in 100. `median`
# and `ninth` count the requests after the change until half of the services, and nine of ten, have
# raised an alarm.
#
# The clicks reveal a change of taste in every service; the log reveals it no more often than by
# chance. The limit of 0.25 finds newcomers, but it finds a new audience late or not at all, and a
# new taste never.
#
# ### Where the results are kept
#
# The results belong beside the model. A run stores them as metrics, with the request number as step, so
# MLflow's pages draw the same curves:

# %%
with mlflow.start_run(run_name="drift"):
    mlflow.log_params({"model": model_uri, "window": budget.window, "reference": len(reference)})
    for requests, look in looks.iloc[::5].iterrows():
        mlflow.log_metrics({f"psi.{name}": psi for name, psi in look.items()}, step=requests)
    run = mlflow.active_run().info.run_id
kept = client.get_metric_history(run, "psi.clicked")
print([(metric.step, round(metric.value, 3)) for metric in kept][-3:])

# %% [markdown]
# These are the last three points of the curve for `clicked`, each with the number of the request
# and the PSI. All three are above the monitor's limit of 0.039.
#
# **evidently** is a library for all of this, with an HTML report. It divides by a column's spread, so a
# constant column (`top_k` here) must be left out. Its verdicts:

# %%
from services.drift.report import evidently_report, save_page, verdicts

varied = [name for name in reference if reference[name].nunique() > 1]
later = traffic.requests(500, change, 2)
snapshot = evidently_report(reference[varied], later[varied])
page = save_page(snapshot, place / "drift.html")
found = verdicts(snapshot)
found["method"] = found["method"].str[:30]
show.table(found.round(3).values.tolist(), columns=list(found))

# %% [markdown]
# With the default change, it agrees about what moved. It chooses a method by the size of the
# reference: above 1,000 rows a distance, as here, whose threshold is fixed at 0.1; up to 1,000 rows
# a test, whose score is a p-value, where *below* the threshold means drift. Neither takes into
# account how often you check; our limits do. The report itself is in
# `build/notebooks/mlflow_only/drift.html`.
#
# Finally, stop the server: Ctrl-C in its terminal, or as here SIGTERM (signal 15, which asks a
# process to end). A negative exit code is the number of the signal that ended the process:

# %%
http.close()
print("exit code", server.stop())

# %% [markdown]
# ## What broke, and why
#
# - **The port, the environment, the option**: two defaults that suit another machine, and an option
#   that no longer exists.
# - **5.5 became user 5**: JSON is converted before the signature is enforced.
# - **A stack trace for the client, none in the log**: an error handler for developers, used in production.
# - **An image with Java**: one template for every kind of model.
#
# ## Summary
#
# - `mlflow models serve` serves any registered version with one command. It accepts tables, which suits
#   batches, trying out a version, or a team without a service.
# - It has no metrics, no log of answers, no swap while it runs, and its error messages do not help
#   the client. A short middleware fixes the errors.
# - `build-docker` makes an image that runs. A Dockerfile of a dozen instructions makes one that is smaller, runs
#   without root, and is reachable.
# - Where MLServer is installed, it still serves the model, from a separate environment.
# - A drift of taste shows in what people do, not in what they request. Derive limits from an alarm budget.
#
# When is MLflow alone enough? When the clients are colleagues or batch jobs that send tables. For the
# public, put the core behind a service: notebook 07, or KServe in notebook 09.
#
# **Practise:** `make lab N=08` opens your copy of [Lab 08](../labs/lab08_mlflow_only/lab08_mlflow_only.ipynb),
# in which you serve a version, send it requests, refuse a worse version, and set an alarm for drift.
#
# **Next:** [09 · KServe](09_kserve.ipynb) prepares the models for a cluster, and checks them without
# one.

# %% tags=["teardown"]
tracker.stop()
pool.shutdown()
