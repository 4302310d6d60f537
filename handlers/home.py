"""A person's own page: what they spend, what waits for them, their sandboxes. Always of the one who looks."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from guardrails.alerts import words
from guardrails.authority import may
from guardrails.budgets import tightest
from guardrails.money import Money
from guardrails.periods import Period
from guardrails.policy.bills import Dimension
from handlers import dashboard_page
from handlers.alerts.message import controls_of
from handlers.alerts.record import found_of
from handlers.alerts.watched import watched
from handlers.budgets import message as budget_words
from handlers.budgets.standing import inside
from handlers.conversation import (
    Block,
    Button,
    Code,
    Controls,
    Divider,
    Heading,
    Interaction,
    Message,
    Paragraph,
    Private,
    Small,
    Span,
    Strong,
    text,
)
from handlers.overruns.deciders import agreed, may_decide
from handlers.overruns.message import controls_of as overrun_controls
from handlers.overruns.message import in_brief, state_line
from handlers.router import command, home
from handlers.sandboxes.message import controls_of as sandbox_controls
from handlers.sandboxes.message import spent_line
from handlers.sandboxes.message import state_line as sandbox_state
from handlers.turn import Turn
from storage import actuations, anomalies, overruns, sandboxes, spend

DAYS = 30
EXPERIMENTS = 8
WAITING = 6
SANDBOXES = 6
_BARS = "▁▂▃▄▅▆▇█"


@home(permission="read")
def show_home(turn: Turn, it: Interaction) -> Private:
    """The page of the one who looks, with their roles of now; where it is a page, with a dashboard below.

    Inputs of a look: ``page``, the dashboard that was below it before; ``pressed``, what was pressed on it, with
    the ``choice`` or the ``subject`` of that.
    """
    message = home_message(turn, it)
    if it.place.channel or not may(turn.policy, "spend.read", it.actor.roles):
        return Private(message=message)
    wanted = it.inputs.get("page", "")
    if it.inputs.get("pressed") == dashboard_page.SHOW:
        wanted = it.inputs.get("choice") or it.inputs.get("subject", "")
    name, blocks = dashboard_page.below(turn, it.actor, wanted)
    message = message.model_copy(update={"blocks": (*message.blocks, *blocks)})
    return Private(message=message, page=name)


@command(
    "spend mine",
    permission="spend.read",
    does="your experiments and what waits for you",
    looks=True,
)
def show_mine(turn: Turn, it: Interaction) -> Private:
    """The same page, where there is no place for a page."""
    return Private(message=home_message(turn, it))


def home_message(turn: Turn, it: Interaction) -> Message:
    """What waits for the person, their experiments with burn, their sandboxes."""
    blocks: list[Block] = [
        *_waiting(turn, it),
        Divider(),
        *_experiments(turn, it),
        Divider(),
        *_sandboxes(turn, it),
        Small(text=text("More: ", Code(text="/spend help"))),
    ]
    if it.place.channel and may(turn.policy, "spend.read", it.actor.roles):
        blocks.append(Controls(controls=(dashboard_page.open_button(),)))
    return Message(summary=f"The page of {it.actor.name}", blocks=tuple(blocks))


def _waiting(turn: Turn, it: Interaction) -> list[Block]:
    mine = [
        name
        for name, team in turn.policy.teams.items()
        if team.lead == it.actor.person
        or any(p.email == it.actor.person and p.team == name for p in turn.policy.people)
    ]
    rows = anomalies.waiting_for(turn.connection, it.actor.person, mine)
    blocks: list[Block] = [Heading(text="Waiting for me"), *_decisions(turn, it)]
    if not rows and len(blocks) == 1:
        blocks.append(Paragraph(text=text(f"Nothing. {watched(turn)}")))
        return blocks
    acts = may(turn.policy, "anomaly.triage", it.actor.roles)
    for row in rows[:WAITING]:
        found = found_of(row)
        impact = Money(found.impact, found.currency)
        blocks.append(
            Paragraph(
                text=text(
                    Strong(text=row.severity.capitalize()),
                    f" {words.headline(found)}",
                    f" ({impact} beyond the expected value so far)" if found.impact else "",
                )
            )
        )
        if acts:
            blocks.append(Controls(controls=controls_of(row)))
    if len(rows) > WAITING:
        blocks.append(
            Small(text=text(f"and {len(rows) - WAITING} more: ", Code(text="/spend alerts")))
        )
    return blocks


def _decisions(turn: Turn, it: Interaction) -> list[Block]:
    """The overruns that the one who looks may decide now, the earliest due first, with their buttons."""
    if not may(turn.policy, "overrun.decide", it.actor.roles):
        return []
    blocks: list[Block] = []
    for row in overruns.waiting(turn.connection):
        if not may_decide(turn, row, it.actor.person.lower(), it.actor.roles):
            continue
        said = (
            *in_brief(turn.policy, row),
            *state_line(turn.policy, row, agreed(turn, row)),
        )
        blocks += [Paragraph(text=said), Controls(controls=overrun_controls(turn.policy, row))]
        if len(blocks) >= 2 * WAITING:
            break
    return blocks


def _sandboxes(turn: Turn, it: Interaction) -> list[Block]:
    """Those that the one who looks owns or asked for, with their buttons; and how to ask for one."""
    me = it.actor.person.lower()
    every = (*sandboxes.requested(turn.connection), *sandboxes.living(turn.connection))
    every = (*every, *(r for r in sandboxes.ended(turn.connection) if not r.outcome))
    mine = list({r.id: r for r in every if me in (r.owner.lower(), r.asked_by.lower())}.values())
    blocks: list[Block] = [Heading(text="My sandboxes")]
    if not mine:
        blocks.append(Paragraph(text=text("None. What fits into a zone is allocated at once.")))
    for row in mine[:SANDBOXES]:
        orders = actuations.of_sandbox(turn.connection, row.id)
        said: list[str | Span] = [Strong(text=row.name), " ", *sandbox_state(turn, row, orders)]
        if row.state != "requested":
            said.append(f" {spent_line(turn, row)} spent.")
        blocks.append(Paragraph(text=text(*said)))
        controls = sandbox_controls(turn, row, orders)
        if controls:
            blocks.append(Controls(controls=controls))
    if len(mine) > SANDBOXES:
        blocks.append(
            Small(text=text(f"and {len(mine) - SANDBOXES} more: ", Code(text="/sandbox list")))
        )
    if may(turn.policy, "sandbox.request", it.actor.roles) and turn.policy.teams:
        ask = Button(
            label="Ask for a sandbox…", action="sandbox.request", subject="", opens_form=True
        )
        blocks.append(Controls(controls=(ask,)))
    return blocks


def _experiments(turn: Turn, it: Interaction) -> list[Block]:
    period = Period(turn.today - timedelta(days=DAYS), turn.today - timedelta(days=1))
    found: dict[str, dict[date, Decimal]] = {}
    for owner in spend.spelled(turn.connection, "owner", it.actor.person):
        only: Mapping[Dimension, str] = {"owner": owner}
        some = spend.by_day(turn.connection, turn.policy, period, "experiment", only)
        for name, days in some.items():
            whole = found.setdefault(name, {})
            for day, amount in days.items():
                whole[day] = whole.get(day, Decimal(0)) + amount
    found.pop("", None)
    blocks: list[Block] = [Heading(text="My experiments")]
    if not found:
        blocks.append(
            Paragraph(
                text=text(
                    f"No experiment with the owner {it.actor.person} spent anything in {DAYS} days. "
                    "The tag “owner” (or a rule) says whose an experiment is."
                )
            )
        )
        return blocks
    currency = turn.policy.workspace.currency
    ordered = sorted(found.items(), key=lambda item: -sum(item[1].values(), Decimal(0)))
    shown = ordered[:EXPERIMENTS]
    around = inside(turn, "experiment", (n for n, _ in shown)) if turn.policy.budgets else {}
    for name, days in shown:
        total = Money(sum(days.values(), Decimal(0)), currency)
        week = sum(
            (days.get(period.last - timedelta(days=n), Decimal(0)) for n in range(7)), Decimal(0)
        )
        blocks.append(
            Paragraph(
                text=text(
                    Strong(text=name),
                    f" {total} in {DAYS} days, {Money(week / 7, currency)} a day in the last week  ",
                    Code(text=sparkline(days, period)),
                )
            )
        )
        first = tightest(around.get(name, ()))
        if first is not None:
            said = f"{first.budget.name}: {budget_words.line(first, currency)}"
            blocks.append(Small(text=text(said)))
    if len(ordered) > EXPERIMENTS:
        blocks.append(Small(text=text(f"and {len(ordered) - EXPERIMENTS} smaller ones")))
    if not turn.policy.budgets:
        blocks.append(Small(text=text("No budget is set, so no runway is shown.")))
    return blocks


def sparkline(days: Mapping[date, Decimal], period: Period) -> str:
    """The days of a period as little bars of text; the highest is the tallest."""
    values = [
        max(days.get(period.first + timedelta(days=n), Decimal(0)), Decimal(0))
        for n in range(period.days)
    ]
    top = max(values)
    if top == 0:
        return _BARS[0] * len(values)
    return "".join(_BARS[min(7, int(v * 8 / top))] for v in values)
