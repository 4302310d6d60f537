"""The finance dashboard: segments, spend against revenue and margin, runway of budgets, accruals."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from guardrails.alerts import words
from guardrails.periods import Period
from handlers.budgets.standing import standings
from handlers.conversation import Actor, Block, Fact, Facts, Heading, Message, Small, text
from handlers.dashboards.accruals import accrued
from handlers.dashboards.charts import spend_band, spend_multiples, spend_waterfall
from handlers.dashboards.costs import price_tables
from handlers.dashboards.engineers import runway_table
from handlers.dashboards.parts import (
    UNALLOCATED,
    Days,
    Whole,
    change,
    days_of,
    growing_line,
    made_of,
    money,
    parts_table,
    share,
    whole_of,
)
from handlers.turn import Turn
from storage import dashboards, spend, unit_costs

_DAY = timedelta(days=1)


def finance(turn: Turn, _actor: Actor, revenue: str = "revenue") -> Message:
    """Of the whole company; ``revenue`` is the metric of money that margins are worked out from."""
    days, currency = days_of(turn), turn.policy.workspace.currency
    spent = spend.sums_by(turn.connection, turn.policy, days.all, "segment", "day")
    sums: dict[str, Decimal] = defaultdict(Decimal)
    by_day: dict[date, Decimal] = defaultdict(Decimal)
    for (segment, day), amount in spent.items():
        sums[segment] += amount
        by_day[day] += amount
    earned, without = unit_costs.earned_by(
        turn.connection, turn.policy, revenue, days.all, "segment"
    )
    for segment in earned:
        sums[segment] += 0  # it earns, although nothing was spent on it
    whole = whole_of(sums, currency)
    title = f"Finance: {money(whole.total, currency)} in {words.days(days.all.days)}"
    blocks: list[Block] = [
        Heading(text=title),
        *_against_revenue(turn, days, whole.total, earned, revenue),
        *_left_out(without),
        parts_table("Segment", whole, *_segments(turn, sums, earned)),
        *_caution(sums, earned),
        made_of(
            "/spend top segments last 30d", "/spend unclaimed last 30d", note=growing_line(days)
        ),
        *(
            _course(turn, days, by_day, revenue)
            or spend_band("Spend of the company", by_day, days, currency)
        ),
        *_what_changed(turn, days),
        *price_tables(turn, days, "segment"),
        *accrued(turn, days),
        *_budgets(turn),
    ]
    return Message(summary=title, blocks=tuple(blocks))


def _segments(
    turn: Turn, sums: dict[str, Decimal], earned: dict[str, Decimal]
) -> tuple[dict[str, tuple[str, str]], tuple[str, str], tuple[str, str]] | tuple[()]:
    """Revenue by segment in the same days; a margin only where a segment has both."""
    if not any(earned.values()):
        return ()
    currency = turn.policy.workspace.currency
    cells = {}
    for name, got in earned.items():
        margin = share(got - sums[name], got) if name and got > 0 and sums[name] > 0 else "–"
        cells[name or UNALLOCATED] = (money(got, currency), margin)
    total, spent = sum(earned.values(), Decimal(0)), sum(sums.values(), Decimal(0))
    return cells, ("Revenue", "Margin"), (money(total, currency), share(total - spent, total))


def _against_revenue(
    turn: Turn, days: Days, spent: Decimal, earned: dict[str, Decimal], metric: str
) -> list[Block]:
    """Spend against revenue; how both changed is said of complete days and as many before."""
    got = sum(earned.values(), Decimal(0))
    if got <= 0:
        return []
    currency = turn.policy.workspace.currency
    revenue, cost = money(got, currency), money(spent, currency)
    if days.whole is not None and days.before is not None:
        revenue += f", {change(*(_earned(turn, p, metric) for p in (days.whole, days.before)))}"
        cost += f", {change(*(_total(turn, p) for p in (days.whole, days.before)))}"
    facts = (
        ("Revenue", revenue),
        ("Spend", cost),
        ("Margin after AI", f"{money(got - spent, currency)} ({share(got - spent, got)})"),
        ("Spend of revenue", share(spent, got)),
    )
    said = f"Revenue is the metric {metric}. Changes compare complete days with as many before."
    return [
        Facts(facts=tuple(Fact(label=n, value=text(v)) for n, v in facts)),
        Small(text=text(said)),
    ]


def _caution(sums: dict[str, Decimal], earned: dict[str, Decimal]) -> list[Block]:
    """That margins of segments are too high while much of the spend has no segment."""
    total, open_ = sum(sums.values(), Decimal(0)), sums.get("", Decimal(0))
    if total <= 0 or open_ <= total / 20 or not any(earned.values()):
        return []
    said = (
        f"{share(open_, total)} of spend has no segment, so the segments' margins are higher than they "
        "would be with it. Tags or rules that set the segment change that."
    )
    return [Small(text=text(said))]


def _what_changed(turn: Turn, days: Days) -> list[Block]:
    if days.whole is None or days.before is None:
        return []
    before, now = (
        {
            team: amount
            for (team,), amount in spend.sums_by(
                turn.connection, turn.policy, period, "team"
            ).items()
        }
        for period in (days.before, days.whole)
    )
    chart = spend_waterfall(before, now, days, turn.policy.workspace.currency)
    if not chart:
        return []
    note = f"{words.days(days.whole.days)} that are complete, and as many before"
    return [*chart, made_of("/spend why last 30d", "/spend top teams last 30d", note=note)]


def _earned(turn: Turn, period: Period, metric: str) -> Decimal:
    found, _ = unit_costs.earned_by(turn.connection, turn.policy, metric, period, "segment")
    return sum(found.values(), Decimal(0))


def _course(turn: Turn, days: Days, spent: Mapping[date, Decimal], metric: str) -> list[Block]:
    """Revenue and spend by day on one scale; nothing while no revenue is known."""
    if days.whole is None:
        return []
    earned = dashboards.earned_by_day(turn.connection, turn.policy, metric, days.whole)
    got = sum(earned.values(), Decimal(0))
    if got <= 0:
        return []
    whole = Whole((("Revenue", got), ("Spend", Decimal(0))), turn.policy.workspace.currency)
    both = {
        **{("Revenue", day): amount for day, amount in earned.items()},
        **{("Spend", day): amount for day, amount in spent.items()},
    }
    return spend_multiples("Spend against revenue", both, whole, days)


def _left_out(units: tuple[str, ...]) -> list[Block]:
    if not units:
        return []
    said = f"Revenue in {', '.join(units)} is left out: workspace.rates has no rate for it."
    return [Small(text=text(said))]


def _total(turn: Turn, period: Period) -> Decimal:
    return spend.sums_by(turn.connection, turn.policy, period).get((), Decimal(0))


def _budgets(turn: Turn) -> list[Block]:
    found = standings(turn)
    if not found:
        return []
    return [
        Heading(text="Runway of budgets"),
        *runway_table(turn, found),
        made_of("/spend budgets"),
    ]
