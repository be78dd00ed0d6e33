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
# **Where you are:** before chapter section 10.3 · about 30 minutes · next:
# [01 · A model behind a Runner](01_runner.ipynb)
#
# Two models travel through this chapter, both made in the one before it: a **detector** that finds
# identity cards in photographs, and a **recommender** of films. Whatever is served later is one of the
# two. So far this notebook is about the detector: what it learned from, how it is trained, and how
# far to trust it.
#
# ## After this notebook you can
#
# - draw a labelled data set with one command, and say what its splits keep apart,
# - train a YOLOv8 from nothing, and read its loss,
# - tell a network that understands from one that learned by heart,
# - refuse a tampered weights file before it runs,
# - read a precision-recall curve, and choose a confidence threshold.

# %% [markdown]
# Everything you may change is in the next cell: how many scenes the training below gets and how often
# it sees each, and on how many scenes the finished network is measured.

# %% tags=["parameters"]
seed = 0
pictures = 96
epochs = 8
sample = 100

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
# ## Summary
#
# - Data, training, weights and measurement each come from one command.
# - A falling loss says that something is learned; scenes and designs never seen say what.
# - A checkpoint is a program: check it before you open it, or serve a format that is none.
# - mAP sums up all thresholds, a service has one, and mistakes have to be looked at.
#
# **Next:** [01 · A model behind a Runner](01_runner.ipynb) turns the file into something to call.

# %% tags=["teardown"]
shutil.rmtree(folder)
print("left behind:", folder.exists())
