"""Runbooks: read from Markdown, every mistake with its line, found by `sandrail check`."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from bot.cli.main import app
from guardrails.policy.alerts import SIGNALS
from guardrails.runbooks import (
    EVENTS,
    Escalation,
    RunbookRefusedError,
    in_words,
    nobody,
    parse,
    plain,
    read_all,
    token,
)
from storage.policy_file import PolicyRefusedError, load_policy
from tests.conftest import POLICY, RUNBOOKS, runbook

ROOT = Path(__file__).parents[2]
GOOD = """---
events: [spend, gpu-usage]
link: https://wiki.example.com/spend
escalation:
  - { role: lead, after_minutes: 30 }
  - { role: finance, after_minutes: 240 }
---
# Spend beyond the band

Why this matters:

- not a step

1. Read the **top drivers**,
   all of them.
2. Run `sandrail detect`.

3. Stop it.

A closing word.

1. Not a step any more.
"""


def test_a_runbook_is_read_from_markdown() -> None:
    found = parse("spend", GOOD)
    assert (found.name, found.title) == ("spend", "Spend beyond the band")
    assert found.events == ("spend", "gpu-usage")
    assert found.steps == (
        "Read the **top drivers**, all of them.",
        "Run `sandrail detect`.",
        "Stop it.",
    )
    assert found.escalation == (Escalation("lead", 30), Escalation("finance", 240))
    assert found.link == "https://wiki.example.com/spend"
    assert plain(found.steps[0]) == "Read the top drivers, all of them."


def test_task_lists_titles_and_windows_line_ends() -> None:
    text = (
        "---\r\nevents: [quality]\r\ntitle: Q\r\n---\r\n# Other\r\n\r\n- [ ] One\r\n- [x] Two\r\n"
    )
    found = parse("q", "\ufeff" + text)
    assert (found.title, found.steps) == ("Q", ("One", "Two"))


def test_code_before_the_steps_is_no_list() -> None:
    text = "---\nevents: [quality]\n---\n# Q\n```\n# not the title\n1. no step\n```\n1) A step\n"
    assert parse("q", text).steps == ("A step",)


@pytest.mark.parametrize(
    ("before", "after", "place", "sentence"),
    [
        ("[spend, ", "[spent, ", "spend.md:2:10: events[0]", "no event spent; did you mean spend?"),
        ("events: [spend, gpu-usage]\n", "", "spend.md:1:1: events", "is missing. Allowed: spend"),
        ("[spend, gpu-usage]", "[]", "spend.md:2:1: events", "needs at least one entry"),
        ("[spend, gpu-usage]", "spend", "spend.md:2:1: events", "must be a list"),
        ("gpu-usage]", "spend]", "spend.md:2:17: events[1]", "spend is given twice"),
        (
            "role: lead",
            "role: leed",
            "spend.md:5:7: escalation[0].role",
            "no role leed; did you mean lead? Allowed: engineer",
        ),
        (
            "after_minutes: 240",
            "after_minutes: 30",
            "spend.md:6:22: escalation[1].after_minutes",
            "more than the 30",
        ),
        ("after_minutes: 30 ", "after_minutes: soon ", "spend.md:5:19", "whole number of minutes"),
        (", after_minutes: 30 ", " ", "spend.md:5:5: escalation[0]", "after_minutes is missing"),
        ("link:", "lnk:", "spend.md:3:1: lnk", "is not a key here; did you mean link?"),
        ("https://wiki", "ftp://wiki", "spend.md:3:1: link", "must begin with https://"),
        ("link:", "events:", "spend.md:3:1: events", "given twice"),
        ("# Spend beyond the band\n", "", "spend.md:1:1: title", "begin the text with a # heading"),
        ("2. Run `sandrail detect`.", "2.", "spend.md:16:1: steps", "this step is empty"),
        (
            "3. Stop it.",
            "3. Run `sandrail detect`.",
            "spend.md:18:1: steps",
            "the same as the one in line 16",
        ),
        ("3. Stop it.", "   - this\n", "spend.md:18:1: steps", "a step has no list of its own"),
        ("3. Stop it.", "3. " + "x" * 301, "spend.md:18:1: steps", "301 characters"),
        ("---\nevents", "events", "spend.md:1:1: the file", "begin with front matter"),
        ("events: [", "events: [[", "spend.md:3:1", "not YAML"),
    ],
)
def test_each_mistake_has_its_line(before: str, after: str, place: str, sentence: str) -> None:
    assert before in GOOD
    with pytest.raises(RunbookRefusedError) as refused:
        parse("spend", GOOD.replace(before, after, 1))
    (error,) = [str(e) for e in refused.value.errors]
    assert error.startswith(place)
    assert sentence in error


def test_a_checklist_is_neither_empty_nor_endless() -> None:
    head = "---\nevents: [spend]\n---\n# T\n"
    with pytest.raises(RunbookRefusedError, match=r"spend\.md:4:1: steps: there are no steps"):
        parse("spend", head)
    many = head + "".join(f"{n}. Step {n}\n" for n in range(1, 14))
    with pytest.raises(RunbookRefusedError, match=r"spend\.md:17:1: steps: there are 13 steps"):
        parse("spend", many)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_any_text_is_a_runbook_or_refused_with_lines(text: str) -> None:
    for whole in (text, f"---\nevents: [spend]\n{text}\n---\n{text}", f"---\n{text}\n---\n1. x"):
        found, wrong = read_all({"any.md": whole})
        assert bool(found) != bool(wrong)
        assert all(e.line >= 1 and e.column >= 1 and e.message for e in wrong)
        assert all(one.steps and one.title for one in found.values())


def test_minutes_in_words() -> None:
    assert [in_words(m) for m in (1, 45, 60, 90, 480, 1440)] == [
        "1 minute",
        "45 minutes",
        "1 hour",
        "90 minutes",
        "8 hours",
        "1 day",
    ]


def test_a_token_stays_with_the_words() -> None:
    assert token("Look.") == token("Look.") != token("Look!")


# --- with the policy ------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.yaml").write_text(POLICY)
    (tmp_path / "runbooks").mkdir()
    for event, (title, steps) in RUNBOOKS.items():
        listed = "".join(f"1. {step}\n" for step in steps)
        text = f"---\nevents: [{event}]\n---\n# {title}\n\n{listed}"
        (tmp_path / "runbooks" / f"{event}.md").write_text(text)
    return tmp_path


def errors(folder: Path) -> list[str]:
    with pytest.raises(PolicyRefusedError) as refused:
        load_policy(folder / "app.yaml")
    return [str(e).removeprefix(f"{folder}/") for e in refused.value.errors]


def test_they_are_read_with_the_policy_and_part_of_its_hash(folder: Path) -> None:
    loaded = load_policy(folder / "app.yaml")
    assert set(loaded.runbooks) == set(SIGNALS)
    spend = folder / "runbooks" / "spend.md"
    before = spend.read_text()
    spend.write_text(before.replace("Stop", "Halt"))
    assert load_policy(folder / "app.yaml").hash != loaded.hash
    spend.write_text(before + "\nWords around the steps decide nothing.\n")
    assert load_policy(folder / "app.yaml").hash == loaded.hash


def test_a_folder_that_is_named_must_be_there(folder: Path, tmp_path: Path) -> None:
    (folder / "runbooks").rename(folder / "elsewhere")
    assert load_policy(folder / "app.yaml").runbooks == {}
    (folder / "app.yaml").write_text(f"{POLICY}runbooks: elsewhere\n")
    assert set(load_policy(folder / "app.yaml").runbooks) == set(SIGNALS)
    line = POLICY.count("\n") + 1
    (folder / "app.yaml").write_text(f"{POLICY}runbooks: nowhere\n")
    assert errors(folder) == [
        f"app.yaml:{line}:1: runbooks: there is no folder {folder / 'nowhere'}"
    ]
    (folder / "app.yaml").write_text(POLICY + "runbooks: {spend: {title: T, steps: [a]}}\n")
    assert "must be the name of the folder" in errors(folder)[0]


def test_what_is_wrong_in_policy_and_runbooks_comes_at_once(folder: Path) -> None:
    (folder / "app.yaml").write_text(POLICY.replace("default: finops", "default: finop"))
    (folder / "runbooks" / "again.md").write_text("---\nevents: [spend]\n---\n# A\n1. Look.\n")
    (folder / "runbooks" / "late.md").write_text(
        "---\nevents: [overrun]\nescalation: [{role: boss, after_minutes: 5}]\n---\n# A\n1. See [it](x.md).\n"
    )
    (folder / "runbooks" / "README.md").write_text("Not a runbook.")
    (folder / "runbooks" / "bytes.md").write_bytes(b"\xff\xfe")
    said = errors(folder)
    assert len(said) == 5
    for wanted in (
        "no channel is called finop; did you mean finops?",
        "runbooks/spend.md:2:10: events[0]: spend has a runbook already",
        "runbooks/late.md:3:15: escalation[0].role: there is no role boss",
        "runbooks/late.md:6:13: link: there is no file x.md beside the runbook",
        "runbooks/bytes.md:1:1: the file: cannot be read: it is not UTF-8 text",
    ):
        assert any(wanted in e for e in said), (wanted, said)


def test_a_watched_signal_without_a_runbook_is_an_error(folder: Path) -> None:
    (folder / "runbooks" / "quality.md").unlink()
    (said,) = errors(folder)
    assert "is for the signal quality, which is watched" in said
    (folder / "app.yaml").write_text(f"{POLICY}detection: {{signals: [spend, gpu-usage]}}\n")
    assert "quality" not in load_policy(folder / "app.yaml").runbooks


def test_check_shows_them_and_doubts_an_escalation_to_nobody(folder: Path) -> None:
    spend = folder / "runbooks" / "spend.md"
    text = spend.read_text()
    more = "escalation: [{role: operator, after_minutes: 90}]\n---\n#"
    spend.write_text(text.replace("---\n#", more))
    done = CliRunner().invoke(app, ["check", str(folder / "app.yaml")])
    assert done.exit_code == 0
    assert (
        "Nobody has the role operator, so the runbook spend asks nobody after 90 minutes."
        in done.output
    )
    spend.write_text(text.replace("[spend]", "[spnd]"))
    done = CliRunner().invoke(app, ["check", str(folder / "app.yaml")])
    assert done.exit_code == 1
    assert "there is no event spnd; did you mean spend?" in done.output


def test_the_shipped_ones_are_for_every_kind_of_event() -> None:
    loaded = load_policy(ROOT / "app.yaml")
    assert set(loaded.runbooks) >= set(EVENTS)
    assert list(loaded.doubtful()) == []
    for one in loaded.runbooks.values():
        assert 4 <= len(one.steps) <= 9, one.name
        by_themselves = {"sandbox", "redline", "gate"}  # their own clocks ask
        assert one.escalation or by_themselves.issuperset(one.events), one.name


def test_nobody_names_each_runbook_once() -> None:
    one = runbook("spend", "T", ("a",), "escalation: [{role: lead, after_minutes: 5}]\n")
    assert len(nobody([one, one], [])) == 1
    assert nobody([one], ["lead"]) == []
