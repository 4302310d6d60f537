"""One reading for many mornings gives the matrices that the daily round reads as of each of them."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import delete, insert

from guardrails.policy.model import Policy
from storage.database import Database
from storage.history_series import Mornings
from storage.policy_file import parse_policy
from storage.series import read_series
from storage.tables.spend import BillPeriod, CostRollup, MetricPoint

POLICY = """version: 1
workspace: {name: Example AI, rates: {EUR: 1.08}}
bills: [{name: cloud, files: bill}, {name: models, files: models}]
channels: {finops: {}}
alerts: {default: finops}
detection: {history_days: 30}
watch: {units: [{metric: outputs, per: 1000, label: outputs}], quality: [accuracy, error_rate]}
"""
FIRST = date(2026, 6, 1)
SIGNALS = {"spend", "gpu-usage", "cost-per-unit", "quality", "resource-mix"}


def charges(days: int, seed: int) -> list[dict[str, Any]]:
    """Two bills in two currencies, with and without tags, some of them GPUs, one that begins late."""
    chance = random.Random(seed)
    found = []
    for n in range(days):
        day = FIRST + timedelta(days=n)
        for k in range(14):
            if chance.random() < 0.15:
                continue
            bill = "cloud" if k < 10 else "models"
            if bill == "models" and n < 20:
                continue
            row = CostRollup(
                bill=bill,
                period=day.replace(day=1),
                day=day,
                currency="USD" if bill == "cloud" else "EUR",
                experiment=f"exp-{k % 4}" if k % 3 else "",
                feature=f"feature-{k % 3}" if k % 5 else "",
                team=f"team-{k % 2}" if k % 7 else "",
                stage=("pilot", "production")[n * k % 2],
                owner=f"owner-{k % 3}@example.com" if k % 2 else "",
                account=f"account-{k % 2}",
                service=f"service-{k % 3}",
                sku=f"sku-{chance.randrange(4)}",
                is_gpu=k % 4 == 1,
                cost_micros=chance.randrange(-(10**6), 10**9),
                quantity=chance.randrange(1, 50),
            )
            found.append(row.model_dump(exclude={"id"}))
    return found


def points(days: int, seed: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    return [
        MetricPoint(
            source="m",
            metric=metric,
            day=FIRST + timedelta(days=n),
            value=chance.random() * 1000,
            experiment=f"exp-{k}" if k != 2 else "",
            feature=f"feature-{k}",
            team=f"team-{k % 2}",
        ).model_dump(exclude={"id"})
        for n in range(days)
        for metric in ("outputs", "accuracy", "error_rate", "unwatched")
        for k in range(3)
        if chance.random() < 0.9
    ]


def test_each_morning_is_what_was_read_then(sqlite: Database) -> None:
    policy, every = parse_policy(POLICY), charges(200, 1)
    table = CostRollup.__table__  # type: ignore[attr-defined]
    periods = BillPeriod.__table__  # type: ignore[attr-defined]
    metrics = MetricPoint.__table__  # type: ignore[attr-defined]
    measured = points(200, 2)
    last = FIRST + timedelta(days=199)
    with sqlite.write() as connection:
        connection.execute(insert(table), every)
        connection.execute(insert(metrics), measured)
        connection.execute(
            insert(periods), [_period(b, c) for b, c in (("cloud", "USD"), ("models", "EUR"))]
        )
        mornings = Mornings(connection, policy, FIRST + timedelta(days=10), last)
    for n in (198, 150, 90, 35, 12):  # what came later is taken away
        day = FIRST + timedelta(days=n)
        seen = day - timedelta(days=1)
        with sqlite.write() as connection:
            connection.execute(delete(table).where(table.c.day > seen))
            connection.execute(delete(metrics).where(metrics.c.day > seen))
            whole = {"cloud": day - timedelta(days=2), "models": day - timedelta(days=3)}
            for bill, through in whole.items():
                mine = periods.update().where(periods.c.bill == bill)
                connection.execute(mine.values(complete_through=through))
        with sqlite.read() as connection:
            read = read_series(connection, policy, day)
        compare(read, mornings.series(day, seen, whole))


def test_without_a_bill_there_is_nothing(sqlite: Database) -> None:
    policy: Policy = parse_policy(POLICY)
    with sqlite.read() as connection:
        mornings = Mornings(connection, policy, FIRST, FIRST)
    assert mornings.series(FIRST, FIRST, {}) == []


def compare(read: list[Any], sliced: list[Any]) -> None:
    assert [(m.signal, m.unit) for m in read] == [(m.signal, m.unit) for m in sliced]
    assert {m.signal for m in read} == SIGNALS
    for a, b in zip(read, sliced, strict=True):
        assert (a.days, a.scopes, a.watched) == (b.days, b.scopes, b.watched)
        assert a.allocations == b.allocations
        assert (a.complete == b.complete).all()
        np.testing.assert_allclose(b.values, a.values, rtol=1e-9)
        np.testing.assert_allclose(b.worth, a.worth, rtol=1e-9)


def _period(bill: str, currency: str) -> dict[str, Any]:
    return BillPeriod(
        bill=bill,
        period=FIRST,
        currency=currency,
        rows=1,
        rollups=1,
        money_in_micros=0,
        money_out_micros=0,
        ingested_at=datetime(2026, 6, 1, tzinfo=UTC),
    ).model_dump(exclude={"id"})
