"""Reading back what the product stored."""

from typing import Any

from sqlalchemy import Connection, Integer, select

from storage.database import Database


def rows_in(connection: Connection, table: Any) -> list[Any]:
    """All rows of a table's class: by their number where they have one, as a database promises no order by itself.

    Identifiers that are drawn say nothing of the order; what has them comes as it is stored.
    """
    columns = table.__table__
    numbers = [c for c in columns.primary_key if isinstance(c.type, Integer)]
    return list(connection.execute(select(columns).order_by(*numbers)))


def rows_of(database: Database, table: Any) -> list[Any]:
    """The same, in a reading transaction of its own."""
    with database.read() as connection:
        return rows_in(connection, table)
