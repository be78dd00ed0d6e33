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
# You package a service as a Bento (BentoML's archive format), so that any machine can run it and
# you can go back to an older version. You give a model a version that is computed from its content,
# write a build file, roll back, and fix a Dockerfile. At the end, you design how to move a Bento to
# another machine. No container engine is needed.
#
# **How it works.** In each exercise cell, replace `...` with your code. Run the cell, then run the cell
# with `check` below it. A check reports what differs, for which input, and the likely cause. It uses
# new inputs each time. For a `hint`, remove the `#` and run that cell; there are three hints.

# %% tags=["setup"]
import hashlib
from pathlib import Path

import bentoml
from bentoml.exceptions import NotFound

from labs import check, hint, preflight, solution
from labs.checks.lab06.project import show_project
from labs.checks.lab06.store import empty_store, put_examples

# %% [markdown]
# What is installed on this machine. This lab needs only the first lines, down to `packages`. With an
# `engine`, the check of exercise 4 does more:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# **A store for experiments.** Your functions use BentoML's stores. Each check replaces them with empty
# ones, so your own stores do not change. Do the same in your experiments: put the code into a
# `with empty_store():` block. The empty stores are deleted at the end of the block.

# %% tags=["setup"]
with empty_store():
    put_examples()
    for bento in bentoml.list("cards"):
        print(bento.tag, f"built on {bento.creation_time:%d %B}")

# %% [markdown]
# ## Exercise 1 · The model gets a version
#
# Complete two functions that use BentoML's **model store**.
#
# `save_weights(name, file)` puts the file at the path `file` into the store. It returns the model's tag
# as a string: `"cards:0a1b2c3d4e5f"`.
#
# - The version is the first twelve hexadecimal digits of the SHA-256 hash of the file's
#   **content**. The file's name and folder do not matter.
# - The model's metadata contains the whole digest (64 digits) under the key `sha256`.
# - If this version is already in the store, change nothing in the store and return the tag.
#
# `load_weights(tag)` returns the content of the stored file, as `bytes`. It may run in a different
# process from `save_weights`, so all it can use is the store.
#
# - It **verifies** the content first: if its SHA-256 differs from `sha256` in the metadata, it raises a
#   `ValueError`.
# - Only an exact version may be loaded. For `"cards:latest"`, for `"cards"` and for the beginning of a
#   version, `"cards:0a1b"`, it raises a `ValueError`. (BentoML accepts all three.)
# - Both error messages contain the tag.


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
    model = bentoml.models.get(tag)
    if str(model.tag) != tag:
        raise ValueError(f"{tag} is not an exact version; {model.tag} is.")
    content = Path(model.path_of("weights.bin")).read_bytes()
    if hashlib.sha256(content).hexdigest() != model.info.metadata["sha256"]:
        raise ValueError(f"The file of {tag} is damaged; store it again.")
    return content
    ### END SOLUTION


# %% tags=["check"]
check("lab06.ex1", save_weights, load_weights)

# %% [markdown]
# The next exercise packs this project. Here are its files, what each file imports, and its lock file
# (the versions are not real):

# %% tags=["setup"]
show_project()

# %% [markdown]
# ## Exercise 2 · The build file
#
# Write `build_file(lock)`. Its argument is the text of a lock file. It returns the content of
# `bentofile.yaml`, as a dictionary or as a YAML string. The project is the one above. The options are:
#
# - `service`: the class `CardDetector` in `service.py`,
# - `include` (and `exclude`, if you like): the files that the server needs, and no others,
# - `python.packages`: every package that these modules import, in the form `name==version`, with the
#   version from the **given** lock. Their own dependencies may be listed too, but nothing else. (`PIL`
#   comes from the package `pillow`.)
# - `python.lock_packages`: false. The versions are known, so BentoML does not need to query a package
#   index.
# - `docker.python_version`: the image has Python 3.11, whatever Python version builds it.
#
# The check reads your answer with BentoML's own loader. BentoML's own code then decides which files
# would be packed.


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
# The Bento in production makes mistakes. Write `roll_back(serving, bad)`, which returns the tag to
# serve instead, as a string.
#
# - `serving` is the tag of the Bento that serves now, such as `"cards:2.0.0"`. `bad` is a set of tags
#   that are known to be bad; it may include `serving` itself. The Bentos are in BentoML's store.
# - The result is the Bento of the same name that was **built** last before `serving` and is not bad. Do
#   not go by version numbers: `1.9.1` may have been built after `2.0.0`, to fix it.
# - The result is always an exact tag. A second rollback, from there, goes back one step further.
# - If there is no such Bento, the function raises a `ValueError` whose message contains `serving`.
# - If `serving` is not in the store, or ends in `:latest`, it raises a `ValueError` whose message
#   contains all tags of that name in the store. (The store always has some.)
# - Change neither the store nor `bad`.


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
# ## Exercise 4 · Fix a Dockerfile
#
# A colleague wrote this Dockerfile by hand for the project of exercise 2. It builds, but it has eleven
# faults. Fix the text below so that the image meets these requirements:
#
# - The base is the official image of **Python 3.11**, with its version in the tag (`slim` or not).
# - `requirements.txt` is copied first, and **alone**. All packages are installed from it, and pip's
#   download cache does not stay in the image. The code is copied after that. (Assume that
#   `requirements.txt` is right.)
# - The working directory contains the four files that the server needs, at the same paths as in the
#   project, and no other file of the project except `requirements.txt`. There is no `.dockerignore`.
# - Neither the image nor the Dockerfile contains a secret.
# - The server does not run as root. Its user is a **number** (a UID).
# - This user can write to BentoML's folder, which BentoML creates when it starts: `BENTOML_HOME`, or
#   `bentoml` in the user's home directory. A UID without an account has no home directory.
# - `bentoml serve service:CardDetector` listens on port 3000 and can be reached from outside. It is
#   the container's first process, because SIGTERM (the signal that asks a process to end) has to
#   reach the server, not a shell.
# - `EXPOSE` names that port, and no other.
# - A `HEALTHCHECK` requests `/livez` or `/readyz` on that port, with a program that the image contains,
#   and **fails** when the server does not answer with 200. Slim images contain neither curl nor wget.
#
# The check reads the text and runs the probe. If the machine has a container engine with a base image
# of Python 3.11 (`make container` creates one), the check also builds the image, with a stub of
# BentoML, and runs it.

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
ENV BENTOML_HOME=/tmp/bentoml
USER 1000
EXPOSE 3000
HEALTHCHECK CMD python -c \
"from urllib.request import urlopen; urlopen('http://127.0.0.1:3000/readyz')"
CMD ["bentoml", "serve", "service:CardDetector", "--host", "0.0.0.0", "--port", "3000"]
"""
### END SOLUTION

# %% tags=["check", "needs-engine"]
check("lab06.ex4", dockerfile)

# %% [markdown]
# ## Exercise 5 · Design it: to another machine
#
# A Bento has to get to a machine that has no registry. Write both ends of the transfer. They share a
# *receipt*, a dictionary of three strings: `tag`, `file` and `sha256`.
#
# `send(tag, folder)` exports the Bento `tag` into a file in `folder` and returns the receipt.
#
# - `folder` is a string. It may be relative to the working directory, and the folder need not exist
#   yet.
# - `tag` may end in `:latest`. The receipt contains the exact tag.
# - `file` is the absolute path of the file. Two versions in the same folder are two separate files.
# - `sha256` is the digest of the file, 64 digits.
#
# `receive(receipt)` imports the Bento into BentoML's store on the other machine and returns its tag as
# a string. It does not change the receipt.
#
# - If the file's digest is not the one in the receipt, it raises a `ValueError` whose message contains
#   the file's name. **Nothing** gets into the store then, not even a model. This also holds if the
#   store already has the Bento.
# - If the store already has this Bento, that is not an error: return the tag.
# - Any other error propagates to the caller, for instance the one for a file that contains no Bento.
#
# Use `bentoml.export_bento` and `bentoml.import_bento`. The exported file includes the Bento's model.


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
    """Import a Bento that was sent, after it was verified; return its tag."""
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
# - give a model a version that identifies its content, and detect damage,
# - pack the files that a server needs, with the versions that were tested, and nothing else,
# - roll back to an exact tag, more than once,
# - find the faults in a Dockerfile that show up only later,
# - move a Bento to another machine, and verify that it arrived.
#
# In a terminal, `make status` shows your points, and `make lab N=07` opens the next lab.
