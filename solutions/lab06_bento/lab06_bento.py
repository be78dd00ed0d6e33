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
# # Lab 06 · A Bento, and a container
#
# **Where you are:** after notebook [06 · A Bento, and a container](../../notebooks/06_bento.ipynb).
#
# You give a model a version that is made from its content, write a build file, roll back, and mend a
# Dockerfile. At the end you design how a Bento gets to another machine. Nothing is built in this lab, and no container
# engine is needed.
#
# **How it works.** Every exercise has a cell in which `...` stands for what you write. Run it, then
# run the cell with `check` below it. A check says what differs, where it shows, and the likely cause.
# It uses fresh inputs each time. Ask for a `hint` as often as you like: remove the `#` and run.

# %% tags=["setup"]
import hashlib
from pathlib import Path

import bentoml
from bentoml.exceptions import NotFound

from labs import check, hint, preflight, solution
from labs.checks.lab06_project import show_project
from labs.checks.lab06_store import empty_store, put_examples

# %% [markdown]
# What this machine has. This lab needs the first lines only, down to `packages`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# **A store to try things in.** Your functions use BentoML's stores. Each check gives them empty ones,
# and your own stay as they are. Do the same when you try something: put it under `with empty_store():`.
# At the end of the block the stores are gone.

# %% tags=["setup"]
with empty_store():
    put_examples()
    for bento in bentoml.list("cards"):
        print(bento.tag, f"built on {bento.creation_time:%d %B}")

# %% [markdown]
# ## Exercise 1 · The model gets a version
#
# Complete two functions, for BentoML's **model store**.
#
# `save_weights(name, file)` puts the file into the store and returns its tag, a text:
# `"cards:0a1b2c3d4e5f"`.
#
# - The version is the first twelve digits of the SHA-256 of the file's **content**. The file's name and
#   place do not matter.
# - The metadata of the model have the whole digest (64 digits) under `sha256`.
# - If the version is in the store already, nothing changes, and the tag is returned.
#
# `load_weights(tag)` returns the content of the stored file, as `bytes`.
#
# - It **verifies** first: if the SHA-256 of what it read is not that of the metadata, it raises a
#   `ValueError`.
# - Only an exact version may be loaded. For `"cards:latest"` and for `"cards"` it raises a `ValueError`.
# - Both messages name the tag.


# %% tags=["exercise"]
def save_weights(name, file):
    """Put a file into the model store, under a version made from its content; return the tag."""
    content = Path(file).read_bytes()
    ### BEGIN SOLUTION
    digest = hashlib.sha256(content).hexdigest()
    tag = f"{name}:{digest[:12]}"
    try:
        bentoml.models.get(tag)
    except NotFound:
        with bentoml.models.create(tag, metadata={"sha256": digest}) as model:
            Path(model.path_of("weights.bin")).write_bytes(content)
    return tag
    ### END SOLUTION


def load_weights(tag):
    """Return the bytes of a stored file, after it was verified."""
    ### BEGIN SOLUTION
    version = tag.partition(":")[2]
    if not version or version == "latest":
        raise ValueError(f"{tag} is no exact version; write the version behind the colon.")
    model = bentoml.models.get(tag)
    content = Path(model.path_of("weights.bin")).read_bytes()
    if hashlib.sha256(content).hexdigest() != model.info.metadata["sha256"]:
        raise ValueError(f"The file of {tag} is damaged; store it again.")
    return content
    ### END SOLUTION


# %% tags=["check"]
check("lab06.ex1", save_weights, load_weights)

# %% [markdown]
# The next exercise packs this project. Here are its files and what each needs, and its lock (the
# versions are made up):

# %% tags=["setup"]
show_project()

# %% [markdown]
# ## Exercise 2 · The build file
#
# Write `build_file(lock)`. It is given the text of a lock and returns the content of `bentofile.yaml`:
# a dictionary, or YAML as a text. The folder is the one above. The file says:
#
# - `service`: the class `CardDetector` in `service.py`,
# - `include` (and `exclude`, if you like): what the server needs, and no other file of the folder,
# - `python.packages`: every package that these modules import, in the form `name==version`, with the
#   version of the **given** lock. What such a package needs itself may be in it, nothing else.
#   (`PIL` comes in the package `pillow`.)
# - `python.lock_packages`: false. The versions are known; BentoML must not ask an index for them.
# - `docker.python_version`: the image has Python 3.11, whatever runs on the machine that builds.
#
# The check reads your answer with BentoML's own loader, and finds out with BentoML's own code which
# files would be packed.


# %% tags=["exercise"]
def build_file(lock):
    """Return the options of a build file, with the versions of a lock."""
    ### BEGIN SOLUTION
    imported = ("bentoml", "numpy", "onnxruntime", "pillow")
    pins = [line for line in lock.splitlines() if line.partition("==")[0] in imported]
    return {
        "service": "service:CardDetector",
        "include": ["/service.py", "/detector.py", "/boxes.py", "/weights/cards.onnx"],
        "python": {"packages": pins, "lock_packages": False},
        "docker": {"python_version": "3.11"},
    }
    ### END SOLUTION


# %% tags=["check"]
check("lab06.ex2", build_file)

# %% [markdown]
# ## Exercise 3 · Roll back
#
# The Bento that serves makes mistakes. Write `roll_back(serving, bad)`: it returns the tag to serve in
# its place, a text.
#
# - `serving` is the tag that serves now, `"cards:2.0.0"`; `bad` is a set of tags that are known to be
#   bad, perhaps with `serving` itself. The Bentos are in BentoML's store.
# - It is the one that was **built** last before `serving`, under the same name, and is not bad. Version
#   numbers say nothing about that: `1.9.1` may have been built after `2.0.0`, to mend it.
# - It is always an exact tag. A second roll back, from there, goes one further.
# - If there is none, it raises a `ValueError` whose message names `serving`.
# - If `serving` is not in the store, or ends in `:latest`, it raises a `ValueError` whose message names
#   the tags that are there. (Others of the same name always are.)
# - The store stays as it is.


# %% tags=["exercise"]
def roll_back(serving, bad=frozenset()):
    """Return the tag of the Bento that was built before the one that serves."""
    ### BEGIN SOLUTION
    bentos = bentoml.list(serving.partition(":")[0])
    tags = [str(b.tag) for b in sorted(bentos, key=lambda bento: bento.creation_time)]
    if serving not in tags:
        raise ValueError(f"{serving} is not in the store; there is {', '.join(tags)}.")
    older = [tag for tag in tags[: tags.index(serving)] if tag not in bad]
    if not older:
        raise ValueError(f"There is nothing to go back to from {serving}.")
    return older[-1]
    ### END SOLUTION


# %% tags=["check"]
check("lab06.ex3", roll_back)

# %% [markdown]
# ## Exercise 4 · Mend a Dockerfile
#
# A colleague wrote this Dockerfile for the project of exercise 2 by hand. It builds, and it has eleven
# faults. Mend it in the text below. The image should be like this:
#
# - Its base is the official image of **Python 3.11**, with a version (`slim` or not).
# - `requirements.txt` is copied first, and **alone**. From it all packages are installed, and pip keeps
#   no downloads in the image. Then comes the code. (Take `requirements.txt` for the right one here.)
# - In its working directory are the four files that the server needs, under the same paths as in the
#   project. No other file of the project is in it, but for `requirements.txt`. There is no
#   `.dockerignore`.
# - No secret is in it, nor in the Dockerfile.
# - The server does not run as root. Its user is given by a **number**.
# - `bentoml serve service:CardDetector` listens on port 3000 and can be reached from outside. It is the
#   container's first process: SIGTERM has to come to it, not to a shell.
# - `EXPOSE` tells that port, and no other.
# - A `HEALTHCHECK` asks `/livez` or `/readyz` on that port, with a program that the image has. Slim
#   images have neither curl nor wget.

# %% tags=["exercise"]
dockerfile = """\
FROM python:latest
WORKDIR /app
ENV PORT=3000
ENV API_TOKEN=sk-cards-4711
COPY . .
RUN pip install bentoml numpy onnxruntime pillow
EXPOSE 8080
CMD bentoml serve service:CardDetector --host 127.0.0.1 --port $PORT
"""
### BEGIN SOLUTION
dockerfile = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY service.py detector.py boxes.py ./
COPY weights/cards.onnx weights/
USER 1000
EXPOSE 3000
HEALTHCHECK CMD python -c \
"from urllib.request import urlopen; urlopen('http://127.0.0.1:3000/readyz')"
CMD ["bentoml", "serve", "service:CardDetector", "--host", "0.0.0.0", "--port", "3000"]
"""
### END SOLUTION

# %% tags=["check"]
check("lab06.ex4", dockerfile)

# %% [markdown]
# ## Exercise 5 · Design it: to another machine
#
# A Bento has to get to a machine that has no registry. Write both ends. What both know is a *receipt*: a
# dictionary of three texts, `tag`, `file` and `sha256`.
#
# `send(tag, folder)` exports the Bento `tag` into a file in `folder` and returns the receipt.
#
# - `folder` is a text. It may be relative to the working directory, and need not exist yet.
# - `tag` may end in `:latest`. The receipt has the exact tag.
# - `file` is the path of the file, from the root. Two versions in one folder are two files.
# - `sha256` is the digest of the file, 64 digits.
#
# `receive(receipt)` imports the Bento into BentoML's store, there, and returns its tag, a text.
#
# - If the file does not have the receipt's digest, it raises a `ValueError` that names the file, and
#   **nothing** gets into the store, no model either.
# - If the store has this Bento already, that is no error: the tag is returned.
#
# Use `bentoml.export_bento` and `bentoml.import_bento`. The Bento's model goes with it.


# %% tags=["exercise"]
def send(tag, folder):
    """Export a Bento into a folder; return the receipt."""
    ### BEGIN SOLUTION
    place = Path(folder).resolve()
    place.mkdir(parents=True, exist_ok=True)
    exact = str(bentoml.get(tag).tag)
    file = Path(bentoml.export_bento(exact, str(place)))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"tag": exact, "file": str(file), "sha256": digest}
    ### END SOLUTION


def receive(receipt):
    """Import a Bento that was sent, once it is known to be the right one; return its tag."""
    ### BEGIN SOLUTION
    file = Path(receipt["file"])
    if hashlib.sha256(file.read_bytes()).hexdigest() != receipt["sha256"]:
        raise ValueError(f"{file} is not the file that was sent; send it again.")
    if receipt["tag"] not in [str(bento.tag) for bento in bentoml.list()]:
        bentoml.import_bento(str(file))
    return receipt["tag"]
    ### END SOLUTION


# %% tags=["check"]
check("lab06.ex5", send, receive)

# %% [markdown]
# ## What you can do now
#
# - give a model a version that says what is in it, and find out when it was damaged,
# - pack what a server needs, with the versions that were tested, and nothing else,
# - roll back to an exact tag, more than once,
# - find in a Dockerfile what will go wrong later,
# - carry a Bento to another machine, and know that it arrived.
#
# `python -m labs status` in a terminal shows your points. Next:
# [lab 07](../lab07_mlflow_pull/lab07_mlflow_pull.ipynb).
