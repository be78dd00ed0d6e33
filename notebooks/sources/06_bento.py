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
# **Where you are:** chapter section 10.5, "Building Bentos" · about 30 minutes · before this:
# [05 · Observability](05_observability.ipynb) · next:
# [07 · The registry's model behind BentoML](07_mlflow_pull.ipynb)
#
# So far the service ran where its source code lies. To run it elsewhere one needs the code, the model,
# the right versions of seventy packages, and an interpreter. A **Bento** names the first three; a
# **container image** holds all four.
#
# ## After this notebook you can
#
# - put a model into a store, and build a Bento that pins its version,
# - take from a lock what serving needs, and leave the rest of it out,
# - go back to an older version, and carry one to another machine,
# - read the Dockerfile that BentoML writes, and run the image as a cluster would.

# %% [markdown]
# Two versions are built: one with the shipped weights, one with those of a smaller detector. The
# picture may be `one_card`, `close_up` or `small_card`, too.

# %% tags=["parameters"]
first, second = "1.0.0", "2.0.0"
image_name = "two_cards"

# %% [markdown]
# What this machine has: `MISSING` stops you, `NOT RUN HERE` skips a step. Each such line ends with the
# command that mends it.

# %% tags=["setup", "volatile"]
from services.workbench import preflight

print(*preflight.report(), sep="\n")

# %% [markdown]
# BentoML reads `BENTOML_HOME` when it is imported. This notebook has a store of its own:

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
from pathlib import Path

import bentoml
import httpx

from services.id_card import bento, model_store
from services.id_card.checkpoint import SMALL_WEIGHTS, WEIGHTS
from services.id_card.detector import Detection, Detector
from services.id_card.drawing import draw
from services.id_card.samples import load_sample, sample_path
from services.workbench import containers, plots, servers, show

# %% [markdown]
# ## 1. The chapter's build file
#
# The chapter packs a service with a file of seven lines, `bentofile.yaml`. Here is a folder as the
# chapter has it, with a service of three lines, and an old copy of the weights in a corner:

# %%
folder = home / "chapter"
(folder / "backup").mkdir(parents=True)
(folder / "service.py").write_text(
    "import bentoml\n@bentoml.service(name='yolo_v8')\nclass Svc: ...\n"
)
for place in (folder, folder / "backup"):
    (place / "yolov8_custom.pt").write_bytes(b"weights")

# %% [markdown]
# BentoML takes the options of that file as arguments as well. `lock_packages=False` is ours: without
# it BentoML asks a package index, and nothing is fetched in this notebook.

# %%
chapters = bentoml.build(
    "service:Svc",
    version=first,
    build_ctx=str(folder),
    include=["service.py", "yolov8_custom.pt"],
    docker={"base_image": "ultralytics/ultralytics:8.0.203-cpu"},
    python={"lock_packages": False},
)
inside = Path(chapters.path)
print(sorted(str(path.relative_to(inside)) for path in inside.glob("src/**/*.p*")))

# %% [markdown]
# Built without complaint. **Erratum 14.** The old copy is in it: the names under `include` are
# *patterns*, as in `.gitignore`, and one without a slash fits in every folder. Write
# `/yolov8_custom.pt`. And what will the image have to run with?

# %%
print((inside / "env/python/requirements.txt").read_text())
lines = (inside / "env/docker/Dockerfile").read_text().splitlines()
print(*[line for line in lines if line.startswith("FROM") or "venv" in line], sep="\n")

# %% [markdown]
# **Erratum 15.** The base image brings ultralytics, but nobody will see it there. The Dockerfile makes
# a fresh environment in `/app/.venv` and installs the listed packages into it: BentoML alone. This
# service would end at its first `import ultralytics`. A Bento has to list what it imports. (The build
# log in the chapter installs with `pip3`, into the image's own Python; there it could work.)
#
# ## 2. The model gets a version
#
# The chapter includes the weights as a file beside the code. A model and its code have different
# lives, though: one is retrained, the other refactored. BentoML has a **model store** for that.
# `model_store.save` exports a checkpoint (to ONNX) and puts the export there. In it,
# `bentoml.models.create` does the work:

# %%
show.source(model_store.save, start="from services.id_card.export")

# %%
model = model_store.save(WEIGHTS)
print(model.tag, sorted(path.name for path in Path(model.path).iterdir()))
print({name: str(value)[:16] for name, value in model.info.metadata.items()})

# %% [markdown]
# Its version is the beginning of the checkpoint's hash, so equal weights always get the same tag. And
# other weights do not get a version that is taken:

# %%
try:
    model_store.save(SMALL_WEIGHTS, model.tag.version)
except ValueError as error:
    print(show.one_line(error))

# %% [markdown]
# ## 3. The build file
#
# This is ours, for the service of notebook 05. Its `models` names a model, and an alias under which
# the code asks for it:

# %%
show.source("services/id_card/bentofile.yaml", start="service:")

# %% [markdown]
# The service asks for the alias. Only a server that runs from a Bento knows one; a server that runs
# from the source code gets `None`, and loads what its environment says:

# %%
show.source(model_store.pinned_weights)

# %% [markdown]
# The requirements come from this repository's lock, so the container runs the very versions that the
# tests ran with. `needed` starts at the packages that the service imports and adds what those need:

# %%
locked = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line]
serving = [line for line in bento.requirements().splitlines() if "==" in line]
print(len(locked), "packages in the lock,", len(serving), "to serve with")
print("torch or ultralytics among them:", any("torch" in x or "ultra" in x for x in serving))

# %% [markdown]
# No torch: the export needs ONNX Runtime only. One package goes by another name. `opencv-python` wants
# the libraries of a desktop, which small images lack; the same code comes as
# `opencv-python-headless`.
#
# The image is described in code, in `service.py`. A base image alone would not be enough; see what
# BentoML installs into one of its default distribution:

# %%
print(*bentoml.images.Image(python_version="3.11").commands, sep="\n")
show.source("services/id_card/service.py", start="IMAGE", end="IMAGE")

# %% [markdown]
# Compilers and git are good for packages that must be built, and for nothing once it serves. With
# `distro="none"` they stay out. The chapter's service has a build file of its own,
# `bentofile_runner.yaml`; as `bentoml.legacy` knows no `Image`, its base is named under `docker`.
#
# ## 4. Build
#
# On the command line this is `bentoml build -f services/id_card/bentofile.yaml --version 1.0.0`, in
# the repository's root. `bento.build` also pins the model that belongs to the weights:

# %%
built = bento.build(version=first)
pinned = built.info.all_models[0]
print(built.tag, "pins", pinned.tag, "as", pinned.alias)

# %% [markdown]
# Look inside:


# %%
def tree(folder, depth=0):
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_file(), path.name)):
        print("    " * depth + path.name + ("" if path.is_file() else "/"))
        if path.is_dir():
            tree(path, depth + 1)


tree(Path(built.path))

# %% [markdown]
# - `src/` is the code: what the service imports and no more. A test compares the list with the imports.
# - `apis/` describes the endpoints, `env/` the image, and `bento.yaml` everything else.
# - There is **no model**. The Bento has its tag; the model stays in its store until the Bento leaves
#   this machine.
#
# ## 5. Two versions, and back
#
# Say the smaller detector is to go live. It gets a Bento of its own (`bentoml list` prints these, and
# `bentoml get TAG` more of one):

# %%
other = bento.build(version=second, weights=SMALL_WEIGHTS)
rows = [
    (str(item.tag), str(item.info.all_models[0].tag)) for item in bentoml.list("id_card_detector")
]
show.table(sorted(rows), columns=("Bento", "model"))

# %% [markdown]
# The tag is all that a server needs: `bentoml serve TAG`, in any folder. The code comes out of the
# Bento:


# %%
def ask(version):
    files = {"image": sample_path(image_name).read_bytes()}
    with servers.bentoml(f"id_card_detector:{version}") as server:
        answer = httpx.post(f"{server.url}/inference", files=files, timeout=60).json()
    return [Detection.from_dict(found) for found in answer]


answers = {version: ask(version) for version in (second, first)}

# %% [markdown]
# The last one asked was the *first* version: that is all there is to going back. Both are still there,
# nothing was rebuilt. Here are both answers:

# %%
picture = load_sample(image_name)
titles = [f"id_card_detector:{version}" for version in (first, second)]
grid = plots.picture_grid([draw(picture, answers[v]) for v in (first, second)], titles, width=6)
alt = "The same scene twice, with the cards that each of the two versions found in a frame"
show.figure(grid, alt=alt, dpi=70)

# %% [markdown]
# Did each answer with the model it pins? The core says what each model finds:

# %%
for version, weights in ((first, WEIGHTS), (second, SMALL_WEIGHTS)):
    [expected] = Detector(weights, backend="onnx").detect([picture])
    print(version, "is its own model's answer:", answers[version] == expected)

# %% [markdown]
# What would have happened with a service that asks the store for the newest model, by the name
# `id_card:latest`? Its Bento 1.0.0 would have gone live with the new model, too:

# %%
newest = bentoml.models.get("id_card:latest")
print("the newest model is the first Bento's:", newest.tag == pinned.tag)
print("the newest model is the second's:     ", newest.tag == other.info.all_models[0].tag)

# %% [markdown]
# `latest` is a pointer that moves. It moves back, too, when the newest Bento is deleted:

# %%
print("latest is", bentoml.get("id_card_detector:latest").tag)
bentoml.delete(f"id_card_detector:{second}")
print("latest is", bentoml.get("id_card_detector:latest").tag)

# %% [markdown]
# ## 6. To another machine
#
# A Bento can be exported into one file. Take the path as you would for any other command:

# %%
try:
    bentoml.export_bento(f"id_card_detector:{first}", "my-exports/detector.tar")
except FileNotFoundError as error:
    print(show.one_line(error))

# %% [markdown]
# Read the path in the message: it begins with a slash. BentoML 1.4.39 takes *every* relative path from
# the root of the file system, `../` included. Here no such folder exists. A bare file name would have
# been written there, if you may write there. So, an absolute path:

# %%
archive = home / "detector.tar"
bentoml.export_bento(f"id_card_detector:{first}", str(archive))
with tarfile.open(archive) as opened:
    print(*[name for name in opened.getnames() if "models" in name and "." in name[2:]], sep="\n")

# %% [markdown]
# Now the model is inside. The machine to carry it to is a second, empty store:

# %%
elsewhere = {**os.environ, "BENTOML_HOME": str(home / "elsewhere")}
command = [sys.executable, "-W", "ignore", "-m", "bentoml", "import", str(archive)]
subprocess.run(command, env=elsewhere, check=True, capture_output=True)
print(*sorted(path.name for path in (home / "elsewhere").glob("models/id_card/*/*.onnx")))

# %% [markdown]
# ## 7. The Dockerfile, read aloud
#
# The Bento has brought one. BentoML wrote it, from the image in `service.py`:

# %%
show.source(Path(built.path) / "env/docker/Dockerfile", start="FROM")

# %% [markdown]
# - `FROM` is our base. The user `bentoml` has the number **1034**, and from the `USER` line on nothing
#   runs as root. Kubernetes cannot tell from a name that it is not root: its manifests need the number.
# - The packages come **before** the code. A layer is built anew when it or one before it changed, so a
#   change of code costs seconds, not minutes.
# - Our two variables follow an `ENV BENTOML_HOME`. That one cannot be changed in the build file: in a
#   Dockerfile, `ENV` wins over a later `ARG` of the same name. Set it when the container runs.
# - `ENTRYPOINT` runs `bentoml serve` on the folder, in production mode.
#
# The chapter shows the log of such a container: *Starting gunicorn 20.1.0*. Look for it:

# %%
print("gunicorn in the image:", any(line.startswith("gunicorn") for line in serving))
with servers.bentoml(f"id_card_detector:{first}") as server:
    said = [line for line in server.log.read_text().splitlines() if "Starting" in line]
print(said[0].partition('"')[0].split("] ")[-1])

# %% [markdown]
# **Erratum 16.** No gunicorn: that is the log of another server. (The chapter's build log differs as
# well. It runs `bentoml build` inside of the image; here the Bento is built before, and copied.)
#
# ## 8. The container
#
# With an engine, `make container` does the rest: it builds the Bento, calls `bentoml containerize`
# with docker, podman or buildah, and names the image after its content. Where no registry can be
# reached, it makes the base image itself, out of Debian's packages. The cells from here to the next
# heading need that image; where there is none, they say so.

# %% tags=["needs-engine"]
name, container = bento.image_name(), None
try:
    container = containers.run(name)
    print(containers.size(container.engine, name) // 10**6, "MB, run by", container.engine)
except containers.NotRunError as missing:
    print(missing)

# %% [markdown]
# It runs as `infra/kubernetes` runs it: nothing but `/tmp` can be written, no capability, no way to
# more rights. The two questions that matter: is it the same answer, and the same drawing?

# %% tags=["needs-engine"]
if container:
    upload = {"image": sample_path(image_name).read_bytes()}
    boxes = httpx.post(f"{container.url}/inference", files=upload, timeout=60).json()
    drawn = httpx.post(f"{container.url}/render", files=upload, timeout=60)
    print("the same boxes:", [Detection.from_dict(box) for box in boxes] == answers[first])
    print("the drawing:   ", drawn.headers["content-type"], len(drawn.content) // 1000, "kB")

# %% [markdown]
# And who is it, in there?

# %% tags=["needs-engine"]
if container:
    print(container.execute("id"))
    try:
        container.execute("touch", "/home/bentoml/bento/src/changed.py")
    except containers.ContainerError as error:
        print(str(error).splitlines()[-1].strip())

# %% [markdown]
# What are the megabytes? The base image is `/usr`, the packages are in `/app`, and the Bento with its
# model is in the user's home. Below them, the largest packages:

# %% tags=["needs-engine"]
rows = []
if container:
    command = "cd /app/.venv/lib/python*/site-packages; du -sm /usr /app /home; du -sm * | sort -rn"
    lines = container.execute("sh", "-c", f"({command}) 2>/dev/null | head -9").splitlines()
    rows = [(part, int(size)) for size, part in (line.split("\t") for line in lines)]
show.table(rows, columns=("part", "MB"))

# %% [markdown]
# Last, the end. An orchestrator sends SIGTERM, waits, and kills. An exit code of 0 says that the
# service ended by itself; 137 would say that it had to be killed:

# %% tags=["needs-engine"]
if container:
    print("exit code", container.stop())

# %% [markdown]
# ## 9. Where to run it
#
# The chapter names **Yatai**, which takes Bentos into a Kubernetes cluster. Ask today's client:

# %%
for arguments in (["yatai", "login"], ["push", f"id_card_detector:{first}"]):
    command = [sys.executable, "-W", "ignore", "-m", "bentoml", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    print(done.returncode, done.stderr.strip().splitlines()[-1])

# %% [markdown]
# **Erratum 17.** The command is gone, and `push` knows one place only: BentoCloud, which is sold by
# BentoML's makers. Yatai's last version was tagged in October 2023, and its
# [issue 505](https://github.com/bentoml/Yatai/issues/505), which asks for services like ours (BentoML
# 1.2 and later), is open. Two ways are left.
#
# **BentoCloud** takes the Bento and does the rest. NOT RUN HERE: it needs an account. With one,
# `bentoml cloud login`, then `bentoml deploy -f` with this file:

# %%
show.source("infra/bentocloud/deployment.yaml", start="name:")

# %% [markdown]
# **Your own cluster** takes the image. `infra/kubernetes` has the manifests: probes, limits, a user
# that is not root, and an end without lost requests. They ask for the name that `make container` gives:

# %%
show.source("infra/kubernetes/base/deployment.yaml", start="- name: detector", end="image:")

# %% [markdown]
# ## What broke, and why
#
# | The chapter, for BentoML 1.1.6 | What happens today | Fixed by |
# |---|---|---|
# | names under `include` | patterns: every file of that name is packed | a leading slash, or a path |
# | the base image brings the packages | a fresh environment hides them | list what is imported |
# | a log of gunicorn | BentoML runs uvicorn under its own supervisor | nothing to mend |
# | push to Yatai | no such command; Yatai stands still | BentoCloud, or the image and Kubernetes |
# | (not in it) a relative path for `export` | counted from the root | absolute paths |
#
# ## Summary
#
# - A Bento is code, requirements, a Dockerfile, and the *tags* of its models.
# - Pin: a version for the Bento, one for the model, one for every package. `latest` moves.
# - Going back is serving the older tag. It works because nothing is ever overwritten.
# - Leave out what only training needs, and the image is small.
# - Run the container in tests as the cluster will: read-only, without root, ended by SIGTERM.
#
# **Practise:** in [Lab 06](../labs/lab06_bento/lab06_bento.ipynb) you write a build file, go back to an older tag, and
# mend a Dockerfile.
#
# **Next:** [07 · The registry's model behind BentoML](07_mlflow_pull.ipynb) takes the model from MLflow's
# registry instead.

# %% tags=["teardown"]
shutil.rmtree(home, ignore_errors=True)
print("left of the stores:", home.exists())
