"""What one ingest did, for people and scripts."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from storage.coverage import Coverage, ShadowSpend


@dataclass(frozen=True)
class PeriodReport:
    """One billing period of one bill in one currency. Money is in ``currency``, to the millionth.

    ``unchanged``: it was stored like this already. ``kept``: not replaced because it ended before the
    ``since`` that was asked for.
    """

    bill: str
    period: date
    currency: str
    rows: int
    rollups: int
    money_in: Decimal
    money_out: Decimal
    quarantined: int
    complete_through: date | None
    unchanged: bool = False
    kept: bool = False


@dataclass(frozen=True)
class QuarantineReport:
    """Rows of one bill that could not be read for one reason, with the first as an example.

    ``kept`` of them are in the database whole. ``sums`` is their money by currency as far as it can be
    read; under an empty text that of rows without a currency.
    """

    bill: str
    reason: str
    rows: int
    file: str
    line: int
    money: str
    kept: int
    sums: dict[str, Decimal]


@dataclass(frozen=True)
class RemovedBill:
    """A bill that the policy no longer has. ``removed`` is false when only ``--since`` a day was read:
    then it is still in all sums."""

    bill: str
    periods: int
    sums: dict[str, Decimal]
    removed: bool


@dataclass(frozen=True)
class KeptPeriod:
    """A billing period that is in store but no longer in the bill's files or table: it still counts.

    ``twice``: its charges fall on days that another period of the bill has charges on too, as when
    the period of a charge was corrected, so that they may count twice.
    """

    bill: str
    period: date
    currency: str
    rows: int
    money: Decimal
    twice: bool


@dataclass(frozen=True)
class Total:
    """The money of one ingest in one currency. ``quarantined`` is what could be read of it."""

    currency: str
    money_in: Decimal
    money_out: Decimal
    quarantined: Decimal


@dataclass(frozen=True)
class BillReport:
    """One bill: how many files were read, rows with tags that are not JSON, what people should know."""

    bill: str
    files: int
    rows: int
    unreadable_tags: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class MetricsReport:
    """One source of metrics: how many points it has and which metrics they are of."""

    name: str
    points: int
    metrics: tuple[str, ...]


@dataclass(frozen=True)
class IngestReport:
    """Everything one ingest did. ``seconds`` is how long it took."""

    bills: tuple[BillReport, ...]
    periods: tuple[PeriodReport, ...]
    quarantine: tuple[QuarantineReport, ...]
    metrics: tuple[MetricsReport, ...]
    coverage: Coverage
    shadow: tuple[ShadowSpend, ...]
    seconds: float
    removed: tuple[RemovedBill, ...] = ()
    removed_metrics: tuple[str, ...] = ()
    kept: tuple[KeptPeriod, ...] = ()

    @property
    def quarantined(self) -> int:
        """How many rows could not be read."""
        return sum(q.rows for q in self.quarantine)

    @property
    def totals(self) -> tuple[Total, ...]:
        """Money in, out and in quarantine by currency; without one last."""
        sums: dict[str, list[Decimal]] = {}
        for period in self.periods:
            mine = sums.setdefault(period.currency, [Decimal(0)] * 3)
            mine[0] += period.money_in
            mine[1] += period.money_out
        for reason in self.quarantine:
            for currency, amount in reason.sums.items():
                sums.setdefault(currency, [Decimal(0)] * 3)[2] += amount
        ordered = sorted(sums.items(), key=lambda item: (not item[0], item[0]))
        return tuple(Total(currency, *amounts) for currency, amounts in ordered)
