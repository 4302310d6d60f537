"""Random lives of one sandbox: bills late and restated, clicks, levels that change, work that crashes.

Whatever happens, nothing is stopped that was not announced and whose time is not over, and people always get out.
"""

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.redlines.cases import stopped_by
from handlers.redlines.look import look_at_redlines
from handlers.turn import Turn
from storage.database import Database
from storage.migrate import upgrade
from tests.conftest import Clock
from tests.handlers.redlining import BEGUN, LEVEL, RUNAWAY, Lines, redline_policy

LADDER = RUNAWAY.replace("warn, halt", "warn, throttle, halt").replace("times: 1", "times: 2")
NEVER = ("redlines:\n", "redlines:\n  never_stop: [exploration]\n")
LONG = ("longest_days: 21", "longest_days: 60")
POLICIES = [
    redline_policy(LONG, lines=LADDER, level=LEVEL.replace("level: 3", f"level: {level}"))
    for level in range(4)
] + [redline_policy(LONG, NEVER, lines=LADDER), redline_policy(LONG, lines="")]

steps = st.lists(
    st.one_of(
        st.tuples(st.just("hours"), st.integers(1, 30)),
        st.tuples(st.just("day"), st.sampled_from([0, 300, 300, 300, 300])),
        st.tuples(st.just("day"), st.sampled_from([300])),
        st.tuples(st.just("bill"), st.sampled_from([0, 50, 300])),
        st.tuples(st.just("restate"), st.sampled_from([0, 300])),
        st.tuples(st.just("look"), st.just(0)),
        st.tuples(st.just("crash"), st.just(0)),
        st.tuples(st.just("policy"), st.integers(0, len(POLICIES) - 1)),
        st.tuples(st.just("keep"), st.integers(0, 1)),
        st.tuples(st.just("halt"), st.integers(0, 1)),
        st.tuples(st.just("resume"), st.integers(0, 1)),
    ),
    min_size=12,
    max_size=30,
)


class CrashError(Exception):
    """The machine goes down before the commit."""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("redlines") / "empty.db"
    made = Database(f"sqlite:///{path}")
    upgrade(made)
    made.close()
    return path


def happen(desk: Lines, what: str, much: int) -> None:
    match what:
        case "hours":
            desk.clock.now += timedelta(hours=much)
            desk.due()
        case "day":
            desk.clock.now += timedelta(days=1)
            desk.spends(much, desk.newest())
            desk.look_at_lines()
            desk.due()
        case "bill":
            desk.spends(much, desk.newest())
            desk.look_at_lines()
        case "restate":
            desk.spends(much, BEGUN, desk.newest())
        case "look":
            desk.look_at_lines()
        case "crash":
            with pytest.raises(CrashError):
                desk.turn(crash)
        case "policy":
            desk.loaded = POLICIES[much]
        case _ if desk.cases():
            who = ["lead", "engineer"][much]
            reply = desk.click(what, who, version=desk.case().version - much)
            assert reply.kind in ("done", "refused")
            by_old_button = reply.kind == "done" and bool(much)
            assert not by_old_button or what == "halt"


def crash(turn: Turn) -> None:
    look_at_redlines(turn)
    raise CrashError


def promised(entries: list[Any]) -> None:
    """Each stop by the redline itself stands behind a warning whose countdown was over, and no keep covers it."""
    announced: dict[str, datetime | None] = {}
    kept: dict[str, datetime] = {}
    for e in entries:
        if e.actor == "redlines" and e.action in ("redline.throttled", "redline.halted"):
            until = announced[e.subject]
            assert until is not None
            assert until <= e.at
            assert e.subject not in kept or kept[e.subject] <= e.at
        if e.action in ("redline.warned", "redline.throttled"):
            until = e.detail["act_at"]
            announced[e.subject] = datetime.fromisoformat(until) if until else None
        if e.action == "redline.withheld":
            announced[e.subject] = None
        if e.action == "redline.kept":
            kept[e.subject] = datetime.fromisoformat(e.detail["until"])


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps)
def test_a_random_life_keeps_every_promise(
    empty: Path, tmp_path: Path, happens: list[tuple[str, int]]
) -> None:
    database = Database(f"sqlite:///{shutil.copy(empty, tmp_path / 'life.db')}")
    try:
        desk = Lines(database, POLICIES[3], Clock())
        desk.active(until="2027-01-15", estimate="1500")
        for what, much in [*happens, ("look", 0)]:
            happen(desk, what, much)
            assert len(desk.open_cases()) <= 1
        promised([e for e in desk.trail() if e.action.startswith("redline.")])
        assert desk.chain_holds()
        gets_out(desk)
    finally:
        database.close()
        for file in tmp_path.iterdir():
            file.unlink()


def resumes(desk: Lines) -> None:
    """The lead presses Resume where it was stopped, which another case may have come after."""
    case = stopped_by(desk.cases())
    assert case is not None
    assert desk.act("press", "redline.resume", case.id, who="lead").kind == "done"


def gets_out(desk: Lines) -> None:
    """The lead resumes what is stopped; when the spend is low the last case ends by itself."""
    if desk.states() == {"try-lora": "halted"}:
        resumes(desk)
    desk.loaded = POLICIES[3]
    for _ in range(4):
        desk.clock.now += timedelta(days=1)
        desk.spends(0, desk.newest() - timedelta(days=2))
        desk.look_at_lines()
    assert desk.open_cases() == []
    if desk.states() == {"try-lora": "throttled"}:
        resumes(desk)
    assert desk.states() == {"try-lora": "active"}
