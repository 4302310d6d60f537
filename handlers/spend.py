"""``/spend``: what was spent, by whom, and what nobody claims. The answers are private."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from guardrails.alerts import words
from guardrails.budgets import Span
from guardrails.contributions import Part, largest
from guardrails.money import Money
from guardrails.periods import Period, span
from guardrails.policy.budgets import Budget
from handlers.alerts.record import found_of
from handlers.alerts.watched import watched
from handlers.ask.around import around
from handlers.ask.days import Compared, earlier, known, noted, on, outside, with_before
from handlers.ask.saying import money, moved, share_table
from handlers.ask.subjects import ASKED, EVERYTHING, Names, Subject, find, read, usual
from handlers.ask.top import asked_for_most, ranked
from handlers.budgets import message as budget_words
from handlers.budgets.standing import history, standing, standings
from handlers.conversation import (
    Block,
    Code,
    Controls,
    Fact,
    Facts,
    Heading,
    Interaction,
    Items,
    Message,
    Paragraph,
    Private,
    Small,
    Strong,
    Table,
    text,
)
from handlers.dashboards.quality import cost_and_quality
from handlers.overruns.message import money_of, state_line
from handlers.refusals import Unreadable
from handlers.router import command
from handlers.turn import Turn
from storage import anomalies, coverage, overruns, spend
from storage.spend import Key

SHOWN = 10


@command(
    "spend",
    permission="spend.read",
    does="spend of all, or of one name",
    usage="[experiment, feature or team] [last 30d]",
    example="/spend team {team} 1 Oct to 14 Oct",
    looks=True,
)
def show_spend(turn: Turn, it: Interaction) -> Private:
    """Without a name the whole company; with one that experiment, feature or team."""
    names = Names(turn)
    typed, name = read(names, it.inputs.get("text", ""))
    period = usual(turn, typed)
    if (what := asked_for_most(name)) is not None:
        return Private(message=ranked(turn, period, what))
    subject = find(names, name)
    if subject.budget is not None:
        return Private(message=_of_budget(turn, subject.budget, other_period=typed is not None))
    found = _of(turn, subject, period) if subject.parts else _overview(turn, period)
    return Private(message=found)


@command(
    "spend alerts",
    permission="spend.read",
    does="lists the anomalies that are open",
    example="/spend alerts",
    looks=True,
)
def show_alerts(turn: Turn, it: Interaction) -> Private:
    """Open and investigated anomalies, the most money first."""
    if it.inputs.get("text", "").strip():
        raise Unreadable(f"/spend alerts takes no words; “{it.inputs['text']}” was not used.")
    rows = anomalies.shown(turn.connection)
    if not rows:
        sentence = f"No anomaly is open. {watched(turn)}"
        return Private(message=Message(summary=sentence, blocks=(Small(text=text(sentence)),)))
    lines = []
    for row in rows[:SHOWN]:
        found = found_of(row)
        where = f" · #{row.channels[0]}" if row.channels else ""
        who = (
            f", {row.decided_by.partition(' <')[0]} is on it"
            if row.state == "investigating"
            else ""
        )
        lines.append(
            text(Strong(text=row.severity.capitalize()), f" {words.headline(found)}{who}{where}")
        )
    title = "1 anomaly is open" if len(rows) == 1 else f"{len(rows)} anomalies are open"
    blocks: list[Block] = [Heading(text=title), Items(items=tuple(lines), numbered=True)]
    if len(rows) > SHOWN:
        blocks.append(Small(text=text(f"and {len(rows) - SHOWN} more")))
    return Private(message=Message(summary=title, blocks=tuple(blocks)))


@command(
    "spend unclaimed",
    permission="spend.read",
    does="AI spend that nobody has claimed",
    usage="[last 30d]",
    example="/spend unclaimed last month",
    looks=True,
)
def show_unclaimed(turn: Turn, it: Interaction) -> Private:
    """Shadow spend by account and service, with the likely owner."""
    typed, rest = read(Names(turn), it.inputs.get("text", ""))
    if rest:
        raise Unreadable(f"“{rest}” is not a period; try /spend unclaimed last 30d.")
    period = usual(turn, typed)
    found = coverage.shadow_spend(turn.connection, turn.policy, period.first, period.last)
    every, _ = coverage.ai_spend(turn.connection, turn.policy, period.first, period.last)
    currency = turn.policy.workspace.currency
    if not found:
        sentence = f"No AI spend is unclaimed {on(turn, period)}."
        return Private(message=Message(summary=sentence, blocks=(Small(text=text(sentence)),)))
    title = f"{Money(every.unclaimed, currency)} of AI spend is unclaimed {on(turn, period)}"
    rows = tuple(
        (s.service, s.account, str(Money(s.money, currency)), s.likely_owner or "not known")
        for s in found[:SHOWN]
    )
    blocks: list[Block] = [
        Heading(text=title),
        Table(header=("Service", "Account", "Spend", "Likely owner"), rows=rows, align="llrl"),
    ]
    if len(found) > SHOWN:
        blocks.append(Small(text=text(f"and {len(found) - SHOWN} more")))
    blocks.append(Small(text=text("What people have claimed: ", Code(text="/spend claims"))))
    return Private(message=Message(summary=title, blocks=tuple(blocks)))


def _overview(turn: Turn, period: Period) -> Message:
    currency = turn.policy.workspace.currency
    by_team = spend.totals(turn.connection, turn.policy, period, "team")
    if not by_team:
        return _nothing(turn, period)
    total = Money(sum(by_team.values(), Decimal(0)), currency)
    title = f"{total} {on(turn, period)}"
    days = with_before(turn, period)
    blocks: list[Block] = [
        Heading(text=title),
        Facts(facts=(_against(turn, EVERYTHING, days), _covered(turn, period))),
        *_left_out(days),
        _parts(turn, "team", by_team),
        Small(
            text=text(
                "One name: ",
                Code(text="/spend NAME last 30d"),
                " · all: ",
                Code(text="/spend help"),
            )
        ),
    ]
    return Message(summary=title, blocks=tuple(blocks))


def _of(turn: Turn, subject: Subject, period: Period) -> Message:
    currency = turn.policy.workspace.currency
    part: Key = "workload" if subject.key == "experiment" else "experiment"
    found = spend.sums_by(turn.connection, turn.policy, period, part, only=subject.parts)
    if not found:
        return _nothing(turn, period)
    sums = {name: amount for (name,), amount in found.items()}
    total = Money(sum(sums.values(), Decimal(0)), currency)
    days = with_before(turn, period)
    title = f"{subject.title}: {total} {on(turn, period)}"
    blocks: list[Block] = [
        Heading(text=title),
        Facts(
            facts=(
                _against(turn, subject, days),
                *_a_day(turn, subject, period),
                *_judged(turn, subject, days),
            )
        ),
        *_left_out(days),
        *_against_budgets(turn, subject),
        _parts(turn, part, sums),
        Small(text=text("Why: ", Code(text=f"/spend why {subject.typed} {period}"))),
    ]
    return Message(summary=title, blocks=tuple(blocks))


def _parts(turn: Turn, key: Key, sums: Mapping[str, Decimal]) -> Table:
    """The largest parts with their shares; the rows add up to the last, as shown."""
    ordered = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    rows = largest([Part(name, Decimal(0), amount) for name, amount in ordered if name], SHOWN)
    if "" in sums:
        rows = (*rows, Part("", Decimal(0), sums[""]))
    return share_table(turn, key, rows)


def _against_budgets(turn: Turn, subject: Subject) -> list[Block]:
    """Where it stands against the budgets that it spends of, the tightest first and whole."""
    budgets = around(turn, subject)
    if not budgets:
        return [Small(text=text("No budget is set for it, so there is no runway or checkpoint."))]
    first, *others = budgets
    currency = turn.policy.workspace.currency
    blocks: list[Block] = [
        Paragraph(text=text("Its tightest budget is ", Strong(text=first.budget.name), ".")),
        budget_words.facts(turn, first),
    ]
    if others:
        lines = tuple(
            text(Strong(text=s.budget.name), f" {budget_words.line(s, currency)}") for s in others
        )
        blocks.append(Items(title="It also spends of", items=lines))
    return blocks


@command(
    "spend budgets",
    permission="spend.read",
    does="where every budget stands",
    example="/spend budgets",
    looks=True,
)
def show_budgets(turn: Turn, it: Interaction) -> Private:
    """All budgets of today, the tightest first."""
    if it.inputs.get("text", "").strip():
        raise Unreadable("/spend budgets takes no words; one of them is shown by /spend NAME.")
    found = sorted(standings(turn), key=lambda s: s.room / s.limit if s.limit else s.room)
    if not found:
        sentence = "No budget is set. The FinOps owner adds budgets to the policy, under budgets."
        return Private(message=Message(summary=sentence, blocks=(Small(text=text(sentence)),)))
    currency = turn.policy.workspace.currency
    rows = tuple(
        (
            s.budget.name,
            budget_words.spent(s, currency),
            budget_words.share(s.forecast_share),
            budget_words.money(s.limit, currency),
            words.day(s.burn.exhausted_on) if s.burn.exhausted_on else "–",
        )
        for s in found
    )
    title = "1 budget" if len(rows) == 1 else f"{len(rows)} budgets"
    header = ("Budget", "Spent", "Forecast", "Limit", "Ends")
    blocks: list[Block] = [
        Heading(text=title),
        Table(header=header, rows=rows, align="lrrrl"),
        *budget_words.notes(turn, found),
        Small(text=text("To ask for more than a budget has: ", Code(text="/spend overrun NAME"))),
    ]
    return Private(message=Message(summary=title, blocks=tuple(blocks)))


def _of_budget(turn: Turn, budget: Budget, *, other_period: bool) -> Message:
    """Where a budget stands; ``other_period``: a period was asked for, which it cannot be shown for."""
    s = standing(turn, budget)
    if s is None:
        return _nothing(turn, Period(turn.today - timedelta(days=1), turn.today))
    title = f"Budget {budget.name}: {budget_words.line(s, turn.policy.workspace.currency)}"
    ask = budget_words.ask_button(budget)
    through = s.burn.through or s.span.first
    blocks: list[Block] = [
        Heading(text=f"Budget {budget.name}"),
        *_waits(turn, budget, s.span),
        budget_words.facts(turn, s),
        budget_words.burn_chart(turn.policy, s, history(turn, budget, s.span, through)),
        Small(text=text(f"The budget is of {budget.scope}.")),
        *([_own_period(budget)] if other_period else []),
        Controls(controls=(ask,)),
    ]
    return Message(summary=title, blocks=tuple(blocks))


def _waits(turn: Turn, budget: Budget, span: Span) -> list[Block]:
    """The overrun of the budget that waits: who decides it, until when, where."""
    for row in overruns.waiting(turn.connection):
        if (row.budget, row.period) == (budget.name, span.key):
            agreed = overruns.agreements(turn.connection, row)
            said = text(
                f"An overrun of {money_of(turn.policy, row)} is in #{row.channel}. ",
                *state_line(turn.policy, row, agreed),
            )
            return [Paragraph(text=said)]
    return []


def _own_period(budget: Budget) -> Block:
    said = "A budget is always shown for its own period; the one that you typed was not used."
    for dimension in ASKED:
        name = budget.scope.parts.get(dimension)
        if name is not None and len(budget.scope.parts) == 1:
            return Small(
                text=text(
                    f"{said} Other periods: ", Code(text=f"/spend {dimension} {name} last 30d")
                )
            )
    return Small(text=text(said))


def _nothing(turn: Turn, period: Period) -> Message:
    sentence = outside(turn, period) or f"Nothing was spent {on(turn, period)}."
    return Message(summary=sentence, blocks=(Small(text=text(sentence)),))


def _against(turn: Turn, subject: Subject, days: Compared | str) -> Fact:
    """How it changed, on complete days as ``/spend why`` has it; a sentence where nothing can be compared."""
    if isinstance(days, str):
        return Fact(label="Change", value=text(days))
    now, before = (
        spend.sums_by(turn.connection, turn.policy, p, only=subject.parts).get((), Decimal(0))
        for p in (days.now, days.before)
    )
    label = f"Against {earlier(turn, days)}"
    if not before:
        return Fact(label=label, value=text("nothing was spent then"))
    said = moved(Part("", before, now))
    said += (
        f" ({money(turn, before)})"
        if days.now == days.asked
        else f": {money(turn, now)} {on(turn, days.now)}, {money(turn, before)} before"
    )
    return Fact(label=label, value=text(said))


def _a_day(turn: Turn, subject: Subject, period: Period) -> list[Fact]:
    """What a day costs, of the days that the bill has whole; nothing where it has none."""
    days = known(turn, period)
    if days is None:
        return []
    found = spend.sums_by(turn.connection, turn.policy, days, only=subject.parts)
    said = money(turn, found.get((), Decimal(0)) / days.days)
    if days != period:
        said += f" ({span(days, turn.today)})"
    return [Fact(label="A day", value=text(said))]


def _left_out(days: Compared | str) -> list[Small]:
    """What the change leaves out; the sum above has it."""
    if isinstance(days, str):
        return []
    growing = days.now.last < days.asked.last
    return noted([f"In the change, {days.notes[0]}", *days.notes[1:]] if growing else days.notes)


def _judged(turn: Turn, subject: Subject, days: Compared | str) -> list[Fact]:
    """What a unit of an experiment costs and how good it is, where that is measured."""
    if isinstance(days, str) or subject.key != "experiment":
        return []
    return cost_and_quality(turn, subject.value, days)


def _covered(turn: Turn, period: Period) -> Fact:
    shares = coverage.coverage(turn.connection, turn.policy, period.first, period.last)
    return Fact(
        label="Allocated",
        value=text(
            f"{words.percent(shares.share_by_tags)} by tags, "
            f"{words.percent(shares.share_by_rules)} by rules, "
            f"{words.percent(shares.share_by_splits)} shared, "
            f"{words.percent(shares.share_unallocated)} not at all"
        ),
    )
