"""Anomalies and overruns that are about the same money know of each other.

An anomaly that will break a budget offers the overrun at once, before the forecast believes in it; once an overrun
waits, each thread says where the other is, and the root cause is worked on in the anomaly's.
"""

from decimal import Decimal

from guardrails.alerts import words
from guardrails.budgets import Standing, applies
from guardrails.detection.found import Found
from guardrails.money import Money
from guardrails.policy.bills import DIMENSIONS
from handlers.alerts.message import key_of as anomaly_key
from handlers.alerts.record import found_of
from handlers.budgets.standing import standings
from handlers.conversation import Button, Controls, Message, Paragraph, said, text
from handlers.overruns.message import key_of as overrun_key
from handlers.turn import Turn
from storage import anomalies, overruns
from storage.anomalies import AnomalyRow
from storage.overruns import OverrunRow

_SIGNALS = ("spend", "gpu-usage", "cost-per-unit")


def join_anomalies(turn: Turn) -> int:
    """Tells open anomalies and waiting overruns of each other; returns how many joins are told. Once each."""
    if not turn.policy.budgets:
        return 0
    stands = standings(turn)
    told = 0
    for row in anomalies.shown(turn.connection):
        found = found_of(row)
        if found.signal in _SIGNALS and found.direction == "up" and row.channels:
            told += sum(_join(turn, row, found, s) for s in stands if _is_part(s, found))
    return told


def _is_part(s: Standing, found: Found) -> bool:
    allocation = {d: v for d in DIMENSIONS if (v := found.allocation.get(d))}
    for dimension in DIMENSIONS:
        if dimension == found.scope.dimension:
            allocation[dimension] = found.scope.value
    return applies(s.budget.scope, allocation)


def _join(turn: Turn, row: AnomalyRow, found: Found, s: Standing) -> bool:
    waiting = overruns.waiting_of(turn.connection, s.budget.name, s.span.key)
    if waiting is not None:
        return _know(turn, row, found, waiting)
    over = s.burn.forecast + _not_forecast(found, s) - s.limit
    if over <= s.limit * turn.policy.ladder.least_percent / 100:
        return False
    money = Money(over.quantize(Decimal(1)), turn.policy.workspace.currency)
    sentence = (
        f"If it goes on, the budget {s.budget.name} ({Money(s.limit, money.currency)}) is exceeded by "
        f"about {money} at the end of its period."
    )
    ask = Button(
        label="Ask for more…", action="overrun.ask", subject=s.budget.name, opens_form=True
    )
    message = Message(
        summary=sentence,
        blocks=(Paragraph(text=text(sentence)), Controls(controls=(ask,))),
        tone="warning",
    )
    return _once(turn, anomaly_key(row.id), f"budget:{s.budget.name}:{s.span.key}", message)


def _not_forecast(found: Found, s: Standing) -> Decimal:
    """What the anomaly adds by the month's end and the forecast leaves out: it believes a jump after four days."""
    change = s.burn.change
    if change is not None and change.on >= found.started_on:
        return Decimal(0)
    return max(found.impact_by_month_end - found.impact, Decimal(0))


def _know(turn: Turn, row: AnomalyRow, found: Found, waiting: OverrunRow) -> bool:
    there = said(
        f"It is part of the overrun of {waiting.budget}, which is decided in #{waiting.channel}."
    )
    here = said(
        f"An open anomaly is part of it: {words.headline(found)}. "
        f"Its root cause is worked on in its thread in #{row.channels[0]}."
    )
    first = _once(turn, anomaly_key(row.id), f"overrun:{waiting.id}", there)
    second = _once(turn, overrun_key(waiting.id), f"anomaly:{row.id}", here)
    return first or second


def _once(turn: Turn, root: str, name: str, message: Message) -> bool:
    key = f"{root}:{name}"
    if turn.is_posted(key, root):
        return False
    before = len(turn.said)
    turn.reply(root, key, message, once=True)
    return len(turn.said) > before
