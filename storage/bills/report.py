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
    """Rows of one bill that could not be read for one reason, with the first as an example."""

    bill: str
    reason: str
    rows: int
    file: str
    line: int
    money: str


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

    @property
    def quarantined(self) -> int:
        """How many rows could not be read."""
        return sum(q.rows for q in self.quarantine)
