# The answers on which the checks of lab 14 are tested.

# %% lab14.ex1 right: by numpy
import numpy as np


def quantise(values, low, high):
    low, high = np.minimum(low, 0), np.maximum(high, 0)
    scale = (high - low) / 255
    zero = np.rint(-low / scale)
    integers = np.clip(np.rint(np.array(values) / scale) + zero, 0, 255)
    return float(scale), int(zero), integers.astype(np.uint8).tolist()


# %% lab14.ex1 right: a list, and a limit by sorting
# - min(max(round(value / scale) + zero, 0), 255)
# + sorted([0, round(value / scale) + zero, 255])[1]
# - return scale, zero, integers
# + return [scale, zero, integers]

# %% lab14.ex1 wrong: no_zero
# -     low, high = min(low, 0.0), max(high, 0.0)

# %% lab14.ex1 wrong: wraps
# - min(max(round(value / scale) + zero, 0), 255)
# + (round(value / scale) + zero) % 256

# %% lab14.ex1 wrong: truncates
# - round(-low / scale)
# + int(-low / scale)
# - round(value / scale)
# + int(value / scale)

# %% lab14.ex1 wrong: steps
# -     scale = (high - low) / 255
# +     scale = (high - low) / 256

# %% lab14.ex1 wrong: signed
# - round(-low / scale)
# + round(-low / scale) - 128
# - zero, 0), 255)
# + zero, -128), 127)

# %% lab14.ex1 wrong: -limited at the top only
# -     integers = [min(max(round(value / scale) + zero, 0), 255) for value in values]
# +     integers = [min(round(value / scale) + zero, 255) for value in values]

# %% lab14.ex1 wrong: -rounded together with the zero point
# - round(value / scale) + zero
# + round(value / scale + zero)

# %% lab14.ex1 wrong: -half is rounded up
# - round(value / scale) + zero
# + math.floor(value / scale + 0.5) + zero

# %% lab14.ex1 wrong: -floats such as 12.0
# - return scale, zero, integers
# + return scale, zero, [float(n) for n in integers]

# %% lab14.ex1 wrong: -clips the values and not the integers
# - min(max(round(value / scale) + zero, 0), 255)
# + round(min(high, max(low, value)) / scale) + zero


# %% lab14.ex2 right: a loop over the periods
def milliseconds(work, cpus, threads):
    passed = 0
    left = work
    while cpus < threads and left > 100 * cpus:
        left -= 100 * cpus
        passed += 100
    return passed + left / threads


# %% lab14.ex2 right: by divmod
def milliseconds(work, cpus, threads):
    if cpus >= threads:
        return work / threads
    full, rest = divmod(work, 100 * cpus)
    if rest == 0:
        full, rest = full - 1, 100 * cpus
    return full * 100 + rest / threads


# %% lab14.ex2 wrong: slower_core
def milliseconds(work, cpus, threads):
    return work / min(cpus, threads)


# %% lab14.ex2 wrong: one_thread
# -     return 100 * full + (work - full * quota) / threads
# +     return 100 * full + (work - full * quota)
# -         return work / threads
# +         return work

# %% lab14.ex2 wrong: waits_once_more
# -     full = math.ceil(work / quota) - 1
# +     full = work // quota


# %% lab14.ex2 wrong: never
def milliseconds(work, cpus, threads):
    return work / threads


# %% lab14.ex2 wrong: always
# -     if cpus >= threads:
# -         return work / threads

# %% lab14.ex2 wrong: -the stop is counted, not the period
# -     return 100 * full + (work - full * quota) / threads
# +     return (100 - quota) * full + (work - full * quota) / threads

# %% lab14.ex2 wrong: -rounded down without a limit
# -         return work / threads
# +         return work // threads

# %% lab14.ex2 wrong: -the quota is cut to an integer
# - 100 * cpus
# + int(100 * cpus)

# %% lab14.ex3 right: by sorting, with pandas
import pandas as pd


def choose(table, needs):
    if not table:
        return None
    rows = pd.DataFrame(table).sort_values("rate", ascending=False)
    rows = rows[rows.workers * rows.threads <= needs["cores"]]
    rows = rows[(rows.mib <= needs["mib"]) & (rows.p99 <= needs["p99"])]
    rows = rows[rows.found >= needs["found"]]
    if rows.empty:
        return None
    best = rows.iloc[0].to_dict()
    machines = int(-(-needs["load"] // best["rate"]))
    usd = needs["usd"] * machines / 3.6 / needs["load"]
    return {
        "machines": machines,
        "usd": usd,
        "backend": best["backend"],
        "workers": int(best["workers"]),
        "threads": int(best["threads"]),
    }


# %% lab14.ex3 right: a loop
def choose(table, needs):
    best = None
    for row in table:
        if row["workers"] * row["threads"] > needs["cores"]:
            continue
        if any(row[name] > needs[name] for name in ("mib", "p99")) or row["found"] < needs["found"]:
            continue
        if best is None or row["rate"] > best["rate"]:
            best = row
    if best is None:
        return None
    machines = 1
    while machines * best["rate"] < needs["load"]:
        machines += 1
    usd = 1000 * machines * needs["usd"] / (3600 * needs["load"])
    return dict(
        backend=best["backend"],
        workers=best["workers"],
        threads=best["threads"],
        machines=machines,
        usd=usd,
    )


# %% lab14.ex3 wrong: over_cores
# -         if row["workers"] * row["threads"] <= needs["cores"]
# +         if True

# %% lab14.ex3 wrong: strict
# -         if row["workers"] * row["threads"] <= needs["cores"]
# -         and row["mib"] <= needs["mib"]
# -         and row["p99"] <= needs["p99"]
# -         and row["found"] >= needs["found"]
# +         if row["workers"] * row["threads"] < needs["cores"]
# +         and row["mib"] < needs["mib"]
# +         and row["p99"] < needs["p99"]
# +         and row["found"] > needs["found"]

# %% lab14.ex3 wrong: lowest_p99
# -     best = max(fitting, key=lambda row: row["rate"])
# +     best = min(fitting, key=lambda row: row["p99"])

# %% lab14.ex3 wrong: part_of_a_machine
# -     count = math.ceil(needs["load"] / best["rate"])
# +     count = needs["load"] / best["rate"]

# %% lab14.ex3 wrong: at_full_load
# -     usd = 1000 * count * needs["usd"] / (3600 * needs["load"])
# +     usd = 1000 * needs["usd"] / (3600 * best["rate"])

# %% lab14.ex3 wrong: -one machine too many where the load is a multiple
# -     count = math.ceil(needs["load"] / best["rate"])
# +     count = needs["load"] // best["rate"] + 1

# %% lab14.ex3 wrong: -all the cores and no fewer
# -         if row["workers"] * row["threads"] <= needs["cores"]
# +         if row["workers"] * row["threads"] == needs["cores"]

# %% lab14.ex3 wrong: -p99 below its limit
# -         and row["p99"] <= needs["p99"]
# +         and row["p99"] < needs["p99"]

# %% lab14.ex3 wrong: -memory below its limit
# -         and row["mib"] <= needs["mib"]
# +         and row["mib"] < needs["mib"]

# %% lab14.ex3 wrong: -found above its limit
# -         and row["found"] >= needs["found"]
# +         and row["found"] > needs["found"]
