"""What a sandbox's card says, from its row, its orders and its bill: the same wherever it is shown."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from guardrails.alerts import words
from guardrails.orders import Resources
from guardrails.policy.actuators import LiteLLM
from guardrails.sandboxes.life import ENDED, LIVING
from handlers.alerts.message import in_words, mention_of
from handlers.budgets.standing import last_day
from handlers.conversation import (
    At,
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
from handlers.gates.checkpoint import gate_facts
from handlers.sandboxes import money
from handlers.turn import Turn
from storage import actuations, sandboxes
from storage.actuations import ActuationRow
from storage.sandboxes import SandboxRow

STATES = {
    "requested": "Waits for a decision",
    "allocated": "Allocated",
    "active": "Active",
    "throttled": "Throttled",
    "halted": "Halted",
    "expired": "Its time is over",
    "closed": "Closed",
    "graduated": "Graduated",
    "declined": "Declined",
    "withdrawn": "Withdrawn",
}
TONES: dict[str, Tone] = {
    "throttled": "warning",
    "halted": "critical",
    "active": "good",
    "graduated": "good",
}
DOING = {
    "allocate": "sets it up",
    "change": "changes its limits",
    "throttle": "throttles it",
    "halt": "stops it",
    "resume": "lets it run again",
    "close": "removes it",
}
SHOWN = 6  # the newest orders
TRIED = 3  # attempts: then somebody may want it tried at once


def key_of(sandbox_id: str) -> str:
    """The message key of a sandbox: one sandbox is one message."""
    return f"sandbox:{sandbox_id}"


def card(turn: Turn, row: SandboxRow) -> Message:
    """The whole card, with what can be pressed now."""
    orders = actuations.of_sandbox(turn.connection, row.id)
    state = state_line(turn, row, orders)
    title = f"Sandbox {row.name}"
    blocks: list[Block] = [
        Heading(text=title),
        Paragraph(text=state),
        Facts(facts=facts(turn, row)),
        Paragraph(text=text(Strong(text="Hypothesis"), f" {row.hypothesis}")),
    ]
    ahead = gate_facts(turn, row)
    if ahead:
        blocks.append(Facts(facts=ahead))
    steps = _steps(row, orders)
    if steps:
        blocks.append(Items(title="Set-up", items=steps))
    if row.outcome:
        blocks.append(Paragraph(text=outcome_line(turn, row)))
    if row.zone and row.state in LIVING and row.state != "graduated" and not row.overrun_id:
        blocks.append(Small(text=text(f"Inside the zone {row.zone}: nobody had to decide.")))
    controls = controls_of(turn, row, orders)
    if controls:
        blocks.append(Controls(controls=controls))
    return Message(
        summary=f"{title}. {in_words(turn.policy, state)}",
        blocks=tuple(blocks),
        tone="critical"
        if any(o.state == "failed" for o in orders)
        else TONES.get(row.state, "neutral"),
    )


def state_line(turn: Turn, row: SandboxRow, orders: Sequence[ActuationRow]) -> Text:
    """``Active until Fri 04 Dec``; while it is set up, that it is; why it is halted or ended."""
    trial = row.state in LIVING and _dry_run(turn, row)
    parts: list[str | Span] = [Strong(text=STATES[row.state] + (" (dry run)" if trial else ""))]
    failed = {o.operation for o in orders if o.state == "failed"}
    if "close" in failed:
        parts.append(", but not removed: see the set-up below")
    if row.state == "allocated" and "allocate" in failed:
        parts.append(f": {_money(turn, row)} are set aside, but setting it up failed.")
    elif row.state == "allocated":
        left = sum(o.operation == "allocate" and o.state != "done" for o in orders)
        parts.append(
            f": {_money(turn, row)} are set aside, and it is being set up ({left} to go)."
            if left
            else f": {_money(turn, row)} are set aside."
        )
    elif row.state in ("active", "throttled"):
        parts.append(f" until {words.day(row.ends_on)}, with a cap of {_money(turn, row)}.")
    elif row.state == "graduated":
        parts.append(
            f": it goes on in the stage {row.stage} with {_money(turn, row)} until {words.day(row.ends_on)}."
        )
    elif row.state == "halted" and row.halted_at is not None:
        parts += [" since ", At(time=row.halted_at), "."]
    elif row.ended_at is not None:
        parts += [", ", At(time=row.ended_at), "."]
    else:
        parts.append(".")
    if row.why and row.state in ("throttled", "halted", "declined", "withdrawn", *ENDED):
        parts.append(f" {row.why}")
    return text(*parts)


def facts(turn: Turn, row: SandboxRow) -> tuple[Fact, ...]:
    """Money, time, allocation, people."""
    found = [
        Fact(label="Estimate", value=text(money.money(turn, money.estimate(row)))),
        Fact(label="For", value=text(f"{row.feature} · {row.workload} · {row.stage}")),
        Fact(label="Team", value=text(row.team)),
        Fact(label="Owner", value=text(mention_of(turn.policy, row.owner))),
        Fact(label="Until", value=text(words.day(row.ends_on))),
        Fact(label="Success is", value=text(f"{row.metric} {target(row)}")),
    ]
    if row.state in (*LIVING, *ENDED):
        found.insert(0, Fact(label="Spent", value=text(spent_line(turn, row))))
    said = resources_line(Resources.model_validate(row.resources))
    if said:
        found.append(Fact(label="Resources", value=text(said)))
    found.append(Fact(label="Data and risk", value=text(f"{row.data_class} · {row.risk_class}")))
    return tuple(found)


def spent_line(turn: Turn, row: SandboxRow) -> str:
    """``$420 of $1,200 (35 %)``; that no bill knows it yet, which is not the same as nothing."""
    spent, cap = money.spent(turn, row), money.cap(turn, row)
    through = last_day(turn, sandboxes.budget(row).scope.parts)
    if not spent and (through is None or through < row.starts_on):
        return f"not known before the next bill, of {money.money(turn, cap)}"
    share = f" ({words.percent(float(spent / cap))})" if cap > 0 else ""
    return f"{money.money(turn, spent)} of {money.money(turn, cap)}{share}"


def target(row: SandboxRow) -> str:
    """``at least 0.82``."""
    said = str(row.target)
    for sign, word in ((">=", "at least"), ("≥", "at least"), ("<=", "at most"), ("≤", "at most")):
        if said.startswith(sign):
            return f"{word} {said.removeprefix(sign).strip()}"
    return said if said.startswith("at ") else f"at least {said}"


def resources_line(r: Resources) -> str:
    """``4 × H100 for 48 hours each · 20 million tokens of atlas-mini``."""
    said = []
    if r.gpus:
        said.append(f"{r.gpus} × {r.gpu} for {_plain(r.gpu_hours)} hours each")
    if r.tokens:
        said.append(f"{_plain(Decimal(r.tokens) / 1_000_000)} million tokens of {r.model}")
    return " · ".join(said)


def outcome_line(turn: Turn, row: SandboxRow) -> Text:
    """What came of it, in the owner's words."""
    o: dict[str, Any] = row.outcome or {}
    worth = {
        "yes": "It was worth it",
        "partly": "It was partly worth it",
        "no": "It was not worth it",
    }
    said = (
        f": {row.metric} {o['result']} against {target(row)}; spent {spent_line(turn, row)}; "
        f"{money.money(turn, money.estimate(row))} estimated. {o.get('note', '')}"
    )
    return text(Strong(text=worth[o["worth"]]), said.rstrip(), f" — {o['name']}")


def controls_of(turn: Turn, row: SandboxRow, orders: Sequence[ActuationRow]) -> tuple[Control, ...]:
    """What can be pressed in this state."""

    def button(label: str, action: str, **more: Any) -> Button:
        return Button(
            label=label, action=f"sandbox.{action}", subject=row.id, version=row.version, **more
        )

    controls: list[Control] = []
    if any(may_try_again(row, o) for o in orders):
        controls.append(button("Try again", "again", style="primary"))
    runs = row.state in ("active", "throttled", "graduated")
    if runs and _has_key(turn, row):
        controls.append(button("Show key", "key"))
    if row.state == "halted":
        controls.append(button("Resume…", "resume", style="primary", opens_form=True))
    if runs:
        controls.append(button("Extend…", "extend", opens_form=True))
    if runs or row.state == "allocated":
        controls.append(button("Halt…", "halt", style="danger", opens_form=True))
    if row.state in LIVING:
        controls.append(button("Close…", "close", opens_form=True))
    if row.state in ENDED and not row.outcome:
        controls.append(button("What came of it…", "outcome", style="primary", opens_form=True))
    return tuple(controls)


def may_try_again(row: SandboxRow, order: ActuationRow) -> bool:
    """Whether it was given up and still means something: what has ended can only be removed."""
    return bool(order.state == "failed") and (row.state in LIVING or order.operation == "close")


def _dry_run(turn: Turn, row: SandboxRow) -> bool:
    """Whether nothing that sets it up does anything."""
    mine = [a for a in turn.policy.actuators if a.name in row.actuators]
    return bool(mine) and all(a.dry_run for a in mine)


def _has_key(turn: Turn, row: SandboxRow) -> bool:
    return any(isinstance(a, LiteLLM) and a.name in row.actuators for a in turn.policy.actuators)


def _steps(row: SandboxRow, orders: Sequence[ActuationRow]) -> tuple[Text, ...]:
    """What each actuator did or does, the newest last. What is done and over is left out."""
    last: dict[str, ActuationRow] = {}
    for order in orders:
        if order.state != "dropped":
            last[order.actuator] = order
    open_ = [o for o in orders if o.state in ("waiting", "acting", "asked", "failed")]
    shown = sorted({o.id: o for o in (*last.values(), *open_)}.values(), key=lambda o: o.id)
    return tuple(_step(o) for o in shown[-SHOWN:])


def _step(o: ActuationRow) -> Text:
    who = Strong(text=o.actuator)
    match o.state:
        case "done":
            return text("✓ ", who, f" {o.said or 'done'}")
        case "failed":
            return text("✗ ", who, f" {DOING[o.operation]}: gave up. {o.said}")
        case "asked":
            return text("○ ", who, f" waits for people: {DOING[o.operation]}")
        case _:
            tried = f", tried {o.attempts} times: {o.said}" if o.said else ""
            return text("○ ", who, f" {DOING[o.operation]}{tried}")


def _money(turn: Turn, row: SandboxRow) -> str:
    return money.money(turn, money.cap(turn, row))


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"
