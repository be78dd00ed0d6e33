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
# **Where you are:** chapter section 10.1, challenge 4, "continuous learning" · about 35 minutes ·
# before this: [12 · Your own model, in an empty folder](12_own_model.ipynb) · next:
# [14 · Hardware and resources, measured](14_hardware.ipynb)
#
# A model is trained on past data. When users change, it has to be retrained, and the new version
# must not be worse than the one in production.
#
# Notebooks 00, 06, 07 and 08 showed each part by hand: training, promotion by a rule, a Bento
# (BentoML's archive of code and model), a model swap under load, an A/B test, drift. In this
# notebook they become one **pipeline**: steps that run in order, without a person, and stop when
# something is wrong.
#
# ## After this notebook you can
#
# - run parameterised notebooks as the steps of a pipeline, and read each run afterwards,
# - resume a run where it stopped, after a failed step or a kill,
# - put three gates before production: held-out ratings, a canary (a trial with a share of the
#   users), and the rule once more,
# - roll a bad version back automatically when requests fail or users click less,
# - schedule the same pipeline in Kubernetes or GitHub Actions.

# %% [markdown]
# `seed` is the seed of the simulated users. `kind` is the kind of model that is worth releasing,
# `wrong_kind` one that is not; notebook 00 introduced these candidates.

# %% tags=["parameters"]
seed = 1
kind, wrong_kind = "mf-bce", "mf"

# %% [markdown]
# Check what is installed on this machine: `MISSING` stops the notebook, `NOT RUN HERE` skips a
# step. Each such line ends with the command that fixes it.

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
# Start with what a team has before the first retraining: a tracking server (MLflow, which keeps
# runs and model versions), version 1 in production, and the service of notebook 07. The service
# follows the aliases `prod` and `staging`: it serves the versions that these names point to.
# `playground` starts both servers; by hand you would type one command in each of two terminals:
#
# ```sh
# $ mlflow server --port 5000
#
# $ export MLFLOW_TRACKING_URI=http://127.0.0.1:5000
# $ RECOMMENDER_SHARE_STAGING=0.3 bentoml serve services.recommender.bento.ab_service:AbTest
# ```
#
# Between the two, `playground` trains version 1, registers it, and gives it both aliases:

# %%
here = stack.enter_context(playground(home, seed=seed))
users = world.make_world(seed)
is_new = users.ratings.timestamps >= users.since
print(f"ratings: {(~is_new).sum():,} old, {is_new.sum():,} new")
print("version 1 was trained on old ratings only")

# %% [markdown]
# What has changed? A new season has begun: half of the movies have swapped their popularity with
# one another. Version 1 does not know that. How often do users click on its recommendations, before
# and after the change?

# %% tags=["volatile"]
for changed in (False, True):
    answers = world.visit(here.service.url, changed=changed, seed=seed)
    when = "after" if changed else "before"
    print(
        f"{when:<7} the change: {answers.clicks.mean():.1%} of the recommended movies are clicked"
    )

# %% [markdown]
# The share of clicks drops by a third or more, and no request fails. A monitor of errors and
# latencies would report that all is well.
#
# From now on until the end of section 5, two clients keep sending requests. At the end we count how
# many failed:

# %%
bodies = [{"user_id": user, "top_k": 5} for user in range(1, 200)]
flow = stack.enter_context(Flow(f"{here.service.url}/predict", bodies, concurrency=2, pause=0.2))
events = {}

# %% [markdown]
# ## 2. A step is a notebook
#
# Each step is a short notebook, kept as a text file in `notebooks/loop/`.
# [**papermill**](GLOSSARY.md#papermill) executes a notebook with new values for the cell tagged
# `parameters`, and saves the result with all outputs. By hand you would type:
#
# ```sh
# $ jupytext --to ipynb --output build/02_retrain.ipynb notebooks/loop/02_retrain.py
# $ papermill build/02_retrain.ipynb build/02_retrain.done.ipynb -p data DATA -p since SECONDS -p kind mf-bce
# ```

# %%
for step in runs.STEPS:
    notebook = runs.read_source(runs.SOURCES / f"{step}.py")
    title = notebook.cells[0].source.splitlines()[0].partition(" · ")[2]
    print(f"{step:<13} {title:<32} {', '.join(sorted(runs.parameters_in(notebook)))}")

# %% [markdown]
# The last column lists each step's parameters. Some come from the start command, such as `data` and
# `kind`. Others are results of earlier steps: `candidate`, `accepted`, `click_rate`. The last cell
# of a step outputs its results as a dictionary, and the driver (the program that runs the steps)
# passes them on to later steps:

# %%
show.source(runs._step)

# %% [markdown]
# Two lines make the run resumable. `unfinished.replace(done)` gives a notebook its final name only
# when all of its cells have run, so a killed step never looks complete. And the first `if` reuses a
# complete notebook only if its parameters are the same as now.
#
# With `MLFLOW_TRACKING_URI` and `RECOMMENDER_URL` set, you would type
# `python -m services.loop start -p data DATA -p since SECONDS -p kind mf-bce`. The function `start`
# calls the same code, always for the run `001`:


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
# The first start gets bad data: one rating was exported on a scale up to 10:

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
# Step 1 found the drift. Step 2 failed, and the message names the cell and the bad line of the
# file. The unfinished notebook is kept, up to the cell that failed. Which files are there, and
# which version is in production?

# %%
print(*sorted(path.name for path in (home / "001").glob("*.ipynb")), sep="\n")
print(
    "in production: version",
    MlflowClient().get_model_version_by_alias(runs.registry.MODEL, "prod").version,
)

# %% [markdown]
# Version 1 is still in production, so users do not notice the failure. What did step 1 find? A step
# can be read like any other notebook:

# %% tags=["volatile"]
drift = nbformat.read(home / "001" / "01_drift.ipynb", as_version=4)
print(
    *(out.text for cell in drift.cells for out in cell.get("outputs", []) if "text" in out), sep=""
)

# %% [markdown]
# PSI (population stability index) says how much the values of a feature have shifted; 0 means not
# at all. The features that describe the requests and the answers are below their limits. Only
# `clicked`, what users do with the answers, is far above, as in notebook 08. So the requests look as
# before, and the users do not.
#
# ## 4. A version that is refused
#
# Repair the file and start again, still with `wrong_kind`. This model predicts star ratings; in
# notebook 00 it had the smallest rating error, but the worst recommendation lists:

# %% tags=["volatile"]
_ = ratings_file.write_text(good)
refused = start(kind=wrong_kind)
print(f"{refused.step}: {refused.outcome}", *refused.reasons, sep="\n- ")

# %% [markdown]
# Step 1 was not repeated, because its notebook is complete for the same parameters. Step 3 measured
# both versions on held-out ratings from before and after the change, and the rule refused the
# candidate.
#
# Each reason names a measure, the candidate's value, and the value of the version in production
# ("now"). NDCG and HR (hit rate) tell how well the top ten movies fit the held-out ratings; higher
# is better. The candidate stays in the registry without an alias, so it serves nobody.
#
# ## 5. A release
#
# Now train the model that is worth releasing. Because the parameter `kind` has changed, steps 2 and
# 3 run again. Run only the first four steps for now, which change nothing for users:

# %%
built = start(kind=kind, steps=runs.STEPS[:4])
print(built.results["bento"], "·", built.outcome)

# %% [markdown]
# The new version is trained, accepted, and pinned in a Bento. Now run the remaining steps. A start
# after a kill does the same: it reuses the steps that are complete.

# %%
released = start(kind=kind)
print(f"{released.step}: {released.outcome}")

# %% [markdown]
# What did the [canary](GLOSSARY.md#canary) show?

# %% tags=["volatile"]
canary = nbformat.read(home / "001" / "05_canary.ipynb", as_version=4)
print(
    *(out.text for cell in canary.cells for out in cell.get("outputs", []) if "text" in out), sep=""
)

# %% [markdown]
# About a third of the users got the candidate (`staging`). `difference` is the candidate's click
# rate minus that of version 1, with its 95 % interval. The canary refuses a candidate if more than 1 %
# of its requests fail, or if the whole interval is below 0. It does not require a gain, because a
# group of this size can miss a small one: *could find* is the smallest difference that it would
# usually detect. So the canary can only veto a release.
#
# And what happened to the requests that the two clients kept sending?

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
# Two versions answered, and no request was lost. During the canary both colours appear. After the
# release the old one disappears.
#
# How often do users click on the recommendations of the new version?

# %% tags=["volatile"]
answers = world.visit(here.service.url, changed=True, seed=seed)
print(f"version {set(answers.version)} gets clicks on {answers.clicks.mean():.1%} of its movies")

# %% [markdown]
# Users click more than with version 1 after the change (section 1), though less than before the
# change.
#
# ## 6. What is kept
#
# Each start is also recorded as a [run](GLOSSARY.md#run-%28MLflow%29) in MLflow, with its
# parameters, its outcome and its notebooks:

# %%
logged = mlflow.search_runs(experiment_names=[runs.EXPERIMENT], order_by=["start_time"])
columns = ["params.kind", "tags.step", "tags.outcome"]
show.table(logged[columns].fillna("").values.tolist(), columns=columns)

# %%
files = MlflowClient().list_artifacts(logged.run_id.iloc[-1])
print(*(file.path for file in files), sep="\n")

# %% [markdown]
# The first three starts ended as we saw: failed, refused, complete. The last one has the notebooks
# of all seven steps, so anybody can look up later why a version was released.
#
# ## 7. A bad version, all the same
#
# No gate is perfect, and aliases can be moved by hand. Suppose somebody registers two bad versions
# and makes each of them `prod`, without the pipeline. In the first, the rows of the movies are
# mixed up, so each movie gets the scores of another. The second has a catalogue of only eight
# movies:

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
# Both pass the smoke test of notebook 07 (a few requests before a version goes into service), so
# the service loads them. The command `python -m services.loop watch` runs only step 7; a scheduler
# can run it every few minutes. It compares the click-through rate with a known one: what step 5
# measured for version 1, which was in production then. Less than 80 % of it triggers a rollback:

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
# The first version was caught by its quality: every request got a 200, but users clicked far less.
# The second was caught by its errors: a request for ten movies gets a 422 if there are only eight.
# Without answers there are no clicks either, so it has both reasons.
#
# Each time the previous version came back: in the end the released version answers again, and no
# request fails. Each withdrawn version carries its reason in the registry, and the rule refuses it
# from now on.
#
# ## 8. On a schedule
#
# A Kubernetes [**CronJob**](GLOSSARY.md#CronJob), a job on a schedule, runs the same pipeline once
# a night. `Forbid` keeps two runs from overlapping. If the pod (one or more containers that run
# together) is killed, or a step fails, the job starts a new one, up to two more times
# (`backoffLimit`). It resumes where the last one stopped, because the run's folder is on a volume that
# outlives the pod:

# %%
show.source(ROOT / "infra/kubernetes/loop/cronjob.yaml", start="schedule:", end="backoffLimit")

# %%
from services.manifests import check_paths

report = check_paths([str(ROOT / "infra/kubernetes/loop/cronjob.yaml")])
print("documents:", len(report.documents), "· findings:", report.lines)

# %% [markdown]
# There is no cluster here; the checker of notebook 09, which knows the types of all fields, finds
# nothing wrong. In GitHub Actions a `schedule` does the same, and `concurrency` keeps two runs from
# overlapping. It takes a self-hosted runner that keeps its disk: on GitHub's runners the run's folder
# would be lost, and each start would begin at step 1.

# %%
show.source(ROOT / "infra/github/loop.yml", start="on:", end="cancel-in-progress")

# %% [markdown]
# ## What broke, and why
#
# | What one might believe | What happens | What we did |
# |---|---|---|
# | no errors, so all is well | users click less, every status is 200 | watch what users do |
# | retraining makes a model better | bad data, or the wrong objective, makes it worse | a rule, on held-out ratings from before and after the change |
# | good figures are enough | they describe the past | a canary: failed requests and clicks decide |
# | a failed pipeline is started again from the top | hours of work are repeated, versions appear twice | keep complete steps |
# | a killed step left a file, so it is done | half a result is used | rename when complete |
# | only the pipeline moves `prod` | people do, too | watch the version in production, however it got there |
#
# ## Summary
#
# - A pipeline is a list of steps, each with parameters in and a result out. Notebooks are steps
#   that can be read afterwards.
# - If one of steps 1 to 5 fails, `prod` stays where it is, and `staging` goes back to it.
# - The three gates ask: is it better on held-out data, is it not clearly worse for users, is the
#   service still well after the release?
# - Monitoring continues after the release, and a rollback needs no person.
# - Let only one place promote versions, and only one run at a time.
#
# **Practise:** `make lab N=13` opens your copy of [Lab 13](../labs/lab13_loop/lab13_loop.ipynb), in
# which you refuse a version for three reasons, resume after a failure, and roll back a bad version.
#
# **Next:** [14 · Hardware and resources, measured](14_hardware.ipynb) asks what all this costs on
# the machine.

# %% tags=["teardown"]
stack.close()
shutil.rmtree(home, ignore_errors=True)
print("left behind:", home.exists())
