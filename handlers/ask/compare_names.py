"""Two names side by side: what they spent in the same days, on what, day by day."""

from datetime import timedelta
from decimal import Decimal

from guardrails.alerts import words
from guardrails.contributions import Part, parts_of, whole_of
from guardrails.periods import Period, span
from handlers.ask.days import noted, on, with_before
from handlers.ask.saying import as_shown, change_table, money, moved, rows_of, share
from handlers.ask.subjects import EVERYTHING, Subject
from handlers.ask.why import cut
from handlers.conversation import (
    Block,
    Code,
    Message,
    Multiples,
    Panel,
    Paragraph,
    Small,
    Strong,
    Table,
    said,
    text,
)
from handlers.turn import Turn
from storage import spend
from storage.spend import Key

#: By what two names are set side by side: the first in which they have several parts.
_WAYS: tuple[Key, ...] = ("service", "experiment", "sku", "workload", "region")


def compare_names(turn: Turn, a: Subject, b: Subject, asked: Period) -> Message:
    """What both spent in the same complete days, what of the bill makes the difference, and their days."""
    days = with_before(turn, asked)
    if isinstance(days, str):
        return said(days)
    now = {s.name: _sum(turn, s, days.now) for s in (a, b)}
    before = {s.name: _sum(turn, s, days.before) for s in (a, b)}
    if not any(now.values()):
        return said(f"Nothing was spent on {a.name} or {b.name} {on(turn, days.now)}.")
    key, parts = _difference(turn, a, b, days.now)
    parts_shown = rows_of(parts, "the same in both")
    whole = whole_of(as_shown(turn, parts_shown)[0])  # as the table below has it
    finding = _against(turn, a, b, whole.now, whole.before, on(turn, days.now))
    every = _sum(turn, EVERYTHING, days.now)
    rows = tuple(
        (
            _label(s, a, b),
            money(turn, spent),
            money(turn, spent / days.now.days),
            share(spent, every),
            moved(Part("", before[s.name], now[s.name])),
        )
        for s, spent in ((a, whole.now), (b, whole.before))
    )
    header = (_label(a, a, b), _label(b, a, b))
    blocks: list[Block] = [
        Paragraph(text=text(Strong(text=finding))),
        Table(header=("Name", "Spend", "A day", "Share", "Change"), rows=rows, align="lrrrr"),
        *_overlap(turn, a, b, days.now),
        _panels(turn, (a, b), days.now),
        change_table(turn, key, parts_shown, (*header, "Difference")),
        *noted((*days.notes, f"Change: against the {span(days.before, turn.today)}.")),
        Small(
            text=text(
                "Look further: ",
                Code(text=" ".join(f"/spend why {a.typed} {days.asked}".split())),
                " · ",
                Code(text=" ".join(f"/spend why {b.typed} {days.asked}".split())),
            )
        ),
    ]
    return Message(summary=finding, blocks=tuple(blocks))


def _against(turn: Turn, a: Subject, b: Subject, x: Decimal, y: Decimal, when: str) -> str:
    both = f"{a.title} came to {money(turn, x)} and {b.name} to {money(turn, y)} {when}"
    more, less = (a, b) if x >= y else (b, a)
    high, low = max(x, y), min(x, y)
    if high == low:
        return f"{both}: the same."
    by = f"{money(turn, high - low)} more"
    if low > 0:
        times = float(high / low)
        by += (
            f", {times:,.1f} times {less.name}"
            if times >= 1.95
            else f" (+{words.percent(times - 1)})"
        )
    return f"{both}: {more.name} {by}."


def _difference(turn: Turn, a: Subject, b: Subject, period: Period) -> tuple[Key, tuple[Part, ...]]:
    """Both by what the money is spent on: the first way in which they have more than one part."""
    ways = [w for w in _WAYS if w not in a.parts and w not in b.parts]
    mine, other = (cut(turn, s, period, ways) for s in (a, b))
    parts = {way: parts_of(other[way], mine[way]) for way in ways}
    key = next((way for way in ways if sum(bool(p.name) for p in parts[way]) > 1), ways[0])
    return key, parts[key]


def _overlap(turn: Turn, a: Subject, b: Subject, period: Period) -> list[Block]:
    """That part of the money is in both, which names of two kinds may share."""
    both = {**a.parts, **b.parts}
    if any(both[key] != value for s in (a, b) for key, value in s.parts.items()):
        return []
    shared = spend.sums_by(turn.connection, turn.policy, period, only=both).get((), Decimal(0))
    if not shared:
        return []
    return [Small(text=text(f"{money(turn, shared)} of this is in both."))]


def _panels(turn: Turn, subjects: tuple[Subject, Subject], period: Period) -> Block:
    """Each day of both, on one scale."""
    days = tuple(period.first + timedelta(days=n) for n in range(period.days))
    panels, most = [], []
    for subject in subjects:
        found = spend.sums_by(turn.connection, turn.policy, period, "day", only=subject.parts)
        values = [found.get((day,), Decimal(0)) for day in days]
        name = _label(subject, *subjects)
        top = max(range(len(days)), key=lambda i: (values[i], i))
        most.append(f"{name} most on {words.day(days[top])}, {money(turn, values[top])}")
        panels.append(
            Panel(
                name=name,
                note=f"{money(turn, values[-1])} on {words.day(days[-1])}",
                values=tuple(float(v) for v in values),
            )
        )
    title = f"Spend a day: {subjects[0].name} and {subjects[1].name}"
    return Multiples(
        title=title,
        alt=f"{'; '.join(most)}.",
        unit=turn.policy.workspace.currency,
        days=days,
        panels=tuple(panels),
    )


def _label(subject: Subject, a: Subject, b: Subject) -> str:
    """Its value, or what tells it from the other when that is called alike."""
    return subject.value if subject.value and a.value != b.value else subject.name


def _sum(turn: Turn, subject: Subject, period: Period) -> Decimal:
    found = spend.sums_by(turn.connection, turn.policy, period, only=subject.parts)
    return found.get((), Decimal(0))
