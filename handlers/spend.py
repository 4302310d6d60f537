"""``/spend``: what was spent, by whom, and what nobody claims. The answers are private."""

from datetime import timedelta
from decimal import Decimal

from guardrails.alerts import words
from guardrails.budgets import Span, tightest
from guardrails.money import Money
from guardrails.periods import Period, PeriodError, read_period
from guardrails.policy.bills import Dimension
from guardrails.policy.budgets import Budget
from guardrails.suggest import did_you_mean, nearest
from handlers.alerts.record import found_of
from handlers.budgets import message as budget_words
from handlers.budgets.standing import find_budget, history, inside, standing, standings
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
from handlers.overruns.message import money_of, state_line
from handlers.refusals import NotFound, Unreadable
from handlers.router import beside, command
from handlers.turn import Turn
from storage import anomalies, coverage, overruns, spend

SHOWN = 10
_ASKED: tuple[Dimension, ...] = ("experiment", "feature", "team")
_USAGE = "[experiment, feature or team] [last 30d]"


@command("spend", permission="spend.read", does="spend of all, or of one name", usage=_USAGE)
def show_spend(turn: Turn, it: Interaction) -> Private:
    """Without a name the whole company; with one that experiment, feature or team."""
    period, name = _period(turn, it)
    if not name:
        return Private(message=_overview(turn, period))
    typed = name.split() != it.inputs.get("text", "").split()
    return Private(message=_of(turn, name, period, typed=typed))


@command("spend alerts", permission="spend.read", does="lists the anomalies that are open")
def show_alerts(turn: Turn, it: Interaction) -> Private:
    """Open and investigated anomalies, the most money first."""
    if it.inputs.get("text", "").strip():
        raise Unreadable(f"/spend alerts takes no words; “{it.inputs['text']}” was not used.")
    rows = anomalies.shown(turn.connection)
    if not rows:
        sentence = "No anomaly is open. All that is watched is inside its band."
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
)
def show_unclaimed(turn: Turn, it: Interaction) -> Private:
    """Shadow spend by account and service, with the likely owner."""
    period, rest = _period(turn, it)
    if rest:
        raise Unreadable(f"“{rest}” is not a period; try /spend unclaimed last 30d.")
    found = coverage.shadow_spend(turn.connection, turn.policy, period.first, period.last)
    currency = turn.policy.workspace.currency
    if not found:
        sentence = f"No AI spend is unclaimed in the {_span(period)}."
        return Private(message=Message(summary=sentence, blocks=(Small(text=text(sentence)),)))
    total = Money(sum((s.money for s in found), Decimal(0)), currency)
    title = f"{total} of AI spend is unclaimed in the {_span(period)}"
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
    before = Period(period.first - timedelta(days=period.days), period.first - timedelta(days=1))
    earlier = sum(spend.totals(turn.connection, turn.policy, before).values(), Decimal(0))
    title = f"{total} in the {_span(period)}"
    ordered = sorted(by_team.items(), key=lambda item: -item[1])
    blocks: list[Block] = [
        Heading(text=title),
        Facts(facts=(_against(total, earlier, currency, before), _covered(turn, period))),
        Table(
            header=("Team", "Spend", "Share"),
            rows=tuple(
                (
                    team or "not allocated",
                    str(Money(amount, currency)),
                    _share(amount, total.amount),
                )
                for team, amount in ordered[:SHOWN]
            ),
            align="lrr",
        ),
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


def _of(turn: Turn, name: str, period: Period, *, typed: bool) -> Message:
    """``typed``: whether the period was, and is not the usual one."""
    budget = find_budget(turn, name.casefold())
    if budget is not None:
        return _of_budget(turn, budget, other_period=typed)
    dimension, value = _resolve(turn, name)
    currency = turn.policy.workspace.currency
    part: Dimension = "workload" if dimension == "experiment" else "experiment"
    sums = spend.totals(turn.connection, turn.policy, period, part, {dimension: value})
    if not sums:
        return _nothing(turn, period)
    total = Money(sum(sums.values(), Decimal(0)), currency)
    before = Period(period.first - timedelta(days=period.days), period.first - timedelta(days=1))
    earlier = sum(
        spend.totals(turn.connection, turn.policy, before, None, {dimension: value}).values(),
        Decimal(0),
    )
    title = f"{dimension.capitalize()} {value}: {total} in the {_span(period)}"
    daily = Money(total.amount / period.days, currency)
    blocks: list[Block] = [
        Heading(text=title),
        Facts(
            facts=(
                _against(total, earlier, currency, before),
                Fact(label="A day", value=text(str(daily))),
            )
        ),
        *_against_budgets(turn, dimension, value),
        Table(
            header=(part.capitalize(), "Spend", "Share"),
            rows=tuple(
                (key or "not allocated", str(Money(amount, currency)), _share(amount, total.amount))
                for key, amount in sorted(sums.items(), key=lambda item: -item[1])[:SHOWN]
            ),
            align="lrr",
        ),
    ]
    return Message(summary=title, blocks=tuple(blocks))


def _against_budgets(turn: Turn, dimension: Dimension, value: str) -> list[Block]:
    """Where it stands against the budgets that it spends of, the tightest first and whole."""
    around = inside(turn, dimension, value)
    first = tightest(around)
    if first is None:
        return [Small(text=text("No budget is set for it, so there is no runway or checkpoint."))]
    currency = turn.policy.workspace.currency
    blocks: list[Block] = [
        Paragraph(text=text("Its tightest budget is ", Strong(text=first.budget.name), ".")),
        budget_words.facts(turn.policy, first, turn.today),
    ]
    others = [s for s in around if s is not first]
    if others:
        lines = tuple(
            text(Strong(text=s.budget.name), f" {budget_words.line(s, currency)}") for s in others
        )
        blocks.append(Items(title="It also spends of", items=lines))
    return blocks


@command("spend budgets", permission="spend.read", does="where every budget stands")
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
        Small(text=text("More than one has: ", Code(text="/spend overrun NAME"))),
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
        budget_words.facts(turn.policy, s, turn.today),
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
    for dimension in _ASKED:
        name = budget.scope.parts.get(dimension)
        if name is not None and len(budget.scope.parts) == 1:
            return Small(
                text=text(
                    f"{said} Other periods: ", Code(text=f"/spend {dimension} {name} last 30d")
                )
            )
    return Small(text=text(said))


def _resolve(turn: Turn, name: str) -> tuple[Dimension, str]:
    """Which experiment, feature or team is meant: ``team research`` or just the name, without case."""
    known = spend.names(turn.connection)
    first, _, rest = name.partition(" ")
    asked = tuple(d for d in _ASKED if d == first.lower()) if rest else ()
    wanted = rest.strip() if asked else name
    for dimension in asked or _ASKED:
        for value in known[dimension]:
            if value.casefold() == wanted.casefold():
                return dimension, value
    every = [v for d in asked or _ASKED for v in known[d]]
    if asked:
        hint = did_you_mean(wanted, every) or "; /spend shows the teams."
        raise NotFound(f"No {first.lower()} is called “{wanted}”{hint}")
    commands = beside("spend")
    near = nearest(first, [*commands, *every])
    if near in commands:
        hint = f"; did you mean /spend {near}?"
    else:
        every += [b.name for b in turn.policy.budgets]
        hint = did_you_mean(wanted, every) or "; /spend shows the teams."
    raise NotFound(f"No {', '.join(_ASKED)} or budget is called “{wanted}”{hint}")


def _period(turn: Turn, it: Interaction) -> tuple[Period, str]:
    try:
        return read_period(it.inputs.get("text", ""), turn.today)
    except PeriodError as error:
        raise Unreadable(str(error)) from None


def _nothing(turn: Turn, period: Period) -> Message:
    held = spend.covered(turn.connection)
    if held is None:
        sentence = "No bill has been read yet. The operator starts it with: sandrail ingest"
    else:
        sentence = (
            f"Nothing was spent in the {_span(period)}; the bill has {words.day(held.first)} "
            f"to {words.day(held.last)}."
        )
    return Message(summary=sentence, blocks=(Small(text=text(sentence)),))


def _against(total: Money, earlier: Decimal, currency: str, before: Period) -> Fact:
    label = f"Against the {words.days(before.days)} before"
    if earlier <= 0:
        return Fact(label=label, value=text("nothing was spent then"))
    change = float((total.amount - earlier) / earlier)
    sign = "+" if change >= 0 else "−"
    return Fact(
        label=label, value=text(f"{sign}{words.percent(abs(change))} ({Money(earlier, currency)})")
    )


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


def _span(period: Period) -> str:
    return f"{words.days(period.days)} to {words.day(period.last)}"


def _share(amount: Decimal, total: Decimal) -> str:
    return words.percent(float(amount / total)) if total else "–"
