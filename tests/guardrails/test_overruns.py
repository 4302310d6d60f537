"""The rules of overruns, which the daily look and replays share."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails import overruns
from guardrails.budgets import Span, Standing
from guardrails.burn import Burn
from guardrails.overruns import is_another, is_enough, is_worse, kind_of, rounded, still_refused
from guardrails.policy.budgets import Budget, Nudges, Scope
from guardrails.replay.budgets import Past, run
from tests.guardrails.test_replay_budgets import at, course

TODAY = date(2026, 9, 15)
MONEY = st.decimals(0, 10**7, places=2)


def standing(limit: int, spent: str, forecast: str) -> Standing:
    budget = Budget(name="ranker", scope=Scope(experiment="ranker"), limit=Decimal(limit))
    low, ahead = Decimal(spent), Decimal(forecast)
    burn = Burn(low, low, None, Decimal(0), ahead, ahead, ahead, (), None, None, None)
    span = Span("2026-09", date(2026, 9, 1), date(2026, 9, 30))
    return Standing(budget, span, Decimal(limit), burn)


def test_on_the_limit_or_on_the_least_share_nothing_begins() -> None:
    assert not is_enough(standing(1000, "1000", "1000"), Decimal(0))
    assert is_enough(standing(1000, "1000.01", "1000"), Decimal(0))
    assert not is_enough(standing(1000, "0", "1050"), Decimal(5))
    assert is_enough(standing(1000, "0", "1050.01"), Decimal(5))


def test_its_kind_is_by_what_is_spent() -> None:
    assert kind_of(standing(1000, "1000", "2000")) == "forecast"
    assert kind_of(standing(1000, "1000.01", "2000")) == "actual"


def test_whole_units_are_asked_for() -> None:
    assert [rounded(Decimal(m)) for m in ("0.01", "4", "4.01")] == [1, 4, 5]


@pytest.mark.parametrize(
    ("now", "another"), [("79.99", True), ("80", False), ("105", False), ("105.01", True)]
)
def test_a_little_more_or_less_is_the_same_amount(now: str, another: bool) -> None:
    assert is_another(Decimal(100), Decimal(now)) is another


@pytest.mark.parametrize(("over", "left"), [(100, 100), (900, 300)])
def test_a_request_that_was_declined_silences_what_it_asked_for_at_most(
    over: int, left: int
) -> None:
    """It was asked for 300 while the budget was beyond its limit by ``over``."""
    assert still_refused(Decimal(over), "asked", Decimal(300), Decimal(0), TODAY, TODAY) == left
    assert still_refused(Decimal(over), "actual", Decimal(300), Decimal(0), None, TODAY) == over


def test_a_bridge_that_is_over_is_asked_anew_and_what_was_declined_is_not() -> None:
    yesterday, some = TODAY - timedelta(days=1), Decimal(100)
    assert still_refused(Decimal(400), "actual", some, some, TODAY, TODAY) == 300
    assert still_refused(Decimal(400), "actual", some, some, yesterday, TODAY) == 0
    assert still_refused(Decimal(400), "actual", some, Decimal(0), yesterday, TODAY) == 400


@given(MONEY, MONEY, MONEY, st.sampled_from(["asked", "actual", "forecast"]))
def test_more_granted_never_refuses_more(
    over: Decimal, asked: Decimal, granted: Decimal, kind: str
) -> None:
    left = still_refused(over, kind, asked, granted, None, TODAY)
    assert 0 <= left <= over
    assert left <= still_refused(over, kind, asked, Decimal(0), None, TODAY)


@given(MONEY, MONEY)
def test_what_is_worse_is_another(before: Decimal, now: Decimal) -> None:
    assert is_another(before, now) or not is_worse(now, before)


def test_a_replay_asks_these_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shares stood in the replay too: with one changed here it went on replaying the other."""
    before = at(1) - timedelta(days=1)
    some = Decimal(100)
    declined = Past("a", "2026-09", "actual", before, before.date(), before, "declined", some, some)
    one, nudges = course(500, 0, forecast=630, past=(declined,)), Nudges(actual=(), forecast=())
    assert [b.amount for b in run(one, nudges, Decimal(0)).begun] == [130]
    monkeypatch.setattr(overruns, "WORSE", Decimal("1.4"))
    assert run(one, nudges, Decimal(0)).begun == ()
