"""Money, periods, words: small values and how they are read and shown."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.alerts import words
from guardrails.alerts.states import DECIDED, Action, State, decide
from guardrails.money import Money
from guardrails.periods import Period, PeriodError
from guardrails.typed_periods import read_period

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("1200", "1200"),
        ("1,200.50", "1200.50"),
        ("$1,200", "1200"),
        ("30k", "30000"),
        ("1.2M", "1200000"),
        (" 15 usd ", "15"),
        ("-3", "-3"),
    ],
)
def test_amounts_are_read_as_people_write_them(written: str, amount: str) -> None:
    assert Money.parse(written, "USD") == Money(Decimal(amount), "USD")


@pytest.mark.parametrize("written", ["", "abc", "nan", "inf", "1e30", "12 apples", "--1"])
def test_what_is_no_amount_gets_a_sentence(written: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        Money.parse(written, "USD")


def test_currencies_are_never_mixed() -> None:
    with pytest.raises(ValueError, match="cannot be added"):
        Money(Decimal(1), "USD") + Money(Decimal(1), "EUR")


@given(st.integers(-(10**17), 10**17))
def test_micros_are_exact(micros: int) -> None:
    assert Money.from_micros(micros, "USD").micros == micros


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("30412.339", "$30,412"),
        ("99.999", "$100.00"),
        ("3.2", "$3.20"),
        ("-3.2", "-$3.20"),
        ("0", "$0.00"),
    ],
)
def test_money_for_people(amount: str, shown: str) -> None:
    assert str(Money(Decimal(amount), "USD")) == shown
    assert Money(Decimal("30412.339"), "USD").exact() == "$30,412.34"


@pytest.mark.parametrize(
    ("typed", "first", "last", "rest"),
    [
        ("recs-v2 last 30d", date(2026, 10, 24), date(2026, 11, 22), "recs-v2"),
        ("last 2 weeks", date(2026, 11, 9), date(2026, 11, 22), ""),
        ("7d team search", date(2026, 11, 16), date(2026, 11, 22), "team search"),
        ("this month", date(2026, 11, 1), date(2026, 11, 22), ""),
        ("pythia-410m yesterday", date(2026, 11, 22), date(2026, 11, 22), "pythia-410m"),
        ("gpt-3d-render last 7d", date(2026, 11, 16), date(2026, 11, 22), "gpt-3d-render"),
        ("ft-7d", date(2026, 10, 24), date(2026, 11, 22), "ft-7d"),
        ("last month x", date(2026, 10, 1), date(2026, 10, 31), "x"),
        ("last week", date(2026, 11, 16), date(2026, 11, 22), ""),
        ("x since 2026-11-01", date(2026, 11, 1), date(2026, 11, 22), "x"),
        ("recs-v2", date(2026, 10, 24), date(2026, 11, 22), "recs-v2"),
    ],
)
def test_periods_as_people_type_them(typed: str, first: date, last: date, rest: str) -> None:
    assert read_period(typed, TODAY) == (Period(first, last), rest)


@pytest.mark.parametrize("typed", ["last 0d", "since ever", "since 2027-01-01", "last 9999d"])
def test_what_is_no_period_gets_a_sentence(typed: str) -> None:
    with pytest.raises(PeriodError):
        read_period(typed, TODAY)


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (31240.2, "USD", "$31,240"),
        (0.0042, "USD per output", "$0.0042 per output"),
        (2.5, "EUR per output", "€2.50 per output"),
        (412.4, "GPU hours", "412 GPU hours"),
        (0.0, "GPU hours", "0 GPU hours"),
        (0.8123, "ndcg_at_10", "0.812 (ndcg_at_10)"),
        (0.281, "share of spend moved", "28 % of spend moved"),
    ],
)
def test_values_in_their_unit(value: float, unit: str, shown: str) -> None:
    assert words.amount(value, unit) == shown


_STATES = st.sampled_from(["open", "investigating", *DECIDED])
_ACTIONS = st.sampled_from(["investigate", "expect", "snooze", "false-alarm", "resolve", "reopen"])


@given(_STATES, _ACTIONS, st.sampled_from(["a", "b"]), st.sampled_from(["a", "b", ""]))
def test_nobody_overwrites_a_decision_without_reopening(
    state: State, action: Action, by: str, holder: str
) -> None:
    decision = decide(state, action, by=by, holder=holder)
    if state in DECIDED and action != "reopen":
        assert not decision.allowed
        assert decision.after == state
    if not decision.allowed:
        assert decision.after == state
    # every state has a way out
    assert any(
        decide(state, a, by=by, holder=holder).allowed  # type: ignore[arg-type]
        for a in ("investigate", "resolve", "reopen")
    )
