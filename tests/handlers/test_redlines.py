"""A redline as people meet it: nudged, warned, kept running, halted, verified, resumed; or held back, and why."""

from datetime import date

import pytest

from storage.database import Database
from storage.policy_file import LoadedPolicy
from storage.tables.timing import Deadline
from tests.conftest import Clock
from tests.handlers.redlining import LEVEL, RUNAWAY, Lines, at, redline_policy


@pytest.fixture(scope="module")
def policy() -> LoadedPolicy:
    return redline_policy()


@pytest.fixture
def desk(database: Database, policy: LoadedPolicy, clock: Clock) -> Lines:
    return Lines(database, policy, clock)


# --- a runaway's life -----------------------------------------------------------------------------


def test_a_runaway_is_nudged_warned_kept_halted_verified_and_resumed(desk: Lines) -> None:
    desk.active()
    assert desk.round(24) == 0  # one complete day is not two
    desk.round(25)
    assert desk.done() == ["redline.nudged"]
    card = desk.shown()
    assert card.summary == (
        "Redline runaway: rate of spend of try-lora. Crossed. A warning follows if it stays crossed."
    )
    assert desk.buttons() == ["Halt now"]

    desk.round(26)
    assert desk.done()[-1] == "redline.warned"
    assert "Halts Fri 27 Nov, 10:00 unless somebody presses Keep running." in desk.shown().summary
    assert desk.buttons() == desk.buttons(":warning:1") == ["Keep running", "Halt now"]
    (told,) = desk.told()
    assert "300 % of the even pace on Wed 25 Nov" in told
    assert "Halts Fri 27 Nov, 10:00" in told
    assert any("Look at what runs." in str(p.content) for p in desk.posts("sandbox:"))

    desk.later(26, 15)
    assert desk.click("keep").kind == "done"
    assert "ML lead, search keeps it running until Fri 27 Nov, 22:00" in desk.said()[-1]
    assert "Kept running by ML lead, search until Fri 27 Nov, 22:00" in desk.shown().summary
    assert desk.round(27, 12) == 0
    assert desk.states() == {"try-lora": "active"}

    desk.later(27, 20)
    assert "It halts Fri 27 Nov, 22:00: the time for which" in desk.said()[-1]
    desk.later(27, 21)
    assert desk.states() == {"try-lora": "halted"}
    assert desk.done()[-2:] == ["sandbox.halt", "redline.halted"]
    assert [o.operation for o in desk.orders()] == ["allocate", "halt"]
    assert desk.shown().summary.endswith("Halted by Redline runaway, Fri 27 Nov, 22:00.")
    assert desk.buttons() == ["Resume"]
    assert "halted" in desk.told()[-1]

    assert desk.round(28, a_day=0) == 0  # the halt's day has both in it
    assert desk.round(29, a_day=0) == 1
    assert desk.done()[-1] == "redline.verified"
    assert "the halt has worked: the spend stopped, $300 a day before" in desk.said()[-1]
    assert desk.round(30, a_day=0) == 0

    assert desk.click("resume", "finops").kind == "done"
    assert desk.states() == {"try-lora": "active"}
    assert "Resumed by FinOps owner" in desk.shown().summary
    assert desk.buttons() == []
    assert desk.done()[-2:] == ["sandbox.resume", "redline.resumed"]
    assert desk.chain_holds()


def test_after_a_resume_only_whole_days_after_it_count_and_the_ladder_begins_anew(
    desk: Lines,
) -> None:
    desk.warned()
    desk.later(27, 9)
    assert desk.states() == {"try-lora": "halted"}
    desk.later(27, 10)
    desk.click("resume")
    desk.round(28)
    desk.round(29)
    assert len(desk.cases()) == 1
    desk.round(30)  # the 28th and the 29th are whole
    assert len(desk.cases()) == 2
    assert desk.done()[-1] == "redline.nudged"
    assert desk.states() == {"try-lora": "active"}


def test_looking_again_changes_nothing(desk: Lines) -> None:
    desk.warned()
    before = (desk.done(), len(desk.posts("")), desk.case().version)
    for _ in range(3):
        assert desk.look_at_lines() == 0
        desk.due()
    assert (desk.done(), len(desk.posts("")), desk.case().version) == before


def test_the_end_of_a_countdown_that_comes_twice_halts_once(desk: Lines) -> None:
    """A crash after the commit and before the timer was told: the deadline is done again."""
    case = desk.warned()
    desk.clock.now = at(27, 9)
    deadlines = desk.rows(Deadline)
    assert [d.due_at for d in deadlines if d.subject == case.id] == [at(27, 9)]
    from handlers.redlines.look import countdown_over

    desk.turn(lambda t: countdown_over(t, case.id, {}))
    desk.turn(lambda t: countdown_over(t, case.id, {}))
    desk.due()
    assert desk.done().count("redline.halted") == desk.done().count("sandbox.halt") == 1
    assert [o.operation for o in desk.orders()] == ["allocate", "halt"]


def test_a_step_that_fails_half_way_is_done_again_as_a_whole(desk: Lines) -> None:
    case = desk.warned()
    desk.clock.now = at(27, 9)
    from handlers.redlines.look import countdown_over

    def crashes(turn: object) -> None:
        countdown_over(turn, case.id, {})  # type: ignore[arg-type]
        raise RuntimeError("the machine went down")

    with pytest.raises(RuntimeError):
        desk.turn(crashes)
    assert desk.states() == {"try-lora": "active"}
    desk.due()
    assert desk.states() == {"try-lora": "halted"}
    assert desk.chain_holds()


def test_a_line_that_is_no_longer_crossed_ends_its_case(desk: Lines) -> None:
    desk.warned()
    desk.clock.now = at(27, 8)
    desk.spends(90, date(2026, 11, 26))
    assert desk.look_at_lines() == 1
    assert desk.open_cases() == []
    assert desk.done()[-1] == "redline.ended"
    assert "90 % of the even pace on Thu 26 Nov" in desk.shown().summary
    assert desk.later(27, 9) == 0
    assert desk.states() == {"try-lora": "active"}


# --- bills that are late or restated ---------------------------------------------------------------


def test_a_bill_that_stops_coming_stops_nothing_and_it_is_said(desk: Lines) -> None:
    desk.warned()
    desk.clock.now = at(27, 8)
    desk.loaded = redline_policy(("countdown_hours: 24", "countdown_hours: 96"))
    desk.round(30, a_day=None)  # the newest bill is of the 26th
    assert desk.states() == {"try-lora": "active"}
    assert desk.done()[-1] == "redline.doubted"
    assert any("The newest complete day of the bill is Thu 26 Nov." in s for s in desk.said())
    assert "Nothing is stopped" in str(desk.shown().blocks)
    desk.round(31, a_day=None)
    assert sum("The newest complete day" in s for s in desk.said()) == 1
    desk.clock.now = at(32)
    desk.spends(300)
    desk.look_at_lines()
    assert desk.states() == {"try-lora": "halted"}  # it was announced, and its time is over


def test_a_late_bill_that_arrives_restated_ends_the_countdown(desk: Lines) -> None:
    """The warning stood on days that the provider took back: at its end everything is read again."""
    desk.warned()
    desk.clock.now = at(27, 7)
    desk.spends(20)
    desk.later(27, 9)
    assert desk.states() == {"try-lora": "active"}
    assert desk.done()[-1] == "redline.ended"
    assert not desk.open_cases()


def test_an_incomplete_day_does_not_count(desk: Lines) -> None:
    desk.active()
    desk.round(24, a_day=50)
    desk.clock.now = at(26)
    desk.spends(900, date(2026, 11, 25), date(2026, 11, 25))  # the newest day still grows
    assert desk.look_at_lines() == 0
    assert desk.cases() == []


def test_without_a_case_stale_data_are_said_once(desk: Lines) -> None:
    desk.active()
    desk.round(24, a_day=50)
    desk.round(29, a_day=None)
    desk.round(30, a_day=None)
    assert sum("none of them stops anything" in s for s in desk.said()) == 1


# --- level and stage ------------------------------------------------------------------------------


def test_level_one_is_nudged_and_told_what_is_held_back(database: Database, clock: Clock) -> None:
    desk = Lines(database, redline_policy(level=LEVEL.replace("level: 3", "level: 1")), clock)
    desk.warned()
    for day in range(27, 32):
        desk.round(day)
    assert desk.done() == ["redline.nudged", "redline.withheld"]
    assert "Would warn and halt; team search is at level 1." in str(desk.shown().blocks)
    assert desk.told() == []
    assert desk.states() == {"try-lora": "active"}


def test_level_nought_only_records(database: Database, clock: Clock) -> None:
    desk = Lines(database, redline_policy(level=LEVEL.replace("level: 3", "level: 0")), clock)
    desk.active()
    for day in range(25, 30):
        desk.round(day)
    assert desk.done() == ["redline.withheld"]
    for day in range(30, 32):
        desk.round(day, a_day=10)
    assert desk.done() == ["redline.withheld", "redline.ended"]
    assert desk.posts("redline:") == []
    assert not any("redline" in said.lower() for said in desk.said())


def test_production_is_warned_and_never_stopped(database: Database, clock: Clock) -> None:
    never = ("redlines:\n", "redlines:\n  never_stop: [exploration]\n")
    desk = Lines(database, redline_policy(never), clock)
    desk.warned()
    for day in range(27, 33):
        desk.round(day)
    assert desk.done() == ["redline.nudged", "redline.warned", "redline.withheld"]
    assert "Would halt; the stage exploration is never stopped." in desk.told()[0]
    assert desk.buttons() == ["Halt now"]
    assert desk.states() == {"try-lora": "active"}


def test_a_level_that_falls_before_the_end_stops_nothing(desk: Lines) -> None:
    desk.warned()
    desk.loaded = redline_policy(level=LEVEL.replace("level: 3", "level: 2"))
    desk.later(27, 9)
    assert desk.states() == {"try-lora": "active"}
    assert desk.done()[-1] == "redline.withheld"
    desk.loaded = redline_policy()
    desk.round(28)
    assert desk.done()[-1] == "redline.warned"  # announced again before anything is stopped
    assert desk.states() == {"try-lora": "active"}
    desk.round(29)
    assert desk.states() == {"try-lora": "halted"}


# --- the other lines ------------------------------------------------------------------------------


def test_a_throttle_comes_before_the_halt_and_both_are_announced(
    database: Database, clock: Clock
) -> None:
    lines = RUNAWAY.replace("warn, halt", "warn, throttle, halt")
    desk = Lines(database, redline_policy(lines=lines), clock)
    desk.warned()
    assert "Throttles Fri 27 Nov, 10:00" in desk.shown().summary
    desk.round(27)
    assert desk.states() == {"try-lora": "throttled"}
    assert "Throttled. Halts Sat 28 Nov, 10:00" in desk.shown().summary
    assert desk.buttons() == ["Keep running", "Halt now", "Resume"]
    desk.round(28)
    assert desk.states() == {"try-lora": "halted"}
    assert [o.operation for o in desk.orders()][-2:] == ["throttle", "halt"]


def test_a_throttled_sandbox_that_is_resumed_is_judged_anew(
    database: Database, clock: Clock
) -> None:
    lines = RUNAWAY.replace("warn, halt", "warn, throttle")
    desk = Lines(database, redline_policy(lines=lines), clock)
    desk.warned()
    desk.round(27)
    assert desk.states() == {"try-lora": "throttled"}
    desk.round(28, a_day=10)
    desk.round(29, a_day=10)
    assert "stays throttled until somebody presses Resume" in desk.shown().summary or (
        desk.buttons() == ["Resume"]
    )
    assert desk.click("resume").kind == "done"
    assert desk.states() == {"try-lora": "active"}
    assert desk.open_cases() == []


def test_quality_below_its_line(database: Database, clock: Clock) -> None:
    lines = (
        "redlines:\n  lines:\n    - {name: quality, watch: quality, metric: recall_at_10, below: 0.7, "
        "days: 2, actions: [nudge]}\n"
    )
    desk = Lines(database, redline_policy(lines=lines), clock)
    desk.active()
    desk.measures("recall_at_10", 0.6, date(2026, 11, 23), date(2026, 11, 26))
    desk.round(25, a_day=50)
    assert desk.shown().summary.startswith("Redline quality: quality of try-lora.")
    assert "0.6 (recall_at_10)" in str(desk.shown().blocks)
    desk.measures("recall_at_10", 0.8, date(2026, 11, 27), date(2026, 11, 27))
    desk.round(28, a_day=50)
    assert desk.done() == ["redline.nudged", "redline.ended"]


def test_a_metric_that_never_comes_is_said(database: Database, clock: Clock) -> None:
    lines = (
        "redlines:\n  lines:\n    - {name: idle, watch: idle-gpus, metric: gpu_idle, above: 60}\n"
    )
    desk = Lines(database, redline_policy(lines=lines), clock)
    desk.active()
    for day in (24, 25, 28):
        desk.round(day, a_day=50)
    assert sum("Nothing has come from the metric gpu_idle yet." in s for s in desk.said()) == 1
    assert desk.cases() == []


def test_a_line_of_another_stage_does_not_hold(database: Database, clock: Clock) -> None:
    lines = RUNAWAY.replace("{name: runaway,", "{name: runaway, when: {stage: [pilot]},")
    desk = Lines(database, redline_policy(lines=lines), clock)
    desk.active()
    desk.round(25)
    desk.round(26)
    assert desk.cases() == []


def test_a_line_that_leaves_the_policy_takes_its_case_along(desk: Lines) -> None:
    desk.warned()
    desk.loaded = redline_policy(lines="")
    desk.later(27, 9)
    assert desk.states() == {"try-lora": "active"}
    assert desk.done()[-1] == "redline.withdrawn"
    assert "It is no longer in the policy." in desk.shown().summary


# --- whether a halt has worked ---------------------------------------------------------------------


def test_spend_that_goes_on_after_a_halt_is_said_with_what_to_check(desk: Lines) -> None:
    desk.warned()
    desk.round(27)
    desk.round(28, a_day=40)
    desk.round(29, a_day=40)
    assert desk.done()[-1] == "redline.verified"
    assert "it still spends $40.00 a day" in desk.said()[-1]
    assert "Check that each step of the halt is done" in desk.told()[-1]
    desk.round(30, a_day=40)
    assert desk.done().count("redline.verified") == 1


def test_a_halt_is_not_verified_by_a_bill_that_has_no_day_after_it(desk: Lines) -> None:
    desk.warned()
    desk.round(27)
    for day in (28, 29, 30):
        desk.round(day, a_day=None)
    assert "redline.verified" not in desk.done()
