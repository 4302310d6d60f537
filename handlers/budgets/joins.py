"""Anomalies and overruns that are about the same money know of each other.

An anomaly that will break a budget offers the overrun at once, before the forecast believes in it; once an overrun
waits, each thread says where the other is, and the root cause is worked on in the anomaly's.
"""

from decimal import Decimal

from guardrails.alerts import words
from guardrails.budgets import Standing
from guardrails.detection.found import Found
from guardrails.money import Money
from handlers.alerts.message import key_of as anomaly_key
from handlers.budgets.jumps import not_forecast, open_jumps, touches
from handlers.budgets.message import ask_button
from handlers.budgets.standing import standings
from handlers.conversation import Controls, Message, Paragraph, said, text
from handlers.overruns.message import key_of as overrun_key
from handlers.turn import Turn
from storage import outbox, overruns
from storage.anomalies import AnomalyRow
from storage.overruns import WAITING, OverrunRow


def join_anomalies(turn: Turn) -> int:
    """Tells open anomalies and waiting overruns of each other; returns how many joins are told. Once each."""
    if not turn.policy.budgets:
        return 0
    stands = standings(turn)
    told = 0
    for row, found in open_jumps(turn):
        if row.channels:
            mine = [s for s in stands if touches(s.budget.scope.parts, found)]
            told += sum(_join(turn, row, found, s) for s in mine)
    return told


def _join(turn: Turn, row: AnomalyRow, found: Found, s: Standing) -> bool:
    # Read without a lock: forecasts of all budgets come between this and the commit, and people press meanwhile.
    waiting = overruns.waiting_of(turn.connection, s.budget.name, s.span.key, lock=False)
    if waiting is not None and waiting.kind == "sandbox":
        return False  # a request for room is not about money that runs out
    if waiting is not None:
        return _know(turn, row, found, waiting)
    over = s.burn.forecast + not_forecast(found, s.burn) - s.limit_at_end
    if over <= s.limit * turn.policy.ladder.least_percent / 100:
        return False
    money = Money(over.quantize(Decimal(1)), turn.policy.workspace.currency)
    limit = Money(s.limit_at_end, money.currency).in_full()
    sentence = (
        f"If it goes on, the budget {s.budget.name} ({limit}) is exceeded by about {money} at the end "
        "of its period."
    )
    message = Message(
        summary=sentence,
        blocks=(Paragraph(text=text(sentence)), Controls(controls=(ask_button(s.budget),))),
        tone="warning",
    )
    return _once(turn, anomaly_key(row.id), f"budget:{s.budget.name}:{s.span.key}", message)


def _know(turn: Turn, row: AnomalyRow, found: Found, waiting: OverrunRow) -> bool:
    there = said(
        f"It is part of the overrun of {waiting.budget}, which is decided in #{waiting.channel}."
    )
    here = said(
        f"An open anomaly is part of it: {words.headline(found)}. "
        f"Its root cause is worked on in its thread in #{row.channels[0]}."
    )
    there_key, here_key = f"overrun:{waiting.id}", f"anomaly:{row.id}"
    known = _is_said(turn, anomaly_key(row.id), there_key)
    if known and _is_said(turn, overrun_key(waiting.id), here_key):
        return False
    now = overruns.get(turn.connection, waiting.id, lock=True)
    if now is None or now.state not in WAITING:  # decided since it was read
        return False
    first = _once(turn, anomaly_key(row.id), there_key, there)
    second = _once(turn, overrun_key(waiting.id), here_key, here)
    return first or second


def _once(turn: Turn, root: str, name: str, message: Message) -> bool:
    if _is_said(turn, root, name):
        return False
    before = len(turn.said)
    turn.reply(root, f"{root}:{name}", message, once=True)
    return len(turn.said) > before


def _is_said(turn: Turn, root: str, name: str) -> bool:
    """Whether it was said wherever the root is. What could not be delivered was said: a dead letter would else be
    written anew every day."""
    key = f"{root}:{name}"
    there = outbox.posted_places(turn.connection, key, dead=True)
    tried = {message_key.removeprefix(key) for message_key, _ in there}
    roots = {k.removeprefix(root) for k, _ in outbox.posted_places(turn.connection, root)}
    return roots <= tried
