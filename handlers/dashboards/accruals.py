"""What is to be accrued: each provider's days that are not complete, expected against billed; and who is late."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby

from guardrails.alerts import words
from guardrails.burn import Spent, burn
from guardrails.contributions import Part, whole_of
from guardrails.periods import Period, in_words
from handlers.ask.saying import as_shown, exact
from handlers.budgets.standing import HISTORY
from handlers.conversation import Block, Heading, Small, Table, text
from handlers.dashboards.parts import Days, see, typed
from handlers.turn import Turn
from storage import spend

_DAY = timedelta(days=1)
_ZERO = Decimal(0)
#: Days with charges from which on it is known that a provider charges on most days.
LEAST = 7
#: A silent day says that a bill is late when it is expected to cost at least this share of a usual day.
LIGHT = Decimal("0.2")


@dataclass(frozen=True)
class Accrual:
    """Days of one month that are not complete in a provider's bill. Money in the workspace's currency: what they
    are ``expected`` to cost, no day less than is billed of it, and what of that is ``billed`` already."""

    provider: str
    days: Period
    expected: Decimal
    billed: Decimal

    @property
    def missing(self) -> Decimal:
        """What is still to come; below zero where a credit is."""
        return self.expected - self.billed


@dataclass(frozen=True)
class Late:
    """A provider whose bill has nothing after ``last``, although so many ``days`` more should be complete."""

    provider: str
    last: date
    days: int


def accruals(turn: Turn, days: Days) -> tuple[list[Accrual], list[Late]]:
    """By provider and bill, to yesterday: each from its own complete days, so that one that is late is not taken
    for one that spends less. What has charged nothing in all of ``days`` has ended."""
    yesterday = days.all.last
    period = Period(yesterday - HISTORY, yesterday)
    charged: dict[tuple[str, str], dict[date, Decimal]] = defaultdict(dict)
    found = spend.sums_by(turn.connection, turn.policy, period, "provider", "bill", "day")
    for (provider, bill, day), amount in found.items():
        if amount:
            charged[provider, bill][day] = amount
    after = {b.name: b.complete_after_days for b in turn.policy.bills}
    names = _names(charged)
    open_, late = [], []
    for key in sorted(charged, key=lambda k: (-sum(charged[k].values(), _ZERO), k)):
        spent, bill = charged[key], key[1]
        if bill in after and max(spent) >= days.all.first:
            mine, behind = _of_one(names[key], spent, after[bill], yesterday, turn.today)
            open_ += mine
            late += [] if behind is None else [behind]
    return open_, late


def _names(keys: Mapping[tuple[str, str], object]) -> dict[tuple[str, str], str]:
    """A provider by its name; with its bill where it has several, by the bill alone where it has no name."""
    providers = [provider for provider, _ in keys]
    return {
        (provider, bill): (
            (provider if providers.count(provider) == 1 else f"{provider} ({bill})")
            if provider
            else bill
        )
        for provider, bill in keys
    }


def _of_one(
    name: str, spent: Mapping[date, Decimal], after: int, yesterday: date, today: date
) -> tuple[list[Accrual], Late | None]:
    """What is open of one provider, by month; and whether it is late. ``after``: the days after which a day is
    complete."""
    first, newest = min(spent), max(spent)
    due = yesterday - after * _DAY  # the last day that has to be complete by now
    through = due
    if len(spent) >= LEAST and 2 * len(spent) > (newest - first).days + 1:
        through = min(
            due, newest - after * _DAY
        )  # else it does not charge daily, and silence says nothing
    if through >= yesterday:
        return [], None
    every = (spent.get(first + n * _DAY, _ZERO) for n in range((yesterday - first).days + 1))
    known = Spent(first, tuple(every)).complete_to(through)
    ahead = burn(known, through + _DAY, yesterday, None, today, interval=False)
    expected, before = {}, _ZERO
    for day, so_far, _, _ in ahead.by_day:
        expected[day] = so_far - before
        before = so_far
    open_ = [
        Accrual(
            name,
            Period(month[0], month[-1]),
            sum((expected[day] for day in month), _ZERO),
            sum((spent.get(day, _ZERO) for day in month), _ZERO),
        )
        for month in _by_month(expected)
    ]
    silent = [day for day in expected if newest < day <= due]
    is_late = ahead.rate > 0 and any(expected[day] >= LIGHT * ahead.rate for day in silent)
    return open_, Late(name, newest, len(silent)) if is_late else None


def _by_month(days: Mapping[date, Decimal]) -> Iterator[list[date]]:
    """Books are closed by the month, so a row is of one."""
    for _, month in groupby(sorted(days), key=lambda day: (day.year, day.month)):
        yield list(month)


def accrued(turn: Turn, days: Days) -> list[Block]:
    """The table of what is to be accrued, which adds up by row and by column; nothing when all is complete."""
    found, late = accruals(turn, days)
    found = [a for a in found if a.expected or a.billed]
    if not found:
        return []
    parts = [
        Part(f"{a.provider}, {in_words(a.days, turn.today)}", a.billed, a.expected) for a in found
    ]
    shown, step = as_shown(turn, parts)
    whole = whole_of(shown)
    title = f"To accrue: {exact(turn, whole.change, step)} that is not billed yet"
    if not whole.change and not late:
        title = "To accrue: nothing, as much is billed as was expected"
    rows = tuple(
        (p.name, *(exact(turn, a, step) for a in (p.now, p.before, p.change)))
        for p in (*shown, whole)
    )
    said = [
        f"{a.provider} is {words.days(a.days)} behind: nothing after {words.day(a.last)} is billed yet."
        for a in late
    ]
    header = ("Provider", "Expected", "Billed so far", "To accrue")
    return [
        Heading(text=title),
        *([Small(text=text(" ".join(said)))] if said else []),
        Table(header=header, rows=rows, align="lrrr"),
        see(
            typed(Period(min(a.days.first for a in found), days.all.last)),
            note="expected from the complete days of each before",
        ),
    ]
