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
# # 03 · /render: a picture as the answer
#
# **Where you are:** chapter section 10.4, "Implementing the /render endpoint" · about 20 minutes ·
# before this: [02 · The service](02_service.ipynb) · next: 04, several runners in one service
#
# Boxes as numbers are for programs. People want to see the frame on the card, so the service has a
# second endpoint that answers with a picture. The chapter lets its library save that picture to a
# folder and opens the file again. It works for one user. You will make it fail for two, and then do
# without the folder.
#
# ## After this notebook you can
#
# - recognise a race on a shared file, and force it so that it fails every time,
# - draw and encode a picture without touching the disk,
# - tell RGB from BGR by looking, and know who uses which,
# - call `/render` and show what it returns.

# %% tags=["parameters"]
image_name = "one_card"
other_name = "close_up"
requests = 6
rounds = 30

# %% tags=["setup"]
import io
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from services.environment import build_dir
from services.id_card.checkpoint import WEIGHTS
from services.id_card.detector import Detector
from services.id_card.drawing import draw
from services.id_card.images import encode_png
from services.id_card.samples import SAMPLES, load_sample, sample_path
from services.workbench import plots, servers, show, timing

# %% [markdown]
# ## 1. The chapter's way
#
# The plan: predict with `save=True`, find out where ultralytics put its drawing, open that file,
# return it. The chapter's fragment uses modules that it never imports. So does this one:


# %%
def joined(folder, name):
    return os.path.join(folder, name)  # noqa: F821 (what a linter says to this line)


try:
    joined("runs", "image0.jpg")
except NameError as error:
    print(show.one_line(error))

# %% [markdown]
# **Erratum 8.** Python looks a name up when the line runs, so the fault waits for the first request.
# A linter finds it before: this repository's `make test` begins with one. With `pathlib` there is no
# need for `os`, and the rest goes like this:

# %%
from ultralytics import YOLO

folder = build_dir() / "notebooks" / "render"
shutil.rmtree(folder, ignore_errors=True)
model = YOLO(WEIGHTS)


def save(picture):
    [result] = model(picture, save=True, project=folder)
    return Path(result.save_dir) / result.path


# %%
saved = save(load_sample(image_name))
print(saved.relative_to(folder))

# %% [markdown]
# An uploaded picture has no name, so ultralytics calls it `image0.jpg`. Ask for another picture and
# see what *that* one is called:

# %%
print(save(load_sample(other_name)).relative_to(folder))
print([path.name for path in folder.rglob("*.jpg")])

# %% [markdown]
# **Erratum 9.** Two requests, one file. The loaded model keeps its output folder, and every upload
# has the same name in it. The second drawing has overwritten the first. As long as each request
# reads its file before the next one writes, nobody notices. That is what makes a race so dear: it
# passes every test that sends one request at a time.
#
# ## 2. Force the race
#
# A race shows now and then. To study one, make it happen always: let two requests meet exactly
# between writing and reading. A *barrier* does that. It lets nobody pass before two have arrived.


# %%
def save_and_read_back(name, meeting):
    path = save(load_sample(name))
    meeting.wait()  # the gap in which another request may write
    with Image.open(path) as picture:
        return picture.size


# %% [markdown]
# The two samples differ in size, so a wrong picture is easy to recognise: its size is that of the
# other request's picture.

# %%
expected = {name: load_sample(name).size for name in (image_name, other_name)}
wrong = 0
with ThreadPoolExecutor(2) as pool:
    for _ in range(requests):
        meeting = threading.Barrier(2, timeout=60)
        sizes = pool.map(save_and_read_back, expected, [meeting] * 2)
        wrong += sum(size != expected[name] for name, size in zip(expected, sizes, strict=True))
print(f"{wrong} of {2 * requests} answers show the other client's picture")

# %% [markdown]
# In every pair one client received **somebody else's identity card**. In a service that handles
# documents this is not a bug report but a breach.
#
# A file can also be read while it is half written. Pause a writer in the middle, again with a
# barrier, and let a reader open the file at that moment:


# %%
def write_in_two_halves(path, data, meeting):
    with path.open("wb", buffering=0) as file:
        file.write(data[: len(data) // 2])
        meeting.wait()  # the reader has opened the file …
        meeting.wait()  # … and has finished with it
        file.write(data[len(data) // 2 :])


def read(path, meeting):
    meeting.wait()
    try:
        with Image.open(path) as picture:
            picture.load()
        return "whole"
    except OSError as error:
        return show.one_line(error)
    finally:
        meeting.wait()


# %%
data, path = sample_path(image_name).read_bytes(), folder / "image0.jpg"
half_written = []
with ThreadPoolExecutor(2) as pool:
    for _ in range(requests):
        meeting = threading.Barrier(2, timeout=60)
        pool.submit(write_in_two_halves, path, data, meeting)
        half_written.append(pool.submit(read, path, meeting).result())
print(sum(answer != "whole" for answer in half_written), "of", requests, "were cut off")
print(half_written[0])

# %% [markdown]
# We forced the gap; a busy server finds it by itself. A lock around the file would cure the symptom
# and make every request wait for every other. There is a simpler cure: no file.
#
# ## 3. Draw in memory
#
# The core's `render` detects, copies the picture, and draws on the copy. Nothing is shared, so
# nothing can be mixed up, however many requests there are:

# %%
detector = Detector(WEIGHTS)
alt = f"{SAMPLES[image_name]}, in a magenta frame labelled id_card with its confidence"
show.picture(detector.render(load_sample(image_name)), alt=alt, width=300)


# %%
def render_together(name, meeting):
    drawn = detector.render(load_sample(name))
    meeting.wait()
    return drawn.size


wrong = 0
with ThreadPoolExecutor(2) as pool:
    for _ in range(requests):
        meeting = threading.Barrier(2, timeout=60)
        sizes = pool.map(render_together, expected, [meeting] * 2)
        wrong += sum(size != expected[name] for name, size in zip(expected, sizes, strict=True))
print(f"{wrong} of {2 * requests} answers show the other client's picture")

# %% [markdown]
# The same forced meeting, and not one wrong answer. What does it cost to go over the disk? First
# in bytes: what the client receives, and what is left lying on the server afterwards.

# %%
drawn = detector.render(load_sample(image_name))
jpeg = io.BytesIO()
drawn.save(jpeg, format="JPEG", quality=95)
left = sum(path.stat().st_size for path in folder.rglob("*.jpg"))
rows = [("saved and read back", left > 0), ("drawn in memory", False)]
show.table(rows, columns=("way", "leaves a client's picture on disk"))

# %% tags=["volatile"]
rows = [
    ("the file that ultralytics saves", saved.stat().st_size),
    ("JPEG from memory, quality 95", len(jpeg.getvalue())),
    ("PNG from memory, lossless", len(encode_png(drawn))),
]
show.table(rows, columns=("what", "bytes"))

# %% [markdown]
# PNG is the largest and the only one that is exact: its pixels are those that were drawn. The
# service sends PNG, since a picture that is looked at closely should not blur its own label.
#
# Then in time. Machines differ, and one machine differs from minute to minute, so absolute numbers say
# little. Measure both ways in turns and compare: a **ratio** travels. The network's own time is left
# out, being the same for both; what is timed begins with the boxes and ends with a picture.

# %% tags=["volatile"]
picture = load_sample(image_name)
[result], [found] = model(picture), detector.detect([picture])


def over_the_disk():
    with Image.open(result.save(folder / "timed.jpg")) as read_back:
        read_back.load()


ways = {"over the disk": over_the_disk, "in memory": lambda: draw(picture, found)}
seconds = timing.interleaved(ways, rounds)

# %% tags=["volatile"]
ratios = timing.ratios(seconds, reference="in memory")
figure = plots.ratio_bars(list(ratios), list(ratios.values()), xlabel="times as long")
show.figure(figure, alt="Bars: time over the disk as a multiple of the time in memory")

# %% [markdown]
# Both bars draw a frame. The longer one also compresses, writes, reads and decompresses, for a
# picture that was there already. The ratio is from the machine that executed this notebook; run the
# cell for yours.
#
# ## 4. Ask the service
#
# Now over HTTP. The answer is not JSON but a picture, and its type says so:

# %%
server = servers.bentoml("services.id_card.service:IdCardDetector")
upload = {"image": sample_path(image_name).read_bytes()}
response = httpx.post(f"{server.url}/render", files=upload)
print(response.status_code, response.headers["content-type"])

# %%
with Image.open(io.BytesIO(response.content)) as answer:
    answer.load()
alt = "The service's answer: the same picture with the same magenta frame"
show.picture(answer, alt=alt, width=300)

# %% [markdown]
# And with two clients at once, many times, each checking that it got its own picture back? No barrier
# now: real requests, as fast as they come.


# %%
def own_picture(name):
    files = {"image": sample_path(name).read_bytes()}
    content = httpx.post(f"{server.url}/render", files=files, timeout=60).content
    with Image.open(io.BytesIO(content)) as picture:
        return picture.size == expected[name]


with ThreadPoolExecutor(4) as pool:
    right = list(pool.map(own_picture, [image_name, other_name] * requests * 2))
print(f"{sum(right)} of {len(right)} clients got their own picture")

# %% [markdown]
# ## 5. The colours
#
# One more trap lies in drawing. Pillow keeps a pixel as red, green, blue; OpenCV, and with it
# ultralytics, as blue, green, red. `Results.plot()` returns BGR, and a function that
# takes the array for RGB swaps the colours without any error:

# %%
[result] = model(load_sample(other_name))
forgotten = Image.fromarray(result.plot())
mended = Image.fromarray(result.plot()[..., ::-1])

# %%
figure = plots.picture_grid([forgotten, mended], ["BGR taken for RGB", "turned round"])
show.figure(
    figure, alt="The same card twice: with blue skin and swapped colours, and as it was", dpi=60
)

# %% [markdown]
# The eye sees at once what no status code tells: the left one has the wrong skin. A test can see
# it too, if it compares colours and not only sizes. Drawing a frame changes few pixels; swapping the
# colours changes nearly all that are not grey:

# %%
original = np.asarray(load_sample(other_name)).astype(int)
ours = detector.render(load_sample(other_name))
for name, drawn in (("forgotten", forgotten), ("mended", mended), ("our core", ours)):
    changed = np.abs(np.asarray(drawn) - original).max(axis=-1) > 8
    print(f"{name:10} {changed.mean():4.0%} of the pixels differ from the original")

# %% [markdown]
# ## What broke, and why
#
# | The chapter | What happens today | Mended by |
# |---|---|---|
# | uses `os` and `PIL` without importing them | `NameError` at the first request | imports, and a linter |
# | saves to a folder and reads back | every upload has the same file name: a client can get another's picture, or half of one | draw in memory |
# | trusts the array's colours | (its saved file is right; an array from `plot()` is BGR) | turn the last axis round, or draw with Pillow |
#
# ## Summary
#
# - A shared file is shared state. Between writing and reading, anybody may come.
# - A barrier turns "fails now and then" into "fails always", which is what a test needs.
# - In memory there is nothing to mix up, nothing to clean up, and nothing to wait for.
# - RGB or BGR is a convention, and nobody checks it for you.
#
# **Next:** notebook 04 lets two models answer one request.

# %% tags=["teardown"]
_ = server.stop()
shutil.rmtree(folder, ignore_errors=True)
print("processes left:", len(server.processes()))
