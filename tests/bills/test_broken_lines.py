"""CSV lines that are broken: nothing that a quote swallows is lost without a word."""

import gzip
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from storage.bills.errors import BillError
from storage.bills.ingest import ingest
from storage.database import Database
from tests.bills.charges import charge, load_files, quarantined, rollups, total, write_csv

TODAY = date(2026, 11, 23)


def _lines(path: Path, count: int = 9) -> list[str]:
    """The lines of a bill whose rows cost 1, 2, 3 …; the first line is the header."""
    made = write_csv(path, [charge(BilledCost=str(i), Tags="") for i in range(1, count + 1)])
    return made.read_text().splitlines()


@pytest.mark.parametrize("packed", [False, True])
def test_lines_that_an_open_quote_swallows_are_kept_one_by_one(
    tmp_path: Path, database: Database, packed: bool
) -> None:
    """The story: a description began with an inch mark. The reader took everything up to the next
    quote for one value and rejected it; four good rows were gone, and the report counted one."""
    lines = _lines(tmp_path / "bill.csv")
    lines[3] = lines[3].replace("Amazon EC2", '"24 inch')
    lines[6] = lines[6].replace("Amazon EC2", '"Amazon EC2"')
    content = "\n".join(lines) + "\n"
    (tmp_path / "bill.csv").write_text(content)
    name = "bill.csv"
    if packed:
        name = "bill.csv.gz"
        (tmp_path / name).write_bytes(gzip.compress(content.encode()))
        (tmp_path / "bill.csv").unlink()
    report = ingest(load_files(name, tmp_path), database, today=TODAY)
    assert total(database) == 1 + 2 + 7 + 8 + 9
    kept = [(row.line, row.money, row.reason) for row in quarantined(database)]
    swallowed = "a quote that an earlier line opens swallows this line"
    assert kept == [
        (4, "3", "a quote is opened and not closed as CSV wants it"),
        (5, "4", swallowed),
        (6, "5", swallowed),
        (7, "6", swallowed),
    ]
    assert report.quarantined == 4
    assert report.totals[0].quarantined == 3 + 4 + 5 + 6
    assert report.bills[0].rows == 9


def test_an_open_quote_that_never_closes_takes_the_rest_to_quarantine(
    tmp_path: Path, sqlite: Database
) -> None:
    lines = _lines(tmp_path / "bill.csv")
    lines[7] = lines[7].replace("Amazon EC2", '"24 inch')
    (tmp_path / "bill.csv").write_text("\n".join(lines))
    report = ingest(load_files("bill.csv", tmp_path), sqlite, today=TODAY)
    assert total(sqlite) == sum(range(1, 7))
    assert [row.money for row in quarantined(sqlite)] == ["7", "8", "9"]
    assert report.quarantined == 3


def test_lines_that_become_part_of_a_row_that_looks_whole_are_refused(
    tmp_path: Path, sqlite: Database
) -> None:
    """The story: two stray quotes, lines apart and in the same column, made one row with the right
    number of fields; the rows between them were in no sum and in no report."""
    lines = _lines(tmp_path / "bill.csv")
    lines[3] = lines[3].replace("Amazon EC2", '"Amazon EC2')
    lines[6] = lines[6].replace("Amazon EC2", 'Amazon EC2"')
    (tmp_path / "bill.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(BillError, match=r"bill\.csv, line 4: a quote .* swallows 3 lines after it"):
        ingest(load_files("bill.csv", tmp_path), sqlite, today=TODAY)
    assert rollups(sqlite) == []


def test_text_of_several_lines_is_no_broken_line(tmp_path: Path, sqlite: Database) -> None:
    tags = '{\n  "team": "search",\n  "stage": "prod",\n  "owner": "ada"\n}'
    rows = [charge(Tags=tags), charge(ServiceName="first\n\nlast, but one, line\r\nlast")]
    write_csv(tmp_path / "bill.csv", rows)
    report = ingest(load_files("bill.csv", tmp_path), sqlite, today=TODAY)
    assert (report.quarantined, report.bills[0].rows, total(sqlite)) == (0, 2, 3)


def test_broken_lines_beside_text_of_several_lines(tmp_path: Path, sqlite: Database) -> None:
    write_csv(tmp_path / "bill.csv", [charge(ServiceName="one\ntwo"), charge(Tags='{"a": "b,c"}')])
    with (tmp_path / "bill.csv").open("a", newline="") as file:
        file.write("\r\n5.25,USD\r\n" + '3.00,USD,"a" b\r\n')
    report = ingest(load_files("bill.csv", tmp_path), sqlite, today=TODAY)
    assert [(row.line, row.money) for row in quarantined(sqlite)] == [(6, "5.25"), (7, "3.00")]
    assert report.totals[0].quarantined == Decimal("8.25")
    assert total(sqlite) == 3


def test_a_delimiter_at_the_end_of_a_line_breaks_nothing(tmp_path: Path, sqlite: Database) -> None:
    lines = _lines(tmp_path / "bill.csv", 3)
    (tmp_path / "bill.csv").write_text("\n".join([*lines[:3], lines[3] + ",", "5.25,USD"]))
    report = ingest(load_files("bill.csv", tmp_path), sqlite, today=TODAY)
    assert (total(sqlite), report.quarantined) == (1 + 2 + 3, 1)


def test_a_line_that_is_no_text_is_not_lost(tmp_path: Path, sqlite: Database) -> None:
    write_csv(tmp_path / "bill.csv", [charge(), charge()])
    with (tmp_path / "bill.csv").open("ab") as file:
        file.write(b"5.25,USD,\xff\xfe\r\n")
    report = ingest(load_files("bill.csv", tmp_path), sqlite, today=TODAY)
    assert [(row.line, row.reason) for row in quarantined(sqlite)] == [
        (4, "the line is not UTF-8 text")
    ]
    assert report.quarantined == 1


def test_many_broken_lines_lose_no_good_row(tmp_path: Path, sqlite: Database) -> None:
    """The story: the reader's own table of rejects took gigabytes for a bill with many broken lines,
    and its threads skipped good rows beside them: 269,542 of 300,000 were read."""
    count = 30_000
    lines = _lines(tmp_path / "bill.csv", 1)
    with (tmp_path / "bill.csv").open("w") as file:
        file.write(lines[0] + "\n")
        for _ in range(count):
            file.write(lines[1] + "\n2.00,USD,x\n")
    report = ingest(load_files("bill.csv", tmp_path), sqlite, today=TODAY)
    assert total(sqlite) == count
    assert report.quarantined == count
    assert report.totals[0].quarantined == 2 * count
    assert len(quarantined(sqlite)) == report.quarantine[0].kept == 1_000
