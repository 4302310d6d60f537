"""``sandrail ingest`` as a person and as a script see it."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bot.cli.ingest import ingest_command
from tests.bills.charges import charge, write_csv

POLICY = """
version: 1
workspace: {name: Example AI, currency: USD}
channels: {finops: {}}
alerts: {default: finops}
bills: [{name: main, files: bill}]
tags: {team: {keys: [team]}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "app.yaml").write_text(POLICY)
    monkeypatch.setenv("SANDRAIL_CONFIG", str(tmp_path / "app.yaml"))
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'sandrail.db'}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(*arguments: str) -> tuple[int, str, str]:
    app = typer.Typer()
    app.command()(ingest_command)
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def test_it_prints_money_in_and_out_coverage_shadow_spend_and_quarantine(folder: Path) -> None:
    write_csv(
        folder / "bill" / "a.csv",
        [
            charge(BilledCost="1234.50", Tags='{"team": "search"}'),
            charge(BilledCost="765.50", ResourceId="i-2"),
            charge(BilledCost="lots", Tags="[bold]"),
        ],
    )
    code, out, _ = _run()
    assert code == 0
    line = next(line for line in out.splitlines() if line.startswith("main"))
    assert line.split() == [
        *("main", "2026-10-01", "2", "2", "2,000.00", "USD", "2,000.00", "USD"),
        *("2026-10-04", "1", "in", "quarantine"),
    ]
    assert "by tags $1,234 (62%)" in out.replace("\n", " ")
    assert "$766  Amazon EC2 in research, AWS; likely search" in out
    assert "Quarantine, not in the sums: 1 row that could not be read" in out
    assert "BilledCost is not an amount" in out
    assert f"{folder / 'bill' / 'a.csv'}, row 3, cost lots" in out


def test_json_is_for_scripts(folder: Path) -> None:
    write_csv(folder / "bill" / "a.csv", [charge()])
    code, out, _ = _run("--json")
    data = json.loads(out)
    assert code == 0
    assert data["periods"][0]["money_in"] == data["periods"][0]["money_out"] == "1.500000"
    assert data["coverage"]["share_unallocated"] == 1.0
    assert data["quarantined"] == 0


def test_a_refusal_is_one_line_and_exit_code_1(folder: Path) -> None:
    (folder / "bill").mkdir()
    (folder / "bill" / "a.csv").write_text("day,cost\n")
    code, out, err = _run()
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "a.csv is not a FOCUS bill: it lacks the columns" in err


def test_a_wrong_day_is_wrong_usage(folder: Path) -> None:
    code, _, err = _run("--since", "yesterday")
    assert code == 2
    assert "is not a day" in err
