"""Parts that add up, and which of them explain a change."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from guardrails.contributions import (
    Part,
    explains_most,
    largest,
    leaders,
    parts_of,
    rounded,
    shown_to,
    whole_of,
)

money = st.decimals(-(10**6), 10**9, places=6)
sums = st.dictionaries(st.text("abcdef", max_size=2), money, max_size=12)
steps = st.sampled_from([Decimal(1), Decimal("0.01")])


def part(name: str, before: float, now: float) -> Part:
    return Part(name, Decimal(str(before)), Decimal(str(now)))


@given(sums, sums, st.integers(1, 8))
def test_the_parts_and_the_largest_of_them_are_the_whole(
    before: dict[str, Decimal], now: dict[str, Decimal], shown: int
) -> None:
    parts = parts_of(before, now)
    whole = whole_of(parts)
    assert whole.before == sum(before.values(), Decimal(0))
    assert whole.now == sum(now.values(), Decimal(0))
    few = largest(parts, shown)
    assert len(few) <= shown + 1
    assert (whole_of(few).before, whole_of(few).now) == (whole.before, whole.now)
    assert [abs(p.change) for p in parts] == sorted((abs(p.change) for p in parts), reverse=True)


@given(sums, sums, steps)
def test_what_is_shown_adds_up_by_row_and_by_column(
    before: dict[str, Decimal], now: dict[str, Decimal], step: Decimal
) -> None:
    parts = parts_of(before, now)
    whole, shown = whole_of(parts), rounded(parts, step)
    assert whole_of(shown).now == whole.now.quantize(step)
    assert whole_of(shown).before == whole.before.quantize(step)
    for p, s in zip(parts, shown, strict=True):
        assert s.now % step == s.before % step == 0
        assert abs(s.now - p.now) < step
        assert abs(s.change - p.change) <= step


@given(sums, sums)
def test_leaders_move_with_the_whole_and_explain_half_of_it(
    before: dict[str, Decimal], now: dict[str, Decimal]
) -> None:
    parts = parts_of(before, now)
    whole, found = whole_of(parts).change, leaders(parts)
    assert len(found) <= 3
    assert all(p.change * whole > 0 for p in found)
    if found:
        assert whole_of(found).change / whole >= Decimal("0.49")


def test_the_cut_in_which_one_part_explains_it_is_best() -> None:
    by_region = [part("eu", 100, 130), part("us", 100, 120)]
    by_model = [part("big", 50, 100), part("small", 150, 150)]
    assert explains_most({"region": by_region, "model": by_model}) == "model"


def test_where_all_grew_alike_the_first_counts() -> None:
    alike = [part("a", 100, 200), part("b", 50, 100)]
    assert explains_most({"team": alike, "feature": alike}) == "team"
    moved = [part("c", 100, 250), part("d", 50, 50)]
    assert explains_most({"team": alike, "feature": moved}) == "feature"


def test_what_has_no_name_explains_nothing() -> None:
    nameless = [part("", 100, 200), part("a", 10, 11)]
    named = [part("x", 60, 160), part("y", 50, 51)]
    assert explains_most({"feature": nameless, "service": named}) == "service"
    assert explains_most({"feature": [part("", 1, 2)]}) == "feature"


def test_leaders_stop_when_enough_is_explained() -> None:
    parts = [part("a", 0, 70), part("b", 0, 20), part("c", 0, 10), part("d", 5, 0)]
    assert [p.name for p in leaders(parts)] == ["a"]
    many = [part(str(n), 0, 10) for n in range(30)]
    assert leaders(many) == ()
    assert leaders([part("a", 5, 5)]) == ()


def test_one_that_is_alone_keeps_its_name() -> None:
    parts = [part(str(n), 0, n) for n in range(4)]
    assert [p.name for p in largest(parts, 3)] == ["0", "1", "2", "3"]
    assert [p.name for p in largest(parts, 2)] == ["0", "1", "2 smaller ones"]


def test_large_sums_are_shown_in_whole_units_and_yen_always() -> None:
    assert shown_to(Decimal(100), "USD") == 1
    assert shown_to(Decimal("99.9"), "USD") == Decimal("0.01")
    assert shown_to(Decimal(5), "JPY") == 1
