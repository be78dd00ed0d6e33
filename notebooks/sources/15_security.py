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
# # 15 · Security, by attack
#
# **Where you are:** challenge 10 of chapter section 10.1, "security and privacy" · about 40 minutes
# · before this: [14 · Hardware](14_hardware.ipynb) · this is the last notebook
#
# A service with a model has the security holes of any web service, and some that only models have.
# Here you attack services that run on your machine: you see an attack succeed, you close the hole,
# and you repeat the attack. Nothing leaves this machine.
#
# ## After this notebook you can
#
# - hide a card from the detector with its own gradient, and say which defences help,
# - explain why loading a model file may run code, and prevent it,
# - find holes in a service: image bombs, forged log lines, unbounded metric labels, leaked
#   histories,
# - copy a model through its API, and say what a rate limit can and cannot do,
# - put an API key, a rate limit and TLS (encryption) in front of a service.

# %% [markdown]
# `seed` is the seed of everything random here, `scenes` the number of scenes that are attacked, and
# `side` the width and height in pixels of the image bomb in section 3.

# %% tags=["parameters"]
seed = 1
scenes = 4
side = 9000

# %% [markdown]
# Check the machine first. `MISSING` means that a step will fail, `NOT RUN HERE` that it is skipped.

# %% tags=["setup", "volatile"]
from services.setup import preflight

preflight.needs("nginx")

# %% tags=["setup"]
import hashlib
import io
import itertools
import json
import logging
import os
import pickle
import secrets
import shutil
import sys
import threading
import time
import warnings
from pathlib import Path

import httpx
import numpy as np
import psutil
from matplotlib.figure import Figure
from PIL import Image, ImageChops

# %% tags=["setup"]
from services.environment import build_dir
from services.errors import InputError
from services.http.routing import check_id
from services.id_card.attacks import GradientAttack
from services.id_card.detector import Detector
from services.id_card.model.checkpoint import SMALL_WEIGHTS
from services.id_card.model.drawing import draw
from services.id_card.samples import sample_path
from services.id_card.training.synth import make_scene
from services.workbench import servers, show
from services.workbench.servers import proxy

folder = build_dir() / "notebooks" / "15"
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)

# %% [markdown]
# The detector's service runs with an [API key](GLOSSARY.md#API-key) from the start: a secret text
# that a client sends with every request. Section 7 explains it; until then our client simply sends
# it:

# %%
key = secrets.token_hex(32)
_ = (folder / "keys").write_text(key + "\n")
(folder / "keys").chmod(0o600)

# %%
settings = {"SERVING_LABS_API_KEY_FILE": str(folder / "keys")}
ours = servers.bentoml("services.id_card.bento.observed_service:IdCardDetector", env=settings)
client = httpx.Client(
    base_url=ours.url, headers={"Authorization": f"Bearer {key}"}, timeout=60, trust_env=False
)

# %% [markdown]
# ## 1. An image that hides its card
#
# Training asks how the weights must change so that the score of the card rises. An attacker asks
# how the *pixels* must change so that it falls. The gradient answers both questions. The **fast
# gradient sign method** (FGSM) changes each pixel by the same small amount, ε (epsilon), in the
# direction that lowers the scores. Repeated in small steps, each time kept within ε of the original,
# it is stronger; this is called *projected gradient descent* (PGD):

# %%
show.source("services/id_card/attacks.py", start="for _ in range(steps)", end="changed =")

# %% [markdown]
# This attacker has the weights, because they ship with this repository. The targets are scenes with
# a single card, which the detector finds:

# %%
attack = GradientAttack()
detector = Detector(backend="torch")  # the gradient comes from it


# %%
def finds(detector, image):
    return bool(detector.detect([image])[0])


# %%
def clean_scenes():
    for number in range(40 * scenes):
        board = attack.board(make_scene("test", number, seed, cards=1, imgsz=384).image)
        if finds(detector, board):
            yield board


boards = list(itertools.islice(clean_scenes(), scenes))

# %% [markdown]
# How large must ε be? Try growing values until every card is lost. Each colour channel of a pixel
# has 256 values, and the smallest change is 1. Random noise of the same size shows whether the size
# of the change matters, or its direction:

# %% tags=["volatile"]
noise_rng = np.random.default_rng(seed)
hidden = {}
rows = []
for epsilon in (1, 2, 4, 8, 16):
    for number, board in enumerate(boards):
        if number not in hidden:
            changed = attack.hide(board, epsilon, steps=6)
            if not finds(detector, changed):
                hidden[number] = (epsilon, changed)
    noise = [noise_rng.choice([-epsilon, epsilon], np.shape(board)) + board for board in boards]
    noisy = [Image.fromarray(np.clip(one, 0, 255).astype(np.uint8)) for one in noise]
    lost = sum(not finds(detector, one) for one in noisy)
    rows.append((epsilon, f"{len(hidden)} of {len(boards)}", f"{lost} of {len(boards)}"))
    if len(hidden) == len(boards):
        break
show.table(rows, columns=("ε", "hidden by the gradient", "lost in noise of that size"))

# %% [markdown]
# A change that nobody sees hides the cards, while noise of the same size does next to nothing: the
# direction matters. Look at one example: the scene, the attacked scene, and their difference,
# amplified:

# %% tags=["volatile"]
number, (epsilon, changed) = min(hidden.items(), key=lambda item: item[1][0])
board = boards[number]
difference = ImageChops.difference(board, changed).point(lambda value: 255 * value // epsilon)
views = [draw(one, detector.detect([one])[0]) for one in (board, changed)]

# %% tags=["volatile"]
strip = Image.new("RGB", (3 * board.width + 20, board.height), "white")
for place, view in enumerate([*views, difference]):
    strip.paste(view, (place * (board.width + 10), 0))
alt = "The scene with its card framed; the attacked scene, which looks the same, without a frame; noise"
show.picture(strip, alt=alt, width=800)

# %% [markdown]
# The gradient came from torch, but the service computes with ONNX Runtime. Is the service fooled as
# well? And what helps? Try four defences on clean scenes, attacked scenes, and scenes without a
# card: another runtime, JPEG compression, a lower threshold, and a second network:


# %%
def png(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


# %%
def served(image):
    return bool(client.post("/inference", files={"image": png(image)}).json())


def recompressed(image):
    return finds(detector, Image.open(io.BytesIO(png(image, "JPEG", quality=60))))


# %%
lenient = Detector(conf=0.2)
other = Detector(SMALL_WEIGHTS, backend="onnx")

# %% tags=["volatile"]
attacked = [changed for _, changed in hidden.values()]
empty = [make_scene("test", n, seed, cards=0, imgsz=384).image for n in range(2 * scenes)]
ways = {
    "torch, where the gradient came from": lambda image: finds(detector, image),
    "the service (ONNX Runtime)": served,
    "the same network, after a JPEG of quality 60": recompressed,
    "with the threshold at 0.2": lambda image: finds(lenient, image),
    "a second network, trained apart": lambda image: finds(other, image),
}
counts = [[sum(map(way, images)) for images in (boards, attacked, empty)] for way in ways.values()]
rows = [(name, *numbers) for name, numbers in zip(ways, counts, strict=True)]
heads = [f"{len(images)} {name}" for images, name in ((boards, "clean"), (attacked, "attacked"))]
show.table(rows, columns=("a card is found by", *heads, f"{len(empty)} without a card"))

# %% [markdown]
# The images were made to fool torch. The second row shows that the same weights make the same mistake
# in another runtime, so exporting to ONNX protects nothing. JPEG compression destroys much of such a
# fine pattern and brings cards back, and so may a lower threshold. The last column would show a
# defence that finds cards everywhere; a few scenes are too few to measure a rate of false alarms.
#
# The second network has other weights, and at this ε the attack hardly transfers to it: compare its
# first two columns. Larger changes often do transfer between networks trained on the same data. This
# network is also the smaller version, which misses more cards in harder scenes. Where the two
# networks disagree, a person can look.
#
# These attacks are the weakest that work: the smallest ε, and no defence in the loop. An attacker who
# knows a defence can include it in the gradient. So keep the weights private, which slows an attacker
# down (section 5 shows how to get a copy), and never let a model's answer alone open a door.
#
# ## 2. A model file that runs code
#
# A **pickle** is Python's format for saved objects, and loading one runs the code in it; notebook
# 00 showed that with torch. MLflow stores many models as pickles. Save a model properly, as a
# registry would hold it, with a signature (the types of its inputs and outputs):

# %%
import mlflow
from sklearn.linear_model import LogisticRegression

rng = np.random.default_rng(seed)
data = rng.random((50, 2))
model = LogisticRegression().fit(data, data[:, 0] > 0.5)
signature = mlflow.models.infer_signature(data, model.predict(data))

# %%
logging.getLogger("mlflow.sklearn").setLevel("ERROR")  # it warns of what follows
options = {"serialization_format": "pickle", "pip_requirements": ["scikit-learn"]}
mlflow.sklearn.save_model(model, str(folder / "model"), signature=signature, **options)
print(*sorted(path.name for path in (folder / "model").iterdir()))

# %% [markdown]
# Now record a hash of each file. Keep the hashes in a place that an account with write access to
# the models cannot change. Then play the attacker, who can write to the folder or bucket with the
# models, and replace one file:


# %%
def hashes(place):
    files = sorted(path for path in place.rglob("*") if path.is_file())
    return {
        path.relative_to(place).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


# %%
class Payload:
    def __reduce__(self):
        return Path.touch, (folder / "taken",)


# %%
recorded = hashes(folder / "model")
(folder / "model" / "model.pkl").write_bytes(pickle.dumps(Payload()))
info = mlflow.models.get_model_info(str(folder / "model"))
print("the signature is still there:", info.signature is not None)

# %%
try:
    mlflow.pyfunc.load_model(str(folder / "model"))
except Exception as error:
    print("loading:", type(error).__name__)
print("the attacker's code ran:", (folder / "taken").exists())

# %% [markdown]
# The code ran when the file was *loaded*, before any request. The signature says what a request may
# look like, but nothing about the file. Two measures stop the attack. The first is to compare the
# hashes before anything is loaded. (In production, first download the files into a folder that only
# the service can write to; otherwise they can change between the comparison and the loading.)

# %%
(folder / "taken").unlink()


def load_checked(place, recorded):
    changed = [name for name, digest in hashes(place).items() if recorded.get(name) != digest]
    if changed or set(hashes(place)) != set(recorded):
        raise ValueError(f"not the recorded files: {', '.join(changed)}")
    return mlflow.pyfunc.load_model(str(place))


# %%
try:
    load_checked(folder / "model", recorded)
except ValueError as error:
    print(show.one_line(error))
print("the attacker's code ran:", (folder / "taken").exists())

# %% [markdown]
# The changed file is named, and the code did not run. The second measure is a format that cannot
# hold code. The recommender is a file of arrays, `.npz`, read with `allow_pickle=False`; the
# detector is an ONNX graph. Hide the same payload in a recommender:

# %%
with warnings.catch_warnings(action="ignore"):
    from services.recommender.recommender import Recommender
    from services.recommender.training.synthetic import make_ratings
    from services.recommender.training.trainer import fit

ratings, _ = make_ratings(60, 150, 3000, seed=seed)
movies = Recommender(fit("popularity", ratings), ratings)
good = movies.save(folder / "movies.npz")
arrays = dict(np.load(good)) | {"titles": np.array([Payload()], object)}
np.savez(folder / "poisoned.npz", **arrays)
try:
    Recommender.load(folder / "poisoned.npz")
except ValueError as error:
    print(str(error).split(":")[-1].strip())
print("the attacker's code ran:", (folder / "taken").exists())

# %% [markdown]
# Again the code did not run: NumPy refuses an array that contains a pickle.
#
# ## 3. A service with holes
#
# For the next attacks you need a service with holes. Each endpoint below looks harmless. Read the
# code, and guess which attack fits which line:

# %%
holes = """
import io, logging
from fastapi import FastAPI, Request, Response
from PIL import Image
from prometheus_client import CollectorRegistry, Counter, generate_latest

app, registry = FastAPI(), CollectorRegistry()
requests = Counter("requests", "Requests", ["path"], registry=registry)
logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)

@app.middleware("http")
async def count(request: Request, proceed):
    requests.labels(request.url.path).inc()
    return await proceed(request)

@app.get("/livez")
@app.get("/metrics")
def metrics():
    return Response(generate_latest(registry))
"""

# %%
holes += """
@app.post("/size")
async def size(request: Request):
    return Image.open(io.BytesIO(await request.body())).convert("RGB").size

@app.get("/hello")
def hello(name: str):
    logging.info("greeted %s", name)

@app.get("/echo")
def echo(name: str, response: Response):
    response.headers["X-Name"] = name
"""

# %% [markdown]
# The last part serves two models: a classifier of handwritten digits, and the recommender. Both
# answer any client:

# %%
holes += """
from services.errors import InputError
from services.http.asgi import error_response
from services.recommender.recommender import Recommender
from sklearn.datasets import load_digits
from sklearn.svm import SVC

digits, movies = load_digits(), Recommender.load("movies.npz")
classifier = SVC(C=10, gamma=0.001).fit(digits.data[:600], digits.target[:600])

@app.post("/digit")
def digit(pixels: list[float]):
    return int(classifier.predict([pixels])[0])

@app.post("/predict")
def predict(user_id: int, top_k: int, rated: list[int]):
    try:
        return [item.movie_id for item in movies.recommend(user_id, top_k, rated).items]
    except InputError as error:
        return error_response(error)
"""
_ = (folder / "careless.py").write_text(holes)


# %%
def start(name, **env):
    command = [sys.executable, "-m", "uvicorn", f"{name}:app", "--port", "{port}"]
    command += ["--log-level", "warning"]
    paths = os.pathsep.join([str(folder), str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    env = {"PYTHONPATH": paths, **env}
    return servers.start(command, name=name, cwd=folder, ready="/livez", env=env)


careless = start("careless")

# %% [markdown]
# ### A small file, a large image
#
# A PNG of a single colour compresses a thousandfold: the file is small, the decoded image is huge.
# Such a file is a **decompression bomb**. Watch the memory of both servers while they receive it:


# %%
def peak(server, send):
    """Return the answer's status, and by how many MB the server's memory grew meanwhile."""
    processes = [psutil.Process(each.pid) for each in server.processes()]
    sizes, done = [], threading.Event()

    def watch():
        while not done.wait(0.005):
            sizes.append(sum(process.memory_info().rss for process in processes))

    before = sum(process.memory_info().rss for process in processes)
    watcher = threading.Thread(target=watch)
    watcher.start()
    status = send().status_code
    done.set()
    watcher.join()
    return status, round((max(sizes, default=before) - before) / 1e6)


bomb = png(Image.new("1", (side, side)))
headers = {"Content-Type": "image/png"}

# %% tags=["volatile"]
open_client = httpx.Client(base_url=careless.url, timeout=60, trust_env=False)
with warnings.catch_warnings(action="ignore"):
    careless_grew = peak(careless, lambda: open_client.post("/size", content=bomb))
    ours_grew = peak(ours, lambda: client.post("/inference", content=bomb, headers=headers))
print(f"{len(bomb):,} bytes, {side * side / 1e6:.0f} million pixels")
show.table([("careless", *careless_grew), ("ours", *ours_grew)], ("server", "status", "MB more"))

# %% [markdown]
# Some ten kilobytes made the careless server take hundreds of megabytes, and ours none. A few such
# requests at once may kill the process, and everybody's requests with it. Our service reads the
# size of the image from the file's header, and answers with 413 (content too large) before it
# decodes anything.
#
# [Notebook 02](02_service.ipynb), section 4, sends a *path* instead of an image, and an unprotected
# service opens the file. Repeat that here:

# %%
text = {"json": {"image": str(sample_path("close_up"))}}
form = {"files": {"image": (None, str(sample_path("close_up")))}}
for name, request in (("a path in JSON", text), ("a path in the form", form)):
    answer = client.post("/inference", **request)
    print(f"{name:<19}{answer.status_code}  {answer.json()['error']['code']}")

# %% [markdown]
# Our service rejects both with a 4xx, and opens no file.
#
# ### A name that writes into the log
#
# `/hello` logs the name that the client sends. A name may contain a line break:

# %%
open_client.get("/hello", params={"name": "Ada\nERROR root logged in from 10.0.0.1"})
print(*careless.log.read_text().splitlines()[-2:], sep="\n")

# %% [markdown]
# The client wrote the last line. A person who reads the log would believe it, and so would an alert
# that counts `ERROR`. This attack is called **log injection**.
#
# `/echo` puts the name into a response header. There, a line break would begin a header of the
# attacker's choice (**header injection**), or a whole second response (**response splitting**):

# %%
name = "Ada\r\nSet-Cookie: role=admin"
try:
    forged = open_client.get("/echo", params={"name": name}).headers.get("set-cookie")
    print("forged header:", forged)
except httpx.RemoteProtocolError as error:
    print("no forged header, and no answer:", show.one_line(error)[:60])

# %% [markdown]
# The web server here refuses to write such a header and drops the connection. Other servers have
# not always done so, so do not rely on the server. Check what a client sends before you pass it on,
# as our services do with ids. And write logs in a format that always has one line per record, such
# as JSON:

# %%
for text in (name, "Ada\nERROR root logged in"):
    try:
        check_id(text)
    except InputError as refusal:
        print(refusal.status, refusal.code, "·", json.dumps({"greeted": text}))

# %% [markdown]
# Both names are rejected with a 400. And in JSON a line break is written as `\n`, so each record stays
# on one line.
#
# ## 4. A metric that never stops growing
#
# The careless service counts requests in a metric, with the path that the client sent as a label.
# Each new path creates a new time series, which the server keeps until it ends, and Prometheus (the
# monitoring server that collects the metrics) for weeks. Request pages that do not exist, as a
# scanner does, and count the series before and after:


# %%
def series(client):
    lines = client.get("/metrics").text.splitlines()
    return sum(not line.startswith("#") for line in lines)


# %%
rows = []
for name, one in {"careless": open_client, "ours": client}.items():
    series(one)  # the request for the metrics is counted, too
    before = series(one)
    for number in range(200):
        one.get(f"/wp-admin-{seed}-{number}.php")
    rows.append((name, series(one) - before))
show.table(rows, columns=("server", "new time series after 200 requests"))

# %% [markdown]
# The careless server gains two series for each path that a client invents. Ours gains 20, the
# series of one new label value, `unknown`, however many requests come. A label's values must come
# from a closed set. [Notebook 05](05_observability.ipynb), section 4, shows how our service does
# it.
#
# ## 5. A model, copied by asking
#
# `/digit` returns nothing but a label. Still, a client with images can send them, and train a copy
# of the model on the answers. How well does the copy agree with the original, on images that
# neither has seen?

# %%
from sklearn.datasets import load_digits
from sklearn.svm import SVC

sizes = (15, 30, 60, 120, 240)
images = load_digits().data[600:][rng.permutation(1197)]
mine, fresh = images[: max(sizes)], images[max(sizes) :]
truth = [open_client.post("/digit", json=image.tolist()).json() for image in fresh[:200]]


def agreement(labels):
    """Train a copy on the labels that were answered; return its share of equal answers."""
    copy = SVC(C=10, gamma=0.001).fit(mine[: len(labels)], labels)
    return float(np.mean(copy.predict(fresh[:200]) == truth))


# %%
stolen = [open_client.post("/digit", json=image.tolist()).json() for image in mine]
agreements = [agreement(stolen[:size]) for size in sizes]
rows = [(size, f"{share:.2f}") for size, share in zip(sizes, agreements, strict=True)]
show.table(rows, columns=("requests", "agreement"))

# %% [markdown]
# After 240 requests, which take a few seconds, the copy agrees with the original on more than nine of
# ten new images. This attack is called **model extraction**.
#
# Now put the **rate limit** of `services/http` in front of the service. Each client has a bucket of
# tokens: a request takes one token, and new tokens arrive at a fixed rate. Two lines, the import
# and `add_middleware`, protect any ASGI application (ASGI is the interface between Python web
# servers and applications):

# %%
_ = (folder / "guarded.py").write_text("""
from careless import app, movies
from services.http.access import CLIENT, AccessMiddleware
from services.http.api_key import ApiKeys
from starlette.requests import Request

app.add_middleware(AccessMiddleware)
USERS = {ApiKeys([key]).check(f"Bearer {key}"): user
         for user, key in enumerate(open("customers").read().split(), 1)}

@app.post("/mine")
def mine(request: Request, top_k: int):
    user = USERS[request.scope[CLIENT]]
    return [item.movie_id for item in movies.recommend(user, top_k).items]
""")
customers = [secrets.token_hex(32) for _ in range(3)]
_ = (folder / "customers").write_text("\n".join(customers))

# %% [markdown]
# (`/mine` is for section 6.) The limit `30/3600` is a bucket of 30 tokens that refills at 30 an hour:
# each key may send 30 requests at once, and then one every two minutes:


# %%
def as_customer(server, key):
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False)


# %%
settings = {"SERVING_LABS_API_KEY_FILE": "customers", "SERVING_LABS_RATE_LIMIT": "30/3600"}
guarded = start("guarded", **settings)
thief = as_customer(guarded, customers[0])

# %%
answers = [thief.post("/digit", json=image.tolist()) for image in mine]
got = [answer.json() for answer in answers if answer.is_success]
print(f"{len(got)} of {len(mine)} answered; then {answers[-1].status_code}:")
print(answers[-1].json()["error"]["message"])
print(f"agreement of the copy: {agreement(got):.2f}")

# %%
axes = (figure := Figure(figsize=(6, 3), layout="constrained")).subplots()
axes.semilogx(sizes, agreements, marker="o", label="without a limit")
axes.axvline(len(got), color="black", linestyle=":", label="the limit: the full bucket")
axes.set(xlabel="requests", ylabel="agreement with the original", xticks=sizes)
axes.set_xticklabels(sizes)
axes.minorticks_off()
axes.legend()
alt = "The copy's agreement rises with the requests; the limit stops it while the curve is steep"
show.figure(figure, alt=alt)

# %%
print(f"at this limit the whole curve takes {(max(sizes) - 30) / 30:.0f} hours instead of seconds")

# %% [markdown]
# With 30 answers the copy is far worse: compare its agreement with the last row of the table. A rate
# limit does not make theft impossible, though. It turns seconds into hours, and hours are long enough to
# notice. An attacker with ten keys is ten times as fast, so keys must cost something to get.
# Counting by address alone would be weaker still, because addresses are cheap.
#
# ## 6. What an answer says about somebody else
#
# The recommender never recommends what a user has already rated. That is polite, and it is a leak:
# what is *missing* from a user's complete list is what that user has watched. Ask for all movies,
# page by page:


# %%
def watched(client, user):
    """Return the movies that a user's recommendations leave out."""
    seen, size = [], 20
    while size:
        query = {"user_id": user, "top_k": size}
        answer = client.post("/predict", params=query, json=seen)
        if answer.is_success:
            seen += answer.json()
        else:
            size //= 2  # fewer are left than a page has
    return set(movies.movies.ids.raw(np.arange(150)).tolist()) - set(seen)


victims = rng.choice(np.arange(1, 61), 5, replace=False).tolist()
found = [watched(open_client, user) for user in victims]
truths = [set(movies.rated_by(user).tolist()) for user in victims]
rows = [(u, len(f), f == t) for u, f, t in zip(victims, found, truths, strict=True)]
show.table(rows, columns=("user", "movies found to be watched", "exactly the training data"))

# %% [markdown]
# The last column shows that the attack finds exactly what each user watched, from recommendations
# alone. A limit on `top_k` does not help: this attack asks for pages of 20, and sends the movies
# that it has seen as `rated` to get the next page. What helps is to give nobody answers about
# *other* users. The middleware leaves the name of the key, a part of its hash, in the request's
# `scope[CLIENT]`. In `/mine` above, `USERS` maps these names to users (`check` computes the name of
# each key once, at the start), so the user is not part of the request, but follows from the key:

# %%
alice, bob = (as_customer(guarded, key) for key in customers[1:])
lists = [one.post("/mine", params={"top_k": 5}).json() for one in (alice, bob)]
right = [lists[i] == [m.movie_id for m in movies.recommend(i + 2, 5).items] for i in (0, 1)]
print("each customer gets their own list:", right)

# %%
curious = alice.post("/mine", params={"top_k": 5, "user_id": 3}).json()
print("asking for another user changes nothing:", curious == lists[0])
nobody = httpx.post(f"{guarded.url}/mine", params={"top_k": 5})
print("without a key:", nobody.status_code)

# %% [markdown]
# Each customer gets only their own list, and a request without a key gets a 401.
#
# `/predict` must then be closed to customers. The proxy of section 8 can do that: take `predict`
# out of its list of paths, and put `mine` in. A leak of this kind is a property of the *answers*.
# A key, a limit or TLS alone does not remove it. The endpoint must take the user from the key.
#
# ## 7. Who may ask
#
# An **API key** is a long random text that a client sends in the header
# `Authorization: Bearer KEY`. The detector's service has required one since the beginning of this
# notebook. It reads the keys from the file that an environment variable names:
#
# ```sh
# openssl rand -hex 32 > keys && chmod 600 keys
# SERVING_LABS_API_KEY_FILE=keys bentoml serve services.id_card.bento.service:IdCardDetector
# ```
#
# Without the variable no key is needed, as in all other notebooks. Try each kind of request:

# %%
image = {"image": sample_path("one_card").read_bytes()}


def status(path, sent=None, method="GET", **request):
    headers = {"Authorization": f"Bearer {sent}"} if sent else {}
    return httpx.request(method, ours.url + path, headers=headers, timeout=60, **request)


rows = [
    ("/inference", name, status("/inference", sent, "POST", files=image).status_code)
    for name, sent in (("none", None), ("wrong by a letter", key[:-1] + "x"), ("right", key))
]
rows += [(path, "none", status(path).status_code) for path in ("/livez", "/readyz", "/metrics")]
show.table(rows, columns=("path", "key", "status"))

# %%
refused = status("/inference", None, "POST", files=image)
print("WWW-Authenticate:", refused.headers["WWW-Authenticate"])
for name, value in refused.json()["error"].items():
    print(f"{name:8} {value}")

# %% [markdown]
# Only the right key gets a 200. The probes `/livez` and `/readyz`, by which a cluster checks the
# server's state, stay open, because a cluster sends no key. `/metrics` is protected; Prometheus can
# send a key (`authorization: {credentials_file: keys}` in its configuration). This code compares
# the keys:

# %%
show.source("services/http/api_key.py", start="digest = _digest", end="raise Unauth")

# %% [markdown]
# `==` stops at the first character that differs, so its time reveals how much of a guess was right.
# Using this is called a **timing attack**. `hmac.compare_digest` takes the same time wherever two
# values of equal length differ. The code compares SHA-256 hashes (`_digest`), so the lengths are
# always equal, and the time does not reveal a key's length either.
#
# The same check guards FastAPI, LitServe, both APIs of BentoML, and KServe's REST and gRPC ports: an
# ASGI middleware for HTTP, and an interceptor, its counterpart, for gRPC. MLflow's scoring server has
# no place for a middleware. Let it listen on the loopback address (127.0.0.1) only, behind a service
# or a proxy that checks the key.
#
# ## 8. What the outside reaches
#
# A key in plain HTTP can be read by everyone between client and server. **TLS** encrypts the
# connection, and a certificate proves who the server is. Both are the job of a
# [**reverse proxy**](GLOSSARY.md#reverse-proxy), a web server in front of yours. It also decides
# which paths can be reached from outside:

# %%
show.source("infra/nginx/nginx.conf", start="location ~ ^/(inference", end="location / {")

# %% [markdown]
# If the web server nginx is installed, start it in front of the detector, with a *self-signed*
# certificate, made on the spot. The client trusts this certificate and no other:

# %% tags=["volatile"]
command = "sudo apt-get install nginx-light && nginx -p FOLDER -c FOLDER/nginx.conf"
front = None
if preflight.find_tool("nginx").status == preflight.OK:
    front = proxy.start(ours.url)
    paths = ("/readyz", "/metrics", "/docs.json", "/v2/repository/models/id_card/unload")
    outside = httpx.Client(base_url=front.url, headers=client.headers, verify=front.context)
    for path in paths:
        inside, through = client.get(path).status_code, outside.get(path).status_code
        print(f"{path:<38}inside {inside}  outside {through}")
    boxes = outside.post("/inference", files=image, timeout=60).json()
    print("the same boxes over TLS:", boxes == client.post("/inference", files=image).json())
else:
    print(f"NOT RUN HERE: no nginx; {command}")

# %% tags=["volatile"]
if front:
    plain = httpx.get(front.url.replace("https", "http") + "/readyz")
    print("without TLS:", plain.status_code)
    try:
        httpx.get(f"{front.url}/readyz")
    except httpx.ConnectError as error:
        print("a client that does not know the certificate:", show.one_line(error)[:50])
    statuses = [outside.get("/readyz").status_code for _ in range(150)]
    print({status: statuses.count(status) for status in sorted(set(statuses))})

# %% [markdown]
# From outside, `/metrics` and the documentation get a 404, although they exist inside. The last path,
# KServe's endpoint for unloading a model, does not exist in this service; the proxy would block it as
# well. Plain HTTP is refused, and a client that does not know the certificate does not
# connect. The 429s in the last line come from nginx's own rate limit: it counts the requests to all
# workers together, which a limit inside one worker cannot.
#
# ## 9. What the container holds
#
# The containers of this repository run without root, and on a read-only file system: notebook
# [06](06_bento.ipynb) builds one, and
# [`infra/kubernetes/base/deployment.yaml`](../infra/kubernetes/base/deployment.yaml) sets both in a
# cluster. A common way into a container is a known vulnerability in one of its packages.
#
# A software [**bill of materials**](GLOSSARY.md#SBOM) (SBOM) lists the packages in a format that
# vulnerability scanners read. Make one in the CycloneDX format from the lock file, which lists this
# repository's Python packages, and print one entry's *package URL*, by which scanners identify a
# package. (An image has the system's packages, too.)

# %%
import re

lock = (Path(servers.__file__).parents[3] / "requirements.txt").read_text()
pins = re.findall(r"^([\w.-]+)==([\w.+!-]+)", lock, re.MULTILINE)
components = [
    {"type": "library", "name": name, "version": version, "purl": f"pkg:pypi/{name}@{version}"}
    for name, version in pins
]
bill = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": components}
_ = (folder / "sbom.json").write_text(json.dumps(bill))
print(next(one["purl"] for one in components if one["name"] == "pillow"))

# %% tags=["volatile"]
for tool, scan in (("trivy", "trivy sbom sbom.json"), ("grype", "grype sbom:sbom.json")):
    found = "downloads a database of vulnerabilities" if shutil.which(tool) else "not installed"
    print(f"NOT RUN HERE: {tool} {found}; {scan}")

# %% [markdown]
# ## 10. OWASP's list
#
# OWASP, a foundation for software security, publishes a list of the ten most important security
# risks of machine learning
# ([ML Security Top Ten](https://owasp.org/www-project-machine-learning-security-top-10/), draft of
# 2023). The table says where each risk is shown here, and what stops it:
#
# | No. | Risk | Shown | What stops or slows it here |
# |---|---|---|---|
# | ML01 | input manipulation | section 1 | private weights, a second network, a person; none is a guarantee |
# | ML02 | data poisoning | notebook [13](13_loop.ipynb), section 3 (a bad line) | detector: data from a seed; recommender: each line is checked, held-out ratings and a canary decide. Plausible false ratings still get in |
# | ML03 | model inversion | not shown | answers are boxes with one confidence each, or ids; a rate limit |
# | ML04 | membership inference | section 6 | the user follows from the key |
# | ML05 | model theft | section 5 | API key and rate limit |
# | ML06 | AI supply chain | section 2; notebook [00](00_models.ipynb), section 4 | pinned packages, hashes, formats without code |
# | ML07 | transfer learning attack | not shown | an evaluation on held-out scenes before promotion (notebook 00) |
# | ML08 | model skewing | notebook [08](08_mlflow_only.ipynb), section 10 | drift is watched. Notebook 13 trains on ratings, so many fake users could skew it: limit the ratings of each user and of new accounts |
# | ML09 | output integrity | section 8 | TLS up to the proxy, loopback behind it |
# | ML10 | model poisoning | section 2 | hashes; promotion by a rule (notebook 00) |
#
# ## What broke, and why
#
# | The attack | What happened | Stopped by |
# |---|---|---|
# | a pattern in the pixels | neither torch nor ONNX Runtime found the card | nothing for certain; a second network disagrees |
# | a pickle in an MLflow model | code ran at loading | comparing a hash before loading, or a format of arrays |
# | an image bomb | the decoded image took hundreds of megabytes | the size in the header: 413 |
# | a line break in a name | a forged line in the log | checked ids, one JSON record a line |
# | paths that do not exist | a new time series for each | labels from a closed set |
# | many requests | a copy of the model | a rate limit for each key: slower, not impossible |
# | paging through answers | a user's complete history | the user follows from the key |
#
# ## Summary
#
# - Each attack was a few lines. Try them on your own service before somebody else does.
# - Check what a client sends before you use it as a path, a label, a log line or a header.
# - Loading a model may run code. Compare a hash first, or use a format that holds arrays.
# - An API key says who asks, a rate limit how often, a proxy what can be reached. None of them
#   changes what an answer reveals.
#
# **Practise:** `make lab N=15` opens your copy of [Lab 15](../labs/lab15_security/lab15_security.ipynb),
# in which you close four holes of a service.
#
# **Next:** a service of your own: attack it.

# %% tags=["teardown"]
if front:
    front.stop()
for server in (ours, careless, guarded):
    _ = server.stop()
print("processes left:", sum(len(server.processes()) for server in (ours, careless, guarded)))
