"""The chart of where a period ends: what was spent so far, then the forecast with its interval, all cumulative."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from guardrails.burn import Spent
from handlers.conversation import Band

#: (day, forecast, lower, upper): the money that will be spent by the end of a day to come.
Ahead = tuple[date, Decimal, Decimal, Decimal]


def spent_by_day(first: date, last: date, spent: Spent) -> list[tuple[date, Decimal]]:
    """(day, money from ``first`` to this day) for each complete day of ``first`` to ``last``."""
    found, total = [], Decimal(0)
    for n, amount in enumerate(spent.days):
        day = spent.first + timedelta(days=n)
        if first <= day <= last:
            total += amount
            found.append((day, total))
    return found


def course_chart(
    title: str,
    alt: str,
    currency: str,
    past: Sequence[tuple[date, Decimal]],
    course: Sequence[Ahead],
    limit: Decimal | None = None,
) -> Band:
    """``past`` is what :func:`spent_by_day` found, ``course`` the days after it; ``limit`` draws the budget."""
    known = {day for day, _ in past}
    ahead = [p for p in course if p[0] not in known]
    joined: list[float | None] = [None] * len(past)
    if past and ahead:
        joined[-1] = float(past[-1][1])  # the forecast begins where the spend ends
    count = len(past) + len(ahead)
    return Band(
        title=title,
        alt=alt,
        unit=f"{currency} so far",
        days=(*(day for day, _ in past), *(p[0] for p in ahead)),
        observed=(*(float(total) for _, total in past), *(None for _ in ahead)),
        expected=(*joined, *(float(p[1]) for p in ahead)),
        lower=(*joined, *(float(p[2]) for p in ahead)),
        upper=(*joined, *(float(p[3]) for p in ahead)),
        anomalous=(False,) * count,
        incomplete=(False,) * count,
        limit=None if limit is None else float(limit),
        ahead=True,
    )
