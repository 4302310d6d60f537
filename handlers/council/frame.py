"""The frame of one week's council: the policy's rules, from when to when, as of when."""

from dataclasses import dataclass, replace
from datetime import datetime

from guardrails import council
from guardrails.business_time import Calendar, add_hours, opens
from guardrails.council import Week
from guardrails.periods import Period
from guardrails.policy.council import Council
from guardrails.policy.model import Policy
from handlers.conversation import Block, Text
from handlers.overruns.placing import calendar
from handlers.turn import Turn
from storage import budgets
from storage.council import digest


@dataclass(frozen=True)
class Part:
    """One part of a digest, a reply in its thread. ``line``: the words for the root; empty says nothing there.
    ``loud``: the week is not quiet."""

    name: str
    title: str
    blocks: tuple[Block, ...]
    line: Text = ()
    loud: bool = True


@dataclass(frozen=True)
class Frame:
    """What a week's digest is made of: ``turn`` is as of the council's time, whenever it is looked at.

    ``period``: the days whose spend is shown, complete ones only; None when none is. ``earlier``: as many days, a
    week before.
    """

    turn: Turn
    rules: Council
    week: Week
    since: datetime
    until: datetime
    period: Period | None
    earlier: Period | None

    @property
    def calendar(self) -> Calendar:
        return calendar(self.turn.policy)


def key_of(week: Week | str) -> str:
    """The message key of a week's digest."""
    return f"council:{week}"


def set_up(policy: Policy) -> Council | None:
    """The policy's council; None when it has none, and nothing is posted."""
    return policy.council


def rules_of(policy: Policy) -> Council:
    """The policy's council, else the usual one in the default channel: to look at a digest before it is set up."""
    return set_up(policy) or Council(channel=policy.alerts.default)


def coming_week(turn: Turn) -> Week:
    """The week whose digest is posted next. Raises LookupError when there is none within a year."""
    rules, own = rules_of(turn.policy), calendar(turn.policy)
    week = council.next_week(rules, own, turn.now)
    # The policy may have moved a council whose digest was posted to a later day of its week.
    while digest(turn.connection, str(week)) is not None:
        week = council.next_week(rules, own, turn.now, after=week)
    return week


def frame_of(turn: Turn, week: Week) -> Frame:
    """The frame of a week. Raises LookupError with a sentence where it has no council or is too far ahead."""
    rules, policy = rules_of(turn.policy), turn.policy
    if week > Week.of(turn.today):
        coming = coming_week(turn)
        if week > coming:
            raise LookupError(f"{week} is too far ahead: the next council is {coming}.")
    until = council.moment(rules, calendar(policy), week)
    if until is None:
        raise LookupError(f"There is no council in {week}: council.moved or a holiday says so.")
    period = week.before
    known = budgets.last_complete_day(turn.connection, policy)
    if known is None or known < period.first:
        shown = earlier = None
    else:
        shown = Period(period.first, min(period.last, known))
        earlier = Period(shown.first - council.WEEK, shown.last - council.WEEK)
    return Frame(
        turn=replace(turn, now=until, said=[]),
        rules=rules,
        week=week,
        since=council.since(rules, calendar(policy), week),
        until=until,
        period=shown,
        earlier=earlier,
    )


def closes_at(frame: Frame) -> datetime:
    """When nobody can vote any more, in UTC: so many working hours after the council's time."""
    return add_hours(frame.calendar, opens(frame.calendar, frame.until), frame.rules.open_hours)
