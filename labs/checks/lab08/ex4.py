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
    checker.refuses(MlflowException, promote, {**other, "prod": a}, "99", _Against([]))
    checker.rolls_back(third, {**other, "prod": c})
    checker.rolls_back({**other, "prod": a, "previous": c}, {**other, "prod": c})
    checker.refuses(LookupError, rollback, {**other, "prod": c})
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
        self.context.where = (
            f"promote(client, {version!r}, against), aliases {before}; against gives {reasons}"
        )
        got = self.context.call(self.promote, registry, version, against)
        serves_already = before.get("prod") == version
        if not serves_already:
            current = self.metrics[before["prod"]] if "prod" in before else None
            what = "the last call of against, its two arguments,"
            want = [[self.metrics[version], current]]
            self.context.same(against.calls[-1:], want, what=what)
        self._aliases_are(registry, before, after, mistake)
        self.context.expect(
            not registry.history or before != after,
            "The aliases were changed and then changed back; they were to stay as they are.",
        )
        self.context.same(got, [] if serves_already else reasons, what="promote(…)")

    def _aliases_are(
        self, registry: Registry, before: Aliases, want: Aliases, mistake: str | None = None
    ) -> None:
        served = ["prod" in aliases for aliases in registry.history]
        self.context.expect(
            served == sorted(served) and ("prod" not in before or all(served)),
            "For a moment there was no alias prod.",
            mistake="gap",
        )
        self.context.expect(
            same(registry.aliases, want),
            f"The aliases are {shown(registry.aliases)}; {shown(want)} were expected.",
            mistake=mistake,
        )

    def refuses(
        self, kind: type[Exception], act: Callable[..., Any], before: Aliases, *arguments: Any
    ) -> None:
        """Call a function that has to raise, and to leave the aliases as they are."""
        registry, name = Registry(self.metrics, before), getattr(act, "__name__", "it")
        given = ", ".join(["client", *map(repr, arguments[:1])])
        self.context.where = f"{name}({given}), aliases {before}"
        self.context.raises(kind, act, registry, *arguments)
        self._aliases_are(registry, before, before)

    def rolls_back(self, before: Aliases, after: Aliases) -> None:
        """Call rollback where there is a way back."""
        registry = Registry(self.metrics, before)
        self.context.where = f"rollback(client), aliases {before}"
        got = self.context.call(self.rollback, registry)
        stays = same(registry.aliases, {**before, "prod": after["prod"]})
        self._aliases_are(registry, before, after, "stays" if stays else None)
        self.context.same(got, after["prod"], what="rollback(client)")

    def loses_connection(
        self, act: Callable[..., Any], version: str | None, before: Aliases, after: Aliases
    ) -> int:
        """Lose the connection at each change in turn, and call the function again."""
        name = "rollback(client)" if version is None else f"promote(client, {version!r}, against)"
        arguments: tuple[Any, ...] = () if version is None else (version, _Against([]))
        for cut_at in range(4):
            registry = Registry(self.metrics, before, cut_at)
            self.context.where = f"{name}, aliases {before}, connection lost at change {cut_at + 1}"
            try:
                act(registry, *arguments)
            except Exception as error:
                if not isinstance(error, MlflowException) or not registry.lost:
                    raise self.context.raised(error) from error
            else:
                if not registry.lost:
                    return cut_at
                said = "Nothing was raised; the registry's exception was expected."
                self.context.fail(said)
            self.context.expect(
                registry.lost == 1,
                f"Your function tried {registry.lost - 1} more changes after the connection was "
                "lost.",
                mistake="goes_on",
            )
            between = dict(registry.aliases)
            registry.connect()
            try:
                act(registry, *arguments)
            except Exception as error:
                self.context.where += f"; called again with the aliases {between}"
                because = "order" if isinstance(error, LookupError | MlflowException) else None
                raise self.context.raised(error, because=because) from error
            self.context.expect(
                same(registry.aliases, after),
                f"The aliases were {shown(between)} after the first call and are "
                f"{shown(registry.aliases)} after the second; {shown(after)} were expected.",
                mistake="order",
            )
        return 4
