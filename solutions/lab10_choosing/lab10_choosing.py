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
# A benchmark can easily flatter a server. You write measurements that hide nothing: a percentile
# that includes the failed requests, a ratio that a busy machine does not distort, and the wait of
# requests that could not be sent in time. Then you choose a server by its figures. The last
# exercise is an open challenge: find the fastest server in the least time.
#
# No server runs here. The clocks and servers are fakes, so a check gives the same result on every
# machine.
#
# **How it works.** In each exercise cell, replace `...` with your code. Run the cell, then run the cell
# with `check` below it. For a `hint`, remove the `#` and run that cell.

# %% tags=["setup"]
import math
import statistics

from labs import check, hint, preflight, solution
from labs.checks.lab10.figures import figures
from services.bench import report
from services.bench.numbers import rotated

# %% [markdown]
# What is installed on this machine. This lab needs only the lines `python` and `packages`:

# %% tags=["setup", "volatile"]
preflight()

# %% [markdown]
# ## Exercise 1 · A percentile that hides nothing
#
# A load generator wrote a CSV file. Its column `response-time` is a list of strings, one for each
# request that was sent, in any order. `"12.5"` stands for an answer after 12.5 ms, and `""` for a
# request that **failed**: it was lost, or its caller's timeout expired.
#
# Complete `percentile(column, percent)`. `percent` is 50, 90, 95 or 99. Return, as a number in ms, the
# smallest time of the column that at least `percent` percent of **all** requests did not exceed.
#
# - Do not interpolate: the result is one of the measured times. The same time may occur more than once.
# - A failed request counts as slower than every answered one. If the percentile falls on a failed
#   request, return `math.inf`.
# - The requests beyond the percentile, `100 - percent` percent of all that were sent, must amount to at
#   least one whole request. So p50 needs at least 2 requests, p90 needs 10, p95 needs 20 and p99 needs
#   100 requests. With fewer, or none at all, return None.
# - Do not change the list `column`.


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
# answered; `b()` does the same with the second. `clock()` returns the time in seconds.
#
# Complete `ratio(a, b, clock, rounds)`. Return how many times as long `a` takes as `b`: 2.0 if it takes
# twice as long. The machine keeps getting slower, and at one point another program disturbs it.
# Therefore:
#
# - First call each server once to warm it up. These two turns do not count.
# - Then come the rounds. `rounds` is an even number, 4 or more. In each round, each server has one
#   turn, one after the other. The rounds begin with `a` and `b` alternately: if one round begins with
#   `a`, the next begins with `b`.
# - Divide a's time by b's in each round. The result is the **median** of these ratios. Do not round it;
#   one server may be a hundred times as fast as the other.
#
# The check knows how long each turn took. It compares your result with the median of those ratios.


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
# The notebook's load is *closed*: a caller sends the next request when the previous one is answered.
# Real callers do not wait for each other. If a server pauses for two seconds, requests keep coming, and
# all of them wait. An *open* load follows a schedule.
#
# Complete `open_loop(send, clock, sleep, rate, count)`. It sends `count` requests over one connection,
# one at a time, and returns a list of `count` latencies in seconds, in the order of the requests.
#
# - `send()` sends a request and returns when it is answered. `clock()` returns the time in seconds, and
#   `sleep(seconds)` waits; like `time.sleep`, it rejects a negative number.
# - `rate` is in requests per second: any number above 0, even below 1. `count` is 1 or more.
# - Let `start` be the time at the beginning. Request `n`, counted from 0, is **due** at
#   `start + n / rate`.
# - No request is sent before it is due. If a request is late because an earlier answer took long, it is
#   sent at once. No request is left out.
# - A latency is the time from when the request was **due** to its answer.


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
# Before the next exercise, here are the notebook's figures again, as a flat table:
# `table[server][path]` is a figure. If it is None, or the path does not exist, the figure was not
# measured.

# %% tags=["setup", "volatile"]
table = figures(report.load())
for path in ("real/16/p99/median", "start_seconds/max", "metrics/own", "image_mib"):
    print(f"{path:19}", {name: table[name][path] for name in table})

# %% [markdown]
# `real/16/p99/median` is the p99 (the 99th percentile) in ms, with the detector and 16 callers: the
# median over all turns. With `min` or `max` instead of `median`, it is the smallest or the largest
# value. `null` is the model that computes nothing, and `rate` is answers per second.
#
# `memory/pss_mib` and `image_mib` (the container image) are in MiB. `metrics/own` is a number of
# metrics. `sigterm/lost` is a number of requests lost at shutdown. `protocols/v2` is 1 where a
# server supports V2, the standard protocol of KServe and others.
#
# Here are three situations, written as needs. `must` is a list of triples: a path, a relation and a
# limit. `goal` is a pair: a path without its last part, such as `median`, and which value is best:
#
# - **The front desk of a clinic.** A new version comes every day, and no request may be lost. Requests
#   have to be counted. Two people maintain it: at most 500 lines of support code. The goal is a short
#   wait for nearly every caller, with 4 callers.
# - **A cluster that scales to zero.** The first caller waits for the start: at most 10 s. The other
#   models in the cluster use V2. The goal is a short wait, with one caller at a time.
# - **A small computer in a shop.** At most 300 MiB of memory, and a container image of at most 500 MiB.
#   The goal is as many answers per second as possible, with 16 callers.

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
# Complete `choose(table, needs)` for any table and any needs of this form. The table may be empty.
# `must` may have any number of triples, even none, and several triples may have the same path. Return a
# dictionary with four keys, and do not change `table` or `needs`:
#
# - `"refused"`: a dictionary of the servers that do not qualify. Each value is a list of the paths of
#   **all** the needs that the server does not meet. `"at most"` and `"at least"` include the limit
#   itself. A figure that was not measured (None, or no such path) does not meet the need; 0 is a figure
#   like any other. If the goal's `…/median` was not measured, the server is refused as well, and that
#   path is in its list.
# - `"server"`: of the remaining servers, the name of the one whose `…/median` of the goal is the lowest
#   (`"least"`) or the highest (`"most"`), as the goal says. No two medians are equal. None if no server
#   remains.
# - `"equal"`: a list of the other remaining servers whose range of the goal, `…/min` to `…/max`, has a
#   value in common with the range of the chosen server, even if only an endpoint. This run cannot tell
#   them apart. An empty list if there are none.
# - `"reasons"`: a list of pairs `(path, figure)` of the chosen server, as they are in the table, not
#   rounded: one for each triple of `must`, and one for the goal's `…/median`. An empty list if no
#   server remains.
#
# The order in a list does not matter, nor does it matter whether a `refused` list contains a path
# twice. An answer may look like this:
#
# ```
# {"server": "elm", "equal": ["oak"], "refused": {"fir": ["sigterm/lost"]},
#  "reasons": [("sigterm/lost", 0), ("real/4/p99/median", 46.1)]}
# ```
#
# The check uses simulated tables and the table above.


# %% tags=["exercise"]
def choose(table, needs):
    """Return the chosen server, its equals, the reasons, and the refused servers."""
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
# Now decide. Would you defend each choice in front of your team? Where no server remains, look at why
# each was refused: was a limit not met, or a figure not measured?

# %% tags=["volatile"]
for situation, needs in situations.items():
    print(situation, choose(table, needs), "\n")

# %% [markdown]
# ## Exercise 5 · Open challenge: the fastest, in the least time
#
# There are eight servers. One is the fastest: the next one takes at least 1.2 times as long, and others
# take up to 4 times as long. Measuring all of them for long enough takes all day. Complete
# `fastest(turns)`, which finds the fastest server sooner and returns its name.
#
# `turns` is a dictionary that maps names to functions. `turns[name]()` sends one turn of requests to
# that server and returns how long the turn took, in ms. The servers and the time are simulated:
#
# - the first turn of each server is a warm-up and takes 1.5 to 3 times as long,
# - turns vary by about 5 %, and one turn in 25 is disturbed: it takes 6 to 12 times as long,
# - the machine gets slower until turns take twice as long, and then recovers. This affects all servers
#   alike. One cycle takes 28 turns, no matter of which servers.
#
# Your function plays 200 contests, each with different servers; the 200 contests are the same in every
# check. The times of all its turns are added up. The *plain way* measures every server once as a
# warm-up, and then in 20 rounds.
#
# **To pass:** name the right server in at least 180 contests, and be at least 2.5 times as fast as
# the plain way. **For the leaderboard:** be as fast as you can. The solution here is about 5.5 times
# as fast.


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
            left = [name for name in left if min(times[name]) <= 1.4 * best]
    return min(left, key=lambda name: min(times[name]))
    ### END SOLUTION


# %% tags=["check"]
check("lab10.ex5", fastest)

# %% [markdown]
# ## What you can do now
#
# - compute a percentile that includes the failed requests, and return no percentile where there are
#   too few requests,
# - compare two servers on a machine that changes,
# - measure the wait of requests that could not be sent in time,
# - choose by needs first and by figures second, and choose no server if none qualifies,
# - stop measuring when you know enough.
#
# In a terminal, `make status` shows your points, and `make lab N=11` opens the next lab.
