"""Prepared statements mean what the same statement means to ``Connection.execute``, and fail alike."""

import pytest
from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from storage.database import Database
from storage.prepared import Prepared
from storage.tables.delivery import Delivered, Outbox
from tests.conftest import NOW

_delivered = Delivered.__table__  # type: ignore[attr-defined]
_PUT = Prepared(insert(_delivered))
_SAME = Prepared(
    select(_delivered.c.delivery_id).where(_delivered.c.delivery_id == bindparam("key"))
)
_VALUES = {"delivery_id": "slack:1", "reply": {"a": ["ü", None]}, "at": NOW}


def test_times_and_json_arrive_as_they_were(database: Database) -> None:
    with database.write() as connection:
        assert _PUT.run(connection, _VALUES) is None
        assert _SAME.run(connection, {"key": "slack:1"})[0] == "slack:1"
        assert _SAME.run(connection, {"key": "slack:2"}) is None
        row = connection.execute(select(_delivered)).one()
    assert (row.delivery_id, row.reply, row.at) == ("slack:1", {"a": ["ü", None]}, NOW)


def test_it_is_part_of_the_transaction(database: Database) -> None:
    def put_and_fail() -> None:
        with database.write() as connection:
            _PUT.run(connection, _VALUES)
            raise LookupError

    with pytest.raises(LookupError):
        put_and_fail()
    with database.read() as connection:
        assert _SAME.run(connection, {"key": "slack:1"}) is None


def test_its_errors_are_those_of_sqlalchemy(database: Database) -> None:
    with database.write() as connection:
        _PUT.run(connection, _VALUES)
    with database.write() as connection, pytest.raises(IntegrityError):
        _PUT.run(connection, _VALUES)


def test_a_default_that_it_would_leave_out_is_refused(database: Database) -> None:
    lane_only = insert(Outbox.__table__).values(lane=bindparam("lane"))  # type: ignore[attr-defined]
    with database.write() as connection, pytest.raises(ValueError, match="default"):
        Prepared(lane_only).run(connection, {"lane": "x"})
