"""At the end of a countdown the clock and people press at once, on both databases: one outcome, all answered."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from handlers.redlines.look import countdown_over, look_at_redlines
from storage.database import Database
from tests.conftest import Clock
from tests.handlers.redlining import Lines, at, redline_policy


def together(*work: Callable[[], Any]) -> list[Any]:
    """Does all of it at once, each in a thread; what each returned or raised."""
    ready = threading.Barrier(len(work))
    found: list[Any] = [None] * len(work)

    def run(number: int) -> None:
        ready.wait(timeout=30)
        try:
            found[number] = work[number]()
        except Exception as error:  # the test looks at it
            found[number] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return found


@pytest.fixture
def desk(database: Database, clock: Clock) -> Lines:
    return Lines(database, redline_policy(), clock)


def ends_once(desk: Lines) -> None:
    case = desk.case()
    assert desk.states() == {"try-lora": "halted"}
    assert desk.done().count("sandbox.halt") == desk.done().count("redline.halted") == 1
    assert [o.operation for o in desk.orders()] == ["allocate", "halt"]
    assert case.closed_at is not None
    assert [did for did, _ in case.taken].count("halt") == 1
    assert desk.chain_holds()


def test_the_clock_and_three_people_halt_once(desk: Lines) -> None:
    desk.warned()
    desk.clock.now = at(27, 9)
    found = together(
        desk.due,
        lambda: desk.click("halt", "lead"),
        lambda: desk.click("halt", "finops"),
        lambda: desk.click("halt", "operator"),
    )
    ends_once(desk)
    replies = found[1:]
    assert not any(isinstance(r, BaseException) for r in found)
    assert all(r.kind == "done" or r.reason in ("already-decided", "stale") for r in replies)
    assert sum(r.kind == "done" for r in replies) <= 1


def test_keep_and_halt_at_once_have_one_outcome(desk: Lines) -> None:
    case = desk.warned()
    desk.clock.now = at(27, 8)
    keep, halt = together(
        lambda: desk.click("keep", "lead", version=case.version),
        lambda: desk.click("halt", "finops", version=case.version),
    )
    assert halt.kind == "done"  # a stop is a stop, before or after it was kept
    assert keep.kind == "done" or keep.reason == "already-decided"
    ends_once(desk)
    assert desk.case().kept_times == (1 if keep.kind == "done" else 0)


def test_two_looks_and_the_clock_at_once(desk: Lines) -> None:
    """Two replicas look after the bills just when the countdown ends."""
    case = desk.warned()
    desk.clock.now = at(27, 9)

    def look() -> Any:
        return desk.database.transact(lambda c: look_at_redlines(desk.turn_on(c)))

    def over() -> Any:
        return desk.database.transact(lambda c: countdown_over(desk.turn_on(c), case.id, {}))

    found = together(look, look, over)
    assert not any(isinstance(r, BaseException) for r in found)
    ends_once(desk)


def test_two_people_resume_once(desk: Lines) -> None:
    desk.warned()
    desk.later(27, 9)
    version = desk.case().version
    found = together(
        lambda: desk.click("resume", "lead", version=version),
        lambda: desk.click("resume", "finops", version=version),
    )
    assert sorted(r.kind for r in found) == ["done", "refused"]
    assert desk.states() == {"try-lora": "active"}
    assert desk.done().count("sandbox.resume") == 1
