"""Bills are restated, grow, and are read again: what is replaced and what is left alone."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text

from storage.bills import store
from storage.bills.completeness import complete_through
from storage.bills.errors import BillError
from storage.bills.ingest import ingest
from storage.database import Database
from storage.policy_file import LoadedPolicy
from tests.bills.charges import charge, load_files, rollups, stored, total, write_csv

TODAY = date(2026, 11, 23)
SEPTEMBER = {
    "BillingPeriodStart": "2026-09-01T00:00:00Z",
    "ChargePeriodStart": "2026-09-30T00:00:00Z",
}


def test_reading_the_same_again_changes_nothing(tmp_path: Path, database: Database) -> None:
    write_csv(tmp_path / "bill.csv", [charge(), charge(BillingCurrency="EUR")])
    loaded = load_files("bill.csv", tmp_path)
    first = ingest(loaded, database, today=TODAY)
    before = rollups(database)
    again = ingest(loaded, database, today=TODAY)
    assert [p.unchanged for p in first.periods] == [False, False]
    assert [p.unchanged for p in again.periods] == [True, True]
    assert [p.money_out for p in again.periods] == [Decimal("1.5"), Decimal("1.5")]
    assert rollups(database) == before


def test_a_restated_month_is_replaced_and_an_absent_one_kept(
    tmp_path: Path, database: Database
) -> None:
    loaded = load_files("bill.csv", tmp_path)
    write_csv(tmp_path / "bill.csv", [charge(BilledCost="4", **SEPTEMBER), charge(), charge()])
    ingest(loaded, database, today=TODAY)
    assert total(database) == Decimal("7")
    write_csv(tmp_path / "bill.csv", [charge(BilledCost="2.5", BillingCurrency="EUR")])
    ingest(loaded, database, today=TODAY)
    found = [(row.period.month, row.currency, row.money_out_micros) for row in stored(database)]
    assert found == [(9, "USD", 4_000_000), (10, "EUR", 2_500_000)]
    assert total(database) == Decimal("6.5")


def test_rows_that_someone_removed_are_put_back(tmp_path: Path, sqlite: Database) -> None:
    write_csv(tmp_path / "bill.csv", [charge()])
    loaded = load_files("bill.csv", tmp_path)
    ingest(loaded, sqlite, today=TODAY)
    with sqlite.write() as connection:
        connection.execute(text("DELETE FROM cost_rollup"))
    report = ingest(loaded, sqlite, today=TODAY)
    assert not report.periods[0].unchanged
    assert total(sqlite) == Decimal("1.5")


def test_since_replaces_only_periods_that_reach_past_it(tmp_path: Path, sqlite: Database) -> None:
    loaded = load_files("bill.csv", tmp_path)
    write_csv(tmp_path / "bill.csv", [charge(**SEPTEMBER), charge()])
    ingest(loaded, sqlite, today=TODAY)
    write_csv(tmp_path / "bill.csv", [charge(BilledCost="9", **SEPTEMBER), charge(BilledCost="7")])
    report = ingest(loaded, sqlite, today=TODAY, since=date(2026, 10, 1))
    assert [(p.kept, p.money_out) for p in report.periods] == [
        (True, Decimal("1.5")),
        (False, Decimal("7")),
    ]
    assert total(sqlite) == Decimal("8.5")


def test_a_currency_without_a_rate_is_refused_and_nothing_is_stored(
    tmp_path: Path, sqlite: Database
) -> None:
    write_csv(tmp_path / "bill.csv", [charge(**SEPTEMBER), charge(BillingCurrency="JPY")])
    with pytest.raises(
        BillError, match=r"main has charges in JPY \(billing period 2026-10\) but workspace\.rates"
    ):
        ingest(load_files("bill.csv", tmp_path), sqlite, today=TODAY)
    assert rollups(sqlite) == []
    assert stored(sqlite) == []


def test_of_several_snapshots_only_the_newest_counts(tmp_path: Path, sqlite: Database) -> None:
    folder = tmp_path / "bill"
    write_csv(
        folder / "snapshot=2026-10-06" / "a.csv",
        [charge(BilledCost="1"), charge(BilledCost="3", **SEPTEMBER)],
    )
    write_csv(folder / "snapshot=2026-10-07" / "a.csv", [charge(BilledCost="2")])
    loaded = load_files("bill", tmp_path, snapshot="'snapshot=([0-9-]+)'")
    ingest(loaded, sqlite, today=TODAY)
    assert [(r["period"].month, r["cost"]) for r in rollups(sqlite)] == [(9, 3), (10, 2)]


def test_money_that_does_not_agree_is_not_stored(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_files("bill.csv", tmp_path)
    write_csv(tmp_path / "bill.csv", [charge()])
    ingest(loaded, database, today=TODAY)
    write_csv(tmp_path / "bill.csv", [charge(BilledCost="8"), charge(ResourceId="i-2")])
    tuples = store._tuples
    monkeypatch.setattr(store, "_tuples", lambda *a: list(tuples(*a))[:1])  # a row gets lost
    with pytest.raises(BillError, match=r"9\.500000 USD were read but"):
        ingest(loaded, database, today=TODAY)
    assert total(database) == Decimal("1.5")
    assert stored(database)[0].money_out_micros == 1_500_000


@pytest.mark.parametrize(
    ("newest", "today", "after", "expected"),
    [
        # a month that is over
        (date(2026, 11, 5), date(2026, 11, 23), 1, date(2026, 10, 31)),
        # the bill ends yesterday: yesterday is still growing
        (date(2026, 10, 22), date(2026, 10, 23), 1, date(2026, 10, 21)),
        (date(2026, 10, 22), date(2026, 10, 23), 0, date(2026, 10, 22)),
        # the bill has rows of today
        (date(2026, 10, 23), date(2026, 10, 23), 0, date(2026, 10, 22)),
        # the provider is three days late, or the bill is old: its last day may be half
        (date(2026, 10, 20), date(2026, 10, 23), 1, date(2026, 10, 19)),
        (date(2026, 10, 20), date(2027, 5, 1), 1, date(2026, 10, 19)),
        # the last day of the month, long ago
        (date(2026, 10, 31), date(2027, 5, 1), 1, date(2026, 10, 31)),
        # one charge of the month is dated at its end, such as a prepayment
        (date(2026, 10, 31), date(2026, 10, 20), 1, date(2026, 10, 18)),
        (date(2026, 10, 31), date(2026, 10, 31), 1, date(2026, 10, 29)),
        # nothing is complete yet
        (date(2026, 10, 1), date(2026, 10, 2), 1, None),
    ],
)
def test_the_newest_days_are_not_complete(
    newest: date, today: date, after: int, expected: date | None
) -> None:
    assert complete_through(date(2026, 10, 1), newest, today, after) == expected


def test_completeness_moves_on_although_the_bill_does_not(tmp_path: Path, sqlite: Database) -> None:
    write_csv(tmp_path / "bill.csv", [charge(ChargePeriodStart="2026-10-31T00:00:00Z")])
    loaded = load_files("bill.csv", tmp_path)
    ingest(loaded, sqlite, today=date(2026, 11, 1))
    assert stored(sqlite)[0].complete_through == date(2026, 10, 30)
    report = ingest(loaded, sqlite, today=date(2026, 11, 2))
    assert report.periods[0].unchanged
    assert stored(sqlite)[0].complete_through == date(2026, 10, 31)


def test_a_charge_at_the_months_end_does_not_complete_the_month(
    tmp_path: Path, sqlite: Database
) -> None:
    """The story: a marketplace charge was dated on the month's last day. The bill's newest day seemed
    to be that one, so yesterday's half day counted as whole and was alerted as a drop."""
    days = ("2026-10-08", "2026-10-31")
    write_csv(tmp_path / "bill.csv", [charge(ChargePeriodStart=day) for day in days])
    ingest(load_files("bill.csv", tmp_path), sqlite, today=date(2026, 10, 12))
    assert stored(sqlite)[0].complete_through == date(2026, 10, 7)


def test_more_money_than_can_be_kept_is_said(tmp_path: Path, database: Database) -> None:
    """The story: a cost column in the wrong unit overflowed the database's integers, and ingest ended
    with OverflowError and thirty lines of traceback."""
    rows = [charge(BilledCost="999999999999", ResourceId=f"i-{i}") for i in range(10)]
    write_csv(tmp_path / "bill.csv", rows)
    said = r"bill main, period 2026-10-01: its charges are more money than can be kept"
    with pytest.raises(BillError, match=said):
        ingest(load_files("bill.csv", tmp_path), database, today=TODAY)
    one_row = [charge(BilledCost="999999999999")] * 10
    write_csv(tmp_path / "bill.csv", one_row)
    with pytest.raises(BillError, match=said):
        ingest(load_files("bill.csv", tmp_path), database, today=TODAY)
    assert stored(database) == []


def test_a_wrong_path_in_one_bill_leaves_the_others_alone(tmp_path: Path, sqlite: Database) -> None:
    write_csv(tmp_path / "bill.csv", [charge()])
    loaded = load_files("bill.csv", tmp_path)
    other = loaded.policy.bills[0].model_copy(update={"name": "other", "files": "nowhere.csv"})
    bills = (*loaded.policy.bills, other)
    both = LoadedPolicy(loaded.policy.model_copy(update={"bills": bills}), loaded.hash, tmp_path)
    with pytest.raises(BillError, match=r"bill other: there is no file or folder .*nowhere\.csv"):
        ingest(both, sqlite, today=TODAY)
    assert rollups(sqlite) == []
