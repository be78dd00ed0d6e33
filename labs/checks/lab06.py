"""Checks of lab 06: a Bento, and a container."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bentoml

from labs.checks import lab06_build, lab06_image, lab06_models, lab06_rollback, lab06_transfer
from labs.checks.lab06_common import some_bytes, tags_of
from labs.checks.lab06_project import NEEDED, lock_of, versions
from labs.checks.lab06_store import empty_store, temporary_folder
from labs.engine import Context, exercise


@exercise(
    "lab06.ex1",
    "The model gets a version",
    points=2,
    minutes=7,
    difficulty=2,
    importance=5,
    hints=(
        "A version that is made from the content needs no bookkeeping: equal bytes always have the "
        "same SHA-256, other bytes another. So the store itself says whether the work is done.",
        "`hashlib.sha256(content).hexdigest()` is the text. `bentoml.models.create(tag, "
        "metadata={…})` is for a `with`; `model.path_of(name)` is the path of a file in it. "
        "`bentoml.models.get(tag)` raises `NotFound`, and `model.info.metadata` is a dictionary.",
        "In `save_weights`: `try: bentoml.models.get(tag)`, and under `except NotFound:` the "
        "`with`. In `load_weights`: read the file, hash it, compare with "
        '`model.info.metadata["sha256"]`, and only then return it.',
    ),
    help=(
        (
            "BentoMLException: Item '…' already exists in the store …",
            "`create` does not overwrite. Ask the store first, with `bentoml.models.get(tag)`, and "
            "create only under `except NotFound`.",
        ),
        (
            "FileNotFoundError: … /weights.bin",
            "The model was closed before the file was in it. Write the file inside of the `with`, "
            "to `model.path_of(…)`, and read it under the same name.",
        ),
    ),
    mistakes={
        "random_tag": "A name without a version gets a new one from BentoML each time. Write the "
        "version behind the colon yourself.",
        "hash_of_name": "That is the hash of the file's name or path. A copy elsewhere would be "
        "another version, and a changed file the same.",
        "no_text": "A manifest and a command line take a text: str(model.tag).",
        "other_hash": "The version is the beginning of the SHA-256 of the file's bytes: 12 digits.",
        "twice": "The same bytes are there already, and that is no error. Return the tag.",
        "made_anew": "The version that was there has been deleted and made again. Whoever serves "
        "it would lose it for a moment.",
        "not_stored": "The bytes have to be in the model's folder: write them to model.path_of(…), "
        "inside of the with.",
        "no_digest": "The metadata hold the whole SHA-256 under 'sha256', so that a reader can "
        "verify the file.",
        "newest": "That is the newest model. The tag says which one is wanted.",
        "not_verified": "The stored file was damaged, and you loaded it. Hash what you read and "
        "compare, before you return it.",
        "takes_latest": "latest moves whenever somebody stores a model. Only an exact version may "
        "be loaded.",
        "unclear": "Whoever reads the error has to know which model it is about: name the tag.",
    },
)
def pinned_model(context: Context, save: Callable[..., Any], load: Callable[..., Any]) -> None:
    """Store fresh files, the same once more, and damage one."""
    name = f"cards_{context.random.randint(10, 99)}"
    contents = [some_bytes(context), b""]
    contents[1] = contents[0][:-1] + bytes([contents[0][-1] ^ 1])
    with temporary_folder() as folder, empty_store():
        file = folder / "best.onnx"
        tags = []
        for content, where in zip(contents, ("a file", "the same path, other bytes"), strict=True):
            file.write_bytes(content)
            tags.append(lab06_models.saved(context, save, name, file, content, where))
            lab06_models.stored(context, tags, content, where)
        before = [model.creation_time for model in bentoml.models.list(name)]
        copy = folder / "backup" / "copy.onnx"
        copy.parent.mkdir()
        for again in (file, copy):
            shutil.copyfile(file, copy)
            where = f"the same bytes again, as {again.name}"
            lab06_models.saved(context, save, name, again, contents[1], where)
            lab06_models.stored(context, tags, contents[1], where)
        if before != [model.creation_time for model in bentoml.models.list(name)]:
            context.fail(
                "The version that was there has a new creation time.",
                where="the same bytes again",
                mistake="made_anew",
            )
        lab06_models.loading(context, load, name, tags, contents)
    context.note(versions=2, saved="4 times")


@exercise(
    "lab06.ex2",
    "The build file",
    points=3,
    minutes=9,
    difficulty=2,
    importance=4,
    hints=(
        "A Bento has to work where nothing else is: follow the imports from the service, module by "
        "module, and list what you meet. What no import leads to stays out.",
        "The patterns of `include` are those of `.gitignore`: a name without a slash fits in every "
        "folder, and a slash at the beginning ties it to the root. A line of the lock that has a "
        'package in it begins with `name==`; `line.partition("==")` splits it.',
        '`pins = [line for line in lock.splitlines() if line.partition("==")[0] in packages]`. '
        "Then a dictionary with `service`, `include`, `python` (`packages`, `lock_packages`) and "
        "`docker` (`python_version`).",
    ),
    help=(
        (
            "Extra fields in constructor for BentoBuildConfig: …",
            "BentoML knows no option of this name. It is `include`, without an s; `packages` "
            "belongs under `python`, `python_version` under `docker`.",
        ),
        (
            "BentoML would pack backup/detector.py …",
            "A bare name is a pattern that fits in every folder. Write `/detector.py`.",
        ),
    ),
    mistakes={
        "unknown_option": "BentoML refuses options that it does not know. Compare the name with "
        "the task's list.",
        "wrong_service": "It is the module and the name of the class in it, with a colon between.",
        "whole_folder": "Without a list, or with a pattern for everything, the whole folder is "
        "packed: the secret in .env, too.",
        "dot_slash": "The patterns are those of .gitignore, and one that begins with ./ fits no "
        "file. Begin with the slash.",
        "bare_name": "A pattern without a slash fits in every folder: Erratum 14. A slash at the "
        "beginning ties it to the root.",
        "too_many_files": "No import leads from the service to these files. A server does not need "
        "them.",
        "no_module": "The service imports this module, directly or by another one. On this machine "
        "nobody misses it; in the container the import fails.",
        "no_weights": "The weights are no module, and no import leads to them. But detector.py "
        "reads them.",
        "whole_lock": "requirements.txt is the lock of everything that the project was ever tried "
        "with, torch and Jupyter included.",
        "unpinned": "Without == the container gets whatever is newest on the day it is built.",
        "other_version": "Take the version from the lock that your function is given. It changes.",
        "no_package": "A module that you pack imports it, and the image starts with nothing: "
        "Erratum 15.",
        "too_many_packages": "Nothing that you pack imports it. Compare whole names: numpydoc "
        "begins with numpy as well.",
        "asks_index": "Unless lock_packages is false, BentoML asks a package index for versions "
        "while it builds.",
        "no_python": "Without docker.python_version the image gets the Python of who builds it.",
    },
)
def build_file(context: Context, answer: Callable[..., Any]) -> None:
    """Read the build file with BentoML's loader, for fresh locks."""
    for _ in range(3):
        pins = versions(context.random)
        got = context.call(answer, lock_of(pins), where="a fresh lock")
        lab06_build.hold(context, got, pins)
    context.note(packed=len(NEEDED), locks=3)


@exercise(
    "lab06.ex3",
    "Roll back",
    points=2,
    minutes=7,
    difficulty=3,
    importance=5,
    hints=(
        "Going back means: what was built before the one that serves now? Only the time of "
        "creation knows. A version is a text, and 1.10.0 comes before 1.9.0 in it.",
        "`bentoml.list(name)` gives the Bentos of a name, sorted by their tags' texts. Each has "
        "`tag` and `creation_time`; `sorted(…, key=…)` puts them in order; `str(bento.tag)` is the "
        "text.",
        "Make the list of all tags by time. If `serving` is not in it, raise. Cut it before "
        "`serving`: `tags[: tags.index(serving)]`. Drop those in `bad`. If nothing is left, raise; "
        "otherwise return the last one.",
    ),
    help=(
        (
            "TypeError: '<' not supported between instances of 'Bento' and 'Bento'",
            "Say what to sort by: `sorted(bentos, key=lambda bento: bento.creation_time)`.",
        ),
        (
            "The ValueError says 'max() arg is an empty sequence'; …",
            "That is Python's own error. Look whether anything is left, and raise one that names "
            "the Bento that serves.",
        ),
    ),
    mistakes={
        "latest": "latest is a pointer that moves. Whoever rolls back has to know exactly to what.",
        "same": "That one serves now.",
        "by_name": "You took the order of the tags' texts. 1.10.0 comes before 1.9.0 in it.",
        "by_number": "You took the order of the version numbers. 1.9.1 may be built after 2.0.0, "
        "to mend it.",
        "second_newest": "That is the Bento before the newest. You have to start from the one that "
        "serves: after one roll back, the next goes one further.",
        "forward": "That one was built later than the one that serves.",
        "other_name": "That is another Bento: the same beginning is not the same name.",
        "takes_bad": "That one is known to be bad. Pass over it, and over the next if that is bad, "
        "too.",
        "serves_bad": "The Bento that serves is bad, too: that is why somebody rolls back. Find "
        "its place first, and leave the bad ones out below it.",
        "no_refusal": "When there is nothing to go back to, or the store does not know what "
        "serves, somebody has to be told: a ValueError, with the tags in it.",
        "unclear": "Somebody reads this while the service fails. Name the Bento that serves; if "
        "it is unknown, name those that there are.",
        "no_text": "A command line and a manifest take a text: str(bento.tag).",
        "deletes": "Going back deletes nothing. The newer Bento is needed to find out what was "
        "wrong.",
    },
)
def roll_back(context: Context, answer: Callable[..., Any]) -> None:
    """Roll back in a store with real Bentos, once and again, past bad ones, and to the end."""
    name = f"cards_{context.random.randint(10, 99)}"
    with empty_store():
        order = lab06_rollback.store_of(context, name)
        newest = len(order) - 1
        for place in (newest, newest - 1, newest - 2, 1):
            lab06_rollback.back(context, answer, order, place, set())
        for bad in ({order[3]}, {order[3], order[2], order[0]}, {order[3], order[newest]}):
            lab06_rollback.back(context, answer, order, newest, bad)
        for serving, bad, why in (
            (order[0], set(), "the oldest one"),
            (order[2], set(order[:2]), "all older ones are bad"),
        ):
            where = f"serving is {serving}, {why}"
            lab06_rollback.refuses(context, answer, serving, bad, where=where, names=serving)
        for serving in (f"{name}:{context.random.randint(20, 90)}.0.0", f"{name}:latest"):
            where = f"serving is {serving}, the store has {lab06_rollback.words(order)}"
            lab06_rollback.refuses(
                context, answer, serving, set(), where=where, names=order[newest]
            )
    context.note(went_back="7 times", refused="4 times")


@exercise(
    "lab06.ex4",
    "Mend a Dockerfile",
    points=3,
    minutes=9,
    difficulty=3,
    importance=4,
    hints=(
        "Go through the task's list, and look for each point in the text. Then think of the order: "
        "a layer is built anew when it, or one above it, has changed. Code changes most often.",
        "`COPY` takes several sources; the last word is the target. The content of a folder is "
        "copied, not the folder: `COPY weights weights/`. The exec form is JSON: "
        '`CMD ["program", "argument"]`. Python itself can ask the probe: `urllib.request`.',
        "The order is FROM, WORKDIR, COPY requirements.txt, RUN pip install --no-cache-dir -r …, "
        "COPY of the code, COPY of the weights, USER 1000, EXPOSE 3000, HEALTHCHECK CMD python -c "
        "\"…urlopen('http://127.0.0.1:3000/readyz')\", CMD in JSON.",
    ),
    help=(
        (
            "a shell is the first process, not the server",
            'Write CMD as JSON, each word in double quotation marks: `CMD ["bentoml", "serve", '
            "…]`.",
        ),
        (
            "weights/cards.onnx lies at /app/cards.onnx; …",
            "A folder's content is copied without the folder. Name the folder in the target, too: "
            "`COPY weights weights/`.",
        ),
    ),
    mistakes={
        "latest": "latest is another image every few weeks. Write the version: python:3.11-slim.",
        "secret": "Whoever has the image can read it, in the history of its layers, too. A secret "
        "is given when the container starts.",
        "copies_all": "What was in the folder is in the image for good: the secret in .env, the "
        "tests, the data. Name what a server needs.",
        "code_first": "Each change of code makes Docker install all packages anew. Copy "
        "requirements.txt alone, install, and copy the code below.",
        "no_lock": "The RUN sees what was copied above it. COPY requirements.txt first.",
        "unpinned": "Without the lock, each build gets other versions. pip install -r "
        "requirements.txt takes those that were tested.",
        "cache": "Nobody installs again in an image. --no-cache-dir leaves the downloads out.",
        "user_first": "The packages' folder belongs to root. Install first, and put USER below.",
        "file_lost": "detector.py, boxes.py and the weights are needed as well as service.py.",
        "other_place": "COPY copies what is in a folder, not the folder. Name it in the target, "
        "with a slash at the end.",
        "root": "Without USER, or with 0, the container runs as root. Whoever breaks into it is "
        "root.",
        "user_name": "Kubernetes cannot tell from a name that it is not root. Write a number.",
        "port": "EXPOSE tells people and tools where the server listens. It has to be true.",
        "other_port": "The probes and the cluster ask port 3000. Let the server listen there.",
        "no_healthcheck": "Without it, Docker only knows that the process exists.",
        "other_health": "It has to ask the server that runs here: its port, and a path that tells "
        "whether it lives or is ready.",
        "health_form": "Behind HEALTHCHECK and its options comes the word CMD, and then a command, "
        "or a list in JSON, with double quotation marks.",
        "no_curl": "A slim image has no curl and no wget. The probe would always fail, and a "
        "healthy container would be called unhealthy. Python is there.",
        "shell_form": "The shell is process 1, and SIGTERM goes to it. It does not pass it on: the "
        "server is killed after the time of grace, with all requests in it.",
        "single_quotes": "JSON has double quotation marks. With others Docker takes the line for a "
        "command of the shell.",
        "not_expanded": "In the exec form there is no shell, and nobody puts the value of a "
        "variable in. Write the number.",
        "localhost": "127.0.0.1 is the container itself. Nobody outside can reach the server.",
    },
)
def mend(context: Context, answer: Any) -> None:
    """Read the Dockerfile and hold it to the rules."""
    text = context.plain(answer, what="dockerfile")
    if not isinstance(text, str):
        context.fail(
            f"dockerfile is of type {type(text).__name__}; str was expected.", layer="schema"
        )
    changed = not lab06_image.is_broken_one(text)
    context.is_attempted(changed, "the Dockerfile is as it was")
    faults = lab06_image.faults(text)
    if faults:
        listed = "; ".join(str(fault) for fault in faults[:3])
        count = "One fault is left" if len(faults) == 1 else f"{len(faults)} faults are left"
        context.fail(
            f"{count}: {listed}{' …' if len(faults) > 3 else '.'}",
            mistake=faults[0].mistake,
            cause="Compare the first fault with the task's list.",
        )
    context.note(mended=f"{len(lab06_image.faults(lab06_image.BROKEN))} faults")


@exercise(
    "lab06.ex5",
    "Design it: to another machine",
    points=3,
    minutes=8,
    difficulty=4,
    importance=3,
    hints=(
        "The receipt is all that the other side knows, so it has to say which Bento, which file "
        "and which content. Make each of them exact before anything is sent: a tag without "
        "latest, a path from the root, the hash of the finished file.",
        "`Path(folder).resolve()` makes a path absolute, `mkdir(parents=True, exist_ok=True)` the "
        "folder. `bentoml.get(tag).tag` is the exact tag. `bentoml.export_bento(tag, path)` takes "
        "a folder or a file and returns the path that it wrote. `bentoml.import_bento(path)` "
        "reads it.",
        "In `receive`: first hash the file and raise ValueError if it differs. Then look for the "
        "tag among `[str(bento.tag) for bento in bentoml.list()]`; import only if it is not "
        "there. Return the receipt's tag.",
    ),
    help=(
        (
            "FileNotFoundError: [Errno 2] No such file or directory: '/exports/…'",
            "BentoML takes a relative path from the root of the file system. Make it absolute "
            "first; and the folder has to be there.",
        ),
        (
            "NotFound: no Bentos with name '…' found",
            "`bentoml.list(name)` raises if the store has none of this name. `bentoml.list()` "
            "lists all, and an empty list is no error.",
        ),
    ),
    mistakes={
        "relative": "BentoML takes a relative path from the root of the file system, not from "
        "where you are. resolve() makes it absolute.",
        "no_folder": "The folder does not exist yet, and BentoML does not make it.",
        "takes_latest": "On the other machine latest may be another one. The receipt has to say "
        "the exact version.",
        "overwrites": "Both versions were exported into the same file. Let the file's name have "
        "the version in it.",
        "not_absolute": "Whoever receives it works in another folder. The receipt's path begins at "
        "the root.",
        "other_file": "BentoML adds an ending to a name that has none it knows. export_bento "
        "returns the path that it wrote.",
        "no_text": "A receipt travels as three texts: str(path).",
        "other_digest": "The receipt's sha256 is that of the finished file's bytes, all 64 digits.",
        "not_verified": "The file is not the one that was sent, and you took it. Compare its hash "
        "with the receipt's before you import it.",
        "too_late": "You compared after the import. What is refused must not be in the store.",
        "unclear": "Name the file in the message, so that it can be sent again.",
        "twice": "It is there already: somebody sent it twice. That is no error.",
        "no_tag": "The receiver wants to know what to serve: the exact tag, as a text.",
    },
)
def elsewhere(context: Context, send: Callable[..., Any], receive: Callable[..., Any]) -> None:
    """Send two Bentos to a second store, exchange their files, and send one twice."""
    name = f"cards_{context.random.randint(10, 99)}"
    with temporary_folder() as here, contextlib.chdir(here):
        with empty_store():
            tags = lab06_transfer.two_bentos(context, name)
            folder = f"exports/night-{context.random.randint(100, 999)}"
            receipts = [
                lab06_transfer.sent(context, send, tag, exact, folder)
                for tag, exact in ((tags[0], tags[0]), (f"{name}:latest", tags[1]))
            ]
        files = [Path(receipt["file"]) for receipt in receipts]
        if files[0] == files[1]:
            context.fail(
                f"Both versions are in {files[0].name}.", where=folder, mistake="overwrites"
            )
        with empty_store():
            lab06_transfer.damaged(context, receive, receipts[0], files)
            for receipt, why in ((receipts[0], "the first time"), (receipts[0], "once more")):
                lab06_transfer.received(context, receive, receipt, why)
            lab06_transfer.received(context, receive, receipts[1], "another version")
            there = tags_of(bentoml.list()), len(bentoml.models.list())
            context.expect(
                there == (sorted(tags), 2),
                f"The other store has the Bentos {there[0]} and {there[1]} models; {sorted(tags)} "
                "and 2 were expected.",
            )
    context.note(sent=2, received=2, refused=1)
