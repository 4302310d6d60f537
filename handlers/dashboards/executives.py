"""The executives' dashboard: how much of AI spend explores, how fast experiments move, what output costs."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from statistics import median

from guardrails.alerts import words
from guardrails.contributions import largest, parts_of
from guardrails.lists import every as every_of
from guardrails.unit_economics import exactly
from handlers.ask.subjects import unnamed
from handlers.ask.unit_prices import per_label, price_said
from handlers.conversation import Actor, Block, Fact, Facts, Heading, Message, Table, text
from handlers.dashboards.charts import series_band
from handlers.dashboards.parts import (
    WEEK,
    Days,
    Whole,
    change,
    compared_line,
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
from handlers.turn import Turn
from handlers.unit_costs import prices_of_all
from storage import dashboards, spend

#: The stages of research and development.
EXPLORES = ("exploration", "pilot")
IDLE = 3
#: The metric of GPU hours in which something was computed.
BUSY = "gpu_hours_busy"
NOT_AI = "not AI"
_STAGES = (*EXPLORES, "scaled", "production")
_DAY = timedelta(days=1)


def executives(turn: Turn, _actor: Actor) -> Message:
    """Of the whole company."""
    days, currency = days_of(turn), turn.policy.workspace.currency
    found = spend.sums_by(turn.connection, turn.policy, days.all, "ai", "stage", "day")
    stages: dict[str, Decimal] = defaultdict(Decimal)
    research: dict[date, Decimal] = defaultdict(Decimal)
    every: dict[date, Decimal] = defaultdict(Decimal)
    other = Decimal(0)
    for (ai, stage, day), amount in found.items():
        if not ai:
            other += amount
            continue
        stages[stage] += amount
        every[day] += amount
        if stage in EXPLORES:
            research[day] += amount
    ai_spend = sum(stages.values(), Decimal(0))
    explored = sum((stages[s] for s in EXPLORES if s in stages), Decimal(0))
    whole = _whole(stages, other, currency)
    part = share(explored, ai_spend)
    title = f"Executives: {money(whole.total, currency)} in {words.days(days.all.days)}"
    if ai_spend > 0:
        title = f"{title}, {part} of AI spend is research and development"
    cells = {_of_ai(s): (share(a, ai_spend),) for s, a in stages.items()}
    blocks: list[Block] = [
        Heading(text=title),
        _stages(whole, cells, share(ai_spend, ai_spend)),
        made_of(
            typed(days.all),
            note="; ".join(
                filter(
                    None,
                    (
                        "research: exploration and pilot; by day and stage in the console's export",
                        growing_line(days),
                    ),
                )
            ),
        ),
        *_course(research, every, days),
        *_velocity(turn, days),
        *_efficiency(turn, days),
    ]
    return Message(summary=title, blocks=tuple(blocks))


def _whole(stages: dict[str, Decimal], other: Decimal, currency: str) -> Whole:
    """The stages in their order, then those that the policy's words do not know, and what is no AI last."""
    ordered = sorted((s for s in stages if s and s not in _STAGES), key=str.casefold)
    names = [s for s in (*_STAGES, *ordered, "") if s in stages]
    parts = [(_of_ai(s), stages[s]) for s in names]
    if other or not parts:
        parts.append((NOT_AI, other))
    return Whole(tuple(parts), currency)


def _of_ai(stage: str) -> str:
    return f"AI, {stage or unnamed('stage')}"


def _stages(whole: Whole, cells: Mapping[str, tuple[str]], all_of_it: str) -> Table:
    """The stages, what all AI comes to, what is no AI, and all."""
    names = [name for name, _ in whole.parts]
    if names[-1] != NOT_AI or len(names) == 1:
        return parts_table("Stage", whole, cells, ("Of AI",), (all_of_it if cells else "–",))
    table = parts_table("Stage", whole, cells, ("Of AI",), ("–",))
    (spent,) = whole.sums_said(range(len(names) - 1))
    *stages, other, every = table.rows
    return table.model_copy(update={"rows": (*stages, ("All AI", spent, all_of_it), other, every)})


def _course(research: dict[date, Decimal], every: dict[date, Decimal], days: Days) -> list[Block]:
    """The share of research by day, each the mean of the seven days to it, so that weekends do not show."""
    if days.whole is None:
        return []

    def mean(last: date) -> float | None:
        week = [last - n * _DAY for n in range(WEEK)]
        whole = sum((every.get(d, Decimal(0)) for d in week), Decimal(0))
        part = sum((research.get(d, Decimal(0)) for d in week), Decimal(0))
        return float(part / whole) if whole > 0 else None

    first = days.whole.first + (WEEK - 1) * _DAY
    shown = [first + n * _DAY for n in range((days.whole.last - first).days + 1)]
    values = [mean(d) for d in shown]
    known = [v for v in values if v is not None]
    if len(known) < 2:
        return []
    alt = (
        f"Research and development is {words.percent(known[-1])} of AI spend in the week to "
        f"{words.day(days.whole.last)}; it was {words.percent(known[0])} in the week to "
        f"{words.day(first)}."
    )
    title = "Research and development, by week"
    return [series_band(title, alt, "share of AI spend", shown, values)]


def _velocity(turn: Turn, days: Days) -> list[Block]:
    found = dashboards.velocity(turn.connection, *times_of(turn, days.all))
    wait = "nothing was decided"
    if found.waits:
        middle = median(w.total_seconds() for w in found.waits)
        wait = f"{waited(timedelta(seconds=middle))} (median of {len(found.waits)})"
    facts = (
        ("Sandboxes asked for", str(found.asked)),
        ("Started", str(found.started)),
        ("Promoted", str(found.promoted)),
        ("Stopped", f"{found.halted} halted, {found.ended} ended"),
        ("Time to decision", wait),
    )
    return [
        Heading(text="Innovation velocity"),
        Facts(facts=tuple(Fact(label=n, value=text(v)) for n, v in facts)),
        see("/sandbox list", note=f"since {words.day(days.all.first)}"),
    ]


def waited(time: timedelta) -> str:
    """``at once``, ``25 minutes``, ``3.5 hours``, ``2.1 days``."""
    minutes = time.total_seconds() / 60
    if minutes < 1:
        return "at once"
    if minutes < 90:
        return f"{minutes:.0f} minutes" if round(minutes) != 1 else "1 minute"
    if minutes < 48 * 60:
        return f"{minutes / 60:.1f} hours"
    return f"{minutes / 60 / 24:.1f} days"


def _efficiency(turn: Turn, days: Days) -> list[Block]:
    """Idle GPUs, and what a unit of all that is counted costs, against the days before."""
    if days.compared is None:
        return []
    facts = []
    hours, left = dashboards.gpu_hours(turn.connection, BUSY, days.compared.now)
    idle = {name: max(billed - used, Decimal(0)) for name, (billed, used) in hours.items()}
    if hours:
        billed = sum((b for b, _ in hours.values()), Decimal(0))
        part = share(sum(idle.values(), Decimal(0)), billed)
        facts.append(("Idle GPUs", f"{part} of {billed:,.0f} GPU hours"))
    if left:
        facts.append(("Not in idle GPUs", f"what is billed in {every_of(left)}: no hours"))
    currency = turn.policy.workspace.currency
    for unit in turn.policy.watch.units:
        now, before = prices_of_all(turn, unit, days.compared)
        if now is not None:
            moved = change(now, before or Decimal(0))
            facts.append((f"Cost per {per_label(unit)}", f"{price_said(now, currency)}, {moved}"))
    if not facts:
        return []
    return [
        Heading(text="Infrastructure efficiency"),
        Facts(facts=tuple(Fact(label=n, value=text(v)) for n, v in facts)),
        *_idle(idle, hours),
        made_of(typed("unit", days.all), note=compared_line(days.compared)),
    ]


def _idle(idle: Mapping[str, Decimal], hours: Mapping[str, tuple[Decimal, Decimal]]) -> list[Block]:
    """The experiments with the most idle GPU hours; the rows add up to the last."""
    if not any(idle.values()):
        return []
    every = list(largest(parts_of({}, idle), IDLE))
    amounts = exactly([p.now for p in every], sum(idle.values(), Decimal(0)), Decimal(1))
    named = {p.name for p in every}
    rest = sum((b for n, (b, _) in hours.items() if n not in named), Decimal(0))
    rows = []
    for part, amount in zip(every, amounts, strict=True):
        billed = hours[part.name][0] if part.name in hours else rest
        rows.append((part.name, f"{amount:,.0f}", share(part.now, billed)))
    total = sum((b for b, _ in hours.values()), Decimal(0))
    rows.append(("All", f"{sum(amounts):,.0f}", share(sum(idle.values(), Decimal(0)), total)))
    header = ("Experiment", "Idle hours", "Share")
    return [Table(header=header, rows=tuple(rows), align="lrr")]
