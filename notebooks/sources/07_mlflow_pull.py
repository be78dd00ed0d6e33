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
# # 07 · The registry's model behind BentoML
#
# *Short path, step 5 of 7*
#
# **Where you are:** chapter section 10.5.1, "BentoML and MLFlow inference" · about 40 minutes · before
# this: [06 · A Bento, and a container](06_bento.ipynb) · next: [08 · MLflow alone](08_mlflow_only.ipynb)
#
# In this notebook you serve a movie recommender whose model comes from MLflow's **model registry**, the
# list of a model's versions. The version with the alias `prod` (a movable label) is the one to serve.
# The person who trains a better model moves the alias; the service needs no change.
#
# Connecting the two sounds simple: *the service loads the version that is `prod`*. But when does
# the service load it? What if the registry is down, or the alias moves while requests arrive?
#
# ## After this notebook you can
#
# - name what goes wrong when a service pulls its model in its constructor,
# - recognise a recommender whose ids are off by one, and make that error impossible,
# - switch a running service to a new version without losing a request, and roll back,
# - build a Bento that contains the promoted version and needs no registry,
# - answer many users in one pass, and test whether a new version is better.

# %% [markdown]
# The ratings are simulated, so there is a known truth to compare the models with; another `seed`
# gives other ratings. `user_id` is the user in the examples. `requests` is the minimum number of
# requests sent while the model is replaced.

# %% tags=["parameters"]
n_users, n_movies, n_ratings, seed = 600, 900, 36_000, 1
user_id = 42
requests = 2_000

# %% [markdown]
# What this machine offers: `MISSING` stops the notebook, `NOT RUN HERE` skips a step. Each such line
# ends with the command that fixes it.

# %% tags=["setup", "volatile"]
from services.setup import preflight

preflight.needs()

# %% [markdown]
# BentoML reads `BENTOML_HOME`, the folder of its stores, when it is imported. This notebook uses its own
# folder:

# %% tags=["setup"]
import json
import logging
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

from services.environment import build_dir
from services.workbench.servers import tracking

home = build_dir() / "notebooks" / "mlflow_pull"
shutil.rmtree(home, ignore_errors=True)
home.mkdir(parents=True)
os.environ["BENTOML_HOME"] = str(home / "store")
pool = ThreadPoolExecutor()
starting = pool.submit(tracking.server, home / "mlflow")  # it takes a while; meanwhile:

# %% tags=["setup"]
import subprocess
import sys
import textwrap
from collections import Counter

import bentoml
import httpx
import mlflow
import numpy as np
import torch
from matplotlib.figure import Figure
from mlflow import MlflowClient, environment_variables
from starlette.testclient import TestClient
from urllib3 import Retry
from urllib3.exceptions import ConnectTimeoutError

from services.recommender import registry

# %% tags=["setup"]
from services.recommender.bento import build as bento_build
from services.recommender.bento import model_store
from services.recommender.bento.ab_service import choose
from services.recommender.hot_swap import cache, live, pull
from services.recommender.recommender import Recommender
from services.recommender.registry import MODEL, PROD, STAGING
from services.recommender.training.experiment import click_rates, compare, users_needed
from services.recommender.training.synthetic import make_ratings
from services.workbench import servers, show
from services.workbench.flow import Flow
from services.workbench.plots import experiments
from services.workbench.servers import prometheus, terminal

for name in ("mlflow", "bentoml"):
    logging.getLogger(name).setLevel(logging.CRITICAL)

# %% [markdown]
# This is how the two tools work together, after the chapter's figure 10.10. MLflow is on the left: it
# tracks training and registers versions. BentoML is on the right: it stores, serves and packages.

# %%
steps = ["train", "track", "register", "alias prod", "import", "serve", "containerize"]
fig = Figure((9, 1.4), layout="constrained")
axes = fig.subplots()
for place, step in enumerate(steps):
    color = "#0072B2" if place < 4 else "#D55E00"
    box = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": color}
    axes.text(place, 0, step, ha="center", va="center", bbox=box, fontsize=9)
    if place:
        arrow = {"arrowstyle": "-|>", "shrinkA": 36, "shrinkB": 36}
        axes.annotate("", (place, 0), (place - 1, 0), arrowprops=arrow)
axes.text(1.5, 0.6, "MLflow", ha="center", color="#0072B2")
axes.text(5, 0.6, "BentoML", ha="center", color="#D55E00")
axes.set(xlim=(-0.6, 6.6), ylim=(-0.7, 1.1))
axes.set_axis_off()
alt = "Train, track, register and set the alias in MLflow; then import, serve, containerize in BentoML"
show.figure(fig, alt=alt)

# %% [markdown]
# ## 1. A registry with three versions
#
# The setup started a tracking server as in notebook 00. To start one by hand, run:
#
# ```sh
# $ mlflow server --backend-store-uri sqlite:///mlflow.db --artifacts-destination artifacts --port 5000
# ```
#
# `registry.ensure` fills an empty registry in a second or two: version 1 recommends what is
# popular; version 2 is a matrix factorisation (`mf-bce`), which learns a row of numbers for each
# user and each movie; version 3 is the same with other initial weights.

# %% tags=["setup"]
mlflow_server = starting.result()
mlflow.set_tracking_uri(mlflow_server.url)
os.environ["MLFLOW_TRACKING_URI"] = mlflow_server.url  # for the servers that we start
client = MlflowClient()

# %%
ratings, truth = make_ratings(n_users, n_movies, n_ratings, seed=seed)
versions = registry.ensure(mlflow_server.url, ratings)
models = {version.number: client.get_logged_model(version.model_id) for version in versions}
rows = [
    (version.number, models[version.number].params.get("kind", ""), ", ".join(version.aliases))
    for version in versions
]
show.table(rows, columns=("version", "kind", "aliases"))

# %% [markdown]
# MLflow shows the same in a browser, under *Models*. While this notebook runs, a cell that contains
# only `mlflow_server` gives you the link:
#
# ![MLflow's page of the model: versions 3 to 1; 3 has the alias staging, 2 has prod](pictures/mlflow.png)
#
# ## 2. What the chapter's listing does
#
# Listing 10.1 is a service, the class `RecommenderRunnable`. Two remarks before we run its parts:
#
# > **Erratum 47** · section 10.5.1 · wrong when printed · `@bentoml.service(`
# > The decorator was added in BentoML 1.2; with 1.1.6, which section 10.3 installs, `bentoml.service`
# > raises an AttributeError.
#
# > **Erratum 48** · section 10.5.1 · wrong when printed · `class RecommenderRunnable:`
# > The class is a service of the new API and not a Runnable; no Runner is involved.

# %%
print(bentoml.__version__)


@bentoml.service
class RecommenderRunnable: ...


print(type(RecommenderRunnable).__name__)
print("a Runnable:", issubclass(RecommenderRunnable.inner, bentoml.legacy.Runnable))

# %% [markdown]
# The listing serves a PyTorch module with two tables of numbers: one has a row for each user, the
# other a row for each movie. Our factorisation has such tables, so we can build a module like the
# chapter's from it; the product of two rows is the score.
#
# Two properties are copied from the book's public repository: each table has **one row more than
# there are ids**, and training stores the row **for `id` at index `id - 1`**
# ([model_training.py](https://github.com/practical-mlops/movie-recommender-project/blob/main/training_and_validation_components/model_training.py)).

# %%
folder = registry.fetch(PROD, home / "fetched", tracking_uri=mlflow_server.url)
core = Recommender.load(folder / "artifacts" / cache.FILE, version="2")
factors = core.model
users = np.column_stack([factors.user_factors, factors.user_bias, np.ones(n_users)])
movies = np.column_stack([factors.item_factors, np.ones(n_movies), factors.item_bias])


# %%
class Module(torch.nn.Module):
    def __init__(self, users, movies):
        super().__init__()
        rng = np.random.default_rng(0)  # for the last row, which training never touches
        with_one_more = [np.vstack([t, rng.normal(size=t.shape[1])]) for t in (users, movies)]
        tables = [torch.tensor(table, dtype=torch.float32) for table in with_one_more]
        self.users, self.movies = map(torch.nn.Embedding.from_pretrained, tables)
        self.n_items = len(movies)

    def forward(self, users, movies):
        return (self.users(users) * self.movies(movies)).sum(1, keepdim=True)


# %% [markdown]
# Log the module as that repository does:

# %%
module = Module(users, movies)
try:
    mlflow.pytorch.log_model(module, "model")
except mlflow.MlflowException as error:
    print(textwrap.fill(show.one_line(error), 90))
mlflow.end_run()

# %% [markdown]
# > **Erratum 18** · section 10.5.1 · changed since · `mlflow.pytorch.load_model(…)`
# > MLflow 3 stores a traced graph (`pt2`) by default: logging needs an example input, and the
# > loaded model has no `n_items` and raises an exception in `.eval()`.
#
# A pickle (Python's format for saved objects) still works. Remember that loading a pickle runs any
# code that is in it. Our own versions avoid pickles: each is one file of arrays.

# %%
with mlflow.start_run():
    logged = mlflow.pytorch.log_model(
        module, name="model", serialization_format="pickle", pip_requirements=["torch"]
    )
client.create_registered_model("chapter")
client.create_model_version(
    "chapter", logged.model_uri, run_id=logged.run_id, model_id=logged.model_id
)
client.set_registered_model_alias("chapter", PROD, "1")

# %% [markdown]
# When it starts, the listing's service looks up the run (MLflow's record of one training) of the
# version that is `prod`. It imports that run's model into BentoML's store, and loads the newest
# model from the store. The same, rewritten:


# %%
def start_like_the_chapter(name):
    run_id = client.get_model_version_by_alias(name, PROD).run_id
    bentoml.mlflow.import_model("recommender", f"runs:/{run_id}/model")
    stored = bentoml.mlflow.get("recommender:latest")
    return mlflow.pytorch.load_model(stored.path_of(bentoml.mlflow.MLFLOW_MODEL_FOLDER))


for _ in range(2):  # two workers start
    served = start_like_the_chapter("chapter")
print("copies in the store:", len(bentoml.models.list("recommender")))
print("different versions:  ", len({str(m.tag) for m in bentoml.models.list("recommender")}))

# %% [markdown]
# Two starts, as two workers would make, leave two copies of one version in the store.
#
# > **Erratum 19** · section 10.5.1 · wrong when printed · `bentoml.mlflow.import_model(…)`
# > Every start of every worker makes a copy under a random tag, and nothing removes the copies.
#
# > **Erratum 20** · section 10.5.1 · wrong when printed · `get("recommender:latest")`
# > `latest` is the copy that was made last by any process: workers that start while the alias moves can
# > serve different models, and so can a worker after a rollback.
#
# Now the same with our own model, which has a `prod` version as well:

# %%
try:
    start_like_the_chapter(MODEL)
except Exception as error:
    print(show.one_line(error))

# %% [markdown]
# This message comes from BentoML's clean-up and hides the cause: MLflow found no model to copy.
#
# > **Erratum 21** · section 10.5.1 · wrong when printed · `f"runs:/{….run_id}/model"`
# > It works only if the model was logged under the name `model`; an alias names a version, and the
# > address of a version is `models:/recommender_production@prod`.
#
# Where is the registry? Two sections of the chapter disagree.
#
# > **Erratum 22** · section 10.5.1 · wrong when printed · `uri="http://mlflow:8080"`
# > Section 10.6 uses `http://mlflow:5000` for the same server; a client with the wrong address retries
# > for minutes before it fails.
#
# How many minutes? MLflow's settings, and the class that computes the pauses, give the answer:

# %%
retries = environment_variables.MLFLOW_HTTP_REQUEST_MAX_RETRIES.default
factor = environment_variables.MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR.default
retry, waits = Retry(total=retries, backoff_factor=factor), []
for _ in range(retries):
    retry = retry.increment(error=ConnectTimeoutError())
    waits.append(retry.get_backoff_time())
print(f"{retries} retries, after {waits} seconds: in all {sum(waits) / 60:.1f} minutes at least")

# %% [markdown]
# In the listing, the service spends these minutes in its constructor. Until the constructor
# returns, BentoML's worker answers no probe (an orchestrator's health check): `/readyz` hangs. When
# the constructor finally raises, the worker ends. On your machine `bentoml serve` starts it again,
# and again; in a container BentoML starts no new worker, and the orchestrator has to restart the
# container.
#
# ## 3. What the listing answers
#
# This is the listing's `predict`, rewritten. `TestClient` sends requests to a service without
# starting a server:


# %%
@bentoml.service(name="chapter")
class Chapter:
    @bentoml.api
    def predict(
        self, user_id: int, top_k: int = 10, ranked_movies: np.ndarray = None
    ) -> np.ndarray:
        movies = torch.arange(1, served.n_items + 1)
        if ranked_movies is not None:
            movies = movies[~torch.isin(movies, torch.tensor(ranked_movies))]
        scores = served(torch.tensor([user_id]).repeat(len(movies)), movies).squeeze()
        return movies[torch.topk(scores, top_k).indices].numpy()


chapter = TestClient(Chapter.to_asgi())
chapter.__enter__()
print(chapter.post("/predict", json={"user_id": user_id, "top_k": 3}).text)

# %% [markdown]
# The answer is three ids, without titles or scores.
#
# > **Erratum 49** · section 10.5.1 · wrong when printed · `ranked_movies:np.ndarray=None`
# > The argument means movies that the user has *rated*: the listing removes them from the candidates.
#
# Our service calls it `rated` and accepts the chapter's name too. Here are some requests that a
# client may well send:

# %%
everything = list(range(1, n_movies + 1))
questions = {
    "more than there are": {"user_id": user_id, "top_k": n_movies + 1},
    "one movie is left": {"user_id": user_id, "top_k": 1, "ranked_movies": everything[1:]},
    "ranked_movies: null": {"user_id": user_id, "ranked_movies": None},
    "an unknown user": {"user_id": n_users + 1},
    "user 0": {"user_id": 0, "top_k": 3},
    "no user": {},
}
answers = {name: chapter.post("/predict", json=one) for name, one in questions.items()}
show.table(
    [(n, a.status_code, a.text[:60]) for n, a in answers.items()], ("request", "status", "answer")
)

# %% [markdown]
# > **Erratum 23** · section 10.5.1 · wrong when printed · `….squeeze()`
# > With one movie left, `.squeeze()` turns the list `[1]` into the number `1`.
#
# A `top_k` that is too large, a `null` and an unknown user get a 500 without an explanation; only the
# missing field gets a 400.
#
# One answer is worse than a 500. There is no user 0, yet the request for user 0 gets a 200.
#
# > **Erratum 24** · section 10.5.1 · wrong when printed · `torch.tensor([user_id], …)`
# > Any id below the number of rows is accepted: user 0 gets the recommendations of another user.
#
# Of which user?

# %%
print("user 0 is answered with:", answers["user 0"].json())
scores = core.model.scores(np.array([0]))[0]  # the first user's, by index
print("best rows for user 1:   ", np.argsort(-scores)[:3].tolist())

# %% [markdown]
# They are those of user 1. With the default ratings, 301 and 80 are user 1's two best rows, in the
# same order. Between them is 900, the last row, which training never touched; it pushed the third
# out. But look at what is returned: the *rows* of user 1's best movies are returned as *ids*. The
# table was trained with `id - 1` and is read with `id`. With the default ratings, row 301 is movie
# 302 in training; in serving it is movie 301.
#
# Nothing fails. With titles, the error becomes visible:

# %%
titles = (*core.movies.titles, "(nothing: no training has touched this row)")
wrong = chapter.post("/predict", json={"user_id": user_id, "top_k": 6}).json()
rows = [(titles[row - 1], titles[row]) for row in wrong]
show.table(rows, columns=(f"served to user {user_id}", f"what the model meant, for {user_id + 1}"))

# %% [markdown]
# Each row is one recommendation: the first title is shown to the user, the second is the one that the
# model meant, for the next user.
#
# > **Erratum 25** · section 10.5.1 · wrong when printed · `torch.arange(1, … + 1)`
# > With a model trained on `id - 1`, as in the book's repository, every recommendation is the movie
# > before the intended one, chosen for the taste of the next user.
#
# This is the worst erratum. Every status is 200, every metric is normal, and the offline evaluation
# is as good as before. The name for it is [**training/serving
# skew**](GLOSSARY.md#training/serving-skew). Being careful does not help; mapping ids to rows in
# one place does. An `IdMap` (from ids to rows, and back) is built when the ratings are read, and it
# is saved in the model's file:

# %%
row = core.user_ids.get(user_id)
print("user", user_id, "has row", row, "and row", row, "is user", core.user_ids.raw(row))
print([item.title for item in core.recommend(user_id, 3).items])

# %% [markdown]
# The mapping works in both directions, and these are the movies for the user who asked.
#
# ### The build file
#
# Listing 10.2 is the build file. We write it as printed, with one more line so that BentoML does
# not query a package index, and build with the chapter's command:

# %%
listing = home / "listing"
listing.mkdir()
(listing / "service.py").write_text(
    "import bentoml\n@bentoml.service\nclass RecommenderRunnable: ...\n"
)
(listing / "bentofile.yaml").write_text("""
service: "service:RecommenderRunnable"
labels:
  owner: mlops
  stage: demo
include:
  - "*.py"
python:
  requirements_txt: './requirements.txt'
  lock_packages: false
""")
_ = terminal.run("bentoml build --version 1", cwd=listing, begin="FileNotFoundError:", lines=1)
(listing / "requirements.txt").write_text("mlflow\ntorch\n")
_ = terminal.run("bentoml build --version 1", cwd=listing, begin="Successfully", lines=1)
print("models in it:", bentoml.get("recommender_runnable:1").info.all_models)

# %% [markdown]
# > **Erratum 26** · section 10.5.1 · wrong when printed · `'./requirements.txt'`
# > The chapter does not show this file, and without it the build fails. With it, the Bento is built, but
# > contains no model.
#
# The Bento's name is right: `recommender_runnable`, from the class name. But on another machine this
# Bento would have to reach the registry at every start, with all the problems above.
#
# ## 4. A service that follows the registry
#
# Our service separates three moments:
#
# 1. **Before the workers start**, one process pulls the model once: `@bentoml.on_deployment`.
# 2. **A worker** reads the model from this machine's disk, never from the registry.
# 3. **While they serve**, one worker polls the registry and updates a *pointer*, a small file that
#    names the version to serve. All workers follow it.

# %%
show.source(
    "services/recommender/bento/service.py", start="@bentoml.on_deployment", end="answer_log"
)

# %% [markdown]
# Which worker polls? Each worker tries to lock a file, and the operating system gives the lock to
# one of them. If that worker dies, the lock is released and another worker takes over.
#
# Importing MLflow takes seconds and much memory, so no worker does it. A poll is a single HTTP
# request:

# %%
endpoint = f"{mlflow_server.url}/api/2.0/mlflow/registered-models/alias"
found = httpx.get(endpoint, params={"name": MODEL, "alias": PROD}).json()["model_version"]
print({field: found[field] for field in ("name", "version", "aliases")})

# %% [markdown]
# Before the workers start, `prepare` pulls the version. Its requests have limits on time and size.
# If the registry does not answer, the version that was served last is used. If there is none, the
# start ends with one line that says why:

# %%
show.source(pull.prepare, start="try:", end="return pointed")

# %% [markdown]
# Why a pointer, and not "the newest version on disk"? After a rollback the newest is the wrong one.
#
# A version is downloaded into a temporary folder, **smoke-tested** (a few requests that any model
# must answer), and then renamed. An incomplete download or a model that returns NaN never gets the
# final name:

# %%
show.source(cache.VersionCache.add, start="with tempfile", end="whole.rename")

# %% [markdown]
# This is the swap: the old version serves until the new one is loaded and tested. Then one
# assignment replaces it, and the next request uses the new version:

# %%
show.source(live.LiveRecommender.follow, start="try:", end="from here on")

# %% [markdown]
# Start the service with two workers that poll every half second (the default is every ten seconds).
# Environment variables in front of a command are set for that command only. Three more are set for
# this whole notebook: `RECOMMENDER_CACHE` and `RECOMMENDER_LOG`, which are optional, and
# `MLFLOW_TRACKING_URI`, the registry's address. In a terminal, put
# `MLFLOW_TRACKING_URI=http://127.0.0.1:5000` in front as well:

# %%
env = {"RECOMMENDER_CACHE": str(home / "cache"), "RECOMMENDER_LOG": str(home / "log")}
os.environ.update(env)
server = servers.shell(
    "RECOMMENDER_WORKERS=2 RECOMMENDER_POLL_SECONDS=0.5 "
    "bentoml serve services.recommender.bento.service:Recommender --port $PORT",
    log_lines=1,
)

# %% [markdown]
# `servers.shell` ran the line with a free port for `$PORT` and waited for `/readyz`. The first line
# of the log reports the download, which happens once, before the workers start. Send a first
# request:


# %%
def ask(**question):
    return httpx.post(f"{server.url}/predict", json=question, timeout=60).json()


answer = ask(user_id=user_id, top_k=3)
rows = [(item["movie_id"], item["title"], f"{item['score']:.3f}") for item in answer["items"]]
show.table(rows, columns=("id", "title", "score"))

# %%
print({name: answer[name] for name in ("model", "version", "fallback")})
print("as the core:", answer["items"] == core.recommend(user_id, 3).as_dict()["items"])

# %% [markdown]
# The answer has titles and scores, names the model and the version, and agrees with the core (the
# recommender without a server). Now send the requests of section 3 again:

# %%
rows = []
for name, question in questions.items():
    response = httpx.post(f"{server.url}/predict", json=question, timeout=60)
    body = response.json()
    said = body["error"]["message"] if "error" in body else f"movies: {len(body['items'])}"
    rows.append((name, response.status_code, said, body.get("fallback") or ""))
show.table(rows, columns=("request", "status", "answer", "fallback"))

# %% [markdown]
# An unknown user gets what most people watch, and the answer says so: `popularity`. User 0 now
# counts as unknown. `null` means the same as leaving the field out, and with one movie left the
# answer is a list with one movie. The remaining requests get a 4xx with a message that says what to
# change.
#
# ## 5. A new version, while users ask
#
# Four clients send requests without a pause. Meanwhile the alias moves to version 3, back to 2, and to 3
# again:

# %% tags=["volatile"]
bodies = [{"user_id": user, "top_k": 5} for user in range(1, 100)]
events = {}
with Flow(f"{server.url}/predict", bodies) as flow:
    flow.wait(count=requests // 8)
    for number in ("3", "2", "3"):
        events[f"{len(events) + 1}: prod is {number}"] = flow.elapsed
        client.set_registered_model_alias(MODEL, PROD, number)
        flow.wait(lambda reply, number=number: reply.body["version"] == number, count=requests // 8)
    flow.wait(count=max(1, requests - len(flow.replies)))
figure = experiments.versions_over_time(flow.replies, events, title="There, back, and there again")
show.figure(
    figure, alt="Answers over time: the colour changes after each move, and none is missing"
)

# %% [markdown]
# Each point is an answer, coloured by the version that gave it. Each dashed line is a move of the alias.
# The colour changes shortly after each line, when a worker has polled. For a moment both colours appear,
# because one worker switches earlier. Did any request fail?

# %%
print(f"{requests} or more answers:", len(flow.replies) >= requests, "· failed:", len(flow.failed))
imports = (home / "cache" / MODEL / "imports.jsonl").read_text().splitlines()
print("downloads, by two workers and three moves:", [json.loads(one)["number"] for one in imports])

# %% [markdown]
# None failed. Each version was downloaded once for both workers, and going back downloaded nothing.
#
# ### Imported code stays
#
# Why do our versions contain only data? MLflow can also store a model's *code*. Here are two
# versions of a model, each with its own module `taste.py`, loaded one after the other by one
# process:

# %%
code = """
import mlflow
class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: list[int], params=None):
        import taste
        return taste.VERSION
mlflow.models.set_model(Model())
"""
for version in (1, 2):
    source = home / f"source{version}"
    source.mkdir()
    (source / "model.py").write_text(code)
    (source / "taste.py").write_text(f"VERSION = {version}\n")
    mlflow.pyfunc.save_model(
        home / f"model{version}",
        python_model=source / "model.py",
        code_paths=[source / "taste.py"],
        pip_requirements=[],
    )
print([mlflow.pyfunc.load_model(home / f"model{version}").predict([1]) for version in (1, 2)])

# %% [markdown]
# Version 2 answers with the code of version 1. Python imports a module once under its
# name, and `taste` was imported already. So a model that brings modules needs a new process for each
# version. Ours brings arrays, and the code that reads them belongs to the service.
#
# ## 6. Is the new one better? An A/B test
#
# Better figures on old ratings are a reason to try a version, but not yet to serve it to everybody.
# In an A/B test each user gets one of two versions, and the two groups are compared. `ab_service`
# follows two aliases; as in notebook 04, a hash of the user's id decides which version answers.
# Popularity becomes `prod` and factorisation `staging`, each for half of the users:

# %%
client.set_registered_model_alias(MODEL, PROD, "1")
client.set_registered_model_alias(MODEL, STAGING, "2")
half = {"RECOMMENDER_WORKERS": "1", "RECOMMENDER_SHARE_STAGING": "0.5"}
ab, batching = pool.map(  # two at once; the second is for section 7
    lambda name, env: servers.bentoml(f"services.recommender.bento.{name}", env=env),
    ("ab_service:AbTest", "batching_service:Front"),
    (half, {"RECOMMENDER_WORKERS": "2"}),
)
ids = ratings.user_ids.ids.tolist()
with ab, httpx.Client(base_url=ab.url, timeout=60) as http:
    shown = [http.post("/predict", json={"user_id": user}).json() for user in ids]
print(Counter((answer["variant"], answer["version"]) for answer in shown))

# %% [markdown]
# (`servers.bentoml` is a helper for the same `bentoml serve`, so that several servers run side by side.)
#
# About half of the users got each version. Who clicks? These users are simulated, but the generator
# knows what they like. So their clicks can be simulated too: more on movies that they like, fewer
# further down the list.


# %%
def clicked(answers, variant):
    lists = {
        answer["user_id"]: [item["movie_id"] for item in answer["items"]]
        for answer in answers
        if answer["variant"] == variant
    }
    return list(click_rates(lists, ratings, truth, seed=seed).values())


served_half = compare(clicked(shown, "prod"), clicked(shown, "staging"))
print("click-through rates:", [f"{rate:.1%}" for rate in served_half.rates])
print(f"p-value: {served_half.p_value:.1g}")

# %% [markdown]
# With the default ratings, factorisation gets more clicks: 20.4 % of the movies that it shows,
# against 16.5 %. The p-value is the probability that chance alone produces a difference at least
# this large; here it is tiny.
#
# The users were divided into groups, so **users are compared**, with one number each. Ten movies
# shown to one user are not ten independent trials.
#
# Here are two more experiments, without a server: the same versions with only a tenth of the users
# in group B, and version 2 against version 3, which differ only in their initial weights:


# %%
def answers_of(a, b, share):
    cores = {}
    for variant, number in (("prod", a), ("staging", b)):
        place = registry.fetch(number, home / f"v{number}{variant}", tracking_uri=mlflow_server.url)
        cores[variant] = Recommender.load(place / "artifacts" / cache.FILE)
    return [
        {**cores[choose(user, share)].recommend(user).as_dict(), "variant": choose(user, share)}
        for user in ids
    ]


found = {"popularity against factorisation, half": served_half}
for name, a, b, share in (
    ("the same, a tenth in B", 1, 2, 0.1),
    ("version 2 against version 3, half", 2, 3, 0.5),
):
    answers = answers_of(a, b, share)
    found[name] = compare(clicked(answers, "prod"), clicked(answers, "staging"))
figure = experiments.differences(found, title="What three experiments found")
show.figure(figure, alt="Three intervals: one far from zero, a wide one, and one around zero")

# %%
columns = ("experiment", "users", "difference", "95 % interval", "p", "could find")
rows = [
    (
        name,
        "{} + {}".format(*one.users),
        f"{one.difference:+.1%}",
        "{:+.1%} to {:+.1%}".format(*one.interval),
        f"{one.p_value:.2g}",
        f"{one.detectable:.1%}",
    )
    for name, one in found.items()
]
show.table(rows, columns=columns)

# %% [markdown]
# Read the last column first. It is the smallest true difference that such an experiment detects in
# four of five tries. If an experiment finds nothing, a true difference smaller than this may exist.
#
# With the default ratings, the intervals of the first two rows exclude 0, but the second is wider,
# because B has few users. The third row does not show "no difference"; it shows that the true
# difference is probably within its interval.
#
# How many users would each split need to detect the difference of the first row?

# %%
spread = np.std(clicked(shown, "staging"))
for share in (0.5, 0.1, 0.01):
    print(f"{share:4.0%} in B:", users_needed(served_half.difference, spread, share), "users")

# %% [markdown]
# A small share for B is safe but slow: with 1 % in B, the test needs about 25 times as many users
# as with half. Decide on the number of users before the test, and evaluate once.
#
# ## 7. Many users in one pass
#
# Scoring one user is a small matrix product; scoring sixty is a slightly larger one. The service
# `Front`, started above, has two HTTP workers. Both pass their requests to one `Batcher`, which
# scores all waiting requests together. BentoML calls this [*adaptive
# batching*](GLOSSARY.md#adaptive-batching):

# %%
path = "services/recommender/bento/batching_service.py"
show.source(path, start="@bentoml.service(", end="for result in")

# %% [markdown]
# For each bad request, `recommend_many` returns an error as a value, because an exception would
# fail the whole batch. Half of these requests ask for too many movies:

# %%
mixed = [{"user_id": user, "top_k": 5 if user % 2 else 10_000} for user in range(1, 65)]
with batching:
    with Flow(f"{batching.url}/predict", mixed, concurrency=24) as flow:
        flow.wait(count=600)
    samples = prometheus.scrape(batching.url).set_index("name").value
print("statuses:", sorted({reply.status for reply in flow.replies}))
count, total = samples["recommender_batch_size_count"], samples["recommender_batch_size_sum"]
print("fewer passes than requests:", count < total)

# %% tags=["volatile"]
print(f"{total / count:.1f} requests a pass; statuses:", Counter(r.status for r in flow.replies))

# %% [markdown]
# Each request got its own status, and a pass scored several requests. Notebook 04 showed why the
# code sets `runner_connection`: without it, BentoML cuts off the calls in progress after every
# hundred calls.
#
# ## 8. A Bento that needs no registry
#
# A service that follows the registry suits one team on one network. Elsewhere you want the
# opposite: one fixed version, and no dependency at run time. For that, the service takes an
# argument, `model_tag`:

# %%
show.source("services/recommender/bento/service.py", start="class Arguments", end="use_arguments")

# %% [markdown]
# Copy the `prod` version from the registry into BentoML's model store, then build. In a terminal, with
# `MLFLOW_TRACKING_URI` set, these two commands do the same:
#
# ```sh
# $ python -m services.recommender.bento.build model
# $ bentoml build -f services/recommender/bento/bentofile.yaml --arg model_tag=recommender:2 --version 1.0.0
# ```

# %%
client.set_registered_model_alias(MODEL, PROD, "2")
versions_on_disk = cache.VersionCache(home / "cache", MODEL)
stored = model_store.store_registered(pull.Registry(MODEL), versions_on_disk)
built = bento_build.build(str(stored.tag), version="1.0.0")
print(built.tag, "holds", [str(model.tag) for model in built.info.all_models])

# %% [markdown]
# In the tag, the model's version is the registry's number. (BentoML's own lookup also accepts the
# beginning of a version, so `recommender:2` could match a random tag like `2t6wrvhi…`. Our code
# compares the whole tag.)
#
# Now export the Bento and import it into an empty store. Then **stop MLflow** while clients send
# requests to the service of section 4:

# %%
archive, elsewhere = home / "recommender.tar", {**os.environ, "BENTOML_HOME": str(home / "empty")}
bentoml.export_bento("recommender:1.0.0", str(archive))
command = [sys.executable, "-W", "ignore", "-m", "bentoml", "import", str(archive)]
subprocess.run(command, env=elsewhere, check=True, capture_output=True)
with Flow(f"{server.url}/predict", bodies) as flow:
    flow.wait(count=100)
    mlflow_server.stop()
    flow.wait(count=300)
print("failed:", len(flow.failed), "· readyz:", httpx.get(f"{server.url}/readyz").status_code)
print("exit code", server.stop())

# %% [markdown]
# No request failed, and readiness stayed at 200. A registry that is down is no reason to take a working
# service out of traffic. A server that started now would serve the version that the pointer names.
#
# And the Bento? It serves its model without any registry:

# %%
with servers.bentoml("recommender:1.0.0", env=elsewhere) as alone:
    answer = httpx.post(f"{alone.url}/predict", json={"user_id": user_id, "top_k": 3}).json()
expected = core.recommend(user_id, 3).as_dict()
same = [[item["movie_id"] for item in one["items"]] for one in (answer, expected)]
print("version", answer["version"], "· the core's movies:", same[0] == same[1])

# %% [markdown]
# The Bento serves version 2, and the movies are those of the core.
#
# ## What broke, and why
#
# The tests are in `tests/services/recommender/`.
#
# | Listing 10.1 or 10.2 | What happens today | Fixed by | Tested in |
# |---|---|---|---|
# | `log_model` of a module | `pt2`: an error, or no `n_items` and no `.eval()` | one file of arrays, the core's code | `test_recommender` |
# | import at every start | one copy for each worker and start | a cache by version, under a lock | `test_cache` |
# | `recommender:latest` | the last import wins, whichever it was | a pointer file | `test_cache` |
# | `runs:/…/model` | guesses the model's name | `models:/…@prod` | `test_pull` |
# | seven retries, with pauses up to 120 s | minutes of waiting | one request with a deadline | `test_pull`, `test_listing` |
# | pulls in `__init__` | probes hang, endless restarts | `@bentoml.on_deployment`, one clear line | `test_service`, `test_listing` |
# | `topk`, `null`, unknown user; `squeeze` | 500; a number in place of a list | validation; 4xx with a hint, or a fallback | `test_service`, `test_requests` |
# | user 0 | 200 with another user's taste | the fallback, named | `test_service` |
# | `id - 1` in training, `id` in serving | everything off by one | one `IdMap`, saved with the model | `test_recommender` |
# | no `requirements.txt`, no model | the build fails; the Bento needs the registry | derived requirements; `model_tag` | `test_build` |
#
# ## Summary
#
# - Pull once, before the workers start; keep versions on disk; let a pointer say which one is served.
# - Test a new version before it answers requests. Every answer names its version.
# - The registry may be down, slow or wrong: the service continues.
# - One place maps ids to rows. Training and serving share it, or they drift apart silently.
# - Compare users, not clicks, and say what your experiment could have detected.
#
# **Practise:** `make lab N=07` opens your copy of [Lab 07](../labs/lab07_mlflow_pull/lab07_mlflow_pull.ipynb),
# in which you pull a version once, keep serving while the registry is down, and replace a model under
# load.
#
# **Next:** [08 · MLflow alone](08_mlflow_only.ipynb) serves the same model with nothing but MLflow.

# %% tags=["teardown"]
chapter.__exit__(None, None, None)
for running in (server, batching, mlflow_server):
    running.stop()
pool.shutdown()
shutil.rmtree(home, ignore_errors=True)
print("left of the stores:", home.exists())
