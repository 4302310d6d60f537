"""What the tests of budgets and overruns share: a policy, a bill of so much a day, people who press."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, insert

from guardrails.authority import roles_of
from guardrails.money import MICROS
from handlers import router
from handlers.budgets.look import Looked, look
from handlers.conversation import Actor, Interaction, Kind, Message, Place
from handlers.deadlines import run_due
from storage import audit, overruns
from storage.policy_file import LoadedPolicy, parse_policy, policy_hash
from storage.tables.audit import AuditEntry
from storage.tables.budgets import BudgetEntry, Overrun
from storage.tables.delivery import Outbox
from storage.tables.spend import CostRollup, MetricPoint
from tests.conftest import POLICY
from tests.handlers.alerting import Bot, places
from tests.stored import rows_of

FIRST = date(2026, 8, 1)  # of the bill: months of history before the day of the tests
BUDGET = "  - {name: ranker, scope: {experiment: ranker}, limit: 3000, owner: owner@example.com}\n"
PEOPLE = """
  - {email: owner@example.com, name: Experiment owner, team: search}
  - {email: product@example.com, name: Product owner}
  - {email: finance@example.com, name: Finance partner}
  - {email: controller@example.com, name: Controller}
  - {email: operator@example.com, name: Platform operator}
"""
ROLES = """
  product: {emails: [product@example.com]}
  finance: {emails: [finance@example.com, controller@example.com]}
  operator: {emails: [operator@example.com]}
"""
LADDER = """ladder:
  rungs:
    - {name: own, up_to: 500, percent: 10, any_of: [engineer, lead], self_approval: true,
       at_most: {times: 3, days: 30}}
    - {name: lead, up_to: 5000, percent: 25, any_of: [lead]}
    - {name: joint, all_of: [finance, product], review: true}
"""


def overrun_policy(
    *edits: tuple[str, str], budgets: str = BUDGET, more: str = LADDER
) -> LoadedPolicy:
    """The tests' policy with budgets, a ladder and people for it; ``edits`` replace text."""
    plain = POLICY.partition("runbooks:")[0]  # the last section; overruns do without
    text = plain.replace("roles:\n", PEOPLE.lstrip("\n") + "roles:\n" + ROLES.lstrip("\n"), 1)
    text = text.replace(
        "engineer: {emails: [engineer@", "engineer: {emails: [owner@example.com, engineer@"
    )
    text += f"budgets:\n{budgets}{more}"
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    policy = parse_policy(text)
    return LoadedPolicy(policy, policy_hash(policy), Path())


class Desk(Bot):
    """The bot's handlers with bills that a test writes."""

    def version(self, subject: str) -> int:
        """What a button that shows the overrun as it is now carries."""
        row = self.row(subject)
        return 1 if row is None else int(row.revision)

    def rows(self, table: Any) -> list[Any]:
        return rows_of(self.database, table)

    def row(self, overrun_id: str) -> Any:
        with self.database.read() as connection:
            return overruns.get(connection, overrun_id)

    def bill(
        self, a_day: float, first: date = FIRST, last: date | None = None, **scope: str
    ) -> None:
        """So much a day for the experiment ``ranker`` of the team search, in place of what was there."""
        last = last or self.clock.now.date() + timedelta(days=1)
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        values: dict[str, Any] = {
            "experiment": "ranker",
            "team": "search",
            "currency": "USD",
            **scope,
        }
        micros = int(a_day * MICROS)
        rows = [
            CostRollup(
                bill="main", period=d.replace(day=1), day=d, cost_micros=micros, **values
            ).model_dump(exclude={"id"})
            for d in days
        ]
        table = CostRollup.__table__  # type: ignore[attr-defined]
        with self.database.write() as connection:
            connection.execute(
                delete(table).where(
                    table.c.day.between(first, last), table.c.experiment == values["experiment"]
                )
            )
            connection.execute(insert(table), rows)

    def outputs(self, a_day: float, first: date = FIRST, last: date | None = None) -> None:
        """So many outputs of ``ranker`` a day."""
        last = last or self.clock.now.date()
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        point: dict[str, Any] = {
            "source": "m",
            "metric": "outputs",
            "value": a_day,
            "experiment": "ranker",
        }
        rows = [MetricPoint(day=d, **point).model_dump(exclude={"id"}) for d in days]
        with self.database.write() as connection:
            connection.execute(insert(MetricPoint.__table__), rows)  # type: ignore[attr-defined]

    def look(self) -> Looked:
        return self.turn(look)

    def due(self) -> int:
        return run_due(self.database, self.loaded, places, self.clock)

    def next_day(self, a_day: float, days: int = 1) -> Looked:
        """Days pass, the bill goes on at so much a day, and is looked at."""
        before = self.clock.now.date()
        self.clock.now += timedelta(days=days)
        self.bill(a_day, before)
        return self.look()

    def waiting(self) -> Any:
        """The one overrun that waits."""
        (row,) = [r for r in self.rows(Overrun) if r.state in overruns.WAITING]
        return row

    def begin(self, a_day: float) -> Any:
        """A bill of so much a day, looked at; the overrun that waits afterwards."""
        self.bill(a_day)
        self.look()
        return self.waiting()

    def ask(self, amount: str, who: str = "engineer", **inputs: Any) -> Any:
        given = {"amount": amount, "why": "a sweep", "value": "", **inputs}
        return self.act("submission", "overrun.ask", "ranker", who=who, **given)

    def press(self, what: str, row: Any, who: str, **more: Any) -> Any:
        return self.act("press", f"overrun.{what}", row.id, who=who, **more)

    def submit(self, what: str, row: Any, who: str, **more: Any) -> Any:
        return self.act("submission", f"overrun.{what}", row.id, who=who, **more)

    def less(self, amount: str, row: Any, who: str, **more: Any) -> Any:
        return self.submit("approve-less", row, who, amount=amount, why="", **more)

    def act(
        self,
        kind: Kind,
        name: str,
        subject: str = "",
        /,
        *,
        who: str = "engineer",
        delivery: str | None = None,
        version: int | None = None,
        surface: str = "console",
        **inputs: str,
    ) -> Any:
        """``who``: the local part of an e-mail, however it is written."""
        person = f"{who}@example.com"
        known = {p.email: p.name for p in self.loaded.policy.people}
        interaction = Interaction(
            delivery_id=delivery or uuid4().hex,
            kind=kind,
            name=name,
            subject=subject,
            version=self.version(subject) if version is None else version,
            inputs=inputs,
            actor=Actor(
                person=person,
                name=known.get(person.lower(), person),
                surface=surface,
                tenant="local",
                user_id=f"{surface}-{who}",
                roles=roles_of(self.loaded.policy, person),
            ),
            place=Place(surface=surface, tenant="local", channel="ml-search"),
        )

        def answer(connection: Any) -> Any:
            return router.answer(connection, self.loaded, places, interaction, self.clock()).reply

        try:
            return self.database.transact(answer)
        except Exception as error:
            reply = router.refused(error, interaction)
            with self.database.write() as connection:
                return router.remember_refusal(connection, interaction, reply, self.clock())

    # --- what is there afterwards ---

    def limit(self, budget: str = "ranker") -> Decimal:
        """The sum of the ledger, whatever counts when."""
        return sum(
            (
                Decimal(r.amount_micros) / MICROS
                for r in self.rows(BudgetEntry)
                if r.budget == budget
            ),
            Decimal(0),
        )

    def posts(self, prefix: str) -> list[Any]:
        """What was posted under keys that begin so, the oldest first."""
        rows = [r for r in self.rows(Outbox) if r.kind == "post" and r.key.startswith(prefix)]
        return sorted(rows, key=lambda r: r.id)

    def news(self, row: Any) -> list[str]:
        """What was said in an overrun's thread."""
        posted = self.posts(f"overrun:{row.id}:")
        return [Message.model_validate(r.content).summary for r in posted]

    def card(self, row: Any, key: str = "") -> Message:
        """What the card (or another message of the overrun) says now."""
        key = f"overrun:{row.id}{key}"
        last = max((r for r in self.rows(Outbox) if r.key == key), key=lambda r: r.id)
        return Message.model_validate(last.content)

    def audited(self, *actions: str) -> list[Any]:
        return [e for e in self.rows(AuditEntry) if e.action in actions]

    def chain_holds(self) -> bool:
        with self.database.read() as connection:
            return isinstance(audit.verify(connection), int)
