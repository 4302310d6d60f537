"""Writing a sample: the same seed gives the same files, more rows the same money, no harm to others."""

import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest
import typer
from typer.testing import CliRunner

from bot.cli.sample import in_words, sample_command, yesterday
from storage.sample import SampleRefusedError, SampleReport, write_sample
from tests.sample.conftest import UNTIL, read_back


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    short: SampleReport, tmp_path: Path
) -> None:
    again = write_sample(tmp_path / "again", days=45, until=UNTIL)
    assert _digests(again.out) == _digests(short.out)
    other = write_sample(tmp_path / "again", days=45, until=UNTIL, seed=8)
    assert other.totals != short.totals
    assert _digests(other.out).keys() == _digests(short.out).keys()


def test_more_rows_are_the_same_money_in_finer_pieces(short: SampleReport, tmp_path: Path) -> None:
    report = write_sample(tmp_path / "big", days=45, until=UNTIL, rows=50_003)
    assert report.rows == 50_003
    assert short.rows < report.rows
    assert report.totals == short.totals
    coarse = {f.path: f.total for f in short.files}
    assert {f.path: f.total for f in report.files} == coarse
    assert report.untagged_rows / report.rows == pytest.approx(0.30, abs=0.01)
    with duckdb.connect() as database:
        read_back(report.out, database)
        [(rows, total)] = database.execute(
            "SELECT count(*), sum(BilledCost::DECIMAL(28, 10)) FROM bill WHERE BillingCurrency = 'USD'"
        ).fetchall()
        assert total == report.totals["USD"]
        assert rows < report.rows
        [(hours, backwards)] = database.execute(
            "SELECT count(*) FILTER (ChargePeriodEnd::TIMESTAMP - ChargePeriodStart::TIMESTAMP <"
            " INTERVAL 1 DAY), count(*) FILTER (ChargePeriodEnd <= ChargePeriodStart) FROM bill"
        ).fetchall()
        assert hours > 10_000
        assert backwards == 0


def test_an_earlier_sample_is_replaced_whole(tmp_path: Path) -> None:
    write_sample(tmp_path / "s", days=45, until=UNTIL)
    report = write_sample(tmp_path / "s", days=45, until=date(2026, 3, 31))
    found = {path.name for path in (tmp_path / "s" / "bill").iterdir()}
    assert found == {Path(f.path).name for f in report.files}
    assert not any(path.suffix == ".part" for path in (tmp_path / "s").rglob("*"))


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SampleRefusedError, match=r"holds notes\.txt"):
        write_sample(tmp_path, until=UNTIL)
    (tmp_path / "s" / "bill").mkdir(parents=True)
    (tmp_path / "s" / "bill" / "real-2026-01.csv").write_text("mine")
    with pytest.raises(SampleRefusedError, match=r"bill/real-2026-01\.csv"):
        write_sample(tmp_path / "s", until=UNTIL)
    assert (tmp_path / "s" / "bill" / "real-2026-01.csv").read_text() == "mine"


def test_progress_is_heard_from_start_to_end(tmp_path: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    write_sample(tmp_path / "s", days=45, until=UNTIL, progress=lambda *news: heard.append(news))
    assert heard[0][1] == 0
    assert heard[-1][1] == heard[-1][2]
    assert [done for _, done, _ in heard] == sorted(done for _, done, _ in heard)


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(sample_command)
    return app


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--days", "5"), "45 to 800 days"),
        (("--rows", "10"), "at least"),
        (("--rows", "60000000"), "at most"),
        (("--seed", "-1"), "seed must be 0 or more"),
        (("--until", "1999-01-01"), "from 2000 to 2100"),
    ],
)
def test_a_wrong_wish_gets_one_sentence(
    app: typer.Typer, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    result = CliRunner().invoke(app, ["--out", str(tmp_path / "s"), *arguments])
    assert result.exit_code == 1
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "s").exists()


def test_a_file_is_no_folder(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("mine")
    result = CliRunner().invoke(app, ["--out", str(tmp_path / "s")])
    assert result.exit_code == 1
    assert "is a file; name a folder." in result.stderr


def test_wrong_usage_is_exit_code_two(app: typer.Typer, tmp_path: Path) -> None:
    out = str(tmp_path / "s")
    assert CliRunner().invoke(app, ["--out", out, "--until", "2026-13-01"]).exit_code == 2
    assert CliRunner().invoke(app, []).exit_code == 2


def test_the_command_says_what_it_wrote(app: typer.Typer, tmp_path: Path) -> None:
    arguments = ["--out", str(tmp_path / "s"), "--days", "45", "--until", "2026-11-22", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert said["last_day"] == "2026-11-22"
    assert said["rows"] == sum(f["rows"] for f in said["files"])


def test_the_last_day_is_yesterday_unless_told_otherwise() -> None:
    assert yesterday(datetime(2026, 3, 1, 0, 30, tzinfo=UTC)) == date(2026, 2, 28)


def test_the_report_in_words(short: SampleReport) -> None:
    said = in_words(short)
    assert f"{short.rows:,} rows, $" in said
    assert "without tags" in said
    assert f"{short.incidents} incidents" in said
