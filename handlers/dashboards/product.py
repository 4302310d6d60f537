"""The product owners' dashboard: what each feature costs, where its month will end, what a unit costs."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from guardrails.burn import Burn, Spent, burn
from guardrails.periods import Period, months
from handlers.ask.subjects import unnamed
from handlers.budgets.course import course_chart, spent_by_day
from handlers.budgets.jumps import open_jumps, young
from handlers.budgets.standing import HISTORY, last_day
from handlers.conversation import Actor, Block, Heading, Items, Message, Strong, text
from handlers.dashboards.charts import PANELS, open_on, part_of, spend_multiples
from handlers.dashboards.costs import price_tables
from handlers.dashboards.parts import (
    Days,
    Whole,
    days_of,
    growing_line,
    made_of,
    money,
    parts_table,
    typed,
    whole_of,
)
from handlers.dashboards.scaling import scaling
from handlers.turn import Turn
from storage import spend

FEATURES = 7
NO_NAME = unnamed("feature")
_DAY = timedelta(days=1)
Series = dict[date, Decimal]


@dataclass(frozen=True)
class Ahead:
    """Where a month ends: ``features`` by part of the whole, ``course`` of all of them as one, ``days`` what was
    spent on each complete day of the month."""

    month: Period
    days: Mapping[date, Decimal]
    features: Mapping[str, Burn]
    course: Burn

    @property
    def forecast(self) -> Decimal:
        """The sum of the features' forecasts."""
        return sum((b.forecast for b in self.features.values()), Decimal(0))

    @property
    def lower(self) -> Decimal:
        """The lower end of the 80 % interval: that of the whole is narrower than the features' added up."""
        billed = sum((b.billed for b in self.features.values()), Decimal(0))
        return max(self.forecast - (self.course.forecast - self.course.lower), billed)

    @property
    def upper(self) -> Decimal:
        """The upper end of the 80 % interval."""
        return self.forecast + (self.course.upper - self.course.forecast)


def product(turn: Turn, _actor: Actor) -> Message:
    """Of all features: the month of yesterday, and what a unit cost in the last 30 days."""
    days, currency = days_of(turn), turn.policy.workspace.currency
    month = months(turn.today - _DAY, 1)
    so_far = Period(month.first, turn.today - _DAY)
    found = spend.sums_by(turn.connection, turn.policy, so_far, "feature")
    whole = whole_of(
        {name: amount for (name,), amount in found.items()}, currency, FEATURES, NO_NAME
    )
    title = f"Product: {money(whole.total, currency)} in {month.first:%B} so far"
    ahead = forecast(turn, whole, month)
    if ahead is None:
        table = parts_table("Feature", whole)
    else:
        title = f"{title}, forecast {money(ahead.forecast, currency)}"
        ends = Whole(tuple((n, b.forecast) for n, b in ahead.features.items()), currency).said()
        every: list[Burn | Ahead] = [*ahead.features.values(), ahead]
        intervals = [f"{money(b.lower, currency)} to {money(b.upper, currency)}" for b in every]
        *cells, of_all = zip(ends, intervals, strict=True)
        by_name = dict(zip(ahead.features, cells, strict=True))
        table = parts_table("Feature", whole, by_name, ("At its end", "80 % interval"), of_all)
    blocks: list[Block] = [
        Heading(text=title),
        table,
        made_of(*_commands(whole, so_far, turn.today), note=growing_line(days)),
        *([] if ahead is None else [*_jumps(turn, ahead), *_chart(ahead, currency)]),
        *_by_day(turn, days, currency),
        *price_tables(turn, days, "feature"),
        *scaling(turn, days),
    ]
    return Message(summary=title, blocks=tuple(blocks))


def _commands(whole: Whole, so_far: Period, today: date) -> list[str]:
    """What shows the sum, and the first row with where it ends; forecasts are of the month of today only."""
    first = next((name for name, _ in whole.parts), NO_NAME)
    if first == NO_NAME:
        return [typed(so_far)]
    of_today = so_far.first == months(today, 1).first
    return [
        typed(so_far),
        typed("feature", first, so_far),
        *([typed("forecast feature", first)] if of_today else []),
    ]


def _by_day(turn: Turn, days: Days, currency: str) -> list[Block]:
    """The features that spend most beside each other, on complete days."""
    found = spend.sums_by(turn.connection, turn.policy, days.all, "feature", "day")
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for (name, _), amount in found.items():
        sums[name] += amount
    whole = whole_of(sums, currency, PANELS, NO_NAME)
    return spend_multiples("Spend by feature", found, whole, days, open_on(turn, "feature"))


def forecast(turn: Turn, whole: Whole, month: Period) -> Ahead | None:
    """Where each part of the whole will be at the end of the month, from its own complete days; None while no day
    is complete."""
    known = last_day(turn)
    if known is None:
        return None
    known = min(known, month.last)
    history = Period(min(month.first, known - HISTORY), month.last)
    parts: dict[str, Series] = {name: defaultdict(Decimal) for name, _ in whole.parts}
    every: Series = defaultdict(Decimal)
    found = spend.sums_by(turn.connection, turn.policy, history, "feature", "day")
    for (name, day), amount in found.items():
        part = part_of(name, whole)
        every[day] += amount
        if part in parts:  # else it spent earlier, but not in this month
            parts[part][day] += amount

    def course(amounts: Mapping[date, Decimal]) -> Burn:
        days = (amounts.get(history.first + n * _DAY, Decimal(0)) for n in range(history.days))
        spent = Spent(history.first, tuple(days)).complete_to(known)
        return burn(spent, month.first, month.last, None, turn.today)

    features = {name: course(amounts) for name, amounts in parts.items()}
    in_month = {day: amount for day, amount in every.items() if month.first <= day <= known}
    return Ahead(month, in_month, features, course(every))


def _jumps(turn: Turn, ahead: Ahead) -> list[Block]:
    """What jumps of the last days would add to the forecasts of features, which do not have them yet."""
    jumps = list(open_jumps(turn))
    lines = tuple(
        text(Strong(text=name), f" {soon}.")
        for name, course in ahead.features.items()
        if (soon := young(turn, {"feature": name}, course, jumps))
    )
    return [Items(title="Not in the forecast", items=lines)] if lines else []


def _chart(ahead: Ahead, currency: str) -> list[Block]:
    """The month to its end, all features together: what is spent, then the forecast with its interval."""
    through = ahead.course.through
    known = 0 if through is None else (through - ahead.month.first).days + 1
    days = (ahead.days.get(ahead.month.first + n * _DAY, Decimal(0)) for n in range(known))
    past = spent_by_day(ahead.month.first, ahead.month.last, Spent(ahead.month.first, tuple(days)))
    mean: Series = defaultdict(Decimal)
    for b in ahead.features.values():
        for day, expected, _, _ in b.by_day:
            mean[day] += expected
    course = [
        (day, mean[day], mean[day] - (m - low), mean[day] + (high - m))
        for day, m, low, high in ahead.course.by_day
    ]
    if not past and not course:
        return []
    total = past[-1][1] if past else Decimal(0)
    alt = (
        f"Spend of all features in {ahead.month.first:%B}: {money(total, currency)} on complete days, "
        f"{money(ahead.forecast, currency)} by its end "
        f"({money(ahead.lower, currency)} to {money(ahead.upper, currency)})."
    )
    title = f"All features in {ahead.month.first:%B}, and where it ends"
    return [course_chart(title, alt, currency, past, course)]
