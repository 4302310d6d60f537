"""What the tests of replays share: a quarter of daily rounds with people who decide, as the bot records it."""

import random
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from handlers.alerts.publish import publish
from handlers.daily import look_at_budgets, look_at_sandboxes
from handlers.deadlines import run_due
from handlers.find_anomalies import find_anomalies
from storage.bills.completeness import complete_through
from storage.tables.budgets import Overrun
from storage.tables.spend import BillPeriod, CostRollup, MetricPoint
from tests.handlers.alerting import places
from tests.handlers.redlining import Lines

FIRST, LAST = date(2026, 8, 3), date(2026, 11, 2)  # rounds: a quarter of 92 days
HISTORY = date(2026, 7, 6)  # of the bill

#: What is spent in a day: by experiment and day.
Spend = Callable[[str, date], float]


class Quarter(Lines):
    """Daily rounds over a bill that has each day's charges on the next morning."""

    asks: Mapping[
        date, tuple[dict[str, str], ...]
    ] = {}  # forms by the day on which they are handed in

    def record(self, spend: Spend, experiments: tuple[str, ...], first: date, last: date) -> None:
        """The rounds from ``first`` to ``last``; people decide at eleven what has waited for a day."""
        self.write(spend, experiments, HISTORY, first - timedelta(days=2))
        day = first
        while day <= last:
            self.clock.now = self.local(day, 6)
            self.write(spend, experiments, day - timedelta(days=1), day - timedelta(days=1))
            self.round_of(day)
            self.afternoon(spend, experiments, day)
            day += timedelta(days=1)

    def local(self, day: date, hour: int) -> datetime:
        zone = self.loaded.policy.workspace.zone
        return datetime.combine(day, time(hour), zone).astimezone(UTC)

    def round_of(self, day: date) -> None:
        """What the daily round does after the bills are read."""
        with self.database.read() as connection:
            found = find_anomalies(connection, self.loaded.policy, day)
        self.turn(lambda turn: publish(turn, found))
        look_at_budgets(self.database, self.loaded, places, self.clock)
        look_at_sandboxes(self.database, self.loaded, places, self.clock)

    def afternoon(self, spend: Spend, experiments: tuple[str, ...], day: date) -> None:
        """Deadlines hour by hour of the day, and the people's decisions."""
        for hour in (9, 11, 20):
            self.clock.now = self.local(day, hour)
            run_due(self.database, self.loaded, places, self.clock)
            if hour == 9:
                for form in self.asks.get(day, ()):
                    self.ask(**form)
                if day in self.acts:
                    self.acts[day](self)
            if hour == 11:
                self.decide()
            self.carry_out()

    def decide(self) -> None:
        """Who may, agrees to what has waited for a day; what a forecast of a sandbox asks for is declined."""
        old = self.clock.now - timedelta(days=1)
        for row in self.rows(Overrun):
            if row.state not in ("open", "review") or row.opened_at > old:
                continue
            if row.kind == "forecast" and row.budget.startswith("sandbox/"):
                self.submit("decline", row, "product", why="too much")
                continue
            for who in ("lead", "finance", "product", "compliance"):
                self.press("approve", self.row(row.id), who)

    def write(self, spend: Spend, experiments: tuple[str, ...], first: date, last: date) -> None:
        """These days of the bill, and how far it is complete now."""
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        rows = [
            CostRollup(
                bill="main",
                period=d.replace(day=1),
                day=d,
                cost_micros=round(spend(name, d) * 10**6),
                currency="USD",
                experiment=name,
                team="search",
                feature="semantic-search",
                workload="training",
                stage="exploration",
                owner="engineer@example.com",
                provider="AWS",
                account="ml",
                service="EC2",
            ).model_dump(exclude={"id"})
            for d in days
            for name in experiments
            if spend(name, d)
        ]
        today = self.clock.now.date()
        table = BillPeriod.__table__  # type: ignore[attr-defined]
        with self.database.write() as connection:
            if rows:
                connection.execute(insert(CostRollup.__table__), rows)  # type: ignore[attr-defined]
            known = set(connection.execute(select(table.c.period)).scalars())
            late = self.loaded.policy.bills[0].complete_after_days
            for period in sorted({d.replace(day=1) for d in days} - known):
                connection.execute(insert(table).values(_period(period, self.clock.now)))
            for period in sorted({*known, *(d.replace(day=1) for d in days)}):
                through = complete_through(period, last, today, late)
                connection.execute(
                    update(table).where(table.c.period == period).values(complete_through=through)
                )

    def scores(self, experiment: str, day: date, accuracy: float) -> None:
        """A value of the metric ``accuracy`` on a day."""
        point = MetricPoint(
            source="m", metric="accuracy", value=accuracy, day=day, experiment=experiment
        )
        with self.database.write() as connection:
            table = MetricPoint.__table__  # type: ignore[attr-defined]
            connection.execute(insert(table), [point.model_dump(exclude={"id"})])


def _period(period: date, now: datetime) -> dict[str, Any]:
    return {
        "bill": "main",
        "period": period,
        "currency": "USD",
        "rows": 1,
        "rollups": 1,
        "money_in_micros": 0,
        "money_out_micros": 0,
        "quarantined_rows": 0,
        "ingested_at": now,
        "fingerprint": "",
    }


def jitter(name: str, day: date) -> float:
    """A few percent of noise that is the same for the same day."""
    return 1 + random.Random(f"{name} {day}").uniform(-0.04, 0.04)
