"""The next checkpoint of a sandbox: which gate, what it opens, what is judged, when it is judged next."""

from datetime import datetime, time, timedelta

from guardrails.alerts import words
from guardrails.lists import either
from guardrails.policy.gates import Gate
from guardrails.sandboxes.life import LIVING
from handlers.conversation import At, Fact, text
from handlers.gates.evidence import gate_of, read_evidence
from handlers.gates.wording import brief
from handlers.sandboxes.money import money
from handlers.turn import Turn
from storage.sandboxes import SandboxRow


def gate_facts(turn: Turn, row: SandboxRow) -> tuple[Fact, ...]:
    """What the sandbox's card says of its next gate; nothing when it has ended or the policy has no gates."""
    if row.state not in LIVING or not turn.policy.gates:
        return ()
    gate = gate_of(turn, row)
    if gate is None:
        said = f"none leads out of the stage {row.stage}"
        return (Fact(label="Next gate", value=text(said)),)
    shown = read_evidence(turn, row, gate)
    judged = " · ".join(brief(turn.policy, item) for item in shown.judged.items)
    facts = [
        Fact(label="Next gate", value=text(opens(turn, gate))),
        Fact(label=f"Judged: {shown.judged.count} of {len(gate.evidence)}", value=text(judged)),
        Fact(label="Judged next", value=text(At(time=next_look(turn)))),
    ]
    if gate.lower_after_days is not None and shown.since is not None:
        day = max(shown.since + timedelta(days=gate.lower_after_days), turn.today)
        said = f"from {words.day(day)} on a lower cap is proposed"
        if day <= row.ends_on:
            facts.append(Fact(label="Without the evidence", value=text(said)))
    return tuple(facts)


def opens(turn: Turn, gate: Gate) -> str:
    """``pilot-proof opens pilot: up to $20,000 for 30 days, decided by lead``."""
    return (
        f"{gate.name} opens {gate.to}: {money(turn, gate.cap)} for {words.days(gate.days)}, "
        f"decided by {either(gate.by)}"
    )


def next_look(turn: Turn) -> datetime:
    """When the bills are read next, and evidence with them."""
    zone = turn.policy.workspace.zone
    times = sorted(time.fromisoformat(t) for t in turn.policy.schedule.read_bills_at)
    days = (turn.today, turn.today + timedelta(days=1))
    ahead = [datetime.combine(day, t, zone) for day in days for t in times]
    return next(at for at in ahead if at > turn.now)
