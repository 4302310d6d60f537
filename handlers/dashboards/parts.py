"""What all dashboards share: days, parts that add up as they are shown, daily series, where figures are from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from guardrails.alerts import words
from guardrails.amounts import change as change
from guardrails.amounts import exact
from guardrails.amounts import money as money
from guardrails.amounts import share as share
from guardrails.contributions import shown_to
from guardrails.periods import Period
from guardrails.unit_economics import exactly
from handlers.ask.days import Compared, complete, with_before
from handlers.conversation import Code, Small, Span, Table, text
from handlers.turn import Turn

DAYS = 30
SHOWN = 8
UNALLOCATED = "not allocated"
WEEK = 7
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Days:
    """The days of a dashboard: ``all`` to yesterday; ``complete``: those of them that are complete; ``compared``:
    those that stand against days before, as ``/spend`` compares ``all``; ``week``: the last seven complete ones
    against the seven before. None where the bill has no such days."""

    all: Period
    complete: Period | None
    compared: Compared | None
    week: Compared | None

    @property
    def whole(self) -> Period | None:
        """The complete days that are compared; all complete ones where the bill has none before."""
        return self.compared.now if self.compared else self.complete

    @property
    def before(self) -> Period | None:
        """The days that they are compared with."""
        return self.compared.before if self.compared else None

    @property
    def growing(self) -> tuple[date, ...]:
        """The days whose charges are not all in yet."""
        first = self.complete.last + _DAY if self.complete else self.all.first
        return tuple(first + n * _DAY for n in range((self.all.last - first).days + 1))


def days_of(turn: Turn) -> Days:
    """The last 30 days to yesterday, as ``/spend`` has them."""
    every = Period(turn.today - DAYS * _DAY, turn.today - _DAY)
    found = complete(turn, every)
    if isinstance(found, str):
        return Days(every, None, None, None)
    whole, _ = found
    compared, week = with_before(turn, every), None
    if whole.days >= 2 * WEEK:  # the sums of a dashboard reach no further back
        week = with_before(turn, whole.newest(WEEK))
    return Days(
        every,
        whole,
        compared if isinstance(compared, Compared) else None,
        week if isinstance(week, Compared) else None,
    )


def times_of(turn: Turn, period: Period) -> tuple[datetime, datetime]:
    """The first moment of a period in the workspace's zone, and that of tomorrow: what people did today counts."""
    zone = turn.policy.workspace.zone
    return (
        datetime.combine(period.first, time.min, zone),
        datetime.combine(turn.today + _DAY, time.min, zone),
    )


@dataclass(frozen=True)
class Whole:
    """A sum and its parts, the largest first; they add up to it exactly. ``nothing``: the one without a name."""

    parts: tuple[tuple[str, Decimal], ...]
    currency: str
    nothing: str = UNALLOCATED

    @property
    def total(self) -> Decimal:
        """The sum."""
        return sum((amount for _, amount in self.parts), Decimal(0))

    def said(self) -> tuple[str, ...]:
        """The parts as they are shown, and the total last: what is shown adds up, too."""
        return self.sums_said(*([n] for n in range(len(self.parts))), range(len(self.parts)))

    def sums_said(self, *which: Iterable[int]) -> tuple[str, ...]:
        """What parts, by their numbers, come to together: sums of what is shown."""
        step = shown_to(self.total, self.currency)
        shown = exactly([amount for _, amount in self.parts], self.total, step)
        sums = (sum((shown[n] for n in some), Decimal(0)) for some in which)
        return tuple(exact(a, self.currency, step) for a in sums)


def whole_of(
    sums: Mapping[str, Decimal], currency: str, shown: int = SHOWN, nothing: str = UNALLOCATED
) -> Whole:
    """The largest parts by name, the smaller ones as one, and last what has no name."""
    named = sorted(((n, a) for n, a in sums.items() if n), key=lambda item: (-item[1], item[0]))
    parts = named[:shown]
    if len(named) == shown + 1:
        parts = named
    elif len(named) > shown:
        rest = named[shown:]
        parts.append((f"{len(rest)} smaller ones", sum((a for _, a in rest), Decimal(0))))
    if "" in sums:
        parts.append((nothing, sums[""]))
    return Whole(tuple(parts), currency, nothing)


def parts_table(
    first: str,
    whole: Whole,
    more: Mapping[str, Sequence[str]] | None = None,
    header: Sequence[str] = (),
    of_total: Sequence[str] = (),
) -> Table:
    """A table of parts, with a last row that has the sum: with their shares, or with other cells by name under
    ``header``; ``of_total`` are those of the sum. Three columns fit on a phone."""
    total = whole.total
    cells = {n: (share(a, total),) for n, a in whole.parts} if more is None else more
    header = header or ("Share",)
    blank = ("–",) * len(header)
    *said, said_total = whole.said()
    rows = [
        (name, amount, *cells.get(name, blank))
        for (name, _), amount in zip(whole.parts, said, strict=True)
    ]
    last = ("All", said_total, *(of_total or (share(total, total),)))
    return Table(
        header=(first, "Spend", *header), rows=(*rows, last), align="lr" + "r" * len(header)
    )


def both(amounts: Mapping[date, Decimal], days: Compared) -> tuple[Decimal, Decimal]:
    """What the days, and those before them, come to."""

    def of(period: Period) -> Decimal:
        return sum((a for d, a in amounts.items() if period.first <= d <= period.last), Decimal(0))

    return of(days.now), of(days.before)


def compared_line(days: Compared) -> str:
    """``29 days to Sat 21 Nov, against the 29 to Thu 22 Oct``: the days that are compared."""
    now, before = days.now, days.before
    return (
        f"{words.days(now.days)} to {words.day(now.last)}, "
        f"against the {before.days} to {words.day(before.last)}"
    )


def made_of(*commands: str, note: str = "") -> Small:
    """The line that says which commands have the very figures above, and what they are made of."""
    return _line("Its parts: ", commands, note)


def see(*commands: str, note: str = "") -> Small:
    """The line that says where to look further; these commands have other figures."""
    return _line("Look further: ", commands, note)


def _line(begins: str, commands: Sequence[str], note: str) -> Small:
    parts: list[str | Span] = [begins]
    for i, command in enumerate(commands):
        parts += [*([" · "] if i else []), Code(text=command)]
    return Small(text=text(*parts, *([f" · {note}"] if note else [])))


def typed(*words_of: object) -> str:
    """A command as it is typed: ``/spend why team search 2026-11-15 to 2026-11-21``."""
    return " ".join(f"/spend {' '.join(map(str, words_of))}".split())


def growing_line(days: Days) -> str:
    """Which days are not complete; empty when all are."""
    if not days.growing:
        return ""
    first, last = days.growing[0], days.growing[-1]
    which = words.day(first) if first == last else f"{words.day(first)} to {words.day(last)}"
    return f"not all charges of {which} are in yet"
