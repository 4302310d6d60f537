"""Money: an exact amount with its currency. Different currencies are never added up."""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from babel.numbers import format_currency, get_currency_precision

#: Storage keeps money in millionths of the currency's unit, as 64-bit integers: exact sums on every
#: database, room for nine million millions.
MICROS = 1_000_000


_AMOUNT = re.compile(
    r"\s*(?P<minus>-)?\s*(?P<sign>[$€£¥])?\s*(?P<whole>\d{1,3}(?:[, _'\u00a0]\d{3})+|\d{1,12})"
    r"(?:\.(?P<part>\d{1,6}))?\s*(?P<k>[km])?\s*"
)
_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}


@dataclass(frozen=True, order=False)
class Money:
    """``amount`` of ``currency`` (ISO 4217)."""

    amount: Decimal
    currency: str

    @classmethod
    def from_micros(cls, micros: int, currency: str) -> "Money":
        return cls(Decimal(micros) / MICROS, currency)

    @classmethod
    def parse(cls, text: str, currency: str) -> "Money":
        """Reads ``1200``, ``1,200.50``, ``$1,200``, ``30k``, ``1.2m``. Raises ValueError with a sentence.

        A comma stands before three digits and a point before one or two (any number before k and m): 1,5 and
        1.200 mean different amounts to different people, so they are refused.
        """
        found = _AMOUNT.fullmatch(" ".join(text.split()).lower().replace(currency.lower(), ""))
        sign = _SIGNS.get(found["sign"] or "", currency) if found else currency
        if (
            found is None
            or sign != currency
            or (found["part"] and not found["k"] and len(found["part"]) > 2)
        ):
            raise ValueError(
                f"“{text}” is not an amount in {currency}; write it as 1200 or 1,200.50."
            )
        factor = {"k": 1_000, "m": 1_000_000}.get(found["k"] or "", 1)
        whole = re.sub(r"[, _'\u00a0]", "", found["whole"])
        amount = Decimal(f"{found['minus'] or ''}{whole}.{found['part'] or '0'}") * factor
        if not amount.is_finite() or abs(amount) >= Decimal(10) ** 12:
            raise ValueError(f"“{text}” is not an amount that can be used.")
        return cls(amount, currency)

    @property
    def micros(self) -> int:
        return int((self.amount * MICROS).to_integral_value(ROUND_HALF_EVEN))

    def rounded(self) -> "Money":
        """To the currency's own smallest unit (cents; none for yen), half to even."""
        step = Decimal(1).scaleb(-get_currency_precision(self.currency))
        return Money(self.amount.quantize(step, ROUND_HALF_EVEN), self.currency)

    def _same(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise ValueError(
                f"{self.currency} and {other.currency} cannot be added up or compared."
            )

    def __add__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.amount - other.amount, self.currency)

    def __lt__(self, other: "Money") -> bool:
        self._same(other)
        return self.amount < other.amount

    def __ge__(self, other: "Money") -> bool:
        return not self < other

    def __str__(self) -> str:
        """For people, to the cent from 0 to 100, whole units above: ``$30,412``, ``€3.20``."""
        whole = abs(self.amount) >= 100
        pattern = "¤#,##0;-¤#,##0" if whole else "¤#,##0.00;-¤#,##0.00"
        return format_currency(
            self.amount, self.currency, format=pattern, locale="en_US", currency_digits=not whole
        )

    def in_full(self) -> str:
        """For what is decided: to the cent where it has cents, ``$250``, ``$250.40``."""
        money = self.rounded()
        whole = money.amount == money.amount.to_integral_value()
        return str(money) if whole else money.exact()

    def exact(self) -> str:
        """For accounts: always to the currency's smallest unit."""
        return format_currency(self.amount, self.currency, locale="en_US")
