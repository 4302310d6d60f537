"""What alerts did in a quarter: signals, routes, escalations, and the look at unclaimed spend."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from guardrails.alerts import words
from guardrails.alerts.routing import matches
from guardrails.detection.found import Scope
from guardrails.policy.alerts import Signal
from guardrails.retro.places import rule_id
from guardrails.retro.saving import of_resolved
from guardrails.retro.tally import Case, Outcome
from handlers.alerts.message import key_of
from handlers.alerts.record import found_of
from handlers.retro.frame import Frame, Gathered
from storage import audit, retro

#: People were told so many days after it began: the rule has missed its beginning.
TOLD_LATE = timedelta(days=5)
#: Unclaimed spend went on for so long before anybody was asked.
ASKED_LATE = timedelta(days=30)
#: Signals whose anomalies are money that is spent: dearer units, another mix and worse quality are no money of
#: their own.
SAVES: tuple[Signal, ...] = ("spend", "gpu-usage")
_OUTCOMES: dict[str, Outcome] = {
    "resolved": "right",
    "false-alarm": "needless",
    "expected": "overruled",
}


def gather(frame: Frame, found: Gathered) -> None:
    """Adds what alerts did."""
    rows = retro.anomalies_told(frame.turn.connection, frame.since, frame.until)
    born = audit.born(frame.turn.connection)
    for row in rows:
        _anomaly(frame, found, row)
        # What began before the bot did could not be told earlier.
        late = frame.day(row.created_at) - row.started_on
        if late > TOLD_LATE and born is not None and row.started_on >= frame.day(born):
            what = f"{words.signal_name(row.signal)} of {_scope(row.scope)}"
            said = f"{what} was told {late.days} days after it began on {words.day(row.started_on)}"
            found.missed[rule_id("signal", row.signal)].append(said)
    _escalated(frame, found, rows)
    _shadow(frame, found, born)


def _anomaly(frame: Frame, found: Gathered, row: Any) -> None:
    outcome = _OUTCOMES.get(row.state, "open")
    answered = None
    if outcome != "open" and row.decided_at is not None:
        answered = frame.hours(row.created_at, row.decided_at)
    impact = frame.money(row.impact_micros, row.currency)
    case = Case(outcome, answered=answered, size=impact)
    rule = rule_id("signal", row.signal)
    found.add(rule, row.id, case)
    finding = found_of(row)
    for i, route in enumerate(frame.policy.alerts.routes):
        if matches(route.when, finding):
            found.add(rule_id("route", i), row.id, case)
    saves = row.signal in SAVES and row.direction == "up"
    if outcome == "right" and saves and impact is not None:
        saving = of_resolved(
            f"{rule} {row.id}",
            _where(row.scope),
            impact,
            started_on=row.started_on,
            last_on=row.last_on,
            decided_on=frame.day(row.decided_at),
            most=frame.rules.saving_days,
        )
        found.save(saving)


def _where(scope: str) -> dict[str, str]:
    """What the charges of a series of spend have: each charge is in one, that of its experiment, else of its
    feature, else of its team, else of its account. So a feature's are those without an experiment."""
    known = Scope.parse(scope)
    wider = ("experiment", "feature", "team")
    above = wider[: wider.index(known.dimension)] if known.dimension in wider else wider
    return {**dict.fromkeys(above, ""), known.dimension: known.value}


def _scope(scope: str) -> str:
    known = Scope.parse(scope)
    return f"{known.dimension} {known.value}"


def _escalated(frame: Frame, found: Gathered, rows: Sequence[Any]) -> None:
    """An escalation is right when somebody judged the anomaly afterwards. A later step is no new case."""
    told = {key_of(r.id): r for r in rows}
    seen: set[str] = set()
    for entry in retro.entries(frame.turn.connection, ("anomaly.escalated",), frame.since):
        row = told.get(entry.subject)
        if row is None or entry.subject in seen:
            continue
        seen.add(entry.subject)
        after = row.decided_at is not None and row.decided_at >= entry.at
        answered = frame.hours(entry.at, row.decided_at) if after else None
        case = Case("right" if after else "open", answered=answered)
        found.add(rule_id("runbook", row.signal), row.id, case)


def _shadow(frame: Frame, found: Gathered, born: datetime | None) -> None:
    rule = rule_id("shadow", "")
    for row in retro.questions_asked(frame.turn.connection, frame.since, frame.until):
        by_tags = (row.facts.get("outcome") or {}).get("why") == "tags"
        outcomes: dict[str, Outcome] = {"claimed": "right", "not-ai": "needless"}
        outcome = "right" if row.state == "ended" and by_tags else outcomes.get(row.state, "open")
        answered = None
        if row.decided_at is not None and row.decided_at >= row.asked_at:
            answered = frame.hours(row.asked_at, row.decided_at)
        found.add(
            rule,
            row.id,
            Case(outcome, answered=answered, size=frame.money(row.cost_micros, row.currency)),
        )
        late = frame.day(row.asked_at) - row.first_day
        seen = born is not None and row.first_day >= frame.day(born)
        if seen and late > ASKED_LATE and row.times == 1:
            what = " ".join(part for part in (row.account, row.service) if part)
            found.missed[rule].append(
                f"{what} was unclaimed for {late.days} days before it was asked about"
            )
