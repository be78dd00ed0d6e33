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
# **Where you are:** chapter section 10.6, "Using only MLFlow to create an inference service" · about
# 40 minutes · before this: [07 · The registry's model behind BentoML](07_mlflow_pull.ipynb) · next:
# [09 · KServe](09_kserve.ipynb)
#
# MLflow trained nothing here and drew nothing, but it knows every version and where its files lie. It
# can serve them, too: one command, no service to write. This notebook runs that command, asks it good
# and bad questions, looks at what it leaves out, and then watches the model for drift.
#
# ## After this notebook you can
#
# - serve a registered version with `mlflow models serve`, and say which payloads it takes,
# - tell what MLflow's door does with bad input, and put a better one in front of it,
# - read the Dockerfile that MLflow writes, and write a smaller one,
# - serve the same model with MLServer, which MLflow used to start by itself,
# - find out from a log that the people who ask have changed.

# %% [markdown]
# The alias to serve, how many movies to ask for, and what is going to change among the users at the
# end: `audience`, `newcomers` or `taste`.

# %% tags=["parameters"]
alias, top_k, change = "prod", 3, "taste"

# %% [markdown]
# What this machine has: `MISSING` stops you, `NOT RUN HERE` skips a step. Each such line ends with the
# command that mends it.

# %% tags=["setup", "volatile"]
from services.workbench import preflight

print(*preflight.report(), sep="\n")

# %% tags=["setup"]
import io
import json
import logging
import os
import re
import shutil
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import mlflow
import pandas as pd
from click.testing import CliRunner
from mlflow.models.cli import commands
from mlflow.pyfunc import scoring_server
from mlflow.tracking import MlflowClient
from mlflow.types.schema import ColSpec, Schema
from starlette.testclient import TestClient

from services.environment import ROOT, build_dir
from services.recommender import mlflow_door, mlflow_image, mlflow_requests, registry
from services.recommender.recommender import Recommender
from services.workbench import containers, drift_plots, mlserver, plots, scoring, show
from services.workbench import timing, tracking

# %% [markdown]
# A tracking server of this notebook's own, with three small versions in its registry: notebook 00
# showed how they get there.

# %% tags=["setup"]
place = build_dir() / "notebooks" / "mlflow_only"
shutil.rmtree(place, ignore_errors=True)
logging.getLogger("mlflow").setLevel(logging.ERROR)
tracker = tracking.server(place / "tracking")
mlflow.set_tracking_uri(tracker.url)
rows = [(v.number, ", ".join(v.aliases)) for v in registry.ensure(tracker.url)]
show.table(rows, columns=("version", "alias"))

# %% [markdown]
# ## 1. One command
#
# The chapter's script has two lines: one says where the tracking server is, in an environment variable,
# the other is the command. This is ours; the model's address is `models:/NAME@ALIAS`:

# %%
show.source(scoring.server, start="command = [", end="workers)]")

# %% [markdown]
# It takes a while to start, as it imports MLflow. A thread waits for it while you read on. Meanwhile,
# fetch the same version's files, for the core in this process:

# %%
model_uri = f"models:/{registry.MODEL}@{alias}"
pool = ThreadPoolExecutor()
starting = pool.submit(scoring.server, model_uri, tracker.url)
version = str(registry.version_of(alias).number)
folder = registry.fetch(int(version), place / "version")

# %% [markdown]
# Ours has four options more than the chapter's. What are their defaults?

# %%
serve = commands.commands["serve"]
defaults = {option.name: option.default for option in serve.params}
print({name: defaults[name] for name in ("host", "port", "env_manager", "workers")})

# %% [markdown]
# **Erratum 27.** The port: 5000, where the tracking server listens in the very same script. On one
# machine the command finds its address in use. Give it another one.
#
# **Erratum 28.** The chapter calls it the easy way to try a model. By default it first makes a new
# environment: `virtualenv` means pyenv for the Python, and a package index for everything that the model
# lists. `local` serves with the packages that are here. That is right if they are those that
# the model was logged with, and MLflow warns in the log if they are not.
#
# ## 2. Ask
#
# The server says which version of MLflow it is, and whether it lives, under two names. (Another one, for
# section 7, starts in the background.)

# %%
server = starting.result()
in_section_7 = pool.submit(mlserver.server, folder, version=version)
for path in ("/ping", "/health", "/version", "/metrics", "/readyz"):
    answer = httpx.get(server.url + path)
    print(f"{path:9} {answer.status_code} {answer.text.strip()[:30]}")

# %% [markdown]
# No metrics, and no readiness apart from liveness: it listens only when the model is loaded, so until
# then a probe is refused. The endpoint that answers is `/invocations`. A question is a row in a table;
# what is the same for all rows goes into `params`:

# %%
core = Recommender.load(folder / "artifacts" / "recommender.npz", version=version)
user = int(core.user_ids.ids[4])
body = {"dataframe_records": [{"user_id": user}], "params": {"top_k": top_k}}
answer = httpx.post(f"{server.url}/invocations", json=body).json()
print(json.dumps(answer, indent=1)[:420], "…")

# %% [markdown]
# Is it what the core says? Not for one user, for all of them, in one request:

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
# The adapter is a page. MLflow calls its `predict` with a table and the parameters:

# %%
show.source("services/recommender/mlflow_model.py", start="top_k = (params", end="dtype=object")

# %% [markdown]
# ## 3. Payloads
#
# MLflow's documentation shows several forms of JSON, and CSV. Here is one question in all of them, and
# once as a beginner would send it:

# %%
rows = []
for sent in mlflow_requests.same_question(user, [1], top_k):
    got = scoring.send(server.url, sent.body, content_type=sent.content_type)
    movies = [item["movie_id"] for found in got.predictions for item in found["items"]]
    rows.append((sent.name, got.status, movies or got.message[:74] + "…"))
show.table(rows, columns=("payload", "status", "movies, or what the client is told"))

# %% [markdown]
# The five forms of JSON say the same. CSV has no way to tell a list from a text, so MLflow does not try.
# And the question alone, as notebook 07's service takes it, is refused: MLflow knows tables only.
#
# Rows need not be alike. Where a field is left out, pandas fills the hole with its "not a number", which
# is no list; our adapter knows that:

# %%
mixed = [{"user_id": user, "rated": [1]}, {"user_id": user}, {"user_id": user, "rated": None}]
print([len(found["items"]) for found in scoring.ask(server.url, mixed, top_k=top_k)])

# %% [markdown]
# You can try a payload without any server, too. `mlflow.models.predict` is the command
# `mlflow models predict`, from a file to a file:

# %%
asked, answered = place / "asked.json", place / "answered.json"
asked.write_text(json.dumps(body))
mlflow.models.predict(
    model_uri, input_path=str(asked), output_path=str(answered), env_manager="local"
)
print("the same answer:", json.loads(answered.read_text()) == answer)

# %% [markdown]
# Older pages use `validate_serving_input` for it. It still works; MLflow says what to do instead:

# %%
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always", FutureWarning)
    table = mlflow.models.validate_serving_input(model_uri, json.dumps(body))
print("the same answer:", table.to_dict("records") == answer["predictions"])
print(said[-1].message)

# %% [markdown]
# ## 4. What bad input gets
#
# Now the questions that nobody should send, and somebody will:

# %%
bad = mlflow_requests.bad_questions(user)


def told(send):
    for sent in bad:
        got = send(sent)
        text = got.message or f"{len(got.predictions[0]['items'])} movies"
        yield sent.name, got.status, got.code, text if len(text) < 90 else f"{text[:88]} …"


def at_mlflow(sent):
    return scoring.send(server.url, sent.body, content_type=sent.content_type)


show.table(list(told(at_mlflow)), columns=("sent", "status", "code", "what the client is told"))

# %% [markdown]
# Most get a 400. Where our model refuses, its message and code are the house's: the adapter raises
# MLflow's own exception and hands it `code`, `message` and `hint`. Three things are wrong:
#
# 1. Without a content type: 500. MLflow takes the header apart and does not look whether it is there.
# 2. A misspelt `topk`, or `top_k` in the row: 200, and ten movies. What the signature does not name is
#    dropped, with a warning in the log that no client sees.
# 3. What MLflow itself refuses has a message for programmers, and no hint.
#
# A fourth thing was wrong until we mended it. This model's signature says `any` for `user_id`; one would
# rather name the type, `long`. MLflow then checks it, of a table as well as of JSON. Or does it?

# %%
from mlflow.models.utils import _enforce_schema
from mlflow.utils.proto_json_utils import dataframe_from_parsed_json

schema = Schema([ColSpec("long", "user_id")])
for value in (5.5, True, "5"):
    [row] = dataframe_from_parsed_json([{"user_id": value}], "records", schema).user_id
    try:
        _enforce_schema(pd.DataFrame({"user_id": [value]}), schema)
    except mlflow.MlflowException as error:
        print(f"{value!r:5} in JSON: user {row} · in a table: {str(error).rpartition('. ')[2]}")

# %% [markdown]
# **Erratum 29.** To a table MLflow is strict, as its documentation promises: it converts nothing that
# cannot be converted safely. JSON it converts first and checks afterwards. So 5.5 gets somebody else's
# recommendations, with status 200. With `any` the value comes as it was sent, and the core refuses it,
# as it does behind every other door.
#
# ### What goes out
#
# And when something breaks that is nobody's input? CSV was such a case. Look at the whole answer:

# %%
answer = httpx.post(
    f"{server.url}/invocations", content="user_id\n5\n", headers={"content-type": "text/csv"}
)
trace = answer.json()["stack_trace"]
print(answer.status_code, re.findall(r"/(\w+/\w+\.py)\\?\", line", trace))
print("in the server's log:", "parse_csv_input" in server.log.read_text())

# %% [markdown]
# **Erratum 30.** The stack trace goes to the *client*, with the paths of the server's files, and not
# into the log, where you would look for it.
#
# And if the model itself breaks? Load it here, take its core away, and put MLflow's application on it:

# %%
broken = mlflow.pyfunc.load_model(str(folder))
del broken.unwrap_python_model().recommender
application = scoring_server.init(broken)
print(TestClient(application).post("/invocations", json=body).status_code)

# %% [markdown]
# A good question, a broken model, and 400, "bad request": the client looks for a mistake that it did not
# make, and an alert on 5xx never rings.
#
# ## 5. A door in front
#
# MLflow's server is an ASGI application, so a middleware can stand before it. This one checks the
# content type, keeps stack traces for the log, and gives every error the shape that all services of
# this repository use:

# %%
show.source(mlflow_door.mend, start="try:")

# %%
show.source(mlflow_door.create_app)

# %% [markdown]
# The same bad questions at that door. It needs no server to be tried:

# %%
os.environ["MODEL"] = str(folder)
door = TestClient(mlflow_door.create_app(), raise_server_exceptions=False)


def at_our_door(sent):
    content = sent.body if isinstance(sent.body, str) else json.dumps(sent.body)
    headers = {"content-type": sent.content_type} if sent.content_type else {}
    return scoring.outcome(door.post("/invocations", content=content, headers=headers))


show.table(list(told(at_our_door)), columns=("sent", "status", "code", "what the client is told"))

# %% [markdown]
# No 500 is left, and every refusal has a code. And the broken model is a 500 now, as it should be:

# %%
written = io.StringIO()
mlflow_door.log.addHandler(logging.StreamHandler(written))
behind = TestClient(mlflow_door.Door(application)).post("/invocations", json=body)
print(behind.status_code, behind.json())
print("in the log:", written.getvalue().split("\n")[-3])

# %% [markdown]
# The two that were answered with ten movies still are:
# the names were dropped before the model saw them. BentoML's service in notebook 07 reads the body
# itself and refuses both.
#
# ## 6. The alias moves
#
# Say another version gets the alias while the server runs. Ask again:

# %%
client = MlflowClient()
client.set_registered_model_alias(registry.MODEL, alias, "1")
[answer] = scoring.ask(server.url, [{"user_id": user}], top_k=1)
print(f"{alias} is version", registry.version_of(alias).number, "· served:", answer["version"])
client.set_registered_model_alias(registry.MODEL, alias, version)

# %% [markdown]
# The model is fetched when the server starts; the alias is not looked at again. So promoting means
# starting anew: a rolling restart, by Kubernetes for instance. In notebook 07 the service swapped by
# itself. Here the answer at least says which version it is from, because the adapter reads it from the
# folder; MLflow's protocol has no place for it.
#
# ## 7. MLServer
#
# For many requests the chapter builds a container with `--enable-mlserver`. Try it:

# %%
build = ["build-docker", "-m", model_uri, "-n", "recommender_service", "--enable-mlserver"]
print(CliRunner().invoke(commands, build).output.splitlines()[-1])

# %% [markdown]
# **Erratum 31.** The option is gone from MLflow 3. The last release of MLServer, 1.7.1, is of June 2025,
# and it does not fit beside the other packages. Compare what it pins with what this repository has:

# %%
for lock in (mlserver.LOCK, ROOT / "requirements.txt"):
    print(lock.relative_to(ROOT), re.findall(r"^(?:fastapi|starlette)==.*", lock.read_text(), re.M))

# %% [markdown]
# So it gets an environment of its own, `make mlserver-env`, and is started by its own command. Of ours
# there is one file, over the core. It speaks the Open Inference Protocol ("V2"), as KServe does:

# %%
show.source("services/recommender/mlserver_runtime.py", start="async def predict", end="],")

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
# The same answer? And what does it say to a bad question?

# %% tags=["volatile"]
if second:
    [output] = infer("recommender", tensor).json()["outputs"]
    print("as the core:", json.loads(output["data"][0]) == core.recommend(user).as_dict())
    refused = infer("recommender", {**tensor, "data": [-1]})
    print(refused.status_code, refused.json()["error"])

# %% [markdown]
# MLServer has a runtime for MLflow's models, too, which needs no file of ours. It answers
# `/invocations` as MLflow does. In the V2 protocol it fails with this model: our answer has a `null` in
# a column of text, and its tables cannot hold one.

# %% tags=["volatile"]
if second:
    print(len(scoring.ask(second.url, [{"user_id": user}])), "answer from /invocations")
    print(infer("recommender_mlflow", tensor).status_code, "from V2, of a good question")
    second.stop()

# %% [markdown]
# ## 8. A container
#
# `mlflow models build-docker` needs an engine and minutes. Its sibling `generate-dockerfile` writes
# down what it would do. Without options it takes the smallest of its variants, `--env-manager local`:


# %%
def dockerfile(*options):
    out = place / "-".join(["dockerfile", *options])
    CliRunner().invoke(
        commands, ["generate-dockerfile", "-m", str(folder), "-d", str(out), *options]
    )
    return out / "Dockerfile"


text = re.sub(r"3\.11\.\d+", "3.11.…", dockerfile().read_text())
print(*re.findall(r"^(?:FROM|RUN (?!printf)|COPY|ENTRY).{,88}", text, re.M), sep="\n")

# %% [markdown]
# Read it aloud: nginx in front, everything as root, and the model comes before its packages, so each
# new version installs them again. Next, the variant `virtualenv`. It is what `build-docker` does if you
# give no option, as in the chapter:

# %%
lines = dockerfile("--env-manager", "virtualenv").read_text().splitlines()
told_so = [line for line in lines if re.search(r"^FROM|github|openjdk|build-essential", line)]
print(*(line.strip()[:88] for line in told_so), sep="\n")

# %% [markdown]
# **Erratum 32.** A compiler, a Python built by pyenv from GitHub, and Java, in an image that
# multiplies two small tables. MLflow's own help says that Java is *not* installed for such a model, and
# that both commands make the same image; neither is so in 3.17.
#
# When it runs, nginx passes on `/ping` and `/invocations` and nothing else, so the chapter's `/health`
# (**erratum 33**) is a 404. The variable `DISABLE_NGINX=true` takes nginx away; what is left listens on
# 127.0.0.1 of the container, where nobody outside can reach it. `make nightly` builds that image and
# shows all of it. This is what we would run instead:

# %%
show.source("infra/mlflow/Dockerfile", start="FROM")

# %% [markdown]
# No root, the packages before the model, our door. It installs `mlflow-skinny`, MLflow without its
# tracking server, and no torch: the core scores in NumPy.

# %%
whole = (folder / "requirements.txt").read_text().splitlines()
print(len(mlflow_image.requirements()), "packages; the model's own list has", len(whole))

# %% tags=["needs-engine"]
try:
    engine = containers.find_engine()
    if not containers.has_image(engine, mlflow_image.IMAGE):
        raise containers.NotRunError(
            "NOT RUN HERE: no image; python -m services.recommender.mlflow_image FOLDER"
        )
    print(containers.size(engine, mlflow_image.IMAGE) // 10**6, "MB")
except containers.NotRunError as missing:
    print(missing)

# %% [markdown]
# ## 9. What a table costs
#
# The same question to the core, to the model as MLflow loads it, and to the server:

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
figure = plots.ratio_bars(list(times), list(times.values()), reference="core")
alt = "Bars: pyfunc takes several times as long as the core, the scoring server longer still"
show.figure(figure, alt=alt, dpi=80)

# %% [markdown]
# What is between the first bar and the others is tables: making them, checking them against the
# signature, and turning them into JSON. For a small model that is nearly all the time. For hundreds of
# users in one request it hardly counts; so a table is the right thing for batches.
#
# ## 10. Watching the model
#
# A model that was good when it was promoted can go stale while nothing in its code changes. MLflow's
# server keeps no log of what it was asked; notebook 07's service does. To learn how one reads such a
# log, draw one: then you know the truth. First 2,000 requests of a good time, the *reference*:

# %%
from services.drift.distance import compare
from services.drift.monitor import DriftMonitor, Promise
from services.recommender import drift_study
from services.recommender.drift_traffic import Traffic
from services.recommender.synthetic import make_ratings

_, truth = make_ratings(**registry.SMALL)
traffic = Traffic(core, truth)
reference = traffic.requests(2000, "nothing", 0)
reference.head(3)

# %% [markdown]
# A row is a request: how many movies were asked for, how much the user has rated, of which genre the
# list has most, how well known its movies are, the best score. `clicked` comes later, from the page
# that showed the list.
#
# Now the taste of a fifth of the users moves. Nobody tells the model. Hold 500 requests from before and
# 500 from after against the reference. The **PSI** compares the shares of ten bins; the test, KS for
# numbers and chi-squared for names, asks how likely chance alone is:

# %%
same = compare(reference, traffic.requests(500, "nothing", 1))
moved = compare(reference, traffic.requests(500, change, 2))
rows = [
    (one.feature, one.test, round(one.psi, 3), round(two.psi, 3), f"{two.p_adjusted:.2g}")
    for one, two in zip(same, moved, strict=True)
]
show.table(rows, columns=("feature", "test", "PSI, before", "PSI, after", "p, after"))

# %% [markdown]
# One line moved, and it is not one of the questions or answers. The same users ask and get the same
# lists; they only like them less. **A log of inputs and outputs cannot show that a taste has changed.**
# What people do with the answers can.
#
# ### When is it an alarm?
#
# The habit is "PSI above 0.25". But the PSI of two samples is never 0: the fewer the requests, the
# larger it is by chance. A monitor that looks at six features every 50 requests needs limits that were
# made for that. Ours plays many services in which nothing changes, and takes the lowest limits that
# keep its promise:

# %%
promise = Promise(window=500, every=50)
monitor = DriftMonitor(reference, promise)
print(promise)
print({name: round(limit, 3) for name, limit in monitor.limits.items()})

# %% [markdown]
# Feed it 1,500 quiet requests, then 1,500 after the change:

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
# The lines wander below 1 as long as nothing changes, which is the promise. After the change one of
# them climbs while the window fills with new requests. It is the clicks; the others go on wandering.
#
# One stream is an anecdote. `python -m services.recommender.drift_study` plays 200 services for each
# kind of change; this is what it wrote down:

# %%
study = pd.read_csv(drift_study.RESULT)
columns = ["scenario", "detector", "alarmed", "median", "ninth"]
ours = study[study.detector.str.contains("PSI|limit")]
show.table(ours[columns].fillna("-").values.tolist(), columns=columns)

# %% [markdown]
# `nothing` is the rate of false alarms: under 5 of 100, as promised. `median` and `ninth` are the requests
# from the change to the alarm, in half of the services and in nine of ten. The change of taste is found
# in every one of them by the clicks, and in none by the log beyond what chance does. The limit of habit
# finds newcomers, finds a new audience late or not at all, and a new taste never.
#
# ### Where it is kept
#
# The figures belong beside the model. A run takes them as metrics, with the requests for steps, so
# MLflow's pages draw the same curves:

# %%
with mlflow.start_run(run_name="drift"):
    mlflow.log_params({"model": model_uri, "window": promise.window, "reference": len(reference)})
    for requests, look in looks.iloc[::5].iterrows():
        mlflow.log_metrics({f"psi.{name}": psi for name, psi in look.items()}, step=requests)
    run = mlflow.active_run().info.run_id
kept = client.get_metric_history(run, "psi.clicked")
print([(metric.step, round(metric.value, 3)) for metric in kept][-3:])

# %% [markdown]
# **evidently** is a library for all of this, with a page to look at. It divides by a column's spread, so
# one that is always the same (`top_k` here) stays out. Its verdicts:

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
# It agrees about what moved. Its thresholds do not know how many requests
# there were, nor that it is asked every day; ours do. The page itself is in
# `build/notebooks/mlflow_only/drift.html`.
#
# ## What broke, and why
#
# - **The port, the environment, the option**: three defaults of another time or another machine.
# - **5.5 became user 5**: a signature converts before it enforces.
# - **A stack trace for the client, none for the log**: an error handler for developers, in production.
# - **An image with Java**: a template for every kind of model serves none of them well.
#
# ## Summary
#
# - `mlflow models serve` serves any registered version in a line. It takes tables; good for batches, for
#   trying a version, for a team without a service of its own.
# - It has no metrics, no log of answers, no swap while it runs, and no house style for errors. A door of
#   a page mends the last.
# - `build-docker` makes an image that runs. A Dockerfile of ten lines makes one that is smaller, not
#   root, and reachable.
# - MLServer still serves the model, from an environment of its own.
# - Drift of taste shows in what people do, not in what they ask. Limits are made from a promise.
#
# Where is MLflow alone enough? Where whoever calls is a colleague or a batch job that speaks tables.
# Where strangers call, put the core behind a service: notebook 07, or KServe in notebook 09.
#
# **Practise:** in [Lab 08](../labs/lab08_mlflow_only/lab08_mlflow_only.ipynb) you write what MLflow serves
# and what it is asked, refuse a worse version, and set an alarm for drift.
#
# **Next:** [09 · KServe](09_kserve.ipynb) gives the models to a cluster.

# %% tags=["teardown"]
http.close()
for running in (server, tracker):
    running.stop()
pool.shutdown()
