"""Reads a gate's evidence from bills, metrics and signatures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from guardrails.gates import (
    Judged,
    Reading,
    judge,
    mean,
    name_of,
    per_day,
    return_on_spend,
    tagged,
    unit_cost,
    window,
    with_target,
)
from guardrails.periods import Period
from guardrails.policy.bills import Dimension
from guardrails.policy.gates import Evidence, Gate, gate_from
from handlers.budgets.standing import last_day
from handlers.gates.people import still_counts
from handlers.turn import Turn
from storage import gates, sandboxes, spend
from storage.gates import SignRow
from storage.sandboxes import SandboxRow
from storage.spend import rate


@dataclass(frozen=True)
class Shown:
    """A sandbox at its gate: what is judged, who signed so that it counts, and from when to when things are known.

    ``since``: the day on which its stage began. ``through``: the last day that is known whole.
    """

    judged: Judged
    signs: Sequence[SignRow]
    since: date | None
    through: date | None

    @property
    def gate(self) -> Gate:
        return self.judged.gate

    @property
    def values(self) -> dict[str, Decimal]:
        """What was measured, by the names of evidence."""
        return {name_of(i.evidence): i.value for i in self.judged.items if i.value is not None}


def gate_of(turn: Turn, row: SandboxRow) -> Gate | None:
    """The gate that leads a sandbox out of its stage, with the sandbox's own target where it asks for that."""
    gate = gate_from(turn.policy.gates, row.stage, row.team, row.feature, row.workload)
    return None if gate is None else with_target(gate, row.metric, row.target)


def read_evidence(turn: Turn, row: SandboxRow, gate: Gate) -> Shown:
    """The evidence as the newest bill and metrics tell it."""
    through = _through(turn, row)
    since = stage_since(turn, row)
    signs = [
        s
        for s in gates.signs(turn.connection, row.id, gate.name)
        if still_counts(turn.policy, row, s)
    ]
    readings = [reading(turn, row, e, through, since) for e in gate.evidence]
    return Shown(judge(gate, readings, [s.role for s in signs]), signs, since, through)


def stage_since(turn: Turn, row: SandboxRow) -> date | None:
    """The day on which the stage began: when a gate was passed, else when it became active."""
    passed = gates.last_of(turn.connection, row.id, "promote", "done")
    began = passed.decided_at if passed is not None else row.active_at
    return began.astimezone(turn.policy.workspace.zone).date() if began is not None else None


def _through(turn: Turn, row: SandboxRow) -> date | None:
    day = last_day(turn, sandboxes.budget(row).scope.parts)
    return None if day is None else gates.known_through(turn.connection, turn.policy, day)


def reading(
    turn: Turn, row: SandboxRow, e: Evidence, through: date | None, since: date | None
) -> Reading:
    """One piece of evidence of the days up to ``through``, in a stage that began on ``since``."""
    if e.role is not None:
        return Reading(None)
    delay = max(b.complete_after_days for b in turn.policy.bills)
    period = window(e.days, through, since, turn.today, delay)
    if isinstance(period, Reading):
        return period
    parts: dict[Dimension, str] = (
        {"feature": row.feature} if e.of == "feature" else {"experiment": row.name}
    )
    if e.judge == "target" and e.metric is None:
        return Reading(None, "the sandbox has no metric and target that can be read")
    if e.metric is None:
        return tagged(*gates.tagged(turn.connection, turn.policy, parts, period), period)
    points = gates.points(turn.connection, parts, e.metric, period)
    if e.judge in ("metric", "target"):
        return mean(e.metric, per_day(((d, v) for d, v, _ in points), e.daily), period)
    spent = _spent(turn, parts, period)
    if e.judge == "unit-cost":
        values = per_day(((d, v) for d, v, _ in points), "sum")
        return unit_cost(e.metric, values, spent, period)
    money, why = _in_currency(turn, e.metric, points)
    if why:
        return Reading(None, why)
    return return_on_spend(e.metric, per_day(money, "sum"), spent, period)


def _spent(turn: Turn, parts: dict[Dimension, str], period: Period) -> Decimal:
    return spend.totals(turn.connection, turn.policy, period, None, parts).get("", Decimal(0))


def _in_currency(
    turn: Turn, metric: str, points: Sequence[tuple[date, Decimal, str]]
) -> tuple[list[tuple[date, Decimal]], str]:
    """Points of money in the workspace's currency; or why they cannot be."""
    found = []
    for day, value, unit in points:
        try:
            factor = rate(turn.policy, unit or turn.policy.workspace.currency)
        except LookupError:
            return [], f"{metric} is in {unit}, which is no currency with a rate here"
        found.append((day, value * factor))
    return found, ""
