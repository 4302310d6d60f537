"""The daily look at gates: what has its evidence is proposed, what waits is followed, what failed is withdrawn."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from guardrails.alerts import words
from guardrails.gates import AGAIN, Kind, Proposal, better, lift, lowering, promotion
from guardrails.money import Money
from handlers.alerts.message import mention_of
from handlers.conversation import said as one_sentence
from handlers.gates.evidence import Shown, gate_of, read_evidence
from handlers.gates.message import gate_message, key_of_case, title_of
from handlers.gates.wording import line
from handlers.runbooks import post_runbook
from handlers.sandboxes import money
from handlers.sandboxes.message import STATES, key_of
from handlers.sandboxes.showing import tell
from handlers.turn import Turn
from storage import gates, sandboxes
from storage.gates import CaseRow
from storage.sandboxes import SandboxRow

GATES = "gates"  # who does what happens by itself


def look_at_gates(turn: Turn) -> int:
    """Brings every sandbox's gate in line; doing it again changes nothing. Returns how many are proposed anew."""
    ids = {row.id for row in sandboxes.living(turn.connection)} | set(
        gates.with_open(turn.connection)
    )
    # All locks before the first audit entry, whose lock everybody wants: a click has its sandbox and waits for it.
    for sandbox_id in sorted(ids):
        sandboxes.get(turn.connection, sandbox_id, lock=True)
    return sum(look_at_gate(turn, sandbox_id) for sandbox_id in sorted(ids))


def look_at_gate(turn: Turn, sandbox_id: str) -> int:
    """The same for one sandbox: 1 when something is proposed anew."""
    row = sandboxes.get(turn.connection, sandbox_id, lock=True)
    if row is None:
        return 0
    case = gates.open_of(turn.connection, row.id)
    shown = shown_of(turn, row)
    if case is not None and follow(turn, row, case, shown).case is not None:
        return 0
    return _propose(turn, row, shown) if shown is not None else 0


def shown_of(turn: Turn, row: SandboxRow) -> Shown | None:
    """The evidence of an active sandbox at its gate; None when there is nothing to judge."""
    gate = gate_of(turn, row) if row.state == "active" else None
    return read_evidence(turn, row, gate) if gate is not None else None


@dataclass(frozen=True)
class Followed:
    """What became of a proposal: its row as it is now, or why it was withdrawn."""

    case: CaseRow | None
    why: str = ""


def follow(turn: Turn, row: SandboxRow, case: CaseRow, shown: Shown | None) -> Followed:
    """Brings a proposal that waits, its sandbox locked, in line with the newest evidence; or withdraws it."""
    why = _over(turn, row, case, shown)
    if why or shown is None:
        return _withdraw(turn, row, case, why)
    terms = _terms(turn, row, case, shown)
    if terms is None:
        return _withdraw(turn, row, case, "Nothing is left that could be lowered.")
    facts = _facts(turn, row, shown, terms)
    amount = Money(terms.amount, turn.policy.workspace.currency).micros
    if facts == case.facts and amount == case.amount_micros:
        return Followed(case)
    values = {"facts": facts, "amount_micros": amount}
    if any(facts[key] != case.facts[key] for key in ("to", "cap", "unsigned")):
        gates.change(
            turn.connection, case, **values
        )  # what a button says is no longer what it does
    else:
        gates.refresh(turn.connection, case, **values)
    return Followed(show_case(turn, row, case.id))


def show_case(turn: Turn, row: SandboxRow, case_id: str) -> CaseRow:
    """Edits the card to what is true now, wherever it stands."""
    case = gates.get(turn.connection, case_id)
    if case is None:
        raise LookupError(f"gate case {case_id} is not there")
    turn.edit(key_of_case(case.id), gate_message(turn.policy, row, case))
    return case


def close(
    turn: Turn, row: SandboxRow, case: CaseRow, state: str, *, actor: str, name: str, why: str
) -> CaseRow:
    """Decides a proposal that waits, and shows it."""
    gates.change(
        turn.connection,
        case,
        state=state,
        decided_at=turn.now,
        decided_by=actor,
        decided_name=name,
        reason=why,
        policy_hash=turn.loaded.hash,
    )
    return show_case(turn, row, case.id)


def _over(turn: Turn, row: SandboxRow, case: CaseRow, shown: Shown | None) -> str:
    """Why a proposal can no longer be decided; empty when it can."""
    if row.state != "active":
        return f"The sandbox is no longer active: {STATES[row.state].lower()}."
    if shown is None or shown.gate.name != case.gate or row.stage != case.facts["from"]:
        return f"The policy's gate {case.gate} no longer leads out of its stage."
    if case.kind == "promote" and shown.judged.failing:
        failed = "; ".join(line(turn.policy, i)[2:] for i in shown.judged.failing)
        return f"The evidence is no longer there: {failed}."
    if case.kind == "lower" and shown.judged.ready:
        return "The evidence is there now."
    return ""


def _terms(turn: Turn, row: SandboxRow, case: CaseRow, shown: Shown) -> Proposal | None:
    """What is proposed now. A lower cap stays as it was proposed while it is above what is spent."""
    cap = money.cap(turn, row)
    if case.kind == "promote":
        return lift(shown.gate, cap, row.ends_on, turn.today)
    wanted, before = Decimal(case.facts["cap"]), Decimal(case.facts["cap_before"])
    if before == cap and wanted >= money.spent(turn, row):
        return Proposal("lower", row.stage, wanted - cap, wanted, row.ends_on)
    return _lowering(turn, row, shown, cap)


def _propose(turn: Turn, row: SandboxRow, shown: Shown) -> int:
    """Proposes what the evidence says, unless that was declined and nothing has changed since."""
    cap = money.cap(turn, row)
    terms = promotion(shown.judged, cap, row.ends_on, turn.today)
    if terms is None:
        terms = _lowering(turn, row, shown, cap)
    if terms is None or not _again(turn, row, shown, terms.kind):
        return 0
    case_id = secrets.token_urlsafe(9)
    added = gates.add(
        turn.connection,
        id=case_id,
        sandbox_id=row.id,
        gate=shown.gate.name,
        kind=terms.kind,
        state="proposed",
        version=1,
        amount_micros=Money(terms.amount, turn.policy.workspace.currency).micros,
        facts=_facts(turn, row, shown, terms),
        proposed_at=turn.now,
        decided_by="",
        decided_name="",
        reason="",
        policy_hash=turn.loaded.hash,
    )
    case = gates.get(turn.connection, case_id) if added else None
    if case is None:
        return 0
    turn.audit(
        GATES,
        "gate.proposed",
        key_of(row.id),
        f"{terms.kind} at the gate {shown.gate.name}",
        **detail(turn, case),
    )
    turn.reply(key_of(row.id), key_of_case(case.id), gate_message(turn.policy, row, case))
    post_runbook(turn, "gate", key_of(row.id), key_of_case(case.id))
    own = f"{title_of(turn.policy, row, case)} is proposed. It is decided in #{row.channel}."
    turn.tell(row.owner, f"{key_of_case(case.id)}:told", one_sentence(own))
    return 1


def _lowering(turn: Turn, row: SandboxRow, shown: Shown, cap: Decimal) -> Proposal | None:
    """The lower cap, counted from the day on which the stage began or the cap was last lowered."""
    if shown.since is None:
        return None
    since = shown.since
    lowered = gates.last_of(turn.connection, row.id, "lower", "done", shown.gate.name)
    if lowered is not None:
        zone = turn.policy.workspace.zone
        since = max(since, lowered.decided_at.astimezone(zone).date())
    return lowering(
        shown.judged,
        cap=cap,
        spent=money.spent(turn, row),
        ends_on=row.ends_on,
        days_in_stage=(turn.today - since).days,
        currency=turn.policy.workspace.currency,
    )


def _again(turn: Turn, row: SandboxRow, shown: Shown, kind: Kind) -> bool:
    """Whether something may be proposed that may have been declined before."""
    last = gates.last_of(turn.connection, row.id, kind, "declined", shown.gate.name)
    if last is None or turn.now >= last.decided_at + timedelta(days=AGAIN):
        return True
    before = {name: Decimal(value) for name, value in last.facts["values"].items()}
    return kind == "promote" and better(before, shown.values, shown.judged)


def _facts(turn: Turn, row: SandboxRow, shown: Shown, terms: Proposal) -> dict[str, Any]:
    """The numbers of a proposal, as its card shows them."""
    judged = shown.judged
    signed = {s.role: f"{s.name}, {_day(turn, s.at)}" for s in shown.signs}
    return {
        "from": row.stage,
        "to": terms.stage,
        "cap_before": str(terms.cap - terms.amount),
        "cap": str(terms.cap),
        "spent": str(money.spent(turn, row)),
        "ends_on": terms.ends_on.isoformat() if terms.ends_on else "",
        "through": shown.through.isoformat() if shown.through else "",
        "items": [
            line(turn.policy, i, signed.get(i.evidence.role or "", "")) for i in judged.items
        ],
        "met": judged.count,
        "values": {name: str(value) for name, value in shown.values.items()},
        "unsigned": list(judged.unsigned),
        "unknown": len(judged.unknown),
        "by": list(shown.gate.by),
    }


def _day(turn: Turn, at: Any) -> str:
    return words.day(at.astimezone(turn.policy.workspace.zone).date())


def detail(turn: Turn, case: CaseRow) -> dict[str, Any]:
    """What the audit keeps of a proposal."""
    f = case.facts
    return {
        "case": case.id,
        "gate": case.gate,
        "amount": str(Decimal(case.amount_micros).scaleb(-6)),
        "currency": turn.policy.workspace.currency,
        "cap": f["cap"],
        "stage": f["to"],
        "evidence": f["items"],
    }


def _withdraw(turn: Turn, row: SandboxRow, case: CaseRow, why: str) -> Followed:
    close(turn, row, case, "withdrawn", actor=GATES, name="", why=why)
    turn.audit(GATES, "gate.withdrawn", key_of(row.id), why, case=case.id, gate=case.gate)
    title = title_of(turn.policy, row, case)
    owner = mention_of(turn.policy, row.owner)
    tell(turn, row, f"gate-{case.id}-withdrawn", owner, f" {title} is withdrawn. {why}")
    return Followed(None, why)
