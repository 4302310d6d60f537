"""The rules of a policy, each by its place: what a retrospective judges."""

from collections.abc import Iterator

from guardrails.policy.model import Policy
from guardrails.retro.tally import Kind, Rule


def rules_of(policy: Policy, escalating: tuple[str, ...] = ()) -> tuple[Rule, ...]:
    """Every rule, in the order in which people meet them. ``escalating``: the signals whose runbooks have an
    escalation path."""
    return tuple(_rules(policy, escalating))


def rule_id(kind: Kind, name: str | int) -> str:
    """The id of a rule: ``ladder.rungs[lead]``, ``redlines.lines[runaway]``. It stays when its place changes."""
    place = _PLACES[kind]
    return f"{place}[{name}]" if kind not in _SINGLE else place


def kind_of(rule: str) -> Kind:
    """The kind of a rule, by its id."""
    place = rule.partition("[")[0]
    return next(kind for kind, known in _PLACES.items() if known == place)


_PLACES: dict[Kind, str] = {
    "signal": "detection.signals",
    "route": "alerts.routes",
    "runbook": "runbooks",
    "budget": "budgets",
    "nudge": "nudges",
    "rung": "ladder.rungs",
    "silence": "ladder.silence",
    "zone": "sandboxes.zones",
    "gate": "gates",
    "redline": "redlines.lines",
    "shadow": "ai.services",
}
_SINGLE: frozenset[Kind] = frozenset({"silence", "shadow"})


def _rules(policy: Policy, escalating: tuple[str, ...]) -> Iterator[Rule]:
    for i, signal in enumerate(policy.detection.signals):
        yield _rule("signal", ("detection", "signals", i), signal, f"Signal {signal}")
    for i, route in enumerate(policy.alerts.routes):
        said = f"Alert route {i + 1} to {', '.join(route.to)}"
        yield _rule("route", ("alerts", "routes", i), i, said)
    for event in escalating:
        yield _rule("runbook", ("runbooks",), event, f"Escalation of {event}")
    yield _rule("shadow", ("ai", "services"), "", "Unclaimed AI spend")
    for i, budget in enumerate(policy.budgets):
        yield _rule("budget", ("budgets", i), budget.name, f"Budget {budget.name}")
    for basis, i, nudge in policy.nudges.all():
        what = "spent" if basis == "actual" else "forecast"
        name = f"Nudge at {nudge.at} % {what}"
        yield _rule("nudge", ("nudges", basis, i), f"{basis} {nudge.at}", name)
    for i, rung in enumerate(policy.ladder.rungs):
        yield _rule("rung", ("ladder", "rungs", i), rung.name, f"Rung {rung.name}")
    yield _rule("silence", ("ladder", "silence"), "", "Silence on the ladder")
    for i, zone in enumerate(policy.sandboxes.zones):
        yield _rule("zone", ("sandboxes", "zones", i), zone.name, f"Zone {zone.name}")
    for i, gate in enumerate(policy.gates):
        yield _rule("gate", ("gates", i), gate.name, f"Gate {gate.name}")
    for i, line in enumerate(policy.redlines.lines):
        yield _rule("redline", ("redlines", "lines", i), line.name, f"Redline {line.name}")


def _rule(kind: Kind, path: tuple[str | int, ...], name: str | int, said: str) -> Rule:
    return Rule(kind, path, said, rule_id(kind, name))
