"""``sandrail score`` and ``sandrail detect``, as people and scripts call them."""

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import typer
from pydantic import TypeAdapter
from typer.testing import CliRunner, Result

from bot.cli.detect import detect_command
from bot.cli.score import score_command
from guardrails.detection.found import Found
from handlers.find_anomalies import find_anomalies
from storage.database import Database
from storage.migrate import upgrade
from tests.detection.company import FIRST, charge, fill, policy
from tests.detection.test_bands import weekly

HEADER = "timestamp,value,expected,lower,upper,score,is_anomaly"
app = typer.Typer()
app.command("score")(score_command)
app.command("detect")(detect_command)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def rows_of(result: Result) -> list[dict[str, str]]:
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(io.StringIO(result.stdout)))


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def daily(days: int = 90, spike: int | None = 80) -> list[tuple[str, float]]:
    values = weekly(days)
    if spike is not None:
        values[spike] *= 5
    first = date(2026, 1, 5)
    return [(f"{first + timedelta(days=i)}", round(v, 2)) for i, v in enumerate(values.tolist())]


def test_a_row_for_each_row_in_its_order_with_its_texts(tmp_path: Path) -> None:
    given = daily()
    file = written(tmp_path / "a.csv", ["timestamp,value", *(f"{t},{v}" for t, v in given)])
    result = run("score", file)
    assert result.stdout.splitlines()[0] == HEADER
    rows = rows_of(result)
    assert [(r["timestamp"], float(r["value"])) for r in rows] == given
    assert [i for i, r in enumerate(rows) if r["is_anomaly"] == "true"] == [80]
    assert {r["is_anomaly"] for r in rows} == {"true", "false"}
    assert float(rows[80]["upper"]) < float(rows[80]["value"])
    assert float(rows[80]["score"]) > 3.5
    assert rows[0]["expected"] == ""
    assert rows[0]["score"] == "0"


def test_later_rows_never_change_earlier_ones(tmp_path: Path) -> None:
    lines = ["timestamp,value", *(f"{t},{v}" for t, v in daily())]
    whole = run("score", written(tmp_path / "a.csv", lines)).stdout.splitlines()
    for cut in (1, 2, 20, 60):
        part = run("score", written(tmp_path / "b.csv", lines[:cut])).stdout.splitlines()
        assert part == whole[:cut]


def test_a_gap_of_years_changes_nothing_before_it(tmp_path: Path) -> None:
    start = 1_767_225_600
    values = 100 + 5 * np.random.default_rng(0).normal(0, 1, 700)
    lines = ["time,value", *(f"{start + 300 * i},{v}" for i, v in enumerate(values.tolist()))]
    before = run("score", written(tmp_path / "a.csv", lines)).stdout.splitlines()
    lines += [f"{start + 100_000_000 + 300 * i},{v}" for i, v in enumerate(values.tolist())]
    after = run("score", written(tmp_path / "b.csv", lines)).stdout.splitlines()
    assert after[: len(before)] == before
    assert len(after) == len(lines)


def test_order_of_the_file_does_not_matter(tmp_path: Path) -> None:
    given = daily()
    shuffled = [given[i] for i in np.random.default_rng(0).permutation(len(given))]
    one = rows_of(
        run("score", written(tmp_path / "a.csv", ["date,cost", *(f"{t},{v}" for t, v in given)]))
    )
    other = rows_of(
        run("score", written(tmp_path / "b.csv", ["date,cost", *(f"{t},{v}" for t, v in shuffled)]))
    )
    assert [r["timestamp"] for r in other] == [t for t, _ in shuffled]
    assert sorted(other, key=lambda r: r["timestamp"]) == one


def test_columns_are_guessed_or_named(tmp_path: Path) -> None:
    file = written(
        tmp_path / "a.csv", ["Day;region;Billed Cost", "2026-01-01;eu;3", "2026-01-02;eu;4"]
    )
    assert len(rows_of(run("score", file))) == 2
    file = written(tmp_path / "b.csv", ["when,x,y2", "2026-01-01,1,2"])
    assert rows_of(run("score", file, "--timestamp", "when", "--value", "Y2"))[0]["value"] == "2"
    result = run("score", file)
    assert result.exit_code == 1
    assert "give --timestamp" in result.output
    result = run("score", file, "--timestamp", "wen")
    assert result.exit_code == 1
    assert "did you mean when" in result.output


@pytest.mark.parametrize(
    "text", ["", "timestamp,value\n", "timestamp,value\n2026-01-01,5\n", "\n\n"]
)
def test_short_files_are_fine(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text(text, encoding="utf-8")
    result = run("score", file)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == HEADER
    assert len(lines) == max(1, len(text.split()))


def test_missing_repeated_and_irregular_rows_stay(tmp_path: Path) -> None:
    lines = ["timestamp,value", *(f"{t},{v}" for t, v in daily(60, None))]
    lines[30] = lines[30].split(",")[0] + ","
    lines[31] = lines[31].split(",")[0] + ",NULL"
    lines.insert(41, lines[40].split(",")[0] + ",99999")
    del lines[50]
    rows = rows_of(run("score", written(tmp_path / "a.csv", lines)))
    assert len(rows) == len(lines) - 1
    assert rows[29]["value"] == ""
    assert rows[29]["score"] == ""
    assert rows[29]["is_anomaly"] == "false"
    assert rows[30]["value"] == "NULL"
    assert rows[39]["is_anomaly"] == "false"
    assert rows[40]["is_anomaly"] == "true"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2026-01-02,abc", "Line 3, column value: “abc” is not a number."),
        ("yesterday,5", "Line 3, column timestamp: “yesterday” is not a time"),
        ("03/04/2026,5", "Line 3, column timestamp"),
        ("2026-01-02,inf", "Line 3, column value"),
        ("2026-01-02,1,5", "Line 3 has 3 fields, the header has 2"),
        ("2026-01-02", "Line 3 has 1 field, the header has 2"),
        ('2026-01-02,"1', "a.csv line 3 is not CSV"),
        ("0001-01-01T00:00:00+14:00,x", "Line 3, column value"),
        (",5", "Line 3, column timestamp"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, line: str, said: str) -> None:
    file = written(tmp_path / "a.csv", ["timestamp,value", "2026-01-01,1", line])
    result = run("score", file)
    assert result.exit_code == 1
    assert said in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_files_that_are_not_there_or_not_text(tmp_path: Path) -> None:
    assert "no file" in run("score", tmp_path / "no.csv").output
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x01")
    result = run("score", tmp_path / "b.csv")
    assert result.exit_code == 1
    assert "UTF-8" in result.output
    assert run("score", tmp_path).exit_code == 1


def test_many_series_in_one_file(tmp_path: Path) -> None:
    lines, alone = ["team,day,service,cost"], ["day,cost"]
    for i, (day, value) in enumerate(daily()):
        lines += [f"a,{day},gpu,{value}", f"b,{day},gpu,{value * 9 if i == 70 else value}"]
        lines += [f"b,{day},disk,10"]
        alone.append(f"{day},{value}")
    file = written(tmp_path / "many.csv", lines)
    result = run("score", file, "--series", "service", "--group", "team")
    assert result.stdout.splitlines()[0] == "service,team," + HEADER
    rows = rows_of(result)
    assert [(r["team"], r["timestamp"], r["service"]) for r in rows] == [
        (c[0], c[1], c[2]) for c in (line.split(",") for line in lines[1:])
    ]
    flagged = [(r["team"], r["service"], r["timestamp"]) for r in rows if r["is_anomaly"] == "true"]
    assert flagged == [
        ("b", "gpu", "2026-03-16"),
        ("a", "gpu", "2026-03-26"),
        ("b", "gpu", "2026-03-26"),
    ]
    single = rows_of(run("score", written(tmp_path / "one.csv", alone)))
    of_a = [r for r in rows if r["team"] == "a"]
    assert [r["score"] for r in of_a] == [r["score"] for r in single]
    result = run("score", file, "--series", "team")
    assert result.stdout.splitlines()[0] == "team," + HEADER
    assert run("score", file, "--group", "team").exit_code == 1


def test_json_and_a_file(tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv", ["timestamp,value", *(f"{t},{v}" for t, v in daily())])
    records = json.loads(run("score", file, "--json").stdout)
    assert records[80]["is_anomaly"] is True
    assert records[0]["expected"] is None
    result = run("score", file, "--out", tmp_path / "out.csv")
    assert result.stdout == ""
    assert (tmp_path / "out.csv").read_text().splitlines()[0] == HEADER
    assert run("score", file, "--out", tmp_path).exit_code == 1


def test_the_file_that_is_read_is_never_overwritten(tmp_path: Path) -> None:
    """``sandrail score bill.csv --out bill.csv`` replaced somebody's only export by its scores."""
    file = written(tmp_path / "a.csv", ["timestamp,value", "2026-01-01,1"])
    (tmp_path / "link.csv").symlink_to(file)
    before = file.read_text()
    for name in ("a.csv", "link.csv", "../" + tmp_path.name + "/a.csv"):
        result = run("score", file, "--out", tmp_path / name)
        assert result.exit_code == 1
        assert "is the file that is read" in " ".join(result.output.split())
    assert file.read_text() == before


def test_trap_57_no_cell_is_a_formula(tmp_path: Path) -> None:
    """A tag such as =HYPERLINK(…) came out as it went in, and the spreadsheet ran it."""
    texts = ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "-5", "+1.5e3", "2026-01-01", "plain=1"]
    lines = ["=name,team,timestamp,value", *(f'"{t}","{t}",1767225600,-4' for t in texts)]
    file = written(tmp_path / "a.csv", lines)
    result = run("score", file, "--series", "=name", "--group", "team")
    rows = list(csv.reader(io.StringIO(result.stdout)))
    assert rows[0][0] == "'=name"
    assert [r[0] for r in rows[1:]] == [r[1] for r in rows[1:]]
    assert [r[0] for r in rows[1:]] == [f"'{t}" for t in texts[:4]] + texts[4:]
    assert {(r[2], r[3]) for r in rows[1:]} == {("1767225600", "-4")}
    records = json.loads(run("score", file, "--series", "=name", "--json").stdout)
    assert records[0]["=name"] == "=1+1"


def test_many_rows_a_time_without_series_get_a_hint(tmp_path: Path) -> None:
    lines = ["day,team,cost"]
    for day, value in daily(20, None):
        lines += [f"{day},a,{value}", f"{day},b,{value}"]
    file = written(tmp_path / "a.csv", lines)
    result = run("score", file)
    assert result.exit_code == 0
    assert "2 rows for each time" in " ".join(result.stderr.split())
    assert "column (team) with --series" in " ".join(result.stderr.split())
    assert "rows for each time" not in result.stdout
    assert run("score", file, "--series", "team").stderr == ""


def test_minutes_with_a_daily_season(tmp_path: Path) -> None:
    steps = 288 * 12
    values = 100 + 40 * np.sin(np.arange(steps) / 288 * 2 * np.pi)
    values += np.random.default_rng(0).normal(0, 2, steps)
    values[3000] = 300
    times = [1_767_225_600 + 300 * i for i in range(steps)]
    pairs = zip(times, values.tolist(), strict=True)
    file = written(tmp_path / "a.csv", ["time,value", *(f"{t},{v}" for t, v in pairs)])
    rows = rows_of(run("score", file))
    flagged = [i for i, r in enumerate(rows) if r["is_anomaly"] == "true"]
    assert 3000 in flagged
    assert len(flagged) < 25


POLICY = """
version: 1
workspace: {name: Test}
bills: [{name: cloud, files: bills}]
channels: {spend: {}}
alerts: {default: spend}
"""


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    (tmp_path / "app.yaml").write_text(POLICY, encoding="utf-8")
    url = f"sqlite:///{tmp_path / 'sandrail.db'}"
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("SANDRAIL_CONFIG", str(tmp_path / "app.yaml"))
    database = Database(url)
    upgrade(database)
    return database


def test_detect_says_what_and_why(company: Database) -> None:
    with company.write() as connection:
        rows = [charge(d, v, experiment="ranker", team="search") for d, v in enumerate(weekly(90))]
        rows.append(charge(89, 30_000, experiment="ranker", team="search", sku="p5.48xlarge"))
        rows.append(charge(40, 9_000, experiment="ranker", team="search"))
        fill(connection, rows)
    company.close()
    day = ("--as-of", "2026-04-04")
    result = run("detect", *day)
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert "critical Spend of experiment ranker up" in text
    assert "SKU: p5.48xlarge +$30,000 a day (100 % of the change, new)" in text
    assert " × the expected value" in text
    assert "since Saturday, 4 April 2026 (one day), still going on" in text
    assert "1 anomaly as of Saturday, 4 April 2026, 1 still going on." in text
    assert "1 more ended before that" in text
    assert "14 February 2026" in " ".join(run("detect", *day, "--all").output.split())
    found = json.loads(run("detect", *day, "--json").stdout)
    assert len(found) == 2
    assert found[0]["severity"] == "critical"
    assert found[0]["history"][-1]["day"] == "2026-04-04"
    result = run("detect", "--as-of", "2026-04-03")
    assert "No anomalies as of Friday, 3 April 2026" in result.output
    assert json.loads(run("detect", "--as-of", "2026-02-10", "--json").stdout) == []


@pytest.mark.parametrize("day", ["2026-01-04", "2026-01-26", "0001-01-01", "9999-12-31"])
def test_a_day_outside_of_the_bill_is_refused(company: Database, day: str) -> None:
    """``sandrail detect --as-of`` with last year's date said “all is as expected”."""
    with company.write() as connection:
        fill(connection, [charge(d, 10) for d in range(20)])
    company.close()
    result = run("detect", "--as-of", day)
    assert result.exit_code == 1
    assert " ".join(result.output.split()) == (
        "The bill covers 2026-01-05 to 2026-01-24; choose a day of it, or the day after."
    )
    assert run("detect", "--as-of", "2026-01-05").exit_code == 0
    today = run("detect")  # long after its end: nothing found is not “as expected”
    assert today.exit_code == 0
    assert "No anomalies" in today.stdout
    assert "all is as expected" not in today.stdout
    assert "The bill ends on 2026-01-24" in " ".join(today.stderr.split())
    assert run("detect", "--as-of", "2026-01-25").exit_code == 0


def test_without_a_day_it_looks_from_today_as_the_daily_round_does(company: Database) -> None:
    """The command looked from the newest day of the bill and the round from today: a quality score of
    this morning was in the alert and not in the command, and the two named different values."""
    today = datetime.now(UTC).date()  # the workspace's zone is UTC
    first = (today - FIRST).days - 90
    with company.write() as connection:
        rows = [charge(first + d, v, experiment="e") for d, v in enumerate(weekly(90))]
        fill(connection, [*rows, charge(first + 89, 30_000, experiment="e")])
    with company.read() as connection:
        posted = find_anomalies(connection, policy(), today)
    company.close()
    said = json.loads(run("detect", "--json").stdout)
    assert said == TypeAdapter(list[Found]).dump_python(posted, mode="json")
    assert len(said) == 1
    assert f"as of {today:%A, %-d %B %Y}" in " ".join(run("detect").output.split())


def test_detect_refuses_kindly(company: Database) -> None:
    company.close()
    result = run("detect")
    assert result.exit_code == 1
    assert "run sandrail ingest first" in result.output
    result = run("detect", "--as-of", "tomorrow")
    assert result.exit_code == 2
    assert "is not a day" in result.output
    assert run("detect", "--config", "no-such.yaml").exit_code == 1


def test_detect_names_a_missing_rate(company: Database) -> None:
    with company.write() as connection:
        fill(connection, [charge(d, 10, currency="EUR") for d in range(30)])
    company.close()
    result = run("detect", "--as-of", "2026-02-03")
    assert result.exit_code == 1
    assert "workspace.rates.EUR" in result.output
