"""lab13.ex2: Go on where it stopped."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from labs.checks.unchanged import unchanged
from labs.engine import Context

Values = dict[str, Any]

STEPS = {
    "drift": ["share", "since"],
    "retrain": ["kind", "seed"],
    "evaluate": ["candidate"],
    "release": ["accepted", "share"],
}


class _FailedStepError(RuntimeError):
    """What a failing step raises."""


class _Steps:
    """Executes the steps, keeps what they were given, and fails where it is told to."""

    def __init__(self, results: dict[str, Values], fails: str = "") -> None:
        self.results, self.fails = results, fails
        self.calls: list[list[Any]] = []

    def __call__(self, step: str, given: Values) -> Values:
        self.calls.append([step, copy.deepcopy(given)])
        if step == self.fails:
            raise _FailedStepError(f"step {step} failed, as the check wants it")
        return dict(self.results[step])


def check(context: Context, answer: Callable[..., Any]) -> None:
    """Start a run several times: from nothing, after a failure, with other parameters."""
    number, seed = context.random.randint(5, 90), 0  # 0 is known, and so is None
    results: dict[str, Values] = {
        "drift": {},
        "retrain": {"candidate": number},
        "evaluate": {"accepted": number},
        "release": {"outcome": "released", "since": number},
    }
    first: Values = {"seed": seed, "kind": "mf"}
    complete: dict[str, Values] = {}
    given: dict[str, Values] = {
        "drift": {},
        "retrain": {"kind": "mf", "seed": seed},
        "evaluate": {"candidate": number},
        "release": {"accepted": number},
    }
    run = _Run(context, answer, complete)
    run.fails(_Steps(results, "evaluate"), first, given, ["drift", "retrain", "evaluate"])
    run.starts("after the failure", _Steps(results), first, given, ["evaluate", "release"])
    run.starts("everything is complete", _Steps(results), first, given, [], "ignores_nothing")
    other = {**given, "retrain": {"kind": None, "seed": seed}}
    again = {**results, "retrain": {"candidate": number + 1}}
    other |= {"evaluate": {"candidate": number + 1}}
    second: Values = {"seed": seed, "kind": None}
    two, ignores = ["retrain", "evaluate"], "ignores_parameters"
    run.starts("another kind", _Steps(again), second, other, two, ignores)
    shares = {"drift": {"share": 0.1}, "release": {"accepted": number, "share": 0.1}}
    third, two = {**second, "share": 0.1}, ["drift", "release"]
    run.starts("a parameter more", _Steps(again), third, {**other, **shares}, two, ignores)
    run.starts("without it again", _Steps(again), second, other, two)
    refused = {**results, "evaluate": {"outcome": None, "reasons": ["worse"]}}
    fresh = _Run(context, answer, {})
    three = ["drift", "retrain", "evaluate"]
    fresh.starts("a candidate that is refused", _Steps(refused), first, given, three, "no_stop")
    fresh.starts("after the refusal, the same again", _Steps(refused), first, given, [], "no_stop")
    context.note(starts=8)


class _Run:
    """The learner's function, and what is complete from start to start."""

    def __init__(
        self, context: Context, answer: Callable[..., Any], complete: dict[str, Values]
    ) -> None:
        self.context, self.answer, self.complete = context, answer, complete

    def fails(
        self, steps: _Steps, parameters: Values, given: dict[str, Values], wanted: list[str]
    ) -> None:
        """Start with a step that fails, and fail unless exactly the steps before are complete."""
        where = f"the first start; execute raises for {wanted[-1]!r}"
        try:
            self.answer(copy.deepcopy(STEPS), self.complete, dict(parameters), steps)
        except _FailedStepError:
            pass
        except Exception as error:
            raise self.context.raised(error, where=where) from error
        else:
            text = "the exception did not reach the caller"
            self.context.expect(bool(steps.calls), "No step was executed.", where=where)
            if steps.calls[-1][0] == wanted[-1]:
                self.context.fail(f"A step failed, and {text}.", where=where)
        self._executed(steps, given, wanted, where, None)
        early = wanted[-1] in self.complete
        self.context.expect(
            not early,
            f"complete has an entry for {wanted[-1]!r}, which failed.",
            where=where,
            mistake="marks_early",
        )
        self._complete(steps, given, wanted[:-1], where)

    def starts(
        self,
        about: str,
        steps: _Steps,
        parameters: Values,
        given: dict[str, Values],
        wanted: list[str],
        mistake: str | None = None,
    ) -> None:
        """Start, and fail unless the wanted steps are executed and the values come back."""
        where = f"{about}; parameters={parameters}"
        with unchanged(self.context, where, parameters=parameters):
            got = self.context.call(
                self.answer, copy.deepcopy(STEPS), self.complete, parameters, steps, where=where
            )
        named = None if mistake == "ignores_nothing" else mistake
        self._executed(steps, given, wanted, where, named)
        self._complete(steps, given, wanted, where)
        want = dict(parameters)
        for step in STEPS:
            want |= steps.results[step]
            if "outcome" in want:
                break
        self.context.same(got, want, what="go_on(…)", where=where)

    def _executed(
        self,
        steps: _Steps,
        given: dict[str, Values],
        wanted: list[str],
        where: str,
        mistake: str | None,
    ) -> None:
        names = [step for step, _ in steps.calls]
        kept = {name for step in STEPS if step not in wanted for name in steps.results[step]}
        for step, values in steps.calls:
            if step in wanted and set(values) - set(STEPS[step]):
                mistake = "passes_all"
            if step in wanted and (set(given[step]) - set(values)) & kept:
                mistake = "results_lost"
        if names == wanted and mistake not in ("passes_all", "results_lost"):
            mistake = None
        extra = set(names) - set(wanted)
        if mistake == "no_stop" and "release" not in extra:
            mistake = None
        if mistake == "ignores_parameters" and not set(names) < set(wanted):
            mistake = None
        self.context.same(
            [list(call) for call in steps.calls],
            [[step, given[step]] for step in wanted],
            what="the calls of execute",
            where=where,
            mistakes={mistake: [list(call) for call in steps.calls]} if mistake else {},
        )

    def _complete(
        self, steps: _Steps, given: dict[str, Values], wanted: list[str], where: str
    ) -> None:
        for step in wanted:
            self.context.same(
                self.complete.get(step),
                {"given": given[step], "result": steps.results[step]},
                what=f"complete[{step!r}]",
                where=where,
            )
