"""Periods as people type them, and that each period that we print can be typed in again."""

from contextlib import suppress
from datetime import date, timedelta
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.periods import LONGEST, Period, PeriodError, in_words, span
from guardrails.typed_periods import EXAMPLES, read_period, read_periods

TODAY = date(2026, 11, 23)  # a Monday


def day(month: int, number: int, year: int = 2026) -> date:
    return date(year, month, number)


@pytest.mark.parametrize(
    ("typed", "first", "last", "rest"),
    [
        ("2026-10-01 to 2026-10-14", day(10, 1), day(10, 14), ""),
        ("ranker between 1 Oct and 14 Oct", day(10, 1), day(10, 14), "ranker"),
        ("from Oct 1st to Oct 14th, 2026", day(10, 1), day(10, 14), ""),
        ("1-14 October team search", day(10, 1), day(10, 14), "team search"),
        ("2026-10-01..2026-10-05", day(10, 1), day(10, 5), ""),
        ("20 Dec to 5 Jan", day(12, 20, 2025), day(1, 5), ""),
        ("1 Nov until today", day(11, 1), day(11, 23), ""),
        ("1 Nov to 30 Nov", day(11, 1), day(11, 23), ""),
        ("1-30 Nov", day(11, 1), day(11, 23), ""),
        ("1 Oct 2025 to 14 Oct", day(10, 1, 2025), day(10, 14, 2025), ""),
        ("20 Dec to 5 Jan 2026", day(12, 20, 2025), day(1, 5), ""),
        ("since 2026-10-01", day(10, 1), day(11, 22), ""),
        ("since yesterday", day(11, 22), day(11, 22), ""),
        ("since October ranker", day(10, 1), day(11, 22), "ranker"),
        ("October", day(10, 1), day(10, 31), ""),
        ("in December?", day(12, 1, 2025), day(12, 31, 2025), ""),
        ("november", day(11, 1), day(11, 22), ""),
        ("Feb 2025", day(2, 1, 2025), day(2, 28, 2025), ""),
        ("2026-09", day(9, 1), day(9, 30), ""),
        ("Q3", day(7, 1), day(9, 30), ""),
        ("2026-Q3 ranker", day(7, 1), day(9, 30), "ranker"),
        ("q4", day(10, 1), day(11, 22), ""),
        ("Q2 2025", day(4, 1, 2025), day(6, 30, 2025), ""),
        ("this quarter", day(10, 1), day(11, 22), ""),
        ("last quarter", day(7, 1), day(9, 30), ""),
        ("last year", day(1, 1, 2025), day(12, 31, 2025), ""),
        ("2026-W47", day(11, 16), day(11, 22), ""),
        ("the last 2 weeks", day(11, 9), day(11, 22), ""),
        ("past 7 days", day(11, 16), day(11, 22), ""),
        ("on 3 Nov", day(11, 3), day(11, 3), ""),
        ("Tue 3 Nov", day(11, 3), day(11, 3), ""),
        ("30 days to Sun 22 Nov", day(10, 24), day(11, 22), ""),
    ],
)
def test_as_people_type_them(typed: str, first: date, last: date, rest: str) -> None:
    assert read_period(typed, TODAY) == (Period(first, last), rest)


@pytest.mark.parametrize(
    "name",
    [
        "pythia-410m",
        "gpt-3d-render",
        "ft-7d",
        "march-madness",
        "may.be",
        "q3-plan",
        "rev2026-10",
        "7dx",
    ],
)
def test_what_only_looks_like_a_period_is_a_name(name: str) -> None:
    assert read_periods(name, TODAY) == ([], name)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("last fortnight", "“last fortnight” is not a period; try last 30d"),
        ("between x and y", "“between x and y” is not a period"),
        ("2026-13-01", "names a day that does not exist"),
        ("31 Feb", "names a day that does not exist"),
        ("2026-10-14 to 2026-10-01", "ends before it begins"),
        ("14 Oct to 1 Oct", "ends before it begins"),
        ("since 2026-12-01", "is in the future"),
        ("9999-12", "“9999-12” is in the future"),  # no day follows that year
        ("9999-W52", "is in the future"),
        ("Q4 9999", "is in the future"),
        ("since Dec 9999", "is in the future"),
        ("1 Jan 2020 to 3 Jan 2020", "is too long ago"),
        ("last 9999d", "is not a period that can be shown"),
        ("since ever", "“ever” is not a day"),
        ("2026-W60", "There is no week"),
        ("last 7d this month", "names 2 periods; give one, such as 2026-11-16 to 2026-11-22"),
    ],
)
def test_a_wrong_one_gets_one_clear_sentence(typed: str, says: str) -> None:
    with pytest.raises(PeriodError, match=says) as error:
        read_period(typed, TODAY)
    assert str(error.value).endswith(".")


def test_two_periods_are_read_in_their_order() -> None:
    found, rest = read_periods("ranker this month with last month", TODAY)
    assert found == [Period(day(11, 1), day(11, 22)), Period(day(10, 1), day(10, 31))]
    assert rest == "ranker with"
    found, rest = read_periods("1 Oct to 14 Oct against 15 Oct to 28 Oct", TODAY)
    assert [str(p) for p in found] == ["2026-10-01 to 2026-10-14", "2026-10-15 to 2026-10-28"]


@pytest.mark.parametrize(
    "piece", ["oct ", "in of for ", "1 Oct to ", "last ", "since ", "2026-10-", "x"]
)
def test_very_long_words_are_read_at_once(piece: str) -> None:
    began = process_time()
    with suppress(PeriodError):
        assert len(read_periods(piece * (4000 // len(piece)), TODAY)[0]) <= 3
    assert process_time() - began < 1


def test_the_examples_of_the_sentence_are_read() -> None:
    for typed in EXAMPLES.split(", "):
        assert read_periods(typed, TODAY)[1] == "", typed


days = st.dates(date(2020, 1, 1), date(2040, 12, 31))


@given(days, st.integers(0, LONGEST), st.integers(0, LONGEST))
def test_any_printed_period_is_read_back(today: date, ago: int, length: int) -> None:
    last = today - timedelta(days=ago)
    first = max(last - timedelta(days=length), today - timedelta(days=LONGEST))
    period = Period(min(first, last), last)
    for printed in (str(period), in_words(period, today), span(period, today)):
        assert read_period(f"ranker {printed}", today) == (period, "ranker"), printed


TYPED = "last since between and to Oct 1 14 29 2026-10 2026-02-30 Q3 7d month Feb - .."
words = st.sampled_from(TYPED.split(" "))


@given(st.text(max_size=40) | st.lists(words, max_size=7).map(" ".join), days)
def test_whatever_is_typed_is_a_period_in_the_past_or_a_sentence(typed: str, today: date) -> None:
    try:
        found, _ = read_periods(typed, today)
    except PeriodError:
        return
    assert all(p.first <= p.last <= today for p in found)
