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


# %% lab10.ex1 wrong: mean
def percentile(column, percent):
    times = [float(text) for text in column if text]
    return statistics.fmean(times) if percent == 50 else sorted(times)[-1]


# %% lab10.ex1 wrong: as_text
def percentile(column, percent):
    if len(column) * (100 - percent) < 100:
        return None
    return float(sorted(column)[math.ceil(len(column) * percent / 100) - 1])


# %% lab10.ex1 wrong: off_by_one
def percentile(column, percent):
    if len(column) * (100 - percent) < 100:
        return None
    times = sorted(float(text) if text else math.inf for text in column)
    return times[int(len(times) * percent / 100)]


# %% lab10.ex1 wrong: dropped
def percentile(column, percent):
    if len(column) * (100 - percent) < 100:
        return None
    times = sorted(float(text) for text in column if text)
    return times[math.ceil(len(times) * percent / 100) - 1]


# %% lab10.ex1 wrong: failed_fast
def percentile(column, percent):
    if len(column) * (100 - percent) < 100:
        return None
    times = sorted(float(text or 0) for text in column)
    return times[math.ceil(len(times) * percent / 100) - 1]


# %% lab10.ex1 wrong: too_few
def percentile(column, percent):
    times = sorted(float(text) if text else math.inf for text in column)
    return times[math.ceil(len(times) * percent / 100) - 1]


# %% lab10.ex1 wrong: in_floats
def percentile(column, percent):
    if len(column) * (1 - percent / 100) < 1:
        return None
    times = sorted(float(text) if text else math.inf for text in column)
    return times[math.ceil(len(times) * percent / 100) - 1]


# %% lab10.ex1 wrong: always_100
def percentile(column, percent):
    if len(column) < 100:
        return None
    times = sorted(float(text) if text else math.inf for text in column)
    return times[math.ceil(len(times) * percent / 100) - 1]


# %% lab10.ex1 wrong: interpolated
import numpy as np


def percentile(column, percent):
    if len(column) * (100 - percent) < 100:
        return None
    return np.percentile([float(text or "inf") for text in column], percent)


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


# %% lab10.ex2 wrong: swapped
def ratio(a, b, clock, rounds):
    a()
    b()
    ratios = []
    for number in range(rounds):
        taken = {}
        for turn in rotated([a, b], number):
            begin = clock()
            turn()
            taken[turn] = clock() - begin
        ratios.append(taken[b] / taken[a])
    return statistics.median(ratios)


# %% lab10.ex2 wrong: by_turn
def ratio(a, b, clock, rounds):
    a()
    b()
    ratios = []
    for number in range(rounds):
        times = []
        for turn in rotated([a, b], number):
            begin = clock()
            turn()
            times.append(clock() - begin)
        ratios.append(times[0] / times[1])
    return statistics.median(ratios)


# %% lab10.ex2 wrong: halves
def ratio(a, b, clock, rounds):
    a()
    b()
    ratios = []
    for number in range(rounds):
        taken = {}
        for turn in (a, b) if number < rounds / 2 else (b, a):
            begin = clock()
            turn()
            taken[turn] = clock() - begin
        ratios.append(taken[a] / taken[b])
    return statistics.median(ratios)


# %% lab10.ex2 wrong: not_per_round
def ratio(a, b, clock, rounds):
    a()
    b()
    times = {a: [], b: []}
    for number in range(rounds):
        for turn in rotated([a, b], number):
            begin = clock()
            turn()
            times[turn].append(clock() - begin)
    return statistics.median(times[a]) / statistics.median(times[b])


# %% lab10.ex2 wrong: own_clock
import time


def ratio(a, b, clock, rounds):
    a()
    b()
    ratios = []
    for number in range(rounds):
        taken = {}
        for turn in rotated([a, b], number):
            begin = time.perf_counter()
            turn()
            taken[turn] = time.perf_counter() - begin
        ratios.append(taken[a] / taken[b])
    return statistics.median(ratios)


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


# %% lab10.ex3 wrong: drifts
def open_loop(send, clock, sleep, rate, count):
    due, latencies = clock(), []
    for _ in range(count):
        if clock() < due:
            sleep(due - clock())
        sent = clock()
        send()
        latencies.append(clock() - due)
        due = sent + 1 / rate
    return latencies


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


# %% lab10.ex3 wrong: first_late
def open_loop(send, clock, sleep, rate, count):
    start, latencies = clock(), []
    for n in range(1, count + 1):
        due = start + n / rate
        if clock() < due:
            sleep(due - clock())
        send()
        latencies.append(clock() - due)
    return latencies


# %% lab10.ex3 wrong: skipped
def open_loop(send, clock, sleep, rate, count):
    start, latencies = clock(), []
    for n in range(count):
        due = start + n / rate
        if clock() > due + 1 / rate:
            continue
        if clock() < due:
            sleep(due - clock())
        send()
        latencies.append(clock() - due)
    return latencies


# %% lab10.ex3 wrong: negative_sleep
def open_loop(send, clock, sleep, rate, count):
    start, latencies = clock(), []
    for n in range(count):
        due = start + n / rate
        sleep(due - clock())
        send()
        latencies.append(clock() - due)
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


# %% lab10.ex4 wrong: regardless
def choose(table, needs):
    path, good = needs["goal"]
    pick = min if good == "least" else max
    best = pick(table, key=lambda name: table[name][f"{path}/median"])
    reasons = [(need[0], table[best].get(need[0])) for need in needs["must"]]
    return {"server": best, "equal": [], "reasons": reasons, "refused": {}}


# %% lab10.ex4 wrong: unmeasured
def choose(table, needs):
    path, good = needs["goal"]
    left = []
    for name, figures in table.items():
        for place, relation, limit in needs["must"]:
            value = figures.get(place) or limit
            if value > limit if relation == "at most" else value < limit:
                break
        else:
            left.append(name)
    best = (min if good == "least" else max)(left, key=lambda name: table[name][path + "/median"])
    return {"server": best, "equal": [], "reasons": [], "refused": {}}


# %% lab10.ex4 wrong: strict
def choose(table, needs):
    path, good = needs["goal"]

    def meets(value, relation, limit):
        if value is None:
            return False
        return value < limit if relation == "at most" else value > limit

    def fits(figures):
        return all(meets(figures.get(place), *rest) for place, *rest in needs["must"])

    left = [name for name in table if fits(table[name])]
    if not left:
        others = {name: [] for name in table}
        return {"server": None, "equal": [], "reasons": [], "refused": others}
    pick = min if good == "least" else max
    best = pick(left, key=lambda name: table[name][path + "/median"])
    return {"server": best, "equal": [], "reasons": [], "refused": {}}


# %% lab10.ex4 wrong: any_need
def choose(table, needs):
    path, good = needs["goal"]

    def meets(value, relation, limit):
        if value is None:
            return False
        return value <= limit if relation == "at most" else value >= limit

    def fits(figures):
        return any(meets(figures.get(place), *rest) for place, *rest in needs["must"])

    left = [name for name in table if fits(table[name])]
    if not left:
        others = {name: [] for name in table}
        return {"server": None, "equal": [], "reasons": [], "refused": others}
    pick = min if good == "least" else max
    best = pick(left, key=lambda name: table[name][path + "/median"])
    return {"server": best, "equal": [], "reasons": [], "refused": {}}


# %% lab10.ex4 wrong: wrong_way
from labs.checks.lab10_table import choose as right


def choose(table, needs):
    answer = right(table, needs)
    goal, left = needs["goal"][0], [name for name in table if name not in answer["refused"]]
    if left:
        answer["server"] = min(left, key=lambda name: table[name][goal + "/median"])
    return answer


# %% lab10.ex4 wrong: least_bad
from labs.checks.lab10_table import choose as right


def choose(table, needs):
    answer = right(table, needs)
    if answer["server"] is None:
        goal, wish = needs["goal"]
        pick = min if wish == "least" else max
        answer["server"] = pick(table, key=lambda name: table[name][goal + "/median"])
    return answer


# %% lab10.ex4 wrong: zero
from labs.checks.lab10_table import choose as right


def choose(table, needs):
    for figures in table.values():
        for path, value in figures.items():
            if not value:
                figures[path] = None
    return right(table, needs)


# %% lab10.ex4 wrong: by_end
from labs.checks.lab10_table import choose as right


def choose(table, needs):
    answer = right(table, needs)
    goal, wish = needs["goal"]
    left = [name for name in table if name not in answer["refused"]]
    if left:
        best, end = (min, "min") if wish == "least" else (max, "max")
        answer["server"] = best(left, key=lambda name: table[name][f"{goal}/{end}"])
    return answer


# %% lab10.ex4 wrong: unmeasured_goal
from labs.checks.lab10_table import choose as right


def choose(table, needs):
    for figures in table.values():
        for end in ("median", "min", "max"):
            path = f"{needs['goal'][0]}/{end}"
            figures[path] = math.inf if figures[path] is None else figures[path]
    return right(table, needs)


# %% lab10.ex4 wrong: touch
from labs.checks.lab10_table import choose as right


def choose(table, needs):
    answer = right(table, needs)
    goal, server = needs["goal"][0], answer["server"]

    def overlap(one, other):
        a, b = table[one], table[other]
        return a[goal + "/min"] < b[goal + "/max"] and b[goal + "/min"] < a[goal + "/max"]

    answer["equal"] = [name for name in answer["equal"] if overlap(name, server)]
    return answer


# %% lab10.ex4 wrong: itself
from labs.checks.lab10_table import choose as right


def choose(table, needs):
    answer = right(table, needs)
    if answer["server"]:
        answer["equal"].append(answer["server"])
    return answer


# %% lab10.ex4 wrong: told_apart
from labs.checks.lab10_table import choose as right


def choose(table, needs):
    answer = right(table, needs)
    answer["equal"] = []
    return answer


# %% lab10.ex4 wrong: equal_refused
from labs.checks.lab10_table import choose as right


def choose(table, needs):
    answer = right(table, needs)
    goal, server = needs["goal"][0], answer["server"]

    def overlap(one, other):
        a, b = table[one], table[other]
        return a[goal + "/min"] <= b[goal + "/max"] and b[goal + "/min"] <= a[goal + "/max"]

    if server:
        answer["equal"] = [name for name in table if name != server and overlap(name, server)]
    return answer


# %% lab10.ex4 wrong: chain
from labs.checks.lab10_table import choose as right


def choose(table, needs):
    answer = right(table, needs)
    goal, found = needs["goal"][0], [answer["server"]]

    def overlap(one, other):
        a, b = table[one], table[other]
        return a[goal + "/min"] <= b[goal + "/max"] and b[goal + "/min"] <= a[goal + "/max"]

    left = [name for name in table if name not in answer["refused"]]
    pick = {"least": 1, "most": -1}[needs["goal"][1]]
    for name in sorted(left, key=lambda name: pick * table[name][goal + "/median"]):
        if any(overlap(name, other) for other in found):
            found.append(name)
    answer["equal"] = [name for name in found[1:] if name != answer["server"]]
    return answer


# %% lab10.ex4 wrong: limits
from labs.checks.lab10_table import choose as right


def choose(table, needs):
    answer = right(table, needs)
    limits = {path: limit for path, _, limit in needs["must"]}
    answer["reasons"] = [(path, limits.get(path, value)) for path, value in answer["reasons"]]
    return answer


# %% lab10.ex4 wrong: rounded
from labs.checks.lab10_table import choose as right


def choose(table, needs):
    answer = right(table, needs)
    answer["reasons"] = [(path, round(value)) for path, value in answer["reasons"]]
    return answer


# %% lab10.ex4 wrong: first_only
from labs.checks.lab10_table import choose as right


def choose(table, needs):
    answer = right(table, needs)
    answer["refused"] = {name: paths[:1] for name, paths in answer["refused"].items()}
    return answer


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


# %% lab10.ex5 wrong: plain
def fastest(turns):
    for turn in turns.values():
        turn()
    times = {name: [] for name in turns}
    for number in range(20):
        for name in rotated(list(turns), number):
            times[name].append(turns[name]())
    return min(times, key=lambda name: statistics.median(times[name]))


# %% lab10.ex5 wrong: slowest
def fastest(turns):
    for turn in turns.values():
        turn()
    times = {name: [] for name in turns}
    for number in range(5):
        for name in rotated(list(turns), number):
            times[name].append(turns[name]())
    return max(times, key=lambda name: min(times[name]))
