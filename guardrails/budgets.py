"""How a budget stands: its period, its limit from the ledger, what its course says, and who should hear."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from guardrails.burn import Burn
from guardrails.policy.bills import Dimension
from guardrails.policy.budgets import Budget, Nudge, Nudges, Scope, Term

EntryKind = Literal["set", "correction", "overrun", "bridge", "gate"]
#: What was granted beyond the limit, by people or by their silence.
GRANTS: tuple[EntryKind, ...] = ("overrun", "bridge")


@dataclass(frozen=True)
class Span:
    """One period of a budget, both days included. ``key`` names it: ``2026-11``, ``2026-Q4``."""

    key: str
    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


@dataclass(frozen=True)
class Entry:
    """One movement of a budget's limit. After ``until`` it no longer counts."""

    kind: EntryKind
    amount: Decimal
    until: date | None = None


def span_of(budget: Budget, day: date) -> Span | None:
    """The period that a day is in; None when the budget's fixed term does not have the day."""
    if isinstance(budget.period, Term):
        first, last = budget.period.first, budget.period.last
        return Span(f"from {first}", first, last) if first <= day <= last else None
    months = 1 if budget.period == "month" else 3
    month = day.month - (day.month - 1) % months
    first = date(day.year, month, 1)
    following = date(day.year + (month + months > 12), (month + months - 1) % 12 + 1, 1)
    key = f"{day.year}-{month:02}" if months == 1 else f"{day.year}-Q{(month + 2) // 3}"
    return Span(key, first, following - timedelta(days=1))


def limit_on(entries: Iterable[Entry], day: date) -> Decimal:
    """The limit on a day: the sum of the ledger's entries that count then."""
    return sum((e.amount for e in entries if e.until is None or e.until >= day), Decimal(0))


@dataclass(frozen=True)
class Standing:
    """A budget in its period, with what its course says. Money in the workspace's currency.

    ``limit`` is that of today; ``ends`` is what of it no longer counts on the period's last day: grants for a
    shorter time.
    """

    budget: Budget
    span: Span
    limit: Decimal
    burn: Burn
    ends: Decimal = Decimal(0)

    @property
    def limit_at_end(self) -> Decimal:
        """What counts on the period's last day, with which the forecast of that day has to be compared."""
        return self.limit - self.ends

    @property
    def spent_share(self) -> Decimal:
        """Of the limit, 1 is all of it."""
        return self.burn.spent / self.limit if self.limit > 0 else Decimal(0)

    @property
    def forecast_share(self) -> Decimal:
        """Of the limit of then, at the period's end."""
        return self.burn.forecast / self.limit_at_end if self.limit_at_end > 0 else Decimal(0)

    @property
    def over(self) -> Decimal:
        """How much the limit of today is, or will be, exceeded; nothing below zero.

        A grant that ends before the period does counts until then: what was granted is not asked for again on
        the same day, but on the day after it has ended.
        """
        return max(self.burn.spent, self.burn.forecast) - self.limit if self.is_over else Decimal(0)

    @property
    def is_over(self) -> bool:
        """Whether what is spent, or what the forecast says, is more than the limit of today. What is billed of
        days that are not complete is in the forecast."""
        return max(self.burn.spent, self.burn.forecast) > self.limit

    @property
    def room(self) -> Decimal:
        """What the forecast leaves of the limit of then; below zero when it does not suffice."""
        return self.limit_at_end - self.burn.forecast


def applies(scope: Scope, allocation: Mapping[Dimension, str]) -> bool:
    """Whether something with this allocation spends of a budget with this scope."""
    return all(allocation.get(name) == value for name, value in scope.parts.items())


def tightest(standings: Sequence[Standing]) -> Standing | None:
    """Of the budgets that something is inside of, the one whose forecast leaves the least share of its limit."""
    return min(
        standings,
        key=lambda s: (s.room / s.limit if s.limit else s.room, s.budget.name),
        default=None,
    )


@dataclass(frozen=True)
class Crossed:
    """A nudge whose share has been reached. ``basis``: by what is spent, or by the forecast."""

    basis: str
    nudge: Nudge


def crossed(nudges: Nudges, standing: Standing) -> tuple[Crossed, ...]:
    """The nudges that the budget has reached, the smallest first within each basis.

    A forecast that what is spent has reached already says nothing new.
    """
    found = []
    shares = {"actual": standing.spent_share, "forecast": standing.forecast_share}
    for basis, _, nudge in nudges.all():
        reached = shares[basis] * 100 >= nudge.at
        if reached and not (basis == "forecast" and shares["actual"] * 100 >= nudge.at):
            found.append(Crossed(basis, nudge))
    return tuple(found)


def checkpoint(nudges: Nudges, standing: Standing, today: date) -> date:
    """When the budget is next looked at: the day on which its course reaches the next nudge, the end at last."""
    reached = standing.spent_share * 100
    ahead = sorted(n.at for n in nudges.actual if n.at > reached)
    if ahead and standing.limit > 0:
        wanted = standing.limit * ahead[0] / 100
        for day, expected, _, _ in standing.burn.by_day:
            if expected >= wanted and day >= today:
                return min(day, standing.span.last)
    return max(standing.span.last, today)
