"""What is in store of a bill that was renamed, taken out, or no longer holds a month."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from sqlalchemy import select

from storage.bills.ingest import ingest
from storage.database import Database
from storage.policy_file import LoadedPolicy
from storage.tables.spend import MetricPoint
from tests.bills.charges import charge, load_files, quarantined, rollups, stored, total, write_csv

TODAY = date(2026, 11, 23)
JULY = {
    "BillingPeriodStart": "2026-07-01T00:00:00Z",
    "ChargePeriodStart": "2026-07-30T00:00:00Z",
}


def _renamed(loaded: LoadedPolicy, name: str) -> LoadedPolicy:
    bill = loaded.policy.bills[0].model_copy(update={"name": name})
    return replace(loaded, policy=loaded.policy.model_copy(update={"bills": (bill,)}))


def test_a_renamed_bill_counts_once(tmp_path: Path, database: Database) -> None:
    """The story: bills[0].name was changed from sample to aws. The money of both names stayed in
    store, and coverage, alerts and reports counted everything twice."""
    bill = write_csv(
        tmp_path / "bill.csv", [charge(), charge(BillingCurrency="EUR"), charge(BilledCost="x")]
    )
    loaded = load_files(bill, tmp_path)
    before = ingest(loaded, database, today=TODAY)
    report = ingest(_renamed(loaded, "aws"), database, today=TODAY)
    assert {row["bill"] for row in rollups(database)} == {"aws"}
    assert {row.bill for row in stored(database)} == {"aws"}
    assert {row.bill for row in quarantined(database)} == {"aws"}
    assert report.coverage == before.coverage
    (gone,) = report.removed
    assert (gone.bill, gone.periods, gone.removed) == ("main", 1, True)
    assert gone.sums == {"EUR": Decimal("1.5"), "USD": Decimal("1.5")}
    assert ingest(_renamed(loaded, "aws"), database, today=TODAY).removed == ()


def test_with_since_a_bill_that_is_gone_is_only_named(tmp_path: Path, sqlite: Database) -> None:
    loaded = load_files(write_csv(tmp_path / "bill.csv", [charge()]), tmp_path)
    ingest(loaded, sqlite, today=TODAY)
    report = ingest(_renamed(loaded, "aws"), sqlite, today=TODAY, since=date(2026, 10, 1))
    assert [(gone.bill, gone.removed) for gone in report.removed] == [("main", False)]
    assert total(sqlite) == 3


def test_a_month_that_the_bill_no_longer_holds_stays_and_is_said(
    tmp_path: Path, database: Database
) -> None:
    loaded = load_files("bill.csv", tmp_path)
    write_csv(tmp_path / "bill.csv", [charge(BilledCost="4", **JULY), charge()])
    assert ingest(loaded, database, today=TODAY).kept == ()
    write_csv(tmp_path / "bill.csv", [charge()])
    report = ingest(loaded, database, today=TODAY)
    assert total(database) == Decimal("5.5")
    (kept,) = report.kept
    assert (kept.bill, kept.period, kept.currency) == ("main", date(2026, 7, 1), "USD")
    assert (kept.money, kept.rows, kept.twice) == (4, 1, False)


def test_a_corrected_billing_period_is_not_doubled_in_silence(
    tmp_path: Path, sqlite: Database
) -> None:
    """The story: an export said 2062-10 for 2026-10. When that was mended, the same charges stood in
    both periods, and every sum had them twice without a word."""
    loaded = load_files("bill.csv", tmp_path)
    write_csv(tmp_path / "bill.csv", [charge(BillingPeriodStart="2062-10-01")])
    first = ingest(loaded, sqlite, today=TODAY)
    assert "dated as late as 2062-10-01, which is far in the future" in first.bills[0].notes[0]
    write_csv(tmp_path / "bill.csv", [charge()])
    report = ingest(loaded, sqlite, today=TODAY)
    assert [(kept.period.year, kept.twice) for kept in report.kept] == [(2062, True)]


def test_metrics_that_the_policy_no_longer_has_go(tmp_path: Path, database: Database) -> None:
    write_csv(tmp_path / "bill.csv", [charge()])
    (tmp_path / "usage.csv").write_text("day,metric,value\n2026-10-05,calls,1\n")
    more = "metrics: [{name: usage, files: usage.csv}]"
    ingest(load_files("bill.csv", tmp_path, more), database, today=TODAY)
    report = ingest(load_files("bill.csv", tmp_path), database, today=TODAY)
    assert report.removed_metrics == ("usage",)
    with database.read() as connection:
        assert connection.execute(select(MetricPoint.__table__)).all() == []  # type: ignore[attr-defined]
