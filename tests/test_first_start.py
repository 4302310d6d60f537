"""The two commands' promise: an empty folder and the demo's policy become a console with alerts."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


SANDRAIL = (sys.executable, "-c", "from bot.cli.main import main; main()")


def environ(folder: Path) -> dict[str, str]:
    given = {"PATH": os.environ["PATH"], "HOME": str(folder), "PORT": "0", "COLUMNS": "120"}
    return {**given, "PYTHONPATH": str(ROOT)}


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """``sandrail run`` in a folder, with nothing in the environment but a free port; its address."""
    log = folder / "run.log"
    with log.open("w") as said:
        process = subprocess.Popen(
            [*SANDRAIL, "run"],
            cwd=folder,
            env=environ(folder),
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            until = time.monotonic() + 120
            while not (
                found := re.search(r"console is at (http://localhost:\d+)", log.read_text())
            ):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.1)
            yield found[1]
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                assert process.wait(30) == 0, log.read_text()
            finally:
                process.kill()


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def test_an_empty_folder_becomes_a_console_with_alerts(tmp_path: Path) -> None:
    shutil.copy(ROOT / "app.yaml", tmp_path)
    shutil.copytree(ROOT / "runbooks", tmp_path / "runbooks")
    with running(tmp_path) as address:
        assert json.loads(read(f"{address}/readyz")) == {"status": "ready"}
        assert "<title>" in read(address)
        until = time.monotonic() + 60
        while "sandrail_outbox_waiting 0.0" not in read(f"{address}/metrics"):
            assert time.monotonic() < until, "messages are still waiting"
            time.sleep(0.5)
        channels = json.loads(read(f"{address}/console/api/channels"))
        assert sum(c["messages"] > 0 for c in channels["channels"]) >= 5
    bill = sorted((tmp_path / "sample").rglob("*"))
    stamps = [f.stat().st_mtime_ns for f in bill]
    with running(tmp_path) as address:  # a second start writes and posts nothing anew
        again = json.loads(read(f"{address}/console/api/channels"))
        assert [c["messages"] for c in again["channels"]] == [
            c["messages"] for c in channels["channels"]
        ]
    assert [f.stat().st_mtime_ns for f in bill] == stamps
    the_same_policy_replays_to_what_happened(tmp_path)


def the_same_policy_replays_to_what_happened(folder: Path) -> None:
    """The demo has a bill of four months and records of one day."""
    replay = [*SANDRAIL, "replay", "app.yaml", "--json"]
    done = subprocess.run(replay, cwd=folder, env=environ(folder), capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["first"] < report["recorded_from"] == report["last"]
    for part in ("alerts", "nudges", "overruns"):
        happened = report["reproduced"] if part == "alerts" else report[part]["reproduced"]
        assert happened["kept"] > 0, part
        assert happened["new"] == happened["gone"] == happened["moved"] == [], part
