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
# # Lab 10 · Choosing
#
# **Where you are:** after notebook [10 · Choosing](../../notebooks/10_choosing.ipynb).
#
# You measure servers so that nothing is hidden: a percentile with the failed requests in it, a ratio
# that a busy machine does not move, and the wait of requests that could not be sent in time. Then you
# choose a server by figures. At the end is an open challenge: find the fastest in the least time.
#
# No server runs here. Clocks and servers are pretended, so a check says the same on every machine.
#
# **How it works.** In each exercise's cell, `...` stands for what you write. Run it, then the cell
# with `check` below it. For a `hint`, remove the `#` and run that cell.

# %% tags=["setup"]
import math
import statistics

from labs import check, hint, preflight, solution
from labs.checks.lab10_figures import figures
from services.bench import report
from services.bench.numbers import rotated

# %% [markdown]
# What this machine has. This lab needs the lines `python` and `packages` only:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · A percentile that hides nothing
#
# A load generator wrote a CSV file. Its column `response-time` is a list of texts, one for each request
# that was sent, in any order: `"12.5"` for an answer after 12.5 ms, and `""` for a request that
# **failed**: it was lost, or took too long for its caller.
#
# Complete `percentile(column, percent)`. `percent` is 50, 90, 95 or 99. Return, as a number in ms, the
# smallest time of the column that at least `percent` percent of **all** requests did not exceed.
#
# - No value between two measured ones is made up.
# - A failed request took longer than every answered one. If the percentile falls on a failed
#   request, return `math.inf`.
# - The requests beyond the percentile, `100 - percent` percent of all that were sent, have to make up
#   one whole request at least. So p50 takes 2 requests, p90 takes 10, p95 takes 20 and p99 takes 100.
#   With fewer, return None.


# %% tags=["exercise"]
def percentile(column, percent):
    """Return the percentile in ms, math.inf if it falls on a failed request, None if too few."""
    ### BEGIN SOLUTION
    enough = len(column) * (100 - percent) >= 100
    times = sorted(float(text) if text else math.inf for text in column)
    return times[math.ceil(len(times) * percent / 100) - 1] if enough else None
    ### END SOLUTION


# %% tags=["check"]
check("lab10.ex1", percentile)

# %% [markdown]
# ## Exercise 2 · Who is faster, on a machine that changes?
#
# `a` and `b` are two servers. `a()` sends one turn of requests to the first and returns when all are
# answered; `b()` does so with the second. `clock()` gives the time in seconds.
#
# Complete `ratio(a, b, clock, rounds)`. Return how many times as long `a` takes as `b`: 2.0 if it takes
# twice as long. The machine gets slower all the time, and once another program disturbs it. Therefore:
#
# - First call each of the two once. These turns are for warming up and do not count.
# - Then come the rounds. `rounds` is even, 4 or more. In each round each of the two has one turn, one
#   after the other. The rounds begin with `a` and with `b` in turn: if one begins with `a`, the next
#   begins with `b`.
# - Divide a's time by b's in each round. The result is the **median** of these ratios.
#
# The check knows the true ratio of its machine. Yours has to be within 2 % of it.


# %% tags=["exercise"]
def ratio(a, b, clock, rounds):
    """Return the median, over the rounds, of a's time divided by b's."""

    ### BEGIN SOLUTION
    def seconds(turn):
        begin = clock()
        turn()
        return clock() - begin

    a()
    b()
    ratios = []
    for number in range(rounds):
        taken = {turn: seconds(turn) for turn in rotated([a, b], number)}
        ratios.append(taken[a] / taken[b])
    return statistics.median(ratios)
    ### END SOLUTION


# %% tags=["check"]
check("lab10.ex2", ratio)

# %% [markdown]
# ## Exercise 3 · The wait that a load generator forgets
#
# The notebook's load is *closed*: a caller sends the next request when the last one is answered. Real
# callers do not wait for each other. If a server pauses for two seconds, they keep coming, and all of
# them wait. An *open* load keeps to a timetable.
#
# Complete `open_loop(send, clock, sleep, rate, count)`. It sends `count` requests over one connection,
# one at a time, and returns a list of `count` latencies in seconds, in the order of the requests.
#
# - `send()` sends a request and returns when it is answered. `clock()` gives the time in seconds, and
#   `sleep(seconds)` waits; as `time.sleep` does, it refuses a number below 0.
# - Let `start` be the time at the beginning. Request `n`, from 0, is **due** at `start + n / rate`.
# - No request goes out before it is due. If it is late, because the answer before took long, it goes
#   out at once. None is left out.
# - A latency is counted from when the request was **due** to its answer.


# %% tags=["exercise"]
def open_loop(send, clock, sleep, rate, count):
    """Return the latency of each request in seconds, counted from when it was due."""
    ### BEGIN SOLUTION
    start = clock()
    latencies = []
    for number in range(count):
        due = start + number / rate
        now = clock()
        if now < due:
            sleep(due - now)
        send()
        latencies.append(clock() - due)
    return latencies
    ### END SOLUTION


# %% tags=["check"]
check("lab10.ex3", open_loop)

# %% [markdown]
# ## The figures
#
# Before the next exercise, here are the notebook's figures again, flat: `table[server][path]` is a
# figure. None, or no such path, means that it was not measured.

# %% tags=["setup", "volatile"]
table = figures(report.load())
for path in ("real/16/p99/median", "start_seconds/max", "metrics/own", "image_mib"):
    print(f"{path:19}", {name: table[name][path] for name in table})

# %% [markdown]
# `real/16/p99/median` is the p99 in ms, with the detector and 16 callers: the median of all turns.
# `min` and `max` in its place are the least and the most. `null` is the model that computes nothing,
# and `rate` is answers a second. `memory/pss_mib` and `image_mib` are MiB, `metrics/own` is a number
# of metrics and `sigterm/lost` of requests; `protocols/v2` is 1 where a server speaks V2.
#
# Here are three situations, written as needs. `must` has triples of a path, a relation and a limit.
# `goal` is a pair: a path without its last part, such as `median`, and which value is best:
#
# - **A clinic's counter.** A new version comes every day, and no picture may be lost. Requests have to
#   be counted. Two people maintain it: 500 lines of support at most. The shortest wait of nearly
#   everybody, with 4 callers.
# - **A cluster that scales to zero.** The first caller waits for the start, 10 s at most. The other
#   models there speak V2. The shortest wait, one caller at a time.
# - **A small box in a shop.** At most 300 MiB of memory, and an image of at most 500 MiB. As many
#   answers a second as possible, for 16 callers.

# %% tags=["setup"]
situations = {
    "clinic": {
        "must": [
            ("sigterm/lost", "at most", 0),
            ("metrics/own", "at least", 1),
            ("lines/support", "at most", 500),
        ],
        "goal": ("real/4/p99", "least"),
    },
    "cluster": {
        "must": [("start_seconds/max", "at most", 10), ("protocols/v2", "at least", 1)],
        "goal": ("real/1/p50", "least"),
    },
    "shop": {
        "must": [("memory/pss_mib", "at most", 300), ("image_mib", "at most", 500)],
        "goal": ("real/16/rate", "most"),
    },
}

# %% [markdown]
# ## Exercise 4 · Choose a server, and say why
#
# Complete `choose(table, needs)` for any table and any needs of this form; `must` may have any number of
# triples. Return a dictionary with four keys:
#
# - `"refused"`: a dictionary of the servers that do not fit. The value is a list of the paths of **all**
#   the needs that the server misses. `"at most"` and `"at least"` allow the limit itself. What was not
#   measured does not fit. If the goal's `…/median` was not measured, the server is refused, too, and
#   that path is in its list.
# - `"server"`: of the servers that are left, the name of the one whose `…/median` of the goal is the
#   least, or the most. No two of them are the same. None if no server is left.
# - `"equal"`: a list of the other servers that are left and whose range of the goal, `…/min` to `…/max`,
#   has a value in common with the range of the chosen one. This run cannot tell them apart. An empty
#   list if there is none.
# - `"reasons"`: a list of pairs `(path, figure)` of the chosen server, as they stand in the table: one for
#   each triple of `must`, and the goal's `…/median`. An empty list if no server is left.
#
# The order in a list does not matter. An answer may look like this:
#
# ```
# {"server": "elm", "equal": ["oak"], "refused": {"fir": ["sigterm/lost"]},
#  "reasons": [("sigterm/lost", 0), ("real/4/p99/median", 46.1)]}
# ```
#
# The check has made-up tables, and the one above.


# %% tags=["exercise"]
def choose(table, needs):
    """Return the chosen server, its equals, the reasons, and who is refused."""
    ### BEGIN SOLUTION
    goal, wish = needs["goal"]
    median = f"{goal}/median"

    def missed(figures):
        paths = []
        for path, relation, limit in needs["must"]:
            value = figures.get(path)
            if value is None or (value > limit if relation == "at most" else value < limit):
                paths.append(path)
        return paths if figures.get(median) is not None else [*paths, median]

    refused = {name: missed(figures) for name, figures in table.items() if missed(figures)}
    left = [name for name in table if name not in refused]
    if not left:
        return {"server": None, "equal": [], "reasons": [], "refused": refused}
    best = (min if wish == "least" else max)(left, key=lambda name: table[name][median])

    def overlaps(figures):
        low, high = figures[f"{goal}/min"], figures[f"{goal}/max"]
        return low <= table[best][f"{goal}/max"] and high >= table[best][f"{goal}/min"]

    return {
        "server": best,
        "equal": [name for name in left if name != best and overlaps(table[name])],
        "reasons": [(path, table[best][path]) for path, *_ in needs["must"]]
        + [(median, table[best][median])],
        "refused": refused,
    }
    ### END SOLUTION


# %% tags=["check"]
check("lab10.ex4", choose)

# %% [markdown]
# Now decide. Would you defend each of these before your team? Where no server is left, look at what
# each was refused for: too much, or not measured?

# %% tags=["volatile"]
for situation, needs in situations.items():
    print(situation, choose(table, needs), "\n")

# %% [markdown]
# ## Exercise 5 · Open challenge: the fastest, in the least time
#
# Eight servers, of which one is the fastest: the next one takes at least 1.2 times as long, and others up
# to 4 times. To measure everybody long enough takes all day. Complete `fastest(turns)`, which finds it
# sooner, and returns its name.
#
# `turns` is a dictionary of names and functions. `turns[name]()` sends one turn of requests to that
# server, and returns how long it took, in ms. The check pretends servers and time:
#
# - the first turn of each server takes 1.5 to 3 times as long: it warms up,
# - a turn varies by about 5 %, and one in eight is disturbed: then it takes 2 to 4 times as long,
# - the machine gets slower, until turns take twice as long, and recovers, for all servers alike. That
#   takes about 75 turns.
#
# Your function finds the fastest in 200 contests, each with other servers. All the time that its turns
# take is counted. The *plain way* measures every server once for warming up, and then in 20 rounds.
#
# **To pass:** at least 180 times the right one, and at least 2.5 times as fast as the plain way. **For the
# leaderboard:** as many times as fast as you can. The solution here reaches about 5.5.


# %% tags=["exercise"]
def fastest(turns):
    """Return the name of the server whose turns take the least time."""
    ### BEGIN SOLUTION
    times = {name: [] for name in turns}
    left = list(turns)
    for number in range(5):
        for name in rotated(left, number):
            times[name].append(turns[name]())
        if number >= 2:
            best = min(min(times[name]) for name in left)
            left = [name for name in left if min(times[name]) <= 1.2 * best]
    return min(left, key=lambda name: min(times[name]))
    ### END SOLUTION


# %% tags=["check"]
check("lab10.ex5", fastest)

# %% [markdown]
# ## What you can do now
#
# - give a percentile with the failed requests in it, and none where there are too few,
# - compare two servers on a machine that changes,
# - count the wait of requests that could not be sent in time,
# - choose by needs first and by figures then, and refuse where nothing fits,
# - stop measuring when you know enough.
#
# `python -m labs status` in a terminal shows your points. Next: [lab 11](../lab11_batch/lab11_batch.ipynb).
