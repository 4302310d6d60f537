"""The council's rules: which week, when it is posted, what votes come to.

A council is named by the ISO week (ISO 8601) of its day in the policy, also when a holiday moves it into the next.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Literal, NamedTuple, get_args

from guardrails.business_time import Calendar, works_on
from guardrails.lists import every
from guardrails.periods import Period
from guardrails.policy.council import NONE, Council, read_at
from guardrails.policy.people import Role

DAY, WEEK = timedelta(days=1), timedelta(days=7)
#: A digest that could not be posted in time is posted until then.
LATE = timedelta(days=2)
#: A week that somebody names is of these years: days far from today's cannot be counted with.
FIRST_YEAR, LAST_YEAR = 2000, 2199
#: So many weeks without a council are looked over.
FARTHEST = 60

Choice = Literal["continue", "scale", "kill", "defer"]
Said = Literal["continue", "scale", "kill", "defer", "object"]
CHOICES: tuple[Choice, ...] = get_args(Choice)


class Week(NamedTuple):
    """An ISO week, written ``2026-W48``."""

    year: int
    number: int

    @classmethod
    def of(cls, day: date) -> "Week":
        """The week that has the day."""
        found = day.isocalendar()
        return cls(found.year, found.week)

    @classmethod
    def parse(cls, text: str) -> "Week":
        """Reads ``2026-W48``. Raises ValueError with a sentence."""
        read = re.fullmatch(r"(\d{4})-W(\d{2})", text.strip(), re.ASCII | re.IGNORECASE)
        try:
            if read is None:
                raise ValueError
            found = cls(int(read[1]), int(read[2]))
            _ = found.monday
        except ValueError:
            raise ValueError(f"“{text}” is not a week; write it as 2026-W48.") from None
        if not FIRST_YEAR <= found.year <= LAST_YEAR:
            raise ValueError(f"“{text}” is not a week of the years {FIRST_YEAR} to {LAST_YEAR}.")
        return found

    @property
    def monday(self) -> date:
        return date.fromisocalendar(self.year, self.number, 1)

    def plus(self, weeks: int) -> "Week":
        """The week so many weeks later."""
        return Week.of(self.monday + weeks * WEEK)

    @property
    def before(self) -> Period:
        """The seven days whose spend the council looks at: Monday to Sunday before its week."""
        return Period(self.monday - WEEK, self.monday - DAY)

    def __str__(self) -> str:
        return f"{self.year}-W{self.number:02}"


def meets(rules: Council, calendar: Calendar, week: Week) -> datetime | None:
    """The local time (without a zone) at which a week's digest is posted; None when there is no council.

    A day off moves it to the next working day; when that is not before the next week's day, the agenda waits for
    that one. What the policy has moved stays where it was put.
    """
    moved = rules.moved.get(str(week))
    if moved == NONE:
        return None
    weekday, clock = read_at(moved or rules.at)
    day = week.monday + weekday * DAY
    if moved is None and rules.holidays == "next-working-day":
        following = day + WEEK
        while not works_on(calendar, day):
            day += DAY
            if day >= following:
                return None
    return datetime.combine(day, clock)


def moment(rules: Council, calendar: Calendar, week: Week) -> datetime | None:
    """``meets`` as a moment, in UTC: the first of two when the clock has it twice, and when the clock has passed
    it where it skips it."""
    local = meets(rules, calendar, week)
    if local is None:
        return None
    return local.replace(tzinfo=calendar.zone, fold=0).astimezone(UTC)


def due_week(rules: Council, calendar: Calendar, now: datetime) -> Week | None:
    """The week whose digest is to be posted now, or was to be in the last two days; the newest. By the wall clock,
    as the slots of jobs are."""
    local = now.astimezone(calendar.zone).replace(tzinfo=None)
    here = Week.of(local.date())
    for back in (0, -1):
        week = here.plus(back)
        at = meets(rules, calendar, week)
        if at is not None and at <= local < at + LATE:
            return week
    return None


def next_week(
    rules: Council, calendar: Calendar, now: datetime, *, after: Week | None = None
) -> Week:
    """The first week (after another) whose council is still to come. Raises LookupError when there is none within
    a year."""
    local = now.astimezone(calendar.zone).replace(tzinfo=None)
    here = Week.of(local.date()).plus(-1)
    for ahead in range(FARTHEST):
        week = here.plus(ahead)
        at = meets(rules, calendar, week)
        if at is not None and at > local and (after is None or week > after):
            return week
    raise LookupError("The policy has no council in the next year: see council.moved.")


def since(rules: Council, calendar: Calendar, week: Week) -> datetime:
    """When the council before was: what has happened from then on is this one's."""
    end = moment(rules, calendar, week)
    for back in range(1, FARTHEST):
        before = moment(rules, calendar, week.plus(-back))
        if before is not None and (end is None or before < end):
            return before
    raise LookupError("The policy has had no council in the last year: see council.moved.")


# --- votes --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Vote:
    """What one person says, with the roles that count now. Votes come in the order in which people first spoke."""

    person: str
    name: str
    roles: frozenset[Role]
    said: Said
    why: str = ""


@dataclass(frozen=True)
class Outcome:
    """``choice`` is None while nothing stands. ``final``: nobody can change it any more. ``why``: a sentence."""

    choice: Choice | None
    final: bool
    by: tuple[str, ...]
    why: str


def outcome(rules: Council, votes: Sequence[Vote], *, closed: bool) -> Outcome:
    """What the votes come to. At the closing time what is not decided is deferred to the next council."""
    counted = [v for v in votes if not v.roles.isdisjoint(rules.voices)]
    match rules.decide_by:
        case "consent":
            return _consent(counted, closed)
        case "votes":
            return _majority(counted) if closed else Outcome(None, False, (), _so_far(counted))
        case "roles":
            return _roles(rules.agree, counted, closed)


def _consent(votes: Sequence[Vote], closed: bool) -> Outcome:
    first = next((v for v in votes if v.said != "object"), None)
    if first is None or first.said == "object":
        return _nobody() if closed else Outcome(None, False, (), "Nobody has decided yet.")
    against = [v.name for v in votes if v.person != first.person and v.said != first.said]
    if against:
        if closed:
            return _majority(votes)
        said = f"{first.name} said {first.said}; {every(against)} objected. The votes decide: {_so_far(votes)}"
        return Outcome(None, False, (), said)
    with_them = tuple(v.name for v in votes if v.said == first.said)
    why = "Nobody objected." if closed else "It stands unless somebody objects."
    return Outcome(first.said, closed, with_them, why)


def _majority(votes: Sequence[Vote]) -> Outcome:
    """More than half of all who spoke; who only objects has spoken for nothing else."""
    for choice in CHOICES:
        names = tuple(v.name for v in votes if v.said == choice)
        if 2 * len(names) > len(votes):
            return Outcome(choice, True, names, f"{len(names)} of {_count(len(votes))}.")
    if not votes:
        return _nobody()
    return Outcome("defer", True, (), f"No majority: {_so_far(votes)}")


def _roles(agree: Sequence[Role], votes: Sequence[Vote], closed: bool) -> Outcome:
    for choice in CHOICES:
        for_it = [v for v in votes if v.said == choice]
        for some in permutations(for_it, len(agree)):
            if all(role in v.roles for role, v in zip(agree, some, strict=True)):
                names = tuple(v.name for v in for_it)
                return Outcome(choice, True, names, f"{every(list(agree))} agree.")
    said = f"{every(list(agree))} must say the same. {_so_far(votes)}"
    return (
        Outcome("defer", True, (), f"No agreement: {said}")
        if closed
        else Outcome(None, False, (), said)
    )


def _nobody() -> Outcome:
    return Outcome("defer", True, (), "Nobody decided.")


def _so_far(votes: Sequence[Vote]) -> str:
    counts = [(said, sum(v.said == said for v in votes)) for said in (*CHOICES, "object")]
    said = ", ".join(f"{count} {what}" for what, count in counts if count)
    return f"{said}." if said else "No vote yet."


def _count(votes: int) -> str:
    return "1 vote" if votes == 1 else f"{votes} votes"
