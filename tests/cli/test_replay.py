"""``sandrail replay`` as people and scripts call it."""

import json
from pathlib import Path

import pytest
import typer
from pydantic import TypeAdapter
from typer.testing import CliRunner, Result

from bot.cli.ingest import ingest_command
from bot.cli.replay import replay_command
from bot.replaying import Job, replayed
from guardrails.replay import Report
from guardrails.retro.quarter import Quarter
from handlers.retro.build import replayer_of
from storage.database import Database
from storage.policy_file import load_policy
from storage.policy_replays import ClaimedReplay
from tests.cli.test_commands import BILL, POLICY

app = typer.Typer()
app.command("replay")(replay_command)
app.command("ingest")(ingest_command)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "app.yaml").write_text(POLICY)
    (tmp_path / "bill").mkdir()
    (tmp_path / "bill" / "a.csv").write_text(BILL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'bot.db'}")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_the_same_policy_makes_no_difference(folder: Path) -> None:
    assert run("replay", "app.yaml").exit_code == 1  # no bill has been read
    assert run("ingest").exit_code == 0
    done = run("replay", "app.yaml")
    assert done.exit_code == 0, done.output
    assert "Nothing would have been different." in done.stdout
    report = json.loads(run("replay", "app.yaml", "--json").stdout)
    assert report["alerts"] == {"kept": 0, "new": [], "gone": [], "moved": []}


def test_mistakes_and_wrong_usage(folder: Path) -> None:
    (folder / "new.yaml").write_text(POLICY.replace("default: finops", "default: finop"))
    wrong = run("replay", "new.yaml")
    assert wrong.exit_code == 1
    assert "finop" in wrong.output
    assert run("replay", "app.yaml", "--since", "soon").exit_code == 2


def test_a_changed_policy_may_stand_anywhere(folder: Path) -> None:
    """It was refused because no folder of runbooks was beside it."""
    signals = "spend, gpu-usage, cost-per-unit, quality, resource-mix"
    steps = f"---\nevents: [{signals}]\n---\n# Something changed\n\n1. Look at it.\n"
    (folder / "runbooks").mkdir()
    (folder / "runbooks" / "spend.md").write_text(steps)
    (folder / "app.yaml").write_text(POLICY + "runbooks: runbooks\n")
    elsewhere = folder / "drafts" / "new.yaml"
    elsewhere.parent.mkdir()
    elsewhere.write_text(POLICY + "runbooks: runbooks\n")
    assert run("ingest").exit_code == 0
    done = run("replay", "drafts/new.yaml")
    assert done.exit_code == 0, done.output
    assert "Nothing would have been different." in done.stdout


def test_policies_in_two_currencies_are_not_compared(folder: Path) -> None:
    """The dollars of one policy and the yen of the other stood in one table, all of them written as dollars."""
    assert run("ingest").exit_code == 0
    text = POLICY.replace("name: Example AI", "name: Example AI, currency: JPY, rates: {USD: 150}")
    (folder / "yen.yaml").write_text(text)
    refused = run("replay", "yen.yaml")
    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert refused.stderr == (
        "The policy of now counts in USD and the changed one in JPY, so their amounts cannot be compared.\n"
    )


def test_a_changed_policy_is_said_in_words_and_as_data(folder: Path) -> None:
    assert run("ingest").exit_code == 0
    more = "budgets: [{name: all, scope: {team: search}, limit: 1}]\n"
    (folder / "new.yaml").write_text(POLICY + more)
    done = run("replay", "new.yaml", "--since", "4w")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("What the changed policy would have done")
    report = json.loads(run("replay", "new.yaml", "--since", "4w", "--json").stdout)
    assert report["not_replayed"] == []
    assert {"nudges", "overruns", "zones", "redlines", "gates", "sums_before"} <= set(report)


def test_chat_the_command_line_and_the_retrospective_end_on_the_same_day(folder: Path) -> None:
    """Chat ended on the bill's last day, and so left out what was told of that day on the next morning."""
    assert run("ingest").exit_code == 0
    printed = json.loads(run("replay", "app.yaml", "--since", "30d", "--json").stdout)
    assert (printed["first"], printed["last"]) == ("2026-11-02", "2026-11-03")
    loaded, url = load_policy(folder / "app.yaml"), f"sqlite:///{folder / 'bot.db'}"
    claimed = ClaimedReplay(1, "finops@example.com", "", 30, POLICY, 1)
    told = replayed(Job(url, loaded, claimed), lambda what, share: None)
    assert TypeAdapter(Report).dump_python(told, mode="json") == printed

    database = Database(url)
    try:
        of = {
            n: replayer_of(database, loaded, Quarter(2026, n), lambda what, share: None)(
                loaded, True
            )
            for n in (3, 4)
        }
    finally:
        database.close()
    assert of == {3: "Not replayed: the bill has no day of the quarter.", 4: told}
