"""What the tests of dashboards share: a desk with spend, metrics and decisions; what a dashboard shows."""

import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert

from guardrails.money import MICROS
from handlers.conversation import Actor, Facts, Message, Table
from storage.policy_file import LoadedPolicy, parse_policy, policy_hash
from storage.tables.alerts import Anomaly
from storage.tables.budgets import Overrun
from storage.tables.sandboxes import GateCase, Sandbox
from storage.tables.spend import CostRollup, MetricPoint
from tests.conftest import NOW, POLICY
from tests.handlers.alerting import Bot

TODAY = date(2026, 11, 23)
YESTERDAY = date(2026, 11, 22)
MORE = """
watch:
  units:
    - {metric: outputs, label: output}
    - {metric: inferences, per: 1000, label: inferences}
  quality: [ndcg]
budgets:
  - {name: search-month, scope: {team: search}, limit: 50000}
  - {name: other-month, scope: {team: other}, limit: 900}
"""
RATES = ("currency: USD}", "currency: USD, rates: {EUR: 1.0837, JPY: 0.0064}}")


def made(more: str = MORE, *edits: tuple[str, str]) -> LoadedPolicy:
    text = POLICY + more
    for old, new in (RATES, *edits):
        assert old in text, old
        text = text.replace(old, new)
    policy = parse_policy(text)
    return LoadedPolicy(policy, policy_hash(policy), Path())


def actor(email: str = "finops@example.com", *roles: Any) -> Actor:
    return Actor(
        person=email,
        name=email,
        surface="console",
        tenant="local",
        user_id=email,
        roles=frozenset(roles),
    )


class Desk(Bot):
    def spend(self, *rows: dict[str, Any]) -> None:
        values = []
        for row in rows:
            cost = CostRollup(
                **{
                    "bill": "main",
                    "period": row.get("day", YESTERDAY).replace(day=1),
                    "day": YESTERDAY,
                    "currency": "USD",
                    "cost_micros": 0,
                    **row,
                }
            )
            values.append(cost.model_dump(exclude={"id"}))
        with self.database.write() as connection:
            connection.execute(insert(CostRollup.__table__), values)  # type: ignore[attr-defined]

    def daily(self, cost: float, last: date = YESTERDAY, days: int = 70, **row: Any) -> None:
        """The same on each of so many days up to the last one."""
        every = [last - timedelta(days=n) for n in range(days)]
        self.spend(*[{"day": d, "cost_micros": int(cost * MICROS), **row} for d in every])

    def measure(self, metric: str, value: float, days: int = 70, **where: Any) -> None:
        every = [YESTERDAY - timedelta(days=n) for n in range(days)]
        points = [
            MetricPoint(source="m", metric=metric, day=d, value=value, **where).model_dump(
                exclude={"id"}
            )
            for d in every
        ]
        with self.database.write() as connection:
            connection.execute(insert(MetricPoint.__table__), points)  # type: ignore[attr-defined]

    def add(self, table: Any, **values: Any) -> None:
        with self.database.write() as connection:
            connection.execute(insert(table.__table__).values(**values))

    def clear(self) -> None:
        with self.database.write() as connection:
            connection.execute(delete(CostRollup.__table__))  # type: ignore[attr-defined]

    def show(self, which: Any, who: str = "finops@example.com") -> Message:
        shown = self.turn(lambda turn: which(turn, actor(who)))
        assert isinstance(shown, Message)
        return shown


def tables(message: Message) -> list[Table]:
    return [b for b in message.blocks if isinstance(b, Table)]


def rows(table: Table) -> dict[str, tuple[str, ...]]:
    return {row[0]: row[1:] for row in table.rows}


def facts(message: Message) -> dict[str, str]:
    return {
        f.label: "".join(getattr(s, "text", "") for s in f.value)
        for b in message.blocks
        if isinstance(b, Facts)
        for f in b.facts
    }


def words(message: Message) -> str:
    return message.model_dump_json()


def money(words: str) -> Decimal:
    found = re.fullmatch(r"(-?)\$([\d,]+(?:\.\d+)?)", words)
    assert found, words
    return Decimal(found[1] + found[2].replace(",", ""))


def sandbox(desk: Desk, name: str, **values: Any) -> None:
    usual = Sandbox(
        id=name,
        name=name,
        state="active",
        hypothesis="h",
        feature="f",
        workload="training",
        stage="exploration",
        team="search",
        owner="engineer@example.com",
        resources={},
        estimate_micros=1,
        asked_micros=1,
        currency="USD",
        days=10,
        starts_on=date(2026, 11, 20),
        ends_on=date(2026, 11, 30),
        data_class="public",
        risk_class="minimal",
        asked_by="engineer@example.com",
        asked_name="Engineer",
        asked_at=NOW - timedelta(days=3),
        channel="finops",
        actuators=[],
        handles={},
        active_at=NOW - timedelta(days=3),
        policy_hash="",
    ).model_dump()
    desk.add(Sandbox, **{**usual, **values})


def overrun(desk: Desk, name: str, **values: Any) -> None:
    usual = Overrun(
        id=name,
        budget=name,
        period="2026-11",
        kind="actual",
        state="granted",
        amount_micros=1,
        until=TODAY,
        channel="finops",
        rung=0,
        rung_name="r",
        facts={},
        opened_at=NOW - timedelta(days=1),
        placed_at=NOW - timedelta(days=1),
        due_at=NOW,
        policy_hash="",
    ).model_dump()
    desk.add(Overrun, **{**usual, **values})


def gate(desk: Desk, name: str, state: str = "done") -> None:
    case = GateCase(
        id=name,
        sandbox_id=name,
        gate="g",
        kind="promote",
        state=state,
        amount_micros=1,
        facts={},
        proposed_at=NOW,
        decided_at=NOW,
        policy_hash="",
    )
    desk.add(GateCase, **case.model_dump())


def anomaly(desk: Desk, n: int, state: str, *channels: str) -> None:
    row = Anomaly(
        id=f"a{n}",
        signal="spend",
        scope=f"experiment:e{n}",
        direction="up",
        state=state,
        started_on=YESTERDAY,
        last_on=YESTERDAY,
        ended_on=YESTERDAY,
        severity="low",
        impact_micros=1,
        currency="USD",
        found={},
        channels=list(channels),
        created_at=NOW,
    )
    desk.add(Anomaly, **row.model_dump())
