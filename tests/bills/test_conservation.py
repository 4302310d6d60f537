"""Whatever a bill holds, its money comes out as it went in."""

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.bills.ingest import ingest
from storage.database import Database
from storage.migrate import upgrade
from tests.bills.charges import charge, load_files, rollups, write_csv

TODAY = date(2026, 11, 23)
RULES = """
allocation:
  rules:
    - {name: a, when: {ServiceName: {regex: 'a|NULL'}}, set: {team: a}}
    - {name: b, when: {not: {ResourceId: {prefix: x}}}, set: {feature: b}}
  shared:
    - {name: one, when: {ServiceName: shared}, split: {over: team, by: spend}}
    - {name: two, when: {RegionId: r}, split: {over: feature, by: weights, weights: {p: 1, q: 0.37}}}
"""

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), max_size=8)
amounts = st.decimals(Decimal(-(10**7)), Decimal(10**7), places=9, allow_nan=False)
tags = st.one_of(
    texts,
    st.dictionaries(st.sampled_from(["team", " Team", "x"]), texts, max_size=2).map(
        lambda found: __import__("json").dumps(found)
    ),
)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "BilledCost": amounts.map(lambda a: format(a, "f")),
            "BillingCurrency": st.sampled_from(["USD", "EUR", "eur"]),
            "BillingPeriodStart": st.sampled_from(["2026-09-01T00:00:00Z", "2026-10-01"]),
            "ChargePeriodStart": st.integers(1, 28).map(lambda d: f"2026-10-{d:02d}T03:00:00Z"),
            "ServiceName": st.one_of(st.sampled_from(["a", "shared"]), texts),
            "ResourceId": texts,
            "RegionId": st.sampled_from(["r", "s", ""]),
            "Tags": tags,
        }
    ),
    min_size=1,
    max_size=30,
)


@pytest.fixture(scope="module")
def store() -> Iterator[Database]:
    """One database for all examples: each reads one bill over the last one's."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/sandrail.db")
        upgrade(database)
        yield database
        database.close()


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(found=rows)
def test_money_out_is_money_in_by_period_and_currency(
    store: Database, found: list[dict[str, Any]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_csv(Path(folder) / "bill.csv", [charge(**row) for row in found])
        report = ingest(load_files(path, Path(folder), RULES), store, today=TODAY)
    assert report.quarantined == 0
    exact: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in found:
        key = (row["BillingPeriodStart"][:7], row["BillingCurrency"].upper())
        exact[key] += Decimal(row["BilledCost"])
    out: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for line in rollups(store):
        key = (line["period"].isoformat()[:7], line["currency"])
        if key in exact:
            out[key] += line["cost"]
    for key, amount in exact.items():
        assert out[key] == amount.quantize(Decimal("0.000001"))
    assert {(f"{p.period:%Y-%m}", p.currency): p.money_in for p in report.periods} == dict(out)
    assert all(p.money_in == p.money_out for p in report.periods)


def test_two_thousand_rows_add_up_on_both_databases(tmp_path: Path, database: Database) -> None:
    import random

    dice = random.Random(5)
    made = [
        charge(
            BilledCost=f"{dice.uniform(-1, 3):.{dice.randint(0, 17)}f}",
            ResourceId=f"i-{dice.randint(1, 300)}",
            ChargePeriodStart=f"2026-10-{dice.randint(1, 31):02d}T{dice.randint(0, 23):02d}:00:00Z",
        )
        for _ in range(2000)
    ]
    write_csv(tmp_path / "bill.csv", made)
    report = ingest(load_files("bill.csv", tmp_path), database, today=TODAY)
    exact = sum((Decimal(row["BilledCost"]) for row in made), Decimal(0))
    assert report.periods[0].money_out == exact.quantize(Decimal("0.000001"))
    assert sum(line["cost"] for line in rollups(database)) == report.periods[0].money_in
