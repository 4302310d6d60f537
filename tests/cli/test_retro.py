"""``sandrail retro`` as people and scripts call it: six formats, clear refusals, a patch that git takes."""

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from bot.cli.retro import retro_command
from storage.database import Database
from storage.migrate import upgrade
from storage.policy_file import load_policy
from tests.conftest import Clock
from tests.handlers.retrospecting import Past, loaded_from, text_of

app = typer.Typer()
app.command()(retro_command)
QUARTER = ("--quarter", "2024-q1")  # over, whatever day it is


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "app.yaml").write_text(text_of())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'bot.db'}")
    return tmp_path


@pytest.fixture
def past(folder: Path) -> None:
    """A quarter with ten false alarms of one signal."""
    database = Database(f"sqlite:///{folder / 'bot.db'}")
    upgrade(database)
    told = datetime(2024, 2, 5, 9, tzinfo=UTC)
    before = Past(database, loaded_from(text_of()), Clock(told))
    before.note(told - timedelta(days=30), "budget.moved", "budget:ranker")
    for n in range(10):
        before.anomaly(f"<b>{n}</b>", told + timedelta(days=n), "false-alarm", signal="quality")
    database.close()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_quarter_in_every_format(folder: Path, past: None) -> None:
    text = run(*QUARTER)
    assert text.exit_code == 0, text.output
    assert "drop Signal quality and Alert route 1 to team." in text.stdout
    assert run(*QUARTER).stdout == text.stdout
    page = run(*QUARTER, "--format", "html").stdout
    assert "<h1>Retrospective 2024-Q1" in page
    assert "<script" not in page
    assert "<b>" not in page  # what a bill says is words, not markup
    slack = json.loads(run(*QUARTER, "--format", "slack").stdout)
    assert "2024-Q1" in slack[0]["text"]
    teams = json.loads(run(*QUARTER, "--format", "teams").stdout)
    assert {one["type"] for one in teams} == {"AdaptiveCard"}
    assert len(teams) == len(slack)
    said = json.loads(run(*QUARTER, "--format", "json").stdout)
    assert said["quarter"] == "2024-Q1"
    assert said["proposals"][0]["rule"] == "detection.signals[quality]"
    assert said["patch"].startswith("--- a/app.yaml\n+++ b/app.yaml\n")


def test_the_patch_is_printed_alone_and_git_takes_it(folder: Path, past: None) -> None:
    done = run(*QUARTER, "--format", "patch")
    assert done.exit_code == 0
    applied = subprocess.run(
        ["git", "apply", "-"], cwd=folder, input=done.stdout, text=True, capture_output=True, timeout=30,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)},
    )  # fmt: skip
    assert applied.returncode == 0, applied.stderr
    assert load_policy(folder / "app.yaml").policy.detection.signals == ("spend",)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--quarter", "soon"), 2, "is not a quarter"),
        (("--format", "pdf"), 2, "pdf"),
        (("--config", "nowhere.yaml"), 1, "there is no such file"),
        (("--quarter", "2024-Q1"), 1, "the bot has not run yet"),
        (("--quarter", "9000-Q1"), 1, "has not begun"),
    ],
)
def test_what_is_wrong_gets_one_sentence(
    folder: Path, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    done = run(*arguments)
    assert done.exit_code == code, done.output
    assert sentence in done.output


def test_the_quarter_that_has_a_history_is_offered(folder: Path, past: None) -> None:
    done = run("--quarter", "2023-Q1")
    assert done.exit_code == 1
    assert "is 2024-Q1: sandrail retro --quarter 2024-Q1" in done.output.replace("\n", " ")
    quiet = run(*QUARTER, "--format", "patch")
    assert quiet.stdout


def test_a_new_bot_shows_the_quarter_that_runs_and_says_so(folder: Path) -> None:
    database = Database(f"sqlite:///{folder / 'bot.db'}")
    upgrade(database)
    now = datetime.now(UTC)
    Past(database, loaded_from(text_of()), Clock(now)).note(now, "budget.moved", "budget:ranker")
    database.close()
    done = run()
    assert done.exit_code == 0, done.output
    assert " so far: the rules" in done.stdout
    assert "which is not over yet." in done.stderr
