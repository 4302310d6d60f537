"""The buttons of a redline: who may press what at the click, twice, late, and two at once."""

import pytest

from storage.database import Database
from storage.policy_file import LoadedPolicy
from tests.conftest import Clock
from tests.handlers.redlining import RUNAWAY, Lines, at, redline_policy

TWO = (
    RUNAWAY
    + """    - {name: cap, watch: spend, above: 30, wait_hours: 24, countdown_hours: 24,
       actions: [nudge, warn, halt]}
"""
)


@pytest.fixture(scope="module")
def policy() -> LoadedPolicy:
    return redline_policy()


@pytest.fixture
def desk(database: Database, policy: LoadedPolicy, clock: Clock) -> Lines:
    return Lines(database, policy, clock)


# --- keep running ---------------------------------------------------------------------------------


def test_only_the_roles_of_the_line_keep_it_running(desk: Lines) -> None:
    desk.warned()
    refused = desk.click("keep", "engineer")
    assert (refused.reason, refused.sentence) == (
        "not-allowed",
        "Only lead may keep it running. Ask one of them.",
    )
    assert desk.case().kept_times == 0


def test_a_role_that_was_lost_before_the_click_keeps_nothing(desk: Lines) -> None:
    desk.warned()
    desk.loaded = redline_policy(
        ("lead: {emails: [lead@example.com]}", "lead: {emails: [executive@example.com]}")
    )
    assert desk.click("keep", "lead").reason == "not-allowed"
    assert desk.click("keep", "executive").kind == "done"


def test_it_is_kept_once_however_often_it_is_pressed(desk: Lines) -> None:
    case = desk.warned()
    first = desk.click("keep", delivery="d1")
    again = desk.click("keep", delivery="d1")
    assert first == again
    second = desk.click("keep", version=case.version)
    assert second.reason == "already-decided"
    assert second.sentence.startswith("ML lead, search keeps it running already, until Fri 27 Nov")
    used = desk.click("keep")
    assert used.reason == "already-decided"
    assert "as often as the redline allows" in used.sentence
    assert desk.case().kept_times == 1
    assert desk.done().count("redline.kept") == 1
    assert desk.buttons() == ["Halt now"]
    assert "it cannot be kept running any longer" in desk.shown().summary


def test_it_may_be_kept_as_often_as_the_policy_says(database: Database, clock: Clock) -> None:
    lines = RUNAWAY.replace("times: 1", "times: 2")
    desk = Lines(database, redline_policy(lines=lines), clock)
    desk.warned()
    desk.click("keep")
    desk.later(27, 14)
    assert desk.click("keep").kind == "done"
    desk.later(28, 19)
    assert desk.states() == {"try-lora": "active"}
    desk.later(28, 20)
    assert desk.states() == {"try-lora": "halted"}


def test_keep_running_without_a_countdown_means_nothing(desk: Lines) -> None:
    desk.active()
    desk.round(25)
    assert desk.click("keep").reason == "stale"


def test_a_press_on_numbers_that_have_changed_is_refused(desk: Lines) -> None:
    case = desk.warned()
    desk.clock.now = at(27, 8)
    desk.spends(400)
    desk.look_at_lines()
    assert desk.case().version > case.version
    assert desk.click("keep", version=case.version).reason == "stale"
    assert desk.click("keep").kind == "done"


def test_after_the_halt_nothing_is_kept(desk: Lines) -> None:
    desk.warned()
    desk.later(27, 9)
    refused = desk.click("keep")
    assert refused.reason == "already-decided"
    assert refused.sentence.startswith("The sandbox is halted already.")


# --- halt now -------------------------------------------------------------------------------------


def test_halt_now_halts_at_once_and_stops_the_clock(desk: Lines) -> None:
    desk.warned()
    assert desk.click("halt", "finops").kind == "done"
    assert desk.states() == {"try-lora": "halted"}
    assert "Halted by FinOps owner" in desk.shown().summary
    assert desk.later(27, 9) == 0
    assert desk.click("halt").reason == "already-decided"
    assert desk.done().count("sandbox.halt") == 1


def test_who_has_nothing_to_do_with_it_does_not_halt(desk: Lines) -> None:
    desk.warned()
    assert desk.click("halt", "owner").reason == "not-allowed"
    assert desk.states() == {"try-lora": "active"}


def test_two_lines_whose_countdowns_end_together_halt_once(
    database: Database, clock: Clock
) -> None:
    desk = Lines(database, redline_policy(lines=TWO), clock)
    desk.warned()
    assert len(desk.open_cases()) == 2
    desk.later(27, 9)
    assert desk.states() == {"try-lora": "halted"}
    assert desk.done().count("sandbox.halt") == desk.done().count("redline.halted") == 1
    assert desk.open_cases() == []
    assert [o.operation for o in desk.orders()] == ["allocate", "halt"]


def test_what_a_person_halted_is_not_halted_again(desk: Lines) -> None:
    desk.warned()
    desk.on("halt", "lead", why="enough")
    before = len(desk.orders())
    desk.later(27, 9)
    assert len(desk.orders()) == before
    assert desk.done()[-1] == "redline.withdrawn"
    assert "The sandbox is halted." in desk.shown().summary
    assert desk.buttons() == []


def test_a_sandbox_that_was_closed_is_not_halted(desk: Lines) -> None:
    desk.warned()
    desk.on("close", "lead", why="done")
    before = len(desk.posts("sandbox:"))
    desk.later(27, 9)
    assert desk.states() == {"try-lora": "closed"}
    assert desk.open_cases() == []
    assert len(desk.posts("sandbox:")) == before
    assert desk.click("halt").reason == "already-decided"


# --- resume ---------------------------------------------------------------------------------------


def test_only_the_roles_of_the_line_resume_what_it_halted(desk: Lines) -> None:
    desk.warned()
    desk.later(27, 9)
    refused = desk.click("resume", "engineer")
    assert refused.sentence == "Only lead or FinOps owner may resume it. Ask one of them."
    assert desk.click("resume", "lead").kind == "done"
    again = desk.click("resume", "finops")
    assert again.reason == "already-decided"
    assert "ML lead, search pressed Resume" in again.sentence


def test_a_line_that_left_the_policy_still_lets_resume(desk: Lines) -> None:
    desk.warned()
    desk.later(27, 9)
    desk.loaded = redline_policy(lines="")
    assert desk.click("resume", "engineer").reason == "not-allowed"
    assert desk.click("resume", "finops").kind == "done"
    assert desk.states() == {"try-lora": "active"}


def test_a_case_that_is_not_known(desk: Lines) -> None:
    for what in ("keep", "halt", "resume"):
        assert desk.act("press", f"redline.{what}", "nothing", who="lead").reason == "not-found"
