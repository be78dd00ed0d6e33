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
# # 03 · /render: an image as the answer
#
# *Short path, step 3 of 7*
#
# **Where you are:** chapter section 10.4.1, "Implementing the /render endpoint" · about 20 minutes ·
# before this: [02 · The service](02_service.ipynb) · next:
# [04 · Several runners](04_several_runners.ipynb)
#
# Programs read the detector's boxes as numbers; people want to see them on the image. So you add a
# second endpoint, `/render`, which returns the image with a frame around each card. The chapter
# lets its library save that image to a folder and then opens the file again. You will see how a
# second request can overwrite the first one's image, and then draw in memory, without a file.
#
# The chapter explains several Runners first and `/render` second. Here `/render` comes first, because
# it needs only one model.
#
# ## After this notebook you can
#
# - recognise a race on a shared file, and force it so that it shows every time,
# - draw and encode an image without touching the disk,
# - tell RGB from BGR by looking, and say which library uses which,
# - call `/render` and check that every client gets its own image.

# %% [markdown]
# Two clients send two images, `image_name` and `other_name`. The two must have the same size, or
# they could not be mistaken for each other. `colourful_name` is the image that shows swapped
# colours best. Each experiment is repeated `requests` times, and each variant is timed `rounds`
# times.

# %% tags=["parameters"]
image_name = "one_card"
other_name = "two_cards"
colourful_name = "close_up"
requests = 20
rounds = 30

# %% [markdown]
# Check the machine first. `MISSING` means that a step will fail, `NOT RUN HERE` that it is skipped.
# Each such line ends with the command that fixes it.

# %% tags=["setup", "volatile"]
from services.setup import preflight

preflight.needs()

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
from services.id_card.detector import Detector
from services.id_card.model.checkpoint import WEIGHTS
from services.id_card.model.drawing import draw
from services.id_card.model.images import encode_png
from services.id_card.samples import load_sample, sample_path
from services.workbench import plots, servers, show, timing

# %% [markdown]
# ## 1. The chapter's way
#
# The chapter predicts with `save=True`, finds out where ultralytics, the library of YOLOv8, saved
# the drawn image, opens that file and returns it. Its code uses modules that it never imports. So
# does this function:


# %%
def joined(folder, name):
    return os.path.join(folder, name)  # noqa: F821 (what a linter says about this line)


try:
    joined("runs", "image0.jpg")
except NameError as error:
    print(show.one_line(error))

# %% [markdown]
# > **Erratum 9** · section 10.4.1 · wrong when printed · `os.path.join(result[0].save_dir, …)`
# > `os` and `PIL` are not imported, so the first request fails with `NameError`.
#
# Python looks up a name only when the line runs, so the server starts, and the error appears with
# the first request. A linter, a program that checks code without running it, finds the missing
# import earlier; this repository's `make test` begins with one.
#
# > **Erratum 39** · section 10.4.1 · wrong when printed · `def render(self, input_img):`
# > The method is defined outside its class, and no endpoint calls it, so `/render` answers 404.
#
# A working `/render` needs an endpoint. With the chapter's API, this repository's endpoint gets the
# boxes from the Runner, the process that holds the model, and draws them in the API server, the
# process that answers HTTP. Drawing needs no model, so the drawn image never has to travel between
# the two processes:

# %%
show.source("services/id_card/bento/runner_service.py", start="output=File(", end="encode_png")

# %% [markdown]
# In today's API, the return type `Png` sets the response header `Content-Type: image/png`:

# %%
show.source("services/id_card/bento/service.py", start="/render", end="return encode_png")

# %% [markdown]
# Neither endpoint writes a file. To see why, save the drawn images as the chapter does:

# %%
from ultralytics import YOLO

folder = build_dir() / "notebooks" / "render"
shutil.rmtree(folder, ignore_errors=True)
model = YOLO(WEIGHTS)


def save(name):
    [result] = model(load_sample(name), save=True, project=folder)
    return Path(result.save_dir) / result.path


# %%
print(save(image_name).relative_to(folder))
print(save(other_name).relative_to(folder))

# %% [markdown]
# > **Erratum 10** · section 10.4.1 · changed since · `self.model(input_img, save=True, project=…)`
# > Today's ultralytics saves every request's image to one file; the chapter's version made a new
# > folder for each call.
#
# An uploaded image has no file name, so ultralytics names every one `image0.jpg`. A loaded model
# keeps its output folder as long as `project` stays the same. So both lines above show the same
# path: the second image has overwritten the first.
#
# Joining the folder and the name is a trap, too. Open an image from an absolute path, as a script
# would, and join the two as the chapter does:

# %%
with Image.open(sample_path(image_name)) as opened:
    [result] = model(opened, save=True, project=folder)
    path = Path(result.save_dir) / result.path
    print("the input file itself:", path == sample_path(image_name))
    print("no frame drawn:       ", Image.open(path) == opened)

# %% [markdown]
# > **Erratum 35** · section 10.4.1 · wrong when printed · `os.path.join(result[0].save_dir, result[0].path)`
# > Where the image has an absolute path, the join returns that path: the original without boxes.
#
# `Results.path` is the name of the *input*, and joining a folder with an absolute path gives that
# absolute path. So the chapter's join leads back to the original image, which has no frame. An
# upload has no path, so the server is not affected; scripts and tests are.
#
# ## 2. Another request comes between
#
# Is one shared file a problem if every request opens it as soon as it is saved? `Image.open` reads
# only the header; Pillow reads the pixels when they are first used. In BentoML, that is when the
# answer is serialised for the API server. By then the Runner may already be drawing for the next
# client. Force that order:

# %%
first = Image.open(save(image_name))
second = Image.open(save(other_name))
show.picture(first, alt="A strip of the first client's scene, then the second client's", width=300)

# %% [markdown]
# This is what the **first** client receives. Only the strip at the top comes from that client's
# image: it was read together with the header. Everything below is the other client's scene, with
# both cards. There was no error and no warning. In a service that handles documents this is not
# just a bug; it is a data breach.
#
# This is a *race*: the result depends on which of two operations comes first. How often does it
# happen? To count, you need the right answer for each client: the file as it is when no other
# request comes between:


# %%
def own(drawn, name):
    try:
        return np.array_equal(np.asarray(drawn), expected[name])
    except OSError:  # the file ends too early
        return False


names = (image_name, other_name)
expected = {name: np.asarray(Image.open(save(name))) for name in names}

# %%
wrong = 0
for _ in range(requests):
    opened = [(Image.open(save(name)), name) for name in names]
    wrong += sum(not own(drawn, name) for drawn, name in opened)
print(f"{wrong} of {2 * requests} answers are not the client's own")

# %% [markdown]
# Half of all answers are wrong: in each pair, the first client gets the second one's image. But
# that order was forced. Left to chance, the two requests have to meet within a short time window.
# Next, a thread plays the Runner. It handles the same requests one at a time, as BentoML's Runners
# do, and each answer is read as soon as it is ready:

# %% tags=["volatile"]
with ThreadPoolExecutor(1) as runner:
    answers = [(runner.submit(save, name), name) for name in names * requests]
    wrong = sum(not own(Image.open(answer.result()), name) for answer, name in answers)
print(f"{wrong} of {len(answers)} answers are not the client's own")

# %% [markdown]
# This number differs from machine to machine and from run to run, and it may be 0. That is why a
# race is so costly: it passes the tests and shows on the busiest day. So do not ask *whether it
# happened*. Ask whether it *can* happen, and force it.
#
# A file can also be read while it is being written. To force that, stop the writer halfway with a
# *barrier*, which holds each of two threads until both have arrived, and open the file at that
# moment:


# %%
def write_in_two_halves(path, data, meeting):
    with path.open("wb", buffering=0) as file:
        file.write(data[: len(data) // 2])
        meeting.wait()  # the reader arrives …
        meeting.wait()  # … and has finished
        file.write(data[len(data) // 2 :])


def read(path, meeting):
    meeting.wait()
    try:
        with Image.open(path) as image:
            image.load()
        return "whole"
    except OSError as error:
        return show.one_line(error)
    finally:
        meeting.wait()


# %%
path = save(image_name)
data, answers = path.read_bytes(), []
with ThreadPoolExecutor(1) as writer:
    for _ in range(requests):
        meeting = threading.Barrier(2, timeout=60)
        writing = writer.submit(write_in_two_halves, path, data, meeting)
        answers.append(read(path, meeting))
        writing.result()
print(sum(answer != "whole" for answer in answers), "of", requests, "were cut off:")
print(answers[0])

# %% [markdown]
# Every read was cut off. The pause is artificial: ultralytics writes the file in one go, so in
# practice this time window is very short. A lock around the file would prevent both failures, but
# all requests would have to wait for each other. Without a file there is nothing to lock.
#
# ## 3. Draw in memory
#
# The *core* is this repository's model code without any serving framework: the class `Detector`.
# Its method `render` finds the cards, copies the image, and draws on the copy. Requests share
# nothing, so nothing can be mixed up:

# %%
detector = Detector(WEIGHTS)
alt = "The scene, with a magenta frame around the card, labelled id_card and its confidence"
show.picture(detector.render(load_sample(image_name)), alt=alt, width=300)

# %%
expected = {name: np.asarray(detector.render(load_sample(name))) for name in names}
wrong = 0
for _ in range(requests):
    drawn = [(detector.render(load_sample(name)), name) for name in names]
    wrong += sum(not own(image, name) for image, name in drawn)
print(f"{wrong} of {2 * requests} answers are not the client's own")

# %% [markdown]
# The same forced order, and no wrong answer. Which files stay on the server? Start with an empty
# folder, answer one request each way, and count:


# %%
def left_behind(answer):
    shutil.rmtree(folder, ignore_errors=True)
    answer(image_name)
    return len(list(folder.rglob("*.jpg")))


print("files after saving and reading back:", left_behind(save))
print(
    "files after drawing in memory:      ", left_behind(lambda n: detector.render(load_sample(n)))
)

# %% [markdown]
# The chapter's way leaves a client's document on the server's disk. Is it slower, too? Seconds
# differ between machines and from minute to minute, so time the variants alternately and compare
# **ratios**. The time of the neural network is the same for all variants and is left out.

# %% tags=["volatile"]
image = load_sample(image_name)
[result], [detections] = model(image), detector.detect([image])
folder.mkdir(parents=True, exist_ok=True)


def over_the_disk():
    with Image.open(result.save(folder / "timed.jpg")) as read_back:
        read_back.load()


drawn = draw(image, detections)
ways = {"drawn in memory": lambda: draw(image, detections), "saved and read back": over_the_disk}
ways["then encoded as PNG"] = lambda: encode_png(drawn)
seconds = timing.interleaved(ways, rounds)

# %% tags=["volatile"]
ratios = timing.ratios(seconds, reference="drawn in memory")
figure = plots.ratio_bars(list(ratios), list(ratios.values()), xlabel="times as long")
alt = "Bars: saving and reading back takes longer than drawing, and encoding takes longest"
show.figure(figure, alt=alt)

# %% [markdown]
# Saving and reading back takes more than twice as long as drawing. That bar is not the disk alone:
# ultralytics also draws the boxes, with its own code, and the image is compressed to JPEG and
# decoded again. But look at the bottom bar: encoding the answer as PNG takes longer than either. So
# the disk is not what makes this server slow. The reason to avoid it is the image you saw in
# section 2.
#
# The format of the answer is a choice between size, time and exactness. JPEG is the faster one: the
# middle bar contains its compression, and is still shorter than the bottom bar. Size and exactness:


# %%
def cost(data):
    received = np.asarray(Image.open(io.BytesIO(data))).astype(int)
    return f"{len(data) // 1000} kB", f"{np.abs(received - np.asarray(drawn)).max()} of 255"


jpeg = io.BytesIO()
drawn.save(jpeg, format="JPEG", quality=90)
rows = [("JPEG, quality 90", *cost(jpeg.getvalue())), ("PNG", *cost(encode_png(drawn)))]
show.table(rows, columns=("sent as", "size", "largest error of a pixel"))

# %% [markdown]
# The last column shows how far the worst pixel is from the one that was drawn: with JPEG by 64 of
# 255 steps, a quarter of the scale; with PNG not at all. So the service sends PNG. It has several
# times as many bytes (417 kB, not 73), but exactly the pixels that were drawn.
#
# ## 4. Call the service
#
# Now call `/render` over HTTP. Start the service as you would in a terminal, and look at the
# content type of the response:

# %%
server = servers.shell("""
    bentoml serve services.id_card.bento.service:IdCardDetector --host 127.0.0.1 --port $PORT
""")

# %%
upload = {"image": sample_path(image_name).read_bytes()}
response = httpx.post(f"{server.url}/render", files=upload)
print(response.status_code, response.headers["content-type"])

# %% [markdown]
# In a browser, Swagger UI, the server's page for trying its endpoints, shows the image itself. The
# chapter's service sends the image as an attachment, so there Swagger UI offers a *Download file*
# link, as in Figure 10.4:
#
# ![Swagger UI after a call of /render: status 200 and a Download file link](pictures/swagger-render.png)
#
# Now four clients call at once. Each compares every pixel of its answer with what the core draws on
# the same image:

# %%
core = Detector.from_environment()
expected = {name: np.asarray(core.render(load_sample(name))) for name in names}


def own_answer(name):
    files = {"image": sample_path(name).read_bytes()}
    content = httpx.post(f"{server.url}/render", files=files, timeout=60).content
    return own(Image.open(io.BytesIO(content)), name)


with ThreadPoolExecutor(4) as clients:
    right = list(clients.map(own_answer, names * requests))
print(f"{sum(right)} of {len(right)} answers are the client's own, to the last pixel")

# %% [markdown]
# No answer was mixed up, although the server had several requests to handle at the same time.
#
# ## 5. The colours
#
# Drawing in memory has one more trap. Instead of the saved file you could use ultralytics'
# `Results.plot()`, which returns the drawn image as an array. Pillow stores a pixel as red, green,
# blue (RGB); OpenCV, and with it ultralytics, as blue, green, red (BGR). If that array is read as
# RGB, red and blue are swapped, without any error:

# %%
[result] = model(load_sample(colourful_name))
forgotten = Image.fromarray(result.plot())
fixed = Image.fromarray(result.plot()[..., ::-1])

# %%
figure = plots.picture_grid([forgotten, fixed], ["BGR read as RGB", "channels reversed"])
alt = "The same card twice: with blue skin and swapped colours, and with the right colours"
show.figure(figure, alt=alt, dpi=75)

# %% [markdown]
# You see at once what no status code shows: the skin on the left has the wrong colour. A test can
# detect it, too, if it compares colours and not only sizes. Drawing a frame changes few pixels;
# swapping the channels changes nearly all that are not grey:

# %%
original = np.asarray(load_sample(colourful_name)).astype(int)
ours = detector.render(load_sample(colourful_name))
for name, drawn in (("forgotten", forgotten), ("fixed", fixed), ("our core", ours)):
    changed = np.abs(np.asarray(drawn) - original).max(axis=-1) > 8
    print(f"{name:10} {changed.mean():4.0%} of the pixels differ from the original")

# %% [markdown]
# In the first row most pixels differ: the channels were swapped. In the other two rows only the few
# per cent differ that the frame and the label cover.
#
# ## What broke, and why
#
# | The chapter | What happens today | Fixed by |
# |---|---|---|
# | uses `os` and `PIL` without importing them | `NameError` at the first request | imports, and a linter |
# | shows `render` outside its class, and no endpoint | 404 | a method and an endpoint |
# | joins the folder with `result.path` | the original image, where its path is absolute | draw in memory |
# | saves to a folder, and returns the opened file | all uploads share one file, and pixels are read late: a client can receive another's document | draw in memory |
#
# ## Summary
#
# - A shared file is shared state, and opening an image does not read its pixels.
# - Forcing a race turns "now and then" into "every time", which is what a test needs.
# - In memory there is nothing to mix up and nothing to clean up.
# - RGB or BGR is a convention that no library checks for you.
#
# **Practise:** `make lab N=03` opens your copy of [Lab 03](../labs/lab03_render/lab03_render.ipynb),
# in which you draw boxes, and answer several requests at once.
#
# **Next:** [04 · Several runners](04_several_runners.ipynb) lets two models answer one request.

# %% tags=["teardown"]
_ = server.stop()
shutil.rmtree(folder, ignore_errors=True)
print("processes left:", len(server.processes()))
