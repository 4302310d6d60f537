"""How amounts, shares and changes are said."""

from decimal import Decimal

import pytest

from guardrails.amounts import change, exact, exactly_signed, share, signed


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (150, 100, "+50 %"),
        (50, 100, "−50 %"),
        ("100.1", 100, "+0.1 %"),
        ("100.04", 100, "no change"),
        (1, 0, "new"),
        (0, 1, "ended"),
        (0, 0, "–"),
        (-5, 0, "–"),
        # It said “new” after a credit, and a percentage of it would have the wrong sign.
        (100, -50, "–"),
        (-100, -50, "–"),
        (0, -50, "–"),
        (-50, 100, "−150 %"),
    ],
)
def test_a_change_is_a_share_of_what_was_spent(now: object, before: object, said: str) -> None:
    assert change(Decimal(str(now)), Decimal(str(before))) == said


def test_amounts_and_shares_have_signs() -> None:
    assert signed(Decimal(800), "USD") == "+$800"
    assert signed(Decimal(-20), "USD") == "−$20.00"
    assert signed(Decimal("0.001"), "USD") == "$0.00"
    assert exact(Decimal("1234.6"), "USD", Decimal("0.01")) == "$1,234.60"
    assert exactly_signed(Decimal(-1234), "USD", Decimal(1)) == "−$1,234"
    assert share(Decimal(-5), Decimal(100)) == "−5 %"
    assert share(Decimal(5), Decimal(0)) == share(Decimal(5), Decimal(-9)) == "–"
