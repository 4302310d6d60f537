"""Jumps that the forecast does not have yet, and anomalies beside overruns without standing in people's way."""

import threading
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update

from handlers.alerts.publish import publish
from handlers.budgets.joins import join_anomalies
from handlers.conversation import Done
from handlers.turn import Turn
from storage.database import Database
from storage.migrate import upgrade
from storage.tables.delivery import Outbox
from tests.conftest import Clock
from tests.handlers.alerting import finding, places
from tests.handlers.overrunning import Desk, overrun_policy
from tests.postgres import fresh_database

MIDDLE = 115


@pytest.fixture
def desk(database: Database, clock: Clock) -> Desk:
    return Desk(database, overrun_policy(), clock)


def alert(desk: Desk, **values: Any) -> None:
    more: dict[str, Any] = {"impact": Decimal(300), "impact_by_month_end": Decimal(2400)}
    desk.turn(lambda turn: publish(turn, [finding(**{**more, **values})]))


def test_the_card_says_what_the_forecast_does_not_have_yet(desk: Desk) -> None:
    desk.bill(MIDDLE)
    alert(desk)
    desk.look()
    said = desk.card(desk.waiting()).model_dump_json()
    assert "Not in the forecast" in said
    assert "a jump since Sat 21 Nov, which counts from its fourth day; if it goes on" in said
    assert "about $2,100 more by the end of the month" in said


@pytest.mark.parametrize(
    "values", [{"days": 5}, {"name": "other"}, {"direction": "down"}, {"signal": "quality"}]
)
def test_other_anomalies_are_not_said_there(desk: Desk, values: dict[str, Any]) -> None:
    """One of five days is in the forecast; the others are not of this budget, or not more spend."""
    desk.bill(MIDDLE)
    alert(desk, **values)
    desk.look()
    assert "Not in the forecast" not in desk.card(desk.waiting()).model_dump_json()


def test_what_could_not_be_delivered_is_not_said_again_every_day(desk: Desk) -> None:
    """The alert's channel was archived: each morning another reply to it died, and the operator read of each."""
    desk.bill(150)
    alert(desk)
    desk.look()
    assert desk.turn(join_anomalies) == 1
    outbox = Outbox.__table__  # type: ignore[attr-defined]
    with desk.database.write() as connection:
        dead = outbox.c.key.like("%:overrun:%") | outbox.c.key.like("%:anomaly:%")
        connection.execute(update(outbox).where(dead).values(state="dead"))
    before = len(desk.rows(Outbox))
    assert desk.turn(join_anomalies) == 0
    assert len(desk.rows(Outbox)) == before


def test_nobody_waits_while_anomalies_are_compared_with_budgets(
    postgres_server: str, clock: Clock
) -> None:
    """All overruns that wait were locked while every budget was forecast; a click waited for that."""
    database = Database(fresh_database(postgres_server))
    upgrade(database)
    desk = Desk(database, overrun_policy(), clock)
    desk.bill(MIDDLE)
    alert(desk)
    desk.look()
    row = desk.waiting()
    desk.turn(join_anomalies)  # what there is to say is said
    answers: list[Any] = []

    def press() -> None:
        answers.append(desk.press("approve", row, "lead"))

    with desk.database.write() as connection:
        assert join_anomalies(Turn(connection, desk.loaded, clock(), places)) == 0
        person = threading.Thread(target=press)
        person.start()
        person.join(timeout=30)
        waited = person.is_alive()
    person.join(timeout=30)
    assert not waited
    assert answers == [Done()]
    database.close()
