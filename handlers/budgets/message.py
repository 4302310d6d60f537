"""How a budget's standing is said: the same facts in a nudge, on an overrun's card and in /spend."""

from collections.abc import Sequence
from decimal import Decimal

from guardrails.alerts import words
from guardrails.budgets import Crossed, Standing, checkpoint
from guardrails.burn import Spent
from guardrails.money import Money
from guardrails.policy.budgets import Budget
from guardrails.policy.model import Policy
from guardrails.sandboxes.budget import is_sandbox
from handlers.budgets.course import course_chart, spent_by_day
from handlers.budgets.jumps import open_jumps, young
from handlers.conversation import (
    Band,
    Block,
    Button,
    Controls,
    Fact,
    Facts,
    Heading,
    Items,
    Mention,
    Message,
    Paragraph,
    Small,
    Strong,
    Tone,
    text,
)
from handlers.turn import Turn


def facts(turn: Turn, s: Standing) -> Facts:
    """Spent, forecast and what it leaves out, runway, checkpoint, and what the last change did."""
    policy, currency = turn.policy, turn.policy.workspace.currency
    soon = young(turn, s.budget.scope.parts, s.burn)
    said = [
        Fact(label="Budget", value=text(limit(s, currency))),
        Fact(label="Spent", value=text(spent(s, currency))),
        Fact(label="Forecast", value=text(forecast(s, currency))),
        *([Fact(label="Not in the forecast", value=text(soon))] if soon else []),
        Fact(label="Usual a day", value=text(money(s.burn.rate, currency))),
        Fact(label="Runway", value=text(runway(s, currency))),
        Fact(
            label="Next checkpoint",
            value=text(words.day(checkpoint(policy.nudges, s, turn.today))),
        ),
    ]
    if s.burn.change is not None:
        change = s.burn.change
        said.append(
            Fact(
                label=f"Changed on {words.day(change.on)}",
                value=text(
                    f"{money(change.before, currency)} → {money(change.after, currency)} a day"
                ),
            )
        )
    return Facts(facts=tuple(said))


def nudge_message(
    turn: Turn, s: Standing, reached: Crossed, people: tuple[Mention, ...]
) -> Message:
    """That a share of the budget has been reached, and when the rest will be gone."""
    title = f"Budget {s.budget.name}: {said_share(s, reached)}"
    blocks: list[Block] = [Heading(text=title)]
    if people:
        blocks.append(Paragraph(text=text("For ", *_listed(people), ".")))
    blocks.append(facts(turn, s))
    blocks.append(Small(text=text(f"The budget is of {s.budget.scope}.")))
    blocks.append(Controls(controls=(ask_button(s.budget),)))
    tone: Tone = "neutral" if reached.nudge.at < 75 else "warning"
    return Message(
        summary=f"{title}. {runway(s, turn.policy.workspace.currency)}",
        blocks=tuple(blocks),
        tone="critical" if reached.nudge.at >= 100 else tone,
    )


def ask_button(budget: Budget) -> Button:
    """Asks for more than a budget has; for a sandbox's, to extend the sandbox."""
    action, label = (
        ("sandbox.more", "Extend…") if is_sandbox(budget) else ("overrun.ask", "Ask for more…")
    )
    return Button(label=label, action=action, subject=budget.name, opens_form=True)


def said_share(s: Standing, reached: Crossed) -> str:
    """``76 % is spent, and it has to last until Mon 30 Nov``, ``the forecast is 112 % of it``."""
    if reached.basis == "forecast":
        return f"the forecast is {share(s.forecast_share)} of it"
    return f"{share(s.spent_share)} is spent, and it has to last until {words.day(s.span.last)}"


def burn_chart(policy: Policy, s: Standing, spent_days: Spent) -> Band:
    """Spend so far, the forecast with its interval, and the budget's line; all cumulative."""
    currency = policy.workspace.currency
    return course_chart(
        f"Burn of {s.budget.name}",
        f"Spend of {s.budget.name} in {period(s)}: {spent(s, currency)}; "
        f"forecast {forecast(s, currency)}; budget {Money(s.limit, currency).in_full()}.",
        currency,
        spent_by_day(s.span.first, s.span.last, spent_days),
        s.burn.by_day,
        s.limit,
    )


def line(s: Standing, currency: str) -> str:
    """A budget in a line: ``$7,600 of $10,000 (76 %) for November 2026, forecast 112 %. It ends on …``."""
    return (
        f"{money(s.burn.spent, currency)} of {Money(s.limit, currency).in_full()} ({share(s.spent_share)}) "
        f"for {period(s)}, forecast {share(s.forecast_share)}. {runway(s, currency)}"
    )


def limit(s: Standing, currency: str) -> str:
    """``$3,000 for November 2026``, and what is left of it at the end when a grant ends before."""
    said = f"{Money(s.limit, currency).in_full()} for {period(s)}"
    if not s.ends:
        return said
    return f"{said}; {Money(s.limit_at_end, currency).in_full()} on its last day, as a grant ends before"


def spent(s: Standing, currency: str) -> str:
    """``$7,600 (76 %)``."""
    return f"{money(s.burn.spent, currency)} ({share(s.spent_share)})"


def forecast(s: Standing, currency: str) -> str:
    """``$11,200 (112 %), $10,400 to $12,300``."""
    b = s.burn
    if b.through is not None and b.through >= s.span.last:
        return f"{money(b.forecast, currency)}, the period is over"
    of = f" of {Money(s.limit_at_end, currency).in_full()}" if s.ends else ""
    return (
        f"{money(b.forecast, currency)} ({share(s.forecast_share)}{of}), "
        f"{money(b.lower, currency)} to {money(b.upper, currency)}"
    )


def over(s: Standing, currency: str) -> str:
    """``already over: $151,303 billed, days that are not complete included``; empty unless it is these days that
    bring it beyond the limit."""
    if s.burn.spent > s.limit or s.burn.billed <= s.limit:
        return ""
    return f"already over: {money(s.burn.billed, currency)} billed, days that are not complete included"


def notes(turn: Turn, found: Sequence[Standing]) -> list[Items]:
    """What a table of budgets leaves out: that one is over by days that are not complete, and what a jump of the
    last days would add to its forecast. Nothing when there is nothing."""
    currency, jumps = turn.policy.workspace.currency, list(open_jumps(turn))
    lines = []
    for s in found:
        soon = young(turn, s.budget.scope.parts, s.burn, jumps)
        said = [over(s, currency), f"not in the forecast: {soon}" if soon else ""]
        if any(said):
            lines.append(text(Strong(text=s.budget.name), f" {'; '.join(filter(None, said))}."))
    return [Items(items=tuple(lines))] if lines else []


def runway(s: Standing, currency: str) -> str:
    """``It ends on Fri 27 Nov.``, ``It lasts to the end of the period.``, ``It is already over: …``"""
    b = s.burn
    if more := over(s, currency):
        return f"It is {more}."
    if b.runway_days == 0:
        return "It is used up."
    if b.exhausted_on is not None and b.exhausted_on <= s.span.last and b.runway_days is not None:
        return f"It ends on {words.day(b.exhausted_on)}."
    return "It lasts to the end of the period."


def period(s: Standing) -> str:
    """``November 2026``, ``Q4 2026``, ``1 Nov to 15 Dec``."""
    if s.budget.period == "month":
        return f"{s.span.first:%B %Y}"
    if s.budget.period == "quarter":
        year, _, quarter = s.span.key.partition("-")
        return f"{quarter} {year}"
    return f"{words.day(s.span.first)} to {words.day(s.span.last)}"


def share(value: Decimal) -> str:
    """``76 %``."""
    return words.percent(float(value))


def money(amount: Decimal, currency: str) -> str:
    """``$7,600``."""
    return str(Money(amount, currency))


def _listed(people: tuple[Mention, ...]) -> list[Mention | str]:
    listed: list[Mention | str] = []
    for i, person in enumerate(people):
        listed += [person] if i == 0 else [", ", person]
    return listed
