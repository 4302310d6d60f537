"""Budgets under a changed policy, by hand-made cases: nudges, overruns, what is spent before one is asked."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from guardrails.budgets import Span
from guardrails.burn import Burn
from guardrails.policy.budgets import Budget, Nudge, Nudges, Scope
from guardrails.replay.budgets import Course, Grant, Morning, Past, Ran, Through, run

SPAN = Span("2026-09", date(2026, 9, 1), date(2026, 9, 30))
BUDGET = Budget(name="ranker", scope=Scope(experiment="ranker"), limit=Decimal(1000))
PLAIN = Nudges(actual=(Nudge(at=50), Nudge(at=100)), forecast=())


def at(day: int, hour: int = 6) -> datetime:
    return datetime(2026, 9, day, hour, tzinfo=UTC)


def course(
    limit: int, a_day: int, days: int = 30, forecast: int | None = None, **more: object
) -> Course:
    """A budget that spends so much a day; each morning knows the days before it, and forecasts ``forecast`` (none:
    what is spent)."""
    mornings = []
    for n in range(1, days + 1):
        spent = Decimal(a_day * (n - 1))
        ahead = spent if forecast is None else max(spent, Decimal(forecast))
        burn = Burn(spent, spent, None, Decimal(a_day), ahead, ahead, ahead, (), None, None, None)
        mornings.append(
            Morning(at(n), SPAN.first + timedelta(days=n - 1), SPAN, burn, Decimal(limit))
        )
    daily = tuple((m.today, Decimal(a_day)) for m in mornings)
    return Course(BUDGET, tuple(mornings), daily, **more)  # type: ignore[arg-type]


def went(one: Course, nudges: Nudges = PLAIN, least: int = 0) -> Ran:
    return run(one, nudges, Decimal(least))


def test_a_share_that_is_lower_is_told_earlier() -> None:
    lower = Nudges(actual=(Nudge(at=30, to=("finops",)), Nudge(at=100)), forecast=())
    now, new = went(course(1000, 50)), went(course(1000, 50), lower)
    assert [(n.percent, n.day.day, n.to) for n in now.nudged] == [
        (50, 11, ("team",)),
        (100, 21, ("team",)),
    ]
    assert [(n.percent, n.day.day, n.to) for n in new.nudged] == [
        (30, 7, ("finops",)),
        (100, 21, ("team",)),
    ]


def test_what_was_told_before_is_not_told_again() -> None:
    known = replace(course(1000, 50), told=frozenset({("2026-09", "actual", 50)}))
    assert [n.percent for n in went(known).nudged] == [100]


def test_a_lower_limit_begins_an_overrun_earlier_and_lets_through_the_day_that_is_not_billed_yet() -> (
    None
):
    now, new = went(course(1000, 50)), went(course(500, 50))
    assert [(b.day.day, b.amount, b.kind) for b in now.begun] == [(22, Decimal(50), "actual")]
    assert [(b.day.day, b.amount) for b in new.begun] == [(12, Decimal(50))]
    # Of the 500 beyond 1000, 50 were spent on the 21st, before anybody was asked on the morning of the 22nd.
    assert now.through == (Through("2026-09", Decimal(500), Decimal(50)),)
    assert new.through == (Through("2026-09", Decimal(1000), Decimal(50)),)


def test_a_forecast_asks_before_anything_is_let_through() -> None:
    (through,) = went(course(1000, 50, forecast=1500)).through
    assert through == Through("2026-09", Decimal(500), Decimal(0))


def test_a_limit_that_suffices_asks_nobody() -> None:
    ran = went(course(2000, 50))
    assert (ran.begun, ran.through) == ((), (Through("2026-09", Decimal(0), Decimal(0)),))


def test_what_is_beyond_by_too_little_is_let_through_without_a_question() -> None:
    ran = went(course(1000, 50, days=22), least=6)
    assert ran.begun == ()
    assert ran.through == (Through("2026-09", Decimal(100), Decimal(100)),)


def past(opened: datetime, decided: datetime | None, granted: int = 0, **more: object) -> Past:
    grant = Grant(decided, "2026-09", Decimal(granted)) if granted and decided else None
    values: dict[str, object] = {
        "id": "o1",
        "period": "2026-09",
        "kind": "actual",
        "opened": opened,
        "day": opened.date(),
        "decided": decided,
        "state": "granted" if granted else "declined",
        "amount": Decimal(50),
        "over": Decimal(50),
        "grant": grant,
    }
    return Past(**{**values, **more})  # type: ignore[arg-type]


def test_it_is_decided_as_it_was_and_asked_again_when_that_does_not_suffice() -> None:
    decided = past(at(22), at(23, 12), granted=200)
    ran = went(course(1000, 50, past=(decided,)))
    # 1200 are reached on the 24th: asked again on the 26th, and the grant leaves 300 beyond.
    assert [(b.day.day, b.amount, b.of) for b in ran.begun] == [
        (22, Decimal(50), "o1"),
        (26, Decimal(50), ""),
    ]


def test_under_another_limit_people_take_as_long_as_they_took() -> None:
    decided = past(at(22), at(24, 12), granted=200)
    ran = went(course(500, 50, past=(decided,)))
    # Begun on the 12th, granted two days and six hours later: 700 last until the 15th.
    assert [(b.day.day, b.of) for b in ran.begun] == [(12, "o1"), (16, "")]


def test_what_began_on_the_first_day_before_its_look_belongs_to_the_replay() -> None:
    """A bot that was started at three read the bills at once; the look of that day is at six."""
    early = past(at(22, 3), at(22, 5), granted=200)
    whole = course(1000, 50, past=(early,))
    ran = went(replace(whole, mornings=whole.mornings[21:]))
    assert [(b.day.day, b.amount, b.of) for b in ran.begun] == [
        (22, Decimal(50), "o1"),
        (26, Decimal(50), ""),
    ]


def test_what_was_declined_is_asked_again_when_it_is_a_quarter_worse() -> None:
    declined = past(at(22), at(22, 12), over=Decimal(50))
    ran = went(course(1000, 50, past=(declined,)))
    assert [(b.day.day, b.amount) for b in ran.begun] == [(22, Decimal(50)), (23, Decimal(100))]


def test_a_request_that_waits_stands_in_the_way_of_a_small_overrun() -> None:
    asked = past(at(20), at(24, 12), kind="asked", amount=Decimal(100), over=Decimal(0))
    ran = went(course(1000, 50, past=(asked,)))
    # 150 beyond are more than a quarter above the 100 that were asked.
    assert [(b.day.day, b.amount) for b in ran.begun] == [(24, Decimal(150))]


@given(st.integers(100, 3000), st.integers(0, 200), st.integers(0, 2000))
def test_more_room_never_lets_more_through(limit: int, a_day: int, more: int) -> None:
    tight, loose = went(course(limit, a_day)), went(course(limit + more, a_day))
    assert loose.through[0].overspend <= tight.through[0].overspend
    assert len(loose.begun) <= len(tight.begun)
    for ran in (tight, loose):
        assert 0 <= ran.through[0].unasked <= ran.through[0].overspend
