"""Gates on stored history: the day on which each would have been ready."""

from guardrails.gates import judge, with_target
from guardrails.policy.gates import gate_from
from guardrails.replay.events import Event
from handlers.gates.evidence import reading
from handlers.replay.redlines import Sandboxes
from handlers.replay.rounds import looks
from handlers.turn import Turn
from storage import history
from storage.policy_file import LoadedPolicy


def gate_events(them: Sandboxes, loaded: LoadedPolicy) -> list[Event]:
    """The first day on which all that a gate measures was there, by sandbox and gate. Stages are as recorded."""
    policy, rounds = loaded.policy, them.books.rounds
    found: dict[tuple[str, str], Event] = {}
    if not policy.gates:
        return []
    for at, day in looks(policy, rounds.days):
        turn = Turn(them.connection, loaded, at, lambda channel: ())
        through = rounds.through(policy, day)
        for row in them.rows:
            stage = them.stage(row, at)
            gate = gate_from(policy.gates, stage, row.team, row.feature, row.workload)
            runs = any(a <= at and (b is None or at < b) for a, b in them.lives[row.id].runs)
            if gate is None or not runs or (row.name, gate.name) in found:
                continue
            gate = with_target(gate, row.metric, row.target)
            since = them.since(row, at, policy)
            readings = [reading(turn, row, e, through, since) for e in gate.evidence]
            if judge(gate, readings, ()).ready:
                what = f"gate {gate.name}: ready"
                found[row.name, gate.name] = Event(row.name, what, day, gate.to, gate.cap)
    return list(found.values())


def recorded_gates(them: Sandboxes, loaded: LoadedPolicy) -> list[Event]:
    """The first proposals of promotions on the days of the replay, with the cap of the policy's gate."""
    zone, rounds = loaded.policy.workspace.zone, them.books.rounds
    names = {row.id: row.name for row in them.rows}
    gates = {gate.name: gate for gate in loaded.policy.gates}
    found: dict[tuple[str, str], Event] = {}
    for case in history.gate_cases(them.connection):
        day = case.proposed_at.astimezone(zone).date()
        name, gate = names.get(case.sandbox_id), gates.get(case.gate)
        if case.kind == "promote" and name is not None and gate is not None:
            what = f"gate {gate.name}: ready"
            found.setdefault((name, gate.name), Event(name, what, day, gate.to, gate.cap))
    return [e for e in found.values() if rounds.first <= e.day <= rounds.last]
