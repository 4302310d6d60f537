"""``/spend forecast``: where the month (and the quarter) ends, against the budgets around it, and the runway."""

from datetime import timedelta
from decimal import Decimal

from guardrails.alerts import words
from guardrails.budgets import Standing
from guardrails.burn import Burn, Spent, burn
from guardrails.periods import Period, months, quarter
from handlers.ask.around import around
from handlers.ask.days import NOTHING_READ
from handlers.ask.saying import money
from handlers.ask.subjects import Names, Subject, also, find, namesake, read
from handlers.budgets import message as budget_words
from handlers.budgets.course import course_chart, spent_by_day
from handlers.budgets.jumps import open_jumps, young
from handlers.budgets.standing import HISTORY, last_day
from handlers.conversation import (
    Block,
    Code,
    Fact,
    Facts,
    Interaction,
    Items,
    Message,
    Paragraph,
    Private,
    Small,
    Strong,
    Text,
    said,
    text,
)
from handlers.refusals import Unreadable
from handlers.router import command
from handlers.turn import Turn
from storage import spend

SHOWN = 5
_DAY = timedelta(days=1)


@command(
    "spend forecast",
    permission="spend.read",
    does="where the month ends, against the budgets around it",
    usage="[NAME]",
    example="/spend forecast team {team}",
    looks=True,
)
def show_forecast(turn: Turn, it: Interaction) -> Private:
    """Of all spend, or of a name or a budget."""
    names = Names(turn)
    period, name = read(names, it.inputs.get("text", ""))
    if period is not None:
        raise Unreadable(
            "A forecast is of this month and this quarter; it takes a name and no period."
        )
    subject = find(names, name)
    message = forecast(turn, subject)
    return Private(message=message if name else also(message, namesake(names, "forecast")))


def forecast(turn: Turn, subject: Subject) -> Message:
    """The month of today to its end; the quarter when a budget around is of one."""
    through = last_day(turn, subject.parts)
    if through is None:
        return said(NOTHING_READ)
    month = months(turn.today, 1)
    whole = quarter(turn.today)
    read_of = Period(min(whole.first, through - HISTORY), whole.last)
    spent = spend.daily(turn.connection, turn.policy, read_of, subject.parts).complete_to(through)
    if not any((*spent.days, *spent.growing)):
        until = words.day(through)
        return said(
            f"Nothing was spent on {subject.name} in {words.days(HISTORY.days)} to {until}, so there is "
            "nothing to forecast from."
        )
    course = burn(spent, month.first, month.last, None, turn.today)
    budgets = around(turn, subject)
    first = budgets[0] if budgets else None
    finding = _finding(turn, subject, month, course, first)
    facts = [*_facts(turn, f"{month.first:%B}", course), *_quarter(turn, spent, budgets)]
    blocks: list[Block] = [
        Paragraph(text=text(Strong(text=finding))),
        Facts(facts=tuple(facts)),
        _chart(turn, subject, month, course, spent, budgets),
        *_budgets(turn, subject, budgets),
        Small(
            text=text(
                f"From complete days to {words.day(through)}. It is an 80 % interval. ",
                *_further(subject),
            )
        ),
    ]
    return Message(summary=finding, blocks=tuple(blocks))


def _finding(
    turn: Turn, subject: Subject, month: Period, course: Burn, first: Standing | None
) -> str:
    ends = (
        f"{subject.title}: {money(turn, course.forecast)} by {words.day(month.last)} "
        f"({money(turn, course.lower)} to {money(turn, course.upper)})"
    )
    soon = young(turn, subject.parts, course)
    if soon:
        ends += f". Not in the forecast: {soon}"
    if first is None:
        return f"{ends}. No budget is set for it."
    share, period = budget_words.share(first.forecast_share), budget_words.period(first)
    if subject.budget is not None:
        said_of = f"The forecast is {share} of it for {period}"
    else:
        which = "Its tightest budget" if subject.parts else "The tightest budget"
        said_of = f"{which} is {first.budget.name}, forecast {share} for {period}"
    return f"{ends}. {said_of}. {budget_words.runway(first, turn.policy.workspace.currency)}"


def _facts(turn: Turn, what: str, course: Burn) -> list[Fact]:
    facts = [
        Fact(label=f"Spent in {what}", value=text(money(turn, course.spent))),
        Fact(label=f"{what} at its end", value=text(_ends(turn, course))),
        Fact(label="Usual a day", value=text(money(turn, course.rate))),
    ]
    if course.change is not None:
        change = course.change
        moved = f"{money(turn, change.before)} → {money(turn, change.after)} a day"
        facts.append(Fact(label=f"Changed on {words.day(change.on)}", value=text(moved)))
    return facts


def _ends(turn: Turn, course: Burn) -> str:
    interval = f"{money(turn, course.lower)} to {money(turn, course.upper)}"
    return f"{money(turn, course.forecast)}, {interval}"


def _quarter(turn: Turn, spent: Spent, budgets: list[Standing]) -> list[Fact]:
    """Where the quarter ends, when a budget around is of one."""
    if not any(s.budget.period == "quarter" for s in budgets):
        return []
    whole = quarter(turn.today)
    course = burn(spent, whole.first, whole.last, None, turn.today)
    name = f"Q{(whole.first.month + 2) // 3}"
    return [Fact(label=f"{name} at its end", value=text(_ends(turn, course)))]


def _budgets(turn: Turn, subject: Subject, budgets: list[Standing]) -> list[Block]:
    if not budgets:
        return []
    currency, jumps = turn.policy.workspace.currency, list(open_jumps(turn))
    lines: list[Text] = []
    for s in budgets[:SHOWN]:
        parts = s.budget.scope.parts  # of what was asked about the first line says it
        soon = "" if parts == subject.parts else young(turn, parts, s.burn, jumps)
        more = f" Not in the forecast: {soon}." if soon else ""
        line = f" {budget_words.line(s, currency)}{more}"
        lines.append(text(Strong(text=s.budget.name), line))
    if len(budgets) > SHOWN:
        lines.append(
            text(
                f"and {len(budgets) - SHOWN} more, which have more room: ",
                Code(text="/spend budgets"),
            )
        )
    return [Items(title="Budgets around it, the tightest first", items=tuple(lines))]


def _further(subject: Subject) -> list[Code | str]:
    if not subject.parts:
        return ["Of one name: ", Code(text="/spend forecast NAME")]
    return ["Why it changed: ", Code(text=f"/spend why {subject.typed}")] if subject.key else []


def _chart(
    turn: Turn,
    subject: Subject,
    month: Period,
    course: Burn,
    spent: Spent,
    budgets: list[Standing],
) -> Block:
    """Spend of the month so far, then its course with the interval; the limit when a budget is of just this."""
    past = spent_by_day(month.first, month.last, spent)
    total = past[-1][1] if past else Decimal(0)
    so_far = f"{money(turn, total)} to {words.day(past[-1][0])}, then about" if past else "About"
    mine = [
        s
        for s in budgets
        if s.budget.period == "month" and dict(s.budget.scope.parts) == dict(subject.parts)
    ]
    return course_chart(
        f"{month.first:%B}: {subject.name}, and where it ends",
        f"{so_far} {money(turn, course.rate)} a day to {money(turn, course.forecast)} "
        f"on {words.day(month.last)}.",
        turn.policy.workspace.currency,
        past,
        course.by_day,
        mine[0].limit if mine else None,
    )
