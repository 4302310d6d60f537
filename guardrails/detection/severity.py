"""How bad a finding is."""

from decimal import Decimal

from guardrails.detection.found import Direction
from guardrails.policy.alerts import SEVERITIES, Severity, Signal

#: Money a day beyond the expected value, in multiples of the policy's ``min_impact``, from which a
#: finding is medium, high, critical. With the default of 200: 1,000, 4,000 and 10,000 a day.
BY_MONEY = (Decimal(5), Decimal(20), Decimal(50))
#: The money so far counts like a day's money that is this much smaller: a week of 1,000 is as bad as a
#: day of 3,500.
DAYS_OF_IMPACT = Decimal(2)
#: Relative change of a signal that is not money (quality) from which it is medium, high, critical.
BY_CHANGE = (0.05, 0.10, 0.25)
#: Up to this many band widths a finding is close to its band, and one step less severe.
CLOSE = 1.25


def severity(
    *,
    signal: Signal,
    direction: Direction,
    score: float,
    width: float,
    money_a_day: Decimal,
    impact: Decimal,
    change: float,
    min_impact: Decimal,
) -> Severity:
    """The severity of one finding.

    ``score``: the largest of its days, in robust deviations; ``width``: the half width of the band in the
    same; ``money_a_day``: the largest of its days beyond the expected value; ``impact``: all of its
    days; ``change``: relative, of the last day, for signals without money. Money decides, the score
    takes one step away from a finding that is hardly outside its band; less spend is at most medium and a
    step lower; a changed mix of resources is at most medium, for it moves money rather than spends it.
    """
    if signal == "quality":
        step = sum(abs(change) >= limit for limit in BY_CHANGE)
    else:
        unit = max(min_impact, Decimal(1))
        money = max(abs(money_a_day), abs(impact) / DAYS_OF_IMPACT)
        step = sum(money >= limit * unit for limit in BY_MONEY)
    if abs(score) < CLOSE * width:
        step -= 1
    if signal != "quality" and direction == "down":
        step = min(step - 1, 1)
    if signal == "resource-mix":
        step = min(step, 1)
    return SEVERITIES[max(step, 0)]


def rank(name: Severity) -> int:
    """0 for low to 3 for critical."""
    return SEVERITIES.index(name)
