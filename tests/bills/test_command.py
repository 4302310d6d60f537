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


def test_the_names_of_bills_are_no_markup(folder: Path) -> None:
    """The story: a bill was called [/red]. Printing the report ended with rich's MarkupError, after
    everything had been stored."""
    (folder / "app.yaml").write_text(POLICY.replace("name: main", "name: '[/red]'"))
    write_csv(folder / "bill" / "a.csv", [charge(), charge(BilledCost="[/x]", ResourceId="[/y]")])
    code, out, _ = _run()
    assert code == 0
    assert out.splitlines()[1].split()[:2] == ["[/red]", "2026-10-01"]
    assert "[/red]: BilledCost is not an amount" in out


def test_it_says_what_is_in_quarantine_and_what_all_is(folder: Path) -> None:
    rows = [charge(), charge(BillingPeriodStart="soon", BilledCost="1200")]
    write_csv(folder / "bill" / "a.csv", [*rows, charge(BillingCurrency="")])
    _, out, _ = _run()
    assert "Total: in 1.50 USD, out 1.50 USD, in quarantine 1,200.00 USD." in out
    assert "Total: in quarantine 1.50 without a currency." in out
    assert "1 row of main: BillingPeriodStart is not a time, 1,200.00 USD (first: " in out
    _, out, _ = _run("--json")
    data = json.loads(out)
    assert data["totals"] == [
        {
            "currency": "USD",
            "money_in": "1.500000",
            "money_out": "1.500000",
            "quarantined": data["totals"][0]["quarantined"],
        },
        {
            "currency": "",
            "money_in": "0",
            "money_out": "0",
            "quarantined": data["totals"][1]["quarantined"],
        },
    ]
    assert float(data["totals"][0]["quarantined"]) == 1200
    assert data["quarantine"][0]["kept"] == 1


def test_it_is_loud_about_what_left(folder: Path) -> None:
    september = charge(BillingPeriodStart="2026-09-01", ChargePeriodStart="2026-09-02")
    write_csv(folder / "bill" / "a.csv", [charge(), september])
    _run()
    write_csv(folder / "bill" / "a.csv", [charge()])
    _, out, _ = _run()
    assert (
        "main: kept from earlier readings and in all sums, though no longer in the bill: "
        "2026-09-01 1.50 USD." in out
    )
    _, out, _ = _run("--json")
    assert json.loads(out)["kept"][0]["period"] == "2026-09-01"
    (folder / "app.yaml").write_text(POLICY.replace("name: main", "name: aws"))
    _, out, _ = _run("--since", "2026-10-01")
    assert "the bill main, but 3.00 USD in 2 periods of it still count; ingest without" in out
    _, out, _ = _run()
    assert "Removed bill main, which the policy no longer has: 3.00 USD in 2 periods." in out


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
