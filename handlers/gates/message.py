"""What a gate's card says, from its row: the same wherever and whenever it is shown."""

from datetime import date
from decimal import Decimal
from typing import Any

from guardrails.alerts import words
from guardrails.lists import either
from guardrails.money import Money
from guardrails.policy.model import Policy
from handlers.alerts.message import in_words, mention_of
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
from handlers.gates.people import asked
from storage.gates import CaseRow
from storage.sandboxes import SandboxRow

OUTCOMES = {
    ("promote", "done"): "Promoted",
    ("promote", "declined"): "Declined",
    ("lower", "done"): "Lowered",
    ("lower", "declined"): "The cap is kept",
    ("promote", "withdrawn"): "Withdrawn",
    ("lower", "withdrawn"): "Withdrawn",
}


def key_of_case(case_id: str) -> str:
    """The message key of a proposal: one proposal is one message."""
    return f"gate:{case_id}"


def gate_message(policy: Policy, row: SandboxRow, case: CaseRow) -> Message:
    """The card: the numbers and who decides while it waits, its outcome afterwards."""
    title = title_of(policy, row, case)
    state = state_line(policy, row, case)
    f = case.facts
    blocks: list[Block] = [
        Heading(text=title),
        Paragraph(text=state),
        Facts(facts=_facts(policy, row, case)),
        Items(
            title=f"What is judged: {f['met']} of {len(f['items'])} met",
            items=tuple(text(line) for line in f["items"]),
        ),
    ]
    waits = case.state == "proposed"
    if f["through"]:
        through = words.day(date.fromisoformat(f["through"]))
        again = " It is judged again with the next bill." if waits else ""
        blocks.append(Small(text=text(f"By bills and metrics through {through}.{again}")))
    if waits:
        blocks.append(Controls(controls=controls_of(case)))
    tone: Tone = "neutral"
    if waits or case.state == "done":
        tone = "good" if case.kind == "promote" else "warning"
    summary = f"{title}. {in_words(policy, state)}"
    return Message(summary=summary, blocks=tuple(blocks), tone=tone)


def title_of(policy: Policy, row: SandboxRow, case: CaseRow) -> str:
    """``Gate pilot-proof: ranker-lab from exploration to pilot``."""
    if case.kind == "promote":
        return f"Gate {case.gate}: {row.name} from {case.facts['from']} to {case.facts['to']}"
    return f"Gate {case.gate}: a lower cap for {row.name}"


def state_line(policy: Policy, row: SandboxRow, case: CaseRow) -> Text:
    """Who has to sign or decide, by name where the policy names them; or who decided what, when and why."""
    if case.state != "proposed":
        parts: list[str | Span] = [Strong(text=OUTCOMES[case.kind, case.state])]
        if case.decided_name:
            parts.append(f" by {case.decided_name}")
        if case.decided_at is not None:
            parts += [", ", At(time=case.decided_at)]
        if case.reason:
            parts.append(f" — {case.reason}")
        return text(*parts)
    f = case.facts
    if case.kind == "promote" and f["unknown"]:
        said = "; some of the evidence is not known now, and nothing is promoted before it is."
        return text(Strong(text="It waits"), said)
    there = "The evidence is there" if case.kind == "promote" else "The evidence is missing"
    roles = f["unsigned"] or f["by"]
    said = f"{' and '.join(roles)} must sign" if f["unsigned"] else f"{either(roles)} decides"
    parts = [Strong(text=there), f"; {said}"]
    people = asked(policy, row, roles)
    for n, mention in enumerate(people):
        parts += [": " if not n else ", ", mention]
    return text(*parts, ".")


def controls_of(case: CaseRow) -> tuple[Control, ...]:
    """What can be pressed while it waits: Promote once all have signed and all is known."""

    def button(label: str, action: str, **more: Any) -> Button:
        return Button(
            label=label, action=f"gate.{action}", subject=case.id, version=case.version, **more
        )

    if case.kind == "lower":
        return (
            button("Lower", "lower", style="danger"),
            button("Keep the cap…", "keep", opens_form=True),
        )
    controls: list[Control] = []
    unsigned = case.facts["unsigned"]
    if not unsigned and not case.facts["unknown"]:
        controls.append(button("Promote", "promote", style="primary"))
    if len(unsigned) == 1:
        controls.append(button(f"Sign as {unsigned[0]}", "sign", style="primary"))
    elif unsigned:
        options = tuple(Option(value=role, label=role) for role in unsigned)
        controls.append(
            Menu(
                label="Sign as…",
                action="gate.sign",
                subject=case.id,
                version=case.version,
                options=options,
            )
        )
    controls.append(button("Decline…", "decline", style="danger", opens_form=True))
    return tuple(controls)


def outcome(case: CaseRow) -> str:
    """``promoted by ML lead, search``: for those who came later."""
    said = OUTCOMES.get((case.kind, case.state), case.state)
    said = said[0].lower() + said[1:]
    return f"{said} by {case.decided_name}." if case.decided_name else f"{said}. {case.reason}"


def _facts(policy: Policy, row: SandboxRow, case: CaseRow) -> tuple[Fact, ...]:
    f = case.facts
    before, after = _money(policy, f["cap_before"]), _money(policy, f["cap"])
    same = f["cap_before"] == f["cap"]
    facts = [
        Fact(label="Cap", value=text(f"{before}, which stays" if same else f"{before} → {after}")),
        Fact(label="Spent", value=text(_money(policy, f["spent"]))),
    ]
    if case.kind == "promote":
        facts.insert(0, Fact(label="Stage", value=text(f"{f['from']} → {f['to']}")))
    if f["ends_on"]:
        facts.append(Fact(label="Until", value=text(words.day(date.fromisoformat(f["ends_on"])))))
    facts.append(Fact(label="Owner", value=text(mention_of(policy, row.owner))))
    facts.append(Fact(label="Decided by", value=text(either(f["by"]))))
    return tuple(facts)


def _money(policy: Policy, amount: str) -> str:
    return Money(Decimal(amount), policy.workspace.currency).in_full()
