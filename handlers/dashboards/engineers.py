"""The engineers' dashboard: spend by experiment, cost against quality, open anomalies, runway."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from guardrails.alerts import words
from guardrails.budgets import Standing
from guardrails.policy.bills import Dimension
from guardrails.policy.budgets import Budget
from handlers.alerts.record import found_of
from handlers.alerts.watched import watched
from handlers.ask.subjects import unnamed
from handlers.budgets.message import notes
from handlers.budgets.message import share as share_of_limit
from handlers.budgets.standing import allocation, standings
from handlers.conversation import (
    Actor,
    Block,
    Heading,
    Items,
    Message,
    Paragraph,
    Small,
    Strong,
    Table,
    text,
)
from handlers.dashboards.charts import PANELS, open_on, part_of, spend_multiples
from handlers.dashboards.parts import (
    SHOWN,
    Days,
    both,
    change,
    days_of,
    growing_line,
    made_of,
    money,
    parts_table,
    typed,
    whole_of,
)
from handlers.dashboards.quality import cost_against_quality
from handlers.turn import Turn
from storage import anomalies, sandboxes, spend
from storage.spend import Wanted

QUEUE = 4
NO_NAME = unnamed("experiment")


def engineers(turn: Turn, actor: Actor) -> Message:
    """Of the person's own team when it spends, else of the whole company."""
    days, currency = days_of(turn), turn.policy.workspace.currency
    team, spellings = _team_of(turn, actor)
    only: Mapping[Dimension, Wanted] = {"team": spellings} if team else {}
    found = spend.sums_by(turn.connection, turn.policy, days.all, "experiment", "day", only=only)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for (name, _), amount in found.items():
        sums[name] += amount
    whole = whole_of(sums, currency, nothing=NO_NAME)
    by_part: dict[str, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    by_day: dict[date, Decimal] = defaultdict(Decimal)
    for (name, day), amount in found.items():
        by_part[part_of(name, whole)][day] += amount
        by_day[day] += amount
    whose = f"team {team}" if team else "the company"
    title = f"Engineers: {money(whole.total, currency)} of {whose} in {words.days(days.all.days)}"
    trends = {part: (_trend(amounts, days),) for part, amounts in by_part.items()}
    blocks: list[Block] = [
        Heading(text=title),
        parts_table("Experiment", whole, trends, ("Week on week",), (_trend(by_day, days),)),
        made_of(*_commands(spellings, days), note=growing_line(days)),
        *spend_multiples(
            f"Spend of {whose} by experiment",
            found,
            whole_of(sums, currency, PANELS, NO_NAME),
            days,
            open_on(turn, "experiment"),
        ),
        *cost_against_quality(turn, days, sums),
        *_queue(turn, team),
        *_runway(turn, team),
    ]
    return Message(summary=title, blocks=tuple(blocks))


def _team_of(turn: Turn, actor: Actor) -> tuple[str, list[str]]:
    """The person's team and how the bill spells it; both empty when it has not spent."""
    mine = next((p.team for p in turn.policy.people if p.email == actor.person), None)
    spellings = spend.spelled(turn.connection, "team", mine) if mine else []
    return (mine, spellings) if mine and spellings else ("", [])


def _commands(spellings: Sequence[str], days: Days) -> list[str]:
    """What shows the spend, and how it moved, of a team as the bill spells it; of the company for no spelling."""
    teams = [f"team {s}" for s in spellings] or [""]
    commands = [typed(team, days.all) for team in teams]
    if days.week is not None:
        commands += [typed("why", team, days.week.asked) for team in teams]
        if not spellings:
            commands.append(typed("top experiments", days.week.asked))
    return commands


def _trend(amounts: Mapping[date, Decimal], days: Days) -> str:
    return "–" if days.week is None else change(*both(amounts, days.week))


def _queue(turn: Turn, team: str) -> list[Block]:
    rows = [
        r
        for r in anomalies.shown(turn.connection)
        if not team
        or (r.found.get("allocation") or {}).get("team", "").casefold() == team.casefold()
    ]
    blocks: list[Block] = [Heading(text="Open anomalies")]
    if not rows:
        return [*blocks, Paragraph(text=text(f"None. {watched(turn)}"))]
    lines = tuple(
        text(Strong(text=r.severity.capitalize()), f" {words.headline(found_of(r))}")
        for r in rows[:QUEUE]
    )
    more = f"and {len(rows) - QUEUE} more" if len(rows) > QUEUE else ""
    return [*blocks, Items(items=lines, numbered=True), made_of("/spend alerts", note=more)]


def _runway(turn: Turn, team: str) -> list[Block]:
    """The budgets and sandboxes of the team, the soonest end first."""
    living = sandboxes.living(turn.connection)
    known = {sandboxes.ledger_name(row): row.team for row in living}  # also before they spend

    def team_of(budget: Budget) -> str:
        return (known.get(budget.name) or allocation(turn, budget).get("team", "")).casefold()

    found = [s for s in standings(turn) if not team or team_of(s.budget) == team.casefold()]
    blocks: list[Block] = [Heading(text="Runway of budgets and sandboxes")]
    if not found:
        return [*blocks, Small(text=text("No budget is set for it, so there is no runway."))]
    return [*blocks, *runway_table(turn, found), made_of("/spend budgets")]


def runway_table(turn: Turn, found: Sequence[Standing]) -> list[Block]:
    """Budgets by the day on which they end, the soonest first, and what the table leaves out of them."""
    currency = turn.policy.workspace.currency
    soonest = sorted(
        found, key=lambda s: (s.burn.exhausted_on or date.max, -s.forecast_share, s.budget.name)
    )
    rows = tuple(
        (
            s.budget.name,
            f"{money(s.burn.spent, currency)} of {money(s.limit, currency)}",
            share_of_limit(s.forecast_share),
            ends(s),
        )
        for s in soonest[:SHOWN]
    )
    header = ("Budget", "Spent", "Forecast", "Runway")
    return [Table(header=header, rows=rows, align="lrrl"), *notes(turn, soonest[:SHOWN])]


def ends(s: Standing) -> str:
    """``used up``, ``already over``, ``to Fri 27 Nov``, ``the whole period``."""
    b = s.burn
    if b.billed > s.limit >= b.spent:
        return "already over"
    if b.runway_days == 0:
        return "used up"
    if b.exhausted_on is not None and b.exhausted_on <= s.span.last:
        return f"to {words.day(b.exhausted_on)}"
    return "the whole period"
