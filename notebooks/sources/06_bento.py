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
# # 06 · A Bento, and a container
#
# *Short path, step 4 of 7*
#
# **Where you are:** chapter section 10.5, "Building Bentos" · about 30 minutes · before this: [05 ·
# Observability](05_observability.ipynb) · next: [07 · The registry's model behind
# BentoML](07_mlflow_pull.ipynb)
#
# In this notebook you package the detector's service so that it runs on any machine. Until now the
# service ran from its source folder. Another machine needs the code, the model, the right versions of
# every package, and a Python interpreter.
#
# A [**Bento**](GLOSSARY.md#Bento) is BentoML's archive format: it contains the code, lists the
# packages and names the model. A **container image** is a file system that contains all four. With
# either of them you can deploy a version, and go back to the previous one when something breaks.
#
# ## After this notebook you can
#
# - store a model under a version, and build a Bento that pins this version,
# - take the packages that serving needs from a lock file, and leave out the rest,
# - roll back to an older version, and move a version to another machine,
# - read the Dockerfile that BentoML generates, and run the image as a cluster would.

# %% [markdown]
# The notebook builds two versions: one with the shipped weights, one with the weights of a smaller
# detector. `image_name` can also be `one_card`, `close_up` or `small_card`.

# %% tags=["parameters"]
first, second = "1.0.0", "2.0.0"
image_name = "two_cards"

# %% [markdown]
# What this machine offers: `MISSING` stops the notebook, `NOT RUN HERE` skips a step. Each such line
# ends with the command that fixes it.

# %% tags=["setup", "volatile"]
from services.packaging import container_engine
from services.setup import preflight

preflight.needs("engine")

# %% [markdown]
# When BentoML is imported, it reads the environment variable `BENTOML_HOME`: the folder of its two
# stores, one for models and one for Bentos. This notebook uses a separate, empty folder:

# %% tags=["setup"]
import os
import shutil

from services.environment import ROOT, build_dir

home = build_dir() / "notebooks" / "bento"
shutil.rmtree(home, ignore_errors=True)
home.mkdir(parents=True)
os.environ["BENTOML_HOME"] = str(home / "store")

# %% tags=["setup"]
import subprocess
import sys
import tarfile
import textwrap
from pathlib import Path

import bentoml
import httpx
import numpy as np
from matplotlib.figure import Figure

from services.id_card.bento import build as bento_build
from services.id_card.bento import model_store
from services.id_card.detector import Detection, Detector
from services.id_card.model.checkpoint import SMALL_WEIGHTS, WEIGHTS
from services.id_card.model.drawing import draw
from services.id_card.samples import load_sample, sample_path
from services.workbench import servers, show
from services.workbench.servers import containers, terminal

# %% [markdown]
# ## 1. The chapter's build file
#
# The chapter packages its service with a six-line file, `bentofile.yaml`. We make a folder like the
# chapter's, with a three-line service. A subfolder holds an old copy of the weights:

# %%
folder = home / "chapter"
(folder / "backup").mkdir(parents=True)
(folder / "service.py").write_text(
    "import bentoml\n@bentoml.service(name='yolo_v8')\nclass Svc: ...\n"
)
for place in (folder, folder / "backup"):
    (place / "yolov8_custom.pt").write_bytes(b"weights")
_ = (folder / "bentofile.yaml").write_text("""
service: "service:Svc"
include:
 - "service.py"
 - "yolov8_custom.pt"
docker:
 base_image: "ultralytics/ultralytics:8.0.203-cpu"
python:
 lock_packages: false
""")

# %% [markdown]
# The last two lines are ours. Without them BentoML would query a package index to pin versions. Now
# run the chapter's command, `bentoml build`, in that folder. (`terminal.run` prints a command line,
# runs it, and prints its output.)

# %%
_ = terminal.run(f"bentoml build --version {first}", cwd=folder, begin="Successfully", lines=1)
chapters = bentoml.get(f"yolo_v8:{first}")
inside = Path(chapters.path)
print(sorted(str(path.relative_to(inside)) for path in inside.glob("src/**/*.p*")))

# %% [markdown]
# The build succeeded, but the last line shows that the old copy of the weights is in the Bento too.
#
# > **Erratum 14** · section 10.5 · wrong when printed · `include: - "service.py" - "yolov8_custom.pt"`
# > The names under `include` are patterns as in `.gitignore`: one without a slash matches in every
# > subfolder, so a second file of that name is packaged as well.
#
# Write `/yolov8_custom.pt` to include only the file at the top. Next question: which packages will the
# image have?

# %%
print((inside / "env/python/requirements.txt").read_text())
lines = (inside / "env/docker/Dockerfile").read_text().splitlines()
print(*[line for line in lines if line.startswith("FROM") or "venv" in line], sep="\n")

# %% [markdown]
# The list contains only BentoML. The Dockerfile creates a virtual environment in `/app/.venv` and
# installs the listed packages there. Inside that environment, the packages of the [base
# image](GLOSSARY.md#base-image) are not visible.
#
# > **Erratum 15** · section 10.5 · changed since · `base_image: "ultralytics/ultralytics:8.0.203-cpu"`
# > The packages of the base image are hidden by a fresh virtual environment, so this service would fail
# > at `import ultralytics`: list every package that the service imports.
#
# The build log in the chapter installs with `pip3` into the image's own Python, where the base image's
# packages are visible.
#
# ### Building from Python
#
# `bentoml.build(…)` does the same inside a Python process, but it has a side effect. Here a new
# process builds the folder above and then creates a Runner, as notebook 01 did:

# %%
script = f"""
import bentoml
bentoml.build("service:Svc", build_ctx={str(folder)!r}, python={{"lock_packages": False}})
class Echo(bentoml.Runnable):
    SUPPORTED_RESOURCES = ("cpu",)
bentoml.Runner(Echo)
"""
command = [sys.executable, "-W", "ignore", "-c", script]
spare = {**os.environ, "BENTOML_HOME": str(home / "spare")}
done = subprocess.run(command, capture_output=True, text=True, env=spare)
print(done.stderr.strip().splitlines()[-1])

# %% [markdown]
# > **Erratum 45** · section 10.5 · defect of a library · `% bentoml build`
# > The command is safe; after `bentoml.build()` in Python, creating a Runner in the same process fails
# > with `KeyError: 'runners'` (BentoML 1.4.39).
#
# The build switches BentoML's configuration to the format of the new services and never switches it
# back. In a notebook or a test, run the command instead, as we do here.
#
# ## 2. The model gets a version
#
# The chapter packages the weights as a file beside the code. But a model and its code change at
# different times: one is retrained, the other is refactored. BentoML therefore has a **model store**.
#
# `model_store.save` exports a [checkpoint](GLOSSARY.md#checkpoint) to ONNX (a file format for
# networks that runs without torch) and puts the export into the store. The call that creates the
# entry is `bentoml.models.create`:

# %%
show.source(model_store.save, start="from services.id_card.model.export")

# %%
model = model_store.save(WEIGHTS)
print(model.tag, sorted(path.name for path in Path(model.path).iterdir()))
print({name: str(value)[:16] for name, value in model.info.metadata.items()})

# %% [markdown]
# The version is the beginning of the checkpoint's hash. Equal weights always get the same tag, and
# different weights cannot take a tag that exists:

# %%
try:
    model_store.save(SMALL_WEIGHTS, model.tag.version)
except ValueError as error:
    print(textwrap.fill(show.one_line(error), 90))

# %% [markdown]
# ## 3. The build file
#
# This is the build file of the service from notebook 05. The entry `models` names a model, and an
# alias under which the code looks it up:

# %%
show.source("services/id_card/bento/bentofile.yaml", start="service:")

# %% [markdown]
# The service looks up the alias, which exists only in a server that runs from a Bento. A server
# that runs from the source code gets `None` and loads the model that its environment variables
# name:

# %%
show.source(model_store.pinned_weights)

# %% [markdown]
# The requirements come from this repository's [lock file](GLOSSARY.md#lock-file)
# (`requirements.txt`, the exact version of every package, for all systems). So the container runs
# the versions that the tests ran with. We start with the packages that the service imports and add
# their dependencies:

# %%
locked = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line]
serving = [line for line in bento_build.requirements().splitlines() if "==" in line]
print(len(locked), "packages in the lock,", len(serving), "to serve with")
print("torch or ultralytics among them:", any("torch" in x or "ultra" in x for x in serving))

# %% [markdown]
# About a fifth of the locked packages are needed to serve. torch is not among them: the exported
# model needs only ONNX Runtime. One package is replaced: `opencv-python` needs desktop libraries,
# which small images lack, so the image gets `opencv-python-headless`.
#
# The image itself is described in `service.py`. To see why a base image alone is not enough, look at
# what BentoML installs by default:

# %%
print(textwrap.fill(" ".join(bentoml.images.Image(python_version="3.11").commands), 90))
show.source("services/id_card/bento/service.py", start="IMAGE", end="IMAGE")

# %% [markdown]
# Compilers and git are needed to build packages, not to serve. `distro="none"` leaves them out.
#
# The chapter's Runner service has a separate build file, `bentofile_runner.yaml`. Its API,
# `bentoml.legacy`, does not support `Image`, so that file names the base image under `docker`.
#
# ## 4. Build
#
# Without `--version`, BentoML generates one. Here is the real command, run in the repository's
# root. In a terminal, name the store and its model first: `export
# BENTOML_HOME=$PWD/build/notebooks/bento/store` while this notebook runs (its last cell deletes
# that folder), or use your own store after `python -m services.id_card.bento.build model`. It
# prints the success message of the chapter's figure 10.8:

# %% tags=["volatile"]
_ = terminal.run("bentoml build -f services/id_card/bento/bentofile.yaml", begin="Successfully")

# %% [markdown]
# The part after the colon is the generated version; together with the name it is the [**Bento
# tag**](GLOSSARY.md#tag). The four "next steps" are deploying, updating, containerizing and
# pushing. Three of them need BentoCloud (section 9). The Bento can already be served:

# %% tags=["volatile"]
server = servers.shell("bentoml serve id_card_detector:latest --port $PORT", log_lines=3)
print("readyz:", httpx.get(f"{server.url}/readyz").status_code)
print("exit code", server.stop())

# %% [markdown]
# `servers.shell` starts a server by its command line, with a free port for `$PORT`, and prints the
# first lines of its log. The service loaded its model and answered the probe. `stop` sent SIGTERM,
# the signal that asks a process to end; in a terminal you would press Ctrl-C. Exit code 0 means
# that it ended by itself.
#
# A generated version is unique but says nothing. We delete this Bento and choose the version of the
# next one ourselves:

# %% tags=["volatile"]
_ = terminal.run("bentoml delete id_card_detector:latest --yes")

# %%
build = "bentoml build -f services/id_card/bento/bentofile.yaml --version {}"
_ = terminal.run(build.format(first), begin="Successfully", lines=1)
built = bentoml.get(f"id_card_detector:{first}")
pinned = built.info.all_models[0]
print(built.tag, "pins", pinned.tag, "as", pinned.alias)

# %% [markdown]
# The build file says `id_card:latest`; the Bento keeps the version that this meant at build time. What
# else is in the Bento? Three levels of its folders:


# %%
def tree(folder, depth=0):
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_file(), path.name)):
        print("    " * depth + path.name + ("" if path.is_file() else "/"))
        if path.is_dir() and depth < 2:
            tree(path, depth + 1)


tree(Path(built.path))

# %% [markdown]
# - `src/` is the code: the folders that the service imports from. A test checks that nothing is missing, and
#   that no line of `include` is superfluous.
# - `apis/` describes the endpoints, `env/` the image, and `bento.yaml` everything else.
# - There is **no model**. The Bento holds the model's tag; the model stays in its store until the Bento
#   leaves this machine.
#
# ## 5. Two versions, and back
#
# Suppose the smaller detector goes live. Store the model, then build a second Bento:

# %%
_ = model_store.save(SMALL_WEIGHTS)
_ = terminal.run(build.format(second), begin="Successfully", lines=1)
other = bentoml.get(f"id_card_detector:{second}")
rows = [
    (str(item.tag), str(item.info.all_models[0].tag)) for item in bentoml.list("id_card_detector")
]
show.table(sorted(rows), columns=("Bento", "model"))

# %% [markdown]
# The two Bentos pin different models. `bentoml list` prints such a table, and `bentoml get TAG`
# prints one Bento in detail. To serve a version, its tag is enough: `bentoml serve TAG`, in any
# folder. From here on a helper runs this command; it picks a free port and waits until `/readyz`
# answers 200:


# %%
def ask(version):
    files = {"image": sample_path(image_name).read_bytes()}
    with servers.bentoml(f"id_card_detector:{version}") as server:
        answer = httpx.post(f"{server.url}/inference", files=files, timeout=60).json()
    return [Detection.from_dict(found) for found in answer]


answers = {version: ask(version) for version in (second, first)}

# %% [markdown]
# The loop served version 2.0.0 and then 1.0.0 again. That is a complete **rollback**: both Bentos exist,
# and nothing had to be rebuilt. These are the two answers:

# %%
image = load_sample(image_name)
fig = Figure((9, 4), layout="constrained")
for axes, version in zip(fig.subplots(1, 2), (first, second), strict=True):
    axes.imshow(np.asarray(draw(image, answers[version])))
    axes.set_title(f"id_card_detector:{version}")
    axes.set_axis_off()
alt = "The same image twice, with frames around the cards that each version found"
show.figure(fig, alt=alt, dpi=70)

# %% [markdown]
# Look at the frames: with the default image, 1.0.0 finds both cards and 2.0.0 finds none. So this
# rollback would have been a good decision. Did each version really answer with the model it pins?
# Compare with the core (the `Detector` class that our services wrap), run on each checkpoint:

# %%
print("cards found:", {version: len(found) for version, found in sorted(answers.items())})
for version, weights in ((first, WEIGHTS), (second, SMALL_WEIGHTS)):
    [expected] = Detector(weights, backend="onnx").detect([image])
    print(version, "is its own model's answer:", answers[version] == expected)

# %% [markdown]
# What if the service looked up `id_card:latest` when it *started*? Then Bento 1.0.0 would serve the
# new model as soon as it was in the store:

# %%
newest = bentoml.models.get("id_card:latest")
print("the newest model is the first Bento's:", newest.tag == pinned.tag)
print("the newest model is the second's:     ", newest.tag == other.info.all_models[0].tag)

# %% [markdown]
# `latest` is a pointer that moves. It also moves back, when the newest Bento is deleted:

# %%
print("latest is", bentoml.get("id_card_detector:latest").tag)
bentoml.delete(f"id_card_detector:{second}")
print("latest is", bentoml.get("id_card_detector:latest").tag)

# %% [markdown]
# ## 6. To another machine
#
# `bentoml export TAG PATH` writes a Bento into one file. Give it a relative path, as you would to any
# other command:

# %%
try:
    bentoml.export_bento(f"id_card_detector:{first}", "my-exports/detector.tar")
except FileNotFoundError as error:
    print(show.one_line(error))

# %% [markdown]
# The path in the message begins with a slash. BentoML 1.4.39 resolves *every* relative path against the
# root of the file system, in `bentoml import` as well. So use absolute paths:

# %%
archive = home / "detector.tar"
bentoml.export_bento(f"id_card_detector:{first}", str(archive))
with tarfile.open(archive) as opened:
    print(*[name for name in opened.getnames() if "models" in name and "." in name[2:]], sep="\n")

# %% [markdown]
# The archive contains the model. A second, empty store stands in for the other machine:

# %%
elsewhere = {"BENTOML_HOME": str(home / "elsewhere")}
_ = terminal.run(f"bentoml import '{archive}'", env=elsewhere, lines=1)
print(*sorted(path.name for path in (home / "elsewhere").glob("models/id_card/*/*.onnx")))

# %% [markdown]
# The import brought the model along: its file is now in the second store.
#
# ## 7. The Dockerfile, read aloud
#
# BentoML generated a Dockerfile from the image that `service.py` describes. It is in the Bento:

# %%
show.source(Path(built.path) / "env/docker/Dockerfile", start="FROM")

# %% [markdown]
# - `FROM` is our base image. The user `bentoml` has the id **1034**, and everything after the
#   `USER` line runs without root. A Kubernetes manifest needs the number: a name alone does not
#   prove that the user is not root.
# - The packages come **before** the code. A layer (the result of one Dockerfile line) is rebuilt only if
#   it or a layer before it changed, so a change of code takes seconds, not minutes.
# - The build file's variables are written as `ARG NAME=value` and `ENV NAME=$NAME`. That cannot
#   change `BENTOML_HOME`: an earlier `ENV` takes precedence over an `ARG` of the same name, so
#   `$BENTOML_HOME` would still be the old value. Set it when the container runs.
# - `ENTRYPOINT` runs `bentoml serve` on the Bento's folder, in production mode.
#
# The chapter shows the log of such a container. It begins with *Starting gunicorn 20.1.0*; gunicorn
# is a Python web server. Does our log begin like that?

# %%
print("gunicorn in the image:", any(line.startswith("gunicorn") for line in serving))
with servers.bentoml(f"id_card_detector:{first}") as server:
    log = [line for line in server.log.read_text().splitlines() if "Starting" in line]
print(log[0].partition('"')[0].split("] ")[-1])

# %% [markdown]
# > **Erratum 16** · section 10.5 · wrong when printed · `[INFO] Starting gunicorn 20.1.0`
# > BentoML runs uvicorn, another Python web server, under its own supervisor; gunicorn is neither
# > started nor installed.
#
# The build log in the chapter differs as well: it runs `bentoml build` inside the image. Today the
# Bento is built first and then copied into the image.
#
# ## 8. The container
#
# With a container engine (docker or podman) and access to a registry for the base image, these commands
# build the image, run it and stop it:
#
# ```sh
# $ bentoml containerize id_card_detector:1.0.0
# $ docker run --rm -p 3000:3000 id_card_detector:1.0.0     # or: podman run …
# ```
#
# `-p 3000:3000` connects port 3000 of this machine to port 3000 of the container. Add
# `-t id_card_detector:1.0.0` to the first command to choose the image's name, and
# `--backend podman` or `--backend buildah` to build without docker.
#
# `make container` runs the same `containerize` and adds two things: it gives the image two names,
# one with the version and a hash of its content and one with the version alone, and if no registry
# can be reached, it builds the base image from Debian's packages. The cells of this section need
# that image; without it they print what is missing.

# %% tags=["needs-engine"]
name, container = bento_build.image_name(), None
try:
    container = containers.run(name)
    print(f"$ {container.engine} run --rm -p 3000:3000 {name}")
    print(*container.tail(2).splitlines(), sep="\n")
    print(container_engine.size(container.engine, name) // 10**6, "MB")
except container_engine.NotRunError as missing:
    print(missing)

# %% [markdown]
# `containers.run` adds the restrictions that the manifests in `infra/kubernetes` set: a read-only
# file system apart from `/tmp`, no Linux capabilities (single rights of root), and no way to gain
# privileges. Does the container give the same answers?

# %% tags=["needs-engine"]
if container:
    upload = {"image": sample_path(image_name).read_bytes()}
    boxes = httpx.post(f"{container.url}/inference", files=upload, timeout=60).json()
    drawn = httpx.post(f"{container.url}/render", files=upload, timeout=60)
    print("the same boxes:", [Detection.from_dict(box) for box in boxes] == answers[first])
    print("the drawing:   ", drawn.headers["content-type"], len(drawn.content) // 1000, "kB")

# %% [markdown]
# Which user runs the service inside, and can that user change the code?

# %% tags=["needs-engine"]
if container:
    print(container.execute("id"))
    try:
        container.execute("touch", "/home/bentoml/bento/src/changed.py")
    except container_engine.ContainerError as error:
        print(str(error).splitlines()[-1].strip())

# %% [markdown]
# If the image is there, the first line shows the user `bentoml` (1034), not root. The second is an
# error: the file system is read-only, so the code cannot be changed.
#
# What takes the space? The base image is `/usr`, the packages are in `/app`, and the Bento with its
# model is in `/home`. The rows after these three are the largest packages:

# %% tags=["needs-engine"]
rows = []
if container:
    command = "cd /app/.venv/lib/python*/site-packages; du -sm /usr /app /home; du -sm * | sort -rn"
    lines = container.execute("sh", "-c", f"({command}) 2>/dev/null | head -9").splitlines()
    rows = [(part, int(size)) for size, part in (line.split("\t") for line in lines)]
show.table(rows, columns=("part", "MB"))

# %% [markdown]
# If the image is there, compare the first three rows: `/app`, the packages, is the largest part.
# Near the top of the packages is OpenCV: `cv2` and its libraries.
#
# Finally, stop it. An orchestrator such as Kubernetes sends SIGTERM, waits, and then kills the
# process. Exit code 0 means that the service ended by itself; 137 would mean that it had to be
# killed:

# %% tags=["needs-engine"]
if container:
    print("exit code", container.stop())

# %% [markdown]
# The chapter's build log ends with a piece of advice: scan the image for known vulnerabilities. The
# command that it names no longer exists:

# %% tags=["needs-engine", "volatile"]
if shutil.which("docker"):
    _ = terminal.run("docker scan id_card_detector:1.0.0", lines=1)

# %% [markdown]
# > **Erratum 46** · section 10.5 · changed since · `Use 'docker scan' to run Snyk tests against images`
# > Docker removed `docker scan`; today it is `docker scout cves IMAGE`, a plugin, or a scanner such as
# > Trivy (`trivy image IMAGE`).
#
# NOT RUN HERE: both scanners download a database of vulnerabilities.
#
# ## 9. Where to run it
#
# The chapter recommends **Yatai**, which deploys Bentos on a Kubernetes cluster. Try it with today's
# client:

# %%
_ = terminal.run("bentoml yatai login", begin="Error")
_ = terminal.run(f"bentoml push id_card_detector:{first}", begin="Error")

# %% [markdown]
# > **Erratum 17** · section 10.5.1 · changed since · `built bentos can be pushed to Yatai`
# > The command `bentoml yatai` is gone, and `bentoml push` knows only BentoCloud.
#
# Yatai's last version was tagged in October 2023. Its [issue
# 505](https://github.com/bentoml/Yatai/issues/505), which asks for support of services like ours
# (BentoML 1.2 and later), is open. Two alternatives remain.
#
# **BentoCloud**, a paid service by the makers of BentoML, runs the Bento for you. With an account,
# the commands are `bentoml cloud login`, then `bentoml deploy -f` with this file:

# %%
show.source("infra/bentocloud/deployment.yaml", start="name:")

# %%
_ = terminal.run("bentoml deploy -f infra/bentocloud/deployment.yaml", begin="Error")

# %% [markdown]
# NOT RUN HERE: without an account the command ends before it sends anything, and there is no dry
# run. A test checks the file against the fields that the installed BentoML accepts.
#
# **Your own cluster** runs the image. The manifests in `infra/kubernetes` have probes, limits, a
# non-root user, and a shutdown that loses no requests. They use the shorter of the two names that
# `make container` gives the image:

# %%
show.source("infra/kubernetes/base/deployment.yaml", start="- name: detector", end="image:")

# %% [markdown]
# ## What broke, and why
#
# | The chapter, for BentoML 1.1.6 | What happens today | Fixed by |
# |---|---|---|
# | names under `include` | they are patterns: every file of that name is packaged | a leading slash, or a path |
# | the base image brings the packages | a fresh environment hides them | list what is imported |
# | a log of gunicorn | BentoML runs uvicorn under its own supervisor | nothing to fix |
# | `docker scan` | no such command | `docker scout`, Trivy |
# | push to Yatai | no such command; Yatai does not support new services | BentoCloud, or the image and Kubernetes |
# | (not in the chapter) `bentoml.build()`, then a Runner | `KeyError: 'runners'` | build with the command |
# | (not in the chapter) a relative path for `export` | resolved against the root | absolute paths |
#
# ## Summary
#
# - A Bento is code, requirements, a Dockerfile, and the *tags* of its models.
# - Pin everything: a version for the Bento, one for the model, one for every package. `latest` moves.
# - To roll back, serve the older tag. That works because nothing is ever overwritten.
# - Leave out what only training needs, and the image stays small.
# - Test the container as the cluster will run it: read-only, without root, stopped by SIGTERM.
#
# **Practise:** `make lab N=06` opens your copy of [Lab 06](../labs/lab06_bento/lab06_bento.ipynb),
# in which you write a build file, roll back to an older tag, and fix a Dockerfile.
#
# **Next:** [07 · The registry's model behind BentoML](07_mlflow_pull.ipynb) takes the model from
# MLflow's registry instead.

# %% tags=["teardown"]
shutil.rmtree(home, ignore_errors=True)
print("left of the stores:", home.exists())
