"""How the budgets of a month, quarter or term that ended since the last council came out."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal

from guardrails.alerts import words
from guardrails.budgets import GRANTS, Standing, limit_on, span_of
from guardrails.burn import burn
from guardrails.lists import every
from guardrails.money import Money
from guardrails.policy.budgets import Budget
from handlers.budgets import message as budget_words
from handlers.budgets.standing import base_of, history, last_day
from handlers.conversation import Block, Paragraph, Small, Table, text
from handlers.council.frame import Frame, Part
from storage import budgets
from storage.budgets import NoRate

SHOWN = 8
DAY = timedelta(days=1)


def ended(frame: Frame) -> Part | None:
    """Budgets whose period ended since the last council, the one with the least left first; None when none did.

    Days of it that are not complete are as the forecast says, and the part says so.
    """
    found = sorted(
        (s for b in frame.turn.policy.budgets if (s := _at_end(frame, b)) is not None),
        key=lambda s: (_left(s) / s.limit if s.limit else _left(s), s.budget.name),
    )
    if not found:
        return None
    currency = frame.turn.policy.workspace.currency
    named = every(list(dict.fromkeys(budget_words.period(s) for s in found)))
    rows = tuple(
        (
            s.budget.name,
            budget_words.period(s),
            f"{budget_words.money(s.burn.forecast, currency)} "
            f"({budget_words.share(s.forecast_share)})",
            Money(s.limit, currency).in_full(),
            budget_words.money(_left(s), currency)
            if _left(s) >= 0
            else f"{budget_words.money(-_left(s), currency)} over",
        )
        for s in found[:SHOWN]
    )
    header = ("Budget", "Period", "Spent", "Limit", "Left")
    blocks: list[Block] = [Table(header=header, rows=rows, align="llrrr")]
    if len(found) > SHOWN:
        blocks.append(Small(text=text(f"and {len(found) - SHOWN} more, which have more left")))
    open_since = [s.burn.through for s in found if s.burn.through != s.span.last]
    so_far = ""
    if open_since:
        known = min((d for d in open_since if d is not None), default=None)
        since = f"after {words.day(known)}" if known is not None else "of it"
        blocks.insert(
            0, Paragraph(text=text(f"The days {since} are not complete: they are forecast."))
        )
        so_far = " by the forecast"
    over = sum(_left(s) < 0 for s in found)
    of = f"{over} of {len(found)} budgets" if len(found) > 1 else "its budget"
    how = f"with {of} over the limit" if over else "inside every budget"
    line = text(f"{named} ended {how}{so_far}.")
    return Part("ended", f"How {named} ended", tuple(blocks), line, bool(over))


def _left(s: Standing) -> Decimal:
    return s.limit - s.burn.forecast


def _at_end(frame: Frame, budget: Budget) -> Standing | None:
    """A budget on the last day of the period that ended between two councils, as known at the second."""
    turn, zone = frame.turn, frame.turn.policy.workspace.zone
    span = span_of(budget, frame.since.astimezone(zone).date())
    through = last_day(turn, budget.scope.parts)
    if span is None or span.last >= turn.today or through is None:
        return None
    after = datetime.combine(span.last + DAY, time(12), zone)
    try:
        base = base_of(replace(turn, now=after), budget, span)
        entries = budgets.ledger(turn.connection, turn.policy, budget.name, span.key)
    except NoRate:  # it is left out of the forecast too, and the log says why
        return None
    if base is None:
        return None
    limit = base + limit_on([e for e in entries if e.kind in GRANTS], span.last)
    spent = history(turn, budget, span, through)
    return Standing(budget, span, limit, burn(spent, span.first, span.last, limit, turn.today))
