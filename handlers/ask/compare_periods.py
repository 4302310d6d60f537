"""Two periods side by side, of one name or of all spend."""

from datetime import timedelta

from guardrails.alerts import words
from guardrails.contributions import Part, explains_most, whole_of
from guardrails.periods import Period, in_words
from handlers.ask.days import Compared, complete, noted, outside
from handlers.ask.saying import (
    as_shown,
    change_table,
    money,
    moved,
    rows_of,
    signed,
    waterfall_of,
)
from handlers.ask.subjects import (
    Subject,
    called,
)
from handlers.ask.why import cuts
from handlers.conversation import (
    Block,
    Message,
    Paragraph,
    Strong,
    Table,
    said,
    text,
)
from handlers.refusals import Unreadable
from handlers.turn import Turn
from storage import spend


def compare_periods(turn: Turn, subject: Subject, one: Period, other: Period) -> Message:
    """The later period against the earlier; where the later one is not over, as many first days of the earlier."""
    if one == other:
        raise Unreadable("Both are the same days; name two periods that differ.")
    later, first = (one, other) if one.last >= other.last else (other, one)
    cut = complete(turn, later)
    if isinstance(cut, str):
        return said(cut)
    now, notes = cut
    held = spend.covered(turn.connection)
    if nothing := outside(turn, first):
        return said(nothing)
    running = later.last >= turn.today - timedelta(days=1)
    before = first
    if running and first.days > now.days:
        before = Period(first.first, first.first + timedelta(days=now.days - 1))
        notes.append(
            f"The later period is not over: of the earlier one its first {words.days(now.days)} count."
        )
    earlier_cut = complete(turn, before)
    if isinstance(earlier_cut, str):
        return said(earlier_cut)
    before = earlier_cut[0]
    if held is not None and before.first < held.first:
        notes.append(f"The bill begins on {words.day(held.first)}: earlier days are missing.")
    if before.last >= now.first:
        notes.append("The two periods have days in common.")
    return side_by_side(turn, subject, Compared(now, before, later, tuple(notes)))


def side_by_side(turn: Turn, subject: Subject, days: Compared) -> Message:
    """Two periods in a table, as a waterfall and by parts; the finding first."""
    found = cuts(turn, subject, days)
    key = explains_most(found)
    parts = found[key]
    whole = whole_of(parts)
    now, before = (in_words(p, turn.today) for p in (days.now, days.before))
    if not whole.now and not whole.before:
        when = f"{_when(turn, days.now)}, nor {_when(turn, days.before)}"
        return said(f"Nothing was spent on {subject.name} {when}.")
    shown = rows_of(parts)
    whole = whole_of(as_shown(turn, shown)[0])  # as the table below has it
    finding = _finding(turn, subject, days, whole)
    a_day = [whole.now / days.now.days, whole.before / days.before.days]
    rows = (
        (now, money(turn, whole.now), money(turn, a_day[0]), str(days.now.days)),
        (before, money(turn, whole.before), money(turn, a_day[1]), str(days.before.days)),
        ("Change", signed(turn, whole.change), signed(turn, a_day[0] - a_day[1]), ""),
    )
    blocks: list[Block] = [
        Paragraph(text=text(Strong(text=finding))),
        Table(header=("Period", "Spend", "A day", "Days"), rows=rows, align="lrrr"),
        *waterfall_of(
            f"What changed: {subject.name} by {called(key)}",
            key,
            shown,
            (before, now),
            turn.policy.workspace.currency,
        ),
        change_table(turn, key, shown, (now, before, "Change")),
        *noted(days.notes),
    ]
    return Message(summary=finding, blocks=tuple(blocks))


def _finding(turn: Turn, subject: Subject, days: Compared, whole: Part) -> str:
    """Totals of periods of one length, else averages a day: months have different lengths."""
    now, before = (_when(turn, p) for p in (days.now, days.before))
    both = f"{subject.title}: {money(turn, whole.now)} {now}, {money(turn, whole.before)} {before}"
    if days.now.days == days.before.days:
        return f"{both}: {signed(turn, whole.change)} ({moved(whole)})."
    a_day = Part("", whole.before / days.before.days, whole.now / days.now.days)
    return f"{both}; a day {signed(turn, a_day.change)} ({moved(a_day)})."


def _when(turn: Turn, period: Period) -> str:
    """``in October``, ``from 1 Nov to 22 Nov``, ``on Sun 22 Nov``."""
    how = "on" if period.days == 1 else "from" if " to " in in_words(period, turn.today) else "in"
    return f"{how} {in_words(period, turn.today)}"
