"""What budgets, nudges and the ladder did in a quarter, and how long people waited on each rung."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from guardrails.alerts import words
from guardrails.budgets import Span, limit_on, span_of
from guardrails.money import Money
from guardrails.periods import Period
from guardrails.policy.bills import Dimension
from guardrails.policy.budgets import Budget
from guardrails.retro.places import rule_id
from guardrails.retro.saving import of_stop
from guardrails.retro.tally import Case, Outcome
from guardrails.sandboxes.budget import PREFIX
from handlers.overruns.message import called, key_of
from handlers.retro.frame import Frame, Gathered
from storage import budgets, retro

_DAY = timedelta(days=1)


def gather(frame: Frame, found: Gathered) -> None:
    """Adds what budgets, nudges, rungs and silence did."""
    c = frame.turn.connection
    rows = retro.overruns_opened(c, frame.since, frame.until)
    steps: dict[str, list[Any]] = defaultdict(list)
    for entry in retro.entries(c, retro.STEPS, frame.since):
        steps[entry.subject].append(entry)
    told = retro.nudges_told(c, frame.since, frame.until)
    ended = [(budget, span) for budget in frame.policy.budgets for span in _ended(frame, budget)]
    first_nudged = retro.first_nudged(c, {r.period for r in rows})
    periods = {n.period for n in told} | {span.key for _, span in ended}
    last_opened = retro.overruns_last_opened(c, periods)
    for row in rows:
        _on_rungs(frame, found, row, steps[key_of(row.id)])
        _of_budget(frame, found, row, first_nudged.get((row.budget, row.period)))
        if row.asked_by and outcome_of(frame, row) == "right":
            found.refused += frame.money(row.amount_micros - row.granted_micros, row.currency) or 0
        if row.state == "halted":
            _halted(frame, found, row)
    for nudge in told:
        _nudge(frame, found, nudge, last_opened.get((nudge.budget, nudge.period)))
    for budget, span in ended:
        if (budget.name, span.key) not in last_opened:
            _exceeded(frame, found, budget, span)


def outcome_of(frame: Frame, row: Any) -> Outcome:
    """right: less was granted than was asked for · needless: all of it was, by others than who asked · open:
    nobody else decided."""
    if row.state in ("declined", "halted"):
        return "right"
    if row.state != "granted" or row.decided_by == row.asked_by != "":
        return "open"
    asked = row.facts.get("asked")
    wanted = Decimal(str(asked)) if asked else frame.money(row.amount_micros, row.currency)
    granted = frame.money(row.granted_micros, row.currency)
    if wanted is None or granted is None:
        return "open"
    return "needless" if granted >= wanted else "right"


def _on_rungs(frame: Frame, found: Gathered, row: Any, steps: Sequence[Any]) -> None:
    """One case for each rung that it stood on. Whoever asked waited, on each for as long as it stood there; what a
    budget began by itself held nobody up."""
    stood: list[tuple[str, datetime]] = []
    for entry in steps:
        rung = entry.detail.get("rung")
        if rung and (not stood or stood[-1][0] != rung):
            stood.append((rung, entry.at))
    if not stood:
        stood = [(row.rung_name, row.opened_at)]
    elif stood[-1][0] != row.rung_name:  # whose word was asked for came from a higher rung
        start = max(row.placed_at, stood[-1][1])
        stood = [*(s for s in stood if s[1] < start), (row.rung_name, start)]
    final = outcome_of(frame, row)
    ends = [*(at for _, at in stood[1:]), row.decided_at]
    for n, ((rung, at), end) in enumerate(zip(stood, ends, strict=True)):
        last = n == len(stood) - 1
        hours = frame.hours(at, end)
        case = Case(
            final if last else "open",
            waited=hours if row.asked_by else None,
            answered=hours if last and row.decided_at is not None else None,
            size=frame.money(row.amount_micros, row.currency),
            share=_share(frame, row),
            request=row.id,
        )
        found.add(rule_id("rung", rung), f"{row.id} {n}", case)
    _silence(frame, found, row, [s for s in steps if s.action == "overrun.escalated"])


def _share(frame: Frame, row: Any) -> Decimal | None:
    """What was asked for in percent of the limit, as the row knows it."""
    limit = Decimal(str(row.facts.get("limit") or 0))
    amount = frame.money(row.amount_micros, row.currency)
    return amount / limit * 100 if limit > 0 and amount is not None else None


def _silence(frame: Frame, found: Gathered, row: Any, escalated: Sequence[Any]) -> None:
    if not escalated and row.state != "expired":
        return
    rule = rule_id("silence", "")
    decided = row.state in ("granted", "declined", "halted")
    found.add(rule, row.id, Case("right" if decided else "open"))
    if row.state == "expired":
        day = words.day(frame.day(row.opened_at))
        found.missed[rule].append(f"Nobody decided {called(row)} of {day} in time")


def _of_budget(frame: Frame, found: Gathered, row: Any, nudged: datetime | None) -> None:
    """``nudged``: when people were first told of a share of this period."""
    if row.budget not in {b.name for b in frame.policy.budgets}:
        return
    rule = rule_id("budget", row.budget)
    answered = frame.hours(row.opened_at, row.decided_at) if row.decided_at is not None else None
    size = frame.money(row.granted_micros or row.amount_micros, row.currency)
    found.add(rule, row.id, Case(outcome_of(frame, row), answered=answered, size=size))
    if row.kind == "asked" and (nudged is None or nudged > row.opened_at):
        day = words.day(frame.day(row.opened_at))
        found.missed[rule].append(
            f"{row.asked_name or 'Somebody'} asked on {day}, before any nudge"
        )


def _halted(frame: Frame, found: Gathered, row: Any) -> None:
    """People decided to stop what spends: what the bill says of the days before and after."""
    parts = _parts(frame, row.budget)
    if not parts or row.decided_at is None or frame.known is None:
        return
    stopped_on, most = frame.day(row.decided_at), frame.rules.saving_days
    saving = of_stop(
        f"{rule_id('rung', row.rung_name)} {row.id} {_last_place(found, row)}",
        {str(name): value for name, value in parts.items()},
        days_of(frame, parts, stopped_on),
        stopped_on=stopped_on,
        ends_on=row.until,
        resumed_on=None,
        known=frame.known,
        most=most,
    )
    found.save(saving)


def _last_place(found: Gathered, row: Any) -> str:
    """The number of the row's case on the rung that decided."""
    names = [
        n for n, _ in found.cases[rule_id("rung", row.rung_name)] if n.startswith(f"{row.id} ")
    ]
    return names[-1].rpartition(" ")[2]


def days_of(frame: Frame, parts: dict[Dimension, str], around: date) -> list[tuple[date, Decimal]]:
    """Spend of a scope by day, from two weeks before a day to a month after it."""
    period = Period(around - 14 * _DAY, around + 31 * _DAY)
    try:
        spent = budgets.spend_of(frame.turn.connection, frame.policy, parts, period)
    except LookupError:
        return []  # without a rate it cannot be counted
    return [(spent.first + n * _DAY, money) for n, money in enumerate(spent.days)]


def _parts(frame: Frame, budget: str) -> dict[Dimension, str]:
    if budget.startswith(PREFIX):
        return {"experiment": budget.removeprefix(PREFIX)}
    known = next((b for b in frame.policy.budgets if b.name == budget), None)
    return dict(known.scope.parts) if known is not None else {}


def _nudge(frame: Frame, found: Gathered, nudge: Any, opened: datetime | None) -> None:
    """A nudge is right when somebody had to decide an overrun of that period later, needless when the period is
    over without one. ``opened``: when the last one was."""
    later = opened is not None and opened >= nudge.at
    budget = next((b for b in frame.policy.budgets if b.name == nudge.budget), None)
    span = span_of(budget, frame.day(nudge.at)) if budget is not None else None
    over = span is not None and span.key == nudge.period and span.last < frame.turn.today
    outcome: Outcome = "right" if later else "needless" if over else "open"
    rule = rule_id("nudge", f"{nudge.basis} {nudge.percent}")
    found.add(rule, f"{nudge.budget} {nudge.period}", Case(outcome))


def _exceeded(frame: Frame, found: Gathered, budget: Budget, span: Span) -> None:
    """A period in which nobody was asked, when it ended beyond its limit."""
    c, period = frame.turn.connection, Period(span.first, span.last)
    try:
        entries = budgets.ledger(c, frame.policy, budget.name, span.key)
        days = budgets.spend_of(c, frame.policy, budget.scope.parts, period).days
    except LookupError:
        return  # what cannot be counted for want of a rate is said by the daily look
    limit = limit_on(entries, span.last)
    beyond = sum(days, Decimal(0)) - limit
    if limit > 0 and beyond > limit * frame.policy.ladder.least_percent / 100:
        money = Money(beyond, frame.policy.workspace.currency)
        found.missed[rule_id("budget", budget.name)].append(
            f"{span.key} ended {money} beyond its limit, and nobody was asked"
        )


def _ended(frame: Frame, budget: Budget) -> list[Span]:
    """The periods of a budget with a limit whose last day is in the quarter, and which are over."""
    if budget.limit is None:
        return []
    days = frame.quarter.period
    spans: dict[str, Span] = {}
    for n in range(days.days):
        day = days.first + n * _DAY
        span = span_of(budget, day)
        if span is not None and span.last == day and day < frame.turn.today:
            spans[span.key] = span
    return list(spans.values())
