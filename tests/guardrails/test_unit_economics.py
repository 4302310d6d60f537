"""Unit costs, the effects of price, volume and mix, and what more usage would cost."""

from decimal import Decimal
from itertools import pairwise
from math import sin

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from guardrails.unit_economics import (
    CENT,
    Used,
    effects,
    elasticity,
    exactly,
    is_hours,
    margin,
    per_unit,
    project,
    return_on_spend,
    tokens_in,
    waterfall,
)

money = st.decimals(-(10**7), 10**9, places=9)
cost = st.decimals(0, 10**9, places=6)
count = st.one_of(st.just(Decimal(0)), st.decimals("0.001", 10**9, places=3))
parts = st.dictionaries(st.sampled_from("abcdef"), st.builds(Used, money, count))
measured = st.builds(Used, cost, st.decimals(1, 10**9, places=3))


def used(cost: float, units: float) -> Used:
    return Used(Decimal(str(cost)), Decimal(str(units)))


def test_the_cost_of_a_unit_margin_and_return() -> None:
    assert per_unit(Decimal(30), Decimal(60_000), 1000) == Decimal("0.5")
    assert per_unit(Decimal(30), Decimal(0)) is None
    assert margin(Decimal(100), Decimal(30)) == Decimal("0.7")
    assert margin(Decimal(100), Decimal(150)) == Decimal("-0.5")
    assert margin(Decimal(0), Decimal(30)) is None
    assert return_on_spend(Decimal(90), Decimal(30)) == 3
    assert return_on_spend(Decimal(90), Decimal(0)) is None


@pytest.mark.parametrize(
    ("unit", "count"),
    [
        ("Tokens", 1), ("token", 1), (" 1K tokens ", 1_000), ("1,000 Tokens", 1_000), ("1M Tokens", 10**6),
        ("Million tokens", 10**6), ("1B tokens", 10**9), ("thousand tokens", 1_000),
        ("Token-Hours", 0), ("Requests", 0), ("", 0), ("tokenizer calls", 0),
    ],
)  # fmt: skip
def test_tokens_in_a_unit_of_a_bill(unit: str, count: int) -> None:
    assert tokens_in(unit) == count


def test_one_effect_at_a_time() -> None:
    before = {"big": used(80, 40), "small": used(10, 20)}
    more = effects(before, {"big": used(160, 80), "small": used(20, 40)})
    assert (more.volume, more.price, more.mix, more.unmeasured) == (90, 0, 0, 0)
    dearer = effects(before, {"big": used(120, 40), "small": used(10, 20)})
    assert (dearer.volume, dearer.price, dearer.mix) == (0, 40, 0)
    moved = effects(before, {"big": used(40, 20), "small": used(20, 40)})
    assert (moved.volume, moved.price, moved.mix) == (0, 0, -30)


def test_a_new_part_is_mix_and_cost_without_units_stands_alone() -> None:
    before = {"a": used(100, 100)}
    now = {"a": used(100, 100), "b": used(50, 10), "training": used(30, 0)}
    found = effects(before, now)
    assert (found.volume, found.price, found.mix, found.unmeasured) == (10, 0, 40, 30)


def test_of_nothing_before_all_is_volume() -> None:
    found = effects({}, {"a": used(100, 10)})
    assert (found.volume, found.price, found.mix, found.unmeasured) == (100, 0, 0, 0)
    assert effects({}, {}).total == 0


@given(parts, parts)
def test_the_effects_add_up_to_the_change(before: dict[str, Used], now: dict[str, Used]) -> None:
    def total(some: dict[str, Used]) -> Decimal:
        return sum((u.cost.quantize(Decimal("0.000001")) for u in some.values()), Decimal(0))

    assert effects(before, now).total == total(now) - total(before)


@given(
    st.dictionaries(st.sampled_from("abcd"), measured, min_size=1), st.decimals("1.01", 9, places=2)
)
def test_the_signs(before: dict[str, Used], factor: Decimal) -> None:
    grown = {n: Used(u.cost * factor, u.units * factor) for n, u in before.items()}
    dearer = {n: Used(u.cost * factor, u.units) for n, u in before.items()}
    tiny = Decimal("0.00001")
    more, price = effects(before, grown), effects(before, dearer)
    assert more.volume >= -tiny
    assert abs(more.price) <= tiny
    assert abs(more.mix) <= tiny
    assert price.price >= -tiny
    assert abs(price.volume) <= tiny
    assert abs(price.mix) <= tiny
    back = effects(grown, before)
    assert back.volume <= tiny


@given(st.lists(money, min_size=1, max_size=8))
def test_rounded_parts_add_up_to_the_rounded_whole(values: list[Decimal]) -> None:
    whole = sum(values, Decimal(0))
    found = exactly(values, whole)
    assert sum(found, Decimal(0)) == whole.quantize(CENT)
    for part, value in zip(found, values, strict=True):
        assert abs(part - value) <= CENT


@given(money, st.lists(money, max_size=6))
def test_the_waterfall_ends_at_the_whole(first: Decimal, changes: list[Decimal]) -> None:
    steps = waterfall(("before", first), [(str(n), c) for n, c in enumerate(changes)], "now")
    whole = (first + sum(changes, Decimal(0))).quantize(CENT)
    if changes:
        assert steps[-1].amount == whole
    assert sum((s.amount for s in steps[:-1]), Decimal(0)) == steps[-1].amount
    for one, after in pairwise(steps[:-1]):
        assert after.start == one.end
        assert after.end - after.start == after.amount


def days(slope: float, noise: float = 0.02, n: int = 40, varied: float = 0.3) -> list[Used]:
    made = []
    for day in range(n):
        units = 1000 * (1 + varied * sin(day))
        made.append(used(3 * units**slope * (1 + noise * sin(2.6 * day)), units))
    return made


@pytest.mark.parametrize("slope", [0.0, 0.4, 0.8, 1.0, 1.3])
def test_the_slope_is_found(slope: float) -> None:
    found = elasticity(days(slope))
    assert found is not None
    assert found.slope == pytest.approx(slope, abs=0.03)


def test_too_little_is_not_guessed() -> None:
    assert elasticity(days(1, n=13)) is None
    assert elasticity(days(1, varied=0)) is None
    assert elasticity(days(1, noise=0.5, varied=0.02)) is None
    assert elasticity(days(-0.6)) is None, "cost that falls as usage rises follows something else"
    assert elasticity([]) is None
    assert elasticity([used(0, 5), used(5, 0)] * 20) is None


def test_the_projection_of_a_known_law() -> None:
    found = elasticity(days(0.5, noise=0.001))
    assert found is not None
    for one in project(found, Decimal(9000), Decimal(30_000), 30, (2, 5, 10)):
        assert float(one.cost) == pytest.approx(9000 * one.times**0.5, rel=0.01)
        assert one.lower < one.cost < one.upper
        assert float(one.upper / one.lower) < 1.05


@given(st.floats(-1, 1.5), st.floats(0, 0.3), st.integers(14, 60), st.decimals(1, 10**6, places=2))
def test_more_usage_costs_no_less_and_is_less_sure(
    slope: float, noise: float, n: int, cost: Decimal
) -> None:
    found = elasticity(days(slope, noise, n))
    assume(found is not None)
    assert found is not None
    assert found.slope >= 0
    made = project(found, cost, Decimal(30_000), 30, (1, 2, 5, 10))
    assert abs(made[0].cost - cost) <= CENT
    for one, more in pairwise(made):
        assert one.lower <= one.cost <= one.upper
        assert more.cost >= one.cost
        assert more.upper * one.cost >= one.upper * more.cost - CENT * (more.cost + more.upper)


@pytest.mark.parametrize(
    "unit", ["", "h", "Hours", "hour", "GPU-Hours", "GPU_Hours", "GPU hours", "1 Hour"]
)
def test_a_bill_counts_hours_in_many_words(unit: str) -> None:
    assert is_hours(unit)


@pytest.mark.parametrize("unit", ["Seconds", "GB-Hours", "Requests", "Tokens", "Hours used"])
def test_other_units_are_no_hours(unit: str) -> None:
    assert not is_hours(unit)
