"""A redline's ladder under random clocks, late and restated bills, levels that change, and people who press.

Nothing is stopped unannounced, while it is kept, on stale or incomplete data, or above what level and stage allow.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.policy.redlines import ACTIONS, Action, KeepRunning, Redline
from guardrails.redlines.reading import Crossing, Measured, Reading, Source, judge
from guardrails.redlines.step import (
    HARD,
    LEVELS,
    CaseSoFar,
    Decision,
    after,
    keep,
    may_keep,
    stamp,
    step,
)

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
CROSSED = Crossing("crossed", since=date(2026, 11, 1), through=date(2026, 11, 1))
WITHIN = Crossing("within", through=date(2026, 11, 1))
STALE = Crossing("unknown", "stale", date(2026, 10, 20), source="the bill")
YOUNG = Crossing("unknown", "young")
ALL: tuple[Action, ...] = ACTIONS


def line(actions: tuple[Action, ...] = ALL, **values: object) -> Redline:
    given = {"name": "runaway", "watch": "spend-rate", "above": 150, "actions": actions, **values}
    return Redline.model_validate(given)


def decide(
    one: Redline, case: CaseSoFar, hours: float, crossing: Crossing = CROSSED, **more: object
) -> Decision:
    given = {"level": 3, "exempt": False, **more}
    return step(one, case, crossing, now=at(hours), **given)  # type: ignore[arg-type]


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def carried(
    one: Redline, hours: tuple[float, ...], *, level: int = 3, exempt: bool = False
) -> CaseSoFar:
    """The case after a step at each of these hours."""
    case = CaseSoFar()
    for hour in hours:
        case = after(case, decide(one, case, hour, level=level, exempt=exempt), at(hour))
    return case


# --- in order -------------------------------------------------------------------------------------


def test_the_ladder_goes_from_a_nudge_to_a_halt() -> None:
    one = line(wait_hours=24, countdown_hours=12)
    case = CaseSoFar()
    said = []
    for hour in (0, 1, 24, 30, 36, 59, 60, 61):
        found = decide(one, case, hour)
        said.append((hour, found.kind))
        case = after(case, found, at(hour))
    assert [s for s in said if s[1] != "nothing"] == [
        (0, "nudge"),
        (24, "warn"),
        (36, "throttle"),
        (60, "halt"),
    ]


def test_what_happens_next_is_announced_with_its_time() -> None:
    one = line(wait_hours=6, countdown_hours=12)
    nudge = decide(one, CaseSoFar(), 0)
    assert (nudge.again_at, nudge.act_at) == (at(6), None)
    warn = decide(one, carried(one, (0,)), 6)
    assert warn.kind == "warn"
    assert warn.act_at == warn.again_at == at(18)
    throttle = decide(one, carried(one, (0, 6)), 18)
    assert (throttle.kind, throttle.act_at) == ("throttle", at(30))


def test_a_line_without_a_nudge_begins_with_the_warning() -> None:
    assert decide(line(("warn", "halt")), CaseSoFar(), 0).kind == "warn"


def test_a_line_that_only_nudges_ends_there() -> None:
    one = line(("nudge",))
    assert decide(one, carried(one, (0,)), 1000) == Decision("nothing", "done")


def test_a_line_that_is_no_longer_crossed_ends_its_case() -> None:
    one = line()
    assert decide(one, carried(one, (0,)), 1, WITHIN) == Decision("ended", "within")
    assert decide(one, CaseSoFar(), 1, WITHIN) == Decision("nothing", "within")


# --- keep running ---------------------------------------------------------------------------------


def test_kept_running_moves_the_end_of_the_countdown() -> None:
    one = line(("warn", "halt"), countdown_hours=12, keep_running=KeepRunning(hours=24, times=1))
    case = keep(one, carried(one, (0,)), at(6))
    assert case.act_at == at(30)
    assert decide(one, case, 29).reason == "kept"
    assert decide(one, case, 30).kind == "halt"
    assert may_keep(one, case, frozenset({"lead"})) == "used-up"


def test_a_short_keep_never_shortens_the_countdown() -> None:
    one = line(("warn", "halt"), countdown_hours=48, keep_running=KeepRunning(hours=1, times=1))
    assert keep(one, carried(one, (0,)), at(6)).act_at == at(48)


def test_who_may_keep_and_when() -> None:
    one = line(wait_hours=0, keep_running=KeepRunning(roles=("lead",), times=1))
    assert may_keep(one, carried(one, (0,)), frozenset({"lead"})) == "no-countdown"
    warned = carried(one, (0, 1))
    assert may_keep(one, warned, frozenset({"engineer"})) == "role"
    assert may_keep(one, warned, frozenset({"lead", "engineer"})) == ""


# --- level and stage ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "taken"),
    [
        (0, [("nudge", True)]),
        (1, [("nudge", False), ("warn", True)]),
        (2, [("nudge", False), ("warn", False), ("halt", True)]),
    ],
)
def test_a_level_withholds_what_is_above_it_and_records_it_once(
    level: int, taken: list[tuple[str, bool]]
) -> None:
    one = line(("nudge", "warn", "halt"), wait_hours=0)
    case = carried(one, tuple(range(0, 200, 5)), level=level)
    assert [(t.action, t.withheld) for t in case.taken] == taken
    assert case.act_at is None


def test_production_is_warned_without_a_countdown() -> None:
    one = line(("warn", "throttle", "halt"))
    case = carried(one, tuple(range(0, 200, 5)), exempt=True)
    assert [(t.action, t.withheld) for t in case.taken] == [("warn", False), ("throttle", True)]


def test_a_level_that_rises_warns_again_before_it_stops_anything() -> None:
    one = line(("warn", "halt"), countdown_hours=10)
    case = carried(one, (0, 100), level=2)
    found = decide(one, case, 101)
    assert (found.kind, found.reason, found.act_at) == ("warn", "stops-now", at(111))


def test_a_countdown_that_was_withheld_does_not_run_on() -> None:
    """The level fell for the hour in which the countdown ended, and rose again: it must not halt at once."""
    one = line(("warn", "halt"), countdown_hours=10)
    case = carried(one, (0,))
    case = after(case, decide(one, case, 10, level=2), at(10))
    assert decide(one, case, 11).kind == "warn"


# --- what cannot be judged ------------------------------------------------------------------------


def test_stale_data_is_said_once_and_stops_nothing() -> None:
    one = line(("warn", "halt"), countdown_hours=10)
    case = carried(one, (0,))
    assert decide(one, case, 50, STALE) == Decision("doubts", "stale")
    told = CaseSoFar(case.taken, case.act_at, doubted=stamp(STALE))
    assert decide(one, told, 51, STALE) == Decision("nothing", "stale")


def test_too_few_days_are_no_news() -> None:
    assert decide(line(), CaseSoFar(), 0, YOUNG) == Decision("nothing", "young")


# --- random lives ---------------------------------------------------------------------------------

actions = st.sampled_from(
    [
        ("nudge",),
        ("nudge", "warn"),
        ("warn", "halt"),
        ("warn", "throttle"),
        ("nudge", "warn", "halt"),
        ("nudge", "warn", "throttle", "halt"),
    ]
)
lines = st.builds(
    lambda chosen, wait, count, hours, times, days: line(
        chosen,
        wait_hours=wait,
        countdown_hours=count,
        days=days,
        keep_running={"hours": hours, "times": times},
    ),
    actions,
    st.integers(0, 72),
    st.integers(1, 72),
    st.integers(1, 72),
    st.integers(0, 3),
    st.integers(1, 4),
)
events = st.lists(
    st.one_of(
        st.tuples(st.just("time"), st.integers(1, 40)),
        st.tuples(st.just("bill"), st.integers(0, 6)),  # how many days late it is
        st.tuples(st.just("restate"), st.integers(0, 40)),  # so much a day
        st.tuples(st.just("level"), st.integers(0, 3)),
        st.tuples(st.just("stage"), st.integers(0, 1)),
        st.tuples(st.just("keep"), st.just(0)),
    ),
    min_size=1,
    max_size=40,
)


@dataclass
class Life:
    """A sandbox of $10 a day at the even pace, whose bills and surroundings a test moves."""

    line: Redline
    now: datetime = START
    level: int = 3
    exempt: bool = False
    through: date = START.date() - timedelta(days=1)
    a_day: dict[date, int] = field(default_factory=dict)
    rate: int = 30
    case: CaseSoFar = field(default_factory=CaseSoFar)
    log: list[tuple[datetime, Decision, Crossing]] = field(default_factory=list)
    keeps: list[tuple[int, datetime]] = field(default_factory=list)  # after so many looks, until

    def crossing(self) -> Crossing:
        first = START.date() - timedelta(days=10)
        span = (self.now.date() - first).days + 1
        days = [first + timedelta(days=n) for n in range(span)]
        reading = Reading(
            tuple(Measured(d, Decimal(self.a_day.get(d, self.rate))) for d in days),
            cap=Decimal(300),
            span_days=30,
            sources=(Source("the bill", self.through),),
            first=first,
            today=self.now.date(),
        )
        return judge(self.line, reading)

    def happen(self, what: str, much: int) -> None:
        match what:
            case "time":
                self.now += timedelta(hours=much)
            case "bill":
                self.through = max(self.through, self.now.date() - timedelta(days=1 + much))
            case "restate":
                self.rate = much
                self.a_day = {}
            case "level":
                self.level = much
            case "stage":
                self.exempt = bool(much)
            case "keep":
                if not may_keep(self.line, self.case, frozenset({"lead"})):
                    self.case = keep(self.line, self.case, self.now)
                    assert self.case.kept_until is not None
                    self.keeps.append((len(self.log), self.case.kept_until))
        self.look()

    def look(self) -> None:
        crossing = self.crossing()
        found = step(
            self.line, self.case, crossing, now=self.now, level=self.level, exempt=self.exempt
        )
        assert found == step(
            self.line, self.case, crossing, now=self.now, level=self.level, exempt=self.exempt
        )
        self.log.append((self.now, found, crossing))
        self.case = after(self.case, found, self.now)
        if found.kind == "doubts":
            self.case = CaseSoFar(
                self.case.taken,
                self.case.act_at,
                self.case.kept_until,
                self.case.kept_times,
                stamp(crossing),
            )
        if found.kind in ("ended", "halt"):
            self.case = CaseSoFar()


@settings(max_examples=300, deadline=None)
@given(lines, events)
def test_no_life_breaks_a_promise(one: Redline, happens: list[tuple[str, int]]) -> None:
    life = Life(one)
    surroundings = []
    for what, much in happens:
        life.happen(what, much)
        surroundings.append((life.level, life.exempt, life.through))
    warned: datetime | None = None  # when the countdown that was announced ends
    told: datetime | None = None
    taken: list[str] = []
    ended = -1  # the look that ended the last case: what was kept ended with it
    for number, (now, found, crossing) in enumerate(life.log):
        level, exempt, through = surroundings[number]
        if found.kind in ACTIONS or found.kind == "withheld":
            assert crossing.kind == "crossed"
            assert crossing.through is not None
            assert crossing.through <= through < now.date()  # complete days only
            assert (now.date() - timedelta(days=1) - through).days <= 2  # fresh
            assert not any(ended < begun <= number and now < until for begun, until in life.keeps)
        if found.kind in HARD:
            assert warned is not None, "nothing announced it"
            assert told is not None
            assert told + timedelta(hours=one.countdown_hours) <= warned <= now
            assert not exempt
        if found.kind in ACTIONS:
            assert level >= LEVELS[found.kind]
            again = found.kind == "warn" and found.reason == "stops-now"
            assert found.kind not in taken or again
            if not again:
                assert all(ACTIONS.index(t) <= ACTIONS.index(found.kind) for t in taken)
            taken.append(found.kind)
        if found.kind in ("warn", "throttle"):
            warned, told = found.act_at, now
        if found.kind == "withheld":
            warned = None
        if found.kind in ("ended", "halt"):
            warned, told, taken, ended = None, None, [], number
        if crossing.kind == "within":
            assert found.kind in ("ended", "nothing")


@settings(max_examples=100, deadline=None)
@given(lines, events, st.integers(0, 3))
def test_every_case_ends_when_the_line_is_no_longer_crossed(
    one: Redline, happens: list[tuple[str, int]], level: int
) -> None:
    life = Life(one, level=level)
    for what, much in happens:
        life.happen(what, much)
    open_before = bool(life.case.taken)
    life.happen("bill", 0)
    life.happen("restate", 1)
    assert not life.case.taken
    if open_before:
        assert any(found.kind == "ended" for _, found, _ in life.log[-2:]) or any(
            found.kind == "halt" for _, found, _ in life.log[-2:]
        )


@settings(max_examples=100, deadline=None)
@given(lines, st.booleans())
def test_a_line_that_stays_crossed_comes_to_its_last_action(one: Redline, keeps: bool) -> None:
    life = Life(one)
    for _ in range(30):
        life.happen("time", 24)
        life.happen("bill", 0)
        if keeps:
            life.happen("keep", 0)
    assert one.actions[-1] in {found.kind for _, found, _ in life.log}
