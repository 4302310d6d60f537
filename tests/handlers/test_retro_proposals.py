"""What the retrospective proposes: one value changes, git takes it, the replay says what it would have done."""

import os
import subprocess
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from guardrails.retro.changes import Change, candidates
from guardrails.retro.patch import NoPatch, diff
from guardrails.retro.places import rules_of as places_of
from guardrails.retro.quarter import Quarter
from guardrails.retro.tally import Case, Tally
from guardrails.retro.verdict import DROPPABLE, Verdict
from handlers.retro.proposals import changed, only_differs
from storage.database import Database
from storage.policy_file import load_policy, parse_policy
from tests.conftest import Clock
from tests.handlers.retrospecting import AFTER, Past, loaded_from, text_of
from tests.patch_tools import TOOLS

POLICY = loaded_from(text_of())


@pytest.fixture
def there(sqlite: Database, clock: Clock) -> Past:
    return Past(sqlite, POLICY, clock)


def test_the_patch_changes_what_is_proposed_and_git_takes_it(there: Past, tmp_path: Path) -> None:
    there.busy()
    made = there.made()
    (tmp_path / "app.yaml").write_text(POLICY.text)
    done = subprocess.run(
        ["git", "apply", "-"], cwd=tmp_path, input=made.patch, text=True, capture_output=True, timeout=30,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    after = load_policy(tmp_path / "app.yaml").policy
    assert after.detection.band == 4.4
    assert after.detection.signals == ("spend",)
    assert after.ladder.rungs[0].up_to == 630
    assert after.budgets[0].limit == 3600
    assert (tmp_path / "app.yaml").read_text().count("#") == POLICY.text.count("#")
    changes = [c for p in made.proposals for c in p["changes"]]
    keys = {c["place"] for c in changes}
    for section in type(after).model_fields:
        if getattr(after, section) != getattr(POLICY.policy, section):
            assert any(key.startswith(section) for key in keys), section


@pytest.mark.parametrize("tool", TOOLS)
def test_each_patch_in_a_message_applies_as_it_is_shown(
    there: Past, tmp_path: Path, tool: tuple[str, ...]
) -> None:
    """Without its first characters and its place in the file it was to be typed anew."""
    there.busy()
    made = there.made()
    shown = [
        "".join(f"{line}\n" for line in block.lines)
        for _, message in made.parts
        for block in message.blocks
        if block.kind == "listing"
    ]
    assert len(shown) == len(made.proposals) + 1
    assert shown[-1] == made.patch
    for patch in shown:
        (tmp_path / "app.yaml").write_text(POLICY.text)
        done = subprocess.run(
            tool, cwd=tmp_path, input=patch, text=True, capture_output=True, timeout=30,
            env={**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert load_policy(tmp_path / "app.yaml").policy != POLICY.policy


def test_the_replay_says_what_would_have_been_different(there: Past) -> None:
    there.short()
    made = there.made(replayed=True)
    message = next(m for name, m in made.parts if name == "proposal:ladder.rungs[lead]")
    said = there.words(replace(made, root=message, parts=()))
    assert "ladder.rungs[own].up_to: 500 becomes 630." in said
    assert "ladder.rungs[own].percent: 10 becomes 20." in said
    assert "of 6 requests on another rung" in said
    assert "granted where an engineer's word suffices" in said


def test_only_the_value_may_differ() -> None:
    text = text_of(("limit: 3000", "limit: &all 3000"), ("up_to: 5000", "up_to: *all"))
    loaded = loaded_from(text)
    one = Change(("budgets", 0, "limit"), 3000, 3600)
    with pytest.raises(NoPatch):  # the anchor goes with the value, or both change
        changed(loaded, (one,))
    new = changed(POLICY, (one,))
    assert new.policy.budgets[0].limit == 3600
    assert only_differs(POLICY.policy, new.policy, (one,))
    assert not only_differs(POLICY.policy, POLICY.policy, (one,))
    other = parse_policy(new.text.replace("band: 3.5", "band: 4"))
    assert not only_differs(POLICY.policy, other, (one,))
    assert diff(POLICY.text, new.text, "app.yaml").count("\n+") == 2  # the head and one line


def test_a_change_that_would_not_be_valid_is_no_patch() -> None:
    with pytest.raises(NoPatch, match="would not be valid"):
        changed(POLICY, (Change(("ladder", "rungs", 1, "up_to"), 5000, 100),))


def test_next_time_it_says_what_became_of_it(there: Past) -> None:
    there.busy()
    assert there.post() == "posted the retrospective of 2026-Q4 with 5 proposals"
    policy = loaded_from(text_of(("band: 3.5", "band: 4.4"), ("limit: 3000", "limit: 4000")))
    later = Past(there.database, policy, there.clock)
    later.clock.now = AFTER + timedelta(days=87)
    said = later.words(later.made(Quarter(2027, 1)))
    assert "Signal spend, loosen: done, detection.band is 4.4." in said
    assert "Budget ranker, loosen: budgets[ranker].limit is 4000, and 3600 was proposed." in said
    assert "Signal quality, drop: not done." in said
    assert "ladder.rungs[own].up_to is still 500." in said


def test_a_policy_with_the_line_ends_of_windows(tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_bytes(POLICY.text.replace("\n", "\r\n").encode())
    loaded = load_policy(tmp_path / "app.yaml")
    new = changed(loaded, (Change(("detection", "band"), 3.5, 4.4),))
    assert new.text == loaded.text.replace("band: 3.5", "band: 4.4")
    assert new.text.count("\r\n") == POLICY.text.count("\n")


def test_a_change_that_would_be_none_or_go_the_other_way_is_not_proposed() -> None:
    """A percent more than a cap of 1,030 was rounded to 1,000."""
    text = text_of(
        ("hour_cost: 80", "hour_cost: 80\n  step: 1"),
        ("cap: 2000", "cap: 1030"),
        ("up_to: 500, percent: 10", "up_to: 5000, percent: 25"),
        ("band: 3.5", "band: 20"),
    )
    policy = loaded_from(text).policy
    rules = policy.retrospective
    assert rules is not None
    by_id = {rule.id: rule for rule in places_of(policy)}

    def moves(rule: str, verdict: Verdict) -> list[tuple[object, object]]:
        tally = Tally(by_id[rule], (Case("needless"),))
        return [(c.old, c.new) for edit in candidates(policy, rules, tally, verdict) for c in edit]

    assert moves("sandboxes.zones[exploring]", "loosen") == [(1030, 1040)]
    assert moves("sandboxes.zones[exploring]", "tighten") == [(1030, 1000)]
    assert moves("ladder.rungs[lead]", "loosen") == []  # own takes as much as lead already
    assert moves("detection.signals[spend]", "loosen") == []  # no band is wider


def test_every_change_of_every_rule_is_valid_and_changes_nothing_else() -> None:
    """What each verdict would do to each rule; only what the policy can do without is dropped."""
    case = Case("needless", size=Decimal(2600), share=Decimal(12))
    policy, rules = POLICY.policy, POLICY.policy.retrospective
    assert rules is not None
    done, none = set(), set()
    for rule in {r.path[:2]: r for r in places_of(policy)}.values():  # the last of each list
        for verdict in ("loosen", "tighten", "drop"):
            if verdict == "drop" and rule.kind not in DROPPABLE:
                continue
            edits = candidates(policy, rules, Tally(rule, (case,)), verdict)
            for edit in edits:
                try:
                    new = changed(POLICY, edit)
                except NoPatch:
                    none.add(edit[0].place)
                    continue
                assert only_differs(policy, new.policy, edit)
                assert new.text.count("#") >= POLICY.text.count("#") - (verdict == "drop")
                done.add((rule.kind, verdict))
    assert {kind for kind, _ in done} == {
        "signal", "route", "budget", "nudge", "rung", "silence", "zone", "gate", "redline",
    }  # fmt: skip
    # What holds by default is written out whole instead.
    assert none == {"nudges.forecast[1]"}
