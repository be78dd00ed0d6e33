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
# # Lab 14 · Hardware
#
# **Where you are:** after notebook
# [14 · Hardware and resources, measured](../../notebooks/14_hardware.ipynb).
#
# You quantise numbers by hand (round floats to 8-bit integers), predict what a CPU limit does to
# one request, and choose backend, workers and threads for three machines, from measurements of your
# own.
#
# The checks do not measure time: they give your functions fresh numbers, so the result is the same
# on every machine.
#
# **How it works.** In each exercise cell, replace `...` with your code. Run the cell, then run the
# cell with `check` below it. For a `hint`, remove the `#` and run that cell.

# %% tags=["setup"]
import math

from labs import check, hint, preflight, solution
from services.bench import hardware, int8
from services.environment import usable_cores

# %% [markdown]
# What is installed on this machine. This lab needs only the lines `python` and `packages`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · Eight bits by hand
#
# Activations are rounded to **unsigned** 8-bit integers, 0 to 255, with a scale and a *zero point*:
# the integer that stands for 0.0. An integer `n` then means `(n - zero) * scale`.
#
# Complete `quantise(values, low, high)`. `values` is a list of floats, and `low` and `high` (`low`
# is below `high`) are the range that calibration measured. Return three things: the scale, the zero
# point, and the list of integers.
#
# - 0.0 has to be one of the values that the integers can express, so widen the range until it
#   contains 0.0.
# - The 256 integers divide the range into equal steps; the lower end becomes 0 and the upper end
#   255, up to rounding.
# - Round to the nearest integer (Python's `round`), the zero point as well. First divide by the
#   scale and round, then add the zero point.
# - A value outside the range becomes 0 or 255.
# - Do not round the scale, and do not change `values`.


# %% tags=["exercise"]
def quantise(values, low, high):
    """Return the scale, the zero point and the 8-bit integers of values."""
    ### BEGIN SOLUTION
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / 255
    zero = round(-low / scale)
    integers = [min(max(round(value / scale) + zero, 0), 255) for value in values]
    return scale, zero, integers
    ### END SOLUTION


# %% tags=["check"]
check("lab14.ex1", quantise)

# %% [markdown]
# ## Exercise 2 · How long a CPU limit makes you wait
#
# A request needs `work` ms of processor time, which its `threads` threads share evenly: without a
# limit it takes `work / threads` ms. The machine has enough cores.
#
# The container has a limit of `cpus`: in each period of 100 ms, all threads together may use
# `100 * cpus` ms of processor time, the *quota*. When it is used up, all of them stop until the next
# period begins.
#
# Complete `milliseconds(work, cpus, threads)`: how long does the request take, from start to end,
# if it starts at the beginning of a period? Do not round the result.
#
# - If the work ends exactly when the quota is used up, the request does not wait for another period.
# - If `cpus` is at least `threads`, the threads never have to stop.
#
# `cpus` is a number such as 0.25 or 2.0, and `100 * cpus` is a whole number of ms.


# %% tags=["exercise"]
def milliseconds(work, cpus, threads):
    """Return how long a request takes under a CPU limit, in ms."""
    ### BEGIN SOLUTION
    if cpus >= threads:
        return work / threads
    quota = 100 * cpus
    full = math.ceil(work / quota) - 1
    return 100 * full + (work - full * quota) / threads
    ### END SOLUTION


# %% tags=["check"]
check("lab14.ex2", milliseconds)

# %% [markdown]
# ## Measurements of your own
#
# `table` is a list of rows, one for each setting that is measured on this machine. `rate` is the
# images a second of all workers together, `p99` the time in ms within which 99 % of the images are
# done, `mib` the memory of all workers in MiB, and `found` is the share of cards that the backend
# finds (from the committed evaluation of notebook 14).

# %% tags=["setup", "volatile"]
evaluated = {row.variant: row.typical_found for row in int8.read()}
found = {"onnx": evaluated["float"], "int8": evaluated["served"]}
table = []
for backend in found:
    for workers, threads in {(1, 1), (1, usable_cores()), (usable_cores(), 1)}:
        got = hardware.throughput(backend, workers, threads, seconds=1)
        row = {"backend": backend, "workers": workers, "threads": threads}
        row |= {"rate": round(got.rate), "p99": round(got.percentile(99)), "mib": round(got.mib)}
        table.append(row | {"found": found[backend]})
        print(table[-1])

# %% [markdown]
# Here are three machines and their requirements. `load` is the number of requests a second in the
# busiest hour, `usd` the price of one machine for an hour:

# %% tags=["setup"]
machines = {
    "a small computer in a shop": {
        "cores": 1, "mib": 250, "p99": 1000, "found": 0.5, "load": 2, "usd": 0.02,
    },
    "a clinic's front desk": {
        "cores": 2, "mib": 2000, "p99": 500, "found": 0.85, "load": 15, "usd": 0.085,
    },
    "a web site": {
        "cores": 2, "mib": 4000, "p99": 2000, "found": 0.5, "load": 400, "usd": 0.085,
    },
}  # fmt: skip

# %% [markdown]
# ## Exercise 3 · Choose for a machine
#
# Complete `choose(table, needs)`. A setting **fits** if
#
# - `workers` times `threads` is at most `needs["cores"]`,
# - `mib` is at most `needs["mib"]`, and `p99` at most `needs["p99"]`,
# - `found` is at least `needs["found"]`.
#
# The limits themselves are allowed. Of the settings that fit, choose the one with the highest
# `rate` (no two are equal). Return None if none fits; the table may be empty. Otherwise return a
# dictionary with `"backend"`, `"workers"` and `"threads"` of the chosen setting, and
#
# - `"machines"`: the smallest number of such machines that answers `needs["load"]` requests a
#   second,
# - `"usd"`: what 1,000 answers cost in that hour, not rounded. All machines are paid for the whole
#   hour, and `needs["load"]` requests a second are answered in it.
#
# Do not change `table` or `needs`.


# %% tags=["exercise"]
def choose(table, needs):
    """Return the best setting for a machine, how many machines are needed, and the price."""
    ### BEGIN SOLUTION
    fitting = [
        row
        for row in table
        if row["workers"] * row["threads"] <= needs["cores"]
        and row["mib"] <= needs["mib"]
        and row["p99"] <= needs["p99"]
        and row["found"] >= needs["found"]
    ]
    if not fitting:
        return None
    best = max(fitting, key=lambda row: row["rate"])
    count = math.ceil(needs["load"] / best["rate"])
    usd = 1000 * count * needs["usd"] / (3600 * needs["load"])
    chosen = {name: best[name] for name in ("backend", "workers", "threads")}
    return {**chosen, "machines": count, "usd": usd}
    ### END SOLUTION


# %% tags=["check"]
check("lab14.ex3", choose)

# %% [markdown]
# Now decide with your own table. If the result is None, which of the needs rules out all settings?

# %% tags=["volatile"]
for name, needs in machines.items():
    print(name, choose(table, needs), sep=": ")

# %% [markdown]
# ## What you can do now
#
# - turn floats into 8-bit integers, and say what that loses,
# - predict how long a CPU limit makes a request wait,
# - choose backend, workers and threads for a machine, and say what 1,000 answers cost.
#
# In a terminal, `make status` shows your points.
