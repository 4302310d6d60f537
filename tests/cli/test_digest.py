"""``sandrail digest``: the same week, policy and database give the same digest, in four formats."""

import json
import os
import subprocess
import sys
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
POLICY = """version: 1
workspace: {name: Example AI}
bills: [{name: main, files: bill}]
tags:
  experiment: {keys: [experiment]}
channels: {finops: {}}
alerts: {default: finops}
roles: {finops: {emails: [finops@example.com]}}
"""
HEADER = "BilledCost,BillingCurrency,BillingPeriodStart,ChargeCategory,ChargePeriodStart,ServiceName,Tags"
RUN = "import typer\nfrom bot.cli.digest import digest_command\ntyper.run(digest_command)"
MAIN = "from bot.cli.main import main\nmain()"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.yaml").write_text(POLICY)
    (tmp_path / "bill").mkdir()
    rows = [HEADER]
    for n in range(21):
        day = date(2026, 11, 2) + timedelta(days=n)
        cost = 10 if n < 14 else 25
        rows.append(
            f'{cost}.10,USD,2026-11-01,Usage,{day},Compute,"{{""experiment"": ""<b>x</b>""}}"'
        )
    (tmp_path / "bill" / "a.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def run(folder: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={**environ, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=120,
    )


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)


def test_a_week_in_every_format(folder: Path) -> None:
    assert run(folder, MAIN, "ingest").returncode == 0
    text = run(folder, RUN, "--week", "2026-W48")
    assert text.returncode == 0, text.stderr
    assert "· $151 was spent from Mon 16 Nov to Sat 21 Nov, 6 complete days" in text.stdout
    assert "+149 % (+$90)" in text.stdout
    assert run(folder, RUN, "--week", "2026-W48").stdout == text.stdout
    page = run(folder, RUN, "--week", "2026-w48", "--format", "html").stdout
    parser = Tags()
    parser.feed(page)
    assert "script" not in parser.seen
    assert "b" not in parser.seen  # what a bill says is words, not markup
    slack = json.loads(run(folder, RUN, "--week", "2026-W48", "--format", "slack").stdout)
    assert "2026-W48" in slack[0]["text"]
    assert all(m["blocks"] for m in slack)
    teams = json.loads(run(folder, RUN, "--week", "2026-W48", "--format", "teams").stdout)
    assert {card["type"] for card in teams} == {"AdaptiveCard"}
    assert len(teams) == len(slack)


def test_an_empty_company_and_the_next_week(folder: Path) -> None:
    done = run(folder, RUN)
    assert done.returncode == 0, done.stderr
    assert "No bill of" in done.stdout
    assert "A quiet week" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--week", "soon"), 2, "is not a week"),
        (("--format", "pdf"), 2, "pdf"),
        (("--config", "nowhere.yaml"), 1, "there is no such file"),
    ],
)
def test_what_is_wrong_gets_one_sentence(
    folder: Path, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    done = run(folder, RUN, *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert sentence in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
