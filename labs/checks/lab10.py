"""Checks of lab 10: measure servers honestly, and choose one for a reason."""

from __future__ import annotations

import itertools
import math
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from labs.checks import lab10_choice
from labs.checks import lab10_table as tables
from labs.checks.lab10_clock import Contest, Line, Machine
from labs.checks.lab10_figures import figures
from labs.engine import Context, exercise
from services.bench import report

_EXACT = 1e-3
"""Seconds that a pretended time may be off: a clock that is read in a loop moves on."""


def _number(context: Context, got: Any, what: str, where: str) -> float:
    """Return the answer as a number, or fail."""
    value = context.plain(got, what=what, where=where)
    if isinstance(value, bool) or not isinstance(value, int | float):
        context.fail(
            f"{what} is {value!r}; a number was expected.",
            where=where,
            layer="schema",
        )
    return float(value)


@exercise(
    "lab10.ex1",
    "A percentile that hides nothing",
    points=1,
    minutes=5,
    difficulty=2,
    importance=5,
    hints=(
        "A failed request is one that nobody got an answer to, however long they waited. So it "
        "stands behind the slowest of all answers.",
        "`float(text)` makes a number of a text, and `math.inf` is larger than every number. "
        "`sorted(…)` then puts the failed ones last. `math.ceil(…)` rounds up.",
        "`times = sorted(float(text) if text else math.inf for text in column)`. The first "
        "`math.ceil(len(times) * percent / 100)` of them are enough; the last of those is the "
        "answer. Before that, return None if there are too few.",
    ),
    help=(
        (
            "ValueError: could not convert string to float: ''",
            "An empty text is a failed request. Treat it before you call `float`.",
        ),
        (
            "percentile(…) is of type str; float was expected.",
            "The column has texts, as every CSV file has. Make numbers of them before you sort.",
        ),
    ),
    mistakes={
        "mean": "A mean is no percentile: one very slow request moves it, and it says of nobody "
        "how long they waited.",
        "as_text": "The column was sorted as text. As texts, '100.5' comes before '20.1'.",
        "off_by_one": "Python counts places from 0: of 200 sorted times, 198 are in the places 0 "
        "to 197.",
        "dropped": "The failed requests were left out. So a server that loses its slowest requests "
        "looks faster than one that answers them.",
        "failed_fast": "A failed request counts as 0 ms, so failing makes a server faster.",
        "too_few": "The percentile of so few requests is an accident of one of them. Say None.",
        "in_floats": "10 requests are just enough for p90. In floats, 10 * (1 - 90 / 100) is a "
        "little less than 1. Count in whole numbers.",
        "always_100": "Only p99 takes 100 requests. p50 takes 2, p90 takes 10, p95 takes 20.",
        "interpolated": "This value lies between two measured ones; no request took so long. "
        "NumPy's default does this; method='inverted_cdf' does not.",
    },
)
def percentile(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``percentile(column, percent)`` with columns of a load generator's CSV file."""
    source = context.random
    for count, failed, percent in (
        (100 * source.randint(2, 3), 0, 50),
        (100 * source.randint(2, 3), 0, 99),
        (20 * source.randint(11, 14), 0, 95),
        (300, 2, 99),
        (source.randint(111, 139), 4, 99),
        (source.randint(61, 79), 5, 90),
        (source.randint(21, 39), 3, 50),
        (20, 11, 50),
        (100, 0, 99),
        (100, 1, 99),
        (source.randint(10, 90), 0, 99),
        (99, 0, 99),
        (11, 0, 90),
        (10, 0, 90),
        (9, 0, 90),
        (20, 0, 95),
        (19, 1, 95),
        (2, 0, 50),
        (1, 0, 50),
        (0, 0, 50),
    ):
        # No two times are the same, so that each mistake gives another value.
        tenths = source.sample(range(20, 4000), count - failed)
        column = [f"{each / 10:.1f}" for each in tenths] + [""] * failed
        source.shuffle(column)
        where = f"{count} requests, of which {failed} failed; p{percent}"
        got = context.call(answer, [*column], percent, where=where)
        _one_percentile(context, got, column, percent, where)
    context.note(columns=20)


def _percentile(column: Sequence[str], percent: int) -> float | None:
    times = sorted(float(text or "inf") for text in column)
    if len(times) * (100 - percent) < 100:
        return None
    return times[math.ceil(len(times) * percent / 100) - 1]


def _one_percentile(
    context: Context, got: Any, column: list[str], percent: int, where: str
) -> None:
    what = f"percentile(column, {percent})"
    want = _percentile(column, percent)
    if want is None:
        value = context.plain(got, what=what, where=where)
        if value is not None:
            number = isinstance(value, int | float) and not math.isnan(value)
            context.fail(
                f"{what} is {value!r}; None was expected.",
                where=where,
                mistake="too_few" if number else None,
            )
        return
    mistakes = _other_percentiles(column, percent)
    context.same(got, want, what=what, where=where, mistakes=mistakes, tolerance=1e-9)


def _other_percentiles(column: list[str], percent: int) -> list[tuple[str, Any]]:
    """Return what each mistake gives for a column that is long enough."""
    answered = sorted(float(text) for text in column if text)
    failed = len(column) - len(answered)
    rank = math.ceil(len(column) * percent / 100) - 1
    texts = sorted(column)
    wrong: list[tuple[str, Any]] = [
        ("mean", statistics.fmean(answered)),
        ("as_text", texts[rank]),
        ("as_text", float(texts[rank] or "nan")),
        ("as_text", sorted(text for text in column if text)[min(rank, len(answered) - 1)]),
    ]
    if len(column) < 100:
        wrong.append(("in_floats" if len(column) == 10 else "always_100", None))
    if failed:
        left_out = math.ceil(len(answered) * percent / 100) - 1
        wrong += [
            ("failed_fast", sorted([*answered, *[0.0] * failed])[rank]),
            ("dropped", answered[left_out]),
            ("dropped", answered[min(left_out + 1, len(answered) - 1)]),
            ("dropped", np.percentile(answered, percent)),
            ("dropped", None),
        ]
        return wrong
    return [
        ("interpolated", statistics.quantiles(answered, n=100)[percent - 1]),
        ("interpolated", np.percentile(answered, percent)),
        ("off_by_one", answered[rank - 1]),
        ("off_by_one", answered[min(rank + 1, len(answered) - 1)]),
        *wrong,
    ]


@exercise(
    "lab10.ex2",
    "Who is faster, on a machine that changes?",
    points=2,
    minutes=7,
    difficulty=3,
    importance=5,
    hints=(
        "What the machine does in one round, it does to both. So divide within a round, and only "
        "then look at all rounds together. A round that something disturbed must not move the "
        "result.",
        "`rotated([a, b], number)` is imported above: it begins with another one each round. "
        "`statistics.median` does not care how far away one strange ratio is.",
        "After `a()` and `b()`: in each round, for each of the two in that round's order, "
        "`begin = clock()`, call it, and keep `clock() - begin`. Append the quotient of the two to "
        "a list. At the end the list's median.",
    ),
    help=(
        (
            "a was called 8 times and b was called 8 times; 9 times each was expected.",
            "One call of each comes before the first round, and is not measured.",
        ),
        (
            "All 8 rounds began with a.",
            "In every second round measure `b` first, and still divide a's time by b's.",
        ),
    ),
    mistakes={
        "blocks": "All turns of one came first, then all of the other. Meanwhile the machine got "
        "slower, and only the second of them paid for it.",
        "warm_up": "The first turn of each is for connections and caches. Call both once before, "
        "and do not count that.",
        "same_order": "The machine gets slower within a round, too. Who always comes second always "
        "looks slower than it is.",
        "halves": "The order changed once, half-way. What happens to the machine in one half then "
        "hits one order only. Change the order in every round.",
        "means": "One disturbed round moved the result. The median of the rounds' ratios would "
        "not have noticed it.",
        "swapped": "This is b's time divided by a's.",
        "by_turn": "In each round the first turn's time was divided by the second's. In every "
        "second round the first turn is b's.",
        "not_per_round": "This divides a median by a median. They may come from different rounds, "
        "when the machine was not the same.",
        "own_clock": "Measure with the clock that the function is given. Here it is a pretended "
        "one; no other clock knows how long a turn took.",
    },
)
def ratio(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``ratio(a, b, clock, rounds)`` on pretended machines."""
    for rounds, low, high in ((8, 1.2, 1.5), (6, 0.5, 0.8), (12, 0.9, 1.9), (4, 1.1, 1.3)):
        machine = Machine(context.random, rounds, context.random.uniform(low, high))
        where = f"a machine that gets slower; {rounds} rounds"
        arguments = machine.turn("a"), machine.turn("b"), machine.clock, rounds
        value = context.call(answer, *arguments, where=where)
        got = _number(context, value, "ratio(a, b, clock, rounds)", where)
        _ratio_of(context, machine, got, rounds, where)
    context.note(machines=4)


def _ratio_of(context: Context, machine: Machine, got: float, rounds: int, where: str) -> None:
    """Hold the value to the machine's own, and the turns to the task."""
    said = f"ratio(…) is {got:.3f}; on this machine a takes {machine.ratio:.3f} times as long as b."
    turns = Counter(name for name, _ in machine.turns)
    if machine.reads == 0:
        context.fail("The clock was never read.", where=where, mistake="own_clock")
    names = [name for name, _ in machine.turns]
    changes = sum(one != other for one, other in itertools.pairwise(names))
    if changes <= 3 < len(names):
        context.fail(
            f"{said} All turns of {names[-1]} came after those of {names[0]}.",
            where=where,
            mistake="blocks",
        )
    if turns != {"a": rounds + 1, "b": rounds + 1}:
        context.fail(
            f"a was called {_times(turns['a'])} and b was called {_times(turns['b'])}; "
            f"{rounds + 1} times each was expected.",
            where=where,
            mistake="warm_up" if turns == {"a": rounds, "b": rounds} else None,
        )
    pairs = [names[n : n + 2] for n in range(2, len(names), 2)]
    if any(len(set(pair)) == 1 for pair in pairs):
        context.fail(
            f"The turns after the first two were {' '.join(names[2:])}; in each round both have "
            "one turn.",
            where=where,
        )
    begins = [pair[0] for pair in pairs]
    changes = sum(one != other for one, other in itertools.pairwise(begins))
    if changes == 0:
        context.fail(
            f"{said} All {rounds} rounds began with {pairs[0][0]}.",
            where=where,
            mistake="same_order",
        )
    context.expect(
        changes == rounds - 1,
        f"The rounds began with {' '.join(begins)}; a and b in turn was expected.",
        where=where,
        mistake="halves" if changes == 1 else None,
    )
    if not abs(got / machine.ratio - 1) <= 0.02:
        context.fail(said, where=where, mistake=_which_ratio(machine, got))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _which_ratio(machine: Machine, got: float) -> str | None:
    """Return the mistake that gives this value from the turns as they were measured."""
    turns = machine.turns
    rounds = [dict(turns[n : n + 2]) for n in range(0, len(turns), 2)]
    ratios = [each["a"] / each["b"] for each in rounds]
    a, b = ([each[name] for each in rounds[1:]] for name in "ab")
    by_turn = [one / other for (_, one), (_, other) in zip(turns[2::2], turns[3::2], strict=True)]
    for mistake, value in (
        ("swapped", 1 / statistics.median(ratios[1:])),
        ("swapped", statistics.median(1 / each for each in ratios[1:])),
        ("by_turn", statistics.median(by_turn)),
        ("warm_up", statistics.median(ratios)),
        ("warm_up", statistics.fmean(ratios)),
        ("means", statistics.fmean(ratios[1:])),
        ("means", sum(a) / sum(b)),
        ("not_per_round", statistics.median(a) / statistics.median(b)),
    ):
        if abs(got / value - 1) < 1e-9:
            return mistake
    return None


@exercise(
    "lab10.ex3",
    "The wait that a load generator forgets",
    points=2,
    minutes=7,
    difficulty=3,
    importance=4,
    seconds=20,
    hints=(
        "Real callers do not wait for each other. So there is a timetable, made at the start: who "
        "is due when. A request that cannot go out in time already waits.",
        "Request number `n` is due at `start + n / rate`. Compare that with `clock()`: is there "
        "time left, then `sleep` for just that long; if not, send at once.",
        "In the loop: `due = start + n / rate`; `now = clock()`; `if now < due: sleep(due - now)`; "
        "`send()`; then append what lies between `due` and `clock()`.",
    ),
    help=(
        (
            "ValueError: sleep length must be non-negative",
            "The request is late already. Do not sleep then.",
        ),
        (
            "37 requests were sent; 50 were expected.",
            "Late requests are sent, too. Each of the `count` requests has its latency.",
        ),
    ),
    mistakes={
        "from_sent": "The latency was counted from when the request went out. While the server "
        "paused, later requests could not even be sent; that wait is missing. It is called "
        "coordinated omission.",
        "drifts": "The next due time was counted from the last request's, as it was sent or "
        "answered. So after a pause the whole timetable moves, and nobody is late.",
        "no_wait": "Nothing was slept, so each request went out as soon as the one before was "
        "answered. That measures how fast the server can be, not how it is at this rate.",
        "sleeps_always": "You sleep one whole gap, however long the answer took. So requests go "
        "out at a lower rate than was asked for.",
        "first_late": "`n` counts from 0, so the first request is due at the start itself.",
        "skipped": "Requests that were late are left out. They are those that the pause hurt.",
        "negative_sleep": "A late request has no time left to sleep; time.sleep refuses a number "
        "below 0, too.",
    },
)
def open_loop(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``open_loop(send, clock, sleep, rate, count)`` with a server that pauses once."""
    source = context.random
    for turn in range(3):
        rate, count = source.randint(20, 50), source.randint(50, 80)
        durations = [source.uniform(0.2, 0.6) / rate for _ in range(count)]
        pause = source.uniform(15, 25) / rate if turn else 0.0
        late = source.randint(6, 12)
        durations[late] += pause
        start = source.uniform(1e3, 1e4)
        line = Line(durations, start)
        paused = f"pauses for {pause:.1f} s" if pause else "never pauses"
        where = f"{count} requests at {rate} a second; the server {paused}"
        got = context.call(
            answer,
            line.send,
            line.clock,
            line.sleep,
            rate,
            count,
            where=where,
            because=lambda error: "negative_sleep" if "non-negative" in str(error) else None,
        )
        _timetable(context, line, durations, rate, where)
        _waits(context, got, durations, rate, where)
    context.note(requests="all of them", pauses=2)


def _latencies(durations: list[float], rate: float) -> list[float]:
    """Return the seconds from when each request is due to its answer."""
    free, found = 0.0, []
    for number, duration in enumerate(durations):
        due = number / rate
        free = max(free, due) + duration
        found.append(free - due)
    return found


def _timetable(
    context: Context, line: Line, durations: list[float], rate: float, where: str
) -> None:
    """Hold when requests were sent to when they could have been."""
    count, gap = len(durations), 1 / rate
    if len(line.sent) != count:
        context.fail(
            f"{len(line.sent)} requests were sent; {count} were expected.",
            where=where,
            mistake="skipped" if 1 < len(line.sent) < count else None,
        )
    latencies = _latencies(durations, rate)
    for number, (sent, latency) in enumerate(zip(line.sent, latencies, strict=True)):
        after = sent - line.start
        want = number * gap + latency - durations[number]
        if abs(after - want) > _EXACT:
            context.fail(
                f"Request {number} was sent {after:.3f} s after the start; {want:.3f} s was "
                "expected.",
                where=where,
                mistake=_why_then(line, number, gap),
            )


def _why_then(line: Line, number: int, gap: float) -> str | None:
    """Return the mistake by which request *number* was sent when it was, as far as it shows."""
    if number == 0:
        return "first_late"
    if not line.waited:
        return "no_wait"
    if all(abs(seconds - gap) < _EXACT for seconds in line.waited):
        return "sleeps_always"
    one_gap_later = abs(line.sent[number] - line.sent[number - 1] - gap) < _EXACT
    return "drifts" if one_gap_later else None


def _waits(context: Context, got: Any, durations: list[float], rate: float, where: str) -> None:
    """Compare the latencies, and say of the first wrong one how long it is."""
    value = context.plain(got, what="open_loop(…)", where=where)
    want = _latencies(durations, rate)
    if not isinstance(value, list) or len(value) != len(want):
        context.same(value, want, what="open_loop(…)", where=where)
    seconds = [_number(context, item, "A latency", where) for item in value]
    wrong = [n for n, due in enumerate(want) if not abs(seconds[n] - due) <= _EXACT]
    if not wrong:
        return
    from_sent = all(
        abs(each - sent) <= _EXACT for each, sent in zip(seconds, durations, strict=True)
    )
    first = wrong[0]
    context.fail(
        f"{len(wrong)} of {len(want)} latencies are not right. Request {first} has "
        f"{seconds[first]:.3f} s; it was answered {want[first]:.3f} s after it was due.",
        where=where,
        mistake="from_sent" if from_sent else None,
    )


@exercise(
    "lab10.ex4",
    "Choose a server, and say why",
    points=3,
    minutes=12,
    difficulty=4,
    importance=5,
    hints=(
        "Three steps, in this order: who meets every need; who of those is best at the goal; who "
        "of those cannot be told apart from the best. A server that fails in the first step is "
        "never seen again.",
        "`figures.get(path)` gives None for a path that is not there, too. Ask `is None`, not "
        "`not value`: 0 is a figure. `min(names, key=…)` and `max(names, key=…)` find the best.",
        "`refused = {name: missed(figures) for name, figures in table.items() if "
        "missed(figures)}`, where `missed` returns a list of paths. Two ranges overlap if each "
        "one's `min` is at most the other one's `max`.",
    ),
    help=(
        (
            "TypeError: '<=' not supported between instances of 'NoneType' and 'int'",
            "Something was not measured. Look at that before you compare.",
        ),
        (
            "ValueError: min() arg is an empty sequence",
            "No server meets the needs. Return before you rank.",
        ),
    ),
    mistakes={
        "regardless": "The best at the goal was taken, whatever it lacks. A need is no wish: who "
        "does not meet it is out.",
        "unmeasured": "What nobody measured was taken as good. No figure is no promise.",
        "unmeasured_goal": "The goal of this server was not measured, so nobody knows that it "
        "is best.",
        "strict": "'At most 500' allows 500.",
        "any_need": "A server has to meet every need, not one of them.",
        "wrong_way": "Of answers a second more is better, of milliseconds less. The goal says "
        "which: 'least' or 'most'.",
        "least_bad": "No server meets the needs, and yet one was chosen. Say so, and let people "
        "change the needs.",
        "zero": "0 is a figure, and often the best. Ask `is None`.",
        "by_end": "The servers were ranked by an end of the range, so by one turn. The median "
        "decides.",
        "told_apart": "Their ranges overlap, so they took turns at being better. One run cannot "
        "tell them apart; say so.",
        "touch": "One range ends at the value at which the other begins. They have it in common.",
        "itself": "The chosen server is in its own list. `equal` is for the others.",
        "equal_refused": "Only who meets the needs can take the place of the chosen one.",
        "chain": "This range overlaps another one's, but not that of the chosen server.",
        "limits": "These are the needs' limits. A reason is what was measured.",
        "rounded": "The figures were rounded. Whoever looks them up finds others.",
        "first_only": "For each refused server all the needs count that it misses, not the first.",
    },
)
def choose(context: Context, answer: Callable[..., Any]) -> None:
    """Call ``choose(table, needs)`` with made-up tables and with the committed figures."""
    source = context.random
    least, most = tables.LEAST, tables.MOST
    cases = [
        tables.case(source, "made-up figures", wish=least),
        tables.case(source, "made-up figures", wish=most),
        tables.case(source, "made-up figures; nobody meets the needs", wish=least, fit=False),
        tables.case(source, "made-up figures; one goal was not measured", wish=most, silent=True),
        tables.case(source, "made-up figures, of which some are 0", wish=least, zero=True),
    ]
    no_needs = {"must": [], "goal": cases[1].needs["goal"]}
    cases.append(replace(cases[1], about="made-up figures", needs=no_needs))
    measured = figures(report.load())
    cases += [tables.real_case(source, measured) for _ in range(4)]
    for case in cases:
        lab10_choice.chosen(context, answer, case)
    context.note(tables=len(cases))


_CONTESTS = 200
_WRONG = 20
_TIMES_AS_FAST = 2.5


@exercise(
    "lab10.ex5",
    "Open challenge: the fastest, in the least time",
    points=3,
    minutes=9,
    difficulty=5,
    importance=3,
    seconds=30,
    figure="times as fast as the plain way",
    hints=(
        "Half of the servers are so slow that a few turns show it. Do not spend time on them until "
        "the end; and it is the slow ones whose turns take long.",
        "Everything that disturbs makes a turn longer, never much shorter. What does that say "
        "about the shortest of a server's turns? Within a round, the machine is nearly the same "
        "for all.",
        "In each round every server that is left has a turn. After the third round, and after each "
        "later one, keep those whose shortest turn is at most 1.2 times the best one's. Five "
        "rounds are enough. Of those that are left, name the one with the shortest turn.",
    ),
    help=(
        (
            "fastest named the right server in 139 of 200 contests",
            "Too few turns, or compared in a way that a disturbed turn moves. Look at the second "
            "hint.",
        ),
        (
            "Your way is 1.0 times as fast as the plain one",
            "Do not measure everybody to the end. Drop who is clearly slower.",
        ),
    ),
    mistakes={
        "once": "So few turns of each say little: the first is for warming up, and one in eight is "
        "disturbed.",
        "blocks": "All turns of one server came first, then those of the next. Meanwhile the "
        "machine changed.",
        "means": "A mean is moved far by one disturbed turn. The shortest turn, or the median, is "
        "not.",
        "plain": "Everybody was measured to the end, also those who were hopeless after three "
        "turns.",
        "slowest": "Milliseconds are measured: the least is the best.",
    },
)
def fastest(context: Context, answer: Callable[..., Any]) -> None:
    """Let ``fastest(turns)`` find the best of eight, in many contests."""
    seeds = [context.random.getrandbits(32) for _ in range(_CONTESTS)]
    contests = []
    named = []
    where = f"{_CONTESTS} contests of {Contest.SERVERS} servers"
    for seed in seeds:
        contest = Contest(seed)
        got = context.call(answer, contest.functions(), where=where)
        got = context.plain(got, what="fastest(turns)", where=where)
        if not isinstance(got, str) or got not in contest.true:
            context.fail(
                f"fastest(turns) is {got!r}; one of the names in turns was expected.",
                where=where,
                layer="schema",
            )
        contests.append(contest)
        named.append(got)
    right = sum(got == each.fastest for got, each in zip(named, contests, strict=True))
    if right < _CONTESTS - _WRONG:
        context.fail(
            f"fastest named the right server in {right} of {_CONTESTS} contests; "
            f"{_CONTESTS - _WRONG} are asked for.",
            where=where,
            mistake=_why_wrong(contests, named),
        )
    used = sum(each.seconds for each in contests)
    plain = sum(Contest(seed).plain_way() for seed in seeds)
    shown = f"{plain / used:.1f}" if used else "infinitely many"
    context.note(right=f"{right} of {_CONTESTS}", times_as_fast_as_the_plain_way=shown)
    context.expect(
        used > 0 and plain / used >= _TIMES_AS_FAST,
        f"Your way is {shown} times as fast as the plain one; {_TIMES_AS_FAST:g} times are asked "
        "for.",
        where=where,
        mistake="plain",
    )


def _why_wrong(contests: list[Contest], named: list[str]) -> str | None:
    """Guess from the turns by which mistake so many contests were lost."""
    if (
        sum(
            got == max(each.true, key=each.true.__getitem__)
            for got, each in zip(named, contests, strict=True)
        )
        > _CONTESTS / 2
    ):
        return "slowest"
    turns = sum(len(each.turns) for each in contests)
    if turns <= 2 * Contest.SERVERS * _CONTESTS:
        return "once"
    changes = sum(
        one[0] != other[0] for each in contests for one, other in itertools.pairwise(each.turns)
    )
    if changes < turns / 3:
        return "blocks"
    by_means = sum(got == _best_mean(each) for got, each in zip(named, contests, strict=True))
    return "means" if by_means > 0.95 * _CONTESTS else None


def _best_mean(contest: Contest) -> str:
    """Return the server with the least mean of its turns, the first turns not counted."""
    values: dict[str, list[float]] = {name: [] for name in contest.true}
    for name, milliseconds in contest.turns:
        values[name].append(milliseconds)
    means = {name: statistics.fmean(found[1:] or [math.inf]) for name, found in values.items()}
    return min(means, key=means.__getitem__)
