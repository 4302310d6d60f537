"""Carries out what the rules decided about one line of one sandbox: rows, one audit entry, messages."""

import secrets
from dataclasses import dataclass, replace
from typing import Any

from guardrails.alerts.words import day as in_day
from guardrails.maturity import Judged
from guardrails.policy.redlines import Redline
from guardrails.redlines import words
from guardrails.redlines.reading import Crossing, is_beyond
from guardrails.redlines.step import BLIND, LEVELS, CaseSoFar, Decision, after, held_back, stamp
from handlers.alerts.message import in_words, mention_of
from handlers.redlines.cases import REDLINES, is_shown, kept, measured, so_far
from handlers.redlines.clocks import wind
from handlers.redlines.message import headline, key_of, state_line
from handlers.redlines.showing import show, tell_owner, warn
from handlers.runbooks import post_runbook
from handlers.sandboxes import control
from handlers.sandboxes import showing as sandbox_showing
from handlers.sandboxes.message import key_of as sandbox_key
from handlers.turn import Turn
from storage import redlines
from storage.redlines import CaseRow
from storage.sandboxes import SandboxRow

STOPPABLE = ("allocated", "active", "throttled")


@dataclass(frozen=True)
class Judgement:
    """One line of one sandbox, judged: what it is about, and how far the team's level goes."""

    row: SandboxRow
    line: Redline
    case: CaseRow | None
    crossing: Crossing
    level: Judged | None  # not asked for while a line is not crossed and can be judged


def carry_out(turn: Turn, j: Judgement, decision: Decision) -> bool:
    """Does what was decided; returns whether it was more than bringing the numbers up to date."""
    before = so_far(j.case)
    match decision.kind:
        case "nothing":
            if j.case is not None:
                _follow(turn, j, j.case, decision)
            return False
        case "doubts":
            return _doubt(turn, j)
        case "ended":
            if j.case is not None:
                close(turn, j.row, j.case, _within(turn, j), "ended", **_facts(turn, j))
            return j.case is not None
        case "withheld":
            case = _keep(turn, j, after(before, decision, turn.now))
            wind(turn, case.id, decision.again_at)
            show(turn, j.row, case)
            _audit(turn, j, case, "withheld", case.facts["withheld"])
        case "nudge":
            case = _keep(turn, j, after(before, decision, turn.now))
            wind(turn, case.id, decision.again_at)
            show(turn, j.row, case)
            _audit(turn, j, case, "nudged", headline(case))
        case "warn":
            _warn(turn, j, after(before, decision, turn.now), decision)
        case "throttle":
            _throttle(turn, j, after(before, decision, turn.now), decision)
        case "halt":
            case = _keep(turn, j, after(before, decision, turn.now))
            stop(turn, j.row, case, actor=REDLINES, name=f"Redline {j.line.name}")
    return True


def stop(turn: Turn, row: SandboxRow, case: CaseRow, *, actor: str, name: str) -> SandboxRow:
    """Halts the sandbox and ends the case's ladder: it begins anew when the sandbox is resumed.

    ``case`` has the halt among what was taken. Raises a refusal when the sandbox cannot be halted any more.
    """
    row = control.halt(turn, row, actor=actor, name=name, why=headline(case))
    case = redlines.change(
        turn.connection,
        case,
        act_at=None,
        stopped_at=turn.now,
        closed_at=turn.now,
        facts={**case.facts, "stopped": "halt", "stopped_by": name, "doubt": ""},
    )
    wind(turn, case.id, None)
    turn.audit(
        actor,
        "redline.halted",
        key_of(case.id),
        headline(case),
        redline=case.redline,
        sandbox=sandbox_key(row.id),
        measured=case.facts["measured"],
    )
    show(turn, row, case)
    told = f"The sandbox {row.name} is halted by {name}. {headline(case)} Its data stay."
    tell_owner(turn, row, case, "halted", told)
    return row


def close(turn: Turn, row: SandboxRow, case: CaseRow, why: str, code: str, **facts: Any) -> CaseRow:
    """Ends a case without stopping anything. ``code``: ended, withdrawn (its line or sandbox is gone)."""
    case = redlines.change(
        turn.connection,
        case,
        act_at=None,
        closed_at=turn.now,
        facts={**case.facts, **facts, "end": why, "doubt": ""},
    )
    wind(turn, case.id, None)
    turn.audit(
        REDLINES,
        f"redline.{code}",
        key_of(case.id),
        why,
        redline=case.redline,
        sandbox=sandbox_key(row.id),
    )
    show(turn, row, case)
    if is_shown(case) and row.state in STOPPABLE:
        said = f"Redline {case.redline} is over. {why}"
        sandbox_showing.tell(turn, row, f"redline-{case.id}-over", said)
    return case


def _warn(turn: Turn, j: Judgement, then: CaseSoFar, decision: Decision) -> None:
    case = _keep(turn, j, then)
    wind(turn, case.id, decision.again_at)
    warn(turn, j.row, case)
    people = (mention_of(turn.policy, j.row.owner),)
    post_runbook(turn, "redline", sandbox_key(j.row.id), key_of(case.id), people)
    what_then = in_words(turn.policy, state_line(turn, case, j.line))
    where = f"The sandbox's thread in #{j.row.channel} has the buttons."
    said = f"{headline(case)} {what_then} {case.facts['withheld']}".strip()
    tell_owner(turn, j.row, case, f"warned-{case.version}", f"{said} {where}")
    act_at = decision.act_at.isoformat() if decision.act_at else ""
    _audit(turn, j, case, "warned", headline(case), act_at=act_at)


def _throttle(turn: Turn, j: Judgement, then: CaseSoFar, decision: Decision) -> None:
    case = _keep(turn, j, then)
    name = f"Redline {j.line.name}"
    row = j.row
    if row.state == "active":
        row = control.throttle(turn, row, actor=REDLINES, name=name, why=headline(case))
        stopped = {"stopped": "throttle", "stopped_by": name}
        facts = {**case.facts, **stopped}
        case = redlines.change(turn.connection, case, stopped_at=turn.now, facts=facts)
    wind(turn, case.id, decision.again_at)
    show(turn, row, case)
    what_then = in_words(turn.policy, state_line(turn, case, j.line))
    tell_owner(turn, row, case, "throttled", f"Sandbox {row.name}: {headline(case)} {what_then}")
    act_at = decision.act_at.isoformat() if decision.act_at else ""
    _audit(turn, j, case, "throttled", headline(case), act_at=act_at, was=j.row.state)


def _doubt(turn: Turn, j: Judgement) -> bool:
    """Says that a line cannot be judged: in the thread once for each source and newest day, and on the card."""
    why = words.doubt(j.crossing)
    if j.case is not None:
        then = replace(so_far(j.case), doubted=stamp(j.crossing))
        facts = {**j.case.facts, "doubt": f"{why} Nothing is stopped until it can be judged again."}
        case = redlines.change(turn.connection, j.case, **kept(then), facts=facts)
        show(turn, j.row, case)
        _audit(turn, j, case, "doubted", why)
    level = j.level.level if j.level else 0
    if j.crossing.reason not in BLIND or level < LEVELS["nudge"]:
        return j.case is not None
    before = len(turn.said)
    news = f"redlines-blind {j.crossing.reason} {j.crossing.source} {j.crossing.through or ''}"
    said = f"{why} So what its redlines say of now is not known, and none of them stops anything."
    sandbox_showing.tell(turn, j.row, news.strip(), said)
    return j.case is not None or len(turn.said) > before


def _follow(turn: Turn, j: Judgement, case: CaseRow, decision: Decision) -> None:
    """The newest numbers on the card; they change nothing else."""
    if j.crossing.kind == "crossed":
        facts = {**case.facts, **_facts(turn, j), "doubt": ""}
        if facts != case.facts or case.doubted:
            case = redlines.change(turn.connection, case, facts=facts, doubted="")
            show(turn, j.row, case)
        wind(turn, case.id, decision.again_at)


def _keep(turn: Turn, j: Judgement, then: CaseSoFar) -> CaseRow:
    """The case as it is after a step: opened with its first one."""
    known = {**_facts(turn, j), "doubt": ""}
    if j.case is not None:
        known = {**j.case.facts, **known}
        return redlines.change(turn.connection, j.case, **kept(then), facts=known)
    case_id = secrets.token_urlsafe(9)
    redlines.add(
        turn.connection,
        id=case_id,
        sandbox_id=j.row.id,
        redline=j.line.name,
        version=1,
        **kept(then),
        facts=known,
        opened_at=turn.now,
        policy_hash=turn.loaded.hash,
    )
    case = redlines.get(turn.connection, case_id)
    if case is None:
        raise LookupError(f"sandbox {j.row.id} has an open case of {j.line.name} already")
    return case


def _facts(turn: Turn, j: Judgement) -> dict[str, Any]:
    said = measured(j.line, j.row, j.crossing, turn.policy)
    return {**said, **_withheld(turn, j)} if j.crossing.kind == "crossed" else said


def _within(turn: Turn, j: Judgement) -> str:
    day, value = next(
        (d, v) for d, v in reversed(j.crossing.values) if v is not None and not is_beyond(j.line, v)
    )
    currency = turn.policy.workspace.currency
    said = f"It is within the limit again: {words.value(j.line, value, currency)} on {in_day(day)}."
    if j.row.state == "throttled" and j.case is not None and j.case.stopped_at is not None:
        said += " The sandbox stays throttled until somebody presses Resume."
    return said


def _withheld(turn: Turn, j: Judgement) -> dict[str, str]:
    """What the team's level or the stage holds back, and what the next level needs."""
    level = j.level.level if j.level else 0
    exempt = j.row.stage in turn.policy.redlines.never_stop
    actions, reason = held_back(j.line, level, exempt=exempt)
    if not actions:
        return {"withheld": "", "needs": ""}
    said = words.withheld(actions, reason, j.row.team, level, j.row.stage)
    needs = "; ".join(j.level.needs) if j.level and reason == "level" else ""
    return {"withheld": said, "needs": f"The next level needs: {needs}." if needs else ""}


def _audit(turn: Turn, j: Judgement, case: CaseRow, did: str, why: str, **more: Any) -> None:
    turn.audit(
        REDLINES,
        f"redline.{did}",
        key_of(case.id),
        why,
        redline=j.line.name,
        sandbox=sandbox_key(j.row.id),
        level=j.level.level if j.level else None,
        measured=case.facts["measured"],
        **more,
    )
