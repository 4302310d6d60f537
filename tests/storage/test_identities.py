"""Accounts and the people they belong to."""

from datetime import timedelta

from sqlalchemy import Connection

from storage import identities
from storage.database import Database
from tests.conftest import NOW


def _seen(connection: Connection, user_id: str, person: str, minutes: int = 0) -> None:
    identities.remember(
        connection,
        surface="slack",
        tenant="T1",
        user_id=user_id,
        person=person,
        name=user_id,
        now=NOW + timedelta(minutes=minutes),
    )


def test_an_account_belongs_to_whom_it_was_seen_with_last(database: Database) -> None:
    with database.write() as connection:
        _seen(connection, "U1", "erin@example.com")
        _seen(connection, "U1", "erin@new.example", 1)
        people = ["erin@example.com", "erin@new.example"]
        found = identities.accounts_of(connection, "slack", "T1", people)
    assert found == {"erin@new.example": "U1"}


def test_of_two_accounts_of_one_person_the_last_seen_is_mentioned(database: Database) -> None:
    with database.write() as connection:
        _seen(connection, "U2", "erin@example.com", 5)
        _seen(connection, "U1", "erin@example.com")
        found = identities.accounts_of(connection, "slack", "T1", ["erin@example.com"])
        assert found == {"erin@example.com": "U2"}
        assert identities.accounts_of(connection, "slack", "T2", ["erin@example.com"]) == {}


def test_a_deactivated_account_is_forgotten(database: Database) -> None:
    with database.write() as connection:
        _seen(connection, "U1", "erin@example.com")
        identities.forget(connection, "slack", "T1", "U1")
        assert identities.accounts_of(connection, "slack", "T1", ["erin@example.com"]) == {}
