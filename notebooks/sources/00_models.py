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
# **Where you are:** before chapter section 10.3 · about 45 minutes, in two halves · next:
# [01 · A model behind a Runner](01_runner.ipynb)
#
# This chapter serves two models: a **detector** that finds identity cards in photographs, and a
# **recommender** of movies. Before you serve a model, you should know how it was made and how far
# to trust it. In this notebook you train a small detector, measure the one that ships with this
# repository, train four recommenders, and decide which of them goes into production.
#
# | half | sections | about | needed for |
# |---|---|---|---|
# | first | 1 to 7 | the detector: data, training, measurement | notebooks 01 to 06, 09 to 11, 14 and 15 |
# | second | 8 to 12 | the recommender: candidates, registry, promotion | notebooks 07 to 11, 13 and 15 |
#
# You can stop after the first half and come back before notebook 07.
#
# ## After this notebook you can
#
# - generate a labelled data set with one command, and say what its splits keep apart,
# - train a YOLOv8 (a network that detects objects) from random weights, and read its loss,
# - tell a network that generalises from one that memorised its training data,
# - reject a tampered weights file before it runs,
# - read a precision-recall curve, and choose a confidence threshold,
# - say why the model with the smallest error can make the worst lists,
# - log candidates in MLflow, promote one by a rule, and have a worse one rejected.

# %% [markdown]
# The next cell holds everything you may change. A *scene* is one synthetic photograph: `pictures`
# sets how many scenes the small training uses, `epochs` how often it sees each, and `sample` on how
# many the network that ships is measured. `seed` makes the scenes repeatable.
#
# If you have the MovieLens files, put the path of their folder in `ratings_dir`; the recommender
# then learns from them.

# %% tags=["parameters"]
seed = 0
pictures = 96
epochs = 8
sample = 100
ratings_dir = ""

# %% [markdown]
# Check the machine first. `MISSING` means that a step will fail, `NOT RUN HERE` that it is skipped.
# Each such line ends with the command that fixes it.

# %% tags=["setup", "volatile"]
from services.setup import preflight

preflight.needs()

# %% tags=["setup"]
import shutil
import sys
import textwrap

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from services.environment import build_dir
from services.id_card.detector import Detector
from services.id_card.model.checkpoint import WEIGHTS
from services.id_card.samples import load_sample
from services.id_card.training import lesson
from services.id_card.training.dataset import write_dataset, yolo_lines
from services.id_card.training.evaluate import SERVED_CONF, evaluate
from services.id_card.training.history import read_history
from services.id_card.training.metrics import overlaps
from services.id_card.training.recipe import PLAN, Run, Stage
from services.id_card.training.synth import FAMILIES, make_scene
from services.id_card.training.synth.cards import draw_card
from services.id_card.training.train import Training
from services.workbench import servers, show
from services.workbench.plots import curves
from services.workbench.plots.gallery import FOUND, Frame, Tile, gallery

# %% [markdown]
# ## 1. A synthetic data set
#
# To detect identity cards, a network needs thousands of photographs of them. Real ones show
# people's names, faces and numbers, so no such collection can be published, and you should distrust
# any that has been. Here everything is **synthetic**: cards, people, hands, desks, and the camera's
# flaws.
#
# Each green frame below is a *label*: the correct answer, stored with the image.


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
alt = "Synthetic photographs of identity cards on desks and in hands, each card in a green frame"
show.picture(gallery([tile(scene) for scene in scenes], width=1000), alt=alt)

# %% [markdown]
# Some cards fill the image, some a twentieth of it. Fingers, shadows and other cards cover parts of
# them; some images are blurred, dark or noisy. And some show **no** identity card but something similar,
# such as a loyalty card in a hand or a boarding pass. Without those, a network would learn that anything
# flat and printed is a card.
#
# A scene is fully determined by its split (training, validation or test), its number and a seed.
# The same three give the same image and the same boxes on your machine. A label is a line of text:
# the class (`0`, because identity cards are the only class), then centre, width and height as
# fractions of the image. This is the label of the first scene:

# %%
print(*yolo_lines(scenes[0]))

# %% [markdown]
# ### What must be kept apart
#
# The obvious test set is more of the same: new scenes from the same generator. It would show whether the
# network knows *these* cards. You want to know whether it knows *cards*. So the splits share no design,
# no surface and no clutter:

# %%
rows = [(kind, *(len(of[split]) for split in ("train", "val", "test")))
        for kind, of in FAMILIES.items()]  # fmt: skip
show.table(rows, columns=("families of", "training", "validation", "test"))

# %%
rng = np.random.default_rng(seed)
names = [*FAMILIES["layouts"]["train"][:4], "random_landscape", *FAMILIES["layouts"]["test"]]
tiles = [Tile(Image.fromarray(draw_card(rng, name, 420).pixels), caption=name) for name in names]
alt = "Nine synthetic cards of different designs: five that training sees, four that it never does"
show.picture(gallery(tiles, width=1000, height=130), alt=alt)

# %% [markdown]
# The last four designs belong to the test split; no training scene shows them. `random_landscape`
# is not one design: the generator makes a new one each time, and section 3 explains why.
#
# In the table, *layouts* are card designs, *photographs* and *textures* are backgrounds, and
# *cards* and *things* are other objects that lie next to the identity card. No family appears in two
# splits: training uses 12 fixed designs and 3 generators of random ones, and the test uses 4 other
# designs.
#
# ## 2. Train it, for a few steps
#
# The real training takes hours. This is the same code on a small scale: a network of half the
# width, images scaled down to 96 pixels, one card in each. First write a data set, as the command
# `python -m services.id_card.training.dataset` does:

# %%
folder = build_dir() / "notebooks" / "models"
shutil.rmtree(folder, ignore_errors=True)
data = write_dataset(
    folder / "scenes", pictures, seed, val=8, test=0, imgsz=120, cards=1,
    difficulty="typical", progress=False,
)  # fmt: skip
print(data.images, "images,", data.cards, "cards:", data.data_yaml.relative_to(folder))

# %% [markdown]
# The network starts from random numbers. A batch of 16 images goes through it, a **loss** measures how
# wrong the answer was, and every weight changes a little in the direction that lowers the loss. That is
# one step. One pass through all images is an **epoch**.

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
# All three parts of the loss fall: how well the boxes overlap, whether there is a card, and exactly
# where its edges are. That says little, because these are images that the network has seen.
#
# So test it on new scenes: half with a card of a design that it never saw (the upper row), half
# without a card. The green frame marks the card; the dashed frame is the network's best guess:

# %%
half = 40
tests = [make_scene("test", i, seed, "typical", cards=1, imgsz=192) for i in range(half)]
tests += [make_scene("test", i, seed, "typical", cards=0, imgsz=192) for i in range(half)]
some = [*range(6), *range(half, half + 6)]

# %% tags=["volatile"]
tiny = Detector(tiny_weights, conf=0.001)
guesses = tiny.detect([scene.image for scene in tests])
tiles = [tile(tests[i], guesses[i][:1]) for i in some]
alt = "Six scenes with a card, six without: the dashed best guess is alike in both rows"
show.picture(gallery(tiles, width=1000, height=135), alt=alt)

# %% [markdown]
# In the upper row some dashed frames are roughly right. But cards usually lie near the middle, so
# any frame there is often roughly right, whatever the image shows. Compare the network with a
# *baseline* that uses only this: it returns the same frame for every image, the average of the
# labels of these test scenes. (A real baseline would average the training labels. Looking at the
# test labels can only favour it.)
#
# "Roughly right" means that frame and card overlap by more than half: their intersection is more than
# half of their union ([*IoU*](GLOSSARY.md#IoU), intersection over union).


# %%
def roughly_right(frames):
    pairs = zip(frames, tests[:half], strict=True)
    return f"{np.mean([overlaps(frame, scene.boxes).max() > 0.5 for frame, scene in pairs]):.0%}"


def row(name, guesses):
    frames = [np.array([found[0].box if found else (0, 0, 0, 0)]) for found in guesses[:half]]
    sure = [found[0].confidence if found else 0.0 for found in guesses]
    confidences = (f"{np.median(part):.2f}" for part in (sure[:half], sure[half:]))
    return name, roughly_right(frames), *confidences


sizes = [np.tile(scene.image.size, 2) for scene in tests[:half]]
average = np.mean([s.boxes / size for s, size in zip(tests, sizes, strict=False)], axis=0)
baseline = ("always the same frame", roughly_right([average * size for size in sizes]), "", "")

# %% tags=["volatile"]
columns = ("detector", "roughly right", "confidence with a card", "without one")
few_steps = row("a few steps of training", guesses)
show.table([baseline, few_steps], columns)

# %% [markdown]
# The column *roughly right* shows that the baseline alone explains much of what looked like skill.
# Now compare the last two columns: the network is as confident where there is no card as where there
# is one. The images show why: the dashed frame is nearly the same in all of them.
#
# So far it has learned **where** cards lie and how large they are, but hardly what they look like.
# A few dozen steps cannot do more, and the falling loss did not reveal this.
#
# ## 3. Memorised
#
# Longer training helps, but brings another danger: *overfitting*, when a network memorises its
# training data. The experiment that shows it takes too long for a notebook, so its result is stored
# in the repository. The command was `python -m services.id_card.training.lesson`.
#
# Two networks take the same number of steps from the same initial weights. One sees **few** pictures,
# many times each. The other sees eight times as **many**, an eighth as often each. Both are then tested
# on those few pictures, on new pictures of the same kind, and on held-out designs in held-out scenes.

# %%
results = lesson.read()
panels = {
    training: {q: [a for a in results if (a.training, a.question) == (training, q)]
               for q in lesson.QUESTIONS}
    for training in lesson.TRAININGS
}  # fmt: skip
alt = "Left: the few pictures end far above new ones and held-out designs. Right: all end alike"
show.figure(curves.learning(panels), alt=alt)

# %%
last = [answer for answer in results if answer.pictures == results[-1].pictures]
rows = [(a.training, a.question, f"{a.map50:.2f}", f"{a.low:.2f} to {a.high:.2f}") for a in last]
show.table(rows, columns=("trained on", "tested on", "mAP50", "95 % interval"))

# %% [markdown]
# (`mAP50` is explained in section 5; 1 is perfect.) The first network reaches 0.75 on its own
# images, but only 0.53 on new ones, so part of what it knows is **memorised**. Measured on its own
# images alone, it looks better than it is, and better than the second network.
#
# The second network had no time to memorise so many images. It reaches 0.60 to 0.66 on all three
# tests: what it knows also holds for new images and new designs.
#
# Which of the two is better on held-out designs? One training of each cannot tell. The intervals
# say how much the choice of test images matters, not the luck of a training. If the experiment is
# repeated with `--seed 1`, that is, with other scenes and other initial weights, the gap in the
# first panel appears again, but the two green lines no longer end in the same order. (That two
# intervals overlap does not decide it: both networks saw the same test images, so what counts is
# the interval of their *difference*.) An interval is part of a result, and so is a second seed.
#
# The lines do not rise evenly, because the learning rate (the size of a step) is still high until
# the last stretch. The real training leaves little to memorise: it gets fresh scenes every few
# epochs, and most of its cards have a randomly generated design.
#
# ## 4. The weights that ship
#
# A trained network is a file. Ultralytics, the library behind YOLOv8, writes a
# [*pickle*](GLOSSARY.md#pickle), and loading a pickle runs code that is in it. Make one that does
# something unexpected:


# %%
class Surprise:
    def __reduce__(self):
        return print, ("This ran while the file was being loaded.",)


tampered = folder / WEIGHTS.name
torch.save({"model": Surprise()}, tampered)
loaded = torch.load(tampered, weights_only=False)

# %% [markdown]
# It printed a line. It could have read your keys. torch has a safe mode, `weights_only=True`, which
# accepts tensors, plain containers and a short list of known types, and rejects everything else. It
# also rejects the real file, because that pickle refers to a class of ultralytics:

# %%
import re

try:
    torch.load(WEIGHTS, weights_only=True)
except Exception as error:
    print(re.search(r"Unsupported global: .*?(?= was)", str(error))[0])

# %% [markdown]
# So the repository also stores the file's SHA-256, a checksum, in `SHA256SUMS`, and `Detector`
# compares it **before** it opens the file. Put the tampered file next to a copy of that list, under
# the real name:

# %%
shutil.copy(WEIGHTS.with_name("SHA256SUMS"), folder)
try:
    Detector(tampered)
except ValueError as error:
    print(show.one_line(error).split(":")[1].strip())

# %% [markdown]
# The file was rejected, and nothing in it ran. A checksum shows that the file is the recorded one, not
# that it is safe: anyone who can change both files can change the checksum.
#
# The servers of this chapter go one step further. They load the verified pickle at most once, to
# export it as an [**ONNX**](GLOSSARY.md#ONNX) model: a graph of operations without code, which runs
# without torch. From then on they load only that. The boxes stay the same:

# %%
detector = Detector(backend="onnx", conf=0.001)
image = load_sample("two_cards")
both = [Detector(backend=name).detect([image])[0] for name in ("torch", "onnx")]
apart = [np.subtract(a.box, b.box) for a, b in zip(*both, strict=True)]
print(f"{len(apart)} boxes, the same to a hundredth of a pixel:", np.abs(apart).max() < 0.01)

# %% [markdown]
# Now test the network that ships on the scenes of section 2:

# %%
guesses = detector.detect([scene.image for scene in tests])
tiles = [tile(tests[i], guesses[i][:1]) for i in some]
alt = "The same scenes: dashed frames on the cards above, and mostly lower confidence below"
show.picture(gallery(tiles, width=1000, height=135), alt=alt)

# %% tags=["volatile"]
show.table([baseline, few_steps, row("the network that ships", guesses)], columns)

# %% [markdown]
# The last row shows what hours of training achieve: nearly all frames are on the cards, and the
# confidence is usually far lower where there is no card. The lower row of images has the
# exceptions. How good is the network, in one number?
#
# ## 5. One number, and what it hides
#
# The test is harder now. A scene has up to four cards, or none at all. They may be tilted, blurred
# or dark, and all designs and objects are held out. `evaluate` sends the scenes through the same
# detector that is served.

# %%
scenes = [make_scene("test", i, seed, "mixed", imgsz=320) for i in range(sample)]
result = evaluate(detector, scenes)
print(f"mAP50    {result.map50(resamples=100):.2f}")
print(f"mAP50-95 {result.map50_95(resamples=100):.2f}")

# %% [markdown]
# A box is *correct* if its IoU with a card is half or more and no more confident box has claimed
# that card. Go through all boxes from the most to the least confident. **Precision** is the share
# of the boxes so far that are correct, **recall** the share of the cards found so far.
#
# Plotted against each other they make a curve, and the area under it is the *average precision*: 0.9
# means a precision of 90 % on average over all recalls from 0 to 1.
#
# [mAP50](GLOSSARY.md#mAP) is the mean of this area over all classes (here one), with an IoU of 0.5
# as the limit. mAP50-95 averages it over stricter and stricter overlaps, from 0.5 to 0.95, so it
# rewards tight boxes. Here mAP50 is 0.92 and mAP50-95 is 0.78, so not every box that overlaps a
# card by half fits it tightly. The parentheses hold the 95 % interval: how far the number may be
# off because the sample is small.


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
# A service does not return a curve. It returns the boxes above a
# [**threshold**](GLOSSARY.md#confidence-threshold): the dot on the left, the dashed line on the right.
# Raise it, and fewer boxes are wrong, but more cards are missed.
#
# Which of the two errors costs more depends on the use. A program that blurs documents before
# publication must not miss one. A program that asks a customer "is this your card?" should not be
# wrong. In numbers:

# %%
rows = [(step, *(f"{share:.0%}" for share in at(step))) for step in (0.25, 0.5, 0.75)]
show.table(rows, columns=("threshold", "cards found", "boxes correct"))

# %% [markdown]
# At the served threshold, 0.5, the detector finds more than three of four cards, and about nine of
# ten boxes are correct. At 0.25 it finds more cards but is wrong more often. At 0.75 nearly every box
# is correct, but about half of the cards are missed.
#
# ## 6. Look at the mistakes
#
# An average does not show what goes wrong. These scenes contain the cards that the network found
# hardest. The caption is the network's confidence in the hardest card; 0.00 means that no box
# matched it. The dashed frames are what a server would return:

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
# And these are the network's most confident wrong boxes: each matches no card, or a card that a
# more confident box has claimed. Those above the served threshold would reach a user:

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
# Look at each and ask *why*. Most are printed cards that are not identity cards, such
# as a club card. Others would be a frame around half a card, or around two cards that overlap. Such a
# list tells you what the next training scenes should show. mAP only tells you that the list is not
# empty.
#
# ## 7. The real training
#
# The real training starts with small images, where a step is cheap, and goes on to larger ones,
# where edges are sharp. The last two stages are a remedy for wrong boxes like those above: they have
# more scenes without a card, and in most of these the network of the previous stage saw a card that
# is not there. The last stage also gives more weight to both losses of a box: its overlap and its
# edges.
#
# This is the recipe, one stage per row. Fresh scenes replace the old ones after as many epochs as
# *used for* says, and *rate* is the learning rate at the beginning and at the end:

# %%
from dataclasses import astuple

columns = ("pixels", "scenes", "epochs", "used for", "rate, first", "rate, last")
show.table([astuple(stage)[:6] for stage in PLAN], columns)

# %%
figure = curves.training(read_history())
alt = "Loss falls through four stages and starts higher in the last two; quality rises in each"
show.figure(figure, alt=alt)

# %% [markdown]
# The loss jumps where a stage begins. The first four stages have the same task on larger and larger
# images. The last two have harder scenes, for training and for validation, so their quality cannot
# be compared with that of the others. In the sixth, the two losses of a box have a higher weight, so
# their curves jump up although the boxes get tighter.
#
# The right panel shows the quality on designs of the validation split, which training never sees.
# Where a line still rises at the end, as mAP50-95 does slowly, more training would help. Where it is
# flat, as mAP50 is, only different scenes would.
#
# The weights that ship are the average of those before and after the sixth stage, with all
# confidences shifted so that the best threshold is 0.5.
#
# What did the last two stages change? Before them, 16.5 % of the test scenes without a card got a
# box; now 4.5 % do. The boxes are tighter, and none of the model card's real photographs without a
# card gets one (about half of these were also backgrounds in the training, so this is a weak test).
# The price is confidence: almost one typical card in five now falls below the threshold of 0.5;
# before, it was one in eight. The [model card](../services/id_card/weights/README.md) has the
# table.
#
# To train it yourself, in a terminal in the repository's folder, after `source .venv/bin/activate`:
#
# | command | what it does |
# |---|---|
# | `python -m services.id_card.training.dataset --out DIR --n 100` | generates scenes with labels, for you to look at |
# | `make detector` | trains from random weights: hours on two cores, far less on a GPU, which is used if present |
# | `make detector ARGS="--budget-minutes 30"` | stops at a checkpoint; the same command continues, also after a crash |
# | `make detector ARGS="--weights yolov8n.pt"` | starts from a network that you have |
# | `make detector ARGS="--data my/data.yaml"` | trains on your own photographs, labelled in YOLO's format |
# | `python -m services.id_card.training.evaluate --weights FILE` | measures a network on held-out designs, against the targets |
#
# The [model card](../services/id_card/weights/README.md) lists what the shipped weights reach and
# where they fail. No number on a synthetic test set can tell you how well they work on real
# photographs. Try a photograph of your own card, which stays on your machine:
# `Detector().render(Image.open("mine.jpg"))`.
#
# **This ends the first half.** Notebooks 01 to 06 need no more than this.
#
# ## 8. Synthetic ratings
#
# The second half is about a model that recommends movies. It learns from ratings: which user gave
# which movie how many stars, and when. MovieLens, the usual data set, may be used for teaching but
# not redistributed. So the default is synthetic: simulated users, each with a taste, rate fictional
# movies.

# %% tags=["setup"]
from pathlib import Path

import mlflow
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec

from services.recommender import registry
from services.recommender.model.metrics import evaluate as judge
from services.recommender.model.metrics import rank
from services.recommender.recommender import Recommender
from services.recommender.training.networks import FactorNetwork
from services.recommender.training.splits import at_random
from services.recommender.training.train import describe, ratings_from
from services.recommender.training.trainer import RECIPES, fit
from services.workbench.plots import rankings

# %%
ratings, truth = ratings_from(ratings_dir, seed=seed)
print(textwrap.fill(describe(ratings), 90))

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
# The plots show two things. People mostly watch what they expect to like, so low ratings are rare.
# And a few movies get most of the ratings: here 225 of the 1,500 movies get half of them. (The
# *Gini* coefficient above measures this inequality: 0 if all movies have equally many ratings, near
# 1 if one has them all.) A recommender that always names those few is right surprisingly often. It
# is the baseline to beat.
#
# Synthetic data has one advantage: the truth is known, that is, how much each user likes each movie
# and how likely the user is to choose it. Used as a model, that truth is an **oracle**. No model
# does better, except by luck. With MovieLens in `ratings_dir` there is no oracle; everything else
# stays the same.
#
# ## 9. Four candidates
#
# The ratings are split into three parts. Candidates learn from the training part. The validation
# part decides which of them is chosen. The test part is used once, at the end, and shows how good
# the chosen one is. The split is random, as in most published results on MovieLens. That is
# optimistic: the model may learn from ratings that are newer than those it is tested on. In
# production it only knows the past.

# %%
split = at_random(ratings, seed=seed)
parts = zip(split._fields, split, strict=True)
print(", ".join(f"{name}: {len(part):,}" for name, part in parts))

# %% [markdown]
# | candidate | what it is | what it learns to predict |
# |---|---|---|
# | `popularity` | counts ratings; the same list for all | nothing |
# | `mf` | a vector (an [embedding](GLOSSARY.md#embedding)) for each user and each movie; their product is the rating (matrix factorisation) | how many **stars** will this user give? |
# | `mf-bce` | the same vectors | **which movies** will this user choose at all? |
# | `neumf` | the vectors, and a small network on top | the same |
#
# The second task uses [implicit feedback](GLOSSARY.md#implicit-feedback): which movies a user rated,
# not how. Each rated movie is paired with random movies that the user has not rated (*negative
# samples*), and the model has to tell them apart. (`bce` is short for binary cross-entropy, the loss
# for that task, and `neumf` for neural matrix factorisation.) Training takes seconds:

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
# All three losses fall. Their values cannot be compared: the first is in squared stars, the others are
# not. As with the detector, a falling loss only shows that something is learned.
#
# ## 10. Which one would you promote?
#
# **RMSE**, the root mean squared error, is the usual error of a rating, in stars.
# [**NDCG@10**](GLOSSARY.md#NDCG) measures lists: of ten recommended movies, how many did the user
# choose in the validation part, and how near the top are they? 1 is a perfect list. As a rating,
# `popularity` predicts the mean of all ratings. `mf-bce` and `neumf` predict no stars, so they have
# no RMSE.

# %% tags=["volatile"]
judged = {kind: judge(model, split.train, split.validation) for kind, model in models.items()}
if truth:
    judged["oracle"] = judge(truth, split.train, split.validation)
intervals = {kind: measured.interval() for kind, measured in judged.items()}
alt = "mf is best of the models by RMSE, and last by NDCG, below popularity; mf-bce leads there"
show.figure(rankings.two_orders(judged, intervals), alt=alt)

# %% [markdown]
# Leave the oracle aside: `mf`, **the winner on the left, comes last on the right.** The model that
# predicts stars best makes worse lists than `popularity`, which names the same movies to everybody.
# (Black lines are 95 % intervals. Those of `mf` and `popularity` are far apart, so their order is
# not an accident of the sample.)
#
# Compare the lists to see why. The number in parentheses is how many ratings a movie has in the
# training part.

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
# Most movies on the left are less known than the others. They may well be good. `mf` predicts how many
# stars a movie would get *if* this user watched it, and it learned from ratings only, that is, from
# movies that somebody had chosen to watch. It never learned which movies a user chooses.
#
# Over all users, this is the median number of ratings of a recommended movie:

# %% tags=["volatile"]
for kind in ("mf", "popularity", "mf-bce"):
    items = rank(models[kind], split.train, split.validation).items
    print(f"{kind:10} {np.median(split.train.per_item()[items]):.0f}")

# %% [markdown]
# The movies that `mf` recommends have about a third of the ratings of those that the other two
# recommend. Do its lists fare as badly with real users?
#
# These are five published results on the real MovieLens 100k with the same kind of split (three
# quarters of each user's ratings for training, all movies ranked, lists of ten). They come from the
# benchmark of the project [Recommenders](https://github.com/recommenders-team/recommenders) (A.
# Argyriou et al., WWW 2020 companion, doi 10.1145/3366424.3382692):

# %%
published = [
    ("SVD", "how many stars", "0.939", "0.096"),
    ("FastAI", "how many stars", "0.943", "0.148"),
    ("NCF", "which movies", "", "0.396"),
    ("LightGCN", "which movies", "", "0.420"),
    ("BPR", "which movies", "", "0.442"),
]
show.table(published, columns=("method", "predicts", "RMSE", "NDCG@10"))

# %% [markdown]
# The pattern is the same: the two methods that predict stars have by far the lowest NDCG. So
# **promote on the measure that matters for the service.** Our service makes lists, so its measure
# is NDCG.
#
# (Compare these numbers with each other, not with the plot above, which is about other movies and
# holds out a smaller part of the ratings. The test at the end of this notebook holds out a part as
# large as the benchmark's.)
#
# ## 11. Candidates in a tracking server
#
# Four models in a notebook's memory are gone when it ends. MLflow, a tool that tracks training runs
# and manages models, has a **tracking server** that keeps them: what was trained, on which data,
# with which result, and the model itself. Start one with the command that you would type in a
# terminal, where Ctrl-C stops it. `servers.shell` runs that command in the background, with a free
# port in place of `$PORT`. The first setting turns off MLflow's background jobs, to save memory:

# %%
(folder / "mlflow").mkdir()
server = servers.shell(
    """
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
    mlflow server --host 127.0.0.1 --port $PORT --workers 1
        --backend-store-uri sqlite:///mlflow.db --artifacts-destination ./artifacts
    """,
    ready="/health",
    cwd=folder / "mlflow",
)
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
# Each candidate is a *run* with its parameters, its loss curve and its data, and a *logged model*
# with its metrics. The metrics carry a fingerprint of the validation ratings, so that two models are
# compared on the same ratings or not at all.
#
# ### What is in a logged model
#
# The obvious way is to pass MLflow the torch network. Try it with a small one:

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
# It was saved, but what you load is not what you saved. MLflow's default format, `pt2`, is a
# recorded graph of operations: without the attributes, without `eval()`, and MLflow's own server
# cannot serve it. The graph itself holds no Python code, but loading a tampered `pt2` file can
# still run some, because torch unpickles the tensors in it.
# (`MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false` makes MLflow reject such a file.) The previous
# default was a pickle throughout, with the danger of section 4; notebook 07 meets code that relies
# on it.
#
# So `log_candidate` logs something else: the arrays, and a Python file that reads them.

# %%
model_id = logged["mf-bce"].model_id
fetched = Path(
    mlflow.artifacts.download_artifacts(f"models:/{model_id}", dst_path=str(folder / "one"))
)
print(*sorted(str(path.relative_to(fetched)) for path in fetched.glob("[!_]*")), sep="\n")
print(*(path.name for path in (fetched / "artifacts").iterdir()))

# %%
show.source(
    "services/recommender/mlflow/model.py", start="class RecommenderModel", end="version_in"
)

# %% [markdown]
# No pickle, and no torch: `recommender.npz` holds arrays and titles, and the scores are a product of two
# matrices in NumPy.
#
# `requirements.txt` lists every package with its version, taken from this repository's lock file.
# With that list, MLflow logs a model in about a second. Without it, MLflow loads the model in a
# separate process to find its imports, which takes several times as long.
#
# ## 12. Promote one, reject another
#
# A **registered model** is a name with numbered versions, which never change. An
# [*alias*](GLOSSARY.md#alias), here `prod`, is a label on one version; it says which version is served,
# and can be moved. Suppose that popularity was good enough until yesterday. The first version goes into
# production without a comparison:

# %%
first = registry.register(logged["popularity"].model_id)
print(registry.promote(first.number))

# %% [markdown]
# Now promote the best candidate, by NDCG on the validation ratings. It has to pass a rule with
# three thresholds, each relative to the version in production. Besides NDCG, the rule looks at the
# hit rate (`hr`), which is the share of users with at least one hit in their list, and at the
# coverage, which is the share of the catalogue that appears in any list. NDCG has to rise; the other
# two may fall a little:

# %%
rows = [(threshold.metric, f"{threshold.gain:+.3f}") for threshold in registry.RULE]
show.table(rows, columns=("metric", "required change against production"))

# %% tags=["volatile"]
best = registry.best(data=registry.validation_set(split))
version = registry.register(best.model_id)
print(best.kind, "is the best;", registry.promote(version.number))

# %% [markdown]
# And the winner by RMSE? Suppose that someone trusts that number, registers the model and promotes it:

# %% tags=["volatile"]
winner = registry.register(logged["mf"].model_id)
decision = registry.promote(winner.number)
print(f"version {decision.version} {decision.outcome}:", *decision.reasons, sep="\n  ")

# %% [markdown]
# The promotion was refused, with a reason for each threshold that was missed, and production is
# unchanged. In each line the first number is the candidate's, and *now* is the version in production.
#
# What if two people promote at the same moment? MLflow sets an alias without comparing
# it with the previous value. Both candidates would be compared with the same old version, and the
# worse one could win by being last.
#
# MLflow has no lock against this, so the remedy is organisational: **only one place promotes**,
# usually a CI job that never runs twice in parallel. In GitHub Actions that is one setting,
# `concurrency: {group: promote-recommender}`.
#
# A service loads the alias, not a number:

# %% tags=["volatile"]
served = mlflow.pyfunc.load_model(f"models:/{registry.MODEL}@{registry.PROD}")
[answer] = served.predict([{"user_id": someone}], params={"top_k": 3}).to_dict("records")
print("version", answer["version"], [item["title"] for item in answer["items"]])

# %% [markdown]
# Version 2 answers, because `prod` points to it.
#
# MLflow's interface has two traps that can cost an afternoon. If you search for the versions, two
# fields are empty although MLflow knows both values:

# %%
found = mlflow.search_model_versions(filter_string=f"name = '{registry.MODEL}'")
print("MLflow:", [(int(one.version), one.model_id, one.aliases) for one in found])
print("ours:  ", [(one.number, one.model_id[:2] + "…", one.aliases) for one in registry.versions()])

# %% [markdown]
# The model's id is part of the version's `source`, and the aliases are stored with the registered
# model. `registry.versions` reads both from there.
#
# ### One step back
#
# Suppose that in production the promoted version turns out to be too slow. To go back, move the alias
# again. The withdrawn version stays in the [registry](GLOSSARY.md#registry), marked, so that no script
# promotes it again by mistake:

# %%
print(registry.rollback(version.number, reason="too slow"))
print(registry.promote(version.number))

# %% [markdown]
# If the cause was not the model but, for instance, an overloaded machine, promote the same version
# again. `again=True` says that this is intended:

# %%
print(registry.promote(version.number, again=True))

# %% [markdown]
# ### The test part, once
#
# The choice is made. Only now use the third part, a quarter of all ratings:

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
# The chosen model also wins on ratings that played no part in the choice: its NDCG is well above
# that of `popularity`. (NDCG and the hit rate are higher than on the validation part, because the
# test part holds more of each user's ratings, so a list has more chances of a hit.) The last column
# is a second reason against `popularity`, which shows almost nothing of the catalogue. And the
# oracle's row shows how much a better model could still gain on this data.
#
# In a terminal, with your own files: `python -m services.recommender.registry train --ratings-dir DIR`,
# then `promote`, `rollback` or `show`. When new ratings have arrived, `learn` retrains, measures the
# version in production on the same new ratings, and promotes the new model if it is better.
#
# A server for a whole team, on PostgreSQL and S3-compatible storage, is described in
# [infra/mlflow](../infra/mlflow/README.md). `python -m services.id_card.mlflow.registry` puts the
# detector into the same registry.
#
# ## Summary
#
# - Data, training, weights and measurement each come from one command.
# - A falling loss shows that something is learned; unseen scenes and designs show what.
# - A checkpoint is a program: verify it before you open it, or serve a format that contains no code.
# - mAP averages over all thresholds, but a service has only one. Look at the mistakes as well.
# - The smallest rating error does not make the best lists: promote on what the service is for.
# - A registry keeps versions; an alias says which one is served; a rule decides, and can refuse.
#
# **Practise:** `make lab N=00` opens your copy of [Lab 00](../labs/lab00_models/lab00_models.ipynb),
# in which you measure a detector and a recommender yourself, and decide what is promoted.
#
# **Next:** [01 · A model behind a Runner](01_runner.ipynb) turns the file into something that
# programs can call.

# %% tags=["teardown"]
server.stop()
shutil.rmtree(folder)
print("left behind:", folder.exists())
