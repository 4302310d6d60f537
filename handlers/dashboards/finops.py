"""The FinOps dashboard: coverage, shadow spend, maturity of teams, and how the policy fares."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

from guardrails.alerts import words
from guardrails.periods import Period
from handlers.conversation import Actor, Block, Fact, Facts, Heading, Message, Small, Table, text
from handlers.dashboards.charts import series_band
from handlers.dashboards.parts import (
    SHOWN,
    Days,
    Whole,
    days_of,
    growing_line,
    made_of,
    money,
    parts_table,
    see,
    share,
    times_of,
    typed,
)
from handlers.maturity import levels
from handlers.turn import Turn
from storage import coverage, dashboards, spend

_SAID = {
    "tags": "by tags",
    "rules": "by rules",
    "shared": "shared costs, split",
    "none": "not allocated",
}
_DAY = timedelta(days=1)


def finops(turn: Turn, _actor: Actor) -> Message:
    """Of the whole company."""
    days, currency = days_of(turn), turn.policy.workspace.currency
    found = spend.sums_by(turn.connection, turn.policy, days.all, "allocated_by", "day")
    sums: dict[str, Decimal] = {way: Decimal(0) for way in coverage.WAYS}
    open_: dict[date, Decimal] = defaultdict(Decimal)
    every: dict[date, Decimal] = defaultdict(Decimal)
    for (way, day), amount in found.items():
        sums[way if way in sums else "none"] += amount
        every[day] += amount
        if way not in ("tags", "rules", "shared"):
            open_[day] += amount
    whole = Whole(tuple((_SAID[way], amount) for way, amount in sums.items()), currency)
    covered = whole.total - sums["none"]
    title = f"FinOps: {share(covered, whole.total)} of {money(whole.total, currency)} is allocated"
    blocks: list[Block] = [
        Heading(text=title),
        parts_table("Allocated", whole),
        made_of(typed(days.all), note=growing_line(days)),
        *_course(open_, every, days),
        *_shadow(turn, days.all),
        *_maturity(turn),
        *_health(turn, days),
    ]
    return Message(summary=title, blocks=tuple(blocks))


def _course(open_: dict[date, Decimal], every: dict[date, Decimal], days: Days) -> list[Block]:
    if days.whole is None:
        return []
    shown = [days.whole.first + n * _DAY for n in range(days.whole.days)]
    values = [
        float(1 - open_.get(d, Decimal(0)) / every[d]) if every.get(d, Decimal(0)) > 0 else None
        for d in shown
    ]
    known = [(d, v) for d, v in zip(shown, values, strict=True) if v is not None]
    if len(known) < 2:
        return []
    least = min(known, key=lambda item: item[1])
    alt = (
        f"{words.percent(known[-1][1])} of spend was allocated on {words.day(known[-1][0])}, "
        f"{words.percent(known[0][1])} on {words.day(known[0][0])}; least on {words.day(least[0])}, "
        f"{words.percent(least[1])}."
    )
    return [series_band("Coverage: spend that is allocated", alt, "share of spend", shown, values)]


def _shadow(turn: Turn, period: Period) -> list[Block]:
    ai, parts = coverage.ai_spend(turn.connection, turn.policy, period.first, period.last)
    left = sum(parts.values(), Decimal(0))
    title = f"Shadow spend: {money(left, ai.currency)}, {share(left, ai.total)} of AI spend"
    if not parts:
        title = "Shadow spend: none, all AI spend is claimed"
    blocks: list[Block] = [Heading(text=title)]
    if parts:
        worst = sorted(parts.items(), key=lambda item: (-item[1], item[0]))[: SHOWN // 2]
        rows = tuple(
            (service or "no service", account, money(amount, ai.currency))
            for (account, service), amount in worst
        )
        blocks.append(Table(header=("Service", "Account", "Spend"), rows=rows, align="llr"))
        if len(parts) > len(worst):
            blocks.append(Small(text=text(f"and {len(parts) - len(worst)} more")))
    return [*blocks, made_of(typed("unclaimed", period)), see("/spend claims")]


def _maturity(turn: Turn) -> list[Block]:
    found = levels(turn)
    if not found:
        return []
    lowest = sorted(found, key=lambda j: (j.level, j.team.casefold()))[: 2 * SHOWN]
    rows = tuple(
        (
            j.team,
            f"{j.level} {j.word}{' (set by people)' if j.overruled else ''}",
            j.needs[0].partition(";")[0] if j.needs else "–",
        )
        for j in lowest
    )
    header = ("Team", "Level", "What keeps it there")
    return [
        Heading(text="Maturity by team"),
        Table(header=header, rows=rows, align="lll"),
        made_of(typed("maturity", lowest[0].team)),
    ]


def _health(turn: Turn, days: Days) -> list[Block]:
    found = dashboards.health(turn.connection, *times_of(turn, days.all), turn.now)
    late = f"{found.late} of {found.decided} decided late" if found.decided else "none was decided"
    said = f"{found.false_alarms} of {found.alerts} called false alarms"
    facts = [
        ("Overruns", late),
        ("Overdue now", str(found.overdue)),
        ("Alerts overruled", said if found.alerts else "no alert was raised"),
        ("Called expected", str(found.expected)),
    ]
    if found.untold:
        facts.append(("Found too late", f"{found.untold} of days past, nobody was told"))
    return [
        Heading(text="Policy health"),
        Facts(facts=tuple(Fact(label=n, value=text(v)) for n, v in facts)),
        see(
            "/spend budgets",
            "/spend alerts",
            "/policy show",
            note=f"since {words.day(days.all.first)}",
        ),
    ]
