"""Redlines under a changed policy, by hand-made cases: when each line acts, and what was spent after its halt."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from guardrails.policy.redlines import KeepRunning, Redline
from guardrails.redlines.reading import Crossing
from guardrails.replay.redlines import Life, Ran, run

FIRST = date(2026, 9, 1)
LOOKS = [datetime(2026, 9, d, 6, tzinfo=UTC) for d in range(1, 21)]
SPENT = {FIRST + timedelta(days=n): Decimal(50 if n < 4 else 300) for n in range(20)}
DAILY = tuple(SPENT.items())


def line(above: int = 200, name: str = "runaway", **more: object) -> Redline:
    values = {"wait_hours": 24, "countdown_hours": 24, "actions": ("nudge", "warn", "halt")}
    keep = KeepRunning(roles=("lead",), hours=30)
    return Redline(
        name=name, watch="spend-rate", above=Decimal(above), keep_running=keep, **{**values, **more}
    )  # type: ignore[arg-type]


def judge(one: Redline, day: date, first: date) -> Crossing:
    """Crossed when the day before was above the limit in money."""
    yesterday = day - timedelta(days=1)
    if yesterday < first:
        return Crossing("unknown", "young")
    limit = one.above or Decimal(0)
    return Crossing("crossed" if SPENT.get(yesterday, Decimal(0)) > limit else "within")


def went(*lines: Redline, level: int = 3, exempt: bool = False, **more: object) -> Ran:
    values: dict[str, object] = {"runs": ((LOOKS[0], None),)}
    life = Life("try-lora", FIRST, UTC, **{**values, **more})  # type: ignore[arg-type]
    return run(life, lambda day: lines, LOOKS, judge, lambda day: level, lambda day: exempt)


def told(ran: Ran) -> list[tuple[str, int, int]]:
    return [(d.action, d.at.day, d.at.hour) for d in ran.did]


def test_a_line_nudges_warns_and_halts_when_its_countdown_ends() -> None:
    ran = went(line())
    assert told(ran) == [("nudge", 6, 6), ("warn", 7, 6), ("halt", 8, 6)]
    assert ran.halted == ((date(2026, 9, 9), None),)
    # From the 9th to the 15th 300 a day were spent, although it would have been halted.
    assert ran.after_halts(DAILY, date(2026, 9, 15)) == Decimal(7 * 300)


def test_a_looser_line_halts_nothing_and_a_shorter_countdown_halts_between_two_looks() -> None:
    assert told(went(line(above=400))) == []
    assert went(line(above=400)).after_halts(DAILY, date(2026, 9, 20)) == 0
    short = went(line(countdown_hours=6))
    assert told(short)[-1] == ("halt", 7, 12)
    assert short.halted == ((date(2026, 9, 8), None),)


def test_a_line_that_only_speaks_goes_on_speaking() -> None:
    assert told(went(line(actions=("nudge",)))) == [("nudge", 6, 6)]
    assert told(went(line(), level=1)) == [("nudge", 6, 6)]  # what the level withholds is not done
    assert told(went(line(), exempt=True)) == [("nudge", 6, 6), ("warn", 7, 6)]


def test_keep_running_puts_the_halt_off() -> None:
    pressed = datetime(2026, 9, 7, 20, tzinfo=UTC)
    ran = went(line(), kept=(("runaway", pressed),))
    assert told(ran)[-1] == ("halt", 9, 2)  # 30 hours after it was pressed


def test_what_people_resume_begins_anew_and_what_they_stop_is_not_looked_at() -> None:
    resumed = datetime(2026, 9, 10, 9, tzinfo=UTC)
    again = went(line(), resumed=(resumed,))
    assert told(again)[2:] == [("halt", 8, 6), ("nudge", 12, 6), ("warn", 13, 6), ("halt", 14, 6)]
    assert again.halted[0] == (date(2026, 9, 9), date(2026, 9, 9))
    stopped = went(line(), runs=((LOOKS[0], LOOKS[5]),))
    assert told(stopped) == []


def test_of_two_lines_the_one_that_halts_ends_the_other() -> None:
    ran = went(line(actions=("warn", "halt"), name="first"), line(name="second"))
    assert told(ran) == [("warn", 6, 6), ("nudge", 6, 6), ("halt", 7, 6)]
