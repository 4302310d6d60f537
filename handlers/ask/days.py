"""The days that are compared: complete ones only, as many on both sides, and what was left out is said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from guardrails.alerts import words
from guardrails.periods import Period, in_words, span
from handlers.budgets.standing import last_day
from handlers.conversation import Small, text
from handlers.turn import Turn
from storage import spend

NOTHING_READ = "No bill has been read yet. The operator starts it with: sandrail ingest"


@dataclass(frozen=True)
class Compared:
    """Days and as many before them, all complete. ``asked``: the period that compares these very days when it is
    typed. ``notes``: what was left out, in sentences."""

    now: Period
    before: Period
    asked: Period
    notes: tuple[str, ...] = ()


def with_before(turn: Turn, asked: Period) -> Compared | str:
    """A period and the one before of the same length, both without the days that are not complete in the first (so
    that weekdays stand against themselves); a sentence when there are none."""
    held = spend.covered(turn.connection)
    if held is not None and asked.last < held.first:
        return outside(turn, asked)
    cut = complete(turn, asked)
    if isinstance(cut, str):
        return cut
    now, notes = cut
    apart = timedelta(days=asked.days)
    before = Period(now.first - apart, now.last - apart)
    if held is not None and before.first < held.first:
        half = max((now.last - held.first).days + 1, 0) // 2
        if half == 0:
            return f"The bill begins on {words.day(held.first)}: there are no days before to compare with."
        now = now.newest(min(now.days, half))
        before = now.before()
        begins = f"The bill begins on {words.day(held.first)}"
        verb = "is" if now.days == 1 else "are"
        if asked.first < held.first:
            begins += ": earlier days are not known"
        notes.append(f"{begins}, so {words.days(now.days)} {verb} compared.")
    return Compared(now, before, asked, tuple(notes))


def outside(turn: Turn, period: Period) -> str:
    """That the bill has nothing of a period, a sentence; empty when it has some of its days."""
    held = spend.covered(turn.connection)
    if held is None:
        return NOTHING_READ
    which = in_words(period, turn.today)
    if period.last < held.first:
        return f"The bill begins on {words.day(held.first)}: it has nothing of {which}."
    if period.first > held.last:
        return f"The bill ends on {words.day(held.last)}: it has nothing of {which} yet."
    return ""


def complete(turn: Turn, asked: Period) -> tuple[Period, list[str]] | str:
    """The days of a period that every bill has whole, and what was left out; a sentence when there are none."""
    last = last_day(turn)
    if last is None:
        return NOTHING_READ
    if last < asked.first:
        return f"The bill is complete until {words.day(last)} only; try last 30d."
    if last >= asked.last:
        return asked, []
    now = Period(asked.first, last)
    left = Period(last.fromordinal(last.toordinal() + 1), asked.last)
    which = in_words(left, turn.today)
    verb = "is" if left.days == 1 else "are"
    return now, [f"{which} {verb} left out: not all charges are in yet."]


def known(turn: Turn, asked: Period) -> Period | None:
    """The days of a period that the bill has, and has whole: what a rate or a share of other sums is taken of.
    None when there are none."""
    held, cut = spend.covered(turn.connection), complete(turn, asked)
    if held is None or isinstance(cut, str) or cut[0].last < held.first:
        return None
    return Period(max(cut[0].first, held.first), cut[0].last)


def noted(notes: Sequence[str]) -> list[Small]:
    """The notes as a line; nothing when there are none."""
    return [Small(text=text(" ".join(notes)))] if notes else []


def earlier(turn: Turn, days: Compared) -> str:
    """``the 30 days before``, ``the day before``; ``the 6 days to Sun 15 Nov`` where days are left out."""
    if (days.now.first - days.before.last).days == 1:
        return "the day before" if days.now.days == 1 else f"the {days.now.days} days before"
    return f"the {span(days.before, turn.today)}"


def on(turn: Turn, period: Period) -> str:
    """``in the 30 days to Sun 22 Nov``, ``on Sun 22 Nov``."""
    said_of = span(period, turn.today)
    return f"on {said_of}" if period.days == 1 else f"in the {said_of}"
