"""The days that a detection reads, what each bill says of them, and the rates of its currencies."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from guardrails.policy.model import Policy
from storage.tables.spend import BillPeriod, CostRollup

_rollups = CostRollup.__table__  # type: ignore[attr-defined]
_periods = BillPeriod.__table__  # type: ignore[attr-defined]

#: Days before the policy's ``history_days`` that bands and spreads still reach back to.
WARM_UP = 100
#: Days of silence after which a bill has ended, when others of the same series go on.
ENDED = 14


class MissingRateError(ValueError):
    """A bill has a currency that the policy gives no rate for; the text is a sentence for people."""


@dataclass(frozen=True)
class Window:
    """The days that are read, and what each bill says of them.

    By bill: its ``first`` day, the last day that is ``complete``, the days that it has charges on.
    """

    days: tuple[date, ...]
    first: Mapping[str, date]
    complete: Mapping[str, date]
    seen: Mapping[str, frozenset[date]]

    def index(self, day: date) -> int:
        """The column of a day."""
        return (day - self.days[0]).days

    def known(self, bills: Iterable[str]) -> NDArray[np.bool_]:
        """The days of which all these bills speak, so that no charge means nothing was spent.

        A bill that has not begun yet does not count while another has, nor one that has charges on less
        than half its days (a support plan by the month): its silence says nothing.
        """
        bills = self._live(bills)
        begun = min(self.first[b] for b in bills)
        steady = [b for b in bills if 2 * len(self.seen[b]) > self._span(b)]
        return np.array(
            [
                d >= begun and all(d < self.first[b] or d in self.seen[b] for b in steady)
                for d in self.days
            ]
        )

    def complete_days(self, bills: Iterable[str]) -> NDArray[np.bool_]:
        """The days that are complete in all these bills."""
        through = min(self.complete[b] for b in self._live(bills))
        return np.array([d <= through for d in self.days])

    def _live(self, bills: Iterable[str]) -> list[str]:
        """Without the bills that ended long ago while another of them goes on."""
        bills = sorted(bills)
        newest = max(max(self.seen[b]) for b in bills)
        return [b for b in bills if (newest - max(self.seen[b])).days <= ENDED]

    def _span(self, bill: str) -> int:
        return (max(self.seen[bill]) - min(self.seen[bill])).days + 1


def read_window(connection: Connection, policy: Policy, as_of: date) -> Window | None:
    """The days up to ``as_of`` that bands of the policy's ``history_days`` need; None without charges."""
    start = as_of - timedelta(days=2 * policy.detection.history_days + WARM_UP)
    rows = connection.execute(
        select(_rollups.c.bill, _rollups.c.day)
        .where(_rollups.c.day.between(start, as_of))
        .group_by(_rollups.c.bill, _rollups.c.day)
    ).all()
    if not rows:
        return None
    seen: dict[str, set[date]] = defaultdict(set)
    for bill, day in rows:
        seen[bill].add(day)
    through = {
        bill: day
        for bill, day in connection.execute(
            select(_periods.c.bill, func.max(_periods.c.complete_through)).group_by(_periods.c.bill)
        )
        if day is not None
    }
    begin, end = min(min(s) for s in seen.values()), max(max(s) for s in seen.values())
    return Window(
        days=tuple(begin + timedelta(days=i) for i in range((end - begin).days + 1)),
        first={bill: min(days) for bill, days in seen.items()},
        complete={b: through.get(b, max(days) - timedelta(days=1)) for b, days in seen.items()},
        seen={bill: frozenset(days) for bill, days in seen.items()},
    )


def read_rates(connection: Connection, policy: Policy) -> dict[str, float]:
    """What one unit of each billed currency is in the workspace's."""
    own = policy.workspace.currency
    rates = {own: Decimal(1), **policy.workspace.rates}
    billed = connection.execute(select(_periods.c.currency).distinct()).scalars().all()
    if not billed:
        billed = connection.execute(select(_rollups.c.currency).distinct()).scalars().all()
    for currency in sorted(billed):
        if currency not in rates:
            raise MissingRateError(
                f"The bill has charges in {currency}, the workspace counts in {own}: give "
                f"workspace.rates.{currency} in app.yaml, what one {currency} is in {own}."
            )
    return {currency: float(rate) for currency, rate in rates.items()}
