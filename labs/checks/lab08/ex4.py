"""Check of lab 08, exercise 4: promotions and rollbacks, with a connection that may be lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlflow.exceptions import MlflowException

from labs.checks.lab08.registry import Registry
from labs.engine import Context
from labs.engine.plain import same, shown

Aliases = dict[str, str]


def check(context: Context, promote: Callable[..., Any], rollback: Callable[..., Any]) -> None:
    """Promote and roll back from several states, then lose the connection at each change."""
    versions = [str(n) for n in range(1, 15)]
    # Not one of them is the version just before or after another.
    a, b, c = (str(context.random.choice(pair)) for pair in ((3, 4), (7, 8), (12, 13)))
    metrics = {v: {"ndcg_at_10": round(context.random.random(), 4), "rmse": 1.0} for v in versions}
    checker = _Checker(context, promote, rollback, metrics)
    other = {"staging": b}  # which stays where it is, even when b is promoted
    no = [f"reason {context.random.randint(100, 999)}", "another reason"]
    # Aliases before, the version to promote, the reasons against it, aliases afterwards.
    checker.promotes(other, b, [], {**other, "prod": b})
    checker.promotes(other, b, no, other)
    checker.promotes({**other, "prod": a}, b, no, {**other, "prod": a})
    checker.promotes({**other, "prod": a}, b, [], {**other, "prod": b, "previous": a})
    checker.promotes({**other, "prod": c}, b, [], {**other, "prod": b, "previous": c})
    third = {**other, "prod": b, "previous": c}
    checker.promotes(third, a, [], {**other, "prod": a, "previous": b})
    checker.promotes(third, c, [], {**other, "prod": c, "previous": b})
    checker.promotes(third, b, no, third, mistake="twice")
    checker.rejects_unknown({**other, "prod": a})
    checker.rolls_back(third, {**other, "prod": c})
    checker.rolls_back({**other, "prod": a, "previous": c}, {**other, "prod": c})
    checker.cannot_roll_back({**other, "prod": c})
    lost = checker.loses_connection(promote, b, {"prod": a}, {"prod": b, "previous": a})
    before = {**other, "prod": a, "previous": c}
    lost += checker.loses_connection(promote, b, before, {**other, "prod": b, "previous": a})
    lost += checker.loses_connection(rollback, None, before, {**other, "prod": c})
    context.note(connection_lost_and_called_again=f"{lost} times")


class _Against:
    """An ``against`` that returns given reasons and keeps what it was called with."""

    def __init__(self, reasons: list[str]) -> None:
        self.reasons = reasons
        self.calls: list[list[Any]] = []

    def __call__(self, candidate: Any, current: Any) -> list[str]:
        self.calls.append([candidate, current])
        return list(self.reasons)


class _Checker:
    """The learner's two functions, and the versions of a registry."""

    def __init__(
        self,
        context: Context,
        promote: Callable[..., Any],
        rollback: Callable[..., Any],
        metrics: dict[str, dict[str, float]],
    ) -> None:
        self.context, self.promote, self.rollback = context, promote, rollback
        self.metrics = metrics

    def promotes(
        self,
        before: Aliases,
        version: str,
        reasons: list[str],
        after: Aliases,
        mistake: str | None = None,
    ) -> None:
        """Call promote, and fail unless the aliases end as *after* with no gap in between."""
        registry, against = Registry(self.metrics, before), _Against(reasons)
        where = f"promote(client, {version!r}, against), aliases {before}; against gives {reasons}"
        got = self.context.call(self.promote, registry, version, against, where=where)
        serves_already = before.get("prod") == version
        if not serves_already:
            current = self.metrics[before["prod"]] if "prod" in before else None
            self._was_called(against, [self.metrics[version], current], where)
        self._aliases_are(registry, before, after, where, mistake)
        self.context.expect(
            not registry.history or before != after,
            "The aliases were changed and then changed back; they were to stay as they are.",
            where=where,
        )
        want = [] if serves_already else reasons
        self.context.same(got, want, what="promote(…)", where=where)

    def _was_called(self, against: _Against, want: list[Any], where: str) -> None:
        if not against.calls:
            self.context.fail("against was not called.", where=where)
        got = self.context.plain(against.calls[-1], what="the arguments of against", where=where)
        self.context.expect(
            same(got, want),
            f"against was called with {shown(got[0])} and {shown(got[1])}; {shown(want[0])} for "
            f"the candidate and {shown(want[1])} for the current model were expected.",
            where=where,
        )

    def _aliases_are(
        self,
        registry: Registry,
        before: Aliases,
        want: Aliases,
        where: str,
        mistake: str | None = None,
    ) -> None:
        served = ["prod" in aliases for aliases in registry.history]
        self.context.expect(
            served == sorted(served) and ("prod" not in before or all(served)),
            "For a moment there was no alias prod.",
            where=where,
            mistake="gap",
        )
        self.context.expect(
            same(registry.aliases, want),
            f"The aliases are {shown(registry.aliases)}; {shown(want)} were expected.",
            where=where,
            mistake=mistake,
        )

    def rejects_unknown(self, before: Aliases) -> None:
        """Promote a version that does not exist: MLflow's exception comes through."""
        registry = Registry(self.metrics, before)
        where = f"promote(client, '99', against), aliases {before}; there is no version 99"
        try:
            self.promote(registry, "99", _Against([]))
        except MlflowException:
            self._aliases_are(registry, before, before, where)
        except Exception as error:
            raise self.context.raised(error, where=where) from error
        else:
            said = "Nothing was raised; MLflow's exception for a missing version was expected."
            self.context.fail(said, where=where)

    def rolls_back(self, before: Aliases, after: Aliases) -> None:
        """Call rollback where there is a way back."""
        registry, where = Registry(self.metrics, before), f"rollback(client), aliases {before}"
        got = self.context.call(self.rollback, registry, where=where)
        stays = same(registry.aliases, {**before, "prod": after["prod"]})
        self._aliases_are(registry, before, after, where, "stays" if stays else None)
        self.context.same(got, after["prod"], what="rollback(client)", where=where)

    def cannot_roll_back(self, before: Aliases) -> None:
        """Call rollback without an alias previous: a LookupError, and nothing changes."""
        registry, where = Registry(self.metrics, before), f"rollback(client), aliases {before}"
        try:
            got = self.rollback(registry)
        except LookupError:
            self._aliases_are(registry, before, before, where)
            return
        except Exception as error:
            raise self.context.raised(error, where=where) from error
        self.context.fail(
            f"rollback(client) returned {shown(self.context.plain(got))}; a LookupError was "
            "expected: there is no alias previous.",
            where=where,
        )

    def loses_connection(
        self, act: Callable[..., Any], version: str | None, before: Aliases, after: Aliases
    ) -> int:
        """Lose the connection at each change in turn, and call the function again."""
        name = "rollback(client)" if version is None else f"promote(client, {version!r}, against)"
        arguments: tuple[Any, ...] = () if version is None else (version, _Against([]))
        for cut_at in range(4):
            registry = Registry(self.metrics, before, cut_at)
            where = f"{name}, aliases {before}, connection lost at change {cut_at + 1}"
            try:
                act(registry, *arguments)
            except Exception as error:
                if not isinstance(error, MlflowException) or not registry.lost:
                    raise self.context.raised(error, where=where) from error
            else:
                if not registry.lost:
                    return cut_at
                said = "Nothing was raised; the registry's exception was expected."
                self.context.fail(said, where=where)
            self.context.expect(
                registry.lost == 1,
                f"Your function tried {registry.lost - 1} more changes after the connection was "
                "lost.",
                where=where,
                mistake="goes_on",
            )
            between = dict(registry.aliases)
            registry.connect()
            try:
                act(registry, *arguments)
            except Exception as error:
                where += f"; called again with the aliases {between}"
                because = "order" if isinstance(error, LookupError | MlflowException) else None
                raise self.context.raised(error, where=where, because=because) from error
            self.context.expect(
                same(registry.aliases, after),
                f"The aliases were {shown(between)} after the first call and are "
                f"{shown(registry.aliases)} after the second; {shown(after)} were expected.",
                where=where,
                mistake="order",
            )
        return 4
