"""The finance dashboard: segments, AI spend against revenue and margin, runway of budgets, accruals."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from guardrails.alerts import words
from guardrails.periods import Period, span
from handlers.ask.days import known
from handlers.ask.segments import REVENUE
from handlers.ask.subjects import unnamed
from handlers.budgets.standing import standings
from handlers.conversation import Actor, Block, Fact, Facts, Heading, Message, Small, text
from handlers.dashboards.accruals import accrued
from handlers.dashboards.charts import part_of, spend_band, spend_multiples, spend_waterfall
from handlers.dashboards.costs import price_tables
from handlers.dashboards.engineers import runway_table
from handlers.dashboards.parts import (
    Days,
    Whole,
    change,
    days_of,
    growing_line,
    made_of,
    money,
    parts_table,
    share,
    typed,
    whole_of,
)
from handlers.turn import Turn
from storage import dashboards, spend, unit_costs


def finance(turn: Turn, _actor: Actor) -> Message:
    """Of the whole company. Margins are the metric revenue less AI spend, of the days that the bill has whole;
    other spend is no part of them."""
    days, currency = days_of(turn), turn.policy.workspace.currency
    whole_days = known(turn, days.all)
    spent = spend.sums_by(turn.connection, turn.policy, days.all, "segment", "ai", "day")
    sums: dict[str, Decimal] = defaultdict(Decimal)
    by_day: dict[date, Decimal] = defaultdict(Decimal)
    ai: dict[str, Decimal] = defaultdict(Decimal)
    ai_by_day: dict[date, Decimal] = defaultdict(Decimal)
    for (segment, is_ai, day), amount in spent.items():
        sums[segment] += amount
        by_day[day] += amount
        if is_ai and whole_days is not None and whole_days.first <= day <= whole_days.last:
            ai[segment] += amount
            ai_by_day[day] += amount
    earned, without = _earned(turn, whole_days)
    for segment in earned:
        sums[segment] += 0  # it earns, although nothing was spent on it
    whole = whole_of(sums, currency, nothing=unnamed("segment"))
    title = f"Finance: {money(whole.total, currency)} in {words.days(days.all.days)}"
    blocks: list[Block] = [
        Heading(text=title),
        *_against_revenue(turn, days, whole_days, ai, earned),
        *_left_out(without),
        parts_table("Segment", whole, *_segments(whole, ai, earned)),
        *_caution(ai, earned),
        made_of(*_commands(whole, days), note=growing_line(days)),
        *(
            _course(turn, days, whole_days, ai_by_day)
            or spend_band("Spend of the company", by_day, days, currency)
        ),
        *_what_changed(turn, days),
        *price_tables(turn, days, "segment"),
        *accrued(turn, days),
        *_budgets(turn),
    ]
    return Message(summary=title, blocks=tuple(blocks))


def _commands(whole: Whole, days: Days) -> list[str]:
    """What shows the sum, and the first segment."""
    first = next((name for name, amount in whole.parts if amount and name != whole.nothing), "")
    return [typed(days.all), *([typed("segment", first, days.all)] if first else [])]


def _segments(
    whole: Whole, ai: Mapping[str, Decimal], earned: Mapping[str, Decimal]
) -> tuple[dict[str, tuple[str, str]], tuple[str, str], tuple[str, str]] | tuple[()]:
    """Revenue of each part, which adds up as shown; a margin only where a part has both."""
    if not any(earned.values()):
        return ()
    names = [name for name, _ in whole.parts]
    got, cost = dict.fromkeys(names, Decimal(0)), dict.fromkeys(names, Decimal(0))
    for found, amounts in ((got, earned), (cost, ai)):
        for name, amount in amounts.items():
            found[part_of(name, whole)] += amount
    *said, said_total = Whole(tuple(got.items()), whole.currency).said()
    cells = {
        name: (
            revenue if got[name] else "–",
            share(got[name] - cost[name], got[name])
            if name != whole.nothing and got[name] > 0 and cost[name] > 0
            else "–",
        )
        for name, revenue in zip(names, said, strict=True)
    }
    total, spent = sum(got.values(), Decimal(0)), sum(cost.values(), Decimal(0))
    return cells, ("Revenue", "Margin"), (said_total, share(total - spent, total))


def _against_revenue(
    turn: Turn,
    days: Days,
    whole_days: Period | None,
    ai: Mapping[str, Decimal],
    earned: Mapping[str, Decimal],
) -> list[Block]:
    """AI spend against revenue; how both changed is said of complete days and as many before."""
    got, spent = sum(earned.values(), Decimal(0)), sum(ai.values(), Decimal(0))
    if whole_days is None or got <= 0:
        return []
    parts = (("AI spend", spent), ("Margin after AI", got - spent))
    cost, left, revenue = Whole(parts, turn.policy.workspace.currency).said()
    if days.whole is not None and days.before is not None:
        got_in = [sum(_earned(turn, p)[0].values(), Decimal(0)) for p in (days.whole, days.before)]
        revenue += f", {change(*got_in)}"
        cost += f", {change(*(_ai_spend(turn, p) for p in (days.whole, days.before)))}"
    facts = (
        ("Revenue", revenue),
        ("AI spend", cost),
        ("Margin after AI", f"{left} ({share(got - spent, got)})"),
        ("AI spend of revenue", share(spent, got)),
    )
    said = (
        f"Revenue is the metric {REVENUE}; margins are revenue less AI spend. All three are of complete days "
        f"only: {span(whole_days, turn.today)}. Changes compare complete days with as many before."
    )
    return [
        Facts(facts=tuple(Fact(label=n, value=text(v)) for n, v in facts)),
        Small(text=text(said)),
    ]


def _caution(ai: Mapping[str, Decimal], earned: Mapping[str, Decimal]) -> list[Block]:
    """That margins of segments are too high while much of AI spend has no segment."""
    total, open_ = sum(ai.values(), Decimal(0)), ai.get("", Decimal(0))
    if total <= 0 or open_ <= total / 20 or not any(earned.values()):
        return []
    said = (
        f"{share(open_, total)} of AI spend has no segment, so the segments' margins are higher than they "
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
    return [*chart, made_of(typed("why", days.all), typed("top teams", days.all))]


def _earned(turn: Turn, period: Period | None) -> tuple[dict[str, Decimal], tuple[str, ...]]:
    """Revenue by segment, and the units without a rate."""
    if period is None:
        return {}, ()
    return unit_costs.earned_by(turn.connection, turn.policy, REVENUE, period, "segment")


def _ai_spend(turn: Turn, period: Period) -> Decimal:
    found = spend.sums_by(turn.connection, turn.policy, period, "ai")
    return sum((amount for (is_ai,), amount in found.items() if is_ai), Decimal(0))


def _course(
    turn: Turn, days: Days, whole_days: Period | None, spent: Mapping[date, Decimal]
) -> list[Block]:
    """Revenue and AI spend by day on one scale; nothing while no revenue is known."""
    if whole_days is None:
        return []
    earned = dashboards.earned_by_day(turn.connection, turn.policy, REVENUE, whole_days)
    got = sum(earned.values(), Decimal(0))
    if got <= 0:
        return []
    parts = (("Revenue", got), ("AI spend", Decimal(0)))
    both = {
        **{("Revenue", day): amount for day, amount in earned.items()},
        **{("AI spend", day): amount for day, amount in spent.items()},
    }
    whole = Whole(parts, turn.policy.workspace.currency)
    return spend_multiples("AI spend against revenue", both, whole, days)


def _left_out(units: tuple[str, ...]) -> list[Block]:
    if not units:
        return []
    said = f"Revenue in {', '.join(units)} is left out: workspace.rates has no rate for it."
    return [Small(text=text(said))]


def _budgets(turn: Turn) -> list[Block]:
    found = standings(turn)
    if not found:
        return []
    return [
        Heading(text="Runway of budgets"),
        *runway_table(turn, found),
        made_of("/spend budgets"),
    ]
