# The answers on which the checks of lab 10 are tested.

# %% lab10.ex1 right: by numpy
import numpy as np


def percentile(column, percent):
    share_beyond = len(column) * (100 - percent) // 100
    if share_beyond < 1:
        return None
    values = np.array([float(text or "inf") for text in column])
    return np.percentile(values, percent, method="inverted_cdf")


# %% lab10.ex1 right: by counting
def percentile(column, percent):
    count = len(column)
    if count == 0 or (100 - percent) / 100 < 1 / count:
        return None
    answered = [float(text) for text in column if text != ""]
    for candidate in sorted(answered):
        not_exceeding = sum(time <= candidate for time in answered)
        if 100 * not_exceeding >= percent * count:
            return candidate
    return float("inf")


# %% lab10.ex1 right: a share in floats, which is exact for these four
# - len(times) * percent / 100
# + percent / 100 * len(times)

# %% lab10.ex1 wrong: as_text
# - times[math.ceil(len(times) * percent / 100) - 1]
# + float(sorted(column)[math.ceil(len(times) * percent / 100) - 1])

# %% lab10.ex1 wrong: off_by_one
# - math.ceil(len(times) * percent / 100) - 1
# + int(len(times) * percent / 100)

# %% lab10.ex1 wrong: dropped
# - float(text) if text else math.inf for text in column
# + float(text) for text in column if text

# %% lab10.ex1 wrong: too_few
# - if enough else None

# %% lab10.ex1 wrong: interpolated
# -     return times[math.ceil(len(times) * percent / 100) - 1]
# +     import numpy as np
# +
# +     return np.percentile(times, percent)

# %% lab10.ex1 wrong: -column.sort in place
# -     times = sorted(float(text) if text else math.inf for text in column)
# +     column.sort(key=lambda text: float(text or "inf"))
# +     times = [float(text or "inf") for text in column]

# %% lab10.ex1 wrong: -in_floats
# - len(column) * (100 - percent) >= 100
# + len(column) * (1 - percent / 100) >= 1

# %% lab10.ex1 wrong: -0 ms has failed
# -     times = sorted(float(text) if text else math.inf for text in column)
# +     times = sorted(float(text or 0) or math.inf for text in column)

# %% lab10.ex2 right: two lists and numpy
import numpy as np


def ratio(a, b, clock, rounds):
    for turn in (b, a):
        turn()
    quotients = np.empty(rounds)
    for number in range(rounds):
        times = [clock()]
        order = (b, a) if number % 2 == 0 else (a, b)
        for turn in order:
            turn()
            times.append(clock())
        first, second = np.diff(times)
        quotients[number] = second / first if order[0] is b else first / second
    return np.median(quotients)


# %% lab10.ex2 right: the warm-up is a round that is thrown away
def ratio(a, b, clock, rounds):
    found = []
    for number in range(rounds + 1):
        t0 = clock()
        if number % 2:
            a()
            t1 = clock()
            b()
            found.append((t1 - t0) / (clock() - t1))
        else:
            b()
            t1 = clock()
            a()
            found.append((clock() - t1) / (t1 - t0))
    found = sorted(found[1:])
    return (found[rounds // 2 - 1] + found[rounds // 2]) / 2


# %% lab10.ex2 wrong: blocks
# -     for number in range(rounds):
# -         taken = {turn: seconds(turn) for turn in rotated([a, b], number)}
# -         ratios.append(taken[a] / taken[b])
# +     times = {turn: [seconds(turn) for _ in range(rounds)] for turn in (a, b)}
# +     ratios = [x / y for x, y in zip(times[a], times[b])]

# %% lab10.ex2 wrong: warm_up
# -     a()
# -     b()
# +
# - range(rounds)
# + range(rounds + 1)

# %% lab10.ex2 wrong: same_order
# - rotated([a, b], number)
# + [a, b]

# %% lab10.ex2 wrong: means
# - taken[a] / taken[b]
# + (taken[a], taken[b])
# - statistics.median(ratios)
# + sum(x for x, _ in ratios) / sum(y for _, y in ratios)

# %% lab10.ex2 wrong: swapped
# - taken[a] / taken[b]
# + taken[b] / taken[a]

# %% lab10.ex2 wrong: -not_per_round
# - taken[a] / taken[b]
# + (taken[a], taken[b])
# - statistics.median(ratios)
# + statistics.median(x for x, _ in ratios) / statistics.median(y for _, y in ratios)

# %% lab10.ex2 wrong: -two turns to warm up
# -     b()
# +     b()
# +     a()
# +     b()

# %% lab10.ex2 wrong: -the upper of the two ratios in the middle
# -     return statistics.median(ratios)
# +     return statistics.median_high(ratios)


# %% lab10.ex3 right: it waits by reading the clock
def open_loop(send, clock, sleep, rate, count):
    begin, waits = clock(), []
    while len(waits) < count:
        due = begin + len(waits) / rate
        while clock() < due:
            pass
        send()
        waits.append(clock() - due)
    return waits


# %% lab10.ex3 right: numpy's timetable, and a sleep of nothing
import numpy as np


def open_loop(send, clock, sleep, rate, count):
    timetable = clock() + np.arange(count) / rate
    answered = np.zeros(count)
    for place, due in enumerate(timetable):
        sleep(max(0.0, due - clock()))
        send()
        answered[place] = clock()
    return (answered - timetable).tolist()


# %% lab10.ex3 wrong: from_sent
# - send()
# + due = clock()
# +         send()

# %% lab10.ex3 wrong: drifts
# - start + number / rate
# + start + (number > 0) / rate
# - send()
# + start = clock()
# +         send()

# %% lab10.ex3 wrong: no_wait
# -         if now < due:
# -             sleep(due - now)

# %% lab10.ex3 wrong: sleeps_always
# - now < due
# + number
# - due - now
# + 1 / rate

# %% lab10.ex3 wrong: skipped
# -         if now < due:
# +         if now > due + 1 / rate:
# +             continue
# +         if now < due:

# %% lab10.ex3 wrong: negative_sleep
# -         if now < due:
# -             sleep(due - now)
# +         sleep(due - now)

# %% lab10.ex3 wrong: -an interval of whole milliseconds
# -         due = start + number / rate
# +         due = start + number * round(1 / rate, 3)

# %% lab10.ex3 wrong: -a thread for each request
# -     latencies = []
# +     from concurrent.futures import ThreadPoolExecutor
# +
# +     def request(due):
# +         send()
# +         return clock() - due
# +
# +     pool, latencies = ThreadPoolExecutor(), []
# -         send()
# -         latencies.append(clock() - due)
# -     return latencies
# +         latencies.append(pool.submit(request, due))
# +     return [latency.result() for latency in latencies]


# %% lab10.ex4 right: sorted, and a class for the ranges
class Range:
    def __init__(self, figures, path):
        self.low, self.high = figures[path + "/min"], figures[path + "/max"]

    def meets(self, other):
        return max(self.low, other.low) <= min(self.high, other.high)


def choose(table, needs):
    path, good = needs["goal"]
    sign = {"least": 1, "most": -1}[good]
    answer = {"server": None, "equal": [], "reasons": [], "refused": {}}
    candidates = []
    for server in reversed(table):
        bad = []
        for where, relation, limit in needs["must"]:
            figure = table[server].get(where)
            fits = figure is not None and (
                figure <= limit if relation == "at most" else figure >= limit
            )
            if not fits:
                bad.append(where)
        if table[server].get(f"{path}/median") is None:
            bad.append(f"{path}/median")
        if bad:
            answer["refused"][server] = tuple(bad)
        else:
            candidates.append((sign * table[server][f"{path}/median"], server))
    if candidates:
        (_, first), *rest = sorted(candidates)
        own = Range(table[first], path)
        answer["server"] = first
        answer["equal"] = [name for _, name in rest if Range(table[name], path).meets(own)]
        wanted = [f"{path}/median", *[where for where, _, _ in needs["must"]]]
        answer["reasons"] = [[where, table[first][where]] for where in wanted]
    return answer


# %% lab10.ex4 wrong: unmeasured
# - value is None or
# + value is not None and
# - [(path, table[best][path])
# + [(path, table[best].get(path))

# %% lab10.ex4 wrong: strict
# - value > limit if relation == "at most" else value < limit
# + value >= limit if relation == "at most" else value <= limit

# %% lab10.ex4 wrong: zero
# - value is None or
# + not value or

# %% lab10.ex4 wrong: touch
# - low <= table[best][f"{goal}/max"] and high >=
# + low < table[best][f"{goal}/max"] and high >

# %% lab10.ex4 wrong: equal_refused
# - in left if name != best and
# + in table if name != best and table[name].get(f"{goal}/min") is not None and

# %% lab10.ex4 wrong: first_only
# - paths.append(path)
# + return [path]

# %% lab10.ex4 wrong: -f[p] KeyError
# - figures.get(path)
# + figures[path]

# %% lab10.ex4 wrong: -must as dict by path (two triples of one path)
# - for path, relation, limit in needs["must"]
# + for path, (relation, limit) in {path: rest for path, *rest in needs["must"]}.items()

# %% lab10.ex4 wrong: -a median of 0 was not measured
# - figures.get(median) is not None
# + figures.get(median)

# %% lab10.ex4 wrong: -equal as far as the first that is not
# -         return low <= table[best][f"{goal}/max"] and high >= table[best][f"{goal}/min"]
# +         return low <= table[best][f"{goal}/max"] and high >= table[best][f"{goal}/min"]
# +
# +     equal = []
# +     for name in sorted(left, key=lambda name: table[name][median], reverse=wish == "most")[1:]:
# +         if not overlaps(table[name]):
# +             break
# +         equal.append(name)
# -         "equal": [name for name in left if name != best and overlaps(table[name])],
# +         "equal": equal,


# %% lab10.ex5 right: medians, and few rounds for everybody
def fastest(turns):
    names = sorted(turns)
    for name in names:
        turns[name]()
    times = {name: [] for name in names}
    for number in range(20):
        for name in rotated(names, number):
            times[name].append(turns[name]())
        middle = {name: statistics.median(times[name]) for name in names}
        names.sort(key=middle.get)
        if number == 2:
            names = names[:5]
        if number == 4:
            names = names[:2]
        if number == 7:
            break
    return names[0]


# %% lab10.ex5 right: four rounds for everybody, with numpy
import numpy as np


def fastest(turns):
    names = list(turns)
    rounds = [[turns[name]() for name in names] for _ in range(5)]
    return names[int(np.argmin(np.array(rounds)[1:].min(axis=0)))]


# %% lab10.ex5 right: successive halving with round medians of ratios
def fastest(turns):
    left = list(turns)
    for n in left:
        turns[n]()
    logs = {n: [] for n in left}
    for r in range(12):
        t = {n: turns[n]() for n in (left if r % 2 else left[::-1])}
        base = statistics.median(t.values())
        for n in left:
            logs[n].append(math.log(t[n] / base))
        if r >= 2:
            score = {n: statistics.median(logs[n]) for n in left}
            best = min(score.values())
            left = [n for n in left if score[n] <= best + (0.6 if r < 4 else 0.3 if r < 6 else 0.1)]
        if len(left) == 1:
            break
    return min(left, key=lambda n: statistics.median(logs[n]))


# %% lab10.ex5 wrong: once
def fastest(turns):
    times = {name: turn() for name, turn in turns.items()}
    return min(times, key=times.get)


# %% lab10.ex5 wrong: blocks
def fastest(turns):
    least = {}
    for name, turn in turns.items():
        turn()
        least[name] = statistics.median(turn() for _ in range(8))
    return min(least, key=least.get)


# %% lab10.ex5 wrong: means
def fastest(turns):
    for turn in turns.values():
        turn()
    times = {name: [] for name in turns}
    for number in range(4):
        for name in rotated(list(turns), number):
            times[name].append(turns[name]())
    return min(times, key=lambda name: statistics.fmean(times[name]))


# %% lab10.ex5 wrong: plain <- means
# -     for number in range(4):
# +     for number in range(20):
# -     return min(times, key=lambda name: statistics.fmean(times[name]))
# +     return min(times, key=lambda name: statistics.median(times[name]))

# %% lab10.ex5 wrong: slowest
# - return min(left
# + return max(times
