"""The parts of every dashboard, and the lines of the export, add up to the bill; no cell is a formula."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardrails.money import MICROS, Money
from guardrails.periods import Period
from handlers.conversation import Multiples, Table, Waterfall
from handlers.dashboards.engineers import engineers
from handlers.dashboards.executives import executives
from handlers.dashboards.export import MONEY_COLUMNS, csv_of, neutral, number
from handlers.dashboards.finance import finance
from handlers.dashboards.finops import finops
from handlers.dashboards.parts import days_of, whole_of
from handlers.dashboards.product import product
from handlers.dashboards.showing import DASHBOARDS
from handlers.turn import Turn
from storage import dashboards
from storage.dashboards import COLUMNS, Line
from storage.database import Database
from tests.conftest import Clock
from tests.handlers.dashboarding import (
    TODAY,
    YESTERDAY,
    Desk,
    made,
    money,
    tables,
)

# --- parts and wholes -----------------------------------------------------------------------------

amounts = st.decimals(Decimal(-(10**9)), Decimal(10**9), places=6, allow_nan=False)


@given(
    st.dictionaries(st.text(max_size=4), amounts, max_size=25),
    st.integers(1, 12),
)
def test_no_part_is_lost_when_the_small_ones_are_put_together(
    sums: dict[str, Decimal], shown: int
) -> None:
    whole = whole_of(sums, "USD", shown)
    assert whole.total == sum(sums.values(), Decimal(0))
    assert len(whole.parts) <= shown + 2
    named = [a for n, a in sums.items() if n]
    if named and len(named) > shown:
        assert whole.parts[0][1] == max(named)
    *said, total = whole.said()
    assert sum(map(money, said), Decimal(0)) == money(total)
    assert total == str(Money(whole.total, "USD")) or abs(whole.total) < Decimal("0.01")
    assert ("" in sums) == any(n == "not allocated" for n, _ in whole.parts)


def test_yen_have_no_cents() -> None:
    assert whole_of({"a": Decimal("7.4"), "b": Decimal("8.4")}, "JPY").said() == ("¥9", "¥7", "¥16")


# --- every dashboard's parts are the bill ---------------------------------------------------------

_names = st.sampled_from(["", "ranker", "chat", "=cmd", "a,b", "ünïcode", "'quoted\"", "not set"])
charges = st.fixed_dictionaries(
    {
        "day": st.integers(0, 34).map(lambda n: YESTERDAY - timedelta(days=n)),
        "currency": st.sampled_from(["USD", "EUR", "JPY"]),
        "cost_micros": st.integers(-(10**12), 10**12),
        "experiment": _names,
        "team": st.sampled_from(["", "search", "other"]),
        "feature": _names,
        "stage": st.sampled_from(["", "exploration", "pilot", "scaled", "production", "sunset"]),
        "segment": _names,
        "allocated_by": st.sampled_from(["tags", "rules", "shared", "none"]),
        "is_ai": st.booleans(),
        "is_gpu": st.booleans(),
    }
)
#: Reaches back to as many days before those of a dashboard.
older = st.tuples(charges, st.integers(0, 62)).map(
    lambda item: {**item[0], "day": YESTERDAY - timedelta(days=item[1])}
)
FACTORS = {"USD": Decimal(1), "EUR": Decimal("1.0837"), "JPY": Decimal("0.0064")}


def billed(found: list[dict[str, Any]], first: date, last: date = YESTERDAY) -> Decimal:
    """The bill by plain arithmetic, without a database."""
    return sum(
        (
            Decimal(row["cost_micros"]) / MICROS * FACTORS[row["currency"]]
            for row in found
            if first <= row["day"] <= last
        ),
        Decimal(0),
    )


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """One database for all examples: each begins with an empty bill."""
    from storage.migrate import upgrade
    from tests.postgres import fresh_database

    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('dashboards') / 'sandrail.db'}"
    else:
        url = fresh_database(request.getfixturevalue("postgres_server"))
    database = Database(url)
    upgrade(database)
    yield database
    database.close()


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(found=st.lists(charges, min_size=1, max_size=30))
def test_the_parts_of_every_dashboard_are_the_bill(
    store: Database, found: list[dict[str, Any]]
) -> None:
    desk = Desk(store, made(), Clock())
    desk.clear()
    desk.spend(*found)
    thirty, month = TODAY - timedelta(days=30), date(2026, 11, 1)
    for which, first in (
        (engineers, thirty),
        (product, month),
        (finance, thirty),
        (executives, thirty),
        (finops, thirty),
    ):
        table = tables(desk.show(which))[0]
        *parts, last = (row for row in table.rows if row[0] != "All AI")
        bill = billed(found, first)
        assert last[0] == "All"
        step = Decimal(1) if abs(bill) >= 100 else Decimal("0.01")
        assert money(last[1]) == bill.quantize(step, ROUND_HALF_EVEN), which
        assert sum((money(row[1]) for row in parts), Decimal(0)) == money(last[1]), which
    mine = [row for row in found if row["team"] == "search"]
    if mine:
        *parts, last = tables(desk.show(engineers, "engineer@example.com"))[0].rows
        assert abs(money(last[1]) - billed(mine, thirty)) <= Decimal("0.5")
        assert sum((money(row[1]) for row in parts), Decimal(0)) == money(last[1])
    for message in (desk.show(which) for which in DASHBOARDS.values()):
        for block in message.blocks:
            if isinstance(block, Table):
                assert {len(row) for row in block.rows} <= {len(block.header)}
                assert len(block.align) == len(block.header)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(found=st.lists(older, min_size=1, max_size=30))
def test_waterfalls_and_small_charts_are_the_bill(
    store: Database, found: list[dict[str, Any]]
) -> None:
    desk = Desk(store, made(), Clock())
    desk.clear()
    desk.spend(*found)
    days = desk.turn(days_of)
    if days.complete is None or days.whole is None or days.before is None:
        return
    now, before = (billed(found, p.first, p.last) for p in (days.whole, days.before))
    cent = Decimal("0.01")
    falls = [b for b in desk.show(finance).blocks if isinstance(b, Waterfall)]
    if not (before and _by_team(found, days.whole, days.before)):
        assert not falls
    for fall in falls:
        step_of = Decimal(1) if max(abs(now), abs(before)) >= 100 else cent
        assert fall.start.amount == before.quantize(step_of, ROUND_HALF_EVEN)
        assert fall.end.amount == now.quantize(step_of, ROUND_HALF_EVEN)
        assert sum((s.amount for s in fall.steps), fall.start.amount) == fall.end.amount
        assert len(fall.steps) <= 9, "more cannot be read"
        exact = _by_team(found, days.whole, days.before)
        for step in fall.steps:
            team = "" if step.name == "no team" else step.name
            assert abs(step.amount - exact[team]) <= step_of
    for many in (b for b in desk.show(engineers).blocks if isinstance(b, Multiples)):
        drawn = sum(v or 0 for panel in many.panels for v in panel.values)
        shown = billed(found, days.complete.first, days.complete.last)
        assert drawn == pytest.approx(float(shown), rel=1e-9, abs=1e-3)
        assert {len(panel.values) for panel in many.panels} == {len(many.days)}


def _by_team(found: list[dict[str, Any]], now: Period, before: Period) -> dict[str, Decimal]:
    """What changed by plain arithmetic; only what did."""
    teams = {row["team"] for row in found}
    mine = {t: [row for row in found if row["team"] == t] for t in teams}
    changes = {
        t: billed(rows, now.first, now.last) - billed(rows, before.first, before.last)
        for t, rows in mine.items()
    }
    return {t: change for t, change in changes.items() if change}


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(found=st.lists(charges, min_size=1, max_size=30))
def test_the_lines_of_the_export_are_the_bill(store: Database, found: list[dict[str, Any]]) -> None:
    desk = Desk(store, made(), Clock())
    desk.clear()
    desk.spend(*found)

    def export(turn: Turn) -> str:
        period = days_of(turn).all
        return "".join(csv_of(dashboards.lines(turn.connection, turn.policy, period), "USD"))

    read = list(csv.DictReader(io.StringIO(desk.turn(export), newline=""), strict=True))
    total = sum((Decimal(row["amount"]) for row in read), Decimal(0))
    assert total == billed(found, TODAY - timedelta(days=30))
    for currency in FACTORS:
        mine = [Decimal(row["billed"]) for row in read if row["billed_currency"] == currency]
        assert sum(mine, Decimal(0)) == sum(
            Decimal(row["cost_micros"]) / MICROS
            for row in found
            if row["currency"] == currency and row["day"] >= TODAY - timedelta(days=30)
        )
    assert not any(row["experiment"].startswith("=") for row in read)


# --- CSV ------------------------------------------------------------------------------------------


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        min_size=13,
        max_size=13,
    ),
    st.decimals(Decimal(-(10**12)), Decimal(10**12), places=6, allow_nan=False),
)
def test_any_text_comes_back_and_none_is_a_formula(cells: list[str], amount: Decimal) -> None:
    assert len(COLUMNS) == 13
    page = "".join(csv_of([Line(tuple(cells), "USD", amount, amount * 2)], "EUR"))
    header, row = csv.reader(io.StringIO(page, newline=""), strict=True)
    assert header == [*COLUMNS, *MONEY_COLUMNS]
    *texts, _, plain, currency, converted = row
    assert [
        t.removeprefix("'") if t != c else t for t, c in zip(texts, cells, strict=True)
    ] == cells
    for cell in texts:
        if cell[:1] in tuple("=+-@\t\r"):
            assert re.fullmatch(r"[+-][0-9.]+", cell, re.ASCII), cell
    assert Decimal(plain) == amount
    assert Decimal(converted) == amount * 2
    assert "E" not in plain
    assert not plain.startswith("'")
    assert currency == "EUR"
    assert page.endswith("\r\n")


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\rx", "'\rx"),
        ("\nx", "'\nx"),
        (" =1", "' =1"),
        ("\uff1d1", "'\uff1d1"),
        ("-12.5", "-12.5"),
        ("+7", "+7"),
        ("-", "'-"),
        ("ranker", "ranker"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_what_begins_like_a_formula_is_text(typed: str, written: str) -> None:
    assert neutral(typed) == written


def test_amounts_are_plain_numbers() -> None:
    assert number(Decimal("-12.500000")) == "-12.5"
    assert number(Decimal("1E+3")) == "1000"
    assert number(Decimal("100")) == "100"
    assert number(Decimal("0.000001")) == "0.000001"
