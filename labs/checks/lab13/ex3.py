"""lab13.ex3: Roll back by what serves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labs.checks.lab08.registry import Registry
from labs.checks.unchanged import unchanged
from labs.engine import Context

Answers = list[dict[str, Any]]


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Show the learner's function good and bad versions, and look at the alias afterwards."""
    a, b, c, d = (str(number) for number in sorted(context.random.sample(range(1, 40), 4)))
    rate = context.random.randint(4, 9) / 64
    case = _Case(context, answer, rate, [a, b, c, d])
    good = case.answers(400)
    case.moves("healthy", good, [a, b], set(), None, b)
    case.moves("1 % failed", case.answers(400, failed=4), [a, b], set(), None, b, "any_failure")
    # Five different statuses: not more than 1 % if one of them does not count.
    case.moves("1.25 % failed", case.answers(400, failed=5), [a, b, c], set(), "errors", b)
    case.moves("everything failed", case.answers(50, failed=50), [a, b], set(), "errors", a)
    few = case.answers(400, clicks=rate / 2)
    case.moves("half of the clicks", few, [a, c, b], set(), "quality", c)
    case.moves("half of the clicks, other versions", few, [c, a, b], set(), "quality", a)
    at_limit = case.answers(40, clicks=0.5, alike=True)
    case.moves("exactly 80 % of the clicks", at_limit, [a, b], set(), None, b, known=0.625)
    # 1 % failed and 80.5 % of the clicks: below the limit only if the failed ones count.
    near = case.answers(400, failed=4, clicks=0.805 * rate)
    case.moves("a few failed, clicks near the limit", near, [a, b], set(), None, b, "counts_failed")
    both = case.answers(400, failed=40, clicks=rate / 4)
    case.moves("errors and few clicks", both, [a, b], set(), "errors", a)
    case.moves("the one before was withdrawn", few, [a, b, c], {b}, "quality", a, "withdrawn_again")
    twice = [a, d, b, d]
    case.moves("it was in production twice", few, twice, set(), "quality", b)
    case.moves("the one before is the same", few, [c, d, d], set(), "quality", c, "same_version")
    case.moves("no version to go back to", few, [a], set(), "quality", a)
    case.moves("all others withdrawn", few, [a, b, c], {a, b}, "quality", c)
    case.moves("no answers", [], [a, b], set(), None, b)
    case.moves("already rolled back", few, [a, b], set(), None, a, "twice", prod=a)
    context.note(situations=16)


class _Case:
    """The learner's function, the usual click-through rate, and the versions."""

    def __init__(
        self, context: Context, answer: Callable[..., Any], rate: float, versions: list[str]
    ) -> None:
        self.context, self.answer, self.rate = context, answer, rate
        self.metrics: dict[str, dict[str, float]] = {version: {} for version in versions}

    def answers(
        self, count: int, *, failed: int = 0, clicks: float | None = None, alike: bool = False
    ) -> Answers:
        """Return answers in a random order, *clicks* on average; a failed one has no clicks."""
        mean = self.rate if clicks is None else clicks
        shown = [] if alike else [mean / 2, mean / 2, 2 * mean] * ((count - failed) // 3)
        shown += [mean] * (count - failed - len(shown))
        rows: Answers = [{"status": 200, "clicks": share} for share in shown]
        statuses = (422, 500, 204, 503, 302)
        rows += [{"status": statuses[n % 5], "clicks": 0.0} for n in range(failed)]
        self.context.random.shuffle(rows)
        return rows

    def moves(
        self,
        about: str,
        answers: Answers,
        history: list[str],
        withdrawn: set[str],
        signal: str | None,
        after: str,
        mistake: str | None = None,
        *,
        prod: str | None = None,
        known: float | None = None,
    ) -> None:
        """Call the function, and fail unless signal and alias are as wanted."""
        before = prod or history[-1]
        rate = self.rate if known is None else known
        registry = Registry(self.metrics, {"prod": before, "staging": history[0]})
        where = (
            f"{about}: {len(answers)} answers, history={history}, withdrawn={sorted(withdrawn)}, "
            f"prod={before!r}, click_rate={rate}"
        )
        with unchanged(self.context, where, answers=answers, history=history, withdrawn=withdrawn):
            got = self.context.call(
                self.answer, registry, answers, rate, history, withdrawn, where=where
            )
        found = registry.aliases.get("prod")
        if {"any_failure": "errors", "counts_failed": "quality"}.get(mistake or "", got) != got:
            mistake = None
        named = mistake if found != after or (mistake and got is not None) else None
        if found == before != after and got == signal and mistake != "same_version":
            named = "stays"
        self.context.expect(
            found == after,
            f"prod is version {found} afterwards; {after} was expected.",
            where=where,
            mistake=named,
        )
        wrong = {mistake: [got]} if mistake and got is not None else {}
        self.context.same([got], [signal], what="[watch(…)]", where=where, mistakes=wrong)
        self.context.expect(
            registry.aliases.get("staging") == history[0]
            and len(registry.history) == (before != after),
            f"The aliases were changed {len(registry.history)} times and are now "
            f"{registry.aliases}; only prod may move, once.",
            where=where,
        )
