"""How good a team's estimates were: shown at its next request, so that they get better."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Bias:
    """``ratio`` is spent ÷ estimated over ``count`` sandboxes that ended: 1.3 is 30 % more than estimated."""

    ratio: Decimal
    count: int

    def __str__(self) -> str:
        percent = round((self.ratio - 1) * 100)
        which = "last sandbox" if self.count == 1 else f"last {self.count} sandboxes"
        if percent == 0:
            return f"the {which} spent what was estimated"
        return (
            f"the {which} spent {abs(percent)} % {'more' if percent > 0 else 'less'} than estimated"
        )


def bias_of(ended: Sequence[tuple[Decimal, Decimal]]) -> Bias | None:
    """From (estimated, spent) of sandboxes in one currency; None without any estimate."""
    estimated = sum((e for e, _ in ended), Decimal(0))
    if estimated <= 0:
        return None
    return Bias(sum((s for _, s in ended), Decimal(0)) / estimated, len(ended))
