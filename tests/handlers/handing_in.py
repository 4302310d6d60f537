"""What the tests of replays that were asked for in chat share: a policy, a bill, somebody who hands a file in."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, select

from guardrails.authority import roles_of
from guardrails.money import MICROS
from handlers import router
from handlers.conversation import Actor, Interaction, Place
from storage.database import Database
from storage.tables.audit import AuditEntry
from storage.tables.delivery import Outbox
from storage.tables.rules import PolicyReplay
from storage.tables.spend import CostRollup
from tests.conftest import POLICY
from tests.handlers.alerting import Bot, places

OTHER = POLICY.replace("impact_at_least: 10000", "impact_at_least: 20000")
FINOPS = "finops@example.com"


def bill(database: Database, first: date = date(2026, 10, 1), days: int = 20) -> None:
    """A hundred a day."""
    rows = [
        CostRollup(
            bill="main",
            period=day.replace(day=1),
            day=day,
            cost_micros=100 * MICROS,
            currency="USD",
            team="search",
        ).model_dump(exclude={"id"})
        for day in (first + timedelta(days=n) for n in range(days))
    ]
    with database.write() as connection:
        connection.execute(insert(CostRollup.__table__), rows)  # type: ignore[attr-defined]


def interaction(bot: Bot, text: str = OTHER, who: str = FINOPS, **more: Any) -> Interaction:
    """The form as a surface hands it over."""
    actor = Actor(
        person=who,
        name=who,
        surface="console",
        tenant="local",
        user_id=who,
        roles=roles_of(bot.loaded.policy, who),
    )
    return Interaction(
        delivery_id=more.pop("delivery", uuid4().hex),
        kind="submission",
        name="policy.replay",
        inputs={"days": more.pop("days", "30")},
        files={"policy": text},
        actor=actor,
        place=Place(surface="console", tenant="local", channel="finops"),
        **more,
    )


def hand_in(bot: Bot, text: str = OTHER, who: str = FINOPS, **more: Any) -> Any:
    """Hands a file in; the reply."""
    asked = interaction(bot, text, who, **more)
    try:
        with bot.database.write() as connection:
            return router.answer(connection, bot.loaded, places, asked, bot.clock()).reply
    except Exception as error:
        return router.refused(error, asked)


def replays(database: Database) -> list[Any]:
    """The rows, the oldest first."""
    table = PolicyReplay.__table__  # type: ignore[attr-defined]
    with database.read() as connection:
        return list(connection.execute(select(table).order_by(table.c.id)))


def audited(database: Database) -> list[Any]:
    """What the audit has of replays, the oldest first."""
    table = AuditEntry.__table__  # type: ignore[attr-defined]
    with database.read() as connection:
        rows = connection.execute(select(table).order_by(table.c.seq))
        return [r for r in rows if r.action.startswith("policy.")]


def outbox(database: Database) -> list[Any]:
    """What was said, the oldest first."""
    table = Outbox.__table__  # type: ignore[attr-defined]
    with database.read() as connection:
        return list(connection.execute(select(table).order_by(table.c.id)))
