"""What an overrun's card says, from its row: the same wherever and whenever it is shown."""

from decimal import Decimal
from typing import Any

from guardrails.alerts import words
from guardrails.ladder import waits_for
from guardrails.money import MICROS, Money
from guardrails.policy.model import Policy
from guardrails.sandboxes.budget import PREFIX
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
from handlers.overruns.deciders import Agreed, decided_by, needed, rung_of
from storage.overruns import OverrunRow

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
    "sandbox": "Nothing is set up or spent before it is decided.",
}


def key_of(overrun_id: str) -> str:
    """The message key of an overrun: one overrun is one message."""
    return f"overrun:{overrun_id}"


def currency_of(policy: Policy, row: OverrunRow) -> str:
    """The currency of a row's amounts: that of the workspace when it was recorded."""
    return row.currency or policy.workspace.currency


def called(row: OverrunRow) -> str:
    """What it is for, in a sentence: a budget's name, ``the sandbox NAME``."""
    name = str(row.budget)
    return f"the sandbox {name.removeprefix(PREFIX)}" if row.kind == "sandbox" else name


def money_of(policy: Policy, row: OverrunRow, micros: int | None = None) -> str:
    """The row's amount, or another one of it, with cents when there are any."""
    wanted = int(row.amount_micros if micros is None else micros)
    return Money(Decimal(wanted) / MICROS, currency_of(policy, row)).in_full()


def asked_of(row: OverrunRow) -> int:
    """What is asked for, or is beyond the budget, in millionths: the amount may be a smaller proposal."""
    asked = row.facts.get("asked")
    return int(Decimal(asked) * MICROS) if asked else int(row.amount_micros)


def title_of(policy: Policy, row: OverrunRow) -> str:
    """``Overrun of ranker: $1,200 beyond the budget, $700 proposed``."""
    asked, amount = asked_of(row), int(row.amount_micros)
    if row.kind == "sandbox":
        said = str(row.facts.get("title") or f"Sandbox {called(row)}")
    else:
        how = "asked for" if row.kind == "asked" else "beyond the budget"
        said = f"Overrun of {row.budget}: {money_of(policy, row, asked)} {how}"
    return said if amount == asked else f"{said}, {money_of(policy, row)} proposed"


def overrun_message(policy: Policy, row: OverrunRow, agreed: Agreed) -> Message:
    """The card: the case while it waits, its outcome afterwards."""
    title = title_of(policy, row)
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
    if row.kind != "sandbox":  # nothing runs yet
        controls.append(button("Halt…", "halt", style="danger", opens_form=True))
    return tuple(controls)


def state_line(policy: Policy, row: OverrunRow, agreed: Agreed) -> Text:
    """Who may decide and by when, with those whose word counts; or who decided what, when and why."""
    if row.state in ("open", "review"):
        rung = rung_of(policy, row)
        parts: list[str | Span] = [
            Strong(text="In joint review" if row.state == "review" else "Waits for a decision"),
            f" by {decided_by(policy, row)}, until ",
            At(time=row.due_at),
        ]
        if agreed:
            left = waits_for(rung, [a for a, _ in agreed])
            names = ", ".join(name for _, name in agreed)
            parts.append(f". {names} agreed")
            parts.append(f"; {needed(policy, row, left)} must agree too." if left else ".")
        return text(*parts)
    parts = [Strong(text=_OUTCOMES[row.state])]
    if row.granted_micros:
        parts.append(f" {money_of(policy, row, row.granted_micros)}")
        if row.granted_micros < asked_of(row):
            parts.append(f" of {money_of(policy, row, asked_of(row))}")
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
        said += f" {money_of(policy, row, row.granted_micros)}"
    return f"{said} by {row.decided_name}" if row.decided_name else said


def in_brief(policy: Policy, row: OverrunRow) -> Text:
    """A line for lists: what it is about, and the forecast of the budget."""
    forecast = row.facts.get("forecast")
    said = f", forecast {forecast}. " if forecast else ". "
    if row.kind == "sandbox":
        return text(Strong(text=title_of(policy, row)), said)
    return text(Strong(text=f"Overrun of {row.budget}: {money_of(policy, row)}"), said)


def _facts(policy: Policy, row: OverrunRow) -> tuple[Fact, ...]:
    f = row.facts
    if row.kind == "sandbox":
        lines = [(str(label), str(value)) for label, value in f.get("lines") or ()]
    else:
        lines = [
            ("Budget", f["budget"]),
            ("Spent", f["spent"]),
            ("Forecast", f["forecast"]),
            *([("Not in the forecast", f["young"])] if f.get("young") else []),
            ("Runway", f["runway"]),
            ("For", f["scope"]),
        ]
    facts = [Fact(label=label, value=text(value)) for label, value in lines if value]
    facts.append(Fact(label="Until", value=text(words.day(row.until))))
    if row.asked_by:
        facts.append(Fact(label="Asked by", value=text(mention_of(policy, row.asked_by))))
    if row.owner and row.owner != row.asked_by:
        facts.append(Fact(label="Owner", value=text(mention_of(policy, row.owner))))
    return tuple(facts)


def _placed(policy: Policy, row: OverrunRow) -> str:
    said = f"Rung {rung_of(policy, row).name}: {decided_by(policy, row)}"
    why = row.facts.get("placed") or ""
    return f"{said}, because {why}." if why else f"{said}."


def _tone(row: OverrunRow, *, waiting: bool) -> Tone:
    if waiting:
        return "critical" if row.kind == "actual" else "warning"
    return "good" if row.state in ("granted", "withdrawn") else "neutral"
