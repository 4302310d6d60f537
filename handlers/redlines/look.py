"""The look at every sandbox's redlines: after the bills, and when a countdown ends."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from guardrails.policy.redlines import Redline
from guardrails.redlines.reading import judge
from guardrails.redlines.step import step
from handlers.alerts.message import mention_of
from handlers.conversation import At
from handlers.deadlines import due
from handlers.maturity import level_of
from handlers.redlines.carry import STOPPABLE, Judgement, carry_out, close
from handlers.redlines.cases import first_day, has_stopped, so_far
from handlers.redlines.clocks import ACT, REMIND
from handlers.redlines.message import next_stop
from handlers.redlines.reading import line_of, lines_for, reading_of
from handlers.redlines.showing import show
from handlers.redlines.verify import verify_halts
from handlers.sandboxes import showing as sandbox_showing
from handlers.turn import Turn
from storage import redlines, sandboxes
from storage.redlines import CaseRow
from storage.sandboxes import SandboxRow


def look_at_redlines(turn: Turn) -> int:
    """Looks at every sandbox that lives or has an open case; returns how much was done. Again, nothing is."""
    return sum(look_at(turn, sandbox_id) for sandbox_id in sandboxes_to_look_at(turn))


def sandboxes_to_look_at(turn: Turn) -> list[str]:
    """The ids of the sandboxes whose redlines are looked at: each may be a transaction of its own."""
    living = [row.id for row in sandboxes.living(turn.connection)]
    return sorted({*living, *redlines.with_open_cases(turn.connection)})


def look_at(turn: Turn, sandbox_id: str) -> int:
    """Brings the redlines of one sandbox in line with bill, policy, level and state of now."""
    row = sandboxes.get(turn.connection, sandbox_id, lock=True)
    if row is None:
        return 0
    cases = redlines.of_sandbox(turn.connection, row.id)
    done = _resumed_elsewhere(turn, row, cases) + verify_halts(turn, row)
    if row.state not in STOPPABLE:
        return done + _close_open(turn, row)
    lines = lines_for(turn.policy, row)
    for case in _open(turn, row):
        if case.redline not in {line.name for line in lines}:
            known = case.redline in {line.name for line in turn.policy.redlines.lines}
            why = (
                "It no longer holds for this sandbox."
                if known
                else "It is no longer in the policy."
            )
            close(turn, row, case, why, "withdrawn")
            done += 1
    for line in lines:
        if row.state not in STOPPABLE:  # the line before has halted it
            return done + _close_open(turn, row)
        done += _look_at_line(turn, row, line)
        row = sandboxes.get(turn.connection, sandbox_id) or row
    return done + (_close_open(turn, row) if row.state not in STOPPABLE else 0)


@due(ACT)
def countdown_over(turn: Turn, case_id: str, inputs: dict[str, Any]) -> None:
    """The next action may be due: everything is read again, and the rules are asked again."""
    case = redlines.get(turn.connection, case_id)
    if case is not None and case.closed_at is None:
        look_at(turn, case.sandbox_id)


@due(REMIND)
def kept_time_ends(turn: Turn, case_id: str, inputs: dict[str, Any]) -> None:
    """A word to the owner before what was kept running is stopped after all."""
    case = redlines.get(turn.connection, case_id)
    row = sandboxes.get(turn.connection, case.sandbox_id, lock=True) if case else None
    case = redlines.get(turn.connection, case_id)  # as it is under the lock
    line = line_of(turn.policy, case.redline) if case else None
    if case is None or row is None or line is None or row.state not in STOPPABLE:
        return
    if case.closed_at is None and case.act_at is not None and turn.now < case.act_at:
        sandbox_showing.tell(
            turn,
            row,
            f"redline-{case.id}-ends-{case.kept_times}",
            mention_of(turn.policy, row.owner),
            f" It {next_stop(line, case)}s ",
            At(time=case.act_at),
            f": the time for which {case.facts['kept_by']} kept it running ends.",
        )


def _look_at_line(turn: Turn, row: SandboxRow, line: Redline) -> int:
    cases = redlines.of_sandbox(turn.connection, row.id)
    case = next((c for c in cases if c.redline == line.name and c.closed_at is None), None)
    crossing = judge(line, reading_of(turn, row, line, first_day(turn, row, cases)))
    before = so_far(case)
    j = Judgement(row, line, case, crossing, None)
    if crossing.kind == "crossed" or (crossing.kind == "unknown" and crossing.reason != "young"):
        j = replace(j, level=level_of(turn, row.team))
    decision = step(
        line,
        before,
        crossing,
        now=turn.now,
        level=j.level.level if j.level else 0,
        exempt=row.stage in turn.policy.redlines.never_stop,
    )
    return int(carry_out(turn, j, decision))


def _open(turn: Turn, row: SandboxRow) -> list[CaseRow]:
    cases = redlines.of_sandbox(turn.connection, row.id)
    return [c for c in cases if c.closed_at is None]


def _close_open(turn: Turn, row: SandboxRow) -> int:
    """Ends the cases of a sandbox that is halted or has ended: there is nothing left to stop."""
    cases = _open(turn, row)
    for case in cases:
        why = f"The sandbox is {row.state}."
        if row.state == "halted":
            why += " When it is resumed the redline begins anew."
        if has_stopped(case):  # whoever halted it since is asked for Resume, not this case
            case = redlines.change(turn.connection, case, stopped_at=None)
        close(turn, row, case, why, "withdrawn")
    return len(cases)


def _resumed_elsewhere(turn: Turn, row: SandboxRow, cases: Iterable[CaseRow]) -> int:
    """Notes that what a case stopped runs again although nobody pressed Resume here."""
    found = 0
    for case in cases:
        runs = row.state in ("allocated", "active")
        runs = runs or (row.state == "throttled" and case.facts.get("stopped") == "halt")
        if has_stopped(case) and runs:
            values = {"closed_at": case.closed_at or turn.now, "act_at": None}
            case = redlines.change(turn.connection, case, resumed_at=turn.now, **values)
            show(turn, row, case)
            found += 1
    return found
