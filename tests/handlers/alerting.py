"""What the tests of alerts share: findings, a turn, a press as a surface would hand it over."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from uuid import uuid4

from guardrails.authority import roles_of
from guardrails.detection.found import DayPoint, Driver, Found, Scope
from handlers import catalog as _catalog  # noqa: F401  (registers the handlers)
from handlers import router
from handlers.conversation import Actor, Interaction, Kind, Place
from handlers.turn import Turn
from storage import anomalies
from storage.database import Database
from storage.policy_file import LoadedPolicy
from tests.conftest import Clock

T = TypeVar("T")


def finding(
    name: str = "ranker", *, last: date = date(2026, 11, 22), days: int = 2, **values: Any
) -> Found:
    """A spend spike of an experiment of the team search."""
    start = last - timedelta(days=days - 1)
    found = Found(
        signal="spend",
        scope=Scope("experiment", name),
        direction="up",
        started_on=start,
        last_on=last,
        ongoing=True,
        unit="USD",
        observed=31240.0,
        expected=1020.0,
        lower=800.0,
        upper=1300.0,
        score=40.0,
        severity="critical",
        impact=Decimal("30220.50"),
        impact_by_month_end=Decimal("240000"),
        currency="USD",
        drivers=(
            Driver(
                "sku",
                "p5.48xlarge GPU hours",
                Decimal(28400),
                0.94,
                price_share=0.0,
                volume_share=1.0,
            ),
        ),
        history=(
            *(
                DayPoint(
                    start - timedelta(days=n), 1000.0, 1020.0, 800.0, 1300.0, 0.1, anomalous=False
                )
                for n in range(5, 0, -1)
            ),
            DayPoint(last, 31240.0, 1020.0, 800.0, 1300.0, 40.0, anomalous=True),
        ),
        allocation={
            "team": "search",
            "feature": "semantic-search",
            "owner": "engineer@example.com",
        },
    )
    return replace(found, **values)


def places(channel: str) -> tuple[Place, ...]:
    """One surface that has every channel."""
    return (Place(surface="console", tenant="local", channel=channel),)


class Bot:
    """The handlers without a surface: turns, presses and what they put into the outbox."""

    def __init__(self, database: Database, loaded: LoadedPolicy, clock: Clock) -> None:
        self.database = database
        self.loaded = loaded
        self.clock = clock

    def turn(self, work: Callable[[Turn], T]) -> T:
        with self.database.write() as connection:
            return work(Turn(connection, self.loaded, self.clock(), places))

    def version(self, anomaly_id: str) -> int:
        """What a button that shows the anomaly as it is now carries."""
        with self.database.read() as connection:
            row = anomalies.get(connection, anomaly_id)
        return 1 if row is None else int(row.version)

    def act(
        self,
        kind: Kind,
        name: str,
        subject: str = "",
        *,
        who: str = "engineer@example.com",
        delivery: str | None = None,
        standing: Any = "member",
        version: int | None = None,
        **inputs: str,
    ) -> Any:
        known = {p.email: p.name for p in self.loaded.policy.people}
        actor = Actor(
            person=who,
            name=known.get(who, who),
            surface="console",
            tenant="local",
            user_id=who,
            roles=roles_of(self.loaded.policy, who),
            standing=standing,
        )
        interaction = Interaction(
            delivery_id=delivery or uuid4().hex,
            kind=kind,
            name=name,
            subject=subject,
            version=self.version(subject) if version is None else version,
            inputs=inputs,
            actor=actor,
            place=Place(surface="console", tenant="local", channel="ml-search"),
        )
        try:
            with self.database.write() as connection:
                return router.answer(
                    connection, self.loaded, places, interaction, self.clock()
                ).reply
        except Exception as error:
            reply = router.refused(error, interaction)
            with self.database.write() as connection:
                return router.remember_refusal(connection, interaction, reply, self.clock())
