"""What must hold of lab 08's aliases while versions are promoted, refused and rolled back."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlflow.exceptions import MlflowException

from labs.checks.lab08_registry import Registry
from labs.checks.lab08_rule import Metrics
from labs.engine import Context
from labs.engine.plain import same, shown


class Judge:
    """An ``against`` that gives the reasons it was made with, and knows what it was asked."""

    def __init__(self, *reasons: str) -> None:
        self.reasons = list(reasons)
        self.asked: list[tuple[Any, Any]] = []

    def __call__(self, candidate: Any, current: Any) -> list[str]:
        """Give the reasons."""
        self.asked.append((candidate, current))
        return list(self.reasons)


@dataclass(frozen=True)
class Scene:
    """A registry's versions: what is served, what is to be served next, and others."""

    metrics: dict[str, Metrics]
    served: str
    next: str
    later: str
    staging: str

    def registry(self, **aliases: str) -> Registry:
        """Return a registry with these aliases; ``staging`` is always there."""
        return Registry(self.metrics, {"staging": self.staging, **aliases})


def scene(dice: random.Random) -> Scene:
    """Return fresh versions; they have one digit and two, and none follows on another."""
    versions = [str(n) for n in range(1, 15)]
    served, staging, candidate, later = (
        str(dice.choice(r)) for r in ((3, 4), (6, 7), (9, 10), (12, 13))
    )
    metrics = {v: {"ndcg_at_10": round(dice.random(), 4), "rmse": 1.0} for v in versions}
    return Scene(metrics, served, candidate, later, staging)


def _asked(context: Context, judge: Judge, scene: Scene, current: str | None, where: str) -> None:
    """See what ``against`` was asked."""
    if not judge.asked:
        older = current is not None and int(scene.next) < int(current)
        mistake = "newer_only" if older else "not_asked"
        context.fail("against was not called.", where=where, mistake=mistake)
    got = context.plain(judge.asked[-1], what="what against was asked", where=where)
    mine = scene.metrics[scene.next]
    theirs = None if current is None else scene.metrics[current]
    mistakes = {"swapped": [theirs, mine], "staging": [mine, scene.metrics[scene.staging]]}
    context.expect(
        same(got, [mine, theirs]),
        f"against was asked about {shown(got[0])} and {shown(got[1])}; {shown(mine)} and "
        f"{shown(theirs)} were expected.",
        where=where,
        mistake=next((name for name, wrong in mistakes.items() if same(got, wrong)), None),
    )


def _aliases(
    context: Context, registry: Registry, want: dict[str, str], where: str, mistake: str | None
) -> None:
    """See where the aliases point."""
    context.expect(
        same(registry.aliases, want),
        f"The aliases are {shown(registry.aliases)}; {shown(want)} were expected.",
        where=where,
        mistake=mistake,
    )


def _untouched(context: Context, registry: Registry, before: dict[str, str], where: str) -> None:
    """See that nothing was changed, not even for a moment."""
    _aliases(context, registry, before, where, "moves_anyway")
    context.expect(
        not registry.seen,
        f"The aliases were changed {len(registry.seen)} times and changed back.",
        where=where,
        mistake="moves_anyway",
    )


def _said(context: Context, got: Any, want: list[str], what: str, where: str) -> None:
    context.same(got, want, what=what, where=where)


def first(context: Context, promote: Callable[..., Any]) -> None:
    """Promote where nothing is in production yet."""
    this = scene(context.random)
    where = f"promote(client, {this.next!r}, against), and there is no prod"
    registry, judge = this.registry(), Judge()
    got = context.call(promote, registry, this.next, judge, where=where, because="first")
    _asked(context, judge, this, None, where)
    if not registry.seen:
        context.fail("The registry was not changed.", where=where, mistake="only_the_copy")
    _aliases(context, registry, {"staging": this.staging, "prod": this.next}, where, None)
    _said(context, got, [], "promote(…)", where)


def refused(context: Context, promote: Callable[..., Any]) -> None:
    """Give reasons, and see that nothing changes."""
    this = scene(context.random)
    reasons = [f"reason {context.random.randint(100, 999)}" for _ in range(2)]
    served: dict[str, str]
    for served in ({}, {"prod": this.served}):
        judge, registry = Judge(*reasons), this.registry(**served)
        before = dict(registry.aliases)
        where = f"promote(client, {this.next!r}, against) with the aliases {before}, refused"
        got = context.call(promote, registry, this.next, judge, where=where)
        _asked(context, judge, this, served.get("prod"), where)
        _untouched(context, registry, before, where)
        _said(context, got, reasons, "promote(…)", where)


def better(context: Context, promote: Callable[..., Any]) -> None:
    """Give none: it takes the place. Again, or an unknown version: nothing changes."""
    this = scene(context.random)
    registry = this.registry(prod=this.later, staging=this.next)
    before, judge = dict(registry.aliases), Judge()
    where = f"promote(client, {this.next!r}, against) with the aliases {before}"
    got = context.call(promote, registry, this.next, judge, where=where)
    _asked(context, judge, this, this.later, where)
    if any("prod" not in seen for seen in registry.seen):
        context.fail("The alias prod was away for a moment.", where=where, mistake="gap")
    want = {**before, "previous": this.later, "prod": this.next}
    mistake = "no_previous" if "previous" not in registry.aliases else None
    if "staging" not in registry.aliases:
        mistake = "other_aliases"
    _aliases(context, registry, want, where, mistake)
    _said(context, got, [], "promote(…)", where)
    where += ", then the same again"
    got = context.call(promote, registry, this.next, Judge("no gain"), where=where)
    _aliases(context, registry, want, where, "twice")
    context.same(got, [], what="promote(…)", where=where, mistakes={"asked_again": ["no gain"]})
    _unknown(context, promote, this)


def _unknown(context: Context, promote: Callable[..., Any], this: Scene) -> None:
    registry = this.registry(prod=this.served)
    before = dict(registry.aliases)
    where = "promote(client, '99', against); there is no version 99"
    try:
        promote(registry, "99", Judge())
    except MlflowException:
        _untouched(context, registry, before, where)
        return
    except Exception as error:
        raise context.raised(error, where=where) from error
    context.fail(
        "Nothing was raised.",
        where=where,
        cause="MLflow raises MlflowException for a version that does not exist. Let it through.",
    )


def back(context: Context, promote: Callable[..., Any], rollback: Callable[..., Any]) -> None:
    """Promote two, go back once, and try once more."""
    this = scene(context.random)
    registry = this.registry(prod=this.served)
    for version in (this.next, this.later):
        context.call(promote, registry, version, Judge(), where=f"promote(client, {version!r}, …)")
    history = f"prod was {this.served}, then {this.next}, then {this.later}; then rollback(client)"
    seen = len(registry.seen)
    got = context.call(rollback, registry, where=history)
    at = registry.aliases.get("prod")
    context.expect(
        at == this.next,
        f"prod is version {at}; {this.next} was expected.",
        where=history,
        mistake="version_before" if at == str(int(this.later) - 1) else None,
    )
    if any("prod" not in aliases for aliases in registry.seen[seen:]):
        context.fail("The alias prod was away for a moment.", where=history, mistake="gap")
    context.same(got, this.next, what="rollback(client)", where=history)
    left = registry.aliases.get("previous")
    if left not in (None, this.next, this.later):
        context.fail(f"previous is version {left}; it should be gone.", where=history)
    _no_way_back(context, rollback, registry, f"{history}, and rollback(client) again")
    context.expect(
        left is None and registry.aliases.get("staging") == this.staging,
        f"The aliases are {shown(registry.aliases)}; previous should be gone, staging as it was.",
        where=history,
        mistake="stays" if left else None,
    )


def nothing_to_go_back_to(context: Context, rollback: Callable[..., Any]) -> None:
    """Go back where there never was another version."""
    this = scene(context.random)
    registry = this.registry(prod=this.served)
    _no_way_back(context, rollback, registry, f"rollback(client), and {registry.aliases} is all")


def _no_way_back(
    context: Context, rollback: Callable[..., Any], registry: Registry, where: str
) -> None:
    before = dict(registry.aliases)
    try:
        got = rollback(registry)
    except LookupError:
        _aliases(context, registry, before, where, None)
        return
    except Exception as error:
        mistake = "other_error" if isinstance(error, MlflowException) else None
        raise context.raised(error, where=where, because=mistake) from error
    moved = registry.aliases.get("prod")
    mistake = "no_error" if "previous" not in before else "stays"
    if moved != before["prod"]:
        mistake = "flips" if "previous" in before else "version_before"
    context.fail(
        f"{shown(context.plain(got))} was returned, and prod is version {moved}; a LookupError was "
        f"expected, and prod still at {before['prod']}.",
        where=where,
        mistake=mistake,
    )


def cut_off(context: Context, promote: Callable[..., Any], rollback: Callable[..., Any]) -> int:
    """Cut the connection at every call in turn, do it again, and look where it ends."""
    this = scene(context.random)
    cut = 0
    aliases = {"prod": this.served, "staging": this.staging}
    after = {**aliases, "prod": this.next, "previous": this.served}
    acts: list[tuple[str, Callable[..., Any], dict[str, str], dict[str, str]]] = [
        (f"promote(client, {this.next!r}, …)", promote, aliases, after),
        ("rollback(client)", rollback, after, aliases),
    ]
    for name, act, start, end in acts:
        arguments = (this.next, Judge()) if act is promote else ()
        for place in range(3):
            registry = Registry(this.metrics, start, cut_at=place)
            where = f"{name}, cut off at its change number {place + 1}"
            try:
                act(registry, *arguments)
            except Exception as error:
                if not isinstance(error, MlflowException):
                    raise context.raised(error, where=where) from error
            else:
                if not registry.cut:
                    break
                context.fail("Nothing was raised.", where=where, mistake="swallowed")
            cut += 1
            registry.connect()
            where += ", then done again"
            _again(context, act, registry, arguments, end, where)
    return cut


def _again(
    context: Context,
    act: Callable[..., Any],
    registry: Registry,
    arguments: tuple[Any, ...],
    end: dict[str, str],
    where: str,
) -> None:
    between = dict(registry.aliases)
    mistake = "put_back" if registry.cut > 1 else "order"
    try:
        act(registry, *arguments)
    except LookupError as error:
        raise context.raised(error, where=where, because=mistake) from error
    except Exception as error:
        raise context.raised(error, where=where) from error
    context.expect(
        same(registry.aliases, end),
        f"The aliases were {shown(between)} after the first try, and are {shown(registry.aliases)} "
        f"now; {shown(end)} were expected.",
        where=where,
        mistake=mistake,
    )
