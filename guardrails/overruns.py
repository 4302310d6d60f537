"""When an overrun begins, becomes another one, and is asked again. Pure.

The daily look (handlers/overruns) and the replay of a policy (guardrails/replay/budgets.py) both ask here, so that
a replay says what the bot would do.
"""

from datetime import date
from decimal import ROUND_UP, Decimal
from typing import Literal

from guardrails.budgets import Standing

#: Beyond this much of what was declined, or of a request that waits, the whole is asked.
WORSE = Decimal("1.25")
#: What grows by more than the first, or shrinks below the second, is another amount; a forecast moves a little
#: every day.
GROWN, SHRUNK = Decimal("1.05"), Decimal("0.8")


def rounded(over: Decimal) -> Decimal:
    """How much is asked for what is beyond a limit: whole units of the currency."""
    return over.quantize(Decimal(1), ROUND_UP)


def kind_of(s: Standing) -> Literal["actual", "forecast"]:
    """Whether what is billed is beyond the limit already, or only what is expected."""
    return "actual" if max(s.burn.spent, s.burn.billed) > s.limit else "forecast"


def is_enough(s: Standing, least_percent: Decimal) -> bool:
    """Whether a budget is so far beyond its limit that an overrun begins. ``least_percent``: of the limit."""
    return s.is_over and s.over > s.limit * least_percent / 100


def is_worse(amount: Decimal, than: Decimal) -> bool:
    """Whether an amount is so much more than what was declined, or than what somebody asks for, that it is asked
    anyway: a small request must not stand in the way of a large overrun."""
    return amount > than * WORSE


def is_another(before: Decimal, now: Decimal) -> bool:
    """Whether what is beyond a limit has become another amount while it waits, which has to be agreed anew."""
    return not before * SHRUNK <= now <= before * GROWN


def still_refused(
    over: Decimal, kind: str, asked: Decimal, granted: Decimal, until: date | None, today: date
) -> Decimal:
    """How much beyond the limit the last decision has not granted, as far as that still holds; nothing below zero.

    What counts is how far it was beyond the limit when it was decided (``over``), not what was ``asked`` for: a
    request for ten times as much that is declined must not keep the bot quiet. What was granted for a time that is
    over (``until``), a bridge for example, is asked anew.
    """
    if granted and until is not None and until < today:
        return Decimal(0)
    decided = min(over, asked) if kind == "asked" else over
    return max(decided - granted, Decimal(0))
