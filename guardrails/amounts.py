"""How amounts, shares and changes are said: the same in answers, dashboards and digests."""

from decimal import Decimal

from guardrails.alerts import words
from guardrails.contributions import smallest
from guardrails.money import Money

#: A change of a smaller share is none.
SAME = 0.0005


def money(amount: Decimal, currency: str) -> str:
    """``$7,600``, ``$76.00``."""
    return str(Money(amount, currency))


def signed(amount: Decimal, currency: str) -> str:
    """``+$800``, ``−$20.00``, ``$0.00``."""
    amount = amount.quantize(smallest(currency))
    return f"{_sign(amount)}{money(abs(amount), currency)}"


def exact(amount: Decimal, currency: str, step: Decimal) -> str:
    """In whole units where the step is one, else to the smallest unit: the same for all of a table."""
    said = Money(amount, currency).exact()
    return said.partition(".")[0] if step == 1 else said


def exactly_signed(amount: Decimal, currency: str, step: Decimal) -> str:
    """The same with its sign: ``+$800``."""
    return f"{_sign(amount)}{exact(abs(amount), currency, step)}"


def share(amount: Decimal, whole: Decimal) -> str:
    """``42 %``, ``−5 %``; a dash of nothing, or of less."""
    if whole <= 0:
        return "–"
    return f"{'−' if amount < 0 else ''}{words.percent(abs(float(amount / whole)))}"


def change(now: Decimal | float, before: Decimal | float) -> str:
    """``+12 %`` against what was before; ``new``, ``ended`` where one of both is nothing; a dash where both are.

    Nothing is a share of less than nothing (a credit): after that there is a dash, too.
    """
    if before <= 0:
        return "new" if now > 0 and before == 0 else "–"
    if not now:
        return "ended"
    ratio = float(now) / float(before) - 1
    if abs(ratio) < SAME:
        return "no change"
    return f"{'+' if ratio > 0 else '−'}{words.percent(abs(ratio))}"


def _sign(amount: Decimal) -> str:
    return "+" if amount > 0 else "−" if amount < 0 else ""
