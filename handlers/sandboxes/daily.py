"""What happens to a sandbox by itself: the daily line, reminders, its end, a review of an anomaly."""

from decimal import Decimal
from typing import Any

from guardrails.alerts import words
from guardrails.budgets import Standing
from guardrails.detection.found import Scope
from guardrails.sandboxes.life import LIVING
from handlers.alerts.message import key_of as anomaly_key
from handlers.alerts.message import mention_of
from handlers.alerts.record import found_of
from handlers.budgets.jumps import young
from handlers.budgets.message import over
from handlers.conversation import Button, Controls, Mention, Message, Paragraph, Span, text
from handlers.deadlines import due
from handlers.runbooks import people_of, post_runbook
from handlers.sandboxes import clocks, money
from handlers.sandboxes.control import end
from handlers.sandboxes.message import key_of
from handlers.sandboxes.showing import show, tell
from handlers.sandboxes.verify import still_spends
from handlers.turn import Turn
from storage import anomalies, sandboxes
from storage.sandboxes import SandboxRow

BY_ITSELF = "sandboxes"


def look_at(turn: Turn, sandbox_id: str) -> int:
    """Says how the sandbox stands by the bill as it is now; ends what is over. Returns 1 when it said anything."""
    row = sandboxes.get(turn.connection, sandbox_id, lock=True)
    if row is None:
        return 0
    if row.state not in LIVING:
        return int(still_spends(turn, row))
    if row.ends_on < turn.today and not _graduated(row):
        _expire(turn, row)
        return 1
    said = int(still_spends(turn, row))
    s = money.standing_of(turn, row)
    if s is not None and s.burn.through is not None and s.burn.through >= row.starts_on:
        if row.state != "halted":
            said += 1
            tell(turn, row, f"day-{s.burn.through}", daily_line(turn, row, s))
        show(turn, row.id)
    return said + _anomalies(turn, row)


def daily_line(turn: Turn, row: SandboxRow, s: Standing) -> str:
    """Spend against cap, what it takes to finish and what of that is not in the forecast, days left."""
    through = s.burn.through or row.starts_on
    left = (row.ends_on - turn.today).days + 1
    beyond = s.burn.forecast - s.limit
    course = (
        f"{money.about(turn, beyond)} more than its cap"
        if beyond > 0
        else f"{money.about(turn, -beyond)} less than its cap"
    )
    already = over(s, turn.policy.workspace.currency)
    soon = young(turn, s.budget.scope.parts, s.burn)
    more = f" It is {already}." if already else ""
    more += f" Not in the forecast: {soon}." if soon else ""
    return (
        f"{money.money(turn, s.burn.spent)} of {money.money(turn, s.limit)} "
        f"({words.percent(float(s.spent_share))}) spent to {words.day(through)}, usually "
        f"{money.about(turn, s.burn.rate)} a day. To finish as it runs takes "
        f"{money.about(turn, s.burn.forecast)}, {course}.{more} {words.days(left).capitalize()} left."
    )


def _expire(turn: Turn, row: SandboxRow) -> None:
    spent = money.spent(turn, row)
    why = f"It lasted until {words.day(row.ends_on)} and spent {money.money(turn, spent)}."
    end(turn, row, "expire", actor=BY_ITSELF, name="", why=why)


@due(clocks.ENDS)
def ends(turn: Turn, sandbox_id: str, inputs: dict[str, Any]) -> None:
    """Its last day is over."""
    row = sandboxes.get(turn.connection, sandbox_id, lock=True)
    if row is None or row.state not in LIVING:
        return
    if row.ends_on >= turn.today:  # it was extended meanwhile
        clocks.wind(turn, row)
    elif _graduated(row):
        _ask_on(turn, row)
    else:
        _expire(turn, row)


def _graduated(row: SandboxRow) -> bool:
    return row.ended_at is not None


def _ask_on(turn: Turn, row: SandboxRow) -> None:
    """What has graduated is not stopped by the calendar: its owner is asked, every week."""
    said = (
        f", the term that its gate opened was over on {words.day(row.ends_on)}. Nothing is stopped: press "
        "Extend to plan the next one, or Close."
    )
    tell(turn, row, f"over-{turn.today}", mention_of(turn.policy, row.owner), said)
    clocks.again(turn, row, 7)


@due(clocks.REMIND)
def remind(turn: Turn, sandbox_id: str, inputs: dict[str, Any]) -> None:
    """Before its end: extend it, close it, or let it end."""
    row = sandboxes.get(turn.connection, sandbox_id, lock=True)
    if row is None or row.state not in LIVING:
        return
    left = (row.ends_on - turn.today).days
    when = "today" if left <= 0 else f"in {words.days(left)}, on {words.day(row.ends_on)}"
    owner = mention_of(turn.policy, row.owner)
    removed = "" if _graduated(row) else " Then what was set up for it is removed."
    said = f", {row.name} ends {when}.{removed}"
    controls = (
        Button(
            label="Extend…",
            action="sandbox.extend",
            subject=row.id,
            version=row.version,
            style="primary",
            opens_form=True,
        ),
        Button(
            label="Close…",
            action="sandbox.close",
            subject=row.id,
            version=row.version,
            opens_form=True,
        ),
    )
    message = Message(
        summary=f"Sandbox {row.name} ends {when}.",
        blocks=(Paragraph(text=text(owner, said)), Controls(controls=controls)),
        tone="warning",
    )
    stamp = f"{key_of(row.id)}:ends:{row.ends_on}:{left}"
    turn.reply(key_of(row.id), stamp, message, once=True)
    turn.tell(row.owner, f"{stamp}:told", message)
    clocks.wind(turn, row)


def _anomalies(turn: Turn, row: SandboxRow) -> int:
    """An anomaly of the sandbox opens its review: owner and lead are asked, the runbook is in the thread."""
    said = 0
    scope = str(Scope("experiment", row.name))
    for anomaly in anomalies.unfinished(turn.connection):
        if anomaly.scope != scope:
            continue
        found = found_of(anomaly)
        key = f"{key_of(row.id)}:anomaly:{anomaly.id}"
        if turn.is_posted(key, key_of(row.id)):
            continue
        people: list[Mention] = [mention_of(turn.policy, row.owner)]
        people += [m for m in people_of(turn.policy, "lead", row.team)[:1] if m not in people]
        parts: list[str | Span] = []
        for person in people:
            parts += [person, " "]
        impact = money.money(turn, Decimal(found.impact))
        where = f" Its alert is in #{anomaly.channels[0]}." if anomaly.channels else ""
        parts.append(
            f"please review this sandbox: {words.headline(found)}, {impact} beyond the expected value.{where} "
            "Go through the runbook below; Halt and Close are on the card."
        )
        message = Message(
            summary=f"Review of the sandbox {row.name}: {words.headline(found)}",
            blocks=(Paragraph(text=text(*parts)),),
            tone="warning",
        )
        turn.reply(key_of(row.id), key, message)
        post_runbook(turn, anomaly.signal, key_of(row.id), anomaly_key(anomaly.id), tuple(people))
        turn.audit(
            BY_ITSELF,
            "sandbox.review-begun",
            key_of(row.id),
            words.headline(found),
            anomaly=anomaly_key(anomaly.id),
        )
        said += 1
    return said
