"""What a rule has saved: careful estimates, which count no money twice. Money in the workspace's currency.

Each is a rate a day times the days for which it would have gone on. Nobody knows how long that would have been, so
they are bounded by the policy's ``retrospective.saving_days`` and by everything that is known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

DAY = timedelta(days=1)
CENT = Decimal("0.01")
BEFORE_DAYS = 7  # of which the rate before a stop is the mean
#: A resolved anomaly that had been over for longer than so many days ended by itself: bills come late, and an end
#: is only known after quiet days.
BY_ITSELF = 3


#: What the charges of a scope have, by dimension: an empty value means that they have none.
Parts = Mapping[str, str]


@dataclass(frozen=True)
class Saving:
    """Money that was not spent on the days ``first`` to ``last`` of a scope; ``case`` is whose it is."""

    case: str
    scope: Parts
    first: date
    last: date
    amount: Decimal


def of_stop(
    case: str,
    scope: Parts,
    days: Sequence[tuple[date, Decimal]],
    *,
    stopped_on: date,
    ends_on: date | None,
    resumed_on: date | None,
    known: date,
    most: int,
) -> Saving | None:
    """A halt or a throttle: (rate before − rate after) × days.

    ``rate before`` is the mean of up to 7 days before the day of the stop, ``rate after`` the mean of the days
    after it that the bill has whole (``known``), nothing without one. The days end with the sandbox (``ends_on``)
    and after ``most`` days. What was let run again was postponed, not saved: nothing.
    """
    if resumed_on is not None:
        return None
    last = stopped_on + most * DAY
    if ends_on is not None:
        last = min(last, ends_on)
    count = (last - stopped_on).days
    before = [m for day, m in days if stopped_on - BEFORE_DAYS * DAY <= day < stopped_on]
    after = [m for day, m in days if stopped_on < day <= min(last, known)]
    if count <= 0 or not before:
        return None
    rate = sum(before, Decimal(0)) / len(before)
    if after:
        rate -= sum(after, Decimal(0)) / len(after)
    return _saving(case, scope, stopped_on + DAY, last, rate * count)


def of_resolved(
    case: str,
    scope: Parts,
    impact: Decimal,
    *,
    started_on: date,
    last_on: date,
    decided_on: date,
    most: int,
) -> Saving | None:
    """An anomaly that somebody resolved: (impact ÷ days that it lasted) × days for which it would have gone on.

    Those are ``most`` days, less those that it still went on after the resolution. What had ended by itself more
    than 3 days before the resolution, and what cost less than expected, saved nothing.
    """
    if impact <= 0 or (decided_on - last_on).days > BY_ITSELF:
        return None
    rate = impact / ((last_on - started_on).days + 1)
    went_on = max((last_on - decided_on).days, 0)
    first = max(last_on, decided_on) + DAY
    count = most - went_on
    if count <= 0:
        return None
    return _saving(case, scope, first, first + (count - 1) * DAY, rate * count)


def _saving(case: str, scope: Parts, first: date, last: date, amount: Decimal) -> Saving | None:
    exact = amount.quantize(CENT)
    return Saving(case, scope, first, last, exact) if exact > 0 else None


def once(savings: Sequence[Saving]) -> dict[str, Decimal]:
    """Money by case, each day's money counted once: of two savings that share a day, and whose scopes may hold the
    same charges, the larger counts, and the other is nothing."""
    kept: list[Saving] = []
    for one in sorted(savings, key=lambda s: (-s.amount, s.case)):
        taken = any(
            _may_share(k.scope, one.scope) and k.first <= one.last and one.first <= k.last
            for k in kept
        )
        if not taken:
            kept.append(one)
    found: dict[str, Decimal] = {}
    for one in kept:
        found[one.case] = found.get(one.case, Decimal(0)) + one.amount
    return found


def _may_share(a: Parts, b: Parts) -> bool:
    """Whether a charge can be in both scopes: no dimension of both says otherwise."""
    return all(a[name] == b[name] for name in a.keys() & b.keys())
