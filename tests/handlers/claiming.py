"""What the tests of shadow spend share: a shop with a bill that a test writes, and what its cards say."""

from datetime import date, timedelta
from typing import Any

from sqlalchemy import delete, insert

from guardrails.money import MICROS
from handlers.conversation import Button, Controls, Facts, Message, Place
from handlers.shadow.look import look_at_shadow
from storage import audit
from storage.tables.audit import AuditEntry
from storage.tables.delivery import Outbox
from storage.tables.shadow import ShadowQuestion
from storage.tables.spend import CostRollup
from tests.handlers.alerting import Bot
from tests.stored import rows_of

FIRST = date(2026, 9, 1)

ANSWER = {
    "team": "search",
    "experiment": "lead-scoring",
    "feature": "sales-assistant",
    "workload": "inference",
    "owner": "",
    "note": "trial of the sales team",
}


class Shop(Bot):
    """The bot's handlers over a rollup that a test writes."""

    def spend(
        self, a_day: float, *, first: date = FIRST, last: date | None = None, **values: Any
    ) -> None:
        """So much a day, unclaimed AI of Bedrock in the account sales when nothing else is said."""
        last = last or self.clock.now.date()
        row: dict[str, Any] = {
            "account": "sales",
            "service": "Bedrock",
            "provider": "AWS",
            "currency": "USD",
            "is_ai": True,
            "resource": "arn:aws:bedrock:us-east-1:1:model/lead-scoring-agent-output",
            **values,
        }
        rows = [
            CostRollup(
                bill="main",
                period=day.replace(day=1),
                day=day,
                cost_micros=int(a_day * MICROS),
                **row,
            ).model_dump(exclude={"id"})
            for day in (first + timedelta(days=n) for n in range((last - first).days + 1))
        ]
        with self.database.write() as connection:
            connection.execute(insert(CostRollup.__table__), rows)  # type: ignore[attr-defined]

    def allocate(self, **values: Any) -> None:
        """What the next reading does with unclaimed spend once a tag, rule or claim has it."""
        table = CostRollup.__table__  # type: ignore[attr-defined]
        with self.database.write() as connection:
            connection.execute(
                table.update()
                .where(table.c.allocated_by == "none", table.c.account == "sales")
                .values(allocated_by="tags", **values)
            )

    def forget(self) -> None:
        with self.database.write() as connection:
            connection.execute(delete(CostRollup.__table__))  # type: ignore[attr-defined]

    def version(self, subject: str) -> int:
        return 1

    def look(self) -> int:
        return self.turn(look_at_shadow)

    def rows(self, table: Any) -> list[Any]:
        return rows_of(self.database, table)

    def asked(self) -> Any:
        (row,) = self.rows(ShadowQuestion)
        return row

    def ask(self) -> Any:
        """Unclaimed spend that is asked about; the question."""
        self.spend(100)
        self.spend(
            50,
            account="research",
            resource="",
            experiment="x",
            team="search",
            allocated_by="tags",
        )
        assert self.look() == 1
        return self.asked()

    def press(self, what: str, row: Any, who: str = "engineer", **more: Any) -> Any:
        return self.act("press", f"shadow.{what}", row.id, who=f"{who}@example.com", **more)

    def submit(self, what: str, row: Any, who: str = "engineer", **inputs: Any) -> Any:
        return self.act("submission", f"shadow.{what}", row.id, who=f"{who}@example.com", **inputs)

    def claim(self, row: Any, who: str = "engineer", **changes: str) -> Any:
        return self.submit("claim", row, who, **{**ANSWER, **changes})

    def posts(self) -> list[tuple[str, str, Message]]:
        """(key, channel, message) of all that was posted."""
        rows = sorted((r for r in self.rows(Outbox) if r.kind == "post"), key=lambda r: r.id)
        return [
            (r.key, Place.model_validate(r.place).channel, Message.model_validate(r.content))
            for r in rows
        ]

    def card(self, key: str) -> Message:
        """What the newest card of a key says now."""
        last = max((r for r in self.rows(Outbox) if r.key == key), key=lambda r: r.id)
        return Message.model_validate(last.content)

    def audited(self) -> list[str]:
        with self.database.read() as connection:
            assert isinstance(audit.verify(connection), int)
        return [e.action for e in sorted(self.rows(AuditEntry), key=lambda e: e.seq)]


def buttons(message: Message) -> list[str]:
    found = [b for block in message.blocks if isinstance(block, Controls) for b in block.controls]
    return [b.action for b in found if isinstance(b, Button)]


def words(message: Message) -> str:
    return message.model_dump_json()


def facts(message: Message) -> dict[str, str]:
    return {
        f.label: "".join(getattr(s, "text", getattr(s, "name", "")) for s in f.value)
        for block in message.blocks
        if isinstance(block, Facts)
        for f in block.facts
    }
