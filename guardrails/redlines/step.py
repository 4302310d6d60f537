"""What is done next about a line. Pure: it depends on nothing but its inputs.

The order is nudge, warn with a countdown, throttle, halt. What a team's level or the stage withholds is recorded
in place of the action. Throttle and halt need a warning that said when, and whose time is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from guardrails.policy.people import Role
from guardrails.policy.redlines import ACTIONS, Action, Redline
from guardrails.redlines.reading import Crossing

#: From which maturity level on an action is carried out.
LEVELS: dict[Action, int] = {"nudge": 1, "warn": 2, "throttle": 3, "halt": 3}
HARD: tuple[Action, ...] = ("throttle", "halt")
#: Reasons that people are told of even when no line is known to be crossed.
BLIND = ("stale", "no-data")

Kind = Literal["nothing", "nudge", "warn", "throttle", "halt", "withheld", "ended", "doubts"]


@dataclass(frozen=True)
class Taken:
    """One step of a case: the action was carried out, or withheld."""

    action: Action
    at: datetime
    withheld: bool = False


@dataclass(frozen=True)
class CaseSoFar:
    """How far a crossing's ladder has come; empty when there is no case.

    ``act_at``: when the countdown ends, None when no warning has announced a stop. ``doubted``: why it was last
    said that the line cannot be judged.
    """

    taken: tuple[Taken, ...] = ()
    act_at: datetime | None = None
    kept_until: datetime | None = None
    kept_times: int = 0
    doubted: str = ""

    def did(self, action: Action) -> bool:
        return any(t.action == action and not t.withheld for t in self.taken)

    def withheld(self, action: Action) -> bool:
        return any(t.action == action and t.withheld for t in self.taken)


@dataclass(frozen=True)
class Decision:
    """What to do now, with a reason code. ``action``: what is withheld, or waits. ``act_at``: the end of the
    countdown that a warning or a throttle announces. ``again_at``: when to ask again; None: at the next look."""

    kind: Kind
    reason: str
    action: Action | None = None
    act_at: datetime | None = None
    again_at: datetime | None = None


def step(
    line: Redline, case: CaseSoFar, crossing: Crossing, *, now: datetime, level: int, exempt: bool
) -> Decision:
    """The next thing to do; ``exempt``: the stage is never stopped."""
    if crossing.kind == "unknown":
        return _doubt(case, crossing)
    if crossing.kind == "within":
        return Decision("ended" if case.taken else "nothing", "within")
    if case.kept_until is not None and now < case.kept_until:
        return Decision("nothing", "kept", again_at=case.kept_until)
    action = _next(line, case)
    if action is None:
        return Decision("nothing", "done")
    hard = action in HARD
    reason = "level" if level < LEVELS[action] else "stage" if hard and exempt else ""
    if hard and case.act_at is not None and now < case.act_at:
        return Decision("nothing", "countdown", action, again_at=case.act_at)
    if reason:
        if case.withheld(action) and case.act_at is None:
            return Decision("nothing", reason, action)
        return Decision("withheld", reason, action)
    if action == "nudge":
        return Decision("nudge", "crossed", again_at=_after(line, action, now))
    if action == "warn":
        last = max((t.at for t in case.taken if not t.withheld), default=None)
        if last is not None and now < last + timedelta(hours=line.wait_hours):
            waits = last + timedelta(hours=line.wait_hours)
            return Decision("nothing", "waits", action, again_at=waits)
        return _warn(line, now, "crossed", stops=level >= LEVELS["halt"] and not exempt)
    if case.act_at is None:  # it was announced that nothing would be stopped: that has changed
        return _warn(line, now, "stops-now", stops=True)
    if action == "throttle" and "halt" in line.actions:
        act_at = now + timedelta(hours=max(line.wait_hours, line.countdown_hours))
        return Decision("throttle", "countdown-over", act_at=act_at, again_at=act_at)
    return Decision("throttle" if action == "throttle" else "halt", "countdown-over")


def after(case: CaseSoFar, decision: Decision, now: datetime) -> CaseSoFar:
    """The case once a decision is carried out. A countdown that is withheld is over: it does not run on unseen."""
    action = decision.action if decision.kind == "withheld" else decision.kind
    if action not in ACTIONS:
        return case
    withheld = decision.kind == "withheld"
    taken = (*case.taken, Taken(action, now, withheld))
    return replace(case, taken=taken, act_at=decision.act_at, doubted="")


def keep(line: Redline, case: CaseSoFar, now: datetime) -> CaseSoFar:
    """The case once somebody has pressed Keep running: the countdown ends no earlier than that."""
    until = now + timedelta(hours=line.keep_running.hours)
    act_at = case.act_at and max(case.act_at, until)
    return replace(case, kept_until=until, kept_times=case.kept_times + 1, act_at=act_at)


def may_keep(line: Redline, case: CaseSoFar, roles: frozenset[Role]) -> str:
    """Why someone with these roles cannot keep it running: no-countdown, used-up, role; empty when they can."""
    if case.act_at is None:
        return "no-countdown"
    if case.kept_times >= line.keep_running.times:
        return "used-up"
    return "role" if roles.isdisjoint(line.keep_running.roles) else ""


def stops(line: Redline) -> Action | None:
    """The first action of a line that stops something; None when it only speaks."""
    return next((a for a in line.actions if a in HARD), None)


def held_back(line: Redline, level: int, *, exempt: bool) -> tuple[tuple[Action, ...], str]:
    """The actions of a line that are withheld now, and why: level, or stage; empty when none is."""
    by_level = tuple(a for a in line.actions if level < LEVELS[a])
    if by_level:
        return by_level, "level"
    by_stage = tuple(a for a in line.actions if exempt and a in HARD)
    return by_stage, "stage" if by_stage else ""


def stamp(crossing: Crossing) -> str:
    """Names one reason why a line cannot be judged, so that it is said once."""
    return f"{crossing.reason} {crossing.source} {crossing.through or ''}".strip()


def _doubt(case: CaseSoFar, crossing: Crossing) -> Decision:
    told = bool(case.taken) or crossing.reason in BLIND
    if crossing.reason == "young" or not told or case.doubted == stamp(crossing):
        return Decision("nothing", crossing.reason)
    return Decision("doubts", crossing.reason)


def _next(line: Redline, case: CaseSoFar) -> Action | None:
    """The first action after the last that was carried out: a policy that adds an earlier one does not go back."""
    done: Sequence[int] = [ACTIONS.index(t.action) for t in case.taken if not t.withheld]
    last = max(done, default=-1)
    return next((a for a in line.actions if ACTIONS.index(a) > last), None)


def _warn(line: Redline, now: datetime, reason: str, *, stops: bool) -> Decision:
    following = any(a in HARD for a in line.actions)
    act_at = now + timedelta(hours=line.countdown_hours) if stops and following else None
    return Decision("warn", reason, act_at=act_at, again_at=act_at)


def _after(line: Redline, action: Action, now: datetime) -> datetime | None:
    following = [a for a in line.actions if ACTIONS.index(a) > ACTIONS.index(action)]
    return now + timedelta(hours=line.wait_hours) if following else None
