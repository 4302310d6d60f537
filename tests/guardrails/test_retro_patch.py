"""Patches of the policy's file: one value changes, everything else stays, and git takes them."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from guardrails.retro.changes import Change
from guardrails.retro.changes import Path as Where
from guardrails.retro.patch import NoPatch, diff, patched, written
from tests.patch_tools import TOOLS

ROOT = Path(__file__).parents[2]
APP = (ROOT / "app.yaml").read_text(encoding="utf-8")
SMALL = """\
# at the top
a:
  # of b
  b: 3.5   # half
  list: [x, y, z]
rules:
  - {name: one, up_to: 500, when: {}}   # first
  # the second
  - name: two
    up_to: 5000

  - name: three
empty: {}
only:
  # alone
  - here
last: 1
"""
LISTED = ["x", "y", "z"]


def change(text: str, path: Where, old: Any, new: Any) -> str:
    return patched(text, Change(path, old, new))


def at(text: str, path: Where) -> Any:
    found = yaml.safe_load(text)
    for key in path:
        found = found[key]
    return found


CHANGES: list[tuple[Where, Any, Any, str]] = [
    (("a", "b"), 3.5, 4.4, "-  b: 3.5   # half\n+  b: 4.4   # half\n"),
    (("a", "list"), LISTED, ["x"], "-  list: [x, y, z]\n+  list: [x]\n"),
    (("a", "list", 0), "x", None, "-  list: [x, y, z]\n+  list: [y, z]\n"),
    (("a", "list", 2), "z", None, "-  list: [x, y, z]\n+  list: [x, y]\n"),
    (("a", "new"), 1, 2, "+  new: 2\n"),
    (("rules", 0, "up_to"), 500, 630, "-  - {name: one, up_to: 500, when: {}}   # first\n"
                                      "+  - {name: one, up_to: 630, when: {}}   # first\n"),
    (("rules", 0, "when", "of"), "low", "high",
     "-  - {name: one, up_to: 500, when: {}}   # first\n"
     "+  - {name: one, up_to: 500, when: {of: high}}   # first\n"),
    (("rules", 0, "days"), 1, 2, "-  - {name: one, up_to: 500, when: {}}   # first\n"
                                 "+  - {name: one, up_to: 500, when: {}, days: 2}   # first\n"),
    (("rules", 1), "two", None, "-  - name: two\n-    up_to: 5000\n"),
    (("rules", 1, "days"), 1, 2, "+    days: 2\n"),
    (("rules", 2, "when", "stage"), "low", "x", "+    when:\n+      stage: x\n"),
    (("empty", "key"), 1, 7, "-empty: {}\n+empty: {key: 7}\n"),
    (("only", 0), "here", None, "-only:\n-  # alone\n-  - here\n+only: []\n"),
    (("new", "deep", "key"), 1, "0.75", "+\n+new:\n+  deep:\n+    key: 0.75\n"),
    (("last",), 1, [25, 50], "-last: 1\n+last: [25, 50]\n"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "old", "new", "lines"), CHANGES)
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_one_value_changes_and_git_takes_it(
    tmp_path: Path, path: Where, old: Any, new: Any, lines: str, end: str
) -> None:
    text = SMALL.replace("\n", end) if end else SMALL.rstrip("\n")
    after = change(text, path, old, new)
    made = diff(text, after, "app.yaml")
    if end == "\n":
        body = made.split("\n")[2:]
        assert "".join(f"{s}\n" for s in body if s[:1] in ("+", "-")) == lines
    if new is not None:
        wanted = float(new) if written(new) == new and "." in str(new) else new
        assert at(after, path) == wanted
    file = tmp_path / "app.yaml"
    file.write_bytes(text.encode())
    done = _run(["git", "apply", "--whitespace=nowarn", "-"], tmp_path, made)
    assert done.returncode == 0, done.stderr
    assert file.read_bytes().decode() == after


@pytest.mark.parametrize("tool", TOOLS)
def test_the_demos_policy_takes_each_change_and_its_patch(
    tmp_path: Path, tool: tuple[str, ...]
) -> None:
    found = [
        (("detection", "band"), 3.5, 4.4),
        (("ladder", "rungs", 0, "percent"), 10, 13),
        (("redlines", "lines", 1), "cap", None),
        (("nudges", "actual", 0), "50", None),
        (("sandboxes", "zones", 0, "cap"), 2500, 3100),
    ]
    text = APP
    for path, old, new in found:
        text = change(text, path, old, new)
    (tmp_path / "app.yaml").write_text(APP, encoding="utf-8")
    done = _run([*tool], tmp_path, diff(APP, text, "app.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "app.yaml").read_text(encoding="utf-8") == text
    assert sum(line.lstrip().startswith("#") for line in text.split("\n")) >= APP.count("\n#")


@pytest.mark.parametrize(
    ("path", "old", "new", "why"),
    [
        (("a", "b"), 9, 10, "is not 9 in the file"),  # somebody has changed it
        (("a",), 1, 2, "is not 1 in the file"),
        (("rules", 7), "x", None, "holds by default"),
        (("a", "b", "c"), 1, 2, "holds by default"),
        (("rules", 0, "name"), "one", None, "entry of a list"),
    ],
)
def test_what_cannot_be_patched_is_said(path: Where, old: Any, new: Any, why: str) -> None:
    with pytest.raises(NoPatch, match=why):
        change(SMALL, path, old, new)


def test_without_a_difference_there_is_no_patch() -> None:
    assert diff(SMALL, SMALL, "app.yaml") == ""


def _run(command: list[str], folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    done = subprocess.run(
        command, cwd=folder, input=text.encode(), capture_output=True, timeout=30, env=environ
    )
    return subprocess.CompletedProcess(
        command, done.returncode, done.stdout.decode(), done.stderr.decode()
    )
