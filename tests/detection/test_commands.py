"""``sandrail score`` and ``sandrail detect``, as people and scripts call them."""

import csv
import io
import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from bot.cli.detect import detect_command
from bot.cli.score import score_command
from storage.database import Database
from storage.migrate import upgrade
from tests.detection.company import charge, fill
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
        ("2026-01-02,1,5", None),
        (",5", "Line 3, column timestamp"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, line: str, said: str | None) -> None:
    file = written(tmp_path / "a.csv", ["timestamp,value", "2026-01-01,1", line])
    result = run("score", file)
    if said is None:
        assert result.exit_code == 0
        return
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
    result = run("detect")
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert "critical Spend of experiment ranker up" in text
    assert "p5.48xlarge" in text
    assert "since Saturday, 4 April 2026 (one day), still going on" in text
    assert "1 anomaly as of Saturday, 4 April 2026, 1 still going on." in text
    assert "1 more ended before that" in text
    assert "14 February 2026" in " ".join(run("detect", "--all").output.split())
    found = json.loads(run("detect", "--json").stdout)
    assert len(found) == 2
    assert found[0]["severity"] == "critical"
    assert found[0]["history"][-1]["day"] == "2026-04-04"
    result = run("detect", "--as-of", "2026-04-03")
    assert "No anomalies as of Friday, 3 April 2026" in result.output
    assert json.loads(run("detect", "--as-of", "2026-02-10", "--json").stdout) == []


def test_detect_refuses_kindly(company: Database) -> None:
    company.close()
    result = run("detect")
    assert result.exit_code == 1
    assert "run sandrail ingest first" in result.output
    result = run("detect", "--as-of", "tomorrow")
    assert result.exit_code == 1
    assert "is not a day" in result.output
    assert run("detect", "--config", "no-such.yaml").exit_code == 1


def test_detect_names_a_missing_rate(company: Database) -> None:
    with company.write() as connection:
        fill(connection, [charge(d, 10, currency="EUR") for d in range(30)])
    company.close()
    result = run("detect")
    assert result.exit_code == 1
    assert "workspace.rates.EUR" in result.output
