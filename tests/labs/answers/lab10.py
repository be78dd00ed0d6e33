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
def percentile(column, percent):
    n = len(column)
    if n * (100 - percent) < 100:
        return None
    times = sorted(float(t or "inf") for t in column)
    return times[math.ceil(percent / 100 * n) - 1]


# %% lab10.ex1 wrong: as_text
def percentile(column, percent):
    if len(column) * (100 - percent) < 100:
        return None
    return float(sorted(column)[math.ceil(len(column) * percent / 100) - 1])


# %% lab10.ex1 wrong: off_by_one <- as_text
# -     return float(sorted(column)[math.ceil(len(column) * percent / 100) - 1])
# +     times = sorted(float(text) if text else math.inf for text in column)
# +     return times[int(len(times) * percent / 100)]

# %% lab10.ex1 wrong: dropped <- as_text
# -     return float(sorted(column)[math.ceil(len(column) * percent / 100) - 1])
# +     times = sorted(float(text) for text in column if text)
# +     return times[math.ceil(len(times) * percent / 100) - 1]


# %% lab10.ex1 wrong: too_few
def percentile(column, percent):
    times = sorted(float(text) if text else math.inf for text in column)
    return times[math.ceil(len(times) * percent / 100) - 1]


# %% lab10.ex1 wrong: interpolated <- as_text
# - def percentile(column, percent):
# + import numpy as np
# + def percentile(column, percent):
# -     return float(sorted(column)[math.ceil(len(column) * percent / 100) - 1])
# +     return np.percentile([float(text or "inf") for text in column], percent)

# %% lab10.ex1 wrong: -column.sort in place <- a share in floats, which is exact for these four
# -     times = sorted(float(t or "inf") for t in column)
# -     return times[math.ceil(percent / 100 * n) - 1]
# +     column.sort(key=lambda t: float(t or "inf"))
# +     return float(column[-(-n * percent // 100) - 1] or "inf")


# %% lab10.ex1 wrong: -in_floats
def percentile(column, percent):
    if len(column) * (1 - percent / 100) < 1:
        return None
    times = sorted(float(text) if text else math.inf for text in column)
    return times[math.ceil(len(times) * percent / 100) - 1]


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
def ratio(a, b, clock, rounds):
    def times(turn):
        turn()
        found = []
        for _ in range(rounds):
            begin = clock()
            turn()
            found.append(clock() - begin)
        return found

    return statistics.median(x / y for x, y in zip(times(a), times(b)))


# %% lab10.ex2 wrong: warm_up
def ratio(a, b, clock, rounds):
    ratios = []
    for number in range(rounds + 1):
        taken = {}
        for turn in rotated([a, b], number):
            begin = clock()
            turn()
            taken[turn] = clock() - begin
        ratios.append(taken[a] / taken[b])
    return statistics.median(ratios)


# %% lab10.ex2 wrong: same_order
def ratio(a, b, clock, rounds):
    a()
    b()
    ratios = []
    for _ in range(rounds):
        t0 = clock()
        a()
        t1 = clock()
        b()
        ratios.append((t1 - t0) / (clock() - t1))
    return statistics.median(ratios)


# %% lab10.ex2 wrong: means
def ratio(a, b, clock, rounds):
    a()
    b()
    total = {a: 0, b: 0}
    for number in range(rounds):
        for turn in rotated([a, b], number):
            begin = clock()
            turn()
            total[turn] += clock() - begin
    return total[a] / total[b]


# %% lab10.ex2 wrong: swapped <- warm_up
# - def ratio(a, b, clock, rounds):
# + def ratio(a, b, clock, rounds):
# +     a()
# +     b()
# -     for number in range(rounds + 1):
# +     for number in range(rounds):
# -         ratios.append(taken[a] / taken[b])
# +         ratios.append(taken[b] / taken[a])

# %% lab10.ex2 wrong: -not_per_round <- means
# -     total = {a: 0, b: 0}
# +     times = {a: [], b: []}
# -             total[turn] += clock() - begin
# -     return total[a] / total[b]
# +             times[turn].append(clock() - begin)
# +     return statistics.median(times[a]) / statistics.median(times[b])

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
def open_loop(send, clock, sleep, rate, count):
    start, latencies = clock(), []
    for n in range(count):
        due = start + n / rate
        if clock() < due:
            sleep(due - clock())
        sent = clock()
        send()
        latencies.append(clock() - sent)
    return latencies


# %% lab10.ex3 wrong: drifts <- from_sent
# -     start, latencies = clock(), []
# +     due, latencies = clock(), []
# -         due = start + n / rate

# -         latencies.append(clock() - sent)
# +         latencies.append(clock() - due)
# +         due = sent + 1 / rate


# %% lab10.ex3 wrong: no_wait
def open_loop(send, clock, sleep, rate, count):
    start, latencies = clock(), []
    for n in range(count):
        send()
        latencies.append(clock() - (start + n / rate))
    return latencies


# %% lab10.ex3 wrong: sleeps_always
def open_loop(send, clock, sleep, rate, count):
    latencies = []
    for _ in range(count):
        begin = clock()
        send()
        latencies.append(clock() - begin)
        sleep(1 / rate)
    return latencies


# %% lab10.ex3 wrong: skipped <- from_sent
# -         due = start + n / rate
# +         due = start + n / rate
# +         if clock() > due + 1 / rate:
# +             continue
# -         sent = clock()

# -         latencies.append(clock() - sent)
# +         latencies.append(clock() - due)

# %% lab10.ex3 wrong: negative_sleep <- from_sent
# -         if clock() < due:
# -             sleep(due - clock())
# -         sent = clock()
# +         sleep(due - clock())
# -         latencies.append(clock() - sent)
# +         latencies.append(clock() - due)

# %% lab10.ex3 wrong: -an interval of whole milliseconds
# -         due = start + number / rate
# +         due = start + number * round(1 / rate, 3)


# %% lab10.ex3 wrong: -a thread for each request
def open_loop(send, clock, sleep, rate, count):
    from threading import Thread

    start, latencies = clock(), [0] * count

    def request(number, due):
        send()
        latencies[number] = clock() - due

    threads = []
    for number in range(count):
        due = start + number / rate
        sleep(max(0, due - clock()))
        threads.append(Thread(target=request, args=(number, due)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    return latencies


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
def choose(table, needs):
    goal, want = needs["goal"]
    refused = {}
    for name, own in table.items():
        bad = [f"{goal}/median"] if own.get(f"{goal}/median") is None else []
        for path, relation, limit in needs["must"]:
            value = own.get(path, limit)
            value = limit if value is None else value
            if value > limit if relation == "at most" else value < limit:
                bad.append(path)
        if bad:
            refused[name] = bad
    left = [name for name in table if name not in refused]
    if not left:
        return {"server": None, "equal": [], "refused": refused, "reasons": []}
    pick = (min if want == "least" else max)(left, key=lambda name: table[name][f"{goal}/median"])
    low, high = table[pick][f"{goal}/min"], table[pick][f"{goal}/max"]
    equal = [
        name
        for name in left
        if name != pick and table[name][f"{goal}/min"] <= high and low <= table[name][f"{goal}/max"]
    ]
    paths = [path for path, *_ in needs["must"]] + [f"{goal}/median"]
    reasons = [(path, table[pick].get(path)) for path in paths]
    return {"server": pick, "equal": equal, "refused": refused, "reasons": reasons}


# %% lab10.ex4 wrong: strict <- unmeasured
# -         bad = [f"{goal}/median"] if own.get(f"{goal}/median") is None else []
# -         for path, relation, limit in needs["must"]:
# -             value = own.get(path, limit)
# -             value = limit if value is None else value
# -             if value > limit if relation == "at most" else value < limit:
# -                 bad.append(path)
# -         if bad:
# -             refused[name] = bad
# +         for path, relation, limit in [*needs["must"], (f"{goal}/median", "at least", -1)]:
# +             value = own.get(path)
# +             if value is None or not (value < limit if relation == "at most" else value > limit):
# +                 refused.setdefault(name, []).append(path)
# -     reasons = [(path, table[pick].get(path)) for path in paths]
# +     reasons = [(path, table[pick][path]) for path in paths]

# %% lab10.ex4 wrong: zero
from labs.checks.lab10.ex4 import _choose as right


def choose(table, needs):
    return right(
        {name: {p: v or None for p, v in own.items()} for name, own in table.items()}, needs
    )


# %% lab10.ex4 wrong: touch
from labs.checks.lab10.ex4 import _choose as right


def choose(table, needs):
    answer = right(table, needs)
    goal, server = needs["goal"][0], answer["server"]

    def overlap(one, other):
        a, b = table[one], table[other]
        return a[goal + "/min"] < b[goal + "/max"] and b[goal + "/min"] < a[goal + "/max"]

    answer["equal"] = [name for name in answer["equal"] if overlap(name, server)]
    return answer


# %% lab10.ex4 wrong: equal_refused <- touch
# -         return a[goal + "/min"] < b[goal + "/max"] and b[goal + "/min"] < a[goal + "/max"]
# -
# -     answer["equal"] = [name for name in answer["equal"] if overlap(name, server)]
# +         low, high = a.get(goal + "/min"), a.get(goal + "/max")
# +         return low is not None and low <= b[goal + "/max"] and b[goal + "/min"] <= high
# +
# +     if server:
# +         answer["equal"] = [name for name in table if name != server and overlap(name, server)]

# %% lab10.ex4 wrong: first_only <- zero
# -     return right(
# -         {name: {p: v or None for p, v in own.items()} for name, own in table.items()}, needs
# -     )
# +     own = right(table, needs)
# +     order = [p for p, *_ in needs["must"]] + [f"{needs['goal'][0]}/median"]
# +     own["refused"] = {
# +         name: [next(p for p in order if p in v)] for name, v in own["refused"].items()
# +     }
# +     return own


# %% lab10.ex4 wrong: -f[p] KeyError
def choose(table, needs):
    path, want = needs["goal"]
    med = path + "/median"
    refused = {}
    for s, f in table.items():
        bad = [
            p
            for p, rel, lim in needs["must"]
            if f[p] is None or (f[p] > lim if rel == "at most" else f[p] < lim)
        ]
        if f[med] is None:
            bad.append(med)
        if bad:
            refused[s] = bad
    left = [s for s in table if s not in refused]
    if not left:
        return {"server": None, "equal": [], "refused": refused, "reasons": []}
    pick = (min if want == "least" else max)(left, key=lambda s: table[s][med])
    lo, hi = table[pick][path + "/min"], table[pick][path + "/max"]
    eq = [
        s
        for s in left
        if s != pick and table[s][path + "/min"] <= hi and lo <= table[s][path + "/max"]
    ]
    return {
        "server": pick,
        "equal": eq,
        "refused": refused,
        "reasons": [(p, table[pick][p]) for p, *_ in needs["must"]] + [(med, table[pick][med])],
    }


# %% lab10.ex4 wrong: -must as dict by path (two triples of one path) <- -f[p] KeyError
# -     refused = {}
# +     refused = {}
# +     must = {p: (rel, lim) for p, rel, lim in needs["must"]}
# -             for p, rel, lim in needs["must"]
# -             if f[p] is None or (f[p] > lim if rel == "at most" else f[p] < lim)
# +             for p, (rel, lim) in must.items()
# +             if f.get(p) is None or (f[p] > lim if rel == "at most" else f[p] < lim)
# -         if f[med] is None:
# +         if f.get(med) is None:
# -         "reasons": [(p, table[pick][p]) for p, *_ in needs["must"]] + [(med, table[pick][med])],
# +         "reasons": [(p, table[pick][p]) for p in must] + [(med, table[pick][med])],

# %% lab10.ex4 wrong: -a median of 0 was not measured
# -         return paths if figures.get(median) is not None else [*paths, median]
# +         return paths if figures.get(median) else [*paths, median]

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

# %% lab10.ex5 wrong: slowest <- means
# -     for number in range(4):
# +     for number in range(5):
# -     return min(times, key=lambda name: statistics.fmean(times[name]))
# +     return max(times, key=lambda name: min(times[name]))
