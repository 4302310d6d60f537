"""What a policy allows but hardly means, a sentence each: ``sandrail check`` shows them as warnings."""

from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from guardrails.ladder import Agreement, slots, waits_for, who_decides
from guardrails.policy.bills import Dimension
from guardrails.policy.gates import doubtful as unpassable
from guardrails.policy.ladder import Rung
from guardrails.policy.sandboxes import Prices, Sandboxes
from guardrails.runbooks import Event
from guardrails.suggest import did_you_mean, misspelt

if TYPE_CHECKING:
    from guardrails.policy.model import Policy

#: The words of the glossary; a company's tags may know more.
WORKLOADS = ("training", "inference", "fine-tuning", "data-preparation")


def doubts(policy: "Policy") -> Iterator[str]:
    """All that can be told without reading other files."""
    yield from _undecided(policy)
    yield from _unknown_names(policy)
    yield from _unknown_metrics(policy)
    yield from _unknown_owners(policy)
    yield from _bare_zones(policy.sandboxes)
    yield from unpassable(policy.gates, policy.staffed())


def without_runbook(policy: "Policy", events: Collection[Event]) -> Iterator[str]:
    """What happens under this policy but has no runbook; ``events`` are those that have one.

    A policy without any runbook does without them on purpose.
    """
    if not events:
        return
    happens: dict[Event, bool] = {
        "overrun": bool(policy.budgets),
        "joint-review": bool(policy.budgets) and any(r.review for r in policy.ladder.rungs),
        "budget": bool(policy.budgets),
        "sandbox": bool(policy.sandboxes.zones or policy.sandboxes.actuators),
        "redline": bool(policy.redlines.lines),
        "gate": bool(policy.gates),
    }
    for event, so in happens.items():
        if so and event not in events:
            yield (
                f"No runbook is for the event {event}, so its messages have no steps and nobody is asked in turn; "
                f"add a file with events: [{event}] to {policy.runbooks}."
            )


def _undecided(policy: "Policy") -> Iterator[str]:
    """Rungs of the ladder on which nobody could decide."""
    staffed = policy.staffed()
    for rung in policy.ladder.rungs if policy.budgets else ():
        missing = sorted(r for slot in slots(rung) if staffed.isdisjoint(slot) for r in slot)
        if missing:
            yield (
                f"Nobody has the role {' or '.join(missing)}, so the rung {rung.name} of the ladder "
                + (
                    "stands, but nobody can decide there."
                    if rung is policy.ladder.rungs[-1]
                    else "is passed over and the next one decides."
                )
            )
        elif _alone(policy, rung):
            yield (
                f"The rung {rung.name} of the ladder needs {who_decides(rung)} by different people, "
                "and too few people have these roles: nobody could ever sign it."
            )


def _alone(policy: "Policy", rung: Rung) -> bool:
    """Whether the people of a rung that needs several are too few to say one word each."""
    members = [policy.roles[role] for role in rung.roles if role in policy.roles]
    if any(m.slack_groups or m.entra_groups for m in members):
        return False  # who is in a group is known elsewhere
    people = {email for m in members for email in m.emails}
    roles = {p: frozenset(r for r, m in policy.roles.items() if p in m.emails) for p in people}
    return bool(waits_for(rung, [Agreement(p, r) for p, r in roles.items()]))


# --- names ------------------------------------------------------------------------------------------


def _unknown_names(policy: "Policy") -> Iterator[str]:
    """Names of teams, features, workloads, experiments and segments that nothing else in the policy has.

    Teams are listed whole, and workloads are few. The other names come from the bill: tags and rules know only
    some of them, and only what looks like a misspelling of one is doubted.
    """
    known = {d: _named(policy, d) for d in _DIMENSIONS}
    whole = {
        "team": bool(policy.teams),
        "workload": len(known["workload"]) > 0,
    }
    known["team"] |= set(policy.teams)
    known["workload"] |= set(WORKLOADS)
    for where, dimension, name in _used(policy):
        names = known[dimension]
        if name in names:
            continue
        if whole.get(dimension):
            hint = did_you_mean(name, names)
        else:
            near = misspelt(name, names)
            if near is None:
                continue
            hint = f"; did you mean {near}?"
        said = f"{where} is for the {dimension} {name}, which nothing else in the policy names"
        yield f"{said}{hint or '.'}"


_DIMENSIONS: tuple[Dimension, ...] = ("experiment", "feature", "team", "workload", "segment")


def _named(policy: "Policy", dimension: Dimension) -> set[str]:
    """The values of a dimension in tags and allocation rules."""
    allocation = policy.allocation
    tag = policy.tags.get(dimension)
    names = set(tag.values.values()) if tag else set()
    names |= {rule.set[dimension] for rule in allocation.rules if dimension in rule.set}
    for shared in allocation.shared:
        if shared.split.over == dimension:
            names |= set(shared.split.weights)
    return names


def _used(policy: "Policy") -> Iterator[tuple[str, Dimension, str]]:
    """(where, dimension, name) of each name that must match what the bill says, once each."""
    for budget in policy.budgets:
        for dimension, name in budget.scope.parts.items():
            if dimension in _DIMENSIONS:
                yield f"The budget {budget.name}", dimension, name
    for rung in policy.ladder.rungs:
        yield from _each(f"The rung {rung.name} of the ladder", "workload", rung.when.workload)
    for zone in policy.sandboxes.zones:
        where = f"The zone {zone.name}"
        yield from _each(where, "team", zone.when.team)
        yield from _each(where, "feature", zone.when.feature)
        yield from _each(where, "workload", zone.when.workload)
    for line in policy.redlines.lines:
        yield from _each(f"The redline {line.name}", "team", line.when.team)
        yield from _each(f"The redline {line.name}", "workload", line.when.workload)
    for i, route in enumerate(policy.alerts.routes, 1):
        for dimension, names in (("team", route.when.team), ("feature", route.when.feature)):
            given = (names,) if isinstance(names, str) else names or ()
            yield from _each(f"The route {i} of alerts", dimension, given)
    yield from _each("An override of maturity", "team", policy.maturity.override)


def _each(
    where: str, dimension: Dimension, names: Iterable[str]
) -> Iterator[tuple[str, Dimension, str]]:
    for name in dict.fromkeys(names):
        yield where, dimension, name


# --- metrics, people, zones -------------------------------------------------------------------------

#: What is judged by a metric of the kind that ``watch`` lists; others have metrics of their own.
_LISTED = ("unit-cost", "quality", "metric")


def _unknown_metrics(policy: "Policy") -> Iterator[str]:
    """Metrics of redlines and gates that nothing else names, once there is a list of metrics under ``watch``."""
    watched = {*(u.metric for u in policy.watch.units), *policy.watch.quality}
    if not watched:
        return
    known = {
        *watched,
        *(b.per_unit.metric for b in policy.budgets if b.per_unit),
        *(s.split.metric for s in policy.allocation.shared if s.split.metric),
    }
    lines = ((f"The redline {r.name}", r.watch, r.metric) for r in policy.redlines.lines)
    gates = ((f"The gate {g.name}", e.judge, e.metric) for g in policy.gates for e in g.evidence)
    for where, what, metric in dict.fromkeys(chain(lines, gates)):
        if metric is None or metric in known:
            continue
        near = misspelt(metric, known)
        if what in _LISTED or near:
            hint = f"; did you mean {near}?" if near else did_you_mean(metric, known)
            yield f"{where} judges the metric {metric}, which nothing else in the policy names{hint or '.'}"


def _unknown_owners(policy: "Policy") -> Iterator[str]:
    people = {p.email for p in policy.people}
    for budget in policy.budgets if people else ():
        if budget.owner is not None and budget.owner not in people:
            yield (
                f"The owner of the budget {budget.name}, {budget.owner}, is not under people"
                f"{did_you_mean(budget.owner, people) or '.'}"
            )


def _bare_zones(sandboxes: Sandboxes) -> Iterator[str]:
    """Zones that can do less than they seem to."""
    zones = sandboxes.zones
    if zones and sandboxes.prices == Prices():
        yield (
            "sandboxes.prices is empty, so no estimate can be worked out in a zone: whoever asks has to know one. "
            "List what resources cost there."
        )
    bare = [
        z.name for z in zones if not (sandboxes.actuators if z.actuators is None else z.actuators)
    ]
    if bare:
        what = f"The zone {bare[0]} has" if len(bare) == 1 else f"The zones {', '.join(bare)} have"
        yield (
            f"{what} no actuators: only the money is set aside, and nothing is set up or stopped. "
            "Name some under sandboxes.actuators."
        )
