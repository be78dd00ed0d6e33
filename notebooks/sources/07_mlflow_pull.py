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
# **Where you are:** chapter section 10.5.1, "BentoML and MLFlow inference" · about 40 minutes · before
# this: [06 · A Bento, and a container](06_bento.ipynb) · next: [08 · MLflow alone](08_mlflow_only.ipynb)
#
# MLflow's **registry** knows which version of a model is in production: the one with the alias `prod`.
# BentoML serves it. Between the two stands a sentence that is easy to say: *the service takes the model
# that is `prod`*. When does it? What if the registry is down, or the alias moves while users ask?
#
# ## After this notebook you can
#
# - find what goes wrong when a service pulls its model in its constructor,
# - see a recommender that is one movie off, and make that impossible,
# - let a running service take a new version without losing a request, and go back,
# - build a Bento that holds the promoted version and needs no registry,
# - answer many users in one pass, and test whether a new version is better.

# %% [markdown]
# The data are drawn, so that there is a truth to hold the models against; `seed` draws others. `user_id`
# is one of the users. `requests` is how many questions flow, at least, while the model is exchanged.

# %% tags=["parameters"]
n_users, n_movies, n_ratings, seed = 600, 900, 36_000, 1
user_id = 42
requests = 2_000

# %% [markdown]
# What this machine has: `MISSING` stops you, `NOT RUN HERE` skips a step. Each such line ends with the
# command that mends it.

# %% tags=["setup", "volatile"]
from services.workbench import preflight

print(*preflight.report(), sep="\n")

# %% [markdown]
# BentoML reads `BENTOML_HOME` when it is imported. This notebook has a store of its own:

# %% tags=["setup"]
import json
import logging
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

from services.environment import build_dir
from services.workbench import tracking

home = build_dir() / "notebooks" / "mlflow_pull"
shutil.rmtree(home, ignore_errors=True)
home.mkdir(parents=True)
os.environ["BENTOML_HOME"] = str(home / "store")
pool = ThreadPoolExecutor()
starting = pool.submit(tracking.server, home / "mlflow")  # it takes a while; meanwhile:

# %% tags=["setup"]
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import bentoml
import httpx
import mlflow
import numpy as np
import torch
from mlflow import MlflowClient, environment_variables
from starlette.testclient import TestClient
from urllib3 import Retry
from urllib3.exceptions import ConnectTimeoutError

# %% tags=["setup"]
from services.recommender import bento, cache, live, model_store, pull, registry
from services.recommender.ab_service import choose
from services.recommender.experiment import click_rates, compare, users_needed
from services.recommender.questions import Question
from services.recommender.recommender import Recommender
from services.recommender.registry import MODEL, PROD, STAGING
from services.recommender.synthetic import make_ratings
from services.workbench import experiments, prometheus, servers, show
from services.workbench.flow import Flow

for name in ("mlflow", "bentoml"):
    logging.getLogger(name).setLevel(logging.CRITICAL)

# %% [markdown]
# ## 1. A registry with three versions
#
# The tracking server of notebook 00, and in it what `registry.ensure` trains in a second or two if the
# registry is empty: popularity, matrix factorisation, and the same once more with other first weights.

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
# ## 2. What the chapter's listing does
#
# Listing 10.1 serves a PyTorch module. It has two tables of numbers, a row for each user and one for
# each movie; the product of two rows is the score. Ours already has such tables, so a module can be
# made of them. It gets **one row too many, and row `id - 1` belongs to `id`**: that is how the book's
# public repository trains
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
# Log it as the repository does:

# %%
module = Module(users, movies)
try:
    mlflow.pytorch.log_model(module, "model")
except mlflow.MlflowException as error:
    print(show.one_line(error))
mlflow.end_run()

# %% [markdown]
# **Erratum 18.** MLflow's default is now `pt2`, a traced graph. It wants an example and a signature of
# tensors. Given both, it stores the arithmetic and not the class: what loads has no `n_items`, and its
# `.eval()` raises, so the listing ends either way. A pickle still works. (It runs any code that is in
# it; our own versions are one file of arrays.)

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
# And this is what the listing does when it starts, in our words: ask which run is `prod`, copy that
# run's model into BentoML's store, take the newest one in there.


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
# **Erratum 19.** Every start of every worker makes a copy, under a random tag, and nothing removes it.
# **Erratum 20.** `:latest` is the copy that was made *last, by anybody*. Two workers that start while the
# alias moves can serve two models; after a rollback somebody else's import decides.
#
# Now with our own version, which is `prod` as well:

# %%
try:
    start_like_the_chapter(MODEL)
except Exception as error:
    print(show.one_line(error))

# %% [markdown]
# The message is BentoML's own accident on the way out. What happened first: nothing was found to copy.
# **Erratum 21.** An alias names a *version*. `runs:/…/model` names a run, and guesses what the model in
# it is called. Ours is not called `model`. In MLflow 3 models have addresses of their own, and
# `models:/recommender_production@prod` needs no guess.
#
# Where is the registry? The listing says `mlflow:8080`, the next section of the chapter `mlflow:5000`,
# for the same server. **Erratum 22.** Behind a wrong address, or while MLflow restarts, its client is
# patient. How patient can be asked of the class that counts for it:

# %%
retries = environment_variables.MLFLOW_HTTP_REQUEST_MAX_RETRIES.default
factor = environment_variables.MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR.default
retry, waits = Retry(total=retries, backoff_factor=factor), []
for _ in range(retries):
    retry = retry.increment(error=ConnectTimeoutError())
    waits.append(retry.get_backoff_time())
print(f"{retries} retries, after {waits} seconds: in all {sum(waits) / 60:.1f} minutes at least")

# %% [markdown]
# All that time is spent in a constructor. BentoML's worker answers no probe before that is through,
# `/readyz` hangs, and when it raises in the end, the worker is started again, for ever.
#
# ## 3. Its answers
#
# The listing's `predict`, in our words. `TestClient` calls a service without a server:


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
# Three numbers and no titles. Some questions that a client may well ask:

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
    [(n, a.status_code, a.text[:60]) for n, a in answers.items()], ("question", "", "answer")
)

# %% [markdown]
# **Erratum 23.** What the client did wrong is answered 500, "the server's fault", with nothing to go by.
# With one movie left, `.squeeze()` squeezes the list away: `1` in place of `[1]`. And one answer is worse:
# there is no user 0, yet `0` gets a 200. Row 0 is *somebody's* row. **Erratum 24.** Whose?

# %%
print("user 0 is answered with:", answers["user 0"].json())
scores = core.model.scores(np.array([0]))[0]  # the first user's, by index
print("best rows for user 1:   ", np.argsort(-scores)[:3].tolist())

# %% [markdown]
# User 1's rows; and where the two lists differ, with the last row, which no training has touched. Read
# that again: the *rows* of user 1's best movies are returned as if they were *ids*. The table was trained
# with `id - 1` and is asked with `id`. In training, row 301 is movie 302. In serving it is movie 301.
# Nothing fails. Look at it with titles:

# %%
titles = (*core.movies.titles, "(nothing: no training has touched this row)")
wrong = chapter.post("/predict", json={"user_id": user_id, "top_k": 6}).json()
rows = [(titles[row - 1], titles[row]) for row in wrong]
show.table(rows, columns=(f"served to user {user_id}", f"what the model meant, for {user_id + 1}"))

# %% [markdown]
# **Erratum 25, the worst.** Every movie is the one *before* the movie that the model meant, and the
# opinion is that of the next user. Every status is 200, every metric is green, and the figures of the
# training are as good as they were. This is **training/serving skew**. The remedy is not to be careful.
# It is to do the sum in one place only. An `IdMap` is made when the ratings are read, saved in the same
# file as the model, and used by everybody:

# %%
place = core.user_ids.get(user_id)
print("user", user_id, "has row", place, "and row", place, "is user", core.user_ids.raw(place))
print([item.title for item in core.recommend(user_id, 3).items])

# %% [markdown]
# Last, the build file. Listing 10.2 names a `requirements.txt` that the chapter does not show, and no
# model:

# %%
place = home / "listing"
place.mkdir()
(place / "service.py").write_text(
    "import bentoml\n@bentoml.service\nclass RecommenderRunnable: ...\n"
)
options = {"requirements_txt": "./requirements.txt", "lock_packages": False}
build = {
    "service": "service:RecommenderRunnable",
    "build_ctx": str(place),
    "include": ["*.py"],
}
try:
    bentoml.build(**build, python=options)
except Exception as error:
    print(show.one_line(error))
(place / "requirements.txt").write_text("mlflow\ntorch\n")
print("models in it:", bentoml.build(**build, python=options).info.all_models)

# %% [markdown]
# **Erratum 26.** The list has to be written, and the Bento holds no model: what one carries to another
# machine asks the registry there, as above.
#
# ## 4. The good version
#
# Who needs the model, and when? Three places, three answers:
#
# 1. **Before the workers start**, once, in the process that starts them: `@bentoml.on_deployment`.
# 2. **A worker** reads from this machine's disk, never from the registry.
# 3. **While they serve**, a process of its own asks the registry and moves a *pointer*. Workers follow
#    that.

# %%
show.source("services/recommender/service.py", start="@bentoml.on_deployment", end="answer_log")

# %% [markdown]
# Why a process of its own, when a thread in a worker would do? It was a thread at first. Then a test
# under load lost a batch. MLflow's client imports pandas, which takes a second, and BentoML
# looks for `pandas.DataFrame` whenever it puts a batch together. It met a pandas that was half imported.

# %% [markdown]
# In that process `prepare` runs first. It asks the registry, with one retry and five seconds of
# patience. If nothing comes, the version that was served last will do. If there is none, the start ends
# with one line that says why:

# %%
show.source(pull.prepare, start="return registry.pull")

# %% [markdown]
# The pointer is a small file. "The newest in the store" is not a pointer: after a rollback the newest
# one is the wrong one. A version is downloaded to one side, **asked a few questions**, and then renamed
# into place. A half download or a model of NaN never has a name:

# %%
show.source(cache.VersionCache.add, start="with self._lock", end="whole.rename")

# %% [markdown]
# And the exchange itself. The old version serves until the new one is loaded and tested; then one
# assignment, and the next request has the new one:

# %%
show.source(live.LiveRecommender.follow, start="try:", end="from here on")

# %% [markdown]
# Two workers, and a poll each half second instead of each ten:

# %%
env = {
    "RECOMMENDER_CACHE": str(home / "cache"),
    "RECOMMENDER_LOG": str(home / "log"),
    "RECOMMENDER_POLL_SECONDS": "0.5",
    "RECOMMENDER_WORKERS": "2",
}
server = servers.bentoml("services.recommender.service:Recommender", env=env)


def ask(**question):
    return httpx.post(f"{server.url}/predict", json=question, timeout=60).json()


answer = ask(user_id=user_id, top_k=3)
show.table([tuple(item.values()) for item in answer["items"]], columns=("id", "title", "score"))

# %%
print({name: answer[name] for name in ("model", "version", "fallback")})
print("as the core:", answer["items"] == core.recommend(user_id, 3).as_dict()["items"])

# %% [markdown]
# Titles, scores, and who answered. The questions from above, once more:

# %%
rows = []
for name, question in questions.items():
    response = httpx.post(f"{server.url}/predict", json=question, timeout=60)
    body = response.json()
    said = body["error"]["message"] if "error" in body else f"movies: {len(body['items'])}"
    rows.append((name, response.status_code, said, body.get("fallback") or ""))
show.table(rows, columns=("question", "", "answer", "fallback"))

# %% [markdown]
# Nobody knows an unknown user's taste, so the answer is what most people watch, and it says so:
# `popularity`. Users 0 and 601 are both unknown now. `null` is the same as nothing. The others are told
# what to change, with the number that is left.
#
# ## 5. A new version, while users ask
#
# Four users ask all the time. The alias moves to version 3, back to 2, and to 3 again:

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
# Each point is an answer. After each dashed line the colour changes as soon as a worker has looked; for
# a moment both colours are there, one worker being earlier. Nothing has failed:

# %%
print("as many as wanted:", len(flow.replies) >= requests, "· failed:", len(flow.failed))
imports = (home / "cache" / "imports.jsonl").read_text().splitlines()
print("downloads, by two workers and three moves:", [json.loads(one)["number"] for one in imports])

# %% [markdown]
# Each version was fetched once, for both workers; going back fetched nothing.
#
# ### Code that stays
#
# Why does our version hold data only? MLflow can also carry a model's *code*. Two versions of a model,
# each with its own `taste.py`, loaded one after the other by one process:

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
# Version 2 answers with the code of version 1. Python imports a module once, under its name, and
# `taste` was there already. A model that brings helper modules needs a new process for each version.
# Ours brings arrays, and the code that reads them is the service's.
#
# ## 6. Is the new one better? An A/B test
#
# A better figure on old ratings is a reason to try a version, not yet a reason to serve it to all.
# `ab_service` follows two aliases, and the id of a user says which of them answers, as in notebook 04.
# Let popularity be `prod`, and factorisation `staging`, half of the users each:

# %%
client.set_registered_model_alias(MODEL, PROD, "1")
client.set_registered_model_alias(MODEL, STAGING, "2")
half = {**env, "RECOMMENDER_WORKERS": "1", "RECOMMENDER_SHARE_STAGING": "0.5"}
ab, batching = pool.map(  # two at once; the second is for section 7
    lambda name, env: servers.bentoml(f"services.recommender.{name}", env=env),
    ("ab_service:AbTest", "batching_service:Front"),
    (half, env),
)
ids = ratings.user_ids.ids.tolist()
with ab, httpx.Client(base_url=ab.url, timeout=60) as http:
    shown = [http.post("/predict", json={"user_id": user}).json() for user in ids]
print(Counter((answer["variant"], answer["version"]) for answer in shown))

# %% [markdown]
# Who clicks? Nobody; these users are drawn. But the generator knows what they want, so their clicks can
# be drawn as well: more on what appeals to them, less the further down it stands.


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
# The users were divided, so **users are compared**, one number each. Ten shown movies of one user are
# not ten independent trials. Two more experiments, without a server: only a tenth of the users in B, and
# version 2 against version 3, which differ in their first random weights only:


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
# Read the last column first: it is the smallest true difference that such an experiment finds in four
# of five tries. What is much smaller than that was not looked for, whatever the p-value says. The third
# row does not say "no difference"; it says "hardly more than its interval". How many users would each
# split need, for the difference that the first row found?

# %%
spread = np.std(clicked(shown, "staging"))
for share in (0.5, 0.1, 0.01):
    print(f"{share:4.0%} in B:", users_needed(served_half.difference, spread, share), "users")

# %% [markdown]
# A small share is careful, and slow. Decide on the number before the test, and look once.
#
# ## 7. Many users in one pass
#
# Scoring one user is a small matrix product, scoring sixty a slightly larger one. `Front` has two HTTP
# workers; both hand their questions to one `Batcher`, which takes all that wait. BentoML calls that
# *adaptive batching*:

# %%
path = "services/recommender/batching_service.py"
show.source(path, start="@bentoml.api(batchable", end="for result in")

# %% [markdown]
# `recommend_many` gives each bad question its own error, as a value. An exception would fail the batch.
# Half of these questions ask for too many movies:

# %%
mixed = [{"user_id": user, "top_k": 5 if user % 2 else 10_000} for user in range(1, 65)]
with batching:
    with Flow(f"{batching.url}/predict", mixed, concurrency=24) as flow:
        flow.wait(count=600)
    samples = prometheus.scrape(batching.url).set_index("name").value
print("statuses:", sorted({reply.status for reply in flow.replies}))
count, total = samples["recommender_batch_size_count"], samples["recommender_batch_size_sum"]
print("fewer passes than questions:", count < total)

# %% tags=["volatile"]
print(f"{total / count:.1f} questions a pass; statuses:", Counter(r.status for r in flow.replies))

# %% [markdown]
# Each got its own status. One setting is in the code for a reason that notebook 04 showed: without
# `runner_connection`, BentoML breaks off the calls that are under way after each hundred.
#
# ## 8. A Bento that needs nobody
#
# A service that follows the registry is right for one team on one network. Elsewhere one wants the
# opposite: *this* version, and nothing from outside. The service takes an argument, `model_tag`:

# %%
show.source("services/recommender/service.py", start="class Arguments", end="use_arguments")

# %%
client.set_registered_model_alias(MODEL, PROD, "2")
stored = model_store.store_registered(pull.Registry(MODEL), cache.VersionCache(home / "cache"))
built = bento.build(str(stored.tag), version="1.0.0")
print(built.tag, "holds", [str(model.tag) for model in built.info.all_models])

# %% [markdown]
# The tag is the registry's number. (`store` looks for exactly this tag. BentoML's own `get` takes the
# beginning of a version for the version, and the chapter's copies have random ones: `recommender:2`
# might be found in `2t6wrvhi…`.) On the command line: `bentoml build --arg model_tag=recommender:2`.
#
# Export it, take it to an empty store (paths must be absolute, as notebook 06 found), and then MLflow is
# **stopped**, while users ask the service of section 4:

# %%
archive, elsewhere = home / "recommender.tar", {**os.environ, "BENTOML_HOME": str(home / "empty")}
bentoml.export_bento("recommender:1.0.0", str(archive))
command = [sys.executable, "-W", "ignore", "-m", "bentoml", "import", str(archive)]
subprocess.run(command, env=elsewhere, check=True, capture_output=True)
with Flow(f"{server.url}/predict", bodies) as flow:
    flow.wait(count=100)
    mlflow_server.stop()
    flow.wait(count=300)
ready = httpx.get(f"{server.url}/readyz").status_code
server.stop()
print("failed:", len(flow.failed), "· readyz:", ready)

# %% [markdown]
# Nobody noticed, and the probe is green: a registry that is down is no reason to take a good service out
# of traffic. A server that starts now would serve what the pointer names. And the Bento never asks:

# %%
with servers.bentoml("recommender:1.0.0", env=elsewhere) as alone:
    answer = httpx.post(f"{alone.url}/predict", json={"user_id": user_id, "top_k": 3}).json()
expected = core.recommend(user_id, 3).as_dict()
same = [[item["movie_id"] for item in one["items"]] for one in (answer, expected)]
print("version", answer["version"], "· the core's movies:", same[0] == same[1])

# %% [markdown]
# ## What broke, and why
#
# The tests named are in `tests/services/recommender/`.
#
# | Listing 10.1 or 10.2 | What happens today | Fixed by | Tested in |
# |---|---|---|---|
# | `log_model` of a module | `pt2`: an error, or no `n_items` and no `.eval()` | one file of arrays, the core's code | `test_recommender` |
# | import at every start | a copy a worker and start | a cache by version, under a lock | `test_cache` |
# | `recommender:latest` | whoever came last | a pointer file | `test_cache` |
# | `runs:/…/model` | guesses the model's name | `models:/…@prod` | `test_pull` |
# | seven retries, 120 s each | minutes of waiting | one retry, 5 s, and a deadline | `test_pull`, `test_listing` |
# | pulls in `__init__` | probes hang, restarts for ever | `@bentoml.on_deployment`, one clear line | `test_service`, `test_listing` |
# | `topk`, `null`, unknown user; `squeeze` | 500; a number in place of a list | questions are checked; 4xx with a hint, or a fallback | `test_service`, `test_questions` |
# | user 0 | 200 with somebody else's taste | the fallback, named | `test_service` |
# | `id - 1` in training, `id` in serving | everything one off | one `IdMap`, saved with the model | `test_recommender` |
# | no `requirements.txt`, no model | does not build; asks the registry | derived requirements; `model_tag` | `test_bento` |
#
# ## Summary
#
# - Pull once, before the workers; keep versions on disk; let a pointer say which one is served.
# - A new version is tested before it answers anybody. The answer names it.
# - The registry may be down, slow or wrong: who serves goes on.
# - One place turns ids into rows. Training and serving share it, or they drift apart in silence.
# - Compare users, not clicks, and say what your experiment could have found.
#
# **Practise:** in [Lab 07](../labs/lab07_mlflow_pull/lab07_mlflow_pull.ipynb) you pull a version once, keep serving
# while the registry is down, and exchange a model under load.
#
# **Next:** [08 · MLflow alone](08_mlflow_only.ipynb) serves the same model with nothing but MLflow.

# %% tags=["teardown"]
chapter.__exit__(None, None, None)
for running in (server, batching, mlflow_server):
    running.stop()
pool.shutdown()
shutil.rmtree(home, ignore_errors=True)
print("left of the stores:", home.exists())
