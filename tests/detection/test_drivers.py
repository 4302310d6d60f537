"""Drivers: the shares of a facet add up, price and volume add up, the part that did it is named."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.detection.drivers import Parts, changes, drivers
from guardrails.policy.bills import FACETS

START = date(2026, 3, 2)
BEFORE = [START + timedelta(days=i) for i in range(28)]
NOW = [START + timedelta(days=28 + i) for i in range(3)]


def parts(rows: list[dict[str, Any]]) -> Parts:
    return Parts(
        days=[r["day"] for r in rows],
        facets={f: [r.get(f, "") for r in rows] for f in FACETS},
        unit=[r.get("unit", "h") for r in rows],
        money=np.array([r["money"] for r in rows], dtype=np.float64),
        quantity=np.array([r.get("quantity", 0.0) for r in rows], dtype=np.float64),
    )


def steady(**facets: Any) -> list[dict[str, Any]]:
    """One row a day, before and now, 100 dollars for 50 hours each."""
    return [{"day": d, "money": 100.0, "quantity": 50.0, **facets} for d in [*BEFORE, *NOW]]


row = st.fixed_dictionaries(
    {
        "day": st.sampled_from([*BEFORE, *NOW]),
        "money": st.floats(-50, 5000).map(lambda x: round(x, 2)),
        "quantity": st.floats(0, 500).map(lambda x: round(x, 1)),
        "service": st.sampled_from(["compute", "storage", ""]),
        "sku": st.sampled_from(["a", "b", "c"]),
        "resource": st.sampled_from(["r1", "r2", "r3", "r4"]),
        "unit": st.sampled_from(["h", "GB"]),
    }
)


@settings(max_examples=80, deadline=None)
@given(rows=st.lists(row, min_size=1, max_size=40))
def test_shares_of_a_facet_add_up_to_one_and_price_and_volume_to_the_change(
    rows: list[dict[str, Any]],
) -> None:
    by_facet = changes(parts(rows), NOW, BEFORE)
    totals = {f: sum(c.change for c in found) for f, found in by_facet.items()}
    for facet, found in by_facet.items():
        assert totals[facet] == pytest.approx(totals["provider"], abs=1e-6)
        if abs(totals[facet]) > 0.01:
            assert sum(c.change / totals[facet] for c in found) == pytest.approx(1, abs=1e-6)
        for change in found:
            if change.price is not None and change.volume is not None:
                assert change.price + change.volume == pytest.approx(change.change, abs=1e-9)
    for driver in drivers(parts(rows), NOW, BEFORE):
        if driver.price_share is not None and driver.volume_share is not None:
            assert driver.price_share + driver.volume_share == pytest.approx(1, abs=1e-12)


def test_the_part_that_did_it_is_named_first() -> None:
    rows = steady(sku="p5", resource="node-1") + steady(sku="disk", resource="disk-1")
    rows += [
        {"day": d, "money": 900.0, "quantity": 450.0, "sku": "p5", "resource": "node-2"}
        for d in NOW
    ]
    found = drivers(parts(rows), NOW, BEFORE)
    assert (found[0].facet, found[0].value) == ("resource", "node-2")
    assert found[0].is_new
    assert found[0].share == pytest.approx(1)
    assert float(found[0].change) == pytest.approx(900)
    assert ("sku", "p5") in [(d.facet, d.value) for d in found]


def test_a_higher_price_is_told_from_more_use() -> None:
    rows = steady(sku="tokens", service="model api")
    for r in rows:
        if r["day"] in NOW:
            r["money"] = 200.0
    (found,) = drivers(parts(rows), NOW, BEFORE)
    assert found.price_share == pytest.approx(1)
    assert found.volume_share == pytest.approx(0)
    for r in rows:
        if r["day"] in NOW:
            r["quantity"] = 100.0
    (found,) = drivers(parts(rows), NOW, BEFORE)
    assert found.volume_share == pytest.approx(1)


def test_without_quantities_nothing_is_said_of_price_and_volume() -> None:
    rows = steady(service="support")
    for r in rows:
        r["quantity"] = 0.0
        if r["day"] in NOW:
            r["money"] = 300.0
    (found,) = drivers(parts(rows), NOW, BEFORE)
    assert found.price_share is None
    assert found.volume_share is None


def test_weekdays_are_compared_with_weekdays() -> None:
    rows = steady(service="compute")
    for r in rows:
        if r["day"].weekday() >= 5:
            r["money"] = 0.0
    assert drivers(parts(rows), NOW, BEFORE) == ()  # Monday to Wednesday as always


def test_nothing_changed_and_nothing_there() -> None:
    assert drivers(parts([]), NOW, BEFORE) == ()
    assert drivers(parts(steady()), NOW, BEFORE) == ()
    assert drivers(parts(steady(sku="a")), NOW, []) != ()


def test_of_money_that_moved_the_part_that_grew_is_named() -> None:
    rows = steady(sku="a100") + [{**r, "sku": "l4", "money": 0.0} for r in steady()]
    for r in rows:
        if r["day"] in NOW:
            r["money"] = 20.0 if r["sku"] == "a100" else 82.0
    (found,) = drivers(parts(rows), NOW, BEFORE, moved=True)
    assert found.value == "l4"
    assert found.share == pytest.approx(1)
    assert found.is_new


def jumped(resources: int, **facets: Any) -> list[dict[str, Any]]:
    """So many resources of 100 dollars a day that cost 900 to 1,000 now."""
    rows = steady(sku="disk", resource="disk-1")
    for n in range(resources):
        for r in steady(sku="p5", resource=f"train-{n}", **facets):
            rows.append({**r, "money": 1000.0 - n if r["day"] in NOW else 100.0})
    return rows


def test_of_parts_that_changed_alike_their_number_is_told() -> None:
    """All four machines of a training run jumped alike, and the alert named one of them, with 27 %."""
    found = drivers(parts(jumped(4)), NOW, BEFORE)
    assert [(d.facet, d.value, d.alike) for d in found] == [
        ("sku", "p5", 0),
        ("resource", "train-0", 4),
    ]
    assert found[1].share == pytest.approx(0.25, abs=0.01)
    assert found[1].alike_share == pytest.approx(1)
    # even where each is too small to be named, and where there is nothing else to tell
    many = drivers(parts(jumped(30)[62:]), NOW, BEFORE)
    assert ("resource", 29) in [(d.facet, d.alike) for d in many]


def test_two_that_share_a_change_are_both_named() -> None:
    found = drivers(parts(jumped(2)), NOW, BEFORE)
    assert [d.value for d in found] == ["p5", "train-0", "train-1"]
