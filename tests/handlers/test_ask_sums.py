"""Whatever the bill is, waterfalls and rankings come to it, and so do the parts of every part."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardrails.money import MICROS
from guardrails.policy.bills import DIMENSIONS, FACETS
from storage.database import Database
from tests.conftest import Clock
from tests.handlers.asking import Desk, adds_up, amount, tables, waterfall
from tests.handlers.dashboarding import YESTERDAY, made

RATES = {"USD": Decimal(1), "EUR": Decimal("1.0837"), "JPY": Decimal("0.0064")}
LAST = YESTERDAY - timedelta(days=1)  # the last complete day: the newest of the bill still grows
FIRST = LAST - timedelta(days=28)
CENT = Decimal("0.01")
names = st.sampled_from(["", "a", "b", "c d", "top"])
charges = st.lists(
    st.fixed_dictionaries(
        {
            "day": st.dates(FIRST - timedelta(days=30), LAST),
            "currency": st.sampled_from(sorted(RATES)),
            "cost_micros": st.integers(-(10**7), 10**10),
            "experiment": st.sampled_from([*"uvwxyz", "", *(f"e{n}" for n in range(12))]),
            "team": names,
            "feature": names,
            "workload": names,
            "service": names,
            "sku": names,
            "region": names,
            "quantity": st.floats(0, 1000),
            "unit": st.sampled_from(["", "Hours"]),
        }
    ),
    min_size=1,
    max_size=40,
)
few = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def desk(sqlite: Database, clock: Clock) -> Desk:
    return Desk(sqlite, made(), clock)


def fill(desk: Desk, rows: list[dict[str, Any]]) -> None:
    desk.clear()
    # One charge of nothing on the newest day and one long before: the days between are those of the bill.
    ends = [{"day": YESTERDAY}, {"day": FIRST - timedelta(days=40)}]
    desk.spend(*rows, *ends)


def total(rows: list[dict[str, Any]], first: date, last: date, **only: str) -> Decimal:
    return sum(
        (
            Decimal(r["cost_micros"]) / MICROS * RATES[r["currency"]]
            for r in rows
            if first <= r["day"] <= last and all(r[k] == v for k, v in only.items())
        ),
        Decimal(0),
    )


@few
@given(charges)
def test_why_goes_from_the_bill_before_to_the_bill_now(
    desk: Desk, rows: list[dict[str, Any]]
) -> None:
    fill(desk, rows)
    for typed, only in (("why", {}), ("why experiment u", {"experiment": "u"})):
        now, before = total(rows, FIRST, LAST, **only), total(rows, *_before(), **only)
        reply = desk.type(typed)
        if reply.kind == "refused":  # nothing is called so
            assert not any(r["experiment"] == "u" for r in rows)
            continue
        message = reply.message
        if not tables(message):
            assert message.summary.startswith("Nothing was spent")
            continue
        (table,) = tables(message)
        adds_up(table, 1, 2, 3)
        step = 1 if max(abs(now), abs(before)) >= 100 else CENT
        assert abs(amount(table.rows[-1][1]) - now) <= step
        assert abs(amount(table.rows[-1][2]) - before) <= step
        for row in table.rows:
            assert amount(row[1]) - amount(row[2]) == amount(row[3])
        if any(b.kind == "waterfall" for b in message.blocks):
            chart = waterfall(message)
            assert chart.start.amount == amount(table.rows[-1][2])
            assert chart.end.amount == amount(table.rows[-1][1])
            steps = sum((s.amount for s in chart.steps), Decimal(0))
            assert chart.start.amount + steps == chart.end.amount
            changed = {row[0]: amount(row[3]) for row in table.rows[:-1]}
            assert all(s.amount == changed[s.name] for s in chart.steps)


@few
@given(
    charges, st.sampled_from(["experiments", "teams", "features", "services", "models", "regions"])
)
def test_rankings_come_to_the_bill(desk: Desk, rows: list[dict[str, Any]], what: str) -> None:
    fill(desk, rows)
    now, before = total(rows, FIRST, LAST), total(rows, *_before())
    for typed, columns in ((f"top {what}", (1,)), (f"top movers {what}", (1, 2, 3))):
        message = desk.ask(typed)
        if not tables(message):
            assert message.summary.startswith("Nothing was spent")
            continue
        (table,) = tables(message)
        shown = adds_up(table, *columns)
        assert abs(shown - now) <= (CENT if max(abs(now), abs(before)) < 100 else 1)


@few
@given(charges)
def test_the_parts_of_a_figure_are_the_figure(desk: Desk, rows: list[dict[str, Any]]) -> None:
    """Down from the company to teams, from a team to its experiments: each sum is that of what is below it."""
    fill(desk, rows)
    period = f"{FIRST} to {LAST}"
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for r in rows:
        if FIRST <= r["day"] <= LAST:
            sums[r["team"]] += total([r], FIRST, LAST)
    for team, whole in sums.items():
        if not team:
            continue
        (table,) = tables(desk.ask(f"team {team} {period}"))
        shown = adds_up(table, 1)
        assert abs(shown - whole) <= (CENT if abs(shown) < 100 else 1)
        assert whole == total(rows, FIRST, LAST, team=team)


def _before() -> tuple[date, date]:
    """The 30 days before those of which the last is not complete, without their last."""
    return FIRST - timedelta(days=30), LAST - timedelta(days=30)


def test_the_keys_of_the_sums_are_those_of_the_bill() -> None:
    from handlers.ask.subjects import KEYS

    assert set(KEYS) == {*DIMENSIONS, *FACETS} - {"resource"}
