"""The command line: 0 done, 1 refused with one clear line, 2 wrong usage; never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
POLICY = """version: 1
workspace: {name: Example AI}
bills: [{name: main, files: bill}]
channels: {finops: {}}
alerts: {default: finops}
roles: {finops: {emails: [finops@example.com]}}
"""
BILL = """BilledCost,BillingCurrency,BillingPeriodStart,ChargeCategory,ChargePeriodStart,ServiceName
1.25,USD,2026-11-01,Usage,2026-11-02,Compute
-0.25,USD,2026-11-01,Credit,2026-11-02,Compute
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.yaml").write_text(POLICY)
    (tmp_path / "bill").mkdir()
    (tmp_path / "bill" / "a.csv").write_text(BILL)
    return tmp_path


def sandrail(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from bot.cli.main import main; main()", *arguments],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "120",
            **environ,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_from_a_policy_to_a_verified_audit(folder: Path) -> None:
    assert "is valid" in sandrail(folder, "check").stdout
    assert "migrated" in sandrail(folder, "db", "upgrade").stdout
    assert "up to date" in sandrail(folder, "db", "upgrade").stdout
    done = sandrail(folder, "ingest")
    assert done.returncode == 0, done.stderr
    assert "1.00 USD" in done.stdout
    assert json.loads(sandrail(folder, "audit", "verify", "--json").stdout)["holds"] is True
    assert sandrail(folder, "audit", "export", "out.jsonl").returncode == 0
    found = json.loads(sandrail(folder, "doctor", "--json").stdout)
    assert any("audit chain holds" in f["what"] for f in found)


def test_what_is_probably_a_mistake_is_a_warning(folder: Path) -> None:
    with (folder / "app.yaml").open("a") as policy:
        policy.write("sandboxes: {zones: [{name: small, cap: 500}]}\n")
    done = sandrail(folder, "check")
    assert done.returncode == 0
    assert "is valid" in done.stdout
    assert "\nWarning: The zone small has no actuators: only the money is set aside" in done.stdout
    said = json.loads(sandrail(folder, "check", "--json").stdout)
    assert said["valid"] is True
    assert len(said["doubts"]) == done.stdout.count("\nWarning: ") == 2


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "sentence"),
    [
        (("check", "nowhere.yaml"), {}, 1, "there is no such file"),
        (("check", "bill"), {}, 1, "cannot be read"),
        (("check", "bill/a.csv"), {}, 1, "not valid"),
        (("check", "--schema", "bill"), {}, 1, "IsADirectoryError"),
        (("ingest",), {"SANDRAIL_CONFIG": "nowhere.yaml"}, 1, "there is no such file"),
        (("ingest", "--since", "soon"), {}, 2, "soon"),
        (("detect", "--as-of", "2026-99-99"), {}, 2, "2026-99-99"),
        (("audit", "export", "nowhere/x"), {}, 1, "nowhere/x"),
        (("audit", "verify"), {"DATABASE_URL": "mysql://u@h/d"}, 1, "DATABASE_URL names mysql"),
        (("audit", "verify"), {"DATABASE_URL": "sqlite:///app.yaml"}, 1, "cannot be used"),
        (("audit", "verify"), {"DATABASE_URL": "sqlite://"}, 1, "DATABASE_URL needs a file"),
        (("audit", "verify"), {"DATABASE_URL": "postgresql://u:p@h:port/x"}, 1, "DATABASE_URL"),
        (("run",), {"PORT": "http"}, 1, "PORT is http"),
        (("run",), {"HOST": "0.0.0.0"}, 1, "loopback only"),
        (("run",), {"SLACK_SIGNING_SECRET": "x"}, 1, "SLACK_BOT_TOKEN is missing"),
        (("nonsense",), {}, 2, "nonsense"),
    ],
)
def test_what_is_wrong_gets_one_sentence(
    folder: Path, arguments: tuple[str, ...], environ: dict[str, str], code: int, sentence: str
) -> None:
    done = sandrail(folder, *arguments, **environ)
    assert done.returncode == code, done.stdout + done.stderr
    assert sentence in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_said_before_anything_is_done(folder: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = sandrail(folder, "run", PORT=str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "cannot be opened" in done.stderr
    assert "alert" not in done.stdout


def test_slack_that_cannot_be_reached_is_one_sentence(folder: Path) -> None:
    (folder / "app.yaml").write_text(POLICY.replace("finops: {}", 'finops: {slack: "#finops"}'))
    done = sandrail(
        folder,
        "run",
        PORT="0",
        SLACK_BOT_TOKEN="xoxb-1",
        SLACK_SIGNING_SECRET="s",
        SLACK_API_URL="http://127.0.0.1:9/api/",
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr, done.stderr
