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
from guardrails.unit_economics import exactly

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


#: Amounts about a step, and halves of one, are where rounding could turn a sign or make an amount up.
near = st.one_of(
    money,
    st.decimals(-3, 3, places=2),
    st.integers(-5, 5).map(lambda n: Decimal(n) / 2),
)


@st.composite
def tables(draw: st.DrawFn) -> list[Part]:
    """Parts of which some are new, ended or unchanged."""
    rows = draw(
        st.lists(
            st.tuples(near, near, st.sampled_from(["both", "new", "ended", "same"])), max_size=9
        )
    )
    zero = Decimal(0)
    return [
        Part(
            str(i), zero if how == "new" else before, {"ended": zero, "same": before}.get(how, now)
        )
        for i, (before, now, how) in enumerate(rows)
    ]


@given(tables(), steps)
def test_what_is_shown_adds_up_and_is_true_by_row_and_by_column(
    parts: list[Part], step: Decimal
) -> None:
    whole, shown = whole_of(parts), rounded(parts, step)
    assert whole_of(shown).now == whole.now.quantize(step)
    assert whole_of(shown).before == whole.before.quantize(step)
    for p, s in zip(parts, shown, strict=True):
        for true, said in ((p.before, s.before), (p.now, s.now), (p.change, s.change)):
            assert said % step == 0
            assert said * true >= 0, "no sign turns"
            assert true or not said, "nothing stays nothing"
        assert abs(s.now - p.now) <= step
        assert abs(s.before - p.before) <= step


@given(st.lists(near, max_size=9), steps)
def test_one_column_is_rounded_as_shares_are(column: list[Decimal], step: Decimal) -> None:
    """Dashboards round the same sums by ``exactly``."""
    shown = rounded([Part("", Decimal(0), amount) for amount in column], step)
    assert tuple(p.now for p in shown) == exactly(column, sum(column, Decimal(0)), step)


def test_what_is_new_was_nothing_before() -> None:
    """A new part had −$1 before, and +$820 for its $819."""
    parts = [part("old", 2352.372, 2352.372), part("new", 0, 819.191)]
    assert rounded(parts, Decimal(1)) == (part("old", 2352, 2352), part("new", 0, 820))
    ended = [part("old", 2352.372, 2352.372), part("gone", 819.191, 0)]
    assert rounded(ended, Decimal(1)) == (part("old", 2352, 2352), part("gone", 820, 0))


def test_a_little_more_is_not_shown_as_less() -> None:
    """Each column rounded by itself had 6 before and 5 now of what grew from 5.40 to 5.60."""
    parts = [part("a", 5.4, 5.6), part("b", 3.3, 3.7), part("c", 1.3, 1.7)]
    assert [p.change >= 0 for p in rounded(parts, Decimal(1))] == [True, True, True]


def test_whole_amounts_move_only_where_both_sums_are_rounded_from_a_half() -> None:
    parts = [part("old", 100.5, 100.5), part("new", 0, 1)]  # 100.5 is 100, 101.5 is 102
    assert rounded(parts, Decimal(1)) == (part("old", 100, 100), part("new", 0, 2))


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
