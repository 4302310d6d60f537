"""Reading back what the product stored."""

from typing import Any

from sqlalchemy import Connection, select

from storage.database import Database


def rows_in(connection: Connection, table: Any) -> list[Any]:
    """All rows of a table's class, by its primary key: a database promises no order by itself."""
    columns = table.__table__
    return list(connection.execute(select(columns).order_by(*columns.primary_key)))


def rows_of(database: Database, table: Any) -> list[Any]:
    """The same, in a reading transaction of its own."""
    with database.read() as connection:
        return rows_in(connection, table)
