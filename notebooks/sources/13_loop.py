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
# # 13 · Continuous learning, driven by papermill
#
# **Where you are:** chapter section 10.1, challenge 4, "continuous learning" · about 35 minutes · before
# this: [12 · Your own model, in an empty folder](12_own_model.ipynb) · next:
# [14 · Hardware and resources, measured](14_hardware.ipynb)
#
# A model is trained on the past. When users change, it has to learn again, and the new version must not
# be worse than the one that serves. Notebooks 00, 06, 07 and 08 showed each part by hand: training,
# promotion by a rule, a Bento, a swap under load, an A/B test, drift. In this notebook they become one
# **pipeline**: steps that run in order, without a person, and stop when something is wrong.
#
# ## After this notebook you can
#
# - run parameterised notebooks as the steps of a pipeline, and read each run afterwards,
# - let a step fail, or kill the run, and go on where it stopped,
# - put three gates before production: held-out ratings, a canary, and the rule once more,
# - roll a bad version back automatically, by its errors and by what users do,
# - schedule the same pipeline in Kubernetes or GitHub Actions.

# %% [markdown]
# `seed` is that of the simulated users. `kind` is the model that is worth releasing, `wrong_kind` one
# that is not; notebook 00 has the candidates.

# %% tags=["parameters"]
seed = 1
kind, wrong_kind = "mf-bce", "mf"

# %% [markdown]
# What this machine offers: `MISSING` stops the notebook, `NOT RUN HERE` skips a step. Each such line
# ends with the command that fixes it.

# %% tags=["setup", "volatile"]
from services.setup import preflight

preflight.needs()

# %% tags=["setup"]
import logging
import shutil
import textwrap
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace

import mlflow
import nbformat
from mlflow import MlflowClient

from services.environment import ROOT, build_dir
from services.loop import runs, world
from services.loop.playground import playground
from services.workbench import show
from services.workbench.flow import Flow
from services.workbench.plots import experiments

logging.getLogger("mlflow").setLevel(logging.CRITICAL)
home = build_dir() / "notebooks" / "loop"
shutil.rmtree(home, ignore_errors=True)
stack = ExitStack()

# %% [markdown]
# ## 1. A service, and users who change
#
# Start with what a team has before the first retraining: a tracking server, version 1 in production, and
# the running service of notebook 07 that follows the aliases `prod` and `staging`. `playground` starts
# both servers. By hand it is one command in each of two terminals:
#
# ```sh
# $ mlflow server --port 5000
# $ RECOMMENDER_SHARE_STAGING=0.3 bentoml serve services.recommender.bento.ab_service:AbTest
# ```

# %%
here = stack.enter_context(playground(home, seed=seed))
users = world.make_world(seed)
is_new = users.ratings.timestamps >= users.since
print(f"ratings: {(~is_new).sum():,} old, {is_new.sum():,} new")
print("version 1 was trained on old ratings only")

# %% [markdown]
# What changed? Half of the movies exchanged their popularity with another one: a new season. Version 1
# does not know that. How often do users click on what it recommends, before and after?

# %% tags=["volatile"]
for changed in (False, True):
    answers = world.visit(here.service.url, changed=changed, seed=seed)
    when = "after" if changed else "before"
    print(
        f"{when:<7} the change: {answers.clicks.mean():.1%} of the recommended movies are clicked"
    )

# %% [markdown]
# The share drops by a third or more, and no request fails. A monitor of errors and latencies would report
# that all is well.
#
# From now on two clients send requests until the end of section 5. At the end we count what was lost:

# %%
bodies = [{"user_id": user, "top_k": 5} for user in range(1, 200)]
flow = stack.enter_context(Flow(f"{here.service.url}/predict", bodies, concurrency=2, pause=0.2))
events = {}

# %% [markdown]
# ## 2. A step is a notebook
#
# Each step is a short notebook in `notebooks/loop/`. [**papermill**](GLOSSARY.md#papermill) executes a
# notebook with other values in the cell tagged `parameters`, and keeps the result with all outputs. By
# hand:
#
# ```sh
# $ papermill 02_retrain.ipynb build/loop/001/02_retrain.ipynb -p kind mf-bce
# ```

# %%
for step in runs.STEPS:
    notebook = runs.read_source(runs.SOURCES / f"{step}.py")
    title = notebook.cells[0].source.splitlines()[0].partition(" · ")[2]
    print(f"{step:<13} {title:<32} {', '.join(sorted(runs.parameters_in(notebook)))}")

# %% [markdown]
# On the right are each step's parameters. Some come from the start command, such as `data` and `kind`.
# The others are results of earlier steps: `candidate`, `accepted`, `click_rate`. The last cell of a step
# shows a dictionary, and the driver passes it on:

# %%
show.source(runs._step)

# %% [markdown]
# Two lines make the run resumable. A notebook is renamed to its final name only when all of its cells have
# run, so a killed step never looks complete. And a complete notebook is kept only if its parameters are the
# same.


# %%
def start(steps=runs.STEPS, **given):
    events[f"start {len(events) + 1}"] = flow.elapsed
    given = {**here.parameters, **given}
    run = runs.start(given, name="001", steps=steps, folder=home, say=lambda line: None)
    print("ran: ", ", ".join(run.ran), "\nkept:", ", ".join(run.kept) or "nothing", "\n")
    return run


# %% [markdown]
# ## 3. A step that fails
#
# The first start gets bad data. Somebody exported one rating on a scale up to 10:

# %%
ratings_file = home / "data" / "ratings.csv"
good = ratings_file.read_text()
lines = good.splitlines()
lines[7] = lines[7].replace(lines[7].split(",")[2], "9.0", 1)
_ = ratings_file.write_text("\n".join(lines) + "\n")

# %%
failed = start(kind=wrong_kind)
print(f"{failed.step}: {failed.outcome}")
lines = [line for line in failed.reasons if "cell" in line or "Error" in line]
print(textwrap.fill("\n".join(lines), 96, replace_whitespace=False, subsequent_indent="    "))

# %% [markdown]
# Step 1 found the drift. Step 2 failed, and the message says which cell and which line of the file. The
# unfinished notebook is kept as far as it came. What is in production?

# %%
print(*sorted(path.name for path in (home / "001").glob("*.ipynb")), sep="\n")
print(
    "in production: version",
    MlflowClient().get_model_version_by_alias(runs.registry.MODEL, "prod").version,
)

# %% [markdown]
# What did step 1 see? A step can be read like any notebook:

# %% tags=["volatile"]
drift = nbformat.read(home / "001" / "01_drift.ipynb", as_version=4)
print(
    *(out.text for cell in drift.cells for out in cell.get("outputs", []) if "text" in out), sep=""
)

# %% [markdown]
# The alarm comes from what users do with the answers, as in notebook 08: the same users ask for the same
# number of movies as before.
#
# ## 4. A version that is refused
#
# Repair the file and start again. This model predicts stars; in notebook 00 it had the smallest rating
# error and the worst lists:

# %% tags=["volatile"]
_ = ratings_file.write_text(good)
refused = start(kind=wrong_kind)
print(f"{refused.step}: {refused.outcome}", *refused.reasons, sep="\n- ")

# %% [markdown]
# Step 1 was not repeated: its notebook is complete for the same parameters. Step 3 measured both versions
# on held-out ratings of both times, and the rule refused the candidate. It stays in the registry, without
# an alias; nobody is served by it.
#
# ## 5. A release
#
# Now the other model. The changed parameter makes steps 2 and 3 run again. First the steps that change
# nothing for users:

# %%
built = start(kind=kind, steps=runs.STEPS[:4])
print(built.results["bento"], "·", built.outcome)

# %% [markdown]
# The version is trained, accepted, and pinned in a Bento. Now the rest. This is also what a start after a
# kill does: it takes what is there.

# %%
released = start(kind=kind)
print(f"{released.step}: {released.outcome}")

# %% [markdown]
# What did the [canary](GLOSSARY.md#canary) see?

# %% tags=["volatile"]
canary = nbformat.read(home / "001" / "05_canary.ipynb", as_version=4)
print(
    *(out.text for cell in canary.cells for out in cell.get("outputs", []) if "text" in out), sep=""
)

# %% [markdown]
# About a third of the users got the candidate. The interval says what such a small group can show: not
# that a version is slightly better, but that it is clearly worse. So the canary only vetoes.
#
# And the requests that were sent all the time?

# %% tags=["volatile"]
flow.wait(lambda reply: reply.body["version"] == str(released.results["released"]), count=20)
figure = experiments.versions_over_time(flow.replies, events, title="Four starts, one release")
alt = (
    "Answers of version 1, then of the canary beside it, then of the new version alone; none failed"
)
show.figure(figure, alt=alt)

# %%
versions = Counter(reply.body["version"] for reply in flow.replies if reply.ok)
print("failed:", len(flow.failed), "· versions that answered:", *sorted(versions))

# %% [markdown]
# Two versions answered, and no request was lost. During the canary both colours appear. After the release
# the old one disappears.
#
# The users' clicks with the new version:

# %% tags=["volatile"]
answers = world.visit(here.service.url, changed=True, seed=seed)
print(f"version {set(answers.version)} gets clicks on {answers.clicks.mean():.1%} of its movies")

# %% [markdown]
# ## 6. What is kept
#
# Each start is also a [run](GLOSSARY.md#run-%28MLflow%29) in MLflow, with its parameters, its outcome
# and its notebooks:

# %%
logged = mlflow.search_runs(experiment_names=[runs.EXPERIMENT], order_by=["start_time"])
columns = ["params.kind", "tags.step", "tags.outcome"]
show.table(logged[columns].fillna("").values.tolist(), columns=columns)

# %%
files = MlflowClient().list_artifacts(logged.run_id.iloc[-1])
print(*(file.path for file in files), sep="\n")

# %% [markdown]
# ## 7. A bad version, all the same
#
# No gate is perfect, and aliases can be moved by hand. Somebody registers two versions and makes them
# `prod`, without the pipeline. In one the rows of the movies were mixed up: each movie gets the scores of
# another one. The other has a catalogue of eight movies.

# %%
from services.recommender.model.models import Popularity
from services.recommender.recommender import Recommender
from services.recommender.registry import MODEL, fetch, packaging, register

place = fetch("prod", home / "fetched")
core = Recommender.load(place / "artifacts" / "recommender.npz")
factors = core.model
mixed = replace(factors, item_factors=factors.item_factors[::-1], item_bias=factors.item_bias[::-1])
few = world.most_rated(core.ratings, 8)
bad = {
    "mixed up": Recommender(mixed, core.ratings),
    "eight movies": Recommender(Popularity.fit(few), few),
}

# %% [markdown]
# Both pass the smoke test of notebook 07, so the service takes them. `python -m services.loop watch` runs
# step 7 alone, every few minutes if you like. It compares with the click-through rate that step 5 measured:

# %% tags=["volatile"]
known = {"click_rate": released.results["click_rate"], "seed": seed}
for name, recommender in bad.items():
    with mlflow.start_run(run_name=name):
        number = register(packaging.log(recommender).model_id).number
    MlflowClient().set_registered_model_alias(MODEL, "prod", str(number))
    watched = runs.start(known, steps=runs.WATCH, folder=home / "watch", say=lambda line: None)
    print(f"{name}: {watched.outcome}", *watched.reasons, sep="\n- ")

# %% tags=["volatile"]
for variant in ("prod", "staging"):
    world.wait_for(here.service.url, variant, released.results["released"])
answers = world.visit(here.service.url, changed=True, seed=seed)
print("failed:", (answers.status != 200).sum(), "· version:", *set(answers.version))
print(f"clicks on {answers.clicks.mean():.1%} of the movies")

# %% [markdown]
# The first was caught by quality: every request had a 200, but users clicked less. The second was caught by
# errors: a request for ten of eight movies gets a 422. After each, the previous version was back. Each
# withdrawn version carries its reason in the registry, and the rule refuses it from now on.
#
# ## 8. On a schedule
#
# The same command runs once a night as a Kubernetes [**CronJob**](GLOSSARY.md#CronJob). `Forbid` keeps
# two from running at once, and a pod that was killed is started again and goes on where it stopped,
# because the run's folder is on a volume:

# %%
show.source(ROOT / "infra/kubernetes/loop/cronjob.yaml", start="schedule:", end="backoffLimit")

# %%
from services.manifests import check_paths

report = check_paths([str(ROOT / "infra/kubernetes/loop/cronjob.yaml")])
print("documents:", len(report.documents), "· findings:", report.lines)

# %% [markdown]
# No cluster here: the checker of notebook 09 knows the types. In GitHub Actions a `schedule` does the same,
# with `concurrency` against two at once:

# %%
show.source(ROOT / "infra/github/loop.yml", start="on:", end="cancel-in-progress")

# %% [markdown]
# ## What broke, and why
#
# | What one might believe | What happens | What we did |
# |---|---|---|
# | no errors, so all is well | users click less, every status is 200 | watch what users do |
# | retraining makes a model better | bad data, or the wrong objective, makes it worse | held-out ratings of both times, a rule |
# | good figures are enough | they are the past | a canary, compared on answered requests |
# | a failed pipeline is started again from the top | hours are repeated, versions appear twice | keep complete steps |
# | a killed step left a file, so it is done | half a result is used | rename when complete |
# | only the pipeline moves `prod` | people do, too | watch what serves, however it was released |
#
# ## Summary
#
# - A pipeline is a list of steps, each with parameters in and a result out. Notebooks are steps that can be
#   read afterwards.
# - Everything that decides comes before the alias moves. A step that fails leaves production alone.
# - Three gates ask different questions: better on held-out data, not worse for users, still true now.
# - Watching continues after the release, and rolling back needs no person.
# - One place promotes, once at a time.
#
# **Practise:** `make lab N=13` opens your copy of [Lab 13](../labs/lab13_loop/lab13_loop.ipynb), in which you
# refuse a version for three reasons, go on after a failure, and roll back by what serves.
#
# **Next:** [14 · Hardware and resources, measured](14_hardware.ipynb) asks what all this costs on the
# machine.

# %% tags=["teardown"]
stack.close()
shutil.rmtree(home, ignore_errors=True)
print("left behind:", home.exists())
