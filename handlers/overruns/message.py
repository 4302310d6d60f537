"""What an overrun's card says, from its row: the same wherever and whenever it is shown."""

from collections.abc import Sequence
from typing import Any

from guardrails.alerts import words
from guardrails.ladder import Agreement, waits_for, who_decides
from guardrails.money import Money
from guardrails.policy.ladder import Rung
from guardrails.policy.model import Policy
from handlers.alerts.message import in_words, mention_of
from handlers.conversation import (
    At,
    Band,
    Block,
    Button,
    Control,
    Controls,
    Fact,
    Facts,
    Heading,
    Items,
    Message,
    Paragraph,
    Small,
    Span,
    Strong,
    Text,
    Tone,
    text,
)
from storage.overruns import OverrunRow

Agreed = Sequence[tuple[Agreement, str]]

_OUTCOMES = {
    "granted": "Granted",
    "declined": "Declined",
    "halted": "Halted",
    "expired": "Expired",
    "withdrawn": "Withdrawn",
}
_KINDS = {
    "actual": "What is spent is beyond the budget.",
    "forecast": "The forecast is beyond the budget.",
    "asked": "It was asked for.",
}


def key_of(overrun_id: str) -> str:
    """The message key of an overrun: one overrun is one message."""
    return f"overrun:{overrun_id}"


def step_of(policy: Policy, row: OverrunRow) -> int:
    """The number of the rung that a row is on, by its name: rungs may have been put before it. By its number, or
    the last one, when the policy no longer has it."""
    rungs = policy.ladder.rungs
    named = [i for i, rung in enumerate(rungs) if rung.name == row.rung_name]
    return named[0] if named else min(int(row.rung), len(rungs) - 1)


def rung_of(policy: Policy, row: OverrunRow) -> Rung:
    """The rung that a row is on, in the policy of now."""
    return policy.ladder.rungs[step_of(policy, row)]


def overrun_message(policy: Policy, row: OverrunRow, agreed: Agreed) -> Message:
    """The card: the case while it waits, its outcome afterwards."""
    currency = policy.workspace.currency
    title = f"Overrun of {row.budget}: {Money.from_micros(row.amount_micros, currency)} beyond the budget"
    if row.kind == "asked":
        title = (
            f"Overrun of {row.budget}: {Money.from_micros(row.amount_micros, currency)} asked for"
        )
    waiting = row.state in ("open", "review")
    blocks: list[Block] = [Heading(text=title)]
    state = state_line(policy, row, agreed)
    blocks.append(Paragraph(text=state))
    blocks.append(Facts(facts=_facts(policy, row)))
    if row.why:
        blocks.append(Paragraph(text=text(Strong(text="Why"), f" {row.why}")))
    if row.value:
        blocks.append(Paragraph(text=text(Strong(text="Expected value"), f" {row.value}")))
    drivers = row.facts.get("drivers") or []
    if drivers and waiting:
        blocks.append(Items(title="Where it comes from", items=tuple(text(d) for d in drivers)))
    if row.facts.get("chart") and waiting:
        blocks.append(Band.model_validate(row.facts["chart"]))
    trends = row.facts.get("trends") or []
    if trends and waiting:
        blocks.append(Small(text=text(" · ".join(trends))))
    if waiting:
        blocks.append(Small(text=text(f"{_KINDS[row.kind]} {_placed(policy, row)}")))
        blocks.append(Controls(controls=controls_of(policy, row)))
    return Message(
        summary=f"{title}. {in_words(policy, state)}",
        blocks=tuple(blocks),
        tone=_tone(row, waiting=waiting),
    )


def controls_of(policy: Policy, row: OverrunRow) -> tuple[Control, ...]:
    """What can be pressed while it waits."""

    def button(label: str, action: str, **more: Any) -> Button:
        return Button(
            label=label, action=f"overrun.{action}", subject=row.id, version=row.revision, **more
        )

    controls: list[Control] = [
        button("Approve", "approve", style="primary"),
        button("Approve less…", "approve-less", opens_form=True),
        button("Decline…", "decline", style="danger", opens_form=True),
    ]
    if row.state == "open" and not rung_of(policy, row).review:
        controls.append(button("Ask for review", "review"))
    controls.append(button("Halt…", "halt", style="danger", opens_form=True))
    return tuple(controls)


def state_line(policy: Policy, row: OverrunRow, agreed: Agreed) -> Text:
    """Who may decide and by when; or who decided what, when and why."""
    currency = policy.workspace.currency
    if row.state in ("open", "review"):
        rung = rung_of(policy, row)
        parts: list[str | Span] = [
            Strong(text="In joint review" if row.state == "review" else "Waits for a decision"),
            f" by {who_decides(rung)}, until ",
            At(time=row.due_at),
        ]
        if agreed:
            left = waits_for(rung, [a for a, _ in agreed])
            names = ", ".join(name for _, name in agreed)
            parts.append(f". {names} agreed")
            parts.append(f"; {' and '.join(left)} must agree too." if left else ".")
        return text(*parts)
    parts = [Strong(text=_OUTCOMES[row.state])]
    if row.granted_micros:
        parts.append(f" {Money.from_micros(row.granted_micros, currency)}")
        if row.granted_micros < row.amount_micros:
            parts.append(f" of {Money.from_micros(row.amount_micros, currency)}")
        parts.append(f" until {words.day(row.until)}")
    if row.decided_name:
        parts.append(f" by {row.decided_name}")
    if row.decided_at is not None:
        parts += [", ", At(time=row.decided_at)]
    if row.reason:
        parts.append(f" — {row.reason}")
    return text(*parts)


def outcome(policy: Policy, row: OverrunRow) -> str:
    """``granted $1,240 by ML lead, search``: for those who came later."""
    said = _OUTCOMES.get(row.state, row.state).lower()
    if row.granted_micros:
        said += f" {Money.from_micros(row.granted_micros, policy.workspace.currency)}"
    return f"{said} by {row.decided_name}" if row.decided_name else said


def _facts(policy: Policy, row: OverrunRow) -> tuple[Fact, ...]:
    f = row.facts
    facts = [
        Fact(label="Budget", value=text(f["budget"])),
        Fact(label="Spent", value=text(f["spent"])),
        Fact(label="Forecast", value=text(f["forecast"])),
        Fact(label="Runway", value=text(f["runway"])),
        Fact(label="For", value=text(f["scope"])),
        Fact(label="Until", value=text(words.day(row.until))),
    ]
    if row.asked_by:
        facts.append(Fact(label="Asked by", value=text(mention_of(policy, row.asked_by))))
    if row.owner and row.owner != row.asked_by:
        facts.append(Fact(label="Owner", value=text(mention_of(policy, row.owner))))
    return tuple(facts)


def _placed(policy: Policy, row: OverrunRow) -> str:
    rung = rung_of(policy, row)
    said = f"Rung {rung.name}: {who_decides(rung)}"
    why = row.facts.get("placed") or ""
    return f"{said}, because {why}." if why else f"{said}."


def _tone(row: OverrunRow, *, waiting: bool) -> Tone:
    if waiting:
        return "critical" if row.kind == "actual" else "warning"
    return "good" if row.state in ("granted", "withdrawn") else "neutral"
