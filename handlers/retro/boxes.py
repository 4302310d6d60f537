"""What zones, gates and redlines did in a quarter, and what they stopped that was let run again."""

from decimal import Decimal
from typing import Any

from guardrails.alerts import words
from guardrails.money import MICROS, Money
from guardrails.policy.sandboxes import Zone
from guardrails.retro.places import rule_id
from guardrails.retro.saving import of_stop
from guardrails.retro.tally import Case, Outcome
from guardrails.sandboxes.life import ENDED
from handlers.redlines.cases import is_shown
from handlers.retro.frame import Frame, Gathered, said_hours
from handlers.retro.ladder import days_of, outcome_of
from handlers.sandboxes import money as sandbox_money
from storage import retro

#: A request that is beyond a zone's cap by no more than this was nearly taken by it.
NEARLY = Decimal("1.5")


def gather(frame: Frame, found: Gathered) -> None:
    """Adds what zones, gates and redlines did."""
    for row in retro.redlines_opened(frame.turn.connection, frame.since, frame.until):
        if is_shown(row):
            _redline(frame, found, row)
    for row in retro.sandboxes_of(frame.turn.connection, frame.since, frame.until):
        _sandbox(frame, found, row)
    _nearly(frame, found)
    for row in retro.gates_proposed(frame.turn.connection, frame.since, frame.until):
        _gate(frame, found, row)


def _redline(frame: Frame, found: Gathered, row: Any) -> None:
    """right: it stopped what nobody let run again, or what it told of came back within the limit · overruled: kept
    running, or let run again."""
    stopped = row.stopped_at is not None
    outcome: Outcome = "open"
    if row.resumed_at is not None or row.kept_times:
        outcome = "overruled"
    elif stopped or (row.closed_at is not None and "within the limit" in row.facts.get("end", "")):
        outcome = "right"
    waited = frame.hours(row.stopped_at, row.resumed_at) if stopped and row.resumed_at else None
    rule = rule_id("redline", row.redline)
    found.add(rule, row.id, Case(outcome, waited=waited))
    if not stopped:
        return
    stopped_on, how = frame.day(row.stopped_at), row.facts.get("stopped", "halt")
    if row.resumed_at is not None:
        by = f" by {row.facts['resumed_by']}" if row.facts.get("resumed_by") else ""
        did = "throttled" if how == "throttle" else "halted"
        found.resumed.append(
            f"{row.sandbox_name} was {did} by {row.redline} on {words.day(stopped_on)} and let run again{by} "
            f"after {said_hours(waited or Decimal(0))}"
        )
    if frame.known is None:
        return
    days = days_of(frame, {"experiment": row.sandbox_name}, stopped_on)
    saving = of_stop(
        f"{rule} {row.id}",
        {"experiment": row.sandbox_name},
        [(day, money) for day, money in days if day >= row.starts_on],
        stopped_on=stopped_on,
        ends_on=row.ends_on,
        resumed_on=frame.day(row.resumed_at) if row.resumed_at is not None else None,
        known=frame.known,
        most=frame.rules.saving_days,
    )
    found.save(saving)


def _sandbox(frame: Frame, found: Gathered, row: Any) -> None:
    """A zone was right about a sandbox that ended within its cap. What was spent beyond a cap is missed by the
    zone that let it in, and by the redlines of spend that it never crossed."""
    turn = frame.turn
    try:
        cap, spent = sandbox_money.cap(turn, row), sandbox_money.spent(turn, row)
    except LookupError:
        return  # without a rate it cannot be counted
    beyond = spent - cap
    said = f"{row.name} spent {Money(beyond, frame.policy.workspace.currency)} beyond its cap"
    if row.zone:
        rule = rule_id("zone", row.zone)
        if cap > 0 and beyond > 0:
            found.add(rule, row.id, Case("open", size=spent))
            found.missed[rule].append(said)
        else:
            outcome: Outcome = "right" if row.state in ENDED else "open"
            found.add(rule, row.id, Case(outcome, size=spent))
    if cap > 0 and beyond > 0:
        crossed = retro.lines_crossed(turn.connection, row.id)
        for line in frame.policy.redlines.lines:
            past = line.above is not None and spent / cap * 100 > line.above
            if line.watch == "spend" and past and line.name not in crossed:
                found.missed[rule_id("redline", line.name)].append(said)


def _nearly(frame: Frame, found: Gathered) -> None:
    """Requests just beyond a zone's cap that the ladder granted in full: the zone held them up for nothing."""
    rows = retro.overruns_opened(frame.turn.connection, frame.since, frame.until)
    asked = {r.id: r for r in rows if r.kind == "sandbox"}
    boxes = retro.sandboxes_by_request(frame.turn.connection, sorted(asked))
    for request in asked.values():
        box = boxes.get(request.id)
        if box is None or outcome_of(frame, request) != "needless":
            continue
        amount = frame.money(box.estimate_micros, box.currency)
        if amount is None:
            continue
        for zone in frame.policy.sandboxes.zones:
            if zone.cap < amount <= zone.cap * NEARLY and _meant(zone, box):
                case = Case("needless", size=amount)
                found.add(rule_id("zone", zone.name), request.id, case)
                break


def _meant(zone: Zone, box: Any) -> bool:
    """Whether the zone is for such sandboxes; roles were those of then."""
    wanted = (
        (zone.when.team, box.team),
        (zone.when.feature, box.feature),
        (zone.when.workload, box.workload),
        (zone.when.stage, box.stage),
    )
    return all(not values or value in values for values, value in wanted)


def _gate(frame: Frame, found: Gathered, row: Any) -> None:
    outcomes: dict[str, Outcome] = {"done": "right", "declined": "overruled"}
    hours = frame.hours(row.proposed_at, row.decided_at)
    promote = row.kind == "promote" and row.state != "withdrawn"
    case = Case(
        outcomes.get(row.state, "open"),
        waited=hours if promote else None,
        answered=hours if row.decided_at is not None else None,
        size=abs(Decimal(int(row.amount_micros)) / MICROS),
        request=row.id,
    )
    found.add(rule_id("gate", row.gate), row.id, case)
