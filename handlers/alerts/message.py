"""What an alert says, from its row: the same words whenever and wherever it is shown."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from guardrails.alerts import words
from guardrails.alerts.states import DECIDED
from guardrails.detection.found import Found
from guardrails.money import Money
from guardrails.policy.bills import Dimension
from guardrails.policy.model import Policy
from guardrails.runbooks import Runbook
from handlers.alerts.record import found_of
from handlers.conversation import (
    At,
    Band,
    Block,
    Button,
    Controls,
    Fact,
    Facts,
    Heading,
    Items,
    Mention,
    Menu,
    Message,
    Option,
    Paragraph,
    Small,
    Span,
    Strong,
    Text,
    Tone,
    text,
)
from storage.anomalies import AnomalyRow

SNOOZE_DAYS = (1, 3, 7)
SHOWN_DAYS = 60

_TONES: dict[str, Tone] = {
    "low": "neutral",
    "medium": "warning",
    "high": "critical",
    "critical": "critical",
}
_BELONGS: tuple[tuple[Dimension, str], ...] = (
    ("team", "Team"),
    ("feature", "Feature"),
    ("stage", "Stage"),
)
_STATES = {
    "open": "Open",
    "investigating": "Investigating",
    "expected": "Expected",
    "snoozed": "Snoozed",
    "false-alarm": "False alarm",
    "resolved": "Resolved",
}


def key_of(anomaly_id: str) -> str:
    """The message key of an anomaly: one anomaly is one message."""
    return f"anomaly:{anomaly_id}"


def alert_message(
    policy: Policy, row: AnomalyRow, runbook: Runbook | None = None, *, short: bool = False
) -> Message:
    """The whole alert. ``short``: as one of a group's thread, without the chart."""
    found = found_of(row)
    title = words.headline(found)
    state = state_line(row)
    blocks: list[Block] = [Heading(text=f"{row.severity.capitalize()}: {title}")]
    if row.state != "open" or row.ended_on is not None:
        blocks.append(Paragraph(text=state))
    blocks.append(Facts(facts=_facts(policy, row, found)))
    driven_by = words.driven_by(found)
    if driven_by:
        blocks.append(Items(title="What drives it", items=tuple(text(line) for line in driven_by)))
    if found.history and not short:
        blocks.append(band_of(found))
    controls = controls_of(row)
    if runbook is not None and not _is_over(row):
        # the checklists of a whole group would bury its thread: there it comes when somebody wants it
        where = "press Runbook for the checklist." if short else "the steps are in the thread."
        blocks.append(Small(text=text(f"Runbook “{runbook.title}”: {where}")))
        if short:
            controls += (
                Button(
                    label="Runbook", action="anomaly.runbook", subject=row.id, version=row.version
                ),
            )
    blocks.append(Controls(controls=controls))
    tone: Tone = "good" if _is_over(row) else _TONES[row.severity]
    summary = f"{title}. {in_words(policy, state)}"
    return Message(summary=summary, blocks=tuple(blocks), tone=tone)


def state_line(row: AnomalyRow) -> Text:
    """Who decided what, when and why; or that it is open, or over."""
    parts: list[str | Span] = [Strong(text=_STATES[row.state])]
    if row.state != "open":
        name = row.decided_by.partition(" <")[0]
        parts.append(f" by {name}")
        if row.decided_at is not None:
            parts += [", ", At(time=row.decided_at)]
    if row.state == "expected" and row.quiet_until is not None:
        parts.append(f", until {words.day(row.quiet_until)}")
    if row.state == "snoozed" and row.quiet_until is not None:
        parts.append(f", back on {words.day(row.quiet_until)}")
    if row.cause:
        parts.append(f": {row.cause}")
    if row.reason:
        parts.append(f" — {row.reason}")
    if row.ended_on is not None:
        parts.append(f" · back inside its band since {words.day(row.ended_on)}")
    return text(*parts)


def band_of(found: Found) -> Band:
    """The chart of a finding, with its words."""
    points = found.history[-SHOWN_DAYS:]
    before = f"nothing before {words.day(found.started_on)}, so nothing was expected"
    usual = before if found.is_new_series else f"{words.usual(found)} was expected"
    return Band(
        title=f"{words.signal_name(found.signal)} of {found.scope.value}",
        alt=(
            f"{words.what(found)} a day, {words.day(points[0].day)} to {words.day(points[-1].day)}. "
            f"On {words.day(found.last_on)} it was {words.observed(found)}; {usual}."
        ),
        unit=found.unit,
        days=tuple(p.day for p in points),
        observed=tuple(_number(p.observed) for p in points),
        expected=tuple(_number(p.expected) for p in points),
        lower=tuple(_number(p.lower) for p in points),
        upper=tuple(_number(p.upper) for p in points),
        anomalous=tuple(p.anomalous for p in points),
        incomplete=tuple(not p.complete for p in points),
    )


def group_message(group_id: str, rows: Sequence[AnomalyRow], worst: int, day: date) -> Message:
    """A flood as one message: the worst by name, each with its own message in the thread."""
    total = sum((max(found_of(r).impact, Decimal(0)) for r in rows), Decimal(0))
    currency = rows[0].currency
    lines = []
    for row in rows[:worst]:
        found = found_of(row)
        lines.append(
            text(
                Strong(text=row.severity.capitalize()),
                f" {words.headline(found)} ({_so_far(found)}",
                Strong(text=_STATES[row.state]),
                ")",
            )
        )
    title = f"{len(rows)} anomalies at once"
    if total:
        title += f", {Money(total, currency)} beyond what was expected"
    blocks: list[Block] = [
        Heading(text=title),
        Items(title=f"The worst {min(worst, len(rows))}", items=tuple(lines), numbered=True),
        Small(text=text(f"Each has its own message with buttons in the thread · {words.day(day)}")),
    ]
    if len(rows) > worst:
        blocks.append(
            Controls(
                controls=(
                    Button(
                        label=f"Show the other {len(rows) - worst}",
                        action="anomaly.group-rest",
                        subject=group_id,
                    ),
                )
            )
        )
    return Message(summary=title, blocks=tuple(blocks), tone="critical")


def _facts(policy: Policy, row: AnomalyRow, found: Found) -> tuple[Fact, ...]:
    told = found.allocation
    seen: list[str | Span] = [Strong(text=words.observed(found))]
    if found.signal != "resource-mix":  # a percentage of a percentage helps nobody
        seen.append(f" ({words.change(found)})")
    facts = [
        Fact(label="Observed", value=text(*seen)),
        Fact(label="Expected", value=text(words.expected(found))),
        Fact(label="Since", value=text(_since(found))),
        *_money(row, found),
    ]
    facts += [
        Fact(label=label, value=text(told[dimension]))
        for dimension, label in _BELONGS
        if told.get(dimension)
    ]
    return (*facts, *_whose(policy, row, found))


def _since(found: Found) -> str:
    lasted = words.days((found.last_on - found.started_on).days + 1)
    if not found.complete:
        lasted = "not all charges are in yet"
    elif found.growing_on is not None:
        lasted += f", and {words.day(found.growing_on)} so far"
    return f"{words.day(found.started_on)} ({lasted})"


def _money(row: AnomalyRow, found: Found) -> list[Fact]:
    """The money beyond the expected value, or moved, so far and by the month's end."""

    def fact(label: str, money: Decimal, *, strong: bool = True) -> Fact:
        said = str(Money(abs(money), found.currency))
        return Fact(label=label, value=text(Strong(text=said) if strong else said))

    facts: list[Fact] = []
    if found.moved:
        facts.append(fact("Spend that moved to other resources", found.moved))
    if found.impact:
        more = found.impact > 0
        facts.append(fact(f"{'More' if more else 'Less'} than expected so far", found.impact))
    if found.impact_by_month_end and found.ongoing and not _is_over(row):
        beyond = "Beyond" if found.impact_by_month_end > 0 else "Below"
        label = f"{beyond} expected by month end, if it goes on"
        facts.append(fact(label, found.impact_by_month_end, strong=False))
    return facts


def _whose(policy: Policy, row: AnomalyRow, found: Found) -> list[Fact]:
    """The owner that the bill names, who else was asked, or that nobody has claimed the spend."""
    owner, asked = found.allocation.get("owner", ""), row.owner
    facts: list[Fact] = []
    if owner and owner.casefold() == asked.casefold():
        return [Fact(label="Owner", value=text(mention_of(policy, asked)))]
    if owner:
        facts.append(Fact(label="Owner", value=text(mention_of(policy, owner).name)))
    elif not found.allocation.get("team"):
        said = "nobody yet. Nobody has claimed this spend."
        facts.append(Fact(label="Owner", value=text(said)))
    if asked:
        facts.append(Fact(label="Asked", value=text(mention_of(policy, asked))))
    return facts


def _so_far(found: Found) -> str:
    """For a group's line: ``$1,200 so far, ``; nothing where no money is known."""
    if found.moved:
        return f"{Money(found.moved, found.currency)} moved so far, "
    less = " less" if found.impact < 0 else ""
    return f"{Money(abs(found.impact), found.currency)}{less} so far, " if found.impact else ""


def _is_over(row: AnomalyRow) -> bool:
    """Whether somebody has said what it is, or it has ended."""
    return row.state in DECIDED or row.ended_on is not None


def mention_of(policy: Policy, email: str) -> Mention:
    """A person by e-mail, with the name of the policy's directory when it has one."""
    name = next((p.name for p in policy.people if p.email == email), email)
    return Mention(person=email, name=name)


def controls_of(row: AnomalyRow) -> tuple[Button | Menu, ...]:
    """What can be pressed in the anomaly's state of now."""
    if row.state in DECIDED:
        return (
            Button(label="Reopen", action="anomaly.reopen", subject=row.id, version=row.version),
        )
    buttons: list[Button | Menu] = []
    if row.state == "open":
        buttons.append(
            Button(
                label="Investigating",
                action="anomaly.investigate",
                subject=row.id,
                version=row.version,
                style="primary",
            )
        )
    else:
        buttons.append(
            Button(label="Release", action="anomaly.release", subject=row.id, version=row.version)
        )
    buttons += [
        Button(
            label="Expected…",
            action="anomaly.expect",
            subject=row.id,
            version=row.version,
            opens_form=True,
        ),
        Menu(
            label="Snooze",
            action="anomaly.snooze",
            subject=row.id,
            version=row.version,
            options=tuple(Option(value=str(d), label=words.days(d)) for d in SNOOZE_DAYS),
        ),
        Button(
            label="False alarm",
            action="anomaly.false-alarm",
            subject=row.id,
            version=row.version,
            confirm="The detector will be less sensitive to this series from now on. Is it a false alarm?",
        ),
        Button(
            label="Resolve…",
            action="anomaly.resolve",
            subject=row.id,
            version=row.version,
            opens_form=True,
            style="primary" if row.state == "investigating" else "default",
        ),
    ]
    return tuple(buttons)


def _number(value: float | None) -> float | None:
    return None if value is None or value != value else value  # JSON knows no NaN


def in_words(policy: Policy, said: Text) -> str:
    """A text as plain words, its times in the workspace's zone: ``Mon 23 Nov, 20:30``."""
    parts = []
    for span in said:
        if isinstance(span, At):
            local = span.time.astimezone(policy.workspace.zone)
            parts.append(f"{words.day(local.date())}, {local:%H:%M}")
        elif isinstance(span, Mention):
            parts.append(span.name)
        else:
            parts.append(span.text)
    return "".join(parts)
