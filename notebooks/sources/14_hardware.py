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
# # 14 · Hardware and resources, measured
#
# **Where you are:** chapter section 10.1, challenges 6 and 9 · about 30 minutes ·
# before this: [13 · Continuous learning, driven by papermill](13_loop.ipynb) · next:
# [15 · Security, by attack](15_security.ipynb)
#
# The chapter lists "hardware" and "resource management" among its ten challenges. Both come down to
# one question: how many answers does a machine give for its price? In this notebook the detector
# stays the same, and you change how it is computed: the runtime, the number format, the threads,
# the workers, the CPU limit. Your own measurements then say which setting is the cheapest that is
# fast and accurate enough.
#
# ## After this notebook you can
#
# - compare runtimes for one model, and say when a difference is real,
# - explain why 8-bit integers are faster than floats, and where they cost accuracy,
# - choose threads and workers, and recognise a CPU limit by its p99 (the time within which 99 % of
#   the answers come),
# - compute what 1,000 answers cost, and how fast a GPU must be to pay off.

# %% [markdown]
# `cpus` is the CPU limit of section 7, in cores; `seconds` is how long each setting is measured.

# %% tags=["parameters"]
seconds = 1.5
cpus = 0.5

# %% [markdown]
# Check what is installed on this machine; a line about something missing ends with the command that
# fixes it.

# %% tags=["setup", "volatile"]
from services.setup import preflight

preflight.needs()

# %% tags=["setup"]
import importlib.util
import os
import re

import numpy as np
import onnx
from matplotlib.figure import Figure

from services.bench import hardware, int8, machine
from services.environment import usable_cores
from services.id_card.detector import Detector
from services.id_card.model import quantise
from services.id_card.model.checkpoint import WEIGHTS
from services.id_card.model.export import exported
from services.id_card.samples import load_sample, sample_path
from services.workbench import servers, show, timing

# %% [markdown]
# ## 1. One model, four ways to compute it
#
# A checkpoint holds a network's weights; a **runtime** computes with them. PyTorch is made for
# training. ONNX Runtime and [OpenVINO](GLOSSARY.md#OpenVINO) are made for serving: they read an
# exported graph, fuse layers, and arrange memory for the processor at hand.
#
# The fourth way is ONNX Runtime again, with 8-bit integers in place of 32-bit floats. The first
# call exports the checkpoint; `make environment` installs OpenVINO.

# %% tags=["volatile"]
names = ["torch", "onnx", "openvino", "int8"]
if importlib.util.find_spec("openvino") is None:
    names.remove("openvino")
    print("NOT RUN HERE: OpenVINO. To enable it: pip install openvino")
detectors = {name: Detector(backend=name, device="cpu") for name in names}
image = load_sample("two_cards")
for name, detector in detectors.items():
    [found] = detector.detect([image])
    print(
        f"{name:9}", *(f"{box.confidence:.3f} at x = {box.box[0]:.1f}" for box in found), sep="   "
    )

# %% [markdown]
# The first three agree in all printed digits. They do the same arithmetic, and differ only in the
# order of additions. `int8` rounds its numbers: it finds the same cards at nearly the same place,
# with different confidences.
#
# Now measure the time. The four ways take turns, so that a slow minute of the machine affects all
# of them. The clock counts the processor time of all threads together: other programs hardly change
# it.

# %% tags=["volatile"]
import torch

print("processor:", machine.describe()["processor"], "·", usable_cores(), "cores")
print("GPU:", torch.cuda.get_device_name() if torch.cuda.is_available() else "none seen")

# %% tags=["volatile"]
import time

ways = {name: lambda each=each: each.detect([image]) for name, each in detectors.items()}
measured = timing.interleaved(ways, rounds=15, clock=time.process_time)
for name, ratio in timing.ratios(measured, reference="onnx").items():
    print(f"{name:9} {1 / ratio:5.2f} times as fast as onnx")

# %% [markdown]
# A value above 1 means faster than ONNX Runtime with floats. On a processor with fast 8-bit
# instructions (section 2) `int8` is clearly ahead, and torch is the slowest. A difference of a few
# percent is noise: run the cell twice before you believe it.
#
# All four compute on the CPU (`device="cpu"`), because the clock above does not see a GPU's time. To
# measure a GPU, use `device="cuda:0"` and `time.perf_counter`; ONNX Runtime needs the package
# `onnxruntime-gpu` for that. If the line above says "none seen", this was NOT RUN HERE.
#
# ## 2. Eight bits, by hand
#
# [**Quantisation**](GLOSSARY.md#quantisation) replaces each float by a small integer, times a scale
# that many numbers share. Take the weights of one output channel of a convolution:

# %%
graph = onnx.load(exported(WEIGHTS, "onnx")).graph
stored = {each.name: each for each in graph.initializer}
node = next(node for node in graph.node if node.name == "/model.5/conv/Conv")
weights = onnx.numpy_helper.to_array(stored[node.input[1]])
channel = weights[0].ravel()
scale = np.abs(channel).max() / 127
integers = np.round(channel / scale).astype(np.int8)
print("floats:  ", channel[:6].round(4))
print("integers:", integers[:6], f"times a scale of {scale:.6f}")
print("largest error, in steps:", (np.abs(integers * scale - channel).max() / scale).round(2))
print(f"{channel.nbytes:,} bytes became {integers.nbytes:,}")

# %% [markdown]
# No weight is off by more than half a step (a step is the scale), and the weights take a quarter of
# the memory.
#
# The **activations**, the numbers that pass *between* the layers, get a scale too, but their range
# is not known in advance. So the float model runs on some images, and the range of each tensor is
# recorded: that is [**calibration**](GLOSSARY.md#calibration). A value outside the range is
# clipped. Because the ranges are fixed before serving, this is called *static* quantisation.
#
# Why are 8 bits faster? A processor register of 512 bits holds 16 floats, or 64 8-bit integers.
# Processors with [**VNNI**](GLOSSARY.md#VNNI) instructions multiply and add all 64 in one
# instruction; those with AMX multiply whole small matrices. Without either, AVX2 multiplies 32 pairs
# at once but needs further instructions to add them up, so the gain is smaller. Its sums of two
# products have only 16 bits and may be clipped (*saturation*), so the same file can give slightly
# different confidences; ONNX Runtime's option `reduce_range=True` avoids that, with weights of 7
# bits. Which of them does this processor have?

# %% tags=["volatile"]
from pathlib import Path

text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
flags = set(re.findall(r"\S+", text))
for flag in ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8"):
    print(f"{flag:12}", "yes" if flag in flags else "no")

# %% [markdown]
# A `yes` in one of the last three lines means that this processor has such instructions. With three
# times `no`, expect a smaller gain than in section 4's table.
#
# ## 3. Where the time goes
#
# ONNX Runtime can record how long each operator took. The table shows the fastest of ten runs, for
# one image on one thread:

# %% tags=["volatile"]
models = {"float": exported(WEIGHTS, "onnx"), "int8": exported(WEIGHTS, "int8")}
profiles = {name: hardware.profile(path) for name, path in models.items()}
show.table(
    [(kind, *(f"{profiles[name][kind]:.2f} ms" for name in models)) for kind in profiles["float"]],
    columns=("operators", *models),
)

# %% tags=["volatile"]
fig = Figure((8, 2.2), layout="constrained")
axes = fig.subplots()
left = np.zeros(len(profiles))
for kind, color in zip(
    profiles["float"], ("#0072B2", "#D55E00", "#CC79A7", "#8A8A8A"), strict=True
):
    widths = [profile[kind] for profile in profiles.values()]
    axes.barh(list(profiles), widths, left=left, label=kind, color=color)
    left += widths
axes.invert_yaxis()
axes.set(xlabel="milliseconds for one image, one thread")
fig.legend(loc="outside right center", frameon=False)
show.figure(fig, alt="Bars: time by kind of operator; 8 bits shrink mostly the convolutions")

# %% [markdown]
# It is mainly the convolutions that shrink, because they do the multiplications. All other operators
# (grey) shrink much less. The activations even take longer: with floats ONNX Runtime fuses the two
# operators of YOLO's activation function into one, with integers it does not. And the rounding
# comes on top.
#
# So the speed-up of the whole network stays below that of its convolutions (Amdahl's law). The file
# is smaller as well:

# %%
for name, path in models.items():
    print(f"{name:6} {path.stat().st_size / 2**20:3.0f} MiB, "
          f"{int8.float_convolutions(path)} convolutions in float")  # fmt: skip

# %% [markdown]
# The 8-bit file takes a quarter of the space. Eight of its convolutions still compute with floats;
# the next section says why.
#
# ## 4. Where it hurts
#
# Quantising takes a few lines with ONNX Runtime's own function. The last lines hold our two
# decisions: which layers stay in float, and how the ranges are measured.

# %%
show.source(quantise.quantise, start="        quantize_static(", end="extra_options")

# %% [markdown]
# How much do these decisions matter? Each variant went through a long evaluation, on test scenes
# that neither training nor calibration saw. The columns "typical" and "harsh" are its mAP50-95 on
# two kinds of scenes: the mean average precision over lenient and strict overlaps; 1 is perfect.
# "found" is the share of cards above the confidence threshold of the service. Speed and accuracy were
# measured on one machine; yours may differ:

# %%
rows = int8.read()
show.table(
    [
        (row.variant, row.float_convolutions, f"{row.times_as_fast:.2f}",
         f"{row.typical:.3f}", f"{row.harsh:.3f}", f"{row.typical_found:.1%}",
         f"{row.harsh_found:.1%}", f"{row.alarms:.1%}")
        for row in rows
    ],
    columns=("variant", "in float", "times as fast", "typical", "harsh", "found", "found, harsh",
             "false alarms"),
)  # fmt: skip

# %%
fig = Figure((7.5, 3.2), layout="constrained")
axes = fig.subplots()
reference = rows[0]
for row in rows[1:]:
    loss = [one - other for one, other in ((reference.typical, row.typical),
                                           (reference.harsh, row.harsh))]  # fmt: skip
    axes.plot([row.times_as_fast] * 2, loss, marker="o", label=row.variant)
axes.axhline(0.005, color="#8A8A8A", linestyle="--")
axes.axvline(1.4, color="#8A8A8A", linestyle="--")
axes.set_yscale("symlog", linthresh=0.01)
axes.set(xlabel="times as fast as float", ylabel="mAP50-95 lost", ylim=(-0.02, 2))
fig.legend(loc="outside right center", frameon=False)
show.figure(
    fig, alt="Points: speed and lost mAP of four variants; the goal is the lower right corner"
)

# %%
loss = max(reference.typical - rows[-1].typical, reference.harsh - rows[-1].harsh)
print(f"served: {rows[-1].times_as_fast:.2f} times as fast, at most {loss:.4f} of mAP50-95 lost,",
      f"{rows[-1].scenes} typical scenes")  # fmt: skip

# %% [markdown]
# Each variant has two points, for typical and for harsh scenes. The dashed lines are the goal: at
# least 1.4 times as fast, at most 0.005 lost. Read the table from the top down:
#
# - **every layer** loses all detections. The network's output is *one* tensor, with box coordinates
#   of up to hundreds of pixels and scores of 0 to 1. With one scale for both, a step is more than two
#   pixels, so every score rounds to 0.
# - **head in float** repairs that, but gives up speed: the head's convolutions are among the
#   largest.
# - **mean range** keeps in float only the layers after the last 3-by-3 convolutions, and the first
#   convolution: with three input channels its 8-bit kernel is *slower* than the float one. The range
#   of a tensor is the *mean* of its extremes over the scenes. That gives finer steps, but large
#   values are clipped, and fewer cards are found.
# - **served** has the same layers in float and the widest range of any scene. It loses least, and
#   its two points meet the goal. Its false alarms differ from the float model's by a few of some
#   hundred scenes, too few to tell apart.
#
# Which calibration is better depends on the weights: for the detector's first edition (see the
# [model card](../services/id_card/weights/README.md)) it was the mean. ONNX Runtime's two other
# methods, entropy and percentile, were tried with those weights as well. Entropy gave the same
# boxes as the widest range; percentile was as good as the mean, but took many times as much time
# and memory.
#
# So repeat the comparison for each new version of a model, with `python -m services.bench.int8`.
#
# mAP hides one effect: it counts boxes at all confidences, while a server returns only those above
# one threshold. Compare the confidences, box by box, on fresh scenes:

# %% tags=["volatile"]
from services.id_card.training.metrics import overlaps
from services.id_card.training.scene_sets import SceneSet

scenes = [scene.image for scene in SceneSet("fresh", "mixed", 24).scenes(seed=77, workers=1)]
pairs = []
low = {name: Detector(models_path, name, conf=0.05)
       for name, models_path in (("onnx", models["float"]), ("int8", models["int8"]))}  # fmt: skip
for ours, theirs in zip(low["onnx"].detect(scenes), low["int8"].detect(scenes), strict=True):
    for box in ours:
        same = [other for other in theirs
                if overlaps(np.array([box.box]), np.array([other.box]))[0, 0] > 0.7]  # fmt: skip
        pairs += [(box.confidence, other.confidence) for other in same[:1]]
pairs = np.array(pairs)
flipped = ((pairs > 0.5).sum(axis=1) == 1).sum()
print(f"{len(pairs)} boxes in both, {flipped} of them on different sides of the served confidence")

# %%
fig = Figure((4.2, 4), layout="constrained")
axes = fig.subplots()
axes.scatter(*pairs.T, s=18, color="#0072B2")
axes.plot([0, 1], [0, 1], color="#8A8A8A", linewidth=1)
axes.axvspan(0.45, 0.55, color="#D55E00", alpha=0.15)
axes.set(xlabel="confidence in float", ylabel="confidence in 8 bits", xlim=(0, 1), ylim=(0, 1))
show.figure(fig, alt="Points near the diagonal: confidences in 8 bits against those in float")

# %% [markdown]
# The points lie near the diagonal, not on it. A box whose confidence is near the threshold, in or
# around the shaded band, may appear or vanish; the line above counts those that do. Rounding hurts
# where the model was unsure anyway. So **choose the threshold again** for a quantised model:
# `python -m services.id_card.training.evaluate --threshold --backend int8` does it.
#
# ## 5. Behind every server
#
# The adapters (the servers of the earlier notebooks) did not change: they all call the same detector.
# One environment variable makes any of them serve the 8-bit model:

# %% tags=["volatile"]
command = "uvicorn services.id_card.baselines.fastapi_app:app --host 127.0.0.1 --port $PORT"
server = servers.shell(f"ID_CARD_BACKEND=int8 {command}", log_lines=2)

# %% tags=["volatile"]
import httpx

card = sample_path("two_cards").read_bytes()
answer = httpx.post(f"{server.url}/inference", files={"image": card}, timeout=60, trust_env=False)
print(answer.status_code, [round(box["confidence"], 3) for box in answer.json()])
print("exit code", server.stop())

# %% [markdown]
# The 8-bit confidences of section 1 come back over HTTP. (The exit code is -15 because SIGTERM, the
# signal that asks a process to end, has number 15.)
#
# A Bento (BentoML's archive) and a registered model each contain a model file, in float.
# The 8-bit model is another *version*: build and register it as such, so that a rollback is
# possible.
#
# ## 6. Threads and workers
#
# A **worker** is a process with its own copy of the model; inside it, **threads** divide the work
# on one image. Are two cores better used by two workers with one thread each, or by one worker with
# two threads? You set the number of workers with the server's option (`--workers` or `workers=`), and
# the number of threads with the environment variable `OMP_NUM_THREADS`. torch reads it by itself.
# ONNX Runtime and OpenVINO ignore it: `services/id_card/model/backends.py` passes it on, as
# `intra_op_num_threads` and `INFERENCE_NUM_THREADS`. Do the same in your own code.
#
# First see what else the machine does. Above about 10 %, sections 6 to 8 measure the other programs
# as well, and the numbers may contradict the text: close the programs, and run again from here.

# %% tags=["volatile"]
import psutil

print(f"{psutil.cpu_percent(interval=1):.0f} % of the processor is in use before we measure")

# %% [markdown]
# Measure the combinations with the detector alone, without HTTP. p50 is the median time, p99 the time
# within which 99 % of the images are done. With fewer than 100 images it is simply the slowest; raise
# `seconds` for a p99 that you want to rely on:

# %% tags=["volatile"]
settings = {(1, 1), (1, usable_cores()), (usable_cores(), 1), (usable_cores(), usable_cores())}
table = {}
for workers, threads in sorted(settings):
    table[workers, threads] = hardware.throughput("int8", workers, threads, seconds)
show.table(
    [
        (workers, threads, f"{got.rate:.0f}", f"{got.percentile(50):.0f} ms",
         f"{got.percentile(99):.0f} ms", f"{got.mib:.0f} MiB")
        for (workers, threads), got in table.items()
    ],
    columns=("workers", "threads", "images a second", "p50", "p99", "memory"),
)  # fmt: skip

# %% [markdown]
# Look at three things:
#
# - **Threads** (the first two rows): two threads do not halve the time of *one image*, because
#   threads wait for each other after each layer. With a model this small they may even be slower.
# - **Workers**: more workers compute *more images* a second, each image at the speed of one thread.
#   Each worker needs memory for its own copy of the model.
# - **Both**: more workers times threads than cores gain little or nothing, because they take the
#   cores from each other.
#
# The rule: **workers times threads is the number of cores**. Begin with one thread each and as many
# workers as the memory allows. Use more threads only if your own table shows that a single caller
# gets the answer sooner.
#
# Measure several workers together, never one times their number. By default OpenVINO *pins* its
# threads (ties each to one core), and every process begins with the first core. Two workers then
# share it, and the second core idles. `services/id_card/model/backends.py` turns this off with
# `ENABLE_CPU_PINNING`.
#
# ## 7. A CPU limit
#
# `docker run --cpus 1` and Kubernetes' `resources.limits.cpu` do not make a core slower. They
# create a [**cgroup**](GLOSSARY.md#cgroup) (control group: processes whose limits the Linux kernel
# enforces) with a quota: so many milliseconds of processor time in each period of a tenth of a
# second. A process that has used up its quota stops until the next period begins: it is
# **throttled**.
#
# A container engine sets the quota by writing to the kernel's files; this code does the same
# without an engine:

# %%
show.source(hardware.Quota, start="period = round", end="cfs_quota_us")

# %% tags=["volatile"]
limited = {}
try:
    for threads in sorted({1, usable_cores()}):
        with hardware.quota(cpus) as limit:
            limited[threads] = hardware.throughput("int8", 1, threads, 2 * seconds, under=limit)
            periods, throttled = limit.throttled()
        free, got = table[1, threads], limited[threads]
        print(f"threads: {threads} · p50 {got.percentile(50):.0f} ms, p99 {got.percentile(99):.0f} ms;",
              f"without a limit {free.percentile(50):.0f} and {free.percentile(99):.0f} ms;",
              f"stopped in {throttled} of {periods} periods")  # fmt: skip
except OSError as error:
    print(f"NOT RUN HERE: {error.strerror}; as root, or: docker run --cpus {cpus} id_card_detector")

# %% tags=["volatile"]
fig = Figure((8, 2.6), layout="constrained")
axes = fig.subplots()
for threads, got in limited.items():
    axes.plot(got.milliseconds[:60], marker=".", label=f"{threads} threads")
axes.set(xlabel="one image after the other", ylabel="milliseconds", ylim=(0, None))
fig.legend(loc="outside right center", frameon=False)
show.figure(fig, alt="Lines: some images are fast; a throttled one waits for the next period")

# %% [markdown]
# An image that is not stopped takes little longer than before. When the quota is used up, the next
# image waits for the rest of the period. The median (p50) shows that less clearly than the slowest
# images do: **a limit shows in the [p99](GLOSSARY.md#p99)**, and in the counter `nr_throttled` of
# the file `cpu.stat`. (If other programs take the cores, the process may never use up its quota;
# then it is throttled in few periods.)
#
# More threads use up the quota sooner and then all stop together, so the slowest images gain
# nothing. Inside a container, set the number of threads (here: `OMP_NUM_THREADS`) to the CPU limit,
# rounded up, not to the number of cores that the machine shows.
#
# ## 8. What 1,000 answers cost
#
# These are public prices of three machines, **an example to replace** with your own prices in
# `services/bench/prices.csv`:

# %%
prices = hardware.prices()
show.table(
    [(row["machine"], row["vcpus"], row["usd_an_hour"], row["read"]) for row in prices],
    columns=("machine", "vCPUs", "USD per hour", "price read on"),
)

# %% [markdown]
# An answer costs the price of an hour divided by the answers in that hour. We measured
# *this* machine, so each of its cores is priced like a vCPU (virtual core) of the first machine. A
# service is rarely busy all day: at half the load, each answer costs twice as much.

# %% tags=["volatile"]
price = float(prices[0]["usd_an_hour"]) / int(prices[0]["vcpus"]) * usable_cores()
rates = {}
for name in names:
    got = hardware.throughput(name, workers=usable_cores(), threads=1, seconds=seconds)
    rates[name] = got.rate
    whole, tenth = (hardware.usd_for_1000(price, got.rate, busy) for busy in (1, 0.1))
    print(f"{name:9} {got.rate:5.0f} images a second   {got.mib:5.0f} MiB   "
          f"USD {whole:.4f} for 1,000; busy a tenth of the time: {tenth:.4f}")  # fmt: skip

# %% [markdown]
# The backend with the highest throughput is also the cheapest, since all four run on the same machine.
# A busy machine matters even more: at a
# tenth of the load, an answer costs ten times as much. What about a GPU? It has to be as many times
# faster as it is more expensive, *and be busy*:

# %% tags=["volatile"]
gpu = next(row for row in prices if row["gpu"])
times = float(gpu["usd_an_hour"]) / price
print(f"{gpu['machine']}: {times:.1f} times the price, so it pays off above",
      f"{times * rates['int8']:.0f} images a second")  # fmt: skip

# %% [markdown]
# Below that load the CPU cores are cheaper, however fast the GPU is: you would pay for a GPU that
# waits.
#
# ## What broke, and why
#
# | What one might believe | What was seen | So |
# |---|---|---|
# | 8 bits take a quarter of the time | mostly convolutions shrink | profile before you promise |
# | quantise everything | the scores share a scale with pixels and vanish | keep the last layers in float |
# | one calibration method is always best | the widest range won here, the mean for earlier weights | compare both for each new version |
# | the same mAP means the same answers | boxes near the threshold flip | choose the threshold again |
# | more threads are faster | with more threads than cores, or under a quota, they wait | workers times threads is the number of cores |
# | a CPU limit is a slower core | the process stands still; see the p99 | watch `nr_throttled` |
#
# ## Summary
#
# - A runtime that only serves gives the same answers as the training framework, for less processor time.
# - 8 bits are faster because a register holds four times as many numbers, and one instruction
#   multiplies all.
# - They cost accuracy where numbers of very different size share a scale, and where the model was
#   unsure.
# - A CPU limit pauses a process until the next period; it does not slow it down evenly. Cost is price
#   divided by answers, at your own load.
#
# **Practise:** `make lab N=14` opens your copy of [Lab 14](../labs/lab14_hardware/lab14_hardware.ipynb),
# in which you quantise by hand, and choose backend, threads and workers for three machines.
#
# **Next:** [15 · Security, by attack](15_security.ipynb).

# %% tags=["teardown"]
print("servers left running:", len(servers.strays(os.getpid())))
