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
# # 00 · The models
#
# **Where you are:** before chapter section 10.3 · about 50 minutes · next:
# [01 · A model behind a Runner](01_runner.ipynb)
#
# Two models travel through this chapter, both made in the one before it: a **detector** that finds
# identity cards in photographs, and a **recommender** of movies. Whatever is served later is one of the
# two. Sections 1 to 7 are about the detector: what it learned from, how it is trained, and how far to
# trust it. Sections 8 to 12 are about the recommender, and about how one of several candidates comes to
# be the one that is served. Notebooks 01 to 06 need the first part only.
#
# ## After this notebook you can
#
# - draw a labelled data set with one command, and say what its splits keep apart,
# - train a YOLOv8 from nothing, and read its loss,
# - tell a network that understands from one that learned by heart,
# - refuse a tampered weights file before it runs,
# - read a precision-recall curve, and choose a confidence threshold,
# - say why the model with the smallest error can make the worst lists,
# - log candidates in MLflow, promote one by a rule, and have a worse one refused.

# %% [markdown]
# Everything you may change is in the next cell: how many scenes the detector's training gets and how
# often it sees each, on how many scenes the finished network is measured, and a folder with MovieLens'
# files, if you have it; the recommender then learns from those.

# %% tags=["parameters"]
seed = 0
pictures = 96
epochs = 8
sample = 100
ratings_dir = ""

# %% [markdown]
# What this machine has: `MISSING` stops you, `NOT RUN HERE` skips a step. Each such line ends with the
# command that mends it.

# %% tags=["setup", "volatile"]
from services.workbench import preflight

print(*preflight.report(), sep="\n")

# %% tags=["setup"]
import re
import shutil
import sys
from dataclasses import astuple

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from services.environment import build_dir
from services.id_card import lesson
from services.id_card.checkpoint import WEIGHTS
from services.id_card.dataset import write_dataset, yolo_lines
from services.id_card.detector import Detector
from services.id_card.evaluate import SERVED_CONF, evaluate
from services.id_card.history import read_history
from services.id_card.metrics import overlaps
from services.id_card.recipe import PLAN, Run, Stage
from services.id_card.samples import load_sample
from services.id_card.synth import FAMILIES, make_scene
from services.id_card.synth.cards import draw_card
from services.id_card.train import Training
from services.workbench import curves, show
from services.workbench.gallery import FOUND, Frame, Tile, gallery

# %% [markdown]
# ## 1. Photographs that nobody took
#
# A detector of identity cards wants thousands of photographs of them. They show names, faces and
# numbers of real people, so no such collection can ship, and you should mistrust one that does. Here
# everything is **drawn**: cards, holders, hands, desks, and the faults of the camera. Every green
# frame below is a label.


# %%
def tile(scene, found=(), caption=""):
    frames = [Frame(tuple(box)) for box in scene.boxes.tolist()]
    frames += [Frame(d.box, FOUND, f"{d.confidence:.2f}", dashed=True) for d in found]
    return Tile(scene.image, frames, caption)


chosen = [
    (6, 14), (5, 36), (6, 2), (4, 20), (5, 17), (6, 1), (5, 26), (6, 15), (5, 10), (4, 7), (6, 27),
    (6, 34), (5, 25), (4, 23), (6, 38), (5, 33), (6, 12),
]  # fmt: skip
scenes = [make_scene("train", number, seed_of, "mixed") for seed_of, number in chosen]
alt = "Drawn photographs of identity cards on desks and in hands, each card in a green frame"
show.picture(gallery([tile(scene) for scene in scenes], width=1000), alt=alt)

# %% [markdown]
# Some cards fill the picture, some take a twentieth of it. Fingers, shadows and other cards lie over
# them; some pictures are blurred, dark or noisy. And some show **no** identity card, but what looks
# like one: a loyalty card in a hand, a boarding pass. Without those, a network would learn that
# anything flat and printed is a card.
#
# A scene follows from its split, its number and a seed. The same three give the same picture on your
# machine, to the last box. A label is a line of text: the class, then centre, width and height as
# shares of the picture. This is the first scene's:

# %%
print(*yolo_lines(scenes[0]))

# %% [markdown]
# ### What must be kept apart
#
# The obvious test set is more of the same: other numbers, same generator. It would ask whether the
# network knows *these* cards. You want to know whether it knows *cards*. So the splits share no
# design, no surface and no clutter:

# %%
rows = [(kind, *(len(of[split]) for split in ("train", "val", "test")))
        for kind, of in FAMILIES.items()]  # fmt: skip
show.table(rows, columns=("families of", "training", "validation", "test"))

# %%
rng = np.random.default_rng(seed)
names = [*FAMILIES["layouts"]["train"][:4], "random_landscape", *FAMILIES["layouts"]["test"]]
tiles = [Tile(Image.fromarray(draw_card(rng, name, 420).pixels), caption=name) for name in names]
alt = "Nine drawn cards of different designs: five that training sees, four that it never does"
show.picture(gallery(tiles, width=1000, height=130), alt=alt)

# %% [markdown]
# The last four are designs of the test split: no training scene shows them. `random_landscape` is no
# design at all: it is made up anew each time, and you will see what for. (In the table, *layouts* are
# such designs. Photographs and textures lie behind the cards; *cards* and *things* are what lies
# beside them and is no identity card.)
#
# ## 2. Train it, for a few steps
#
# The real training takes hours. Here is the same code with little of everything: a network of half the
# width, pictures of 96 pixels, one card in each. First write a data set, as
# `python -m services.id_card.dataset` does:

# %%
folder = build_dir() / "notebooks" / "models"
shutil.rmtree(folder, ignore_errors=True)
data = write_dataset(
    folder / "scenes", pictures, seed, val=8, test=0, imgsz=120, cards=1,
    difficulty="typical", progress=False,
)  # fmt: skip
print(data.images, "pictures,", data.cards, "cards:", data.data_yaml.relative_to(folder))

# %% [markdown]
# The network begins with random numbers. A batch of 16 pictures goes through, a **loss** says how wrong
# the answer was, and every weight moves a little downhill. That is one step; once through all
# pictures is an **epoch**.

# %% tags=["volatile"]
stage = Stage(imgsz=96, scenes=pictures, epochs=epochs, uses=epochs, lr=0.006, lr_end=0.0006)
run = Run((stage,), seed=seed, model="small", data=str(data.data_yaml))
with tqdm(total=epochs, unit="epoch", file=sys.stdout) as bar:
    training = Training(run, folder / "run", say=lambda line: bar.update())
    tiny_weights = training.train()

# %% tags=["volatile"]
figure = curves.losses(
    read_history(folder / "run" / "history.csv"), title="A few steps of training"
)
show.figure(figure, alt="Three losses over the epochs: they fall steeply at first, then slowly")

# %% [markdown]
# The loss falls. That looks like success, and says little: it fell on pictures that the network has
# seen. What can it do? Ask about new tables, each laid twice: once with a card of a design that it
# never saw, once with other things only. Green is where the card is, dashed the network's best guess:

# %%
half = 40
asked = [make_scene("test", i, seed, "typical", cards=1, imgsz=192) for i in range(half)]
asked += [make_scene("test", i, seed, "typical", cards=0, imgsz=192) for i in range(half)]
some = [*range(6), *range(half, half + 6)]

# %% tags=["volatile"]
tiny = Detector(tiny_weights, conf=0.001)
guesses = tiny.detect([scene.image for scene in asked])
tiles = [tile(asked[i], guesses[i][:1]) for i in some]
alt = "Six tables with a card, the same without: the dashed best guess lies alike in both rows"
show.picture(gallery(tiles, width=1000, height=135), alt=alt)

# %% [markdown]
# In the upper row some of the dashed frames lie about right. But cards usually lie near the middle, so a
# frame there is often about right without looking at all. Compare the network with exactly that: the
# average of all labels, as one frame for every picture. "About right" means that frame and card share
# more than half of what they cover together.


# %%
def about_right(frames):
    pairs = zip(frames, asked[:half], strict=True)
    return f"{np.mean([overlaps(frame, scene.boxes).max() > 0.5 for frame, scene in pairs]):.0%}"


def row(name, guesses):
    frames = [np.array([found[0].box if found else (0, 0, 0, 0)]) for found in guesses[:half]]
    sure = [found[0].confidence if found else 0.0 for found in guesses]
    confidences = (f"{np.median(part):.2f}" for part in (sure[:half], sure[half:]))
    return name, about_right(frames), *confidences


sizes = [np.tile(scene.image.size, 2) for scene in asked[:half]]
average = np.mean([s.boxes / size for s, size in zip(asked, sizes, strict=False)], axis=0)
blind = ("always the same frame", about_right([average * size for size in sizes]), "", "")

# %% tags=["volatile"]
columns = ("", "about right", "confidence with a card", "without one")
few_steps = row("a few steps of training", guesses)
show.table([blind, few_steps], columns)

# %% [markdown]
# Part of what looked like skill the blind frame has as well. And look at the last two columns: the
# network is about as sure of a card where there is none. So far it has learned **where** cards
# lie and how large they are, hardly what they look like. That is no failure, only what a few dozen
# steps can do. But the falling loss did not tell you.
#
# ## 3. Learned by heart
#
# Longer training helps, and brings another danger. The experiment that shows it takes too long for a
# notebook, so its result is committed, with the command that made it:
# `python -m services.id_card.lesson`. Two networks take as many steps, from the same first weights. One
# looks at **few** pictures, many times each. The other gets eight times as **many** and sees each an
# eighth as often. Both are then asked about the few pictures, about new ones of the same kind, and about
# held-out designs on held-out tables.

# %%
results = lesson.read()
panels = {
    training: {q: [a for a in results if (a.training, a.question) == (training, q)]
               for q in lesson.QUESTIONS}
    for training in lesson.TRAININGS
}  # fmt: skip
alt = "With few pictures, those end far above new ones and held-out designs; with many, alike"
show.figure(curves.learning(panels), alt=alt)

# %%
last = [answer for answer in results if answer.pictures == results[-1].pictures]
rows = [(a.training, a.question, f"{a.map50:.2f}", f"{a.low:.2f} to {a.high:.2f}") for a in last]
show.table(rows, columns=("trained on", "asked about", "mAP50", "95 % interval"))

# %% [markdown]
# (`mAP50` is explained in section 5; 1 is perfect.) The first network knows its own pictures far better
# than new ones: part of what it knows is those pictures, **by heart**. Asked about nothing else, it
# looks better than it is, and better than the second network. The second had no time to learn so many by
# heart. What it knows holds for pictures that it never saw, and for designs.
#
# Which of the two is better on held-out designs, and by how much? There the intervals overlap. With
# `--seed 1`, so other scenes and other first weights, the gap in the first panel comes again; the
# order of the two green ends does not. And before the last stretch all lines jump about, because the
# learning rate is still high. An interval is part of a result, not an ornament.
#
# The real training therefore gets fresh scenes every few epochs, and most of its cards are of a design
# made up on the spot: there is little in it to learn by heart.
#
# ## 4. The weights that ship
#
# A trained network is a file. Ultralytics writes a *pickle*, and a pickle is not data but a program:
# loading it runs what is in it. Make one that does something else:


# %%
class Surprise:
    def __reduce__(self):
        return print, ("This ran while the file was being loaded.",)


tampered = folder / WEIGHTS.name
torch.save({"model": Surprise()}, tampered)
loaded = torch.load(tampered, weights_only=False)

# %% [markdown]
# It printed a line. It could have read your keys. torch has a safe mode, `weights_only=True`, which
# accepts tensors and refuses everything else. It refuses the real file as well, whose pickle names the
# network's classes:

# %%
try:
    torch.load(WEIGHTS, weights_only=True)
except Exception as error:
    print(re.search(r"Unsupported global: .*?(?= was)", str(error))[0])

# %% [markdown]
# So the file's SHA-256 stands beside it, in `SHA256SUMS`, and the core compares **before** it opens
# anything. Lay the tampered file beside a copy of that list, under the real one's name:

# %%
shutil.copy(WEIGHTS.with_name("SHA256SUMS"), folder)
try:
    Detector(tampered)
except ValueError as error:
    print(show.one_line(error).split(":")[1].strip())

# %% [markdown]
# Refused, and nothing ran. A hash tells you that the file is the one that was recorded, not that it is
# good: whoever can change both files can change the hash.
#
# The servers of this chapter go one step further and do not load the pickle at all. From the checked
# file they make an **ONNX** model once: a graph of operations, without code, that needs no torch to
# run. The boxes stay the same:

# %%
detector = Detector(backend="onnx", conf=0.001)
picture = load_sample("two_cards")
both = [Detector(backend=name).detect([picture])[0] for name in ("torch", "onnx")]
apart = [np.subtract(a.box, b.box) for a, b in zip(*both, strict=True)]
print(f"{len(apart)} boxes, the same to a hundredth of a pixel:", np.abs(apart).max() < 0.01)

# %% [markdown]
# Now put the same questions to the network that ships:

# %%
guesses = detector.detect([scene.image for scene in asked])
tiles = [tile(asked[i], guesses[i][:1]) for i in some]
alt = "The same tables: dashed frames on the cards above, and lower confidence below"
show.picture(gallery(tiles, width=1000, height=135), alt=alt)

# %% tags=["volatile"]
show.table([blind, few_steps, row("the network that ships", guesses)], columns)

# %% [markdown]
# The last row is the difference that hours make: frames on the cards, and a confidence that tells a
# card from none. How good is that, in one number?
#
# ## 5. One number, and what it hides
#
# The questions now are harder: up to four cards, tilted, blurred, in the dark, or none, and every design
# and thing is held out. `evaluate` sends the scenes through the very detector that is served.

# %%
scenes = [make_scene("test", i, seed, "mixed", imgsz=320) for i in range(sample)]
result = evaluate(detector, scenes)
print(f"mAP50    {result.map50(resamples=100):.2f}")
print(f"mAP50-95 {result.map50_95(resamples=100):.2f}")

# %% [markdown]
# A box is *right* if it overlaps a card by half or more and no surer box has claimed that card. Go
# through all boxes from the surest to the least sure. **Precision** is the share of right ones so far,
# **recall** the share of the cards found so far. mAP50 is the area under that curve; mAP50-95
# repeats it with stricter overlaps up to 0.95, so it asks for tight boxes. In parentheses stands the
# 95 % interval: how far the number may be off because the sample is small.


# %%
def at(threshold):
    images = result.images
    found = sum((image.found > threshold).sum() for image in images)
    boxes = sum((image.confidences > threshold).sum() for image in images)
    alarms = sum(image.false_alarms(threshold) for image in images)
    return found / sum(image.truths for image in images), 1 - alarms / max(1, boxes)


curve = result.curve
figure = curves.quality(
    curve.recall, curve.precision, at, served=SERVED_CONF, title="Held-out designs"
)
alt = "Left: precision falls as more cards are found. Right: a higher threshold finds fewer of them"
show.figure(figure, alt=alt)

# %% [markdown]
# A service does not return a curve. It returns the boxes above a **threshold**, the dot on the left and
# the dashed line on the right. Move it to the right, and fewer boxes are wrong, but more cards are
# missed. Which of the two costs more is no question for the network: a robot that blurs documents
# before publication must not miss one; one that asks a customer "is this your card?" should not
# be wrong. In numbers:

# %%
rows = [(step, *(f"{share:.0%}" for share in at(step))) for step in (0.25, 0.5, 0.75)]
show.table(rows, columns=("threshold", "cards found", "boxes right"))

# %% [markdown]
# ## 6. Look at the mistakes
#
# An average has no face. These are the scenes with the cards that the network found hardest, and how sure
# it was of the hardest in each; 0.00 means that no box fitted it. The dashed frames are what a
# server would report:

# %%
hardest = [min(image.found, default=1.0) for image in result.images]
numbers = np.argsort(hardest, kind="stable")[:6].tolist()
tiles = []
for i in numbers:
    [found] = detector.detect([scenes[i].image])
    reported = [box for box in found if box.confidence > SERVED_CONF]
    tiles.append(tile(scenes[i], reported, f"{hardest[i]:.2f}"))
alt = "Six scenes with the cards that were hardest to find, and the frames that a server reports"
show.picture(gallery(tiles, width=1000, height=170), alt=alt)

# %% [markdown]
# And these are the boxes that it was surest of although they fit no card, or one that a surer box has
# claimed. Those above the served threshold would reach a user:

# %%
mistakes = sorted(
    (image.confidences[n], i, n)
    for i, image in enumerate(result.images)
    for n in np.flatnonzero(~image.correct[:, 0])
)[-6:][::-1]
tiles = [tile(scenes[i], detector.detect([scenes[i].image])[0][n : n + 1]) for _, i, n in mistakes]
alt = "Six scenes, each with a dashed frame that fits no card, or half of one, or one twice"
show.picture(gallery(tiles, width=1000, height=170), alt=alt)

# %% [markdown]
# Look at each and ask *why*. Something printed, of a card's shape? One card over another? A frame around
# half of a card? Such a list tells you what the next training scenes should show. The number above
# told you only that there is a list.
#
# ## 7. The real training
#
# Small pictures first, where a step costs little, then larger ones, where edges get sharp. Every few
# epochs the scenes are replaced by fresh ones. The whole recipe is a table:

# %%
columns = ("pixels", "scenes", "epochs", "used for", "rate, first", "rate, last")
show.table([astuple(stage)[:6] for stage in PLAN], columns)

# %%
figure = curves.training(read_history())
alt = "Loss falls through four stages of growing pictures; quality on validation designs rises"
show.figure(figure, alt=alt)

# %% [markdown]
# The steps in the loss are changes of size: a new stage asks the same of larger pictures. On the right,
# quality on designs of the validation split; read it as in section 3. Where it still rises at the
# end, more training would pay. Where it has gone flat, only other scenes would.
#
# To do it yourself, in a terminal:
#
# | command | what it does |
# |---|---|
# | `python -m services.id_card.dataset --out DIR --n 100` | draws scenes with labels, for you to look at |
# | `make detector` | trains from nothing: hours on two cores, far less on a GPU, which is used where there is one |
# | `make detector ARGS="--budget-minutes 30"` | stops at a checkpoint; the same command goes on, also after a crash |
# | `make detector ARGS="--weights yolov8n.pt"` | begins with a network that you have |
# | `make detector ARGS="--data my/data.yaml"` | trains on your own photographs, labelled in YOLO's format |
# | `python -m services.id_card.evaluate --weights FILE` | measures a network on held-out designs, against the targets |
#
# What the shipped weights reach, and where they fail, stands in their
# [model card](../services/id_card/weights/README.md). A drawn test set has one limit that no
# number on it can show: it is drawn. Try a photograph of your own card, which stays on your machine:
# `Detector().render(Image.open("mine.jpg"))`.
#
# ## 8. Ratings that nobody gave
#
# The second model recommends movies. It learns from ratings: who gave how many stars to what, and when.
# The collection that everybody uses for this, MovieLens, may be used for teaching but not passed on. So
# the default is drawn, too: invented movies, invented users, and a taste for each of them.

# %% tags=["setup"]
from pathlib import Path

import mlflow
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec

from services.recommender import registry
from services.recommender.metrics import evaluate as judge
from services.recommender.metrics import rank
from services.recommender.networks import FactorNetwork
from services.recommender.published import PUBLISHED
from services.recommender.recommender import Recommender
from services.recommender.splits import at_random
from services.recommender.train import describe, ratings_from
from services.recommender.training import RECIPES, fit
from services.workbench import rankings, tracking

# %%
ratings, truth = ratings_from(ratings_dir, seed=seed)
print(describe(ratings))

# %%
first_user = np.flatnonzero(ratings.users == ratings.users[0])[:5]
rows = [
    (ratings.movies.titles[i], ", ".join(ratings.movies.genres[i]), f"{stars:g}")
    for i, stars in zip(ratings.items[first_user], ratings.values[first_user], strict=True)
]
show.table(rows, columns=("the first user has seen", "genres", "stars"))

# %%
figure = rankings.overview(ratings.values, ratings.per_item())
alt = "Left: most ratings are three or four stars. Right: few movies have most of the ratings"
show.figure(figure, alt=alt)

# %% [markdown]
# Two things to see. People mostly watch what they expect to like, so low ratings are rare. And a few
# movies get most of the attention; a recommender that names just these is right surprisingly often.
# Keep it in mind: it is the one to beat.
#
# Drawn data has one advantage. We know the truth: how much each user likes each movie, and how likely
# they are to choose it. Asked like a model, it is an **oracle**. No model can do better, except by luck.
# With MovieLens in `ratings_dir` there is no oracle, and everything else below stays the same.
#
# ## 9. Four candidates
#
# The ratings are split in three. Candidates learn from the first part. The second decides which of
# them is chosen. The third is looked at once, at the end: it says how good the chosen one is.

# %%
split = at_random(ratings, seed=seed)
parts = zip(split._fields, split, strict=True)
print(", ".join(f"{name}: {len(part):,}" for name, part in parts))

# %% [markdown]
# | candidate | what it is | what its training asks |
# |---|---|---|
# | `popularity` | counts ratings; the same list for all | nothing |
# | `mf` | a vector for each user and each movie; their product is the rating | how many **stars** will this user give? |
# | `mf-bce` | the same vectors | **which movies** will this user choose at all? |
# | `neumf` | the vectors, and a small network on top | the same |
#
# For the second question, drawn movies that the user has not rated stand beside each rated one, and the
# model has to tell them apart. Training takes seconds:

# %% tags=["volatile"]
losses = {"mf": [], "mf-bce": [], "neumf": []}


def train(kind):
    with tqdm(total=RECIPES[kind].epochs, desc=kind, unit="epoch", file=sys.stdout) as bar:

        def note(epoch, loss):
            losses[kind].append(loss)
            bar.update()

        return fit(kind, split.train, seed=seed, progress=False, on_epoch=note)


models = {"popularity": fit("popularity", split.train), **{kind: train(kind) for kind in losses}}

# %% tags=["volatile"]
alt = "Three losses, a panel each, all falling over the epochs"
show.figure(rankings.losses(losses, width=9.5), alt=alt)

# %% [markdown]
# All three fall, and their numbers cannot be compared: the first is in squared stars, the others are
# not. As with the detector, a falling loss says only that something is learned.
#
# ## 10. Which one would you promote?
#
# **RMSE** is the usual error of a rating, in stars. **NDCG@10** looks at lists instead: of ten
# recommended movies, how many did the user choose in the validation part, and how far up do they
# stand? 1 is a perfect list. `mf-bce` and `neumf` guess no stars, so they have no RMSE.

# %% tags=["volatile"]
judged = {kind: judge(model, split.train, split.validation) for kind, model in models.items()}
if truth:
    judged["oracle"] = judge(truth, split.train, split.validation)
intervals = {kind: measured.interval() for kind, measured in judged.items()}
alt = "mf is best of the models by RMSE, and last by NDCG, below popularity; mf-bce leads there"
show.figure(rankings.two_orders(judged, intervals), alt=alt)

# %% [markdown]
# **The winner on the left comes last on the right.** The model that guesses stars best makes lists that
# are worse than naming the same popular movies to everybody. (Black lines are 95 % intervals; the
# order of `mf` and `popularity` is no accident of the sample.) Look at the lists to see why. In
# parentheses, how many ratings a movie has in the training part:

# %% tags=["volatile"]
recommenders = {kind: Recommender(model, split.train) for kind, model in models.items()}
someone = int(ratings.user_ids.ids[7])
seen = dict(zip(ratings.movies.ids.ids.tolist(), split.train.per_item().tolist(), strict=True))
lists = [
    [
        f"{item.title} ({seen[item.movie_id]})"
        for item in recommenders[kind].recommend(someone, 5).items
    ]
    for kind in ("mf", "popularity", "mf-bce")
]
show.table(list(zip(*lists, strict=True)), columns=("mf", "popularity", "mf-bce"))

# %% [markdown]
# The movies on the left are less known than the others. They may well be good. `mf` says how many stars
# a movie would get *if* this user watched it; it has learned from nothing but ratings, and each of those
# is of a movie that somebody had chosen to watch. Which movies a user comes to choose was never asked.
# Over all users, a movie in the lists has this many ratings (the median):

# %% tags=["volatile"]
for kind in ("mf", "popularity", "mf-bce"):
    items = rank(models[kind], split.train, split.validation).items
    print(f"{kind:10} {np.median(split.train.per_item()[items]):.0f}")

# %% [markdown]
# Is that so with real users? Published results on the real ML-100k, with the same way of splitting:

# %%
rows = [
    (p.name, p.learns, "" if p.rmse is None else f"{p.rmse:.3f}", f"{p.ndcg:.3f}")
    for p in PUBLISHED
]
show.table(rows, columns=("method", "asks", "RMSE", "NDCG@10"))

# %% [markdown]
# The same picture. So: **promote on the measure that the service is used for.** Ours is used for lists.
# (Compare down a column, not with the plot above: those are other movies and a larger part to be found.
# The last section has our figures for a part of that size.)
#
# ## 11. Candidates in a tracking server
#
# Four models in the memory of a notebook are gone when it ends. A **tracking server** keeps them: what
# was trained, on which data, how it did, and the model itself. This is a real one:

# %%
server = tracking.server(folder / "mlflow")
mlflow.set_tracking_uri(server.url)

# %%
logged = {
    kind: registry.log_candidate(
        recommender, judged[kind], split,
        recipe=RECIPES[kind], losses=losses.get(kind, ()), seed=seed,
    )
    for kind, recommender in recommenders.items()
}  # fmt: skip
run = mlflow.get_run(logged["mf-bce"].run_id)
print({name: run.data.params[name] for name in ("dim", "epochs", "lr", "negatives", "seed")})
print([entry.dataset.name for entry in run.inputs.dataset_inputs])

# %% [markdown]
# Each candidate is a *run* with its parameters, the curve of its loss and its data, and a *logged model*
# with its measures. The measures are bound to a fingerprint of the validation ratings. Two models are
# compared on the same ratings, or not at all.
#
# ### What is in a logged model
#
# The obvious way would be to hand MLflow the torch network. Try it with a small one:

# %%
network, pairs = FactorNetwork(20, 30, 4, "mf", 0.0), torch.zeros(2, dtype=torch.long)
network.n_items = 30
columns = Schema([TensorSpec(np.dtype("int64"), (-1,), name) for name in ("users", "items")])
mlflow.pytorch.save_model(
    network, folder / "obvious", input_example=(pairs, pairs),
    signature=ModelSignature(columns), pip_requirements=["torch"],
)  # fmt: skip
back = mlflow.pytorch.load_model(folder / "obvious")

# %%
attempts = {
    "its own attribute": lambda: back.n_items,
    "eval()": lambda: back.eval(),
    "as a served model": lambda: mlflow.pyfunc.load_model(str(folder / "obvious")),
}
for name, attempt in attempts.items():
    try:
        attempt()
    except Exception as error:
        print(f"{name}: {show.one_line(error)}")

# %% [markdown]
# It was saved, and what comes back is not what was handed in. MLflow's default format, `pt2`, is a
# recorded graph of operations: safe to load, but without the attributes, without `eval()`, and MLflow's
# own server cannot serve it. The format before it was a pickle, with the danger of section 4. Notebook
# 07 meets code that relies on the old one.
#
# So `log_candidate` logs something else: the arrays, and a file of code that reads them.

# %%
model_id = logged["mf-bce"].model_id
fetched = Path(
    mlflow.artifacts.download_artifacts(f"models:/{model_id}", dst_path=str(folder / "one"))
)
print(*sorted(str(path.relative_to(fetched)) for path in fetched.glob("*")), sep="\n")
print(*(path.name for path in (fetched / "artifacts").iterdir()))

# %%
show.source(
    "services/recommender/mlflow_model.py", start="class RecommenderModel", end="version_in"
)

# %% [markdown]
# No pickle, and no torch: `recommender.npz` holds arrays and titles, the scores are a product of two
# matrices in NumPy. `requirements.txt` names every package with its version, taken from this
# repository's lock. Told so, MLflow logs a model in about a second. Left to find out by itself, it loads
# the model in a process of its own, which takes several times as long.
#
# ## 12. Promote one, refuse another
#
# A **registered model** is a name with numbered versions. A version never changes. Which one is served
# says an *alias*, here `prod`: a label on one of the versions, which can be moved. Say that until
# yesterday popularity was good enough. The first version goes into production unasked:

# %%
first = registry.register(logged["popularity"].model_id)
print(registry.promote(first.number))

# %% [markdown]
# Now the best candidate, by NDCG on the validation ratings. It has to pass a rule with three
# thresholds, each against the version in production:

# %%
rows = [(threshold.metric, f"{threshold.gain:+.3f}") for threshold in registry.RULE]
show.table(rows, columns=("the measure in production, and", "at least this much more"))

# %% tags=["volatile"]
best = registry.best(data=registry.validation_set(split))
version = registry.register(best.model_id)
print(best.kind, "is the best;", registry.promote(version.number))

# %% [markdown]
# And the winner by RMSE? Somebody who trusts that number registers it and promotes it:

# %% tags=["volatile"]
winner = registry.register(logged["mf"].model_id)
decision = registry.promote(winner.number)
print(f"version {decision.version} {decision.outcome}:", *decision.reasons, sep="\n  ")

# %% [markdown]
# Refused, with the reasons. Production is untouched. What if two people promote at the same moment?
# MLflow moves an alias without looking at what it was. Each candidate would be compared with the same
# old version, and the worse could win by coming last. So `promote` makes them wait for each other, on
# any number of machines (`services/recommender/registry/turns.py` says what is guaranteed and what is
# not).
#
# Whoever serves asks for the alias, not for a number:

# %% tags=["volatile"]
served = mlflow.pyfunc.load_model(f"models:/{registry.MODEL}@{registry.PROD}")
[answer] = served.predict([{"user_id": someone}], params={"top_k": 3}).to_dict("records")
print("version", answer["version"], [item["title"] for item in answer["items"]])

# %% [markdown]
# Two traps in MLflow's interface, which cost an afternoon if you do not know them. Ask it for the
# versions, and two fields are empty although both are known:

# %%
found = mlflow.search_model_versions(filter_string=f"name = '{registry.MODEL}'")
print("MLflow:", [(int(one.version), one.model_id, one.aliases) for one in found])
print("ours:  ", [(one.number, one.model_id[:2] + "…", one.aliases) for one in registry.versions()])

# %% [markdown]
# The model's id stands in the version's `source`, and the aliases at the registered model.
#
# ### One step back
#
# In production the promoted version turns out to be too slow, say. Going back is moving the
# alias again. The version that was left stays in the registry, marked, so that no script promotes it
# again by mistake:

# %%
print(registry.rollback(version.number, reason="too slow"))
print(registry.promote(version.number))

# %%
print(registry.promote(version.number, again=True))

# %% [markdown]
# ### The test part, once
#
# The choice is made. Only now the third part is opened, a quarter of all ratings:

# %% tags=["volatile"]
final = {kind: models[kind] for kind in ("popularity", best.kind)}
if truth:
    final["oracle"] = truth
rows = [
    (kind, f"{result.ndcg:.3f}", f"{result.hit_rate:.0%}", f"{result.coverage:.0%}")
    for kind, model in final.items()
    for result in [judge(model, split.development, split.test)]
]
show.table(rows, columns=("on the test part", "NDCG@10", "users with a hit", "catalogue shown"))

# %% [markdown]
# The last column is a second reason against popularity: it shows almost nothing of the catalogue. And
# the oracle's line says how much a better model could still gain on this data.
#
# From a terminal, on your own files: `python -m services.recommender.registry train --ratings-dir DIR`,
# then `promote`, `rollback` or `show`. When new ratings have come in, `learn` trains anew, measures the
# version in production on the same new ratings, and promotes what is better. A server for a whole
# team, on PostgreSQL and S3-compatible storage, is described in
# [infra/mlflow](../infra/mlflow/README.md). The detector goes into the same registry by
# `python -m services.id_card.registry`.
#
# ## Summary
#
# - Data, training, weights and measurement each come from one command.
# - A falling loss says that something is learned; scenes and designs never seen say what.
# - A checkpoint is a program: check it before you open it, or serve a format that is none.
# - mAP sums up all thresholds, a service has one, and mistakes have to be looked at.
# - The smallest error of the stars does not make the best lists: promote on what the service is for.
# - A registry keeps versions; an alias says which is served; a rule decides, and can say no.
#
# **Practise:** in [Lab 00](../labs/lab00_models/lab00_models.ipynb) you measure a detector and a recommender yourself, and decide
# what is promoted.
#
# **Next:** [01 · A model behind a Runner](01_runner.ipynb) turns the file into something to call.

# %% tags=["teardown"]
server.stop()
shutil.rmtree(folder)
print("left behind:", folder.exists())
